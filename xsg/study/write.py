"""Begin a study: a new folder, written whole or not at all, over nothing that is there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd


def write_template(folder: str | Path) -> Path:
    """Write a new study with a simulated example, which `xsg.read_study` reads as it is.

    Raises
    ------
    ValueError
        If the folder exists and is not empty: nothing is ever overwritten.
    """
    from xsg.simulate.cortex import simulate_cortex

    def fill(part: Path) -> None:
        cortex = simulate_cortex(seed=0, n_genes=60, n_controls=120, n_patients=80)
        parcellation, cohort = cortex.parcellation, cortex.cohort
        subjects = cohort.subjects[cohort.subjects["group"].isin(["NC", "AD"])]
        tables = {
            "regions.csv": parcellation.table[["hemisphere", "x", "y", "z", "lobe"]].round(2),
            "labels.csv": pd.Series([*parcellation.regions, ""], name="region").iloc[parcellation.labels],
            "expression.csv": cortex.expression.round(4),
            "cohort.csv": subjects.join(cohort.thickness.round(3)).rename_axis("subject"),
        }
        for name, table in tables.items():
            table.to_csv(part / name, index=name != "labels.csv")
        copy_template(part)

    return new_folder(folder, fill)


def copy_template(part: Path, without: tuple[str, ...] = ()) -> None:
    """Copy the files that every study begins with."""
    here = Path(__file__).with_name("template")
    for source in sorted(path for path in here.iterdir() if path.is_file()):  # no __pycache__, which pip makes
        if source.name not in without:
            (part / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")


def new_folder(folder: str | Path, fill: Callable[[Path], None]) -> Path:
    """Make a folder whole or not at all: ``fill`` is given another one to write to, which takes its place.

    Raises
    ------
    ValueError
        If it exists and is not empty, or cannot be written.
    """
    folder = Path(folder)
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ValueError(f"{folder} exists and is not empty; name a folder that is not there yet.")
    except OSError as error:
        raise _unwritten(folder, error) from None
    made = next((each for each in [*reversed(folder.parents), folder] if not each.exists()), None)
    part = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name[:50]}.", dir=folder.parent))  # moved when it is whole
        fill(part)
        part.chmod(folder.stat().st_mode if folder.exists() else 0o755)
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except BaseException as error:
        for each in (part, made if made and made != folder else None):
            if each:
                shutil.rmtree(each, ignore_errors=True)
        if isinstance(error, OSError):
            raise _unwritten(folder, error) from None
        raise
    return folder


def _unwritten(folder: Path, error: OSError) -> ValueError:
    return ValueError(f"{folder} cannot be written ({error.strerror}); name a folder where you may write.")
