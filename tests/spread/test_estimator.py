"""Training, inference and choice of laws, on cohorts small enough to be quick."""

import os
import signal
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.isotonic import isotonic_regression

import xsg
from xsg.spread import rate_groups
from xsg.spread import train as training
from xsg.spread.estimator import PRESETS, maximum_likelihood, rate_components, select_laws
from xsg.spread.model import Visits, mixture_loss
from xsg.spread.visits import read, rising


@pytest.fixture(scope="module")
def cohort():
    return xsg.load_spread("disc", n_train=24, n_validation=0, n_test=9)


@pytest.fixture(scope="module")
def fitted(cohort):
    return xsg.MechanisticMixture(epochs=2).fit(cohort.part("train"))


@pytest.fixture(scope="module")
def posterior(cohort, fitted):
    return fitted.infer(cohort.part("test"))


def test_laws_and_rates_are_found_without_noise(cohort, posterior):
    truth = cohort.part("test").truth.rates
    rates = posterior.rates()
    assert (rates["law"] == truth["law"]).all()
    assert ((rates[["D", "R"]] / truth[["D", "R"]] - 1).abs().median() < 0.01).all()
    np.testing.assert_allclose(posterior.responsibilities.sum(axis=1), 1)


def test_the_terms_have_names_and_fall(fitted):
    assert list(fitted.history_) == [f"{term} {law}" for law in fitted.laws for term in ("misfit", "kl")]
    total = fitted.history_.sum(axis=1)
    assert total.iloc[-1] < total.iloc[0]


def test_the_initial_state_is_what_first_visits_share(cohort, fitted):
    assert fitted.initial_rank_ == 0
    np.testing.assert_allclose(fitted.initial_, cohort.truth.initial, atol=1e-6)
    noisy = xsg.load_spread("disc", noise=5, n_train=200, n_validation=0, n_test=0)
    model = xsg.MechanisticMixture(epochs=0).fit(noisy)
    assert model.initial_rank_ == 0
    assert np.sqrt(np.mean((model.initial_ - noisy.truth.initial) ** 2)) < 0.003


def test_initial_states_that_differ_are_told_apart():
    cohort = xsg.load_spread("disc", n_train=60, n_validation=0, n_test=0)
    draw = np.random.default_rng(0)
    apart = np.zeros((60, 1, 697), dtype=np.float32)
    apart[:, 0, 300:340] = draw.uniform(0, 0.5, (60, 1))
    values = cohort.values * 0.6 + apart + 0.02 * draw.standard_normal(cohort.values.shape).astype(np.float32)
    model = xsg.MechanisticMixture(epochs=0).fit(replace(cohort, values=values, truth=None))
    assert model.initial_rank_ == 1


def test_the_same_seed_gives_the_same_model(cohort, fitted):
    again = xsg.MechanisticMixture(epochs=2).fit(cohort.part("train"))
    np.testing.assert_array_equal(again.history_, fitted.history_)
    other = xsg.MechanisticMixture(epochs=2, seed=1).fit(cohort.part("train"))
    assert not np.allclose(other.history_, fitted.history_)


def test_draws_and_extrapolation(cohort, posterior):
    law, d, r = posterior.sample(7, seed=3)
    assert law.shape == d.shape == r.shape == (9, 7)
    mean, low, high = posterior.extrapolate([0.0, 36.0], n=5)
    assert mean.shape == (9, 2, 697)
    assert (low <= mean + 1e-6).all()
    assert (mean <= high + 1e-6).all()
    later = cohort.part("test").truth.at([36.0])[:, 0]
    assert np.abs(mean[:, 1] - later).max() < 0.03
    np.testing.assert_allclose(posterior.states([36.0])[:, 0], mean[:, 1], atol=0.02)


def test_the_oracle_needs_the_truth(cohort):
    oracle = maximum_likelihood(cohort.part("test"))
    assert (oracle.law == cohort.part("test").truth.rates["law"]).all()
    with pytest.raises(ValueError, match="true initial state is not known"):
        maximum_likelihood(replace(cohort, truth=None))


