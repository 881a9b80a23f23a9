"""Expression and thinning as `CrossScaleVAE` reads them: checked, joined by name, normalised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.utils.extmath import svd_flip
from torch import Tensor

from xsg import names as naming
from xsg.check import align, constant, series, some
from xsg.machine import one_blas_thread
from xsg.training.saved import storable

if TYPE_CHECKING:
    from xsg.training.cross_scale import CrossScaleVAE

# Beyond these a square leaves the range of floats; no unit of expression or thinning needs them.
_LARGEST, _SMALLEST = 1e30, 1e-30


class Table(NamedTuple):
    """An expression table as the network wants it."""

    x: Tensor  # (n, q): normalised, rotated
    n_genes: int
    scaling: dict[str, np.ndarray]


class Target(NamedTuple):
    """Standardised thinning and who trains on it, for K copies."""

    y: Tensor  # (K, n)
    mean: np.ndarray  # (K, 1)
    sd: np.ndarray  # (K, 1)
    weight: Tensor  # (K, n)
    validation: Tensor | None  # (K, n)


def expression_table(expression: pd.DataFrame, regions: pd.Index | None = None) -> pd.DataFrame:
    """Return an expression table as floats (n, p), rows in the order of ``regions`` (its own by default).

    Raises
    ------
    TypeError
        If it is no DataFrame: the order of its regions could not be checked.
    ValueError
        If names are given twice or cannot be stored, or values are no moderate, finite numbers.
    """
    if not isinstance(expression, pd.DataFrame):
        raise TypeError(
            f"expression: expected a DataFrame of regions × genes, both named, got {type(expression).__name__}. "
            "The order of a bare array cannot be checked: pd.DataFrame(values, index=regions, columns=genes)."
        )
    if not expression.size:
        raise ValueError(f"expression: {len(expression)} regions × {expression.shape[1]} genes; expected some of each.")
    storable(expression.columns, "expression: gene")
    storable(expression.index, "expression: region")
    if not all(getattr(kind, "isnative", True) for kind in expression.dtypes):  # of other machines' files
        expression = expression.astype(float)
    expression = align(expression, expression.index if regions is None else regions, "expression").astype(float)
    moderate(expression, "expression")
    return expression


def one_map(thinning: object, regions: pd.Index) -> pd.Series:
    """Return thinning as a Series of floats in the order of ``regions``, joined by name."""
    found = align(series(thinning, "thinning"), regions, "thinning").astype(float)
    moderate(found, "thinning")
    return found


def moderate(values: pd.DataFrame | pd.Series, what: str) -> None:
    """Refuse numbers so large that their squares are none, and columns so small that their squares are 0."""
    size = np.abs(values.to_numpy(dtype=float))
    largest = np.atleast_1d(size.max(axis=0))
    odd = (largest > _LARGEST) | ((largest > 0) & (largest < _SMALLEST))
    if odd.any():
        of = f" of {values.columns[odd][0]!r}" if values.ndim == 2 else ""
        raise ValueError(
            f"{what}: the largest value{of} is {largest[odd][0]:g}; expected it between {_SMALLEST:g} and "
            f"{_LARGEST:g}. A code for a missing value? Else choose another unit."
        )


def training_rows(train: object, regions: pd.Index) -> np.ndarray:
    """Return which regions to train on, bool (n,), from their names in any style; None: all."""
    if train is None:
        return np.ones(len(regions), dtype=bool)
    if isinstance(train, (str, bytes)) or not np.iterable(train):
        raise TypeError(
            f"train is {train!r}; expected the names of regions to learn from, such as [{regions[0]!r}, …]."
        )
    values = list(train)
    if isinstance(train, pd.Series) or any(isinstance(each, (bool, np.bool_)) for each in values):
        raise TypeError(
            "train: expected the names of regions to learn from, got "
            f"{'a Series' if isinstance(train, pd.Series) else 'a mask'}. Take names: expression.index[mask]."
        )
    train = pd.Index(values)
    meant = naming.translate(train.difference(regions, sort=False), regions)
    train = pd.Index([meant.get(name, name) for name in train])
    unknown = train.difference(regions, sort=False)
    if len(unknown):
        raise ValueError(f"train: region {unknown[0]!r} has no expression; names look like {regions[0]!r}.")
    return regions.isin(train)


def prepare(model: CrossScaleVAE, expression: pd.DataFrame) -> Table:
    """Check an expression table, learn its scaling, and make the network's input of it."""
    expression = expression_table(expression)
    scaling = _learn_scaling(model, expression)
    return Table(features(model.normalise, expression, scaling), expression.shape[1], scaling)


