"""Stopping nulls early: the kept trials show the size of the test and its power; a few are run again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import stopping

TABLE = pd.read_csv(Path(stopping.__file__).with_suffix(".csv"))


def test_a_stopped_test_has_the_size_it_says_and_the_power_of_the_full_one():
    assert TABLE["share"].value_counts().to_dict() == stopping.SHARES
    found = stopping.summary(TABLE)
    for what in ("R2", "r"):
        assert 0.03 <= found.loc[0.0, f"p_{what}_stopped"] <= 0.08
        np.testing.assert_allclose(found[f"p_{what}_stopped"], found[f"p_{what}"], atol=0.03)
    assert found.loc[0.0, "drawn"] < 250  # of a thousand


def test_rows_come_out_again():
    kept = TABLE[TABLE["share"] == 0.3].head(2)
    again = stopping.trials(0.3, 0, 2).round(6)
    pd.testing.assert_frame_equal(again, kept.reset_index(drop=True))


def test_maps_are_as_much_the_programs_as_they_say():
    cortex = stopping.xsg.load_cortex("simulated", n_genes=20)
    for share in (0.0, 0.5):
        drawn = pd.concat([stopping.maps(cortex, share, first) for first in range(0, 300, stopping.BLOCK)])
        r = drawn.T.corrwith(cortex.thinning).mean()
        assert r == pytest.approx(np.sqrt(share), abs=0.1)
