"""The estimator across scales: recovery, switches, many fits at once, held-out regions, files, refusals."""

import numpy as np
import pandas as pd
import pytest

import xsg
from xsg.across.joint import STARTS, CrossScaleSpread, fit_many

QUICK = {"points": 25, "iterations": 25, "horizon": 24.0}


@pytest.fixture(scope="module")
def cohort():
    return xsg.simulate_progression(n_subjects=9, n_visits=2, noise_tau=0.02, noise_thinning=0.02)


@pytest.fixture(scope="module")
def fitted(cohort):
    return CrossScaleSpread(**QUICK).fit(
        cohort.programs, cohort.thinning, cohort.tau, graph=cohort.graph, years=cohort.years
    )


def test_a_small_cohort_gives_its_truth_back(cohort, fitted):
    found = fitted.estimates_
    for name, tolerance in (("D", 0.03), ("R", 0.05), ("rate P1", 0.06), ("rate P2", 0.06), ("capacity P2", 0.08)):
        assert found.loc[name, "value"] == pytest.approx(cohort.truth[name], abs=tolerance)
    assert (found["learned"] > 0.9).all()
    assert (fitted.shifts_["years"] - cohort.shifts).abs().max() < 1.0
    assert fitted.score(cohort.tau, "tau") > 0.95
    assert fitted.history_.sum(axis=1).iloc[-1] == pytest.approx(fitted.loss_)


def test_switches(cohort):
    model = CrossScaleSpread(rate=False, capacity=False, atrophy="none", **{**QUICK, "iterations": 3})
    found = model.fit(cohort.programs, cohort.thinning, cohort.tau, years=cohort.years).estimates_
    off = ["D", "rate P1", "rate P2", "rate P3", "capacity P1", "capacity P2", "capacity P3", "g"]
    assert found.loc[off, "learned"].isna().all()
    assert (found.loc[off, "value"] == 0).all()
    assert found["learned"].notna().sum() == len(found) - len(off)
    # No network and the seeds alone ill: nothing ever gets to the others.
    assert (model.states_.drop(columns=["L_entorhinal", "R_entorhinal"]) == 0).all(axis=None)
    assert model.fitted_["thinning"].std(axis=1).max() < 1e-12


def test_one_map_does_not_tell_time(cohort):
    maps = {"thinning": cohort.thinning.iloc[9], "tau": cohort.tau.iloc[9]}
    one = CrossScaleSpread(**QUICK).fit(cohort.programs, **maps, graph=cohort.graph)
    assert one.estimates_.loc["R", "learned"] < 0.5 < one.estimates_.loc["rate P1", "learned"]
    assert np.isnan(one.estimates_.loc["c", "learned"])


def test_many_fits_are_each_what_they_would_be_alone(cohort):
    maps = [cohort.tau.iloc[k] for k in (3, 9, 15)]
    model = CrossScaleSpread(**{**QUICK, "iterations": 8})
    together = fit_many(model, cohort.programs, tau=maps, graph=cohort.graph, progress=False)
    alone = CrossScaleSpread(**model.get_params()).fit(cohort.programs, tau=maps[1], graph=cohort.graph)
    pd.testing.assert_frame_equal(together[1].estimates_, alone.estimates_, rtol=1e-4)
    assert not hasattr(model, "estimates_")


def test_held_out_regions_have_no_part(cohort):
    train = cohort.programs.index[:40]
    y = cohort.tau.iloc[9]
    changed = y.copy()
    changed[cohort.programs.index[40:]] = 7.0
    model = CrossScaleSpread(**{**QUICK, "iterations": 8})
    first, second = fit_many(
        model, cohort.programs, tau=[y, changed], graph=cohort.graph, train=[train], progress=False
    )
    pd.testing.assert_frame_equal(first.estimates_, second.estimates_)
    assert first.fitted_["tau"].shape == (1, 68)


def test_the_order_of_regions_does_not_matter(cohort):
    model = CrossScaleSpread(**{**QUICK, "iterations": 8})
    y, mixed = cohort.tau.iloc[9], cohort.programs.sample(frac=1, random_state=0)
    first = CrossScaleSpread(**model.get_params()).fit(cohort.programs, tau=y, graph=cohort.graph)
    second = model.fit(mixed, tau=y.sample(frac=1, random_state=1), graph=cohort.graph)
    pd.testing.assert_frame_equal(first.estimates_, second.estimates_, rtol=1e-3)


