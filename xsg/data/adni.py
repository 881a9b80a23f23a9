"""From the tables of the Alzheimer's Disease Neuroimaging Initiative (ADNI) to a map of cortical thinning.

The tables are licensed to each user and are never redistributed: download them yourself and point `read_adni` at the
folder. `xsg.data.simulate.write_adni_tables` writes simulated tables in the same layout.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

GROUPS = ("NC", "MCI", "AD")

# The most preferred first: a scan labelled baseline is taken before one made at screening.
_BASELINE = ("bl", "sc", "scmri")
# Only these lobes hold cortex; UCSF also rates basal ganglia, ventricles, white matter and hippocampi.
_LOBE_FLAGS = ("TEMPQC", "FRONTQC", "PARQC", "INSULAQC", "OCCQC")
_QC = {"pass": "Pass", "partial": "Partial", "fail": "Fail", "hippocampus only": "Hippocampus Only"}
_SEX = {"1": "M", "male": "M", "m": "M", "2": "F", "female": "F", "f": "F"}
# DXCHANGE codes a change since the last visit; what counts here is the state it ends in.
_DIAGNOSIS = {
    "DXCURREN": {1: "NC", 2: "MCI", 3: "AD"},
    "DXCHANGE": {1: "NC", 7: "NC", 9: "NC", 2: "MCI", 4: "MCI", 8: "MCI", 3: "AD", 5: "AD", 6: "AD"},
    "DIAGNOSIS": {1: "NC", 2: "MCI", 3: "AD"},
}
# ADNIMERGE: DX is the diagnosis of the visit, DX_bl the arm enrolled in (SMC = subjective concern, cognitively normal).
_MERGED_DIAGNOSIS = {
    "DX": {"CN": "NC", "NL": "NC", "MCI": "MCI", "Dementia": "AD", "AD": "AD"},
    "DX_bl": {"CN": "NC", "SMC": "NC", "EMCI": "MCI", "LMCI": "MCI", "MCI": "MCI", "AD": "AD"},
}
_COVARIATES = ("age", "sex", "site")
_MIN_GROUP = 10
_MIN_SITE = 10
_CHUNK = 100  # bootstrap draws solved at once: 100 × 1352 subjects is about 1 MB of weights


@dataclass(frozen=True, repr=False)
class Cohort:
    """Baseline cortical thickness of a cohort, one row a subject.

    Attributes
    ----------
    thickness : DataFrame, shape (subjects, 68)
        Mean cortical thickness in mm, index RID, columns the Desikan–Killiany regions.
    subjects : DataFrame
        Index RID; columns group ('NC', 'MCI', 'AD'), age (years at the scan), sex ('F', 'M') and site (str).
    provenance : list of str
        What was read, what was dropped and why, with counts.
    """

    thickness: pd.DataFrame
    subjects: pd.DataFrame
    provenance: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.thickness.index.equals(self.subjects.index):
            raise ValueError("Cohort: thickness and subjects must have the same index (RID) in the same order")

    def __repr__(self) -> str:
        counts = self.subjects["group"].value_counts()
        sizes = ", ".join(f"{counts[g]} {g}" for g in GROUPS if g in counts)
        head = f"Cohort: {sizes}; {self.thickness.shape[1]} regions, mm; {self.subjects['site'].nunique()} sites"
        return "\n".join([head, *(f"  - {line}" for line in self.provenance)])


@cache
def thickness_codes() -> pd.Series:
    """Give the FreeSurfer thickness column (such as ST13TA) of each Desikan–Killiany region.

    Returns
    -------
    Series
        Index region (68 names), values column names of the `UCSFFSX*` tables.
    """
    return pd.read_csv(Path(__file__).with_name("freesurfer_thickness_codes.csv"), index_col="region")["code"]


def read_adni(folder: str | Path) -> Cohort:
    """Read the baseline visit of the official ADNI tables in a folder.

    Takes every ``UCSFFSX*.csv`` (FreeSurfer summary) with either ``DXSUM*.csv`` and ``PTDEMOG*.csv`` or, when one of
    these is not there, ``ADNIMERGE*.csv``. Columns may differ between phases and be empty in part.

    Baseline is the visit bl, else sc, else scmri (VISCODE2 where it is filled, else VISCODE). Of the scans of that
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
        A file or column is missing, a code is unknown, a subject has two baseline scans, a thickness is missing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"read_adni: {folder} is not a folder; give the folder that holds the ADNI CSV files")
    found = {kind: _find(folder, kind) for kind in ("UCSFFSX", "DXSUM", "PTDEMOG", "ADNIMERGE")}
    separate = bool(found["DXSUM"] and found["PTDEMOG"])
    if not found["UCSFFSX"] or not (separate or found["ADNIMERGE"]):
        missing = [f"{k}*.csv" for k in ("UCSFFSX", "DXSUM", "PTDEMOG") if not found[k]]
        raise ValueError(
            f"read_adni: {folder} has no {' and no '.join(missing)}; wanted UCSFFSX*.csv with DXSUM*.csv and "
            f"PTDEMOG*.csv, or with ADNIMERGE*.csv. Files here: {[p.name for p in sorted(folder.iterdir())] or 'none'}"
        )
    wanted = ["UCSFFSX", "DXSUM", "PTDEMOG"] if separate else ["UCSFFSX", "ADNIMERGE"]
    return cohort_from_tables({p.name: pd.read_csv(p, low_memory=False) for k in wanted for p in found[k]})


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
    kinds = {k: [n for n in tables if n.upper().startswith(k)] for k in ("UCSFFSX", "DXSUM", "PTDEMOG", "ADNIMERGE")}
    notes: list[str] = []
    scans = _scans([(n, tables[n]) for n in kinds["UCSFFSX"]], notes)
    if kinds["ADNIMERGE"]:
        people = _people_merged([(n, tables[n]) for n in kinds["ADNIMERGE"]], scans, notes)
    else:
        people = _people(
            [(n, tables[n]) for n in kinds["DXSUM"]], [(n, tables[n]) for n in kinds["PTDEMOG"]], scans, notes
        )

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
    implausible = people.index[~people["age"].between(18, 110)]
    if len(implausible):
        rid = implausible[0]
        raise ValueError(
            f"RID {rid}: age at the scan is {people.loc[rid, 'age']:.1f} years; expected 18 to 110. Check the date of "
            f"birth and EXAMDATE of {_some(implausible)}"
        )
    counts = people["group"].value_counts()
    notes.append("kept " + ", ".join(f"{counts.get(g, 0)} {g}" for g in GROUPS))
    codes = thickness_codes()
    thickness = scans.loc[people.index, codes.to_numpy()].set_axis(pd.Index(codes.index, name="region"), axis=1)
    return Cohort(thickness, people.astype({"group": object, "sex": object, "site": object}), notes)


