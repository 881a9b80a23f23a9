"""Make peers.csv: packages of others beside the book's, on the same inputs, in one run; `make peers` prints ratios.

experiments/peers.py                       all comparisons (some ten minutes of one core, and what is downloaded)
experiments/peers.py norms courses         these only
experiments/peers.py --store               writes peers.csv too, case by case; the rows of what was not run stay

A comparison is a file of tests/benchmarks/peers: what all are given, the sides, and how right an answer is. Each side
runs in a process of its own, the sides in turns, twice where it takes under `LONG` seconds, and the better time counts:
processor seconds on one thread, without imports. A peer has an environment of its own under _build/peers that lies
over this one: its own packages, by exact version, are in requirements/PEER.txt; all others are the book's. A peer that
cannot be installed or run is named, with the reason, and the others go on. "solver" is a script of its own.
"""

import argparse
import importlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import kept

HERE = kept.ROOT / "tests/benchmarks/peers"
BUILT = kept.ROOT / "_build/peers"
COMPARISONS = ("places", "courses", "norms")
SOLVER = "solver"
LONG = 15  # processor seconds; what takes longer is run once
LIMIT = 3600  # seconds on the clock
KEYS = ["comparison", "case", "method"]
sys.path.append(str(HERE))


class Missing(Exception):
    """A peer that cannot be installed or does not run: why."""


def environment(peer: str) -> str:
    """Return the interpreter of a peer's environment, made anew if its requirements changed; "": the book's own."""
    if not peer:
        return sys.executable
    wanted = (HERE / f"requirements/{peer}.txt").read_text(encoding="utf-8")
    folder = BUILT / peer
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    made, book = folder / "made", sysconfig.get_path("purelib")
    if python.is_file() and made.is_file() and made.read_text(encoding="utf-8") == wanted + book:
        return str(python)
    print(f"making the environment of {peer} in {folder}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    _called([sys.executable, "-m", "venv", str(folder)])
    found = _called([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
    (Path(found) / "book.pth").write_text(f"{book}\n", encoding="utf-8")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "-r"]
    _called([*pip, str(HERE / f"requirements/{peer}.txt")])
    made.write_text(wanted + book, encoding="utf-8")
    return str(python)


def _called(command: list[str]) -> str:
    paths = os.pathsep.join([str(kept.ROOT), str(HERE)])
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT,
            env=os.environ | threads | {"PYTHONPATH": paths},
            cwd=kept.ROOT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{type(error).__name__}: {error}") from None
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise Missing(said[-1][:300] if said else f"ended with {done.returncode} and said nothing")
    return done.stdout


def compare(comparison: str, store: bool = False) -> None:
    """Run all sides of a comparison in all its cases; print each table, and write its rows if told to."""
    subject = importlib.import_module(comparison)
    print(f"\n{comparison}: {subject.__doc__.splitlines()[0]}", flush=True)
    pythons = {}
    for name, side in subject.SIDES.items():
        try:
            pythons[name] = environment(side.environment)
        except Missing as why:
            print(f"{name}: not installed ({why})", flush=True)
    for case, arrays in subject.inputs().items():
        found = answers(comparison, case, arrays, pythons)
        table = pd.DataFrame(
            {name: costs | subject.accuracy(arrays, answer) for name, (costs, answer) in found.items()}
        )
        print(f"\n{comparison}, {case}\n{shown(table.T)}", flush=True)
        table = table.rename_axis("quantity").reset_index().melt("quantity", var_name="method").dropna()
        table["value"] = [float(f"{value:.4g}") for value in table["value"]]
        if store:
            table = table.assign(comparison=comparison, case=case)[[*KEYS, "quantity", "value"]]
            kept.store(__file__, table, by=["comparison", "case"])


def answers(comparison: str, case: str, arrays: dict, pythons: dict[str, str]) -> dict[str, tuple[dict, dict]]:
    """Run the sides in turns on the same file: the better seconds and MB, and the answer, of each that ran."""
    found: dict[str, tuple[dict, dict]] = {}
    with tempfile.TemporaryDirectory() as folder:
        given, written = Path(folder) / "given.npz", Path(folder) / "found.npz"
        np.savez(given, **arrays)
        for again in (False, True):
            for name, python in pythons.items():
                if again and (name not in found or found[name][0]["seconds"] > LONG):
                    continue
                try:
                    _called([python, str(HERE / "worker.py"), comparison, name, str(given), str(written)])
                except Missing as why:
                    print(f"{name}, {case}: did not run ({why})", flush=True)
                    continue
                with np.load(written) as file:
                    answer = dict(file)
                costs = {"seconds": float(answer.pop("_processor")), "MB": float(answer.pop("_mb"))}
                before = found.get(name, (costs, answer))[0]
                found[name] = {what: min(costs[what], before[what]) for what in costs}, answer
    return found


def shown(table: pd.DataFrame) -> str:
    """Return a table for reading; beside seconds and MB, how many times ours they are."""
    table = table.astype(float)
    for quantity in ("seconds", "MB"):
        if "xsg" in table.index:
            ratio = table[quantity] / table.loc["xsg", quantity]
            table.insert(table.columns.get_loc(quantity) + 1, f"× ours ({quantity})", ratio)
    return table.map(lambda value: "" if np.isnan(value) else f"{value:.3g}").to_string()


def solver() -> None:
    """Run the solver's own script in the environment of its peers, and print what it says."""
    script = HERE / f"{SOLVER}.py"
    try:
        if not script.is_file():
            raise Missing(f"{script.relative_to(kept.ROOT)} is not there")
        print(f"\n{SOLVER}\n{_called([environment(SOLVER), str(script)])}", flush=True)
    except Missing as why:
        print(f"{SOLVER}: did not run ({why})", flush=True)


def main() -> None:
    """Run what is asked for, and print it; write the table if told to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("comparisons", nargs="*", metavar="COMPARISON", help=", ".join([*COMPARISONS, SOLVER]))
    parser.add_argument("--store", action="store_true", help="write peers.csv")
    options = parser.parse_args()
    every = [*COMPARISONS, SOLVER]
    if unknown := [each for each in options.comparisons if each not in every]:
        parser.error(f"{unknown[0]!r} is no comparison; there are {', '.join(every)}.")
    wanted = options.comparisons or every
    for each in wanted:
        solver() if each == SOLVER else compare(each, options.store)


if __name__ == "__main__":
    main()
