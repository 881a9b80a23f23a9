"""Can a value be true: what thickness, age and rates can be, and what stands for a missing one."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from xsg.check.values import MISSING_CODES, array


class Range(NamedTuple):
    """What a value of one kind can be: low ≤ value ≤ high, ``above`` where low itself cannot be."""

    low: float
    high: float
    unit: str = ""
    above: bool = False

    def holds(self, values: np.ndarray) -> np.ndarray:
        """Tell which values lie within; NaN and infinities do not."""
        return (
            np.isfinite(values) & ((values > self.low) if self.above else (values >= self.low)) & (values <= self.high)
        )

    def __str__(self) -> str:
        """Write the range as an error should name it."""
        if self.high == math.inf:
            return f"{'above' if self.above else 'at least'} {self.low:g} {self.unit}".rstrip()
        return f"{'above ' if self.above else ''}{self.low:g} to {self.high:g} {self.unit}".rstrip()


# The same bounds at every door. Thickness 0 is FreeSurfer's region without vertices, not a cortex of no thickness.
RANGES = {
    "thickness": Range(0, 8, "mm", above=True),
    "age": Range(18, 110, "years"),
    "lifespan": Range(0, 110, "years", above=True),  # ages where children are welcome
    "state": Range(0, 1),
    "rate": Range(0, math.inf),
    "weight": Range(0, math.inf),
    "energy": Range(0, math.inf),
}


def plausible(values: object, kind: str, what: str, *, missing: bool = False) -> None:
    """Refuse numbers that cannot be true, with the place of the first and the range of its kind.

    Parameters
    ----------
    values
        Array, Series or DataFrame of numbers.
    kind
        Of `RANGES`: thickness (mm), age and lifespan (years), state, rate, weight, energy.
    what
        What they are called in an error.
    missing
        Let NaN through.

    Raises
    ------
    ValueError
        Naming the first value out of range, where it stands, and whether it looks like a code for missing.

    Examples
    --------
    >>> plausible([0.2, 1.0], "state", "u0")
    """
    found = array(values, what, finite=False)
    bad = ~RANGES[kind].holds(found)
    if missing:
        bad &= ~np.isnan(found)
    if not bad.any():
        return
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    value = float(found[place])
    where = f" at {place}" if place else ""
    if isinstance(values, (pd.Series, pd.DataFrame)):
        where = "".join(f", {str(axis[i])!r}" for axis, i in zip(values.axes, place, strict=True))
    raise ValueError(
        f"{what}{where} is {value:g}; expected {RANGES[kind]}; {int(bad.sum())} of {bad.size} values are not."
        f"{why_implausible(value, kind)}"
    )


def why_implausible(value: float, kind: str) -> str:
    """Say what a value out of range may be, as the end of an error; nothing where nothing is likely.

    Examples
    --------
    >>> why_implausible(2500, "thickness")
    ' In µm? Divide by 1000.'
    """
    if kind in ("age", "lifespan") and (216 if kind == "age" else 110) <= value <= 1320:
        return " In months? Divide by 12." if value not in MISSING_CODES else " A code for a missing value, or months?"
    if kind in ("age", "lifespan") and 1900 <= value <= 2100:
        return " A year of birth? Give the age at the scan."
    if value in MISSING_CODES:
        return " It looks like a code for a missing value: leave such cells empty."
    if kind == "thickness" and value > 8:
        return " In µm? Divide by 1000." if 800 <= value <= 8000 else " Is it a thickness, and its decimal point right?"
    return ""