def _find(folder: Path, kind: str) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() == ".csv" and p.name.upper().startswith(kind))


def _some(rids: Iterable[object], most: int = 5) -> str:
    """Name the first few subjects."""
    rids = list(rids)
    return "RID " + ", ".join(map(str, rids[:most])) + (f" and {len(rids) - most} more" if len(rids) > most else "")


def _need(table: pd.DataFrame, name: str, columns: Sequence[str]) -> None:
    missing = [c for c in columns if c not in table.columns]
    if missing:
        have = [str(c) for c in table.columns if c not in columns]
        near = {c: hit for c in missing[:3] if (hit := difflib.get_close_matches(c, have, n=3))}
        raise ValueError(
            f"{name}: no column {', '.join(missing[:5])}{f' and {len(missing) - 5} more' if len(missing) > 5 else ''}; "
            f"near names in the file: {near or 'none'}. Download the table again, or rename the column"
        )


def _number(values: pd.Series, name: str) -> pd.Series:
    """Turn a column into floats; blanks and ADNI's -4 and -1 (not asked, not known) become NaN."""
    number = pd.to_numeric(values, errors="coerce").astype(float)
    bad = number.isna() & values.notna() & (values.astype(str).str.strip() != "")
    if bad.any():
        raise ValueError(f"{name}: column {values.name} holds {values[bad].iloc[0]!r}; expected a number")
    return number.mask(number.isin([-4.0, -1.0]))


def _rid(table: pd.DataFrame, name: str) -> pd.Series:
    rid = _number(table["RID"], name)
    if rid.isna().any():
        raise ValueError(f"{name}: {rid.isna().sum()} rows have no RID; every row must name its subject")
    return rid.astype(int)


