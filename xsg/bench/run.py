"""Run methods on tasks, and put what came out in one table with intervals."""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Sequence
from copy import deepcopy
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from xsg.bench.scores import SCORES, answers, scored
from xsg.bench.tasks import Task
from xsg.check import choice, columns, number
from xsg.evaluation.baselines import Baseline
from xsg.evaluation.dealings import chosen, deal
from xsg.evaluation.protocol import by_method, check_subject, label, predict_folds
from xsg.evaluation.splits import PairWarning
from xsg.training import held_out_mean

DEALINGS = 3
PLACE = "position (kriging)"  # what a gain is over
COLUMNS = ("method", "task", "kind", "split", "map", "dealing", *SCORES, "seconds")
KEY = ["method", "task", "split", "map", "dealing"]
_RESAMPLES = 2000
_MOST = 1e100  # of a prediction: its square is a number
_ROUNDING = 1e-3  # of a score


def score(
    method: object,
    tasks: Sequence[Task],
    dealings: int = DEALINGS,
    seed: int = 0,
    progress: bool = False,
    name: str | None = None,
) -> pd.DataFrame:
    """Have a method predict the maps of some tasks, and score what it predicts of the regions held out.

    Parameters
    ----------
    method
        What `xsg.evaluation.protocol.predict_folds` takes: an object with the method of a
        `xsg.evaluation.protocol.Subject`, a scikit-learn regressor, a `xsg.CrossScaleVAE`. It is not touched.
    tasks
        Of `xsg.bench.tasks.tasks`.
    dealings
        How many times the regions are dealt into folds, by the seeds ``seed``, ``seed + 1``, ….
    seed
        Of the folds and of the method.
    progress
        Show a progress bar.
    name
        What to call the method; by default its `xsg.evaluation.protocol.label`.

    Returns
    -------
    DataFrame
        A row for each map of each task and each dealing, with columns `COLUMNS`: the scores are those of
        `xsg.bench.scores`, ``seconds`` the time that the method took for the task, divided evenly among its rows.

    Raises
    ------
    TypeError, ValueError
        A method that does not fit, or predictions that do not.

    Notes
    -----
    An object of its own kind is asked for one fold at a time, and sees in the regions that the fold holds out the mean
    of the map over those that train: a method that reads them all the same gains nothing by it. Its maps come in
    another order and under other names each time.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from xsg.bench.tasks import tasks
    >>> rows = score(Ridge(), tasks("place")[:1], dealings=2)
    >>> rows.shape, rows["method"].unique().tolist()
    ((40, 11), ['Ridge'])
    """
    check_subject(method)
    dealings, seed = number(dealings, "dealings", 1, whole=True), number(seed, "seed", 0, whole=True)
    tables = []
    for task in tasks:
        dealt, place = _dealt(task, dealings, seed), _position(task, dealings, seed)
        started = time.perf_counter()
        if type(method) is Baseline and method.name == PLACE:
            guesses = place
        else:
            by_fold = np.split(_predicted(method, task, np.vstack(dealt), seed, progress), len(dealt), axis=1)
            guesses = list(map(held_out_mean, by_fold, dealt))
        seconds = (time.perf_counter() - started) / (len(dealt) * len(task.maps))
        for dealing, guess in enumerate(guesses):
            if (most := np.abs(guess).max()) > _MOST:
                raise ValueError(f"{name or label(method)} predicts {most:.0e}: too large to be scored.")
            found = scored(task.maps, guess, place[dealing], task.truth)
            where = {"task": task.name, "kind": task.kind, "split": task.split, "dealing": dealing}
            tables.append(found.assign(method=name or label(method), seconds=seconds, **where))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)] if tables else pd.DataFrame(columns=list(COLUMNS))


