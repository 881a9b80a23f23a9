"""Values: is this a valid choice, number, array or kind of object."""

from __future__ import annotations

import math
import numbers
import sys
import warnings
from collections.abc import Iterable
from difflib import get_close_matches

import numpy as np
import pandas as pd

# What stands for "not measured" in the tables of ADNI, SPSS, FreeSurfer, Excel and R. Numbers count as codes only
# where they could not be true.
MISSING_TEXT = frozenset({"", ".", "-", "na", "n/a", "#n/a", "nan", "null", "none", "missing", "unknown", "?"})
MISSING_CODES = frozenset(
    [0.0, *(-float(code) for code in (1, 4, 8, 9, 77, 88, 99, 777, 888, 999, 7777, 8888, 9999, 99999))]
    + [float(code) for code in (99, 777, 888, 999, 7777, 8888, 9999, 99999)]
)
BARE = "The order of a bare array cannot be checked; give it names, e.g. pd.Series(values, index=atlas.regions)."


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


def choice(value: object, allowed: Iterable[str], what: str, way_out: str = "") -> str:
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
    raise ValueError(
        f"{what} {value!r} is unknown; expected one of {', '.join(map(repr, allowed))}.{hint}{way_out and ' '}{way_out}"
    )


def choices(values: object, allowed: Iterable[str], what: str) -> tuple[str, ...]:
    """Return values of which each is one of those allowed, each once; a text alone is one of them.

    Examples
    --------
    >>> choices(["spin", "moran"], ("spin", "moran", "variogram"), "nulls"), choices("spin", ("spin", "moran"), "nulls")
    (('spin', 'moran'), ('spin',))
    """
    given = (values,) if isinstance(values, str) or not np.iterable(values) else tuple(values)
    allowed = list(allowed)
    if unknown := [each for each in given if not isinstance(each, str) or each not in allowed]:
        choice(unknown[0], allowed, what)
    if not given:
        raise ValueError(f"{what} is {values!r}; expected some of {', '.join(map(repr, allowed))}.")
    return tuple(dict.fromkeys(given))


def instance(value: object, kinds: type | tuple[type, ...], what: str, wanted: str, way_out: str = "") -> object:
    """Return what is of a kind, or refuse it with a TypeError.

    Examples
    --------
    >>> instance({"a": 1}, dict, "families", "a dict by map")
    {'a': 1}
    """
    if isinstance(value, kinds):
        return value
    got = shown(value) if value is None or isinstance(value, (str, bytes, numbers.Number, type)) else _kind(value)
    raise TypeError(f"{what}: expected {wanted}, got {got}.{way_out and ' '}{way_out}")


def distinct(names: Iterable[object], what: str, way_out: str = "Keep one of each.") -> pd.Index:
    """Return names as an index in which none comes twice, or refuse them.

    Examples
    --------
    >>> distinct(["APOE", "MAPT"], "expression: genes").to_list()
    ['APOE', 'MAPT']
    """
    found = names if isinstance(names, pd.Index) else pd.Index(list(names))
    if found.has_duplicates:
        raise ValueError(f"{what} given more than once: {some(found[found.duplicated()].unique())}. {way_out}")
    return found


def columns(table: pd.DataFrame, wanted: Iterable[object], what: str, way_out: str = "") -> None:
    """Refuse a table that lacks a column.

    Examples
    --------
    >>> columns(pd.DataFrame({"id": [1], "gene": ["APOE"]}), ["id"], "genes.csv")
    """
    if absent := [column for column in wanted if column not in table.columns]:
        raise ValueError(
            f"{what}: no column {', '.join(map(repr, absent))}; there are {some(table.columns, 8)}.{way_out and ' '}"
            f"{way_out}"
        )


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
            f"{what}: expected an array of numbers whose rows are equally long, got {shown(value)}."
        ) from None
    if found.dtype.kind not in "biuf":
        raise TypeError(f"{what}: expected numbers, got {shown(value)} of type {found.dtype}. Convert it first.")
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
    instance(obj, pd.Series, what, "a pandas Series indexed by region name", BARE)
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


def shown(value: object) -> str:
    """Show what was given, in a few words."""
    text = repr(value)
    return f"{_kind(value)} {text if len(text) <= 60 else text[:57] + '…'}"


def _kind(value: object) -> str:
    return type(value).__name__
