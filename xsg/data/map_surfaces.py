"""Surfaces: GIFTI and FreeSurfer maps on fsaverage5, fsaverage6, fsaverage or fs_LR 32k to one value a region."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsg.data.map_files import kind, load_image
from xsg.data.map_meshes import MESHES, TWINS, mesh_labels, mesh_of, wall
from xsg.data.map_values import (
    Reading,
    hemisphere_of,
    p_values,
    place_of,
    pooled,
    real,
    refuse_empty,
    refuse_labels,
    shown,
    used,
)

if TYPE_CHECKING:
    from xsg.atlas import Parcellation

SIDES = {"L": "left", "R": "right"}
_OTHER_FAMILY = re.compile(r"civet|fs_?lr", re.IGNORECASE)
_UNITS = {"NIFTI_INTENT_TTEST": "t", "NIFTI_INTENT_ZSCORE": "z", "NIFTI_INTENT_FTEST": "F", "NIFTI_INTENT_CORREL": "r"}


def read_surfaces(
    files: dict[str | None, object],
    parcellation: Parcellation,
    *,
    what: str,
    unit: str | None = None,
    space: str | None = None,
    which: object = None,
    mask: dict[str | None, object] | None = None,
    sure: bool = False,
) -> Reading:
    """Read the map of one or both hemispheres.

    Parameters
    ----------
    files
        By hemisphere (``"L"``, ``"R"``; None where only the file itself can tell): a path, or a GIFTI image.
    parcellation
        Its regions get the values.
    what, unit, space
        As `read_volume` takes them; the space is the name of a mesh.
    which
        Number or name of the map where a file holds several.
    mask
        As ``files``: what is above zero in the analysis.
    sure
        Whether the caller's word for the hemispheres counts more than that of headers and names.

    Raises
    ------
    ValueError
        If a hemisphere cannot be told or is contradicted, both are the same, or the mesh is none of those known.
    """
    values, said = {}, None
    for given, source in files.items():
        name = _called(source, what)
        data, header_side, header_unit = vertices(source, name, which)
        mesh_of(len(data), name)
        side = _side(given, header_side, source, name, sure)
        if side in values:
            raise ValueError(f"{what}: both files are of the {SIDES[side]} hemisphere; give (left, right).")
        values[side], said = data, said or header_unit
    masks = None if mask is None else _masks(mask, values)
    return from_vertices(values, parcellation, what=what, unit=unit, space=space, said=said, masks=masks)


def from_vertices(
    values: dict[str, np.ndarray],
    parcellation: Parcellation,
    *,
    what: str,
    unit: str | None = None,
    space: str | None = None,
    said: str | None = None,
    masks: dict[str, np.ndarray] | None = None,
    fits: str | None = None,
) -> Reading:
    """Turn values by vertex, of one or both hemispheres, into values by region.

    ``fits`` says by what else than its number of vertices the mesh is known.
    """
    meshes = {mesh_of(len(data), f"{what}, {SIDES[side]} hemisphere") for side, data in values.items()}
    if len(meshes) > 1:
        raise ValueError(f"{what}: the hemispheres lie on two meshes, {' and '.join(sorted(meshes))}; expected one.")
    (name,) = meshes
    both = np.concatenate(list(values.values()))
    refuse_empty(both, what)
    if len(values) == 2 and np.array_equal(*values.values(), equal_nan=True):
        raise ValueError(f"{what}: left and right hold the same values, vertex by vertex. Is it one file given twice?")
    refuse_labels(both[used(both)], _equal_neighbours(both), what, unit)
    inside = {side: used(data) for side, data in values.items()}
    _refuse_mirrored(values, name, what)
    if masks is not None:
        inside = {side: there & (masks[side] > 0) for side, there in inside.items()}
    found = _by_region(values, inside, name, parcellation)
    notes = [
        f"Surface map on {name} ({MESHES[name]} vertices a hemisphere); each cortical region: mean over its vertices "
        f"that are not zero or missing{' and lie in the mask' * (masks is not None)}."
    ]
    warnings = p_values(what, both[used(both)])
    if name == "fs_LR 32k" and not parcellation.name.startswith("schaefer"):
        notes.append(
            f"The labels of {shown(parcellation)} were carried over from fsaverage5 by the nearest vertex. For "
            "Schaefer's 100 to 400 parcels, whose labels are known on both, 87 to 76 % of vertices agree so, and "
            "regional means of thickness correlate by .998 to .993."
        )
    if space is None and name in ("fsaverage6", "fsaverage") and (other := _OTHER_FAMILY.search(what)):
        space = other[0]
    if space is not None:
        _refuse_other_mesh(space, name, what)
    elif name in TWINS and fits is None and name != "fsaverage5" and not _walled(values, name):
        warnings.append(
            f"{what} has {MESHES[name]} vertices and is taken for {name}; {TWINS[name]} have as many. Confirm with "
            f"space={name!r}, or resample it."
        )
    mm = "thick" in what.lower() and found[0].dropna().between(0.3, 8).all()  # called so, and the values can be true
    hint = " These look like thickness in mm, of which more is more tissue: positive='gain'." if mm else ""
    return Reading(*found, said or ("mm" if mm else None), None, notes, warnings, hint)


def _refuse_other_mesh(space: str, name: str, what: str) -> None:
    """Refuse a mesh that the caller names and that is not the one the map lies on."""
    known = {name, {"fsaverage": "fsaverage7", "fs_LR 32k": "fs_LR"}.get(name, name)}
    if re.sub(r"\W|_", "", space).lower() not in {re.sub(r"\W|_", "", each).lower() for each in known}:
        raise ValueError(
            f"{what}: space={space!r}, but a map with {MESHES[name]} vertices is read on {name}. Labels are at hand "
            f"for {', '.join(MESHES)}; resample it to one of them."
        )


def vertices(source: object, name: str, which: object = None) -> tuple[np.ndarray, str | None, str | None]:
    """Return the values by vertex of one hemisphere's file, the hemisphere and the unit that it names itself."""
    import nibabel

    sort = kind(Path(source)) if isinstance(source, (str, Path)) else "gifti"
    if sort == "morph":
        try:
            return real(nibabel.freesurfer.read_morph_data(source), name), None, None
        except Exception as error:  # numpy's, for a file that ends within
            raise ValueError(f"{name} could not be read as a FreeSurfer map: {error}. Is it whole?") from None
    image = _gifti(source, name)
    if sort == "mgh":
        from xsg.data.map_volumes import real_data

        data = real_data(image, name)
        if sum(size > 1 for size in data.shape[:3]) > 1:
            raise ValueError(
                f"{name} is a volume of {' × '.join(map(str, data.shape[:3]))} voxels, as FreeSurfer keeps a person's "
                "brain; expected a map on a surface. Of a volume in MNI space make NIfTI (mri_convert)."
            )
        return _chosen(list(data.reshape(-1, data.shape[3] if data.ndim == 4 else 1).T), [], which, name), None, None
    if not isinstance(image, nibabel.GiftiImage):
        raise ValueError(f"{name} holds a {type(image).__name__}; expected a map of one hemisphere, as GIFTI has it.")
    codes = nibabel.nifti1.intent_codes
    intents = [codes.niistring[array.intent] for array in image.darrays]
    if "NIFTI_INTENT_LABEL" in intents:
        raise ValueError(f"{name} holds labels of an atlas, not a map. Give the map itself.")
    if "NIFTI_INTENT_POINTSET" in intents:
        raise ValueError(f"{name} is the mesh of a surface, not a map on it. Give the map (.func.gii, .shape.gii, …).")
    arrays, names = [], []
    for array in image.darrays:
        data = real(array.data, name)
        arrays += list(data.T) if data.ndim == 2 else [data]
        names.append(str(array.meta.get("Name", "")))
    if not arrays:
        raise ValueError(f"{name} holds no values; expected a map. Is it the right file?")
    meta = {**image.meta, **(image.darrays[0].meta or {})}
    anatomy = str(meta.get("AnatomicalStructurePrimary", "")).lower()
    side = "L" if "left" in anatomy else "R" if "right" in anatomy else None
    return _chosen(arrays, names, which, name), side, _UNITS.get(intents[0])


