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

[genes]
value = 12668
tolerance = 0
digits = 0
who = "us"
kind = "other"
text = "genes"
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
        "paper-r": "-0.9439",
    }


def test_a_claim_that_holds_prints_the_same_line_for_every_value(toml, capsys):
    for value in (0.52, 0.47, 0.57, 0.5200001):
        claim("ours-r2", value)
    assert set(capsys.readouterr().out.splitlines()) == {"✓ ours-r2 (held-out): 0.52 ± 0.05 holds"}


@pytest.mark.parametrize("value", [0.4699, 0.5701, math.nan, math.inf])
def test_a_claim_that_does_not_hold_stops_a_strict_run_and_informs_a_reader(toml, capsys, monkeypatch, value):
    with pytest.raises(ClaimError, match=r"claimed is 0\.52 ± 0\.05"):
        claim("ours-r2", value)
    monkeypatch.delenv("XSG_STRICT")
    claim("ours-r2", value)
    assert capsys.readouterr().out.startswith("✗ ours-r2 (held-out): the book says 0.52 ± 0.05; this run gives ")


def test_wrong_ids_are_answered_with_near_ones(toml):
    with pytest.raises(ValueError, match=r"No claim 'ours_r2'.*Near: ours-r2"):
        claim("ours_r2", 0.5)
    with pytest.raises(ValueError, match="is the paper's: quote it"):
        claim("paper-r", -0.9)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
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
    assert "3 claims" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("README.md", "$0.52$", "$0.53$", "README.md:1: says 0.53, claim 'ours-r2' is 0.52"),
        ("README.md", "claim:genes", "claim:gene", "no claim 'gene'"),
        ("README.md", "12,668<", "many<", "no number stands before the comment of claim 'genes'"),
        ("chapters/01_a.py", "nbval-check-output", "other", "lacks the tag nbval-check-output"),
        ("chapters/01_a.py", '"ours-r2"', '"ours"', "claim('ours') is not in claims.toml"),
        ("chapters/01_a.py", '"ours-r2"', "name", "claim('name') is not in claims.toml, or no plain string"),
        ("chapters/01_a.py", 'claim("genes", 1)', "", "quotes 'genes', which no chapter cell checks"),
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


def test_update_rewrites_the_prose_from_the_file(root):
    toml = root / "chapters/claims.toml"
    toml.write_text(toml.read_text().replace("0.52", "0.55"))
    assert problems(root) != []
    assert tool.main(["--update", "--root", str(root)]) == 0
    assert "We get $0.55$<!-- claim:ours-r2 -->" in (root / "README.md").read_text()
