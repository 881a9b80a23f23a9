"""The trial from the shell: what comes in, what is said, what is written, and the exit code."""

import argparse
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import xsg
from xsg.__main__ import main
from xsg.study.evaluate import add_arguments, read_subject
from xsg.study.read import write_template

QUICK = ["--model", "ridge", "--n-nulls", "19", "--split", "homologous"]


@pytest.fixture
def several(table, here):
    values = pd.read_csv(here / table, index_col=0)
    values.assign(e=1 - values["d"]).to_csv(here / "several.csv")


def test_a_study_reaches_a_report(here, capsys):
    write_template(here / "study")
    assert main(["evaluate", "study", *QUICK, "--out", "found"]) == 0
    captured = capsys.readouterr()
    assert "Do genes say anything about it that place does not?" in captured.out
    assert "found/report.html" in captured.out
    assert {path.name for path in (here / "found").iterdir()} == {
        f"report.{ending}" for ending in ("html", "bib", "csv", "json", "png", "svg")
    }
    page = (here / "found/report.html").read_text()
    assert "xsg evaluate study --model ridge" in page


def test_a_study_says_itself_what_is_asked(here, capsys):
    write_template(here / "study")
    for option in (["--positive", "loss"], ["--slope", "age"], ["--atlas", "desikan"], ["--name", "x"]):
        assert main(["evaluate", "study", *option]) == 1
        assert f"{option[0]} says nothing of a study" in capsys.readouterr().err


