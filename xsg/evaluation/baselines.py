"""Baselines: simpler ways to predict a map, under the same folds as the model.

Whatever a baseline has to choose or to scale it learns inside the training regions, homologues kept together there too.
All but the last are written for many maps at once, so that a thousand null maps cost little more than one.
"""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from xsg import names as naming
from xsg.atlas import Parcellation, homologous_pairs
from xsg.atlas.pairs import find_pairs
from xsg.check import align, choice, constant, folds, rows_of, series, some
from xsg.data.cortex import Cortex
from xsg.training import CrossScaleVAE, held_out_mean, refit

BASELINES = (
    "contralateral copy",
    "position (kriging)",
    "position + genes",
    "expression PC1",
    "ridge",
    "PLS",
    "VAE without graph",
)
QUESTIONS = {  # which each baseline answers
    "contralateral copy": "Does the other hemisphere say it? (the mean, where homologues are held out together)",
    "position (kriging)": "Does the place of a region say it, without any gene?",
    "position + genes": "Do genes add to place?",
    "expression PC1": "Is the main gradient of expression enough?",
    "ridge": "Are genes enough, each with a weight of its own?",
    "PLS": "Are a few mixtures of genes enough, as most papers use them?",
    "VAE without graph": "Does the graph between regions matter to the model?",
}
PENALTIES = np.logspace(-2, 2, 9)  # of ridge, per gene
COMPONENTS = 5  # of partial least squares, at most
LENGTHS = (10.0, 20.0, 40.0, 80.0, 160.0)  # mm; of the Gaussian process
NUGGETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # variance of the noise over that of the process
SIDES = (0.0, 0.1, 0.5)  # variance of what the hemispheres differ in over that of what they share
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the genes in the variance of the process
_INNER_FOLDS = 5
_FEWEST = 5  # training regions, as for the model


class Baseline(BaseEstimator):
    """A simpler way than a model to predict a map, to be put on trial as it is (`xsg.evaluation.protocol.Subject`).

    Parameters
    ----------
    name
        One of `BASELINES`:

        - ``"contralateral copy"``: the value of the homologous region, where that one trains; else the mean of the
          training regions (so under a split that keeps homologues together it is the mean).
        - ``"position (kriging)"``: no genes; a Gaussian process over where regions lie, in mm and with the hemispheres
          folded onto one; Matérn kernel (ν = 3/2) plus nugget. With it goes a second process, by which the hemispheres
          differ: it adds on one side what it takes on the other (not where all homologues that train share their
          values). Length, nugget and how much the sides differ are those of `LENGTHS`, `NUGGETS` and `SIDES` with the
          largest marginal likelihood, the variance profiled out. (Rasmussen & Williams 2006)
        - ``"position + genes"``: the same process with a share of its variance, of `SHARES`, given to a linear kernel
          of all genes (their z-scores Z over the training regions, ZZᵀ / p). Genes, too, are folded onto one
          hemisphere: homologues that are in training or held out together have their mean expression, or no gene
          could explain why they are alike. The share is the likeliest; at none this is position alone, so what it
          predicts better is what genes add to place.
        - ``"expression PC1"``: a straight line on the first principal component of expression.
        - ``"ridge"``: all genes, linear, with the penalty of `PENALTIES` (times the number of genes) that predicts best
          inside the training regions, over folds of homologous pairs.
        - ``"PLS"``: partial least squares, one to `COMPONENTS` components chosen in the same way. (Rosipal & Trejo
          2001)
        - ``"VAE without graph"``: ``model`` trained with no graph.
    model
        Hyper-parameters of ``"VAE without graph"``; those of the preset "paper" by default.
    seed
        Seed of ``"VAE without graph"``; the others draw nothing.

    References
    ----------
    - Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, equations 2.23 and 5.8.
    - Rosipal & Trejo 2001, Journal of Machine Learning Research 2:97 (the dual form).
    """

    def __init__(self, name: str, model: CrossScaleVAE | None = None, seed: int = 0):
        self.name = name
        self.model = model
        self.seed = seed

    def predict_folds(self, cortex: Cortex, maps: pd.DataFrame, held_out: np.ndarray) -> np.ndarray:
        """Predict maps (K, n) under folds (F, n): (K, F, n), in a fold that holds regions out only those."""
        return self._predict(cortex.expression, maps, cortex.parcellation, held_out)

    def _predict(
        self, expression: pd.DataFrame, maps: pd.DataFrame, parcellation: Parcellation, held_out: np.ndarray
    ) -> np.ndarray:
        choice(self.name, BASELINES, "baseline")
        y = maps.to_numpy(dtype=float)
        for fold in held_out:
            if (flat := constant(y[:, ~fold], axis=1)).any():
                raise ValueError(
                    f"maps: {some(maps.index[flat])} of {len(y)} has the same value in all training regions of a "
                    "fold; there is nothing to learn. Leave it out."
                )
        if self.name == "VAE without graph":
            model = CrossScaleVAE() if self.model is None else self.model
            if not isinstance(model, CrossScaleVAE):
                raise TypeError(f"model: expected a CrossScaleVAE or None, got {type(model).__name__} {model!r}.")
            maps = maps.iloc[0] if len(maps) == 1 else maps
            found = refit(model, expression, maps, None, held_out, (self.seed,), progress=False)
            return found.to_numpy().reshape(len(y), *held_out.shape)
        expression = expression.set_axis(_placed(expression.index, parcellation), axis=0)
        predict = _PREDICT[self.name](expression, parcellation)
        found = np.full((len(y), *held_out.shape), np.nan)
        for number, fold in enumerate(held_out):
            asked = fold if fold.any() else ~fold
            found[:, number, asked] = predict(y[:, ~fold], ~fold, asked)
        return found


