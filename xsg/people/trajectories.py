"""Cortical thickness over visits: from the tables of ADNI, several visits a subject, to thinning beyond the norm.

`xsg.people.adni` reads the baseline of the same tables; licences and quality control are as said there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from xsg.data.cohort import GROUPS
from xsg.data.tables import floats
from xsg.people.adni import cohort_from_tables
from xsg.people.adni_tables import by_kind, poor, read_tables, scan_rows, thickness_codes, unmeasured

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
        As for `xsg.people.adni.cohort_from_tables`, which says who the subjects are and whether their baseline is
        usable.
    least_visits
        Subjects with fewer usable scans on different days are left out.

    Returns
    -------
    Trajectories
        Scans with OVERALLQC Pass, or Partial without a failed lobe, whose thickness is there and can be true in every
        region; of those of one day the one processed last. What is left out is counted by reason in the provenance.

    Raises
    ------
    ValueError
        As `cohort_from_tables`; or nobody has enough visits.
    """
    cohort = cohort_from_tables(tables)
    codes = thickness_codes()
    parts = []
    left_out: dict[str, int] = {}

    def usable(rows: pd.DataFrame, reasons: dict[str, pd.Series]) -> pd.DataFrame:
        """Leave rows out, counted by reason."""
        for why, gone in reasons.items():
            left_out[why] = left_out.get(why, 0) + int(gone.sum())
        return rows[~np.logical_or.reduce(list(reasons.values()))]

    for name, table in by_kind(tables)["UCSFFSX"]:
        scans = scan_rows(name, table)
        scans = scans[scans["RID"].isin(cohort.subjects.index)]
        scans = usable(scans, poor(scans) | {"EXAMDATE is empty": scans["EXAMDATE"].isna()})
        values = floats(table.loc[scans.index, codes.to_numpy()], name, missing=True).set_axis(codes.index, axis=1)
        values = usable(values, unmeasured(values))
        parts.append(pd.concat([scans.loc[values.index, ["RID", "EXAMDATE", "RUNDATE"]], values], axis=1))
    scans = pd.concat(parts, ignore_index=True).rename(columns={"EXAMDATE": "day"})
    every = len(scans)
    scans = scans.sort_values(["RID", "day", "RUNDATE"], kind="stable", na_position="first")
    scans = usable(scans, {"another of the day is used": scans.duplicated(["RID", "day"], keep="last")})
    visits = scans.groupby("RID")["day"].transform("size")
    scans = scans[visits >= least_visits]
    told = [f"{n} scans left out: {why}" for why, n in left_out.items() if n]
    if scans.empty:
        raise ValueError(
            f"no subject has {least_visits} usable scans ({every} scans of {len(cohort.subjects)} subjects"
            f"{''.join(f'; {note}' for note in told)}). Lower least_visits, or add the tables of later phases."
        )
    first = scans.groupby("RID")["day"].transform("min")
    years = (scans["day"] - first).dt.days / 365.25
    index = pd.MultiIndex.from_arrays([scans["RID"], scans.groupby("RID").cumcount()], names=["RID", "visit"])
    thickness = scans[codes.index].set_axis(index, axis=0).rename_axis(columns="region")
    kept = index.get_level_values(0).unique()
    lost = len(cohort.subjects) - len(kept)
    notes = [
        *cohort.provenance,
        *told,
        *([f"{lost} subjects left out: under {least_visits} usable scans on different days"] if lost else []),
        f"{len(scans)} usable scans of {len(kept)} subjects with at least {least_visits} visits",
    ]
    return Trajectories(thickness, pd.Series(years.to_numpy(), index, name="years"), cohort.subjects.loc[kept], notes)


def read_trajectories(folder: str | Path, least_visits: int = 2) -> Trajectories:
    """Read all visits of the official ADNI tables in a folder; see `xsg.people.adni.read_adni` for the files.

    Raises
    ------
    ValueError
        As `trajectories_from_tables`; or the folder is none.
    """
    return trajectories_from_tables(read_tables(folder, "read_trajectories"), least_visits)


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
