"""Raw microarrays of the Allen Human Brain Atlas: find or download them, check them, run abagen on them.

Six donors, one folder each, as the Allen Institute distributes them (Hawrylycz et al. 2012, Nature 489:391). What is
made of them here is what abagen 0.1.3 makes of them (Markello et al. 2021, eLife 10:e72129); for a labelled region ×
gene table use `xsg.genes.make.make_expression`.
"""

import atexit
import copy
import hashlib
import inspect
import io
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache, wraps
from pathlib import Path
from unittest import mock

import pandas as pd

from xsg.check import choice, columns, instance
from xsg.data import archives, kept
from xsg.data.download import download, locked, part_of
from xsg.data.fetch import mirror_folder, mirror_urls
from xsg.data.kept import cache_dir
from xsg.data.network import DownloadError
from xsg.files import digest, read_text
from xsg.genes.abagen_shim import mended_abagen
from xsg.genes.simulate import BILATERAL, DONORS, MARKER, simulate_microarrays

FILES = {
    "microarray": "MicroarrayExpression.csv",
    "ontology": "Ontology.csv",
    "pacall": "PACall.csv",
    "probes": "Probes.csv",
    "annotation": "SampleAnnot.csv",
}
_RNASEQ = {
    "genes": "Genes.csv",
    "ontology": "Ontology.csv",
    "counts": "RNAseqCounts.csv",
    "tpm": "RNAseqTPM.csv",
    "annotation": "SampleAnnot.csv",
}
_SEQUENCED = {"9861": "278447594", "10021": "278448166"}  # numbers of the downloads at the Allen Institute
# The donors' names at the Allen Institute.
NAMES = {
    **{"H0351.2001": "9861", "H0351.2002": "10021", "H0351.1009": "12876"},
    **{"H0351.1012": "14380", "H0351.1015": "15496", "H0351.1016": "15697"},
}
_TAIL = 2**20  # bytes at the end of a table in which its last line must begin: real lines have some 10 kB


@dataclass(frozen=True)
class Microarrays:
    """A folder with the donors' raw tables, checked.

    Attributes
    ----------
    folder : Path
        Holds ``normalized_microarray_donorNNNNN`` for each donor.
    donors : tuple of str
        Donors in use, in abagen's order.
    simulated : bool
        Whether the folder says that its values are invented.
    """

    folder: Path
    donors: tuple[str, ...]
    simulated: bool

    def files(self) -> dict[str, dict[str, str]]:
        """Path of each of a donor's five tables, by donor and by abagen's name for it."""
        return {d: {key: str(_donor_folder(self.folder, d) / name) for key, name in FILES.items()} for d in self.donors}

    def sequencing(self) -> dict[str, dict[str, str]]:
        """Path of each RNA sequencing table, by donor; needed for ``probe_selection="rnaseq"`` only."""
        found = {}
        for donor in set(self.donors) & set(BILATERAL):
            name = f"rnaseq_donor{donor}"
            near = [self.folder, self.folder.parent / "rnaseq", self.folder / "rnaseq"]
            here = next((place / name for place in near if (place / name).is_dir()), None)
            absent = [file for file in _RNASEQ.values() if here is None or not (here / file).is_file()]
            if absent:
                raise ValueError(
                    f"RNA sequencing of donor {donor}: {absent[0]} not found in {here or self.folder / name}. "
                    "probe_selection='rnaseq' needs it: unpack "
                    f"https://human.brain-map.org/api/v2/well_known_file_download/{_SEQUENCED[donor]} there, "
                    "or choose another probe_selection."
                )
            found[donor] = {key: str(here / file) for key, file in _RNASEQ.items()}
        if not found:
            raise ValueError(f"RNA sequencing exists of donors {' and '.join(BILATERAL)} only; donors: {self.donors}")
        return dict(sorted(found.items(), key=lambda item: int(item[0])))


