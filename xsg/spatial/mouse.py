"""The mouse brain: gene expression on the Allen Institute's 200 µm grid, real or simulated.

The grid is 67 × 41 × 58 voxels of 200 µm: AP (anterior → posterior), SI (superior → inferior), LR (one side → the
other), the orientation that brain imaging calls PIR; the headers of the files say RAI, which is wrong. One *experiment*
is one gene in one brain, cut into coronal sections, and its value in a voxel is the expression *energy*, the product of
the density and the intensity of the stain; −1 says that there is none (Lein et al. 2007, doi:10.1038/nature05453; Ng et
al. 2009, doi:10.1038/nn.2281).
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsg import _moved, check
from xsg.data.fetch import fetch
from xsg.files import read_text
from xsg.spatial.files import (  # noqa: F401
    API,
    BULK,
    BULK_AGAIN,
    BULK_URL,
    download_bulk,
    download_experiments,
    energy_folder,
    has_energy,
    known_experiments,
    list_experiments,
    open_bulk,
    read_annotation,
    read_grid,
)
from xsg.spatial.metaimage import N_VOXELS, SHAPE, SPACING  # noqa: F401
from xsg.spatial.stored import energies, matrices

if TYPE_CHECKING:
    from xsg.spatial.simulate import MouseTruth

AXES = ("AP", "SI", "LR")
MIDLINE = (SHAPE[2] - 1) / 2  # LR index of the plane between the hemispheres
# Coarse regions: the Allen ontology's large divisions. A voxel annotated above all of them keeps its own name.
DIVISIONS = (
    *("Isocortex", "OLF", "HPF", "CTXsp", "STR", "PAL", "TH", "HY", "MB", "P", "MY", "CBX", "CBN"),
    *("fiber tracts", "VS"),
)

_TREE = "mouse/ontology/allen_structure_tree.csv"


@dataclass(frozen=True, repr=False, eq=False)
class Mouse:
    """Expression of many genes in the voxels of one brain, with where they lie and which region they belong to.

    Attributes
    ----------
    name : str
        As given to `load_mouse`.
    expression : ndarray, shape (n, p)
        Expression energy, voxels × genes, float16 (as stored) or float32; NaN where the experiment has no value. May be
        mapped from disk: take the rows you need.
    voxels : DataFrame, shape (n, 3)
        Grid index of each voxel: columns AP (0–66), SI (0–40), LR (0–57); in the order of the grid.
    region : Series, shape (n,)
        Id of the finest structure that the voxel is annotated with; a row of ``structures``.
    genes : Index, shape (p,)
    structures : DataFrame
        By id: acronym, name, parent (0 at the root), depth, path (tuple of ids from the root), division (acronym).
    provenance : list of str
        Where the data come from and what was done to them.
    simulated : bool
    truth : MouseTruth or None
        None when real.

    Raises
    ------
    ValueError
        Sizes that do not fit each other, names that do not, indices outside the grid or given twice, regions that the
        structures lack, negative energies.

    Arrays and lists are taken for tables; −1, the Institute's "no value", becomes NaN; labelled rows and columns are
    joined by name.
    """

    name: str
    expression: np.ndarray
    voxels: pd.DataFrame
    region: pd.Series
    genes: pd.Index
    structures: pd.DataFrame
    provenance: list[str] = field(default_factory=list)
    simulated: bool = False
    truth: MouseTruth | None = None

    def __post_init__(self) -> None:
        """Bring tables of any plain form together, by name where they have names, or refuse them."""
        given = self.expression
        # The Institute's −1 among a user's energies is "no value".
        expression = given if _is_made_here(given) else energies(given, "expression")
        if expression.ndim != 2:
            raise ValueError(f"expression has shape {expression.shape}; expected voxels × genes.")
        n, p = expression.shape
        genes = self.genes if isinstance(self.genes, pd.Index) else pd.Index(list(self.genes))
        if len(self.voxels) != n or len(self.region) != n or len(genes) != p:
            raise ValueError(
                f"expression is {n} voxels × {p} genes, but there are {len(self.voxels)} voxels, {len(self.region)} "
                f"regions and {len(genes)} genes. Expression is voxels × genes: transpose it?"
            )
        voxels = _as_places(self.voxels)
        rows = check.labels(voxels, 0)
        region = check.matched(self.region, rows, "region", 0)
        if isinstance(given, pd.DataFrame):
            for axis, wanted in ((0, rows), (1, genes)):
                named = check.labels(given, axis)
                if named is not None and wanted is not None and not named.equals(wanted):
                    expression = expression.take(check.rows_of(named, wanted, "expression"), axis=axis)
        unknown = ~np.isin(region, self.structures.index.to_numpy(dtype=float))
        if unknown.any():
            raise ValueError(
                f"region {region[unknown].min():g} is not among the {len(self.structures)} structures; "
                f"{int(unknown.sum())} of {n} voxels have such a region. Take the tree that the ids are of."
            )
        if not (isinstance(self.region, pd.Series) and self.region.index.equals(voxels.index)):
            object.__setattr__(self, "region", pd.Series(region.astype(np.int64), voxels.index, name="region"))
        elif self.region.dtype.kind == "f":
            object.__setattr__(self, "region", self.region.astype(np.int64))
        for name, value in (("expression", expression), ("voxels", voxels), ("genes", genes)):
            object.__setattr__(self, name, value)

    @property
    def division(self) -> pd.Series:
        """Acronym of the coarse region of each voxel (n,): the Allen ontology's large divisions."""
        return pd.Series(self.structures["division"].loc[self.region].to_numpy(), self.region.index, name="division")

    def positions(self, folded: bool = False) -> np.ndarray:
        """Return where the voxels lie, float32 (n, 3), in voxels of 200 µm; ``folded`` as `fold` does it."""
        return fold(self.voxels.to_numpy()) if folded else self.voxels.to_numpy(dtype=np.float32)

    def ancestors(self, depth: int) -> pd.Series:
        """Return each voxel's structure at a depth of the tree (0 = the root), or its own where that is higher (n,)."""
        at = {k: path[min(depth, len(path) - 1)] for k, path in self.structures["path"].items()}
        return self.region.map(at).rename(f"depth {depth}")

    def volume(self, values: np.ndarray | pd.Series) -> np.ndarray:
        """Put one value per voxel (n,) back on the grid: float32 (67, 41, 58), NaN where there is no voxel."""
        out = np.full(SHAPE, np.nan, dtype=np.float32)
        out[tuple(self.voxels.to_numpy().T)] = np.asarray(values)
        return out

    def subset(self, voxels: np.ndarray | None = None, genes: np.ndarray | None = None) -> Mouse:
        """Return the brain with some voxels and genes: bool masks, or positions in the table; None takes all."""
        rows = slice(None) if voxels is None else voxels
        expression = self.expression[rows]
        if genes is not None:
            expression = expression[:, genes]
        return Mouse(
            self.name,
            expression,
            self.voxels.iloc[rows].reset_index(drop=True),
            self.region.iloc[rows].reset_index(drop=True),
            self.genes if genes is None else self.genes[genes],
            self.structures,
            list(self.provenance),
            self.simulated,
            self.truth,
        )

    def __repr__(self) -> str:
        """Say what it is, real or simulated, how large, and where it comes from."""
        n, p = self.expression.shape
        sample = self.expression[:: max(1, n // 500)]
        lines = [
            f"Mouse {self.name!r}: {'SIMULATED' if self.simulated else 'real data'}",
            f"  expression  {n} voxels × {p} genes, {self.expression.dtype}"
            + (", on disk" if isinstance(self.expression, np.memmap) else "")
            + f"; about {np.isnan(sample).mean():.1%} missing",
            f"  regions     {self.region.nunique()} structures in {self.division.nunique()} divisions",
        ]
        return "\n".join([*lines, "  provenance", *(f"    - {line}" for line in self.provenance)])


def _is_made_here(expression: object) -> bool:
    """Tell whether a matrix is mapped from the cache: of those, −1 was taken out when they were made."""
    name = getattr(expression, "filename", None) if isinstance(expression, np.memmap) else None
    return name is not None and Path(name).is_relative_to(matrices())


def _as_places(voxels: pd.DataFrame) -> pd.DataFrame:
    """Return grid indices as whole numbers, or refuse them: columns of another name, outside the grid, given twice."""
    if not isinstance(voxels, pd.DataFrame) or tuple(voxels.columns) != AXES:
        got = f"columns are {list(voxels.columns)}" if isinstance(voxels, pd.DataFrame) else type(voxels).__name__
        raise ValueError(f"voxels: {got}; expected a table with the columns {list(AXES)}.")
    place = check.array(voxels, "voxels")
    grid = " × ".join(map(str, SHAPE))
    for bad, what in (
        (place % 1 != 0, f"is no index; expected whole numbers on the {grid} grid (positions in µm: divide by 200)"),
        ((place < 0) | (place >= SHAPE), f"lies outside the {grid} grid"),
        (voxels.duplicated().to_numpy()[:, None], "is given more than once"),
    ):
        if (hit := bad.any(axis=1)).any():
            shown = ", ".join(f"{each:g}" for each in place[hit][0])
            raise ValueError(f"voxel ({shown}) {what}; {int(hit.sum())} of {len(voxels)} are such.")
    whole_numbers = all(kind.kind in "iu" for kind in voxels.dtypes)
    return voxels if whole_numbers else voxels.astype(np.int64)


def fold(positions: np.ndarray) -> np.ndarray:
    """Lay one hemisphere onto the other: (n, 3) AP, SI, LR → float32 (n, 3) AP, SI, |LR − 28.5|.

    Examples
    --------
    >>> fold(np.array([[10, 20, 28], [10, 20, 29]])).tolist()
    [[10.0, 20.0, 0.5], [10.0, 20.0, 0.5]]
    """
    out = np.array(positions, dtype=np.float32)
    out[:, 2] = np.abs(out[:, 2] - MIDLINE)
    return out


def structure_tree(path: str | Path | None = None) -> pd.DataFrame:
    """Read the Allen Institute's tree of structures.

    Parameters
    ----------
    path
        The table; by default the registered one, fetched on first use.

    Returns
    -------
    DataFrame
        By ``id``: acronym, name, parent (0 at the root), depth (root = 0), path (tuple of ids, root first), division
        (the ancestor among `DIVISIONS`, else the structure's own acronym), colour ("#rrggbb").
    """
    path = Path(path or fetch(_TREE))
    return _tree(read_text(path, "the Allen Institute's tree of structures"), str(path)).copy()


@lru_cache(maxsize=2)
def _tree(text: str, path: str) -> pd.DataFrame:
    try:
        raw = pd.read_csv(io.StringIO(text), dtype={"structure_id_path": str, "color_hex_triplet": str})
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(f"{path} is no table of structures ({error}). Get it anew.") from None
    wanted = ["id", "acronym", "name", "parent_structure_id", "color_hex_triplet"]
    check.columns(raw, wanted, path)
    numbers = (
        raw[["id", "parent_structure_id"]].apply(pd.to_numeric, errors="coerce").fillna({"parent_structure_id": 0})
    )
    if (bad := numbers["id"].isna() | numbers["id"].duplicated()).any():
        raise ValueError(f"{path}: id {raw['id'][bad].iloc[0]} is no number, or is there more than once.")
    raw = raw.assign(**numbers)[numbers["id"] > 0]
    colour = "#" + raw["color_hex_triplet"].str.zfill(6)  # the table has lost leading zeros
    return make_structures(raw["id"], raw["acronym"], raw["name"], raw["parent_structure_id"], colour)


def make_structures(
    ids: Iterable[int],
    acronyms: Iterable[str],
    names: Iterable[str],
    parents: Iterable[int],
    colours: Iterable[str],
    divisions: Iterable[str] = DIVISIONS,
) -> pd.DataFrame:
    """Make the table of structures of a tree given by each structure's parent, parents first or not; see `Mouse`."""
    frame = pd.DataFrame(
        {"acronym": list(acronyms), "name": list(names), "parent": [int(each) for each in parents]},
        index=pd.Index([int(each) for each in ids], name="id"),
    )
    parent = frame["parent"].to_dict()
    paths = {}
    for start in frame.index:
        path = [start]
        while parent[path[-1]]:
            if parent[path[-1]] not in parent or len(path) > len(parent):
                raise ValueError(f"structure {path[-1]} has the parent {parent[path[-1]]}, which is not in the tree.")
            path.append(parent[path[-1]])
        paths[start] = tuple(path[::-1])
    frame["depth"] = [len(path) - 1 for path in paths.values()]
    frame["path"] = list(paths.values())
    own, wanted = frame["acronym"].to_dict(), set(divisions)
    frame["division"] = [
        next((own[each] for each in path if own[each] in wanted), own[path[-1]]) for path in paths.values()
    ]
    frame["colour"] = list(colours)
    return frame


def labelled_voxels(annotation: np.ndarray, step: int = 1) -> tuple[pd.DataFrame, pd.Series]:
    """Return the voxels inside the brain, in the order of the grid, and the structure of each.

    ``step`` takes every step-th voxel along each axis; along LR as many steps from the midline on either side, so that
    mirror images stay together.
    """
    step = check.number(step, "step", 1, whole=True)
    take = annotation > 0
    for axis, size in enumerate(SHAPE):
        index = np.arange(size)
        # From the midline outwards, 0.5 → 0: the same number of steps on the left and on the right.
        index = (np.abs(index - MIDLINE) - 0.5).astype(int) if axis == 2 else index
        keep = (index % step == 0).reshape([-1 if k == axis else 1 for k in range(3)])
        take = take & keep
    where = np.argwhere(take)
    voxels = pd.DataFrame(where.astype(np.int64), columns=list(AXES)).rename_axis("voxel")
    return voxels, pd.Series(annotation[take].astype(np.int64), voxels.index, name="region")


__getattr__ = _moved.lazily(__name__)