def _date(values: pd.Series, name: str) -> pd.Series:
    text = values.astype(object).where(values.notna(), None)
    date = pd.to_datetime(text, format="mixed", errors="coerce")
    bad = date.isna() & values.notna()
    if bad.any():
        raise ValueError(
            f"{name}: {values.name} holds {values[bad].iloc[0]!r}; expected a date such as 2011-05-27 or 5/27/2011"
        )
    return date.astype("datetime64[ns]")


def _visit(table: pd.DataFrame) -> pd.Series:
    """Preference of the visit: 0 = bl, 1 = sc, 2 = scmri, NaN = not a baseline visit."""
    visit = pd.Series(None, index=table.index, dtype=object)
    for column in ("VISCODE2", "VISCODE"):
        if column in table:
            text = table[column].astype(object)
            visit = visit.where(visit.notna(), text.where(text.notna(), None))
    return visit.map(lambda v: str(v).strip().lower()).map({v: float(i) for i, v in enumerate(_BASELINE)})


def _coded(values: pd.Series, codes: dict, name: str, rid: pd.Series, key=lambda v: v) -> pd.Series:
    """Translate codes; a code that is not in the list is an error, a blank is not."""
    known = values.notna()
    out = pd.Series(None, index=values.index, dtype=object)
    out[known] = values[known].map(key).map(codes)
    unknown = known & out.isna()
    if unknown.any():
        value = values[unknown].iloc[0]
        seen = f"{value:g}" if isinstance(value, float) else repr(value)
        raise ValueError(
            f"{name}: unknown code {seen} in column {values.name} (RID {rid[unknown].iloc[0]}); "
            f"known: {sorted(codes, key=str)}"
        )
    return out


def _label(values: pd.Series) -> pd.Series:
    """Turn codes that may have been read as 23, 23.0 or '23' into one text; blank and not known are None."""
    text = values.astype(object).where(values.notna(), None)
    text = text.map(lambda v: re.sub(r"\.0$", "", str(v).strip()), na_action="ignore")
    return text.mask(text.isin(["-4", "-1", ""]), None)


def _sex(values: pd.Series, name: str, rid: pd.Series) -> pd.Series:
    return _coded(_label(values), _SEX, name, rid, key=str.lower)


def _agreed(values: pd.Series, rid: pd.Series, what: str, notes: list[str]) -> pd.Series:
    """Give the first value of each subject; where later rows disagree, say how often."""
    known = values.notna()
    grouped = values[known].groupby(rid[known])
    differing = int(grouped.nunique().gt(1).sum())
    if differing:
        notes.append(f"{differing} subjects have more than one {what} in the tables: the first is used")
    return grouped.first()


