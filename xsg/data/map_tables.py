"""Tables: FreeSurfer's and ENIGMA's, CSV and Excel, Series and DataFrame to one value a region, joined by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsg import names as naming
from xsg.check import MISSING_TEXT, some
from xsg.data.map_names import by_name, other_atlas, other_networks, rows_by_name, subcortex
from xsg.data.map_sheets import any_table
from xsg.data.map_values import Reading, p_values, shown
from xsg.data.tables import floats, fold, uncoded

if TYPE_CHECKING:
    from xsg.atlas import Parcellation

_SIDE = ["hemisphere", "hemi", "hem", "side", "lateralisation", "laterality"]
_UNITS = {
    "Cohen's d": "d dicv cohensd cohend dvalue effectsize smd",
    "Hedges' g": "g hedgesg",
    "t": "t tval tvalue tstat tstatistic",
    "z": "z zval zvalue zscore zstat",
    "r": "r correlation rho",
    "%": "diff percent pct percentdifference percentchange",
    "mm": "thickness thickavg meanthickness thicknessmm mm",
}
UNITS = {spelling: unit for unit, spellings in _UNITS.items() for spelling in spellings.split()}
_MEASURES = (
    ("mm", "thickness", {"thickness", "thickavg", "meanthickness", "thicknessmm", "mm"}, 8),
    ("mm²", "areas", {"area", "surfarea"}, np.inf),
    ("mm³", "volumes", {"volume", "grayvol", "volumemm3"}, np.inf),
)
# Columns that tell a table's source, the column of its effect, and what that is: patients minus controls, so that more
# is more tissue.
_KNOWN = {
    ("structure", "dicv", "ncontrols", "npatients"): "d_icv",
    ("hem", "roithickness", "d", "npd", "nhc"): "d",
}


def read_tables(
    sources: dict[str | None, object],
    parcellation: Parcellation,
    *,
    what: str,
    which: object = None,
    unit: str | None = None,
    sure: bool = False,
) -> Reading:
    """Read one table, or several that each have some of the regions (left and right; cortex and subcortex).

    Parameters
    ----------
    sources
        Paths, Series or DataFrames, by the side that they are given for.
    parcellation
        Its regions get the values.
    what
        What the map is called in errors.
    which
        Name of the column of values; of a table with a row for each subject, the name of a row, or ``"mean"``.
    unit
        What the caller says the unit is.
    sure
        Whether the sides were said, so that names of the other one are a contradiction.

    Raises
    ------
    ValueError
        If no regions are found, there are several maps, a name is unknown or a value no number.
    """
    columns, found = [], []
    for side, source in sources.items():
        name = Path(source).name if isinstance(source, (str, Path)) else what
        table = any_table(source, name)
        values, column, notes, others = _values(table, parcellation, name, which)
        refuse_codes(values, name)
        reading = by_name(values, parcellation, name, others)
        reading.notes = [*notes, *reading.notes]
        there = reading.values.index[reading.values.notna()]
        if sure and (other := [region for region in there if naming.side(region) != side]):
            raise ValueError(
                f"{name} is given for side {side!r}, but holds {some(other)}. Names in a table tell the side: give it "
                "as a map, or exchange the two."
            )
        _describe(reading, table, values, column)
        found.append(reading)
        columns.append(column)
    whole = found[0]
    for other in found[1:]:
        if len(both := whole.values.index[whole.values.notna() & other.values.notna()]):
            raise ValueError(f"{what}: {some(both)} have a value in two of the tables. Keep one.")
        whole.values = whole.values.fillna(other.values)
        whole.coverage = whole.coverage + other.coverage
        whole.notes += [note for note in other.notes if note not in whole.notes]
        if whole.positive != other.positive or (unit is None and whole.unit != other.unit):
            units = " and ".join(each.unit or "something unstated" for each in (whole, other))
            raise ValueError(
                f"{what}: the tables measure different things ({units}); a map has one unit. If it is one, say unit=."
            )
    inside = whole.values.dropna()
    whole.warnings += p_values(str(columns[0]), inside.to_numpy()) or p_values(what, inside.to_numpy())
    return whole


def refuse_codes(values: pd.Series, what: str) -> None:
    """Refuse codes for a missing value."""
    there = values.dropna()
    if len(there):
        uncoded(there.to_frame("value"), what)


def _values(
    table: pd.DataFrame, parcellation: Parcellation, name: str, which: object
) -> tuple[pd.Series, str, list[str], bool]:
    """Return values by the names the table gives, what they are called, notes, and whether it is a wide table."""
    regions = parcellation.regions
    wide = rows_by_name(table.columns, regions)
    tall, column_of_names, used = _names(table, regions)
    if len(wide) > (0 if tall is None else len(rows_by_name(tall, regions))):
        return *_wide(table, list(wide), name, which), True
    if tall is None:
        texts = [column for column in table if fold(column) not in _SIDE and not _numeric(table[column])]
        cells = list(max((table[column] for column in texts), key=pd.Series.nunique, default=table.columns))
        hint = _hint([*cells, *table.columns], parcellation)
        raise ValueError(
            f"{name}: no column and no row has the names of at least four regions of {shown(parcellation)!r}, such as "
            f"{regions[0]!r} and {regions[-1]!r}; there are {some(cells)}. {hint}"
        )
    column, notes = _column(table, used, name, which)
    if isinstance(column, tuple):  # one column for each hemisphere
        parts = [
            table[each].set_axis([f"{side}_{region}" for region in table[column_of_names]]) for side, each in column
        ]
        cells, column = pd.concat(parts), f"{column[0][1]} and {column[1][1]}"
    else:
        cells = table[column].set_axis(tall)
    empty = [naming.background(label) and not str(label).strip() for label in cells.index]
    cells = cells[~np.array(empty, dtype=bool)]
    return _floats(cells, table, name), column, [f"Values of column {column!r}.", *notes], False


def _hint(cells: list, parcellation: Parcellation) -> str:
    """Say why names are none of an atlas's regions."""
    if any(map(subcortex, cells)) and not parcellation.subcortical.any():
        return f"Structures below the cortex belong to atlas='{shown(parcellation)}+subcortex'."
    if networks := other_networks(cells, parcellation.regions):
        return networks
    bare = {naming.stem(region) for region in parcellation.regions} & {naming.stem(cell) for cell in cells}
    if len(bare) > 3:
        return "They lack the hemisphere: write L_ or lh_ before them, or give it in a column 'hemisphere'."
    return other_atlas(pd.Index(cells), parcellation) or "Is it another atlas (atlas=)?"