def table(rows: pd.DataFrame, by: Sequence[str] = ("task", "kind", "split"), seed: int = 0) -> pd.DataFrame:
    """Summarise rows: of each score the median over maps of the median over dealings, with a 95 % interval.

    Parameters
    ----------
    rows
        Of `score`, of one or many methods.
    by
        What makes a cell beside the method: ``("kind", "split")`` pools the tasks of a kind.
    seed
        Of the bootstrap.

    Returns
    -------
    DataFrame
        Columns ``method``, those of ``by``, ``score``, ``value``, ``low``, ``high`` and ``maps``. The scores are
        `xsg.bench.scores.SCORES` (maps drawn with replacement, so the interval tells how much hangs on which maps
        there are, with these folds and this cortex), and the shares of maps of which the method says ``there`` and
        ``beyond`` (`xsg.bench.scores.answers`; Wilson's interval; ``split`` is "both"). What cannot be scored, such as
        the truth of real maps, has no row.

    Raises
    ------
    ValueError
        Rows that lack a column.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from xsg.bench.tasks import tasks
    >>> found = table(score(Ridge(), tasks("place"), dealings=1))
    >>> found["score"].unique().tolist()
    ['r2', 'gain', 'slope', 'there', 'beyond']
    """
    columns(rows, [*KEY, "kind", *SCORES], "rows", "Expected what xsg.bench.run.score returns.")
    by, cells = list(by), []
    each = rows.groupby(["method", *by, *(key for key in ("task", "map") if key not in by)], sort=False)[
        list(SCORES)
    ].median()
    for where, group in each.groupby(["method", *by], sort=False):
        for name in SCORES:
            values = group[name].dropna().to_numpy()
            if len(values):
                cells.append([*where, name, np.median(values), *_interval(values, seed), len(values)])
    shares = [name for name in by if name != "split"]
    for where, group in answers(rows).groupby(["method", *shares], sort=False):
        place = dict(zip(["method", *shares], where, strict=True), split="both")
        for name in ("there", "beyond"):
            values = group[name].dropna()
            if len(values):
                ends = binomtest(int(values.sum()), len(values)).proportion_ci(method="wilson")
                start = [place[key] for key in ["method", *by]]
                cells.append([*start, name, values.mean(), ends.low, ends.high, len(values)])
    return pd.DataFrame(cells, columns=["method", *by, "score", "value", "low", "high", "maps"])


def paired(rows: pd.DataFrame, method: str, by: Sequence[str] = ("kind", "split"), seed: int = 0) -> pd.DataFrame:
    """Say by how much a method is better than others on the same maps in the same folds.

    Two intervals of `table` may overlap though one method does better on nearly every map: how maps differ is in both.
    It is not in the difference.

    Parameters
    ----------
    rows
        Of `score`, of several methods.
    method
        The name of one of them.
    by, seed
        As for `table`.

    Returns
    -------
    DataFrame
        Columns ``method``, ``than`` (another), those of ``by``, ``value``, ``low``, ``high`` and ``maps``: the median
        over maps of the median over dealings of its R² less that of the other, with a 95 % interval, maps drawn with
        replacement. Only maps and dealings count that both were scored on.

    Raises
    ------
    ValueError
        Rows that lack a column, or a method that is not among them.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from xsg.bench.tasks import tasks
    >>> rows = [score(Ridge(alpha), tasks("place")[:1], dealings=1, name=f"ridge {alpha}") for alpha in (1, 100)]
    >>> paired(pd.concat(rows), "ridge 100")[["method", "than", "split", "maps"]].to_numpy().tolist()
    [['ridge 100', 'ridge 1', 'pairs', 20]]
    """
    columns(rows, [*KEY, "kind", "r2"], "rows", "Expected what xsg.bench.run.score returns.")
    wide = rows.pivot_table("r2", ["task", "kind", "split", "map", "dealing"], "method", sort=False)
    choice(method, tuple(wide), "method")
    gaps, cells = wide.rsub(wide[method], axis=0).drop(columns=method), []
    each = gaps.groupby([*by, *(key for key in ("task", "map") if key not in by)], sort=False).median()
    for where, group in each.groupby(list(by), sort=False):
        for than, values in group.items():
            values = values.dropna().to_numpy()
            if len(values):
                cells.append([method, than, *where, np.median(values), *_interval(values, seed), len(values)])
    return pd.DataFrame(cells, columns=["method", "than", *by, "value", "low", "high", "maps"])