def open_microarrays(
    source: "str | Path | Microarrays" = "download", donors: Sequence[str] | None = None, progress: bool = True
) -> Microarrays:
    """Find the raw tables and check that they are whole.

    Parameters
    ----------
    source
        ``"download"``: the folder that `download_microarrays` fills, filled first where it is not (1.7 GB to fetch, 4.3
        GB unpacked). ``"simulated"``: `simulate_microarrays` with its defaults, kept as long as Python runs. Anything
        else: a folder that holds ``normalized_microarray_donorNNNNN``, or has a folder ``microarray`` that does.
    donors
        Some of ``"9861"``, ``"10021"``, ``"12876"``, ``"14380"``, ``"15496"``, ``"15697"``, also as numbers or by the
        Institute's names (``"H0351.2001"`` …); None or ``"all"`` for all six.
    progress
        Show progress bars while downloading.

    Returns
    -------
    Microarrays

    Raises
    ------
    ValueError
        Unknown donor; no such folder, or not one of this kind; a donor or a table missing; a table cut short, or, of
        those that `download_microarrays` unpacked, changed since.
    DownloadError
        See `download_microarrays`.
    """
    donors = _known(DONORS if donors is None else donors)
    if isinstance(source, Microarrays):
        source = source.folder
    if source == "download":
        folder = download_microarrays(donors=donors, progress=progress)
    elif source == "simulated":
        folder = _simulated()
    else:
        instance(source, (str, Path), "source", "'download', 'simulated', or the path of a folder")
        folder = _find(Path(source).expanduser().absolute())
    for donor in donors:
        _check(folder, donor)
    return Microarrays(folder, donors, (folder / MARKER).exists())


def download_microarrays(
    folder: str | Path | None = None, donors: Sequence[str] | None = None, progress: bool = True
) -> Path:
    """Download the donors' archives from the Allen Institute and unpack them; what is there already is kept.

    The institute publishes no checksums. An archive is accepted when it has the known number of bytes and every table
    in it passes the archive's own check (CRC-32). Its sha256 and those of its tables are then noted in ``sha256.txt``:
    an archive fetched again must be the one first seen, a table must stay as it was unpacked, and a digest that the
    list of archives (``microarrays.csv``) holds is compared.

    Parameters
    ----------
    folder
        Where to; None: ``human/microarray`` in the cache of `xsg.data.fetch` (``XSG_DATA``). An archive
        ``human/microarray/normalized_microarray_donorNNNNN.zip`` in a mirror (``XSG_MIRROR``) is tried first.
    donors
        As in `open_microarrays`.
    progress
        Show a progress bar for each archive.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DownloadError
        An archive cannot be had, is damaged, or the disk is too small (seen before the first byte is fetched). What
        was cut off is resumed by the next call.
    """
    donors = _known(DONORS if donors is None else donors)
    folder = Path(folder) if folder is not None else cache_dir() / "human" / "microarray"
    table = _archives()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / "archives", int(table["bytes"].sum())):
            wanted = [donor for donor in donors if not _donor_folder(folder, donor).is_dir()]
            _check_space(folder, table.loc[wanted])
            for donor in wanted:
                _get(donor, table.loc[donor], folder, progress)
    except OSError as error:
        if isinstance(error, DownloadError):
            raise
        raise DownloadError(f"microarrays: {error}. Name another folder by XSG_DATA.") from error
    return folder


@lru_cache
def options() -> dict[str, object]:
    """Return the options of the pipeline and abagen's defaults, by abagen's names.

    Examples
    --------
    >>> options()["probe_selection"], options()["gene_norm"]
    ('diff_stability', 'srs')
    """
    with mended_abagen() as abagen:
        known = inspect.signature(abagen.get_expression_data).parameters
    ours = {"atlas", "atlas_info", "donors", "data_dir", "verbose", "n_proc", "exact"}
    return {name: p.default for name, p in known.items() if name not in ours and not name.startswith("return_")}