def _floats(cells: pd.Series, table: pd.DataFrame, name: str) -> pd.Series:
    frame = cells.to_frame("value")
    frame.attrs = {key: table.attrs[key] for key in ("delimiter",) if key in table.attrs}
    return floats(frame, name, missing=True)["value"]


def _names(table: pd.DataFrame, regions: pd.Index) -> tuple[list | None, str | None, set]:
    """Return the names of regions that a column has, completed by a column of hemispheres, or None."""
    sides = [column for column in table if _is_side(table[column])]
    best, column_of_names, used, most = None, None, set(), 3
    for column in table:
        if column in sides or _numeric(table[column]):
            continue
        cells = [str(cell).strip() if pd.notna(cell) else "" for cell in table[column]]
        trials = [(cells, {column})]
        for side in sides:
            hemispheres = [naming.SIDES.get(str(cell).strip().lower(), "") for cell in table[side]]
            for h, cell in zip(hemispheres, cells, strict=True):
                if h and naming.side(cell) not in (None, h) and rows_by_name([cell], regions):
                    raise ValueError(
                        f"{cell!r} stands in a row whose column {str(side)!r} says {h!r}; which hemisphere is it? Mend "
                        "the names, or leave that column out."
                    )
            whole = [
                f"{h}_{cell}" if h and naming.side(cell) is None else cell
                for h, cell in zip(hemispheres, cells, strict=True)
            ]
            trials.append((whole, {column, side}))
        if _pair(table):
            trials.append(([f"L_{cell}" for cell in cells], {column, "both"}))
        for names, parts in trials:
            if (hits := len(rows_by_name(dict.fromkeys(names), regions))) > most:
                best, column_of_names, used, most = names, column, parts, hits
    return best, column_of_names, used


def _is_side(cells: pd.Series) -> bool:
    there = {str(cell).strip().lower() for cell in cells if pd.notna(cell)} - MISSING_TEXT
    return bool(there) and there <= {*naming.SIDES, "b", "both", "bilateral"}


def _pair(table: pd.DataFrame) -> tuple | None:
    """Return the columns of the left and the right hemisphere, where a table has one of each."""
    by_side = {naming.SIDES.get(str(column).strip().lower()): column for column in table.columns}
    return tuple((side, by_side[side]) for side in "LR") if "L" in by_side and "R" in by_side else None


def _numeric(cells: pd.Series) -> bool:
    """Tell whether a column has numbers, or nothing, only."""
    try:
        floats(cells.to_frame(), "", missing=True)
    except (ValueError, TypeError):
        return False
    return True


