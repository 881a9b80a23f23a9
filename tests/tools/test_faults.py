"""Faults in a build: killed, cut short, out of bounds, altered under its hands. What is shown is whole, or as before.

A book of one chapter. Where neither the kernel nor Sphinx is what is asked, stand-ins take their places.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

import build
import guard
import notebooks
import pairs

HEAD = (
    "# ---\n# jupyter:\n#   jupytext: {{formats: 'ipynb,py:percent'}}\n#   xsg: {{data: [{data}]}}\n# ---\n\n"
    "# %% [markdown]\n# # Only\n\n# %%\n"
)
# Tells who it is, and cannot be asked to stop.
STUBBORN = """
import os, signal, time
from pathlib import Path
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
Path("../pids.part").write_text(f"{os.getpid()} {os.getppid()}")
Path("../pids.part").rename("../pids")
"""
CONFIG = "title: One\nonly_build_toc_files: true\nexecute: {execute_notebooks: 'off'}\n"


def write_chapter(root, code, data=""):
    (root / "chapters/01_only.py").write_text(HEAD.format(data=data) + code + "\n")


@pytest.fixture
def root(tmp_path, monkeypatch):
    root = tmp_path / "a book"
    for folder in ("chapters", "book", "xsg"):
        (root / folder).mkdir(parents=True)
    (root / "xsg/__init__.py").write_text("")
    (root / "requirements.lock").write_text("")
    (root / "book/index.md").write_text("# Home\n\nWelcome.\n")
    (root / "_config.yml").write_text(CONFIG)
    (root / "_toc.yml").write_text("{format: jb-book, root: book/index, chapters: [{file: chapters/01_only}]}")
    write_chapter(root, "with open('../runs', 'a') as file:\n    file.write('x')\nprint('seen')")
    monkeypatch.setenv("PYTHONPATH", str(root))
    return root


@pytest.fixture
def quick(root, monkeypatch):
    """Execute with a stand-in, which counts as the chapter itself does."""

    def run(root, stem, source, parameters):
        with (root / "runs").open("a") as file:
            file.write("x")
        source.cells[1].outputs = [nbformat.v4.new_output("stream", name="stdout", text="seen\n")]
        source.cells[1].execution_count = 1
        return {"seconds": 1.5, "peak_memory_mb": 100, "error": None}, source

    monkeypatch.setattr(build, "run", run)


def make(root, *options):
    return build.main(["--root", str(root), *options])


def runs(root):
    return len((root / "runs").read_text())


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# ---------------------------------------------------------------------------------------------------- the site


@pytest.fixture
def pages(root, monkeypatch, quick):
    """Render with a stand-in: what a test puts into ``pages``, by name."""
    pages = {"book/index": "<html>home</html>", "chapters/01_only": "<html>only</html>", "count": 0}

    def rendered(root, source, kit, folder):
        html = folder / "_build/html"
        for name, text in pages.items():
            if isinstance(text, str):
                (html / name).parent.mkdir(parents=True, exist_ok=True)
                (html / f"{name}.html").write_text(text)
        (html / "index.html").write_text('<meta http-equiv="Refresh" content="0; url=book/index.html" />')
        pages["count"] += 1
        return html

    monkeypatch.setattr(build, "rendered", rendered)
    return pages


def test_pages_come_whole_or_not_at_all(root, pages, capsys):
    assert make(root) == 0
    html = root / "_build/html"
    good = tree(html)
    assert set(good) == {"index.html", "book/index.html", "chapters/01_only.html"}
    for bad, told in (
        ("<html>cut sho", r"01_only\.html is cut short"),
        ("", r"01_only\.html is cut short|01_only\.html is missing"),
        ('<html><a class="x" href="../book/gone.html#top">there</a></html>', r"links to \.\./book/gone\.html"),
        ('<html><img alt="" src="gone.png"></html>', r"links to gone\.png"),
    ):
        (root / "book/index.md").write_text(f"# Home\n\n{len(bad)}\n")
        pages["chapters/01_only"] = bad
        assert make(root) == 1
        said = capsys.readouterr().err
        assert re.search(told, said)
        assert "The pages of the last build are as they were." in said
        assert tree(html) == good
    pages["chapters/01_only"] = (
        '<html><a href="../book/index.html">home</a> <a href="https://example.org/x">x</a></html>'
    )
    assert make(root) == 0
    assert "https://example.org" in (html / "chapters/01_only.html").read_text()
    left = {path.name for path in (root / "_build").iterdir() if path.is_dir()}
    assert left == {"executed", "html", "source", "teaching"}


@pytest.mark.parametrize("fault", ["altered", "half", "gone", "one more", "all gone", "stamp"])
def test_pages_that_are_not_as_rendered_are_rendered_anew(root, pages, capsys, fault):
    assert make(root) == 0
    html = root / "_build/html"
    good = tree(html)
    page = html / "chapters/01_only.html"
    assert make(root) == 0
    assert "Pages unchanged." in capsys.readouterr().out
    assert pages["count"] == 1
    if fault == "altered":
        page.write_text(page.read_text().replace("only", "0nly"))
    elif fault == "half":
        page.write_text(page.read_text()[:8])
    elif fault == "gone":
        page.unlink()
    elif fault == "one more":
        (html / "stray.html").write_text("<html></html>")
    elif fault == "all gone":
        shutil.rmtree(html)
    else:
        (root / "_build/html.key").write_bytes(b"\xff\xfe\0")
    assert make(root) == 0
    assert "Pages unchanged." not in capsys.readouterr().out
    assert pages["count"] == 2
    assert tree(html) == good


def test_a_swap_that_was_cut_short_is_undone(root, pages, capsys):
    assert make(root) == 0
    html = root / "_build/html"
    good = tree(html)
    html.rename(root / "_build/html.old")
    (root / "book/index.md").write_text("# Home\n\nNews.\n")
    pages["book/index"] = "<html>ne"
    assert make(root) == 1
    assert tree(html) == good


KILLED = """
import sys, time
from pathlib import Path
import build

