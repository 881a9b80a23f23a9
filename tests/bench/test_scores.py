"""Scores: equal to what they are by hand, and answers that need both splits."""

import numpy as np
import pandas as pd
import pytest

from xsg.bench.scores import SCORES, answers, scored, slope


def test_slope_is_that_of_least_squares():
    rng = np.random.default_rng(0)
    predicted = rng.standard_normal(9)
    observed = 0.4 * predicted + 0.1 * rng.standard_normal(9) + 3
    assert slope(observed, predicted) == pytest.approx(np.polyfit(predicted, observed, 1)[0])
    assert np.isnan(slope(observed, np.full(9, 2.0)))


def test_scores_by_hand():
    y = pd.DataFrame([[0.0, 1.0, 2.0, 3.0], [3.0, 1.0, 0.0, 0.0]], ["a", "b"])
    genes = pd.DataFrame([[0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    guess = np.array([[0.0, 1.0, 2.0, 4.0], [1.0, 1.0, 1.0, 1.0]])
    found = scored(y, guess, np.array([y.mean(axis=1)[k] * np.ones(4) for k in "ab"]), genes).set_index("map")
    assert list(found.columns) == list(SCORES)
    assert found.loc["a", "r2"] == pytest.approx(1 - 1 / 5)
    assert found.loc["a", "gain"] == found.loc["a", "r2"]
    assert found.loc["a", "truth"] == pytest.approx(np.corrcoef(genes.iloc[0], guess[0])[0, 1])
    assert found.loc["b", "r2"] == 0
    assert found.loc["b", ["slope", "truth"]].isna().all()  # a constant prediction; no genes


def row(method, name, split, dealing, r2, gain):
    keys = ("method", "task", "kind", "map", "split", "dealing", "r2", "gain")
    return dict(zip(keys, (method, "t", "place", name, split, dealing, r2, gain), strict=True))


def test_beyond_place_needs_both_splits_and_the_median_dealing():
    rows = [row("m", "one lucky dealing", split, k, 0.3, gain)
            for split in ("pairs", "patches") for k, gain in enumerate((0.9, -0.1, -0.1))]  # fmt: skip
    rows += [row("m", "both", split, 0, 0.3, 0.2) for split in ("pairs", "patches")]
    rows += [row("m", "pairs only", split, 0, 0.3, gain) for split, gain in (("pairs", 0.2), ("patches", -0.2))]
    rows += [row("m", "rounding", split, 0, 1e-5, 1e-5) for split in ("pairs", "patches")]
    rows += [row("m", "less bad than place", split, 0, r2, 0.3) for split, r2 in (("pairs", 0.2), ("patches", 0.0))]
    rows += [row("m", "not asked by patches", "pairs", 0, -0.3, 0.2)]
    found = answers(pd.DataFrame(rows)).set_index("map")
    assert found["beyond"].dropna().to_dict() == {"one lucky dealing": 0, "both": 1, "pairs only": 0, "rounding": 0,
                                                 "less bad than place": 0}  # fmt: skip
    assert found["there"].to_dict() == {
        "one lucky dealing": 1,
        "both": 1,
        "pairs only": 1,
        "rounding": 0,
        "less bad than place": 1,
        "not asked by patches": 0,
    }
