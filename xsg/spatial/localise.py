"""Where is a voxel? Errors of a model that places voxels by their expression, under folds that do not leak.

Two voxels that touch are nearly the same voxel. With random folds almost every held-out voxel touches one in training,
and its mirror image in the other hemisphere trains as well; so what is measured is interpolation over 200 µm. The other
splits here hold out whole cubes, slabs or hemispheres, and leave out of training what lies within a buffer of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.linalg import eigh
from scipy.optimize import nnls
from scipy.spatial import cKDTree
from scipy.stats import chi2
from sklearn.base import BaseEstimator
from tqdm.auto import tqdm

from xsg import _moved
from xsg.check import array, choice, choices, instance, number, rows_of
from xsg.evaluation.metrics import r_squared_columns
from xsg.spatial.estimator import SpatialVAE
from xsg.spatial.folds import BUFFER, VOXEL_SPLITS, Fold, grid_order, voxel_folds
from xsg.spatial.mouse import AXES, SPACING, Mouse
from xsg.spatial.preprocess import OFFSET, Preprocessor

__all__ = ["PLACE_BASELINES", "VOXEL_SPLITS", "Fold", "Places", "localise", "voxel_folds"]

PLACE_BASELINES = ("centroid", "kNN", "PCA + ridge", "NMF + ridge", "plain VAE")
COMPONENTS = (25, 50, 100, 200)  # principal components, to choose from
PENALTIES = tuple(10.0 ** np.arange(-2, 5))  # of ridge, to choose from
NEIGHBOURS = (1, 3, 10, 30, 100)  # of kNN, to choose from
FACTORS = 11  # of NMF, as published for this atlas
LEVELS = (0.5, 0.8, 0.9, 0.95)  # of the intervals whose coverage is counted
_KNN_COMPONENTS = 50
_NMF_VOXELS = 4000  # from which the factors are learned
_DRAWS = 10  # of the posterior
_BLOCK = 4096  # voxels held as float32 at a time


@dataclass(frozen=True, repr=False, eq=False)
class Places:
    """Where a model and simpler methods put the voxels that each fold held out.

    Attributes
    ----------
    voxels : DataFrame (m,)
        By voxel held out (its row in the brain): its fold, and ``distance_um`` to the nearest training voxel of that
        fold.
    true : DataFrame (m, 3)
        Where they lie, in voxels: AP, SI, LR (or the distance from the midline, if folded).
    predicted : dict of str to DataFrame (m, 3)
        By method, the model ("model") first, then the baselines.
    spread : DataFrame (m, 3)
        Standard deviation of the model's place over its posterior, in voxels.
    table : DataFrame
        By method: mean Euclidean error in µm and voxels; per axis the bias (mean of predicted − true), root mean square
        error and R²; share of voxels put into their own coarse region ("division") and finest structure ("structure"),
        the region at a place being that of the nearest voxel of the atlas.
    calibration : DataFrame
        By nominal level: the share of held-out voxels inside the model's ellipsoid of that level ("posterior"), and the
        share inside when the ellipsoid is widened as much as the *other* folds need ("widened"; NaN with one fold).
    split : str
    folded : bool
    """

    split: str
    folded: bool
    voxels: pd.DataFrame
    true: pd.DataFrame
    predicted: dict[str, pd.DataFrame]
    spread: pd.DataFrame
    table: pd.DataFrame
    calibration: pd.DataFrame
    description: str = field(default="")

    @property
    def error_um(self) -> float:
        """Mean Euclidean error of the model in µm."""
        return float(self.table.loc["model", "error_um"])

    @property
    def error_voxels(self) -> float:
        """Mean Euclidean error of the model in voxels of 200 µm."""
        return float(self.table.loc["model", "error_voxels"])

    @property
    def bias_voxels(self) -> pd.Series:
        """Mean of predicted − true of the model, in voxels, by axis."""
        return self._by_axis("bias")

    @property
    def rmse_voxels(self) -> pd.Series:
        """Root mean square error of the model, in voxels, by axis."""
        return self._by_axis("rmse")

    @property
    def r2(self) -> pd.Series:
        """R² of the model, by axis."""
        return self._by_axis("r2")

    @property
    def baselines(self) -> pd.DataFrame:
        """The rows of the table that are not the model's."""
        return self.table.drop(index="model")

    def _by_axis(self, what: str) -> pd.Series:
        return pd.Series({axis: self.table.loc["model", f"{what}_{axis}"] for axis in AXES}, name=what)

    def errors(self, method: str = "model") -> pd.Series:
        """Euclidean error of each held-out voxel in µm (m,)."""
        gap = self.predicted[choice(method, self.predicted, "method")].to_numpy() - self.true.to_numpy()
        return pd.Series(SPACING * np.linalg.norm(gap, axis=1), self.true.index, name=method)

    def by_distance(self, edges_um: tuple[float, ...] = (0, 300, 500, 700, 900, 1200, 1600, 2400)) -> pd.DataFrame:
        """Mean error in µm of every method by distance to the nearest training voxel; with the number of voxels.

        Distances of ``edges_um[k]`` to less than ``edges_um[k + 1]`` are taken together; empty bins are left out.
        """
        bins = pd.cut(self.voxels["distance_um"], [*edges_um, np.inf], right=False)
        frame = pd.DataFrame({method: self.errors(method) for method in self.predicted})
        out = frame.groupby(bins, observed=True).mean()
        out.insert(0, "distance_um", self.voxels["distance_um"].groupby(bins, observed=True).mean())
        out.insert(1, "voxels", bins.value_counts().reindex(out.index))
        return out

    def __repr__(self) -> str:
        """Say what was asked, and the table of errors."""
        short = pd.DataFrame(
            {
                "error µm": self.table["error_um"].round(),
                "error voxels": self.table["error_voxels"].round(2),
                "largest bias": self.table[[f"bias_{axis}" for axis in AXES]].abs().max(axis=1).round(2),
                "lowest R²": self.table[[f"r2_{axis}" for axis in AXES]].min(axis=1).round(3),
                "division": self.table["division"].round(3),
                "structure": self.table["structure"].round(3),
            }
        )
        return f"{self.description}\n{short}"


