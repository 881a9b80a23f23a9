"""What is kept of a run: true as long as nothing changed that it was made from, and never lost unsaid."""

import json
import sys

import pandas as pd
import pytest

from xsg.bench.kept import Kept, alone, listening, read_rows
from xsg.bench.run import COLUMNS

ROWS = pd.DataFrame([["NA", "place", "place", "pairs", "nan", 0, 0.5, 0.1, 1.0, float("nan"), 0.1]], columns=COLUMNS)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "mine.py").write_text("")
    return tmp_path / "out"


def kept(folder, name="mine.py"):
    return Kept(folder, folder.parent / name)


def test_rows_come_back_as_they_were_whatever_is_called_na(folder):
    kept(folder).add(ROWS)
    kept(folder).add(ROWS)
    again = kept(folder)
    pd.testing.assert_frame_equal(again.rows, pd.concat([ROWS, ROWS], ignore_index=True))
    assert again.note == ""
    assert read_rows(folder / "rows.csv")["map"].tolist() == ["nan", "nan"]


@pytest.mark.parametrize("what", ["late", "data.json", "sibling", "mine.py"])
def test_what_a_method_read_is_what_its_rows_hang_on(folder, monkeypatch, what):
    home = folder.parent
    (home / "lib").mkdir()
    files = {"late": home / "late_of_mine.py", "data.json": home / "data.json", "mine.py": home / "mine.py",
             "sibling": home / "lib/sibling_of_mine.py"}  # fmt: skip
    for name in ("late", "data.json", "sibling"):
        files[name].write_text("1")
    (home / "read_by_others").write_text("1")
    monkeypatch.setattr("sys.path", [*sys.path, str(home), str(home / "lib")])
    made = kept(folder)
    with listening():
        import late_of_mine  # noqa: F401
        import sibling_of_mine  # noqa: F401

        json.loads(files["data.json"].read_text())
        (home / "cache").write_text("of its own")
        (home / "cache").read_text()
    (home / "read_by_others").read_text()
    made.add(ROWS)
    for name in ("late_of_mine", "sibling_of_mine"):
        del sys.modules[name]
    for name in ("cache", "read_by_others"):
        (home / name).write_text("another")
    assert len(kept(folder).rows) == 1
    files[what].write_text("22")
    again = kept(folder)
    assert again.rows.empty
    assert f"'{files[what]}' changed since" in again.note


def test_an_edit_while_it_runs_counts(folder):
    made = kept(folder)
    (folder.parent / "mine.py").write_text("# another")
    made.add(ROWS)
    assert kept(folder).rows.empty


@pytest.mark.parametrize("how", ["edited", "damaged", "a folder", "no key", "an older key"])
def test_rows_that_are_not_as_they_were_written_are_refused_and_left(folder, how):
    kept(folder).add(ROWS)
    file, key = folder / "rows.csv", folder / "rows.key"
    if how == "edited":
        file.write_text(file.read_text().replace("0.5", "0.9"))
    elif how == "damaged":
        file.write_bytes(b"\xff\xfe\x00")
    elif how == "a folder":
        file.unlink()
        file.mkdir()
    elif how == "no key":
        key.unlink()
    else:
        key.write_text('{"methods": "abc"}')
    with pytest.raises(ValueError, match=r"rows.csv is not as it was written.*--out"):
        kept(folder)
    assert file.exists()


def test_rows_of_another_file_are_not_written_over(folder):
    kept(folder).add(ROWS)
    with pytest.raises(ValueError, match=r"holds the results of another file, .*mine.py"):
        kept(folder, "yours.py")


def test_two_runs_at_once_are_kept_apart(folder):
    pytest.importorskip("fcntl")
    with alone(folder), pytest.raises(ValueError, match="another run writes there"), alone(folder):
        pass
    with alone(folder):
        pass


def test_it_goes_on_from_either_file_if_it_ended_between_the_two(folder):
    kept(folder).add(ROWS)
    before = (folder / "rows.csv").read_bytes()
    kept(folder).add(ROWS)
    (folder / "rows.csv").write_bytes(before)
    assert len(kept(folder).rows) == 1
