"""Simpler ways to predict where a voxel lies: neighbours, components and factors, for `xsg.spatial.localise`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import nnls
from sklearn.base import BaseEstimator

from xsg.spatial.estimator import SpatialVAE
from xsg.spatial.folds import Fold, grid_order, voxel_folds
from xsg.spatial.mouse import Mouse
from xsg.spatial.preprocess import OFFSET, Preprocessor

PLACE_BASELINES = ("centroid", "kNN", "PCA + ridge", "NMF + ridge", "plain VAE")
COMPONENTS = (25, 50, 100, 200)  # principal components, to choose from
PENALTIES = tuple(10.0 ** np.arange(-2, 5))  # of ridge, to choose from
NEIGHBOURS = (1, 3, 10, 30, 100)  # of kNN, to choose from
FACTORS = 11  # of NMF, as published for this atlas
_KNN_COMPONENTS = 50
_NMF_VOXELS = 4000  # from which the factors are learned
_BLOCK = 4096  # voxels held as float32 at a time


def ended(fitted: object) -> None:
    """End a loop over fits if one of them was cut short: its half-trained model must not pass for a trained one."""
    if getattr(fitted, "interrupted_", False):
        raise KeyboardInterrupt


def predict_places(
    names: tuple[str, ...],
    brain: Mouse,
    train: np.ndarray,
    rows: np.ndarray,
    folded: bool,
    split: str,
    seed: int,
    model: SpatialVAE,
) -> dict[str, np.ndarray]:
    """Places (m, 3) of the voxels ``rows`` by each baseline, all learned from the training voxels."""
    if not names:
        return {}
    # In the order of the grid: what is equally near in expression then falls the same way in any order of the table.
    place, order = brain.positions(folded), grid_order(brain.positions())
    train_rows = order[train[order]]
    y = place[train_rows]
    out = {"centroid": np.broadcast_to(y.mean(axis=0), (len(rows), 3))}
    if names == ("centroid",):
        return out
    # To choose by: a fifth of the training voxels; of one hemisphere, by cubes.
    inner_split = "blocks" if split == "hemisphere" else split
    inner = voxel_folds(brain.voxels.iloc[train_rows], inner_split, 5, seed)[0]
    prepared = Preprocessor().fit(brain, train_rows)
    if {"kNN", "PCA + ridge"} & set(names):
        axes = _principal_axes(prepared, brain, train_rows)
        here, there = (_streamed(prepared, brain, each, lambda x: x @ axes) for each in (train_rows, rows))
        if "kNN" in names:
            k = _KNN_COMPONENTS
            out["kNN"] = _nearest(here[:, :k], y, there[:, :k], inner)
        if "PCA + ridge" in names:
            out["PCA + ridge"] = _ridge(here, y, there, inner, COMPONENTS)
    if "NMF + ridge" in names:
        here, there = _factors(prepared, brain, train_rows, rows, seed)
        out["NMF + ridge"] = _ridge(here, y, there, inner)
    if "plain VAE" in names:
        blind = {"classification": 0.0, "regression": 0.0, "euclidean": 0.0, "region": 0.0}
        vae = type(model)(**model.get_params() | blind)
        vae.fit(brain.expression, brain.voxels, train=train, folded=folded, progress=False)
        ended(vae)
        here, there = (vae.encode(brain.expression, brain.voxels, rows=each).to_numpy() for each in (train_rows, rows))
        out["plain VAE"] = _ridge(here, y, there, inner)
    return {name: out[name] for name in names}


def _streamed(prepared: Preprocessor, brain: Mouse, rows: np.ndarray, make) -> np.ndarray:
    """Apply ``make`` to the preprocessed expression of voxels, block by block."""
    starts = range(0, len(rows), _BLOCK)
    return np.concatenate([make(prepared.transform(brain, rows[start : start + _BLOCK])) for start in starts])


def _principal_axes(prepared: Preprocessor, brain: Mouse, rows: np.ndarray) -> np.ndarray:
    """Directions of largest variance, largest first: float32 (p, at most 200)."""
    p = prepared.n_features
    square, total = np.zeros((p, p)), np.zeros(p)
    for start in range(0, len(rows), _BLOCK):
        x = prepared.transform(brain, rows[start : start + _BLOCK])
        square += x.T @ x
        total += x.sum(axis=0, dtype=float)
    mean = total / len(rows)
    covariance = square / len(rows) - np.outer(mean, mean)
    top = min(max(COMPONENTS), p)
    return eigh(covariance, subset_by_index=(p - top, p - 1))[1][:, ::-1].astype(np.float32)


def _factors(prepared: Preprocessor, brain: Mouse, train: np.ndarray, rows: np.ndarray, seed: int) -> list[np.ndarray]:
    """Weights of the non-negative factors in both sets of voxels, of log energy counted from its floor."""
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    scale = prepared.scale_

    def positive(x: np.ndarray) -> np.ndarray:
        return np.maximum(x * scale.spread_ + scale.centre_ - np.float32(np.log(OFFSET)), 0)

    some = np.random.default_rng(seed).permutation(train)[:_NMF_VOXELS]
    n = min(FACTORS, prepared.n_features, len(some))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what is left to gain is far below what ridge would notice
        nmf = NMF(n, init="nndsvda", tol=1e-3, max_iter=100, random_state=seed)
        nmf.fit(positive(_streamed(prepared, brain, np.sort(some), lambda x: x)))
    # Voxel by voxel: scikit-learn stops all of them when their sum has settled, so that one would hear of the next.
    q, r = np.linalg.qr(nmf.components_.T.astype(float))

    def weights(x: np.ndarray) -> np.ndarray:
        return np.array([nnls(r, each)[0] for each in positive(x) @ q])

    return [_streamed(prepared, brain, each, weights) for each in (train, rows)]


def _ridge(
    x: np.ndarray, y: np.ndarray, asked: np.ndarray, inner: Fold, widths: tuple[int, ...] | None = None
) -> np.ndarray:
    """Linear map from the first columns of x to places; how many, and the penalty, as the inner fold likes best."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    widths = sorted({min(width, x.shape[1]) for width in widths or (x.shape[1],)})
    grid = {"functiontransformer__kw_args": [{"width": width} for width in widths], "ridge__alpha": PENALTIES}
    model = make_pipeline(FunctionTransformer(_first), Ridge())
    return _chosen(model, grid, x.astype(float), y, asked.astype(float), inner)


