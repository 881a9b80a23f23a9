"""Cortical thickness over visits: from the tables of ADNI, several visits a subject, to thinning beyond the norm.

`xsg.data.adni` reads the baseline of the same tables; licences and quality control are as said there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from xsg.data.adni import (
    _LOBE_FLAGS,
    _QC,
    GROUPS,
    _coded,
    _date,
    _need,
    _number,
    _rid,
    cohort_from_tables,
    thickness_codes,
)

_LEAST_NORM = 10  # controls to make a norm of


@dataclass(frozen=True, repr=False, eq=False)
class Trajectories:
    """Thickness of subjects over visits.

    Attributes
    ----------
    thickness : DataFrame, shape (O, 68)
        mm; index (RID, visit), visits numbered from 0.
    years : Series, shape (O,)
        Since the subject's first visit.
    subjects : DataFrame
        Index RID; columns group ("NC", "MCI", "AD" at baseline), age (years, at the first visit), sex and site.
    provenance : list of str
    truth : dict or None
        What a simulated cohort was made of; None when real.
    """

    thickness: pd.DataFrame
    years: pd.Series
    subjects: pd.DataFrame
    provenance: list[str] = field(default_factory=list)
    truth: dict | None = None

    def __repr__(self) -> str:
        """Say how many visits there are, of whom."""
        visits = self.years.groupby(level=0).size()
        counts = self.subjects["group"].value_counts()
        sizes = ", ".join(f"{counts[group]} {group}" for group in GROUPS if group in counts)
        head = (
            f"Trajectories: {'SIMULATED' if self.truth is not None else 'real data'}: {sizes}; {visits.min()} to "
            f"{visits.max()} visits over up to {self.years.max():.1f} years"
        )
        return "\n".join([head, *(f"  - {line}" for line in self.provenance)])

    def part(self, rids: pd.Index) -> Trajectories:
        """Return some of the subjects."""
        rows = self.years.index.get_level_values(0).isin(rids)
        return Trajectories(
            self.thickness[rows], self.years[rows], self.subjects.loc[rids], self.provenance, self.truth
        )

    def last(self) -> np.ndarray:
        """Return which rows are a subject's last visit, bool (O,)."""
        return ~self.years.index.get_level_values(0).duplicated(keep="last")


def trajectories_from_tables(tables: dict[str, pd.DataFrame], least_visits: int = 2) -> Trajectories:
    """Make trajectories of ADNI tables in memory.

    Parameters
    ----------
    tables
        As for `xsg.data.adni.cohort_from_tables`, which says who the subjects are and whether their baseline is usable.
    least_visits
        Subjects with fewer usable scans on different days are left out.

    Returns
    -------
    Trajectories
        Scans with OVERALLQC Pass, or Partial without a failed lobe; the last row of those with one date.

    Raises
    ------
    ValueError
        As `cohort_from_tables`; or nobody has enough visits.
    """
    cohort = cohort_from_tables(tables)
    codes = thickness_codes()
    parts = []
    for name, table in tables.items():
        if not name.upper().startswith("UCSFFSX"):
            continue
        _need(table, name, ["RID", "EXAMDATE", "OVERALLQC", *codes])
        rid = _rid(table, name)
        quality = _coded(table["OVERALLQC"].astype(object), _QC, name, rid, key=lambda v: str(v).strip().lower())
        lobes = [column for column in _LOBE_FLAGS if column in table.columns]
        failed = table[lobes].astype(str).apply(lambda column: column.str.strip().str.lower() == "fail").any(axis=1)
        usable = (quality == "Pass") | ((quality == "Partial") & ~failed)
        values = table[codes.to_numpy()].apply(_number, name=name).set_axis(codes.index, axis=1)
        values.insert(0, "day", _date(table["EXAMDATE"], name))
        values.insert(0, "RID", rid)
        parts.append(values[usable & rid.isin(cohort.subjects.index)])
    scans = pd.concat(parts, ignore_index=True).dropna()
    every = len(scans)
    scans = scans.sort_values(["RID", "day"], kind="stable").drop_duplicates(["RID", "day"], keep="last")
    visits = scans.groupby("RID")["day"].transform("size")
    scans = scans[visits >= least_visits]
    if scans.empty:
        raise ValueError(
            f"no subject has {least_visits} usable scans ({every} scans of {len(cohort.subjects)} subjects). "
            "Lower least_visits, or add the tables of later phases."
        )
    first = scans.groupby("RID")["day"].transform("min")
    years = (scans["day"] - first).dt.days / 365.25
    index = pd.MultiIndex.from_arrays([scans["RID"], scans.groupby("RID").cumcount()], names=["RID", "visit"])
    thickness = scans[codes.index].set_axis(index, axis=0).rename_axis(columns="region")
    kept = index.get_level_values(0).unique()
    notes = [
        *cohort.provenance,
        f"{len(scans)} usable scans of {len(kept)} subjects with at least {least_visits} visits",
    ]
    return Trajectories(thickness, pd.Series(years.to_numpy(), index, name="years"), cohort.subjects.loc[kept], notes)


def read_trajectories(folder: str | Path, least_visits: int = 2) -> Trajectories:
    """Read all visits of the official ADNI tables in a folder; see `xsg.data.adni.read_adni` for the files.

    Raises
    ------
    ValueError
        As `trajectories_from_tables`; or the folder is none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"read_trajectories: {folder} is not a folder; give the folder that holds the ADNI CSV files")
    kinds = ("UCSFFSX", "DXSUM", "PTDEMOG", "ADNIMERGE")
    files = [path for path in sorted(folder.glob("*.csv")) if path.name.upper().startswith(kinds)]
    return trajectories_from_tables({path.name: pd.read_csv(path, low_memory=False) for path in files}, least_visits)


@dataclass(frozen=True, eq=False)
class Norm:
    """Thickness to be expected of a healthy person: a straight line on age, and sex, in each region.

    Attributes
    ----------
    coefficients : DataFrame, shape (3, 68)
        Rows ``"at 75"`` (mm, women), ``"per year"`` and ``"men"``.
    """

    coefficients: pd.DataFrame

    @classmethod
    def of(cls, trajectories: Trajectories) -> Norm:
        """Learn the norm from the controls (NC), all visits.

        Raises
        ------
        ValueError
            Under ten controls.
        """
        controls = trajectories.subjects.index[trajectories.subjects["group"] == "NC"]
        if len(controls) < _LEAST_NORM:
            raise ValueError(f"{len(controls)} controls (NC); expected at least {_LEAST_NORM} to make a norm of.")
        some = trajectories.part(controls)
        found, *_ = np.linalg.lstsq(_design(some), some.thickness.to_numpy(), rcond=None)
        return cls(pd.DataFrame(found, ["at 75", "per year", "men"], some.thickness.columns))

    def expected(self, trajectories: Trajectories) -> pd.DataFrame:
        """Return the thickness to be expected at each visit, mm."""
        return pd.DataFrame(
            _design(trajectories) @ self.coefficients.to_numpy(), trajectories.thickness.index,
            trajectories.thickness.columns,
        )  # fmt: skip

    def thinning(self, trajectories: Trajectories) -> pd.DataFrame:
        """Return how much thinner each visit is than to be expected, mm."""
        return self.expected(trajectories) - trajectories.thickness


def _design(some: Trajectories) -> np.ndarray:
    people = some.subjects.loc[some.years.index.get_level_values(0)]
    age = people["age"].to_numpy(dtype=float) + some.years.to_numpy()
    return np.column_stack([np.ones(len(age)), age - 75, (people["sex"] == "M").to_numpy(dtype=float)])
