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
import re
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import requests
from filelock import FileLock
from tqdm.auto import tqdm

from xsg.data import fetch as _fetch
from xsg.data.fetch import DownloadError, cache_dir, fetch

if TYPE_CHECKING:
    from xsg.data.simulate_mouse import MouseTruth

SHAPE = (67, 41, 58)  # AP, SI, LR
AXES = ("AP", "SI", "LR")
SPACING = 200.0  # µm from voxel to voxel
MIDLINE = (SHAPE[2] - 1) / 2  # LR index of the plane between the hemispheres
N_VOXELS = SHAPE[0] * SHAPE[1] * SHAPE[2]

API = "http://api.brain-map.org"
BULK_URL = "https://ibl-brain-wide-map-public.s3.amazonaws.com/atlas/agea"
BULK = ("gene-expression.pqt", "gene-expression.bin")  # table of experiments; float16 (experiments, 58, 41, 67)
# Coarse regions: the Allen ontology's large divisions. A voxel annotated above all of them keeps its own name.
DIVISIONS = (
    *("Isocortex", "OLF", "HPF", "CTXsp", "STR", "PAL", "TH", "HY", "MB", "P", "MY", "CBX", "CBN"),
    *("fiber tracts", "VS"),
)

_ANNOTATION = "mouse/allen_grid/P56_Mouse_gridAnnotation.zip"
_TREE = "mouse/ontology/allen_structure_tree.csv"
_LISTING = "mouse/allen_grid/ABI_genes.csv"
_TIMEOUT = (5, 60)  # seconds to connect, seconds between bytes: the service packs the zip while one waits
_TRIES, _WAIT = 3, 2.0  # attempts at one request; seconds before the second, doubled before the third
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
        Sizes that do not fit each other, indices outside the grid, regions that the structures lack.
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
        """Refuse tables that do not belong together."""
        n, p = self.expression.shape
        if len(self.voxels) != n or len(self.region) != n or len(self.genes) != p:
            raise ValueError(
                f"expression is {n} voxels × {p} genes, but there are {len(self.voxels)} voxels, {len(self.region)} "
                f"regions and {len(self.genes)} genes. Expression is voxels × genes: transpose it?"
            )
        if tuple(self.voxels.columns) != AXES:
            raise ValueError(f"voxels: columns are {list(self.voxels.columns)}; expected {list(AXES)}.")
        place = self.voxels.to_numpy()
        if n and ((place < 0) | (place >= SHAPE)).any():
            bad = place[((place < 0) | (place >= SHAPE)).any(axis=1)][0]
            raise ValueError(f"voxel {tuple(map(int, bad))} lies outside the {' × '.join(map(str, SHAPE))} grid.")
        unknown = set(self.region) - set(self.structures.index)
        if unknown:
            raise ValueError(f"region {min(unknown)} is not among the {len(self.structures)} structures.")

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


def read_grid(path: str | Path) -> np.ndarray:
    """Read the expression energy of one experiment.

    Parameters
    ----------
    path
        The zip that the Allen Institute's service packs: ``energy.raw``, 637,304 bytes of little-endian float32 in the
        order LR, SI, AP, its header ``energy.mhd``, and ``data_set.xml``.

    Returns
    -------
    ndarray, float32 (67, 41, 58)
        AP, SI, LR; NaN where the experiment has no value (exactly −1 in the file).

    Raises
    ------
    ValueError
        No zip, a damaged zip, no energy file in it, too few or too many bytes, or values that are no energy.
    """
    grid = _from_raw(_member(path, "energy.raw", "<f4"))
    missing = grid == -1
    with np.errstate(invalid="ignore"):
        odd = ~missing & ~((grid >= 0) & np.isfinite(grid))
    if odd.any():
        raise ValueError(
            f"{path}: energy.raw holds {grid[odd][0]:g} in {int(odd.sum())} voxels; expected −1 (missing) or an energy "
            "of 0 or more. The file is damaged, or is of another volume: download it again."
        )
    return np.where(missing, np.float32(np.nan), grid)


