"""Binder: its own script, in an environment that holds torch as conda would leave it, and chapters in 2 GB."""

import os
import re
import subprocess

import pytest
from packaging.markers import Marker


@pytest.fixture(scope="module")
def binder(environment, torch, checkout):
    python = environment("binder", torch, "psutil")
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["bash", ".binder/postBuild"], cwd=checkout, env={**os.environ, "PATH": path}, check=True)
    return python


def pins(text: str) -> dict[str, str]:
    """Read name==version lines that are meant for here; a local part such as +cpu is no part of what is compared."""
    found = re.findall(r"^([^#\s]+)==([^+\s]+)(?: ; ([^\\\n]+))?", text, re.MULTILINE)
    return {
        re.sub(r"[-_.]+", "-", name).lower(): version
        for name, version, marker in found
        if not marker or Marker(marker).evaluate()
    }


def test_the_lock_is_what_is_installed(binder, checkout):
    frozen = subprocess.run([binder, "-m", "pip", "freeze", "--all"], capture_output=True, text=True, check=True).stdout
    has, wanted = pins(frozen), pins((checkout / "requirements.lock").read_text())
    assert {name: has.get(name) for name in wanted} == wanted
    assert "notebook" in has
    subprocess.run([binder, "-m", "pip", "check"], check=True)


def test_a_chapter_fits(binder, checkout, run_chapter, tmp_path, stem):
    # Of Binder's 2 GB its own server takes some 150 MB.
    assert run_chapter(binder, checkout / f"chapters/{stem}.ipynb", tmp_path, "--memory", "1850") == []