def _gifti(source: object, name: str) -> object:
    """Load an image of a surface, whole; GIFTI and MGH files may be compressed."""
    import nibabel

    ending = str(source).lower() if isinstance(source, (str, Path)) else ""
    if not ending.endswith((".gii.gz", ".mgh", ".mgz", ".mgh.gz")):
        return load_image(source, name)
    loader = nibabel.GiftiImage if ending.endswith(".gii.gz") else nibabel.MGHImage
    try:
        raw = Path(source).read_bytes()
        return loader.from_bytes(raw if ending.endswith(".mgh") else gzip.decompress(raw))
    except Exception as error:  # zlib's, expat's and nibabel's
        raise ValueError(
            f"{name} cannot be read as an image: {error}. Is it whole, and what its ending says (.gz: compressed)?"
        ) from None


def _chosen(arrays: list[np.ndarray], names: list[str], which: object, what: str) -> np.ndarray:
    """Return the map asked for of several."""
    if len(arrays) == 1 and which is None:
        return arrays[0]
    named = len(names) == len(arrays) and any(names)
    if which in names and named and names.count(which) == 1:
        return arrays[names.index(which)]
    if (place := place_of(which, len(arrays))) is not None:
        return arrays[place]
    told = f" ({', '.join(map(repr, names[:6]))}{', …' if len(names) > 6 else ''})" if named else ""
    wrong = "" if which is None else f"; column={which!r} is none of them"
    raise ValueError(
        f"{what} holds {len(arrays)} maps{told}{wrong}. Say which one with column=0 to column={len(arrays) - 1}"
        f"{' or its name' * named}."
    )


