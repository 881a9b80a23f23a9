"""The kept rows of chapter 16: a run in part leaves the other rows as they are."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

import kept
import localised

TABLE = pd.read_csv(Path(localised.__file__).with_suffix(".csv"))


@pytest.mark.parametrize(
    ("presets", "full", "sizes"),
    [
        (("xsg", "notebook", "paper"), True, set()),
        (("xsg", "notebook", "paper"), False, {"full"}),
        (("notebook",), False, {"full", "reduced", "whole"}),
    ],
)
def test_a_run_in_part_leaves_the_other_rows(tmp_path, monkeypatch, presets, full, sizes):
    script = shutil.copy(localised.__file__, tmp_path)
    TABLE.to_csv(Path(script).with_suffix(".csv"), index=False)
    monkeypatch.setattr(kept, "register", lambda path: None)
    preset = TABLE["method"].where(TABLE["method"].isin(localised.PUBLISHED), "xsg")
    made = {job[:2] for job in localised.plan(full) if job[1] in presets}
    new = pd.Series([pair in made for pair in zip(TABLE["size"], preset, strict=True)])
    assert set(TABLE["size"][~new]) == sizes
    assert not set(TABLE["method"][~new]) & ({*presets} - {"xsg"})
    kept.store(script, TABLE[new].assign(voxels=7), by=localised.KEYS)
    found = pd.read_csv(Path(script).with_suffix(".csv"))
    assert found[found["voxels"] != 7].reset_index(drop=True).equals(TABLE[~new].reset_index(drop=True))
    assert found[found["voxels"] == 7].reset_index(drop=True).equals(TABLE[new].assign(voxels=7).reset_index(drop=True))


def test_the_table_holds_what_is_planned_once():
    planned = {(job[0], job[2], job[3], job[4]) for job in localised.plan(full=True)}
    assert set(TABLE[localised.KEYS[:4]].itertuples(index=False, name=None)) == planned
    assert not TABLE.duplicated(localised.KEYS).any()