def run_abagen(raw: Microarrays, atlas: str = "volume", report: bool = False, return_donors: bool = False, **choices):
    """Run abagen's ``get_expression_data``, unchanged, on the Desikan–Killiany atlas that it bundles.

    Parameters
    ----------
    raw
        From `open_microarrays`.
    atlas
        ``"volume"`` (83 regions, subcortex included, MNI space) or ``"surface"`` (68 regions, fsaverage5).
    report
        Also return the number of samples of each region and donor, and abagen's own account of what it did.
    return_donors
        A table for each donor.
    **choices
        Other options of `options`; ``donors`` to use only some.

    Returns
    -------
    DataFrame (regions, genes), or dict of them by donor
        Indexed by the atlas's numbers; NaN where a region has no sample. With ``report``: (tables, counts, text).

    Raises
    ------
    ValueError
        Unknown atlas, option or value; too few samples.
    """
    if "donors" in choices:
        raw = Microarrays(raw.folder, _known(choices.pop("donors")), raw.simulated)
    for name in sorted(choices):
        choice(name, options(), "option")
    sequencing = raw.sequencing() if choices.get("probe_selection") == "rnaseq" else {}
    with mended_abagen() as abagen, ExitStack() as stack:
        reannotate, tree = abagen.probes_.reannotate_probes, abagen.AtlasTree
        for owner, name, replacement in (
            # abagen would look in several folders, and download where a file is missing. These are checked already.
            (abagen.datasets, "fetch_microarray", lambda **_: raw.files()),
            (abagen.datasets, "fetch_rnaseq", lambda **_: sequencing),
            (abagen.probes_, "reannotate_probes", lambda probes: _present(reannotate(probes))),
            # Which sample lies where depends on few of the options, and takes longer than all else.
            (tree, "label_samples", _remembered(tree.label_samples)),
            (tree, "fill_label", _remembered(tree.fill_label)),
        ):
            stack.enter_context(mock.patch.object(owner, name, replacement))
        return abagen.get_expression_data(
            _tree(atlas),
            donors=list(raw.donors),
            return_donors=return_donors,
            return_counts=report,
            return_report=report,
            **choices,
        )


def _present(probes: pd.DataFrame) -> pd.DataFrame:
    """Leave out probes of the re-annotation that the folder has not: the simulated ones; none of the real."""
    kept = probes[probes.index.notna()]
    return kept.set_axis(kept.index.astype(int).rename("probe_id"), axis=0)


_places: dict[tuple, object] = {}  # what _remembered has seen


def _remembered(method):
    """Make a method of an atlas return what it returned for the same samples before."""

    @wraps(method)
    def remembering(self, annotation, *rest, **named):
        seen = annotation[["mni_x", "mni_y", "mni_z", "hemisphere", "structure"]]
        digest = tuple(pd.util.hash_pandas_object(seen).to_numpy())
        key = (method.__name__, id(self), digest, rest, tuple(named.items()))
        if key not in _places:
            if len(_places) > 5000:
                _places.clear()
            _places[key] = method(self, annotation, *rest, **named)
        return copy.deepcopy(_places[key])

    return remembering


@lru_cache
def _tree(atlas: str):
    """Load the atlas as abagen does; it takes a second, so once."""
    choice(atlas, ("volume", "surface"), "atlas")
    with mended_abagen() as abagen:
        files = abagen.fetch_desikan_killiany(surface=atlas == "surface")
        return abagen.check_atlas(files["image"], None if atlas == "surface" else files["info"])


@lru_cache
def _archives() -> pd.DataFrame:
    table = pd.read_csv(Path(__file__).with_name("microarrays.csv"), dtype={"donor": str}, keep_default_na=False)
    return table.set_index("donor")


@lru_cache
def _simulated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="xsg-microarrays-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return simulate_microarrays(folder)


def _known(donors: Iterable[str]) -> tuple[str, ...]:
    if isinstance(donors, str) and donors.lower() == "all":
        donors = DONORS
    many = isinstance(donors, Iterable) and not isinstance(donors, str)
    given = [str(donor).strip().removesuffix(".0") for donor in (donors if many else [donors])]
    named = [NAMES.get(donor.upper(), donor) for donor in given]
    unknown = [donor for donor in named if donor not in DONORS]
    if unknown or not named:
        raise ValueError(f"donor {unknown[0] if unknown else None!r} is unknown; expected some of {', '.join(DONORS)}")
    return tuple(sorted(set(named), key=int))


def _donor_folder(folder: Path, donor: str) -> Path:
    return folder / f"normalized_microarray_donor{donor}"