def localise(
    model: SpatialVAE,
    brain: Mouse,
    split: str = "random",
    seed: int = 0,
    *,
    n_folds: int = 5,
    folds: Iterable[int] | int | None = None,
    folded: bool = False,
    baselines: bool | str | tuple[str, ...] = True,
    buffer: float = BUFFER,
    progress: bool = True,
    **given: object,
) -> Places:
    """Train a model in each fold, and ask it where the voxels lie that the fold held out.

    Parameters
    ----------
    model
        Its settings are used; it is not changed. A `SpatialVAE`, or what has its ``get_params``, ``fit``,
        ``predict_place``, ``spread`` and ``encode``.
    brain
        Real or simulated.
    split, n_folds, seed, buffer
        As in `voxel_folds`.
    folds
        Numbers of the folds to run (or one), counted from 1; what the others hold out is then not scored. None: all.
    folded
        Ask for the distance from the midline, ``|LR − 28.5|``, instead of LR: a voxel's mirror image is then in the
        same place, as it is for the biology.
    baselines
        Which of `PLACE_BASELINES` to run; True: all, False: none.

        - ``"centroid"``: the mean of the training voxels.
        - ``"kNN"``: mean place of the k voxels nearest in 50 principal components.
        - ``"PCA + ridge"``, ``"NMF + ridge"``: a linear map from up to 200 principal components, or 11 factors.
        - ``"plain VAE"``: the model without any term of place in its loss, then ridge from its latents.

        All read log energies, scaled inside the training voxels; what they have to choose they choose on a fifth of the
        training voxels, set aside by the same kind of split.
    progress
        Show a progress bar.
    **given
        Passed on to ``model.fit``: ``region``, ``pathways``.

    Returns
    -------
    Places
        ``.error_um``, ``.bias_voxels``, ``.r2``, ``.baselines``, ``.table``, ``.calibration``, ``.by_distance()``.

    Raises
    ------
    TypeError
        No brain, no model; a model whose answer is no table of places.
    ValueError
        As in `voxel_folds`; an unknown baseline; an answer that lacks voxels or axes, or is not finite.
    KeyboardInterrupt
        Ctrl-C, also where the model's own fit ends early by it: a report never holds a fold that was cut short.

    Examples
    --------
    >>> import xsg
    >>> brain = xsg.load_mouse("simulated", n_genes=40, step=4, geometry="drawn")
    >>> model = xsg.SpatialVAE(epochs=2)
    >>> places = localise(model, brain, "blocks", folds=(1,), baselines=("centroid",), progress=False)
    >>> list(places.table.index), places.r2.shape
    (['model', 'centroid'], (3,))
    """
    instance(brain, Mouse, "brain", "an xsg Mouse, as xsg.load_mouse gives it")
    if lacking := [each for each in ("get_params", "fit", "predict_place", "spread") if not hasattr(model, each)]:
        raise TypeError(
            f"model: {type(model).__name__} has no {lacking[0]}(); expected a SpatialVAE, or what works as one."
        )
    wanted = PLACE_BASELINES if baselines is True else baselines or ()
    names = choices(wanted, PLACE_BASELINES, "baseline") if len(wanted) else ()
    brain, given = _numbered(brain, given)
    every = voxel_folds(brain.voxels, split, n_folds, seed, buffer)
    numbers = tuple(range(1, len(every) + 1))
    if folds is not None:
        asked = tuple(folds) if np.iterable(folds) else (folds,)
        numbers = tuple(dict.fromkeys(number(each, "folds: a fold", whole=True) for each in asked))
        if not numbers or not set(numbers) <= set(range(1, len(every) + 1)):
            raise ValueError(f"folds is {folds}; expected some of 1 to {len(every)}.")
    place = brain.positions(folded)
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in ("model", *names)}
    spreads, tables = [], []
    for which in tqdm(numbers, desc=f"folds ({split})", disable=not progress):
        train, held_out = every[which - 1]
        rows = np.flatnonzero(held_out)
        fitted = type(model)(**model.get_params())
        fitted.fit(brain.expression, brain.voxels, train=train, folded=folded, progress=False, **given)
        _ended(fitted)
        # A model that fills in or reads neighbours needs the table of voxels at prediction too.
        answer = fitted.predict_place(brain.expression, brain.voxels, rows=rows)
        found["model"].append(_answer(answer, rows, "predict_place"))
        answer = fitted.spread(brain.expression, brain.voxels, rows=rows, n=_DRAWS)
        spreads.append(_answer(answer, rows, "spread"))
        distance = cKDTree(place[train]).query(place[rows])[0]
        tables.append(pd.DataFrame({"fold": which, "distance_um": SPACING * distance}, rows))
        simpler = _baselines(names, brain, train, rows, folded, split, seed, model)
        for name, values in simpler.items():
            found[name].append(pd.DataFrame(values, rows, list(AXES)))
    voxels = pd.concat(tables).rename_axis("voxel").sort_index()
    rows = voxels.index.to_numpy()
    predicted = {name: pd.concat(frames).loc[rows] for name, frames in found.items()}
    spread = pd.concat(spreads).loc[rows]
    true = pd.DataFrame(place[rows], rows, list(AXES)).rename_axis("voxel")
    order = grid_order(place)
    atlas = cKDTree(place[order])
    levels = {"division": brain.division.to_numpy(), "structure": brain.region.to_numpy()}
    near = {name: label[order] for name, label in levels.items()}
    table = {
        name: _scores(true.to_numpy(), each.to_numpy(), rows, atlas, levels, near) for name, each in predicted.items()
    }
    run = f"{len(every)} folds"
    if folds is not None:
        run = f"fold{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))} of {len(every)}"
    description = (
        f"{model!r}: {len(rows)} held-out voxels of {'simulated' if brain.simulated else 'real'} brain {brain.name!r}, "
        f"split {split!r} ({run}"
        + (f", buffer {buffer:g} voxels" if split != "random" else "")
        + f"), nearest training voxel at a median of {voxels['distance_um'].median():.0f} µm"
        + (", hemispheres folded" if folded else "")
    )
    return Places(
        split,
        folded,
        voxels,
        true,
        predicted,
        spread,
        pd.DataFrame(table).T,
        _calibration(predicted["model"] - true, spread, voxels["fold"]),
        description,
    )


