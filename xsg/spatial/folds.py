"""Folds of voxels that do not leak: whole cubes, slabs or hemispheres, with a buffer round what is held out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from xsg.check import array, choice, number
from xsg.spatial.mouse import AXES, SHAPE, SPACING, fold

VOXEL_SPLITS = ("random", "blocks", "slabs", "hemisphere")
CUBE = 8  # voxels; side of a block
BUFFER = 2.0  # voxels; training voxels as near as that to a held-out one are left out


class Fold(NamedTuple):
    """Voxels that train and voxels that are held out, bool (n,) each; the buffer between them is in neither."""

    train: np.ndarray
    held_out: np.ndarray


def voxel_folds(
    voxels: pd.DataFrame | np.ndarray, split: str = "blocks", n_folds: int = 5, seed: int = 0, buffer: float = BUFFER
) -> list[Fold]:
    """Divide voxels into folds; every voxel is held out once.

    Parameters
    ----------
    voxels
        Grid index AP, SI, LR of each (n, 3); the columns of a DataFrame in any order, those of an array in this one.
    split
        ``"random"``: voxel by voxel, no buffer. ``"blocks"``: cubes of 8 voxels (1.6 mm), dealt to the folds, each
        together with its mirror image. ``"slabs"``: contiguous runs of coronal sections of about equal size.
        ``"hemisphere"``: two folds, left and right.
    n_folds
        Number of folds; "hemisphere" has two.
    seed
        Of the deal of "random" and "blocks".
    buffer
        Training voxels as near as that (in voxels) to a held-out one are left out.

    Returns
    -------
    list of Fold

    Notes
    -----
    Which voxels are held out together does not depend on the order in which they stand.

    Raises
    ------
    TypeError, ValueError
        No places on the grid; unknown split; too few voxels, cubes or sections for the folds; a fold that leaves
        nothing to train on.

    Examples
    --------
    >>> line = np.stack([np.arange(12), np.full(12, 20), np.full(12, 10)], axis=1)
    >>> first = voxel_folds(line, "slabs", n_folds=3)[0]
    >>> first.held_out.astype(int).tolist(), first.train.astype(int).tolist()
    ([1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    """
    place = voxel_places(voxels)
    choice(split, VOXEL_SPLITS, "split")
    n_folds, seed = number(n_folds, "n_folds", whole=True), number(seed, "seed", 0, whole=True)
    buffer = number(buffer, "buffer", 0)
    if split == "hemisphere":
        n_folds, unit = 2, (place[:, 2] > 28.5).astype(int)
    elif split == "random":
        unit = grid_order(place).argsort()  # as they come in a table that is in the order of the grid
    elif split == "slabs":
        unit = place[:, 0].astype(int)
    else:
        unit = np.unique((fold(place) // CUBE).astype(int), axis=0, return_inverse=True)[1].reshape(-1)
    names, unit, size = np.unique(unit, return_inverse=True, return_counts=True)
    if not 2 <= n_folds <= len(names):
        what = {"random": "voxels", "blocks": "cubes", "slabs": "sections", "hemisphere": "hemispheres"}[split]
        raise ValueError(f"{n_folds} folds of {len(names)} {what}; expected 2 to {len(names)}.")
    if split in ("slabs", "hemisphere"):
        fold_of = np.minimum((np.cumsum(size) - size / 2) * n_folds // len(place), n_folds - 1).astype(int)
    elif split == "random":
        fold_of = np.random.default_rng(seed).permutation(len(names)) % n_folds
    else:
        fold_of, load = np.empty(len(names), int), np.zeros(n_folds)
        for each in np.random.default_rng(seed).permutation(len(names)):
            fold_of[each] = load.argmin()
            load[load.argmin()] += size[each]
    found = []
    for k in range(n_folds):
        held_out = fold_of[unit] == k
        train = ~held_out
        if split != "random" and held_out.any() and train.any():
            distance = cKDTree(place[held_out]).query(place[train], distance_upper_bound=buffer + 1e-6)[0]
            train[train] = ~np.isfinite(distance)
        if not held_out.any() or not train.any():
            empty = "leaves no voxel to train on" if held_out.any() else "holds no voxel out"
            raise ValueError(f"fold {k + 1} of split {split!r} {empty}: use fewer folds or a smaller buffer.")
        found.append(Fold(train, held_out))
    return found


def voxel_places(voxels: object) -> np.ndarray:
    """Return grid indices AP, SI, LR (n, 3), columns found by name, or refuse what is no place on the grid."""
    if isinstance(voxels, pd.DataFrame) and not isinstance(voxels.columns, pd.RangeIndex):
        if not set(AXES) <= set(voxels.columns) or not voxels.columns.is_unique:
            raise ValueError(f"voxels: columns are {list(voxels.columns)}; expected {list(AXES)}, in any order.")
        voxels = voxels[list(AXES)]
    place = array(voxels, "voxels", 2)
    if place.shape[1] != 3 or not len(place):
        raise ValueError(f"voxels has shape {place.shape}; expected (n, 3), the grid index AP, SI, LR of each.")
    if (odd := ((place < 0) | (place >= SHAPE)).any(axis=1)).any():
        raise ValueError(
            f"voxel {tuple(place[odd][0].tolist())} lies outside the {' × '.join(map(str, SHAPE))} grid; expected grid "
            f"indices AP, SI, LR, no µm (one voxel is {SPACING:g} µm)."
        )
    return place


def grid_order(place: np.ndarray) -> np.ndarray:
    """Return the rows in the order of the grid, by AP, then SI, then LR: so order and ties do not hang on the table."""
    return np.lexsort(place.T[::-1])