def test_a_law_that_nobody_follows_is_not_chosen():
    laws = ("diffusion", "logistic", "damped", "cooperative")
    for truth in (("logistic",), ("diffusion", "cooperative")):
        cohort = xsg.load_spread("disc", n_train=16, n_validation=12, n_test=0, laws=truth, seed=5)
        model = xsg.MechanisticMixture(laws, epochs=1).fit(cohort.part("train"))
        choice = select_laws(model.infer(cohort.part("validation")))
        assert choice.laws == truth
        assert len(choice.table) == 15
        assert choice.table["behind"].iloc[0] == 0


def test_single_law_and_bound_without_refinement(cohort):
    model = xsg.MechanisticVAE("damped", epochs=1, refine=0).fit(cohort.part("train"))
    found = model.infer(cohort.part("test"))
    assert found.laws == ("damped",)
    assert (found.law == "damped").all()
    assert found.evidence.notna().all(axis=None)


def test_visits_of_ones_own_and_holes(cohort):
    times = cohort.times + np.arange(len(cohort.times))[:, None]
    values = cohort.values.copy()
    values[::2, 1, ::5] = np.nan
    changed = replace(cohort, times=times, values=values).part("test")
    model = xsg.MechanisticMixture(epochs=1).fit(replace(cohort, times=times, values=values).part("train"))
    assert (model.infer(changed).law == changed.truth.rates["law"]).all()


def test_preset_paper(cohort):
    assert PRESETS["paper"] == {
        "encoder": "image",
        "loss": "mixture",
        "initial": "first",
        "min_max": True,
        "refine": 0,
        "batch": 4,
        "epochs": 200,
        "lr": 1e-3,
        "weight_decay": 1e-4,
        "decay": 0.9,
        "steps": 4,
        "as_published": True,
    }
    model = xsg.MechanisticMixture.from_preset("paper", epochs=1).fit(cohort.part("train"))
    assert list(model.history_) == ["reconstruction", "kl rates", "kl laws"]
    assert np.isfinite(model.infer(cohort.part("test")).responsibilities).all(axis=None)


