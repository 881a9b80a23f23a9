"""Donors of the Allen Human Brain Atlas: their names, their folders, and their archives at the Allen Institute."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from xsg.data import archives, kept
from xsg.data.download import download, locked, part_of
from xsg.data.fetch import mirror_folder, mirror_urls
from xsg.data.gene_names import as_text
from xsg.data.kept import cache_dir
from xsg.data.network import DownloadError
from xsg.files import digest
from xsg.genes.simulate import DONORS

# The donors' names at the Allen Institute.
NAMES = {
    **{"H0351.2001": "9861", "H0351.2002": "10021", "H0351.1009": "12876"},
    **{"H0351.1012": "14380", "H0351.1015": "15496", "H0351.1016": "15697"},
}


def donor_names(donors: object) -> tuple[str, ...] | None:
    """Return donors given by number or by the Allen Institute's name, alone or several, as numbers in text.

    Examples
    --------
    >>> donor_names(9861), donor_names(["H0351.2001", 15496]), donor_names("all")
    (('9861',), ('9861', '15496'), None)
    """
    if donors is None or (isinstance(donors, str) and donors == "all"):
        return None
    if isinstance(donors, (str, int, float, np.number)):
        donors = [donors]
    if not isinstance(donors, Iterable) or isinstance(donors, (bytes, Mapping, pd.DataFrame)):
        raise TypeError(f"donors is {donors!r}; expected a list such as ['9861', '10021'], or None for all six.")
    found = []
    for donor in donors:
        text = "True or False" if isinstance(donor, (bool, np.bool_)) else as_text(donor)
        text = NAMES.get(text.upper(), text.removesuffix(".0"))
        if text not in DONORS:
            raise ValueError(f"donor {donor!r} is unknown; expected some of {', '.join(DONORS)}, or None for all.")
        found.append(text)
    if not found:
        raise ValueError(f"donors: none given; expected some of {', '.join(DONORS)}, or None for all.")
    return tuple(sorted(set(found), key=DONORS.index))


FILES = {
    "microarray": "MicroarrayExpression.csv",
    "ontology": "Ontology.csv",
    "pacall": "PACall.csv",
    "probes": "Probes.csv",
    "annotation": "SampleAnnot.csv",
}


def donor_folder(folder: Path, donor: str) -> Path:
    """Return where a donor's tables are in a folder."""
    return folder / f"normalized_microarray_donor{donor}"


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
    donors = donor_names(donors) or DONORS
    folder = Path(folder) if folder is not None else cache_dir() / "human" / "microarray"
    table = archive_list()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / "archives", int(table["bytes"].sum())):
            wanted = [donor for donor in donors if not donor_folder(folder, donor).is_dir()]
            _check_space(folder, table.loc[wanted])
            for donor in wanted:
                _get(donor, table.loc[donor], folder, progress)
    except OSError as error:
        if isinstance(error, DownloadError):
            raise
        raise DownloadError(f"microarrays: {error}. Name another folder by XSG_DATA.") from error
    return folder


@lru_cache
def archive_list() -> pd.DataFrame:
    """Return the list of archives by donor: address, bytes, bytes once unpacked, sha256 where one is known."""
    table = pd.read_csv(Path(__file__).with_name("microarrays.csv"), dtype={"donor": str}, keep_default_na=False)
    return table.set_index("donor")


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
    archive, target = _archive(folder, donor), donor_folder(folder, donor)
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
