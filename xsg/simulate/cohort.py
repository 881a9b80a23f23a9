"""A simulated cohort: subjects whose cortex is thinner where the truth says so, as they are measured and kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xsg.check import number
from xsg.data.cohort import GROUPS, Cohort
from xsg.simulate.fields import smooth_fields, stream

_N_MCI = 310
_SITES = 57


@dataclass(frozen=True, eq=False)
class Subjects:
    """All simulated subjects (n,) in the order drawn, kept or lost to quality control; see `simulate_subjects`.

    Attributes
    ----------
    rid, group, site
        Number of the subject; index in `GROUPS`; number of the site, from 0.
    man, passes
        Whether a man; whether the baseline scan passes quality control.
    day
        Date of the baseline scan.
    born
        Month of birth, counted from January 1970.
    thickness, loss
        Thickness at baseline before rounding, and how much of it the disease took, mm (n, 68).
    ageing
        What a year takes, mm (68,).
    rng
        The stream, where the subjects have left it.
    """

    rid: np.ndarray
    group: np.ndarray
    man: np.ndarray
    site: np.ndarray
    passes: np.ndarray
    day: np.ndarray
    born: np.ndarray
    thickness: np.ndarray
    loss: np.ndarray
    ageing: np.ndarray
    rng: np.random.Generator

    def cohort(self, regions: pd.Index) -> Cohort:
        """Return those who are kept: thickness rounded as FreeSurfer's tables are, age by the middle of a month."""
        kept = np.flatnonzero(self.passes)
        kept = kept[self.rid[kept].argsort()]
        middle = self.born[kept].astype("datetime64[M]").astype("datetime64[D]") + 14
        people = {
            "group": np.array(GROUPS)[self.group[kept]],
            "age": (self.day[kept].astype("datetime64[D]") - middle).astype(int) / 365.25,
            "sex": np.where(self.man[kept], "M", "F"),
            "site": (self.site[kept] + 1).astype(str),
        }
        index = pd.Index(self.rid[kept], name="RID")
        counts = np.bincount(self.group[kept], minlength=3)
        notes = [
            f"{(~self.passes).sum()} of {len(self.passes)} subjects lost to quality control",
            "kept " + ", ".join(f"{count} {group}" for count, group in zip(counts, GROUPS, strict=True)),
        ]
        thickness = pd.DataFrame(measured(self.thickness[kept]), index, regions)
        kinds = dict.fromkeys(("group", "sex", "site"), object)
        return Cohort(thickness, pd.DataFrame(people, index).astype(kinds), notes)


def measured(thickness: np.ndarray) -> np.ndarray:
    """Round thickness (mm) as FreeSurfer's tables do, within what a cortex can have."""
    return thickness.clip(0.8, 5.0).round(3)


def simulate_subjects(seed: int, true: pd.Series, n_controls: int, n_patients: int) -> Subjects:
    """Simulate subjects: regional mean + age + sex + site − severity × true thinning + noise that is partly smooth.

    Parameters
    ----------
    seed
        The same seed gives the same subjects.
    true
        True thinning (68,), mm.
    n_controls, n_patients
        NC and AD subjects that are kept, at least 10 each; 310 with MCI stand beside them.

    Raises
    ------
    ValueError
        A size is out of range.
    """
    n_controls = number(n_controls, "n_controls", 10, whole=True)
    n_patients = number(n_patients, "n_patients", 10, whole=True)
    rng = stream(seed, 2)
    # For each group, so many subjects pass and a few more will be lost to quality control.
    passing = np.array([n_controls, _N_MCI, n_patients])
    size = passing + np.ceil(0.08 * passing).astype(int)
    group = np.repeat([0, 1, 2], size)
    passes = np.concatenate([np.arange(s) < p for s, p in zip(size, passing, strict=True)])
    n = len(group)

    # Patients are older, more often men, and not spread over the sites as controls are: there is something to adjust.
    age = rng.normal(np.array([73.0, 73.5, 75.5])[group], np.array([6.0, 7.0, 7.5])[group]).clip(55, 92)
    man = rng.random(n) < np.array([0.44, 0.58, 0.55])[group]
    n_sites = int(np.clip(n // 25, 2, _SITES))
    popularity = rng.gamma(2.0, size=n_sites) * np.exp(0.4 * rng.standard_normal((3, n_sites)))
    reach = (popularity / popularity.sum(axis=1, keepdims=True)).cumsum(axis=1)
    site = (rng.random(n)[:, None] > reach[group]).sum(axis=1).clip(max=n_sites - 1)
    severity = np.array([0.0, 0.35, 1.0])[group] * rng.gamma(6.0, 1 / 6, n)
    # The patients that remain have a mean severity of exactly 1, so that the true map is the mean of their thinning.
    severity /= np.where(group == 2, severity[(group == 2) & passes].mean(), 1.0)

    regional = 2.55 + 0.3 * smooth_fields(rng, 1, left_right=0.97)[:, 0].clip(-2.5, 2.5)
    ageing = 0.004 * rng.uniform(0.5, 1.5, 34)[np.tile(np.arange(34), 2)]
    variable = rng.uniform(0.8, 1.3, 34)[np.tile(np.arange(34), 2)]
    site_effect = 0.05 * rng.standard_normal((n_sites, 1)) + 0.015 * rng.standard_normal((n_sites, 68))
    noise = 0.07 * rng.standard_normal((n, 1)) + 0.08 * smooth_fields(rng, n, left_right=0.8).T
    noise = (noise + 0.09 * rng.standard_normal((n, 68))) * variable
    loss = np.outer(severity, true)
    thickness = regional - np.outer(age - 74, ageing) - 0.015 * man[:, None] + site_effect[site] - loss + noise

    rid = rng.permutation(n) + 2
    day = np.datetime64("2005-09-01") + rng.integers(0, 15 * 365, n)
    born = (day - np.round(age * 365.25).astype(int)).astype("datetime64[M]").astype(int)
    return Subjects(rid, group, man, site, passes, day, born, thickness, loss, ageing, rng)
