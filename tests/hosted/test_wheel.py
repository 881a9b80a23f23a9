"""The wheel in an environment that knows nothing of the repository: `xsg evaluate` from a file to a report."""

import json
import subprocess

import numpy as np
import pytest

from xsg.atlas import load_parcellation


@pytest.fixture(scope="module")
def installed(environment, torch, tmp_path_factory, checkout):
    folder = tmp_path_factory.mktemp("dist")
    python = environment("wheel", torch, "hatchling")
    build = [python, "-m", "hatchling", "build", "-t", "wheel", "--directory", folder]
    subprocess.run(build, cwd=checkout, check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", next(folder.glob("*.whl"))], check=True)
    return python.parent / "xsg"


def test_it_brings_only_what_it_needs(installed):
    freeze = [installed.parent / "python", "-m", "pip", "freeze"]
    frozen = subprocess.run(freeze, capture_output=True, text=True, check=True).stdout.casefold()
    there = {line.split("==")[0].split(" ")[0] for line in frozen.splitlines()}
    assert "nilearn" in there
    assert there & {"pytest", "jupyter-book", "papermill", "ruff", "dask", "playwright"} == set()
    subprocess.run([installed.parent / "python", "-m", "pip", "check"], check=True)


def test_a_spreadsheet_reaches_a_report_by_one_command(installed, tmp_path, mirror, monkeypatch):
    monkeypatch.setenv("XSG_MIRROR", mirror)
    monkeypatch.setenv("XSG_DATA", str(tmp_path / "cache"))
    table = load_parcellation("dk").table
    values = table["y"] + np.random.default_rng(0).normal(0, 10, len(table))
    values.rename("thinning").to_csv(tmp_path / "map.csv")
    command = [installed, "evaluate", "map.csv", "--positive", "loss", "--unit", "made up", "--json", "--n-nulls", "19"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert json.loads(found)
    assert {"report.html", "report.csv", "report.json", "report.bib", "report.png"} <= {
        path.name for path in (tmp_path / "report").iterdir()
    }
