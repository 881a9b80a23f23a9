"""The benchmark's table: of what was frozen, and rows made again come out within their noise."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import benchmark
import benchmark_control
import kept
from xsg.bench.methods import JOINT, methods
from xsg.bench.run import COLUMNS, KEY, reproduced, score, table
from xsg.bench.tasks import tasks

TABLE = pd.read_csv(Path(benchmark.__file__).with_suffix(".csv"))
CONTROL = pd.read_csv(Path(benchmark_control.__file__).with_suffix(".csv"))
SETTINGS = benchmark.SETTINGS


def test_the_table_holds_what_was_frozen_and_nothing_else():
    seal = kept.sealed(benchmark.__file__, **benchmark.SEALED)
    assert seal.settings["joint"] == JOINT
    assert list(TABLE.columns) == list(COLUMNS)
    made = set(zip(TABLE["task"], TABLE["method"], strict=True))
    assert made == set(benchmark.plan())
    for (_, name), n in TABLE.groupby(["task", "method"])["dealing"].nunique().items():
        assert n == SETTINGS["dealings of networks"].get(name, SETTINGS["dealings"])
    assert TABLE.groupby(["method", "task"])["split"].nunique().eq(2).all()
    assert not TABLE.duplicated(["method", "task", "split", "map", "dealing"]).any()
    assert TABLE[["r2", "gain"]].notna().all(axis=None)
    assert (TABLE["truth"].notna() == (TABLE["kind"] == "genes")).all()
    assert TABLE.loc[TABLE["method"] == "position (kriging)", "gain"].eq(0).all()


def again(task: str, names: list[str], maps: list[int], dealings: int = 1) -> pd.DataFrame:
    """Score some methods once more on some maps of a set."""
    few = [
        replace(each, maps=each.maps.iloc[maps], truth=None if each.truth is None else each.truth.iloc[maps])
        for each in tasks(task)
    ]
    return pd.concat([score(methods()[name], few, dealings, SETTINGS["seed"], name=name) for name in names])


@pytest.mark.parametrize(
    ("task", "names", "maps"),
    [
        ("genes-fine", ["mean", "ridge", "expression PC1", "PLS", "position + genes", JOINT], [0, 7]),
        ("place", ["mean", "position (kriging)", JOINT], [3, 11]),
        ("genes-schaefer200", ["position (kriging)", "ridge"], [0, 1, 2]),
    ],
)
def test_a_sample_made_again_is_within_its_noise(task, names, maps, request):
    if "schaefer" in task:
        request.getfixturevalue("real_data")  # where its regions lie
    found = reproduced(TABLE, again(task, names, maps))
    assert found["within"].all(), found[~found["within"]].to_string()
    assert set(found["method"]) == set(names)


def test_the_rule_says_what_the_page_says():
    """The joint baseline goes beyond position, nothing beyond it."""
    real = TABLE[TABLE["task"].isin(SETTINGS["in the rule"])]
    beyond = {}
    for base in ("position (kriging)", JOINT):
        other = real[real["method"] == base].set_index(KEY[1:])["r2"].rename("base")
        gain = real["r2"] - real[KEY[1:]].join(other, on=KEY[1:])["base"]
        cells = table(real.assign(gain=gain), ("split",))
        low = cells[cells["score"] == "gain"].pivot(index="method", columns="split", values="low")
        beyond[base] = low.index[(low > 0).all(axis=1)].tolist()
    assert beyond == {"position (kriging)": [JOINT], JOINT: []}


def test_its_gain_is_more_than_averaging_and_more_than_smooth_fields():
    first = TABLE[TABLE["task"].isin(SETTINGS["in the rule"]) & (TABLE["dealing"] == 0) & (TABLE["method"] == JOINT)]
    assert set(zip(CONTROL["task"], CONTROL["method"], strict=True)) == set(benchmark_control.plan())
    gain = pd.concat([CONTROL, first]).groupby(["split", "method"])["gain"].median()
    for split in ("pairs", "patches"):
        assert gain[split, JOINT] > gain[split].drop(JOINT).max() + 0.02


def test_a_control_made_again_is_what_it_was(real_data):
    kept_rows = CONTROL[(CONTROL["task"] == "enigma") & (CONTROL["method"] == "place, averaged")]
    again = benchmark_control.found("enigma", "place, averaged")
    assert abs(again["r2"].to_numpy() - kept_rows["r2"].to_numpy()).max() < 2e-3


def test_a_sample_of_real_maps_made_again_is_within_its_noise(real_data):
    found = reproduced(TABLE, again("atrophy", ["ridge", "position (kriging)", JOINT], [0, 5], 2))
    assert found["within"].all(), found[~found["within"]].to_string()
