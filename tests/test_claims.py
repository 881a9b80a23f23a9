"""Claims: their file, their check in a run, their quotation in prose. A chapter that breaks one: tests/tools."""

import math
import shutil
from pathlib import Path

import pytest

import claims as tool
from xsg import claims
from xsg.claims import ClaimError, claim, load_claims

ROOT = Path(__file__).resolve().parents[1]
TOML = """
[ours-r2]
value = 0.52
tolerance = 0.05
who = "us"
kind = "held-out"
text = "R² held out"
chapter = "01_a"
verdict = "> 0.4 and < paper-r2"

[genes]
verdict = "= 12668"
value = 12668
tolerance = 0
digits = 0
who = "us"
kind = "other"
text = "genes"
chapter = "01_a"

[paper-r2]
value = 0.8604
digits = 4
who = "paper"
kind = "in-sample"
text = "R²"
chapter = "01_a"

[paper-r]
value = -0.9439
digits = 4
who = "paper"
kind = "in-sample"
text = "r"
chapter = "01_a"
"""


@pytest.fixture
def toml(tmp_path, monkeypatch):
    path = tmp_path / "claims.toml"
    path.write_text(TOML)
    monkeypatch.setattr(claims, "claims_path", lambda: path)
    monkeypatch.setenv("XSG_STRICT", "1")
    return path


def test_numbers_are_written_with_the_digits_their_tolerance_needs(toml):
    assert {name: entry.formatted for name, entry in load_claims().items()} == {
        "ours-r2": "0.52",
        "genes": "12,668",
        "paper-r2": "0.8604",
        "paper-r": "-0.9439",
    }


def test_a_claim_that_holds_prints_the_same_line_for_every_value(toml, capsys):
    for value in (0.52, 0.47, 0.57, 0.5200001):
        claim("ours-r2", value)
    assert set(capsys.readouterr().out.splitlines()) == {
        "✓ ours-r2 (held-out): 0.52 ± 0.05 holds: > 0.4 and < paper-r2"
    }


@pytest.mark.parametrize("value", [0.4699, 0.5701, math.nan, math.inf])
def test_a_claim_that_does_not_hold_stops_a_strict_run_and_informs_a_reader(toml, capsys, monkeypatch, value):
    with pytest.raises(ClaimError, match=r"claimed is 0\.52 ± 0\.05"):
        claim("ours-r2", value)
    monkeypatch.delenv("XSG_STRICT")
    claim("ours-r2", value)
    assert capsys.readouterr().out.startswith("✗ ours-r2 (held-out): the book says 0.52 ± 0.05; this run gives ")


def test_a_reader_who_changed_a_parameter_learns_whether_the_verdict_still_stands(toml, capsys, monkeypatch):
    monkeypatch.delenv("XSG_STRICT")
    claim("ours-r2", 0.6)
    claim("ours-r2", 0.39)
    claim("ours-r2", 0.9)
    lines = capsys.readouterr().out.splitlines()[::2]
    assert [line.rpartition(", ")[2] for line in lines] == ["still stands.", "falls.", "falls."]


def test_a_verdict_on_two_numbers_is_on_those_of_the_run(toml, capsys, monkeypatch):
    toml.write_text(
        TOML
        + TOML[: TOML.index("[genes]")].replace("ours-r2", "ridge-r2").replace("0.52", "0.7").replace("0.4", "ours-r2")
    )
    assert load_claims()["ridge-r2"].unsupported(load_claims()) == []
    monkeypatch.setattr(claims, "_seen", {"ours-r2": 0.72})
    with pytest.raises(ClaimError, match=r"this run gives 0\.7100, claimed is 0\.70 ± 0\.05\. Its verdict, .*, falls"):
        claim("ridge-r2", 0.71)
    claims._seen.clear()
    claim("ridge-r2", 0.71)


