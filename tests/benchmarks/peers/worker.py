"""One side of one comparison, in a process of its own: ``worker.py SUBJECT SIDE in.npz out.npz``.

What is imported is imported before the clock starts. Processor time is taken, of this process and of those it started
and waited for, so that others who use the machine matter less; memory is the process's peak, what it imports included.
"""

import importlib
import os
import resource
import sys
import warnings
from pathlib import Path

import numpy as np


def processor() -> float:
    """Processor time in seconds so far, children included."""
    return sum(os.times()[:4])


def peak_mb() -> float:
    """Peak memory in MB, from the kernel's own count where it has one: getrusage knows that of the parent too."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (2**20 if sys.platform == "darwin" else 2**10)


def main(subject: str, side: str, given: str, found: str) -> None:
    """Run a side on the arrays of a file, and write what it found, with seconds and MB, to another."""
    warnings.simplefilter("ignore")
    module = importlib.import_module(subject)
    with np.load(given) as file:
        arrays = dict(file)
    work = module.SIDES[side].prepare()
    before = processor()
    answer = work(arrays)
    np.savez(found, **answer, _processor=processor() - before, _mb=peak_mb())


if __name__ == "__main__":
    main(*sys.argv[1:])
