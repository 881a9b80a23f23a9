"""Checks: is this a valid choice, number or table, are these the same regions, can a value be true.

One place for what every door of the package asks. Each error names the thing, the value seen, what was expected and the
way out.
"""

from __future__ import annotations

import math
import numbers
import sys
import warnings
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd

from xsg import _moved
from xsg import names as naming

Table = TypeVar("Table", pd.Series, pd.DataFrame)


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
    "state": Range(0, 1),
    "rate": Range(0, math.inf),
    "weight": Range(0, math.inf),
    "energy": Range(0, math.inf),
}
# What stands for "not measured" in the tables of ADNI, SPSS, FreeSurfer, Excel and R. Numbers count as codes only
# where they could not be true.
MISSING_TEXT = frozenset({"", ".", "-", "na", "n/a", "#n/a", "nan", "null", "none", "missing", "unknown", "?"})
MISSING_CODES = frozenset(
    [0.0, *(-float(code) for code in (1, 4, 8, 9, 77, 88, 99, 777, 888, 999, 7777, 8888, 9999, 99999))]
    + [float(code) for code in (99, 777, 888, 999, 7777, 8888, 9999, 99999)]
)

_AT_ONCE = 2**18  # values of a large table that are looked at in one step
_ROUNDING = 1e-6  # energy; so far below 0 lies what was averaged as logarithms and taken back
_HIGHEST = 6e4  # energy; those of the Allen Institute's files reach some hundreds, and float16 ends at 65504


