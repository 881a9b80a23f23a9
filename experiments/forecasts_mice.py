"""Forecast month 6 of 43 single mice, and month 9, with intervals from how the mice of a month differ.

experiments/forecasts_mice.py --seal     freeze question, rule and settings
experiments/forecasts_mice.py            run them (a minute), once

Makes forecasts_mice.csv, which chapter 21b shows: a row for each genotype, month and method.
"""

import sys

import numpy as np
import pandas as pd
import torch

import forecasts
import kept
import xsg
from forecasts import Series, as_visits, fit, fit_injected, plain, run_on
from xsg.spread.load import mouse_sections
from xsg.spread.physics import ReactionDiffusion

QUESTION = (
    "Where every animal was measured, can the mean of the mice of month 6 be forecast from those of months 1 and "
    "3 better than by no change; and do intervals from the spread of the animals hold what is seen?"
)
RULE = (
    "Skill = 1 - RMSE / RMSE of no change on the mean by region at month 6. Judged: growth (own rate, no network)"
    " and logistic, connectome (own rates). A method succeeds if its skill is above 0 in both genotypes, each "
    "with its 95 % interval (mice drawn anew within genotype and month, early and held-out months) above 0. A 90 "
    "% interval is honest if it holds 80 to 97 % of the single mice's values at month 6. All else is ranked, not "
    "judged."
)
KNOWN = (
    "Chapter 21 shows all means by month, and held out month 9: no change .017, logistic (retrograde, from the "
    "injection) .044 in normal mice, the same order in mutant ones. So month 9 is known, and of month 6 that "
    "growth fits in-sample. The scale's top is the largest value of any mouse of any month."
)
SETTINGS = {
    "months": [1, 3, 6, 9],
    "targets": [6, 9],
    "injected": ["iDG", "iCA1", "iCA3", "iVISa", "iRSP"],
    "methods": {  # network, law; own rates
        "growth": ["none", "logistic"],
        "diffusion, connectome": ["connectome", "diffusion"],
        "logistic, connectome": ["connectome", "logistic"],
        "logistic, anterograde": ["anterograde", "logistic"],
        "logistic, retrograde": ["retrograde", "logistic"],
    },
    "injection": "logistic, retrograde, from the injection",
    "draws": 200,
    "a mouse": "forecast times the share of the mean that a mouse of the last month seen has, region by region",
    "fit": {name: forecasts.SETTINGS[name] for name in ("starts", "iterations", "steps", "values a visit is worth")}
    | {"amounts": forecasts.SETTINGS["amounts injected"]},
    "seed": 0,
}
DATA = ["PathData.csv", "Connectome_Ipsi.csv", "Connectome_Contra.csv", "CNDRtoABA.csv"]
DATA = [f"mouse/tau_spread/{name}" for name in DATA]
FROZEN = {"question": QUESTION, "rule": RULE, "known": KNOWN, "settings": SETTINGS, "data": DATA}


def cohorts() -> tuple[dict, dict, np.ndarray]:
    """Return mice by genotype and month (m, n) as shares of the largest value, solvers, and where it was injected."""
    spreads = {
        name: xsg.load_spread("mouse-lrrk2", network=name) for name in ("connectome", "anterograde", "retrograde")
    }
    places = spreads["connectome"].places
    table = mouse_sections()[places]
    table = table / np.nanmax(mouse_sections().to_numpy())
    mice = {(who, when): part.to_numpy() for (who, when), part in table.groupby(level=["genotype", "month"])}
    solvers = {name: ReactionDiffusion(each.laplacian, directed=name != "connectome") for name, each in spreads.items()}
    solvers["none"] = ReactionDiffusion(np.zeros((len(places), len(places))))
    return mice, solvers, places.isin(SETTINGS["injected"]).astype(float)


