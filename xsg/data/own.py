"""A study of your own: from a folder of CSV tables to a cortex that everything else in the book takes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd

from xsg.atlas import Graph, Parcellation, build_graph
from xsg.data.adni import Cohort, thinning_map
from xsg.data.cortex import Cortex

_KNOWN = {"name", "simulated", "unit", "patients", "controls", "adjust"}


def read_study(folder: str | Path) -> Cortex:
    """Read a study of your own from a folder.

    ``python -m xsg new FOLDER`` makes such a folder, filled with a simulated example, to be overwritten with yours.

    Parameters
    ----------
    folder
        Folder with

        - ``regions.csv``: ``region``, ``hemisphere`` (L/R), ``x``, ``y``, ``z`` (centre, mm), and ``lobe`` if you like.
          Call homologous regions ``L_name`` and ``R_name``: they are then kept in one fold.
        - ``labels.csv``, optional: one column ``region`` of 20,484 rows, the region of each fsaverage5 vertex, left
          hemisphere first, empty where there is none. Without it borders are guessed from the centres.
        - ``expression.csv``: ``region``, then a column for each gene (or whatever else is known of every region).
        - ``thinning.csv``: ``region`` and ``thinning``, positive where there is less in patients; or ``cohort.csv``:
          ``subject``, ``group``, ``age`` (years), ``sex`` (F/M), ``site``, then thickness in mm, a column for each
          region, of which `xsg.data.adni.thinning_map` makes the map.
        - ``edges.csv``, optional: ``a``, ``b``, ``weight``; without it regions that touch are joined, and homologues.
        - ``study.toml``, optional: ``name``; ``simulated = true`` where any of it is; ``unit`` of the thinning;
          ``patients``, ``controls`` and ``adjust`` for a cohort.

    Returns
    -------
    Cortex
        With the cohort, where there is one. Regions that no table but ``regions.csv`` has are left out, and named in
        the provenance.

    Raises
    ------
    ValueError
        A file or column is missing, a region is unknown or given twice, a value is no number, both or neither of
        ``thinning.csv`` and ``cohort.csv`` are there, an option is unknown; each named with its file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     study = read_study(write_template(Path(folder) / "study"))
    >>> study.expression.shape, study.simulated
    ((68, 60), True)
    """
    folder = Path(folder)
    options = _options(folder)
    places = _table(folder, "regions.csv", ["hemisphere", "x", "y", "z"])
    name = options.get("name", folder.resolve().name)
    parcellation = _parcellation(folder, name, places)
    expression = _table(folder, "expression.csv", [], of=places.index)
    thinning, cohort, told = _thinning(folder, options, places.index)
    regions = [r for r in places.index if r in expression.index and r in thinning.index]
    lost = [r for r in places.index if r not in regions]
    pairs = len({str(r)[2:] if str(r)[:2] in ("L_", "R_") else r for r in regions})
    provenance = [
        f"Expression: {folder.name}/expression.csv, {expression.shape[1]} columns.",
        told,
        f"Regions: {parcellation.name}; left out for want of expression or thinning: {', '.join(lost) or 'none'}.",
        f"{len(regions)} regions, {pairs} of them or of their pairs apart.",
    ]
    graph = _graph(folder, parcellation).subset(regions)
    tables = _numbers(expression, folder / "expression.csv").loc[regions], thinning.loc[regions]
    simulated = bool(options.get("simulated", False))
    return Cortex(name, *tables, graph, parcellation, provenance, simulated, cohort=cohort)


def write_template(folder: str | Path) -> Path:
    """Write a new study with a simulated example, which `read_study` reads as it is.

    Raises
    ------
    ValueError
        If the folder exists and is not empty: nothing is ever overwritten.
    """
    from xsg.data.simulate import simulate_cortex

    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} exists and is not empty; name a folder that is not there yet.")
    cortex = simulate_cortex(seed=0, n_genes=60, n_controls=120, n_patients=80)
    parcellation, cohort = cortex.parcellation, cortex.cohort
    subjects = cohort.subjects[cohort.subjects["group"].isin(["NC", "AD"])]
    tables = {
        "regions.csv": parcellation.table[["hemisphere", "x", "y", "z", "lobe"]].round(2),
        "labels.csv": pd.Series([*parcellation.regions, ""], name="region").iloc[parcellation.labels],
        "expression.csv": cortex.expression.round(4),
        "cohort.csv": subjects.join(cohort.thickness.round(3)).rename_axis("subject"),
    }
    here = Path(__file__).with_name("template")
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / name, index=name != "labels.csv")
    for source in sorted(path for path in here.iterdir() if path.is_file()):  # no __pycache__, which pip makes there
        (folder / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def _options(folder: Path) -> dict:
    """Read study.toml, where there is one."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder. 'python -m xsg new {folder}' makes one to start from.")
    path = folder / "study.toml"
    try:
        options = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is no valid TOML: {error}.") from None
    if unknown := sorted(options.keys() - _KNOWN):
        raise ValueError(f"{path}: option {unknown[0]!r} is unknown; there are: {', '.join(sorted(_KNOWN))}.")
    return options


