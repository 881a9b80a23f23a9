"""Courses of a disease: `xsg.across.over_time.DiseaseProgression` beside leaspy, which also shifts people in time.

Thinning of six areas of the cortex over the visits of patients; the last visit of everybody with three or more is left
out and forecast. Three worlds: two programs that switch on one after the other, which our model assumes; straight
lines, which leaspy's linear model is made for; and logistic courses on which people have a shift, a pace and an order
of their own, which its logistic model assumes. It runs the linear model in the second world and the logistic one in the
others. Time is years since the first visit for all. "last visit seen" and "mixed effects" say what is easy.
"""

import numpy as np
from side import Arrays, Side

AREAS = ("entorhinal", "inferiortemporal", "inferiorparietal", "precuneus", "superiorfrontal", "postcentral")
ITERATIONS = 1000  # of leaspy's MCMC-SAEM; a tenth of its default, and the forecasts do not change from 200 on
SOURCES = 2  # ways in which leaspy's people may differ in order, as many as our model has programs
PEOPLE, NOISE = 90, 0.03  # mm


def inputs() -> dict[str, Arrays]:
    """Arrays of every world: thinning (visits, areas), person, years, seen, and each person's true time shift."""
    worlds = {"programs": simulated("programs"), "straight lines": simulated("straight"), "logistic": logistic()}
    return {name: arrays | {"linear": np.array(name == "straight lines")} for name, arrays in worlds.items()}


def simulated(course: str) -> Arrays:
    """The book's simulated cohort, thinning beyond the norm of its controls."""
    import xsg
    from xsg.people.trajectories import Norm

    cohort = xsg.simulate_trajectories(seed=0, n_patients=PEOPLE, course=course)
    patients = cohort.part(cohort.truth["shifts"].index)
    table = Norm.of(cohort).thinning(patients)
    areas = np.stack([table[[f"L_{area}", f"R_{area}"]].mean(axis=1) for area in AREAS], 1)
    person = table.index.get_level_values(0).to_numpy()
    shift = cohort.truth["shifts"].loc[np.unique(person)].to_numpy()
    return split(areas, np.unique(person, return_inverse=True)[1], patients.years.loc[table.index].to_numpy(), shift)


def logistic(seed: int = 0) -> Arrays:
    """Areas thin along logistic curves; a person has a shift, a pace and two loadings that move areas in time."""
    rng = np.random.default_rng([seed, 17])
    shift = rng.uniform(1, 17, PEOPLE)
    pace, loading = np.exp(0.3 * rng.standard_normal(PEOPLE)), rng.standard_normal((PEOPLE, 2))
    centre, width = np.linspace(5, 15, len(AREAS)), rng.uniform(1.5, 3, len(AREAS))
    moves = rng.standard_normal((2, len(AREAS)))
    person = np.repeat(np.arange(PEOPLE), rng.integers(2, 7, PEOPLE))
    years = np.concatenate([np.array([0, 0.5, 1, 2, 3, 4])[: (person == each).sum()] for each in range(PEOPLE)])
    at = pace[person] * (shift[person] + years)
    clean = 0.5 / (1 + np.exp(-(at[:, None] + loading[person] @ moves - centre) / width))
    return split(clean + NOISE * rng.standard_normal(clean.shape), person, years, shift)


def split(thinning: np.ndarray, person: np.ndarray, years: np.ndarray, shift: np.ndarray) -> Arrays:
    """Leave out the last visit of everybody with three or more."""
    count, last = np.bincount(person), np.zeros(len(person), bool)
    for each in np.flatnonzero(count >= 3):
        rows = np.flatnonzero(person == each)
        last[rows[years[rows].argmax()]] = True
    return {"thinning": thinning, "person": person, "years": years, "seen": ~last, "shift": shift}


