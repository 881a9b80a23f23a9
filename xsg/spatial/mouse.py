"""The mouse brain: gene expression on the Allen Institute's 200 µm grid, real or simulated.

The grid is 67 × 41 × 58 voxels of 200 µm: AP (anterior → posterior), SI (superior → inferior), LR (one side → the
other), the orientation that brain imaging calls PIR; the headers of the files say RAI, which is wrong. One *experiment*
is one gene in one brain, cut into coronal sections, and its value in a voxel is the expression *energy*, the product of
the density and the intensity of the stain; −1 says that there is none (Lein et al. 2007, doi:10.1038/nature05453; Ng et
al. 2009, doi:10.1038/nn.2281).
"""

from __future__ import annotations

import hashlib
import inspect
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from xsg import check
from xsg.data import fetch as _fetch
from xsg.data import kept
from xsg.data.download import check_space, locked
from xsg.data.fetch import fetch
from xsg.data.kept import cache_dir
from xsg.files import digest, read_text, whole
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
_BLOCK = 4096  # voxels of the matrix held in memory while it is written


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
        expression = given if _is_made_here(given) else check.energies(given, "expression")
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
    return name is not None and Path(name).is_relative_to(_matrices())


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
    if absent := [column for column in wanted if column not in raw]:
        raise ValueError(f"{path} has no column {absent[0]!r}; it has: {check.some(raw.columns, 8)}.")
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


def load_mouse(name: str = "simulated", **choices: object) -> Mouse:
    """Load a mouse brain by name.

    Parameters
    ----------
    name
        ``"simulated"``: `xsg.spatial.simulate.simulate_mouse`, no data needed. ``"allen"``: the real atlas, from the
        bulk matrix (`download_bulk`) or single experiments (`download_experiments`) in the cache; nothing so large is
        fetched unasked.
    **choices
        For "simulated", the arguments of `simulate_mouse` (``seed``, ``n_genes``, ``step``, ``geometry``). For "allen":
        ``step=1`` (take every step-th voxel along each axis), ``folder`` (of the bulk matrix). What is in the cache
        must be what was first seen there, see `xsg.data.kept`.

    Returns
    -------
    Mouse
        Large matrices are mapped from a file in the cache that the first call writes.

    Raises
    ------
    ValueError
        Unknown name or choice; no data, or data that were replaced or damaged since they were first seen.

    Examples
    --------
    >>> brain = load_mouse("simulated", n_genes=20, step=4, geometry="drawn")
    >>> brain.expression.shape[1], brain.simulated
    (20, True)
    """
    loaders = {"simulated": _simulated, "allen": _allen}
    if not isinstance(name, str) or name not in loaders:
        raise ValueError(f"mouse {name!r} is not known; there are: {', '.join(map(repr, loaders))}.")
    known = list(inspect.signature(loaders[name]).parameters)
    unknown = [choice for choice in choices if choice not in known]
    if unknown:
        raise ValueError(f"load_mouse({name!r}) has no choice {unknown[0]!r}; it has: {', '.join(known)}.")
    return loaders[name](**choices)


def _simulated(seed: int = 0, n_genes: int = 400, step: int = 1, geometry: str = "auto") -> Mouse:
    from xsg.spatial.simulate import simulate_mouse

    return simulate_mouse(seed, n_genes, step, geometry)


