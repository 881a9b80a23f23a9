"""The table of measured tau holds what its script says, and a piece of it can be earned again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import measured_tau as script
import measured_tau_maps as maps

TABLE = Path(script.__file__).with_suffix(".csv")


@pytest.fixture(scope="module")
def world():
    return maps.simulated_world(dealings=1, rotations=19)


def medians(table):
    return table[table["dealing"] == -1].set_index(["outcome", "method"])


def test_a_line_is_found_where_there_is_one(world):
    found = medians(script.piece(world, "thinning", "pairs")).loc["thinning"]
    assert found.loc["line on tau", "value"] > 0.9
    assert found.loc["line on tau", "p"] == 0.05
    assert abs(found.loc["gain: genes over line on tau", "value"]) < 0.05  # there is nothing left for them


def test_what_genes_add_to_the_line_is_found(world):
    driven = world.thinning + 0.5 * world.genes["g0"] + 0.5 * world.genes["g1"]
    found = medians(script.piece(replace(world, thinning=driven), "thinning", "pairs")).loc["thinning"]
    assert found.loc["gain: genes over line on tau", "value"] > 0.2
    assert found.loc["gain: genes over line on tau", "p"] <= 0.1


def test_a_region_held_out_has_no_part_in_its_prediction():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 3, 20))
    folds = np.arange(20) % 5 == np.arange(5)[:, None]
    before = script.line(x)(y, folds)
    y[:, folds[0]] += 100
    assert np.allclose(script.line(x)(y, folds)[:, folds[0]], before[:, folds[0]])


def test_tables_side_by_side_weigh_alike():
    wide, narrow = (pd.DataFrame(np.ones((4, n))).add_prefix(name) for n, name in ((60, "g"), (7, "r")))
    both = script.weighing_alike(wide, narrow)
    assert both.shape == (4, 60 + 9 * 7)
    assert both.columns.is_unique


def test_spread_that_is_no_better_than_its_rival_is_given_no_p(world):
    found = medians(script.piece(world, "spread", "no network, genes", "tau known"))
    assert found["p"].isna().all()
    assert len(found) == 4


def test_the_table_holds_every_piece_once():
    table = pd.read_csv(TABLE)
    keys = ["part", "outcome", "split", "method", "dealing"]
    assert not table.duplicated(keys).any()
    assert (table.groupby(keys[:-1]).size() == script.SETTINGS["dealings"] + 1).all()
    assert (table["value"] < 1).all()
    by_nulls = table[table["nulls"].notna() & (table["part"] != "spread")]
    assert (by_nulls["nulls"] == script.SETTINGS["rotations"]).all()


@pytest.mark.usefixtures("real_data")
def test_a_dealing_is_earned_again():
    table = pd.read_csv(TABLE)
    found = script.piece(replace(script.real_world(), dealings=1, rotations=1), "thinning", "patches")
    found = found[found["dealing"] == 0].set_index("method")["value"]
    kept = table[(table["part"] == "thinning") & (table["split"] == "patches") & (table["dealing"] == 0)]
    pd.testing.assert_series_equal(found, kept.set_index("method")["value"], atol=2e-3, check_like=True)