def _learn_scaling(model: CrossScaleVAE, expression: pd.DataFrame) -> dict[str, np.ndarray]:
    """Learn centre and scale of each gene, and the rotation, from the expression table."""
    values = expression.to_numpy(dtype=float)
    centre, scale = np.zeros(values.shape[1]), np.ones(values.shape[1])
    if model.normalise == "gene":
        same = constant(values, axis=0)
        if same.any():
            raise ValueError(
                f"expression: gene {expression.columns[same][0]!r} (and {int(same.sum()) - 1} more) has the same value "
                "in every region, so it cannot be z-scored. Drop constant genes, or use normalise='region'."
            )
        centre, scale = values.mean(axis=0), values.std(axis=0)
    scaling = {"centre": centre, "scale": scale}
    if model.rotate and len(values) < values.shape[1]:  # else it would shrink nothing
        rows = features(model.normalise, expression, scaling).numpy().astype(float)
        with one_blas_thread():
            _, _, right = np.linalg.svd(rows, full_matrices=False)
        # The sign of a singular vector is the library's whim; a rule makes it the same on every machine.
        _, right = svd_flip(None, right, u_based_decision=False)
        scaling["rotation"] = right.T
    return scaling


def features(normalise: str, expression: pd.DataFrame, scaling: dict[str, np.ndarray]) -> Tensor:
    """Return the network's input (n, p or n): normalised, rotated expression."""
    values = expression.to_numpy(dtype=float)
    if normalise == "region":
        same = constant(values, axis=1)
        if same.any():
            raise ValueError(
                f"expression: region {expression.index[same][0]!r} (and {int(same.sum()) - 1} more) has the same value "
                "for every gene, so it cannot be z-scored. Drop it, or use normalise='gene'."
            )
        values = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    values = (values - scaling["centre"]) / scaling["scale"]
    if "rotation" in scaling:
        with one_blas_thread():
            values = values @ scaling["rotation"]
    return torch.tensor(values, dtype=torch.float32)


def standardise(y: np.ndarray, masks: np.ndarray, seeds: Sequence[int], share: float, pairs: np.ndarray) -> Target:
    """Standardise thinning (K, n) by each copy's own training regions, and set validation regions aside."""
    fewest = int(masks.sum(axis=1).min())
    if fewest < 5:
        raise ValueError(f"only {fewest} regions to train on; expected at least 5. Hold fewer regions out.")
    weight = masks.astype(float)
    if any(constant(row[mask], axis=0) for row, mask in zip(y, masks, strict=True)):
        raise ValueError("thinning has the same value in every training region; there is nothing to predict.")
    mean = (y * weight).sum(1, keepdims=True) / weight.sum(1, keepdims=True)
    sd = np.sqrt(((y - mean) ** 2 * weight).sum(1, keepdims=True) / weight.sum(1, keepdims=True))
    validation = None
    if share:
        aside = np.zeros_like(masks)
        for row, (mask, seed) in enumerate(zip(masks, seeds, strict=True)):
            groups = np.random.default_rng(seed).permutation(np.unique(pairs[mask]))
            aside[row] = mask & np.isin(pairs, groups[: max(1, round(share * len(groups)))])
        weight, validation = weight - aside, torch.tensor(aside, dtype=torch.float32)
        if not (weight.sum(axis=1) > 0).all():
            raise ValueError(
                f"validation is {share!r}, which sets aside all {fewest} training regions; expected a smaller share."
            )
    as_tensor = [torch.tensor(value, dtype=torch.float32) for value in ((y - mean) / sd, weight)]
    return Target(as_tensor[0], mean, sd, as_tensor[1], validation)


def take_genes(expression: pd.DataFrame, genes: pd.Index) -> pd.DataFrame:
    """Return the columns of the genes that a model was fitted on, by name; others are left aside.

    Raises
    ------
    TypeError
        If it is no DataFrame.
    ValueError
        If a gene is missing, or given twice.
    """
    if not isinstance(expression, pd.DataFrame):
        raise TypeError(
            f"expression: expected a DataFrame of regions × genes, both named, got {type(expression).__name__}. "
            "Give it names: pd.DataFrame(values, index=regions, columns=genes)."
        )
    missing = genes.difference(expression.columns, sort=False)
    if len(missing):
        raise ValueError(
            f"expression: gene {missing[0]!r} and {len(missing) - 1} more of the fitted ones are missing; it has "
            f"{expression.shape[1]}, such as {some(expression.columns, 2)}."
        )
    again = expression.columns[expression.columns.duplicated()].intersection(genes)
    if len(again):
        raise ValueError(f"expression: gene {again[0]!r} is given twice. Keep one, or take their mean.")
    return expression[genes]
