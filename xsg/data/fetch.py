"""Fetch remote data files by name: cache, then mirror, then the source; verified and resumable.

``registry.csv`` lists every remote file. Three places are tried in turn, and only bytes with the registry's
sha256 are ever handed out:

1. the cache, the folder ``XSG_DATA`` (default: the user's cache folder);
2. the mirror, a folder or an https base URL in ``XSG_MIRROR`` (default: ``../shared/data`` beside the checkout,
   where that exists; an empty string means none). A file in a mirror folder is used where it lies;
3. the URL in the registry.

The tables ``experiments/…``, made by the book's own long runs, are read where they lie if xsg runs from a checkout.

How it is downloaded is told in `xsg.data.download` and `xsg.data.network`: https only, and within a time that
``XSG_TIMEOUT`` raises.
"""

import os
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, urlsplit

import pandas as pd

from xsg.data.download import check_space, download, locked, part_of
from xsg.data.kept import cache_dir
from xsg.data.network import DownloadError, is_address, is_safe, shown
from xsg.files import digest

__all__ = ["DownloadError", "cache_dir", "fetch", "is_here", "registry"]


@lru_cache(maxsize=1)
def _registry() -> pd.DataFrame:
    return pd.read_csv(Path(__file__).with_name("registry.csv"), index_col="name", keep_default_na=False)


def registry() -> pd.DataFrame:
    """List the remote files that xsg knows.

    Returns
    -------
    DataFrame
        Index ``name``; columns ``url``, ``sha256``, ``bytes``, ``licence``, ``citation``, ``what``.

    Examples
    --------
    >>> int(registry().loc["human/expression/desikan_r0.2.csv.bz2", "bytes"])
    3642293
    """
    return _registry().copy()


def fetch(name: str, progress: bool = True) -> Path:
    """Return the path of a verified data file, downloading it first if it is not here.

    Parameters
    ----------
    name
        A name of `registry`, e.g. ``"human/expression/desikan_r0.2.csv.bz2"``.
    progress
        Show a progress bar while downloading.

    Returns
    -------
    Path
        The file in the cache, or in place in a mirror folder or the checkout: treat it as read-only.

    Raises
    ------
    ValueError
        If the registry has no such name; if ``XSG_MIRROR`` or ``XSG_TIMEOUT`` cannot be used.
    DownloadError
        If the file cannot be had. A download that was cut off stays beside its place as ``.part`` and is
        resumed by the next call; wrong bytes are removed.
    """
    entry = _entry(name)
    if here := _locate(name):
        return here[1]
    target, size = cache_dir() / name, int(entry["bytes"])
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target, size):
            if here := _locate(name):  # another process fetched it while this one waited
                return here[1]
            part = part_of(target)
            check_space(target.parent, size - (part.stat().st_size if part.exists() else 0))
            download([*mirror_urls(name), entry["url"]], target, sha256=entry["sha256"], size=size, progress=progress)
            return target
    except OSError as error:
        cause = str(error) if isinstance(error, DownloadError) else f"{shown(entry['url'])}: {error}"
    raise DownloadError(_explain(name, target, cause))


def is_here(name: str) -> bool:
    """Say whether `fetch` would find the file in the cache or a mirror folder, without network."""
    _entry(name)
    return _locate(name) is not None


def _entry(name: str) -> dict:
    table = _registry()
    if name not in table.index:
        near = get_close_matches(name, table.index, n=3, cutoff=0.5)
        hint = f"Near it: {', '.join(near)}." if near else "List the names: python -m xsg data"
        raise ValueError(f"no data file is called {name!r}. {hint}")
    return table.loc[name].to_dict()


def _mirror() -> str:
    """Return the folder or base URL to try first; an empty string where there is none."""
    if (named := os.environ.get("XSG_MIRROR")) is not None:
        if is_address(named) and not is_safe(named):
            raise ValueError(
                f"XSG_MIRROR is {shown(named)}; expected an address with https://, or a folder. What comes over "
                "another way can be changed on it: name the https address, or copy the files and name their folder."
            )
        return named
    checkout = _checkout()
    beside = checkout and checkout.parent / "shared" / "data"
    return str(beside) if beside and beside.is_dir() else ""


def _checkout() -> Path | None:
    """Return the folder of the repository; None where the package was installed without it."""
    folder = Path(__file__).parents[2]
    return folder if (folder / "pyproject.toml").is_file() else None


def mirror_folder() -> Path | None:
    """Return the folder to try first; None where there is none."""
    mirror = _mirror()
    return Path(mirror).expanduser().absolute() if mirror and not is_address(mirror) else None


def mirror_urls(name: str) -> list[str]:
    """Return the address of a file in the mirror, if that is one; what follows its "?" goes with it."""
    mirror = _mirror()
    if not is_address(mirror):
        return []
    parts = urlsplit(mirror)
    return [parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name)}").geturl()]


def _locate(name: str) -> tuple[str, Path] | None:
    """Return ("checkout", "cache" or "mirror", path) of a verified local file."""
    entry = _entry(name)
    for place, folder in (("checkout", _checkout), ("cache", cache_dir), ("mirror", mirror_folder)):
        path = folder()
        if path and _is_verified(path / name, entry):
            return place, path / name
    return None


_verified: set[tuple[Path, int, int, int, str]] = set()  # files already hashed by this process


def _is_verified(path: Path, entry: dict) -> bool:
    try:
        status = path.stat()
        key = (path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, entry["sha256"])
        if status.st_size != entry["bytes"]:
            return False
        if key not in _verified and digest(path) == entry["sha256"]:
            _verified.add(key)
    except OSError:  # absent or unreadable: the next place is tried, and the final error names this one
        return False
    return key in _verified


def _explain(name: str, target: Path, cause: str) -> str:
    entry = _entry(name)
    if (ours := _checkout()) and (ours / name).exists():
        cause += f"\n  {ours / name}: the registry has another digest; enter this one (experiments/kept.py: register)"
    if folder := mirror_folder():
        state = "is no folder" if not folder.is_dir() else "has no such file"
        cause += f"\n  mirror {folder}: {'has other bytes under that name' if (folder / name).exists() else state}"
    return (
        f"{name}: not fetched.\n  {cause}\nWays out: save {shown(entry['url'])} by hand as {target} "
        f"({entry['bytes']} bytes, sha256 {entry['sha256']}); "
        "or name another folder to keep data in by XSG_DATA; "
        "or name a folder or https address that holds the file by XSG_MIRROR."
    )
