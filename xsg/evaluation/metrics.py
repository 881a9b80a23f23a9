"""Metrics: how well a map is predicted, and how well known programs are found again.

What is predicted is joined to what was observed by name; only bare arrays are taken in the order in which they stand.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xsg import check
from xsg.check import align, array, constant, folds, matched, rows_of, series, some


def r_squared(observed: pd.Series | np.ndarray, predicted: np.ndarray | pd.DataFrame) -> np.ndarray | float:
    """Coefficient of determination R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)², of one prediction (n,) or of each row of (m, n).

    Unlike a squared correlation it falls below zero when the mean would have predicted better.

    Parameters
    ----------
    observed
        One map (n,).
    predicted
        One prediction (n,), or one in each row (m, n). Tables are joined to ``observed`` by name (the columns of a
        DataFrame), arrays go by position.

    Returns
    -------
    float, or ndarray (m,)
        NaN where a value is missing.

    Raises
    ------
    TypeError
        If one of them holds no numbers.
    ValueError
        Names or sizes that differ; an observed map that is constant.

    Examples
    --------
    >>> r_squared(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))
    0.5
    >>> r_squared(pd.Series([1.0, 2.0], ["a", "b"]), pd.Series([2.0, 1.0], ["b", "a"]))
    1.0
    """
    observed, predicted = _joined(observed, predicted)
    residual = ((observed - predicted) ** 2).sum(axis=-1)
    found = 1 - residual / ((observed - observed.mean()) ** 2).sum()
    return float(found) if found.ndim == 0 else found


def correlation(observed: pd.Series | np.ndarray, predicted: np.ndarray | pd.DataFrame) -> np.ndarray | float:
    """Pearson's r over regions, of one prediction (n,) or of each row of (m, n).

    Parameters, result and errors are those of `r_squared`; a prediction that is constant has no correlation, NaN.

    Examples
    --------
    >>> correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    1.0
    """
    observed, predicted = _joined(observed, predicted)
    a = observed - observed.mean()
    b = predicted - predicted.mean(axis=-1, keepdims=True)
    size = np.sqrt((a**2).sum() * (b**2).sum(axis=-1))
    flat = constant(predicted, axis=-1) | (size == 0)
    found = np.where(flat, np.nan, (a * b).sum(axis=-1) / np.where(flat, 1, size))
    return float(found) if found.ndim == 0 else found


def _joined(observed: object, predicted: object) -> tuple[np.ndarray, np.ndarray]:
    """Return what was observed (n,) and predicted (n,) or (m, n) in one order."""
    if isinstance(observed, pd.DataFrame) and len(observed) == 1 < observed.shape[1]:
        observed = observed.iloc[0]  # a map in a row
    named = isinstance(observed, (pd.Series, pd.DataFrame, dict))
    y = series(observed, "observed") if named else array(observed, "observed", finite=False)
    y, index = (y.to_numpy(dtype=float), y.index) if named else (y[0] if y.ndim == 2 and len(y) == 1 else y, None)
    if y.ndim != 1 or len(y) < 2:
        raise ValueError(f"observed has shape {y.shape}; expected one map (n,), of two or more regions.")
    if constant(y):
        raise ValueError(f"observed has the same value, {y[0]:g}, everywhere: nothing is there to be predicted.")
    if isinstance(predicted, dict):
        predicted = pd.Series(predicted)
    elif isinstance(predicted, (list, tuple)) and predicted and all(isinstance(row, pd.Series) for row in predicted):
        predicted = pd.DataFrame(list(predicted))  # joins them by name
    elif isinstance(predicted, pd.DataFrame) and predicted.shape[1] == 1:
        predicted = predicted.iloc[:, 0]
    if isinstance(predicted, pd.DataFrame) and index is not None and len(index) == len(predicted):
        lost, turned = (len(index.difference(each)) for each in (predicted.columns, predicted.index))
        if lost and not turned:
            raise ValueError("predicted has the regions in its rows; expected a column for each: give its transpose.")
    p = matched(predicted, index, "predicted")
    if p.ndim not in (1, 2) or p.shape[-1] != len(y):
        raise ValueError(f"predicted has shape {p.shape}; expected ({len(y)},) or (m, {len(y)}), as observed.")
    return y, p


def r_squared_rows(observed: np.ndarray | pd.DataFrame, predicted: np.ndarray | pd.DataFrame) -> np.ndarray:
    """R² of many maps at once, each beside a prediction of its own.

    Parameters
    ----------
    observed
        float (…, n), or DataFrame (M, n), a map in each row.
    predicted
        float (…, n), of a shape that fits; a DataFrame is joined to ``observed``, if that is one, by its columns.

    Returns
    -------
    ndarray (…)
        NaN where a value is missing.

    Raises
    ------
    ValueError
        Names or shapes that differ.

    Examples
    --------
    >>> r_squared_rows([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], [[1.0, 2.0, 4.0], [3.0, 2.0, 1.0]]).tolist()
    [0.5, 1.0]
    """
    index = observed.columns if isinstance(observed, pd.DataFrame) else None
    y, p = array(observed, "observed", finite=False), matched(predicted, index, "predicted")
    try:
        residual = ((y - p) ** 2).sum(axis=-1)
    except ValueError:
        raise ValueError(f"observed has shape {y.shape} and predicted {p.shape}; expected one map (n,) each.") from None
    return 1 - residual / ((y - y.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)


def program_recovery(
    found: pd.DataFrame,
    truth: pd.DataFrame,
    held_out: np.ndarray | pd.DataFrame,
    alphas: float | Sequence[float] = (0.1, 1, 10, 100, 1000),
) -> pd.Series:
    """Held-out R² of each true program, read linearly off the programs found.

    Latent programs come in no order, sign or rotation, so they are compared through the best linear map from found to
    true: a ridge regression that is fitted, its penalty included, without the regions it is judged on.

    Parameters
    ----------
    found
        DataFrame (n, d), programs found, by region; it may have more regions.
    truth
        DataFrame (n, k), true programs, by region.
    held_out
        bool (F, n) folds, as `xsg.evaluation.splits` makes them, in the order of ``truth``; a DataFrame is joined by
        name.
    alphas
        Penalties to choose from, by leave-one-out within the training regions.

    Returns
    -------
    Series (k,)
        R² of each true program over all regions; 1 is perfect, 0 no better than the mean. A region that several folds
        hold out counts with the mean of their predictions.

    Raises
    ------
    TypeError
        Tables without names.
    ValueError
        Regions that do not match; a true program that is constant; folds that leave a region out; no penalty above 0.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found, truth = (each.to_frame() if isinstance(each, pd.Series) else each for each in (found, truth))
    truth = align(truth, getattr(truth, "index", ()), "truth")
    align(found, getattr(found, "index", ()), "found")
    x, y = found.iloc[rows_of(found.index, truth.index, "found", extra=True)].to_numpy(float), truth.to_numpy(float)
    if not (x.shape[1] and y.shape[1]):
        raise ValueError(f"found holds {x.shape[1]} programs and truth {y.shape[1]}; expected one or more of each.")
    if constant(y).any():
        raise ValueError(f"truth: program {truth.columns[constant(y)][0]!r} has the same value in every region.")
    held_out = folds(held_out, truth.index, fewest=2)
    if not held_out.any(axis=0).all():
        raise ValueError(
            f"held_out: no fold holds out {some(truth.index[~held_out.any(axis=0)])}; expected folds that hold every "
            "region out."
        )
    given = np.atleast_1d(np.asarray(alphas, dtype=object)).tolist()
    alphas = [check.number(alpha, "alphas: a penalty", 0, above=True) for alpha in given]
    if not alphas:
        raise ValueError("alphas is empty; expected one or more penalties above 0.")
    predicted = np.zeros(y.shape)
    for fold in held_out:
        reader = make_pipeline(StandardScaler(), RidgeCV(alphas, alpha_per_target=True))
        predicted[fold] += reader.fit(x[~fold], y[~fold]).predict(x[fold]).reshape(-1, y.shape[1])
    predicted /= held_out.sum(axis=0)[:, None]
    return pd.Series(r_squared_columns(y, predicted), truth.columns, name="held-out R²")


def r_squared_columns(observed: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """R² of each column of (n, k); NaN where what was observed is constant."""
    columns = zip(observed.T, predicted.T, strict=True)
    return np.array([np.nan if len(y) < 2 or constant(y) else r_squared(y, p) for y, p in columns])
