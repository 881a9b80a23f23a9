"""Splits: who is held out together, and what is said about a leak."""

import warnings

import numpy as np
import pytest

from xsg.atlas import REGIONS, Parcellation, homologous_pairs, load_parcellation
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


@pytest.mark.parametrize("name", ["homologous", "spatial", "distance", "lobe"])
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
