"""The tables of ADNI as they are downloaded and as spreadsheets save them again: files, columns, codes, visits, dates.

What the readers of the baseline (`xsg.people.adni`) and of all visits (`xsg.people.trajectories`) both ask of a table.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from xsg.check import MISSING_CODES, RANGES
from xsg.data.tables import ENDINGS, counted, floats, labels, named, read_table
from xsg.people.dates import BIRTHS, AmbiguousOrder, dates, month_number

KINDS = ("UCSFFSX", "DXSUM", "PTDEMOG", "ADNIMERGE")
# Only these lobes hold cortex; UCSF also rates basal ganglia, ventricles, white matter and hippocampi.
LOBE_FLAGS = ("TEMPQC", "FRONTQC", "PARQC", "INSULAQC", "OCCQC")
_QC = {"pass": "Pass", "partial": "Partial", "fail": "Fail", "hippocampus only": "Hippocampus Only"}
_SEX = {"1": "M", "male": "M", "m": "M", "2": "F", "female": "F", "f": "F"}
# The most preferred first: a scan labelled baseline is taken before one made at screening. ADNI4 enrols again: its
# baseline counts only for those who have no earlier one.
BASELINE = ("bl", "sc", "scmri", "4_bl", "4_sc")
# ADNIGO and ADNI2 number the visits of new participants in VISCODE; others write month 0.
_ALIASES = {"baseline": "bl", "screening": "sc", "screeningmri": "scmri", "v01": "sc", "v02": "scmri", "v03": "bl"}
_MONTH_0 = re.compile(r"(?:ses)?m(?:onth)?0+")
_LATER = re.compile(r"(?:ses)?(?:4)?(?:m(?:onth)?\d+|y(?:ear)?\d+|v\d+|init|f|nv|sf|reg|tau|uns\d*)")
_OTHERS = (
    "RID", "VISCODE", "VISCODE2", "EXAMDATE", "IMAGEUID", "OVERALLQC", "RUNDATE", *LOBE_FLAGS, "DXCURREN", "DXCHANGE",
    "DIAGNOSIS", "DX", "DX_bl", "AGE", "PTGENDER", "PTDOB", "PTDOBMM", "PTDOBYY", "SITE", "SITEID",
)  # fmt: skip


@cache
def thickness_codes() -> pd.Series:
    """Give the FreeSurfer thickness column (such as ST13TA) of each Desikan–Killiany region.

    Returns
    -------
    Series
        Index region (68 names), values column names of the `UCSFFSX*` tables.
    """
    return pd.read_csv(Path(__file__).with_name("freesurfer_thickness_codes.csv"), index_col="region")["code"]


def kind_of(name: str) -> str | None:
    """Tell which table of ADNI a file is by its name, or None; data dictionaries are none."""
    hit = re.match(rf"(?:ALL_SUBJECTS_)?({'|'.join(KINDS)})", name.upper())
    return hit[1] if hit and "DICT" not in name.upper() else None


def read_tables(folder: str | Path, who: str) -> dict[str, pd.DataFrame]:
    """Read the tables of ADNI in a folder, file name to table; one rule for all readers.

    Raises
    ------
    ValueError
        If the folder is none, lacks tables, or one of them cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{who}: {folder} is not a folder; give the folder that holds the ADNI CSV files")
    every = sorted(path for path in folder.iterdir() if kind_of(path.name))
    found = [path for path in every if path.suffix.lower() in ENDINGS and path.is_file()]
    if told := _lacking([path.name for path in found]):
        hint = f" Files here: {[path.name for path in sorted(folder.iterdir())] or 'none'}"
        if books := [path.name for path in every if path.suffix.lower() in (".xlsx", ".xls", ".ods", ".zip")]:
            hint += f". Save {', '.join(books)} as CSV"
        elif below := sorted({path.parent for path in folder.glob("*/*") if kind_of(path.name)}):
            hint += f". There are tables in {', '.join(map(str, below[:3]))}: give that folder, or put all into one"
        raise ValueError(f"{who}: {folder} has {told}.{hint}")
    return {path.name: read_table(path, ["RID"], [*_OTHERS, *thickness_codes()]) for path in found}


