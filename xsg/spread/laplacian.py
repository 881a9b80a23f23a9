"""Laplacians: what is one, and that of the pixels or voxels of a mask."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import LaplacianNd
from torch import Tensor

from xsg.check import array, labels, rows_of

# Places of a dense matrix: beyond, its eigenvectors would take hours and gigabytes.
MOST = 20_000

# Up to here a sparse matrix is made dense, for its modes are quicker than products with it (experiments/solver_growth).
DENSE_UP_TO = 2_000


def as_mask(mask: object, what: str = "mask") -> np.ndarray:
    """Return a mask as booleans; zeros and ones of any type are taken.

    Parameters
    ----------
    mask
        Any number of axes: which points of a line, pixels or voxels take part. What numpy's masked arrays mask does
        not, if they are boolean; of other types it is missing, which is refused.
    what
        Its name in an error.

    Raises
    ------
    TypeError, ValueError
        If it is no array, holds anything but 0 and 1, or nothing takes part.

    Examples
    --------
    >>> as_mask([[1, 0, 1]])
    array([[ True, False,  True]])
    """
    if isinstance(mask, np.ma.MaskedArray) and mask.dtype == bool:
        mask = mask.filled(False)
    found = mask if isinstance(mask, np.ndarray) and mask.dtype == bool else array(mask, what)
    odd = (found != 0) & (found != 1)
    if odd.any():
        raise ValueError(
            f"{what} holds {found[odd][0]:g}; expected True and False, or 1 and 0. Say what takes part: image > 0, or "
            "labels == 3."
        )
    found = found.astype(bool)
    if not found.ndim or not found.any():
        raise ValueError(
            f"{what} of shape {found.shape} with {found.sum()} pixels; expected (H, W), or any other number of axes, "
            "with at least one."
        )
    return found


def from_torch(matrix: object) -> object:
    """Return a sparse tensor of torch's as scipy has them, and all else as it is."""
    if not isinstance(matrix, Tensor) or matrix.layout is torch.strided:
        return matrix
    entries = matrix.detach().cpu().to_sparse_coo().coalesce()
    return sparse.coo_array((entries.values().numpy(), tuple(entries.indices().numpy())), shape=tuple(matrix.shape))


def as_laplacian(laplacian: object, directed: bool = False) -> tuple[np.ndarray | sparse.csr_array, pd.Index | None]:
    """Return a combinatorial Laplacian in float64 (n, n), and the names of its places if it has any.

    It is dense, unless it was given sparse and has more than ``DENSE_UP_TO`` places.

    Parameters
    ----------
    laplacian
        Array, list, scipy sparse matrix, torch tensor (dense or sparse), or table with the same names on both sides, in
        any order.
    directed
        Whether it may be asymmetric.

    Raises
    ------
    TypeError, ValueError
        Saying where it is no Laplacian, what it may be instead, and how to make one of it.
    """
    if hasattr(laplacian, "laplacian"):
        raise TypeError(f"laplacian is a {type(laplacian).__name__}; expected a matrix: give graph.laplacian().")
    laplacian = from_torch(laplacian)
    if sparse.issparse(laplacian) and laplacian.ndim == 2 and max(laplacian.shape) > DENSE_UP_TO:
        return _checked_sparse(laplacian, directed), None
    places = labels(laplacian, 0)
    if places is not None and (columns := labels(laplacian, 1)) is not None:
        laplacian = laplacian.iloc[:, rows_of(columns, places, "columns of the laplacian")]
    single = str(getattr(laplacian, "dtype", "")).endswith(("float32", "float16"))
    matrix = array(laplacian, "laplacian", finite=False)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
        raise ValueError(f"laplacian has shape {matrix.shape}; expected a square matrix (n, n).")
    scale = max(np.abs(matrix).max(), 1e-300)
    off = matrix - np.diag(np.diag(matrix))
    sums = matrix.sum(1, keepdims=True)
    problems = {
        "not finite": ~np.isfinite(matrix),
        "not symmetric": (np.abs(matrix - matrix.T) > (1e-6 if single else 1e-9) * scale) & (not directed),
        "positive off the diagonal": off > 1e-9 * scale,
        "not zero in the sum of a row": np.broadcast_to(
            np.abs(sums) > (1e-5 if single else 1e-7) * scale, matrix.shape
        ),
    }
    for problem, where in problems.items():
        if where.any():
            i, j = np.argwhere(where)[0]
            _refuse(problem, i, j, matrix[i, j], _guess(matrix, off, sums, scale))
    return (matrix - np.diag(sums[:, 0]) if single else matrix), places


def _refuse(problem: str, i: int, j: int, value: float, guess: str = "") -> None:
    raise ValueError(
        f"laplacian is {problem}, first at [{i}, {j}] = {value:g}. Expected D − W of symmetric weights W ≥ 0, as "
        f"xsg.Graph.laplacian() gives it; directed=True takes one that is not symmetric.{guess}"
    )


