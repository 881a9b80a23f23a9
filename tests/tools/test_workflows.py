"""The workflows, as far as they can be proved without GitHub: what they name exists, and they may do no more."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
WRITES = {"pages.yml": {"pages", "id-token"}, "weekly.yml": {"issues"}}


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request):
    loaded = yaml.safe_load(request.param.read_text(encoding="utf-8"))
    loaded["on"] = loaded.pop(True)  # YAML 1.1 reads the key "on" as true
    return request.param.name, loaded


def steps(loaded):
    return [step for job in loaded["jobs"].values() for step in job["steps"]]


def test_there_are_the_three():
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "pages.yml", "weekly.yml"]


def test_jobs_are_whole(workflow):
    _, loaded = workflow
    assert loaded.keys() <= {"name", "on", "permissions", "concurrency", "jobs"}
    for job in loaded["jobs"].values():
        assert job["runs-on"] == "ubuntu-latest"
        assert 0 < job["timeout-minutes"] <= 150
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= loaded["jobs"].keys()
        assert all(("run" in step) != ("uses" in step) for step in job["steps"])


def test_actions_are_official_and_pinned_to_a_major_version(workflow):
    for step in steps(workflow[1]):
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])


def test_permissions_are_the_least(workflow):
    name, loaded = workflow
    assert loaded["permissions"] == {"contents": "read"}
    granted = [job.get("permissions", {}) for job in loaded["jobs"].values()]
    assert {scope for each in granted for scope, level in each.items() if level == "write"} == WRITES.get(name, set())


def test_what_is_run_exists(workflow):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    seen = 0
    for step in steps(workflow[1]):
        for made in re.findall(r"\bmake ((?:[a-z]+ ?)+)", step.get("run", "")):
            assert set(made.split()) <= targets
            seen += 1
        for script in re.findall(r"\b(?:tools|tests)/[\w/]+(?:\.py)?\b", step.get("run", "")):
            assert (ROOT / script).exists()
            seen += 1
    assert seen


def test_every_interpreter_that_the_package_names_is_tested():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = re.findall(r"Python :: (3\.\d+)", project)
    ci = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert ci["jobs"]["test-and-book"]["strategy"]["matrix"]["python"] == named


def test_every_kind_of_weekly_finding_is_looked_for_and_told():
    import weekly

    loaded = yaml.safe_load((ROOT / ".github/workflows/weekly.yml").read_text(encoding="utf-8"))
    assert set(loaded["jobs"]["tell"]["needs"]) == set(weekly.KINDS) == loaded["jobs"].keys() - {"tell"}
    for kind in weekly.KINDS:
        ran = " ".join(step.get("run", "") for step in loaded["jobs"][kind]["steps"])
        assert f"weekly.py {kind}" in ran or f"/{kind}.json" in ran