def by_kind(tables: dict[str, pd.DataFrame]) -> dict[str, list[tuple[str, pd.DataFrame]]]:
    """Sort tables by kind, columns called as ADNI calls them.

    Raises
    ------
    ValueError
        If tables are lacking, or columns are there twice.
    """
    if told := _lacking(tables):
        raise ValueError(f"among the tables given is {told}. Given: {list(tables) or 'none'}")
    out: dict[str, list[tuple[str, pd.DataFrame]]] = {kind: [] for kind in KINDS}
    for name, table in tables.items():
        if kind := kind_of(name):
            attrs = table.attrs
            table = table.set_axis(named(table.columns, [], [*_OTHERS, *thickness_codes()], name), axis=1)
            table = table if table.index.is_unique else table.reset_index(drop=True)
            table.attrs = attrs
            out[kind].append((name, table))
    return out


def _lacking(names: Iterable[str]) -> str:
    """Say which tables are lacking, or nothing."""
    kinds = {kind_of(name) for name in names}
    if "UCSFFSX" in kinds and ({"DXSUM", "PTDEMOG"} <= kinds or "ADNIMERGE" in kinds):
        return ""
    missing = " and no ".join(f"{kind}*.csv" for kind in KINDS[:3] if kind not in kinds)
    return f"no {missing}; wanted UCSFFSX*.csv with DXSUM*.csv and PTDEMOG*.csv, or with ADNIMERGE*.csv"


def need(table: pd.DataFrame, name: str, columns: Sequence[str]) -> None:
    """Refuse a table without these columns, and name the nearest there are."""
    missing = [c for c in columns if c not in table.columns]
    if missing:
        have = [str(c) for c in table.columns if c not in columns]
        near = {c: hit for c in missing[:3] if (hit := difflib.get_close_matches(c, have, n=3))}
        raise ValueError(
            f"{name}: no column {', '.join(missing[:5])}{f' and {len(missing) - 5} more' if len(missing) > 5 else ''}; "
            f"near names in the file: {near or 'none'}. Download the table again, or rename the column"
        )


def number(table: pd.DataFrame, column: str, name: str) -> pd.Series:
    """Turn a column into floats; blanks and codes such as ADNI's -4 and -1 (not asked, not known) become NaN."""
    found = floats(table[[column]], name, missing=True)[column]
    return found.mask(found.isin([code for code in MISSING_CODES if code < 0]))


def rids(table: pd.DataFrame, name: str) -> pd.Series:
    """Return the subject of each row, int."""
    rid = number(table, "RID", name)
    if rid.isna().any():
        raise ValueError(f"{name}: {rid.isna().sum()} rows have no RID; every row must name its subject")
    if (odd := rid[rid != rid.round()]).size:
        raise ValueError(f"{name}: row {odd.index[0]} has RID {odd.iloc[0]}; expected a whole number")
    return rid.astype(int)


def visits(table: pd.DataFrame, name: str, rid: pd.Series, notes: list[str]) -> pd.Series:
    """Preference of the visit, its place in `BASELINE`; NaN where it is no baseline visit.

    Codes that are neither a baseline nor a later visit known are told in the notes, with the rows they cost.
    """
    if not {"VISCODE", "VISCODE2"} & set(table.columns):
        need(table, name, ["VISCODE2"])
    visit = pd.Series(None, index=table.index, dtype=object)
    for column in ("VISCODE2", "VISCODE"):
        if column in table:
            visit = visit.where(visit.notna(), labels(table[column]))
    plain = visit.map(lambda code: re.sub(r"[\s_-]", "", code.casefold()), na_action="ignore")
    code = plain.map(lambda c: "bl" if _MONTH_0.fullmatch(c) else _ALIASES.get(c, c), na_action="ignore")
    order = {each.replace("_", ""): float(place) for place, each in enumerate(BASELINE)}
    rank = code.map(order).astype(float)
    respelt = rank.notna() & ~plain.isin(["bl", "sc", "scmri"])
    if respelt.any():
        notes.append(f"{name}: visit codes read as baseline: {counted(visit[respelt])}")
    unknown = rank.isna() & ~plain.map(lambda c: bool(isinstance(c, str) and _LATER.fullmatch(c)))
    if unknown.any():
        notes.append(
            f"{name}: visit codes not known, rows not used: {counted(visit[unknown].fillna('empty'))}, "
            f"{rid[unknown].nunique()} subjects"
        )
    return rank


