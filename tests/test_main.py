"""The command line, in this process and as a user starts it."""

import re
import subprocess
import sys

import pytest

from xsg.__main__ import main
from xsg.data import fetch as module

NAME = "human/disease/EP.GM.rda"


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No cache, no mirror, and a source that refuses connections."""
    monkeypatch.setenv("XSG_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("XSG_MIRROR", "")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    table = module.registry().assign(url="http://127.0.0.1:9/x")
    monkeypatch.setattr(module, "_registry", lambda: table)


def rows(printed: str) -> dict[str, str]:
    """Name -> where, of the printed list."""
    return {
        name: here for here, name in re.findall(r"^(cache|checkout|mirror|no) +[\d.]+  (\S+)$", printed, re.MULTILINE)
    }


@pytest.mark.parametrize("arguments", [["data"], ["data", "list"]])
def test_list_names_every_file_with_licence_and_citation(nowhere, capsys, arguments):
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    table = module.registry()
    assert rows(printed) == {name: "checkout" if name.startswith("experiments/") else "no" for name in table.index}
    unwrapped = " ".join(printed.split())
    for column in ("licence", "citation"):
        assert [text for text in table[column] if text not in unwrapped] == []
    assert f"{len(table)} files, {table['bytes'].sum() / 1e6:.1f} MB" in printed


def test_list_says_where_a_file_is(nowhere, capsys, monkeypatch, tmp_path):
    content = b"12345"
    table = module.registry()
    table.loc[NAME, ["bytes", "sha256"]] = [5, "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5"]
    monkeypatch.setattr(module, "_registry", lambda: table)
    monkeypatch.setenv("XSG_MIRROR", str(tmp_path / "mirror"))
    for place in ("mirror", "cache"):  # the cache comes first, so it is filled last
        path = tmp_path / place / NAME
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        assert main(["data"]) == 0
        assert rows(capsys.readouterr().out)[NAME] == place


def test_fetch_prints_the_path(real_data, capsys):
    assert main(["data", "fetch", NAME]) == 0
    assert capsys.readouterr().out.strip().endswith(NAME)


def test_fetch_all_finds_every_file_in_the_mirror(real_data, capsys):
    assert main(["data", "fetch", "--all"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(module.registry())


def test_failures_are_messages_and_exit_code_1(nowhere, capsys):
    assert main(["data", "fetch", NAME]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {NAME}: not fetched")
    assert main(["data", "fetch", "human/disease/EP.rda"]) == 1
    assert "Near it: human/disease/EP.GM.rda" in capsys.readouterr().err


def test_a_mirror_is_shown_without_its_password(nowhere, capsys, monkeypatch):
    monkeypatch.setenv("XSG_MIRROR", "https://me:s3cret@example.org/data?sig=t0ken")
    assert main(["data"]) == 0
    assert "mirror: https://example.org/data (XSG_MIRROR)" in capsys.readouterr().out
    monkeypatch.setenv("XSG_MIRROR", "http://me:s3cret@example.org/data")
    for arguments in (["data"], ["data", "fetch", NAME]):
        assert main(arguments) == 1
        printed = capsys.readouterr()
        assert "error: XSG_MIRROR is http://example.org/data; expected an address with https://" in printed.err
        assert "s3cret" not in printed.out + printed.err


@pytest.mark.parametrize("arguments", [[], ["data", "fetch"], ["data", "fetch", "--all", NAME], ["date"]])
def test_wrong_usage_is_exit_code_2(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_python_dash_m_has_no_traceback():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "xsg", "data", "fetch", "nothing"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == "error: no data file is called 'nothing'. List the names: python -m xsg data\n"


def test_new_begins_a_study_and_never_overwrites_one(tmp_path, capsys):
    folder = tmp_path / "my study"
    assert main(["new", str(folder), "--slope", "age"]) == 1
    assert "--slope says nothing of the simulated example (a cohort" in capsys.readouterr().err
    assert main(["new", str(folder)]) == 0
    assert "analysis.py" in capsys.readouterr().out
    assert {"regions.csv", "expression.csv", "cohort.csv", "analysis.py", "README.md"} <= {
        p.name for p in folder.iterdir()
    }
    (folder / "cohort.csv").write_text("mine")
    assert main(["new", str(folder)]) == 1
    assert "not empty" in capsys.readouterr().err
    assert (folder / "cohort.csv").read_text() == "mine"


def test_an_interrupt_at_any_time_is_one_line(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("xsg.__main__.argparse.ArgumentParser.parse_args", interrupt)
    assert main(["seal", "mine.csv"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
