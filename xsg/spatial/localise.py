"""Where is a voxel? Errors of a model that places voxels by their expression, under folds that do not leak.

Two voxels that touch are nearly the same voxel. With random folds almost every held-out voxel touches one in training,
and its mirror image in the other hemisphere trains as well; so what is measured is interpolation over 200 µm. The other
splits here hold out whole cubes, slabs or hemispheres, and leave out of training what lies within a buffer of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from scipy.stats import chi2
from tqdm.auto import tqdm

from xsg import _moved
from xsg.check import array, choice, choices, instance, number, rows_of
from xsg.evaluation.metrics import r_squared_columns
from xsg.spatial.estimator import SpatialVAE
from xsg.spatial.folds import BUFFER, VOXEL_SPLITS, Fold, grid_order, voxel_folds
from xsg.spatial.mouse import AXES, SPACING, Mouse
from xsg.spatial.place_baselines import PLACE_BASELINES, ended, predict_places

__all__ = ["PLACE_BASELINES", "VOXEL_SPLITS", "Fold", "Places", "localise", "voxel_folds"]

LEVELS = (0.5, 0.8, 0.9, 0.95)  # of the intervals whose coverage is counted
_DRAWS = 10  # of the posterior


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
        ended(fitted)
        # A model that fills in or reads neighbours needs the table of voxels at prediction too.
        answer = fitted.predict_place(brain.expression, brain.voxels, rows=rows)
        found["model"].append(_answer(answer, rows, "predict_place"))
        answer = fitted.spread(brain.expression, brain.voxels, rows=rows, n=_DRAWS)
        spreads.append(_answer(answer, rows, "spread"))
        distance = cKDTree(place[train]).query(place[rows])[0]
        tables.append(pd.DataFrame({"fold": which, "distance_um": SPACING * distance}, rows))
        simpler = predict_places(names, brain, train, rows, folded, split, seed, model)
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


__getattr__ = _moved.lazily(__name__)
