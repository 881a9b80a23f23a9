"""From the tables of the Alzheimer's Disease Neuroimaging Initiative (ADNI) to a map of cortical thinning.

The tables are licensed to each user and are never redistributed: download them yourself and point `read_adni` at the
folder. `xsg.people.simulate_adni.write_adni_tables` writes simulated tables in the same layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from xsg import _moved
from xsg.check import RANGES, why_implausible
from xsg.data.cohort import GROUPS, Cohort
from xsg.data.tables import counted, floats, labels
from xsg.people import adni_tables
from xsg.people.adni_tables import (
    BASELINE,
    agreed,
    born,
    by_kind,
    coded,
    need,
    number,
    poor,
    rids,
    scan_rows,
    sexes,
    thickness_codes,
    visits,
)
from xsg.people.dates import dates

# What ADNI and those who recode it write for a diagnosis (SMC = subjective concern, cognitively normal).
_WORDS = {
    **dict.fromkeys(("nc", "cn", "nl", "normal", "smc"), "NC"),
    **dict.fromkeys(("mci", "emci", "lmci"), "MCI"),
    **dict.fromkeys(("ad", "dementia"), "AD"),
}
# DXCHANGE codes a change since the last visit; what counts here is the state it ends in.
_DIAGNOSIS = {
    "DXCURREN": {1.0: "NC", 2.0: "MCI", 3.0: "AD"},
    "DXCHANGE": {
        **dict.fromkeys((1.0, 7.0, 9.0), "NC"), **dict.fromkeys((2.0, 4.0, 8.0), "MCI"),
        **dict.fromkeys((3.0, 5.0, 6.0), "AD"),
    },
    "DIAGNOSIS": {1.0: "NC", 2.0: "MCI", 3.0: "AD"},
}  # fmt: skip
# ADNIMERGE: DX is the diagnosis of the visit, DX_bl the arm enrolled in.
_MERGED_DIAGNOSIS: dict[str, dict] = {"DX": {}, "DX_bl": {}}


def read_adni(folder: str | Path) -> Cohort:
    """Read the baseline visit of the official ADNI tables in a folder.

    Takes every ``UCSFFSX*.csv`` (FreeSurfer summary) with either ``DXSUM*.csv`` and ``PTDEMOG*.csv`` or, when one of
    these is not there, ``ADNIMERGE*.csv``. When all are there, ADNIMERGE is only compared, and what it says otherwise
    is counted. Columns may differ between phases and be empty in part; files may have been saved again by a spreadsheet
    (`xsg.data.tables`, `xsg.people.dates`).

    Baseline is the visit bl (also written m0), else sc, else scmri, else ADNI4's 4_bl or 4_sc (VISCODE2 where it is
    filled, else VISCODE). Of the scans of that
    visit, OVERALLQC Fail, not rated and Hippocampus Only are dropped; Partial is kept unless one of the lobes (TEMPQC,
    FRONTQC, PARQC, INSULAQC, OCCQC) is Fail, because Partial most often marks a region outside the cortex. If the bl
    scan of a subject fails, the sc scan stands in for it. A subject without diagnosis, age, sex or site is dropped.
    All counts are in ``provenance``.

    Parameters
    ----------
    folder : path
        The folder with the CSV files as downloaded (names may carry a date).

    Returns
    -------
    Cohort
        Thickness in mm (subjects × 68 regions), with group, age, sex and site.

    Raises
    ------
    ValueError
        A file or column is missing, a code is unknown, dates of a column may be read in two orders, a subject has two
        baseline scans, a thickness is missing or cannot be true, nobody is left.
    """
    return cohort_from_tables(adni_tables.read_tables(folder, "read_adni"))


def cohort_from_tables(tables: dict[str, pd.DataFrame]) -> Cohort:
    """Make a cohort of ADNI tables in memory; what `read_adni` does once the files are read.

    Parameters
    ----------
    tables : dict of DataFrame
        File name (its beginning says which table it is: UCSFFSX, DXSUM, PTDEMOG, ADNIMERGE) to table.

    Returns
    -------
    Cohort
        As of `read_adni`.

    Raises
    ------
    ValueError
        As of `read_adni`.
    """
    kinds = by_kind(tables)
    notes: list[str] = []
    scans = _scans(kinds["UCSFFSX"], notes)
    if kinds["DXSUM"] and kinds["PTDEMOG"]:
        people = _people(kinds["DXSUM"], kinds["PTDEMOG"], scans, notes)
        if kinds["ADNIMERGE"]:
            notes.append(_compared(people, kinds["ADNIMERGE"], scans))
    else:
        people = _people_merged(kinds["ADNIMERGE"], scans, notes)

    people = people.reindex(scans.index)
    keep = pd.Series(True, index=people.index)
    for column, what in (
        ("group", "diagnosis at baseline"),
        ("age", "age at the scan"),
        ("sex", "sex"),
        ("site", "site"),
    ):
        gone = keep & people[column].isna()
        if gone.any():
            notes.append(f"{gone.sum()} subjects dropped: no {what}")
        keep &= ~gone
    people = people[keep]
    if people.empty:
        raise ValueError(f"no subject is left of the {len(scans)} with a baseline scan: {'; '.join(notes)}")
    implausible = people.index[~RANGES["age"].holds(people["age"].to_numpy())]
    if len(implausible):
        rid = implausible[0]
        raise ValueError(
            f"RID {rid}: age at the scan is {people.loc[rid, 'age']:.1f} years; expected 18 to 110. Check the date of "
            f"birth and EXAMDATE of {_some(implausible)}.{why_implausible(people.loc[rid, 'age'], 'age')}"
        )
    counts = people["group"].value_counts()
    notes.append("kept " + ", ".join(f"{counts.get(g, 0)} {g}" for g in GROUPS))
    codes = thickness_codes()
    thickness = scans.loc[people.index, codes.to_numpy()].set_axis(pd.Index(codes.index, name="region"), axis=1)
    return Cohort(thickness, people.astype({"group": object, "sex": object, "site": object}), notes)


def _some(rids: Iterable[object], most: int = 5) -> str:
    """Name the first few subjects."""
    rids = list(rids)
    return "RID " + ", ".join(map(str, rids[:most])) + (f" and {len(rids) - most} more" if len(rids) > most else "")


def _diagnosis(text: str) -> float | str:
    """Return a diagnosis as codes list it: a number, or a word; of "NL to MCI" the state it ends in."""
    text = re.sub(r"^.*\bto\s+", "", text.casefold())
    return float(text) if re.fullmatch(r"\d+", text) else text


def _scans(files: list[tuple[str, pd.DataFrame]], notes: list[str]) -> pd.DataFrame:
    """Give one baseline scan a subject: index RID; EXAMDATE and the 68 thickness columns in mm."""
    codes = thickness_codes().to_numpy()
    parts, everyone, told = [], set(), []
    for name, table in files:
        part = scan_rows(name, table)
        extra = [c for c in table.columns if re.fullmatch(r"ST\d+TA", str(c)) and c not in set(codes)]
        if extra:
            notes.append(f"{name}: thickness columns of no Desikan–Killiany region ignored: {', '.join(extra)}")
        everyone |= set(part["RID"])
        part["visit"] = visits(table, name, part["RID"], told)
        part = part[part["visit"].notna()]
        parts.append(pd.concat([part, floats(table.loc[part.index, codes], name, missing=True)], axis=1))
        notes.append(f"{name}: {len(table)} rows, {len(part)} at baseline ({', '.join(BASELINE[:3])})")
    notes += told
    scans = pd.concat(parts, ignore_index=True)
    if scans.empty:
        seen = counted(code for _, table in files for c in ("VISCODE2", "VISCODE") if c in table for code in table[c])
        raise ValueError(
            f"{', '.join(name for name, _ in files)}: no scan is of a baseline visit; visit codes there: "
            f"{seen or 'none'}. Expected {', '.join(BASELINE)} or m0"
        )
    if later := len(everyone) - scans["RID"].nunique():
        notes.append(f"{later} subjects have no scan at baseline")
    everyone = scans["RID"].nunique()

    reasons = poor(scans)
    for why, gone in reasons.items():
        if gone.any():
            notes.append(f"quality control: {gone.sum()} scans dropped: {why}")
    kept_partial = int(((scans["qc"] == "Partial") & ~scans["lobe_fail"]).sum())
    if kept_partial:
        notes.append(f"quality control: {kept_partial} scans with OVERALLQC Partial kept: no lobe failed")
    scans = scans[~np.logical_or.reduce(list(reasons.values()))]
    if everyone > scans["RID"].nunique():
        notes.append(f"{everyone - scans['RID'].nunique()} subjects dropped: no baseline scan passed quality control")
    if scans.empty:
        raise ValueError(f"no scan is left: {'; '.join(notes)}. Check the column OVERALLQC")

    # The same image processed twice is one scan: the later run replaces the earlier.
    scans = scans.sort_values(["RID", "visit", "IMAGEUID", "RUNDATE"], kind="stable", na_position="first")
    rerun = scans.duplicated(["RID", "visit", "IMAGEUID"], keep="last")
    if rerun.any():
        notes.append(f"{rerun.sum()} rows dropped: the same image processed again later (RID, visit, IMAGEUID equal)")
    scans = scans[~rerun]
    scans = scans[scans["visit"] == scans.groupby("RID")["visit"].transform("min")]
    twice = scans[scans.duplicated("RID", keep=False)]
    if len(twice):
        first = twice[twice["RID"] == twice["RID"].iloc[0]]
        visit = BASELINE[int(first["visit"].iloc[0])]
        raise ValueError(
            f"RID {first['RID'].iloc[0]} has {len(first)} scans at visit {visit}: IMAGEUID "
            f"{', '.join(first['IMAGEUID'])} in {', '.join(first['file'].unique())}; expected one scan a subject. "
            "Delete the rows you do not want, or keep the file of one field strength only (in all: "
            f"{_some(twice['RID'].unique())})"
        )
    scans = scans.set_index("RID").sort_index()
    values = scans[codes].to_numpy()
    bad = ~RANGES["thickness"].holds(values)
    if bad.any():
        i, j = np.argwhere(bad)[0]
        raise ValueError(
            f"{scans['file'].iloc[i]}: RID {scans.index[i]} has thickness {values[i, j]} in {codes[j]} "
            f"({thickness_codes().index[j]}); expected a mean thickness in mm between 0 and 8. Correct or delete the "
            f"rows of {_some(scans.index[bad.any(axis=1)])}.{why_implausible(values[i, j], 'thickness')}"
        )
    return scans[["EXAMDATE", *codes]]


def _baseline_group(
    tables: list[tuple[str, pd.DataFrame]], columns: dict[str, dict], notes: list[str], merged: bool = False
) -> pd.Series:
    """Diagnosis at the baseline visit by RID, taken from whichever columns are filled."""
    parts = []
    for name, table in tables:
        need(table, name, ["RID"])
        here = [c for c in columns if c in table.columns]
        if not here:
            need(table, name, list(columns))
        rid = rids(table, name)
        visit = visits(table, name, rid, notes)
        baseline = visit.notna()
        group = pd.Series(None, index=table.index, dtype=object)
        for c in here:
            # Only the baseline rows are translated: a later visit may hold codes that no one needs here.
            known = {**columns[c], **_WORDS}
            found = coded(table.loc[baseline, c], known, name, rid[baseline], key=_diagnosis).reindex(table.index)
            clash = group.notna() & found.notna() & (group != found)
            if clash.any() and not merged:
                raise ValueError(
                    f"{name}: RID {rid[clash].iloc[0]} is {group[clash].iloc[0]} by one column and "
                    f"{found[clash].iloc[0]} by {c} at baseline; expected {', '.join(here)} to agree. Correct "
                    "or delete the row"
                )
            group = group.where(group.notna(), found)
        parts.append(pd.DataFrame({"RID": rid, "visit": visit, "group": group, "file": name}))
    every = pd.concat(parts, ignore_index=True).dropna(subset=["visit", "group"])
    every = every[every["visit"] == every.groupby("RID")["visit"].transform("min")]
    clash = every.groupby("RID")["group"].nunique()
    if (clash > 1).any():
        rid = clash.index[clash > 1][0]
        row = every[every["RID"] == rid]
        raise ValueError(
            f"RID {rid} has two diagnoses at baseline ({', '.join(row['group'].unique())}) in "
            f"{', '.join(row['file'].unique())}; expected one. Delete the row that is wrong"
        )
    return every.groupby("RID")["group"].first()


def _people(
    diagnoses: list[tuple[str, pd.DataFrame]],
    demographics: list[tuple[str, pd.DataFrame]],
    scans: pd.DataFrame,
    notes: list[str],
) -> pd.DataFrame:
    """Group, age, sex and site of each subject from DXSUM and PTDEMOG."""
    parts = []
    for name, table in demographics:
        need(table, name, ["RID", "PTGENDER", "SITEID"])
        rid = rids(table, name)
        parts.append(
            pd.DataFrame(
                {"RID": rid, "sex": sexes(table["PTGENDER"], name, rid), "site": table["SITEID"].astype(object),
                 "born": born(table, name, rid, notes)}
            )
        )  # fmt: skip
    every = pd.concat(parts, ignore_index=True)
    every["site"] = labels(every["site"])
    people = pd.DataFrame({c: agreed(every[c], every["RID"], w, notes) for c, w in
                           (("born", "date of birth"), ("sex", "sex"), ("site", "site"))})  # fmt: skip
    people = people.reindex(scans.index)
    people["age"] = (scans["EXAMDATE"] - people["born"]).dt.days / 365.25
    people["group"] = _baseline_group(diagnoses, _DIAGNOSIS, notes)
    return people[["group", "age", "sex", "site"]]


def _people_merged(merged: list[tuple[str, pd.DataFrame]], scans: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Group, age, sex and site of each subject from ADNIMERGE."""
    parts = []
    for name, table in merged:
        need(table, name, ["RID", "VISCODE", "AGE", "PTGENDER", "SITE"])
        rid = rids(table, name)
        exam = dates(table["EXAMDATE"], name) if "EXAMDATE" in table else pd.Series(pd.NaT, index=table.index)
        part = pd.DataFrame(
            {"RID": rid, "age": number(table, "AGE", name), "sex": sexes(table["PTGENDER"], name, rid),
             "site": table["SITE"].astype(object), "exam": exam}
        )  # fmt: skip
        parts.append(part[visits(table, name, rid, []).notna()])
    every = pd.concat(parts, ignore_index=True)
    every["site"] = labels(every["site"])
    people = pd.DataFrame({c: agreed(every[c], every["RID"], w, notes) for c, w in
                           (("age", "age"), ("sex", "sex"), ("site", "site"), ("exam", "baseline date"))})  # fmt: skip
    people = people.reindex(scans.index)
    # AGE is the age at the baseline visit; the scan may be weeks before or after it.
    shift = (scans["EXAMDATE"] - pd.to_datetime(people["exam"])).dt.days / 365.25
    if shift.isna().any():
        notes.append(f"{shift.isna().sum()} subjects: no date in ADNIMERGE or UCSFFSX, age of the baseline visit used")
    people["age"] = people["age"] + shift.fillna(0.0)
    people["group"] = _baseline_group(merged, _MERGED_DIAGNOSIS, notes, merged=True)
    return people[["group", "age", "sex", "site"]]


def _compared(people: pd.DataFrame, merged: list[tuple[str, pd.DataFrame]], scans: pd.DataFrame) -> str:
    """Say where ADNIMERGE, which is not used, tells something else of the subjects."""
    try:
        other = _people_merged(merged, scans, []).reindex(people.index)
    except ValueError as error:
        return f"DXSUM and PTDEMOG are used; ADNIMERGE could not be compared: {error}"
    differs = {c: people[c].notna() & other[c].notna() & (people[c] != other[c]) for c in ("group", "sex", "site")}
    told = ", ".join(f"another {c} of {gone.sum()} subjects" for c, gone in differs.items() if gone.any())
    return f"DXSUM and PTDEMOG are used; ADNIMERGE, not used, tells {told or 'the same of all subjects'}"


__getattr__ = _moved.lazily(__name__)
