"""What every reader of maps hands over, and what each asks of the values: whole, real, no labels, not constant."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsg.check import some

if TYPE_CHECKING:
    from xsg.atlas import Parcellation

_NAMED = re.compile(r"(?:^|[._-])(?:hemi-)?(lh|rh|left|right|LH|RH|Left|Right|L|R)(?=[._-])")
_P_VALUES = re.compile(r"(?:^|[^a-z])(?:p|pvals?|pvalues?|p-?unc|fdr|fw[e]|corrp)(?:[^a-z]|$)", re.IGNORECASE)


@dataclass
class Reading:
    """A map as it was read: values by the atlas's region names, and what the file itself says of them.

    Attributes
    ----------
    values
        Series by region, NaN where a region has no value.
    coverage
        Series by region, the share of each region (0 to 1) that has values.
    unit
        What the file says; None where it does not.
    positive
        ``"loss"`` or ``"gain"`` where the kind of file tells; None where it does not.
    notes
        Sentences on where the values come from and what was left out.
    warnings
        Sentences to warn with.
    hint
        What the file says that helps to tell the sign, as the end of a sentence.
    """

    values: pd.Series
    coverage: pd.Series
    unit: str | None = None
    positive: str | None = None
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    hint: str = ""


def shown(parcellation: Parcellation) -> str:
    """Return what an atlas is called to the reader (``"dk"`` is how the package calls ``"desikan"`` within)."""
    return "desikan" if parcellation.name == "dk" else parcellation.name


def place_of(which: object, n: int) -> int | None:
    """Return the place, 0 to n − 1, that a number or its text (from a shell) means; None if it means none.

    Examples
    --------
    >>> place_of(1, 3), place_of("2", 3), place_of("mean", 3), place_of(3, 3)
    (1, 2, None, None)
    """
    if isinstance(which, str) and which.isdecimal():
        which = int(which)
    whole = isinstance(which, (int, np.integer)) and not isinstance(which, bool)
    return int(which) if whole and 0 <= which < n else None


def real(values: np.ndarray, what: str) -> np.ndarray:
    """Return values as float64 with infinities as NaN, or refuse complex numbers, colours and text."""
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        kind = {"c": "complex numbers", "V": "colours or records"}.get(values.dtype.kind, "no numbers")
        raise ValueError(f"{what} holds {kind} ({values.dtype}); expected one real number a place, as a map has.")
    values = values.astype(float)
    return np.where(np.isfinite(values), values, np.nan)


def used(values: np.ndarray) -> np.ndarray:
    """Tell which values are in the analysis: neither exactly zero nor missing."""
    return np.isfinite(values) & (values != 0)


def refuse_empty(values: np.ndarray, what: str) -> None:
    """Refuse a map without values, or with the same value everywhere (a mask)."""
    inside = values[used(values)]
    if not inside.size:
        raise ValueError(f"{what} holds nothing but zeros and missing values; expected a map. Is it the right file?")
    if np.ptp(inside) <= 1e-9 * np.abs(inside).max():
        raise ValueError(
            f"{what} is {inside[0]:g} wherever it is not zero: a mask, not a map. Give it as mask= beside the map."
        )


def refuse_labels(values: np.ndarray, equal: float, what: str, unit: str | None, step: float = np.inf) -> None:
    """Refuse the numbers of regions in place of a map: whole numbers, the same all over patches.

    Parameters
    ----------
    values
        The values that are in the analysis.
    equal
        Share of neighbouring places that hold the same value.
    what
        What the map is called in an error.
    unit
        What the caller said of the values: who knows their unit does not take labels for a map.
    step
        By how much neighbours that differ do so on average: labels jump, measurements that were rounded do not.
    """
    distinct = np.unique(values)
    whole = len(distinct) < 3000 and (distinct == np.rint(distinct)).all()
    if unit is None and equal > 0.7 and whole and (step > 1.5 or len(distinct) <= 3):
        raise ValueError(
            f"{what} holds {len(distinct)} whole numbers in patches ({some(f'{v:g}' for v in distinct[:3])}, …): the "
            "labels of an atlas, not a map. Give the map itself; if these are measurements, say so with unit=."
        )


def p_values(name: str, values: np.ndarray) -> list[str]:
    """Return a warning where a map is called p and lies between 0 and 1: it says nothing of more or less."""
    if _P_VALUES.search(name) and values.min() >= 0 and values.max() <= 1:
        return [
            f"all values of {name} lie between {values.min():.3g} and {values.max():.3g}: p-values say how sure, not "
            "how much or which way. Give the t map or the effect size it belongs to."
        ]
    return []


def hemisphere_of(name: str) -> str | None:
    """Return the hemisphere that a file's name tells ("L"/"R"), or None.

    Examples
    --------
    >>> [hemisphere_of(name) for name in ("lh.area", "sub-01_hemi-R_map.gii", "tmap.L.func.gii", "LOAD.nii")]
    ['L', 'R', 'L', None]
    """
    found = {word[0].upper() for word in _NAMED.findall(Path(name).name)}
    return found.pop() if len(found) == 1 else None


def pooled(
    total: np.ndarray, weight: np.ndarray, rows: np.ndarray, size: np.ndarray, regions: pd.Index
) -> tuple[pd.Series, pd.Series]:
    """Return the mean of each region and the share of it that has values.

    Parameters
    ----------
    total
        float (m,), value × weight of each place.
    weight
        float (m,), how much of each place is in the analysis, 0 to 1.
    rows
        int (m,), the row of each place's region, −1 for none.
    size
        float (n,), how many places each region has altogether.
    regions
        Names of the n regions.
    """
    n, inside = len(regions), rows >= 0
    top, bottom = (np.bincount(rows[inside], each[inside], n) for each in (total, weight))
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.where(bottom > 0, top / bottom, np.nan)
        share = np.where(size > 0, np.minimum(bottom / size, 1), 0.0)
    return pd.Series(values, regions), pd.Series(share, regions)
