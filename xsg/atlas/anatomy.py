"""Anatomy: can labels and centres that are given for regions of the cortex be true."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from xsg import names as naming
from xsg.check import array, instance, some

FAR = 40.0  # mm; a centre farther from the cortex than that is in another unit or on another side
_DEEP = 16.0  # mm; no region's centre lies deeper below the cortex, where there are many (largest seen: 13)
_MANY = 20
_ACROSS = 10.0  # mm; how far beyond the midline a centre may lie
_VERTICES = {
    81924: "fsaverage6",
    327684: "fsaverage (fsaverage7)",
    5124: "fsaverage4",
    64984: "fs_LR 32k",
    59412: "fs_LR 32k without its medial wall",
    10242: "one hemisphere of fsaverage5",
    40962: "one hemisphere of fsaverage6",
    163842: "one hemisphere of fsaverage",
    32492: "one hemisphere of fs_LR 32k",
}


def vertex_labels(labels: object, n: int) -> np.ndarray:
    """Return one whole number a vertex of fsaverage5, or refuse what is none."""
    found = array(labels, "labels", finite=False)
    if found.ndim == 2 and max(found.shape) == found.size:
        found = found.ravel()
    if found.shape != (n,):
        mesh = _VERTICES.get(found.size, "")
        raise ValueError(
            f"labels: expected one per fsaverage5 vertex, shape ({n},) with the left hemisphere first, got "
            f"{found.shape}{f', as {mesh} has' if mesh else ''}. Resample the parcellation to fsaverage5 first"
            + (", or add the other hemisphere's vertices with label -1." if found.size == n // 2 else ".")
        )
    odd = ~(found == np.round(found))  # NaN too
    if odd.any():
        where = int(odd.argmax())
        raise ValueError(
            f"labels: vertex {where} has {found[where]:g}; expected whole numbers, -1 where there is no region. "
            "Is this a map of values?"
        )
    return found.astype(np.int64)


def region_names(names: object, what: str) -> dict[int, str]:
    """Return label -> name of those labels that are regions, in order; the medial wall and the background are not."""
    way_out = "A list does not tell which label each name belongs to, e.g. whether label 0 is counted: "
    way_out += "dict(enumerate(names, start=1))."
    instance(names, (Mapping, pd.Series), f"names of {what!r}", "a dict of label -> region name", way_out)
    found = {}
    for label, region in dict(names).items():
        try:
            key = int(label)
        except (TypeError, ValueError):
            key = None
        if key is None or key != label:
            raise ValueError(f"names of {what!r}: {label!r} is no label; expected whole numbers, as in the labels.")
        if not (region is None or region is pd.NA or region != region):
            found[key] = region
    return found


def refuse_misplaced(
    what: str, labels: np.ndarray, names: Mapping[int, str], wall: np.ndarray, regions: Mapping[int, str]
) -> None:
    """Refuse names that stand at wrong labels: the medial wall called a region, a region called the wall.

    Parameters
    ----------
    what
        Name of the parcellation.
    labels
        int array (vertices,).
    names
        Label -> name, those of the wall among them.
    wall
        bool array (vertices,), the medial wall of the Desikan-Killiany parcellation.
    regions
        Those of ``names`` that are regions.

    Warns
    -----
    UserWarning
        If labels with vertices off the medial wall have no name.
    """
    left = np.arange(len(labels)) < len(labels) // 2
    shifted = "The names are probably one off: is the label of the medial wall (0, 'unknown') counted among them?"
    nameless = []
    for label in np.unique(labels):
        here = labels == label
        of_label = wall[here].mean()
        sides = [side for side in (left, ~left) if (here & side).any()]
        of_wall = max((here & wall & side).sum() / (wall & side).sum() for side in sides)
        name = names.get(int(label))
        if int(label) in regions:
            # Parcellations differ in where the wall ends, and small regions may lie in what is wall to others.
            if of_label > 0.9 and of_wall > 0.125:
                raise ValueError(
                    f"region {name!r} (label {label}) of {what!r} is the medial wall: {of_label:.0%} of its "
                    f"{here.sum()} vertices lie there. {shifted}"
                )
        elif name is not None:
            if of_label < 0.5 and of_wall < 0.1:
                raise ValueError(
                    f"label {label} of {what!r} is called {name!r}, but {1 - of_label:.0%} of its {here.sum()} "
                    f"vertices lie off the medial wall. {shifted}"
                )
        elif label >= 0 and of_label < 0.5 and (label > 0 or of_wall < 0.5):
            nameless.append((int(label), int(here.sum())))
    if nameless:
        warnings.warn(
            f"{len(nameless)} labels of {what!r} have no name, so that {sum(n for _, n in nameless)} vertices of the "
            f"cortex belong to no region: {some(label for label, _ in nameless)}. Name them, or set their vertices to "
            "-1 if they are to be left out.",
            UserWarning,
            stacklevel=4,
        )


def refuse_no_cortex(what: str, regions: pd.Index) -> None:
    """Refuse regions whose names say that they are none of the cortex."""
    none = [name for name in regions if naming.background(name)]
    if none:
        raise ValueError(f"regions of {what!r}: {str(none[0])!r} is no region of the cortex. Leave it out.")
    below = [name for name in regions if naming.subcortical(name)]
    if below:
        raise ValueError(
            f"regions of {what!r}: {len(below)} lie below the cortex and have no vertex on its surface: {some(below)}. "
            "Leave their rows out; a map of the cortex cannot hold them. Atlases that have some of them are called "
            "'…+subcortex': xsg.load_atlas('desikan+subcortex'), or Parcellation.with_subcortex() of one of your own."
        )


def refuse_wrong_places(what: str, table: pd.DataFrame, known: pd.DataFrame) -> None:
    """Refuse regions on the side that their name denies, or far from where they are known to be.

    Parameters
    ----------
    what
        Name of the parcellation.
    table
        By region: ``hemisphere`` ("L"/"R"), ``x``, ``y``, ``z`` in mm.
    known
        The same of the Desikan-Killiany regions, whose places are known.
    """
    side = np.array([naming.side(name) for name in table.index], dtype=object)
    wrong = (side != None) & (side != table["hemisphere"].to_numpy())  # noqa: E711 (elementwise)
    if wrong.any() and {"L", "R"} <= set(side):
        first = table.index[wrong][0]
        raise ValueError(
            f"regions of {what!r}: {int(wrong.sum())} lie in the hemisphere that their name denies, the first "
            f"{str(first)!r}, which lies in {table['hemisphere'][first]!r}. The left hemisphere's vertices come first, "
            "and x is negative there."
        )
    meant = naming.translate(table.index, known.index)
    if len(meant) >= 3:
        xyz = ["x", "y", "z"]
        apart = np.linalg.norm(
            table.loc[list(meant), xyz].to_numpy(dtype=float) - known.loc[list(meant.values()), xyz].to_numpy(), axis=1
        )
        if (apart > FAR).mean() > 0.5:
            worst = list(meant)[int(apart.argmax())]
            raise ValueError(
                f"regions of {what!r}: {int((apart > FAR).sum())} of {len(meant)} with names of the Desikan-Killiany "
                f"parcellation lie more than {FAR:.0f} mm from there, {str(worst)!r} {apart.max():.0f} mm. Are the "
                "names in another order than the labels or centres?"
            )


def refuse_other_units(what: str, table: pd.DataFrame) -> None:
    """Refuse centres that are voxel indices, metres or centimetres, or on the other side."""
    xyz, left = table[["x", "y", "z"]].to_numpy(dtype=float), (table["hemisphere"] == "L").to_numpy()
    largest = np.abs(xyz).max()
    if len(table) >= 3 and largest < 15:
        unit, times = ("metres", 1000) if largest < 0.2 else ("centimetres", 10)
        raise ValueError(
            f"regions of {what!r}: no coordinate is larger than {largest:g}. Are x, y, z in {unit}? Expected mm: "
            f"multiply by {times}."
        )
    if len(table) >= 3 and left.any() and (xyz >= 0).all():
        raise ValueError(
            f"regions of {what!r}: no coordinate is negative, as in voxel indices. Expected mm, 0 at the anterior "
            "commissure, left negative: nibabel.affines.apply_affine(image.affine, centres)."
        )
    beyond = np.where(left, xyz[:, 0], -xyz[:, 0])
    if (beyond > 0).mean() > 0.5:
        raise ValueError(
            f"regions of {what!r}: {int((beyond > 0).sum())} of {len(table)} centres lie on the other side of the "
            f"midline, the first {str(table.index[beyond > 0][0])!r} at x = {xyz[beyond > 0][0, 0]:g}. Expected right "
            "to be positive: multiply x by -1, and y too if they are in LPS (ITK, DICOM)."
        )
    if (beyond > _ACROSS).any():
        first = int((beyond > _ACROSS).argmax())
        raise ValueError(
            f"regions of {what!r}: the centre of {str(table.index[first])!r}, hemisphere "
            f"{table['hemisphere'].iloc[first]!r}, lies at x = {xyz[first, 0]:g} mm, on the other side. Mend the sign "
            "or the hemisphere."
        )


def refuse_deep(what: str, centres: pd.DataFrame, side: str, cortex: np.ndarray) -> None:
    """Refuse centres of one hemisphere that lie far from, or deep below, its cortex (vertices, 3)."""
    far, _ = KDTree(cortex).query(centres.to_numpy())
    worst = int(far.argmax())
    if far[worst] > FAR:
        raise ValueError(
            f"regions of {what!r}: the centre of {str(centres.index[worst])!r}, {centres.iloc[worst].tolist()} mm, "
            f"lies {far[worst]:.0f} mm from the {side} hemisphere. Are x, y, z in mm, and is right positive?"
        )
    if far[worst] > _DEEP and len(centres) >= _MANY:
        raise ValueError(
            f"regions of {what!r}: the centre of {str(centres.index[worst])!r}, {centres.iloc[worst].tolist()} mm, "
            f"lies {far[worst]:.0f} mm below the cortex of the {side} hemisphere. Is it subcortical? Leave its row out."
        )
