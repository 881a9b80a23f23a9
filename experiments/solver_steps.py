"""Count how many splitting steps refinement needs: bias and coverage of the rates by steps, at a signal-to-noise of 5.

experiments/solver_steps.py      two minutes on one core; makes solver_steps.csv, which chapter 19 shows

Every subject is refined under its own law, from one start, with the initial state that 200 training subjects have in
common, or (the oracle) with the true one and no prior. Bias is in standard deviations of the subject's posterior.
"""

import numpy as np
import pandas as pd
import torch

import kept
import xsg
from xsg.spread.model import Visits, refine

SETTINGS = {
    "date": "2026-11-28",
    # other cohorts than those in which the number of steps was chosen (seeds 1 and 2)
    "cohorts": {"noise": 5, "n_train": 200, "n_validation": 0, "n_test": 300, "seeds": [3, 4, 5]},
    # name: stages of refinement, each of so many steps and iterations; the third is what a model does by default
    "plans": {"4": [[4, 8]], "8": [[8, 8]], "24": [[4, 8], [24, 2]]},
    "oracle": {"32": [[4, 12], [32, 3]]},
    "start": [0.3, 0.045],
}


def misses(model, visits: Visits, law: np.ndarray, true: torch.Tensor, stages: list, prior) -> np.ndarray:
    """Return by subject how far log D and log R miss the truth, in sd of the posterior, (S, 2)."""
    z, sd = torch.zeros_like(true), torch.zeros_like(true)
    for name in model.laws:
        rows = torch.tensor(np.flatnonzero(law == name))
        some = Visits(*(part[rows] for part in visits))
        at = torch.tensor(SETTINGS["start"]).log().expand(len(rows), 2)
        for steps, iterations in stages:
            found = refine(model._solver, name, some, at, prior, iterations, steps, background=True)
            at = found.z
        z[rows], sd[rows] = found.z, found.covariance.diagonal(dim1=1, dim2=2).sqrt()
    return ((z - true) / sd).numpy()


def cohort_rows(seed: int) -> pd.DataFrame:
    """Refine one cohort with all plans."""
    options = SETTINGS["cohorts"] | {"seed": seed}
    del options["seeds"]
    cohort = xsg.load_spread("disc", **options)
    test = cohort.part("test")
    model = xsg.MechanisticMixture(epochs=0).fit(cohort.part("train"))
    values, valid, times = model._read(test)
    inferred = Visits(values, valid, times, model._initial(values, valid))
    given = torch.tensor(cohort.truth.initial, dtype=torch.float32).expand(len(values), -1)
    rates = test.truth.rates
    law, true = rates["law"].to_numpy(), torch.tensor(np.log(rates[["D", "R"]].to_numpy(float))).float()
    kinds = [("inferred", *plan) for plan in SETTINGS["plans"].items()]
    kinds += [("oracle", *plan) for plan in SETTINGS["oracle"].items()]
    rows = []
    for kind, steps, stages in kinds:
        visits, prior = (inferred, model._prior) if kind == "inferred" else (inferred._replace(u0=given), None)
        missed = misses(model, visits, law, true, stages, prior)
        for name, column in zip("DR", missed.T, strict=True):
            inside = (np.abs(column) < 1.6449).sum()
            numbers = (len(column), np.median(column), column.mean(), column.std(), inside)
            rows.append((kept.digest(SETTINGS), seed, kind, int(steps), name, *numbers))
    columns = ["settings", "seed", "initial", "steps", "rate", "subjects", "median", "mean", "sd", "inside"]
    return pd.DataFrame(rows, columns=columns)


def main() -> None:
    """Refine what is missing, cohort by cohort, and write the table."""
    kept.store(__file__, kept.rows(__file__, [(seed,) for seed in SETTINGS["cohorts"]["seeds"]], cohort_rows).round(4))


if __name__ == "__main__":
    main()
