"""Dynamic programs fitted: recovery, new subjects, intervals, files, the mixed-effects baseline, refusals."""

import numpy as np
import pandas as pd
import pytest

import xsg
from xsg.across.over_time import DiseaseProgression, _random_lines, _series, mixed_effects_forecast
from xsg.people.trajectories import Norm


@pytest.fixture(scope="module")
def visits():
    cohort = xsg.simulate_trajectories(n_controls=20, n_patients=40, pace=0.0)
    patients = cohort.part(cohort.truth["shifts"].index)
    return cohort, Norm.of(cohort).thinning(patients), patients.years


@pytest.fixture(scope="module")
def fitted(visits):
    return DiseaseProgression().fit(*visits[1:])


def test_a_small_cohort_gives_its_truth_back(visits, fitted):
    truth = visits[0].truth
    assert fitted.shifts_.corr(truth["shifts"].loc[fitted.shifts_.index], method="spearman") > 0.9
    assert fitted.timing_["centre"].is_monotonic_increasing
    for k in range(2):
        assert np.corrcoef(fitted.programs_.iloc[:, k], truth["weights"].iloc[:, k])[0, 1] > 0.8
    assert fitted.sd_["scan"] == pytest.approx(0.036, abs=0.006)
    assert fitted.sd_["person"] == pytest.approx(0.086, abs=0.025)
    assert fitted.sd_["everywhere"] == pytest.approx(0.09, abs=0.04)  # with what is smooth
    total = fitted.history_.sum(axis=1)
    assert total.iloc[-1] < total.iloc[0]


def test_forecasts_and_intervals(visits, fitted):
    _, thinning, years = visits
    last = ~years.index.get_level_values(0).duplicated(keep="last")
    mean, low, high = fitted.forecast(thinning[~last], years[~last], years[last])
    assert mean.shape == low.shape == (last.sum(), 68)
    held = ((thinning[last] >= low) & (thinning[last] <= high)).mean(axis=None)
    assert 0.85 < held < 0.95
    wide = fitted.forecast(thinning[~last], years[~last], years[last], level=0.99)
    assert (wide[2] > high).all(axis=None)


def test_a_subject_does_not_depend_on_those_beside_it(visits, fitted):
    _, thinning, years = visits
    rid = years.index[0][0]
    rows = years.index.get_level_values(0) == rid
    alone = fitted.locate(thinning[rows], years[rows])
    pd.testing.assert_frame_equal(alone, fitted.locate(thinning, years).loc[[rid]])


def test_held_out_evidence_prefers_the_truth(visits, fitted):
    _, thinning, years = visits
    one = DiseaseProgression(n_programs=1).fit(thinning, years)
    assert fitted.score(thinning, years) > one.score(thinning, years) + 1


def test_file(tmp_path, visits, fitted):
    again = DiseaseProgression.load(fitted.save(tmp_path / "model.safetensors"))
    pd.testing.assert_frame_equal(again.locate(*visits[1:]), fitted.locate(*visits[1:]))
    pd.testing.assert_frame_equal(again.programs_, fitted.programs_)
    pd.testing.assert_frame_equal(again.timing_, fitted.timing_)
    with pytest.raises(ValueError, match="not fitted yet"):
        DiseaseProgression().save(tmp_path / "other.safetensors")


def test_mixed_effects_of_a_line_find_the_line():
    rng = np.random.default_rng(0)
    subject = np.repeat(np.arange(30), 4)
    t = np.tile([0.0, 1.0, 2.0, 4.0], 30)
    level, slope = 0.2 + 0.2 * rng.standard_normal(30), 0.05 + 0.05 * rng.standard_normal(30)
    clean = level[subject] + slope[subject] * t
    index = pd.MultiIndex.from_arrays([subject, np.tile(range(4), 30)], names=["RID", "visit"])
    table = pd.DataFrame({"L_x": clean, "L_y": -clean}, index) + 0.01 * rng.standard_normal((120, 2))
    years = pd.Series(t, index)
    last = t == 4.0
    mean, sd = mixed_effects_forecast(table[~last], years[~last], table[~last], years[~last], years[last])
    assert np.abs(mean["L_x"] - clean[last]).mean() < 0.04
    assert np.abs(mean["L_y"] + clean[last]).mean() < 0.04
    assert sd.to_numpy().min() > 0.01
    # Of one visit only the level is known, and the slope is the common one.
    first = t == 0
    once, wider = mixed_effects_forecast(table[~last], years[~last], table[first], years[first], years[last])
    assert (wider > sd).all(axis=None)
    rise = once["L_x"].to_numpy() - table.loc[first, "L_x"].to_numpy()
    assert rise.mean() == pytest.approx(4 * 0.05, abs=0.08)
    with pytest.raises(ValueError, match="subject 0 has no visit in seen"):
        mixed_effects_forecast(table, years, table.iloc[4:], years.iloc[4:], years[last])


def test_mixed_effects_are_those_of_statsmodels():
    MixedLM = pytest.importorskip("statsmodels.regression.mixed_linear_model").MixedLM
    rng = np.random.default_rng(1)
    counts = rng.integers(2, 6, 50)
    subject = np.repeat(np.arange(50), counts)
    t = np.concatenate([np.arange(k) * 0.9 for k in counts])
    effects = rng.multivariate_normal([0, 0], [[4.0, 0.4], [0.4, 0.2]], 50)
    y = 2.0 + 0.5 * t + effects[subject, 0] + effects[subject, 1] * t + 0.5 * rng.standard_normal(len(t))
    design = np.column_stack([np.ones(len(t)), t])
    expected = MixedLM(y, design, subject, design).fit(reml=True)
    index = pd.MultiIndex.from_arrays([subject, np.arange(len(t))], names=["RID", "visit"])
    table = pd.DataFrame({"L_x": y, "L_y": rng.standard_normal(len(t))}, index)
    line, between, noise = _random_lines(_series(table, pd.Series(t, index))[0])
    np.testing.assert_allclose(line[0], expected.fe_params, atol=1e-2)
    np.testing.assert_allclose(between[0], expected.cov_re, rtol=0.02, atol=1e-3)
    assert float(noise[0]) == pytest.approx(expected.scale, rel=0.01)
    at = pd.Series([6.0], pd.MultiIndex.from_tuples([(7, 0)]))
    mean, _ = mixed_effects_forecast(table, pd.Series(t, index), table, pd.Series(t, index), at)
    own = expected.fe_params + expected.random_effects[7].to_numpy()
    assert mean.loc[(7, 0), "L_x"] == pytest.approx(own @ [1, 6.0], abs=5e-2)


def test_refusals(visits, fitted):
    _, thinning, years = visits
    with pytest.raises(ValueError, match="n_programs is 0"):
        DiseaseProgression(n_programs=0).fit(thinning, years)
    with pytest.raises(ValueError, match="expected the same index"):
        DiseaseProgression().fit(thinning, years.iloc[1:])
    with pytest.raises(ValueError, match="not finite"):
        DiseaseProgression().fit(thinning.mask(thinning > thinning.max().max() - 1e-9), years)
    rows = years.index.get_level_values(0).isin(years.index.get_level_values(0).unique()[:3])
    with pytest.raises(ValueError, match="3 subjects; expected at least 5"):
        DiseaseProgression().fit(thinning[rows], years[rows])
    with pytest.raises(ValueError, match="lacks region 'L_insula'"):
        fitted.locate(thinning.drop(columns="L_insula"), years)
    with pytest.raises(ValueError, match="subject X has no visit"):
        fitted.forecast(thinning, years, pd.Series([1.0], pd.MultiIndex.from_tuples([("X", 0)])))