def _numbered(brain: Mouse, given: dict) -> tuple[Mouse, dict]:
    """Return the brain with voxels numbered by their rows: expression is an array, which goes by position.

    What is given by voxel besides is brought into their order by name.
    """
    index = brain.voxels.index
    if index.equals(pd.RangeIndex(len(index))):
        return brain, given
    given = dict(given)
    for name, table in given.items():
        if isinstance(table, (pd.Series, pd.DataFrame)) and set(table.index) == set(index):
            given[name] = table.iloc[rows_of(table.index, index, name)].reset_index(drop=True)
    plain = {"voxels": brain.voxels.reset_index(drop=True), "region": brain.region.reset_index(drop=True)}
    return replace(brain, **plain), given


def _ended(fitted: object) -> None:
    """End a loop over fits if one of them was cut short: its half-trained model must not pass for a trained one."""
    if getattr(fitted, "interrupted_", False):
        raise KeyboardInterrupt


def _answer(table: object, rows: np.ndarray, what: str) -> pd.DataFrame:
    """Return what a model says of some voxels (m, 3), rows and axes by name; an array goes by position."""
    if isinstance(table, pd.DataFrame):
        lacking = [axis for axis in AXES if axis not in table.columns]
        if lacking or not table.columns.is_unique:
            raise ValueError(f"{what}: columns are {list(table.columns)}; expected {list(AXES)}.")
        table = table[list(AXES)]
        if not table.index.equals(pd.Index(rows)):
            table = table.iloc[rows_of(table.index, pd.Index(rows), f"{what}: voxels")]
    values = array(table, what)
    if values.shape != (len(rows), 3):
        raise ValueError(f"{what}: {values.shape}; expected ({len(rows)}, 3), a place for each voxel asked about.")
    return pd.DataFrame(table if isinstance(table, pd.DataFrame) else values, rows, list(AXES)).rename_axis("voxel")