def some(names: Iterable[object], most: int = 5) -> str:
    """Name the first few of many, so that an error stays readable."""
    names = list(names)
    if not names:
        return "none"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(str(name)) for name in names[:most]) + more


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line outside the package that led here, however deep it went."""
    frame, level = sys._getframe(), 1
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] == "xsg":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def choice(value: object, allowed: Iterable[str], what: str) -> str:
    """Return a value that is one of those allowed, or refuse it and say which there are.

    Examples
    --------
    >>> choice("spin", ("spin", "moran"), "null")
    'spin'
    """
    allowed = list(allowed)
    if isinstance(value, str) and value in allowed:
        return value
    near = get_close_matches(str(value).lower(), [each.lower() for each in allowed], n=1)
    hint = f" Did you mean {next(each for each in allowed if each.lower() == near[0])!r}?" if near else ""
    raise ValueError(f"{what} {value!r} is unknown; expected one of {', '.join(map(repr, allowed))}.{hint}")


def number(
    value: object,
    what: str,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above: bool = False,
    below: bool = False,
    whole: bool = False,
) -> float | int:
    """Return a setting as a Python number (numpy's and torch's are taken), or refuse it.

    Parameters
    ----------
    value
        A number; ``True`` and text are none.
    what
        Its name in an error.
    low, high
        Least and largest value; with ``above`` and ``below`` these themselves are refused.
    whole
        Only whole numbers; 3.0 is one and becomes the int 3.

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is not finite, not whole, or out of range.

    Examples
    --------
    >>> number(np.float32(0.5), "dropout", 0, 1), number(3.0, "epochs", 1, whole=True)
    (0.5, 3)
    """
    kind = "a whole number" if whole else "a number"
    if low > -math.inf and high < math.inf:
        kind += f" {'above' if above else 'from'} {low:g} {'and below' if below else 'to'} {high:g}"
    elif low > -math.inf:
        kind += f" {'above' if above else 'of at least'} {low:g}"
    elif high < math.inf:
        kind += f" {'below' if below else 'of at most'} {high:g}"
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):  # numpy and torch scalars
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{what} is {value!r} ({type(value).__name__}); expected {kind}.")
    fits = math.isfinite(value) and (value > low if above else value >= low)
    fits = fits and (value < high if below else value <= high) and (not whole or value == int(value))
    if not fits:
        raise ValueError(f"{what} is {value!r}; expected {kind}.")
    return int(value) if whole else value


def flag(value: object, what: str) -> bool:
    """Return a setting that is True or False (numpy's are taken), or refuse it.

    Examples
    --------
    >>> flag(np.True_, "rotate")
    True
    """
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise TypeError(f"{what} is {value!r} ({type(value).__name__}); expected True or False.")


def array(value: object, what: str, ndim: int | None = None, *, dtype: type = float, finite: bool = True) -> np.ndarray:
    """Return numbers given in any plain form as a dense array.

    Parameters
    ----------
    value
        numpy array, (nested) list, pandas table, torch tensor or scipy sparse matrix of booleans, integers or floats.
    what
        Its name in an error.
    ndim
        Number of axes expected, or None.
    dtype
        Of the result.
    finite
        Refuse NaN and infinities.

    Raises
    ------
    TypeError
        If it is no array of real numbers.
    ValueError
        If the number of axes differs, rows have unequal lengths, or a value is not finite.

    Examples
    --------
    >>> array([[1, 0]], "state", ndim=2)
    array([[1., 0.]])
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    elif isinstance(value, np.ma.MaskedArray):  # what is masked is missing
        value = value.astype(float).filled(np.nan)
    elif hasattr(value, "toarray"):
        value = value.toarray()
    try:
        found = np.asarray(value)
        if found.dtype == object and found.ndim:
            found = found.astype(float)
    except (TypeError, ValueError):
        raise TypeError(
            f"{what}: expected an array of numbers whose rows are equally long, got {_shown(value)}."
        ) from None
    if found.dtype.kind not in "biuf":
        raise TypeError(f"{what}: expected numbers, got {_shown(value)} of type {found.dtype}. Convert it first.")
    if ndim is not None and found.ndim != ndim:
        raise ValueError(f"{what} has shape {found.shape}; expected {ndim} axes.")
    found = found.astype(dtype, copy=False)
    if finite and not np.isfinite(found).all():
        bad = np.argwhere(~np.isfinite(found))
        raise ValueError(
            f"{what}: {len(bad)} of {found.size} values are not finite, the first ({found[tuple(bad[0])]}) at "
            f"{tuple(bad[0].tolist())}. Leave them out or fill them first."
        )
    return found


def series(obj: object, what: str) -> pd.Series:
    """Return one value a region as a Series of floats; a table of one column and numbers written as text are taken.

    Raises
    ------
    TypeError
        If it is no Series, no table of one column and no dict.
    ValueError
        If a value is no number. Missing values stay NaN.

    Examples
    --------
    >>> series(pd.DataFrame({"mm": ["0.1", "0.2"]}, index=["L_insula", "R_insula"]), "thinning").to_list()
    [0.1, 0.2]
    """
    if isinstance(obj, dict):
        obj = pd.Series(obj)
    if isinstance(obj, pd.DataFrame):
        if obj.shape[1] != 1:
            raise TypeError(
                f"{what}: expected a Series, one value a region; got a table with {obj.shape[1]} columns: "
                f"{some(obj.columns)}. Choose one column."
            )
        obj = obj.iloc[:, 0].rename(obj.columns[0])
    if not isinstance(obj, pd.Series):
        raise TypeError(
            f"{what}: expected a pandas Series indexed by region name, got {type(obj).__name__}. "
            "The order of a bare array cannot be checked; give it names, e.g. pd.Series(values, index=atlas.regions)."
        )
    if obj.dtype.kind in "f":
        return obj
    if obj.dtype.kind in "bcmM":
        raise ValueError(f"{what}: expected numbers, got values of type {obj.dtype}, such as {obj.iloc[0]!r}.")
    text = obj.map(lambda value: value.strip() if isinstance(value, str) else value)
    text = text.mask(text.map(lambda value: isinstance(value, str) and value.lower() in MISSING_TEXT))
    found = pd.to_numeric(text, errors="coerce").astype(float)
    odd = found.index[found.isna() & text.notna()]
    if len(odd):
        raise ValueError(
            f"{what}: the value of {str(odd[0])!r}, {obj[odd[0]]!r}, is no number. Convert the column first."
        )
    found.attrs = dict(obj.attrs)
    return found


def constant(values: object, axis: int = 0, scale: np.ndarray | float | None = None) -> np.ndarray:
    """Tell where numbers along an axis are all the same, but for rounding; NaN is looked past.

    The mean of a constant such as 0.1 need not be 0.1, so that its standard deviation need not be 0: never ask that.

    Parameters
    ----------
    values
        Array of numbers.
    axis
        Along which they are compared.
    scale
        What rounding is measured by; by default the largest absolute value among those compared.

    Examples
    --------
    >>> constant(np.array([[0.1, 1.0], [0.1, 2.0], [0.1, 3.0]])).tolist(), np.full(3, 0.1).std() > 0
    ([True, False], np.True_)
    """
    values = np.asarray(values)
    if values.dtype.kind != "f":
        values = values.astype(float)
    rounding = max(4 * np.finfo(values.dtype).eps, 1e-12)
    if not values.shape[axis]:
        return np.ones(np.delete(values.shape, axis), dtype=bool)
    low, high = (edge.reduce(values, axis=axis).astype(float) for edge in (np.fmin, np.fmax))
    with np.errstate(invalid="ignore"):
        scale = np.maximum(np.abs(low), np.abs(high)) if scale is None else scale
        return ~(high - low > rounding * scale)


def _counted(index: pd.Index) -> bool:
    """Tell whether rows are only numbered, 0, 1, 2, …, as they are where nobody named them."""
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def labels(obj: object, axis: int = -1) -> pd.Index | None:
    """Return the names along an axis of a table; None where there are none (bare arrays, rows only numbered)."""
    if not isinstance(obj, (pd.Series, pd.DataFrame)):
        return None
    index = obj.axes[axis]
    return None if _counted(index) else index


def folds(
    held_out: object, regions: pd.Index, what: str = "held_out", fewest: int = 1, *, empty: bool = False
) -> np.ndarray:
    """Return folds as bool (F, n), True where a fold holds a region out, or refuse them.

    Parameters
    ----------
    held_out
        bool (F, n), or 0 and 1; a DataFrame with a column for each region, joined by name; a Series by region is one
        fold.
    regions
        Names of the n regions, in order.
    what
        What the folds are called in an error.
    fewest
        Least number of regions that a fold must leave to train on.
    empty
        Whether a fold may hold nothing out.

    Raises
    ------
    TypeError
        If they are no table of True and False.
    ValueError
        Another shape; row numbers; a fold that holds nothing out or leaves too few to train on; names that differ.

    Examples
    --------
    >>> folds(pd.DataFrame([[0, 1], [1, 0]], columns=["b", "a"]), pd.Index(["a", "b"])).tolist()
    [[True, False], [False, True]]
    """
    n = len(regions)
    wanted = f"{what}: expected bool (folds, {n}), one column per region, as xsg.evaluation.splits makes them"
    if isinstance(held_out, (list, tuple)) and held_out and all(isinstance(fold, pd.Series) for fold in held_out):
        held_out = pd.DataFrame(list(held_out))
    if isinstance(held_out, pd.Series):
        held_out = held_out.to_frame().T
    if isinstance(held_out, pd.DataFrame) and labels(held_out) is not None and labels(held_out, 0) is not None:
        turned = set(held_out.index) == set(regions) != set(held_out.columns)
        wanted += "; regions stand in its rows: transpose it" * turned
        if turned:
            raise ValueError(f"{what} has shape {held_out.shape}. {wanted}.")
    try:
        found = array(held_out, what, finite=False)
    except TypeError:
        raise TypeError(
            f"{wanted}; got {_shown(held_out)}. Of row numbers, as scikit-learn's splitters give them, make a mask: "
            "np.isin(np.arange(n), rows)."
        ) from None
    if found.ndim != 2 or found.shape[1] != n or not len(found):
        hint = " One fold is held_out[None]." if found.shape == (n,) else ""
        raise ValueError(f"{what} has shape {found.shape}. {wanted}.{hint}")
    odd = (found != 0) & (found != 1)
    if odd.any():
        raise ValueError(
            f"{what} holds {found[odd][0]:g}. {wanted}. Of row numbers make a mask: np.isin(np.arange(n), rows)."
        )
    found = matched(held_out, regions, what) == 1
    idle = np.flatnonzero(~found.any(axis=1))
    if len(idle) and not empty:
        raise ValueError(f"{what}: fold {idle[0] + 1} of {len(found)} holds no region out. Leave it out.")
    left = (~found).sum(axis=1)
    if left.min() < fewest:
        raise ValueError(
            f"{what}: fold {left.argmin() + 1} of {len(found)} leaves {left.min()} regions to train on; expected at "
            f"least {fewest}. Hold fewer out."
        )
    return found


def matched(obj: object, wanted: pd.Index | None, what: str, axis: int = -1) -> np.ndarray:
    """Return the numbers of a table with one axis in the order of the names wanted.

    Position never pairs two labelled things: what has names is joined by them or refused; only what has none (a bare
    array) is taken in the order in which it stands, if its length is right.

    Parameters
    ----------
    obj
        Series, DataFrame or array.
    wanted
        The names, in order; None where nothing else is labelled.
    what
        What the table is called in an error.
    axis
        The axis that the names belong to.

    Returns
    -------
    float array
        NaN is let through.

    Raises
    ------
    ValueError
        Names missing, unknown or given twice; another length.

    Examples
    --------
    >>> matched(pd.Series({"b": 2, "a": 1}), pd.Index(["a", "b"]), "prediction")
    array([1., 2.])
    """
    if wanted is not None and isinstance(obj, (pd.Series, pd.DataFrame)):
        given = obj.axes[axis]
        named = [index for index in (given, wanted) if not _counted(index)]
        # Beside numbers that somebody gave, in another order say, 0, 1, 2, … are names as well.
        if len(named) == 2 or (named and named[0].inferred_type == "integer"):
            obj = obj.take(rows_of(given, wanted, what), axis=axis if axis >= 0 else obj.ndim + axis)
    found = array(obj, what, finite=False)
    if wanted is not None and found.shape[axis] != len(wanted):
        raise ValueError(
            f"{what} has shape {found.shape}; expected {len(wanted)} values along axis {axis}, one for each name."
        )
    return found


def rows_of(given: pd.Index, wanted: pd.Index | Iterable[object], what: str, extra: bool = False) -> np.ndarray:
    """Return where each name wanted stands among those given, however either is spelt, or refuse by name.

    Parameters
    ----------
    given, wanted
        Names that a table has, and names in the order wanted.
    what
        What the table is called in an error.
    extra
        Whether the table may have names that are not wanted.

    Returns
    -------
    int array (n,)
        ``given[rows]`` are the names wanted.

    Raises
    ------
    ValueError
        If names are missing, unknown or given twice.
    """
    wanted = pd.Index(wanted)
    duplicated = given[given.duplicated()].unique()
    if len(duplicated):
        raise ValueError(f"{what}: regions given more than once: {some(duplicated)}. Keep one row per region.")
    if given.equals(wanted):
        return np.arange(len(wanted))
    meant = naming.translate(given, wanted) if not wanted.isin(given).all() or len(given) > len(wanted) else {}
    known = pd.Index([meant.get(name, name) for name in given])
    spare = [name for name in given if name not in meant and name not in wanted]
    there = {(naming.side(name), naming.stem(name)) for name in wanted} if spare else set()
    twice = [name for name in spare if (naming.side(name), naming.stem(name)) in there]  # a region's second spelling
    missing, unknown = wanted.difference(known, sort=False), known.difference(wanted, sort=False)
    if len(missing) or twice or (len(unknown) and not extra):
        hint = ""
        if twice:
            hint = f" {twice[0]!r} is another spelling of a region that is there already."
        elif len(unknown) and (near := naming.nearest(unknown[0], missing)):
            hint = f" Did you mean {near!r} by {str(unknown[0])!r}?"
        raise ValueError(
            f"{what}: {len(given)} regions given, {len(wanted)} expected; missing: {some(missing)}; "
            f"unknown: {some(unknown)}.{hint} Names look like {str(wanted[0]) if len(wanted) else ''!r}; "
            "drop, mirror or rename explicitly."
        )
    return known.get_indexer(wanted)


def align(obj: Table, regions: pd.Index | list[str], what: str) -> Table:
    """Bring a table into the order of ``regions`` by name, or refuse it by name.

    Parameters
    ----------
    obj
        Series or DataFrame with region names as index (n rows), in any style of names (``lh_insula`` is ``L_insula``).
    regions
        The n names wanted, in order.
    what
        What the table is called in an error, e.g. ``"thinning"``.

    Returns
    -------
    Series or DataFrame
        The same values, rows in the order of ``regions`` and called so.

    Raises
    ------
    TypeError
        If ``obj`` has no index of names (a bare array: the order could not be checked).
    ValueError
        If regions are missing, unknown or given twice, or values are not finite numbers.

    Examples
    --------
    >>> align(pd.Series({"b": 2.0, "a": 1.0}), ["a", "b"], "thinning").to_list()
    [1.0, 2.0]
    """
    if not isinstance(obj, (pd.Series, pd.DataFrame)):
        raise TypeError(
            f"{what}: expected a pandas Series or DataFrame indexed by region name, got {type(obj).__name__}. "
            "The order of a bare array cannot be checked; give it names, e.g. pd.Series(values, index=atlas.regions)."
        )
    regions = pd.Index(regions)
    if obj.index.equals(regions):
        rows_of(obj.index, regions, what)
        obj = obj.copy()  # in one block: the next to read it will not walk through hundreds of columns
    else:
        attrs = obj.attrs
        obj = obj.iloc[rows_of(obj.index, regions, what)].set_axis(regions.rename(obj.index.name), axis=0)
        obj.attrs = attrs
    frame = obj.to_frame() if isinstance(obj, pd.Series) else obj
    for name, kind in zip(frame.columns, frame.dtypes, strict=True):
        if kind.kind in "cmM":
            where = "" if obj.ndim == 1 else f", column {name!r}"
            raise ValueError(f"{what}{where}: expected numbers, got values of type {kind}. Convert them first.")
    try:
        finite = np.isfinite(frame.to_numpy(dtype=float))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what}: not all values are numbers ({error}). Convert the columns first.") from None
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        where = f"region {str(regions[row])!r}" + (f", column {frame.columns[column]!r}" if obj.ndim == 2 else "")
        raise ValueError(
            f"{what}: {int((~finite).sum())} of {finite.size} values are not finite, the first "
            f"({frame.iloc[row, column]}) at {where}. Drop or fill them explicitly first."
        )
    # Whole numbers, text and pandas' own types become floats; floats of 32 and 64 bits stay as they are.
    return obj if all(kind in (np.float32, np.float64) for kind in frame.dtypes) else obj.astype(float)


