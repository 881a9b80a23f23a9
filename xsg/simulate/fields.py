"""Smooth fields on the cortex: what simulators draw programs, genes and noise from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from xsg.atlas import load_parcellation
from xsg.check import number

_PROGRAM_LENGTH, _LENGTH = 60.0, 40.0  # mm


def stream(seed: int, what: int) -> np.random.Generator:
    """Independent stream for one part of the simulation: 0 programs, 1 expression, 2 subjects."""
    return np.random.default_rng([number(seed, "seed", 0, whole=True), what])


def exponential(distance: np.ndarray) -> np.ndarray:
    """Correlation exp(−d / 40 mm): rough fields, for what genes and subjects have of their own."""
    return np.exp(-distance / _LENGTH)


def matern(distance: np.ndarray) -> np.ndarray:
    """Matérn-3/2 correlation of length 60 mm: smooth fields, for the programs."""
    scaled = np.sqrt(3) * distance / _PROGRAM_LENGTH
    return (1 + scaled) * np.exp(-scaled)


def smooth_fields(
    rng: np.random.Generator, n: int, left_right: float, correlation: Callable = exponential
) -> np.ndarray:
    """Draw n smooth fields of variance 1 over the 68 Desikan-Killiany regions, alike in the two hemispheres.

    Parameters
    ----------
    rng
        What they are drawn from.
    n
        How many.
    left_right
        Correlation ρ of a region with its homologue.
    correlation
        Correlation of two places by their distance in mm: `exponential`, `matern` or another.

    Returns
    -------
    array (68, n)

    Notes
    -----
    The covariance is a Kronecker product: ``correlation(d)`` over the 34 folded positions, times [[1, ρ], [ρ, 1]] over
    the hemispheres. A Cholesky factor is used because eigenvectors have a sign, and near-equal ones a rotation, that
    linear algebra libraries are free to choose.
    """
    xyz = load_parcellation("dk").table[["x", "y", "z"]].to_numpy().reshape(2, 34, 3)
    folded = (xyz * [[[-1, 1, 1]], [[1, 1, 1]]]).mean(axis=0)
    distance = np.linalg.norm(folded[:, None] - folded[None], axis=-1).round(3)
    factor = np.linalg.cholesky(correlation(distance))
    own, other = np.einsum("ij,hjn->hin", factor, rng.standard_normal((2, 34, n)))
    return np.concatenate([own, left_right * own + np.sqrt(1 - left_right**2) * other])


def fields_on(
    distance: np.ndarray, rng: np.random.Generator, n: int, correlation: Callable = exponential
) -> np.ndarray:
    """Draw n smooth fields of variance 1 on any geometry, by the distances (m, m) in mm between its places: (n, m).

    Examples
    --------
    >>> from xsg.atlas import distances, load_parcellation
    >>> fields_on(distances(load_parcellation("dk")).to_numpy(), np.random.default_rng(0), 3).shape
    (3, 68)
    """
    root = np.linalg.cholesky(correlation(distance) + 1e-9 * np.eye(len(distance)))
    return rng.standard_normal((n, len(root))) @ root.T


def uncorrelated(fields: np.ndarray) -> np.ndarray:
    """Make fields (m, k) uncorrelated, mean 0, variance 1: Gram–Schmidt by way of Cholesky.

    The first keeps its shape, each later one loses what it shares with those before it.

    Examples
    --------
    >>> made = uncorrelated(np.random.default_rng(0).random((9, 2)))
    >>> bool(np.allclose(made.T @ made / 9, np.eye(2)))
    True
    """
    centred = fields - fields.mean(axis=0)
    return np.linalg.solve(np.linalg.cholesky(centred.T @ centred / len(centred)), centred.T).T


def simulated_programs(seed: int, n_programs: int) -> pd.DataFrame:
    """Draw programs P1 … Pk over the 68 regions, (68, k): smooth, uncorrelated, mean 0, variance 1."""
    n_programs = number(n_programs, "n_programs", 5, 20, whole=True)  # three act on thinning, at least two do not
    values = uncorrelated(smooth_fields(stream(seed, 0), n_programs, left_right=0.97, correlation=matern))
    columns = pd.Index([f"P{i + 1}" for i in range(n_programs)], name="program")
    return pd.DataFrame(values.round(6), index=load_parcellation("dk").regions, columns=columns)


def robust_sigmoid(values: np.ndarray) -> np.ndarray:
    """Scale each column to 0–1 by the scaled robust sigmoid, (regions, genes)."""
    low, middle, high = np.percentile(values, [25, 50, 75], axis=0)
    # The inter-quartile range of a normal distribution is 1.35 standard deviations.
    out = 1 / (1 + np.exp(-(values - middle) / ((high - low) / 1.35)))
    out -= out.min(axis=0)
    return out / out.max(axis=0)
