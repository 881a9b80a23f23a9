"""Latent programs: whether they repeat from fit to fit, and which genes are behind them.

A program has no number, sign or direction of its own (chapter 7), so two fits are compared in two ways: program by
program after the best one-to-one pairing (`align_programs`), and as spaces (`canonical_correlations`), which no
rotation can change. Both numbers are high for any two sets of smooth maps; `program_stability` says how high.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from scipy.optimize import linear_sum_assignment

from xsg import check
from xsg.atlas import Parcellation
from xsg.check import align, constant
from xsg.evaluation.nulls import p_value, reassignments
from xsg.training import CrossScaleVAE


def main_directions(programs: pd.DataFrame, k: int = 6) -> pd.DataFrame:
    """Return the k directions in which programs vary most, as maps with mean 0 and variance 1.

    Parameters
    ----------
    programs
        DataFrame (n regions, d programs), as `CrossScaleVAE.encode` gives it.
    k
        Number of directions, fewer than n and at most d.

    Returns
    -------
    DataFrame (n, k)
        Uncorrelated, the one of largest variance first; signs are arbitrary.

    Raises
    ------
    TypeError
        A bare array, whose regions have no names.
    ValueError
        Values that are not finite; more directions than the programs vary in.
    """
    z = _table(programs).to_numpy(dtype=float)
    n, d = z.shape
    k = check.number(k, "k", whole=True)
    if not 1 <= k <= min(n - 1, d):
        raise ValueError(f"k is {k}; expected 1 to {min(n - 1, d)} directions of {d} programs over {n} regions.")
    z = np.where(constant(z), 0, z - z.mean(axis=0))
    left, sizes, _ = np.linalg.svd(z, full_matrices=False)
    if (there := int((sizes > 1e-12 * sizes[0]).sum())) < k:
        raise ValueError(f"k is {k}; the {d} programs vary in {there} directions only. Ask for fewer.")
    left = left[:, :k]
    return pd.DataFrame(left * np.sqrt(n), programs.index, [f"direction {number}" for number in range(1, k + 1)])


def canonical_correlations(a: pd.DataFrame, b: pd.DataFrame) -> np.ndarray:
    """Compare two sets of maps as spaces: cosines of the principal angles between them, largest first.

    Parameters
    ----------
    a, b
        DataFrames (n regions, k) and (n, l); take few columns (`main_directions`), for as k + l nears n any two spaces
        coincide. ``b`` is joined to ``a`` by region.

    Returns
    -------
    array (min(k, l),)
        Fewer where the maps of one depend on each other.

    Raises
    ------
    TypeError
        Bare arrays, whose regions have no names.
    ValueError
        Regions that do not match; values that are not finite; a table whose maps are all constant.

    References
    ----------
    Björck & Golub 1973, Mathematics of Computation 27:579, doi:10.1090/S0025-5718-1973-0348991-3.

    Examples
    --------
    >>> a = pd.DataFrame([[1.0, 0], [-1, 0], [0, 1], [0, -1]], ["L_cuneus", "L_insula", "R_cuneus", "R_insula"])
    >>> turned = a @ np.array([[0.6, -0.8], [0.8, 0.6]])
    >>> canonical_correlations(a, turned).round(6).tolist()
    [1.0, 1.0]
    """
    bases = []
    a = _table(a)
    for maps in (a, align(_table(b), a.index, "programs")):
        z = maps.to_numpy(dtype=float)
        flat = constant(z)
        if flat.all():
            raise ValueError(f"programs: each of {len(flat)} maps has one value in all regions; there is no space.")
        left, sizes, _ = np.linalg.svd(np.where(flat, 0, z - z.mean(axis=0)), full_matrices=False)
        bases.append(left[:, sizes > 1e-9 * sizes[0]])
    return np.clip(np.linalg.svd(bases[0].T @ bases[1], compute_uv=False), 0, 1)


def align_programs(programs: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Pair the programs of several fits one to one with those of the first.

    The pairing is the one with the largest sum of absolute correlations over regions (the assignment problem); a
    program that pairs with a negative correlation is turned over.

    Parameters
    ----------
    programs
        S DataFrames (n regions, d programs), of the same regions and the same d.

    Returns
    -------
    list of DataFrame
        The same maps in the order, sign and column names of the first, regions in its order too. Of programs that
        correlate alike (copies of one another) the earlier ones pair first.

    Raises
    ------
    TypeError, ValueError
        No tables; tables without names, of unequal shape or with other regions; a program that is constant.
    """
    programs = _fits(programs)
    reference = _z_scores(programs[0])
    aligned = [programs[0]]
    for other in programs[1:]:
        if other.shape != programs[0].shape:
            raise ValueError(f"programs have shapes {programs[0].shape} and {other.shape}; expected the same for all.")
        other = align(other, programs[0].index, "programs")
        order, r = _pair(reference.T @ _z_scores(other) / len(other))
        aligned.append((other.iloc[:, order] * np.where(r < 0, -1, 1)).set_axis(programs[0].columns, axis=1))
    return aligned


