"""The fsaverage5 surface that nilearn bundles: meshes, vertices and edges."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from xsg.check import choice
from xsg.files import package_folder

if TYPE_CHECKING:
    from nilearn.surface import PolyMesh

    from xsg.atlas.parcellation import Parcellation


_FILES = {"pial": "pial", "white_matter": "white", "inflated": "infl", "sphere": "sphere", "flat": "flat"}


@lru_cache
def mesh(surface: str = "pial") -> PolyMesh:
    """Return an fsaverage5 surface mesh bundled with nilearn: pial, white_matter, inflated, sphere or flat."""
    from nilearn.datasets import load_fsaverage

    meshes = load_fsaverage("fsaverage5")
    return meshes[choice(surface, [key for key in meshes if key != "description"], "surface of fsaverage5")]


@lru_cache
def _bundled(surface: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Coordinates and faces of the two hemispheres, as `mesh` has them, without the second that importing it takes."""
    import nibabel

    folder = package_folder("nilearn", "datasets", "data", "fsaverage5")
    files = (folder / f"{_FILES[surface]}_{side}.gii.gz" for side in ("left", "right"))
    return [nibabel.load(file).agg_data(("pointset", "triangle")) for file in files]


def coordinates(surface: str) -> np.ndarray:
    """Vertex coordinates (20484, 3) in mm, left hemisphere first."""
    return np.concatenate([points for points, _ in _bundled(surface)])


@lru_cache
def mesh_edges() -> np.ndarray:
    """Every pair of vertices (E, 2) that share a side of a triangle; each pair once, smaller index first."""
    (points, left), (_, right) = _bundled("pial")
    faces = np.concatenate([left, right + len(points)])
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0)


@lru_cache
def distances(parcellation: Parcellation, kind: str = "euclidean") -> pd.DataFrame:
    """Distance between regions in mm, (n, n).

    Parameters
    ----------
    parcellation
        Any parcellation of fsaverage5.
    kind
        ``"euclidean"``: between centroids. ``"geodesic"``: the shortest path along mesh edges of the mid-surface
        (halfway between white and pial) between the vertices nearest to the centroids, staying off the medial wall;
        infinite between hemispheres, and to what lies below the cortex.

    Examples
    --------
    >>> from xsg.atlas import load_parcellation
    >>> dk = load_parcellation("dk")
    >>> along, straight = distances(dk, "geodesic"), distances(dk)
    >>> bool(along.loc["L_cuneus", "L_insula"] > straight.loc["L_cuneus", "L_insula"])
    True
    """
    regions = parcellation.regions
    centroids = parcellation.table[["x", "y", "z"]].to_numpy()
    if choice(kind, ("euclidean", "geodesic"), "kind of distance") == "euclidean":
        found = np.linalg.norm(centroids[:, None] - centroids[None], axis=-1)
        return pd.DataFrame(found, index=regions, columns=regions)
    pial = coordinates("pial")
    middle = (pial + coordinates("white_matter")) / 2
    edges = mesh_edges()
    edges = edges[(parcellation.labels[edges] >= 0).all(axis=1)]
    lengths = np.linalg.norm(middle[edges[:, 0]] - middle[edges[:, 1]], axis=1)
    surface = sparse.coo_array((lengths, edges.T), shape=(len(middle), len(middle))).tocsr()
    shown = np.flatnonzero(~parcellation.subcortical)
    centres = np.zeros(len(regions), dtype=int)
    for row, centroid in zip(shown, centroids[shown], strict=True):
        vertices = np.flatnonzero(parcellation.labels == row)
        centres[row] = vertices[np.linalg.norm(pial[vertices] - centroid, axis=1).argmin()]
    found = np.where(np.eye(len(regions), dtype=bool), 0.0, np.inf)
    ends = centres[shown]
    found[np.ix_(shown, shown)] = dijkstra(surface, directed=False, indices=ends)[:, ends]
    # The two directions differ by rounding only; a distance is symmetric to the bit.
    return pd.DataFrame(np.minimum(found, found.T), index=regions, columns=regions)