def rendered(root, source, kit, folder):
    page = folder / "_build/html/book/index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<html>half of the new si")
    (root / "rendering").touch()
    time.sleep(600)

build.rendered = rendered
build.main(["--root", sys.argv[1]])
"""


def test_killed_while_rendering(root, pages):
    assert make(root) == 0
    html = root / "_build/html"
    good = tree(html)
    (root / "book/index.md").write_text("# Home\n\nNews.\n")
    environment = {**os.environ, "PYTHONPATH": f"{build.TOOLS}{os.pathsep}{root}"}
    with subprocess.Popen([sys.executable, "-c", KILLED, str(root)], env=environment) as process:
        until((root / "rendering").exists)
        process.kill()
    assert tree(html) == good
    assert list((root / "_build").glob("render-*"))  # it was in the middle of it
    pages["book/index"] = "<html>news</html>"
    assert make(root) == 0
    assert "news" in (html / "book/index.html").read_text()
    assert not list((root / "_build").glob("render-*"))


def test_a_broken_link_leaves_the_site_as_it_was(root, capsys):
    assert make(root) == 0
    good = tree(root / "_build/html")
    assert {"index.html", "book/index.html", "chapters/01_only.html", "_static/mathjax/tex-chtml.js"} <= set(good)
    (root / "book/index.md").write_text("# Home\n\n[nowhere](gone.md)\n")
    assert make(root) == 1
    assert "the pages of the last build are as they were" in capsys.readouterr().err
    assert tree(root / "_build/html") == good


# ---------------------------------------------------------------------------------------------------- what is kept


@pytest.mark.usefixtures("quick")
def test_an_executed_notebook_that_is_not_as_executed_runs_again(root):
    assert make(root, "--chapter", "01") == 0
    path = root / "_build/executed/01_only.ipynb"
    good = path.read_text()
    assert make(root, "--chapter", "01") == 0
    assert runs(root) == 1
    for count, damaged in enumerate((good.replace("seen", "sexn"), good[: len(good) // 2], "", "[]"), start=2):
        path.write_text(damaged)
        assert make(root, "--chapter", "01") == 0
        assert runs(root) == count
        assert nbformat.reads(path.read_text(), as_version=4).cells[1].outputs[0].text == "seen\n"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "damage",
    [
        lambda text: b"",
        lambda text: text[:40],
        lambda text: b"\xff\xfe\0[",
        lambda text: b"[1, null, {}]",
        lambda text: b'{"chapter": "01_only"}',
        lambda text: text.replace(b'"seconds": ', b'"seconds": 1'),
        lambda text: text.replace(b'"seconds": ', b'"watts": 7, "seconds": '),
        lambda text: re.sub(rb'"chapter": "01_only"', b'"chapter": 7', text),
    ],
)
def test_a_damaged_report_is_made_again(root, damage):
    assert make(root, "--chapter", "01") == 0
    report = root / "_build/chapters.json"
    report.write_bytes(damage(report.read_bytes()))
    assert make(root, "--chapter", "01") == 0
    assert runs(root) == 2
    assert [line["status"] for line in json.loads(report.read_text())] == ["executed"]
    assert make(root, "--chapter", "01") == 0
    assert runs(root) == 2


@pytest.mark.usefixtures("quick")
def test_a_damaged_committed_notebook_is_told(root, monkeypatch, capsys):
    assert pairs.main(["--sync", "--root", str(root)]) == 0
    committed = root / "chapters/01_only.ipynb"
    good = committed.read_text()
    write_chapter(root, "print('seen')", data="a.csv")
    monkeypatch.setattr(build, "data_source", lambda names: "kept")
    monkeypatch.setattr(build, "key_of", lambda root, stem: "any")
    for damaged in (good[:200], "[]", "{}", good.replace('"cell_type": "code"', '"cell_type": "cod"')):
        committed.write_text(damaged)
        capsys.readouterr()
        assert make(root, "--chapter", "01") == 1
        assert re.search(r"01_only\.ipynb is no whole notebook \(.*git checkout", capsys.readouterr().err)
        assert pairs.main(["--check", "--root", str(root)]) == 1
        assert "is no whole notebook" in capsys.readouterr().err
    committed.write_bytes(b"\xff\xfe{")
    assert "is no whole notebook" in pairs.check(root, "01_only")[0]


def test_a_contents_page_that_cannot_be_read_is_told(root, capsys):
    for text in ("{root: [", "", "chapters: 7", "{root: book/index, chapters: [{page: x}]}"):
        (root / "_toc.yml").write_text(text)
        assert make(root) == 1
        assert "_toc.yml is no table of contents" in capsys.readouterr().err


def test_files_are_written_whole(tmp_path, monkeypatch):
    path = tmp_path / "page.md"
    notebooks.write_text(path, "whole")

    def full(self, content):
        Path.write_text(self, "hal")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space"):
            notebooks.write_text(path, "another")
    assert path.read_text() == "whole"
    path.write_bytes(b"\xff\xfe")  # what is there need not be text
    notebooks.write_text(path, "whole")
    assert tree(tmp_path) == {"page.md": b"whole"}


# ---------------------------------------------------------------------------------------------------- limits, signals


@pytest.mark.parametrize(
    ("name", "value", "code", "told"),
    [
        ("XSG_CHAPTER_SECONDS", "12", "time.sleep(600)", r"it ran longer than 12 s, .*XSG_CHAPTER_SECONDS"),
        ("XSG_CHAPTER_MB", "700", "b = bytearray(b'1') * 10**9\ntime.sleep(600)", r"it used \d+ MB, .*is 700 MB .*_MB"),
    ],
)
def test_a_chapter_beyond_its_limits_is_ended_with_its_kernel(root, monkeypatch, capsys, name, value, code, told):
    write_chapter(root, STUBBORN + code)
    monkeypatch.setenv(name, value)
    assert make(root) == 1
    assert re.search(rf"the chapter was ended: {told}", capsys.readouterr().err)
    assert [line["status"] for line in json.loads((root / "_build/chapters.json").read_text())] == ["failed"]
    assert not (root / "_build/html").exists()
    kernel, runner = map(int, (root / "pids").read_text().split())
    until(lambda: not alive(kernel) and not alive(runner), seconds=5)


def test_limits_are_numbers(root, monkeypatch, capsys):
    for value in ("ten", "-1", "0", "1e3"):
        monkeypatch.setenv("XSG_CHAPTER_MB", value)
        assert make(root, "--chapter", "01") == 1
        assert f"XSG_CHAPTER_MB is {value!r}; expected a whole number above 0" in capsys.readouterr().err


def start(root, *options):
    command = [sys.executable, str(build.TOOLS / "build.py"), "--root", str(root), *options]
    # A shell that starts tests in the background makes them, and what they start, deaf to SIGINT; a person's is not.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_kernel_outlives_the_build(root, number):
    write_chapter(root, STUBBORN + "time.sleep(600)")
    with start(root, "--chapter", "01") as process:
        until((root / "pids").exists)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == (-number if number == signal.SIGKILL else 130)
    if number != signal.SIGKILL:
        assert "Stopped. What was finished is kept" in err
    assert "Traceback" not in err
    kernel, runner = map(int, (root / "pids").read_text().split())
    until(lambda: not alive(kernel) and not alive(runner), seconds=10)
    # Nor does the lock: the next build starts at once.
    write_chapter(root, "print('seen')")
    with start(root, "--chapter", "01") as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Another build" not in err


def test_a_kernel_that_kills_itself_fails_its_chapter(root, capsys):
    write_chapter(root, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert make(root, "--chapter", "01") == 1
    assert "01_only failed" in capsys.readouterr().err


def test_one_build_at_a_time(root):
    write_chapter(root, "with open('../runs', 'a') as file:\n    file.write('x')\nimport time\ntime.sleep(5)")
    with start(root, "--chapter", "01") as first:
        until((root / "runs").exists)
        with start(root, "--chapter", "01") as second:
            _, said = second.communicate(timeout=60)
        first.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    assert "Another build runs in this folder; waiting for it to end" in said
    assert runs(root) == 1  # what the first made is the second's


def test_what_a_dead_process_started_is_ended_too(tmp_path):
    code = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
time.sleep(1)  # time to be seen
os._exit(3)
"""
    done = guard.run([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert done.status == 3
    until(lambda: not alive(int((tmp_path / "pid").read_text())), seconds=5)
