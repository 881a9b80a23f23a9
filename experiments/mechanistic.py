"""Make mechanistic.csv, what the benches of model C measured: solvers (chapter 18), and the benchmark of mixtures (20).

experiments/mechanistic.py     a quarter of an hour on one core
"""

import os
import subprocess
import sys
from pathlib import Path

import kept


def main() -> None:
    """Run the benches, which append their rows to the table named by XSG_ROWS, and keep the table once all passed."""
    table = Path(__file__).with_suffix(".csv")
    new = kept.ROOT / "_build/experiments/mechanistic.csv"
    new.parent.mkdir(parents=True, exist_ok=True)
    new.unlink(missing_ok=True)
    benches = [kept.ROOT / f"tests/benchmarks/test_{name}.py" for name in ("physics", "mechanistic")]
    subprocess.run(
        [sys.executable, "-m", "pytest", "-s", *benches], env={**os.environ, "XSG_ROWS": str(new)}, check=True
    )
    new.replace(table)
    kept.register(table)


if __name__ == "__main__":
    main()