def test_json_is_all_that_stands_on_stdout(here):
    write_template(here / "study")
    command = [sys.executable, "-m", "xsg", "evaluate", "study", *QUICK, "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=here, check=True)
    (only,) = json.loads(ran.stdout)
    assert only["split"] == "homologous"
    assert ran.stderr == ""


def test_a_spreadsheet_with_another_split_beside_it(table, here, real_data, capsys):
    both = [*QUICK, "spatial"]
    assert main(["evaluate", table, "--positive", "loss", "--unit", "d", *both]) == 0
    assert (here / "report/report_spatial.csv").exists()
    assert "mine" in (here / "report/report.html").read_text()
    assert "note:" not in capsys.readouterr().err


def test_a_trial_leaves_no_numbers_of_an_earlier_one_beside_its_own(here, capsys, recwarn):
    write_template(here / "study")
    (here / "study").rename(here / "図")
    (here / "report").mkdir()
    for name in ("report_spatial.csv", "report_mine.csv"):
        (here / "report" / name).write_text("of another map")
    assert main(["evaluate", "図", *QUICK, "homologous"]) == 0
    assert capsys.readouterr().out.count("Do genes say anything") == 1  # one split, though it was given twice
    assert not (here / "report/report_spatial.csv").exists()
    assert (here / "report/report_mine.csv").exists()
    assert not [each for each in recwarn if "Glyph" in str(each.message)]


def test_a_sign_that_was_not_told_is_noted_and_stands_in_the_report(table, here, real_data, capsys):
    pd.read_csv(table)[:34].to_csv(here / "left.csv", index=False)
    assert main(["evaluate", "left.csv", "--unit", "d", *QUICK]) == 0
    note = next(line for line in capsys.readouterr().err.splitlines() if "sign not known" in line)
    assert "--positive gain" in note
    page = (here / "report/report.html").read_text()
    assert "positive=" in page
    assert page.count("the right cortex has none") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.nii.gz"], "nothing.nii.gz is not there"),
        ([], "give the file of a map"),
        (["mine.csv", "--left", "mine.csv"], "give the file of a map"),
        (["mine.csv", "mine.csv", "mine.csv"], "3 files were given"),
        (["mine.csv", "--people", "mine.csv"], "say what is asked of it"),
        (["mine.csv", "--slope", "age"], "needs --people"),
        (["mine.csv", "--positive", "loss", "--model", "ridge", "--out", "mine.csv"], "Name another folder with --out"),
        (["several.csv"], "Say which one with --column."),
        (["mine.csv", "--keep", "age > 50"], "--keep"),
        (["mine.csv", "--people", "mine.csv", "--slope", "age", "--unit", "mm"], "--unit"),
        (["."], "holds neither regions.csv"),
        ([".", "mine.csv"], "is a folder, and mine.csv was given too"),
        (["mine.csv", "--atlas", "schaefer1000"], "schaefer1000"),
        (["mine.csv", "--split", "lobes", "--positive", "loss"], "lobes"),
        (["mine.csv", "--null", "spun", "--positive", "loss"], "spun"),
        (["mine.csv", "--n-nulls", "5", "--positive", "loss"], "at least 19"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_exit_code_1(several, real_data, capsys, arguments, said):
    assert main(["evaluate", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    last = captured.err.splitlines()[-1]
    assert last.startswith("error: ")
    assert said in last


def test_tables_of_a_cohort_are_found_in_their_folder(here, capsys):
    for name in ("lh.thickness.tsv", "rh.thickness.tsv", "participants.tsv"):
        (here / name).write_text("participant_id\tage\nsub-1\t50\n")
    assert main(["evaluate", "."]) == 1
    assert "holds a cohort; say what is asked of it" in capsys.readouterr().err
    (here / "rh.thickness.tsv").unlink()
    assert main(["evaluate", "."]) == 1
    assert "one table for each hemisphere" in " ".join(capsys.readouterr().err.split())


def test_what_is_said_of_a_cohort_reaches_its_reader(here, monkeypatch, capsys):
    given = {}

    def read(thickness, **more):
        given.update(more, thickness=thickness)
        raise ValueError("enough")

    monkeypatch.setattr(xsg, "read_cohort", read)
    for name in ("lh.tsv", "rh.tsv", "who.tsv"):
        (here / name).touch()
    asked = ["--people", "who.tsv", "--slope", "age", "--quality", "euler.csv", "--keep", "age > 20", "--site", "none"]
    assert main(["evaluate", "lh.tsv", "rh.tsv", *asked]) == 1
    assert capsys.readouterr().err.endswith("error: enough\n")
    assert [path.name for path in given.pop("thickness")] == ["lh.tsv", "rh.tsv"]
    assert given == {"people": "who.tsv", "quality": "euler.csv", "keep": "age > 20", "site": None}


def test_who_stays_in_a_cohort_reaches_its_map(here):
    rng = np.random.default_rng(0)
    people = [f"sub-{k:02d}" for k in range(40)]
    names = [f"{side}h_{name}_thickness" for side in "lr" for name in ("insula", "cuneus", "lingual")]
    thick = pd.DataFrame(3 + rng.normal(0, 0.1, (40, 6)), pd.Index(people, name="participant_id"), names)
    thick.to_csv(here / "thick.csv")
    table = pd.DataFrame({"participant_id": people, "age": np.linspace(40, 79, 40), "site": list("ab") * 20})
    table.to_csv(here / "people.tsv", sep="\t", index=False)
    table.assign(euler=range(40))[["participant_id", "euler"]].to_csv(here / "euler.csv", index=False)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["thick.csv", "--people", "people.tsv", "--slope", "age", "--quality", "euler.csv"]
    parts = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xsg, "load_cortex", lambda _, thinning, **more: parts.append(thinning))
        read_subject(parser.parse_args([*words, "--keep", "euler >= 10", "--site", "none"]))
        read_subject(parser.parse_args(words))
    assert [each.n for each in parts] == [30, 40]
    assert [each.dof for each in parts] == [28, 37]  # one more level, for site


def test_an_interrupted_trial_is_exit_code_130(here, monkeypatch, capsys):
    import xsg.trial

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    write_template(here / "study")
    monkeypatch.setattr(xsg.trial, "evaluate", interrupt)
    assert main(["evaluate", "study", *QUICK]) == 130
    assert "goes on from here" in capsys.readouterr().err
    assert not (here / "report/report.html").exists()


def test_help_has_examples_and_says_the_exit_codes(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert told.count("xsg evaluate ") >= 6
    assert "Exit codes" in told


def test_the_table_of_a_pair_takes_left_and_right(here, real_data, capsys):
    table = pd.DataFrame({"value": 1.0}, ["lh_insula"])
    table.to_csv(here / "a.csv")
    assert main(["evaluate", "--left", "a.csv", "--right", "b.csv"]) == 1
    assert "b.csv is not there" in capsys.readouterr().err