def read_annotation(path: str | Path | None = None) -> np.ndarray:
    """Read the annotation of the grid: int32 (67, 41, 58), AP, SI, LR; the id of a structure, 0 outside the brain.

    Parameters
    ----------
    path
        A zip with ``gridAnnotation.raw`` (little-endian uint32, laid out as in `read_grid`); by default the registered
        one, fetched on first use: 62,529 voxels, 649 structures.

    Raises
    ------
    ValueError
        As in `read_grid`.
    """
    raw = _member(fetch(_ANNOTATION) if path is None else path, "gridAnnotation.raw", "<u4")
    return _from_raw(raw).astype(np.int32)


def _from_raw(values: np.ndarray) -> np.ndarray:
    """Bring the flat order of the files into (AP, SI, LR)."""
    return np.ascontiguousarray(values.reshape(SHAPE[::-1]).transpose(2, 1, 0))


def _member(path: str | Path, name: str, dtype: str) -> np.ndarray:
    """Read the one volume of a zip, flat, and check its size."""
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such file; expected a zip with {name}.")
    try:
        with zipfile.ZipFile(path) as archive:
            inside = {Path(each).name: each for each in archive.namelist()}
            if name not in inside:
                raise ValueError(
                    f"{path}: no {name} in it, only {', '.join(sorted(inside)) or 'nothing'}. Some experiments have no "
                    "energy volume: leave this one out."
                )
            content = archive.read(inside[name])
    except (zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"{path}: not a whole zip file ({error}). Delete it and download it again.") from None
    wanted = N_VOXELS * np.dtype(dtype).itemsize
    if len(content) != wanted:
        raise ValueError(
            f"{path}: {name} has {len(content)} bytes; expected {wanted} ({' × '.join(map(str, SHAPE))} voxels of "
            f"{np.dtype(dtype).itemsize}). Delete it and download it again; grids of another resolution are not read."
        )
    return np.frombuffer(content, dtype)


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
    return _tree(str(path or fetch(_TREE))).copy()


@lru_cache(maxsize=2)
def _tree(path: str) -> pd.DataFrame:
    raw = pd.read_csv(path, dtype={"structure_id_path": str, "color_hex_triplet": str}).query("id > 0")
    colour = "#" + raw["color_hex_triplet"].str.zfill(6)  # the table has lost leading zeros
    return make_structures(raw["id"], raw["acronym"], raw["name"], raw["parent_structure_id"].fillna(0), colour)


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


def known_experiments() -> pd.DataFrame:
    """Return the registered list of coronal experiments, fetched on first use: as `list_experiments`, 4,345 rows."""
    table = pd.read_csv(fetch(_LISTING), keep_default_na=False).query("cutting_plane == 'coronal'")
    return _experiments(table["Section_Data_ID"], table["acronym"])


def list_experiments(api: str = API, page: int = 2000, progress: bool = True) -> pd.DataFrame:
    """Ask the Allen Institute which coronal in situ hybridisation experiments there are.

    One query of its RMA service (product 1, the adult mouse atlas; not failed; coronal; ISH), page by page.

    Parameters
    ----------
    api
        Base URL of the service.
    page
        Rows of one answer; the service gives at most 2,000.
    progress
        Show a progress bar.

    Returns
    -------
    DataFrame
        By ``id`` of the experiment, ascending: gene (acronym), replicate (0, 1, … among the experiments of one gene).

    Raises
    ------
    DownloadError
        The service cannot be reached, refuses the query, or gives fewer rows than it announced.
    """
    rows: list[dict] = []
    bar = tqdm(desc="experiments", unit=" rows", disable=not progress)
    with bar:
        while True:
            answer = _ask(api, len(rows), page)
            bar.total = int(answer["total_rows"])
            rows += answer["msg"]
            bar.update(len(answer["msg"]))
            if len(rows) >= bar.total:
                break
            if not answer["msg"]:
                raise DownloadError(
                    f"{api}: the list of experiments ended after {len(rows)} of {bar.total} rows. Ask again later, or "
                    "use known_experiments(), the registered list."
                )
    # A row that is added or withdrawn between two pages shifts the rest: an experiment may come twice.
    genes = {int(row["id"]): row["genes"][0]["acronym"] for row in rows if row.get("genes")}
    return _experiments(genes.keys(), genes.values())


