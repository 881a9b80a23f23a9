"""Rows of long runs are kept while they are whole and of this code; tables stand in the registry as they are."""

import hashlib
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

import kept
from xsg.data import fetch
from xsg.study.seal import read_seal

TABLES = sorted((kept.ROOT / "experiments").glob("*.csv"))
SEALS = sorted((kept.ROOT / "experiments").glob("*.sealed.json"))
GIVEN = {
    "question": "Do genes help?",
    "rule": "p ≤ 0.05",
    "known": "nothing",
    "settings": {"folds": (5, 10), "cost": 0.1},
    "data": ["human/expression/desikan_r0.2.csv.bz2"],
}


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "ROOT", tmp_path)
    path = tmp_path / "one.py"
    path.write_text("print(1)\n")
    return str(path)


def test_only_whole_rows_of_this_code_are_kept(script, tmp_path, monkeypatch):
    made = []

    def make(name, number):
        made.append((name, number, torch.get_num_threads()))
        return pd.DataFrame({"r2": [0.25, 0.5], "name": name})

    def run(*jobs):
        made.clear()
        assert list(kept.rows(script, jobs, make)["r2"]) == [0.25, 0.5] * len(jobs)
        return made

    assert run(("a b", 1)) == [("a b", 1, 1)]
    assert run(("a b", 1), ("c", 2)) == [("c", 2, 1)]  # it goes on
    (first,) = (tmp_path / "_build/experiments/one").glob("a-b_1.csv")
    for damaged in (first.read_text().replace("0.25", "0.75"), "r2,name\n0.2"):
        first.write_text(damaged)
        assert run(("a b", 1), ("c", 2)) == [("a b", 1, 1)]
    monkeypatch.setattr(kept, "code_key", lambda script: "of another day")
    assert len(run(("a b", 1), ("c", 2))) == 2


def test_a_job_that_fails_leaves_those_before_it(script):
    def make(number):
        if number == 2:
            raise KeyboardInterrupt
        return pd.DataFrame({"number": [number]})

    with pytest.raises(KeyboardInterrupt):
        kept.rows(script, [(1,), (2,)], make)
    assert list(kept.rows(script, [(1,)], lambda number: pytest.fail("made twice"))["number"]) == [1]


def test_the_key_is_of_script_package_and_data(script, tmp_path, monkeypatch):
    registry = tmp_path / "registry.csv"
    registry.write_text("name,sha256\nhuman/a,1\nexperiments/one.csv,2\n")
    monkeypatch.setattr(kept, "REGISTRY", registry)

    def key():
        kept.code_key.cache_clear()
        return kept.code_key(script)

    was = key()
    registry.write_text(registry.read_text().replace("one.csv,2", "one.csv,3"))  # a run that has ended
    assert key() == was
    registry.write_text(registry.read_text().replace("human/a,1", "human/a,2"))
    assert key() != was
    was = key()
    Path(script).write_text("print(2)\n")
    assert key() != was


def test_a_table_is_stored_with_its_digest_and_rows_of_other_settings_go(script, tmp_path, monkeypatch):
    registry = tmp_path / "registry.csv"
    shutil.copy(kept.REGISTRY, registry)
    before = registry.read_text()
    monkeypatch.setattr(kept, "REGISTRY", registry)
    path = tmp_path / "one.csv"

    def store(settings, model, value):
        table = pd.DataFrame({"settings": [settings], "model": [model], "value": [value]})
        kept.store(script, table, by=["model"])
        return path.read_text().splitlines()[1:]

    assert store("s", "a", "0.10") == ["s,a,0.10"]
    assert store("s", "b", "2") == ["s,a,0.10", "s,b,2"]
    assert store("s", "a", "3") == ["s,b,2", "s,a,3"]
    others = registry.read_text().splitlines()
    (line,) = set(others) - set(before.splitlines())
    place = others.index(line)
    assert others[:place] + others[place + 1 :] == before.splitlines()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert line.startswith("experiments/one.csv,https://raw.githubusercontent.com/")
    assert f"/experiments/one.csv,{digest},{path.stat().st_size}," in line
    assert line.endswith("made by experiments/one.py")
    assert store("t", "b", "4") == ["t,b,4"]


