"""The workflows, as far as they can be proved without GitHub: what they name exists, and they may do no more."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
WRITES = {"pages.yml": {"pages", "id-token"}, "weekly.yml": {"issues"}, "release.yml": {"id-token"}}


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request):
    loaded = yaml.safe_load(request.param.read_text(encoding="utf-8"))
    loaded["on"] = loaded.pop(True)  # YAML 1.1 reads the key "on" as true
    return request.param.name, loaded


def steps(loaded):
    return [step for job in loaded["jobs"].values() for step in job["steps"]]


def test_there_are_the_four():
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "pages.yml", "release.yml", "weekly.yml"]


def test_jobs_are_whole(workflow):
    _, loaded = workflow
    assert loaded.keys() <= {"name", "on", "permissions", "concurrency", "jobs"}
    for job in loaded["jobs"].values():
        assert job["runs-on"] == "ubuntu-latest"
        assert 0 < job["timeout-minutes"] <= 150
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= loaded["jobs"].keys()
        assert all(("run" in step) != ("uses" in step) for step in job["steps"])


def test_actions_are_official_and_pinned_by_digest():
    """A tag can be moved, a digest cannot; which version it is stands beside it, the same everywhere."""
    used = {}
    for path in WORKFLOWS:
        for line in re.findall(r"uses:.*", path.read_text(encoding="utf-8")):
            found = re.fullmatch(r"uses: ((?:actions|pypa)/[a-z-]+)@([0-9a-f]{40})  # (v\d+\.\d+\.\d+)", line)
            assert found, line
            used.setdefault(found[1], set()).add((found[2], found[3]))
    assert "actions/checkout" in used
    assert {name: pins for name, pins in used.items() if len(pins) > 1} == {}


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


def test_the_lock_holds_digests_of_everything_but_torch():
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text(encoding="utf-8").rstrip())
    entries = [block for block in blocks if not block.startswith("#")]
    assert len(entries) > 150
    names = set()
    for entry in entries:
        first, *digests = [line.removesuffix(" \\") for line in entry.splitlines()]
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[^\s+]+( ; .+)?", first), first
        assert digests, first
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}", digest) for digest in digests), first
        names.add(first.partition("==")[0])
    assert not [name for name in names if re.match(r"torch$|triton|nvidia|cuda", name)]
    assert {"numpy", "hatchling", "editables", "psutil", "uv"} & names == {"numpy", "hatchling", "editables", "psutil"}
    # Compiled packages bring a file for each system and Python.
    (numpy,) = [entry for entry in entries if entry.startswith("numpy==")]
    assert numpy.count("--hash") > 20


def test_whatever_installs_the_lock_checks_its_digests():
    for name in ("Makefile", ".binder/postBuild"):
        lines = re.findall(r".*-r requirements\.lock.*", (ROOT / name).read_text(encoding="utf-8"))
        assert lines
        assert all("--require-hashes" in line for line in lines)
