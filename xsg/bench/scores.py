"""Scores: what a prediction of regions held out is worth, map by map.

=============  =====================================================================================================
``r2``         held-out R²: 1 is perfect, 0 the mean of the map, below 0 worse than that
``gain``       ``r2`` less that of position alone (kriging) in the same folds: what genes, or a model, add to place
``slope``      of a straight line from predicted to observed: 1 is calibrated, less is too sure, more too timid
``truth``      Pearson's r with the part of the map that genes make, where that is known and not 0
=============  =====================================================================================================

From them two answers, by map: *something is there* (R² > 0, by pairs) and *it goes beyond place* (gain > 0 and R² > 0,
by pairs and by patches: who only does better than a position that does worse than the mean has found nothing). Where
genes play no part, either is a false alarm.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from xsg.evaluation.metrics import correlation, r_squared

SCORES = ("r2", "gain", "slope", "truth")
LEAST = 1e-3  # what counts as above 0: more than rounding


def slope(observed: np.ndarray, predicted: np.ndarray) -> float:
    """Calibration: the slope of the straight line that leads from predicted to observed values.

    Parameters
    ----------
    observed, predicted
        float (n,), over the same regions.

    Returns
    -------
    float
        cov(y, ŷ) / var(ŷ); NaN where the prediction is constant.

    Examples
    --------
    >>> slope(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 5.0]))
    0.5
    """
    r = correlation(observed, predicted)
    return float(r * np.std(observed) / np.std(predicted)) if np.isfinite(r) else float("nan")


def scored(
    observed: pd.DataFrame, predicted: np.ndarray, position: np.ndarray, truth: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Score the predictions of many maps under one dealing of the folds.

    Parameters
    ----------
    observed
        DataFrame (K, n), a map in each row.
    predicted, position
        float (K, n), of a method and of position alone, held out.
    truth
        DataFrame (K, n), what genes make of each map.

    Returns
    -------
    DataFrame (K rows)
        Columns ``map`` and `SCORES`.

    Examples
    --------
    >>> y = pd.DataFrame([[1.0, 2.0, 3.0]], ["m"])
    >>> scored(y, np.array([[1.0, 2.0, 4.0]]), np.array([[2.0, 2.0, 2.0]])).round(2).to_dict("records")
    [{'map': 'm', 'r2': 0.5, 'gain': 0.5, 'slope': 0.64, 'truth': nan}]
    """
    rows = []
    for k, (name, values) in enumerate(observed.iterrows()):
        y, own = values.to_numpy(), None if truth is None else truth.iloc[k].to_numpy()
        r2 = r_squared(y, predicted[k])
        known = correlation(own, predicted[k]) if own is not None and own.any() else np.nan
        row = (name, r2, r2 - r_squared(y, position[k]), slope(y, predicted[k]), known)
        rows.append(dict(zip(("map", *SCORES), row, strict=True)))
    return pd.DataFrame(rows)


def answers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what a method says of each map.

    Parameters
    ----------
    rows
        DataFrame of `xsg.bench.run.score`.

    Returns
    -------
    DataFrame
        Columns ``method``, ``task``, ``kind``, ``map``; ``there``: median R² over dealings above 0, by pairs;
        ``beyond``: median gain and median R² above 0, by pairs and by patches. NaN where a split was not scored. Above
        0 is what is so by more than `LEAST`.

    Examples
    --------
    >>> rows = [("a", "place", "place", 0, split, 0.2, gain) for split, gain in (("pairs", 0.1), ("patches", -0.1))]
    >>> rows = pd.DataFrame(rows, columns=["method", "task", "kind", "map", "split", "r2", "gain"])
    >>> answers(rows)[["there", "beyond"]].to_numpy().tolist()
    [[1.0, 0.0]]
    """
    by = ["method", "task", "kind", "map"]
    wide = rows.pivot_table(["r2", "gain"], by, "split", "median", sort=False)
    wide = wide.reindex(columns=pd.MultiIndex.from_product([["r2", "gain"], ["pairs", "patches"]]))
    yes = (wide > LEAST).astype(float).where(wide.notna())
    both = yes.min(axis=1, skipna=False)
    return pd.DataFrame({"there": yes["r2", "pairs"], "beyond": both}).reset_index()