def baseline(
    name: str,
    expression: pd.DataFrame,
    maps: pd.Series | pd.DataFrame,
    parcellation: Parcellation,
    held_out: np.ndarray | pd.DataFrame,
    seed: int = 0,
    model: CrossScaleVAE | None = None,
) -> np.ndarray:
    """Predict held-out regions of one or many maps by a simpler method than the model.

    Parameters
    ----------
    name, model, seed
        As for `Baseline`.
    expression
        DataFrame (n regions, p genes); genes are z-scored over the training regions.
    maps
        Series by region, or DataFrame (M maps, n regions); joined to ``expression`` by name.
    parcellation
        Where the regions lie.
    held_out
        bool (F, n), one row per fold, True where held out, in the order of ``expression``; a DataFrame is joined by
        name.

    Returns
    -------
    ndarray (M, n)
        Each region's prediction, the mean over the folds that hold it out; NaN where none does. M = 1 for a Series.
        The regions are in the order of ``maps``, so that each row stands beside its map.

    Raises
    ------
    TypeError
        Tables without names; no parcellation, no model.
    ValueError
        An unknown name; regions that do not match; genes given twice, or none; a map that is constant over the training
        regions of a fold; folds of the wrong shape, or that leave too few regions to train on.

    Examples
    --------
    >>> import xsg
    >>> from xsg.evaluation.splits import homologous
    >>> cortex = xsg.load_cortex("simulated")
    >>> folds = homologous(cortex.regions)
    >>> baseline("ridge", cortex.expression, cortex.thinning, cortex.parcellation, folds).shape
    (1, 68)
    """
    choice(name, BASELINES, "baseline")
    expression = gene_table(expression)
    frame, asked = map_table(maps, expression.index)
    held_out = folds(held_out, expression.index, fewest=_FEWEST)
    found = Baseline(name, model, seed)._predict(expression, frame, parcellation, held_out)
    return held_out_mean(found, held_out)[:, asked]


def gene_table(expression: object) -> pd.DataFrame:
    """Return an expression table (n, p) of floats, or refuse one without names or genes, or with a gene given twice."""
    if not isinstance(expression, pd.DataFrame):
        raise TypeError(
            f"expression: expected a DataFrame of regions × genes, both named, got {type(expression).__name__}. The "
            "order of a bare array cannot be checked: pd.DataFrame(values, index=regions, columns=genes)."
        )
    if not expression.shape[1]:
        raise ValueError(f"expression has {len(expression)} regions and no genes; expected one or more.")
    if not expression.columns.is_unique:
        twice = expression.columns[expression.columns.duplicated()].unique()
        raise ValueError(f"expression: genes given more than once: {some(twice)}. Keep one column a gene.")
    return align(expression, expression.index, "expression")


def map_table(maps: object, regions: pd.Index) -> tuple[pd.DataFrame, np.ndarray]:
    """Return maps (M, n), joined by name to the regions, and where each region stood among the regions given (n,)."""
    if isinstance(maps, pd.DataFrame) and maps.shape[1] == 1 < len(regions):
        maps = series(maps, "maps")  # one map, in a column
    frame = maps if isinstance(maps, pd.DataFrame) else series(maps, "maps").to_frame().T
    lost, turned = (len(regions.difference(axis)) for axis in (frame.columns, frame.index))
    if lost and not turned:
        raise ValueError("maps has the regions in its rows; expected a map in each row: give its transpose.")
    found = align(frame.T, regions, "maps").T
    return found, np.argsort(rows_of(frame.columns, regions, "maps"))


