"""Joins: are these the same regions, in this order; position never pairs two labelled things."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
import pandas as pd

from xsg import names as naming
from xsg.check.values import BARE, array, distinct, instance, shown, some

Labelled = TypeVar("Labelled", pd.Series, pd.DataFrame)


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
            f"{wanted}; got {shown(held_out)}. Of row numbers, as scikit-learn's splitters give them, make a mask: "
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
    distinct(given, f"{what}: regions", "Keep one row per region.")
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


def align(obj: Labelled, regions: pd.Index | list[str], what: str) -> Labelled:
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
    instance(obj, (pd.Series, pd.DataFrame), what, "a pandas Series or DataFrame indexed by region name", BARE)
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
