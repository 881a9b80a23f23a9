"""Raw microarrays of the Allen Human Brain Atlas: find or download them, check them, run abagen on them.

Six donors, one folder each, as the Allen Institute distributes them (Hawrylycz et al. 2012, Nature 489:391). What is
made of them here is what abagen 0.1.3 makes of them (Markello et al. 2021, eLife 10:e72129); for a labelled region ×
gene table use `xsg.genes.make.make_expression`.
"""

import atexit
import io
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd

from xsg import _moved
from xsg.check import columns, instance
from xsg.data import kept
from xsg.files import read_text
from xsg.genes.donors import FILES, archive_list, donor_folder, donor_names, download_microarrays
from xsg.genes.simulate import BILATERAL, DONORS, MARKER, simulate_microarrays

_RNASEQ = {
    "genes": "Genes.csv",
    "ontology": "Ontology.csv",
    "counts": "RNAseqCounts.csv",
    "tpm": "RNAseqTPM.csv",
    "annotation": "SampleAnnot.csv",
}
_SEQUENCED = {"9861": "278447594", "10021": "278448166"}  # numbers of the downloads at the Allen Institute
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
        return {d: {key: str(donor_folder(self.folder, d) / name) for key, name in FILES.items()} for d in self.donors}

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
    donors = donor_names(list(donors) if isinstance(donors, dict) else donors) or DONORS
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


@lru_cache
def _simulated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="xsg-microarrays-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return simulate_microarrays(folder)


def _find(folder: Path) -> Path:
    for place in (folder, folder / "microarray"):
        if any(donor_folder(place, donor).is_dir() for donor in DONORS):
            return place
    state = "has no folder" if folder.is_dir() else "is no folder; expected one with a folder"
    raise ValueError(
        f"microarrays: {folder} {state} named normalized_microarray_donor9861, or another donor's. Give the folder "
        "that holds the donors' folders, or source='download', or source='simulated'."
    )


def _check(folder: Path, donor: str) -> None:
    """Refuse a donor whose tables are absent or cut short; reads only beginnings and ends of the large ones."""
    place = donor_folder(folder, donor)
    here = [d for d in DONORS if donor_folder(folder, d).is_dir()]
    if not place.is_dir():
        raise ValueError(
            f"microarrays: donor {donor} is missing: no {place}. Here are: {', '.join(here) or 'none'}. "
            f"Unpack {archive_list().loc[donor, 'url']} there, or name the donors to use: donors={here}."
        )
    for name in FILES.values():
        if not (place / name).is_file() or not (place / name).stat().st_size:
            raise ValueError(
                f"microarrays: donor {donor}: {name} is {'empty' if (place / name).exists() else 'missing'} in {place}."
                f" An archive has {', '.join(FILES.values())}; unpack {archive_list().loc[donor, 'url']} anew."
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


__getattr__ = _moved.lazily(__name__)
