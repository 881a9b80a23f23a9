"""Tables of people as FreeSurfer, BIDS and spreadsheets write them: who a row is of, and which columns are regions.

No error and no sentence made here holds the name of a participant: rows are named by their line, names by their style.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from xsg import names
from xsg.check import MISSING_CODES, instance, some
from xsg.data.atlases import likeliest_atlas
from xsg.data.map_sheets import any_table
from xsg.data.tables import floats, fold, labels, read_table, uncoded

_IDS = ("participantid", "subjectid", "subject", "subjid", "subid", "sub", "id", "rid", "ptid", "participant", "eid")
_SESSIONS = ("sessionid", "session", "ses", "visit")
_FREESURFER = re.compile(r"([lr]h)\.(?:\S+\.)?[a-z]+|measure:\S+", re.IGNORECASE)
_SIDE_OF_FILE = re.compile(r"(?:^|[^a-z])(lh|rh|left|right)(?:[^a-z]|$)", re.IGNORECASE)
_ENTITIES = re.compile(r"(?:_(?:acq|run|rec|desc|space|ce|dir)-[a-z0-9]+)*(?:_t1w)?$", re.IGNORECASE)
_MEASURES = {"thickness": "thickness", "thickavg": "thickness", "area": "area", "surfavg": "area", "surfarea": "area",
             "volume": "volume", "grayvol": "volume", "vol": "volume", "meancurv": "curvature"}  # fmt: skip
_MEASURED = re.compile(rf"(?<=\S)[-_.\s]({'|'.join(_MEASURES)})$", re.IGNORECASE)
_TOTALS = re.compile(
    r"[lr]?(?:mean(?:thickness|area|volume)?|thickness|(?:white|pial|total)?surfarea|brainsegvol.*|cortexvol|bmi|"
    r"e?(?:stimated)?(?:total)?(?:intracranialvol(?:ume)?|tiv|icv)|totalgrayvol|supratentorial.*)"
)
# Negative codes of SPSS, FreeSurfer and ADNI; -1 may be a value.
_CODES = tuple(code for code in MISSING_CODES if code < -1)
_STYLES = ("as written", "without case and marks", "by number alone")


def person(text: object) -> tuple[str, str | None]:
    """Split a row's name into the person and the session, in BIDS's style or FreeSurfer's.

    Examples
    --------
    >>> person("sub-01_ses-2"), person("sub-01/ses-2"), person("IXI012"), person("sub-01_ses-2.long.sub-01")
    (('01', '2'), ('01', '2'), ('IXI012', None), ('01', '2'))
    """
    rest = re.sub(r"\.long\..*$", "", str(text).strip().rstrip("/\\"), flags=re.IGNORECASE)
    session = re.search(r"[_/\\]ses-([a-z0-9]+)", rest, re.IGNORECASE)
    rest = rest[: session.start()] if session else rest
    rest = _ENTITIES.sub("", re.split(r"[/\\]", rest)[-1])
    return re.sub(r"^sub-", "", rest, flags=re.IGNORECASE), session[1] if session else None


def style(text: object) -> str:
    """Show how a participant is named without saying who it is.

    Examples
    --------
    >>> style("sub-IXI012")
    'sub-III000'
    """
    prefix = re.match(r"sub-", str(text), re.IGNORECASE)
    rest = str(text)[prefix.end() if prefix else 0 :]
    return (prefix[0] if prefix else "") + re.sub(r"\d", "0", re.sub(r"[^\W\d_]", "I", rest))


def load(
    source: object, what: str, id: str | None, session: str | None, notes: list[str], few: float = 0.0
) -> pd.DataFrame:
    """Read a table whose rows are people: cells as they are, index the line, ``attrs``: what, side, who.

    The columns that name person and session are taken out; ``attrs["who"]`` holds the persons. A person's rows that are
    the same become one; people whose rows differ leave, if they are no more than the share ``few``.

    Raises
    ------
    TypeError
        If it is no table.
    ValueError
        If no column names the people, a row has no name, or a person is there twice.
    """
    if isinstance(source, (str, Path)) and Path(source).suffix.lower() in (".xlsx", ".xlsm"):
        what, table = Path(source).name, any_table(source, Path(source).name)
        table.index = pd.RangeIndex(2, len(table) + 2)
    elif isinstance(source, (str, Path)):
        what, table = Path(source).name, read_table(source)
    else:
        instance(source, pd.DataFrame, what, "a table (DataFrame) or the path of one")
        table = source.reset_index() if not isinstance(source.index, pd.RangeIndex) else source.copy()
        table = table.set_axis([str(column) for column in table.columns], axis=1)
        table.index = pd.RangeIndex(1, len(table) + 1)
    if table.empty:
        raise ValueError(f"{what} has a header and no rows.")
    column = _id_column(table, id, what)
    headed = re.match(r"([lr]h)\.", column, re.IGNORECASE)
    side = headed or _SIDE_OF_FILE.search(what)
    ids = table[column].map(lambda value: str(value).strip().removesuffix(".0") if pd.notna(value) else "")
    if (ids == "").any():
        raise ValueError(f"{what}: line {ids.index[ids == ''][0]} names no person in column {column!r}.")
    who = pd.DataFrame([person(each) for each in ids], table.index, ["person", "session"], dtype=object)
    rest = table.drop(columns=column)
    if (hit := next((each for each in rest.columns if fold(each) in _SESSIONS), None)) and who["session"].isna().all():
        who["session"] = [str(each).strip().removeprefix("ses-").removesuffix(".0") or None for each in rest[hit]]
        rest = rest.drop(columns=hit)
    if session is not None:
        kept = who["session"].isna() | (who["session"] == str(session).removeprefix("ses-"))
        if not kept.any():
            raise ValueError(f"{what}: no row is of session {session!r}; there are {some(who['session'].unique())}.")
        who, rest = who[kept], rest[kept]
    same = pd.concat([who["person"], rest], axis=1).duplicated()
    if same.any():
        notes.append(f"{what}: {int(same.sum())} rows are there twice and taken once.")
        who, rest = who[~same], rest[~same]
    twice = who["person"].duplicated(keep=False)
    if twice.any():
        n, several = who.loc[twice, "person"].nunique(), who.loc[twice, "session"].dropna().unique()
        if n > few * who["person"].nunique():
            hint = f"Choose a session, session={several[0]!r}." if len(several) > 1 else "Keep one row a person."
            lines = who.index[who["person"] == who.loc[twice, "person"].iloc[0]]
            raise ValueError(
                f"{what}: {n} people are there more than once, the first in lines {some(lines)}"
                + (f", sessions {some(several)}" if len(several) else "")
                + f". {hint}"
            )
        notes.append(f"{what}: {n} people leave, whose rows contradict each other.")
        who, rest = who[~twice], rest[~twice]
    rest.attrs = {
        "what": what,
        "side": names.SIDES[side[1].lower()] if side else None,
        "headed": bool(headed),
        "who": who["person"].to_list(),
        "style": style(ids.iloc[0]),
        "delimiter": table.attrs.get("delimiter"),
    }
    return rest


def _id_column(table: pd.DataFrame, told: str | None, what: str) -> str:
    if told:
        found = [column for column in table.columns if fold(column) == fold(told)]
        if len(found) == 1:
            return found[0]
    first = table.columns[0]
    if _FREESURFER.fullmatch(first) or first in ("Unnamed: 0", "index"):
        return first
    for wanted in _IDS:
        if hit := [column for column in table.columns if fold(column) == wanted]:
            return hit[0]
    raise ValueError(
        f"{what}: no column names the people (participant_id, subject, …{f', {told}' if told else ''}); there are "
        f"{some(table.columns, 8)}. Rename it participant_id, or say which it is: id='column'."
    )


def _key(who: str, how: int) -> str:
    plain = re.sub(r"[^0-9a-z]", "", who.casefold())
    if how == 2 and (digits := re.fullmatch(r"[a-z]*?0*(\d+)", plain)):
        return digits[1]
    return (who, plain, plain)[how]


def join(left: Sequence[str], right: Sequence[str]) -> tuple[np.ndarray, np.ndarray, str]:
    """Match people named in two tables: rows of each, in the order of the left, and how names were compared.

    The strictest way that matches most is taken; one that would make two people of a table the same is not.

    Examples
    --------
    >>> rows, others, how = join(["001", "002", "007"], ["2", "1"])
    >>> rows.tolist(), others.tolist(), how
    ([0, 1], [1, 0], 'by number alone')
    """
    best = (np.empty(0, int), np.empty(0, int), _STYLES[0])
    for how, told in enumerate(_STYLES):
        keys, others = ([_key(each, how) for each in side] for side in (left, right))
        if len(set(keys)) < len(keys) or len(set(others)) < len(others):
            continue
        places = {key: place for place, key in enumerate(others)}
        rows = np.array([place for place, key in enumerate(keys) if key in places], dtype=int)
        if len(rows) > len(best[0]):
            best = rows, np.array([places[keys[place]] for place in rows], dtype=int), told
    return best


def regions_of(table: pd.DataFrame, regions: pd.Index, measure: str) -> tuple[dict[str, str], list[str], list[str]]:
    """Tell which columns are regions of one measure, which are totals, and which are neither.

    Raises
    ------
    ValueError
        If no column is a region, if the names tell another measure, or two columns are one region.
    """
    what, side = table.attrs["what"], table.attrs["side"]
    bare: dict[str, list[str]] = {}
    totals, others, seen = [], [], set()
    for column in table.columns:
        hit = _MEASURED.search(column)
        name = column[: hit.start()] if hit else column
        if names.background(name):
            others.append(column)
        elif _TOTALS.fullmatch(names.stem(name).replace("_", "")) or _TOTALS.fullmatch(fold(column)):
            totals.append(column)
        elif hit and _MEASURES[hit[1].lower()] != measure:
            seen.add(_MEASURES[hit[1].lower()])
            others.append(column)
        else:
            bare.setdefault(name if names.side(name) or not side else f"{side}_{name}", []).append(column)
    meant = names.translate(bare, regions)
    for name, columns in bare.items():
        if name in meant and len(columns) > 1:
            raise ValueError(f"{what}: columns {some(columns)} are one region. Keep one.")
    found = {columns[0]: meant[name] for name, columns in bare.items() if name in meant}
    others += [column for name, columns in bare.items() if name not in meant for column in columns]
    if other := [name for name in found if table.attrs["headed"] and names.side(found[name]) != side]:
        raise ValueError(
            f"{what}: its first column says hemisphere {side}, its columns are of the other, such as {other[0]!r}. Has "
            "a header been copied?"
        )
    if not found:
        hint = f" Columns are of {' and '.join(sorted(seen))}: give measure={sorted(seen)[0]!r}." if seen else ""
        if not side and names.translate([f"L_{name}" for name in bare], regions):
            hint = " Nothing tells their hemisphere: write lh_ or rh_ before them, or name the file so."
        elif not hint and (likely := likeliest_atlas(bare)):
            hint = f" They look like those of atlas={likely!r}."
        raise ValueError(
            f"{what}: no column is named as a region, such as {regions[0]!r} or 'lh_bankssts_thickness'; there are "
            f"{some(table.columns)}.{hint}"
        )
    return found, totals, others


def numbers(table: pd.DataFrame, missing: Sequence[float]) -> pd.DataFrame:
    """Turn cells into floats; NaN where empty or one of the codes given; what looks like another code is refused.

    Raises
    ------
    ValueError
        If a cell is no number, or 999, -9 and the like stand out from the rest.
    """
    what = table.attrs["what"]
    plain = table.copy()
    plain.attrs = {"delimiter": table.attrs.get("delimiter")}
    found = floats(plain, what, missing=True)
    found = found.mask(found.isin([float(code) for code in missing]))
    hint = " Leave such cells empty, or say that they are missing: missing=(-9, 999)."
    for column, values in found.items():
        odd = values[values.isin(_CODES)]
        if len(odd) and (values.drop(odd.index).dropna() >= 0).all():
            raise ValueError(
                f"{what}: column {column!r} is {odd.iloc[0]:g} in line {odd.index[0]} and nowhere else negative; "
                f"{len(odd)} values look like a code for missing.{hint}"
            )
    try:
        uncoded(found, what)
    except ValueError as error:
        raise ValueError(str(error).replace(" Leave the rows or columns out.", hint)) from None
    return found


def columns_of(table: pd.DataFrame, missing: Sequence[float]) -> pd.DataFrame:
    """Turn each column of a table of people into numbers where all of it are, else into labels; index the person.

    Raises
    ------
    ValueError
        If ages are no numbers, or a column holds what looks like a code for missing.
    """
    found = {}
    for column in table.columns:
        cells = table[[column]]
        cells.attrs = {"delimiter": table.attrs.get("delimiter"), "what": table.attrs["what"]}
        try:
            floats(cells, table.attrs["what"], missing=True)
        except ValueError:
            if fold(column) == "age":
                raise
            words = labels(table[column])
            found[column] = words.mask(words.isin([f"{code:g}" for code in missing]), None)
        else:
            found[column] = numbers(cells, missing)[column]
    return pd.DataFrame(found, table.index).set_axis(pd.Index(table.attrs["who"]), axis=0)
