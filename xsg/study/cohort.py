"""A study from the tables of a cohort as they are: copied beside the script that runs, with what is asked of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xsg.check import instance, some
from xsg.data.cortex import Cortex
from xsg.data.network import DownloadError
from xsg.data.tables import counted, fold
from xsg.load import load_cortex
from xsg.people.cohort_map import CohortMap
from xsg.people.freesurfer_stats import stats_tables
from xsg.people.read_cohort import People, read_cohort
from xsg.study.write import copy_template, new_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILES = ("thickness", "people", "quality")
_READ = (*_FILES, "keep", "site", "atlas", "measure", "unit", "positive", "sex", "missing", "session", "id")
_ASKED = ("slope", "contrast", "covariates", "per")
_GROUPS = ("group", "diagnosis", "dx", "diag", "diagnosticgroup")
_CONTROLS = ("cn", "nc", "hc", "control", "controls", "healthy", "healthycontrol", "ctrl", "con", "td", "normal")
_TOML = """# What is asked of the tables in this folder; xsg.read_study reads it.
name = {name}

# How the tables are read: the arguments of xsg.read_cohort.
[cohort]
{cohort}
# quality = "euler.tsv"                     another table, and who stays by it:
# keep = "lh_euler > -217 and rh_euler > -217"
# sex = {{ 1 = "M", 2 = "F" }}

# What is mapped: a slope, or a contrast of two groups (patients first).
[map]
{asked}
# contrast = ["group", "AD", "CN"]
# covariates = ["age", "sex", "site"]       by default those that are there
"""
_README = """# A study of a cohort

`study.toml` says how the tables here are read and what is asked of them. Run

```bash
python analysis.py
```

It writes `report/`: for each way to hold regions out the table, the sentence and the figure of what the genes say that
place does not; what single people show of it; and the maps.

To freeze the question, the rule and all settings before you look, run `xsg seal . --rule "gain > 0 and gain p <= 0.05"`
here, send the file it writes to a co-author, and then `xsg evaluate --sealed study.sealed.json`.