@pytest.mark.parametrize(
    ("value", "tolerance", "verdict", "says"),
    [
        (0.52, 0.05, "> 0.4 and < 0.6", ""),
        (0.6, 0.1, ">= 0.5", ""),  # 0.6 - 0.1 is below 0.5 by rounding only
        (0.6, 0.1, "> 0.5", "reaches across its verdict '> 0.5': 0.6 ± 0.1"),
        (0.07, 0.03, "> 0.05", "reaches across its verdict '> 0.05': 0.07 ± 0.03"),
        (0.05, 0.01, "< 0.05", "reaches across"),
        (0.052, 0.001, "> 0.05", ""),
        (0.82, 0.05, "< paper-r2", "reaches across its verdict '< paper-r2': 0.82 ± 0.05 and 0.8604"),
        (0.80, 0.05, "< paper-r2", ""),
        (0.60, 0.05, "> other", "reaches across its verdict '> other': 0.60 ± 0.05 and 0.52 ± 0.05"),
        (0.63, 0.05, "> other", ""),
        (0.63, 0.05, "> nobody", "is judged against 'nobody', which is no other claim"),
        (0.63, 0.05, "> ours", "is judged against 'ours', which is no other claim"),
        (3, 0, "= 3", ""),
        (3, 1, "= 3", "reaches across"),
        (3, 0, None, "has no verdict"),
    ],
)
def test_no_tolerance_reaches_across_its_verdict(value, tolerance, verdict, says):
    about = {"who": "us", "kind": "null", "text": "", "chapter": "01_a"}
    ours = claims.Claim("ours", value, tolerance=tolerance, digits=None if tolerance else 0, verdict=verdict, **about)
    other = claims.Claim("other", 0.52, tolerance=0.05, **about)
    paper = claims.Claim("paper-r2", 0.8604, digits=4, **(about | {"who": "paper"}))
    found = ours.unsupported({"ours": ours, "other": other, "paper-r2": paper})
    assert len(found) == bool(says)
    assert says in "".join(found)
    assert paper.unsupported({}) == []


def test_a_number_is_not_written_against_its_verdict():
    about = {"who": "us", "kind": "null", "text": "", "chapter": "01_a", "tolerance": 0.001, "verdict": "> 0.05"}
    assert claims.Claim("p", 0.053, digits=2, **about).unsupported({}) == []  # written 0.05, which is not below
    found = claims.Claim("p", 0.048, digits=1, **(about | {"verdict": "< 0.05"})).unsupported({})
    assert found == []  # 0.0
    found = claims.Claim("p", 0.072, digits=1, **(about | {"verdict": "< 0.08"})).unsupported({})
    assert found == ["is written 0.1, against its verdict '< 0.08'"]


def test_wrong_ids_are_answered_with_near_ones(toml):
    with pytest.raises(ValueError, match=r"No claim 'ours_r2'.*Near: ours-r2"):
        claim("ours_r2", 0.5)
    with pytest.raises(ValueError, match="is the paper's: quote it"):
        claim("paper-r", -0.9)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"= 12668"', '"about 12668"', "verdict has 'about 12668', expected a sign and a number"),
        ('"= 12668"', '"> 1 or < 2"', "verdict has '> 1 or < 2'"),
        ('"= 12668"', '""', "verdict has ''"),
        ("digits = 0", "digits = 0\nfloor = 1", "floor is 1, expected true or false"),
        ("tolerance = 0.05", "", "tolerance is None"),
        ("tolerance = 0.05", "tolerance = nan", "tolerance is nan"),
        ("digits = 0", "", "digits is missing"),
        ('who = "paper"', 'who = "them"', "who is 'them'"),
        ('kind = "other"', 'kind = "best"', "kind is 'best'"),
        ("value = 0.52", "value = inf", "value is inf"),
        ("value = 0.52", "number = 0.52", "unknown field number"),
        ("value = 0.52", "", "missing or unknown field value"),
        ("[ours-r2]", "stray = 1\n[ours-r2]", "'stray' stands outside"),
        ("[ours-r2]", "[ours-r2", "not valid TOML"),
    ],
)
def test_an_impossible_claim_is_refused_by_name(toml, old, new, says):
    toml.write_text(TOML.replace(old, new))
    with pytest.raises(ValueError, match=says):
        load_claims()


