"""Files of the mouse grid: one experiment, the annotation, the list of experiments, and where they are had."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from xsg import check
from xsg.data import archives, kept
from xsg.data.download import download, locked
from xsg.data.fetch import fetch
from xsg.data.kept import cache_dir
from xsg.data.network import DownloadError, read, shown
from xsg.files import read_text
from xsg.spatial.metaimage import N_VOXELS, SHAPE, read_volume

API = "https://api.brain-map.org"
BULK_URL = "https://ibl-brain-wide-map-public.s3.amazonaws.com/atlas/agea"
BULK = ("gene-expression.pqt", "gene-expression.bin")  # table of experiments; float16 (experiments, 58, 41, 67)
ANNOTATION = "mouse/allen_grid/P56_Mouse_gridAnnotation.zip"
_LISTING = "mouse/allen_grid/ABI_genes.csv"
_TINY = float(np.finfo(np.float32).tiny)  # no energy is above 0 and below this
_ZIP = 32 * 2**20  # bytes of an experiment's zip at most; they have 0.4 MB
_PAGE = 64 * 2**20  # bytes of one page of the list of experiments at most
_EXPERIMENTS = 10**6  # rows of the list at most; there are some 4,345
_MATRIX = 4345 * N_VOXELS * 2  # bytes of the matrix
BULK_AGAIN = "Delete it and call download_bulk() again."


def read_grid(path: str | Path) -> np.ndarray:
    """Read the expression energy of one experiment.

    Parameters
    ----------
    path
        The zip that the Allen Institute's service packs: ``energy.raw``, 637,304 bytes of little-endian float32, AP
        fastest, its header ``energy.mhd``, and ``data_set.xml``; or what was unpacked of it (the header, the folder).
        The header is believed where it says otherwise: order of the axes, of the bytes, type, compression.

    Returns
    -------
    ndarray, float32 (67, 41, 58)
        AP, SI, LR; NaN where the experiment has no value (exactly −1 in the file).

    Raises
    ------
    ValueError
        No such file, a damaged one, no energy in it, a header that says what is not read here (another resolution,
        mirrored axes), or values that are no energy.
    """
    grid = read_volume(path, "energy", "<f4")
    if grid.dtype.kind == "u":
        raise ValueError(
            f"{path}: the energies are of type {grid.dtype}, which cannot hold −1, the mark of voxels without a value. "
            "Save them as MET_FLOAT."
        )
    with np.errstate(over="ignore"):
        grid = grid.astype(np.float32, copy=False)
    missing = grid == -1
    with np.errstate(invalid="ignore"):
        # With its bytes in another order than is said, a volume holds tiny numbers.
        odd = ~missing & ~((grid == 0) | (grid > _TINY) & np.isfinite(grid))
    if odd.any():
        raise ValueError(
            f"{path}: energy.raw holds {grid[odd][0]:g} in {int(odd.sum())} voxels; expected −1 (missing) or an energy "
            "of 0 or more. The file is damaged, is of another volume, or its header does not tell the order of its "
            "bytes: download it again."
        )
    return np.where(missing, np.float32(np.nan), grid)


def read_annotation(path: str | Path | None = None) -> np.ndarray:
    """Read the annotation of the grid: int32 (67, 41, 58), AP, SI, LR; the id of a structure, 0 outside the brain.

    Parameters
    ----------
    path
        A zip with ``gridAnnotation.raw`` and its header, or what was unpacked of it, as in `read_grid`; by default the
        registered one, fetched on first use: 62,529 voxels, 649 structures.

    Raises
    ------
    ValueError
        As in `read_grid`.
    """
    path = fetch(ANNOTATION) if path is None else path
    ids = read_volume(path, "gridAnnotation", "<u4")
    # float32 holds whole numbers up to 2**24 only; the ids go up to 614,454,277.
    most = 2**24 if ids.dtype == np.float32 else np.iinfo(np.int32).max
    odd = ~((ids >= 0) & (ids <= most) & (ids == np.floor(ids)))
    if odd.any():
        raise ValueError(
            f"{path}: gridAnnotation.raw holds {ids[odd][0]} in {int(odd.sum())} voxels; expected ids of structures, "
            f"whole numbers from 0 (outside) to {most}. It is of another volume, or was saved in a type that cannot "
            "hold them: save it as MET_UINT."
        )
    return ids.astype(np.int32)


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
    genes: dict[int, str] = {}  # a row that is added or withdrawn between two pages shifts the rest: one may come twice
    done = 0
    with tqdm(desc="experiments", unit=" rows", disable=not progress) as bar:
        while True:
            answer = _ask(api, done, page)
            genes |= dict(answer["found"])
            done, bar.total = done + answer["rows"], answer["total"]
            bar.update(answer["rows"])
            if done >= bar.total:
                break
            if not answer["rows"]:
                raise DownloadError(
                    f"{shown(api)}: the list of experiments ended after {done} of {bar.total} rows. Ask again later, "
                    "or use known_experiments(), the registered list."
                )
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

    def parse(content: bytes) -> dict:
        answer = json.loads(content)
        # A refused query comes with status 200 and the reason as a string.
        if isinstance(answer, dict) and not (answer.get("success") and isinstance(answer.get("msg"), list)):
            raise DownloadError(f"refused the query: {str(answer.get('msg'))[:300]}")
        try:
            found = [(int(row["id"]), row["genes"][0]["acronym"]) for row in answer["msg"] if row.get("genes")]
            total = int(answer["total_rows"])
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ValueError(f"an answer of another form came ({type(error).__name__}: {error})") from None
        if total > _EXPERIMENTS:
            raise ValueError(f"{total} experiments are announced, more than there can be")
        return {"rows": len(answer["msg"]), "total": total, "found": found}

    try:
        return read(url, _PAGE, parse, {"criteria": criteria})
    except DownloadError as error:
        why = str(error)
    raise DownloadError(f"{shown(url)}: {why}")


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
    ids = _ids(experiments)
    folder = energy_folder()
    folder.mkdir(parents=True, exist_ok=True)
    found, causes = {}, {}
    for each in tqdm(ids, desc="energy volumes", unit=" experiments", disable=not progress):
        target = folder / f"{each}.zip"
        url = f"{api}/grid_data/download/{each}?include=energy"
        try:
            with locked(folder, _ZIP):
                if not _is_kept(target):
                    download(url, target, most=_ZIP, content=_volume_digest, resume=False, progress=False)
            found[each] = target.name if has_energy(target) else None
        except OSError as error:  # DownloadError is one; a full disk is another
            causes[each] = str(error) if isinstance(error, DownloadError) else f"{shown(url)}: {error}"
    if causes:
        some = "\n  ".join([*causes.values()][:3])
        raise DownloadError(
            f"{len(causes)} of {len(ids)} experiments were not fetched, among them {', '.join(map(str, [*causes][:5]))}"
            f":\n  {some}\nThe others are in the cache; call again to fetch the rest."
        )
    return pd.Series(found, name="path", dtype=object).rename_axis("id")


def _ids(experiments: pd.DataFrame | Iterable[int] | int) -> list[int]:
    """Return the ids that were given, in whatever form."""
    if isinstance(experiments, pd.DataFrame):
        experiments = experiments.index
    alone = isinstance(experiments, str) or not isinstance(experiments, Iterable)
    ids = []
    for each in [experiments] if alone else experiments:
        try:
            ids.append(check.number(int(each) if isinstance(each, str) else each, "experiment", 1, whole=True))
        except (TypeError, ValueError):
            raise ValueError(
                f"experiment {each!r} is no id; expected whole numbers such as 74272479, or a table by id, such as "
                "that of known_experiments()."
            ) from None
    return ids


def energy_folder() -> Path:
    """Return where the zips of single experiments are kept."""
    return cache_dir() / "mouse" / "allen_grid" / "energy"


def _is_kept(path: Path) -> bool:
    """Tell whether an experiment's zip is here as it was first seen; one put here by hand is seen now."""
    if not path.is_file():
        return False
    if kept.is_noted(path):
        return kept.is_as_noted(path)
    try:
        kept.note(path, kept.digest(path), _volume_digest(path))
    except ValueError:
        return False
    return True


