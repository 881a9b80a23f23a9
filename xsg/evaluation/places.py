"""Places of the cortex whose values may change with one another: where they lie, who gets whose when all are turned."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.linalg import orthogonal_procrustes
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import pdist, squareform

from xsg.atlas import Parcellation
from xsg.atlas.pairs import nearest_mirror
from xsg.atlas.surface import coordinates
from xsg.evaluation.splits import checked_regions

_OPPOSITE = 6.0  # mm
_FEWEST = 10  # places: fewer leave no room for a rotation, and the variogram no neighbours


class Sheet(NamedTuple):
    """Places whose values may change with each other, seen as if all were on the left."""

    rows: np.ndarray  # (places, hemispheres) row of the map with the place's value, its homologue's where it has none
    present: np.ndarray  # (places, hemispheres) whether the map has a region there
    sphere: np.ndarray  # (places, 3) unit vectors
    folded: np.ndarray  # (places, 3) centroids |x|, y, z in mm


def sheets_of(parcellation: Parcellation, regions: pd.Index | list[str], below: bool = False) -> list[Sheet]:
    """Arrange the cortex's regions into places: one sheet of homologous pairs, or one for each hemisphere.

    With ``below``, those below the cortex in the same way, if there are any; they have no place on the sphere (0).
    """
    regions = checked_regions(parcellation, regions)
    # In the parcellation's order, so that the order of a map's regions has no part in the draw.
    mine = parcellation.regions[parcellation.regions.isin(regions) & (parcellation.subcortical == below)]
    side = parcellation.table.loc[mine, "hemisphere"]
    twin = parcellation.homologue
    if side.nunique() == 2 and mine.isin(twin.index).all():
        left = pd.unique(pd.Series([name if side[name] == "L" else twin[name] for name in mine]))
        names = [np.column_stack([left, twin[left]])]
    else:
        names = [mine[side == hemisphere].to_numpy()[:, None] for hemisphere in "LR" if (side == hemisphere).any()]
    sphere, folded = folded_centroids(parcellation)
    if len(names) == 2:  # each hemisphere for itself: the same rotation must move homologous places alike
        right = parcellation.table["hemisphere"].to_numpy() == "R"
        sphere[right] = sphere[right] @ right_to_left()
    found = []
    for places in names:
        if len(places) < _FEWEST and not below:
            raise ValueError(
                f"{len(places)} places to exchange values between, such as {places[0, 0]!r}; expected at least "
                f"{_FEWEST} in a hemisphere. A map this small has no spatial null. If it is thresholded, give the "
                "whole one; or take an atlas of more regions."
            )
        rows = regions.get_indexer(places.ravel()).reshape(places.shape)
        present = rows >= 0
        numbers = parcellation.regions.get_indexer(places.ravel()).reshape(places.shape)
        middle = _unit(sphere[numbers].mean(axis=1))
        found.append(Sheet(np.where(present, rows, rows[:, ::-1]), present, middle, folded[numbers].mean(axis=1)))
    return found


def folded_centroids(parcellation: Parcellation) -> tuple[np.ndarray, np.ndarray]:
    """Centroids on the unit sphere and on the pial surface (mm), both (n, 3), the right hemisphere mirrored.

    What lies below the cortex is at 0 in the first, and at its own centroid in the second.
    """
    points = coordinates("sphere").astype(float)
    labels = parcellation.labels
    inside = labels >= 0
    n = len(parcellation.regions)
    sphere = np.column_stack([np.bincount(labels[inside], points[inside, axis], n) for axis in range(3)])
    sphere = _unit(sphere)
    mirror = np.where(parcellation.table["hemisphere"].to_numpy() == "R", -1.0, 1.0)
    sphere[:, 0] *= mirror
    folded = parcellation.table[["x", "y", "z"]].to_numpy(dtype=float, copy=True)
    folded[:, 0] *= -mirror
    return sphere, folded


@lru_cache
def right_to_left() -> np.ndarray:
    """Return the rotation (3, 3) that lays the mirrored right sphere onto the left one: points (n, 3) @ rotation.

    fsaverage's spheres are no mirror images of each other: vertices that lie opposite each other on the pial surface
    (within 6 mm) are 15 degrees apart when the right sphere is mirrored, and 2 after this rotation, by 18 degrees.

    Examples
    --------
    >>> float(np.degrees(np.arccos((np.trace(right_to_left()) - 1) / 2)).round())
    18.0
    """
    (left, right), (here, there) = (np.split(coordinates(name).astype(float), 2) for name in ("pial", "sphere"))
    gap, over = nearest_mirror(left, right)
    opposite = gap < _OPPOSITE
    mirrored = _unit(there[over[opposite]] * [-1, 1, 1])
    return orthogonal_procrustes(mirrored, _unit(here[opposite]))[0]


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors (n, 3) to length 1, but for those of length 0."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def reassign(points: np.ndarray, turns: np.ndarray, rule: str) -> np.ndarray:
    """Whose value each of the points (places, 3) gets after rotations (n, 3, 3): int (n, places)."""
    turned = points @ turns
    chord = np.sqrt(np.maximum(2 - 2 * points @ turned.transpose(0, 2, 1), 0))  # (n, place, turned place)
    if rule == "nearest":
        return chord.argmin(axis=2)
    if rule == "hungarian":
        return np.stack([linear_sum_assignment(cost)[1] for cost in chord])
    return _greedy(chord)


def _greedy(chord: np.ndarray) -> np.ndarray:
    """Assign one to one, who is worst off choosing first; all rotations at once. Uses up ``chord``."""
    n, places, _ = chord.shape
    every = np.arange(n)
    nearest = chord.argmin(axis=2)
    distance = np.take_along_axis(chord, nearest[..., None], axis=2)[..., 0]
    found = np.empty((n, places), dtype=int)
    for _ in range(places):
        place = distance.argmax(axis=1)
        taken = nearest[every, place]
        found[every, place] = taken
        chord[every, :, taken] = np.inf
        distance[every, place] = -np.inf
        # Only who lost their nearest must look again.
        turn, loser = np.nonzero((nearest == taken[:, None]) & (distance > -np.inf))
        nearest[turn, loser] = chord[turn, loser].argmin(axis=1)
        distance[turn, loser] = chord[turn, loser, nearest[turn, loser]]
    return found


def distances_between(sheets: list[Sheet]) -> np.ndarray:
    """Distance between places in mm, hemispheres folded onto each other, (places, places).

    Where homologues are not paired, a right region may come to lie on a left one. Such pairs are set as far apart as
    the two closest regions of one hemisphere, so that 1/d does not make them the only neighbours there are.
    """
    distance = squareform(pdist(np.concatenate([sheet.folded for sheet in sheets])))
    closest = min(pdist(sheet.folded).min() for sheet in sheets)
    return np.where(np.eye(len(distance), dtype=bool), 0.0, np.maximum(distance, closest))