def _find(folder: Path) -> Path:
    for place in (folder, folder / "microarray"):
        if any(_donor_folder(place, donor).is_dir() for donor in DONORS):
            return place
    state = "has no folder" if folder.is_dir() else "is no folder; expected one with a folder"
    raise ValueError(
        f"microarrays: {folder} {state} named normalized_microarray_donor9861, or another donor's. Give the folder "
        "that holds the donors' folders, or source='download', or source='simulated'."
    )


def _check(folder: Path, donor: str) -> None:
    """Refuse a donor whose tables are absent or cut short; reads only beginnings and ends of the large ones."""
    place = _donor_folder(folder, donor)
    here = [d for d in DONORS if _donor_folder(folder, d).is_dir()]
    if not place.is_dir():
        raise ValueError(
            f"microarrays: donor {donor} is missing: no {place}. Here are: {', '.join(here) or 'none'}. "
            f"Unpack {_archives().loc[donor, 'url']} there, or name the donors to use: donors={here}."
        )
    for name in FILES.values():
        if not (place / name).is_file() or not (place / name).stat().st_size:
            raise ValueError(
                f"microarrays: donor {donor}: {name} is {'empty' if (place / name).exists() else 'missing'} in {place}."
                f" An archive has {', '.join(FILES.values())}; unpack {_archives().loc[donor, 'url']} anew."
            )
    _check_digests(place)
    n_samples = len(_small_table(place / FILES["annotation"], ["structure_id", "well_id", "mni_x"]))
    probes = _small_table(place / FILES["probes"], ["probe_id", "probe_name", "gene_symbol", "entrez_id"])
    _small_table(place / FILES["ontology"], ["id", "acronym", "hemisphere", "structure_id_path"])
    for name in (FILES["microarray"], FILES["pacall"]):
        first, last = _ends(place / name)
        expected = n_samples + 1
        for which, line in (("first", first), ("last", last)):
            if len(line) != expected:
                raise ValueError(
                    f"microarrays: {place / name} looks cut short: its {which} line has {len(line)} values, expected "
                    f"{expected} (probe number and {n_samples} samples of SampleAnnot.csv). Unpack the archive anew."
                )
        if last[0].strip() != str(probes["probe_id"].iloc[-1]).removesuffix(".0"):
            raise ValueError(
                f"microarrays: {place / name} looks cut short: its last probe is {last[0]}, that of Probes.csv "
                f"{probes['probe_id'].iloc[-1]}. Unpack the archive anew."
            )


def _check_digests(place: Path) -> None:
    """Refuse a table that is not as it was unpacked; where it was unpacked by hand, nothing was noted."""
    listing = place / "sha256.txt"
    lines = read_text(listing).splitlines() if listing.is_file() else []
    noted = {name.strip(): sha256 for sha256, _, name in (line.partition("  ") for line in lines)}
    for name in FILES.values():
        if name in noted and (found := kept.first_seen(place / name)) != noted[name]:
            raise ValueError(
                f"microarrays: {place / name} is not what was unpacked: its sha256 is {found}, then it was "
                f"{noted[name]}. It was changed or damaged; delete {place} and call download_microarrays() again, or, "
                "if you changed it, delete sha256.txt there."
            )


def _small_table(path: Path, wanted: list[str]) -> pd.DataFrame:
    hint = f"microarrays: {path} "
    try:
        text = read_text(path)
        table = pd.read_csv(io.StringIO(text))
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(f"{hint}cannot be read: {error}. Unpack the archive anew.") from None
    columns(table, wanted, f"microarrays: {path}")
    if table.empty or table[wanted[-2]].isna().iloc[-1] or not text.endswith("\n"):
        raise ValueError(f"{hint}looks cut short: its last line is {len(table) + 1}, incomplete. Unpack it anew.")
    return table


def _ends(path: Path) -> tuple[list[str], list[str]]:
    """First and last line of a large table, split."""
    with path.open("rb") as file:
        first = file.readline()
        file.seek(max(0, path.stat().st_size - _TAIL))
        last = file.read().rstrip().rsplit(b"\n", 1)[-1]
    text = [line.decode("utf-8", errors="replace").removeprefix("\ufeff").rstrip() for line in (first, last)]
    return text[0].split(","), text[1].split(",")


