"""What a trial will cost: fits, seconds, and the processes that share them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
from joblib.parallel import get_active_backend
from sklearn.base import clone

from xsg.check import number
from xsg.data.cortex import Cortex
from xsg.evaluation.dealings import chosen, deal
from xsg.evaluation.people import COHORTS
from xsg.evaluation.protocol import by_method, predict_folds
from xsg.evaluation.sequential import FIRST, MOST, STOP_AFTER
from xsg.training import CrossScaleVAE
from xsg.training.base import device
from xsg.training.refits import chunk_size

_EPOCHS = 12  # of the chunk that is timed
_QUICK, _MAPS = 1.0, 10  # seconds of a fit up to which it is tried on this many maps at once
_WORTH = 15  # seconds on one core from which further processes, which take some 3 s to begin, are worth it


class Cost(NamedTuple):
    """What a trial is expected to cost."""

    least: float  # seconds, if nulls are stopped as early as they can be; NaN where nobody asked
    most: float  # seconds, if all nulls are drawn
    jobs: int  # processes

    def told(self, name: str, dealt: list[np.ndarray], n_nulls: int, stop_after: int | None) -> str:
        """Say how long it will take, and of what it is made."""
        n_folds, ends = len(dealt[0]), (in_words(self.least), in_words(self.most))
        text = f"about {' to '.join(dict.fromkeys(ends))}" + f" on {self.jobs} cores" * (self.jobs > 1) + f": {name}, "
        text += f"{len(dealt)} dealings × {n_folds} folds" if len(dealt) > 1 else f"{n_folds} fold{'s' * (n_folds > 1)}"
        if n_nulls:
            text += f", {'up to ' * (stop_after is not None)}{n_nulls:,} nulls × {n_folds + 1} fits"
        return text


def expected_seconds(
    model: object,
    cortex: Cortex,
    split: str | None = None,
    n_nulls: int | None = None,
    n_seeds: int = 1,
    baselines: bool = True,
    n_dealings: int | None = None,
    n_jobs: int | None = None,
) -> tuple[float, float]:
    """Say how many seconds a trial will take, at least and at most, from the time of one fit on this machine.

    Parameters
    ----------
    model, cortex, split, n_nulls, n_seeds, baselines, n_dealings, n_jobs
        As for `xsg.evaluate`.

    Returns
    -------
    tuple of float
        Seconds if nulls are stopped as early as they can be, and if all are drawn. The model's fits are counted, and
        those of the VAE without graph; other baselines take little.

    Examples
    --------
    >>> import xsg
    >>> model = xsg.CrossScaleVAE(epochs=20)
    >>> least, most = expected_seconds(model, xsg.load_cortex("simulated", n_genes=30))
    >>> 0 < least < most
    True
    """
    stop_after = STOP_AFTER if n_nulls is None else None
    n_nulls = MOST if n_nulls is None else number(n_nulls, "n_nulls", 0, whole=True)
    n_seeds = number(n_seeds, "n_seeds", 1, whole=True)
    dealt = deal(chosen(split, cortex), cortex, n_dealings, 0)
    return expect(model, cortex, dealt, n_nulls, stop_after, n_seeds, baselines, n_jobs)[:2]


def expect(
    model: object,
    cortex: Cortex,
    dealt: list[np.ndarray],
    n_nulls: int,
    stop_after: int | None,
    n_seeds: int,
    baselines: bool,
    n_jobs: int | None,
    timed: bool = True,
) -> Cost:
    """Say what a trial costs; untimed without a look at the clock where nothing else hangs on it."""
    if not (timed or (n_jobs is None and refitted_in_chunks(model))):
        return Cost(np.nan, np.nan, workers(model, n_jobs, 0.0))
    alone, among, n_folds = *seconds_of_a_fit(model, cortex, dealt[0][0]), len(dealt[0])
    vae, people = baselines and isinstance(model, CrossScaleVAE), cortex.people is not None
    once = n_seeds * (1 + n_folds * len(dealt)) + vae * n_folds * len(dealt) + people * n_folds
    fewest = n_nulls if stop_after is None else min(n_nulls, max(stop_after, FIRST))
    nulls = [n * (1 + n_folds) + people * min(n, COHORTS) * n_folds for n in (fewest, n_nulls)]
    least, most = (alone * once + among * fits for fits in nulls)
    jobs = workers(model, n_jobs, least)
    return Cost(least / jobs, most / jobs, jobs)


def seconds_of_a_fit(model: object, cortex: Cortex, fold: np.ndarray) -> tuple[float, float]:
    """Time a fit on one core: alone, and as one of many maps.

    Of a CrossScaleVAE some epochs of a chunk of copies are timed, of other models a whole fit.

    Raises
    ------
    TypeError, ValueError
        As `xsg.evaluation.protocol.predict_folds`.
    """
    map_ = cortex.thinning.to_frame().T

    def seconds(given: object, maps: int = 1, copies: int = 1) -> float:
        begun = time.perf_counter()
        predict_folds(given, cortex, pd.concat([map_] * maps, ignore_index=True), np.tile(fold, (copies, 1)))
        return time.perf_counter() - begun

    with joblib.parallel_config(backend="sequential"):
        if refitted_in_chunks(model):
            copies, few = chunk_size(len(fold)), min(_EPOCHS, model.epochs)
            start, some = (clone(model).set_params(epochs=n) for n in (1, few))
            seconds(start)  # what is loaded once
            begin = seconds(start, copies=copies)
            each = (begin + max(0.0, seconds(some, copies=copies) - begin) * model.epochs / few) / copies
            return each, each
        alone = seconds(model)
        if alone > _QUICK or not by_method(model):
            return alone, alone
        return alone, max(0.0, seconds(model, _MAPS) - alone) / (_MAPS - 1)


def refitted_in_chunks(model: object) -> bool:
    """Tell whether a model is trained by `xsg.training.refit`, many copies side by side and in several processes."""
    return isinstance(model, CrossScaleVAE) and not by_method(model)


def workers(model: object, n_jobs: int | None, seconds: float) -> int:
    """Say how many processes are to train: as many as are set up or asked for, else all cores where that saves time.

    What is not trained by `xsg.training.refit`, or on a GPU, is trained in this process.
    """
    if n_jobs is not None:
        number(abs(n_jobs) if isinstance(n_jobs, int) else n_jobs, "n_jobs", 1, whole=True)
    if not refitted_in_chunks(model) or device(model.device).type != "cpu":
        return 1
    if n_jobs is None:
        n_jobs = get_active_backend()[1]
    if n_jobs is None:
        return joblib.cpu_count() if seconds >= _WORTH else 1
    return joblib.effective_n_jobs(n_jobs)


@contextmanager
def shared(n: int) -> Iterator[None]:
    """Let n processes train; those that ``joblib.parallel_config`` has set up, if it has."""
    if n == 1 or get_active_backend()[1] is not None:
        yield
        return
    with joblib.parallel_config(backend="loky", n_jobs=n):
        yield


def in_words(seconds: float) -> str:
    """Write a time as one reads it.

    Examples
    --------
    >>> in_words(3.2), in_words(38), in_words(171), in_words(9000)
    ('3 s', '40 s', '3 min', '2.5 h')
    """
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 100:
        return f"{round(seconds, -1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
