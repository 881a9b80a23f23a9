"""The tables of the long runs were made with the settings that their scripts still bear."""

from pathlib import Path

import pandas as pd
import pytest

import brainphys
import kept
import solver_steps


def table_of(script):
    return pd.read_csv(Path(script.__file__).with_suffix(".csv"))


@pytest.mark.parametrize("script", [brainphys, solver_steps])
def test_the_table_is_of_these_settings(script):
    table = table_of(script)
    assert set(table["settings"]) == {kept.digest(script.SETTINGS)}
    assert set(table["settings"]) != {kept.digest(script.SETTINGS | {"date": "2026-11-29"})}


def test_every_row_is_of_a_model_and_seed_that_were_planned():
    table = table_of(brainphys)
    planned = {(name, seed) for name, options in brainphys.SETTINGS["models"].items() for seed in options["seeds"]}
    assert set(zip(table["model"], table["seed"], strict=True)) <= planned
    assert not table.duplicated(["model", "seed", "quantity"]).any()
    full = table[table["model"] == "paper"].set_index("quantity")["value"]
    assert full["epochs"] == 200
    assert 1 <= full["epoch kept"] <= 200


def test_the_steps_refined_with_are_the_models_own():
    import xsg
    from xsg.spread.estimator import FINE

    steps = xsg.MechanisticMixture().steps
    assert solver_steps.SETTINGS["plans"][str(FINE * steps)] == [[steps, 8], [FINE * steps, 2]]
    table = table_of(solver_steps)
    assert (table.groupby(["initial", "steps", "rate"])["subjects"].sum() == 900).all()
