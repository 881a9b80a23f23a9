"""The page that a stranger reads: its code runs, and its tables say what is so."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from xsg.__main__ import main
from xsg.bench import shell, show
from xsg.bench.load import load_methods
from xsg.bench.tasks import SETS, TASKS, tasks

PAGE = (Path(__file__).resolve().parents[2] / "book/benchmark_join.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_its_code_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    few = [replace(each, maps=each.maps[:3], truth=each.truth[:3]) for each in tasks("genes-fine")]
    monkeypatch.setattr("xsg.bench.tasks.tasks", lambda names: few)
    monkeypatch.setattr(shell, "tasks", lambda names: few)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    Path("my_method.py").write_text("\n".join(CODE[:2]))
    assert list(load_methods("my_method.py")) == ["NearestGenes", "strong_ridge"]
    assert main(["bench", "--methods", "my_method.py"]) == 0
    exec(CODE[2], {})
    out = capsys.readouterr().out
    assert out.count("NearestGenes") > 10
    told = PAGE[PAGE.index("## What is written") : PAGE.index("From Python")]
    named = set(re.findall(r"`((?:table|rows|differences)\.\w+)`", told))
    assert {each.name for each in Path("benchmark").iterdir()} == named


def test_its_list_of_tasks_is_the_one_there_is():
    listed = re.findall(r"^\| `([\w-]+)` \| (\d+) \| (\d+) \|", PAGE, re.MULTILINE)
    assert [name for name, *_ in listed] == list(TASKS)
    assert tuple(name for name, *_ in listed[:3]) == SETS["quick"]
    for name, maps, regions in listed[:3]:
        assert tasks(name)[0].maps.shape == (int(maps), int(regions))


def test_the_real_tasks_are_as_large_as_it_says(real_data):
    listed = {
        name: tuple(map(int, size))
        for name, *size in re.findall(r"^\| `([\w-]+)` \| (\d+) \| (\d+)", PAGE, re.MULTILINE)
    }
    for name in ("genes-schaefer200", "place-schaefer200", "enigma"):
        assert tasks(name)[0].maps.shape == listed[name]


@pytest.mark.parametrize(
    "heading", sorted({each for _, _, columns in show.BLOCKS.values() for each in columns.values()})
)
def test_every_column_is_explained(heading):
    start = PAGE.index("## Read the table")
    explained = PAGE[start : PAGE.index("## The tasks")]
    assert f"| {heading} |" in explained