def _table(folder: Path, file: str, columns: list[str], index: str = "region", of: pd.Index | None = None):
    """Read a CSV file with one row a region (or subject); what is wrong with it is told with its name."""
    path = folder / file
    if not path.is_file():
        there = ", ".join(sorted(each.name for each in folder.glob("*.csv"))) or "none"
        raise ValueError(f"{path} is missing; CSV files there: {there}.")
    # Identifiers may look like numbers, and "NA" may be a name.
    table = _csv(path, [index, *columns], dtype={index: str}, keep_default_na=False, na_values=[""])
    twice = table[index][table[index].duplicated() | table[index].isna()]
    if len(twice):
        raise ValueError(f"{path}: {index} {twice.iloc[0]!r} (line {twice.index[0] + 2}) is empty or given twice.")
    table = table.set_index(index)
    if of is not None and len(unknown := table.index.difference(of, sort=False)):
        raise ValueError(f"{path}: region {unknown[0]!r} is not in regions.csv, whose names look like {of[0]!r}.")
    return table


def _csv(path: Path, columns: list[str], **how: object) -> pd.DataFrame:
    """Read a CSV file that has at least these columns."""
    try:
        table = pd.read_csv(path, **how)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} could not be read as CSV in UTF-8: {error}.") from None
    if missing := [column for column in columns if column not in table.columns]:
        raise ValueError(
            f"{path}: no column {', '.join(map(repr, missing))}; there are {', '.join(table.columns[:8])}."
        )
    return table


