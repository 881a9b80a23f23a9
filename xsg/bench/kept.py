"""What a run has done: kept in its folder for as long as it is true."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib.util import source_from_cache
from pathlib import Path

import pandas as pd

import xsg
from xsg.bench.run import COLUMNS
from xsg.check import some
from xsg.files import digest, versions, whole
from xsg.study.seal import sources

try:
    import fcntl
except ImportError:  # Windows: two runs at once are not told of
    fcntl = None

_READ, _WRITTEN, _LISTENS = set(), set(), []
_OURS = {Path(xsg.__file__).parent, *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))}
_OURS |= {Path("/proc"), Path("/sys"), Path("/dev")}


def read_rows(file: str | Path | io.BytesIO) -> pd.DataFrame:
    """Read rows of `xsg.bench.run.score`; a method or a map may be called anything, such as 0 or NA."""
    return pd.read_csv(file, dtype={"method": str, "map": str}, keep_default_na=False, na_values=[""])


@contextmanager
def listening() -> Iterator[None]:
    """Note which files are read: code that a method imports, be it within a fold, and data."""
    _hook()
    _LISTENS.append(True)
    try:
        yield
    finally:
        _LISTENS.pop()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder.

    Raises
    ------
    ValueError
        If one is in it.
    """
    if fcntl is None:
        yield
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        raise ValueError(f"{folder}: another run writes there now. Wait for it, or name another --out.") from None
    except OSError:  # a disk that knows no locks
        pass
    try:
        yield
    finally:
        os.close(number)


class Kept:
    """Rows of one file of methods in one folder.

    Parameters
    ----------
    folder
        Where they are.
    methods
        The file, loaded while it was listened to (`listening`).

    Attributes
    ----------
    rows : DataFrame
        What is done, of this file as it stands.
    note : str
        Why there was more before, or nothing.

    Raises
    ------
    ValueError
        If the folder has rows of another file, or rows that are not as they were written.
    """

    def __init__(self, folder: Path, methods: Path):
        self._file, self._seal, self._folder = folder / "rows.csv", folder / "rows.key", folder
        self.rows, self.note = pd.DataFrame(columns=list(COLUMNS)), ""
        self._key = {"file": str(methods), "xsg": sources(), "versions": versions(), "read": {}, "rows": []}
        if self._file.exists():
            self._go_on()
        self._saw()

    def add(self, rows: pd.DataFrame) -> None:
        """Keep rows that were made."""
        self.rows = pd.concat([self.rows, rows], ignore_index=True) if len(self.rows) else rows
        text = self.rows.to_csv(index=False).encode()
        self._saw()
        # Those before count, too: it may end between the one file and the other.
        self._key["rows"] = [*self._key["rows"][-1:], hashlib.sha256(text).hexdigest()]
        for file, content in ((self._seal, json.dumps(self._key).encode()), (self._file, text)):
            with whole(file) as part:
                part.write_bytes(content)

    def _go_on(self) -> None:
        try:
            old, raw = json.loads(self._seal.read_bytes()), self._file.read_bytes()
            true = hashlib.sha256(raw).hexdigest() in old["rows"]
        except (OSError, ValueError, KeyError, TypeError):
            true = False
        away = f"Name another folder with --out, or move {self._folder} away."
        if not true:
            raise ValueError(f"{self._file} is not as it was written: changed, damaged, or by another version. {away}")
        if old["file"] != self._key["file"]:
            raise ValueError(f"{self._folder} holds the results of another file, {old['file']}. {away}")
        changed = [name for name, was in old["read"].items() if _digest(name) != was]
        changed += [told for key, told in (("xsg", "xsg"), ("versions", "a package")) if old[key] != self._key[key]]
        if changed:
            self.note = f"{some(changed)} changed since {self._file} was written: all is run anew"
        else:
            self.rows, self._key = read_rows(io.BytesIO(raw)), old

    def _saw(self) -> None:
        """Note what was read so far, as it was when that was first noted."""
        for name in sorted({self._key["file"], *filter(_counts, _READ - _WRITTEN)}):
            if not Path(name).is_relative_to(self._folder):
                self._key["read"].setdefault(name, _digest(name))


@cache
def _hook() -> None:
    sys.addaudithook(_heard)  # for good: there is no way to take it off


def _heard(event: str, given: tuple) -> None:
    if event != "open" or not _LISTENS:
        return
    try:
        file, _, flags = given
        path = os.path.abspath(os.fsdecode(file))  # noqa: PTH100 - a link stays one
        if path.endswith(".pyc"):
            path = source_from_cache(path)
        (_WRITTEN if flags & (os.O_WRONLY | os.O_RDWR) else _READ).add(path)
    except (OSError, ValueError, TypeError):  # a number of an open file; the folder is gone
        return


def _counts(name: str) -> bool:
    """Tell whether a file that was read is a stranger's: not the package's, not of Python or the machine."""
    path = Path(name)
    installed = {"site-packages", "dist-packages"} & set(path.parts)
    return not installed and not any(path.is_relative_to(each) for each in _OURS) and path.is_file()


def _digest(name: str) -> str | None:
    try:
        stat = Path(name).stat()
        return _digested(name, stat.st_mtime_ns, stat.st_size)
    except OSError:
        return None


@lru_cache(maxsize=4096)
def _digested(name: str, *_: int) -> str:
    return digest(name)