def _experiments(ids: Iterable[int], genes: Iterable[str]) -> pd.DataFrame:
    table = pd.DataFrame({"gene": list(genes)}, index=pd.Index([int(each) for each in ids], name="id")).sort_index()
    return table.assign(replicate=table.groupby("gene").cumcount())


def _ask(api: str, start: int, rows: int) -> dict:
    """Return one page of the list of experiments."""
    criteria = (
        "model::SectionDataSet,rma::criteria,[failed$eq'false'],products[id$eq1],plane_of_section[name$eq'coronal'],"
        "treatments[name$eq'ISH'],rma::include,genes,"
        f"rma::options[order$eqid][start_row$eq{start}][num_rows$eq{rows}]"
    )
    url = f"{api}/api/v2/data/query.json"

    def get() -> dict:
        with requests.get(url, params={"criteria": criteria}, timeout=_TIMEOUT) as response:
            response.raise_for_status()
            answer = response.json()
        # A refused query comes with status 200 and the reason as a string.
        if not answer.get("success") or not isinstance(answer.get("msg"), list):
            raise _Refused(f"{url} refused the query: {str(answer.get('msg'))[:300]}")
        return answer

    return _persist(get, url)


class _Refused(DownloadError):
    """An answer that asking again will not change."""


def _persist(get: Callable, url: str):
    """Call ``get`` until it succeeds: the service fails now and then for a moment."""
    for attempt in range(_TRIES):
        try:
            return get()
        except (requests.RequestException, ValueError) as error:  # no JSON is a ValueError, as is a damaged zip
            status = getattr(getattr(error, "response", None), "status_code", None)
            # 408 and 429 say "not now", the other 4xx "never".
            lasting = status is not None and 400 <= status < 500 and status not in (408, 429)
            if lasting or attempt == _TRIES - 1:
                raise DownloadError(f"{url}: {error} (after {attempt + 1} of {_TRIES} attempts)") from error
            time.sleep(_WAIT * 2**attempt)
    raise AssertionError("unreachable")


def download_experiments(experiments: pd.DataFrame | Iterable[int], api: str = API, progress: bool = True) -> pd.Series:
    """Download the energy volumes of experiments into the cache; a second call goes on where the first was cut.

    The unit of resuming is the experiment: the service packs each zip when it is asked for, so a part of one does not
    fit the next. What is in the cache is whole, and is not asked for again.

    Parameters
    ----------
    experiments
        Their ids, or a table by id, such as that of `list_experiments`.
    api
        Base URL of the service.
    progress
        Show a progress bar.

    Returns
    -------
    Series
        By id: path of the zip (relative to the cache's folder ``mouse/allen_grid/energy``), None where the experiment
        has no energy volume.

    Raises
    ------
    DownloadError
        Some could not be had; all others are in the cache by then.
    """
    ids = [int(each) for each in (experiments.index if isinstance(experiments, pd.DataFrame) else experiments)]
    folder = _energy_folder()
    folder.mkdir(parents=True, exist_ok=True)
    found, causes = {}, {}
    for each in tqdm(ids, desc="energy volumes", unit=" experiments", disable=not progress):
        target = folder / f"{each}.zip"
        url = f"{api}/grid_data/download/{each}?include=energy"
        try:
            if not target.is_file():
                _persist(lambda url=url, target=target: _get_zip(url, target), url)
            found[each] = target.name if _has_energy(target) else None
        except OSError as error:  # DownloadError is one; a full disk is another
            causes[each] = error
    if causes:
        some = "\n  ".join(str(error) for error in list(causes.values())[:3])
        raise DownloadError(
            f"{len(causes)} of {len(ids)} experiments were not fetched, among them {', '.join(map(str, [*causes][:5]))}"
            f":\n  {some}\nThe others are in the cache; call again to fetch the rest."
        )
    return pd.Series(found, name="path", dtype=object).rename_axis("id")


def _energy_folder() -> Path:
    return cache_dir() / "mouse" / "allen_grid" / "energy"