def test_published_training_by_hand():
    """Sum over the batch, Adam with amsgrad and weight decay, a step for ten epochs, nothing clipped: written out."""
    cohort = xsg.load_spread("disc", n_train=7, n_validation=0, n_test=0, noise=5)
    model = xsg.MechanisticMixture.from_preset("paper", epochs=12, lr=1e-3, decay=0.5, steps=2, seed=3).fit(cohort)
    values, valid, times = read(cohort, min_max=True, monotone=False)
    visits = Visits(values, valid, times, values[:, 0].clamp(0, 1))
    torch.manual_seed(3)
    net = model._make_net()
    generator = torch.Generator().manual_seed(3)
    weights = list(net.parameters())
    first, second, most = ([torch.zeros_like(w) for w in weights] for _ in range(3))
    step = 0
    for epoch in range(12):
        lr = 1e-3 * 0.5 ** (epoch // 10)
        for rows in torch.randperm(7, generator=generator).split(4):
            some = Visits(*(part[rows] for part in visits))
            noise = torch.randn(len(rows), 3, 2, generator=generator)
            terms = mixture_loss(net, model._solver, model.laws, some, noise, model._prior, 2, 1024 - 697)
            slopes = torch.autograd.grad(len(rows) * sum(terms.values()), weights)
            step += 1
            with torch.no_grad():
                for w, slope, m, v, top in zip(weights, slopes, first, second, most, strict=True):
                    slope = slope + 1e-4 * w
                    m.mul_(0.9).add_(0.1 * slope)
                    v.mul_(0.999).add_(0.001 * slope**2)
                    top.copy_(torch.maximum(top, v))
                    w -= lr * (m / (1 - 0.9**step)) / ((top / (1 - 0.999**step)).sqrt() + 1e-8)
    for found, expected in zip(model.net_.parameters(), weights, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


def test_validation_subjects_choose_the_epoch(cohort, monkeypatch, tmp_path):
    train, others = cohort.part("train"), cohort.part("test")
    kept, losses = [], iter([3.0, 1.0, 2.0])

    def staged(model, visits, generator):
        assert len(visits.values) == 9
        kept.append({name: value.clone() for name, value in model.net_.state_dict().items()})
        return next(losses)

    with monkeypatch.context() as patch:
        patch.setattr(training, "held_out_loss", staged)
        model = xsg.MechanisticMixture(epochs=3).fit(train, validation=others)
    assert model.validation_.tolist() == [3.0, 1.0, 2.0]
    assert model.validation_.idxmin() == 2
    for name, value in model.net_.state_dict().items():
        torch.testing.assert_close(value, kept[1][name], rtol=0, atol=0)
    plain = xsg.MechanisticMixture(epochs=3).fit(train)
    assert plain.validation_ is None
    pd.testing.assert_frame_equal(plain.history_, model.history_)  # the training's own stream is left alone
    again = xsg.MechanisticMixture.load(model.save(tmp_path / "model.safetensors"))
    pd.testing.assert_series_equal(again.validation_, model.validation_)
    # The loss itself: after training it is near that of the training subjects, who are drawn alike.
    real = xsg.MechanisticMixture(epochs=3).fit(train, validation=train)
    assert real.validation_.iloc[-1] == pytest.approx(real.history_.iloc[-1].sum(), rel=0.1)


def test_validation_subjects_of_another_kind_or_beyond_numbers_are_refused(cohort):
    train = cohort.part("train")
    with pytest.raises(ValueError, match=r"validation 'disc.*' is no cohort of the training's kind: a network whose"):
        xsg.MechanisticMixture(epochs=1).fit(train, validation=replace(train, laplacian=3 * train.laplacian))
    model = xsg.MechanisticMixture(epochs=1)
    with pytest.raises((FloatingPointError, ValueError), match=r"validation|implausible|states"):
        model.fit(train, validation=replace(train, values=train.values * 1e30))
    assert not hasattr(model, "net_")


def test_what_only_the_published_training_has(cohort):
    with pytest.raises(ValueError, match="as_published is for the losses 'mixture' and 'bound'"):
        xsg.MechanisticMixture(as_published=True).fit(cohort.part("train"))
    model = xsg.MechanisticMixture(epochs=1, loss="bound", refine=0).fit(cohort.part("train"))
    assert list(model.history_) == ["reconstruction", "kl rates", "kl laws"]
    np.testing.assert_allclose(model.infer(cohort.part("test")).responsibilities.sum(axis=1), 1, rtol=1e-6)


def test_errors_say_what_to_do(cohort, fitted, posterior):
    train = cohort.part("train")
    for options, message in (
        ({"laws": ("logistic", "logistic")}, "each once with loss='separate'.*rate_components"),
        ({"laws": ()}, "expected some of 'diffusion'"),
        ({"laws": ("gompertz",)}, "gompertz"),
        ({"encoder": "mlp"}, "encoder is 'mlp'; expected one of 'modes', 'image'"),
        ({"loss": "elbo"}, "loss is 'elbo'"),
        ({"initial": "zero"}, "initial is 'zero'"),
    ):
        with pytest.raises(ValueError, match=message):
            xsg.MechanisticMixture(**options).fit(train)
    with pytest.raises(ValueError, match="needs images"):
        xsg.MechanisticMixture(encoder="image").fit(replace(train, mask=None))
    with pytest.raises(ValueError, match="not fitted yet"):
        xsg.MechanisticMixture().infer(train)
    with pytest.raises(ValueError, match="preset 'papers' is unknown"):
        xsg.MechanisticMixture.from_preset("papers")
    with pytest.raises(ValueError, match="law of this model 'diffusion' is unknown; expected one of"):
        posterior.rates("diffusion")
    few = replace(
        train, values=train.values[..., :7], laplacian=train.laplacian[:7, :7], places=train.places[:7], mask=None
    )
    with pytest.raises(ValueError, match="7 places, the model was fitted on 697"):
        fitted.infer(few)
    one = replace(train, split=None).part(np.arange(24) < 2)
    with pytest.raises(ValueError, match="has 2 subjects; expected at least 3"):
        xsg.MechanisticMixture().fit(one)
    values = train.values.copy()
    values[5, 0] = np.nan
    with pytest.raises(ValueError, match="subject 'S0006' was not measured at the first visit, and 0 more"):
        xsg.MechanisticMixture().fit(replace(train, values=values))
    values = train.values.copy()
    values[[2, 7], 1:] = np.nan
    with pytest.raises(ValueError, match="subject 'S0003' has no visit after the first, and 1 more"):
        fitted.infer(replace(train, values=values))
    laplacian = train.laplacian.copy()
    laplacian[0, 0] += 1
    with pytest.raises(ValueError, match="laplacian is not zero in the sum of a row"):
        xsg.MechanisticMixture().fit(replace(train, laplacian=laplacian))
    with pytest.raises(ValueError, match="n, of 9 subjects, is 5; expected a whole number from 1 to 4"):
        rate_components(posterior, "logistic", 5)


def test_monotone_is_isotonic_regression():
    draw = np.random.default_rng(0)
    values = draw.random((3, 5, 7)).astype(np.float32)
    valid = draw.random((3, 5, 7)) < 0.7
    found = rising(torch.tensor(values * valid), torch.tensor(valid).float()).numpy()
    for subject, place in np.ndindex(3, 7):
        seen = valid[subject, :, place]
        expected = isotonic_regression(values[subject, seen, place])
        np.testing.assert_allclose(found[subject, seen, place], expected, atol=1e-6)
        assert (found[subject, ~seen, place] == 0).all()


def test_monotone_helps_where_pathology_only_grows(cohort):
    """On a chain that hardly spreads, noisy values that fall are noise."""
    draw = np.random.default_rng(0)
    laplacian = np.diag([1.0, *np.full(9, 2.0), 1.0]) - np.diag(np.ones(10), 1) - np.diag(np.ones(10), -1)
    times = np.tile([0.0, 2, 4, 6, 8, 10], (60, 1))
    rate = draw.uniform(0.02, 0.1, 60)
    start = np.linspace(0.05, 0.4, 11)
    state = start / (start + (1 - start) * np.exp(-rate[:, None, None] * times[..., None]))
    values = (state + 0.05 * draw.standard_normal(state.shape)).astype(np.float32)
    names = pd.RangeIndex(60)
    some = xsg.Spread("chain", values, times, names, laplacian, pd.RangeIndex(11))
    plain, rises = (read(some, min_max=False, monotone=monotone)[0] for monotone in (False, True))
    assert (np.diff(rises, axis=1) > -1e-6).all()
    assert np.square(rises.numpy() - state).mean() < 0.9 * np.square(plain.numpy() - state).mean()
    model = xsg.MechanisticMixture(("logistic",), epochs=1, monotone=True).fit(some)
    assert model.infer(some).rates()["R"].corr(pd.Series(rate)) > 0.5


def test_ctrl_c_keeps_the_best_state(cohort, monkeypatch):
    train, loss, calls = cohort.part("train"), training.separate_loss, []

    def interrupted(net, *rest):
        calls.append(1)
        if len(calls) == 40:
            os.kill(os.getpid(), signal.SIGINT)
        return loss(net, *rest)

    monkeypatch.setattr(training, "separate_loss", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.warns(UserWarning, match="interrupted after .* of 5000 epochs; the best state so far"):
            model = xsg.MechanisticMixture(epochs=5000).fit(train)
    finally:
        signal.signal(signal.SIGINT, before)
    assert model.interrupted_
    assert 0 < len(model.history_) < 5000
    assert model.infer(cohort.part("test")).law.notna().all()


def test_what_ctrl_c_keeps_is_the_best_epoch(cohort, monkeypatch):
    """Terms that are good in the second epoch and bad in the third, where the fit is cut."""
    train, loss, calls = cohort.part("train"), training.separate_loss, []

    def staged(net, *rest):
        calls.append({name: value.clone() for name, value in net.state_dict().items()})
        if len(calls) == 4:
            raise KeyboardInterrupt
        return {"only": sum(loss(net, *rest).values()) * 1e-6 + [5.0, 1.0, 9.0][len(calls) - 1]}

    monkeypatch.setattr(training, "separate_loss", staged)
    with pytest.warns(UserWarning, match="after 3 of 9 epochs"):
        model = xsg.MechanisticMixture(epochs=9).fit(train)
    for name, value in model.net_.state_dict().items():
        torch.testing.assert_close(value, calls[2][name])  # as the second epoch left it


@pytest.mark.parametrize("preset", ["xsg", "paper"])
def test_a_saved_model_answers_as_before(cohort, tmp_path, preset):
    model = xsg.MechanisticMixture.from_preset(preset, epochs=1).fit(cohort.part("train"))
    path = model.save(tmp_path / "mixture.safetensors")
    again = xsg.MechanisticMixture.load(path)
    assert again.get_params() == model.get_params()
    some = cohort.part("test")
    pd.testing.assert_frame_equal(again.infer(some).rates(), model.infer(some).rates())
    pd.testing.assert_frame_equal(again.history_, model.history_)
    with pytest.raises(ValueError, match="holds MechanisticMixture, expected a MechanisticVAE saved by xsg"):
        xsg.MechanisticVAE.load(path)
    with pytest.raises(FileNotFoundError, match="no saved model"):
        xsg.MechanisticMixture.load(tmp_path / "nothing")
    with pytest.raises(ValueError, match="not fitted yet"):
        xsg.MechanisticVAE().save(path)


def test_several_components_of_one_law_compete(cohort):
    laws = ("logistic", "diffusion", "logistic")
    model = xsg.MechanisticMixture(laws, loss="mixture", epochs=1, refine=0).fit(cohort.part("train"))
    found = model.infer(cohort.part("test"))
    assert found.laws == model.components_ == ("logistic 1", "diffusion", "logistic 2")
    assert set(found.law) <= set(found.laws)
    assert found.states([6.0], "logistic 2").shape == (9, 1, 697)
    assert (found.rates("diffusion")["R"] == 0).all()
    assert (found.rates("logistic 2")["R"] > 0).all()


def two_groups(count, seed):
    """Subjects of one law in two groups of rates, and who is in the second."""
    cohort = xsg.load_spread("disc", laws=["logistic"], seed=seed, n_train=0, n_validation=0, n_test=count, noise=5)
    rates = cohort.truth.rates
    slow = ((rates["D"] < 0.3) & (rates["R"] > 0.06)).to_numpy()
    fast = ((rates["D"] > 0.6) & (rates["R"] < 0.05)).to_numpy()
    return cohort.part(slow | fast), fast[slow | fast]


def test_groups_of_rates_under_one_law():
    cohort, fast = two_groups(120, 1)
    others, _ = two_groups(80, 2)
    here, there = (maximum_likelihood(some, ["logistic"], iterations=6, steps=4) for some in (cohort, others))
    found = {n: rate_components(here, "logistic", n) for n in (1, 2, 3)}
    assert found[2].responsibilities.columns.tolist() == ["logistic 1", "logistic 2"]
    assert (found[2].responsibilities["logistic 2"].gt(0.5).to_numpy() == fast).mean() > 0.9
    assert found[2].agreement > 0.9
    scores = {n: each.score(there) for n, each in found.items()}
    assert scores[2] > scores[1] + 0.1
    assert found[1].bound < found[2].bound
    # The evidence of a component is an integral over the rates.
    from scipy.integrate import dblquad

    information, pull = np.array([[[3.0, 1.0], [1.0, 0.5]]]), np.array([[0.4, -0.2]])
    mean, covariance = np.array([[0.3, -0.5]]), np.array([[[0.5, 0.1], [0.1, 0.2]]])
    inverse, scale = np.linalg.inv(covariance[0]), np.sqrt(np.linalg.det(2 * np.pi * covariance[0]))

    def height(y, x):
        z = np.array([x, y])
        fit = -z @ information[0] @ z / 2 + pull[0] @ z - (z - mean[0]) @ inverse @ (z - mean[0]) / 2
        return np.exp(fit) / scale

    expected = np.log(dblquad(height, -5, 5, -5, 5)[0])
    answer = rate_groups._component_evidence(information, pull, np.ones(1), mean, covariance)
    np.testing.assert_allclose(answer, [[expected]], atol=1e-4)
