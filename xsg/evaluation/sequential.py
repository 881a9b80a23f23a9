"""When to stop drawing nulls: as soon as enough of them have reached what was observed.

With a large p-value a few nulls tell: once h of them have reached the observed statistic, the l-th being the h-th to do
so, p = h / l. This is as exact as the p-value of a fixed number n, (1 + c) / (1 + n): under the null hypothesis it is
at most h / l if the observed value ranks among the h highest of l exchangeable ones, which has probability h / l. Where
all n are drawn before h have reached it, p is that of the fixed number. (Besag & Clifford 1991)

Of 400 smooth simulated maps that have nothing to do with the genes, ridge is given p ≤ 0.05 on 5.0 % (R²) and 4.8 % (r)
with h = 20, on 5.5 and 5.2 % with all 1,000 nulls; 108 were drawn on average. Of maps that are in part made by genes it
finds 45 and 71 % either way. (experiments/stopping.py)

References
----------
- Besag & Clifford 1991, Biometrika 78:301, doi:10.1093/biomet/78.2.301.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from xsg.check import array, number

MOST = 1000  # nulls, where no number is asked for
STOP_AFTER = 20  # nulls that reach the observed value: the standard error of a p-value is then about a fifth of it
FIRST = 50  # nulls before the first look
_SMALLEST, _LARGEST = 16, 200  # between two looks
_FEWEST = 19  # nulls; with fewer, 1 / (n + 1) is over 0.05


class PValue(NamedTuple):
    """A p-value and where it comes from."""

    p: float  # NaN where there is nothing to compare
    nulls: int  # l or n: how many nulls it is made of
    reached: int  # h or c: how many of these reached the observed value
    rule: str  # "h / l", "(1 + c) / (1 + n)" or ""


def how_many(n_nulls: int | None, stop_after: int | None = None) -> tuple[int, int | None]:
    """Return how many nulls there are to be, and with how many that reach the model they stop, where that is asked for.

    Raises
    ------
    ValueError
        1 to 18 nulls, or what is no whole number.

    Examples
    --------
    >>> how_many(None), how_many(99)
    ((1000, 20), (99, None))
    """
    if stop_after is not None:
        stop_after = number(stop_after, "stop_after", 1, whole=True)
    elif n_nulls is None:
        stop_after = STOP_AFTER
    n_nulls = MOST if n_nulls is None else number(n_nulls, "n_nulls", 0, whole=True)
    if n_nulls != 0 and n_nulls < _FEWEST:
        raise ValueError(
            f"n_nulls is {n_nulls}: the smallest p-value would be 1/{n_nulls + 1}, so p ≤ 0.05 is out of reach. "
            f"Use at least {_FEWEST} (1000 for a p-value to report), or 0 for no null."
        )
    return n_nulls, stop_after


def sequential_p(observed: float, null: np.ndarray, stop_after: int | None = None) -> PValue:
    """Return the one-sided p-value of nulls in the order in which they were drawn.

    Parameters
    ----------
    observed
        The statistic on the real data.
    null
        The statistic on n nulls, (n,), in order. NaN (a constant prediction has no correlation) counts as 0.
    stop_after
        h: with it p is h / l where the l-th null is the h-th to reach the observed value. None: (1 + c) / (1 + n), as
        everywhere where fewer than h do.

    Notes
    -----
    A null value that equals the observed one up to rounding has reached it.

    Examples
    --------
    >>> sequential_p(0.5, np.array([0.1, 0.7, 0.2, 0.6, 0.9]), stop_after=2)
    PValue(p=0.5, nulls=4, reached=2, rule='h / l')
    >>> sequential_p(0.5, np.array([0.1, 0.7, 0.2]), stop_after=2)
    PValue(p=0.5, nulls=3, reached=1, rule='(1 + c) / (1 + n)')
    """
    null = array(null, "null", 1, finite=False)
    if not len(null) or np.isnan(null).all() or not np.isfinite(observed):
        return PValue(np.nan, 0, 0, "")
    hits = _hits(observed, null)
    if stop_after is not None and hits.sum() >= stop_after:
        last = int(np.flatnonzero(hits)[stop_after - 1]) + 1
        return PValue(stop_after / last, last, stop_after, "h / l")
    return PValue(float((1 + hits.sum()) / (1 + len(null))), len(null), int(hits.sum()), "(1 + c) / (1 + n)")


def draw(
    score: Callable[[np.ndarray], np.ndarray],
    observed: np.ndarray,
    most: int = MOST,
    stop_after: int | None = None,
    progress: bool = False,
) -> np.ndarray:
    """Score nulls until ``stop_after`` of them have reached each observed statistic, or ``most`` are drawn.

    Parameters
    ----------
    score
        Takes the numbers of nulls (k,), of 0 … ``most`` − 1, and returns their statistics (k, S).
    observed
        What is to be reached (S,); NaN: need not be.
    most, stop_after
        n and h; h = None draws all n.
    progress
        Show a bar.

    Returns
    -------
    ndarray (l, S)
        The statistics of the first l nulls, l ≤ n: up to the one at which the last statistic was reached for the h-th
        time. In how many at a time they were scored makes no difference.

    Examples
    --------
    >>> values = np.random.default_rng(0).normal(size=(1000, 1))
    >>> len(draw(lambda numbers: values[numbers], np.array([0.0]), stop_after=20))
    42
    """
    observed = np.asarray(observed, dtype=float)
    most = number(most, "most", 0, whole=True)
    found = np.empty((0, len(observed)))
    judged = np.isfinite(observed)
    never = stop_after is None or not judged.any()
    size = min(_LARGEST if never else FIRST, most)
    quiet = {} if progress and most else {"disable": True}
    with tqdm(total=most, desc="nulls", unit="null", leave=False, **quiet) as bar:
        while size:
            found = np.concatenate([found, score(np.arange(len(found), len(found) + size))])
            bar.update(size)
            size = min(_LARGEST, most - len(found))
            if never:
                continue
            hits = _hits(observed, found)[:, judged]
            counts = hits.sum(axis=0)
            bar.set_postfix_str(f"{counts.min()} of {stop_after} reached", refresh=False)
            if (counts >= stop_after).all():
                last = (hits.cumsum(axis=0) >= stop_after).argmax(axis=0).max()
                return found[: last + 1]
            # As many more as it will probably take.
            wanted = len(found) * ((stop_after - counts) / np.maximum(counts, 1)).max()
            size = min(size, max(_SMALLEST, int(np.ceil(wanted))))
    return found


def _hits(observed: np.ndarray | float, null: np.ndarray) -> np.ndarray:
    """Tell which null values are at least as large as the observed one."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(null, nan=0.0) >= observed - 1e-12 * np.abs(observed)
