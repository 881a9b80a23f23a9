"""Binder: its own script, in an environment that holds torch as conda would leave it, and chapters in 2 GB."""

import os
import re
import subprocess

import pytest


@pytest.fixture(scope="module")
def binder(environment, torch, checkout):
    python = environment("binder", torch, "psutil")
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["bash", ".binder/postBuild"], cwd=checkout, env={**os.environ, "PATH": path}, check=True)
    return python


def test_the_lock_is_what_is_installed(binder, checkout):
    frozen = subprocess.run([binder, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    has = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in re.findall(r"^(.+?)==(.+)$", frozen, re.M)}
    lock = re.findall(r"^([^#].*?)==(.+)$", (checkout / "requirements.lock").read_text(), re.MULTILINE)
    has["torch"] = has["torch"].partition("+")[0]
    wrong = {name: has.get(re.sub(r"[-_.]+", "-", name).lower()) for name, version in lock
             if has.get(re.sub(r"[-_.]+", "-", name).lower()) != version}  # fmt: skip
    assert wrong == {}
    assert "notebook" in has
    subprocess.run([binder, "-m", "pip", "check"], check=True)


def test_a_chapter_fits(binder, checkout, run_chapter, tmp_path, stem):
    # Of Binder's 2 GB its own server takes some 150 MB.
    assert run_chapter(binder, checkout / f"chapters/{stem}.ipynb", tmp_path, "--memory", "1850") == []
