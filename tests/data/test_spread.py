"""The simulated cohort is the benchmark it says it is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import xsg
from xsg.data.spread import disc, mouse_sections, tau_moments
from xsg.physics import ReactionDiffusion

SIZES = {"n_train": 12, "n_validation": 3, "n_test": 7}


def test_shapes_and_parts():
    cohort = xsg.load_spread("disc", **SIZES)
    assert cohort.images.shape == (22, 3, 32, 32)
    assert cohort.mask.sum() == 697
    assert cohort.values.shape == (22, 3, 697)
    assert cohort.times[5].tolist() == [0, 6, 24]
    assert [len(cohort.part(which).subjects) for which in ("train", "validation", "test")] == [12, 3, 7]
    assert (cohort.images[..., ~cohort.mask] == 0).all()
    assert cohort.simulated
    assert "SIMULATED" in repr(cohort)


def test_the_bump_is_cut_at_a_quarter_of_the_width():
    mask, bump = disc(32)
    assert bump[16, 16] == 1
    assert bump[16, 23] == pytest.approx(np.exp(-49 / (2 * 7.75**2)))
    assert bump[16, 24] == 0
    assert not mask[0].any()
    assert not mask[:, 0].any()


def test_rates_fill_their_ranges():
    rates = xsg.load_spread("disc", n_train=300, n_validation=0, n_test=0, times=[0.0]).truth.rates
    assert 0.01 <= rates["D"].min() < 0.03 < 0.97 < rates["D"].max() <= 1
    assert 0.01 <= rates["R"].min() < 0.012 < 0.098 < rates["R"].max() <= 0.1
    assert rates["law"].value_counts().between(80, 120).all()


def test_agrees_with_the_solver_that_will_fit_it():
    cohort = xsg.load_spread("disc", laws=("diffusion", "logistic", "damped", "cooperative"), **SIZES)
    truth = cohort.truth
    solver = ReactionDiffusion.on_grid(cohort.mask)
    assert np.array_equal(solver._diffusion.vectors.shape, cohort.laplacian.shape)
    for law, rates in truth.rates.groupby("law"):
        of_law = (truth.rates["law"] == law).to_numpy()
        u0 = torch.tensor(truth.initial).expand(len(rates), -1)
        d, r = (torch.tensor(rates[name].to_numpy()) for name in "DR")
        solved = solver.solve(u0, [0.0, 6.0, 24.0], d, r, law, steps=60)
        np.testing.assert_allclose(cohort.values[of_law], solved, atol=5e-5)
    np.testing.assert_array_equal(truth.at([0.0, 6.0, 24.0]), cohort.values)


def test_noise_only_adds_and_has_the_stated_size():
    clean, noisy = (xsg.load_spread("disc", noise=noise, seed=1, **SIZES) for noise in (None, 5))
    added = noisy.values - clean.values
    assert added.min() >= 0
    sd = clean.images.mean(axis=(1, 2, 3)) / 5
    np.testing.assert_allclose(noisy.truth.noise_sd, sd, rtol=1e-5)
    np.testing.assert_allclose(np.sqrt((added**2).mean(axis=(1, 2))), sd, rtol=0.1)
    assert (clean.truth.noise_sd == 0).all()


def test_a_subject_does_not_depend_on_who_else_is_there():
    few = xsg.load_spread("disc", noise=5, seed=2, n_train=2, n_validation=0, n_test=3)
    many = xsg.load_spread("disc", noise=5, seed=2, n_train=9, n_validation=4, n_test=3)
    np.testing.assert_array_equal(few.values[:2], many.values[:2])
    np.testing.assert_array_equal(few.part("test").values, many.part("test").values)


def test_mouse_tau(real_data):
    tau = xsg.load_spread("mouse-tau")
    assert tau.values.shape == (14, 4, 426)
    assert not tau.simulated
    assert tau.times[tau.subjects.get_loc("DS9")].tolist() == [4, 8, 12, 12]
    strain = tau.values[tau.subjects.get_loc("DS9")]
    assert np.isfinite(strain).sum(axis=1).tolist() == [194, 194, 194, 0]
    assert np.nanmean(strain[2]) * 3 == pytest.approx(0.716, abs=1e-3)
    assert 0 <= np.nanmin(tau.values) < np.nanmax(tau.values) <= 1
    assert np.diag(tau.laplacian).mean() == pytest.approx(1)
    assert tau.places.is_unique
    assert not np.allclose(tau.laplacian, xsg.load_spread("mouse-tau", network="space").laplacian)
    with pytest.raises(ValueError, match="network 'axons' is unknown for 'mouse-tau'; expected 'connectome', 'antero"):
        xsg.load_spread("mouse-tau", network="axons")
    with pytest.raises(ValueError, match=r"use \.values"):
        tau.images  # noqa: B018


def test_which_way_axons_run(real_data):
    """The striatum projects to the pallidum and the nigra, and the cortex to the striatum; not the other way."""
    tau = {which: xsg.load_spread("mouse-tau", network=which) for which in ("connectome", "anterograde", "retrograde")}
    ways = {which: -some.laplacian for which, some in tau.items()}
    place = tau["connectome"].places.get_loc
    striatum, nigra = place("R_Caudoputamen"), place("R_Substantia nigra, reticular part")
    assert ways["anterograde"][nigra, striatum] > 20 * ways["anterograde"][striatum, nigra]
    assert ways["retrograde"][striatum, nigra] == ways["anterograde"][nigra, striatum]
    lrrk2 = xsg.load_spread("mouse-lrrk2", network="anterograde")
    place = lrrk2.places.get_loc
    assert -lrrk2.laplacian[place("iCP"), place("iMOp")] > 0.1  # and the striatum sends nothing back
    assert lrrk2.laplacian[place("iMOp"), place("iCP")] == 0
    for some in (*tau.values(), lrrk2):
        np.testing.assert_allclose(some.laplacian.sum(1), 0, atol=1e-9)
        assert np.diag(some.laplacian).mean() == pytest.approx(1)


def test_mouse_sections(real_data):
    sections = mouse_sections()
    assert sections.shape == (43, 134)
    assert sections.groupby(level="genotype").size().to_dict() == {"G20": 19, "NTG": 24}
    lrrk2 = xsg.load_spread("mouse-lrrk2")
    assert lrrk2.values.shape == (2, 4, 132)
    assert lrrk2.subjects.tolist() == ["NTG", "G20"]
    mean = sections.loc[("G20", 9), "iDG"].mean() / np.nanmax(sections.to_numpy())
    assert lrrk2.values[1, 3, lrrk2.places.get_loc("iDG")] == pytest.approx(mean)
    with pytest.raises(ValueError, match="network 'space' is unknown for 'mouse-lrrk2'"):
        xsg.load_spread("mouse-lrrk2", network="space")


def test_tau_moments(real_data):
    moments = tau_moments()
    assert set(moments.index) == set(xsg.load_parcellation("dk").regions)
    assert (moments["high"] > moments["low"]).all()
    assert moments.loc["L_entorhinal", "high"] == pytest.approx(1.5814, abs=1e-4)
    assert moments.loc["L_entorhinal", "low_sd"] == pytest.approx(0.009053**0.5, abs=1e-4)


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="spread 'disk' is unknown; expected 'disc', 'mouse-tau' or"):
        xsg.load_spread("disk")
    with pytest.raises(ValueError, match="noise is 0"):
        xsg.load_spread("disc", noise=0)
    with pytest.raises(ValueError, match="gompertz"):
        xsg.load_spread("disc", laws=("gompertz",))
    with pytest.raises(ValueError, match="expected rising times"):
        xsg.load_spread("disc", times=[0.0, 24.0, 6.0])
    with pytest.raises(ValueError, match="has no part 'tests'; it has 'train', 'validation', 'test'"):
        xsg.load_spread("disc", **SIZES).part("tests")
    cohort = xsg.load_spread("disc", **SIZES)
    for what, value, message in (
        ("times", -1.0, r"times of subject 'S0002' hold -1.0; expected 0 or later"),
        ("times", np.nan, r"times of subject 'S0002' hold nan"),
        ("values", np.inf, r"values of subject 'S0002' hold inf; expected finite values, or NaN"),
    ):
        wrong = getattr(cohort, what).copy()
        wrong[1, 1] = value
        with pytest.raises(ValueError, match=message):
            replace(cohort, **{what: wrong})
    with pytest.raises(ValueError, match=r"times has shape \(\d+, 2\); expected \(\d+, 3\)"):
        replace(cohort, times=cohort.times[:, :2])
