"""Where is a parcel, or a voxel? Places from expression for tables of any size, held out by compact blocks.

`xsg.spatial.localise` is made for the voxels of one grid. What is here takes places in mm, of a few dozen parcels of
the human cortex as of the voxels of a mouse, and the simpler methods that so few can train. Everything that a method
learns, scales or chooses it learns from its training rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.spatial.distance import cdist

from xsg.check import array, choice, number
from xsg.evaluation.baselines import LENGTHS, PENALTIES, likeliest
from xsg.spatial.estimator import SpatialVAE
from xsg.spatial.mouse import SHAPE
from xsg.spatial.place_baselines import ended

METHODS = ("middle", "kNN", "PLS", "ridge", "Gaussian process", "Spatial-VAE", "kriging")
SMALL_VAE: dict[str, object] = {
    "latent": 16,
    "hidden": (64,),
    "decoder": (64,),
    "head": 0,
    "batch": 32,
    "epochs": 100,
}
"""What `SpatialVAE` is given for parcels, of which there are few: everything else as in preset "xsg"."""
_NEIGHBOURS = (1, 3, 5, 10)
_COMPONENTS = (1, 2, 3, 5, 8, 12)  # of partial least squares
_SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)  # lengths of the Gaussian process, in median distances between training rows
_INNER = 5  # compact blocks of the training rows, to choose by
_FEWEST = 6  # training rows


def compact_blocks(
    place: np.ndarray, n_blocks: int = 10, seed: int = 0, together: Sequence[int] | np.ndarray | None = None
) -> np.ndarray:
    """Divide places into compact blocks by k-means; each block is held out once.

    Parameters
    ----------
    place
        (n, 3) in mm; to keep mirror images together, fold one side onto the other before.
    n_blocks
        Number of blocks.
    seed
        Of the one start of k-means: other seeds give other blocks.
    together
        Numbers (n,): rows that share one are held out together. None: each goes by itself.

    Returns
    -------
    bool array (n_blocks, n)

    Examples
    --------
    >>> line = np.array([[0, 0, 0], [1, 0, 0], [9, 0, 0], [8, 0, 0.0]])
    >>> sorted(compact_blocks(line, 2).astype(int).tolist())
    [[0, 0, 1, 1], [1, 1, 0, 0]]
    """
    from sklearn.cluster import KMeans

    place = array(place, "place", 2)
    together = np.arange(len(place)) if together is None else array(together, "together", 1, dtype=int)
    together = np.unique(together, return_inverse=True)[1].reshape(-1)
    counted = np.bincount(together)
    n_blocks = number(n_blocks, "n_blocks", 2, len(counted), whole=True)
    centres = np.stack([np.bincount(together, axis) / counted for axis in place.T], axis=1)
    block = KMeans(n_blocks, n_init=1, random_state=number(seed, "seed", 0, whole=True)).fit_predict(centres)
    return block[together] == np.arange(n_blocks)[:, None]


def predict_held_out(
    x: np.ndarray,
    y: np.ndarray,
    place: np.ndarray,
    held_out: np.ndarray,
    method: str = "ridge",
    *,
    buffer: float = 0.0,
    components: tuple[int, int | None] | None = None,
    unit: float = 3.0,
    seed: int = 0,
) -> np.ndarray:
    """Predict rows that folds hold out: places from genes, maps from genes, or maps from places.

    Parameters
    ----------
    x
        What is known of each row (n, p): expression, NaN where missing; for "kriging" places in mm.
    y
        What is asked (n, k): places in mm, or maps.
    place
        Where the rows lie, mm (n, 3): for the buffer, and for the blocks by which methods choose their settings.
    held_out
        bool (F, n), one row a fold.
    method
        One of `METHODS`. ``"middle"``: the mean of the training rows. ``"kNN"``: the mean of the 1 to 10 nearest in
        expression. ``"PLS"``: partial least squares, up to 12 components. ``"ridge"``: all genes, linear. These choose
        over compact blocks of the training rows; ridge for each column of y by itself. ``"Gaussian process"``: Matérn
        covariance (ν = 3/2) of the distance in expression; length and noise are the likeliest. ``"kriging"``: the same
        of the distance between places. ``"Spatial-VAE"``: `SpatialVAE` with the settings `SMALL_VAE`, for places only.
    buffer
        Training rows as near as that to a held-out one, in mm, are left out.
    components
        Use the principal components of training expression from the first number up to the second (None: the last),
        counted from 0, in place of the genes: ``(0, 3)`` are the first three, ``(1, None)`` all but the first.
    unit
        mm of one step of the grid on which "Spatial-VAE" is told where rows lie: 3 for a human hemisphere, 0.2 for a
        mouse.
    seed
        Of the inner blocks and of "Spatial-VAE".

    Returns
    -------
    ndarray (n, k)
        Each row's prediction by the fold that holds it out (the last one, if several do); NaN where none does.

    Raises
    ------
    ValueError
        An unknown method; tables of different length; fewer than six training rows in a fold; places that do not fit on
        the grid.

    Examples
    --------
    >>> place = np.random.default_rng(0).random((40, 3)) * 50
    >>> genes = place @ np.random.default_rng(1).standard_normal((3, 20))
    >>> found = predict_held_out(genes, place, place, compact_blocks(place, 4))
    >>> bool(np.linalg.norm(found - place, axis=1).mean() < 3)
    True
    """
    choice(method, METHODS, "method")
    x, y, place = array(x, "x", 2, finite=False), array(y, "y", 2), array(place, "place", 2)
    held_out, buffer = np.asarray(held_out, dtype=bool), number(buffer, "buffer", 0)
    sizes = {"y": len(y), "place": len(place), "held_out": held_out.shape[-1]}
    if odd := [name for name, size in sizes.items() if size != len(x)]:
        raise ValueError(f"{odd[0]} is of {sizes[odd[0]]} rows, x of {len(x)}; expected one of each for each row.")
    found = np.full(y.shape, np.nan)
    for fold in held_out:
        train = ~fold
        if buffer and fold.any():
            train = train & (cdist(place, place[fold]).min(axis=1) > buffer)
        if train.sum() < _FEWEST:
            raise ValueError(
                f"a fold leaves {train.sum()} rows to train on; expected {_FEWEST} or more. Use more blocks, or a "
                "smaller buffer."
            )
        if method == "Spatial-VAE":
            found[fold] = _vae(x, y, train, fold, unit, seed)
            continue
        z = x if method == "kriging" else _components(_z_scores(x, train), train, *(components or (0, None)))
        inner = compact_blocks(place[train], min(_INNER, train.sum()), seed)
        found[fold] = _PREDICT[method](z[train], y[train], z[fold], inner)
    return found


def _z_scores(x: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return genes with mean 0 and variance 1 over the training rows; what is missing is there at the mean."""
    known = np.isfinite(x[train])
    x = x[:, known.any(axis=0)]
    spread = np.nanstd(x[train], axis=0)
    x = x[:, spread > 1e-9]
    return np.nan_to_num((x - np.nanmean(x[train], axis=0)) / spread[spread > 1e-9])