def _column(table: pd.DataFrame, used: set, name: str, which: object) -> tuple[object, list[str]]:
    """Return the column of the map: the one asked for, the only one, or that of a table whose form is known."""
    if which is not None:
        like = [column for column in table if column == which or fold(column) == fold(which)]
        if len(like) != 1:
            raise ValueError(f"{name}: no column {which!r}; there are {some(table.columns, 12)}.")
        return like[0], []
    folded = {fold(column): column for column in table}
    for columns, effect in _KNOWN.items():
        if set(columns) <= set(folded):
            return folded[fold(effect)], []
    if "both" in used:
        return _pair(table), []
    rest = [column for column in table if column not in used and table[column].map(_filled).any()]
    if len(rest) == 1:
        return rest[0], []
    there = [
        c
        for c in table
        if c not in used and _numeric(table[c]) and table[c].map(_filled).any() and not _counter(table[c], c)
    ]
    if {"StructName", "ThickAvg"} <= set(table):
        there = ["ThickAvg"]
    if {"StructName", "Volume_mm3"} <= set(table):
        there = ["Volume_mm3"]
    if len(there) == 1:
        return there[0], []
    if not there:
        raise ValueError(
            f"{name}: no column of numbers beside the regions' names; there are {some(table.columns, 12)}."
        )
    raise ValueError(f"{name}: {len(there)} columns could be the map: {some(there, 12)}. Say which one with column=.")


def _filled(cell: object) -> bool:
    return not (
        cell is None or (isinstance(cell, float) and np.isnan(cell)) or str(cell).strip().casefold() in MISSING_TEXT
    )


def _counter(cells: pd.Series, name: object) -> bool:
    """Tell whether a column only counts the rows, or names them by number."""
    if fold(name) in ("index", "id", "label", "labelid", "roi", "number", "no", "nr", "parcel"):
        return True
    found = pd.to_numeric(cells, errors="coerce").to_numpy(float)
    return len(found) > 3 and any(np.array_equal(found, np.arange(len(found)) + start) for start in (0, 1))


def _wide(table: pd.DataFrame, columns: list[str], name: str, which: object) -> tuple[pd.Series, str, list[str]]:
    """Return the one row of a table that has a column for each region."""
    rest = [column for column in table if column not in columns]
    left_out = [f"Left out, as no regions of the atlas: columns {some(rest, 8)}."] if rest else []
    whole = floats(_with(table[columns], table), name, missing=True)
    if which == "mean":
        return whole.mean(), "mean", [f"Mean over the table's {len(table)} rows.", *left_out]
    if which is not None:
        hits = [place for place, row in enumerate(table[rest].to_numpy()) if str(which) in {str(cell) for cell in row}]
        if len(hits) != 1:
            raise ValueError(f"{name}: {len(hits)} rows are called {which!r}; expected one.")
        return whole.iloc[hits[0]], str(which), [f"Values of row {str(which)!r}.", *left_out]
    if len(table) != 1:
        raise ValueError(
            f"{name} has {len(table)} rows, one for each subject it seems; a map has one. Of a cohort make a map with "
            "xsg.read_cohort (.contrast, .slope); or take one row by its name with column=, or their mean with "
            "column='mean'."
        )
    return whole.iloc[0], str(table.columns[0]), left_out


def _with(part: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    part = part.copy()
    part.attrs = {key: table.attrs[key] for key in ("delimiter",) if key in table.attrs}
    return part


def _describe(reading: Reading, table: pd.DataFrame, values: pd.Series, column: str) -> None:
    """Note the unit and the sign that the form of a table tells."""
    folded = {fold(each) for each in table.columns}
    for columns, effect in _KNOWN.items():
        if set(columns) <= folded and fold(column) == fold(effect):
            reading.unit, reading.positive = "Cohen's d", "gain"
            reading.notes.append("Summary table of patients minus controls: above zero is more tissue in patients.")
            return
    reading.unit = UNITS.get(fold(column))
    if reading.unit not in (None, "mm"):
        return
    first = fold(table.columns[0])  # lh.aparc.thickness, Measure:volume
    measured = {
        fold(column), first.rpartition("aparc")[2], first.removeprefix("measure"),
        *(fold(str(name).rpartition("_")[2]) for name in values.index[:5]),
    }  # fmt: skip
    reading.unit = None
    there = reading.values.dropna()
    for unit, what, words, most in _MEASURES:
        if measured & words and ((there > 0) & (there <= most)).all():
            reading.unit = unit
            reading.hint = f" These look like {what} in {unit}, of which more is more tissue: positive='gain'."
