"""The slow modes of a network: what an encoder takes an image's shares of."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import eigsh


def slow_modes(laplacian: np.ndarray | sparse.csr_array, mask: np.ndarray | None, count: int) -> np.ndarray:
    """Return the modes of a Laplacian that decay slowest, or stand-ins for them where it is sparse.

    Of a dense one its eigenvectors. Of a sparse one with a mask of pixels or voxels, the slowest cosines of the frame
    (the eigenvectors of a whole rectangle) made orthonormal over the mask, for these need no decomposition; of any
    other sparse one its eigenvectors again, by Lanczos' method about zero.

    Parameters
    ----------
    laplacian
        (n, n); of a directed one the symmetric part counts.
    mask
        Which points of a frame the n places are, or None.
    count
        How many; all n where that is less.

    Returns
    -------
    ndarray (n, count)
        Orthonormal columns, the largest entry of each positive.

    Examples
    --------
    >>> chain = np.array([[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]])
    >>> slow_modes(chain, None, 2).round(3).T.tolist()[0]
    [0.577, 0.577, 0.577]
    """
    n = laplacian.shape[0]
    count = min(count, n)
    if not sparse.issparse(laplacian):
        modes = np.linalg.eigh((laplacian + laplacian.T) / 2)[1][:, :count]
    elif mask is not None:
        modes = np.linalg.qr(_cosines(np.asarray(mask, dtype=bool), count))[0]
    else:
        both = (laplacian + laplacian.T) / 2
        start = np.random.default_rng(0).standard_normal(n)  # else ARPACK draws its own
        # A little below zero nothing is singular, however many parts the network has.
        values, modes = eigsh(both.tocsc(), min(count, n - 1), sigma=-1e-3 * both.diagonal().mean() - 1e-9, v0=start)
        modes = modes[:, values.argsort()]
    # The sign of an eigenvector is the library's whim; a rule makes it the same on every machine.
    return modes * np.sign(modes[np.abs(modes).argmax(0), np.arange(modes.shape[1])])


def _cosines(mask: np.ndarray, count: int) -> np.ndarray:
    """Return the slowest cosines of a frame at the points of a mask, (n, count)."""
    points = np.argwhere(mask)
    low, sides = points.min(0), np.ptp(points, axis=0) + 1
    most = 1  # cosines along each axis that are tried: enough that ``count`` of their products are the slowest
    while np.minimum(most, sides).prod() < 4 * count and most < sides.max():
        most += 1
    waves = list(product(*(range(min(most, side)) for side in sides)))
    waves.sort(key=lambda wave: (sum((k / side) ** 2 for k, side in zip(wave, sides, strict=True)), wave))
    along = [np.cos(np.pi * np.outer(np.arange(side) + 0.5, np.arange(min(most, side))) / side) for side in sides]
    columns = []
    for wave in waves[:count]:
        column = np.ones(len(points))
        for axis, k in enumerate(wave):
            column = column * along[axis][points[:, axis] - low[axis], k]
        columns.append(column)
    return np.stack(columns, axis=1)