def _volume_digest(path: Path) -> str:
    """Check an experiment's zip, and return the digest of its volume: the zip around it is packed anew each time."""
    if not has_energy(path):
        return "none"
    return hashlib.sha256(read_volume(path, "energy", "<f4").tobytes()).hexdigest()


def has_energy(path: Path) -> bool:
    """Tell whether an experiment's zip holds an energy volume; some hold none."""
    with archives.opened(path) as archive:
        return not {"energy.raw", "energy.mhd"}.isdisjoint(archives.members(archive))


def download_bulk(url: str = BULK_URL, progress: bool = True) -> Path:
    """Download all experiments as one matrix (1.39 GB) into the cache's folder ``mouse/agea``; resumes where cut off.

    The International Brain Laboratory's public copy: ``gene-expression.bin``, float16 (4345, 58, 41, 67), and the table
    of experiments ``gene-expression.pqt``. Their source publishes no digests: those first seen are noted in the cache,
    and the files must go on having them.

    Returns
    -------
    Path
        The folder, for `open_bulk`.

    Raises
    ------
    DownloadError
        A file cannot be had, or the source has changed it since it was first seen.
    ValueError
        A file in the cache was replaced or damaged.
    """
    folder = cache_dir() / "mouse" / "agea"
    folder.mkdir(parents=True, exist_ok=True)
    for name in BULK:
        target = folder / name
        try:
            with locked(target, _MATRIX):
                if target.is_file():
                    kept.first_seen(target, BULK_AGAIN)
                else:
                    download(f"{url}/{name}", target, progress=progress)
        except OSError as error:
            raise DownloadError(f"{error}. Call again to try once more.") from None
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
    raw = _table_of_experiments(table if table.is_file() else parquet)
    experiments = pd.DataFrame({"gene": raw["gene"].to_numpy()}, index=pd.Index(raw["id"].astype(int), name="id"))
    experiments["replicate"] = experiments.groupby("gene").cumcount()
    size, wanted = matrix.stat().st_size, len(experiments) * N_VOXELS * 2
    if size != wanted:
        raise ValueError(
            f"{matrix}: {size} bytes; expected {wanted} = {len(experiments)} experiments × {N_VOXELS} voxels × 2. It "
            "was cut off, or belongs to another table: delete both and call download_bulk()."
        )
    return experiments, np.memmap(matrix, np.float16, "r", shape=(len(experiments), *SHAPE[::-1]))


