r"""A simulated cohort whose cortex thins over years, laid out as ADNI: two programs switch on one after the other.

Generative story: a patient τ years after onset has lost, at the visit t years later,

.. math:: \sum_k W_{ik} f_k(v_s (\tau_s + t)), \qquad f_k(x) = 1 / (1 + e^{-(x - m_k) / w_k})

mm of region i beyond age. Program 1, early, is strongest about the entorhinal cortex; program 2, late, is a smooth map.
v is the pace of a subject, which no model here knows. On top come a regional mean, age, sex, what makes people differ
all their lives (partly smooth over the cortex) and the error of a scan. Two other courses break this on purpose.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from xsg.atlas import distances, load_parcellation
from xsg.check import choice, number
from xsg.people.adni import thickness_codes
from xsg.people.trajectories import Trajectories, trajectories_from_tables
from xsg.simulate.fields import simulated_programs, smooth_fields

CENTRES, WIDTHS = (6.0, 13.0), (1.5, 2.0)  # years since onset
COURSES = ("programs", "straight", "two orders")
_LONGEST = 20.0  # years; what a straight course takes from none to the whole of both maps
_LARGEST = (0.5, 0.4)  # mm, in the region that loses most
_PERSON, _SCAN = (0.06, 0.07, 0.05), (0.02, 0.03)  # mm: global, smooth and local differences; smooth and local error


def simulate_trajectories(
    seed: int = 0, n_controls: int = 60, n_patients: int = 90, pace: float = 0.15, course: str = "programs"
) -> Trajectories:
    """Simulate a cohort, write it down as ADNI does, and read it back.

    Parameters
    ----------
    seed
        The same seed gives the same numbers.
    n_controls, n_patients
        Subjects; patients under 9 years from onset at their first visit are MCI, others AD.
    pace
        Standard deviation of the logarithm of how fast a patient runs through the disease.
    course
        ``"programs"``: as above. ``"straight"``: both maps grow along straight lines from onset on, f(x) = x / 20
        years. ``"two orders"``: in every other patient the late program comes first.

    Returns
    -------
    Trajectories
        ``truth``: ``weights`` (68, 2) mm, ``shifts`` (years from onset), ``pace``, ``centres``, ``widths``.

    Raises
    ------
    ValueError
        Under ten subjects in a group, a negative pace, or another course.

    Examples
    --------
    >>> cohort = simulate_trajectories(n_controls=10, n_patients=12)
    >>> cohort.thickness.shape[1], sorted(cohort.truth)
    (68, ['centres', 'pace', 'shifts', 'weights', 'widths'])
    """
    tables, truth = _tables(seed, n_controls, n_patients, pace, course)
    found = trajectories_from_tables(tables)
    there = [rid for rid in truth["shifts"].index if rid in found.subjects.index]
    truth |= {name: truth[name].loc[there] for name in ("shifts", "pace")}
    when = " and ".join(f"{centre:g}" for centre in CENTRES)
    story = {
        "programs": f"two programs that switch on {when} years after onset",
        "straight": "both maps of thinning grow along straight lines",
        "two orders": f"two programs switch on {when} years after onset, in every other patient the late one first",
    }
    note = f"simulated by xsg, seed {seed}: {story[course]}"
    return Trajectories(found.thickness, found.years, found.subjects, [note, *found.provenance], truth)


def simulate_trajectory_tables(
    seed: int = 0, n_controls: int = 60, n_patients: int = 90, pace: float = 0.15, course: str = "programs"
) -> dict[str, pd.DataFrame]:
    """Simulate the cohort of `simulate_trajectories` as the tables that ADNI distributes: file name to table."""
    return _tables(seed, n_controls, n_patients, pace, course)[0]


def _tables(
    seed: int, n_controls: int, n_patients: int, pace: float, course: str
) -> tuple[dict[str, pd.DataFrame], dict]:
    choice(course, COURSES, "course")
    seed, pace = number(seed, "seed", 0, whole=True), number(pace, "pace")
    n_controls, n_patients = number(n_controls, "n_controls", whole=True), number(n_patients, "n_patients", whole=True)
    if n_controls < 10 or n_patients < 10 or pace < 0:
        raise ValueError(
            f"n_controls {n_controls}, n_patients {n_patients}, pace {pace}; expected 10 or more, 0 or more."
        )
    regions = load_parcellation("dk").regions
    far = distances(load_parcellation("dk")).to_numpy()
    near = np.exp(-far[:, [regions.get_loc("L_entorhinal"), regions.get_loc("R_entorhinal")]].min(axis=1) / 40.0)
    late = np.log1p(np.exp(1.5 * simulated_programs(seed, 5)["P2"].to_numpy()))
    weights = np.column_stack([_LARGEST[0] * near / near.max(), _LARGEST[1] * late / late.max()])

    rng = np.random.default_rng([seed, 23])
    n = n_controls + n_patients
    ill = np.arange(n) >= n_controls
    age = rng.normal(74.0, 6.0, n).clip(58, 90)
    man = rng.random(n) < 0.5
    shift, speed = rng.uniform(1.0, 17.0, n), np.exp(pace * rng.standard_normal(n))
    person = _PERSON[0] * rng.standard_normal((n, 1)) + _PERSON[1] * smooth_fields(rng, n, left_right=0.8).T
    person = person + _PERSON[2] * rng.standard_normal((n, 68))
    mean = 2.55 + 0.3 * smooth_fields(rng, 1, left_right=0.97)[:, 0].clip(-2.5, 2.5)
    planned = np.array([0.0, 0.5, 1.0, 2.0, 3.0, 4.0])
    codes = ("sc", "m06", "m12", "m24", "m36", "m48")
    stays = 2 + rng.integers(0, 5, n)  # visits before somebody leaves, two at least
    rid = rng.permutation(n) + 2
    day = np.datetime64("2006-01-01") + rng.integers(0, 10 * 365, n)
    born = (day - np.round(age * 365.25).astype(int)).astype("datetime64[M]").astype(int)
    who, which = np.nonzero(np.arange(6) < stays[:, None])
    late_by = rng.integers(-20, 40, len(who)) * (which > 0)
    date = day[who] + (365.25 * planned[which]).astype(int) + late_by
    t = (date - day[who]).astype(int) / 365.25
    x = speed[who] * (shift[who] + t)
    amount = 1 / (1 + np.exp(-(x[:, None] - CENTRES) / np.array(WIDTHS)))
    if course == "straight":
        amount = np.repeat(x[:, None] / _LONGEST, 2, axis=1)
    elif course == "two orders":
        amount = np.where(who[:, None] % 2 == 1, amount[:, ::-1], amount)
    loss = (amount * ill[who, None]) @ weights.T
    error = _SCAN[0] * smooth_fields(rng, len(who), left_right=0.8).T + _SCAN[1] * rng.standard_normal((len(who), 68))
    thickness = mean - 0.005 * (age[who] + t - 74)[:, None] - 0.015 * man[who, None] + person[who] - loss + error
    group = np.where(~ill, 1, np.where(shift < 9, 2, 3))
    head = pd.DataFrame(
        {
            "RID": rid[who],
            "VISCODE": np.array(codes)[which],
            "VISCODE2": np.array(codes)[which],
            "EXAMDATE": np.datetime_as_string(date.astype("datetime64[D]"), unit="D"),
            "IMAGEUID": 40001 + np.arange(len(who)),
            "OVERALLQC": np.where((rng.random(len(who)) < 0.04) & (which > 0), "Fail", "Pass"),
            "TEMPQC": "Pass",
        }
    )
    values = pd.DataFrame(thickness.clip(0.8, 5.0).round(3), columns=thickness_codes().to_numpy())
    diagnosis = pd.DataFrame({"RID": rid, "VISCODE2": "bl", "DXCURREN": group.astype(float)})
    people = pd.DataFrame(
        {
            "RID": rid,
            "VISCODE2": "sc",
            "PTGENDER": np.where(man, 1, 2),
            "PTDOBMM": born % 12 + 1,
            "PTDOBYY": 1970 + born // 12,
            "PTEDUCAT": 16,
            "SITEID": 1 + np.arange(n) % 3,
        }
    )
    tables = {
        "UCSFFSX_SIMULATED.csv": pd.concat([head, values], axis=1),
        "DXSUM_SIMULATED.csv": diagnosis,
        "PTDEMOG_SIMULATED.csv": people,
    }
    patients = pd.Index(rid[ill], name="RID")
    truth = {
        "weights": pd.DataFrame(weights, regions, ["early", "late"]),
        "shifts": pd.Series(shift[ill], patients, name="years from onset"),
        "pace": pd.Series(speed[ill], patients, name="pace"),
        "centres": CENTRES,
        "widths": WIDTHS,
    }
    return tables, truth
