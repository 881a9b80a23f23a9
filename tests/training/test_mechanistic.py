"""Training, inference and choice of laws, on cohorts small enough to be quick."""

from dataclasses import replace

import numpy as np
import pytest

import xsg
from xsg.training.mechanistic import PRESETS, maximum_likelihood, select_laws


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
        "steps": 8,
    }
    model = xsg.MechanisticMixture.from_preset("paper", epochs=1).fit(cohort.part("train"))
    assert list(model.history_) == ["reconstruction", "kl rates", "kl laws"]
    assert np.isfinite(model.infer(cohort.part("test")).responsibilities).all(axis=None)


def test_errors_say_what_to_do(cohort, fitted, posterior):
    train = cohort.part("train")
    for options, message in (
        ({"laws": ("logistic", "logistic")}, "each once"),
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
    with pytest.raises(ValueError, match="law 'diffusion' is not one of this model's"):
        posterior.rates("diffusion")
    few = replace(
        train, values=train.values[..., :7], laplacian=train.laplacian[:7, :7], places=train.places[:7], mask=None
    )
    with pytest.raises(ValueError, match="7 places, the model was fitted on 697"):
        fitted.infer(few)
