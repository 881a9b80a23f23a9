"""Preprocessing of voxel matrices, learned from the training voxels and, unless asked otherwise, from nothing else.

Otherwise is ``before_split``, which chooses genes by all voxels, as the source of Spatial-VAE does.

Three transformers, in this order: `SelectGenes`, `SpatialImputer`, `Scaler`; `Preprocessor` is the chain that a model
uses. All learn block by block from a matrix that may be mapped from disk, and transform the rows that are asked for.

A warning that costs many a paper its number: a value that is filled in from a voxel's *spatial neighbours* uses where
the voxel lies. Before a question such as "where does this voxel lie?" that gives the answer away, however carefully the
imputer was fitted. ``neighbours=0`` fills in what needs no position, the gene's typical energy.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from xsg.check import choice, constant, distinct, number, rows_of, some
from xsg.spatial.mouse import Mouse
from xsg.training.saved import only

_BLOCK = 4096  # voxels
_SAMPLE = 20_000  # voxels from which quantiles are learned
OFFSET = 0.01  # energy; added before the logarithm, about the smallest that the stain tells from nothing
SCALES = ("log", "robust", "voxel")


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]


def _rows(brain: Mouse, rows: np.ndarray | pd.Series | None) -> np.ndarray:
    """Positions in the table from a bool mask (ascending), positions (as they are named) or None (all).

    A mask that is a Series is joined to the voxels by its index.
    """
    n = len(brain.voxels)
    if rows is None:
        return np.arange(n)
    index = getattr(brain.voxels, "index", None)
    named = isinstance(rows, pd.Series) and rows.dtype == bool and isinstance(index, pd.Index)
    if named and not rows.index.equals(index) and set(rows.index) == set(index):
        rows = rows.iloc[rows_of(rows.index, index, "rows")]
    rows = np.asarray(rows)
    if rows.dtype == bool:
        if rows.shape != (n,):
            raise ValueError(f"rows: a mask of shape {rows.shape}; expected ({n},), one per voxel.")
        return np.flatnonzero(rows)
    if not rows.size and rows.ndim == 1:
        return np.empty(0, dtype=np.int64)
    whole = rows.dtype.kind in "iu" or (rows.dtype.kind == "f" and bool((rows % 1 == 0).all()))
    if not whole or rows.ndim != 1 or not (rows.min() >= 0 and rows.max() < n):
        raise ValueError(
            f"rows: expected positions between 0 and {n - 1}, or a bool mask; got {rows.dtype} {rows.shape}."
        )
    if len(rows) == n > 2 and rows.max() <= 1:
        raise ValueError(f"rows holds {n} zeros and ones; positions, or a mask? Of a mask make bool: rows == 1.")
    return rows.astype(np.int64)


def _columns(brain: Mouse, names: pd.Index | None, places: np.ndarray) -> np.ndarray:
    """Return where the genes that were learned from stand in a brain, by name; without names, where they stood."""
    genes = brain.genes
    if names is None or isinstance(names, pd.RangeIndex):
        return places
    if len(genes) > int(places.max(initial=-1)) and genes[places].equals(names):
        return places
    distinct(genes, "genes")
    found = genes.get_indexer(names)
    if (found < 0).any():
        raise ValueError(
            f"expression lacks {(found < 0).sum()} of the {len(names)} genes learned from: {some(names[found < 0])}; "
            f"it has {len(genes)}, such as {some(genes, 2)}."
        )
    return found


class SelectGenes:
    """Keep the genes of largest variance over the training voxels.

    Parameters
    ----------
    n_genes
        How many; None keeps all that have a value in at least a tenth of the training voxels.
    scale
        "voxel" or "robust": the variance is that of the energies so scaled, over all genes (`Scaler`); None: of the
        energies.

    Attributes
    ----------
    genes_ : ndarray of int
        Positions of the kept genes, ascending. Of genes that vary alike, those that stand first.
    names_ : Index
        What they are called: another brain's genes are found by name, in whatever order.
    """

    names_: pd.Index | None = None

    def __init__(self, n_genes: int | None = None, scale: str | None = None):
        self.n_genes, self.scale = n_genes, scale

    def fit(self, brain: Mouse, rows: np.ndarray | None = None) -> SelectGenes:
        """Learn which genes vary, from some voxels."""
        rows = _rows(brain, rows)
        p = len(brain.genes)
        n_genes = None if self.n_genes is None else number(self.n_genes, "n_genes", whole=True)
        if not p or not len(rows):
            raise ValueError(f"{len(rows)} training voxels and {p} genes; expected some of each.")
        if n_genes is not None and not 1 <= n_genes <= p:
            raise ValueError(f"n_genes is {self.n_genes}; this brain has {p}. Ask for fewer, or None for all.")
        count, total, square = np.zeros(p), np.zeros(p), np.zeros(p)
        scaler = None if self.scale is None else Scaler(self.scale).fit(brain, rows)
        for block in _blocks(rows):
            x = brain.expression[block].astype(np.float64)
            x = x if scaler is None else scaler.transform(x)
            count += np.isfinite(x).sum(axis=0)
            x = np.nan_to_num(x, copy=False)
            total += x.sum(axis=0)
            square += (x * x).sum(axis=0)
        enough = count >= max(2, 0.1 * len(rows))
        safe = np.maximum(count, 1)
        variance = np.where(enough, square / safe - (total / safe) ** 2, -1)
        n = n_genes or p
        # A stable sort: of genes that vary alike, the first.
        self.genes_ = np.sort(np.argsort(-variance, kind="stable")[:n])
        self.genes_ = self.genes_[enough[self.genes_]]
        if not len(self.genes_):
            raise ValueError(f"no gene has a value in a tenth of the {len(rows)} training voxels.")
        self.names_ = pd.Index(brain.genes)[self.genes_]
        return self

    def columns(self, brain: Mouse) -> np.ndarray:
        """Return where the genes kept stand in a brain, by name."""
        return _columns(brain, self.names_, self.genes_)

    def transform(self, brain: Mouse, rows: np.ndarray | None = None) -> np.ndarray:
        """Return energies float32 (m, genes kept)."""
        return brain.expression[_rows(brain, rows)][:, self.columns(brain)].astype(np.float32)


class SpatialImputer:
    """Fill a missing value with the mean over the nearest training voxels that have one.

    Where none of the neighbours has a value (a lost section has no near ones), and everywhere when ``neighbours`` is 0,
    the gene's geometric mean over the training voxels is used.

    Parameters
    ----------
    neighbours
        How many training voxels are asked, nearest first.

    Attributes
    ----------
    typical_ : ndarray (genes,)
        Geometric mean of energy + 0.01, less 0.01.
    rows_, place_ : ndarray (m,), (m, 3)
        The training voxels: which rows of the table, and where they lie (only if neighbours are asked).
    """

    names_: pd.Index | None = None

    def __init__(self, neighbours: int = 6):
        self.neighbours = neighbours

    def fit(self, brain: Mouse, rows: np.ndarray | None = None, genes: np.ndarray | None = None) -> SpatialImputer:
        """Learn typical energies, and where the training voxels lie."""
        self.rows_ = np.sort(_rows(brain, rows))  # so that ties among neighbours fall the same way in any order
        self.genes_ = np.arange(len(brain.genes)) if genes is None else genes
        self.names_ = pd.Index(brain.genes)[self.genes_]
        number(self.neighbours, "neighbours, of the training voxels,", 0, len(self.rows_), whole=True)
        mean, _ = _log_moments(brain, self.rows_, self.genes_)
        self.typical_ = (np.exp(mean) - OFFSET).astype(np.float32)
        if self.neighbours:
            self.place_ = brain.positions()[self.rows_]
        return self

    def transform(self, brain: Mouse, rows: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Fill x float32 (m, genes), the energies of the voxels ``rows``, in place.

        Raises
        ------
        ValueError
            If neighbours are asked and the training voxels no longer stand in the rows where they stood.
        """
        voxel, gene = np.nonzero(np.isnan(x))
        if not len(voxel):
            return x
        filled = np.broadcast_to(self.typical_, x.shape)[voxel, gene]
        if self.neighbours:
            from scipy.spatial import cKDTree

            place = brain.positions()
            if self.rows_.max() >= len(place) or not np.array_equal(place[self.rows_], self.place_):
                raise ValueError(
                    "voxels: those that trained stand in other rows than they did, so that their values cannot be "
                    "found. Give the very table that was fitted on, in its order, or impute without neighbours (0)."
                )
            genes = _columns(brain, self.names_, self.genes_)
            # A training voxel finds itself among its neighbours, but has no value to give: that is why one asks.
            near = cKDTree(self.place_).query(place[rows], self.neighbours)[1].reshape(len(rows), -1)
            values = brain.expression[self.rows_[near[voxel]], genes[gene][:, None]].astype(np.float32)
            present = np.isfinite(values)
            count = present.sum(axis=1)
            mean = np.where(present, values, 0).sum(axis=1) / np.maximum(count, 1)
            filled = np.where(count > 0, mean, filled)
        x[voxel, gene] = filled
        return x