def _components(z: np.ndarray, train: np.ndarray, first: int, last: int | None) -> np.ndarray:
    """Return principal components of the training rows, divided by √p; all of them say of a row what the genes say."""
    values, vectors = np.linalg.eigh(z[train] @ z[train].T)
    kept = np.flatnonzero(values > 1e-9 * values[-1])[::-1][first:last]
    return z @ (z[train].T @ (vectors[:, kept] / np.sqrt(values[kept]))) / np.sqrt(z.shape[1])


# Each of these returns predict(x (m, p), y (m, k), asked (t, p), inner (blocks, m)) -> (t, k).
_Predict = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _middle(_x: np.ndarray, y: np.ndarray, asked: np.ndarray, _inner: np.ndarray) -> np.ndarray:
    return np.broadcast_to(y.mean(axis=0), (len(asked), y.shape[1]))


def _chosen(path: Callable[..., np.ndarray], whole: bool) -> _Predict:
    """Predict by the setting of a path, path(x, y, asked) -> (settings, t, k), that errs least on the inner blocks.

    ``whole``: one setting for all columns of y, else one for each.
    """

    def predict(x: np.ndarray, y: np.ndarray, asked: np.ndarray, inner: np.ndarray) -> np.ndarray:
        error = sum(((path(x[~each], y[~each], x[each]) - y[each]) ** 2).sum(axis=1) for each in inner)
        found = path(x, y, asked)
        if whole:
            return found[error.sum(axis=1).argmin()]
        return np.take_along_axis(found, error.argmin(axis=0)[None, None], axis=0)[0]

    return predict


