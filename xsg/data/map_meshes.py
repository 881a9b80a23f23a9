"""Meshes: which surface a number of vertices means, and an atlas's labels on each of them.

fsaverage5's labels are the atlas's own. fsaverage6 and fsaverage are fsaverage5 with each triangle parted in four, once
and twice: what lies in the middle of a side belongs to the region of both its ends, if it is one. fs_LR 32k has another
order of vertices: Schaefer's parcels come with brainspace; other atlases' labels are those of fsaverage5's nearest
vertex.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import KDTree

from xsg.atlas.surface import coordinates, mesh
from xsg.files import package_folder

if TYPE_CHECKING:
    from xsg.atlas import Parcellation

_BRAINSPACE = ("brainspace", "datasets")
MESHES = {"fsaverage5": 10242, "fsaverage6": 40962, "fsaverage": 163842, "fs_LR 32k": 32492}
_OTHERS = {
    642: "fsaverage3", 2562: "fsaverage4", 4002: "fs_LR 4k", 7842: "fs_LR 8k", 59292: "fs_LR 59k",
    20484: "both hemispheres of fsaverage5 in one", 81924: "both hemispheres of fsaverage6 or CIVET in one",
    327684: "both hemispheres of fsaverage in one", 64984: "both hemispheres of fs_LR 32k in one",
    59412: "both hemispheres of fs_LR 32k without the medial wall",
    29696: "the left hemisphere of fs_LR 32k without the medial wall",
    29716: "the right hemisphere of fs_LR 32k without the medial wall", 91282: "HCP's grayordinates",
}  # fmt: skip
# Meshes of other families with as many vertices: the number alone does not tell them apart.
TWINS = {"fsaverage6": "CIVET 41k", "fsaverage": "fs_LR 164k and CIVET 164k", "fsaverage5": "fs_LR 10k"}


def mesh_of(n: int, what: str) -> str:
    """Return the mesh that has n vertices a hemisphere, or refuse and name what it is.

    Examples
    --------
    >>> mesh_of(40962, "lh.area.mgh")
    'fsaverage6'
    """
    for name, size in MESHES.items():
        if n == size:
            return name
    is_it = f", as {_OTHERS[n]} has" if n in _OTHERS else ": a person's own surface, or another mesh"
    way_out = (
        "Write the two hemispheres to files of their own."
        if "both" in is_it
        else "Resample it (mri_surf2surf --trgsubject fsaverage5, or wb_command -metric-resample)."
    )
    known = ", ".join(f"{name} ({size})" for name, size in MESHES.items())
    raise ValueError(f"{what} has {n} vertices{is_it}; expected one hemisphere of {known}. {way_out}")


@lru_cache
def parents(level: int) -> np.ndarray:
    """Return the two ends of the side on whose middle each new vertex of a finer mesh lies, (m, 2).

    FreeSurfer's fsaverage6 (level 6) keeps fsaverage5's vertices and adds the middles of its sides, triangle by
    triangle; fsaverage (level 7) does so with fsaverage6. Level 5 gives those of fsaverage4.
    """
    return _parted(_faces(level - 1))[0]


@lru_cache
def _faces(level: int) -> np.ndarray:
    five = np.asarray(mesh("sphere").parts["left"].faces)
    if level == 5:
        return five
    if level > 5:
        return _parted(_faces(level - 1))[1]
    # The first quarter of a mesh's triangles each keep one corner of a coarser one, in its order: corner a and the
    # middles of ab and ac. The other ends of those two sides are b and c.
    n, corners = 2562, five[: len(five) // 4]
    sides = np.sort(np.concatenate([five[:, [0, 1]], five[:, [1, 2]], five[:, [2, 0]]]), axis=1)
    sides = np.unique(sides[(sides < n).sum(axis=1) == 1], axis=0)
    ends: dict[int, list] = {}
    for old, new in sides:
        ends.setdefault(int(new), []).append(int(old))
    other = lambda middle, a: sum(ends[int(middle)]) - int(a)  # noqa: E731
    return np.array([[a, other(ab, a), other(ac, a)] for a, ab, ac in corners])


def _parted(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Part each triangle in four: the ends of the sides in whose middles vertices are added, and the new triangles."""
    n = int(faces.max()) + 1
    sides = faces[:, [[0, 2], [2, 1], [1, 0]]].reshape(-1, 2)
    key = np.sort(sides, axis=1) @ np.array([n, 1])
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    ac, bc, ab = (n + rank[which]).reshape(-1, 3).T
    a, b, c = faces.T
    rest = np.stack([[ac, bc, c], [ab, bc, ac], [ab, b, bc]]).transpose(2, 0, 1).reshape(-1, 3)
    return sides[first[order]], np.concatenate([np.column_stack([a, ab, ac]), rest])


@lru_cache
def mesh_labels(parcellation: Parcellation, name: str) -> np.ndarray:
    """Return the row of the region of each vertex of a mesh, left hemisphere first; −1 for none.

    On the finer meshes a vertex in the middle of a side belongs to the region of both ends; between two regions it
    belongs to neither.
    """
    if name == "fs_LR 32k":
        return conte69_labels(parcellation)
    halves = np.split(parcellation.labels, 2)
    for level in {"fsaverage6": (6,), "fsaverage": (6, 7)}.get(name, ()):
        ends = parents(level)
        halves = [np.concatenate([half, _shared(half[ends])]) for half in halves]
    return np.concatenate(halves)


def _shared(ends: np.ndarray) -> np.ndarray:
    return np.where(ends[:, 0] == ends[:, 1], ends[:, 0], -1)


def conte69_labels(parcellation: Parcellation) -> np.ndarray:
    """Return the row of each fs_LR 32k vertex's region (64984,), left first; −1 for none."""
    regions = int((parcellation.table["n_vertices"] > 0).sum())
    own = package_folder(*_BRAINSPACE, "parcellations") / f"schaefer_{regions}_conte69.csv"
    if parcellation.name.startswith(f"schaefer{regions}") and own.is_file():
        return np.loadtxt(own, dtype=int) - 1
    return carried(parcellation.labels)


def carried(labels: np.ndarray) -> np.ndarray:
    """Carry labels of fsaverage5 (20484,) to fs_LR 32k (64984,): each vertex takes that of the nearest labelled one.

    Nearest on the surface midway between white and pial; the medial wall of fs_LR stays without a region.
    """
    import nibabel

    middle = np.split((coordinates("pial") + coordinates("white_matter")) / 2, 2)
    found = []
    for place, side in enumerate(("lh", "rh")):
        xyz = nibabel.load(package_folder(*_BRAINSPACE, "surfaces") / f"conte69_32k_{side}.gii").darrays[0].data
        half = np.split(labels, 2)[place]
        inside = np.flatnonzero(half >= 0)
        nearest = inside[KDTree(middle[place][inside]).query(xyz)[1]]
        found.append(np.where(wall("fs_LR 32k")[place], -1, half[nearest]))
    return np.concatenate(found)


@lru_cache
def wall(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return where the medial wall is, bool by vertex, left and right: on fs_LR 32k or fsaverage5."""
    if name == "fs_LR 32k":
        folder = package_folder(*_BRAINSPACE, "surfaces")
        return tuple(np.loadtxt(folder / f"conte69_32k_{side}_mask.csv", dtype=int) == 0 for side in ("lh", "rh"))
    from xsg.atlas import load_parcellation

    return tuple(np.split(load_parcellation("dk").labels < 0, 2))
