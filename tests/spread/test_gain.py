"""A gain of each subject's own: what is seen of a place that is full."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import xsg
from xsg.spread.estimator import MechanisticMixture, MechanisticVAE, UnlikeTrainingWarning, rate_components
from xsg.spread.model import Visits, predicted, refine
from xsg.spread.physics import ReactionDiffusion
from xsg.spread.visits import make_prior


@pytest.fixture(scope="module")
def gains():
    return np.exp(np.random.default_rng(1).normal(0, 0.25, 33))


@pytest.fixture(scope="module")
def cohort(gains):
    """33 subjects of the disc, brighter and dimmer, with backgrounds and noise of their own."""
    plain = xsg.load_spread("disc", n_train=20, n_validation=0, n_test=13, times=(0, 6, 24), seed=2)
    rng = np.random.default_rng(2)
    background, noise = rng.uniform(0, 1, 33), rng.standard_normal(plain.values.shape)
    values = gains[:, None, None] * (plain.values + 0.03 * noise) + background[:, None, None]
    return replace(plain, values=values)


@pytest.fixture(scope="module")
def model(cohort):
    return MechanisticMixture(epochs=4, gain=True, steps=3).fit(cohort.part("train"))


@pytest.fixture(scope="module")
def found(model, cohort):
    return model.infer(cohort.part("test"))


def test_gain_and_rates_come_back_where_a_model_without_goes_wrong(cohort, gains, found):
    rates, truth = found.rates(), cohort.part("test").truth.rates
    assert np.median(np.abs(rates["gain"] / gains[20:] - 1)) < 0.04
    assert np.corrcoef(rates["gain"], gains[20:])[0, 1] > 0.85
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnlikeTrainingWarning)  # with reason
        without = MechanisticMixture(epochs=4, steps=3).fit(cohort.part("train"))
        blind = without.infer(cohort.part("test")).rates()
    for rate in "DR":
        error, before = (np.median(np.abs(np.log(each[rate] / truth[rate]))) for each in (rates, blind))
        assert error < 0.12, rate
        assert error < before / 2, rate
    assert (rates["law"] == truth["law"]).mean() > (blind["law"] == truth["law"]).mean()
    assert "gain" not in blind


def test_refinement_finds_a_gain_exactly():
    rng = np.random.default_rng(4)
    solver = ReactionDiffusion.on_grid(np.ones((5, 7)))
    u0 = torch.tensor(rng.uniform(0, 0.5, (3, 35)))
    z = torch.tensor(np.log([[0.2, 0.3, 0.6], [0.1, 0.2, 1.0], [0.4, 0.4, 1.9]]))
    times = torch.tensor([[0.0, 2.0, 5.0, 9.0]], dtype=torch.float64).repeat(3, 1)
    visits = Visits(u0.new_zeros(3, 4, 35), torch.ones(3, 4, 35, dtype=torch.float64), times, u0 * z[:, 2:].exp())
    visits = visits._replace(values=predicted(solver, visits, z, "damped", 12) + 0.7)
    np.testing.assert_allclose(visits.values[:, 0] - 0.7, visits.u0)
    start = torch.tensor(np.log([[0.3, 0.2, 1.2]] * 3))
    fitted = refine(solver, "damped", visits, start, None, 40, 12, True)
    np.testing.assert_allclose(fitted.z, z, atol=1e-3)
    # One gain of 1 is no gain at all.
    plain = predicted(solver, visits._replace(u0=u0), z[:, :2], "damped", 12)
    ones = torch.cat([z[:, :2], torch.zeros(3, 1, dtype=z.dtype)], 1)
    assert torch.equal(predicted(solver, visits._replace(u0=u0), ones, "damped", 12), plain)


def test_pure_diffusion_says_nothing_of_the_gain():
    solver = ReactionDiffusion.on_grid(np.ones(9))
    u0 = torch.linspace(0, 0.4, 9)[None]
    times = torch.tensor([[0.0, 1.0, 3.0]])
    visits = Visits(torch.zeros(1, 3, 9), torch.ones(1, 3, 9), times, u0)
    z = torch.tensor([[-1.0, -3.0, 0.0]])
    noise = 0.01 * torch.randn(1, 3, 9, generator=torch.Generator().manual_seed(0))
    visits = visits._replace(values=predicted(solver, visits, z, "diffusion", 4) + noise)
    mean, sd = make_prior((0.01, 1.0), (0.01, 0.1), (0.5, 2.0))
    found = refine(solver, "diffusion", visits, z, (mean, sd), 12, 4, True)
    assert found.z[0, 2] == pytest.approx(float(mean[2]), abs=1e-3)
    assert found.covariance[0, 2, 2].sqrt() == pytest.approx(float(sd[2]), rel=1e-3)
    assert found.covariance[0, 0, 0].sqrt() < sd[0] / 2


def test_what_is_expected_to_be_seen(cohort, found):
    test, rates = cohort.part("test"), found.rates()
    states, seen = (found.states([0.0, 6.0, 24.0], seen=each) for each in (False, True))
    assert states.max() <= 1 < seen.max()
    apart = seen - states * rates["gain"].to_numpy()[:, None, None]
    assert np.ptp(apart, axis=(1, 2)).max() < 1e-5  # a background, the same everywhere
    missed = test.values - seen
    assert np.abs(missed.mean(axis=(1, 2))).max() < 1e-4
    assert np.sqrt(np.square(missed).mean()) < 0.05
    band = found.extrapolate([40.0], n=15, seen=True)
    assert (band.low <= band.high + 1e-6).all()
    assert band.mean.mean() > found.extrapolate([40.0], n=15).mean.mean()


def test_saved_and_loaded(model, cohort, found, tmp_path):
    again = MechanisticMixture.load(model.save(tmp_path / "gain.safetensors"))
    assert again.gain == (0.5, 2.0)
    pd.testing.assert_frame_equal(again.infer(cohort.part("test")).rates(), found.rates())
    again.gain = False
    with pytest.raises(ValueError, match=r"gain is now False, but the model was fitted with \(0.5, 2.0\)"):
        again.infer(cohort)


def test_groups_of_rates_leave_the_gain_out(found):
    groups = rate_components(found, "logistic", 2)
    assert groups.mean.shape == (2, 2)


@pytest.mark.filterwarnings("ignore::xsg.spread.estimator.UnlikeTrainingWarning")  # these know no background
@pytest.mark.parametrize("loss", ["mixture", "bound"])
def test_the_other_losses_have_it_too(cohort, loss):
    model = MechanisticMixture(loss=loss, epochs=2, gain=(0.6, 1.8), steps=2).fit(cohort.part("train"))
    assert "gain_low" in model.infer(cohort.part("test")).rates()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gain": "yes"}, "gain is 'yes'; expected True, False or its two ends"),
        ({"gain": 1.5}, "gain is 1.5; expected True, False or its two ends"),
        ({"gain": (2.0, 0.5)}, r"gain\[1\] is 0.5"),
        ({"gain": (0.0, 1.0)}, r"gain\[0\] is 0"),
        ({"gain": (0.5, np.nan)}, r"gain\[1\] is nan"),
        ({"gain": True, "min_max": True}, "values scaled by subject have no gain"),
    ],
)
def test_gains_that_are_none(cohort, changes, message):
    with pytest.raises((TypeError, ValueError), match=message):
        MechanisticVAE("logistic", epochs=1, **changes).fit(cohort)
