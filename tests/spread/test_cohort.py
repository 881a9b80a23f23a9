"""The simulated cohort is the benchmark it says it is."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

import xsg
from xsg.atlas import REGIONS
from xsg.spread.load import disc, mouse_sections, tau_by_stage, tau_moments
from xsg.spread.physics import ReactionDiffusion

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
    with pytest.raises(ValueError, match="of 'mouse-tau' 'axons' is unknown; expected one of 'connectome', 'antero"):
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


def test_mouse_synuclein(real_data):
    synuclein, tau = (xsg.load_spread(name, network="retrograde") for name in ("mouse-synuclein", "mouse-tau"))
    assert synuclein.values.shape == (2, 4, 426)
    assert synuclein.subjects.tolist() == ["mouse", "human"]
    assert synuclein.times.tolist() == [[1, 3, 6, 12]] * 2
    assert (np.isfinite(synuclein.values).sum(axis=2) == 132).all()
    assert (np.nanmin(synuclein.values), np.nanmax(synuclein.values)) == (0, 1)
    assert np.nanmean(synuclein.values[0, 0]) * 4 == pytest.approx(0.197, abs=1e-3)
    assert synuclein.places.equals(tau.places)
    np.testing.assert_array_equal(synuclein.laplacian, tau.laplacian)
    space = xsg.load_spread("mouse-synuclein", network="space")
    np.testing.assert_array_equal(space.laplacian, xsg.load_spread("mouse-tau", network="space").laplacian)


def test_mouse_sections(real_data):
    sections = mouse_sections()
    assert sections.shape == (43, 134)
    assert sections.groupby(level="genotype").size().to_dict() == {"G20": 19, "NTG": 24}
    lrrk2 = xsg.load_spread("mouse-lrrk2")
    assert lrrk2.values.shape == (2, 4, 132)
    assert lrrk2.subjects.tolist() == ["NTG", "G20"]
    mean = sections.loc[("G20", 9), "iDG"].mean() / np.nanmax(sections.to_numpy())
    assert lrrk2.values[1, 3, lrrk2.places.get_loc("iDG")] == pytest.approx(mean)
    with pytest.raises(ValueError, match="network of 'mouse-lrrk2' 'space' is unknown; expected one of 'connectome'"):
        xsg.load_spread("mouse-lrrk2", network="space")


def test_tau_by_stage(real_data):
    table = tau_by_stage()
    assert table.shape == (86, 4)
    assert list(table) == ["NL", "naMCI", "aMCI", "AD"]
    assert list(table.index[:68]) == list(REGIONS)
    assert table.min(axis=None) > 0.9
    assert table.max(axis=None) < 2.0
    # The file's own names, each at its value.
    raw = pd.read_excel(real_data / "human/pet/Group_T807_Tau.xlsx", index_col=0)
    for own, ours in {"LT_PARS_ANG": "L_parstriangularis", "RT_FRONT_ORG_MED": "R_medialorbitofrontal"}.items():
        assert table.loc[ours, "AD"] == raw.loc["AD", own]
    left = [name for name in REGIONS if name[0] == "L"]
    right = ["R" + name[1:] for name in left]
    assert np.corrcoef(table.loc[left, "AD"], table.loc[right, "AD"])[0, 1] > 0.9  # homologues resemble each other
    assert table.loc["L_putamen", "NL"] > table.loc["L_precentral", "NL"]  # the tracer binds there without tau


def test_tau_moments(real_data):
    moments = tau_moments()
    assert set(moments.index) == set(xsg.load_parcellation("dk").regions)
    assert (moments["high"] > moments["low"]).all()
    assert moments.loc["L_entorhinal", "high"] == pytest.approx(1.5814, abs=1e-4)
    assert moments.loc["L_entorhinal", "low_sd"] == pytest.approx(0.009053**0.5, abs=1e-4)


def test_errors_say_what_to_do():
    with pytest.raises(
        ValueError, match=r"spread 'disk' is unknown; expected one of 'disc', 'pet', 'mouse-tau', .* Did you mean"
    ):
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


def parts(**changes) -> dict:
    """Return 3 subjects seen at 2 visits in 4 places, a chain."""
    weights = np.diag(np.ones(3), 1) + np.diag(np.ones(3), -1)
    return {
        "name": "mine",
        "values": np.linspace(0, 1, 24, dtype=np.float32).reshape(3, 2, 4),
        "times": np.array([[0.0, 1], [0, 2], [1, 3]]),
        "subjects": pd.Index(["a", "b", "c"]),
        "laplacian": np.diag(weights.sum(axis=1)) - weights,
        "places": pd.Index(["w", "x", "y", "z"]),
    } | changes


MASK = np.array([[1, 1, 0], [0, 1, 1]], bool)
CHAIN = parts()["laplacian"]


@pytest.mark.parametrize(
    "changes",
    [
        {"values": parts()["values"].tolist()},
        {"values": parts()["values"].astype(float)},
        {"values": torch.tensor(parts()["values"])},
        {"times": [[0, 1], [0, 2], [1, 3]]},
        {"subjects": ["a", "b", "c"], "places": ("w", "x", "y", "z")},
        {"laplacian": CHAIN.astype(int)},
        {"laplacian": sparse.csr_array(CHAIN)},
        {"laplacian": CHAIN.tolist()},
        {"laplacian": pd.DataFrame(CHAIN, list("wxyz"), list("wxyz")).iloc[[2, 0, 3, 1], [1, 3, 0, 2]]},
        {"mask": MASK},
        {"mask": MASK.astype(np.uint8)},
        {"mask": MASK.astype(np.uint8) * 255},
        {"mask": MASK.tolist()},
        {"split": ["train", "test", "train"]},
        {"split": pd.Series({"c": "train", "b": "test", "a": "train"})},
    ],
    ids=lambda changes: "-".join(f"{key} {type(value).__name__}" for key, value in changes.items()),
)
def test_arrays_of_ones_own_in_any_plain_form(changes):
    mine, plain = xsg.Spread(**parts(**changes)), xsg.Spread(**parts())
    for name in ("values", "times", "laplacian"):
        found = getattr(mine, name)
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, getattr(plain, name))
    assert mine.values.dtype == np.float32
    assert mine.subjects.equals(plain.subjects)
    assert mine.places.equals(plain.places)
    if mine.mask is not None:
        assert mine.mask.dtype == bool
        assert mine.images.shape == (3, 2, 2, 3)
    if mine.split is not None:
        assert mine.part("test").subjects.tolist() == ["b"]


def test_images_and_common_times_are_taken():
    images = np.zeros((3, 2, 2, 3))
    images[..., MASK] = parts()["values"]
    mine = xsg.Spread(**parts(values=images, mask=MASK.astype(np.uint8), times=[0, 6]))
    np.testing.assert_array_equal(mine.values, parts()["values"])
    assert mine.times.tolist() == [[0, 6]] * 3
    half = xsg.Spread(**parts(values=parts()["values"].astype(np.float16)))
    np.testing.assert_allclose(half.values, parts()["values"], atol=1e-3)


def test_noise_below_zero_is_no_code():
    values = parts()["values"] * 3 - 0.5
    values[0, 0, 0] = -1
    assert xsg.Spread(**parts(values=values)).values.min() == -1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.zeros((3, 4))}, r"values has shape \(3, 4\); expected \(subjects, visits, places\)"),
        ({"values": np.zeros((3, 2, 2, 3))}, r"values has shape \(3, 2, 2, 3\)"),
        ({"values": np.zeros((3, 2, 3, 2)), "mask": MASK}, r"or images \(subjects, visits, 2, 3\)"),
        ({"values": [["a"]]}, "values: expected"),
        ({"values": [[[1, 2], [3]]]}, "values: expected an array of numbers whose rows are equally long"),
        ({"values": np.full((3, 2, 4), np.nan)}, "all 24 values are missing"),
        ({"values": np.where(parts()["values"] == 1, -9999, parts()["values"])}, "hold -9999.0; .*code for missing"),
        ({"values": np.where(parts()["values"] == 1, -4, parts()["values"])}, "subject 'c' hold -4.0"),
        ({"values": np.where(parts()["values"] == 0, 999, parts()["values"])}, "subject 'a' hold 999.0"),
        ({"times": [[0, 1], [2, 1], [1, 3]]}, "visits of subject 'b' go back in time"),
        ({"times": [[0, 1], [-1, 1], [1, 3]]}, "times of subject 'b' hold -1"),
        ({"times": [[0, 1, 2]] * 3}, r"times has shape \(3, 3\); expected \(3, 2\)"),
        ({"times": [["bl", "m12"]] * 3}, "times: expected numbers"),
        ({"subjects": ["a", "b", "b"]}, "subjects given more than once: 'b'.*second axis"),
        ({"subjects": ["a", "b"]}, r"subjects has shape \(2,\)"),
        ({"places": ["x", "x", "y", "z"]}, "places given more than once: 'x'"),
        (
            {"laplacian": np.diag(np.ones(3), 1) + np.diag(np.ones(3), -1)},
            "laplacian is no D − W: .* values up to 1; expected 0",
        ),
        ({"laplacian": CHAIN * 5000}, r"mean degree of 7500: .*counts of streamlines"),
        ({"laplacian": -CHAIN}, "laplacian is no D − W"),
        ({"laplacian": np.full((4, 4), np.nan)}, "laplacian: 16 of 16 values are not finite"),
        ({"laplacian": CHAIN[:3]}, r"laplacian has shape \(3, 4\)"),
        ({"laplacian": pd.DataFrame(CHAIN, list("wxyq"), list("wxyq"))}, "laplacian: .*missing: 'z'; unknown: 'q'"),
        ({"mask": np.array([[0, 1, 2], [1, 0, 0]])}, "mask holds '0', '1', '2'; expected True or 1"),
        ({"mask": np.ones((2, 3))}, r"mask has shape \(6,\); expected \(4,\)"),
        ({"mask": np.ones(4)}, "mask has shape"),
        ({"mask": np.zeros((2, 3))}, "mask holds '0'"),
        ({"split": ["train"]}, "split has 1 entries; expected 3"),
        ({"split": pd.Series({"a": "train", "b": "test", "x": "train"})}, "split: .*unknown: 'x'"),
    ],
)
def test_arrays_that_do_not_fit_are_named(changes, message):
    with pytest.raises((ValueError, TypeError), match=message) as error:
        xsg.Spread(**parts(**changes))
    assert "spread 'mine'" in str(error.value)


@pytest.mark.parametrize("which", [np.array(["a"]), np.ones(2, bool), np.ones((3, 1), bool), np.zeros(3, bool), [0.5]])
def test_parts_that_are_none(which):
    with pytest.raises(ValueError, match="spread 'mine'"):
        xsg.Spread(**parts()).part(which)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"noise": "5"}, "noise is '5'"),
        ({"noise": np.nan}, "noise is nan"),
        ({"noise": True}, "noise is True"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"seed": -1}, "seed is -1"),
        ({"n_train": -3}, "n_train is -3"),
        ({"n_test": 2.5}, "n_test is 2.5"),
        ({"n_train": 0, "n_validation": 0, "n_test": 0}, "all 0"),
        ({"laws": []}, r"laws is \(\)"),
        ({"times": "0, 6"}, "times: expected"),
        ({"times": [0, np.nan]}, "times: 1 of 2 values are not finite"),
        ({"name": 3}, "spread 3 is unknown"),
    ],
)
def test_choices_that_are_none(choices, message):
    with pytest.raises((ValueError, TypeError), match=message):
        xsg.load_spread(**({**SIZES, **choices}))


def test_numbers_of_numpy_and_one_law_are_taken():
    choices = {"noise": np.float32(5), "seed": np.int64(2), "laws": "logistic", "times": np.array([0, 6])}
    found = xsg.load_spread("disc", **choices, n_train=np.int32(2), n_validation=0.0, n_test=3)
    plain = xsg.load_spread(
        "disc", noise=5, seed=2, laws=["logistic"], times=[0.0, 6.0], n_train=2, n_validation=0, n_test=3
    )
    np.testing.assert_array_equal(found.values, plain.values)