def _called(source: object, what: str) -> str:
    return Path(source).name if isinstance(source, (str, Path)) else what


def _side(given: str | None, header: str | None, source: object, name: str, sure: bool) -> str:
    """Return the hemisphere of a file; what caller, header and name say must not differ."""
    named = hemisphere_of(str(source)) if isinstance(source, (str, Path)) else None
    told = {"it is given as": given, "its header says": header, "its name says": named}
    known = {words: side for words, side in told.items() if side}
    if sure and given:
        return given
    if len(set(known.values())) > 1:
        words = ", ".join(f"{words} {SIDES[side]}" for words, side in known.items())
        raise ValueError(
            f"{name}: {words}: which hemisphere is it? Give (left, right) in this order; where a header or name is "
            f"wrong, say so with a dict: {{'left': …, 'right': …}}."
        )
    if not known:
        raise ValueError(
            f"{name}: neither its name (lh., _hemi-L, …) nor its header tells which hemisphere it is. Give a pair "
            "(left, right), or {'left': file}."
        )
    return next(iter(known.values()))


def _equal_neighbours(values: np.ndarray) -> float:
    """Return the share of vertices that hold exactly the value of another hundred or more."""
    _, counts = np.unique(values[used(values)], return_counts=True)
    return float(counts[counts >= 10].sum() / counts.sum())


def _overlap(empty: np.ndarray, there: np.ndarray) -> float:
    return 2 * (empty & there).sum() / max(empty.sum() + there.sum(), 1)


def _coarse(data: np.ndarray) -> np.ndarray:
    return ~used(data[: MESHES["fsaverage5"]])


def _walled(values: dict[str, np.ndarray], name: str) -> bool:
    """Tell whether what is empty is fsaverage's medial wall (the first vertices are those of fsaverage5)."""
    walls = dict(zip("LR", wall("fsaverage5"), strict=True))
    return all(_overlap(_coarse(data), walls[side]) > 0.6 for side, data in values.items())


def _refuse_mirrored(values: dict[str, np.ndarray], name: str, what: str) -> None:
    """Refuse a hemisphere whose empty vertices are the other one's medial wall; fs_LR's walls are alike."""
    if name == "fs_LR 32k":
        return
    walls = dict(zip("LR", wall("fsaverage5"), strict=True))
    for side, data in values.items():
        other = "LR".replace(side, "")
        mine, theirs = (_overlap(_coarse(data), walls[each]) for each in (side, other))
        if theirs > 0.6 and mine < 0.3:
            raise ValueError(
                f"{what}: the empty vertices of the {SIDES[side]} hemisphere are the medial wall of the "
                f"{SIDES[other]} one (overlap {theirs:.2f}; with its own {mine:.2f}): left and right are interchanged. "
                "Give (left, right)."
            )


def _masks(mask: dict[str | None, object], values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Read a mask for each hemisphere there is."""
    found = {}
    for given, source in mask.items():
        data, header, _ = vertices(source, f"mask {_called(source, '')}".strip())
        found[_side(given, header, source, "mask", False)] = np.nan_to_num(data)
    for side, data in values.items():
        if side not in found or len(found[side]) != len(data):
            raise ValueError(f"mask of the {SIDES[side]} hemisphere: expected {len(data)} vertices, as the map has.")
    return found


def _by_region(
    values: dict[str, np.ndarray], inside: dict[str, np.ndarray], name: str, parcellation: Parcellation
) -> tuple[pd.Series, pd.Series]:
    """Return each region's mean and the share of its vertices that has values."""
    rows, half = mesh_labels(parcellation, name), MESHES[name]
    total, weight = np.zeros((2, 2 * half))
    for side, data in values.items():
        part = slice(0, half) if side == "L" else slice(half, None)
        total[part], weight[part] = np.where(inside[side], data, 0), inside[side]
    size = np.bincount(rows[rows >= 0], minlength=len(parcellation.regions))
    return pooled(total, weight, rows, size, parcellation.regions)
