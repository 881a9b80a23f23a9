"""Splits: who is held out together, and what is said about a leak."""

import warnings

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from xsg.atlas import REGIONS, Parcellation, homologous_pairs, load_parcellation, mesh
from xsg.atlas.pairs import NAMED, mirror_blocks
from xsg.evaluation import splits

DK = load_parcellation("dk")
# Bilateral with one region missing on each side, in an order that is not the parcellation's.
SOME = [region for region in REGIONS if region not in ("R_frontalpole", "L_insula")][::-1]
LEFT = list(REGIONS[:33])


def test_homologous_folds_partition_and_never_part_a_pair():
    held_out = splits.homologous(REGIONS, n_folds=5, seed=3)
    assert held_out.shape == (5, 68)
    assert (held_out.sum(axis=0) == 1).all()
    assert (held_out[:, :34] == held_out[:, 34:]).all()
    assert set(held_out.sum(axis=1)) == {12, 14}
    assert not np.array_equal(held_out, splits.homologous(REGIONS, n_folds=5, seed=4))


def test_a_missing_homologue_is_no_trouble():
    held_out = splits.homologous(SOME)
    assert (held_out.sum(axis=0) == 1).all()


@pytest.mark.parametrize("n_folds", [1, 35])
def test_impossible_folds_are_refused(n_folds):
    with pytest.raises(ValueError, match="expected 2 to 34"):
        splits.homologous(REGIONS, n_folds=n_folds)
    with pytest.raises(ValueError, match="expected 2 to 34"):
        splits.spatial(DK, REGIONS, n_folds=n_folds)


@pytest.mark.parametrize("name", ["homologous", "spatial", "distance", "lobe", "mirrored-blocks"])
@pytest.mark.parametrize("regions", [REGIONS, SOME, LEFT], ids=["68", "66", "33 left"])
def test_safe_splits_keep_pairs_together_silently(name, regions):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        held_out = splits.split(name, DK, regions, n_folds=4, seed=1)
    assert held_out.dtype == bool
    assert held_out.shape[1] == len(regions)
    assert held_out.any(axis=1).all()  # no fold is empty
    assert (~held_out).any(axis=1).all()  # and each trains
    assert not splits.parted_pairs(held_out, regions)
    if name != "distance":
        assert (held_out.sum(axis=0) == 1).all()


@pytest.mark.parametrize(("name", "parted"), [("random", 45), ("left-to-right", 32)])
def test_splits_that_part_pairs_warn_and_name_one(name, parted):
    with pytest.warns(splits.LeakWarning, match=r"holds \w+ out while its homologue \w+ trains") as caught:
        held_out = splits.split(name, DK, SOME, n_folds=5, seed=0)
    found = splits.parted_pairs(held_out, SOME)
    assert len(found) >= parted
    assert all(a[1:] == b[1:] and a[0] != b[0] for a, b in found)
    assert f"{found[0][0]} out while its homologue {found[0][1]} trains" in str(caught[0].message)


def test_random_folds_partition():
    with pytest.warns(splits.LeakWarning):
        held_out = splits.random(REGIONS, n_folds=7, seed=2)
    assert (held_out.sum(axis=0) == 1).all()
    assert set(held_out.sum(axis=1)) == {9, 10}


def test_left_hemisphere_alone_cannot_leak():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        splits.random(LEFT, n_folds=5)


def test_left_to_right_holds_the_right_out():
    with pytest.warns(splits.LeakWarning):
        held_out = splits.left_to_right(DK, SOME)
    assert held_out.tolist() == [[region.startswith("R_") for region in SOME]]
    with pytest.raises(ValueError, match="all 33 regions are on the left"):
        splits.left_to_right(DK, LEFT)


def test_spatial_clusters_are_compact():
    places = DK.table[["x", "y", "z"]].to_numpy() * [1, 1, 1]
    places[:, 0] = np.abs(places[:, 0])

    def nearest_in_training(held_out):
        gap = np.linalg.norm(places[:, None] - places, axis=-1)
        return np.mean([gap[np.ix_(fold, ~fold)].min(axis=1).mean() for fold in held_out])

    spatial, homologous = splits.spatial(DK, REGIONS), splits.homologous(REGIONS)
    assert nearest_in_training(spatial) > 1.2 * nearest_in_training(homologous)


