"""Names in maps: which region of an atlas a row, column or parcel means, whatever wrote it; and what is no region."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsg import names as naming
from xsg.check import some
from xsg.data.atlases import ATLASES, likeliest_atlas
from xsg.data.map_values import Reading, shown

if TYPE_CHECKING:
    from xsg.atlas import Parcellation

# What FreeSurfer and ENIGMA measured stands behind a region's name; xsg.names knows thickness.
_MEASURE = re.compile(
    r"[-_.\s](?:area|volume|vol|grayvol|surfarea|surfavg|thicknessstd|meancurv|gauscurv|foldind|curvind|mean|avg)$",
    re.IGNORECASE,
)
# Spellings of structures below the cortex beside those that xsg.names knows.
_DEEP = {
    "nucleusaccumbens": "accumbens",
    "nacc": "accumbens",
    "amygd": "amygdala",
    "caudatenucleus": "caudate",
    "hipp": "hippocampus",
    "globuspallidus": "pallidum",
}
_NETWORKS = re.compile(r"\d+Networks")  # Schaefer's regions of seven networks are others than those of seventeen
# Totals, and what lies beside the cortex, as FreeSurfer and ENIGMA write them.
_TOTAL = re.compile(
    r"(?:[lr]h?)?(?:mean\w*|total\w*|\w*thickness|\w*surfarea|whitesurfarea\w*|e?tiv|\w*icv|\w*intracranial\w*|brainseg\w*|"
    r"\w*cortex(?:vol)?|\w*graymatter\w*|\w*whitematter\w*|cerebralwhitematter\w*|supratentorial\w*|masktoetiv|masktosupra\w*|"
    r"surfaceholes|[lr]hsurfaceholes|\w*ventricle\w*|\w*vent|wmhypointensities|nonwmhypointensities|opticchiasm|"
    r"vessel|choroidplexus|ventraldc|cerebellum\w*|brainstem|csf|cc\w+|global\w*|average|hemisphere|wholebrain)",
    re.IGNORECASE,
)


def subcortex(name: object) -> str | None:
    """Return a structure below the cortex as the atlases here call it, or None.

    Examples
    --------
    >>> [subcortex(name) for name in ("Laccumb", "Left-Thalamus-Proper", "HIPPOCAMPUS_RIGHT", "L_cuneus", "R_pal_vol")]
    ['L_accumbens', 'L_thalamus', 'R_hippocampus', None, 'R_pallidum']
    """
    side, structure = naming.parse(text := _MEASURE.sub("", str(name).strip()))[0], naming.stem(text)
    structure = _DEEP.get(structure, structure)
    return f"{side}_{structure}" if side and structure in naming.SUBCORTEX else None


def rows_by_name(names: Iterable[object], regions: pd.Index) -> dict:
    """Match names to an atlas's regions, in whatever style either is written: given name -> region.

    A name that fits no region is left out; so is each of those that fit one that another fits as well.

    Examples
    --------
    >>> rows_by_name(["lh_insula_area", "Laccumb", "eTIV"], pd.Index(["L_insula", "L_accumbens"]))
    {'lh_insula_area': 'L_insula', 'Laccumb': 'L_accumbens'}
    """
    return {name: region for name in names if (region := meant(name, regions)) is not None}


def meant(name: object, regions: pd.Index) -> str | None:
    """Return the region that a name means, or None."""
    text = str(name).strip()
    if (networks := _NETWORKS.match(text)) and not str(regions[0]).startswith(networks[0]):
        return None
    known = _keys(tuple(regions))
    for each in (text, _MEASURE.sub("", text)):
        if each in regions:
            return each
        if region := known.get((naming.side(each), naming.stem(each))):
            return region
    return deep if (deep := subcortex(text)) in regions else None


@lru_cache
def _keys(regions: tuple) -> dict:
    """Region by side and stem, where only one has these."""
    keys = pd.Series([(naming.side(name), naming.stem(name)) for name in regions], list(regions), dtype=object)
    return {key: region for region, key in keys[~keys.duplicated(keep=False)].items()}


def total(name: object) -> bool:
    """Tell whether a name stands for a total, or for a part of the head that no atlas here has.

    Examples
    --------
    >>> [total(name) for name in ("lh_MeanThickness_thickness", "eTIV", "BrainSegVolNotVent", "RLatVent", "L_insula")]
    [True, True, True, True, False]
    """
    bare = re.sub(r"[^0-9a-z]", "", naming.stem(str(name)))
    return bool(_TOTAL.fullmatch(bare) or _TOTAL.fullmatch(re.sub(r"[^0-9a-z]", "", str(name).casefold())))


def other_atlas(names: pd.Index, parcellation: Parcellation) -> str:
    """Say which atlas names are of, if not of the one given; "" if they are, or none fits.

    Schaefer's atlases share most of their names, and mean other places by them.
    """
    base = shown(parcellation).partition("+")[0]
    best = (likeliest_atlas(names) or base).partition("+")[0]
    return f"They look like those of atlas={best!r}." if base in ATLASES and best != base else ""


def other_networks(names: Iterable[object], regions: pd.Index) -> str:
    """Say that names are of Schaefer's atlas of other networks, whose regions are other places; "" if they are not."""
    given, here = ({m[0] for name in each if (m := _NETWORKS.match(str(name)))} for each in (names, regions))
    if not given or not here or given & here:
        return ""
    return (
        f"They are regions of {given.pop()}, which lie elsewhere than those of {here.pop()}: give the map by these, or "
        "its image."
    )


