"""Running methods: what is hidden from them, what comes out, and whether it comes out again."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from xsg.bench.run import COLUMNS, paired, reproduced, score, table
from xsg.bench.tasks import tasks
from xsg.evaluation.baselines import Baseline


@pytest.fixture(scope="module")
def few():
    """Four maps of a task with genes and three of one without, both splits."""
    genes, place = tasks("genes-fine"), tasks("place")
    return [replace(each, maps=each.maps[:4], truth=each.truth[:4]) for each in genes] + [
        replace(each, maps=each.maps[:3], truth=each.truth[:3]) for each in place
    ]


@pytest.fixture(scope="module")
def rows(few):
    return pd.concat([score(Baseline(name), few) for name in ("ridge", "position (kriging)")], ignore_index=True)


class Wrapped:
    """A stranger's method that happens to be ours."""

    name = "wrapped"

    def predict_folds(self, cortex, maps, held_out):
        return Baseline("ridge").predict_folds(cortex, maps, held_out)


class Peeks:
    """Hands back what it was given."""

    def predict_folds(self, cortex, maps, held_out):
        return np.repeat(maps.to_numpy()[:, None], len(held_out), axis=1)


class Remembers:
    """Hands back what it saw of a map of that name or place in folds before: an innocent cache, or not."""

    def __init__(self, by):
        self.by = by

    def __deepcopy__(self, memo):
        return self

    def predict_folds(self, cortex, maps, held_out):
        if not hasattr(self, "seen"):
            self.seen = {}
        found = np.empty((len(maps), 1, maps.shape[1]))
        for k, (name, y) in enumerate(zip(maps.index, maps.to_numpy(), strict=True)):
            seen = self.seen.setdefault(name if self.by == "name" else k, {})
            found[k, 0] = [seen.get(j, y[~held_out[0]].mean()) for j in range(len(y))]
            seen.update({j: y[j] for j in np.flatnonzero(~held_out[0])})
        return found


class Spoils(Wrapped):
    """Writes over everything it is given."""

    name = "spoils"

    def predict_folds(self, cortex, maps, held_out):
        found = super().predict_folds(cortex, maps, held_out)
        cortex.expression.loc[:, :] = 0
        cortex.parcellation.table.loc[:, "x"] = 0
        maps.loc[:, :] = 0
        held_out[:] = True
        return found


def test_rows_are_one_for_each_map_and_dealing(few, rows):
    assert tuple(rows.columns) == COLUMNS
    assert rows.groupby(["method", "task", "split"]).size().to_list() == [12, 12, 9, 9] * 2
    assert (rows.loc[rows["method"] == "position (kriging)", "gain"] == 0).all()
    genes = (rows["method"] == "ridge") & (rows["kind"] == "genes")
    assert rows.loc[genes, "r2"].median() > 0.3
    assert rows.loc[genes, "truth"].median() > 0.6
    assert rows.loc[~genes & (rows["kind"] == "place"), "truth"].isna().all()


def test_a_method_of_its_own_scores_as_the_same_one_of_ours(few, rows):
    ours = rows[rows["method"] == "ridge"].drop(columns=["method", "seconds"])
    for method in (Wrapped(), Spoils()):
        theirs = score(method, few).drop(columns=["method", "seconds"])
        pd.testing.assert_frame_equal(theirs, ours.reset_index(drop=True), rtol=1e-9, check_dtype=False)


def test_a_method_that_reads_what_is_held_out_gains_nothing(few):
    found = score(Peeks(), few[:1])
    assert found["method"].unique().tolist() == ["Peeks"]
    assert (found["r2"] < 0).all()


@pytest.mark.parametrize("by", ["name", "place"])
def test_a_method_that_remembers_other_folds_gains_nothing(few, by):
    assert score(Remembers(by), few[:1])["r2"].max() < 0.2


