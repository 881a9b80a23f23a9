r"""A simulated cohort in which genes set the rates: tau that spreads over the cortex, and thinning that follows it.

The equations are those of `xsg.across.joint_model`, solved here by a classical Runge-Kutta scheme, not by
`xsg.spread.physics`, so that what is fitted was not made by what fits it:

.. math::
    R_i = R\, e^{\sum_k a_k p_{ik}}, \quad C_i = e^{\sum_k b_k p_{ik}}, \qquad
    \frac{\partial u}{\partial x} = -D L u + R_i u (1 - u/C_i), \qquad
    \text{thinning} = g \int_0^{\tau_s + t} u\, dx + c\, t + \varepsilon

Every subject runs through the same disease, from an onset that nobody knows; the time from there to the first visit is
its shift τ.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from xsg.atlas import Graph, build_graph, distances, load_parcellation
from xsg.check import choice, flag, number
from xsg.simulate.fields import fields_on, simulated_programs

TRUTH = {
    "D": 0.15,  # per year, for a network of mean degree 1
    "R": 0.4,  # per year
    "rate P1": 0.4,
    "rate P2": -0.3,
    "rate P3": 0.0,
    "capacity P1": 0.0,
    "capacity P2": 0.3,
    "capacity P3": -0.2,
    "s": 0.8,  # uptake ratio (SUVR) above what no tau gives
    "o_u": 0.1,  # SUVR
    "g": 0.03,  # mm per year of full burden
    "o_y": 0.0,  # mm
    "c": 0.01,  # mm per year
}
GROWTH = ("logistic", "gompertz")
_SEEDS = ("L_entorhinal", "R_entorhinal")
_AMOUNT = 0.1
_STEP = 0.02  # years


@dataclass(frozen=True, repr=False, eq=False)
class Progression:
    """Tau and thinning of subjects over visits, with the programs and the network behind them.

    Attributes
    ----------
    programs : DataFrame, shape (n, K)
        Expression programs by region.
    graph : Graph
        The network.
    tau, thinning : DataFrame, shape (O, n)
        A visit in each row, index (subject, visit). Tau: uptake above background, SUVR; thinning: mm below the norm for
        the age at the first visit.
    years : Series, shape (O,)
        Since the subject's first visit.
    truth : Series
        The unknowns, by the names of `CrossScaleSpread.estimates_`.
    shifts : Series, shape (S,)
        Years from onset to the first visit.
    noise_free : dict of str to DataFrame (O, n)
        ``"tau"`` and ``"thinning"`` before noise.
    provenance : list of str
    """

    programs: pd.DataFrame
    graph: Graph
    tau: pd.DataFrame
    thinning: pd.DataFrame
    years: pd.Series
    truth: pd.Series
    shifts: pd.Series
    noise_free: dict[str, pd.DataFrame]
    provenance: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        """Say what it is and how large."""
        lines = [
            "Progression: SIMULATED",
            f"  {len(self.shifts)} subjects, {len(self.years)} visits over {self.years.max():g} years, "
            f"{self.tau.shape[1]} regions, {self.programs.shape[1]} programs",
        ]
        return "\n".join(lines + [f"  {note}" for note in self.provenance])


def simulate_progression(
    seed: int = 0,
    n_subjects: int = 60,
    n_visits: int = 3,
    interval: float = 2.0,
    noise_tau: float = 0.1,
    noise_thinning: float = 0.1,
    smooth: float = 0.0,
    accumulated: bool = True,
    world: int = 0,
    growth: str = "logistic",
    **truth: float,
) -> Progression:
    """Simulate a cohort on the Desikan-Killiany cortex.

    Parameters
    ----------
    seed
        Of subjects and noise.
    n_subjects, n_visits, interval
        Subjects, visits of each, years between two visits.
    noise_tau, noise_thinning
        Standard deviation of the noise of a region at a visit, SUVR and mm.
    smooth
        Share of the noise's variance that neighbouring regions have in common: a field with correlation length 40 mm,
        drawn anew at each visit.
    accumulated
        Whether thinning follows the burden added up since onset, or the burden of the moment (times ten years, so that
        the amounts are alike).
    world
        Seed of the three programs: smooth maps, P1 to P3.
    growth
        ``"logistic"``, the law above, or ``"gompertz"``, R_i u log(C_i/u), which no model of this book assumes: little
        tau grows faster, much of it more slowly, to the same capacity.
    **truth
        Changes of `TRUTH`, by name: ``D=0``, ``**{"rate P1": 0.0}``.

    Returns
    -------
    Progression

    Raises
    ------
    ValueError
        Numbers out of range; a name that `TRUTH` does not have; another law of growth.

    Examples
    --------
    >>> cohort = simulate_progression(n_subjects=4, n_visits=2)
    >>> cohort.tau.shape, float(cohort.truth["D"])
    ((8, 68), 0.15)
    """
    unknown = [name for name in truth if name not in TRUTH]
    if unknown:
        raise ValueError(f"truth has no {unknown[0]!r}; it has {', '.join(TRUTH)}.")
    for name, value in truth.items():
        number(value, f"truth: {name}")
    n_subjects, n_visits = number(n_subjects, "n_subjects", whole=True), number(n_visits, "n_visits", whole=True)
    choice(growth, GROWTH, "growth")
    interval, smooth = number(interval, "interval"), number(smooth, "smooth", 0, 1)
    noise_tau, noise_thinning = number(noise_tau, "noise_tau"), number(noise_thinning, "noise_thinning")
    seed, world = number(seed, "seed", 0, whole=True), number(world, "world", 0, whole=True)
    flag(accumulated, "accumulated")
    if n_subjects < 1 or n_visits < 1 or not interval > 0 or noise_tau < 0 or noise_thinning < 0:
        raise ValueError(
            f"n_subjects {n_subjects}, n_visits {n_visits}, interval {interval}, noise {noise_tau} and "
            f"{noise_thinning}; expected at least one subject and visit, an interval above 0, noise of 0 or more."
        )
    values = pd.Series({**TRUTH, **truth}, name="truth")
    parcellation = load_parcellation("dk")
    graph = build_graph(parcellation)
    programs = simulated_programs(world, 5).iloc[:, :3]
    rng = np.random.default_rng([seed, 22])
    shifts = rng.uniform(3.0, 18.0, n_subjects)
    times = interval * np.arange(n_visits)
    u, a = _progress(values, graph, programs, shifts[:, None] + times, growth)
    visits = pd.MultiIndex.from_product(
        [[f"S{number + 1:04d}" for number in range(n_subjects)], range(n_visits)], names=["subject", "visit"]
    )
    years = pd.Series(np.tile(times, n_subjects), visits, name="years")
    burden = a if accumulated else 10 * u
    clean = {
        "tau": values["s"] * u + values["o_u"],
        "thinning": values["g"] * burden + values["o_y"] + values["c"] * times[:, None],
    }
    clean = {kind: pd.DataFrame(each.reshape(len(visits), -1), visits, graph.regions) for kind, each in clean.items()}
    noisy = {}
    for kind, sd in (("tau", noise_tau), ("thinning", noise_thinning)):
        noise = np.sqrt(1 - smooth) * rng.standard_normal(clean[kind].shape)
        if smooth:
            noise = noise + np.sqrt(smooth) * fields_on(distances(parcellation).to_numpy(), rng, len(visits))
        noisy[kind] = clean[kind] + sd * noise
    note = (
        f"simulated by xsg, seed {seed}, programs of world {world}: genes set rate and capacity, tau spreads over the "
        f"surface graph, thinning follows the {'accumulated' if accumulated else 'current'} burden"
        + ("" if growth == "logistic" else f"; {growth} growth")
    )
    subjects = visits.get_level_values(0).unique()
    shifts = pd.Series(shifts, subjects, name="years from onset")
    return Progression(programs, graph, noisy["tau"], noisy["thinning"], years, values, shifts, clean, [note])


def _progress(values: pd.Series, graph: Graph, programs: pd.DataFrame, moments: np.ndarray, growth: str):
    """Burden and accumulated burden (S, V, n) at moments since onset (S, V): Runge-Kutta, steps of 0.02 years."""
    laplacian = graph.laplacian()
    laplacian = laplacian / np.diag(laplacian).mean()
    p = programs.to_numpy()
    rate = values["R"] * np.exp(p @ values[[f"rate {name}" for name in programs]].to_numpy())
    capacity = np.exp(p @ values[[f"capacity {name}" for name in programs]].to_numpy())

    def room(u):
        return 1 - u / capacity if growth == "logistic" else np.log(capacity / np.maximum(u, 1e-300))

    def change(u):
        return -values["D"] * (laplacian @ u) + rate * u * room(u)

    u = np.where(graph.regions.isin(_SEEDS), _AMOUNT, 0.0)
    states, totals = [u], [np.zeros_like(u)]
    for _ in range(int(np.ceil(moments.max() / _STEP)) + 1):
        k1 = change(u)
        k2 = change(u + _STEP / 2 * k1)
        k3 = change(u + _STEP / 2 * k2)
        k4 = change(u + _STEP * k3)
        middle = u + _STEP / 2 * k2
        after = u + _STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        totals.append(totals[-1] + _STEP / 6 * (u + 4 * middle + after))
        u = after
        states.append(u)
    place = moments / _STEP
    left = place.astype(int)
    share = (place - left)[..., None]
    return tuple((1 - share) * np.stack(each)[left] + share * np.stack(each)[left + 1] for each in (states, totals))
