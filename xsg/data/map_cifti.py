"""CIFTI: dscalar maps by vertex and voxel, pscalar maps by parcel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsg.data.map_files import load_image
from xsg.data.map_names import by_name, rows_by_name
from xsg.data.map_surfaces import SIDES, _chosen, _side, from_vertices
from xsg.data.map_values import Reading, real, used
from xsg.data.map_volumes import real_data

if TYPE_CHECKING:
    from xsg.atlas import Parcellation

_CORTEX = {"CIFTI_STRUCTURE_CORTEX_LEFT": "L", "CIFTI_STRUCTURE_CORTEX_RIGHT": "R"}


def read_cifti(
    files: dict[str | None, object],
    parcellation: Parcellation,
    *,
    what: str,
    unit: str | None = None,
    space: str | None = None,
    which: object = None,
    sure: bool = False,
) -> Reading:
    """Read dscalar files (one, or one a hemisphere) or a pscalar file.

    Parameters
    ----------
    files, parcellation, what, unit, space, which, sure
        As `read_surfaces` takes them.

    Raises
    ------
    ValueError
        If a file holds labels, time series or connections, or its hemisphere is contradicted.
    """
    cortex: dict[str, np.ndarray] = {}
    deep: dict[str, tuple[float, float]] = {}
    parcels: list[pd.Series] = []
    for given, source in files.items():
        name = what if len(files) == 1 else str(getattr(source, "name", source)).rpartition("/")[2]
        image = load_image(source, name)
        axis, data = _map(image, which, name)
        if hasattr(axis, "nvertices") and not hasattr(axis, "voxel"):  # parcels
            parcels.append(pd.Series(data, [str(each) for each in axis.name]))
            continue
        structures = list(axis.iter_structures())
        sides = [_CORTEX[structure] for structure, *_ in structures if structure in _CORTEX]
        for structure, part, model in structures:
            if structure in _CORTEX:
                side = _CORTEX[structure]
                if len(sides) == 1:
                    side = _side(given, side, source, name, sure)
                if side in cortex:
                    raise ValueError(f"{what}: the {SIDES[side]} hemisphere comes twice; give (left, right).")
                whole = np.full(model.nvertices[structure], np.nan)
                whole[model.vertex] = data[part]
                cortex[side] = whole
            elif (there := used(data[part])).any():
                deep[structure.removeprefix("CIFTI_STRUCTURE_")] = (data[part][there].mean(), there.mean())
    if parcels:
        reading = by_name(pd.concat(parcels), parcellation, what)
        reading.notes.insert(0, "Parcels of a CIFTI file, joined by name.")
        return reading
    if not cortex:
        raise ValueError(f"{what} has no values on the cortical surface; expected CORTEX_LEFT, CORTEX_RIGHT or both.")
    reading = from_vertices(cortex, parcellation, what=what, unit=unit, space=space, fits="its header")
    meant = rows_by_name(deep, parcellation.regions)
    for structure, region in meant.items():
        reading.values[region], reading.coverage[region] = deep[structure]
    if meant:
        reading.notes.append("Each subcortical region: mean over the file's voxels of that structure.")
    return reading


def _map(image: object, which: object, name: str) -> tuple[object, np.ndarray]:
    """Return the axis of places and the values of the one map, or say what else the file holds."""
    from nibabel import cifti2

    if not isinstance(image, cifti2.Cifti2Image):
        raise ValueError(f"{name} is no CIFTI file ({type(image).__name__}), though its name says so. Rename it.")
    axes = [image.header.get_axis(place) for place in range(image.ndim)]
    places = (cifti2.BrainModelAxis, cifti2.ParcelsAxis)
    if image.ndim == 2 and isinstance(axes[0], cifti2.LabelAxis):
        raise ValueError(
            f"{name} holds labels of an atlas (dlabel), not a map. Give the map itself (dscalar, pscalar)."
        )
    if image.ndim == 2 and isinstance(axes[0], cifti2.SeriesAxis):
        raise ValueError(
            f"{name} holds a time series of {len(axes[0])} points, not a map. Reduce it to one, e.g. wb_command "
            "-cifti-reduce … MEAN map.dscalar.nii."
        )
    if image.ndim != 2 or not isinstance(axes[0], cifti2.ScalarAxis) or not isinstance(axes[1], places):
        kinds = " by ".join(type(axis).__name__.removesuffix("Axis") for axis in axes)
        raise ValueError(f"{name} holds {kinds}, not a map; expected a dscalar or pscalar file.")
    data = real_data(image, name)
    values = _chosen(list(real(data, name)), [str(each) for each in axes[0].name], which, name)
    return axes[1], values
