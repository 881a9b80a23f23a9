"""The ladder of questions: the kept table says what the ending of the book says, and a map is asked again."""

from pathlib import Path

import pandas as pd

import monday

TABLE = pd.read_csv(Path(monday.__file__).with_suffix(".csv"))


def test_the_ladder_keeps_its_promise_only_at_its_end():
    assert TABLE["share"].value_counts().to_dict() == monday.SHARES
    yes = TABLE.groupby("share").mean()
    assert (yes.loc[0.0, ["correlation", "random", "pairs", "noise genes"]] > 0.2).all()
    assert (yes.loc[0.0, ["rotated", "position", "both"]] <= 0.09).all()
    assert (yes["both"] <= yes["position"]).all()
    assert yes["both"].is_monotonic_increasing  # the more genes there are in a map


def test_a_map_is_answered_as_it_was():
    kept = TABLE[TABLE["share"] == 0.8].head(1).reset_index(drop=True)
    pd.testing.assert_frame_equal(monday.answers(0.8, 0, 1), kept, check_dtype=False)
