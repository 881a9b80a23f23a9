"""The repository's address: one change in _config.yml and one command change every place."""

import shutil
import subprocess
from pathlib import Path

import pytest

import stamp

ROOT = Path(__file__).resolve().parents[2]
KEPT = (
    "*.md",
    "*.cff",
    "*.toml",
    "*.yml",
    "book/*.md",
    "chapters/*.py",
    "chapters/*.ipynb",
    "xsg/data/registry.csv",
    ".github/*/*",
    ".binder/*",
)


@pytest.fixture(scope="module")
def stamped_copy(tmp_path_factory):
    """A copy of the tree, stamped as it is; no place of an address is outside these files."""
    copy = tmp_path_factory.mktemp("book")
    for pattern in KEPT:
        for path in ROOT.glob(pattern):
            target = copy / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    assert stamp.main(["--root", str(copy)]) == 0
    return copy


@pytest.fixture
def tree(stamped_copy, tmp_path):
    return Path(shutil.copytree(stamped_copy, tmp_path / "tree"))


def move(tree, url="https://github.com/someone/my-book", branch="dev"):
    config = tree / "_config.yml"
    at = stamp.address(tree)
    text = config.read_text(encoding="utf-8").replace(f"  url: {at.url}\n", f"  url: {url}\n")
    config.write_text(text.replace(f"  branch: {at.branch}\n", f"  branch: {branch}\n"), encoding="utf-8")


def test_this_tree_is_stamped():
    assert stamp.main(["--check"]) == 0


def test_another_address_reaches_every_place(tree, capsys):
    old = stamp.address(tree)
    move(tree)
    assert stamp.main(["--root", str(tree), "--check"]) == 1
    told = capsys.readouterr().err
    assert "README.md" in told
    assert "chapters/01_question.py" in told
    assert stamp.main(["--root", str(tree)]) == 0
    assert stamp.main(["--root", str(tree), "--check"]) == 0

    texts = {path.relative_to(tree): path.read_text(encoding="utf-8") for path in tree.rglob("*") if path.is_file()}
    # Neither address nor name of the old repository is left, in whatever form it stood.
    left = [str(path) for path, text in texts.items() if f"{old.organisation}/" in text or old.site in text]
    assert left == []
    install = "install -q git+https://github.com/someone/my-book@dev"
    assert all(install in text for path, text in texts.items() if path.match("chapters/*.py"))
    assert all(install in text for path, text in texts.items() if path.match("chapters/*.ipynb"))
    assert "\nurl: https://someone.github.io/my-book/\n" in texts[Path("CITATION.cff")]
    assert 'Repository = "https://github.com/someone/my-book"\n' in texts[Path("pyproject.toml")]
    assert "git clone https://github.com/someone/my-book\ncd my-book\n" in texts[Path("book/running.md")]
    tables = "https://raw.githubusercontent.com/someone/my-book/dev/experiments/"
    assert tables in texts[Path("xsg/data/registry.csv")]
    readme = texts[Path("README.md")]
    assert "[site]: https://someone.github.io/my-book/\n" in readme
    binder = "https://mybinder.org/v2/gh/someone/my-book/dev?urlpath=tree/chapters/13b_matrices.ipynb"
    colab = "https://colab.research.google.com/github/someone/my-book/blob/dev/chapters/05_graph_vae.ipynb"
    assert f"[binder-13b]: {binder}\n" in readme
    assert f"[colab-05]: {colab}\n" in readme


def test_stamping_twice_changes_nothing(tree):
    move(tree)
    stamp.main(["--root", str(tree)])
    times = {path: path.stat().st_mtime_ns for path in tree.rglob("*") if path.is_file()}
    assert stamp.main(["--root", str(tree)]) == 0
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*") if path.is_file()} == times


def test_a_lost_place_is_told(tree, capsys):
    chapter = tree / "chapters/06_training.py"
    chapter.write_text(chapter.read_text(encoding="utf-8").replace("install -q git+", "install -q "), encoding="utf-8")
    assert stamp.main(["--root", str(tree)]) == 1
    assert "chapters/06_training.py: the address has no place here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": "https://example.org/someone/my-book"}, "repository.url is 'https://example.org/someone/my-book'"),
        ({"branch": "feature/x"}, "repository.branch is 'feature/x'"),
    ],
)
def test_an_address_that_no_link_can_hold_is_refused(tree, capsys, change, said):
    move(tree, **change)
    assert stamp.main(["--root", str(tree)]) == 1
    assert said in capsys.readouterr().err


def test_a_link_to_no_chapter_is_told(tree, capsys):
    with (tree / "README.md").open("a", encoding="utf-8") as readme:
        readme.write("[colab-99]: x\n")
    assert stamp.main(["--root", str(tree)]) == 1
    assert "no chapter 99" in capsys.readouterr().err


def test_the_site_of_a_user_page_has_no_folder():
    at = stamp.Address("Someone", "someone.github.io", "main")
    assert at.site == "https://someone.github.io/"


def test_no_other_tracked_file_holds_the_address():
    at = stamp.address(ROOT)
    found = subprocess.run(
        ["git", "grep", "-l", "-e", f"{at.organisation}/{at.repository}", "-e", at.site],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    known = {str(path.relative_to(ROOT)) for path in stamp.stamped(ROOT, at)}
    assert sorted(set(found) - known) == []
