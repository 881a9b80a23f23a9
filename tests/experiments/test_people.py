"""People and maps: the table has what was sealed, the smoothers are what they say, a made-up cohort goes through."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import xsg
from xsg.evaluation.metrics import r_squared
from xsg.evaluation.nulls import null_maps
from xsg.evaluation.splits import homologous
from xsg.people.read_cohort import People
from xsg.simulate.fields import smooth_fields
from xsg.study.seal import read_seal

SCRIPT = Path(__file__).resolve().parents[2] / "experiments/people.py"


@pytest.fixture(scope="module")
def script():
    """Import the experiment by its path: a folder of tests has the same name."""
    spec = importlib.util.spec_from_file_location("experiment_people", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def people() -> People:
    """Make up 60 people whose cortex thins by a smooth map."""
    rng, n = np.random.default_rng(0), 60
    age = rng.uniform(20, 86, n)
    lost = 0.03 * (1 + 0.5 * smooth_fields(rng, 1, left_right=0.97)[:, 0]) * (age[:, None] - 50) / 10
    values = 2.5 - lost + 0.1 * smooth_fields(rng, n, left_right=0.9).T + 0.08 * rng.standard_normal((n, 68))
    who = {"age": age, "sex": rng.choice(["M", "F"], n)}
    who |= {f"{side}_euler": -rng.gamma(3, 15, n) for side in ("lh", "rh")}
    return People(pd.DataFrame(values, columns=xsg.load_atlas("desikan").regions), pd.DataFrame(who))


def test_the_table_is_what_was_sealed(script):
    seal, table = read_seal(SCRIPT.with_suffix(".sealed.json")), pd.read_csv(SCRIPT.with_suffix(".csv"))
    assert (seal.question, seal.rule, seal.known) == (script.QUESTION, script.RULE, script.KNOWN)
    assert seal.settings == script.SETTINGS
    grown = table[(table["part"] == "growth") & (table["what"] == "ridge R2")].groupby("n").size()
    assert grown.to_dict() == dict.fromkeys(script.SETTINGS["growth"], script.SETTINGS["growth_draws"])
    assert set(table["part"]) == {job[0] for job in script.plan()}


def test_simulated_rows_come_out_again(script, real_data):
    table = pd.read_csv(SCRIPT.with_suffix(".csv"))
    kept = table[(table["part"] == "power") & (table["varied"] == "people, moran") & (table["n"] == 25)]
    np.testing.assert_allclose(script.power("people", "moran", 25)["value"], kept["value"], atol=0.005)


def test_more_maps_give_power_and_more_people_do_not():
    table = pd.read_csv(SCRIPT.with_suffix(".csv"))
    power = table[(table["part"] == "power") & (table["what"] == "gain") & (table["draw"] == 50)]
    power = power.set_index(["varied", "n"])["value"]
    assert power["maps, moran", 16] > 0.95
    assert power["people, moran", 1600] < 0.6
    nothing = table[(table["part"] == "power") & (table["draw"] == 0) & table["varied"].str.endswith("moran")]
    assert nothing[nothing["what"] == "gain"]["value"].max() < 0.09  # false alarms


def test_a_smoother_scores_maps_as_their_residuals_do(script, real_data):
    trial = script.trial_of("moran", 5)
    rng = np.random.default_rng(0)
    y = script.fields(rng, 4)
    scores = trial.score((y.T @ y)[None])
    by_dealing = []
    for dealing in range(5):
        h = trial.smoothers(homologous(trial.regions, seed=dealing))["genes"]
        by_dealing.append(1 - ((y - y @ h.T) ** 2).sum() / ((y - y.mean(axis=1, keepdims=True)) ** 2).sum())
    assert scores["genes"][0, 0] == pytest.approx(np.mean(by_dealing))
    one = script.trial_of("moran", 5).smoothers(homologous(trial.regions))["place"]
    single = trial.score(np.einsum("wi,wj->wij", y, y))["place"][0, 0]
    guesses = [trial.smoothers(homologous(trial.regions, seed=k))["place"] @ y[0] for k in range(5)]
    assert single == pytest.approx(np.mean([r_squared(y[0], guess) for guess in guesses]))
    assert np.allclose(one.sum(axis=1), 1)  # a constant is predicted as it is


def test_a_null_as_a_matrix_is_the_null_of_a_map(script, real_data):
    trial, cortex = script.trial_of("spin", 5), script.cortex_of_genes()
    y = script.fields(np.random.default_rng(1), 2)
    drawn = null_maps(pd.DataFrame(y, columns=cortex.regions), cortex.parcellation, "spin", 5, 0, progress=False)
    np.testing.assert_allclose((y @ trial.turn[1:]).transpose(1, 0, 2).reshape(10, -1), drawn, atol=1e-8)
    judged = trial.judge(y[:1], y[1:])[0]
    guess = trial.linear["genes"] @ y[0]
    assert judged[0] == pytest.approx(np.corrcoef(guess, y[1])[0, 1])


def test_a_made_up_cohort_goes_through(script, people, real_data):
    grown = script.growth(people, 40, 0, draws=1, rotations=19).set_index("what")["value"]
    assert 0 < grown["split-half"] < 1
    assert grown["ridge p"] >= 0.05
    judged = script.judged(people, rotations=19)
    assert judged["varied"].unique().tolist() == ["ridge", "position", "both", "both less position"]
    found = script.deviations(people, "moran", 10_000, 1, nulls=19).set_index("what")["value"]
    assert 1 < found["patterns"] < 60
    assert found["gain"] == pytest.approx(found["both R2"] - found["place R2"])