def _allen(step: int = 1, folder: str | Path | None = None) -> Mouse:
    voxels, region = labelled_voxels(read_annotation(), step)
    structures = structure_tree()
    here = Path(folder) if folder else _bulk_folder()
    if here:
        experiments, matrix = open_bulk(here)
        source = f"from the bulk matrix of the International Brain Laboratory, {len(experiments)} experiments"
        # What a user has put elsewhere is the user's own to change; what is in the cache is not.
        way_out = BULK_AGAIN if here.absolute().is_relative_to(cache_dir()) else ""
        digests = [kept.first_seen(here / name, way_out) for name in BULK if (here / name).is_file()]

        def volume(row: int) -> np.ndarray:
            return matrix[row].reshape(-1)
    else:
        grids = sorted(energy_folder().glob("*.zip"), key=lambda path: path.name)
        grids = [path for path in grids if re.fullmatch(r"\d+\.zip", path.name)]
        seen = {g: kept.first_seen(g, f"Get it again: download_experiments([{g.stem}]).") for g in grids}
        grids = [path for path in grids if has_energy(path)]
        digests = [seen[path] for path in grids]
        if not grids:
            raise ValueError(
                "load_mouse('allen'): no expression in the cache. Fetch it by xsg.spatial.mouse.download_bulk() (1.4 GB), "
                "or some of it by download_experiments(known_experiments()[:100]); or use load_mouse('simulated')."
            )
        listed = known_experiments()
        ids = [int(path.stem) for path in grids]
        missing = [each for each in ids if each not in listed.index]
        if missing:
            raise ValueError(
                f"experiment {missing[0]} in the cache is not among the {len(listed)} coronal experiments. Move "
                f"{missing[0]}.zip elsewhere."
            )
        experiments = listed.loc[ids]
        source = f"from the Allen Institute's service, {len(experiments)} experiments"

        def volume(row: int) -> np.ndarray:
            return np.nan_to_num(read_grid(grids[row]), nan=-1).transpose(2, 1, 0).reshape(-1)

    genes, row_of = group_replicates(experiments)
    flat = np.ravel_multi_index(voxels.to_numpy()[:, ::-1].T, SHAPE[::-1])  # place of each voxel in a flat volume
    # A source or an anatomy that was replaced makes another matrix.
    parts = [source, digests, experiments.to_csv(), step, hashlib.sha256(voxels.to_numpy().tobytes()).hexdigest()]
    key = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def write(out: np.ndarray) -> None:
        # From the bulk matrix, which is by gene, one block of voxels after the other: never the whole in memory. A zip
        # is slow to open, so each is opened once, for all voxels (0.5 GB if all 4,345 are there).
        size = _BLOCK if here else len(flat)
        for start in tqdm(range(0, len(flat), size), desc="voxel matrix", unit=" blocks", leave=False):
            rows = flat[start : start + size]
            block = np.empty((len(rows), len(genes)), np.float16)
            for column, members in enumerate(row_of):
                block[:, column] = mean_of_replicates([volume(member)[rows] for member in members])
            out[start : start + size] = block

    expression = stored(f"allen-{key}", (len(flat), len(genes)), write)
    provenance = [
        f"Expression energy: Allen Mouse Brain Atlas (Lein et al. 2007), coronal in situ hybridisation; {source}.",
        f"{len(experiments)} experiments are {len(genes)} genes; replicates are averaged where both have a value.",
        f"Annotation: P56 grid annotation, {len(voxels)} labelled voxels"
        + (f" (every {step}th along each axis)." if step > 1 else "."),
    ]
    return Mouse("allen", expression, voxels, region, genes, structures, provenance)


def _bulk_folder() -> Path | None:
    places = [cache_dir(), *([mirror] if (mirror := _fetch._mirror_folder()) else [])]
    return next((p / "mouse" / "agea" for p in places if (p / "mouse" / "agea" / BULK[1]).is_file()), None)


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


def group_replicates(experiments: pd.DataFrame) -> tuple[pd.Index, list[list[int]]]:
    """Group the experiments of one gene: gene names in alphabetical order, and the rows of each.

    Examples
    --------
    >>> genes, rows = group_replicates(pd.DataFrame({"gene": ["b", "a", "b"]}))
    >>> list(genes), rows
    (['a', 'b'], [[1], [0, 2]])
    """
    grouped = pd.Series(np.arange(len(experiments))).groupby(experiments["gene"].to_numpy())
    rows = {gene: list(map(int, members)) for gene, members in grouped}
    return pd.Index(list(rows), name="gene"), list(rows.values())


def mean_of_replicates(volumes: list[np.ndarray]) -> np.ndarray:
    """Average volumes of one gene in which −1 is missing; float32, NaN where all are missing."""
    values = np.stack(volumes).astype(np.float32)
    present = values != -1
    count = present.sum(axis=0)
    return np.where(count, (values * present).sum(axis=0) / np.maximum(count, 1), np.float32(np.nan))


IN_MEMORY = 64 * 2**20  # bytes; a larger matrix is written to the cache and mapped


def stored(key: str, shape: tuple[int, int], write: Callable[[np.ndarray], None]) -> np.ndarray:
    """Return a float16 matrix that ``write`` fills: in memory when small, else mapped from the cache.

    A matrix once written is found again by its key; one that was cut off in writing or changed since is written anew.
    """
    if shape[0] * shape[1] * 2 <= IN_MEMORY:
        out = np.empty(shape, np.float16)
        write(out)
        return out
    path, size = _matrices() / f"{key}.f16", shape[0] * shape[1] * 2
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path, size):
        if not path.is_file() or path.stat().st_size != size or not kept.is_as_noted(path):
            check_space(path.parent, size)
            with whole(path) as part:
                with part.open("wb") as file:
                    write(out := _Appended(file, shape))
                if out.next != shape[0]:
                    raise ValueError(f"{key}: {out.next} of {shape[0]} rows were written")
            kept.note(path, digest(path))
    return np.memmap(path, np.float16, "r", shape=shape)


def _matrices() -> Path:
    return cache_dir() / "mouse" / "matrices"


class _Appended:
    """Rows that are only ever written one after the other: plain writes, so that pages do not pile up in memory."""

    def __init__(self, file, shape: tuple[int, int]):
        self.file, self.shape, self.next = file, shape, 0

    def __setitem__(self, rows: slice, block: np.ndarray) -> None:
        start, stop, _ = rows.indices(self.shape[0])
        if start != self.next or block.shape != (stop - start, self.shape[1]):
            raise ValueError(f"rows {start}–{stop} of shape {block.shape} written where row {self.next} is next")
        self.file.write(np.ascontiguousarray(block, np.float16).data)
        self.next = stop