def by_name(values: pd.Series, parcellation: Parcellation, what: str, others: bool = False) -> Reading:
    """Give values with names to the regions of an atlas.

    Parameters
    ----------
    values
        Series of floats; index: names in any style.
    parcellation
        The atlas.
    what
        What the map is called in errors.
    others
        Whether names of other things (age, site) are left out; else each name that is neither a region nor a total
        is refused.

    Raises
    ------
    ValueError
        If a region is given twice, most regions are missing, or a name is unknown.
    """
    regions = parcellation.regions
    found = rows_by_name(values.index, regions)
    rest = [name for name in values.index if name not in found]
    odd = [name for name in rest if not (total(name) or naming.background(name) or subcortex(name))]
    count = pd.Series(list(found.values()), dtype=object).value_counts()
    twice = [*values.index[values.index.duplicated()], *count.index[count > 1]]
    twice = [name for name in twice if name in found or name in regions]
    if twice:
        same = [name for name in values.index if found.get(name) == found.get(twice[0], twice[0])]
        raise ValueError(f"{what}: region {twice[0]!r} comes twice (rows {some(same)}). Keep one.")
    other = other_atlas(values.index, parcellation)
    if other or len(found) < min(4, len(regions)) or (odd and not others and len(odd) > len(found)):
        raise ValueError(
            f"{what}: {len(found)} of its {len(values)} names are regions of {shown(parcellation)!r}, such as "
            f"{regions[0]!r} and {regions[-1]!r}; there are {some(odd or rest or values.index)}. "
            + (other or "Is it another atlas (atlas=)? Names need the hemisphere: L_, lh_ or a column of its own.")
        )
    if odd and not others:
        near = naming.nearest(odd[0], regions.difference(list(found.values()), sort=False))
        raise ValueError(
            f"{what}: {some(odd)} {'is no region' if len(odd) == 1 else 'are no regions'} of {shown(parcellation)!r}. "
            + (
                f"Did you mean {near!r} by {str(odd[0])!r}?"
                if near
                else "Leave such rows out, or choose another atlas."
            )
        )
    kept = values[[name for name in values.index if name in found]]
    kept.index = [found[name] for name in kept.index]
    whole = kept.reindex(regions).astype(float)
    notes = []
    if rest:
        notes.append(f"Left out, as no regions of the atlas: {some(rest, 8)}.")
    return Reading(whole, pd.Series(np.where(whole.notna(), 1.0, 0.0), regions), notes=notes)