def _scans(files: list[tuple[str, pd.DataFrame]], notes: list[str]) -> pd.DataFrame:
    """Give one baseline scan a subject: index RID; EXAMDATE and the 68 thickness columns in mm."""
    codes = thickness_codes().to_numpy()
    parts = []
    for name, table in files:
        _need(table, name, ["RID", "EXAMDATE", "IMAGEUID", "OVERALLQC", *codes])
        if not {"VISCODE", "VISCODE2"} & set(table.columns):
            _need(table, name, ["VISCODE2"])
        extra = [c for c in table.columns if re.fullmatch(r"ST\d+TA", str(c)) and c not in set(codes)]
        if extra:
            notes.append(f"{name}: thickness columns of no Desikan–Killiany region ignored: {', '.join(extra)}")
        rid = _rid(table, name)
        qc = _coded(table["OVERALLQC"].astype(object), _QC, name, rid, key=lambda v: str(v).strip().lower())
        lobes = [c for c in _LOBE_FLAGS if c in table.columns]
        lobe_fail = np.zeros(len(table), dtype=bool)
        for c in lobes:
            lobe_fail |= (table[c].astype(str).str.strip().str.lower() == "fail").to_numpy()
        never = pd.Series(pd.NaT, index=table.index)
        # A row without IMAGEUID cannot be told to be the same image as another: it stands for itself.
        image = _label(table["IMAGEUID"]).fillna("unknown, row " + pd.Series(table.index + 2, table.index).astype(str))
        part = pd.DataFrame(
            {
                "RID": rid,
                "visit": _visit(table),
                "qc": qc,
                "lobe_fail": lobe_fail,
                "file": name,
                "IMAGEUID": image,
                "RUNDATE": _date(table["RUNDATE"], name) if "RUNDATE" in table else never,
            }
        )
        part["EXAMDATE"] = _date(table["EXAMDATE"], name)
        part = part[part["visit"].notna()]
        thickness = table.loc[part.index, codes].apply(_number, name=name)
        parts.append(pd.concat([part, thickness], axis=1))
        notes.append(f"{name}: {len(table)} rows, {len(part)} at baseline ({', '.join(_BASELINE)})")
    scans = pd.concat(parts, ignore_index=True)
    everyone = scans["RID"].nunique()

    reasons = {
        "OVERALLQC Fail": scans["qc"] == "Fail",
        "OVERALLQC Hippocampus Only (cortex not rated)": scans["qc"] == "Hippocampus Only",
        "OVERALLQC empty (not rated)": scans["qc"].isna(),
        "OVERALLQC Partial with a failed lobe": (scans["qc"] == "Partial") & scans["lobe_fail"],
    }
    for why, gone in reasons.items():
        if gone.any():
            notes.append(f"quality control: {gone.sum()} scans dropped: {why}")
    kept_partial = int(((scans["qc"] == "Partial") & ~scans["lobe_fail"]).sum())
    if kept_partial:
        notes.append(f"quality control: {kept_partial} scans with OVERALLQC Partial kept: no lobe failed")
    scans = scans[~np.logical_or.reduce(list(reasons.values()))]
    if everyone > scans["RID"].nunique():
        notes.append(f"{everyone - scans['RID'].nunique()} subjects dropped: no baseline scan passed quality control")

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
        visit = _BASELINE[int(first["visit"].iloc[0])]
        raise ValueError(
            f"RID {first['RID'].iloc[0]} has {len(first)} scans at visit {visit}: IMAGEUID "
            f"{', '.join(first['IMAGEUID'])} in {', '.join(first['file'].unique())}; expected one scan a subject. "
            "Delete the rows you do not want, or keep the file of one field strength only (in all: "
            f"{_some(twice['RID'].unique())})"
        )
    scans = scans.set_index("RID").sort_index()
    values = scans[codes].to_numpy()
    bad = ~((values > 0) & (values < 8))
    if bad.any():
        i, j = np.argwhere(bad)[0]
        raise ValueError(
            f"{scans['file'].iloc[i]}: RID {scans.index[i]} has thickness {values[i, j]} in {codes[j]} "
            f"({thickness_codes().index[j]}); expected a mean thickness in mm between 0 and 8. Correct or delete the "
            f"rows of {_some(scans.index[bad.any(axis=1)])}"
        )
    return scans[["EXAMDATE", *codes]]


def _baseline_group(tables: list[tuple[str, pd.DataFrame]], columns: dict[str, dict], numeric: bool) -> pd.Series:
    """Diagnosis at the baseline visit by RID, taken from whichever columns are filled."""
    parts = []
    for name, table in tables:
        _need(table, name, ["RID"])
        if not {"VISCODE", "VISCODE2"} & set(table.columns):
            _need(table, name, ["VISCODE2"])
        here = [c for c in columns if c in table.columns]
        if not here:
            _need(table, name, list(columns))
        rid = _rid(table, name)
        visit = _visit(table)
        baseline = visit.notna()
        group = pd.Series(None, index=table.index, dtype=object)
        for c in here:
            values = _number(table[c], name) if numeric else table[c].astype(object)
            # Only the baseline rows are translated: a later visit may hold codes that no one needs here.
            coded = _coded(values[baseline], columns[c], name, rid[baseline]).reindex(table.index)
            clash = group.notna() & coded.notna() & (group != coded) & numeric
            if clash.any():
                raise ValueError(
                    f"{name}: RID {rid[clash].iloc[0]} is {group[clash].iloc[0]} by one column and "
                    f"{coded[clash].iloc[0]} by {c} at baseline; expected {', '.join(here)} to agree. Correct "
                    "or delete the row"
                )
            group = group.where(group.notna(), coded)
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
        if "PTDOBMM" not in table and "PTDOB" in table:
            # Later releases give month and year in one column, such as 04/1938.
            date = table["PTDOB"].astype("string").str.extract(r"^(\d+)/.*?(\d{4})$")
            table = table.assign(PTDOBMM=date[0], PTDOBYY=date[1])
        _need(table, name, ["RID", "PTGENDER", "PTDOBMM", "PTDOBYY", "SITEID"])
        rid = _rid(table, name)
        month, year = _number(table["PTDOBMM"], name), _number(table["PTDOBYY"], name)
        # ADNI gives no day: the middle of the month is at most 16 days off.
        born = pd.to_datetime(pd.DataFrame({"year": year, "month": month, "day": 15}), errors="coerce")
        parts.append(
            pd.DataFrame(
                {"RID": rid, "sex": _sex(table["PTGENDER"], name, rid), "site": _label(table["SITEID"]), "born": born}
            )
        )
    every = pd.concat(parts, ignore_index=True)
    people = pd.DataFrame({c: _agreed(every[c], every["RID"], w, notes) for c, w in
                           (("born", "date of birth"), ("sex", "sex"), ("site", "site"))})  # fmt: skip
    people = people.reindex(scans.index)
    people["age"] = (scans["EXAMDATE"] - people["born"]).dt.days / 365.25
    people["group"] = _baseline_group(diagnoses, _DIAGNOSIS, numeric=True)
    return people[["group", "age", "sex", "site"]]