def _archive(folder: Path, donor: str) -> Path:
    return folder / f"normalized_microarray_donor{donor}.zip"


def _check_space(folder: Path, wanted: pd.DataFrame) -> None:
    """Room for all unpacked tables and the largest archive beside them: an archive is removed once it is unpacked."""
    if wanted.empty:
        return
    done = {d: part.stat().st_size for d in wanted.index if (part := part_of(_archive(folder, d))).exists()}
    archive = max(wanted["bytes"] - wanted.index.map(lambda donor: done.get(donor, 0)))
    needed, free = int(wanted["unpacked"].sum() + archive), shutil.disk_usage(folder).free
    if free < needed:
        raise DownloadError(
            f"microarrays of {len(wanted)} donor(s): disk too small: {needed / 1e9:.1f} GB needed in {folder} "
            f"(unpacked, and the largest archive), {free / 1e9:.1f} GB free. "
            "Name a folder on another disk by XSG_DATA, or fewer donors."
        )


def _get(donor: str, entry: pd.Series, folder: Path, progress: bool) -> None:
    """Fetch one archive, check it, unpack it."""
    archive, target = _archive(folder, donor), _donor_folder(folder, donor)
    name, causes = f"human/microarray/{archive.name}", []
    if (mirror := mirror_folder()) and (local := mirror / name).is_file():
        try:
            sha256 = _unpack(local, entry, target, archive)
            return kept.note(archive, sha256, sha256)
        except ValueError as error:
            causes.append(f"{local}: {error}")

    def unpack(part: Path) -> str:
        return _unpack(part, entry, target, archive)

    urls, size = [*mirror_urls(name), entry["url"]], int(entry["bytes"])
    try:
        download(urls, archive, sha256=entry["sha256"], size=size, content=unpack, progress=progress)
        return archive.unlink()
    except DownloadError as error:
        causes.append(str(error))
    raise DownloadError(
        f"microarrays of donor {donor}: not fetched.\n  "
        + "\n  ".join(causes)
        + f"\nWays out: call again to go on; or unpack {entry['url']} by hand as {target}; or name a folder or https "
        f"address that holds {name} by XSG_MIRROR."
    )


def _unpack(archive: Path, entry: pd.Series, target: Path, noted: Path) -> str:
    """Unpack the five tables, all or nothing, and return the archive's sha256; ValueError if it is another."""
    size, sha256 = archive.stat().st_size, digest(archive)
    if size != entry["bytes"] or entry["sha256"] not in ("", sha256):
        raise ValueError(
            f"wrong bytes: expected {entry['bytes']} with sha256 {entry['sha256'] or 'unknown'}, "
            f"seen {size} with sha256 {sha256}"
        )
    first = kept.noted_content(noted)
    if first not in (None, sha256):
        raise ValueError(
            f"it is not the archive first seen (sha256 {first}, now {sha256}). If that is right, delete "
            f"{kept.note_of(noted)}"
        )
    left, lines, digests = int(entry["unpacked"]), [f"{sha256}  {noted.name}"], {}
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpacking-") as temporary:
        try:
            with archives.opened(archive) as opened:
                members = archives.members(opened)
                if absent := [name for name in FILES.values() if name not in members]:
                    raise archives.Damaged(f"the archive has no {absent[0]}; it has {', '.join(sorted(members))}")
                for name in FILES.values():
                    hashed = hashlib.sha256()
                    with (Path(temporary) / name).open("wb") as file:
                        archives.copy(
                            opened, members[name], left, lambda b, f=file, h=hashed: (f.write(b), h.update(b))
                        )
                        left -= file.tell()
                    digests[name] = hashed.hexdigest()
                    lines.append(f"{digests[name]}  {name}")
        except archives.Damaged as error:
            raise ValueError(f"damaged archive: {error}") from None
        (Path(temporary) / "sha256.txt").write_text("\n".join(lines) + "\n")
        shutil.copymode(target.parent, temporary)
        Path(temporary).rename(target)
        Path(temporary).mkdir()  # for the context manager to remove
    for name, each in digests.items():
        kept.note(target / name, each)
    return sha256
