"""The protocol: whatever predicts the regions that a fold holds out can be put on trial.

A *subject* is an object with one method, `Subject.predict_folds`. A scikit-learn regressor or pipeline needs none: it
is fitted to the training regions of each fold, genes as features; nor does `xsg.CrossScaleVAE`, which
`xsg.training.refit` trains many copies of at a time. What a fold holds out, what chance is and how a prediction is
scored is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone, is_classifier, is_clusterer, is_outlier_detector
from sklearn.pipeline import Pipeline
from tqdm.auto import tqdm

from xsg.atlas import Graph
from xsg.check import folds, matched, number, some
from xsg.data.cortex import Cortex
from xsg.evaluation.baselines import BASELINES, Baseline, map_table
from xsg.machine import one_blas_thread
from xsg.training import CrossScaleVAE, held_out_mean, refit
from xsg.training.base import Estimator

_FEWEST = 5  # training regions


class Subject(Protocol):
    """What can be put on trial: an object with this method, whatever else it has.

    Examples
    --------
    >>> import xsg
    >>> from xsg.evaluation.splits import homologous
    >>> class Mean:
    ...     def predict_folds(self, cortex, maps, held_out):
    ...         y = maps.to_numpy()
    ...         means = [y[:, ~fold].mean(axis=1) for fold in held_out]
    ...         return np.stack([np.tile(mean[:, None], y.shape[1]) for mean in means], axis=1)
    >>> cortex = xsg.load_cortex("simulated")
    >>> held_out_predictions(Mean(), cortex, homologous(cortex.regions)).shape
    (1, 68)
    """

    def predict_folds(self, cortex: Cortex, maps: pd.DataFrame, held_out: np.ndarray) -> np.ndarray:
        """Train once for each map and fold, on the regions that the fold does not hold out, and predict every region.

        Parameters
        ----------
        cortex
            The features: expression, graph, parcellation, views. It is a copy, and its own map is NaN: ``maps`` counts.
        maps
            DataFrame (K maps, n regions), in the order of ``cortex.regions``. What a fold holds out is not to be read.
        held_out
            bool (F folds, n), True where held out; a fold that holds nothing out asks for the in-sample prediction.

        Returns
        -------
        ndarray (K, F, n)
            Finite where the fold holds out; what is NaN elsewhere is not scored.
        """
        ...


def check_subject(model: object) -> None:
    """Refuse a model that cannot be put on trial, saying what it lacks.

    Raises
    ------
    TypeError
        A name, a class, a classifier, or an object without ``predict_folds`` and without ``fit`` and ``predict``.
    """
    wanted = "model: expected xsg.CrossScaleVAE, a scikit-learn regressor, or an object with predict_folds"
    if isinstance(model, str):
        hint = f"For a preset: xsg.CrossScaleVAE.from_preset({model!r})."
        if model in BASELINES:
            hint = f"For a baseline: xsg.evaluation.baselines.Baseline({model!r})."
        raise TypeError(f"{wanted}, got str. {hint}")
    if isinstance(model, type):
        name = "xsg." * model.__module__.startswith("xsg.") + model.__name__
        raise TypeError(f"{wanted}, got type. Make one: {name}().")
    if by_method(model):
        return
    # By its class: some regressors show predict only when they are fitted.
    lacks = [name for name in ("fit", "predict") if not callable(getattr(type(model), name, None))]
    if lacks:
        raise TypeError(
            f"{wanted}, got {type(model).__name__}, which has no {' and no '.join(lacks)}. Give it the method "
            "predict_folds(cortex, maps, held_out): see xsg.evaluation.protocol.Subject."
        )
    kinds = {"classifier": is_classifier, "clusterer": is_clusterer, "outlier detector": is_outlier_detector}
    for kind in (kind for kind, asks in kinds.items() if isinstance(model, BaseEstimator) and asks(model)):
        raise TypeError(f"{wanted}, got the {kind} {type(model).__name__}: a map is a number by region.")
    if isinstance(model, CrossScaleVAE):
        own = [name for name in ("fit", "predict") if getattr(type(model), name) is not getattr(CrossScaleVAE, name)]
        if own:
            raise TypeError(
                f"{wanted}, got {type(model).__name__}, whose own {own[0]} refits do not call. Give it predict_folds."
            )
    elif isinstance(model, Estimator):
        raise TypeError(f"{wanted}, got {type(model).__name__}, which has no predict_folds: see Subject.")


def by_method(model: object) -> bool:
    """Tell whether a model has the method of a `Subject`."""
    return callable(getattr(model, "predict_folds", None))


def label(model: object) -> str:
    """Return what a model is called in tables: its class, those of its steps, or the name that it gives itself.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> label(make_pipeline(StandardScaler(), Ridge()))
    'StandardScaler + Ridge'
    """
    if isinstance(model, Pipeline):
        return " + ".join(label(step) for _, step in model.steps if step not in (None, "passthrough"))
    name = getattr(model, "name", None)
    name = name if isinstance(name, str) and name else type(model).__name__
    return f"{name} (own)" if name in BASELINES and not isinstance(model, Baseline) else name


def seeded(model: object, seed: int) -> object:
    """Return a copy of a model, unfitted, with its seeds set: ``seed``, and each ``random_state`` of its parts."""
    found, names = _copied(model), seeds_of(model)
    if names:
        found.set_params(**dict.fromkeys(names, seed))
    return found


def seeds_of(model: object) -> list[str]:
    """Name the settings of a model that are seeds; none where nothing in it is drawn, or it does not say."""
    if not all(callable(getattr(model, name, None)) for name in ("get_params", "set_params")):
        return []
    ends = ("random_state", "seed") if isinstance(model, (Estimator, Baseline)) else ("random_state",)
    return [name for name in model.get_params() if name.split("__")[-1] in ends]


def predict_folds(
    model: object,
    cortex: Cortex,
    maps: pd.Series | pd.DataFrame,
    held_out: np.ndarray,
    seeds: Sequence[int] = (0,),
    *,
    tables: Sequence[pd.DataFrame] | None = None,
    graphs: Sequence[Graph] | None = None,
    progress: bool = False,
    checkpoint: str | Path | None = None,
) -> np.ndarray:
    """Train a model anew for each map, expression table, graph, seed and fold, and predict every region.

    Parameters
    ----------
    model
        A `Subject`, a scikit-learn regressor or pipeline, or a `xsg.CrossScaleVAE`. It is not touched.
    cortex
        The features. A regressor is given ``cortex.expression`` as it is: what is to be scaled, it scales itself
        (``make_pipeline(StandardScaler(), Ridge())``), so that nothing is learned from a region held out.
    maps
        Series (n,) by region or DataFrame (K, n), joined by name.
    held_out
        bool (F, n), in the order of ``cortex.regions``, or a DataFrame; a fold may hold nothing out (in-sample). bool
        (C, F, n) gives each of C maps, tables or graphs folds of its own; the other two are then one.
    seeds
        Put in place of every seed of the model (`seeds_of`).
    tables, graphs
        Expression tables or graphs, each put in place of the cortex's in turn.
    progress
        Show a progress bar.
    checkpoint
        As for `xsg.training.refit`, of which it is; refused for other models.

    Returns
    -------
    ndarray (copies, F, n)
        Copies are maps × tables × graphs × seeds, the last changing fastest.

    Raises
    ------
    TypeError, ValueError
        A model that does not fit (`check_subject`); maps or folds that do not; predictions of another shape, or not
        finite where they are held out.
    """
    check_subject(model)
    regions = cortex.regions
    frame, _ = map_table(maps, regions)
    own = by_method(model)
    if isinstance(model, CrossScaleVAE) and not own:
        given = cortex.expression if tables is None else list(tables), frame, cortex.graph if graphs is None else graphs
        found = refit(model, *given, held_out, seeds, progress=progress, checkpoint=checkpoint)
        return found.to_numpy().reshape(-1, *np.shape(held_out)[-2:])
    if checkpoint is not None:
        raise ValueError(f"checkpoint: fits of {label(model)} are not kept, only a CrossScaleVAE's. Leave it out.")
    if np.ndim(held_out) == 3:
        return _by_folds(model, cortex, frame, np.asarray(held_out), seeds, tables, graphs, progress)
    held_out = folds(held_out, regions, fewest=_FEWEST, empty=True)
    changes = [{} if table is None else {"expression": table} for table in tables or [None]]
    changes = [each if graph is None else each | {"graph": graph} for each in changes for graph in graphs or [None]]
    total = len(changes) * len(seeds) * (1 if own else len(frame))
    shape, found = (len(frame), *held_out.shape), []
    quiet = {} if progress else {"disable": True}
    with tqdm(total=total, desc=label(model), unit="fit", leave=False, **quiet) as bar:
        for change, seed in product(changes, seeds):
            # Made one by one: a cortex copies its tables.
            case, copy = replace(cortex, **change) if change else cortex, seeded(model, seed)
            if own:
                each = copy.predict_folds(_blind(case), frame.copy(), held_out.copy())
                bar.update()
            else:
                each = np.stack([_fitted_by_fold(copy, case.expression, y, held_out, bar) for y in frame.to_numpy()])
            found.append(_checked(each, shape, held_out, frame, model))
    return np.stack(found, axis=1).reshape(-1, *held_out.shape)


def held_out_predictions(
    model: object,
    cortex: Cortex,
    held_out: np.ndarray,
    maps: pd.Series | pd.DataFrame | None = None,
    seed: int = 0,
    progress: bool = False,
) -> pd.DataFrame:
    """Predict each region of one or many maps by the fits that did not train on it.

    Parameters
    ----------
    model, cortex, held_out, maps, progress
        As for `predict_folds`; ``maps`` is the cortex's own map by default.
    seed
        Of the model.

    Returns
    -------
    DataFrame (K, n)
        The mean over the folds that hold a region out, NaN where none does.

    Examples
    --------
    >>> import xsg
    >>> from sklearn.linear_model import Ridge
    >>> from xsg.evaluation.splits import homologous
    >>> cortex = xsg.load_cortex("simulated")
    >>> held_out_predictions(Ridge(), cortex, homologous(cortex.regions)).shape
    (1, 68)
    """
    frame, _ = map_table(cortex.thinning if maps is None else maps, cortex.regions)
    held_out = folds(held_out, cortex.regions, fewest=_FEWEST)
    found = predict_folds(model, cortex, frame, held_out, (number(seed, "seed", 0, whole=True),), progress=progress)
    return pd.DataFrame(held_out_mean(found, held_out), frame.index, cortex.regions)


def _by_folds(
    model: object,
    cortex: Cortex,
    maps: pd.DataFrame,
    held_out: np.ndarray,
    seeds: Sequence[int],
    tables: Sequence[pd.DataFrame] | None,
    graphs: Sequence[Graph] | None,
    progress: bool,
) -> np.ndarray:
    """Predict by folds (C, F, n) of each map, table or graph: those of the same folds at once."""
    which = np.unique(held_out.reshape(len(held_out), -1), axis=0, return_inverse=True)[1].reshape(-1)
    found = np.empty((len(held_out), len(seeds), *held_out.shape[1:]))
    for each in range(which.max() + 1):
        mine = np.flatnonzero(which == each)
        some = {"tables": tables and [tables[k] for k in mine], "graphs": graphs and [graphs[k] for k in mine]}
        frame = maps if tables or graphs else maps.iloc[mine]
        guess = predict_folds(model, cortex, frame, held_out[mine[0]], seeds, **some, progress=progress)
        found[mine] = guess.reshape(len(mine), len(seeds), *held_out.shape[1:])
    return found.reshape(-1, *held_out.shape[1:])


def _fitted_by_fold(model: object, x: pd.DataFrame, y: np.ndarray, held_out: np.ndarray, bar: tqdm) -> np.ndarray:
    """Fit a regressor once for each fold, and predict every region: (F, n)."""
    found = []
    with one_blas_thread():
        for fold in held_out:
            fitted = _copied(model)
            fitted.fit(x[~fold].copy(), y[~fold].copy())  # copies: some regressors centre in place
            guess = fitted.predict(x.copy())
            if isinstance(guess, pd.Series):
                guess = matched(guess, x.index, f"what {label(model)} predicts")
            guess = np.asarray(guess)
            if guess.shape not in ((len(x),), (len(x), 1)):
                raise ValueError(
                    f"{label(model)} predicts shape {guess.shape}; expected a number by region, ({len(x)},)."
                )
            found.append(guess.reshape(-1))
    bar.update()
    return np.stack(found)


def _copied(model: object) -> object:
    """Return an unfitted copy of a model."""
    try:
        return clone(model) if isinstance(model, BaseEstimator) else deepcopy(model)
    except (TypeError, RuntimeError, AttributeError) as error:
        raise TypeError(
            f"model: {label(model)} cannot be copied ({error}), and each run needs a model of its own. Open files, "
            "locks and so on within predict_folds, or write __deepcopy__."
        ) from None


def _blind(cortex: Cortex) -> Cortex:
    """Return a copy that a subject may change, and whose own map it cannot read."""
    found = replace(cortex, views={name: table.copy() for name, table in cortex.views.items()})
    object.__setattr__(found, "thinning", cortex.thinning * np.nan)
    return found


def _checked(
    predicted: object, shape: tuple[int, ...], held_out: np.ndarray, maps: pd.DataFrame, model: object
) -> np.ndarray:
    """Return predictions (K, F, n), or refuse another shape and what is not finite where it is held out."""
    wanted = f"expected {shape}: maps × folds × regions"
    try:
        found = np.asarray(predicted)
        what = f"{type(predicted).__name__} of {found.dtype}" if found.dtype.kind not in "fiu" else ""
    except (ValueError, TypeError, RuntimeError) as error:  # ragged; a tensor with its gradient
        what = f"{type(predicted).__name__}: {error}"
    if what:
        raise TypeError(f"{label(model)}.predict_folds returned no array of numbers; {wanted}. It is a {what}.")
    predicted = found.astype(float)
    if predicted.shape != shape:
        raise ValueError(f"{label(model)}.predict_folds returned shape {predicted.shape}; {wanted}.")
    lost = held_out & ~np.isfinite(predicted)
    if lost.any():
        which, fold, region = np.argwhere(lost)[0]
        where = f"which fold {fold + 1} holds out" if len(held_out) > 1 else "which is held out"
        raise ValueError(
            f"{label(model)} predicts {predicted[which, fold, region]} in region {maps.columns[region]!r}, {where} "
            f"(map {some([maps.index[which]])}); {lost.sum()} such. Expected finite numbers."
        )
    return predicted