def test_missing_values_are_left_out(cohort):
    tau = cohort.tau.copy()
    tau.iloc[::2, 5] = np.nan
    model = CrossScaleSpread(**{**QUICK, "iterations": 3}).fit(
        cohort.programs, tau=tau, graph=cohort.graph, years=cohort.years
    )
    assert model.estimates_[["value", "low", "high"]].notna().all(axis=None)
    assert model.fitted_["tau"].notna().all(axis=None)
    assert "thinning" not in model.fitted_


def test_prediction_of_later_visits(cohort, fitted):
    again = fitted.predict(cohort.years)
    pd.testing.assert_frame_equal(again, fitted.fitted_["thinning"], check_names=False)
    later = fitted.predict(cohort.years + 3)
    assert (later.to_numpy() > again.to_numpy()).all()
    with pytest.raises(ValueError, match="subject 'X' was not fitted"):
        fitted.predict(pd.Series([1.0], pd.MultiIndex.from_tuples([("X", 0)])))


def test_profile_is_least_at_the_estimate(fitted):
    value = fitted.estimates_.loc["rate P1", "value"]
    wide = fitted.estimates_.loc["rate P1", "high"] - value
    found = fitted.profile("rate P1", [value - wide, value, value + wide])
    assert found.iloc[1] == pytest.approx(0, abs=0.05)
    assert found.iloc[[0, 2]].between(0.8, 2.2).all()  # 1.35, were it a parabola
    with pytest.raises(ValueError, match="no unknown 'Q'"):
        fitted.profile("Q", [1.0])


def test_file(tmp_path, cohort, fitted):
    path = fitted.save(tmp_path / "model.safetensors")
    again = CrossScaleSpread.load(path)
    pd.testing.assert_frame_equal(again.estimates_, fitted.estimates_)
    pd.testing.assert_frame_equal(again.predict(cohort.years), fitted.predict(cohort.years), check_names=False)
    assert again.get_params() == fitted.get_params()
    with pytest.raises(ValueError, match="not fitted yet"):
        CrossScaleSpread().save(path)


def test_starts_differ_in_both_rates():
    assert len({d for d, _ in STARTS}) == len({r for _, r in STARTS}) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"atrophy": "some"}, "atrophy is 'some'; expected one of 'accumulated'"),
        ({"seeds": ("L_amygdala",)}, "expected some of the regions"),
        ({"points": 2}, "points 2"),
    ],
)
def test_options_that_are_unknown(cohort, change, words):
    with pytest.raises(ValueError, match=words):
        CrossScaleSpread(**change).fit(cohort.programs, cohort.thinning)


def test_tables_that_do_not_fit(cohort):
    model, p, y = CrossScaleSpread(), cohort.programs, cohort.tau.iloc[9]
    with pytest.raises(ValueError, match="neither thinning nor tau"):
        model.fit(p)
    with pytest.raises(TypeError, match="programs: expected a DataFrame"):
        model.fit(p.to_numpy(), y)
    with pytest.raises(ValueError, match="program 'P2' has one value"):
        model.fit(p.assign(P2=1.0), y)
    with pytest.raises(ValueError, match="region 'L_amygdala' is not among"):
        model.fit(p, y.rename({"L_insula": "L_amygdala"}))
    with pytest.raises(ValueError, match="expected the same index"):
        model.fit(p, cohort.thinning, cohort.tau.iloc[:5])
    with pytest.raises(ValueError, match="years has 3 entries"):
        model.fit(p, cohort.thinning, years=cohort.years.iloc[:3])
    with pytest.raises(ValueError, match="less than the horizon"):
        model.fit(p, cohort.thinning, years=cohort.years + 40)
    with pytest.raises(ValueError, match="3 regions to learn from; expected at least 5"):
        model.fit(p, y, train=p.index[:3])
    with pytest.raises(ValueError, match="train: region 'L_x'"):
        model.fit(p, y, train=["L_x"])
    with pytest.raises(ValueError, match="has no region"):
        model.fit(p, y, graph=cohort.graph.subset(p.index[:9]))
    with pytest.raises(ValueError, match="infinite"):
        model.fit(p, y.replace(y.iloc[0], np.inf))
    with pytest.raises(ValueError, match="tau has 2 entries; expected 1 or 3"):
        fit_many(model, p, [y] * 3, [y] * 2, progress=False)