def plausible(values: object, kind: str, what: str, *, missing: bool = False) -> None:
    """Refuse numbers that cannot be true, with the place of the first and the range of its kind.

    Parameters
    ----------
    values
        Array, Series or DataFrame of numbers.
    kind
        Of `RANGES`: thickness (mm), age (years), state, rate, weight, energy.
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


def energies(values: object, what: str = "expression") -> np.ndarray:
    """Return expression energies with NaN where there is none; the Allen Institute's files write −1 there.

    Parameters
    ----------
    values
        Numbers of any plain form. Floats keep their type; what is mapped from disk is read block by block, and stays
        mapped where no −1 is in it.
    what
        What they are called in an error.

    Returns
    -------
    float array
        The array itself where it holds no −1, else a copy.

    Raises
    ------
    TypeError
        If it is no array of numbers.
    ValueError
        If a value is negative and not −1, infinite or huge.

    Examples
    --------
    >>> energies(np.array([[0.5, -1.0]], dtype=np.float32)).tolist()
    [[0.5, nan]]
    """
    found = values.to_numpy() if isinstance(values, (pd.Series, pd.DataFrame)) else values
    if not isinstance(found, np.ndarray) or found.dtype.kind != "f":
        found = array(found, what, dtype=np.float32, finite=False)
    height = max(1, _AT_ONCE // max(1, int(np.prod(found.shape[1:], dtype=np.int64)))) if found.ndim else 1
    holes = False
    for start in range(0, len(np.atleast_1d(found)), height):
        block = np.atleast_1d(found)[start : start + height]
        if block.dtype == np.float16:  # which processors compare slowly
            block = block.astype(np.float32)
        if (
            np.fmin.reduce(block, axis=None, initial=0) >= -_ROUNDING
            and np.fmax.reduce(block, axis=None, initial=0) <= _HIGHEST
        ):
            continue
        odd = (block < -_ROUNDING) & (block != -1) | (block > _HIGHEST)
        if odd.any():
            place = np.argwhere(odd)[0]
            raise ValueError(
                f"{what} is {block[tuple(place)]:g} at {(start + int(place[0]), *map(int, place[1:]))}; expected an "
                "energy of 0 or more, up to 60000, or NaN (−1 in the Allen Institute's files) where there is none: "
                "energies as measured; logarithms and z-scores are none."
            )
        holes |= bool((block == -1).any())
    return np.where(found == -1, found.dtype.type(np.nan), found) if holes else found


def why_implausible(value: float, kind: str) -> str:
    """Say what a value out of range may be, as the end of an error; nothing where nothing is likely.

    Examples
    --------
    >>> why_implausible(2500, "thickness")
    ' In µm? Divide by 1000.'
    """
    if kind == "age" and 216 <= value <= 1320:
        return " In months? Divide by 12." if value not in MISSING_CODES else " A code for a missing value, or months?"
    if kind == "age" and 1900 <= value <= 2100:
        return " A year of birth? Give the age at the scan."
    if value in MISSING_CODES:
        return " It looks like a code for a missing value: leave such cells empty."
    if kind == "thickness" and value > 8:
        return " In µm? Divide by 1000." if 800 <= value <= 8000 else " Is it a thickness, and its decimal point right?"
    return ""


def _shown(value: object) -> str:
    """Show what was given, in a few words."""
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '…'}"


__getattr__ = _moved.lazily(__name__)