def tables(arrays: Arrays):
    """Return thinning and years as tables by person and visit, and which rows are seen."""
    import pandas as pd

    visit = pd.Series(arrays["person"]).groupby(arrays["person"]).cumcount()
    names = [f"S{each:03d}" for each in arrays["person"]]
    index = pd.MultiIndex.from_arrays([names, visit], names=["subject", "visit"])
    table = pd.DataFrame(arrays["thinning"], index, list(AREAS))
    return table, pd.Series(arrays["years"], index, name="years"), arrays["seen"]


def ours():
    """Two programs, every other setting as it is; the shift is the posterior mean."""
    from xsg.across.over_time import DiseaseProgression

    def work(arrays: Arrays) -> Arrays:
        table, years, seen = tables(arrays)
        model = DiseaseProgression(n_programs=2).fit(table[seen], years[seen])
        mean, low, high = model.forecast(table[seen], years[seen], years[~seen])
        true = table[~seen]
        inside = ((true >= low) & (true <= high)).to_numpy().mean()
        return {"forecast": mean.to_numpy(), "shift": model.shifts_.to_numpy(), "inside": inside}

    return work


def mixed():
    """A line for all, and each person's own, area by area."""
    from xsg.across.over_time import mixed_effects_forecast

    def work(arrays: Arrays) -> Arrays:
        table, years, seen = tables(arrays)
        mean, sd = mixed_effects_forecast(table[seen], years[seen], table[seen], years[seen], years[~seen])
        inside = ((table[~seen] - mean).abs() <= 1.645 * sd).to_numpy().mean()
        return {"forecast": mean.to_numpy(), "inside": inside}

    return work


def unchanged():
    """What the last visit seen showed."""

    def work(arrays: Arrays) -> Arrays:
        table, _, seen = tables(arrays)
        last = table[seen].groupby(level=0).last()
        return {"forecast": last.loc[table[~seen].index.get_level_values(0)].to_numpy()}

    return work


def theirs():
    """leaspy: linear in mm, or logistic with thinning scaled into 0 to 1 by the range of each area's seen visits."""
    import pandas as pd
    from leaspy.io.data import Data
    from leaspy.models import LinearModel, LogisticModel

    def work(arrays: Arrays) -> Arrays:
        table, years, seen = tables(arrays)
        low, width = (0.0, 1.0) if arrays["linear"] else (table[seen].min(), np.ptp(table[seen], axis=0))
        scaled = (table[seen] - low) / width
        rows = scaled.assign(ID=scaled.index.get_level_values(0), TIME=years[seen])
        data = Data.from_dataframe(rows.reset_index(drop=True)[["ID", "TIME", *AREAS]])
        model = LinearModel("linear", source_dimension=SOURCES)
        if not arrays["linear"]:
            model = LogisticModel("logistic", source_dimension=SOURCES)
        model.fit(data, "mcmc_saem", n_iter=ITERATIONS, seed=0, progress_bar=False)
        people = model.personalize(data, "mean_posterior", seed=0, progress_bar=False)
        asked = table.index[~seen].get_level_values(0)
        found = model.estimate({who: [t] for who, t in zip(asked, years[~seen], strict=True)}, people)
        forecast = pd.DataFrame([found[who][0] for who in asked], columns=list(AREAS)) * width + low
        return {"forecast": forecast.to_numpy(), "shift": -people.to_dataframe()["tau"].sort_index().to_numpy()}

    return work


def accuracy(arrays: Arrays, found: Arrays) -> dict[str, float]:
    """Root mean square error of the visits left out, share inside 90 % intervals, rank correlation of the shifts."""
    from scipy.stats import spearmanr

    gap = found["forecast"] - arrays["thinning"][~arrays["seen"]]
    scores = {"forecast error, mm": np.sqrt((gap**2).mean())}
    if "shift" in found:
        scores["order of people, ρ"] = spearmanr(found["shift"], arrays["shift"]).statistic
    if "inside" in found:
        scores["inside 90 % interval"] = found["inside"]
    return {name: float(value) for name, value in scores.items()}


SIDES = {
    "xsg": Side("", ours),
    "mixed effects": Side("", mixed),
    "last visit seen": Side("", unchanged),
    "leaspy": Side("leaspy", theirs),
}
