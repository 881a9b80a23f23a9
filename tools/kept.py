"""Long runs that go on where they were cut short: each part's rows in a file of its own, until all are there."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd

import notebooks
import xsg


def kept(file: Path, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Return the rows in ``file``, made and written there first unless they are whole and of this very code.

    What they hang on (the package with its registry of data, and the script whose function makes them) and their own
    digest stand in a file beside them.
    """
    seal, code = file.with_suffix(".key"), code_key(Path(make.__code__.co_filename))
    if not (file.is_file() and seal.is_file() and seal.read_bytes() == _sealed(code, file)):
        store(make(), file)
        notebooks.write_bytes(seal, _sealed(code, file))
    return pd.read_csv(file)


def store(table: pd.DataFrame, file: Path) -> None:
    """Write a table whole or not at all."""
    notebooks.write_text(file, table.to_csv(index=False))


@cache
def code_key(script: Path) -> str:
    """Hash the package and the script."""
    digest = hashlib.sha256()
    package = Path(xsg.__file__).parent
    for path in (*sorted(package.rglob("*.py")), package / "data/registry.csv", script):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sealed(code: str, file: Path) -> bytes:
    return f"{code} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode()