def _numbers(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Turn all columns into finite numbers, or say where that fails."""
    numbers = table.apply(pd.to_numeric, errors="coerce").astype(float)
    bad = ~np.isfinite(numbers.to_numpy())
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{path}: {int(bad.sum())} values are missing or no numbers, the first in row {table.index[row]!r}, column "
            f"{table.columns[column]!r}: {table.iloc[row, column]!r}. Fill them, or leave the row or column out."
        )
    return numbers


def _parcellation(folder: Path, name: str, places: pd.DataFrame) -> Parcellation:
    """Make the parcellation of vertex labels where there are any, else of centres."""
    places = places.assign(**_numbers(places[["x", "y", "z"]], folder / "regions.csv"))
    path = folder / "labels.csv"
    if not path.is_file():
        return Parcellation.from_centroids(f"{name}, borders guessed from centres", places)
    labels = _csv(path, [], dtype=str, keep_default_na=False, skip_blank_lines=False)
    if list(labels.columns) != ["region"]:
        raise ValueError(f"{path}: expected one column 'region', got {', '.join(labels.columns)}.")
    rows = places.index.get_indexer(labels["region"])
    if len(unknown := labels["region"][(rows < 0) & (labels["region"] != "")]):
        raise ValueError(f"{path}: region {unknown.iloc[0]!r} (line {unknown.index[0] + 2}) is not in regions.csv.")
    lobes = places["lobe"].to_dict() if "lobe" in places else None
    found = Parcellation.from_labels(name, rows, dict(enumerate(places.index)), lobes)
    other = found.table.index[found.table["hemisphere"] != places["hemisphere"]]
    if len(other):
        raise ValueError(
            f"{path}: region {other[0]!r} lies in hemisphere {found.table['hemisphere'][other[0]]}, regions.csv says "
            f"{places['hemisphere'][other[0]]!r}. The left hemisphere's vertices come first."
        )
    return found


def _thinning(folder: Path, options: dict, regions: pd.Index) -> tuple[pd.Series, Cohort | None, str]:
    """Read the map, or make it of a cohort; returned with the sentence that says so."""
    given = [file for file in ("thinning.csv", "cohort.csv") if (folder / file).is_file()]
    if len(given) != 1:
        raise ValueError(f"{folder}: {' and '.join(given) or 'neither'} there; expected thinning.csv or cohort.csv.")
    if given == ["thinning.csv"]:
        table = _numbers(
            _table(folder, "thinning.csv", ["thinning"], of=regions)[["thinning"]], folder / "thinning.csv"
        )
        thinning = table["thinning"]
        thinning.attrs["unit"] = options.get("unit", "unit not given")
        return thinning, None, f"Thinning: {folder.name}/thinning.csv, {len(thinning)} regions."
    table = _table(folder, "cohort.csv", ["group", "age", "sex", "site"], index="subject")
    measured = [region for region in regions if region in table.columns]
    if not measured:
        raise ValueError(f"{folder / 'cohort.csv'}: no column is named as a region of regions.csv, {regions[0]!r}, ….")
    thickness = _numbers(table[measured], folder / "cohort.csv")
    subjects = (
        table[["group", "sex", "site"]].astype(str).assign(age=_numbers(table[["age"]], folder / "cohort.csv")["age"])
    )
    odd = subjects.index[~subjects["sex"].isin(["F", "M"])]
    if len(odd):
        raise ValueError(
            f"{folder / 'cohort.csv'}: sex of {odd[0]!r} is {subjects['sex'][odd[0]]!r}; expected 'F' or 'M'."
        )
    cohort = Cohort(thickness, subjects, [f"{folder.name}/cohort.csv, {len(table)} subjects"])
    patients, controls = options.get("patients", "AD"), options.get("controls", "NC")
    found = thinning_map(cohort, patients, controls, options.get("adjust", ["age", "sex", "site"]))
    thinning = found["thinning"]
    thinning.attrs = {"unit": "mm"}
    counts = found.iloc[0]
    told = f"Thinning: {counts['n_controls']:.0f} {controls} minus {counts['n_patients']:.0f} {patients}"
    return thinning, cohort, "; ".join([told, *found.attrs["provenance"][:1]]) + "."


def _graph(folder: Path, parcellation: Parcellation) -> Graph:
    """Read the edges, or join what touches."""
    path = folder / "edges.csv"
    if not path.is_file():
        return build_graph(parcellation)
    edges = _csv(path, ["a", "b", "weight"], dtype={"a": str, "b": str})
    weight = _numbers(edges[["weight"]], path)["weight"].to_numpy()
    rows = [parcellation.regions.get_indexer(edges[end]) for end in ("a", "b")]
    for end, row in zip(("a", "b"), rows, strict=True):
        if (row < 0).any():
            raise ValueError(f"{path}: region {edges[end][row < 0].iloc[0]!r} is not in regions.csv.")
    weights = np.zeros((len(parcellation.regions),) * 2)
    for (a, b), each in zip(zip(*rows, strict=True), weight, strict=True):
        if weights[a, b] not in (0, each):
            raise ValueError(
                f"{path}: {parcellation.regions[a]!r} and {parcellation.regions[b]!r} are joined twice, with weights "
                f"{weights[a, b]:g} and {each:g}. An edge has no direction; give it once."
            )
        weights[a, b] = weights[b, a] = each
    return Graph(pd.DataFrame(weights, parcellation.regions, parcellation.regions), f"{folder.name}/edges.csv")
