"""Transformers of voxel matrices: what they learn, and that they learn it from the training voxels only."""

import numpy as np
import pandas as pd
import pytest

from xsg.spatial import preprocess
from xsg.spatial.load import load_mouse
from xsg.spatial.mouse import Mouse, make_structures
from xsg.spatial.preprocess import OFFSET, Preprocessor, Scaler, SelectGenes, SpatialImputer

TREE = make_structures([1], "A", "a", [0], ["#fff"])
NAN = np.nan


def line(values) -> Mouse:
    """Voxels in a row along AP."""
    values = np.asarray(values, dtype=np.float32)
    n, p = values.shape
    voxels = pd.DataFrame({"AP": range(n), "SI": 7, "LR": 30}, columns=["AP", "SI", "LR"])
    return Mouse("line", values, voxels, pd.Series([1] * n), pd.Index([f"g{i}" for i in range(p)]), TREE)


@pytest.fixture(scope="module")
def brain():
    return load_mouse("simulated", n_genes=23, step=4, geometry="drawn")


def test_genes_of_largest_variance_in_the_training_voxels():
    x = np.zeros((9, 4))
    x[:, 1] = np.arange(9)
    x[:5, 2] = 0.1 * np.arange(5)
    x[5:, 2] = 1000  # varies most, but not among the voxels that train
    x[:, 3] = [NAN] * 4 + [50, NAN, NAN, NAN, NAN]  # one value has no variance
    brain = line(x)
    assert SelectGenes(2).fit(brain, np.arange(5)).genes_.tolist() == [1, 2]
    assert SelectGenes(1).fit(brain).genes_.tolist() == [2]
    assert SelectGenes().fit(brain, np.arange(5)).genes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(SelectGenes(2).fit(brain).transform(brain, np.array([7, 0])), x[[7, 0]][:, [1, 2]])
    with pytest.raises(ValueError, match="n_genes is 5; this brain has 4"):
        SelectGenes(5).fit(brain)


def test_genes_of_largest_variance_once_all_are_scaled():
    x = np.array([[0, 10, 8, 3], [0, 10, 2, 3], [0, 1000, 800, 300], [0, 1000, 200, 300]], float)
    brain = line(x)
    assert SelectGenes(1).fit(brain).genes_.tolist() == [1], "the loudest"
    assert SelectGenes(1, "voxel").fit(brain).genes_.tolist() == [2], "of 0.8, 0.2, 0.8, 0.2 of a voxel's range"
    rare = line(np.column_stack([10.0 * np.arange(9), [0, 1, 1, 1, 1, 1, 1, 1.1, 9], np.full(9, NAN)]))
    assert SelectGenes(1).fit(rare).genes_.tolist() == [0]
    assert SelectGenes(1, "robust").fit(rare).genes_.tolist() == [1], "0 or 9 among ones: hardly any quartile range"


def test_the_published_order_scales_all_genes_and_learns_from_all_voxels():
    x = np.array([[0, 10, 8, 2], [0, 10, 2, 2], [4, 9, 5, NAN], [1, 7, 2, 3]], float)
    one, two = (Preprocessor(2, 0, "voxel", before_split=each).fit(line(x), np.arange(2)) for each in (True, False))
    assert one.select_.genes_.tolist() == [1, 2] or one.select_.genes_.tolist() == [2, 3]
    # Voxel 2: 4 to 9 over all its genes; the gap is filled with the training voxels' 2, below them.
    np.testing.assert_allclose(one.transform(line(x), np.array([3])), (x[[3]][:, one.select_.genes_] - 1) / 6)
    assert two.transform(line(x), np.array([3])).tolist() != one.transform(line(x), np.array([3])).tolist()
    empty = x.copy()
    empty[3] = NAN
    assert np.isfinite(one.transform(line(empty), np.array([3]))).all(), "a voxel without any value"
    robust = Preprocessor(None, 0, "robust", before_split=True).fit(line(x), np.arange(2))
    np.testing.assert_allclose(robust.scale_.centre_, np.nanmedian(x, axis=0))


def test_a_gene_without_values_is_never_kept():
    brain = line([[1, NAN], [2, NAN], [4, NAN]])
    assert SelectGenes(2).fit(brain).genes_.tolist() == [0]
    with pytest.raises(ValueError, match="no gene has a value"):
        SelectGenes().fit(line([[NAN], [NAN]]))


def test_missing_values_come_from_the_nearest_training_voxels():
    brain = line([[1, 8], [NAN, 8], [3, NAN], [5, 8], [NAN, NAN], [11, 8]])
    every = np.arange(6)
    filled = SpatialImputer(2).fit(brain).transform(brain, every, brain.expression.copy())
    # Voxel 1's two nearest are itself, which has nothing, and 0 or 2; voxel 4's are itself and 3 or 5.
    assert filled[1, 0] in (1, 3)
    assert filled[4, 0] in (5, 11)
    assert filled[2, 1] == 8
    # With 0, 1, 2 in training, voxel 4 asks the nearest of those.
    filled = SpatialImputer(1).fit(brain, np.arange(3)).transform(brain, every, brain.expression.copy())
    assert filled[4].tolist() == [3, pytest.approx(8, rel=1e-5)], "the nearest lacks gene 1: the typical energy"
    assert filled[0].tolist() == [1, 8], "what is measured stays"


