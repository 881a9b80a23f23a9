"""Make monday.csv: how often each step of the protocol says yes, of maps with and without genes in them.

experiments/monday.py             goes on where it was cut short; a quarter of an hour on one core

Smooth maps that have nothing to do with the genes (share 0), and maps of which a share of the variance is made by the
simulator's programs, as in stopping.py, whose maps these are. Each goes up a ladder of questions, from the one that is
easiest to pass to the one that chapter 28 recommends. A row holds the map and the answer, 0 or 1, of each question;
ridge on the genes is the model, every trial has folds and nulls of its own.
"""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import pearsonr

import kept
import stopping
import xsg
from xsg.evaluation.baselines import Baseline
from xsg.evaluation.splits import LeakWarning

SHARES = {0.0: 120, 0.5: 80, 0.8: 80}  # of variance, and how many maps
BLOCK = stopping.BLOCK  # maps of one job
NULLS = 99
NOISE = 19  # tables of noise: the least that can give 0.05
LEVEL = 0.05


def plan() -> list[tuple[float, int]]:
    """Return (share, first map) of each job."""
    return [(share, first) for share, n in SHARES.items() for first in range(0, n, BLOCK)]


def asked(case: xsg.Cortex, seed: int, nulls: int = NULLS) -> dict[str, bool]:
    """Ask one map every question of the ladder."""

    def trial(**how) -> xsg.Report:
        return xsg.evaluate(Baseline("ridge"), case, seed=seed, progress=False, **how)

    scores = case.expression - case.expression.mean()
    main = np.linalg.svd(scores.to_numpy(), full_matrices=False)[0][:, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakWarning)  # the leak is what this question is to show
        leaky = trial(split="random", n_nulls=0, baselines=False)
    noise = trial(null="noise-genes", n_nulls=NOISE, baselines=False)
    pairs, patches = (trial(split=split, n_nulls=nulls) for split in ("homologous", "spatial"))
    yes = [each.verdict.answer == "Yes" for each in (pairs, patches)]
    return {
        "correlation": pearsonr(main, case.thinning).pvalue <= LEVEL,
        "random": leaky.held_out.loc["R²", "value"] > 0,
        "pairs": pairs.held_out.loc["R²", "value"] > 0,
        "noise genes": noise.p_value["held-out R²"] <= LEVEL,
        "rotated": pairs.p_value["held-out R²"] <= LEVEL,
        "position": yes[0],
        "both": all(yes),
    }


def answers(share: float, first: int, n: int = BLOCK, nulls: int = NULLS) -> pd.DataFrame:
    """Put the first n maps of a job on trial, and return their rows."""
    cortex, rows = xsg.load_cortex("simulated", n_genes=200), []
    for number, values in stopping.maps(cortex, share, first).head(n).iterrows():
        case = replace(cortex, thinning=values.rename("thinning"))
        rows.append({"share": share, "map": number, **asked(case, int(number), nulls)})
    return pd.DataFrame(rows).astype({"map": int}).replace({True: 1, False: 0})


if __name__ == "__main__":
    found = kept.rows(__file__, plan(), answers)
    kept.store(__file__, found)
    print(found.groupby("share").mean().drop(columns="map").round(3).T.to_string())
    print(f"written to {Path(__file__).with_suffix('.csv')}")
