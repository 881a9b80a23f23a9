"""Nulls that are stopped early: the p-value has the size it says, whatever the chunks, and the power of all of them."""

import numpy as np
import pytest

from xsg.evaluation import sequential
from xsg.evaluation.nulls import p_value
from xsg.evaluation.sequential import draw, sequential_p


def test_a_p_value_is_h_over_the_number_it_took():
    null = np.array([3.0, 0, 0, 5, 0, 4, 0, 9])
    assert sequential_p(2.0, null, 3) == (3 / 6, 6, 3, "h / l")
    assert sequential_p(2.0, null, 4) == (4 / 8, 8, 4, "h / l")
    assert sequential_p(2.0, null, 5) == (5 / 9, 8, 4, "(1 + c) / (1 + n)")
    assert sequential_p(2.0, null).p == p_value(2.0, null)
    assert sequential_p(0.1 + 0.2, np.array([0.3]), 1).reached == 1  # equal up to rounding
    assert np.isnan(sequential_p(np.nan, null, 3).p)
    assert np.isnan(sequential_p(1.0, np.full(7, np.nan), 3).p)
    assert sequential_p(-1.0, np.array([np.nan, 1.0]), 2).reached == 2  # no correlation is none at all


@pytest.mark.parametrize("first", [1, 7, 50, 900])
def test_it_stops_at_the_same_null_whatever_is_scored_at_a_time(monkeypatch, first):
    monkeypatch.setattr(sequential, "FIRST", first)
    monkeypatch.setattr(sequential, "_SMALLEST", max(1, first // 3))
    null, asked = np.random.default_rng(3).normal(size=(1000, 2)), []

    def score(numbers):
        asked.extend(numbers)
        return null[numbers]

    observed = np.array([1.0, 1.3])
    found = draw(score, observed, 1000, 20)
    last = max(np.flatnonzero(null[:, k] >= observed[k])[19] for k in (0, 1))
    np.testing.assert_array_equal(found, null[: last + 1])
    assert asked == list(range(len(asked)))  # in order, each once


def test_what_is_not_asked_about_does_not_keep_it_going():
    null = np.random.default_rng(0).normal(size=(300, 2))
    one = draw(lambda k: null[k], np.array([0.0, np.nan]), 300, 20)
    assert len(one) == np.flatnonzero(null[:, 0] >= 0)[19] + 1
    assert len(draw(lambda k: null[k], np.array([9.0, 0.0]), 300, 20)) == 300
    assert len(draw(lambda k: null[k], np.array([0.0, 0.0]), 300)) == 300
    assert len(draw(lambda k: null[k], np.array([0.0, 0.0]), 0, 20)) == 0


def test_size_and_power_are_those_of_the_full_number():
    """10,000 trials of 200 nulls: under the null hypothesis p ≤ α as often as α says, and with an effect as often as
    the test of all 200 finds it."""
    rng = np.random.default_rng(0)
    null = rng.normal(size=(10_000, 200))
    for effect in (0.0, 1.5):
        observed = rng.normal(effect, size=10_000)
        early = np.array([sequential_p(*each, 10).p for each in zip(observed, null, strict=True)])
        full = np.array([sequential_p(*each).p for each in zip(observed, null, strict=True)])
        for level in (0.05, 0.2):
            found, whole = (early <= level).mean(), (full <= level).mean()
            if not effect:
                assert found == pytest.approx(level, abs=3 * np.sqrt(level / 10_000))
            assert found == pytest.approx(whole, abs=0.02)
