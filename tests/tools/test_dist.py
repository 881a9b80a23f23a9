"""What goes to the package index: the package alone, with all that it reads, and only what it needs to run."""

import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def in_git(*folders):
    found = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in found.stdout.splitlines() if (ROOT / name).exists()}


def test_the_wheel_is_the_package_and_its_claims(dist):
    names = set(zipfile.ZipFile(dist[0]).namelist())
    package = {name for name in names if not name.startswith("xsg-")}
    assert in_git("xsg") - package == set()
    assert {name for name in package if "/test" in name or not name.startswith("xsg/")} == set()
    assert "xsg/claims.toml" in package


def test_the_wheel_asks_only_for_what_it_needs_to_run(dist):
    archive = zipfile.ZipFile(dist[0])
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    meta = Parser().parsestr(archive.read(name).decode())
    asked = [Requirement(line) for line in meta.get_all("Requires-Dist")]
    always = {each.name for each in asked if each.marker is None}
    assert {"torch", "nilearn", "nibabel", "openpyxl", "statsmodels"} <= always
    assert (
        always & {"jupyter-book", "jupytext", "papermill", "nbval", "pytest", "ruff", "dask", "neuroHarmonize"} == set()
    )
    assert set(meta.get_all("Provides-Extra")) == {"book", "cohorts", "test"}
    assert meta["Requires-Python"] == ">=3.11"
    assert meta["Description-Content-Type"] == "text/markdown"
    entry = archive.read(name.replace("METADATA", "entry_points.txt")).decode()
    assert "xsg = xsg.__main__:main" in entry


def test_the_sdist_builds_the_same_wheel(dist, tmp_path):
    with tarfile.open(dist[1]) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    assert not {"tests", "book", "chapters/01_question.py"} & {
        str(path.relative_to(source)) for path in source.rglob("*")
    }
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "--directory", str(tmp_path / "again")]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (again,) = (tmp_path / "again").iterdir()
    assert set(zipfile.ZipFile(again).namelist()) == set(zipfile.ZipFile(dist[0]).namelist())