def _people_merged(merged: list[tuple[str, pd.DataFrame]], scans: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Group, age, sex and site of each subject from ADNIMERGE."""
    parts = []
    for name, table in merged:
        _need(table, name, ["RID", "VISCODE", "AGE", "PTGENDER", "SITE"])
        rid = _rid(table, name)
        exam = _date(table["EXAMDATE"], name) if "EXAMDATE" in table else pd.Series(pd.NaT, index=table.index)
        part = pd.DataFrame(
            {"RID": rid, "age": _number(table["AGE"], name), "sex": _sex(table["PTGENDER"], name, rid),
             "site": _label(table["SITE"]), "exam": exam}
        )  # fmt: skip
        parts.append(part[_visit(table).notna()])
    every = pd.concat(parts, ignore_index=True)
    people = pd.DataFrame({c: _agreed(every[c], every["RID"], w, notes) for c, w in
                           (("age", "age"), ("sex", "sex"), ("site", "site"), ("exam", "baseline date"))})  # fmt: skip
    people = people.reindex(scans.index)
    # AGE is the age at the baseline visit; the scan may be weeks before or after it.
    shift = (scans["EXAMDATE"] - pd.to_datetime(people["exam"])).dt.days / 365.25
    if shift.isna().any():
        notes.append(f"{shift.isna().sum()} subjects: no date in ADNIMERGE or UCSFFSX, age of the baseline visit used")
    people["age"] = people["age"] + shift.fillna(0.0)
    people["group"] = _baseline_group(merged, _MERGED_DIAGNOSIS, numeric=False)
    return people[["group", "age", "sex", "site"]]


@dataclass(frozen=True)
class _Design:
    """The regression of one comparison: group and covariates, with sites as strata."""

    x: np.ndarray  # (subjects, 1 + covariates), group first
    y: np.ndarray  # (subjects, regions), mm
    stratum: np.ndarray  # (subjects,), 0 … n_strata − 1
    patient: np.ndarray  # (subjects,), bool
    notes: list[str]


def _design(cohort: Cohort, patients: str, controls: str, adjust: Sequence[str]) -> _Design:
    unknown = [a for a in adjust if a not in _COVARIATES]
    if unknown:
        raise ValueError(f"adjust: unknown covariate {unknown[0]!r}; choose from {_COVARIATES}")
    counts = cohort.subjects["group"].value_counts()
    if patients == controls:
        raise ValueError(f"patients and controls are both {patients!r}; give two groups of {GROUPS}")
    for group in (patients, controls):
        if counts.get(group, 0) < _MIN_GROUP:
            raise ValueError(
                f"group {group!r} has {counts.get(group, 0)} subjects; at least {_MIN_GROUP} are needed. Groups here: "
                f"{ {g: int(n) for g, n in counts.items()} }"
            )
    people = cohort.subjects[cohort.subjects["group"].isin([patients, controls])]
    patient = (people["group"] == patients).to_numpy()
    notes: list[str] = []
    columns = [patient.astype(float)]
    if "age" in adjust:
        columns.append(people["age"].to_numpy(float))
    if "sex" in adjust:
        columns.append((people["sex"] == "M").to_numpy(float))
    stratum = np.zeros(len(people), dtype=int)
    if "site" in adjust:
        size = people["site"].value_counts()
        small = size.index[size < _MIN_SITE]
        site = people["site"].mask(people["site"].isin(small), "pooled")
        if len(small):
            notes.append(
                f"{len(small)} sites with under {_MIN_SITE} subjects pooled ({int(size[small].sum())} subjects)"
            )
        stratum = np.unique(site.to_numpy(str), return_inverse=True)[1]
        notes.append(f"{stratum.max() + 1} site levels")
    # Centred, so that sums of squares lose no digits: the coefficients do not change.
    x = np.column_stack(columns)
    x = np.column_stack([x[:, 0], x[:, 1:] - x[:, 1:].mean(axis=0)])
    y = cohort.thickness.loc[people.index].to_numpy(float)
    return _Design(x, y, stratum, patient, notes)


def _moments(weights: np.ndarray, design: _Design) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted cross-products within strata: XᵀX (draws, p, p), XᵀY (draws, p, r), YᵀY's diagonal (draws, r).

    Demeaning within each site gives the same coefficients as one dummy a site (Frisch–Waugh–Lovell), costs a p × p
    system instead of a 60 × 60 one, and stands a draw in which a small site does not occur.
    """
    x, y = design.x, design.y - design.y.mean(axis=0)
    draws, p, r = len(weights), x.shape[1], y.shape[1]
    xx = (weights @ (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)).reshape(draws, p, p)
    xy = (weights @ (x[:, :, None] * y[:, None, :]).reshape(len(x), -1)).reshape(draws, p, r)
    yy = weights @ y**2
    for s in range(design.stratum.max() + 1):
        here = design.stratum == s
        w = weights[:, here]
        n = w.sum(axis=1)
        scale = np.where(n > 0, 1 / np.maximum(n, 1), 0.0)
        sx, sy = w @ x[here], w @ y[here]
        xx -= scale[:, None, None] * sx[:, :, None] * sx[:, None, :]
        xy -= scale[:, None, None] * sx[:, :, None] * sy[:, None, :]
        yy -= scale[:, None] * sy**2
    return xx, xy, yy


def _check_rank(xx: np.ndarray, design: _Design, adjust: Sequence[str], which: str = "") -> None:
    """Refuse a design in which the covariates say exactly who is a patient, or each other."""
    names = np.array(["group", *(a for a in ("age", "sex") if a in adjust)])
    scale = np.sqrt(((design.x - design.x.mean(axis=0)) ** 2).sum(axis=0))
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(xx / np.outer(scale, scale))
    bad = values[:, 0] < 1e-9
    if bad.any():
        culprits = names[np.abs(vectors[bad.argmax(), :, 0]) > 0.1]
        raise ValueError(
            f"collinear design{which}: {' and '.join(culprits)} cannot be told apart from the rest of {tuple(adjust)}, "
            "as when every site holds one group only, or all subjects are of one sex. Leave the covariate out of adjust"
        )


def thinning_map(
    cohort: Cohort, patients: str = "AD", controls: str = "NC", adjust: Sequence[str] = ("age", "sex", "site")
) -> pd.DataFrame:
    r"""Estimate regional cortical thinning, controls minus patients, by ordinary least squares.

    In every region, thickness :math:`= \beta_0 - \beta\,[\text{patient}] + \text{age} + \text{sex} + \text{site}` with
    one level a site; sites with under 10 subjects of the two groups are pooled into one level. :math:`\beta` is the
    thinning, :math:`s^2 = \mathrm{RSS} / \nu` the residual variance with :math:`\nu = n - p` degrees of freedom,
    :math:`c = [(X^\top X)^{-1}]_{\text{group}}`.

    - standard error :math:`s\sqrt{c}`,
    - Cohen's :math:`d = \beta / s` (the adjusted difference in residual standard deviations),
    - 95 % interval :math:`d \pm 1.96\,\sqrt{c + d^2 / 2\nu}` (large sample, the delta method; without covariates
      :math:`c = 1/n_1 + 1/n_2` and it is the interval of Hedges & Olkin 1985, chapter 5).

    Parameters
    ----------
    cohort : Cohort
        Of `read_adni`.
    patients, controls : str
        Groups to compare, of 'NC', 'MCI', 'AD'.
    adjust : sequence of str
        Covariates, of 'age' (linear), 'sex', 'site'.

    Returns
    -------
    DataFrame
        Index region; thinning (mm, positive = thinner in patients), se (mm), d, d_low, d_high (standard deviations),
        n_controls, n_patients. ``attrs``: units, provenance.

    Raises
    ------
    ValueError
        A group has under 10 subjects, a covariate is unknown, or the design is collinear.
    """
    design = _design(cohort, patients, controls, adjust)
    n = len(design.x)
    xx, xy, yy = _moments(np.ones((1, n)), design)
    _check_rank(xx, design, adjust)
    inverse = np.linalg.inv(xx[0])
    beta = inverse @ xy[0]
    dof = n - design.x.shape[1] - (design.stratum.max() + 1)
    if dof < 1:
        raise ValueError(
            f"{n} subjects leave no degree of freedom for {n - dof} coefficients; leave 'site' out of adjust"
        )
    sd = np.sqrt((yy[0] - (beta * xy[0]).sum(axis=0)) / dof)
    thinning, c = -beta[0], inverse[0, 0]
    d = thinning / sd
    half = 1.96 * np.sqrt(c + d**2 / (2 * dof))
    out = pd.DataFrame(
        {"thinning": thinning, "se": sd * np.sqrt(c), "d": d, "d_low": d - half, "d_high": d + half,
         "n_controls": int((~design.patient).sum()), "n_patients": int(design.patient.sum())},
        index=cohort.thickness.columns,
    )  # fmt: skip
    out.attrs["units"] = {"thinning": "mm", "se": "mm", "d": "residual standard deviations"}
    out.attrs["provenance"] = [
        f"thinning = {controls} − {patients}, adjusted for {', '.join(adjust) or 'nothing'}, {dof} degrees of freedom",
        *design.notes,
    ]
    return out


def bootstrap_thinning(
    cohort: Cohort,
    n: int = 1000,
    seed: int = 0,
    patients: str = "AD",
    controls: str = "NC",
    adjust: Sequence[str] = ("age", "sex", "site"),
) -> pd.DataFrame:
    """Draw the thinning map again from subjects resampled with replacement, within each group.

    The groups keep their sizes in every draw, so 926 controls do not drown 426 patients. Draw i depends on the seed
    and i alone. A draw is a vector of counts, so all draws share one set of cross-products.

    Parameters
    ----------
    cohort : Cohort
        Of `read_adni`.
    n : int
        Draws.
    seed : int
        Random seed.
    patients, controls, adjust
        As in `thinning_map`.

    Returns
    -------
    DataFrame, shape (n, 68)
        Thinning in mm; index draw, columns region.

    Raises
    ------
    ValueError
        As `thinning_map`; or a draw cannot be adjusted (too few subjects share a site with the other group).
    """
    if n < 1:
        raise ValueError(f"n is {n}; at least one draw is needed")
    design = _design(cohort, patients, controls, adjust)
    _check_rank(_moments(np.ones((1, len(design.x))), design)[0], design, adjust)
    groups = [np.flatnonzero(~design.patient), np.flatnonzero(design.patient)]
    maps = np.empty((n, design.y.shape[1]))
    with tqdm(total=n, desc="bootstrap", unit="draw") as bar:
        for start in range(0, n, _CHUNK):
            draws = range(start, min(start + _CHUNK, n))
            weights = np.zeros((len(draws), len(design.x)))
            for row, draw in enumerate(draws):
                rng = np.random.default_rng([seed, draw])
                for members in groups:
                    picked = rng.integers(len(members), size=len(members))
                    weights[row, members] = np.bincount(picked, minlength=len(members))
            xx, xy, _ = _moments(weights, design)
            _check_rank(xx, design, adjust, which=f" in one of the bootstrap draws {draws[0]}–{draws[-1]}")
            maps[start : start + len(draws)] = -np.linalg.solve(xx, xy)[:, 0]
            bar.update(len(draws))
    out = pd.DataFrame(maps, index=pd.RangeIndex(n, name="draw"), columns=cohort.thickness.columns)
    out.attrs["units"] = "mm"
    return out