def coded(
    values: pd.Series, codes: dict, name: str, rid: pd.Series, key: Callable[[str], object] = str.casefold
) -> pd.Series:
    """Translate codes, however they are spelt; an unknown code is an error, a blank or a code for missing is not."""
    text = labels(values)
    known = text.notna()
    out = pd.Series(None, index=values.index, dtype=object)
    out[known] = text[known].map(key).map(codes)
    unknown = known & out.isna()
    if unknown.any():
        first = key(text[unknown].iloc[0])
        seen = f"{first:g}" if isinstance(first, float) else repr(text[unknown].iloc[0])
        raise ValueError(
            f"{name}: unknown code {seen} in column {values.name} (RID {rid[unknown].iloc[0]}); "
            f"unknown in all: {counted(text[unknown])}; known: {sorted(codes, key=str)}"
        )
    return out


def sexes(values: pd.Series, name: str, rid: pd.Series) -> pd.Series:
    """Read the sex, "M" or "F"; 1 is male and 2 female, as ADNI codes PTGENDER."""
    return coded(values, _SEX, name, rid)


def scan_rows(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Give what a table tells of each scan but its thickness: RID, day, image, run and quality."""
    need(table, name, ["RID", "EXAMDATE", "IMAGEUID", "OVERALLQC", *thickness_codes()])
    rid = rids(table, name)
    failed = np.zeros(len(table), dtype=bool)
    for column in LOBE_FLAGS:
        if column in table.columns:
            failed |= (table[column].astype(str).str.strip().str.lower() == "fail").to_numpy()
    # A row without IMAGEUID cannot be told to be the same image as another: it stands for itself.
    itself = pd.Series([f"unknown, row {row} of {name}" for row in table.index], table.index, dtype=object)
    scans = pd.DataFrame(
        {
            "RID": rid,
            "qc": coded(table["OVERALLQC"], _QC, name, rid),
            "lobe_fail": failed,
            "file": name,
            "IMAGEUID": labels(table["IMAGEUID"]).fillna(itself),
            "EXAMDATE": dates(table["EXAMDATE"], name),
        }
    )
    scans["RUNDATE"] = pd.Series(pd.NaT, index=table.index)
    if "RUNDATE" in table:
        scans["RUNDATE"] = _rundate(table["RUNDATE"], name, scans)
    return scans


def _rundate(values: pd.Series, name: str, scans: pd.DataFrame) -> pd.Series:
    """Read when images were processed; only the order of an image's runs matters."""
    try:
        return dates(values, name)
    except AmbiguousOrder:
        day, month = (dates(values, name, day_first=first) for first in (True, False))
        groups = [scans["RID"], scans["IMAGEUID"]]
        if not day.groupby(groups).rank().equals(month.groupby(groups).rank()):
            raise
        return month


def poor(scans: pd.DataFrame) -> dict[str, pd.Series]:
    """Give the reasons of quality control to leave scans out, each with the rows it takes."""
    return {
        "OVERALLQC Fail": scans["qc"] == "Fail",
        "OVERALLQC Hippocampus Only (cortex not rated)": scans["qc"] == "Hippocampus Only",
        "OVERALLQC empty (not rated)": scans["qc"].isna(),
        "OVERALLQC Partial with a failed lobe": (scans["qc"] == "Partial") & scans["lobe_fail"],
    }


def born(table: pd.DataFrame, name: str, rid: pd.Series, notes: list[str]) -> pd.Series:
    """Give the date of birth: ADNI tells month and year, in two columns or one, and no day.

    The middle of the month is at most 16 days off; where the month is missing, the middle of the year is half a year.
    """
    if "PTDOBYY" in table or "PTDOB" not in table:
        need(table, name, ["PTDOBYY"])
        year = number(table, "PTDOBYY", name)
        year = year.mask(year.isin([code for code in MISSING_CODES if not 1 <= code < 100]))
        month = number(table, "PTDOBMM", name) if "PTDOBMM" in table else pd.Series(np.nan, table.index)
        month = month.mask(month.isin(list(MISSING_CODES)))
        full = pd.Series(pd.NaT, table.index, dtype="datetime64[ns]")
    else:
        # Later releases give month and year in one column, such as 04/1938; a spreadsheet makes Apr-38 of it.
        text = labels(table["PTDOB"])
        hits = text.map(_month_and_year, na_action="ignore")
        parts = [hit if isinstance(hit, tuple) else (np.nan, np.nan) for hit in hits]
        month, year = (pd.Series(part, table.index, dtype=float) for part in zip(*parts, strict=True))
        full = dates(text.where(year.isna()), name, BIRTHS)
    short = year.between(0, 99)
    if short.any():
        notes.append(f"{name}: {short.sum()} years of birth of two digits read as 19..")
    year = year.mask(short, year + 1900)
    for values, low, high, what in ((year, *BIRTHS, "year of birth"), (month, 1, 12, "month of birth")):
        odd = values.notna() & ~(values.between(low, high) & (values == values.round()))
        if odd.any():
            raise ValueError(
                f"{name}: RID {rid[odd].iloc[0]} has {what} {values[odd].iloc[0]:g}; expected {low} to {high}. "
                "Correct it, or leave it empty"
            )
    halfway = year.notna() & month.isna()
    if halfway.any():
        notes.append(f"{name}: {halfway.sum()} rows have no month of birth: the middle of the year is taken")
    parts = pd.DataFrame({"year": year, "month": month.fillna(7), "day": np.where(halfway, 1, 15)})
    return pd.to_datetime(parts[year.notna()]).reindex(table.index).fillna(full).astype("datetime64[ns]")


def _month_and_year(text: str) -> tuple[int, int] | None:
    """Read 04/1938, 1938-04, 04/--/1938, 1938 or Apr-38."""
    if hit := re.fullmatch(r"(\d{1,2})[-/.]\D*?(\d{4})", text):
        return int(hit[1]), int(hit[2])
    if hit := re.fullmatch(r"(\d{4})[-/.](\d{1,2})", text):
        return int(hit[2]), int(hit[1])
    if (hit := re.fullmatch(r"([^\W\d]{3,})[-/.\s]*(\d{4}|\d{2})", text)) and (month := month_number(hit[1])):
        return month, int(hit[2])
    return (np.nan, int(text)) if re.fullmatch(r"(?:19|20)\d\d", text) else None


def agreed(values: pd.Series, rid: pd.Series, what: str, notes: list[str]) -> pd.Series:
    """Give the first value of each subject; where later rows disagree, say how often."""
    known = values.notna()
    grouped = values[known].groupby(rid[known])
    differing = int(grouped.nunique().gt(1).sum())
    if differing:
        notes.append(f"{differing} subjects have more than one {what} in the tables: the first is used")
    return grouped.first()


def unmeasured(thickness: pd.DataFrame) -> dict[str, pd.Series]:
    """Give the reasons to leave scans out for their thickness, each with the rows it takes."""
    missing = thickness.isna() | thickness.isin(list(MISSING_CODES))
    fits = pd.DataFrame(RANGES["thickness"].holds(thickness.to_numpy()), thickness.index, thickness.columns)
    return {
        "a region was not measured (empty, 0 or a code such as -4)": missing.any(axis=1),
        f"a region's thickness is not {RANGES['thickness']}": (~fits & ~missing).any(axis=1) & ~missing.any(axis=1),
    }
