"""What is kept on this machine: where, and by which digest.

Most of what is fetched has its sha256 in the registry. Of what a source publishes no digest, the one first seen is
noted in the cache's folder ``digests``, and the file must go on having it.
"""

import hashlib
import json
import os
from datetime import date
from pathlib import Path

import pooch

from xsg.files import digest, whole

# pooch announces each download with the path of the cache, which an executed notebook would then keep.
pooch.get_logger().setLevel("WARNING")

_SMALL = 16 * 2**20  # bytes; smaller files are hashed at each use, larger ones when size or times differ from the note


def cache_dir() -> Path:
    """Return the folder that downloads are kept in: ``XSG_DATA``, or the user's cache folder."""
    return Path(os.environ.get("XSG_DATA") or pooch.os_cache("xsg")).expanduser().absolute()


def first_seen(path: Path, way_out: str = "") -> str:
    """Return a file's sha256, which must be the one noted when it was first seen; noted now if it was not.

    Parameters
    ----------
    path
        The file.
    way_out
        What to do about another digest, for the error. Empty: a file of the user's, who may change it; the new digest
        is noted.

    Raises
    ------
    ValueError
        The file has another digest than it had.
    """
    noted, found = _compared(path)
    if noted and found != noted["sha256"] and way_out:
        raise ValueError(
            f"{path} is not what it was when first seen on {noted['seen']}: its sha256 is {found}, then it was "
            f"{noted['sha256']}. It was replaced or damaged. {way_out} If it is as it should be, delete "
            f"{note_of(path)}."
        )
    if not noted or noted["stamp"] != _stamp(path) or noted["sha256"] != found:
        note(path, found, noted and noted.get("content"))
    return found


def is_as_noted(path: Path) -> bool:
    """Tell whether a file that was made here is whole and has the digest noted when it was made."""
    try:
        noted, found = _compared(path)
    except OSError:
        return False
    return bool(noted) and noted["sha256"] == found


def is_noted(path: Path) -> bool:
    """Tell whether a digest was noted for a file."""
    return _read(path) is not None


def noted_content(path: Path) -> str | None:
    """Return the digest of what a file held when it was first seen (of one packed anew at each download)."""
    return (_read(path) or {}).get("content")


def note(path: Path, sha256: str, content: str | None = None) -> None:
    """Note a file's digest, and that of its content where the packing around it differs each time."""
    stamp = _stamp(path) if path.exists() else None  # an archive is not kept once it is unpacked
    known = {"file": str(path), "sha256": sha256, "content": content, "stamp": stamp, "seen": str(date.today())}
    try:
        note_of(path).parent.mkdir(parents=True, exist_ok=True)
        with whole(note_of(path)) as part:
            part.write_text(json.dumps(known), encoding="utf-8")
    except OSError:  # a cache that cannot be written to: the file is hashed again next time
        pass


def _compared(path: Path) -> tuple[dict | None, str]:
    """Return what is noted of a file, and its digest now; a large one that was not touched is not read again."""
    noted, stamp = _read(path), _stamp(path)
    untouched = noted and noted["stamp"] == stamp and stamp[0] > _SMALL
    return noted, noted["sha256"] if untouched else digest(path)


def _stamp(path: Path) -> list[int]:
    """Size and times: that of the last change of the entry (ctime) cannot be set back."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def note_of(path: Path) -> Path:
    """Return where the digest of a file is noted; inside the cache by its place there, so that it can move."""
    path = Path(path).absolute()
    folder = cache_dir()
    if path.is_relative_to(folder):
        return folder / "digests" / f"{path.relative_to(folder)}.json"
    return folder / "digests" / "elsewhere" / f"{hashlib.sha256(str(path).encode()).hexdigest()[:32]}.json"


def _read(path: Path) -> dict | None:
    try:
        noted = json.loads(note_of(path).read_text(encoding="utf-8"))
        return noted if {"sha256", "stamp", "seen"} <= set(noted) else None
    except (OSError, ValueError, TypeError):  # absent or damaged: as if it had never been seen
        return None
