"""Data unlike those a mechanistic model was trained on, or that no equation of its makes: said, and marked."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import rankdata

import xsg
from xsg.spread.estimator import UnlikeTrainingWarning, maximum_likelihood
from xsg.spread.physics import grid_laplacian
from xsg.training.saved import read_model, write_model

TIMES = [0.0, 6.0, 24.0]


def simulated(noise, n_test=9, seed=0):
    return xsg.load_spread("disc", noise=noise, seed=seed, laws=["logistic"], n_train=40, n_validation=0, n_test=n_test)


@pytest.fixture(scope="module")
def noisy():
    return simulated(5)


@pytest.fixture(scope="module")
def clear():
    return simulated(None)


@pytest.fixture(scope="module")
def model(noisy):
    return xsg.MechanisticVAE("logistic", epochs=1).fit(noisy.part("train"))


@pytest.fixture(scope="module")
def clear_model(clear):
    return xsg.MechanisticVAE("logistic", epochs=1).fit(clear.part("train"))


def changed(cohort, values):
    return replace(cohort, values=np.asarray(values, dtype=np.float32), truth=None)


def smooth_noise(cohort, sd=0.03):
    draw = np.random.default_rng(0)
    values = cohort.truth.at(TIMES).copy()
    for subject, visit in np.ndindex(values.shape[:2]):
        noise = gaussian_filter(draw.standard_normal(cohort.mask.shape), 1.0)
        values[subject, visit] += np.abs(sd * noise / noise.std())[cohort.mask]
    return changed(cohort, values)


def tilt(cohort, height):
    slope = np.linspace(0, height, cohort.mask.shape[0])[:, None] + np.zeros(cohort.mask.shape)
    return changed(cohort, cohort.values + slope[cohort.mask])


def min_max(values):
    low, high = values.min((1, 2), keepdims=True), values.max((1, 2), keepdims=True)
    return (values - low) / (high - low)


KINDS = {
    "three times": (lambda c: changed(c, 3 * c.values), "intensities up to 3.*trained on up to 1"),
    "8 bit": (lambda c: changed(c, 255 * c.values), "intensities up to 2.*trained on up to 1"),
    "12 bit": (lambda c: changed(c, 4095 * c.values), "intensities up to 4.*trained on up to 1"),
    "percent": (lambda c: changed(c, 100 * c.values), "intensities up to 1.*trained on up to 1"),
    "SUVR": (lambda c: changed(c, 1 + 1.5 * c.values), "background of 1"),
    "a tenth": (lambda c: changed(c, 0.1 * c.values), "intensities only up to 0.1.*trained on up to 1"),
    "z-scores": (lambda c: changed(c, (c.values - c.values.mean()) / c.values.std()), "values down to -"),
    "turned over": (lambda c: changed(c, 1.2 - c.values), "mean intensity"),
    "ranks": (lambda c: changed(c, rankdata(c.values, axis=2)), "intensities up to 697"),
    "smooth noise": (smooth_noise, "residuals"),
    "uneven background": (lambda c: tilt(c, 0.2), "residuals"),
    "days, not months": (lambda c: replace(c, times=30 * c.times, truth=None), "visits over 720; trained on up to 24"),
    "a scanner's spikes": (
        lambda c: changed(c, np.where(np.random.default_rng(0).random(c.values.shape) < 0.01, 9, c.values)),
        "intensities up to 9",
    ),
    "noise below": (
        lambda c: changed(c, c.values - 0.8 * (np.random.default_rng(0).random(c.values.shape) < 0.01)),
        "values down to -",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trained", ["noisy", "clear"])
def test_what_is_unlike_is_said_and_marked(noisy, clear, model, clear_model, kind, trained):
    change, words = KINDS[kind]
    cohort = (noisy if trained == "noisy" else clear).part("test")
    cohort = change(cohort)
    with pytest.warns(UnlikeTrainingWarning, match=words) as caught:
        found = (model if trained == "noisy" else clear_model).infer(cohort)
    assert (found.unlike != "").all()
    assert found.unlike.index.equals(cohort.subjects)
    assert "9 of 9 subjects are unlike those that the model was trained on" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert "9 of 9 subjects are unlike those trained on" in repr(found)


def test_min_max_scaled_where_others_were_trained_on(noisy, clear, model):
    with pytest.warns(UnlikeTrainingWarning, match="values run from 0 to 1 exactly, as if scaled"):
        found = model.infer(changed(noisy.part("test"), min_max(noisy.part("test").values)))
    assert (found.unlike != "").all()
    # Without noise the images run from 0 to 1 by themselves: scaling changes nothing, and nothing is to be said.
    clear = clear.part("test")
    np.testing.assert_allclose(min_max(clear.values), clear.values)


def test_only_those_who_depart_are_marked(noisy, model):
    values = noisy.part("test").values.copy()
    values[[2, 5]] *= 3
    with pytest.warns(UnlikeTrainingWarning, match="2 of 9 subjects are unlike"):
        found = model.infer(changed(noisy.part("test"), values))
    assert np.flatnonzero(found.unlike != "").tolist() == [2, 5]
    assert "intensities up to 3" in found.unlike.iloc[2]


def test_others_like_those_trained_on_raise_no_alarm(model, clear_model):
    """Measured: none of 12,240 (`xsg.spread.likeness`)."""
    for trained, noise in ((model, 5), (clear_model, None)):
        found = trained.infer(simulated(noise, n_test=150, seed=7).part("test"))
        assert (found.unlike == "").all()
        assert "0 of 150 subjects are unlike" in repr(found)


@pytest.mark.parametrize(
    "options", [{"initial": "first"}, {"min_max": True}, {"background": False}, {"monotone": True}, {"epochs": 0}]
)
def test_no_alarm_whatever_the_settings(noisy, options):
    fitted = xsg.MechanisticVAE("logistic", **{"epochs": 1, **options}).fit(noisy.part("train"))
    assert fitted.doubts_ == ()
    for refine in (8, 0, 2):
        assert (fitted.set_params(refine=refine).infer(noisy.part("test")).unlike == "").all()


def test_scaling_by_the_model_itself_forgives_the_scale(noisy):
    fitted = xsg.MechanisticVAE("logistic", epochs=1, min_max=True).fit(noisy.part("train"))
    assert (fitted.infer(changed(noisy.part("test"), 255 * noisy.part("test").values)).unlike == "").all()


def test_a_guess_is_judged_by_some_refined(noisy, model):
    guess = xsg.MechanisticVAE("logistic", epochs=1).fit(noisy.part("train")).set_params(refine=0)
    with pytest.warns(UnlikeTrainingWarning, match="residuals"):
        found = guess.infer(smooth_noise(simulated(5, n_test=70).part("test")))
    assert (found.unlike != "").all()
    assert found.unlike.str.contains("like most of the 16 subjects looked at").sum() == 54


def test_few_training_subjects_do_not_raise_alarms():
    cohort = xsg.load_spread("disc", noise=5, laws=["logistic"], n_train=3, n_validation=0, n_test=60)
    fitted = xsg.MechanisticVAE("logistic", epochs=1).fit(cohort.part("train"))
    assert (fitted.infer(cohort.part("test")).unlike == "").mean() > 0.95


def whole_frame(cohort):
    images, mask = cohort.images, np.ones(cohort.mask.shape, dtype=bool)
    return replace(
        cohort,
        values=images.reshape(*images.shape[:2], -1),
        laplacian=grid_laplacian(mask),
        places=pd.RangeIndex(mask.size),
        mask=mask,
        truth=None,
    )


@pytest.mark.parametrize("noise", [None, 5])
def test_a_frame_for_a_mask_is_said_when_trained_on_and_refused_else(noise, model):
    cohort = simulated(noise)
    with pytest.warns(UnlikeTrainingWarning, match="327 of 1024 pixels hold one value in all subjects and visits"):
        fitted = xsg.MechanisticVAE("logistic", epochs=1).fit(whole_frame(cohort.part("train")))
    assert "327 of 1024 pixels" in fitted.doubts_[0]
    with pytest.warns(UnlikeTrainingWarning, match="trained on 327 of 1024 pixels"):
        assert (fitted.infer(whole_frame(cohort.part("test"))).unlike != "").all()
    with pytest.raises(
        ValueError,
        match=r"1024 places, .* 697\. The mask should be the model's, 697 of 1024 pixels",
    ):
        model.infer(whole_frame(cohort.part("test")))


def test_another_mask_or_network_of_as_many_places(noisy, model):
    test = noisy.part("test")
    other = replace(test, mask=np.roll(test.mask, 1, axis=1))
    with pytest.warns(UnlikeTrainingWarning, match=r"a mask in which \d+ pixels differ from the one trained on"):
        assert (model.infer(other).unlike != "").all()
    heavy = replace(test, laplacian=2 * test.laplacian, mask=None)
    with pytest.warns(UnlikeTrainingWarning, match="a network whose weights differ by up to 4"):
        assert (model.infer(heavy).unlike != "").all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: changed(c, 3 * c.values), "intensities span .* divide by the most that a place can hold"),
        (lambda c: changed(c, 255 * c.values), "intensities span 2"),
        (lambda c: changed(c, 1 + 1.5 * c.values), "intensities span 1.4"),
        (smooth_noise, "residuals of .* correlate .* between neighbours"),
        (lambda c: tilt(c, 0.2), "residuals of .* correlate"),
    ],
    ids=["three times", "8 bit", "SUVR", "smooth", "uneven"],
)
def test_training_on_what_no_equation_makes_is_said(noisy, change, words):
    with pytest.warns(UnlikeTrainingWarning, match=f"cannot be what the model's equation makes.*{words}") as caught:
        xsg.MechanisticVAE("logistic", epochs=1).fit(change(noisy.part("train")))
    assert caught[0].filename == __file__


def test_a_background_that_the_model_has_no_place_for(noisy):
    with pytest.warns(UnlikeTrainingWarning, match="background of 0.4.* take it off"):
        xsg.MechanisticVAE("logistic", epochs=1, background=False).fit(
            changed(noisy.part("train"), 0.4 + 0.5 * noisy.part("train").values)
        )


def test_a_saved_model_remembers_and_an_old_one_says_that_it_does_not_know(noisy, model, tmp_path):
    path = model.save(tmp_path / "model.safetensors")
    again = type(model).load(path)
    assert again.trained_on_ == model.trained_on_
    tripled = changed(noisy.part("test"), 3 * noisy.part("test").values)
    with pytest.warns(UnlikeTrainingWarning, match="intensities up to 3"):
        again.infer(tripled)
    facts, arrays = read_model(path, "MechanisticVAE")
    old = {name: fact for name, fact in facts.items() if name not in ("trained_on", "doubts", "format")}
    write_model(path, arrays, old)
    found = type(model).load(path).infer(tripled)
    assert found.unlike is None
    assert "not known" in repr(found)
    assert maximum_likelihood(noisy.part("test"), ["logistic"]).unlike is None


def test_regions_named_in_another_style_and_order_are_joined(noisy):
    """Case 04's kind, for `infer`: what is given by name is joined by name."""
    draw = np.random.default_rng(0)
    names = [f"{side}_{region}" for side in "LR" for region in ("bankssts", "cuneus", "insula", "lingual")]
    weights = np.triu(draw.uniform(0.1, 1, (8, 8)), 1)
    weights = weights + weights.T
    laplacian = np.diag(weights.sum(1)) - weights
    solver = xsg.spread.physics.ReactionDiffusion(laplacian)
    rate = draw.uniform(0.05, 0.4, (60, 2))
    start = np.tile([[0.6, 0, 0, 0, 0.3, 0, 0, 0]], (60, 1))
    values = solver.solve(start, [0.0, 3.0, 8.0], rate[:, 0] / 4, rate[:, 1]).numpy()
    values = (values + 0.01 * draw.standard_normal(values.shape)).astype(np.float32)
    times, people = np.tile([0.0, 3.0, 8.0], (60, 1)), pd.Index([f"S{k:02}" for k in range(60)])
    cohort = xsg.Spread("regions", values, times, people, laplacian, pd.Index(names))
    fitted = xsg.MechanisticVAE("logistic", epochs=1, r_range=(0.05, 0.4)).fit(cohort.part(np.arange(60) < 40))
    test = cohort.part(np.arange(60) >= 40)
    right = fitted.infer(test)
    assert right.rates()["R"].corr(pd.Series(rate[40:, 1], test.subjects)) > 0.9
    order = draw.permutation(8)
    written = pd.Index([f"ctx-{'lr'['LR'.index(names[i][0])]}h-{names[i][2:]}" for i in order])
    other = replace(test, values=test.values[..., order], laplacian=laplacian[np.ix_(order, order)], places=written)
    pd.testing.assert_frame_equal(fitted.infer(other).rates(), right.rates())
    wrong = replace(test, places=pd.Index(["L_amygdala", *names[1:]]))
    with pytest.raises(ValueError, match="missing: 'L_bankssts'; unknown: 'L_amygdala'"):
        fitted.infer(wrong)
    numbered = replace(test, places=pd.Index(range(1, 9)))
    with pytest.raises(ValueError, match="missing: 'L_bankssts'"):
        fitted.infer(numbered)


@pytest.mark.parametrize("use", ["fit", "infer"])
def test_what_is_no_cohort_is_refused_with_the_way_out(noisy, model, use):
    for wrong in (noisy.images, noisy.values, noisy.values.tolist(), None, "disc", pd.DataFrame(noisy.values[0])):
        with pytest.raises(TypeError, match=r"expected an xsg.Spread, got .*images\[\.\.\., mask\]"):
            getattr(model, use)(wrong)
    assert model.infer(noisy.part("test")).unlike.eq("").all()  # a refused fit has changed nothing


def test_no_warning_is_given_twice(noisy, model):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.infer(changed(noisy.part("test"), 255 * noisy.part("test").values))
    assert len(caught) == 1
