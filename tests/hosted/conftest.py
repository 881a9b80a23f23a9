"""Hosted environments, as far as they can be had without their hosts. Slow: 'make hosted', not 'make test'."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import notebooks
import stamp

ROOT = Path(__file__).resolve().parents[2]


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="every chapter (default: the first)")
    parser.addoption("--torch", default="2.13.0", help="version that the hosted environments have")


def pytest_generate_tests(metafunc):
    if "stem" in metafunc.fixturenames:
        stems = notebooks.chapters(ROOT)
        metafunc.parametrize("stem", stems if metafunc.config.getoption("--all") else stems[:1])


@pytest.fixture(scope="session")
def torch(request):
    return f"torch=={request.config.getoption('--torch')}"


@pytest.fixture(scope="session")
def clean(monkeypatch_session):
    """Nothing of this process's own environment reaches the hosted ones."""
    for name in ("PYTHONPATH", "XSG_ROOT", "VIRTUAL_ENV", "PIP_CONSTRAINT"):
        monkeypatch_session.delenv(name, raising=False)


@pytest.fixture(scope="session")
def monkeypatch_session():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """A repository with one commit on the book's branch: this tree as it is, without what git ignores."""
    folder = tmp_path_factory.mktemp("checkout") / "xsg"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in listed.stdout.decode().splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git = ["git", "-c", "user.name=xsg", "-c", "user.email=xsg@localhost"]
    subprocess.run([*git, "init", "-q", "-b", stamp.address(ROOT).branch], cwd=folder, check=True)
    subprocess.run([*git, "add", "-A"], cwd=folder, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "As it is"], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="session")
def environment(clean):
    """Make a virtual environment anew; gives its interpreter."""

    def environment(name: str, *packages: str) -> Path:
        folder = ROOT / "_build/hosted" / name
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin/python", "-m", "pip", "install", "-q", *packages], check=True)
        return folder / "bin/python"

    return environment


@pytest.fixture(scope="session")
def mirror(tmp_path_factory):
    """This machine's mirror, if it has one, with the tables of this tree, which the repository need not have yet."""
    folder = tmp_path_factory.mktemp("mirror")
    there = Path(os.environ.get("XSG_MIRROR") or ROOT.parent / "shared/data")
    for path in [ROOT / "experiments", *(there.iterdir() if there.is_dir() else ())]:
        (folder / path.name).symlink_to(path)
    return str(folder)


@pytest.fixture(scope="session")
def run_chapter(mirror):
    """Run a chapter with tools/hosted.py under an interpreter; gives what it found wrong."""

    def run_chapter(python: Path, notebook: Path, folder: Path, *options: str, **env: str) -> list[dict]:
        findings = folder / "findings.json"
        command = [python, ROOT / "tools/hosted.py", *options, "--findings", findings, notebook]
        subprocess.run(command, cwd=folder, env={**os.environ, "XSG_MIRROR": mirror, **env}, check=True)
        return json.loads(findings.read_text())

    return run_chapter
