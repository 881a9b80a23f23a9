"""Subjects who have some of the places each, on networks too large for a dense matrix; the whole brains of it."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

import xsg
from xsg.spread.cohort import integrate
from xsg.spread.estimator import MechanisticMixture, maximum_likelihood
from xsg.spread.laplacian import grid_laplacian, sparse_grid_laplacian
from xsg.spread.likeness import look_at_residuals
from xsg.spread.modes import slow_modes
from xsg.spread.pet import PET_RANGES, brain, simulate_pet

RANGES = {"gain": PET_RANGES["gain"], "d_range": PET_RANGES["D"], "r_range": PET_RANGES["R"]}


@pytest.fixture(scope="module")
def cohort():
    return xsg.load_spread("pet", noise=20, voxel=12, n_train=9, n_validation=0, n_test=4, laws=["logistic"])


@pytest.fixture(scope="module")
def model(cohort):
    return MechanisticMixture(["logistic"], epochs=2, steps=2, modes=9, **RANGES).fit(cohort.part("train"))


def volume(n_subjects=3, side=13, **changes):
    """A cube of 13³ voxels, more than are held dense, with noise for values."""
    mask = np.ones((side, side, side), dtype=bool)
    rng = np.random.default_rng(0)
    inside = rng.random((n_subjects, *mask.shape)) < 0.9
    return {
        "name": "cube",
        "values": rng.uniform(0, 1, (n_subjects, 2, *mask.shape)),
        "times": [0, 3],
        "subjects": [f"s{k}" for k in range(n_subjects)],
        "laplacian": sparse_grid_laplacian(mask),
        "places": pd.RangeIndex(mask.sum()),
        "mask": mask,
        "inside": inside,
    } | changes


def test_volumes_and_masks_in_any_plain_form():
    plain = xsg.Spread(**volume())
    inside = volume()["inside"]
    assert sparse.issparse(plain.laplacian)
    assert plain.values.shape == (3, 2, 2197)
    assert np.isnan(plain.values[:, 0][~plain.inside]).all()
    assert np.isfinite(plain.values[:, 1][plain.inside]).all()
    assert plain.images.shape == (3, 2, 13, 13, 13)
    assert "13 × 13 × 13, 2197 voxels, of which a subject has 1" in repr(plain)
    flat = inside.reshape(3, -1)
    laplacian = plain.laplacian
    triples = laplacian.tocoo()
    entries = torch.sparse_coo_tensor(np.stack(triples.coords), triples.data, triples.shape, check_invariants=True)
    for changes in (
        {"inside": flat},
        {"inside": flat.astype(np.uint8) * 255},
        {"inside": flat.tolist()},
        {"inside": pd.DataFrame(flat, ["s0", "s1", "s2"]).iloc[[2, 0, 1]]},
        {"values": np.where(inside[:, None], volume()["values"], np.nan)},
        {"mask": volume()["mask"].astype(np.uint8)},
        {"laplacian": triples},
        {"laplacian": sparse.csc_matrix(laplacian)},
        {"laplacian": entries},
    ):
        mine = xsg.Spread(**volume(**changes))
        np.testing.assert_array_equal(mine.inside, plain.inside)
        np.testing.assert_array_equal(mine.values, plain.values)
        assert abs(mine.laplacian - laplacian).max() == 0
    some = plain.part(np.array([False, True, True]))
    np.testing.assert_array_equal(some.inside, plain.inside[1:])
    assert xsg.Spread(**volume(inside=np.ones((3, 2197)))).inside is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inside": np.ones((2, 2197))}, r"inside has shape \(2, 2197\); expected \(3, 2197\).* or images \(3, 13"),
        ({"inside": np.ones((3, 13, 13))}, r"inside has shape \(3, 13, 13\)"),
        ({"inside": np.full((3, 2197), 0.5) + np.eye(3, 2197)}, r"inside holds '0.5', '1.5'"),
        ({"inside": np.arange(3)[:, None] * np.ones((3, 2197))}, "inside holds '0', '1', '2'"),
        ({"inside": np.eye(3, 2197)[[0, 1, 1]] * [[1], [1], [0]]}, "subject 's2' has none of the 2197 places"),
        ({"inside": np.full((3, 2197), np.nan)}, "inside: 6591 of 6591 values are not finite"),
        ({"inside": "measured"}, "inside: expected"),
        ({"inside": pd.DataFrame(np.ones((3, 2197)), ["s0", "s1", "x"])}, "inside: .*unknown: 'x'"),
        ({"laplacian": -volume()["laplacian"]}, "laplacian is no D − W"),
        ({"laplacian": 5000 * volume()["laplacian"]}, "counts of streamlines"),
        ({"laplacian": volume()["laplacian"] * np.nan}, "laplacian: .* values are not finite"),
        ({"laplacian": volume()["laplacian"][:7]}, r"laplacian has shape \(7, 2197\)"),
        ({"mask": np.ones((13, 13, 13, 1))}, r"mask has shape \(13, 13, 13, 1\); expected that of an image"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    with pytest.raises((ValueError, TypeError), match=message) as error:
        xsg.Spread(**volume(**changes))
    assert "spread 'cube'" in str(error.value)


def test_nothing_flows_out_of_a_subjects_places():
    laplacian = sparse_grid_laplacian(np.ones((4, 5), dtype=bool))
    inside = np.ones((2, 20), dtype=bool)
    inside[1, [2, 3, 7, 11]] = False
    initial = np.linspace(0, 0.8, 40).reshape(2, 20) * inside
    rates = pd.DataFrame({"law": ["diffusion"] * 2, "D": [0.3, 0.3], "R": [0.0, 0.0]})
    found = integrate(rates, initial, laplacian, np.array([0.0, 2.0]), inside)
    np.testing.assert_allclose(found.sum(2), initial.sum(1)[:, None].repeat(2, 1), rtol=1e-5)
    assert (found[1, :, [2, 3, 7, 11]] == 0).all()
    own = grid_laplacian(inside[1].reshape(4, 5))  # as if there were no other places
    alone = integrate(rates[1:], initial[1, inside[1]], sparse.csr_array(own), np.array([0.0, 2.0]))
    np.testing.assert_allclose(found[1][:, inside[1]], alone[0], atol=1e-6)


def test_a_cohort_of_whole_brains(cohort):
    truth = cohort.truth
    assert cohort.mask.ndim == 3
    assert cohort.mask.sum() == brain(12)[0].sum()
    assert (cohort.inside.sum(axis=1) < 0.95 * cohort.mask.sum()).all()
    missing = np.isnan(cohort.values).all(axis=2)
    assert not missing[:, :2].any()
    quiet = xsg.load_spread("pet", voxel=12, n_train=9, n_validation=0, n_test=4, laws=["logistic"])
    rates = truth.rates
    gain, background = (rates[name].to_numpy()[:, None, None] for name in ("gain", "background"))
    seen = gain * truth.at([0.0, 2.0, 4.0, 6.0]) + background
    np.testing.assert_allclose(np.where(np.isnan(quiet.values), 0, quiet.values - seen), 0, atol=1e-5)
    noise = cohort.values - quiet.values
    sd = np.nanstd(noise, axis=(1, 2))
    np.testing.assert_allclose(sd, truth.noise_sd, rtol=0.1)
    np.testing.assert_allclose(truth.noise_sd, np.mean(seen, axis=(1, 2), where=truth.inside[:, None]) / 20, rtol=1e-4)
    for name, (low, high) in PET_RANGES.items():
        assert rates[name].between(low / 1.6, high * 1.6).all()
    fewer = simulate_pet(20, 0, {"train": 2, "validation": 0, "test": 1}, ("logistic",), (0.0, 2.0, 4.0, 6.0), 12)
    np.testing.assert_array_equal(fewer.values[:2], cohort.values[:2])
    np.testing.assert_array_equal(fewer.part("test").values[0], cohort.part("test").values[0])


def test_smooth_noise_keeps_its_size_and_is_told():
    sizes = {"train": 3, "validation": 0, "test": 0}
    clean, white, smooth = (
        simulate_pet(noise, 1, sizes, ("damped",), (0.0, 2.0), 12, width).values
        for noise, width in ((None, 0), (20, 0), (20, 24))
    )
    laplacian = sparse_grid_laplacian(brain(12)[0])
    likeness = []
    for noisy in (white, smooth):
        noise, valid = torch.tensor(noisy - clean).nan_to_num(), torch.tensor(np.isfinite(noisy)).float()
        found = look_at_residuals(noise, valid, laplacian, valid[:, 0])
        likeness.append((found["smoothness"].mean(), found["misfit"].mean()))
    (none, size), (much, same) = likeness
    assert abs(none) < 0.05 < 0.5 < much
    assert same == pytest.approx(size, rel=0.15)


def test_whole_brains_are_fitted_saved_and_shown(cohort, model, tmp_path):
    test = cohort.part("test")
    found = model.infer(test)
    truth = test.truth.rates
    assert np.median(np.abs(np.log(found.rates()["D"] / truth["D"]))) < 0.4
    states = found.states([0.0, 5.0])
    assert (states.swapaxes(1, 2)[~test.inside] == 0).all()
    assert states[:, 1].sum() > states[:, 0].sum()
    again = MechanisticMixture.load(model.save(tmp_path / "brain.safetensors"))
    pd.testing.assert_frame_equal(again.infer(test).rates(), found.rates())
    order = np.random.default_rng(0).permutation(len(test.places))
    mixed = xsg.Spread(
        "mixed", test.values[..., order], test.times, test.subjects, test.laplacian[order][:, order],
        test.places[order], inside=test.inside[:, order],
    )  # fmt: skip
    pd.testing.assert_frame_equal(again.infer(mixed).rates(), found.rates(), rtol=1e-3)


def test_the_oracle_knows_the_gain(cohort):
    test = cohort.part("test")
    rates, truth = maximum_likelihood(test, ["logistic"], steps=8).rates(), test.truth.rates
    for name in "DR":
        assert np.median(np.abs(np.log(rates[name] / truth[name]))) < 0.1, name


def test_a_sparse_network_is_saved_and_refused_where_it_differs(tmp_path):
    given = volume(n_subjects=4)
    given["values"] *= np.exp(-0.1 * np.indices((13, 13, 13)).sum(0))
    cube = xsg.Spread(**given)
    model = MechanisticMixture(["logistic"], epochs=1, refine=0, steps=1, modes=5).fit(cube)
    again = MechanisticMixture.load(model.save(tmp_path / "cube.safetensors"))
    assert abs(again._laplacian - cube.laplacian).max() == 0
    pd.testing.assert_frame_equal(again.infer(cube).rates(), model.infer(cube).rates())
    double = xsg.Spread(
        **given | {"laplacian": 2 * given["laplacian"], "mask": None, "values": cube.values, "inside": cube.inside}
    )
    with pytest.warns(UserWarning, match="a network whose weights differ by up to 6"):
        again.infer(double)


@pytest.mark.parametrize("mask", [np.ones((3, 4, 5), bool), brain(16)[0], brain(16)[0][:, 7]])
def test_modes_without_a_decomposition(mask):
    laplacian = sparse_grid_laplacian(mask)
    found = slow_modes(laplacian, mask, 12)
    np.testing.assert_allclose(found.T @ found, np.eye(12), atol=1e-10)
    energy = np.trace(found.T @ (laplacian @ found))
    exact = np.sort(np.linalg.eigvalsh(laplacian.toarray()))[:12].sum()
    assert exact - 1e-9 <= energy < 3 * exact  # nearly as slow as can be
    if mask.all():
        assert energy == pytest.approx(exact)
    by_lanczos = slow_modes(laplacian, None, 12)
    assert np.trace(by_lanczos.T @ (laplacian @ by_lanczos)) == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"voxel": 7.5}, "voxel is 7.5"),
        ({"voxel": 40}, "voxel is 40 mm: .* voxels are brain"),
        ({"voxel": "8"}, "voxel is '8'"),
        ({"smooth": -1}, "smooth is -1"),
        ({"smooth": np.nan}, "smooth is nan"),
        ({"times": [3, 1]}, "rising times"),
    ],
)
def test_brains_that_are_none(changes, message):
    with pytest.raises((TypeError, ValueError), match=message):
        xsg.load_spread("pet", **{"n_train": 1, "n_test": 0} | changes)


def test_smooth_noise_is_warned_of():
    cohort = xsg.load_spread("pet", noise=20, voxel=14, smooth=28, n_train=6, n_test=0, laws=["logistic"])
    with pytest.warns(UserWarning, match="between neighbours: smooth noise"):
        model = MechanisticMixture(["logistic"], epochs=1, steps=2, refine=3, **RANGES).fit(cohort)
    assert len(model.doubts_) == 1
