"""Seals: what is frozen is read back as it was, and whatever was changed since is refused."""

import json
import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import xsg
from xsg.study import seal as module
from xsg.study.seal import differences, read_seal, sources, write_seal

GIVEN = {
    "question": "Do genes help?",
    "rule": "p ≤ 0.05",
    "known": "nothing",
    "settings": {"folds": (5, np.int64(10)), "cost": 0.1, "null": None},
    "data": {"./map.csv": "a" * 64},
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "one.sealed.json"
    write_seal(path, **GIVEN)
    return path


def test_a_seal_is_read_as_it_was_written(tmp_path, path):
    found = read_seal(path)
    assert (found.question, found.rule, found.known) == ("Do genes help?", "p ≤ 0.05", "nothing")
    assert found.settings == {"folds": [5, 10], "cost": 0.1, "null": None}
    assert found.data == GIVEN["data"]
    assert found.code["version"] == xsg.__version__
    assert found.code["sources"] == sources()
    assert {"python", "numpy", "torch", "scikit-learn"} <= set(found.code["packages"])
    age = datetime.now(UTC) - datetime.fromisoformat(found.date)
    assert timedelta(0) <= age < timedelta(minutes=1)
    assert re.fullmatch("[0-9a-f]{64}", found.digest)
    text = path.read_text(encoding="utf-8")
    assert "p ≤ 0.05" in text
    path.write_bytes(text.replace("\n", "\r\n").encode())  # as git may check it out
    assert read_seal(path) == found
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_seal_is_not_written_over(path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"one\.sealed\.json is there already.*second try counts"):
        write_seal(path, **GIVEN)
    assert path.read_bytes() == before


def test_a_seal_is_whole_or_not_there(tmp_path, monkeypatch):
    def fail(*given, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_seal(tmp_path / "two.json", **GIVEN)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"rule": "  "}, "rule is '  '; expected words"),
        ({"question": None}, "question is None; expected words"),
        ({"settings": {"cost": float("nan")}}, "finite numbers"),
        ({"settings": {"model": object()}}, "which a file cannot hold"),
        ({"settings": [1]}, r"settings is \[1\]; expected names with values"),
        ({"settings": {"source": "./k\udcfche.csv"}}, r"k.udcfche.* holds a byte that is no UTF-8.*rename the file"),
        ({"data": {"a.csv": "12"}}, "data 'a.csv' has '12'; expected a sha256"),
    ],
)
def test_what_cannot_be_sealed_is_told(tmp_path, given, told):
    with pytest.raises(ValueError, match=told):
        write_seal(tmp_path / "two.json", **GIVEN | given)
    assert not [*tmp_path.iterdir()]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"cannot write .*No such file or directory.*Name a file in a folder"):
        write_seal(tmp_path / "none" / "two.json", **GIVEN)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("0.05", "0.06", "was changed since it was sealed: its content has the digest [0-9a-f]{64}, the seal says"),
        ("aaaa", "aaab", "was changed since"),
        ('"cost": 0.1', '"cost": 0.10001', "was changed since"),
        ("nothing", "something", "was changed since"),
        ('"known"', '"gnown"', "lacks known"),
        ('"known"', '"more": 1,\n "known"', "holds more, too"),
        ('"known"', '"rule": "p ≤ 0.1",\n "known"', "'rule' is given twice"),
        ("0.1", "NaN", "NaN is no number"),
        ('"format": 1', '"format": 2', "format is 2; this xsg .* reads format 1. Use the version of xsg that wrote it"),
        ("}\n", "", "is no seal, or only part of one"),
    ],
)
def test_a_changed_seal_is_refused(path, old, new, told):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(new.join(text.rsplit(old, 1)), encoding="utf-8")
    with pytest.raises(ValueError, match=told):
        read_seal(path)


@pytest.mark.parametrize("text", ["[1]", '{"name": 1}', "", "region,value\n", "[" * 200_000, f"[{'1' * 6000}]"])
def test_what_is_no_seal_is_told(path, text):
    path.write_text(text)
    with pytest.raises(ValueError, match="is no seal"):
        read_seal(path)
    path.unlink()
    with pytest.raises(ValueError, match="cannot be read"):
        read_seal(path)


@pytest.mark.parametrize(
    ("date", "told"),
    [
        (f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}", "and now it is .*clocks wrong"),
        ("yesterday", "date is 'yesterday'; expected one such as"),
        ("2026-11-29T14:58:03", "expected one such as"),
    ],
    ids=["tomorrow", "words", "no zone"],  # not the date itself: workers have to collect the same tests
)
def test_a_date_that_cannot_be_is_refused(path, date, told):
    found = json.loads(path.read_text(encoding="utf-8")) | {"date": date}
    made = {name: value for name, value in found.items() if name not in ("format", "digest")}
    path.write_text(json.dumps(found | {"digest": module._digest(made)}), encoding="utf-8")
    with pytest.raises(ValueError, match=told):
        read_seal(path)


def test_the_sources_are_known_by_their_content(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "one.py").write_bytes(b"a = 1\nb = 2\n")
    was = module._sources(tmp_path)
    (tmp_path / "data/registry.csv").write_text("name\n")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/one.cpython-311.pyc").write_text("x")
    (tmp_path / ".DS_Store").write_text("x")
    (tmp_path / "claims.toml").write_text("in the wheel only")
    (tmp_path / "one.py").write_bytes(b"a = 1\r\nb = 2\r\n")
    assert module._sources(tmp_path) == was
    (tmp_path / "one.py").write_bytes(b"a = 1\nb = 3\n")
    assert module._sources(tmp_path) != was


def test_differences_name_both_values():
    assert [*differences({"a": 1, "b": {"c": True}, "d": 2}, {"a": 1.0, "b": {"c": 1}, "e": "x"})] == [
        "'b' 'c' was sealed as True, and now is 1",
        "'d' was sealed as 2, and now there is none",
        "'e' is 'x', and was not sealed",
    ]
