"""Places of parcels: blocks and buffers, the methods against scikit-learn, and no look at what is held out."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern
from sklearn.linear_model import Ridge

import xsg
from xsg.evaluation.baselines import PENALTIES
from xsg.spatial import parcels
from xsg.spatial.parcels import METHODS, compact_blocks, predict_held_out

RNG = np.random.default_rng(0)
PLACE = RNG.random((37, 3)) * [60, 150, 100]
GENES = PLACE @ RNG.standard_normal((3, 23)) / 50 + 0.3 * RNG.standard_normal((37, 23))
GENES = (GENES - GENES.min()) / np.ptp(GENES)
BLOCKS = compact_blocks(PLACE, 4)


def error(found):
    return np.linalg.norm(found - PLACE, axis=1).mean()


def test_blocks_are_compact_hold_each_row_out_once_and_keep_together():
    assert BLOCKS.shape == (4, 37)
    np.testing.assert_array_equal(BLOCKS.sum(axis=0), 1)
    within = np.mean([cdist(PLACE[b], PLACE[b]).mean() for b in BLOCKS])
    assert within < 0.7 * cdist(PLACE, PLACE).mean()
    pairs = np.arange(37) // 2
    both = compact_blocks(PLACE, 5, 3, together=pairs)
    assert all((block[0:36:2] == block[1:36:2]).all() for block in both)
    assert not np.array_equal(compact_blocks(PLACE, 4, 1), BLOCKS)
    with pytest.raises(ValueError, match="n_blocks"):
        compact_blocks(PLACE[:3], 4)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_places_held_out_rows_and_reads_none_of_their_places(method):
    x = PLACE if method == "kriging" else GENES
    found = predict_held_out(x, PLACE, PLACE, BLOCKS[:1], method)
    out = BLOCKS[0]
    assert np.isfinite(found[out]).all()
    assert np.isnan(found[~out]).all()
    if method == "Spatial-VAE":  # which asks for places on its grid
        return
    # Other places of what is held out change nothing.
    moved = PLACE.copy()
    moved[out] = 7.0
    np.testing.assert_allclose(predict_held_out(x, moved, PLACE, BLOCKS[:1], method)[out], found[out])
    # Nor do other genes of other held-out rows.
    if method != "kriging":
        changed = GENES.copy()
        changed[np.flatnonzero(out)[1:]] = 0.5
        again = predict_held_out(changed, PLACE, PLACE, BLOCKS[:1], method)
        first = np.flatnonzero(out)[0]
        np.testing.assert_allclose(again[first], found[first])


def test_linear_genes_tell_the_place_and_the_middle_does_not():
    errors = {name: error(predict_held_out(GENES, PLACE, PLACE, BLOCKS, name)) for name in METHODS[:-2]}
    assert errors["ridge"] < 0.5 * errors["middle"]
    assert errors["PLS"] < 0.5 * errors["middle"]
    assert errors["kNN"] < errors["middle"]


def test_small_network_learns_the_place():
    found = predict_held_out(GENES, PLACE, PLACE, BLOCKS, "Spatial-VAE")
    assert error(found) < 0.6 * error(predict_held_out(GENES, PLACE, PLACE, BLOCKS, "middle"))
    np.testing.assert_array_equal(predict_held_out(GENES, PLACE, PLACE, BLOCKS, "Spatial-VAE"), found)


def test_ridge_is_scikit_learns():
    train = ~BLOCKS[0]
    z = (GENES - GENES[train].mean(axis=0)) / GENES[train].std(axis=0)
    scaled = z / np.sqrt(z.shape[1])
    ours = parcels._ridge_path(scaled[train], PLACE[train], scaled[~train])
    for each, penalty in zip(ours, PENALTIES, strict=True):
        np.testing.assert_allclose(each, Ridge(alpha=penalty).fit(scaled[train], PLACE[train]).predict(scaled[~train]))
    # All components say what the genes say.
    kept = parcels._components(z, train, 0, None)
    np.testing.assert_allclose(parcels._ridge_path(kept[train], PLACE[train], kept[~train]), ours, atol=1e-8)


def test_kriging_is_scikit_learns_process_at_the_same_length_and_noise(monkeypatch):
    monkeypatch.setattr("xsg.evaluation.baselines.NUGGETS", (0.1,))
    monkeypatch.setattr(parcels, "LENGTHS", (40.0,))
    train, y = ~BLOCKS[0], PLACE[:, :2] ** 2
    found = predict_held_out(PLACE, y, PLACE, BLOCKS[:1], "kriging")
    gp = GaussianProcessRegressor(Matern(40.0, nu=1.5), alpha=0.1, optimizer=None)
    middle = y[train].mean(axis=0)
    np.testing.assert_allclose(found[~train], gp.fit(PLACE[train], y[train] - middle).predict(PLACE[~train]) + middle)


def test_buffer_and_components():
    near = predict_held_out(GENES, PLACE, PLACE, BLOCKS, "kNN")
    far = predict_held_out(GENES, PLACE, PLACE, BLOCKS, "kNN", buffer=30)
    assert error(far) > error(near)
    one, rest = (predict_held_out(GENES, PLACE, PLACE, BLOCKS, components=c) for c in ((0, 1), (1, None)))
    every = predict_held_out(GENES, PLACE, PLACE, BLOCKS)
    assert error(every) < min(error(one), error(rest))
    with pytest.raises(ValueError, match="leaves 0 rows to train on"):
        predict_held_out(GENES, PLACE, PLACE, BLOCKS, buffer=500)


def test_missing_values_and_constant_genes_are_taken():
    genes = np.column_stack([GENES, np.full(37, 0.5), np.full(37, np.nan)])
    np.testing.assert_allclose(
        error(predict_held_out(genes, PLACE, PLACE, BLOCKS)), error(predict_held_out(GENES, PLACE, PLACE, BLOCKS))
    )
    genes[RNG.random(genes.shape) < 0.1] = np.nan
    assert np.isfinite(predict_held_out(genes, PLACE, PLACE, BLOCKS)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "forest"}, "method"),
        ({"y": PLACE[:5]}, "y is of 5 rows, x of 37"),
        ({"held_out": BLOCKS[:, :9]}, "held_out is of 9 rows"),
        ({"method": "Spatial-VAE", "unit": 0.2}, r"places reach over \[.*\] mm.*Use larger steps"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    given = {"x": GENES, "y": PLACE, "place": PLACE, "held_out": BLOCKS} | change
    with pytest.raises(ValueError, match=message):
        predict_held_out(**given)


def test_a_mouse_goes_through_the_same_code():
    brain = xsg.load_mouse("simulated", n_genes=60, step=6, geometry="drawn")
    place = 0.2 * brain.positions(folded=True)
    blocks = compact_blocks(place, 5)
    twins = {}
    for row, each in enumerate(map(tuple, place.round(3))):
        twins.setdefault(each, []).append(row)
    assert all(len(set(blocks.argmax(axis=0)[rows])) == 1 for rows in twins.values()), "mirror images were parted"
    genes = np.log(brain.expression.astype(float) + 0.01)
    found, middle = (predict_held_out(genes, place, place, blocks, name) for name in ("ridge", "middle"))
    errors = [np.linalg.norm(each - place, axis=1).mean() for each in (found, middle)]
    assert errors[0] < 0.8 * errors[1], f"{errors} mm"
