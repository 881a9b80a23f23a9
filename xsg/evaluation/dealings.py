"""Dealings: the ways in which the regions of one split are dealt into folds, and which null is scored on which."""

import warnings

import numpy as np

from xsg.atlas.pairs import find_pairs
from xsg.check import choice, number
from xsg.data.cortex import Cortex
from xsg.evaluation.splits import DEALT, SPLITS, LeakWarning
from xsg.evaluation.splits import split as make_split

_DEALINGS = 5
_COARSE = 100  # regions


def chosen(split: str | None, cortex: Cortex) -> str:
    """Return the split that was asked for, or the one that fits the regions."""
    if split is not None:
        return split
    return "mirrored-blocks" if find_pairs(cortex.regions, cortex.parcellation).unknown.any() else "homologous"


def fitting_null(null: str | None, cortex: Cortex) -> str:
    """Return the null that was asked for, or the one with the fewest false alarms on such a cortex.

    By `xsg.evaluation.nulls.null_maps`, that is spin on a coarse cortex whose homologues are known, and Moran on fine
    parcellations and those that only number their regions, and with rows below the cortex.
    """
    if null is not None:
        return null
    below = cortex.parcellation.regions[cortex.parcellation.subcortical]
    fine = len(cortex.regions) > _COARSE or below.isin(cortex.regions).any()
    return "moran" if fine or chosen(None, cortex) == "mirrored-blocks" else "spin"


def deal(split: str, cortex: Cortex, n: int | None, seed: int) -> list[np.ndarray]:
    """Folds, bool (F, regions), for each way of dealing."""
    if n is None:
        n = _DEALINGS if split in DEALT else 1
    n = number(n, "n_dealings", 1, whole=True)
    choice(split, SPLITS, "split")
    if n > 1 and split not in DEALT:
        raise ValueError(
            f"n_dealings is {n}, but the split {split!r} can be dealt in one way only: leave n_dealings out. "
            f"Dealt by a seed are: {', '.join(map(repr, DEALT))}."
        )
    dealt = [make_split(split, cortex.parcellation, cortex.regions, seed=seed)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakWarning)  # the first has said it
        return dealt + [make_split(split, cortex.parcellation, cortex.regions, seed=seed + k) for k in range(1, n)]


def given_out(n_nulls: int, n_dealings: int, seed: int) -> np.ndarray:
    """Which dealing each null is scored on, (n_nulls,): each equally often, up to one, in an order drawn at random."""
    return np.random.default_rng([seed, n_dealings]).permutation(np.arange(n_nulls) % n_dealings)