The tables hold the names of participants: they stay here, and no output names anybody.
"""


def cohort_cortex(folder: Path, options: Mapping[str, object]) -> Cortex:
    """Read a folder whose study.toml has a section ``[cohort]``: the map of its people on the genes of its atlas.

    Raises
    ------
    ValueError
        An option that is unknown, a table that is not there, or what `xsg.read_cohort` and its maps refuse.
    """
    given, asked = _sections(folder, options)
    found = mapped(read_cohort(given.pop("thickness"), given.pop("people", None), **given), asked)
    return load_cortex("ahba", thinning=found, name=str(options.get("name", folder.resolve().name)))


def cohort_files(folder: Path, options: Mapping[str, object]) -> list[Path]:
    """Return the tables that `cohort_cortex` reads."""
    given, _ = _sections(folder, options)
    found = [given[each] for each in _FILES if each in given]
    return [path for each in found for path in (each if isinstance(each, tuple) else (each,))]


def _sections(folder: Path, options: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """Return what stands in ``[cohort]``, tables as paths, and in ``[map]``."""
    path = folder / "study.toml"
    given, asked = dict(options["cohort"]), dict(options.get("map", {}))
    for name, section, known in (("cohort", given, _READ), ("map", asked, _ASKED)):
        if unknown := [each for each in section if each not in known]:
            raise ValueError(f"{path}: option {unknown[0]!r} of [{name}] is unknown; there are: {', '.join(known)}.")
    if "thickness" not in given:
        raise ValueError(f'{path}: [cohort] lacks thickness = ["lh.tsv", "rh.tsv"], the tables of the regions.')
    for each in _FILES:
        if each in given:
            given[each] = _files(folder, given[each], f"{path}: {each}")
    return given, asked


def _files(folder: Path, names: object, what: str) -> Path | tuple[Path, ...]:
    paths = tuple(folder / str(each) for each in (names if isinstance(names, (list, tuple)) else [names]))
    if absent := [each.name for each in paths if not each.is_file()]:
        raise ValueError(
            f"{what}: {some(absent)} is not in the folder; there are {some(p.name for p in folder.iterdir())}."
        )
    return paths if len(paths) > 1 else paths[0]


def mapped(people: People, asked: Mapping[str, object]) -> CohortMap:
    """Make the map that a section ``[map]`` asks for.

    Raises
    ------
    ValueError
        If it asks for neither a slope nor a contrast, or for both.
    """
    kinds = [kind for kind in ("slope", "contrast") if kind in asked]
    if len(kinds) != 1:
        raise ValueError(
            f'[map]: {" and ".join(kinds) or "neither slope nor contrast"} there; expected one of slope = "age" and '
            'contrast = ["group", "AD", "CN"].'
        )
    more = {key: asked[key] for key in ("covariates", "per") if key in asked}
    if kinds[0] == "slope":
        return people.slope(instance(asked["slope"], str, "[map]: slope", "the name of a column"), **more)
    groups = asked["contrast"]
    if not isinstance(groups, (list, tuple)) or len(groups) != 3:
        raise ValueError(f'[map]: contrast is {groups!r}; expected a column and two groups: ["group", "AD", "CN"].')
    return people.contrast(*groups, **more)


def write_study_from(
    folder: str | Path,
    thickness: str | Path | Sequence[str | Path],
    people: str | Path | None = None,
    *,
    slope: str | None = None,
    contrast: Sequence[str] | None = None,
    covariates: Sequence[str] | None = None,
    **read: object,
) -> tuple[Path, list[str]]:
    """Begin a study of a cohort: a new folder with copies of its tables, what is asked of them, and the script to run.

    All of it is read and the map made before anything is written, so that what the folder's script reads can be read.

    Parameters
    ----------
    folder
        One that is not there yet.
    thickness
        The tables of `aparcstats2table`, left and right; one table of both; or FreeSurfer's folder of subjects.
    people
        ``participants.tsv``; None: the columns stand in the table of the regions.
    slope, contrast, covariates
        What is asked, as in `xsg.people.read_cohort.People`. Without: a contrast where a column ``group`` (or
        ``diagnosis``, ``dx``) holds controls and one other group; else the slope of age.
    **read
        What else `xsg.read_cohort` takes (``quality``, ``keep``, ``site``, ``sex``, …).

    Returns
    -------
    folder : Path
    told : list of str
        What was found and what comes next, a sentence each; nobody is named.

    Raises
    ------
    ValueError
        What `xsg.read_cohort` refuses; a question that the tables cannot answer; a folder that is there and not empty.
    """
    sides = [Path(each) for each in ([thickness] if isinstance(thickness, (str, Path)) else thickness)]
    quality = read.pop("quality", None)
    if absent := [each for each in [*sides, people, quality] if each is not None and not Path(each).exists()]:
        raise ValueError(
            f"{absent[0]} is not there. Give the tables of a cohort, or a folder of FreeSurfer's subjects."
        )
    subjects = sides[0] if sides[0].is_dir() else None
    cohort = read_cohort(subjects or (sides if len(sides) > 1 else sides[0]), people, quality=quality, **read)
    asked, why = _question(cohort, slope, contrast)
    if covariates is not None:
        asked["covariates"] = list(covariates)
    found = mapped(cohort, asked)
    names = ["lh.tsv", "rh.tsv"] if subjects else _distinct([each.name for each in sides])
    rest = {what: Path(each) for what, each in (("people", people), ("quality", quality)) if each is not None}
    if clash := [each.name for each in rest.values() if each.name in names or each.name in _TEMPLATE]:
        raise ValueError(f"two tables are called {clash[0]!r}; rename one, so that both can stand in one folder.")

    def fill(part: Path) -> None:
        if subjects:
            for name, table in zip(names, stats_tables(subjects, read.get("measure", "thickness")), strict=True):
                table.to_csv(part / name, sep="\t")
        else:
            for name, source in zip(names, sides, strict=True):
                shutil.copyfile(source, part / name)
        for source in rest.values():
            shutil.copyfile(source, part / source.name)
        copy_template(part, without=("README.md", "study.toml"))
        (part / "README.md").write_text(_README, encoding="utf-8")
        options = {"thickness": names if len(names) > 1 else names[0]}
        options |= {what: each.name for what, each in rest.items()} | {k: v for k, v in read.items() if v is not None}
        text = _TOML.format(name=json.dumps(Path(folder).name), cohort=_lines(options), asked=_lines(asked))
        (part / "study.toml").write_text(text, encoding="utf-8")

    path = new_folder(folder, fill)
    half = found.split_half["median"]
    told = [
        f"{len(cohort.values)} people with {cohort.measure} of {cohort.values.shape[1]} regions; {why}.",
        f"Map: {found.question}, {found.n} people, split-half r = {half:.2f}.",
    ]
    try:
        load_cortex("ahba", thinning=found)
    except DownloadError as error:
        told.append(
            f"Gene expression for atlas {cohort.atlas!r} is not here and could not be fetched ({error}). analysis.py "
            "fetches it when it runs; without a network, run 'xsg data fetch' elsewhere and set XSG_DATA."
        )
    return path, told


_TEMPLATE = ("README.md", "study.toml", "analysis.py")


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) == len(names) and not set(names) & set(_TEMPLATE):
        return names
    raise ValueError(f"two tables are called {names[0]!r}; rename them, lh.tsv and rh.tsv, so that both can be copied.")


def _question(cohort: People, slope: str | None, contrast: Sequence[str] | None) -> tuple[dict[str, object], str]:
    """Return what is asked, and a sentence that says why."""
    if slope is not None and contrast is not None:
        raise ValueError("slope and contrast were both given; expected one.")
    if slope is not None:
        return {"slope": slope}, f"asked for: the slope of {slope}"
    if contrast is not None:
        return {"contrast": list(contrast)}, f"asked for: {contrast[1]} beside {contrast[2]}"
    for column in (each for each in cohort.table if fold(each) in _GROUPS):
        sizes = cohort.table[column].dropna().value_counts()
        controls = [each for each in sizes.index if fold(each) in _CONTROLS]
        if len(controls) == 1 and len(sizes) == 2:
            patients = next(each for each in sizes.index if each != controls[0])
            why = f"column {column!r} holds {counted(cohort.table[column].dropna())}, so these are compared"
            return {"contrast": [column, patients, controls[0]]}, why
    if "age" in cohort.table and cohort.table["age"].nunique() > 2:
        return {"slope": "age"}, "no column of two groups, one of them controls, so the slope of age is mapped"
    raise ValueError(
        f"nothing says what to map: no column of two groups, one of them controls, and no ages; there are "
        f"{some(cohort.table, 12)}. Say slope='column', or contrast=('column', 'patients', 'controls')."
    )


def _lines(options: Mapping[str, object]) -> str:
    """Write options as TOML."""
    return "\n".join(f"{name} = {_toml(value)}" for name, value in options.items())


def _toml(value: object) -> str:
    if hasattr(value, "items"):
        return "{ " + ", ".join(f"{json.dumps(str(key))} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
