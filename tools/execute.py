"""Run one notebook with papermill in this process's own kernel and report what it took, as one JSON line.

Usage: execute.py INPUT.ipynb OUTPUT.ipynb [PARAMETERS as JSON]. A process of its own: peak memory is this chapter's.
"""

import json
import resource
import sys
import time
import warnings
from pathlib import Path

import papermill

import guard
import kernels


def main(source: str, target: str, parameters: str = "{}") -> None:
    guard.end_with_parent()
    started = time.perf_counter()
    error = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # papermill's own; a chapter's reach its stderr and are judged there
            kernels.patiently(papermill.execute_notebook)(
                source, target, parameters=json.loads(parameters), progress_bar=False, cwd=Path.cwd()
            )
    except papermill.PapermillExecutionError as failure:
        error = f"cell {failure.exec_count}: {failure.ename}: {failure.evalue}\n" + "\n".join(failure.traceback)
    # The kernel was a child of this process; kilobytes on Linux, bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": round(seconds, 1), "peak_memory_mb": round(peak), "error": error}))


if __name__ == "__main__":
    main(*sys.argv[1:])
