"""Trajectories: order of visits, quality control, the norm, the simulated cohort's truth, refusals."""

import numpy as np
import pandas as pd
import pytest

from xsg.people.adni import thickness_codes
from xsg.people.simulate import simulate_trajectories, simulate_trajectory_tables
from xsg.people.trajectories import Norm, read_trajectories, trajectories_from_tables


@pytest.fixture(scope="module")
def tables():
    return simulate_trajectory_tables(n_controls=12, n_patients=11)


@pytest.fixture(scope="module")
def cohort():
    return simulate_trajectories(n_controls=30, n_patients=25)


def test_visits_are_in_order_whatever_the_order_of_rows(tables):
    first = trajectories_from_tables(tables)
    mixed = dict(tables)
    mixed["UCSFFSX_SIMULATED.csv"] = tables["UCSFFSX_SIMULATED.csv"].sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(first.thickness, trajectories_from_tables(mixed).thickness)
    assert (first.years.groupby(level=0).first() == 0).all()
    assert (first.years.groupby(level=0).diff().dropna() > 0).all()
    rid = first.subjects.index[3]
    rows = tables["UCSFFSX_SIMULATED.csv"].query("RID == @rid and OVERALLQC == 'Pass'").sort_values("EXAMDATE")
    np.testing.assert_array_equal(first.thickness.loc[rid], rows[thickness_codes().to_numpy()])


def test_failed_scans_are_left_out_and_partial_ones_judged_by_lobe(tables):
    scans = tables["UCSFFSX_SIMULATED.csv"].copy()
    rid = scans["RID"].value_counts().index[0]
    rows = scans.index[(scans["RID"] == rid) & (scans["OVERALLQC"] == "Pass")]
    before = len(trajectories_from_tables(tables).years.loc[rid])
    for quality, lobe, lost in (("Fail", "Pass", 1), ("Partial", "Fail", 1), ("Partial", "Pass", 0)):
        changed = scans.copy()
        changed.loc[rows[1], ["OVERALLQC", "TEMPQC"]] = quality, lobe
        found = trajectories_from_tables({**tables, "UCSFFSX_SIMULATED.csv": changed})
        assert len(found.years.loc[rid]) == before - lost


def test_a_day_counts_once(tables):
    scans = tables["UCSFFSX_SIMULATED.csv"]
    again = scans.iloc[[1]].assign(VISCODE2="m99", VISCODE="m99", IMAGEUID=1, ST13TA=3.333)
    found = trajectories_from_tables({**tables, "UCSFFSX_SIMULATED.csv": pd.concat([scans, again])})
    assert len(found.years) == len(trajectories_from_tables(tables).years)


def test_folder(tables, tmp_path):
    for name, table in tables.items():
        table.to_csv(tmp_path / name, index=False)
    found = read_trajectories(tmp_path)
    pd.testing.assert_frame_equal(found.thickness, trajectories_from_tables(tables).thickness)
    assert "real data" in repr(found)  # files do not say that they are simulated; an object that was simulated does
    with pytest.raises(ValueError, match="is not a folder"):
        read_trajectories(tmp_path / "none")


def test_parts_and_last_visits(cohort):
    few = cohort.subjects.index[:7]
    part = cohort.part(few)
    assert set(part.years.index.get_level_values(0)) == set(few)
    assert part.last().sum() == 7
    assert "SIMULATED" in repr(cohort)


def test_the_norm_leaves_controls_at_zero_and_finds_the_disease(cohort):
    norm = Norm.of(cohort)
    assert norm.coefficients.loc["per year"].median() == pytest.approx(-0.005, abs=0.004)
    gap = norm.thinning(cohort)
    group = cohort.subjects["group"].loc[gap.index.get_level_values(0)].to_numpy()
    assert gap[group == "NC"].mean().abs().max() < 1e-9
    assert gap.loc[group == "AD", "L_entorhinal"].mean() > 0.3
    np.testing.assert_allclose(norm.expected(cohort) - gap, cohort.thickness)


def test_the_truth_is_of_the_patients_that_are_left(cohort):
    patients = cohort.subjects.index[cohort.subjects["group"] != "NC"]
    assert set(cohort.truth["shifts"].index) == set(patients)
    assert cohort.truth["weights"].shape == (68, 2)
    assert (cohort.truth["weights"] >= 0).all(axis=None)
    again = simulate_trajectories(n_controls=30, n_patients=25)
    pd.testing.assert_frame_equal(again.thickness, cohort.thickness)


def test_other_courses_are_what_they_say():
    """Without noise between subjects in pace, thinning of the patients follows the course asked for."""
    for course in ("straight", "two orders"):
        many = simulate_trajectories(n_controls=30, n_patients=60, pace=0.0, course=course)
        ill = many.part(many.truth["shifts"].index)
        loss = Norm.of(many).thinning(ill).groupby(level=0).first().loc[many.truth["shifts"].index].to_numpy()
        weights = many.truth["weights"].to_numpy()
        amounts = np.linalg.lstsq(weights, loss.T, rcond=None)[0].T  # (patients, 2)
        shift = many.truth["shifts"].to_numpy()
        if course == "straight":
            slopes = [np.polyfit(shift, amounts[:, k], 1)[0] for k in range(2)]
            np.testing.assert_allclose(slopes, 1 / 20, atol=0.02)
        else:
            half = (shift > 8) & (shift < 11)  # the first program is there, the second is not
            late_first = amounts[half, 1] > amounts[half, 0]
            assert 0.2 < late_first.mean() < 0.8
            assert np.abs(amounts[half].max(axis=1) - 0.9).max() < 0.7
    plain = simulate_trajectories(n_controls=30, n_patients=60, pace=0.0)
    pd.testing.assert_series_equal(plain.truth["shifts"], many.truth["shifts"])


def test_refusals(tables, cohort):
    with pytest.raises(ValueError, match="course"):
        simulate_trajectories(course="curved")
    with pytest.raises(ValueError, match="no subject has 9 usable scans"):
        trajectories_from_tables(tables, least_visits=9)
    with pytest.raises(ValueError, match="0 controls"):
        Norm.of(cohort.part(cohort.truth["shifts"].index))
    with pytest.raises(ValueError, match="n_patients 3"):
        simulate_trajectories(n_patients=3)