@pytest.fixture
def registry(tmp_path, monkeypatch):
    path = tmp_path / "registry.csv"
    shutil.copy(kept.REGISTRY, path)
    monkeypatch.setattr(kept, "REGISTRY", path)
    return path


def test_what_was_frozen_is_run_and_nothing_else(script, registry):
    with pytest.raises(ValueError, match="nothing was frozen"):
        kept.sealed(script, **GIVEN)
    before = set(registry.read_text().splitlines())
    made = kept.seal(script, **GIVEN)
    assert kept.sealed(script, **GIVEN) == made
    assert made.settings == {"folds": [5, 10], "cost": 0.1}
    (line,) = set(registry.read_text().splitlines()) - before
    path = Path(script).with_suffix(".sealed.json")
    assert line.startswith("experiments/one.sealed.json,https://raw.githubusercontent.com/")
    assert f"/experiments/one.sealed.json,{hashlib.sha256(path.read_bytes()).hexdigest()}," in line
    assert line.endswith("frozen by experiments/one.py before it ran")
    with pytest.raises(ValueError, match="not written over"):
        kept.seal(script, **GIVEN)
    for other, told in (
        ({"settings": {"folds": (5, 10), "cost": 0.2}}, "'settings' 'cost' was sealed as 0.1, and now is 0.2"),
        ({"rule": "p ≤ 0.1"}, "'rule' was sealed as 'p ≤ 0.05', and now is 'p ≤ 0.1'"),
        ({"question": "Does place?"}, "'question' was sealed as"),
        ({"known": "all"}, "'known' was sealed as"),
        ({"data": []}, "desikan_r0.2.csv.bz2' was sealed as [0-9a-f]{64}, and now there is none"),
    ):
        with pytest.raises(ValueError, match=told):
            kept.sealed(script, **GIVEN | other)
    with pytest.raises(ValueError, match="is not in the registry"):
        kept.sealed(script, **GIVEN | {"data": ["human/none.csv"]})
    sha256 = made.data["human/expression/desikan_r0.2.csv.bz2"]
    registry.write_text(registry.read_text().replace(sha256, "0" * 64))
    with pytest.raises(ValueError, match=f"was sealed as {sha256}, and now is 0{{64}}"):
        kept.sealed(script, **GIVEN)


def test_what_was_run_cannot_be_frozen_before_it(script, registry):
    Path(script).with_suffix(".csv").write_text("r2\n0.5\n")
    with pytest.raises(ValueError, match="this was run, and cannot be frozen before it"):
        kept.seal(script, **GIVEN)
    assert not Path(script).with_suffix(".sealed.json").exists()


@pytest.mark.parametrize("path", SEALS, ids=lambda path: path.name)
def test_every_seal_is_whole(path):
    assert read_seal(path).rule


@pytest.mark.parametrize("path", [*TABLES, *SEALS], ids=lambda path: path.name)
def test_every_table_has_its_script_and_stands_in_the_registry(path):
    assert path.with_name(f"{path.name.split('.')[0]}.py").is_file()
    row = fetch.registry().loc[f"experiments/{path.name}"]
    assert (row["sha256"], row["bytes"]) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    assert fetch.fetch(f"experiments/{path.name}") == path  # where it lies


def test_the_registry_has_no_table_that_is_gone():
    listed = [name for name in fetch.registry().index if name.startswith("experiments/")]
    assert sorted(listed) == sorted(f"experiments/{path.name}" for path in [*TABLES, *SEALS])


def test_a_table_in_the_checkout_that_is_not_registered_is_told(tmp_path, monkeypatch):
    name = "experiments/views.csv"
    (tmp_path / "experiments").mkdir()
    (tmp_path / name).write_text("made anew\n")
    monkeypatch.setattr(fetch, "_checkout", lambda: tmp_path)
    monkeypatch.setenv("XSG_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("XSG_MIRROR", str(tmp_path / "nowhere"))
    table = fetch.registry().assign(url="https://127.0.0.1:9/x")
    monkeypatch.setattr(fetch, "_registry", lambda: table)
    with pytest.raises(fetch.DownloadError, match=r"views\.csv: the registry has another digest; .*kept\.py: register"):
        fetch.fetch(name)
    shutil.copy(kept.ROOT / name, tmp_path / name)
    assert fetch.fetch(name) == tmp_path / name
