"""Fetch remote data files by name: cache, then mirror, then the source; verified and resumable.

``registry.csv`` lists every remote file. Three places are tried in turn, and only bytes with the registry's
sha256 are ever handed out:

1. the cache, the folder ``XSG_DATA`` (default: the user's cache folder);
2. the mirror, a folder or an http(s) base URL in ``XSG_MIRROR`` (default: ``../shared/data`` beside the checkout,
   where that exists; an empty string means none). A file in a mirror folder is used where it lies;
3. the URL in the registry.
"""

import os
import shutil
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pooch
import requests
from filelock import FileLock
from tqdm.auto import tqdm

# pooch announces each download with the path of the cache, which an executed notebook would then keep.
pooch.get_logger().setLevel("WARNING")

_TIMEOUT = (5, 30)  # seconds to connect, seconds between bytes: without network the answer comes quickly
_BLOCK = 16 * 1024  # bytes; at most one block is lost when the connection is cut


class DownloadError(OSError):
    """A data file could not be had; the message says which, from where, why, and the ways out."""


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


def cache_dir() -> Path:
    """Return the folder that downloads are kept in: ``XSG_DATA``, or the user's cache folder."""
    return Path(os.environ.get("XSG_DATA") or pooch.os_cache("xsg")).expanduser().absolute()


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
        The file in the cache, or in place in a mirror folder: treat it as read-only.

    Raises
    ------
    ValueError
        If the registry has no such name.
    DownloadError
        If the file cannot be had. A download that was cut off stays beside its place as ``.part`` and is
        resumed by the next call; wrong bytes are removed.
    """
    entry = _entry(name)
    if here := _locate(name):
        return here[1]
    target = cache_dir() / name
    causes = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock"):
            if here := _locate(name):  # another process fetched it while this one waited
                return here[1]
            _check_space(entry, target)
            for url in _urls(name):
                try:
                    return _retrieve(url, target, entry, progress)
                except (requests.RequestException, ValueError) as error:
                    causes.append(f"{url}: {error}")
    except OSError as error:
        causes.append(f"{entry['url']}: {error}")
    raise DownloadError(_explain(name, target, causes))


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
        return named
    checkout = Path(__file__).parents[2]
    beside = checkout.parent / "shared" / "data"
    return str(beside) if (checkout / "pyproject.toml").is_file() and beside.is_dir() else ""


def _is_url(mirror: str) -> bool:
    return mirror.startswith(("http://", "https://"))


def _locate(name: str) -> tuple[str, Path] | None:
    """Return ("cache" or "mirror", path) of a verified local file."""
    entry, mirror = _entry(name), _mirror()
    places = [("cache", cache_dir())]
    if mirror and not _is_url(mirror):
        places.append(("mirror", Path(mirror).expanduser().absolute()))
    for place, folder in places:
        if _is_verified(folder / name, entry):
            return place, folder / name
    return None


_verified: set[tuple[Path, int, int, str]] = set()  # files already hashed by this process


def _is_verified(path: Path, entry: dict) -> bool:
    try:
        status = path.stat()
        key = (path, status.st_size, status.st_mtime_ns, entry["sha256"])
        if status.st_size != entry["bytes"]:
            return False
        if key not in _verified and pooch.file_hash(str(path), alg="sha256") == entry["sha256"]:
            _verified.add(key)
    except OSError:  # absent or unreadable: the next place is tried, and the final error names this one
        return False
    return key in _verified


def _urls(name: str) -> list[str]:
    mirror = _mirror()
    return [*([f"{mirror.rstrip('/')}/{quote(name)}"] if _is_url(mirror) else []), _entry(name)["url"]]


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _check_space(entry: dict, target: Path) -> None:
    done = _part(target).stat().st_size if _part(target).exists() else 0
    needed, free = entry["bytes"] - done, shutil.disk_usage(target.parent).free
    if free < needed:
        raise OSError(f"disk full: {needed} bytes needed in {target.parent}, {free} free")


def _retrieve(url: str, target: Path, entry: dict, progress: bool) -> Path:
    """Download one URL into its place in the cache."""
    bar = {"total": int(entry["bytes"]), "desc": target.name, "unit": "B", "unit_scale": True, "disable": not progress}

    def downloader(url, output, _):
        part = _part(target)
        _resume(url, part, bar)
        if (seen := pooch.file_hash(str(part), alg="sha256")) != entry["sha256"]:
            size = part.stat().st_size
            part.unlink()
            raise ValueError(
                f"wrong bytes: expected {entry['bytes']} with sha256 {entry['sha256']}, seen {size} with sha256 {seen}"
            )
        part.replace(output)  # the file that pooch moves into its place

    known_hash = f"sha256:{entry['sha256']}"
    return Path(pooch.retrieve(url, known_hash, fname=target.name, path=target.parent, downloader=downloader))


def _resume(url: str, part: Path, bar: dict) -> None:
    """Stream a URL into ``part``, going on from the bytes that it holds."""
    total = bar["total"]
    start = part.stat().st_size if part.exists() else 0
    if start == total:
        return
    # Ranges count the bytes of the file itself, so the server must not compress them on the way.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        status, sent = response.status_code, response.headers
        resumed = status == 206 and sent.get("Content-Range", "").startswith(f"bytes {start}-")
        if start and status in (206, 416) and not resumed:
            part.unlink()  # the server cannot go on from here: once more, from the beginning
            return _resume(url, part, bar)
        response.raise_for_status()
        size = start if resumed else 0
        with part.open("ab" if resumed else "wb") as file, tqdm(initial=size, **bar) as shown:
            try:
                for block in response.iter_content(_BLOCK):
                    size += file.write(block)
                    shown.update(len(block))
                    if size > total:  # not the file of the registry; its hash will say so
                        return None
            except requests.RequestException as error:
                raise _cut_off(size, total, part, error) from error
        # Without either header the end of the body cannot be told from a lost connection.
        if size < total and "Content-Length" not in sent and "Transfer-Encoding" not in sent:
            raise _cut_off(size, total, part, "the server closed the connection")
    return None


def _cut_off(size: int, total: int, part: Path, cause: object) -> requests.ConnectionError:
    return requests.ConnectionError(f"cut off after {size} of {total} bytes, call again to go on from {part} ({cause})")


def _explain(name: str, target: Path, causes: list[str]) -> str:
    entry, mirror = _entry(name), _mirror()
    folder = Path(mirror).expanduser()
    if mirror and not _is_url(mirror):
        state = "is no folder" if not folder.is_dir() else "has no such file"
        causes.append(f"mirror {folder}: {'has other bytes under that name' if (folder / name).exists() else state}")
    return (
        f"{name}: not fetched.\n  "
        + "\n  ".join(causes)
        + f"\nWays out: save {entry['url']} by hand as {target} ({entry['bytes']} bytes, sha256 {entry['sha256']}); "
        "or name another folder to keep data in by XSG_DATA; "
        "or name a folder or URL that holds the file by XSG_MIRROR."
    )
