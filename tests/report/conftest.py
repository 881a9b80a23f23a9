"""A made-up report: 7 regions, so that no model needs to be trained."""

import numpy as np
import pandas as pd
import pytest

from xsg.atlas import load_parcellation
from xsg.report import STATISTICS, Report

REGIONS = ["L_insula", "L_cuneus", "L_lingual", "L_fusiform", "R_insula", "R_cuneus", "R_lingual"]
SCORES = {"My model": 0.41, "position (kriging)": 0.3, "position + genes": 0.45, "ridge": 0.38}


def made_up(scores: dict[str, float] = SCORES, gain=(0.15, 0.05, 0.25, 0.1, 0.2, 0.05), **changes) -> Report:
    rng = np.random.default_rng(0)
    model, simple = next(iter(scores)), dict(list(scores.items())[1:])
    observed = np.linspace(-1, 2, 7)
    null = pd.DataFrame(rng.uniform(0, 0.5, (39, 4)), columns=STATISTICS)
    score = scores[model]
    baselines = pd.DataFrame(
        {
            name: [r2, 0.6, r2 - 0.1, r2 + 0.1, 0.5, 0.7, 0.2, 0.2, score - r2 - 0.1, score - r2 + 0.1]
            for name, r2 in simple.items()
        },
        ["R²", "r", "R² lowest", "R² highest", "r lowest", "r highest", "p R²", "p r", "lead low", "lead high"],
    ).T
    given = {
        "cortex": "thinning in <b>aged</b> & young",
        "model": f"{model}(alpha=1.0)",
        "split": "homologous",
        "null_name": "spin",
        "n_folds": 5,
        "n_values": 7,
        "leaks": False,
        "in_sample": pd.Series({"R²": 0.9, "r": 0.95}),
        "held_out": pd.DataFrame(
            [[score, score - 0.2, score + 0.2, score - 0.1, score + 0.1], [0.6, 0.4, 0.8, 0.5, 0.7]],
            ["R²", "r"],
            ["value", "low", "high", "lowest", "highest"],
        ),
        "null": null,
        "p_value": pd.Series([0.2, 0.2, 0.025, 0.025], STATISTICS),
        "baselines": baselines,
        "seeds": pd.DataFrame([[0.9, 0.95, score, 0.6]], pd.Index([0], name="seed"), STATISTICS),
        "dealings": pd.concat(
            {
                name: pd.DataFrame(
                    {"R²": [r2 - 0.1, r2, r2 + 0.1], "r": [0.5, 0.6, 0.7]}, pd.RangeIndex(3, name="dealing")
                )
                for name, r2 in scores.items()
            },
            names=["what"],
        ),
        "predictions": pd.DataFrame(
            {"observed": observed, "in-sample": observed * 0.9, "held out": observed * 0.5}
            | {name: observed * r2 for name, r2 in simple.items()},
            REGIONS,
        ),
        "gain": pd.Series(gain, ["value", "low", "high", "lowest", "highest", "p"]),
        "n_nulls": 39,
        "notes": ["Expression: Allen Human Brain Atlas.", "SignWarning: 3 of 7 are <negative>."],
        "settings": {"model": {"class": "sklearn.linear_model._ridge.Ridge", "params": {"alpha": 1.0}}, "seed": 0},
        "record": {
            "data": {
                "map": "thinning in <b>aged</b> & young",
                "unit": "mm",
                "positive": "loss",
                "atlas": "desikan",
                "genes": 8,
                "coverage": {"L_insula": 0.62, "L_cuneus": 1.0, "R_cuneus": 0.99},
            },
            "versions": {"python": "3.13.1", "xsg": "0.2.0", "torch": "2.9", "numpy": "2.4", "brainspace": "0.3"},
            "date": "2026-11-09",
        },
        "parcellation": load_parcellation("dk"),
    }
    return Report(**(given | changes))


@pytest.fixture(scope="session")
def make():
    """Return what makes a report, anything in it changed."""
    return made_up


@pytest.fixture(scope="session")
def page() -> str:
    """The page of a report, with another split beside it."""
    from xsg.report.page import page

    other = made_up(gain=(-0.02, -0.2, 0.1, -0.1, 0.1, 0.6), split="spatial")
    return page(made_up(), [other], {"report.csv": "a,b\n", "report.bib": "@misc{}"})
