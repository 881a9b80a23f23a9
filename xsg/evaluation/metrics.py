"""Metrics: how well a map is predicted, and how well known programs are found again."""

import numpy as np
import pandas as pd


def r_squared(observed: pd.Series | np.ndarray, predicted: np.ndarray | pd.DataFrame) -> np.ndarray | float:
    """Coefficient of determination R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)², of one prediction (n,) or of each row of (m, n).

    Unlike a squared correlation it falls below zero when the mean would have predicted better.

    Examples
    --------
    >>> r_squared(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))
    0.5
    """
    observed, predicted = np.asarray(observed, dtype=float), np.asarray(predicted, dtype=float)
    residual = ((observed - predicted) ** 2).sum(axis=-1)
    found = 1 - residual / ((observed - observed.mean()) ** 2).sum()
    return float(found) if found.ndim == 0 else found


def correlation(observed: pd.Series | np.ndarray, predicted: np.ndarray | pd.DataFrame) -> np.ndarray | float:
    """Pearson's r over regions, of one prediction (n,) or of each row of (m, n).

    Examples
    --------
    >>> correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    1.0
    """
    observed, predicted = np.asarray(observed, dtype=float), np.asarray(predicted, dtype=float)
    a = observed - observed.mean()
    b = predicted - predicted.mean(axis=-1, keepdims=True)
    found = (a * b).sum(axis=-1) / np.sqrt((a**2).sum() * (b**2).sum(axis=-1))
    return float(found) if found.ndim == 0 else found


def program_recovery(
    found: pd.DataFrame, truth: pd.DataFrame, held_out: np.ndarray, alphas: tuple[float, ...] = (0.1, 1, 10, 100, 1000)
) -> pd.Series:
    """Held-out R² of each true program, read linearly off the programs found.

    Latent programs come in no order, sign or rotation, so they are compared through the best linear map from found to
    true: a ridge regression that is fitted, its penalty included, without the regions it is judged on.

    Parameters
    ----------
    found
        DataFrame (n, d), programs found, by region.
    truth
        DataFrame (n, k), true programs, by region.
    held_out
        bool (F, n) folds, as `xsg.evaluation.splits` makes them.
    alphas
        Penalties to choose from, by leave-one-out within the training regions.

    Returns
    -------
    Series (k,)
        R² of each true program over all regions; 1 is perfect, 0 no better than the mean.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = found.loc[truth.index].to_numpy(), truth.to_numpy()
    predicted = np.empty_like(y)
    for fold in np.asarray(held_out, dtype=bool):
        reader = make_pipeline(StandardScaler(), RidgeCV(alphas, alpha_per_target=True))
        predicted[fold] = reader.fit(x[~fold], y[~fold]).predict(x[fold])
    return pd.Series(r_squared_columns(y, predicted), truth.columns, name="held-out R²")


def r_squared_columns(observed: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """R² of each column of (n, k)."""
    return np.array([r_squared(observed[:, k], predicted[:, k]) for k in range(observed.shape[1])])