def test_distance_holds_out_the_farthest_quarter_of_the_pairs():
    held_out = splits.distance(DK, SOME)
    pairs = homologous_pairs(SOME)
    assert held_out.shape == (34, 66)
    assert {len(set(pairs[fold])) for fold in held_out} == {34 // 4}
    # By hand: the fold of the pericalcarine pair, at the back, holds the frontal poles out and the cuneus in.
    fold = held_out[pairs[SOME.index("L_pericalcarine")]]
    out = {region[2:] for region, is_out in zip(SOME, fold, strict=True) if is_out}
    assert "frontalpole" in out
    assert not {"pericalcarine", "cuneus", "lingual"} & out


def test_lobes_are_the_parcellations():
    held_out = splits.lobe(DK, SOME)
    assert held_out.shape == (6, 66)
    for fold in held_out:
        assert DK.table.loc[np.array(SOME)[fold], "lobe"].nunique() == 1
    labels = np.where(DK.labels < 7, DK.labels, -1)
    bare = Parcellation.from_labels("bare", labels, dict(enumerate(REGIONS[:7])))
    with pytest.raises(ValueError, match="names no lobe for region 'L_bankssts'"):
        splits.lobe(bare, bare.regions)
    with pytest.raises(ValueError, match="all 2 regions lie in one lobe"):
        splits.lobe(DK, ["L_cuneus", "L_lingual"])


def test_order_of_the_regions_has_no_part_in_the_geometry():
    for make in (splits.distance, splits.lobe):
        folds = {frozenset(np.array(SOME)[fold]) for fold in make(DK, SOME)}
        assert folds == {frozenset(np.array(SOME[::-1])[fold]) for fold in make(DK, SOME[::-1])}


def test_bad_names_are_refused():
    with pytest.raises(ValueError, match="split 'blocked' is unknown; expected one of 'random', 'homologous'"):
        splits.split("blocked", DK, REGIONS)
    for make in (splits.distance, splits.lobe, splits.left_to_right, splits.spatial):
        with pytest.raises(ValueError, match=r"region 'L_nowhere' is not in parcellation 'dk'"):
            make(DK, [*SOME, "L_nowhere"])
    with pytest.raises(ValueError, match="region 'L_cuneus' is given twice"):
        splits.split("homologous", DK, ["L_cuneus", "L_cuneus", "L_insula"])
    with pytest.raises(ValueError, match=r"held_out has shape \(3,\)"):
        splits.parted_pairs([True, False, True], SOME)


def numbered() -> Parcellation:
    """Regions numbered within their hemisphere, the right one divided otherwise: some have no homologue."""
    labels, half = DK.labels.copy(), len(DK.labels) // 2
    y = mesh("pial").parts["right"].coordinates[:, 1]
    for row in (54, 60):  # cut two right regions in two
        mine = np.flatnonzero(labels == row)
        labels[mine[y[mine - half] > np.median(y[mine - half])]] = 100 + row
    found = np.unique(labels[labels >= 0])
    names = {k: f"{'LR'[int(k >= 34)]}_{(i * 7) % 101}" for i, k in enumerate(found)}
    return Parcellation.from_labels("uneven", labels, names)


@pytest.mark.parametrize("name", ["mirrored-blocks", "spatial", "distance"])
def test_what_lies_at_the_mirror_image_is_held_out_too_where_homologues_are_not_known(name):
    atlas = numbered()
    regions = atlas.regions[::-1]
    block = mirror_blocks(regions, atlas)
    assert block.max() + 1 == 32 < 34  # of 34 left regions: two blocks have more than one
    assert np.bincount(block).max() > 2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        held_out = splits.split(name, atlas, regions, n_folds=4, seed=1)
    told = [str(each.message) for each in caught]
    assert [f"split '{name}'" in each and "32 blocks" in each for each in told] == [True] * (name != "mirrored-blocks")
    for fold in held_out:
        assert set(block[fold]).isdisjoint(block[~fold])
    xyz = atlas.table.loc[regions, ["x", "y", "z"]].to_numpy()
    left = xyz[:, 0] < 0
    for here, there in ((left, ~left), (~left, left)):
        nearest = np.flatnonzero(there)[cdist(xyz[here] * [-1, 1, 1], xyz[there]).argmin(axis=1)]
        assert (held_out[:, here] == held_out[:, nearest]).all()
    assert splits.leaks([held_out], regions, atlas) is False
    assert not splits.parted_pairs(held_out, regions, atlas)


def test_leaks_are_told_apart():
    atlas = numbered()
    with pytest.warns(splits.PairWarning):
        unproven = splits.split("homologous", atlas, atlas.regions)
    assert splits.leaks([unproven], atlas.regions, atlas) is None
    with pytest.warns(splits.LeakWarning):
        parting = splits.split("random", atlas, atlas.regions)
    assert splits.leaks([unproven, parting], atlas.regions, atlas) is True
    assert splits.leaks([splits.homologous(REGIONS)], REGIONS) is False
    assert splits.leaks([[[True, False, False]]], ["L_1", "L_2", "R_1"]) is None  # no places, so nothing is known


def test_blocks_of_a_map_are_made_of_its_own_regions():
    """Where the nearest mirror image has no value, the next one takes its part; nobody is joined across 25 mm."""
    atlas = numbered()
    some = atlas.regions[[*range(5, 30), *range(36, 50)]]
    block = mirror_blocks(some, atlas)
    xyz = atlas.table.loc[some, ["x", "y", "z"]].to_numpy()
    for k in range(block.max() + 1):
        mine = xyz[block == k]
        left = mine[:, 0] < 0
        if left.any() and not left.all():
            assert cdist(mine[left] * [-1, 1, 1], mine[~left]).min() <= NAMED
    alone = [k for k in range(block.max() + 1) if (block == k).sum() == 1]
    assert alone
    with pytest.raises(ValueError, match=r"expected 2 to 32, the number of blocks of mirror images"):
        splits.mirrored_blocks(atlas, atlas.regions, n_folds=35)


def test_a_cortex_of_pairs_has_its_pairs_for_blocks():
    for seed in (0, 5):
        ours = splits.split("mirrored-blocks", DK, SOME, seed=seed)
        assert np.array_equal(ours, splits.homologous(SOME, seed=seed))
