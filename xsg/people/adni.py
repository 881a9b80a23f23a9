"""From the tables of the Alzheimer's Disease Neuroimaging Initiative (ADNI) to a map of cortical thinning.

The tables are licensed to each user and are never redistributed: download them yourself and point `read_adni` at the
folder. `xsg.simulate.cortex.write_adni_tables` writes simulated tables in the same layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from xsg.check import RANGES, constant, some, why_implausible
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

GROUPS = ("NC", "MCI", "AD")

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
    if (flat := constant(y)).any():
        raise ValueError(
            f"thickness of {some(cohort.thickness.columns[flat])} is the same in all {len(y)} subjects compared; was "
            "it filled in rather than measured? Leave the region out."
        )
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


def noise_ceiling(
    cohort: Cohort, patients: str = "AD", controls: str = "NC", adjust: Sequence[str] = ("age", "sex", "site")
) -> tuple[float, float]:
    r"""Expect the R² that the true map, given an intercept, has against the map of `thinning_map`.

    The observed map is :math:`y = \tau + e`. Every fitted model has an intercept, so a part of the error that is the
    same in all regions costs a model that knows :math:`\tau` nothing: with
    :math:`\hat y = \tau - \bar\tau + \bar y` as the prediction,

    .. math::
        R^2 = 1 - \frac{\sum_r (e_r - \bar e)^2}{\sum_r (y_r - \bar y)^2}, \qquad
        \mathrm{E} \sum_r (e_r - \bar e)^2 = \operatorname{tr} C, \qquad
        \operatorname{var} \sum_r (e_r - \bar e)^2 = 2 \operatorname{tr} C^2,

    where C is the covariance of the errors about their mean, that is, of the regression of each subject's thickness
    *minus that subject's mean over regions*; the variance holds for normal errors. The ceiling is an expectation: about
    half of all cohorts have a map that the truth describes better than that.

    Parameters
    ----------
    cohort, patients, controls, adjust
        As in `thinning_map`.

    Returns
    -------
    ceiling : float
        Expected R², given the observed map.
    sd : float
        Standard deviation, over the errors that a map may have, of its R² less its ceiling.

    Raises
    ------
    ValueError
        As `thinning_map`.

    References
    ----------
    Lage-Castellanos et al. (2019), PLoS Computational Biology 15, e1006397, for ceilings in general.
    """
    relative = replace(cohort, thickness=cohort.thickness.sub(cohort.thickness.mean(axis=1), axis=0))
    centred = thinning_map(relative, patients, controls, adjust)["thinning"].to_numpy()
    design = _design(relative, patients, controls, adjust)
    # Within sites, as in `_moments`; the coefficients are those of thinning_map.
    own = np.eye(design.stratum.max() + 1)[design.stratum]
    x, y = (v - own @ (own.T @ v / own.sum(axis=0)[:, None]) for v in (design.x, design.y))
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    dof = len(x) - x.shape[1] - own.shape[1]
    covariance = np.linalg.inv(x.T @ x)[0, 0] * (left.T @ left) / dof
    around = (centred**2).sum()
    return float(1 - np.trace(covariance) / around), float(np.sqrt(2 * (covariance**2).sum()) / around)


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