def _checked_sparse(given: sparse.sparray, directed: bool) -> sparse.csr_array:
    """Return a sparse Laplacian in float64, without zeros that are written down; refuse what is none."""
    if given.dtype.kind not in "biuf":
        raise TypeError(f"laplacian: expected real numbers, got a sparse matrix of {given.dtype}. Convert it first.")
    if given.shape[0] != given.shape[1]:
        raise ValueError(f"laplacian has shape {given.shape}; expected a square matrix (n, n).")
    single, matrix = given.dtype == np.float32, sparse.csr_array(given, dtype=float, copy=True)
    matrix.sum_duplicates()
    entries, scale = matrix.tocoo(), max(np.abs(matrix.data).max(initial=0), 1e-300)
    apart = (matrix - matrix.T).tocoo()
    sums = matrix.sum(axis=1)
    weights = " These look like weights W: give scipy.sparse.csgraph.laplacian(W)." if (entries.data >= 0).all() else ""
    for problem, (i, j), where, guess in (
        ("not finite", entries.coords, ~np.isfinite(entries.data), " Leave such places out first."),
        ("not symmetric", apart.coords, (np.abs(apart.data) > (1e-6 if single else 1e-9) * scale) & (not directed), ""),
        (
            "positive off the diagonal",
            entries.coords,
            (entries.data > 1e-9 * scale) & (entries.coords[0] != entries.coords[1]),
            weights,
        ),
        (
            "not zero in the sum of a row",
            [np.arange(len(sums))] * 2,
            np.abs(sums) > (1e-5 if single else 1e-7) * scale,
            "",
        ),
    ):
        if where.any():
            first = np.flatnonzero(where)[0]
            _refuse(problem, i[first], j[first], matrix[i[first], j[first]], guess)
    if single:
        matrix = sparse.csr_array(matrix - sparse.diags_array(sums))
    matrix.eliminate_zeros()
    return matrix


def _guess(matrix: np.ndarray, off: np.ndarray, sums: np.ndarray, scale: float) -> str:
    """Say what a matrix that is no Laplacian may be, and how to make one of it."""
    if not np.isfinite(matrix).all():
        return " Leave such places out first."
    if (off >= 0).all() and (np.abs(sums) <= 1e-7 * scale).all():
        return " The sign is turned: give minus the matrix."
    if (matrix >= 0).all():
        return (
            " These look like weights W: give graph.laplacian(), or np.diag(W.sum(axis=1)) − W, W zero on its diagonal."
        )
    if (off <= 0).all() and np.isin(np.diag(matrix).round(6), (0, 1)).all():
        return " It looks normalised: give graph.laplacian(), D − W itself."
    return ""


def as_dense(laplacian: np.ndarray | sparse.csr_array) -> np.ndarray:
    """Return a Laplacian as an array, or refuse one that is too large for it."""
    if len(laplacian.shape) == 2 and laplacian.shape[0] > MOST:
        _too_many(laplacian.shape[0], "laplacian", "places")
    return laplacian.toarray() if sparse.issparse(laplacian) else laplacian


def few_joined(laplacian: np.ndarray | sparse.csr_array) -> bool:
    """Return whether products with a sparse matrix are quicker than modes: many places, few of their pairs joined."""
    n = laplacian.shape[0]
    if n <= DENSE_UP_TO:
        return False
    return (laplacian.nnz if sparse.issparse(laplacian) else np.count_nonzero(laplacian)) < n**2 / 32


def grid_laplacian(mask: np.ndarray) -> np.ndarray:
    """Laplacian D − W of the points of a mask, each joined to the next in the mask along every axis: (n, n).

    Nothing joins a pixel to what is outside, so nothing flows there. Five-point for a mask (H, W), three-point for
    (L,), seven-point for (X, Y, Z), and so on. Parts of the mask that do not touch, single pixels among them, are
    allowed: nothing flows between them.

    Parameters
    ----------
    mask
        Any number of axes, True (or 1) where a pixel takes part; n are taken, in the order of ``image[mask]``.

    Raises
    ------
    TypeError, ValueError
        As `as_mask`; also where the dense matrix would be too large.

    Examples
    --------
    >>> grid_laplacian(np.array([[True, True], [True, False]])).tolist()
    [[2.0, -1.0, -1.0], [-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]
    >>> grid_laplacian([1, 1, 1]).tolist()
    [[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]]
    """
    mask = as_mask(mask)
    n = int(mask.sum())
    if n > MOST:
        _too_many(n, "mask", "pixels")
    return sparse_grid_laplacian(mask).toarray()


def sparse_grid_laplacian(mask: np.ndarray) -> sparse.csr_array:
    """`grid_laplacian` without the zeros, of a mask of any size.

    Parameters
    ----------
    mask
        As for `grid_laplacian`.

    Raises
    ------
    TypeError, ValueError
        As `as_mask`.

    Examples
    --------
    >>> sparse_grid_laplacian([[1, 1], [1, 0]]).toarray().tolist()
    [[2.0, -1.0, -1.0], [-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]
    >>> sparse_grid_laplacian(np.ones((60, 70, 60))).shape
    (252000, 252000)
    """
    mask = as_mask(mask)
    inside = np.flatnonzero(mask)
    whole = LaplacianNd(mask.shape, boundary_conditions="neumann", dtype=float).tosparse().tocsr()
    return sparse.csr_array(csgraph.laplacian(whole[inside][:, inside]))  # which counts the neighbours anew


def _too_many(n: int, what: str, places: str) -> None:
    raise ValueError(
        f"{what} has {n} {places}; expected at most {MOST}: its dense matrix would hold {n**2 * 8 / 1e9:.0f} GB. Take "
        "a sparse one (sparse_grid_laplacian) and method='auto', larger voxels or regions, or a smaller part."
    )
