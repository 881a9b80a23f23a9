"""Folds of voxels that do not leak, errors counted by hand, and baselines that learn in the fold only."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

import xsg
from xsg.spatial.load import load_mouse
from xsg.spatial.localise import VOXEL_SPLITS, localise, voxel_folds
from xsg.spatial.mouse import Mouse, fold, make_structures
from xsg.spatial.place_baselines import PLACE_BASELINES

AXES = ["AP", "SI", "LR"]


@pytest.fixture(scope="module")
def brain():
    return load_mouse("simulated", n_genes=60, step=4, geometry="drawn")


class Oracle:
    """Knows where the voxels lie, and errs by what it is told to."""

    def __init__(self, shift=(0.0, 0.0, 0.0), noise=0.0, claims=1.0):
        self.shift, self.noise, self.claims = shift, noise, claims

    def get_params(self):
        return {"shift": self.shift, "noise": self.noise, "claims": self.claims}

    def fit(self, expression, voxels, train, folded, progress):
        self.folded = folded
        return self

    def predict_place(self, expression, voxels, rows):
        place = fold(voxels.to_numpy()) if self.folded else voxels.to_numpy().astype(float)
        place = place[rows] + self.shift + self.noise * np.random.default_rng(0).standard_normal((len(rows), 3))
        return pd.DataFrame(place, rows, AXES)

    def spread(self, expression, voxels, rows, n):
        return pd.DataFrame(self.claims, rows, AXES)


# --- folds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", VOXEL_SPLITS)
def test_every_voxel_is_held_out_once_and_never_trains_then(brain, split):
    found = voxel_folds(brain.voxels, split, n_folds=3, seed=1)
    assert len(found) == (2 if split == "hemisphere" else 3)
    assert (sum(each.held_out.astype(int) for each in found) == 1).all()
    for train, held_out in found:
        assert not (train & held_out).any()
        assert 0.2 < held_out.mean() < 0.6


@pytest.mark.parametrize("split", ["blocks", "slabs", "hemisphere"])
def test_nothing_trains_within_the_buffer(brain, split):
    place = brain.positions()
    for buffer in (2.0, 9.0):
        for train, held_out in voxel_folds(brain.voxels, split, n_folds=3, buffer=buffer):
            assert cKDTree(place[train]).query(place[held_out])[0].min() > buffer
    wide, narrow = (voxel_folds(brain.voxels, split, n_folds=3, buffer=each)[0].train for each in (9.0, 0.0))
    assert narrow.sum() > wide.sum()
    assert (narrow | voxel_folds(brain.voxels, split, n_folds=3)[0].held_out).all(), "no buffer: all others train"


def test_random_folds_touch(brain):
    place = brain.positions()
    nearest = [cKDTree(place[a]).query(place[b])[0] for a, b in voxel_folds(brain.voxels, "random")]
    assert (np.concatenate(nearest) <= 4).mean() > 0.95, "voxels of this brain are 4 apart"


def test_blocks_keep_mirror_images_together(brain):
    place = brain.voxels.to_numpy()
    row = {tuple(each): k for k, each in enumerate(place)}
    mirror = np.array([row[a, s, 57 - r] for a, s, r in place])
    for _, held_out in voxel_folds(brain.voxels, "blocks"):
        np.testing.assert_array_equal(held_out, held_out[mirror])
    assert any((held_out != held_out[mirror]).any() for _, held_out in voxel_folds(brain.voxels, "random"))


def test_blocks_are_cubes_and_depend_on_the_seed(brain):
    cube = pd.Series(map(tuple, (fold(brain.voxels.to_numpy()) // 8).astype(int)))
    one, same, other = (voxel_folds(brain.voxels, "blocks", seed=seed)[0].held_out for seed in (3, 3, 4))
    assert (pd.Series(one).groupby(cube).nunique() == 1).all()
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_slabs_are_runs_of_sections(brain):
    ap = brain.voxels["AP"].to_numpy()
    for _, held_out in voxel_folds(brain.voxels, "slabs", n_folds=4):
        inside = (ap >= ap[held_out].min()) & (ap <= ap[held_out].max())
        np.testing.assert_array_equal(held_out, inside)
    left, right = voxel_folds(brain.voxels, "hemisphere")
    assert (brain.voxels["LR"][left.held_out] < 29).all()
    assert (brain.voxels["LR"][right.held_out] > 28).all()


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"split": "cubes"}, "split 'cubes' is unknown; expected one of 'random', 'blocks', 'slabs', 'hemisphere'"),
        ({"split": "slabs", "n_folds": 90}, "90 folds of 17 sections; expected 2 to 17"),
        ({"split": "random", "n_folds": 1}, "1 folds of .* voxels; expected 2"),
        ({"split": "slabs", "n_folds": 2, "buffer": 99}, "fold 1 of split 'slabs' leaves no voxel to train on"),
    ],
)
def test_folds_that_cannot_be(brain, choice, message):
    with pytest.raises(ValueError, match=message):
        voxel_folds(brain.voxels, **choice)


# --- errors -----------------------------------------------------------------------------------------------------------


def test_errors_counted_by_hand(brain):
    places = localise(Oracle((0.0, -3.0, 4.0)), brain, "random", baselines=("centroid",), progress=False)
    assert len(places.true) == len(brain.voxels)
    assert places.error_voxels == pytest.approx(5)
    assert places.error_um == pytest.approx(1000)
    np.testing.assert_allclose(places.bias_voxels, [0, -3, 4], atol=1e-6)
    np.testing.assert_allclose(places.rmse_voxels, [0, 3, 4], atol=1e-6)
    assert list(places.r2.index) == AXES
    lr = brain.voxels["LR"].to_numpy(float)
    assert places.r2["LR"] == pytest.approx(1 - 16 / lr.var())
    assert places.r2["AP"] == pytest.approx(1)
    assert places.table.index.tolist() == ["model", "centroid"]
    assert places.baselines.index.tolist() == ["centroid"]
    # The centroid of the training voxels is nearly that of all: R² about 0, and no bias over all folds together.
    assert abs(places.table.loc["centroid", "r2_AP"]) < 0.01
    assert abs(places.table.loc["centroid", "bias_AP"]) < 0.1
    pd.testing.assert_series_equal(places.errors(), pd.Series(1000.0, places.true.index, name="model"), rtol=1e-5)
    assert "split 'random' (5 folds)" in repr(places)
    assert "simulated brain" in repr(places)


def test_regions_are_those_of_the_nearest_voxel():
    tree = make_structures([1, 2, 3, 4], "ABCD", "abcd", [0, 1, 1, 2], ["#fff"] * 4, divisions=["B", "C"])
    voxels = pd.DataFrame({"AP": range(12), "SI": [20, 21] * 6, "LR": [10, 11] * 6}, columns=AXES)
    region = pd.Series([2] * 4 + [4] * 4 + [3] * 4)  # B, D within B, C
    line = Mouse("line", np.zeros((12, 3), np.float32), voxels, region, pd.Index(list("xyz")), tree)
    places = localise(Oracle((2.2, 0.0, 0.0)), line, "random", n_folds=3, baselines=False, progress=False)
    # Two voxels on: 4 of 12 arrive in another structure, less the last two, for which there is nothing beyond.
    assert places.table.loc["model", "structure"] == pytest.approx(8 / 12)
    assert places.table.loc["model", "division"] == pytest.approx(10 / 12)


def test_calibration(brain):
    honest = localise(Oracle(noise=2.0, claims=2.0), brain, "random", baselines=False, progress=False).calibration
    np.testing.assert_allclose(honest["posterior"], honest.index, atol=0.05)
    np.testing.assert_allclose(honest["widened"], honest.index, atol=0.05)
    proud = localise(Oracle(noise=2.0, claims=0.5), brain, "random", baselines=False, progress=False).calibration
    assert (proud["posterior"] < 0.3).all()
    np.testing.assert_allclose(proud["widened"], proud.index, atol=0.05)
    one = localise(Oracle(noise=2.0), brain, "random", folds=(2,), baselines=False, progress=False).calibration
    assert one["widened"].isna().all()


def test_error_by_distance(brain):
    places = localise(Oracle((0.0, 1.0, 0.0)), brain, "blocks", baselines=("centroid",), progress=False)
    table = places.by_distance()
    assert table["voxels"].sum() == len(places.true)
    assert table["distance_um"].is_monotonic_increasing
    assert (places.voxels["distance_um"] > 400).all(), "the buffer is two voxels"
    np.testing.assert_allclose(table["model"], 200, rtol=1e-5)
    weighted = (table["centroid"] * table["voxels"]).sum() / table["voxels"].sum()
    assert weighted == pytest.approx(places.table.loc["centroid", "error_um"])


def test_folded_mirror_images_are_in_one_place(brain):
    apart, together = (
        localise(Oracle(), brain, "hemisphere", folded=each, baselines=False, progress=False) for each in (False, True)
    )
    assert together.true["LR"].min() == 0.5
    assert together.true["LR"].max() < 29 < apart.true["LR"].max()
    # A voxel's mirror image trains, unless it is in the buffer at the midline.
    assert together.voxels["distance_um"].median() == 0
    assert apart.voxels["distance_um"].median() > 1000
    assert "hemispheres folded" in repr(together)


def test_folds_can_be_run_one_by_one(brain):
    shifted = Oracle((1.0, 0.0, 0.0))
    whole = localise(shifted, brain, "blocks", baselines=("centroid", "kNN"), progress=False)
    part = localise(shifted, brain, "blocks", folds=(2,), baselines=("centroid", "kNN"), progress=False)
    assert set(part.voxels["fold"]) == {2}
    rows = part.true.index
    assert 0 < len(rows) < len(whole.true)
    pd.testing.assert_frame_equal(part.predicted["kNN"], whole.predicted["kNN"].loc[rows])
    with pytest.raises(ValueError, match=r"folds is \(6,\); expected some of 1 to 5"):
        localise(shifted, brain, folds=(6,), progress=False)
    with pytest.raises(ValueError, match="baseline 'forest' is unknown; expected one of 'centroid', 'kNN'"):
        localise(shifted, brain, baselines=("forest",), progress=False)


# --- models and baselines ---------------------------------------------------------------------------------------------


def linear_brain(brain: Mouse) -> Mouse:
    """A brain whose log expression is a plane of the place in every gene, and a little noise."""
    rng = np.random.default_rng(0)
    place = (brain.positions() - 30) / 15
    y = place @ rng.normal(size=(3, 40)) + 0.05 * rng.standard_normal((len(place), 40))
    return Mouse(
        "plane",
        np.exp(y - 1).astype(np.float32),
        brain.voxels,
        brain.region,
        pd.Index([f"g{k}" for k in range(40)]),
        brain.structures,
    )


def test_linear_baselines_find_a_linear_truth(brain):
    names = ("centroid", "kNN", "PCA + ridge", "NMF + ridge")
    table = localise(
        Oracle(), linear_brain(brain), "blocks", folds=(1,), baselines=names, progress=False
    ).table.error_voxels
    assert table["PCA + ridge"] < 0.5
    assert table["PCA + ridge"] < table["kNN"] < 0.5 * table["centroid"]
    assert table["NMF + ridge"] < 0.5 * table["centroid"]


def test_held_out_voxels_teach_nothing(brain):
    """Change the expression of all held-out voxels but one: what is said of that one must not change."""
    _, held_out = voxel_folds(brain.voxels, "blocks", n_folds=4)[0]
    kept = np.flatnonzero(held_out)[7]
    other = brain.expression.copy()
    others = held_out.copy()
    others[kept] = False
    other[others] = np.random.default_rng(0).gamma(1, 5, other[others].shape)
    changed = Mouse("x", other, brain.voxels, brain.region, brain.genes, brain.structures)
    model = xsg.SpatialVAE(epochs=1, hidden=(32, 16), latent=8, decoder=(16,))
    one, two = (
        localise(model, each, "blocks", n_folds=4, folds=(1,), progress=False).predicted for each in (brain, changed)
    )
    assert list(one) == ["model", *PLACE_BASELINES]
    for name in one:
        np.testing.assert_allclose(one[name].loc[kept], two[name].loc[kept], atol=1e-3, err_msg=name)
        if name != "centroid":
            assert np.abs(one[name] - two[name]).to_numpy().max() > 0.1, "the changed voxels are placed elsewhere"


def test_the_plain_vae_is_told_no_place(brain, monkeypatch):
    fitted = []
    real = xsg.SpatialVAE.fit
    monkeypatch.setattr(xsg.SpatialVAE, "fit", lambda self, *a, **k: fitted.append(real(self, *a, **k)) or fitted[-1])
    localise(xsg.SpatialVAE(epochs=1, regression=1.0), brain, folds=(1,), baselines=("plain VAE",), progress=False)
    located, plain = fitted
    assert {"euclidean", "regression AP"} <= set(located.history_.columns)
    assert set(plain.history_.columns) == {"reconstruction", "kl", "total", "validation", "lr"}


def test_the_model_places_voxels(brain):
    model = xsg.SpatialVAE(epochs=20, hidden=(64, 32), latent=16, decoder=(32,), batch=100)
    places = localise(model, brain, "random", folds=(1,), folded=True, baselines=("centroid",), progress=False)
    assert places.error_um < 0.6 * places.table.loc["centroid", "error_um"]
    assert not hasattr(model, "net_"), "the model given is left alone"
    assert xsg.localise is localise
