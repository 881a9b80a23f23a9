"""What a chapter needs to run from its single file in Colab; 'make hosted' does it in whole environments."""

import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
import types
import zipfile
from functools import cache
from pathlib import Path

import IPython
import jupytext
import pytest
import yaml
from packaging.requirements import Requirement

import stamp

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("[0-9]*.py"))
COLAB = {"numpy": "2.1.0", "pandas": "2.2.0", "torch": "2.11.0"}  # what Colab had when this was written, lowest patch


@cache
def code_cells(script: Path) -> list[tuple[str, bool]]:
    """Source of the code cells, and whether it is the set-up."""
    cells = (cell for cell in jupytext.read(script).cells if cell.cell_type == "code")
    return [(cell.source, "remove-cell" in cell.metadata.get("tags", [])) for cell in cells]


def run_set_up(script: Path, monkeypatch, colab: bool, present: bool) -> list[tuple]:
    """Run a chapter's set-up cell as if in Colab or not, with xsg or without; tells what it asked IPython for."""
    (source,) = [source for source, is_set_up in code_cells(script) if is_set_up]
    asked, find_spec = [], importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: find_spec(name) if name != "xsg" or present else None)
    shell = types.SimpleNamespace(run_line_magic=lambda *given: asked.append(given), system=asked.append)
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    if colab:
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    exec(compile(source, script.name, "exec"), {})
    return asked


@pytest.mark.parametrize("script", CHAPTERS, ids=lambda path: path.stem)
def test_set_up_installs_in_colab_where_it_is_missing_and_nowhere_else(script, monkeypatch):
    at = stamp.address(ROOT)
    for colab, present in ((False, False), (False, True), (True, True)):
        with monkeypatch.context() as patch:
            assert run_set_up(script, patch, colab, present) == []
    # What is there is listed first and bounds what is installed: pip would else take the newest nilearn, and for its
    # sake a newer pandas than the one that Colab has loaded.
    assert run_set_up(script, monkeypatch, True, False) == [
        f"{sys.executable} -m pip list --format=freeze > /tmp/here.txt",
        ("pip", f"install -q git+{at.url}@{at.branch} -c /tmp/here.txt"),
    ]


@pytest.mark.parametrize("script", CHAPTERS, ids=lambda path: path.stem)
def test_nothing_is_needed_before_the_set_up(script):
    before = itertools.takewhile(lambda cell: not cell[1], code_cells(script))
    assert "import" not in "\n".join(source for source, _ in before)


def test_bounds_admit_what_colab_has():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needs = {need.name: need for need in map(Requirement, project["dependencies"])}
    assert {name: version in needs[name].specifier for name, version in COLAB.items()} == dict.fromkeys(COLAB, True)
    # An upper bound or an exact version would, sooner or later, take away something that Colab has.
    assert [str(need) for need in needs.values() if {part.operator for part in need.specifier} - {">="}] == []


def test_binder_has_the_torch_of_the_lock():
    (torch,) = re.findall(r"^# torch==([\d.]+) ", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    parts = yaml.safe_load((ROOT / ".binder/environment.yml").read_text())["dependencies"]
    assert f"pytorch-cpu={torch}" in parts
    assert f"TORCH := {torch}\n" in (ROOT / "Makefile").read_text()
    assert os.access(ROOT / ".binder/postBuild", os.X_OK)
    subprocess.run(["bash", "-n", ROOT / ".binder/postBuild"], check=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel unpacked in a folder of its own, as pip does, and the environment of who has it and no checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([*command, ROOT], check=True)
    (wheel,) = folder.glob("xsg-*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XSG_")}
    return folder / "site", {**kept, "PYTHONPATH": str(folder / "site"), "XSG_DATA": str(folder / "data")}


def ask(code: str, place: Path, env: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], cwd=place, env=env, capture_output=True, text=True, check=False)


def test_a_chapter_runs_alone_with_the_wheel(installed, tmp_path):
    site, env = installed
    # The claims are beside the chapters in a checkout; the wheel has its own copy.
    assert (site / "xsg/claims.toml").read_bytes() == (ROOT / "chapters/claims.toml").read_bytes()
    asked = ask("import xsg.claims; print(xsg.claims.claims_path())", tmp_path, env)
    assert asked.stdout.strip() == str(site / "xsg/claims.toml")
    findings = tmp_path / "findings.json"
    notebook = ROOT / "chapters/01_question.ipynb"
    command = [sys.executable, ROOT / "tools/hosted.py", "--findings", findings, notebook]
    (tmp_path / "empty").mkdir()
    subprocess.run(command, cwd=tmp_path / "empty", env=env, check=True)
    assert json.loads(findings.read_text()) == []


def test_the_wheel_holds_no_table_that_only_a_chapter_reads(installed):
    package = installed[0] / "xsg"
    tables = {path.name for path in package.rglob("*") if path.suffix in (".csv", ".tsv", ".parquet", ".npz", ".json")}
    assert "registry.csv" in tables
    assert not tables & {path.name for path in (ROOT / "experiments").iterdir()}
    code = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    assert [name for name in tables if f'"{name}"' not in code] == []  # the package itself reads the others


def test_without_the_checkout_a_table_comes_from_the_repository(installed, tmp_path):
    read = "import pandas as pd; from xsg.data.fetch import fetch; print(fetch('experiments/views.csv'))"
    env = installed[1]
    alone = ask(read, tmp_path, {**env, "XSG_MIRROR": "", "https_proxy": "http://127.0.0.1:9"})
    assert f"{stamp.address(ROOT).raw}/experiments/views.csv: " in alone.stderr
    # A copy of the repository is a mirror of it, and its digest is the registry's.
    mirrored = ask(read, tmp_path, {**env, "XSG_MIRROR": str(ROOT)})
    assert mirrored.stdout.strip() == str(ROOT / "experiments/views.csv")
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments/views.csv").write_text("other\n")
    other = ask(read, tmp_path, {**env, "XSG_MIRROR": str(tmp_path), "https_proxy": "http://127.0.0.1:9"})
    assert "has other bytes under that name" in other.stderr


def test_the_wheel_brings_the_command(installed, tmp_path):
    site, env = installed
    (points,) = site.glob("xsg-*.dist-info/entry_points.txt")
    assert "xsg = xsg.__main__:main" in points.read_text().splitlines()
    command = tmp_path / "xsg"  # what an installer makes of it
    command.write_text(f"#!{sys.executable}\nimport sys\nfrom xsg.__main__ import main\nsys.exit(main())\n")
    command.chmod(0o755)

    def run(*arguments):
        return subprocess.run([command, *arguments], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    listed = run("data")
    assert listed.returncode == 0
    assert "experiments/refits.csv" in listed.stdout
    assert run("new", "study").stdout.startswith("study: a simulated study.")
    assert (tmp_path / "study/analysis.py").is_file()
    again = run("new", "study")
    assert again.returncode == 1
    assert again.stderr.startswith("error: ")
    assert run().stderr.startswith("usage: xsg ")
