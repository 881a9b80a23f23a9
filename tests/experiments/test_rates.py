"""The tables of refits to rotated maps hold what their scripts say, and a row of each can be earned again."""

from pathlib import Path

import pandas as pd
import pytest

import rates
import views

RATES, VIEWS = (Path(script.__file__).with_suffix(".csv") for script in (rates, views))


@pytest.mark.parametrize(
    ("path", "script", "columns"),
    [(RATES, rates, list(rates.JUDGED)), (VIEWS, views, list(views.CHOICES))],
)
def test_every_planned_refit_is_in_the_table_once(path, script, columns):
    table = pd.read_csv(path)
    planned = [(k, d) for k in range(script.N_NULLS) for d in range(script.N_DEALINGS)]
    assert list(table[["rotation", "dealing"]].itertuples(index=False, name=None)) == planned
    assert list(table.columns[2:]) == columns
    assert table.notna().all(axis=None)
    assert (table[columns] < 1).all(axis=None)


@pytest.mark.usefixtures("real_data")
def test_a_rotation_is_earned_again(monkeypatch):
    table = pd.read_csv(RATES)
    monkeypatch.setattr(rates, "N_DEALINGS", 1)
    data = rates.group_data()
    found = rates.scores(data, *rates.rotated_pairs(data)[7])
    kept = table[(table["rotation"] == 7) & (table["dealing"] == 0)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, kept.drop(columns="rotation"), atol=0.03)


@pytest.mark.usefixtures("real_data")
def test_rows_of_views_are_earned_again():
    table = pd.read_csv(VIEWS)
    cortex, both = views.real_views()
    found = views.scores(cortex, both, views.rotated_maps(cortex).iloc[[8]], 2)
    kept = table[(table["rotation"] == 8) & (table["dealing"] == 2)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, kept[list(views.CHOICES)], atol=0.05)