def _placed(regions: pd.Index, parcellation: Parcellation) -> pd.Index:
    """Return what the parcellation calls the regions, or refuse those that it lacks."""
    if not isinstance(parcellation, Parcellation):
        raise TypeError(
            f"parcellation: expected an xsg.Parcellation, got {type(parcellation).__name__} {parcellation!r}. "
            "Load one, e.g. xsg.atlas.load_parcellation('dk')."
        )
    called = naming.translate(regions, parcellation.regions)
    unknown = [region for region in regions if region not in called]
    if unknown:
        raise ValueError(f"region {unknown[0]!r} is not in parcellation {parcellation.name!r}.")
    return pd.Index([called[region] for region in regions], name=regions.name)


# Each of these returns predict(y (M, m), train (n,), test (n,)) -> (M, t), for the regions of an expression table.
_Predict = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _contralateral_copy(expression: pd.DataFrame, parcellation: Parcellation) -> _Predict:
    homologue = expression.index.get_indexer(parcellation.homologue.reindex(expression.index))

    def predict(y: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        place = np.cumsum(train) - 1  # of a region among the training regions
        twin = homologue[test]
        known = (twin >= 0) & train[twin]
        return np.where(known, y[:, place[twin]], y.mean(axis=1, keepdims=True))

    return predict


def place_kernels(regions: pd.Index, parcellation: Parcellation) -> list[np.ndarray]:
    """Kernels (n, n) of place alone: the right hemisphere folded onto the left, and more or less unlike it."""
    table = parcellation.table.loc[regions]
    where = np.column_stack([np.abs(table["x"]), table["y"], table["z"]])
    side = np.where(table["hemisphere"] == "R", 1.0, -1.0)
    distance = np.linalg.norm(where[:, None] - where[None], axis=-1)  # mm
    scaled = [np.sqrt(3) * distance / length for length in LENGTHS]
    shared = [(1 + each) * np.exp(-each) for each in scaled]  # Matérn, ν = 3/2
    return [each * ((1 + unlike * np.outer(side, side)) / (1 + unlike)) for unlike in SIDES for each in shared]


def likeliest(kernels: Iterable[np.ndarray], y: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Predictions (M, t) of Gaussian processes, for each map with the kernel (n, n) and nugget likeliest of all."""
    mean, nuggets = y.mean(axis=1, keepdims=True), np.array(NUGGETS)
    best, parts = np.full(len(y), -np.inf), []
    which, nugget = np.zeros(len(y), dtype=int), np.empty(len(y))
    for number, kernel in enumerate(kernels):
        values, vectors = np.linalg.eigh(kernel[np.ix_(train, train)])
        parts.append((values, vectors, vectors.T @ kernel[np.ix_(train, test)]))
        noisy = values[:, None] + nuggets
        # At its most likely variance, yᵀ K⁻¹ y / m, the log likelihood is this up to a constant; the prediction does
        # not depend on the variance.
        spread = ((y - mean) @ vectors) ** 2 @ (1 / noisy) / len(values)
        score = -len(values) * np.log(spread) - np.log(noisy).sum(axis=0)
        most = score.max(axis=1)
        better = most > best
        best[better], which[better], nugget[better] = most[better], number, nuggets[score[better].argmax(axis=1)]
    found = np.empty((len(y), test.sum()))
    for number in np.unique(which):
        rows, (values, vectors, across) = which == number, parts[number]
        found[rows] = ((y - mean)[rows] @ vectors / (values + nugget[rows, None])) @ across
    return mean + found


def _place(expression: pd.DataFrame, parcellation: Parcellation, mixed: Callable) -> _Predict:
    """Make a predictor by processes over place, with whatever ``mixed(places, train)`` makes of its kernels."""
    places = place_kernels(expression.index, parcellation)
    left = np.flatnonzero((twin := find_pairs(expression.index, parcellation).twin) > np.arange(len(expression)))

    def predict(y: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        known, value = left[train[left] & train[twin[left]]], np.zeros((len(y), len(train)))
        value[:, train] = y
        equal = (value[:, known] == value[:, twin[known]]).all(axis=1)  # an average of both sides
        found = np.empty((len(y), test.sum()))
        for which, several in ((equal, places[: len(LENGTHS)]), (~equal, places)):
            if which.any():
                found[which] = likeliest(mixed(several, train), y[which], train, test)
        return found

    return predict


def _position(expression: pd.DataFrame, parcellation: Parcellation) -> _Predict:
    return _place(expression, parcellation, lambda places, train: places)


def _position_and_genes(expression: pd.DataFrame, parcellation: Parcellation) -> _Predict:
    x, pairs = expression.to_numpy(dtype=float), homologous_pairs(expression.index, parcellation)

    def mixed(places: list[np.ndarray], train: np.ndarray) -> Iterable[np.ndarray]:
        together = (pairs[:, None] == pairs) & (train[:, None] == train)
        z = z_scores(together @ x / together.sum(axis=1, keepdims=True), train)
        genes = z @ z.T / x.shape[1]
        for share in SHARES:
            for place in places if share < 1 else places[:1]:  # at 1, place is out
                yield (1 - share) * place + share * genes

    return _place(expression, parcellation, mixed)


def _principal_component(expression: pd.DataFrame, parcellation: Parcellation) -> _Predict:
    x = expression.to_numpy(dtype=float)

    def predict(y: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        z = z_scores(x, train)
        scores = z @ np.linalg.svd(z[train], full_matrices=False)[2][0]  # mean 0 over the training regions
        slope = y @ scores[train] / (scores[train] ** 2).sum()
        return y.mean(axis=1, keepdims=True) + slope[:, None] * scores[test]

    return predict


def _ridge_path(y: np.ndarray, inner: np.ndarray, across: np.ndarray, n_genes: int) -> np.ndarray:
    """Predictions (penalties, M, t) of ridge in its dual form, X (XᵀX + αI)⁻¹ Xᵀ = K (K + αI)⁻¹ with K = XXᵀ."""
    values, vectors = np.linalg.eigh(inner)
    mean = y.mean(axis=1, keepdims=True)
    turned, across = (y - mean) @ vectors, vectors.T @ across
    return np.stack([mean + (turned / (values + penalty * n_genes)) @ across for penalty in PENALTIES])


def _pls_path(y: np.ndarray, inner: np.ndarray, across: np.ndarray, n_genes: int) -> np.ndarray:
    """Predictions (components, M, t) of partial least squares with one response, in its dual form.

    Score k is t_k = K a_k, the direction in which expression covaries most with what the earlier scores left of y.
    """
    mean = y.mean(axis=1, keepdims=True)
    left, found, path = y - mean, np.repeat(mean, across.shape[1], axis=1), []
    scores, duals = [], []
    for _ in range(min(COMPONENTS, len(inner) - 1, n_genes)):
        score, dual = left @ inner, left.copy()
        for earlier, its_dual in zip(scores, duals, strict=True):
            share = (score * earlier).sum(axis=1, keepdims=True)
            score, dual = score - share * earlier, dual - share * its_dual
        norm = np.linalg.norm(score, axis=1, keepdims=True)
        usable = norm > 1e-9 * np.trace(inner) * np.linalg.norm(y - mean, axis=1, keepdims=True)  # else y is exhausted
        scores.append(np.where(usable, score / np.where(usable, norm, 1), 0))
        duals.append(np.where(usable, dual / np.where(usable, norm, 1), 0))
        loading = (left * scores[-1]).sum(axis=1, keepdims=True)
        left = left - loading * scores[-1]
        found = found + loading * (duals[-1] @ across)
        path.append(found)
    return np.stack(path)


def _chosen_inside(path: Callable) -> Callable[[pd.DataFrame, Parcellation], _Predict]:
    """Make a baseline of a family of predictors: for each map the one with least error inside the training regions."""

    def make(expression: pd.DataFrame, parcellation: Parcellation) -> _Predict:
        from sklearn.model_selection import GroupKFold

        x = expression.to_numpy(dtype=float)
        # Numbered as in the parcellation, so that the inner folds are the same in any order of the table.
        order = parcellation.regions.get_indexer(expression.index).argsort()
        pairs = homologous_pairs(expression.index[order], parcellation)[order.argsort()]

        def along(y: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
            z = z_scores(x, train)
            return path(y, z[train] @ z[train].T, z[train] @ z[test].T, x.shape[1])

        def predict(y: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
            rows = np.flatnonzero(train)
            folds = GroupKFold(min(_INNER_FOLDS, len(np.unique(pairs[rows]))))
            errors = []
            for learn, judge in folds.split(rows, groups=pairs[rows]):
                guess = along(y[:, learn], rows[learn], rows[judge])
                errors.append(((guess - y[:, judge]) ** 2).mean(axis=-1))
            # Inner folds may differ by one in how many components they allow.
            choices = min(len(error) for error in errors)
            best = np.mean([error[:choices] for error in errors], axis=0).argmin(axis=0)
            return along(y, train, test)[best, np.arange(len(y))]

        return predict

    return make


def z_scores(x: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Z-score each gene by its mean and standard deviation over the training regions."""
    centred, scale, flat = x - x[train].mean(axis=0), x[train].std(axis=0), constant(x[train])
    # A gene that is constant over the training regions teaches nothing, whatever it is elsewhere.
    return np.where(flat, 0, centred / np.where(flat, 1, scale))


_PREDICT = {
    "contralateral copy": _contralateral_copy,
    "position (kriging)": _position,
    "position + genes": _position_and_genes,
    "expression PC1": _principal_component,
    "ridge": _chosen_inside(_ridge_path),
    "PLS": _chosen_inside(_pls_path),
}