def program_stability(
    programs: Sequence[pd.DataFrame], parcellation: Parcellation, n: int = 200, seed: int = 0
) -> pd.DataFrame:
    """Say how well each program repeats over fits, and how well programs as smooth would repeat elsewhere.

    In the null the other fits' programs are rotated on the sphere (the spin test's reassignments, one rotation for
    all of a fit's programs, so that they keep their smoothness and their correlations) and paired anew: the null knows
    that the best of many partners was chosen.

    Parameters
    ----------
    programs
        S ≥ 2 DataFrames (n regions, d programs).
    parcellation
        Where the regions lie.
    n, seed
        Number of rotations and their seed.

    Returns
    -------
    DataFrame
        By program of the first fit: ``r``, mean absolute correlation with its partners in the other fits; ``null``, the
        mean of this number over the rotations; ``p``, of `xsg.evaluation.nulls.p_value`.

    Notes
    -----
    All fits are of the same genes, graph and map, so a stable program need not be of any consequence: compare with fits
    of noise genes, too (chapter 12).
    """
    programs, n = _fits(programs), check.number(n, "n", 1, whole=True)
    if len(programs) < 2:
        raise ValueError(f"{len(programs)} set(s) of programs; expected at least 2 fits to compare.")
    first = programs[0]
    reference = _z_scores(first)
    rows = reassignments(parcellation, first.index, n=n, seed=seed)
    observed, null = [], np.zeros((n, first.shape[1]))
    for aligned in align_programs(programs)[1:]:
        other = aligned.to_numpy(dtype=float)
        observed.append(np.abs((reference * _z_scores(aligned)).mean(axis=0)))
        for turn, row in enumerate(rows):
            _, r = _pair(reference.T @ _standard(other[row]) / len(other))
            null[turn] += np.abs(r) / (len(programs) - 1)
    r = np.mean(observed, axis=0)
    p = [p_value(one, column) for one, column in zip(r, null.T, strict=True)]
    return pd.DataFrame({"r": r, "null": null.mean(axis=0), "p": p}, first.columns)


def gene_weights(model: CrossScaleVAE, expression: pd.DataFrame) -> pd.Series:
    """Say what each gene does to a fitted model's prediction: the gradient, mapped back through the rotation.

    The weight of gene g is the change of mean predicted thinning per standard deviation of g, raised in all regions at
    once (so that the graph passes it on as it is),

        w_g = 1/n Σ_i Σ_j ∂ŷ_i / ∂x_jg,

    at the posterior mean, x as the model scales it. For a linear model these are its coefficients. The network sees a
    rotation of the genes, u = x R; its gradient is taken there and comes back as R ∂ŷ/∂u.

    Parameters
    ----------
    model
        Fitted.
    expression
        DataFrame (n regions, p genes) as it was fitted on, or another with these genes.

    Returns
    -------
    Series (p,)
        In the unit of thinning per standard deviation of the gene (``normalise="gene"``; else per unit of expression).

    Notes
    -----
    A weight of a model with more genes than regions says what the *model* does with a gene and not what the gene has to
    do with thinning; for the latter correlate genes with a map (`xsg.genes.enrichment.gene_correlations`). See
    Haufe et al. 2014, doi:10.1016/j.neuroimage.2013.10.067, on filters and patterns.
    """
    check.instance(model, CrossScaleVAE, "model", "a fitted CrossScaleVAE")
    model._check_fitted()
    seen: list = []
    hook = model.net_.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs))
    try:
        model.predict(expression)  # refuses what does not fit; the network sees the genes scaled and rotated
    finally:
        hook.remove()
    x, propagate = seen
    x = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model.net_(x, propagate).thinning.sum(), x)
    weights = gradient[0].mean(dim=0).numpy().astype(float)
    if "rotation" in model._scaling:
        weights = model._scaling["rotation"] @ weights
    return pd.Series(model.y_sd_ * weights, model.genes_, name="weight")


def _table(programs: object) -> pd.DataFrame:
    """Return programs by region as floats, or refuse a table without names, or that holds none."""
    programs = programs.to_frame() if isinstance(programs, pd.Series) else programs
    found = align(programs, getattr(programs, "index", ()), "programs")
    if not found.size:
        raise ValueError(f"programs has shape {found.shape}; expected (regions, programs), one or more of each.")
    return found


def _fits(programs: object) -> list[pd.DataFrame]:
    """Return the programs of several fits, or refuse what is no list of tables."""
    if isinstance(programs, (pd.DataFrame, pd.Series, dict)) or not np.iterable(programs):
        raise TypeError(f"programs: expected a list of tables, one a fit, got {type(programs).__name__}.")
    if not (found := [_table(each) for each in programs]):
        raise ValueError("programs is an empty list; expected a table for each fit.")
    return found


def _pair(correlations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pair rows with columns one to one, by |r|: the column of each row, and its correlation."""
    order = linear_sum_assignment(-np.abs(correlations))[1]
    return order, correlations[np.arange(len(order)), order]


def _z_scores(programs: pd.DataFrame) -> np.ndarray:
    """z-scores of each program over regions (n, d)."""
    values = align(programs, programs.index, "programs").to_numpy(dtype=float)
    if (flat := constant(values)).any():
        raise ValueError(f"{programs.columns[flat][0]!r} has one value in all regions; drop it before comparing.")
    return _standard(values)


def _standard(values: np.ndarray) -> np.ndarray:
    """Mean 0 and variance 1 over regions; a column without variance stays 0."""
    centred = values - values.mean(axis=0)
    sd = centred.std(axis=0)
    return np.divide(centred, sd, out=np.zeros_like(centred), where=~constant(values) & (sd > 0))