def _table_of_experiments(path: Path) -> pd.DataFrame:
    """Read the columns id and gene, row by row as the matrix has them."""
    hint = "Get it by download_bulk(), or save the table with the columns id, gene as gene-expression.csv."
    try:
        if path.suffix == ".csv":
            text = read_text(path)
            first = text.partition("\n")[0]
            raw = pd.read_csv(
                io.StringIO(text), sep=max(",;\t", key=first.count), dtype={"gene": str}, keep_default_na=False
            )
        else:
            raw = pd.read_parquet(path)
    except ImportError:
        raise ValueError(
            f"{path} is read through pyarrow, which is not installed. Install pyarrow, or save the table as "
            f"{path.with_suffix('.csv')} with the columns id, gene."
        ) from None
    except Exception as error:  # pyarrow has errors of its own
        raise ValueError(f"{path} cannot be read ({str(error)[:200]}). {hint}") from None
    check.columns(raw, ("id", "gene"), str(path), hint)
    ids = pd.to_numeric(raw["id"], errors="coerce")
    named = raw["gene"].map(lambda gene: isinstance(gene, str) and bool(gene.strip()))
    for bad, what in (
        (ids.isna() | (ids % 1 != 0), "is no id of an experiment"),
        (ids.duplicated(), "is there more than once"),
        (~named, "has no gene"),
    ):
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise ValueError(f"{path}: row {row + 1}, experiment {raw['id'].iloc[row]!r}, {what}. {hint}")
    return raw.assign(id=ids)
