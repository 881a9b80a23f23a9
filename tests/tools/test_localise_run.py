"""The kept rows of chapter 16: a run in part leaves the other rows as they are."""

from pathlib import Path

import pandas as pd
import pytest

import localise_run

TABLE = pd.read_csv(Path(__file__).resolve().parents[2] / "xsg/data/localised.csv")


@pytest.mark.parametrize(
    ("presets", "full", "sizes"),
    [
        (("xsg", "notebook", "paper"), True, set()),
        (("xsg", "notebook", "paper"), False, {"full"}),
        (("notebook",), False, {"full", "reduced", "whole"}),
    ],
)
def test_a_run_in_part_leaves_the_other_rows(presets, full, sizes):
    jobs = [job for job in localise_run.plan(full) if job[1] in presets]
    rows = localise_run.left(TABLE, jobs)
    assert set(rows["size"]) == sizes
    assert not set(rows["method"]) & ({*presets} - {"xsg"})
    assert rows.equals(TABLE.loc[rows.index])


def test_the_table_holds_what_is_planned_once():
    planned = {(job[0], job[2], job[3], job[4]) for job in localise_run.plan(full=True)}
    keys = ["size", "split", "folded", "fold"]
    assert set(TABLE[keys].itertuples(index=False, name=None)) == planned
    assert not TABLE.duplicated([*keys, "scored", "method"]).any()
