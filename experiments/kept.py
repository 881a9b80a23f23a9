"""Long runs: what each job found is kept until all are there, and then makes the one table beside the script.

A run that was cut short goes on where it was. Rows are kept while the script, and what it imports of the package, stay
as they are (`imports.key`: words do not count). A table stands in the data registry with its digest, so that a chapter
that runs without the checkout gets the very same from the repository: ``fetch("experiments/NAME.csv")``.
"""

import hashlib
import io
import json
import re
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from xsg.machine import one_blas_thread, one_thread

ROOT = Path(__file__).resolve().parents[1]
REGISTRY = ROOT / "xsg/data/registry.csv"
sys.path.append(str(ROOT / "tools"))

import imports  # noqa: E402
import notebooks  # noqa: E402


def digest(settings: dict) -> str:
    """Return the settings' sha256, its first 16 digits, which their rows bear."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def rows(script: str, jobs: Iterable[tuple], make: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all jobs, ``make(*job)``, one after the other, each on one thread, unless they are kept.

    What they hang on and their own digest stand in a file beside them.
    """
    folder, tables = ROOT / "_build/experiments" / Path(script).stem, []
    for job in tqdm(list(jobs), unit="job"):
        file = folder / (re.sub(r"[^\w.]+", "-", "_".join(map(str, job))) + ".csv")
        seal = file.with_suffix(".key")
        if not (file.is_file() and seal.is_file() and seal.read_text() == _sealed(script, file)):
            with one_thread(), one_blas_thread():
                found = make(*job)
            notebooks.write_text(file, found.to_csv(index=False))
            notebooks.write_text(seal, _sealed(script, file))
        tables.append(pd.read_csv(file))
    return pd.concat(tables, ignore_index=True)


def store(script: str, table: pd.DataFrame, by: Iterable[str] = ()) -> None:
    """Write the table beside its script, and its digest into the registry.

    With ``by``, rows that are there already and differ from all new ones in these columns stay, if made with the same
    settings.
    """
    path, by = Path(script).with_suffix(".csv"), list(by)
    text = table.to_csv(index=False)
    if by and path.is_file():
        new, before = (_as_written(each) for each in (text, path.read_text(encoding="utf-8")))
        stay = ~pd.MultiIndex.from_frame(before[by]).isin(pd.MultiIndex.from_frame(new[by]))
        if "settings" in before:
            stay &= before["settings"].isin(new["settings"]).to_numpy()
        text = pd.concat([before[stay], new]).to_csv(index=False)
    notebooks.write_text(path, text)
    register(path)


def register(path: Path) -> None:
    """Write size and digest of a table into the registry; a new one is entered as the others are."""
    table, name = _as_written(REGISTRY.read_text(encoding="utf-8")).set_index("name"), f"experiments/{path.name}"
    if name not in table.index:
        other = next(each for each in table.index if each.startswith("experiments/"))
        table.loc[name] = table.loc[other].str.replace(Path(other).stem, path.stem, regex=False)
    content = path.read_bytes()
    table.loc[name, ["sha256", "bytes"]] = [hashlib.sha256(content).hexdigest(), str(len(content))]
    notebooks.write_text(REGISTRY, table.to_csv())


def _as_written(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)


def _sealed(script: str, file: Path) -> str:
    return f"{code_key(script)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n"


@cache
def code_key(script: str) -> str:
    """Hash the script, what it imports of the package, and the registry of data that come from elsewhere."""
    code = Path(script).read_text(encoding="utf-8")
    data = [line for line in REGISTRY.read_text(encoding="utf-8").splitlines() if not line.startswith("experiments/")]
    return hashlib.sha256("\n".join([code, imports.key(ROOT, code), *data]).encode()).hexdigest()
