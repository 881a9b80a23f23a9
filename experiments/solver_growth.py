"""Make solver_growth.csv: time, memory and error of the solver against the number of places, beside other packages.

experiments/solver_growth.py     goes on where it was cut short; some ten minutes on one core

One process for each row (tests/benchmarks/peers/solver.py, in the environment of `make peers`): discs, balls and
the MNI brain mask of 2 mm. Errors are against float64 and many steps, by modes up to 3,000 places.
"""

import json
import os
import subprocess

import pandas as pd

import kept
import peers

SCRIPT = kept.ROOT / "tests/benchmarks/peers/solver.py"
CASES = ("disc-32", "disc-40", "disc-60", "disc-80", "disc-150", "disc-360", "ball-17", "ball-30", "ball-60", "brain")
MODES = ("disc-32", "disc-40", "disc-60", "ball-17")  # eigenvectors of more would take minutes
BESIDE = ("disc-32", "disc-150", "brain")
PEERS = ("torchdiffeq dopri5", "torchode tsit5", "diffrax tsit5")


def measured(python: str, *job: str) -> str:
    """Run the script and return what it said, or the last thing it said of why it cannot."""
    environment = os.environ | {"PYTHONPATH": str(kept.ROOT)}
    done = subprocess.run([python, str(SCRIPT), *job], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(job)}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def row(case: str, method: str) -> pd.DataFrame:
    """Measure one case by one method; the exact solution is kept beside the rows."""
    python = peers.environment("solver")
    exact = kept.ROOT / f"_build/experiments/solver_growth/{case}.npy"
    exact.parent.mkdir(parents=True, exist_ok=True)
    if not exact.is_file():
        measured(python, case, "reference", str(exact))
    found = measured(python, case, method, str(exact))
    return pd.DataFrame([json.loads(found.splitlines()[-1])])


def main() -> None:
    """Measure what is missing, and write the table."""
    jobs = [(case, "xsg products") for case in CASES]
    jobs += [(case, "xsg modes") for case in MODES]
    jobs += [(case, method) for case in BESIDE for method in ("xsg products 4", *PEERS)]
    kept.store(__file__, kept.rows(__file__, jobs, row))


if __name__ == "__main__":
    main()