def _ridge_path(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
    middle, mean = x.mean(axis=0), y.mean(axis=0)
    left, values, right = np.linalg.svd(x - middle, full_matrices=False)
    turned, across = left.T @ (y - mean), (asked - middle) @ right.T
    # The penalties are those of genes whose sum of squares was divided by their number.
    return np.stack([mean + (across * (values / (values**2 + each))) @ turned for each in PENALTIES])


def _neighbours_path(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
    nearest = cdist(asked, x).argsort(axis=1, kind="stable")
    return np.stack([y[nearest[:, :k]].mean(axis=1) for k in _NEIGHBOURS])


def _pls_path(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
    from sklearn.cross_decomposition import PLSRegression

    most = min(len(x) - 1, x.shape[1])
    each = (PLSRegression(min(k, most), scale=False).fit(x, y).predict(asked) for k in _COMPONENTS)
    return np.stack([np.reshape(found, (len(asked), -1)) for found in each])


def _process(lengths: Callable[[np.ndarray], Sequence[float]]) -> _Predict:
    def predict(x: np.ndarray, y: np.ndarray, asked: np.ndarray, _inner: np.ndarray) -> np.ndarray:
        distance = cdist(both := np.concatenate([x, asked]), both)
        known = np.arange(len(both)) < len(x)
        scaled = [np.sqrt(3) * distance / each for each in lengths(distance[: len(x), : len(x)])]
        return likeliest([(1 + each) * np.exp(-each) for each in scaled], y.T, known, ~known).T

    return predict


def _in_medians(distance: np.ndarray) -> list[float]:
    return [each * float(np.median(distance[np.triu_indices(len(distance), 1)])) for each in _SCALES]


def _vae(x: np.ndarray, place: np.ndarray, train: np.ndarray, asked: np.ndarray, unit: float, seed: int) -> np.ndarray:
    # The longest extent along AP, the shortest along SI: so a human hemisphere fits on the mouse's grid.
    order = np.argsort(-np.ptp(place, axis=0))[[0, 2, 1]] if place.shape[1] == 3 else np.arange(place.shape[1])
    low = place.min(axis=0)
    grid = np.round((place - low) / number(unit, "unit", 0, above=True))[:, order]
    if grid.shape[1] != 3 or (grid >= SHAPE).any():
        raise ValueError(
            f"places reach over {np.ptp(place, axis=0).round(1).tolist()} mm; expected three coordinates that fit on "
            f"the {' × '.join(map(str, SHAPE))} grid in steps of unit={unit:g} mm. Use larger steps."
        )
    model = SpatialVAE(seed=seed, **SMALL_VAE).fit(x, grid, train=train, progress=False)
    ended(model)
    return low + unit * model.predict_place(x, grid, rows=asked).to_numpy()[:, np.argsort(order)]


_PREDICT: dict[str, _Predict] = {
    "middle": _middle,
    "kNN": _chosen(_neighbours_path, whole=True),
    "PLS": _chosen(_pls_path, whole=True),
    "ridge": _chosen(_ridge_path, whole=False),
    "Gaussian process": _process(_in_medians),
    "kriging": _process(lambda _distance: LENGTHS),
}