def _get_zip(url: str, target: Path) -> None:
    """Download one zip whole, or leave nothing under its name."""
    part = target.with_name(f"{target.name}.part")
    with requests.get(url, stream=True, timeout=_TIMEOUT) as response:
        response.raise_for_status()
        with part.open("wb") as file:
            for block in response.iter_content(1 << 16):
                file.write(block)
    try:
        with zipfile.ZipFile(part) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile as error:
        damaged = str(error)
    if damaged:
        beginning = part.read_bytes()[:80]
        part.unlink()
        raise ValueError(f"not a whole zip ({damaged}), it begins {beginning!r}")
    if _has_energy(part):
        _member(part, "energy.raw", "<f4")  # too short, though the zip is whole: asked for again
    part.replace(target)


def _has_energy(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(Path(name).name == "energy.raw" for name in archive.namelist())


def download_bulk(url: str = BULK_URL, progress: bool = True) -> Path:
    """Download all experiments as one matrix (1.39 GB) into the cache's folder ``mouse/agea``; resumes where cut off.

    The International Brain Laboratory's public copy: ``gene-expression.bin``, float16 (4345, 58, 41, 67), and the table
    of experiments ``gene-expression.pqt``. Neither has a registered checksum; sizes are checked.

    Returns
    -------
    Path
        The folder, for `open_bulk`.
    """
    folder = cache_dir() / "mouse" / "agea"
    folder.mkdir(parents=True, exist_ok=True)
    for name in BULK:
        target, part = folder / name, folder / f"{name}.part"
        if target.is_file():
            continue
        try:
            with FileLock(f"{target}.lock"), requests.head(f"{url}/{name}", timeout=_TIMEOUT) as response:
                response.raise_for_status()
                size = int(response.headers["Content-Length"])
                bar = {"total": size, "desc": name, "unit": "B", "unit_scale": True, "disable": not progress}
                _fetch._check_space({"bytes": size}, target)
                _fetch._resume(f"{url}/{name}", part, bar)
        except (OSError, KeyError) as error:
            raise DownloadError(f"{url}/{name}: {error!r}. Call again to go on from {part}.") from error
        if part.stat().st_size != size:
            found = part.stat().st_size
            part.unlink()
            raise DownloadError(f"{url}/{name}: {found} bytes came, {size} were announced; call again.")
        part.replace(target)
    return folder


def open_bulk(folder: str | Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Open the matrix of all experiments without reading it.

    Parameters
    ----------
    folder
        Holds ``gene-expression.bin`` and its table, ``gene-expression.pqt`` (read through pyarrow) or the same table as
        ``gene-expression.csv`` with the columns id, gene.

    Returns
    -------
    experiments : DataFrame
        In the order of the matrix: index ``id``, columns gene, replicate.
    matrix : memmap, float16 (experiments, 58, 41, 67)
        LR, SI, AP within each experiment; −1 where there is no value.

    Raises
    ------
    ValueError
        A file is missing, or the matrix is not of the table's length.
    """
    folder = Path(folder)
    parquet, matrix = (folder / name for name in BULK)
    table = parquet.with_suffix(".csv")
    if not matrix.is_file() or not (parquet.is_file() or table.is_file()):
        raise ValueError(
            f"{folder}: expected {matrix.name} and {parquet.name} (or {table.name}) in it. Get them by download_bulk()."
        )
    if table.is_file():
        raw = pd.read_csv(table, dtype={"gene": str}, keep_default_na=False)
    else:
        try:
            raw = pd.read_parquet(parquet)
        except ImportError:
            raise ValueError(
                f"{parquet} is read through pyarrow, which is not installed. Install pyarrow, or save the table as "
                f"{table} with the columns id, gene."
            ) from None
    experiments = pd.DataFrame({"gene": raw["gene"].to_numpy()}, index=pd.Index(raw["id"].astype(int), name="id"))
    experiments["replicate"] = experiments.groupby("gene").cumcount()
    size, wanted = matrix.stat().st_size, len(experiments) * N_VOXELS * 2
    if size != wanted:
        raise ValueError(
            f"{matrix}: {size} bytes; expected {wanted} = {len(experiments)} experiments × {N_VOXELS} voxels × 2. It "
            "was cut off, or belongs to another table: delete both and call download_bulk()."
        )
    return experiments, np.memmap(matrix, np.float16, "r", shape=(len(experiments), *SHAPE[::-1]))


def load_mouse(name: str = "simulated", **choices: object) -> Mouse:
    """Load a mouse brain by name.

    Parameters
    ----------
    name
        ``"simulated"``: `xsg.data.simulate_mouse.simulate_mouse`, no data needed. ``"allen"``: the real atlas, from the
        bulk matrix (`download_bulk`) or single experiments (`download_experiments`) in the cache; nothing so large is
        fetched unasked.
    **choices
        For "simulated", the arguments of `simulate_mouse` (``seed``, ``n_genes``, ``step``, ``geometry``). For "allen":
        ``step=1`` (take every step-th voxel along each axis), ``folder`` (of the bulk matrix).

    Returns
    -------
    Mouse
        Large matrices are mapped from a file in the cache that the first call writes.

    Raises
    ------
    ValueError
        Unknown name or choice; no data.

    Examples
    --------
    >>> brain = load_mouse("simulated", n_genes=20, step=4, geometry="drawn")
    >>> brain.expression.shape[1], brain.simulated
    (20, True)
    """
    loaders = {"simulated": _simulated, "allen": _allen}
    if name not in loaders:
        raise ValueError(f"mouse {name!r} is not known; there are: {', '.join(map(repr, loaders))}.")
    known = list(inspect.signature(loaders[name]).parameters)
    unknown = [choice for choice in choices if choice not in known]
    if unknown:
        raise ValueError(f"load_mouse({name!r}) has no choice {unknown[0]!r}; it has: {', '.join(known)}.")
    return loaders[name](**choices)


def _simulated(seed: int = 0, n_genes: int = 400, step: int = 1, geometry: str = "auto") -> Mouse:
    from xsg.data.simulate_mouse import simulate_mouse

    return simulate_mouse(seed, n_genes, step, geometry)


def _allen(step: int = 1, folder: str | Path | None = None) -> Mouse:
    voxels, region = labelled_voxels(read_annotation(), step)
    structures = structure_tree()
    here = Path(folder) if folder else _bulk_folder()
    if here:
        experiments, matrix = open_bulk(here)
        source = f"from the bulk matrix of the International Brain Laboratory, {len(experiments)} experiments"

        def volume(row: int) -> np.ndarray:
            return matrix[row].reshape(-1)
    else:
        grids = sorted(_energy_folder().glob("*.zip"), key=lambda path: path.name)
        grids = [path for path in grids if re.fullmatch(r"\d+\.zip", path.name) and _has_energy(path)]
        if not grids:
            raise ValueError(
                "load_mouse('allen'): no expression in the cache. Fetch it by xsg.data.mouse.download_bulk() (1.4 GB), "
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
    key = hashlib.sha256(repr((source, list(experiments.index), step)).encode()).hexdigest()[:16]

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
    mirror = _fetch._mirror()
    places = [cache_dir(), *([Path(mirror).expanduser()] if mirror and not _fetch._is_url(mirror) else [])]
    return next((p / "mouse" / "agea" for p in places if (p / "mouse" / "agea" / BULK[1]).is_file()), None)


def labelled_voxels(annotation: np.ndarray, step: int = 1) -> tuple[pd.DataFrame, pd.Series]:
    """Return the voxels inside the brain, in the order of the grid, and the structure of each.

    ``step`` takes every step-th voxel along each axis; along LR as many steps from the midline on either side, so that
    mirror images stay together.
    """
    if step < 1:
        raise ValueError(f"step is {step}; expected 1 (every voxel) or more.")
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

    A matrix once written is found again by its key; one that was cut off in writing is written anew.
    """
    if shape[0] * shape[1] * 2 <= IN_MEMORY:
        out = np.empty(shape, np.float16)
        write(out)
        return out
    path = cache_dir() / "mouse" / "matrices" / f"{key}.f16"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        if not path.is_file() or path.stat().st_size != shape[0] * shape[1] * 2:
            _fetch._check_space({"bytes": shape[0] * shape[1] * 2}, path)
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                write(_Appended(file, shape))
            part.replace(path)
    return np.memmap(path, np.float16, "r", shape=shape)


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