def _nearest(x: np.ndarray, y: np.ndarray, asked: np.ndarray, inner: Fold) -> np.ndarray:
    """Mean place of the k nearest in x; k as the inner fold likes best."""
    from sklearn.neighbors import KNeighborsRegressor

    grid = {"n_neighbors": [k for k in NEIGHBOURS if k <= inner.train.sum()]}
    return _chosen(KNeighborsRegressor(algorithm="brute"), grid, x, y, asked, inner)


def _chosen(
    model: BaseEstimator, grid: dict[str, Sequence], x: np.ndarray, y: np.ndarray, asked: np.ndarray, inner: Fold
) -> np.ndarray:
    """Predict by the settings that err least on the inner fold, fitted to all rows."""
    from sklearn.model_selection import GridSearchCV

    # Not PredefinedSplit, which would train on the buffer between the two parts.
    rows = [(np.flatnonzero(inner.train), np.flatnonzero(inner.held_out))]
    return GridSearchCV(model, grid, scoring=_closeness, cv=rows, error_score="raise").fit(x, y).predict(asked)


def _closeness(model: BaseEstimator, x: np.ndarray, y: np.ndarray) -> float:
    return -np.linalg.norm(model.predict(x) - y, axis=1).mean()


def _first(x: np.ndarray, width: int) -> np.ndarray:
    return x[:, :width]
