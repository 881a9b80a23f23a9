"""Forecasts: each method does what its name says, nothing sees the held-out visit, and rows are earned again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import forecasts
import forecasts_mice
import forecasts_people
import kept

SCRIPTS = (forecasts, forecasts_mice, forecasts_people)
TABLE, MICE, PEOPLE = (pd.read_csv(Path(script.__file__).with_suffix(".csv")) for script in SCRIPTS)
N = 9


def laplacian(rng, symmetric=True):
    weights = rng.random((N, N)) * (1 - np.eye(N))
    weights = (weights + weights.T) / 2 if symmetric else weights
    weights /= weights.sum(axis=1).mean()
    return np.diag(weights.sum(axis=1)) - weights


@pytest.fixture(scope="module")
def made():
    """Five series that follow the logistic law on the connectome, without noise; region 3 is not measured."""
    rng = np.random.default_rng(0)
    names = ("connectome", "anterograde", "retrograde", "space")
    laplacians = {name: laplacian(rng, name not in forecasts.DIRECTED) for name in names}
    solver, series = forecasts.ReactionDiffusion(laplacians["connectome"]), []
    for i, (d, r) in enumerate([(0.1, 0.3), (0.12, 0.3), (0.1, 0.35), (0.12, 0.35), (0.11, 0.32)]):
        times, seed = np.array([1, 3, 6, 12.0][: 3 + i // 3]), np.eye(N)[i + i // 3]
        state = solver.solve(torch.tensor(0.3 * seed[None]), times, d, r, "logistic", 40)[0].numpy()
        state[:, 3] = np.nan
        series.append(forecasts.Series(f"S{i}", "tau" if i < 3 else "synuclein", state, times, seed))
    return forecasts.field(series, laplacians, np.arange(N) % 4, rng.random((N, 5)))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_it_ran_as_it_was_frozen(script):
    assert kept.sealed(script.__file__, **script.FROZEN).date < "2026-12"
    assert set(pd.read_csv(Path(script.__file__).with_suffix(".csv"))["settings"]) == {kept.digest(script.SETTINGS)}


def test_every_planned_forecast_is_in_the_table_once():
    table = TABLE[TABLE["part"] == "forecast"]
    plain = {"no change", "line, one for all", "line, region by region"}
    others = {*forecasts.SETTINGS["lines of the others"], forecasts.FIRST, forecasts.INJECTED, forecasts.CELLS}
    judged = table[table["group"] != "not judged"]
    assert not judged.duplicated(["series", "method"]).any()
    assert len(judged) == 16 * len(plain | others | set(forecasts.SETTINGS["methods"]))
    assert judged["rmse"].between(0, 1).all()
    none = judged[judged["method"] == "no change"]
    assert (none["skill"] == 0).all()
    assert (none["last seen"] == none["forecast"]).all()


def test_only_the_law_that_made_the_series_foresees_it(made):
    found = forecasts.part_forecast(made).set_index(["series", "method"])["skill"].unstack()
    assert (found["logistic, connectome"] > 0.9).all()
    for other in ("logistic, space", "growth, own rate", "diffusion, connectome", "line, one for all"):
        assert found["logistic, connectome"].median() > found[other].median() + 0.05, other
    assert (found["no change"] == 0).all()


def test_no_forecast_sees_the_held_out_visit(made):
    rates = {network: forecasts.all_rates(made, network) for network in ("none", "connectome", "space")}
    values = made.series[4].values[None].repeat(2, axis=0)
    values[1, -1] = 1 - values[1, -1]
    found = forecasts.forecasts(made, 4, values, {network: forecasts.prior_of(z, 4) for network, z in rates.items()})
    for name, (one, other) in found.items():
        np.testing.assert_allclose(one, other, atol=1e-6, err_msg=name)


def test_lines_go_on_as_they_went():
    times = np.array([1, 3, 6.0])
    values = np.array([[[0.1, 0.4], [0.2, 0.3], [np.nan, np.nan]]])
    found = forecasts.plain(values, times)
    np.testing.assert_allclose(found["no change"], [[0.2, 0.3]])
    np.testing.assert_allclose(found["line, one for all"], [[0.2, 0.3]])
    np.testing.assert_allclose(found["line, region by region"], [[0.35, 0.15]])


def test_growth_without_a_network_stays_where_it_is():
    solver = forecasts.ReactionDiffusion(np.zeros((N, N)))
    u = np.linspace(0, 0.8, N)
    later = forecasts.run_on(solver, "logistic", u[None], 2.0, torch.tensor([-1.0, np.log(0.5)]))[0]
    odds = u / (1 - u) * np.exp(1.0)
    np.testing.assert_allclose(later, odds / (1 + odds), atol=1e-5)


def test_tables_of_mice_and_people_are_whole():
    assert MICE.groupby(["genotype", "month"]).size().tolist() == [9] * 4
    assert MICE[["single mice inside", "means inside"]].stack().between(0, 1).all()
    assert PEOPLE["r"].between(-1, 1).all()
    assert PEOPLE["what"].is_unique
    assert PEOPLE["p"].notna().sum() == 3


def test_atrophy_only_grows_and_begins_at_the_seed(monkeypatch):

    rng = np.random.default_rng(0)
    weights = rng.random((1, N, N)) * (1 - np.eye(N))
    lengths = 1 + 9 * rng.random((1, N, N))
    monkeypatch.setitem(forecasts_people.SETTINGS, "until", 20.0)
    sizes = rng.integers(5, 99, N).astype(float)
    found = forecasts_people.simulate(*np.zeros((2, 1, N)), weights, lengths, sizes)
    assert found.shape == (100, 1, N)
    assert (np.diff(found, axis=0) >= 0).all()
    assert found[0, 0].argmax() == N - 1  # the seed loses first


@pytest.mark.usefixtures("real_data")
def test_a_series_is_earned_again():
    brain = forecasts.real()
    z = {"none": forecasts.all_rates(brain, "none")}
    row = next(i for i, each in enumerate(brain.series) if each.name == "mouse")
    only = ["growth, pooled", "growth, others' rate"]
    priors = {"none": forecasts.prior_of(z["none"], row)}
    found = forecasts.forecasts(brain, row, brain.series[row].values[None], priors, only)
    kept_rows = TABLE[(TABLE["part"] == "forecast") & (TABLE["series"] == "mouse")].set_index("method")["rmse"]
    for name, (state,) in found.items():
        assert forecasts.rmse(state, brain.series[row].values[-1]) == pytest.approx(kept_rows[name], abs=2e-3), name