def test_a_difference_is_paired(rows):
    found = paired(rows, "ridge").set_index(["kind", "split"])
    wide = rows[(rows["kind"] == "genes") & (rows["split"] == "patches")].pivot(
        index=["map", "dealing"], columns="method", values="r2")  # fmt: skip
    by_map = (wide["ridge"] - wide["position (kriging)"]).groupby("map").median()
    cell = found.loc[("genes", "patches")]
    assert (cell["than"], cell["maps"]) == ("position (kriging)", 4)
    assert cell["value"] == pytest.approx(by_map.median())
    assert by_map.min() <= cell["low"] < cell["value"] < cell["high"] <= by_map.max()
    # Maps differ more than methods: of two that differ by the same on each map, the difference is without doubt.
    twin = rows[rows["method"] == "ridge"].assign(method="twin", r2=rows["r2"] - 0.01)
    twin = twin[twin["dealing"] < 2]
    found = paired(pd.concat([rows, twin]), "twin", ("task", "split")).query("than == 'ridge'")
    np.testing.assert_allclose(found[["value", "low", "high"]], -0.01, atol=1e-12)
    with pytest.raises(ValueError, match="Did you mean 'ridge'"):
        paired(rows, "rigde")


def test_a_regressor_is_given_its_seed_and_not_touched(few):
    class Noisy(BaseEstimator):
        def __init__(self, random_state=None):
            self.random_state = random_state

        def fit(self, x, y):
            self.mean_ = y.mean() + 0.1 * np.random.default_rng(self.random_state).standard_normal()
            return self

        def predict(self, x):
            return np.full(len(x), self.mean_)

    method = Noisy()
    first, again, other = (score(method, few[2:3], dealings=1, seed=seed)["r2"] for seed in (0, 0, 7))
    assert first.equals(again)
    assert not first.equals(other)
    assert vars(method) == {"random_state": None}


@pytest.mark.parametrize(
    ("method", "error", "said"),
    [
        (Wrapped, TypeError, "got type. Make one"),
        ("ridge", TypeError, "For a baseline"),
        (
            type("Nan", (), {"predict_folds": lambda self, c, m, h: np.full((len(m), 1, 68), np.nan)})(),
            ValueError,
            "nan",
        ),
        (
            type("Far", (), {"predict_folds": lambda self, c, m, h: np.full((len(m), 1, 68), 1e300)})(),
            ValueError,
            r"Far predicts 1e\+300: too large to be scored",
        ),
        (type("Flat", (), {"predict_folds": lambda self, c, m, h: m.to_numpy()})(), ValueError, "shape"),
    ],
)
def test_what_cannot_be_scored_is_refused(few, method, error, said):
    with pytest.raises(error, match=said):
        score(method, few[:1])


def test_the_table_gives_medians_over_dealings_and_intervals_over_maps(rows):
    found = table(rows).set_index(["method", "task", "split", "score"])
    mine = rows[(rows["method"] == "ridge") & (rows["task"] == "genes-fine") & (rows["split"] == "patches")]
    by_map = mine.groupby("map")["gain"].median()
    cell = found.loc["ridge", "genes-fine", "patches", "gain"]
    assert cell["value"] == by_map.median()
    assert by_map.min() <= cell["low"] < cell["value"] < cell["high"] <= by_map.max()
    assert cell["maps"] == 4
    assert found.loc["ridge", "place", "both", "there"]["maps"] == 3
    assert ("ridge", "place", "pairs", "truth") not in found.index
    pooled = table(rows, ("kind",))
    assert len(pooled[pooled["score"] == "r2"]) == 4
    with pytest.raises(ValueError, match="gain"):
        table(rows.drop(columns="gain"))


def test_rows_made_again_are_within_the_noise_and_others_are_not(rows):
    again = rows[(rows["dealing"] < 2) & (rows["method"] == "ridge")]
    same = reproduced(rows.round(4), again)
    assert same["within"].all()
    assert len(same) == 4 + 4 + 3 + 3
    assert (same["noise"] < 0.5).all()
    assert not reproduced(rows, again.assign(r2=again["r2"] + 0.2)).set_index("score").loc["r2", "within"].any()
    with pytest.raises(ValueError, match="not among those kept"):
        reproduced(rows[rows["method"] != "ridge"], again)