def reproduced(kept: pd.DataFrame, again: pd.DataFrame) -> pd.DataFrame:
    """Compare rows that were kept with the same rows made again.

    Parameters
    ----------
    kept, again
        Rows of `score`; those of ``again`` must all be among those kept.

    Returns
    -------
    DataFrame
        A row for each method, task, split and score: mean over rows ``kept`` and ``again``, the ``noise``, and whether
        they are ``within`` it. The noise is twice the standard error that dealing the regions into other folds gives
        the mean, √(Σ s² / D) / K over K maps and D dealings, s² the variance over the dealings kept; and at least the
        rounding, 0.001. (Another machine's arithmetic moves a trained network less than other folds do, a linear method
        not at all.)

    Raises
    ------
    ValueError
        Rows that are not among those kept.
    """
    old = kept.set_index(KEY)
    lost = again.set_index(KEY).index.difference(old.index)
    if len(lost):
        raise ValueError(f"{len(lost)} of {len(again)} rows made again are not among those kept, such as {lost[0]}.")
    spread = kept.groupby(KEY[:-1])[list(SCORES)].var().fillna(0)
    cells = []
    for where, new in again.groupby(["method", "task", "split"], sort=False):
        before = old.loc[pd.MultiIndex.from_frame(new[KEY])]
        for name in SCORES:
            values, maps = new[name].to_numpy(float), new["map"].unique()
            if not np.isfinite(values).any():
                continue
            s2 = spread.loc[[(*where, each) for each in maps], name]
            noise = 2 * np.sqrt(s2.sum() / (len(new) / len(maps))) / len(maps) + _ROUNDING
            means = np.nanmean(before[name].to_numpy(float)), np.nanmean(values)
            cells.append([*where, name, *means, noise, abs(means[0] - means[1]) <= noise])
    return pd.DataFrame(cells, columns=["method", "task", "split", "score", "kept", "again", "noise", "within"])


def _dealt(task: Task, dealings: int, seed: int) -> list[np.ndarray]:
    """Folds, bool (F, n), for each way of dealing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PairWarning)  # blocks of mirror images stay together instead
        return deal(chosen(None, task.cortex) if task.split == "pairs" else "spatial", task.cortex, dealings, seed)


@lru_cache(maxsize=64)
def _position(task: Task, dealings: int, seed: int) -> list[np.ndarray]:
    """Predict the maps (K, n) of a task from position alone, in each dealing."""
    dealt = _dealt(task, dealings, seed)
    by_fold = _predicted(Baseline(PLACE), task, np.vstack(dealt), seed)
    return list(map(held_out_mean, np.split(by_fold, len(dealt), axis=1), dealt))


def _predicted(method: object, task: Task, folds: np.ndarray, seed: int, progress: bool = False) -> np.ndarray:
    """Predictions (K, F, n); what a fold holds out is hidden from a stranger's own method."""
    if not by_method(method) or type(method) is Baseline:
        return predict_folds(method, task.cortex, task.maps, folds, (seed,), progress=progress)
    cortex, found, rng, mine = deepcopy(task.cortex), [], np.random.default_rng(seed), os.getpid()
    for which, fold in enumerate(folds):
        # In another order and under other names in each fold: what a method remembers by name or place, say in a
        # cache, tells it nothing of what was held out before.
        order = rng.permutation(len(task.maps))
        y = task.maps.to_numpy()[order]
        y[:, fold] = y[:, ~fold].mean(axis=1, keepdims=True)
        named = [f"{task.name}, {task.split}, {seed}, {which}, {k}".encode() for k in range(len(y))]
        maps = pd.DataFrame(y, [hashlib.sha256(each).hexdigest()[:8] for each in named], task.maps.columns)
        try:
            guess = predict_folds(method, cortex, maps, fold[None], (seed,), progress=progress)
        finally:
            if os.getpid() != mine:  # a child that a method forked, and that came back from it, too
                os._exit(0)
        found.append(guess[np.argsort(order)])
    return np.concatenate(found, axis=1)


def _interval(values: np.ndarray, seed: int) -> np.ndarray:
    """95 % interval of the median of values (K,), drawn with replacement."""
    drawn = np.random.default_rng(seed).integers(len(values), size=(_RESAMPLES, len(values)))
    return np.quantile(np.median(values[drawn], axis=1), (0.025, 0.975))
