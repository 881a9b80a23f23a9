"""A study of your own: from a folder of CSV tables to a cortex that everything else in the book takes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd

from xsg import names
from xsg.atlas import Graph, Parcellation, build_graph, load_parcellation
from xsg.check import MISSING_TEXT, choice, constant, plausible, some
from xsg.data.cohort import Cohort, thinning_map
from xsg.data.cortex import Cortex
from xsg.data.gene_names import gene_names
from xsg.data.tables import counted, find_table, floats, fold, labels, read_table, uncoded
from xsg.files import read_text
from xsg.people.adni_tables import sexes
from xsg.study.cohort import cohort_cortex, cohort_files
from xsg.study.write import write_template as write_template

_KNOWN = {
    "name": str,
    "simulated": bool,
    "unit": str,
    "patients": str,
    "controls": str,
    "adjust": list,
    "cohort": dict,
    "map": dict,
}
_COVARIATES = ("age", "sex", "site")
_TABLES = ("regions", "labels", "expression", "thinning", "cohort", "edges")
# What other programmes put beside the genes: numbers of rows and of regions.
_NO_GENE = {"label", "labels", "id", "index"}
# What stands for "no region" in labellings of the cortex.
_NO_REGION = {"unknown", "medialwall", "corpuscallosum", "background", "???"}
_COUNTS = 10.0  # edges above weigh as counts of streamlines do, beside which a region's own part (1) would vanish


def read_study(folder: str | Path) -> Cortex:
    """Read a study of your own from a folder.

    ``python -m xsg new FOLDER`` makes such a folder, filled with a simulated example, to be overwritten with yours.

    Parameters
    ----------
    folder
        Folder with tables of text (comma, semicolon or tab between cells; .csv, .tsv or .txt)

        - ``regions.csv``: ``region``, ``hemisphere`` (L/R), ``x``, ``y``, ``z`` (centre, mm), and ``lobe`` if you like.
          Homologous regions, ``L_name`` and ``R_name`` or in any style of the field, are kept in one fold; the other
          tables may call the regions in another style.
        - ``labels.csv``, optional: one column ``region`` of 20,484 rows, the region of each fsaverage5 vertex, left
          hemisphere first, empty where there is none. Without it borders are guessed from the centres.
        - ``expression.csv``: ``region``, then a column for each gene (or whatever else is known of every region).
        - ``thinning.csv``: ``region`` and ``thinning``, positive where there is less in patients; or ``cohort.csv``:
          ``subject``, ``group``, ``age`` (years), ``sex`` (F/M), ``site``, then thickness in mm, a column for each
          region, of which `xsg.data.cohort.thinning_map` makes the map.
        - ``edges.csv``, optional: ``a``, ``b``, ``weight``; without it regions that touch are joined, and homologues.
          Weights above 10, as counts of streamlines are, are divided by the largest.
        - ``study.toml``, optional: ``name``; ``simulated = true`` where any of it is; ``unit`` of the thinning;
          ``patients``, ``controls`` and ``adjust`` for a cohort.

        Or a cohort as FreeSurfer and BIDS write it, which `xsg.study.cohort.write_study_from` begins: tables of the
        regions and of the people, and a ``study.toml`` whose ``[cohort]`` holds what `xsg.read_cohort` takes and whose
        ``[map]`` says what is asked of it. Genes are then those of the atlas.

    Returns
    -------
    Cortex
        With the cohort, where there is one. Regions that no table but ``regions.csv`` has are left out, and named in
        the provenance.

    Raises
    ------
    ValueError
        A file or column is missing, a region, gene or column is unknown or given twice, a value is no number or cannot
        be true, both or neither of ``thinning.csv`` and ``cohort.csv`` are there, an option is unknown or of another
        type; each named with its file.

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
    if "cohort" in options:
        return cohort_cortex(folder, options)
    places = _places(folder)
    name = options.get("name", folder.resolve().name)
    parcellation = _parcellation(folder, name, places)
    expression, dropped = _expression(folder, places.index)
    thinning, cohort, told = _thinning(folder, options, places.index)
    regions = [r for r in places.index if r in expression.index and r in thinning.index]
    lost = [r for r in places.index if r not in regions]
    if not regions:
        raise ValueError(f"{folder}: no region of regions.csv has both expression and thinning.")
    homologue = parcellation.homologue
    paired = sum(region in homologue.index and homologue[region] in regions for region in regions)
    provenance = [
        f"Expression: {folder.name}/expression.csv, {expression.shape[1]} columns{dropped}.",
        *told,
        f"Regions: {parcellation.name}; left out for want of expression or thinning: {', '.join(lost) or 'none'}.",
        f"{len(regions)} regions: {paired // 2} pairs of homologues, {len(regions) - paired} without one.",
    ]
    graph = _graph(folder, parcellation).subset(regions)
    tables = expression.loc[regions], thinning.loc[regions]
    simulated = options.get("simulated", False)
    return Cortex(name, *tables, graph, parcellation, provenance, simulated, cohort=cohort)


