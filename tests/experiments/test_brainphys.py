"""The tables of the long runs were made with the settings that their scripts still bear."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]


def script(name):
    spec = importlib.util.spec_from_file_location(f"brainphys_{name}", ROOT / f"experiments/brainphys/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["run", "steps"])
def test_the_table_is_of_these_settings(name):
    module = script(name)
    table = pd.read_csv(module.TABLE)
    assert set(table["settings"]) == {module.digest()}
    module.SETTINGS["date"] = "2026-11-29"
    assert set(table["settings"]) != {module.digest()}


def test_every_row_is_of_a_model_and_seed_that_were_planned():
    module = script("run")
    table = pd.read_csv(module.TABLE)
    planned = {(name, seed) for name, options in module.SETTINGS["models"].items() for seed in options["seeds"]}
    assert set(zip(table["model"], table["seed"], strict=True)) <= planned
    assert not table.duplicated(["model", "seed", "quantity"]).any()
    full = table[table["model"] == "paper"].set_index("quantity")["value"]
    assert full["epochs"] == 200
    assert 1 <= full["epoch kept"] <= 200


def test_the_steps_refined_with_are_the_models_own():
    import xsg
    from xsg.spread.estimator import FINE

    module = script("steps")
    steps = xsg.MechanisticMixture().steps
    assert module.SETTINGS["plans"][str(FINE * steps)] == [[steps, 8], [FINE * steps, 2]]
    table = pd.read_csv(module.TABLE)
    assert (table.groupby(["initial", "steps", "rate"])["subjects"].sum() == 900).all()
