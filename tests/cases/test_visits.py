"""What `CrossScaleSpread` and the mechanistic fits are given: joined by name, checked first, whole or not at all."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import xsg
from xsg.across import joint_model as across_scales_model
from xsg.across import joint_problem as across_scales
from xsg.across.joint import CrossScaleSpread, fit_many
from xsg.spread import likeness
from xsg.spread import train as training
from xsg.spread.estimator import maximum_likelihood, rate_components
from xsg.spread.model import ImageEncoder

QUICK = {"points": 16, "iterations": 4, "horizon": 24.0}
STYLES = {
    "FreeSurfer": lambda name: f"{'lr'[name[0] == 'R']}h_{name[2:]}",
    "aparc": lambda name: f"{'lr'[name[0] == 'R']}h_{name[2:]}_thickness",
    "annotation": lambda name: f"ctx-{'lr'[name[0] == 'R']}h-{name[2:]}",
    "ENIGMA": lambda name: f"{name}_thickavg",
    "words": lambda name: f"{name[2:]}_{('left', 'right')[name[0] == 'R']}",
    "spreadsheet": lambda name: f" {name} ",
}


@pytest.fixture(scope="module")
def cohort():
    return xsg.simulate_progression(n_subjects=7, n_visits=2, noise_tau=0.02, noise_thinning=0.02)


@pytest.fixture(scope="module")
def right(cohort):
    return fit(cohort)


def fit(cohort, seeds=("L_entorhinal", "R_entorhinal"), **changes):
    given = {"thinning": cohort.thinning, "tau": cohort.tau, "graph": cohort.graph, "years": cohort.years, **changes}
    return CrossScaleSpread(seeds=seeds, **QUICK).fit(given.pop("programs", cohort.programs), **given)


def same(first, second, rtol=1e-9):
    pd.testing.assert_frame_equal(first.estimates_, second.estimates_, rtol=rtol)
    pd.testing.assert_frame_equal(first.shifts_.loc[second.shifts_.index], second.shifts_, rtol=max(rtol, 1e-6))


@pytest.mark.parametrize("style", STYLES)
def test_regions_in_any_style_and_order_are_joined(cohort, right, style):
    write, draw = STYLES[style], np.random.default_rng(1)

    def written(table, axis):
        table = table.rename(write, axis=axis)
        return table.take(draw.permutation(table.shape[axis]), axis=axis)

    weights = cohort.graph.weights.rename(write, axis=0).rename(write, axis=1)
    order = draw.permutation(68)
    graph = xsg.Graph(weights.iloc[order, order], "mixed")
    found = fit(cohort, thinning=written(cohort.thinning, 1), tau=written(cohort.tau, 1), graph=graph)
    same(found, right)
    assert found.fitted_["tau"].columns.equals(cohort.programs.index)
    assert found.score(written(cohort.tau, 1), "tau") == pytest.approx(right.score(cohort.tau, "tau"), rel=1e-6)
    same(fit(cohort, seeds=(write("R_entorhinal"), write("L_entorhinal"))), right)
    learned = list(cohort.programs.index[5:60])
    one, other = fit(cohort, train=learned), fit(cohort, train=[write(name) for name in learned[::-1]])
    same(one, other)


def test_visits_are_joined_by_name_too(cohort, right):
    mixed = cohort.years.sample(frac=1, random_state=0)
    same(fit(cohort, years=mixed), right)
    same(fit(cohort, tau=cohort.tau.loc[mixed.index], thinning=cohort.thinning, years=mixed), right, rtol=1e-3)
    assert right.score(cohort.tau.loc[mixed.index], "tau") == pytest.approx(right.score(cohort.tau, "tau"))
    some = cohort.thinning.iloc[[5, 2]]
    there, guess = some.to_numpy(), right.fitted_["thinning"].loc[some.index].to_numpy()
    expected = 1 - np.square(there - guess).sum() / np.square(there - there.mean()).sum()
    assert right.score(some) == pytest.approx(expected)


def test_maps_in_any_plain_form(cohort):
    y = cohort.tau.iloc[9]
    expected = fit(cohort, thinning=None, tau=y, years=None)
    for form in (
        y.to_dict(),
        y.to_frame("SUVR"),
        y.sample(frac=1, random_state=0),
        y.round(12).map(str),
    ):
        same(fit(cohort, thinning=None, tau=form, years=None), expected, rtol=1e-3)
    whole = (100 * y).round().astype(int)
    same(
        fit(cohort, thinning=None, tau=whole, years=None),
        fit(cohort, thinning=None, tau=whole.astype(float), years=None),
    )
    text = cohort.thinning.astype(object)
    text.iloc[0, 3], text.iloc[1, 4] = "NA", "0.25"
    number = cohort.thinning.copy()
    number.iloc[0, 3], number.iloc[1, 4] = np.nan, 0.25
    same(fit(cohort, thinning=text), fit(cohort, thinning=number))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda c: {"tau": c.tau.to_numpy()}, TypeError, "tau: expected a Series by region, or a DataFrame of visits"),
        (lambda c: {"tau": c.tau.iloc[0].tolist()}, TypeError, "got list. The order of a bare array"),
        (lambda c: {"tau": c.tau.T}, ValueError, r"regions stand in rows.*give table\.T"),
        (lambda c: {"tau": c.tau.rename(columns={"L_insula": "L_insular"})}, ValueError, "Did you mean 'L_insula'"),
        (lambda c: {"tau": c.tau.rename(columns={"L_insula": "R_cuneus"})}, ValueError, "'R_cuneus' is given twice"),
        (lambda c: {"tau": c.tau.assign(lh_insula=0.1)}, ValueError, "region 'lh_insula' is not among"),
        (lambda c: {"tau": c.tau.assign(age=70.0)}, ValueError, "region 'age' is not among"),
        (lambda c: {"tau": c.tau.mask(c.tau == c.tau.iloc[0, 0], -9999)}, ValueError, "is -9999, which looks like"),
        (lambda c: {"thinning": c.thinning.mask(c.thinning == c.thinning.iloc[3, 2], 999)}, ValueError, "a code for"),
        (lambda c: {"thinning": c.thinning.map(str).replace(str(c.thinning.iloc[0, 0]), "x")}, ValueError, "'x', is"),
        (lambda c: {"years": c.years.to_numpy()}, TypeError, "years: expected a Series with the index of the visits"),
        (lambda c: {"years": c.years.rename(lambda name: f"{name}x", level=0)}, ValueError, "years has"),
        (lambda c: {"years": c.years - 9}, ValueError, "years run from -9"),
        (lambda c: {"years": c.years.mask(c.years > 0)}, ValueError, "years run from nan"),
        (lambda c: {"years": c.years * 365}, ValueError, "less than the horizon"),
        (lambda c: {"graph": c.graph.weights}, TypeError, "graph: expected xsg.Graph.*got DataFrame"),
        (lambda c: {"graph": c.graph.laplacian()}, TypeError, "graph: expected xsg.Graph.*got ndarray"),
        (lambda c: {"graph": xsg.Graph(c.graph.weights * 0)}, ValueError, "joins none of the 68 regions"),
        (lambda c: {"train": "L_insula"}, TypeError, "train is 'L_insula'"),
        (lambda c: {"train": np.ones(68, dtype=bool)}, TypeError, "train: expected the names"),
        (lambda c: {"programs": c.programs.assign(P2=0.1)}, ValueError, "program 'P2' has one value"),
        (lambda c: {"programs": c.programs.assign(P2=1 / 3)}, ValueError, "program 'P2' has one value"),
        (lambda c: {"programs": c.programs.iloc[:, :0]}, ValueError, "0 programs"),
        (lambda c: {"programs": c.programs.set_axis(["P1", "P1", "P2"], axis=1)}, ValueError, "'P1' is given twice"),
        (lambda c: {"programs": c.programs.rename({"L_insula": "R_insula"})}, ValueError, "given twice"),
        (lambda c: {"programs": c.programs.mask(c.programs > 1)}, ValueError, "not finite"),
        (lambda c: {"programs": c.programs.assign(P2="high")}, ValueError, "programs: not all values are numbers"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(cohort, change, error, words):
    with pytest.raises(error, match=words):
        fit(cohort, **change(cohort))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"points": 16.5}, "points is 16.5; expected a whole number"),
        ({"points": "61"}, "points is '61'"),
        ({"iterations": 0}, "iterations 0"),
        ({"horizon": np.nan}, "horizon is nan"),
        ({"horizon": -1}, "horizon is -1"),
        ({"rate": "yes"}, "rate is 'yes'.*expected True or False"),
        ({"capacity": None}, "capacity is None"),
        ({"atrophy": ["current"]}, r"atrophy is \['current'\]"),
        ({"seeds": ()}, "expected some of the regions"),
        ({"seeds": 3}, "expected some of the regions"),
        ({"seeds": ("L_entorhinal", "lh_entorinal")}, "unknown: 'lh_entorinal'"),
    ],
)
def test_settings_are_checked_first(cohort, setting, words):
    with pytest.raises((TypeError, ValueError), match=words):
        CrossScaleSpread(**{**QUICK, **setting}).fit(cohort.programs, cohort.thinning)


def test_settings_of_numpy_are_saved_and_answer(cohort, tmp_path):
    model = CrossScaleSpread(
        np.True_, np.False_, seeds=np.array(["L_entorhinal"]), points=np.int64(16), iterations=np.int32(3),
        horizon=np.float32(24),
    )  # fmt: skip
    model.fit(cohort.programs, cohort.thinning, years=cohort.years)
    again = CrossScaleSpread.load(model.save(tmp_path / "model.safetensors"))
    assert again.get_params() == model.get_params()
    assert again.predict(cohort.years).equals(model.predict(cohort.years).set_axis(again.predict(cohort.years).index))
    dates = [
        (subject, pd.Timestamp("2020-01-01") + pd.Timedelta(days=int(k)))
        for k, (subject, _) in enumerate(cohort.years.index)
    ]
    index = pd.MultiIndex.from_tuples(dates)
    dated = CrossScaleSpread(**QUICK).fit(
        cohort.programs, cohort.thinning.set_axis(index), years=cohort.years.set_axis(index)
    )
    again = CrossScaleSpread.load(dated.save(tmp_path / "dated.safetensors"))
    np.testing.assert_array_equal(again.predict(cohort.years), dated.predict(cohort.years))


def test_answers_refuse_what_they_cannot_know(cohort, right):
    for years, error, words in (
        (cohort.years.to_numpy(), TypeError, "years: expected a Series"),
        (cohort.years.mask(cohort.years > 0), ValueError, "years.*not finite"),
    ):
        with pytest.raises(error, match=words):
            right.predict(years)
    with pytest.raises(ValueError, match="what is 'amyloid'; expected one of 'tau', 'thinning'"):
        right.predict(cohort.years, "amyloid")
    with pytest.raises(ValueError, match="what is 'amyloid'"):
        right.score(cohort.tau, "amyloid")
    with pytest.raises(ValueError, match="region 'L_x' is not among"):
        right.score(cohort.tau.rename(columns={"L_insula": "L_x"}), "tau")
    with pytest.raises(ValueError, match="14 visits, of which some were not fitted"):
        right.score(cohort.tau.rename(lambda name: f"X{name}", level=0), "tau")
    with pytest.raises(ValueError, match="all the same"):
        right.score(cohort.tau * 0, "tau")
    for values, words in (
        ([-0.1, 0.2], "held at -0.1"),
        ([0.0], "held at 0"),
        ([np.nan], "not finite"),
        ([], "is empty"),
    ):
        with pytest.raises(ValueError, match=words):
            right.profile("R", values)
    with pytest.raises(ValueError, match="horizon is now 30"):
        fit(cohort).set_params(horizon=30.0).predict(cohort.years)


def test_lists_of_many_fits(cohort):
    model, p, y = CrossScaleSpread(**QUICK), cohort.programs, cohort.tau.iloc[9]
    for given, words in (
        ({"tau": y}, r"tau: expected a list with one for each copy, or a list of one: tau=\[tau\]"),
        ({"tau": cohort.tau}, "tau: expected a list"),
        ({"tau": [y], "train": list(p.index[:40])}, "train: expected a list"),
        ({"tau": 3}, "tau: expected a list"),
    ):
        with pytest.raises(TypeError, match=words):
            fit_many(model, p, graph=cohort.graph, progress=False, **given)
    with pytest.raises(TypeError, match="model: expected a CrossScaleSpread"):
        fit_many("model", p, tau=[y], progress=False)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, FloatingPointError("the loss"), MemoryError])
def test_a_second_fit_that_fails_leaves_the_first(cohort, monkeypatch, failure):
    model, calls, climb = fit(cohort), [], across_scales.climb
    before, answer = dict(vars(model)), model.predict(cohort.years)

    def staged(*given, **options):
        calls.append(1)
        if len(calls) == 3:
            raise failure
        return climb(*given, **options)

    monkeypatch.setattr(across_scales, "climb", staged)
    with pytest.raises(type(failure) if isinstance(failure, Exception) else failure):
        model.fit(cohort.programs, cohort.thinning * 2, graph=cohort.graph)
    monkeypatch.undo()
    assert vars(model) == before
    pd.testing.assert_frame_equal(model.predict(cohort.years), answer)
    monkeypatch.setattr(across_scales, "climb", staged)
    calls.clear()
    with pytest.raises(type(failure) if isinstance(failure, Exception) else failure):
        fit_many(
            CrossScaleSpread(**QUICK), cohort.programs, tau=[cohort.tau.iloc[3]] * 2, graph=cohort.graph, progress=False
        )


def test_a_fit_that_diverges_is_no_fit(cohort, monkeypatch):
    model = CrossScaleSpread(**QUICK)
    with pytest.raises(ValueError, match=r"thinning holds .*e\+199; expected values up to 1e\+30"):
        model.fit(cohort.programs, cohort.thinning * 1e200, graph=cohort.graph)
    terms = across_scales_model.terms
    monkeypatch.setattr(
        across_scales_model, "terms", lambda *given: terms(*given)._replace(tau=torch.full((1,), torch.nan))
    )
    with pytest.raises(FloatingPointError, match="'tau' of the loss is not finite"):
        model.fit(cohort.programs, cohort.thinning, graph=cohort.graph)
    assert not hasattr(model, "estimates_")


@pytest.fixture(scope="module")
def spread():
    return xsg.load_spread("disc", n_train=6, n_validation=0, n_test=5)


@pytest.mark.parametrize("staged", [KeyboardInterrupt, "nan", "steep"])
def test_a_second_mechanistic_fit_that_fails_leaves_the_first(spread, monkeypatch, staged):
    train, test = spread.part("train"), spread.part("test")
    model = xsg.MechanisticMixture(epochs=1).fit(train)
    before, rates = dict(vars(model)), model.infer(test).rates()
    loss = training.separate_loss

    def failing(net, *rest):
        if staged is KeyboardInterrupt:
            raise KeyboardInterrupt
        terms = loss(net, *rest)
        if staged == "nan":
            return terms | {"misfit damped": terms["misfit damped"] * torch.nan}
        weight = net.rates.bias
        return terms | {"misfit damped": terms["misfit damped"] + ((weight - weight.detach()) ** 2).sum().sqrt()}

    monkeypatch.setattr(training, "separate_loss", failing)
    error, words = {
        KeyboardInterrupt: (KeyboardInterrupt, None),
        "nan": (FloatingPointError, "the term 'misfit damped' of the loss became nan in epoch 1"),
        "steep": (FloatingPointError, "the gradient of the loss became nan in epoch 1"),
    }[staged]
    with pytest.raises(error, match=words):
        model.fit(train)
    assert vars(model) == before
    pd.testing.assert_frame_equal(model.infer(test).rates(), rates)
    fresh = xsg.MechanisticMixture(epochs=1)
    with pytest.raises(error):
        fresh.fit(train)
    assert not hasattr(fresh, "net_")
    with pytest.raises(ValueError, match="not fitted yet"):
        fresh.infer(test)


def test_ctrl_c_after_the_last_epoch_keeps_the_fit_and_says_what_it_lacks(spread, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(likeness, "look_at_residuals", interrupted)
    with pytest.warns(UserWarning, match="interrupted after the last epoch"):
        model = xsg.MechanisticVAE("damped", epochs=1).fit(spread.part("train"))
    monkeypatch.undo()
    assert model.interrupted_
    assert model.infer(spread.part("test")).unlike is None


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"epochs": -1}, "epochs is -1; expected a whole number of at least 0"),
        ({"epochs": 2.5}, "epochs is 2.5"),
        ({"batch": 0}, "batch is 0"),
        ({"lr": 0.0}, "lr is 0.0; expected a number above 0"),
        ({"lr": np.nan}, "lr is nan"),
        ({"weight_decay": -1e-4}, "weight_decay is -0.0001"),
        ({"decay": 0}, "decay is 0"),
        ({"decay": 1.5}, "decay is 1.5"),
        ({"steps": 0}, "steps is 0"),
        ({"refine": -1}, "refine is -1"),
        ({"hidden": 0}, "hidden is 0"),
        ({"modes": 0}, "modes is 0"),
        ({"modes": "all"}, "modes is 'all'"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": None}, "seed is None"),
        ({"min_max": "no"}, "min_max is 'no'.*expected True or False"),
        ({"background": 1}, "background is 1"),
        ({"d_range": (1.0, 0.01)}, r"d_range\[1\] is 0.01; expected a number above 1"),
        ({"d_range": 0.5}, "d_range is 0.5; expected its two ends"),
        ({"r_range": (0.01, np.inf)}, r"r_range\[1\] is inf"),
        ({"laws": "logistic"}, r"laws is 'logistic'; expected a list of names"),
        ({"laws": None}, "laws is None"),
        ({"laws": (["logistic"],)}, "expected some of 'diffusion'"),
        ({"laws": ["Logistic"]}, "expected some of 'diffusion'"),
        ({"encoder": None}, "encoder is None; expected one of"),
        ({"loss": ["separate"]}, "loss is"),
    ],
)
def test_settings_of_the_mixture_are_checked_first(spread, setting, words):
    model = xsg.MechanisticMixture(**setting)
    with pytest.raises((TypeError, ValueError), match=words):
        model.fit(spread.part("train"))
    assert not hasattr(model, "places_")


def test_settings_of_numpy_are_saved(spread, tmp_path):
    model = xsg.MechanisticMixture(
        np.array(["logistic", "damped"]), epochs=np.int64(1), batch=4.0, lr=np.float32(0.005), seed=np.uint8(3),
        d_range=np.array([0.01, 1.0]), r_range=[np.float64(0.01), 0.1], background=np.True_, refine=torch.tensor(2),
    ).fit(spread.part("train"))  # fmt: skip
    again = xsg.MechanisticMixture.load(model.save(tmp_path / "model.safetensors"))
    assert again.get_params() == model.get_params()
    pd.testing.assert_frame_equal(again.infer(spread.part("test")).rates(), model.infer(spread.part("test")).rates())
    plain = xsg.MechanisticMixture(
        ("logistic", "damped"), epochs=1, batch=4, lr=float(np.float32(0.005)), seed=3, refine=2
    )
    pd.testing.assert_frame_equal(plain.fit(spread.part("train")).history_, model.history_)


def test_settings_changed_after_the_fit(spread):
    model = xsg.MechanisticVAE("damped", epochs=1).fit(spread.part("train"))
    assert len(model.set_params(refine=0, steps=5).infer(spread.part("test")).law) == 5
    for change, words in (
        ({"law": "logistic"}, "laws is now"),
        ({"hidden": 32}, "hidden is now 32"),
        ({"min_max": True}, "min"),
    ):
        with pytest.raises(ValueError, match=f"{words}.*Fit it again"):
            xsg.MechanisticVAE("damped", epochs=1).fit(spread.part("train")).set_params(**change).infer(
                spread.part("test")
            )
    changed = xsg.MechanisticVAE("damped", epochs=1).set_params(law="logistic").fit(spread.part("train"))
    assert changed.components_ == ("logistic",)
    for law in (["damped"], None, "gompertz"):
        with pytest.raises((TypeError, ValueError), match="law"):
            xsg.MechanisticVAE(law).fit(spread.part("train"))


def test_posteriors_refuse_what_they_cannot_answer(spread):
    found = maximum_likelihood(spread.part("test"), ["logistic"], iterations=3)
    for ask, words in (
        (lambda: found.rates(level=1.0), "level is 1.0"),
        (lambda: found.rates(level=90), "level is 90"),
        (lambda: found.rates(law=3), "law of this model 3 is unknown"),
        (lambda: found.sample(0), "n is 0"),
        (lambda: found.sample(5, seed=-1), "seed is -1"),
        (lambda: found.states([6.0, 2.0]), "times go back"),
        (lambda: found.states([-1.0]), "times go back"),
        (lambda: found.states([np.nan]), "times"),
        (lambda: found.states(6.0), "times"),
        (lambda: found.states([]), "times"),
        (lambda: found.extrapolate([[1.0, 2.0]]), "times"),
        (lambda: rate_components(found, "logistic", 2.5), "n, of 5 subjects, is 2.5"),
        (lambda: rate_components(found, "logistic", 2, n_starts=0), "n_starts is 0"),
        (lambda: rate_components(found, "damped", 2), "law of this model 'damped' is unknown"),
        (lambda: maximum_likelihood(spread.part("test"), ["Logistic"]), "law 'Logistic' is unknown.*mean 'logistic'"),
        (lambda: maximum_likelihood(spread.part("test"), []), "expected some of"),
        (lambda: maximum_likelihood(spread.part("test"), ["logistic"] * 2), "each once"),
        (lambda: maximum_likelihood(spread.part("test"), steps=0), "steps is 0"),
        (lambda: maximum_likelihood(spread.part("test"), iterations=1.5), "iterations is 1.5"),
        (lambda: maximum_likelihood(spread.images), "expected an xsg.Spread"),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            ask()
    np.testing.assert_array_equal(found.states((0, 6)), found.states(np.array([0.0, 6.0])))


def test_a_subject_without_contrast_cannot_be_scaled(spread):
    values = spread.part("train").values.copy()
    values[2] = 0.0
    flat = replace(spread.part("train"), values=values, truth=None)
    with pytest.raises(ValueError, match="subject 'S0003' has one value everywhere; min_max cannot scale it"):
        xsg.MechanisticMixture(min_max=True, epochs=1).fit(flat)


def test_images_of_three_axes_need_the_other_encoder(spread):
    with pytest.raises(ValueError, match=r"mask of shape \(3, 3\); expected images \(H, W\) of at least 4"):
        ImageEncoder(torch.ones(3, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"mask of shape \(4, 4, 4\)"):
        ImageEncoder(torch.ones(4, 4, 4, dtype=torch.bool))