def test_without_neighbours_the_typical_energy():
    brain = line([[1, 8], [NAN, 2], [4, NAN]])
    imputer = SpatialImputer(0).fit(brain, np.array([0, 1, 2]))
    expected = np.sqrt((1 + OFFSET) * (4 + OFFSET)) - OFFSET
    assert imputer.transform(brain, np.arange(3), brain.expression.copy())[1, 0] == pytest.approx(expected)
    assert SpatialImputer(0).fit(brain, np.array([0, 1])).typical_[0] == pytest.approx(1)
    with pytest.raises(ValueError, match="of the training voxels, is 7; expected a whole number from 0 to 3"):
        SpatialImputer(7).fit(brain)


def test_log_scaling(brain):
    rows = np.arange(0, len(brain.voxels), 3)
    scaler = Scaler("log").fit(brain, rows)
    x = scaler.transform(brain.expression[rows].astype(np.float32))
    np.testing.assert_allclose(np.nanmean(x, axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.nanstd(x, axis=0), 1, atol=1e-4)
    logs = np.log(brain.expression[rows].astype(float) + OFFSET)
    np.testing.assert_allclose(scaler.centre_, np.nanmean(logs, axis=0), rtol=1e-4)


def test_robust_scaling():
    brain = line([[0, 0], [1, 0], [2, 0], [3, 0], [40, 9]])
    scaler = Scaler("robust").fit(brain)
    x = scaler.transform(brain.expression.copy())
    np.testing.assert_allclose(x[:, 0], [-1, -0.5, 0, 0.5, 19])
    assert scaler.spread_[1] == pytest.approx(np.std([0, 0, 0, 0, 9])), "no inter-quartile range: standard deviation"


def test_voxel_scaling():
    x = np.array([[1, 3, 5], [2, 2, 2], [0, 10, 1]], np.float32)
    scaled = Scaler("voxel").fit(line(x)).transform(x.copy())
    np.testing.assert_allclose(scaled, [[0, 0.5, 1], [0, 0, 0], [0, 1, 0.1]])
    with pytest.raises(ValueError, match="scale 'minmax' is unknown; expected one of 'log', 'robust', 'voxel'"):
        Scaler("minmax")


def test_published_selection_lets_held_out_values_through(brain):
    train = (brain.voxels["AP"] < 33).to_numpy()
    other = brain.expression.copy()
    other[~train, 5] = np.random.default_rng(0).gamma(0.1, 500, (~train).sum())
    changed = Mouse("x", other, brain.voxels, brain.region, brain.genes, brain.structures)
    for before_split in (True, False):
        kept = [
            Preprocessor(3, 0, "voxel", before_split=before_split).fit(each, train).select_.genes_.tolist()
            for each in (brain, changed)
        ]
        assert (kept[0] != kept[1]) == before_split


@pytest.mark.parametrize("scale", preprocess.SCALES)
@pytest.mark.parametrize("neighbours", [0, 6])
def test_held_out_voxels_teach_nothing(brain, scale, neighbours):
    """Change every value that is held out, and nothing that is learned or made of the training voxels changes."""
    train = (brain.voxels["AP"] < 33).to_numpy()
    other = brain.expression.copy()
    other[~train] = np.random.default_rng(0).gamma(1, 5, other[~train].shape)
    changed = Mouse("x", other, brain.voxels, brain.region, brain.genes, brain.structures)
    chain = [Preprocessor(11, neighbours, scale).fit(each, train) for each in (brain, changed)]
    made = [each.transform(whose, train) for each, whose in zip(chain, (brain, changed), strict=True)]
    np.testing.assert_array_equal(*made)
    assert np.isfinite(made[0]).all()
    assert made[0].shape == (train.sum(), 11)
    np.testing.assert_array_equal(*[each.transform(brain, ~train) for each in chain])


def test_imputing_before_the_split_lets_held_out_values_through(brain):
    train = (brain.voxels["AP"] % 8 != 0).to_numpy()
    other = brain.expression.copy()
    other[~train] = 77
    changed = Mouse("x", other, brain.voxels, brain.region, brain.genes, brain.structures)
    made = [
        Preprocessor(None, 6).fit(each, train, impute_from=np.ones(len(train), bool)).transform(each, train)
        for each in (brain, changed)
    ]
    assert (made[0] != made[1]).any()


def test_blocks_change_nothing(brain, monkeypatch):
    rows = np.random.default_rng(0).permutation(len(brain.voxels))[:777]
    whole = Preprocessor(15, 3).fit(brain, rows).transform(brain, rows)
    monkeypatch.setattr(preprocess, "_BLOCK", 100)
    np.testing.assert_allclose(Preprocessor(15, 3).fit(brain, rows).transform(brain, rows), whole, atol=1e-5)
    mask = np.zeros(len(brain.voxels), bool)
    mask[rows] = True
    np.testing.assert_allclose(
        Preprocessor(15, 3).fit(brain, mask).transform(brain, mask), whole[np.argsort(rows)], atol=1e-5
    )


def test_bad_rows(brain):
    with pytest.raises(ValueError, match=r"mask of shape \(3,\); expected"):
        Preprocessor().fit(brain, np.array([True, False, True]))
    with pytest.raises(ValueError, match="expected positions between 0 and"):
        Preprocessor().fit(brain, np.array([0, 10**7]))
    with pytest.raises(ValueError, match="1 training voxels"):
        Preprocessor().fit(brain, np.array([0]))
