"""Whole brains, simulated: how well law, D, R and gain come back, and what breaks them (chapter 20b).

Every condition is fitted on 48 subjects and asked about 24 others, the same people each time. Conditions change one
thing: the noise, or what the model is told. The table has one row a condition and a person. About 8 minutes on one
core:

    python experiments/whole_brain.py
"""

import sys
import warnings
from dataclasses import replace

import pandas as pd

import xsg
from xsg.spread.estimator import MechanisticMixture, UnlikeTrainingWarning, maximum_likelihood
from xsg.spread.pet import PET_RANGES

sys.path.append(__file__.rsplit("/", 1)[0])

import kept

TRAIN, TEST, NOISE, SMOOTH, SEED = 48, 24, 20.0, 16.0, 0
SETTINGS = {"gain": PET_RANGES["gain"], "d_range": PET_RANGES["D"], "r_range": PET_RANGES["R"], "epochs": 4, "steps": 3}
USUAL_GAIN = 1.5  # about the median of those drawn
CONDITIONS = ("as made", "noisier", "smooth noise", "one gain", "no masks", "true start")


def condition(name: str, voxel: int = 8, train: int = TRAIN, test: int = TEST) -> pd.DataFrame:
    """Fit one condition and return what was found of each test subject beside the truth."""
    noise = NOISE / 2 if name == "noisier" else NOISE
    smooth = SMOOTH if name == "smooth noise" else 0.0
    sizes = {"n_train": train, "n_validation": 0, "n_test": test}
    cohort = xsg.load_spread("pet", noise=noise, smooth=smooth, voxel=voxel, seed=SEED, **sizes)
    settings = dict(SETTINGS)
    if name == "one gain":
        settings["gain"] = False
        cohort = replace(cohort, values=cohort.values / USUAL_GAIN)
    if name == "no masks":
        cohort = replace(cohort, inside=None)
    asked = cohort.part("test")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnlikeTrainingWarning)  # the table says of whom
        if name == "true start":
            posterior = maximum_likelihood(asked, steps=12, iterations=8)
        else:
            posterior = MechanisticMixture(**settings).fit(cohort.part("train")).infer(asked)
    found, truth = posterior.rates(), asked.truth.rates
    table = truth[["law", "D", "R", "gain"]].add_prefix("true ").join(found)
    table["sure"] = posterior.responsibilities.max(axis=1)
    table["unlike"] = False if posterior.unlike is None else posterior.unlike != ""
    table.insert(0, "condition", name)
    return table.reset_index().round(5)


if __name__ == "__main__":
    table = kept.rows(__file__, [(name,) for name in CONDITIONS], condition)
    kept.store(__file__, table)
    errors = pd.DataFrame({k: (table[k] / table[f"true {k}"] - 1).abs() for k in ("D", "R", "gain")})
    errors["law"] = table["law"] == table["true law"]
    print(
        errors.groupby(table["condition"], sort=False).agg(
            {"law": "mean", "D": "median", "R": "median", "gain": "median"}
        )
    )