def test_the_wheel_has_its_own_copy(tmp_path, monkeypatch):
    shutil.copy(ROOT / "chapters/claims.toml", tmp_path / "claims.toml")
    monkeypatch.setattr(claims, "__file__", str(tmp_path / "claims.py"))
    assert claims.claims_path() == tmp_path / "claims.toml"


# ---- tools/claims.py

CELL = (
    '# %% tags=["nbval-check-output"]\n%time\nfrom xsg.claims import claim\nclaim("ours-r2", 0.5)\nclaim("genes", 1)\n'
)


@pytest.fixture
def root(tmp_path):
    for folder in ("chapters", "book"):
        (tmp_path / folder).mkdir()
    (tmp_path / "chapters/claims.toml").write_text(TOML)
    (tmp_path / "chapters/01_a.py").write_text(CELL)
    prose = (
        "We get $0.52$<!-- claim:ours-r2 --> of 12,668<!-- claim:genes -->; they **−0.9439**<!-- claim:paper-r -->.\n"
    )
    (tmp_path / "README.md").write_text(prose)
    return tmp_path


def problems(root):
    return tool.check(root, load_claims(root / "chapters/claims.toml"))


def test_prose_and_cells_that_agree_are_let_through(root, capsys):
    assert problems(root) == []
    assert tool.main(["--check", "--root", str(root)]) == 0
    assert "4 claims" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("README.md", "$0.52$", "$0.53$", "README.md:1: says 0.53, claim 'ours-r2' is 0.52"),
        ("README.md", "claim:genes", "claim:gene", "no claim 'gene'"),
        ("README.md", "12,668<", "many<", "no number stands before the comment of claim 'genes'"),
        ("chapters/01_a.py", "nbval-check-output", "other", "lacks the tag nbval-check-output"),
        ("chapters/01_a.py", '"ours-r2"', '"ours"', "claim('ours') is not in claims.toml"),
        ("chapters/01_a.py", '"ours-r2"', "name", "claim('name') is not in claims.toml, or no plain string"),
        ("chapters/01_a.py", 'claim("genes", 1)', "", "README.md:1: has 'genes', which no chapter cell checks"),
        ("chapters/claims.toml", "tolerance = 0\n", "tolerance = 0\nfloor = true\n", "write '≤ 12,668'"),
        ("chapters/claims.toml", "> 0.4 and", "> 0.5 and", "ours-r2 reaches across its verdict '> 0.5'"),
        ("chapters/claims.toml", 'verdict = "= 12668"', "", "genes has no verdict"),
        (
            "chapters/claims.toml",
            'chapter = "01_a"',
            'chapter = "02_b"',
            "says chapter 02_b, it is checked in ['01_a']",
        ),
    ],
)
def test_every_disagreement_is_found(root, name, old, new, says):
    path = root / name
    path.write_text(path.read_text().replace(old, new))
    assert any(says in problem for problem in problems(root))
    assert tool.main(["--check", "--root", str(root)]) == 1


@pytest.mark.parametrize("before", ["≤ ", "≤ **", "$\\le "])
def test_a_floor_is_written_as_one(root, before):
    toml, readme = root / "chapters/claims.toml", root / "README.md"
    toml.write_text(toml.read_text().replace("tolerance = 0\n", "tolerance = 0\nfloor = true\n"))
    readme.write_text(readme.read_text().replace("12,668", before + "12,668"))
    assert problems(root) == []


def test_a_quiz_is_read_as_well(root):
    (root / "book/quizzes").mkdir()
    (root / "book/quizzes/q.toml").write_text('why = "It is 0.53<!-- claim:ours-r2 -->."\n')
    assert problems(root) == ["book/quizzes/q.toml:1: says 0.53, claim 'ours-r2' is 0.52"]
    tool.main(["--update", "--root", str(root)])
    assert problems(root) == []


def test_update_rewrites_the_prose_from_the_file(root):
    toml = root / "chapters/claims.toml"
    toml.write_text(toml.read_text().replace("0.52", "0.55"))
    assert problems(root) != []
    assert tool.main(["--update", "--root", str(root)]) == 0
    assert "We get $0.55$<!-- claim:ours-r2 -->" in (root / "README.md").read_text()
