"""Long runs: what each job found is kept until all are there, and then makes the one table beside the script.

A run that was cut short goes on where it was. Rows are kept while the script, and what it imports of the package, stay
as they are (`imports.key`: words do not count). A table stands in the data registry with its digest, so that a chapter
that runs without the checkout gets the very same from the repository: ``fetch("experiments/NAME.csv")``.

What is asked of real data is frozen before they are touched: ``seal`` writes question, rule, what was known, settings
and the digests of the data beside the script, ``NAME.sealed.json``, and ``sealed`` refuses to run anything else.
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
from xsg.study.seal import Seal, as_kept, differences, read_seal, write_seal

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


def seal(script: str, *, question: str, rule: str, known: str, settings: dict, data: Iterable[str]) -> Seal:
    """Freeze an analysis before its data are touched: write ``NAME.sealed.json`` beside the script, and register it.

    ``data`` are names of the registry. It is not written over, and not written once there is a table of results.
    """
    if (table := Path(script).with_suffix(".csv")).exists():
        raise ValueError(f"{table} is there already: this was run, and cannot be frozen before it.")
    path = _seal_of(script)
    given = {"question": question, "rule": rule, "known": known, "settings": settings}
    made = write_seal(path, **given, data=_digests(data))
    register(path)
    return made


def sealed(script: str, *, question: str, rule: str, known: str, settings: dict, data: Iterable[str]) -> Seal:
    """Return the seal of an analysis that is about to run, which must be as it was frozen: ValueError says what is not.

    The script itself may have changed since, if a mistake was mended: git shows how, and the page must tell.
    """
    path = _seal_of(script)
    if not path.is_file():
        raise ValueError(f"{path} is not there: nothing was frozen. Seal first, commit the seal, then run.")
    found = read_seal(path)
    given = {"question": question, "rule": rule, "known": known, "settings": settings, "data": _digests(data)}
    if unlike := [*differences({name: getattr(found, name) for name in given}, as_kept(given))]:
        raise ValueError(
            f"{path}, {found.date}: {'; '.join(unlike)}. Run what was frozen, or tell of a second try under a new name."
        )
    return found


def _seal_of(script: str) -> Path:
    return Path(script).with_suffix(".sealed.json")


def _digests(data: Iterable[str]) -> dict[str, str]:
    table, data = _as_written(REGISTRY.read_text(encoding="utf-8")).set_index("name"), list(data)
    if unknown := [name for name in data if name not in table.index]:
        raise ValueError(f"data {unknown[0]!r} is not in the registry; expected names of 'xsg data'.")
    return {name: table.loc[name, "sha256"] for name in data}


def register(path: Path) -> None:
    """Write size and digest of a table or seal into the registry; a new one is entered as the others are, in order."""
    table, name = _as_written(REGISTRY.read_text(encoding="utf-8")).set_index("name"), f"experiments/{path.name}"
    if name not in table.index:
        ours = [each for each in table.index if each.startswith("experiments/")]
        other = next(each for each in ours if each.endswith(".csv"))
        stem = path.name.split(".")[0]
        row = table.loc[other].str.replace(Path(other).name, path.name, regex=False)
        row = row.str.replace(Path(other).stem, stem, regex=False)
        if path.name.endswith(".sealed.json"):
            row["what"] = f"frozen by experiments/{stem}.py before it ran"
        place = table.index.get_loc(ours[0]) + sum(each < name for each in ours)
        table = pd.concat([table.iloc[:place], row.to_frame(name).T.rename_axis("name"), table.iloc[place:]])
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
