"""A trial frozen from the shell: what is sealed is run, what differs is refused by name, and the report tells."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from xsg.__main__ import main
from xsg.study import freeze
from xsg.study.seal import read_seal
from xsg.study.write import write_template

QUICK = ["--model", "ridge", "--n-nulls", "19", "--split", "homologous"]
RULE = ["--rule", "gain > 0.9 and gain p <= 0.05"]


@pytest.fixture
def study(here):
    write_template(here / "study")
    return here / "study"


def refused(capsys, *arguments):
    assert main(list(arguments)) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    last = captured.err.splitlines()[-1]
    assert last.startswith("error: ")
    return last


def test_a_study_is_sealed_without_a_look_and_run_as_sealed(study, here, capsys, monkeypatch):
    import xsg
    import xsg.study.read

    with monkeypatch.context() as patch:
        for name in ("evaluate", "read_study", "read_map", "read_cohort"):
            patch.setattr(xsg, name, lambda *_, **__: pytest.fail("looked at"), raising=False)
        patch.setattr(xsg.study.read, "_thinning", lambda *_: pytest.fail("looked at"))
        assert main(["seal", "study", *QUICK, *RULE, "--out", "found"]) == 0
    told = capsys.readouterr().out
    made = read_seal(Path("study.sealed.json"))
    for each in (made.date, made.digest, "Nothing was run", "osf.io", "checked by the report"):
        assert each in told
    assert told.endswith("Then run: xsg evaluate --sealed study.sealed.json --out found\n")
    assert made.settings["split"] == ["homologous"]
    assert (made.settings["null"], made.settings["n_nulls"], made.settings["stop_after"]) == ("spin", 19, None)
    assert made.settings["source"] == ["./study"]
    names = {path.name for path in study.iterdir() if path.suffix in (".csv", ".toml")}
    assert set(made.data) == {f"./study/{name}" for name in names}
    assert made.question == "Do genes say anything about it that place does not?"

    assert main(["evaluate", "--sealed", "study.sealed.json", "--out", "found"]) == 0
    told = capsys.readouterr().out
    assert f"before this trial was run; seal {made.digest}." in told
    assert "Rule not met. Split 'homologous': gain =" in told
    kept = json.loads(Path("found/report.json").read_text(encoding="utf-8"))
    assert kept["record"]["sealed"]["digest"] == made.digest
    assert kept["record"]["sealed"]["met"] is False
    assert kept["record"]["sealed"]["settings"] == made.settings
    assert kept["record"]["sealed"]["again"] == ""
    assert kept["checklist"][6]["state"] == "done"
    page = Path("found/report.html").read_text(encoding="utf-8")
    assert "Frozen beforehand" in page
    assert made.digest in page

    assert main(["evaluate", "study", *QUICK, "--out", "plain"]) == 0  # the same numbers as without a seal
    plain = json.loads(Path("plain/report.json").read_text(encoding="utf-8"))
    assert plain["held_out"] == kept["held_out"]
    assert plain["null"] == kept["null"]
    assert plain["checklist"][6]["state"] == "not done"

    shutil.move(study, here / "elsewhere/study")  # moved together, and run again with other code
    shutil.move("study.sealed.json", here / "elsewhere/one.json")
    monkeypatch.setattr(freeze, "sources", lambda: "0" * 64)
    monkeypatch.setattr(freeze, "versions", lambda: made.code["packages"] | {"numpy": "9"})
    capsys.readouterr()
    command = ["evaluate", "--sealed", str(here / "elsewhere/one.json"), "--out", "found", "--json"]
    assert "--other-code" in refused(capsys, *command)
    assert main([*command, "--other-code"]) == 0
    (first,) = json.loads(capsys.readouterr().out)
    assert first["record"]["sealed"]["again"] == kept["record"]["sealed"]["ran"]
    page = Path("found/report.html").read_text(encoding="utf-8")
    for told in ("This seal was run before, on", "Run with other code than was sealed: code was sealed as xsg"):
        assert told in page
    assert first["record"]["sealed"]["packages"] == [
        f"'numpy' was sealed as {made.code['packages']['numpy']!r}, and now is '9'"
    ]


def test_what_differs_is_refused_by_name_with_both_values(study, here, capsys, monkeypatch):
    assert main(["seal", "study", *QUICK, *RULE, "--file", "one.json"]) == 0
    made = read_seal(here / "one.json")
    capsys.readouterr()
    command = ["evaluate", "--sealed", "one.json"]
    monkeypatch.setattr(freeze.trial, "trials", lambda *_: pytest.fail("was run"))

    for given, named in (
        (["--model", "ridge"], "--model"),
        (["--covariates"], "--covariates"),
        (["study"], "MAP|FOLDER"),
    ):
        assert f"{named} is what the seal one.json says; leave it out" in refused(capsys, *command, *given)

    path = study / "cohort.csv"
    before = path.read_bytes()
    path.write_bytes(before + b" ")
    last = refused(capsys, *command)
    assert re.search(r"data './study/cohort.csv' was sealed as [0-9a-f]{64}, and now is [0-9a-f]{64}\.", last)
    assert made.data["./study/cohort.csv"] in last
    assert "other data need a seal of their own" in last
    path.rename(here / "kept.csv")
    assert "'./study/cohort.csv' is not there" in refused(capsys, *command)
    path.write_bytes(before)

    added = study / "edges.csv"
    assert not added.exists()
    added.write_text("a,b,weight\n")
    assert re.search(r"data './study/edges.csv' is [0-9a-f]{64}, and was not sealed", refused(capsys, *command))
    added.unlink()

    seal = Path("one.json").read_text(encoding="utf-8")
    Path("one.json").write_text(seal.replace("0.9", "0.1"), encoding="utf-8")
    assert "was changed since it was sealed" in refused(capsys, *command)
    Path("one.json").write_text(seal, encoding="utf-8")

    monkeypatch.setattr(freeze, "sources", lambda: "0" * 64)
    last = refused(capsys, *command)
    assert made.code["sources"] in last
    assert "0" * 64 in last
    assert "--other-code" in last


def test_the_registry_counts(table, here, real_data, capsys, monkeypatch):
    from xsg.data import fetch

    assert main(["seal", table, "--positive", "gain", *QUICK, *RULE]) == 0
    made = read_seal("study.sealed.json")
    name = "human/expression/desikan_r0.2.csv.bz2"
    assert set(made.data) == {"./mine.csv", name, "human/genes/GSE92742_Broad_LINCS_gene_info.csv"}
    assert (made.settings["atlas"], made.settings["genes"], made.settings["positive"]) == (
        "desikan",
        "landmark",
        "gain",
    )
    capsys.readouterr()
    table = fetch.registry()
    table.loc[name, "sha256"] = "0" * 64
    monkeypatch.setattr(fetch, "_registry", lambda: table)
    last = refused(capsys, "evaluate", "--sealed", "study.sealed.json")
    assert f"data {name!r} was sealed as {made.data[name]}, and now is {'0' * 64}." in last


def test_a_cohort_is_sealed_with_its_question(here, capsys):
    for name in ("lh.tsv", "rh.tsv", "participants.tsv", "euler.csv"):
        (here / name).write_text(name)
    cohort = ["--people", "participants.tsv", "--slope", "age", "--quality", "euler.csv", "--keep", "euler > 2"]
    (here / "seals").mkdir()
    assert main(["seal", "lh.tsv", "rh.tsv", *cohort, *RULE, "--file", "seals/age.json", "--atlas", "dk"]) == 0
    made = read_seal("seals/age.json")
    own = {name for name in made.data if name.startswith(".")}
    assert own == {f"../{name}" for name in ("lh.tsv", "rh.tsv", "participants.tsv", "euler.csv")}
    asked = {
        "slope": "age",
        "keep": "euler > 2",
        "site": "covariate",
        "model": "paper",
        "n_nulls": 1000,
        "stop_after": 20,
        "people": "../participants.tsv",
        "split": ["homologous", "spatial"],
        "null": "spin",
    }
    assert {name: made.settings[name] for name in asked} == asked
    assert made.settings["params"]["epochs"] > 0
    assert "device" not in made.settings["params"]


def test_a_seal_may_lie_in_the_study(study, monkeypatch):
    monkeypatch.chdir(study)
    assert main(["seal", ".", *QUICK, *RULE]) == 0
    made = read_seal("study.sealed.json")
    assert made.settings["source"] == ["."]
    assert "./regions.csv" in made.data
    monkeypatch.setattr(freeze.trial, "run", lambda options, *_: options.source)
    monkeypatch.chdir("..")
    assert main(["evaluate", "--sealed", "study/study.sealed.json"]) == ["study"]


def test_subjects_of_freesurfer_are_not_named(here, capsys):
    for side in ("lh", "rh"):
        path = here / f"subjects/sub-secret/stats/{side}.aparc.stats"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(side)
    (here / "participants.tsv").write_text("participant_id\n")
    given = ["subjects", "--people", "participants.tsv", "--slope", "age"]
    assert main(["seal", *given, *RULE]) == 0
    assert "secret" not in Path("study.sealed.json").read_text()
    before = read_seal("study.sealed.json").data["./subjects/*/stats/?h.aparc.stats"]
    path.write_text("changed")
    assert main(["seal", *given, *RULE, "--file", "two.json"]) == 0
    assert read_seal("two.json").data["./subjects/*/stats/?h.aparc.stats"] != before
    capsys.readouterr()
    shutil.move("subjects", "elsewhere")
    assert "two.json: './subjects' is not there" in refused(capsys, "evaluate", "--sealed", "two.json")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.csv"], "nothing.csv is not there"),
        ([], "give the file of a map"),
        (["mine.csv", "--split", "lobes"], "lobes"),
        (["mine.csv", "--null", "spun"], "spun"),
        (["mine.csv", "--n-nulls", "5"], "at least 19"),
        (["mine.csv", "--atlas", "schaefer1000"], "schaefer1000"),
        (["mine.csv", "--slope", "age"], "needs --people"),
        (["mine.csv", "--mask", "none.nii"], "none.nii is not there"),
        (["mine.csv", "--rule", " "], "rule is ' '"),
        (["mine.csv", "--n-nulls", "0"], "gain p <= 0.05 asks for a p-value, and there are no nulls"),
        (["mine.csv", "--known", "seen: \udcfc"], "holds a byte that is no UTF-8"),
        (["mine.csv", "--file", "none/one.json"], "cannot write none/one.json"),
    ],
)
def test_what_cannot_be_sealed_is_one_line_and_leaves_nothing(table, here, real_data, capsys, arguments, said):
    assert said in refused(capsys, "seal", *RULE, *arguments)
    assert {path.name for path in here.iterdir()} <= {"mine.csv", "xsg-data"}


def test_a_seal_is_kept(table, here, capsys):
    assert main(["seal", table, *RULE, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rule"] == RULE[1]
    before = Path("study.sealed.json").read_bytes()
    assert "not written over" in refused(capsys, "seal", table, "--rule", "p <= 0.5")
    assert Path("study.sealed.json").read_bytes() == before
    assert "is no seal" in refused(capsys, "evaluate", "--sealed", "mine.csv")
    assert "give --sealed FILE" in refused(capsys, "evaluate", "mine.csv", "--other-code")


def test_a_seal_written_after_a_report_is_not_called_a_first_look(study, here, capsys):
    quick = ["--model", "ridge", "--n-nulls", "0", "--split", "homologous"]
    rule = ["--rule", "gain > 0.9"]

    def run(*arguments):
        assert main(["evaluate", *arguments]) == 0
        kept = json.loads(Path("report/report.json").read_text(encoding="utf-8"))
        return capsys.readouterr().out, kept["record"].get("sealed"), kept["checklist"][6]["state"]

    for name in ("one", "two"):
        assert main(["seal", "study", *quick, *rule, "--file", f"{name}.json"]) == 0
    capsys.readouterr()
    _, told, state = run("--sealed", "one.json")
    assert (told["tried"], state) == ("", "done")
    _, told, state = run("--sealed", "two.json")  # frozen before either was run
    assert (told["tried"], state) == ("", "done")
    run("study", *quick)
    assert main(["seal", "study", *quick, *rule, "--file", "late.json"]) == 0
    for _ in range(2):  # a re-run does not wash it off
        text, told, state = run("--sealed", "late.json")
        assert "on the very same values lay in the folder, so this is not their first trial" in text
        assert told["tried"]
        assert state == "not done"


def test_an_interrupted_seal_is_none(table, here, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(freeze, "digest", interrupt)
    assert main(["seal", table, *RULE]) == 130
    assert "nothing was sealed" in capsys.readouterr().err
    assert not list(here.glob("*.json"))


def test_a_rule_that_cannot_be_checked_is_noted(table, capsys):
    assert main(["seal", table, "--rule", "gian > 0.1"]) == 0
    assert "note: the rule looks as if the report were to check it, and it cannot." in capsys.readouterr().out


def test_a_seal_of_a_script_is_not_for_the_shell(here, capsys):
    from xsg.study.seal import write_seal

    write_seal("one.json", question="q", rule="r", settings={"folds": 5}, data={})
    assert "is the seal of a script" in refused(capsys, "evaluate", "--sealed", "one.json")


def test_help_lists_what_a_rule_can_compare(capsys):
    with pytest.raises(SystemExit):
        main(["seal", "--help"])
    told = capsys.readouterr().out
    assert "position + genes" in told
    assert told.count("xsg seal ") >= 3


@pytest.mark.parametrize(("atlas", "genes"), [("desikan", "landmark"), ("schaefer100", "all")])
def test_the_files_that_are_fetched_are_those_that_are_sealed(real_data, atlas, genes):
    from xsg.data.expression import registered_files

    code = (
        "import sys, pandas as pd, xsg\n"
        "from xsg.data import atlases, expression, fetch\n"
        "names, found = set(), fetch.fetch\n"
        "def noting(name, *given): names.add(name); return found(name, *given)\n"
        "atlases.fetch = expression.fetch = noting\n"
        "regions = atlases.region_names(sys.argv[1])\n"
        "given = pd.Series(range(len(regions)), regions, dtype=float, name='x')\n"
        "xsg.load_cortex('ahba', thinning=given, atlas=sys.argv[1], genes=sys.argv[2])\n"
        "print(*sorted(names))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, atlas, genes], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == sorted(registered_files(genes, atlas))