class Scaler:
    """Bring genes, or voxels, to a common scale.

    Parameters
    ----------
    scale
        ``"log"``: z-score of log(energy + 0.01), gene by gene. ``"robust"``: (energy − median) / inter-quartile range,
        gene by gene. ``"voxel"``: each voxel's own minimum to maximum across the genes, to 0–1; learns nothing.
    """

    def __init__(self, scale: str = "log"):
        choice(scale, SCALES, "scale")
        self.scale = scale

    def fit(self, brain: Mouse, rows: np.ndarray | None = None, genes: np.ndarray | None = None) -> Scaler:
        """Learn centre and spread of each gene, missing values left out."""
        rows = _rows(brain, rows)
        genes = np.arange(len(brain.genes)) if genes is None else genes
        centre, spread = np.zeros(len(genes)), np.ones(len(genes))
        if self.scale == "log":
            centre, spread = _log_moments(brain, rows, genes)
        elif self.scale == "robust":
            if len(rows) > _SAMPLE:
                rows = np.sort(np.random.default_rng(0).choice(rows, _SAMPLE, replace=False))
            x = brain.expression[rows][:, genes].astype(np.float32)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # a gene without a value: it will not be chosen
                low, centre, high = np.nanquantile(x, [0.25, 0.5, 0.75], axis=0)
                deviation = np.nanstd(x, axis=0)
            # A gene that is silent in three quarters of the brain has no inter-quartile range.
            spread = np.where(high > low, high - low, np.where(constant(x), 0, deviation))
        self.centre_, self.spread_ = centre.astype(np.float32), np.where(spread > 0, spread, 1).astype(np.float32)
        return self

    def transform(self, x: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
        """Scale x float32 (m, genes) in place; "voxel": by the ends of ``among`` (m, all genes) too."""
        if self.scale == "voxel":
            low, high = (ends.reduce(x, axis=1, keepdims=True) for ends in (np.fmin, np.fmax))
            if among is not None:
                low = np.fmin(low, np.fmin.reduce(among, axis=1, keepdims=True)).astype(x.dtype)
                high = np.fmax(high, np.fmax.reduce(among, axis=1, keepdims=True)).astype(x.dtype)
            x -= low
            x /= np.where(high > low, high - low, 1)
            return x
        if self.scale == "log":
            x += np.float32(OFFSET)
            np.log(x, out=x)
        x -= self.centre_
        x /= self.spread_
        return x


def _log_moments(brain: Mouse, rows: np.ndarray, genes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of log(energy + 0.01) of each gene, missing values left out."""
    count, total, square = np.zeros(len(genes)), np.zeros(len(genes)), np.zeros(len(genes))
    edges = np.full((2, len(genes)), np.nan, np.float32)
    for block in _blocks(rows):
        x = np.log(brain.expression[block][:, genes].astype(np.float32) + np.float32(OFFSET))
        present = np.isfinite(x)
        count += present.sum(axis=0)
        seen = np.where(present, x, np.nan)
        edges = np.stack([np.fmin(edges[0], np.fmin.reduce(seen)), np.fmax(edges[1], np.fmax.reduce(seen))])
        x = np.where(present, x, 0)
        total += x.sum(axis=0, dtype=np.float64)
        square += np.einsum("ij,ij->j", x, x, dtype=np.float64)
    safe = np.maximum(count, 1)
    mean = total / safe
    # The variance of what is constant is a rounding error, which must not be divided by.
    return mean, np.where(constant(edges), 0, np.sqrt(np.maximum(square / safe - mean**2, 0)))


class Preprocessor:
    """Genes selected, missing values filled, scaled: fitted on training voxels, applied to any.

    Parameters
    ----------
    n_genes
        As in `SelectGenes`.
    neighbours
        As in `SpatialImputer`.
    scale
        As in `Scaler`.
    before_split
        In the published order: all genes are scaled, then those of largest variance are chosen, and both are learned
        from all voxels of the table, not only from the training voxels. Missing values are filled in as without it.

    Examples
    --------
    >>> from xsg.spatial.load import load_mouse
    >>> brain = load_mouse("simulated", n_genes=30, step=4, geometry="drawn")
    >>> left = (brain.voxels["LR"] < 29).to_numpy()
    >>> x = Preprocessor(n_genes=20).fit(brain, left).transform(brain, ~left)
    >>> x.shape == ((~left).sum(), 20)
    True
    """

    def __init__(self, n_genes: int | None = None, neighbours: int = 0, scale: str = "log", before_split: bool = False):
        self.n_genes, self.neighbours, self.scale, self.before_split = n_genes, neighbours, scale, before_split
        self.select_ = SelectGenes(n_genes, scale if before_split else None)
        self.impute_, self.scale_ = SpatialImputer(neighbours), Scaler(scale)

    def fit(self, brain: Mouse, rows: np.ndarray | None = None, impute_from: np.ndarray | None = None) -> Preprocessor:
        """Learn everything from the training voxels ``rows`` (mask, positions, or None for all).

        ``impute_from`` lets the imputer see other voxels than those, as is done where data are imputed before they are
        split; it exists so that what that does can be measured.
        """
        rows = _rows(brain, rows)
        if len(rows) < 2:
            raise ValueError(f"{len(rows)} training voxels; expected at least 2.")
        seen = None if self.before_split else rows
        self.select_.fit(brain, seen)
        genes = self.select_.genes_
        source = rows if impute_from is None else _rows(brain, impute_from)
        self.impute_.fit(brain, source, genes)
        self.scale_.fit(brain, seen, genes)
        return self

    @property
    def n_features(self) -> int:
        """Number of genes kept."""
        return len(self.select_.genes_)

    def transform(self, brain: Mouse, rows: np.ndarray | None = None) -> np.ndarray:
        """Return the model's input, float32 (m, genes kept), of some voxels, in the order they are named."""
        rows = _rows(brain, rows)
        out = np.empty((len(rows), self.n_features), np.float32)
        for start in range(0, len(rows), _BLOCK):
            some = rows[start : start + _BLOCK]
            x = self.impute_.transform(brain, some, self.select_.transform(brain, some))
            all_genes = brain.expression[some] if self.before_split and self.scale == "voxel" else None
            out[start : start + len(some)] = self.scale_.transform(x, all_genes)
        return out

    def check_source(self, brain: Mouse, rows: np.ndarray) -> None:
        """Refuse to fill values in from the voxels of another brain than the one that this was fitted on."""
        imputer = self.impute_
        if not imputer.neighbours:
            return
        holes = any(np.isnan(brain.expression[block][:, imputer.genes_]).any() for block in _blocks(rows))
        if holes and not (
            imputer.rows_.max() < len(brain.voxels) and np.array_equal(brain.positions()[imputer.rows_], imputer.place_)
        ):
            raise ValueError(
                "this model fills missing values in from the voxels that it was fitted on (impute > 0), and the table "
                f"of {len(brain.voxels)} voxels is another one. Give it the table of the fit and choose by rows=…, or "
                "fit with impute=0."
            )

    def pack(self) -> dict[str, Tensor]:
        """Return what was learned as a file has it."""
        found = {name: getattr(getattr(self, part), name, None) for name, part in _LEARNED.items()}
        return {f"preprocess.{name}": torch.from_numpy(np.asarray(v)) for name, v in found.items() if v is not None}

    def unpack(self, arrays: dict[str, np.ndarray], n_genes: int) -> None:
        """Take over what a file says that was learned of so many genes, if it belongs together."""
        found = {name.removeprefix("preprocess."): each for name, each in arrays.items()}
        genes = found["genes_"]
        q = len(genes)
        if genes.dtype.kind != "i" or genes.ndim != 1 or not q or genes.min() < 0 or genes.max() >= n_genes:
            raise ValueError(f"its genes are {genes.dtype} {genes.shape}; expected positions among {n_genes}")
        m = found["rows_"].size
        shapes = dict.fromkeys(("genes_", "typical_", "centre_", "spread_"), (q,)) | {"rows_": (m,), "place_": (m, 3)}
        only(found, set(shapes) - (set() if self.impute_.neighbours else {"place_"}))
        for name, value in found.items():
            kind = np.int64 if name in ("genes_", "rows_") else np.float32
            if value.shape != shapes[name] or value.dtype != kind or not np.isfinite(value).all():
                raise ValueError(f"{name!r} of its preprocessing is {value.dtype} {value.shape}, or not finite")
            setattr(getattr(self, _LEARNED[name]), name, value)
        self.impute_.genes_ = genes


# What is learned, and by which part.
_LEARNED = {
    "genes_": "select_",
    **dict.fromkeys(("rows_", "place_", "typical_"), "impute_"),
    **dict.fromkeys(("centre_", "spread_"), "scale_"),
}
