"""Meshes: the finer fsaverage follow from the coarser, and labels carried to fs_LR are those that are known there."""

import nibabel
import numpy as np
import pytest

from xsg.atlas.surface import mesh
from xsg.data.atlases import load_atlas
from xsg.data.map_meshes import _faces, _parted, carried, conte69_labels, mesh_labels, parents


def test_the_rule_that_makes_finer_meshes_makes_fsaverage5_of_fsaverage4():
    ends, faces = _parted(_faces(4))
    assert np.array_equal(faces, np.asarray(mesh("sphere").parts["right"].faces))
    xyz = np.asarray(mesh("sphere").parts["left"].coordinates)
    middle = xyz[ends].mean(axis=1)
    middle *= 100 / np.linalg.norm(middle, axis=1, keepdims=True)
    assert np.linalg.norm(middle - xyz[2562:], axis=1).max() < 0.02  # mm, on a sphere of 100
    assert [len(parents(level)) for level in (5, 6, 7)] == [7680, 30_720, 122_880]


def test_finer_labels_keep_the_coarser_ones_and_leave_borders_open():
    atlas = load_atlas("desikan")
    five, seven = (np.split(mesh_labels(atlas, name), 2) for name in ("fsaverage5", "fsaverage"))
    for coarse, fine in zip(five, seven, strict=True):
        assert np.array_equal(fine[:10242], coarse)
        assert 0.6 < (fine >= 0).mean() < (coarse >= 0).mean()


@pytest.mark.parametrize(("parcels", "agree"), [(100, 0.86), (200, 0.81), (300, 0.78), (400, 0.75)])
def test_labels_carried_to_fs_lr_agree_where_both_are_known(parcels, agree, real_data):
    atlas = load_atlas(f"schaefer{parcels}")
    known, taken = conte69_labels(atlas), carried(atlas.labels)
    there = known >= 0
    assert there.mean() > 0.89
    assert (known == taken)[there].mean() > agree
    wrong = there & (known != taken) & (taken >= 0)
    sides = atlas.table["hemisphere"].to_numpy()
    assert (sides[known[wrong]] == sides[taken[wrong]]).all()


def test_regional_means_with_carried_labels_are_those_with_the_known_ones(real_data):
    sides = [nibabel.load(real_data / f"human/samples/{side}.conte69_32k_thickness.gii") for side in ("lh", "rh")]
    thickness = np.concatenate([side.darrays[0].data for side in sides])
    atlas = load_atlas("schaefer400")
    means = []
    for rows in (conte69_labels(atlas), carried(atlas.labels)):
        there = (rows >= 0) & (thickness > 0)
        means.append(np.bincount(rows[there], thickness[there], 400) / np.bincount(rows[there], minlength=400))
    assert np.corrcoef(*means)[0, 1] > 0.99
