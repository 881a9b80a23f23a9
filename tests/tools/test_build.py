"""The chapter runner on a book of two chapters, with real kernels."""

import json
import shutil
from pathlib import Path

import nbformat
import pytest

import build
import notebooks
import pairs

HEAD = "# ---\n# jupyter:\n#   jupytext: {{formats: 'ipynb,py:percent'}}\n#   xsg: {{data: [{data}]}}\n# ---\n\n"
TITLE = "# %% [markdown]\n# # {title}\n\n"
PARAMETERS = '# %% tags=["parameters"]\nEPOCHS = 3\n\n'
CLAIMS = """
[answer]
value = 42
tolerance = 0.5
digits = 0
who = "us"
kind = "other"
text = "it"
chapter = "02_second"
"""
CONFIG = """
title: Two
only_build_toc_files: true
execute: {execute_notebooks: "off"}
html: {baseurl: https://example.org/two}
sphinx: {local_extensions: {book_pages: tools}}
"""
CITATION = "{title: Two, authors: [{name: Us}], version: 0.1.0, date-released: 2026-11-21}"


def chapter(title, code, data=""):
    return HEAD.format(data=data) + TITLE.format(title=title) + PARAMETERS + "# %%\n" + code + "\n"


FIRST = chapter("First", "print('epochs', EPOCHS)")
SECOND = chapter("Second", "from xsg.claims import claim\nclaim('answer', 14 * EPOCHS)")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A book of two chapters with a package of its own, which holds nothing but the real claims module."""
    root = tmp_path / "book of two"  # the space is meant
    for folder in ("chapters", "book", "xsg"):
        (root / folder).mkdir(parents=True)
    shutil.copy(Path(build.TOOLS).parent / "xsg/claims.py", root / "xsg/claims.py")
    (root / "xsg/__init__.py").write_text("")
    (root / "requirements.lock").write_text("")
    (root / "book/index.md").write_text("# Home\n\n$x^2$\n")
    (root / "book/execution.md").write_text("# Execution\n\n```{execution}\n```\n")
    (root / "_config.yml").write_text(CONFIG)
    (root / "CITATION.cff").write_text(CITATION)
    pages = ["chapters/01_first", "chapters/02_second", "book/execution"]
    toc = {"format": "jb-book", "root": "book/index", "chapters": [{"file": page} for page in pages]}
    (root / "_toc.yml").write_text(json.dumps(toc))
    (root / "chapters/claims.toml").write_text(CLAIMS)
    (root / "chapters/01_first.py").write_text(FIRST)
    (root / "chapters/02_second.py").write_text(SECOND)
    monkeypatch.setenv("PYTHONPATH", str(root))
    return root


def written(root):
    return {path.stem: path.stat().st_mtime_ns for path in (root / "_build/executed").glob("*.ipynb")}


def statuses(root):
    return {entry["chapter"]: entry["status"] for entry in json.loads((root / "_build/chapters.json").read_text())}


def test_only_what_changed_runs_again(root, capsys):
    assert build.main(["--root", str(root)]) == 0
    first, _ = json.loads((root / "_build/chapters.json").read_text())
    assert (first["chapter"], first["status"], first["data"]) == ("01_first", "executed", "simulated")
    assert 0 < first["seconds"] < 30
    assert 20 < first["peak_memory_mb"] < 1000
    assert "✓ answer (other): 42 ± 0.5 holds" in (root / "_build/executed/02_second.ipynb").read_text()
    assert (root / "_build/html/index.html").is_file()
    assert (root / "_build/html/_static/mathjax/tex-chtml.js").is_file()
    assert ">First<" in (root / "_build/html/book/execution.html").read_text()
    assert "xsg2026-01" in (root / "_build/html/chapters/01_first.html").read_text()
    assert not list((root / "_build/raw").iterdir())

    was = written(root)
    capsys.readouterr()
    assert build.main(["--root", str(root)]) == 0
    assert written(root) == was
    assert "Pages unchanged." in capsys.readouterr().out

    stems = notebooks.chapters(root)
    (root / "chapters/01_first.py").write_text(FIRST.replace("epochs", "rounds"))
    build.execute_all(root, stems)
    now = written(root)
    assert now["01_first"] != was["01_first"]
    assert now["02_second"] == was["02_second"]

    def reruns(name, change):
        before = written(root)
        (root / name).write_text(change((root / name).read_text()))
        assert build.main(["--root", str(root), "--dry"]) == 0
        told = capsys.readouterr().out
        build.execute_all(root, stems)
        ran = [stem for stem in stems if written(root)[stem] != before[stem]]
        assert told.startswith(f"{len(ran)} of 2 chapters, ")
        assert told.endswith(f": {', '.join(ran) or 'none'}\n")
        return ran

    other = reruns("xsg/claims.py", lambda text: text.replace("ClaimError(AssertionError)", "ClaimError(Exception)"))
    assert other == ["02_second"]  # the first does not import it
    assert reruns("xsg/claims.py", lambda text: "# words\n" + text.replace("what they support", "and")) == []
    assert reruns("requirements.lock", lambda text: "numpy==1\n") == stems


def test_a_key_is_of_the_registered_files_that_the_chapter_names(root):
    registry = root / "xsg/data/registry.csv"
    registry.parent.mkdir()
    (root / "chapters/01_first.py").write_text(FIRST + "# reads experiments/one.csv\n")
    keys = []
    for sha256, url in (("1", "a"), ("1", "b"), ("2", "b")):
        registry.write_text(f"name,url,sha256\nexperiments/one.csv,{url},{sha256}\n")
        keys.append([build.key_of(root, stem) for stem in notebooks.chapters(root)])
    assert keys[0] == keys[1]
    assert [old == new for old, new in zip(*keys[1:], strict=True)] == [False, True]


def test_failures_are_told_and_the_rest_still_runs(root, capsys):
    (root / "chapters/claims.toml").write_text(CLAIMS.replace("42", "41"))  # a number broken on purpose
    assert build.main(["--root", str(root)]) == 1
    assert statuses(root) == {"01_first": "executed", "02_second": "failed"}
    said = capsys.readouterr().err
    assert "ClaimError" in said
    assert "this run gives 42.00, claimed is 41 ± 0.5" in said
    assert not (root / "_build/executed/02_second.ipynb").exists()
    assert not (root / "_build/html").exists()


def test_a_warning_fails_the_chapter(root, capsys):
    (root / "chapters/01_first.py").write_text(
        chapter("First", "import warnings\nwarnings.warn('beware', UserWarning)")
    )
    assert build.main(["--root", str(root), "--chapter", "01"]) == 1
    assert "UserWarning: beware" in capsys.readouterr().err


def test_unknown_parameter_is_an_error_and_a_known_one_runs_beside_the_book(root, capsys):
    assert build.main(["--root", str(root), "--chapter", "01", "-p", "EPOCH", "5"]) == 1
    assert "01_first has no parameter EPOCH; it has EPOCHS." in capsys.readouterr().err
    assert build.main(["--root", str(root), "-p", "EPOCHS", "5"]) == 1
    assert build.main(["--root", str(root), "--chapter", "07"]) == 1
    assert "No chapter '07'" in capsys.readouterr().err

    assert build.main(["--root", str(root), "--chapter", "01", "-p", "EPOCHS", "5"]) == 0
    assert "epochs 5" in (root / "_build/variants/01_first.ipynb").read_text()
    assert not (root / "_build/executed").exists()


def test_without_its_data_a_chapter_is_shown_as_kept(root, monkeypatch):
    stems = notebooks.chapters(root)
    assert pairs.sync(root) == 0
    committed = (root / "chapters/01_first.ipynb").read_text()
    assert pairs.check(root, "01_first") == []

    (root / "chapters/01_first.py").write_text(chapter("First", "print('epochs', EPOCHS)", data="a.csv"))
    monkeypatch.setattr(build, "data_source", lambda names: "kept" if names else "simulated")
    monkeypatch.setattr(build, "key_of", lambda root, stem: "any")
    assert [outcome.status for outcome in build.execute_all(root, stems)] == ["kept", "executed"]
    shown = nbformat.read(root / "_build/executed/01_first.ipynb", as_version=4)
    assert shown.cells[0].source == "# First"
    assert "kept from an earlier run" in shown.cells[1].source
    assert pairs.sync(root) == 0
    assert (root / "chapters/01_first.ipynb").read_text() == committed
    assert "declares other data" in pairs.check(root, "01_first")[0]

    (root / "chapters/01_first.ipynb").unlink()
    assert build.execute_all(root, ["01_first"])[0].status == "failed"


def test_pairs_tell_every_difference(root):
    for stem in notebooks.chapters(root):
        assert "is missing" in pairs.check(root, stem)[0]
    assert pairs.sync(root) == 0
    committed = root / "chapters/01_first.ipynb"
    notebook = nbformat.read(committed, as_version=4)
    assert str(root) not in committed.read_text()

    def problems(**changes):
        changed = nbformat.from_dict(json.loads(json.dumps(notebook)))
        for name, value in changes.items():
            changed.cells[2][name] = value
        notebooks.write(changed, committed)
        return pairs.check(root, "01_first")

    assert problems() == []
    assert "cell 2 differs" in problems(source="print('other')")[0]
    assert "cell 2 differs" in problems(metadata={"tags": ["remove-cell"]})[0]
    assert "not run once from top to bottom" in problems(execution_count=None)[0]
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[])
    assert "holds an error" in problems(outputs=[error])[0]
    (root / "chapters/01_first.py").write_text(FIRST + "\n# %%\n1\n")
    assert "has 3 cells, the script 4" in problems()[0]
