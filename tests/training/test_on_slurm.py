"""The book's script for SLURM, with commands that stand in for SLURM's: they run a job at once, on this machine."""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "book/on_slurm.py"
SBATCH = """#!/usr/bin/env bash
set -eu
if [ "$1" = --test-only ]; then
  if grep -q "^#SBATCH -p nowhere"; then echo "sbatch: error: invalid partition" >&2; exit 1; fi
  exit 0
fi
job=$(mktemp -p "$JOBS"); cp "$1" "$job"
setsid bash "$job" >"$job.log" 2>&1 </dev/null &
touch "$JOBS/$!"
echo "Submitted batch job $!"
"""
SCANCEL = """#!/usr/bin/env bash
kill -TERM -- "-$1"
"""


@pytest.fixture
def start(tmp_path):
    """Start the script with options; return the process, and what names the jobs that it has asked for."""
    pytest.importorskip("dask_jobqueue")
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    settings = {"DASK_CONFIG": str(tmp_path / "dask"), "DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT": "1s"}

    def of_jobs() -> list[int]:
        return [int(each.name) for each in jobs.iterdir() if each.name.isdigit()]

    running = []

    def started(*options) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, SCRIPT, "--cores", "1", "--memory", "1GB", "--maps", "20", "--epochs", "30", *options],
            cwd=tmp_path,
            env=os.environ | settings | {"JOBS": str(jobs), "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return process

    yield started, of_jobs
    for process in running:
        process.kill()
    for job in of_jobs():
        end(job)


def end(job: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(job, signal.SIGKILL)


def alive(job: int) -> bool:
    try:
        os.killpg(job, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_job_is_killed_another_asked_for_and_the_table_is_that_of_one_machine(start, tmp_path):
    started, jobs = start
    kept = tmp_path / "nulls.csv.kept"
    process, deadline = started("--jobs", "2", "--minutes", "90"), time.monotonic() + 200
    while process.poll() is None and not (kept.exists() and any(kept.iterdir())):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    before = jobs()
    end(before[0])
    for job in before[1:]:  # so that the work is not done before another job is asked for
        os.killpg(job, signal.SIGSTOP)
    while process.poll() is None and len(jobs()) == len(before):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for job in before[1:]:
        os.killpg(job, signal.SIGCONT)
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 0, said
    assert "#SBATCH -t 01:30:00" in said
    assert "--lifetime 85m" in said
    assert set(jobs()) > set(before)
    deadline = time.monotonic() + 20
    while any(map(alive, jobs())) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, jobs()))
    spec = importlib.util.spec_from_file_location("on_slurm", SCRIPT)
    on_slurm = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(on_slurm)
    here = on_slurm.predictions(20, 30, tmp_path / "here")
    found = pd.read_csv(tmp_path / "nulls.csv", index_col=[0, 1], dtype=str).astype(float)  # to the last bit
    assert len(found) == 21
    assert (found.to_numpy() == here.to_numpy()).all()


@pytest.mark.parametrize(
    ("options", "reason"),
    [(["--queue", "nowhere"], "invalid partition"), (["--minutes", "5"], "a job needs 10 at the least")],
)
def test_what_slurm_refuses_is_said_at_once(start, options, reason):
    started, jobs = start
    process = started(*options)
    said, _ = process.communicate(timeout=200)
    assert process.returncode
    assert reason in said
    assert not jobs()
