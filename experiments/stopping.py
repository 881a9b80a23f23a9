"""Make stopping.csv: what stopping the nulls early does to a test's false alarms, its power and its time.

experiments/stopping.py             goes on where it was cut short; ten minutes on one core

Smooth maps that have nothing to do with the genes (share 0), and maps of which a share of the variance is made by the
simulator's programs. Each is put on trial with ridge and 1,000 rotations, every trial with folds, rotations and a
dealing of its own. A row holds the p-values of all 1,000 (1 + c) / (1 + 1000) and those of the first of them, up to the
one at which 20 had reached the held-out R² and r: the very same nulls, so that the two differ by the stopping alone.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import kept
import xsg
from xsg.evaluation.baselines import Baseline
from xsg.evaluation.sequential import STOP_AFTER, draw, sequential_p
from xsg.simulate.fields import smooth_fields

SHARES = {0.0: 400, 0.3: 200, 0.5: 200}  # of variance, and how many maps
BLOCK = 20  # maps of one job
NULLS = 1000


def plan() -> list[tuple[float, int]]:
    """Return (share, first map) of each job."""
    return [(share, first) for share, n in SHARES.items() for first in range(0, n, BLOCK)]


def maps(cortex: xsg.Cortex, share: float, first: int) -> pd.DataFrame:
    """Draw the maps (BLOCK, 68) of a job: a share of the variance is the cortex's own map, the rest a smooth field."""
    rng = np.random.default_rng([round(100 * share), first])
    fields = smooth_fields(rng, BLOCK, left_right=0.97).T
    own = (cortex.thinning - cortex.thinning.mean()) / cortex.thinning.std()
    mixed = np.sqrt(share) * own.to_numpy() + np.sqrt(1 - share) * fields
    return pd.DataFrame(mixed, range(first, first + BLOCK), cortex.regions)


def trials(share: float, first: int, n: int = BLOCK, nulls: int = NULLS) -> pd.DataFrame:
    """Put the first n maps of a job on trial, and return their rows."""
    cortex, rows = xsg.load_cortex("simulated", n_genes=200), []
    for number, values in maps(cortex, share, first).head(n).iterrows():
        case = replace(cortex, thinning=values.rename("thinning"))
        report = xsg.evaluate(Baseline("ridge"), case, n_nulls=nulls, seed=number, baselines=False, progress=False)
        observed, null = report.held_out["value"].to_numpy(), report.null[["held-out R²", "held-out r"]].to_numpy()
        drawn = len(draw(lambda k, null=null: null[k], observed, nulls, STOP_AFTER))
        row = {"share": share, "map": number, "drawn": drawn}
        for k, what in enumerate(("R2", "r")):
            row[f"p_{what}"] = report.p_value.iloc[2 + k]
            row[f"p_{what}_stopped"] = sequential_p(observed[k], null[:drawn, k], STOP_AFTER).p
        rows.append(row)
    return pd.DataFrame(rows)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Share of p ≤ 0.05 by share of variance, in full and stopped, with the mean number of nulls drawn."""
    p = table.filter(like="p_") <= 0.05
    by = table["share"]
    return p.groupby(by).mean().assign(maps=by.value_counts(), drawn=table["drawn"].groupby(by).mean())


if __name__ == "__main__":
    found = kept.rows(__file__, plan(), trials)
    kept.store(__file__, found.round(6))
    print(summary(found).round(3).to_string())
    print(f"written to {Path(__file__).with_suffix('.csv')}")