def redraw(mice: np.ndarray, rng, draws: int) -> np.ndarray:
    """Means (1 + draws, n): of the mice, then of mice drawn anew; a region that misses in a draw keeps its mean."""
    mean = np.nanmean(mice, axis=0)
    rows = rng.integers(len(mice), size=(draws, len(mice)))
    some = mice[rows]
    count = np.isfinite(some).sum(axis=1)
    drawn = np.where(count > 0, np.nansum(some, axis=1) / np.maximum(count, 1), mean)
    return np.concatenate([mean[None], drawn])


def states_of(values: np.ndarray, times: np.ndarray, solvers: dict, injected: np.ndarray) -> dict[str, np.ndarray]:
    """Forecast the last of the visits (B, T, n) of a real cohort (first) and of cohorts drawn anew, by every method."""
    last, months, found = values[:, -2], times[-1] - times[-2], plain(values, times)
    for name, (network, law) in SETTINGS["methods"].items():
        first = fit(solvers[network], law, as_visits(values[:1, :-1], times[:-1]))[0]
        z = fit(solvers[network], law, as_visits(values[:, :-1], times[:-1]), starts=first.exp().tolist())[0]
        found[name] = run_on(solvers[network], law, last, months, torch.cat([first, z[1:]]))
    series = Series("", "", values[0], times, injected)
    z = fit_injected(solvers["retrograde"], values[:, :-1], series)[0]
    return found | {SETTINGS["injection"]: run_on(solvers["retrograde"], "logistic", last, months, z)}


def rows_of(who: str, target: int, mice: dict, solvers: dict, injected: np.ndarray, rng) -> list[dict]:
    """One genotype and month: error, skill with its interval, and how often the intervals hold what is seen."""
    months = [when for when in SETTINGS["months"] if when <= target]
    values = np.stack([redraw(mice[who, when], rng, SETTINGS["draws"]) for when in months], axis=1)
    found, truth, rows = states_of(values, np.array(months, dtype=float), solvers, injected), values[:, -1], []
    before, held = mice[who, months[-2]], mice[who, target]
    mean = np.nanmean(before, axis=0)
    share = np.where(mean > 0, before / np.where(mean > 0, mean, 1), 1)  # how mice differ at the last visit seen
    some = share[rng.integers(len(share), size=(SETTINGS["draws"], len(held)))]  # (draws, mice, n)
    base = np.sqrt(np.mean((found["no change"] - truth) ** 2, axis=1))
    for name, state in found.items():
        error = np.sqrt(np.mean((state - truth) ** 2, axis=1))
        skill = 1 - error / base
        one = np.nanquantile(state[1:, None] * some, (0.05, 0.95), axis=(0, 1))  # of a single mouse
        mean = np.nanquantile(np.nanmean(state[1:, None] * some, axis=1), (0.05, 0.95), axis=0)  # of their mean
        seen = np.isfinite(held)
        rows.append({"genotype": who, "month": target, "free visits": len(months) - 2, "mice": len(held),
                     "method": name, "rmse": error[0], "skill": skill[0], "low": np.quantile(skill[1:], 0.025),
                     "high": np.quantile(skill[1:], 0.975), "mean seen": truth[0].mean(),
                     "mean forecast": state[0].mean(), "mean last seen": values[0, -2].mean(),
                     "single mice inside": np.mean(((held >= one[0]) & (held <= one[1]))[seen]),
                     "means inside": np.mean((truth[0] >= mean[0]) & (truth[0] <= mean[1]))})  # fmt: skip
    return rows


def make(who: str, target: int) -> pd.DataFrame:
    """Compute the rows of one genotype and month."""
    return pd.DataFrame(rows_of(who, target, *cohorts(), np.random.default_rng([SETTINGS["seed"], target])))


if __name__ == "__main__":
    if sys.argv[1:] == ["--seal"]:
        print(kept.seal(__file__, **FROZEN).digest)
    else:
        kept.sealed(__file__, **FROZEN)
        jobs = [(who, target) for target in SETTINGS["targets"] for who in ("NTG", "G20")]
        found = kept.rows(__file__, jobs, make)
        kept.store(__file__, found.assign(settings=kept.digest(SETTINGS)).round(5))