def _scores(
    true: np.ndarray, predicted: np.ndarray, rows: np.ndarray, atlas: cKDTree, levels: dict, near: dict
) -> pd.Series:
    """Score places (m, 3), in voxels.

    ``rows`` says which voxels they are, ``near`` what lies at the points of the atlas; of those equally near, the tree
    takes one, the same for every order of the table.
    """
    gap = predicted - true
    error = np.linalg.norm(gap, axis=1).mean()
    out = {"error_um": SPACING * error, "error_voxels": error}
    for name, values in (
        ("bias", gap.mean(axis=0)),
        ("rmse", np.sqrt((gap**2).mean(axis=0))),
        ("r2", r_squared_columns(true, predicted)),
    ):
        out |= {f"{name}_{axis}": value for axis, value in zip(AXES, values, strict=True)}
    nearest = atlas.query(predicted)[1]
    return pd.Series(out | {name: (near[name][nearest] == label[rows]).mean() for name, label in levels.items()})


def _calibration(gap: pd.DataFrame, spread: pd.DataFrame, number: pd.Series) -> pd.DataFrame:
    """Coverage of ellipsoids around the predicted places, as they are and widened by what the other folds need."""
    # Squared distance from the centre in standard deviations: χ² with three degrees of freedom, were they right.
    size = ((gap / spread.clip(lower=1e-6)) ** 2).sum(axis=1).to_numpy()
    fold_of = number.to_numpy()
    out = pd.DataFrame(index=pd.Index(LEVELS, name="nominal"), columns=["posterior", "widened"], dtype=float)
    for level in LEVELS:
        out.loc[level, "posterior"] = (size <= chi2.ppf(level, 3)).mean()
        if len(np.unique(fold_of)) > 1:
            inside = [size[fold_of == k] <= np.quantile(size[fold_of != k], level) for k in np.unique(fold_of)]
            out.loc[level, "widened"] = np.concatenate(inside).mean()
    return out


# --- baselines --------------------------------------------------------------------------------------------------------


def _baselines(
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
        _ended(vae)
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


__getattr__ = _moved.lazily(__name__)