def study_files(folder: str | Path) -> list[Path]:
    """Return the files of a study that `read_study` reads, without reading its numbers.

    Raises
    ------
    ValueError
        If a table that it needs is not there.
    """
    folder = Path(folder)
    options = _options(folder)
    found = [folder / "study.toml"] if (folder / "study.toml").is_file() else []
    if "cohort" in options:
        return found + cohort_files(folder, options)
    tables = {name: find_table(folder, name) for name in _TABLES}
    if lacking := [f"{name}.csv" for name in ("regions", "expression") if tables[name] is None]:
        raise ValueError(f"{folder / lacking[0]} is missing.")
    if (tables["thinning"] is None) == (tables["cohort"] is None):
        raise ValueError(f"{folder}: expected thinning.csv or cohort.csv, one of them.")
    return found + [path for path in tables.values() if path]


def study_atlas(folder: str | Path) -> str | Parcellation:
    """Return where the regions of a study lie: the name of an atlas, or the places that its tables give."""
    folder = Path(folder)
    options = _options(folder)
    if "cohort" in options:
        return str(options["cohort"].get("atlas", "desikan"))
    return _parcellation(folder, options.get("name", folder.resolve().name), _places(folder))


def _options(folder: Path) -> dict:
    """Read study.toml, where there is one."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder. 'python -m xsg new {folder}' makes one to start from.")
    path = folder / "study.toml"
    try:
        options = tomllib.loads(read_text(path, "a study's options")) if path.is_file() else {}
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is no valid TOML: {error}.") from None
    for option, value in options.items():
        if option not in _KNOWN:
            raise ValueError(f"{path}: option {option!r} is unknown; there are: {', '.join(sorted(_KNOWN))}.")
        kind = _KNOWN[option]
        if not isinstance(value, kind):
            wanted = {bool: "true or false, without quotes", str: 'text, such as "mm"', list: 'a list, such as ["age"]'}
            wanted[dict] = f"a section, [{option}]"
            raise ValueError(f"{path}: {option} is {value!r}; expected {wanted[kind]}.")
    for each in options.get("adjust", []):
        choice(each, _COVARIATES, f"{path}: adjust")
    return options


def _table(folder: Path, file: str, columns: list[str], optional: tuple[str, ...] = (), of: pd.Index | None = None):
    """Read a table with one row a region (or subject), regions called as regions.csv does; returned with its path."""
    path = find_table(folder, file.removesuffix(".csv"))
    if path is None:
        there = ", ".join(sorted(each.name for each in folder.glob("*.csv"))) or "none"
        raise ValueError(f"{folder / file} is missing; CSV files there: {there}.")
    index = "subject" if file == "cohort.csv" else "region"
    table = read_table(path, columns, optional, index)
    if table.empty:
        raise ValueError(f"{path} has a header and no rows.")
    _once(table[index], path)
    table = table.set_index(index)
    if of is not None:
        table = table.set_axis(_regions(table.index, of, path).rename(index), axis=0)
    return table, path


def _once(names_given: pd.Series, path: Path) -> None:
    """Refuse rows without a name, or with one given before."""
    twice = names_given[names_given.duplicated() | (names_given == "")]
    if len(twice):
        raise ValueError(
            f"{path}: {names_given.name} {twice.iloc[0]!r} (line {twice.index[0]}) is empty or given twice."
        )


def _regions(given: pd.Index, regions: pd.Index, path: Path) -> pd.Index:
    """Call regions as regions.csv does, or refuse the first that is none of them."""
    meant = names.translate(given, regions)
    if unknown := [name for name in given if name not in meant]:
        near = names.nearest(unknown[0], regions)
        hint = f" Did you mean {near!r}?" if near else ""
        if near in meant.values() and (names.side(near), names.stem(near)) == (
            names.side(unknown[0]),
            names.stem(unknown[0]),
        ):
            hint = f" {near!r} is there already in another spelling."
        raise ValueError(
            f"{path}: region {unknown[0]!r} is not in regions.csv, whose names look like {regions[0]!r}.{hint}"
        )
    return pd.Index([meant[name] for name in given])


def _places(folder: Path) -> pd.DataFrame:
    """Read regions.csv: hemispheres as L and R, centres as numbers."""
    places, path = _table(folder, "regions.csv", ["hemisphere", "x", "y", "z"], ("lobe",))
    side = places["hemisphere"].map(lambda word: names.side(f"{word} x") or word)
    told = pd.Series([names.side(region) for region in places.index], places.index, dtype=object)
    wrong = places.index[told.notna() & (told != side) & side.isin(["L", "R"])]
    if len(wrong):
        raise ValueError(
            f"{path}: region {wrong[0]!r} lies in hemisphere {told[wrong[0]]} by its name, {side[wrong[0]]!r} by the "
            "column hemisphere. Are the rows in order?"
        )
    places = places.assign(hemisphere=side, **floats(places[["x", "y", "z"]], str(path)))
    if "lobe" in places:
        places["lobe"] = places["lobe"].mask(places["lobe"] == "", None)
    return places


def _expression(folder: Path, regions: pd.Index) -> tuple[pd.DataFrame, str]:
    """Read the genes, and say which columns are none: they number rows or regions."""
    table, path = _table(folder, "expression.csv", [], of=regions)
    cells = table.to_numpy()
    dropped = []
    for place, column in enumerate(table.columns):
        nameless, start = column.startswith("Unnamed: "), cells[0, place]
        rows = len(cells) > 2 and [str(int(start) + row) for row in range(len(cells))] if start in ("0", "1") else None
        if nameless or fold(column) in _NO_GENE or rows == [cell.removesuffix(".0") for cell in cells[:, place]]:
            dropped.append(column)
    table = table.drop(columns=dropped)
    if table.columns.empty:
        raise ValueError(f"{path} has no column of expression beside {some(['region', *dropped])}.")
    table = table.set_axis(gene_names(table.columns, str(path)), axis=1)
    found = floats(table, str(path))
    uncoded(found, str(path))
    return found, f", without {', '.join(map(repr, dropped))} (no gene: it numbers rows or regions)" if dropped else ""


def _parcellation(folder: Path, name: str, places: pd.DataFrame) -> Parcellation:
    """Make the parcellation of vertex labels where there are any, else of centres."""
    path = find_table(folder, "labels")
    if path is None:
        return Parcellation.from_centroids(f"{name}, borders guessed from centres", places)
    table = read_table(path, ["region"], blank_rows=True)
    table = table.drop(columns=[column for column in table.columns if column.startswith("Unnamed: ")])
    if list(table.columns) != ["region"]:
        raise ValueError(f"{path}: expected one column 'region', got {', '.join(table.columns)}.")
    given = table["region"]
    n = len(load_parcellation("dk").labels)
    if len(given) > n and (given.iloc[n:] == "").all():
        given = given.iloc[:n]  # blank lines at the end of the file
    if len(given) != n:
        raise ValueError(
            f"{path} has {len(given)} rows; expected {n}, one for each vertex of fsaverage5, left hemisphere first. "
            "Resample the labels to fsaverage5, or delete the file: borders are then guessed from the centres."
        )
    meant = names.translate(given.unique(), places.index)
    rows = places.index.get_indexer([meant.get(region) for region in given])
    none = given.map(
        lambda region: region not in meant and (region.casefold() in MISSING_TEXT or names.stem(region) in _NO_REGION)
    )
    if len(unknown := given[(rows < 0) & ~none]):
        raise ValueError(f"{path}: region {unknown.iloc[0]!r} (line {unknown.index[0]}) is not in regions.csv.")
    lobes = places["lobe"].to_dict() if "lobe" in places else None
    found = Parcellation.from_labels(name, rows, dict(enumerate(places.index)), lobes)
    other = found.table.index[found.table["hemisphere"] != places["hemisphere"]]
    if len(other):
        raise ValueError(
            f"{path}: region {other[0]!r} lies in hemisphere {found.table['hemisphere'][other[0]]}, regions.csv says "
            f"{places['hemisphere'][other[0]]!r}. The left hemisphere's vertices come first."
        )
    return found


def _thinning(folder: Path, options: dict, regions: pd.Index) -> tuple[pd.Series, Cohort | None, list[str]]:
    """Read the map, or make it of a cohort; returned with the sentences that say so."""
    given = [path.name for name in ("thinning", "cohort") if (path := find_table(folder, name))]
    if len(given) != 1:
        raise ValueError(f"{folder}: {' and '.join(given) or 'neither'} there; expected thinning.csv or cohort.csv.")
    if given[0].casefold().startswith("thinning"):
        table, path = _table(folder, "thinning.csv", ["thinning"], of=regions)
        values = floats(table[["thinning"]], str(path))
        uncoded(values, str(path))
        thinning = values["thinning"]
        if constant(thinning):
            raise ValueError(f"{path}: thinning is {thinning.iloc[0]:g} in all {len(thinning)} regions: no map.")
        thinning.attrs["unit"] = options.get("unit", "unit not given")
        return thinning, None, [f"Thinning: {folder.name}/{path.name}, {len(thinning)} regions."]
    cohort, notes = _cohort(folder, regions)
    found_groups = list(cohort.subjects["group"].unique())
    patients, controls = (
        next((group for group in found_groups if group.casefold() == wanted.strip().casefold()), wanted)
        for wanted in (options.get("patients", "AD"), options.get("controls", "NC"))
    )
    found = thinning_map(cohort, patients, controls, options.get("adjust", list(_COVARIATES)))
    thinning = found["thinning"]
    thinning.attrs = {"unit": "mm"}
    counts = found.iloc[0]
    told = f"Thinning: {counts['n_controls']:.0f} {controls} minus {counts['n_patients']:.0f} {patients}"
    others = cohort.subjects["group"][~cohort.subjects["group"].isin([patients, controls])]
    if len(others):
        notes.append(f"Cohort: not compared: {counted(others)}.")
    return thinning, cohort, ["; ".join([told, *found.attrs["provenance"][:1]]) + ".", *notes]


def _cohort(folder: Path, regions: pd.Index) -> tuple[Cohort, list[str]]:
    """Read subjects and their thickness; subjects of whom something is not known are left out and counted."""
    table, path = _table(folder, "cohort.csv", ["group", "age", "sex", "site"])
    meant = names.translate(table.columns.drop(["group", "age", "sex", "site"]), regions)
    measured = [column for column in table.columns if column in meant]
    if not measured:
        raise ValueError(f"{path}: no column is named as a region of regions.csv, {regions[0]!r}, ….")
    notes = []
    if others := [column for column in table.columns.drop(["group", "age", "sex", "site"]) if column not in meant]:
        notes.append(f"Cohort: columns that name no region, not used: {some(others)}.")
    ages = floats(table[["age"]], str(path), missing=True)
    plausible(ages, "age", str(path), missing=True)
    try:
        sex = sexes(table["sex"], str(path), table.index.to_series())
    except ValueError:
        known = table["sex"].str.casefold().isin(["f", "m", "female", "male", "1", "2", *MISSING_TEXT])
        odd = table.index[~known][0]
        raise ValueError(
            f"{path}: sex of {odd!r} is {table['sex'][odd]!r}; expected 'F' or 'M', female or male, or ADNI's 2 and 1."
        ) from None
    if table["sex"].isin(["1", "2"]).any():
        notes.append("Cohort: sex 1 is read as male, 2 as female.")
    subjects = pd.DataFrame(
        {"group": labels(table["group"]), "sex": sex, "site": labels(table["site"]), "age": ages["age"]}
    )
    kept = subjects.notna().all(axis=1)
    if not kept.any():
        raise ValueError(f"{path}: no subject has group, age, sex and site.")
    if not kept.all():
        why = ", ".join(f"{column} of {gone}" for column, gone in subjects.isna().sum().items() if gone)
        notes.append(f"Cohort: {(~kept).sum()} subjects left out, of whom something is not known: {why}.")
    table, subjects = table[kept], subjects[kept]
    thickness = floats(table[measured], str(path)).rename(columns=meant)
    thickness = thickness[[region for region in regions if region in thickness.columns]]
    plausible(thickness, "thickness", str(path))
    cohort = Cohort(thickness, subjects, [f"{folder.name}/{path.name}, {len(table)} subjects", *notes])
    return cohort, notes


def _graph(folder: Path, parcellation: Parcellation) -> Graph:
    """Read the edges, or join what touches."""
    path = find_table(folder, "edges")
    if path is None:
        return build_graph(parcellation)
    edges = read_table(path, ["a", "b", "weight"])
    weight = floats(edges[["weight"]], str(path))
    plausible(weight, "weight", str(path))
    regions, name = parcellation.regions, f"{folder.name}/{path.name}"
    ends = [_regions(pd.Index(edges[end].unique()), regions, path) for end in ("a", "b")]
    rows = [
        regions.get_indexer(edges[end].map(dict(zip(edges[end].unique(), meant, strict=True))))
        for end, meant in zip(("a", "b"), ends, strict=True)
    ]
    weights, given = np.zeros((len(regions),) * 2), np.zeros((len(regions),) * 2, dtype=bool)
    for line, a, b, each in zip(edges.index, *rows, weight["weight"], strict=True):
        if a == b:
            raise ValueError(f"{path}: line {line} joins {regions[a]!r} to itself; leave such rows out.")
        if given[a, b] and weights[a, b] != each:
            raise ValueError(
                f"{path}: {regions[a]!r} and {regions[b]!r} are joined twice, with weights "
                f"{weights[a, b]:g} and {each:g}. An edge has no direction; give it once."
            )
        weights[a, b] = weights[b, a] = each
        given[a, b] = given[b, a] = True
    if weights.max(initial=0) > _COUNTS:
        name += f", divided by the largest weight, {weights.max():g}"
        weights = weights / weights.max()
    return Graph(pd.DataFrame(weights, regions, regions), name)
