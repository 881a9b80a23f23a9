"""Tables of voxels as `SpatialVAE` reads them: checked, joined by name and by index."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from xsg.check import array
from xsg.spatial.mouse import AXES, SHAPE, fold
from xsg.spatial.preprocess import _rows
from xsg.spatial.stored import energies
from xsg.training.saved import storable


class Table:
    """Expression and places as `Preprocessor` reads them from a brain.

    Voxels that are labelled as the expression is, in another order, are joined to it by their labels. Energies of −1
    are missing values, as in the Allen Institute's files.
    """

    def __init__(self, expression: pd.DataFrame | np.ndarray, voxels: pd.DataFrame | np.ndarray | None):
        framed = isinstance(expression, pd.DataFrame)
        self.index = expression.index if framed else None
        values = expression
        if framed:
            storable(expression.columns, "expression: gene")
            values = expression.to_numpy()
            if values.dtype == object:  # text, or pandas' own types
                values = _floats(expression)
        elif not isinstance(expression, np.ndarray):
            values = array(expression, "expression", finite=False)
        if values.ndim != 2 or values.dtype.kind != "f":
            raise ValueError(
                f"expression: {values.dtype} {values.shape}; expected a float table (voxels, genes) of energies. Whole "
                "numbers: convert them by expression.astype('float32')."
            )
        if not values.size:
            raise ValueError(f"expression: {values.shape}; expected some voxels and some genes.")
        self.expression = energies(values, "expression")
        n, p = values.shape
        self.genes = expression.columns if framed else pd.RangeIndex(p)
        self._placed = voxels is not None
        self.voxels = self._places(voxels) if self._placed else np.empty((n, 3))

    def _places(self, voxels: pd.DataFrame | np.ndarray) -> np.ndarray:
        n = len(self.expression)
        if isinstance(voxels, pd.DataFrame):
            if list(voxels.columns) != list(AXES):
                raise ValueError(
                    f"voxels: columns are {list(voxels.columns)}; expected {list(AXES)}. Choose them: "
                    f"voxels[{list(AXES)}]."
                )
            if len(voxels) == n:
                voxels = self.in_order(voxels, "voxels")
        found = array(voxels, "voxels", finite=False)
        if found.shape != (n, 3):
            raise ValueError(f"voxels: shape {found.shape}; expected ({n}, 3), one place for each row.")
        inside = (found >= 0) & (found < SHAPE) & (found == np.floor(found))
        if not inside.all():
            row = int((~inside).any(axis=1).argmax())
            raise ValueError(
                f"voxels: row {row} is {found[row].tolist()}; expected grid indices below {SHAPE}, whole numbers from "
                "0. Of micrometres make them by dividing by 200; leave out voxels without a place."
            )
        return found

    def in_order(self, table: pd.DataFrame | pd.Series, what: str) -> pd.DataFrame | pd.Series:
        """Return a table with a row for each voxel in the order of the expression, joined by labels if both have them.

        Raises
        ------
        ValueError
            If the labels are others, or cannot be told to belong to an array's rows.
        """
        n, given = len(table), table.index
        numbered = pd.RangeIndex(n)
        rows = numbered if self.index is None else self.index
        if given.equals(rows):
            return table
        same = given.is_unique and rows.is_unique and not len(given.difference(rows)) and n == len(rows)
        if same and self.index is not None:
            return table.loc[rows]
        if same:
            raise ValueError(
                f"{what}: the rows are numbered 0 to {n - 1} in another order ({given[0]!r} first), and expression is "
                "an array without labels; expected both in one order. Sort the table, .sort_index(), if the array "
                "stands in the order of the numbers, else .reset_index(drop=True)."
            )
        if given.equals(numbered) or rows.equals(numbered):  # one of them has no labels
            return table
        raise ValueError(
            f"{what}: the rows are labelled {given[0]!r}, …; those of expression {rows[0]!r}, …; expected the same "
            "labels, each once. Give both the same index."
        )

    def positions(self, folded: bool = False) -> np.ndarray:
        """Return where the voxels lie, float32 (n, 3)."""
        if not self._placed:
            raise ValueError("this model looks at each voxel's neighbours: it needs voxels, the grid indices.")
        return fold(self.voxels) if folded else self.voxels.astype(np.float32)

    def rows(self, chosen: object, what: str) -> np.ndarray:
        """Return positions of the voxels chosen by a bool mask or by positions; None: all.

        Raises
        ------
        ValueError
            If they are neither, are none, or a mask written as numbers.
        """
        n = len(self.expression)
        if isinstance(chosen, pd.Series) and len(chosen) == n and chosen.dtype in (bool, "boolean"):
            chosen = self.in_order(chosen, what).to_numpy(dtype=bool)
        if chosen is None:
            return np.arange(n)
        found = np.asarray(chosen)
        expected = f"expected a bool mask ({n},) or positions from 0 to {n - 1}"
        if found.dtype.kind not in "biu" or found.ndim != 1:
            raise ValueError(f"{what}: {found.dtype} {found.shape}; {expected}.")
        if found.dtype.kind != "b" and len(found) == n > 2 and np.isin(found, (0, 1)).all():
            raise ValueError(f"{what}: {n} numbers, all 0 or 1, look like a mask; {expected}. Use mask.astype(bool).")
        found = _rows(self, found)
        if not len(found):
            raise ValueError(f"{what}: no voxel is chosen; {expected}.")
        return found


def read_tree(region: object, table: Table) -> tuple[np.ndarray, list[pd.Index], list[Tensor]]:
    """Give numbers to the finest labels, and find each one's label at every level above."""
    n = len(table.expression)
    if region is None:
        raise ValueError("the setting region > 0 needs fit(…, region=…), a label for each voxel.")
    labelled = isinstance(region, (pd.DataFrame, pd.Series))
    try:
        frame = pd.DataFrame(region if labelled else np.asarray(region))
    except ValueError:
        raise ValueError(f"region: expected labels ({n},) or ({n}, levels), got a {type(region).__name__}.") from None
    if len(frame) != n or not frame.shape[1]:
        raise ValueError(f"region: {len(frame)} rows; expected {n}, one for each voxel.")
    if labelled:
        frame = table.in_order(frame, "region")
    frame = frame.reset_index(drop=True)
    for name, column in frame.items():
        storable(pd.Index(column.unique(), dtype=object), f"region: level {name!r}")
    finest = frame.iloc[:, -1]
    leaf, leaves = pd.factorize(finest, sort=True)
    tree, levels = [], []
    for name, column in frame.items():
        pairs = pd.DataFrame({"leaf": leaf, "above": column}).drop_duplicates().sort_values("leaf")
        if len(pairs) > len(leaves):
            bad = leaves[pairs["leaf"][pairs["leaf"].duplicated()].iloc[0]]
            raise ValueError(f"region: {bad!r} lies in more than one label of level {name!r}; levels must be nested.")
        code, names = pd.factorize(pairs["above"], sort=True)
        tree.append(torch.from_numpy(code.astype(np.int64)))
        levels.append(pd.Index(names))
    return leaf.astype(np.int64), levels, tree


def pathway_mask(pathways: object, genes: pd.Index) -> np.ndarray:
    """Return which genes belong to each pathway, bool (P, p), columns joined by name where both have names."""
    try:
        shape = None if pathways is None else np.shape(pathways)
    except ValueError:
        shape = "rows of unequal length"
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] != len(genes):
        raise ValueError(
            f"pathways: {shape}; pathways=True needs fit(…, pathways=), a bool table with a row for each pathway and a "
            f"column for each of the {len(genes)} genes."
        )
    if isinstance(pathways, pd.DataFrame) and not isinstance(genes, pd.RangeIndex):
        columns = pathways.columns
        if not columns.is_unique or len(genes.difference(columns)):
            raise ValueError("pathways: its columns are not the genes of the expression table, each once.")
        pathways = pathways[genes]
    found = array(pathways, "pathways", 2)
    if not np.isin(found, (0, 1)).all():
        raise ValueError("pathways: expected True and False (or 1 and 0): whether a gene belongs to a pathway.")
    return found.astype(bool)


def _floats(table: pd.DataFrame) -> np.ndarray:
    """Return a table of text or of pandas' own types as floats, NaN where nothing is written."""
    try:
        return table.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(f"expression: not all values are numbers ({error}). Convert the columns first.") from None
