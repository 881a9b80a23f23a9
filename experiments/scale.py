"""Make scale.csv: what a fit of model A costs against the number of regions, dense and sparse.

experiments/scale.py           goes on where it was cut short; some five minutes on one core
experiments/scale.py N PATH    one row, as JSON: N regions (20484: the mesh's vertices), PATH dense or sparse

One row per size and path, each in a process of its own, so that the peak of memory is its own: seconds per epoch
(one thread), seconds before the first, and the peak above what the process held before the fit.
"""

import json
import os
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import torch

SIZES = (68, 150, 400, 1000, 2000, 4000, 8000, 20484)
DENSE_TO = 8000  # a matrix of all pairs of 20,484 vertices would take 1.7 GB in each of several copies
GENES = 910


def one(n: int, path: str) -> dict:
    """Fit once and measure."""
    from xsg.models import cross_scale
    from xsg.training import CrossScaleVAE, engine

    cross_scale.DENSE_UP_TO = engine.DENSE_UP_TO = n if path == "dense" else 0
    expression, thinning, graph = problem(n)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Processor time at each step of the optimiser: one thread, so that other work on the machine does not count.
    ticks = []
    plain = torch.optim.Adam.step
    torch.optim.Adam.step = lambda self: (ticks.append(time.process_time()), plain(self))
    started = time.process_time()
    CrossScaleVAE(epochs=200 if n < 500 else 12).fit(expression, thinning, graph)
    each = float(np.median(np.diff(ticks)))
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
    row = {"n": n, "edges": graph.edges.shape[1], "path": path, "genes": GENES}
    return row | {"epoch_s": round(each, 5), "before_s": round(ticks[0] - started - each, 2), "peak_mb": round(peak)}


def problem(n: int):
    """Return random expression and thinning over n cells of the mesh around random vertices, or over its vertices."""
    from xsg.atlas import Parcellation, load_parcellation, mesh, mesh_graph
    from xsg.atlas.pairs import nearest_mirror

    rng = np.random.default_rng(0)
    if n == 68:
        graph = mesh_graph(load_parcellation("dk"))
    elif n == 20484:
        graph = mesh_graph()
    else:
        # Vertices and their mirror images (numbers do not mirror), so that each cell has its homologue.
        left, right = (mesh("pial").parts[side].coordinates for side in ("left", "right"))
        twin = nearest_mirror(left, right)[1]
        cortex = load_parcellation("dk").labels.reshape(2, -1) >= 0
        once = np.unique(twin, return_index=True)[1]
        seeds = rng.choice(once[cortex[0][once] & cortex[1][twin[once]]], n // 2, replace=False)
        table = pd.DataFrame(np.concatenate([left[seeds], right[twin[seeds]]]), columns=["x", "y", "z"])
        table["hemisphere"] = np.repeat(["L", "R"], n // 2)
        table.index = pd.Index([f"{side}_{cell}" for side in "LR" for cell in range(n // 2)], name="region")
        graph = mesh_graph(Parcellation.from_centroids(f"{n} cells", table))
    expression = pd.DataFrame(rng.standard_normal((n, GENES)), graph.regions)
    return expression, pd.Series(rng.standard_normal(n), graph.regions, name="thinning"), graph


def main() -> None:
    """Measure what is missing, and write the table."""
    import kept

    def row(n: int, path: str) -> pd.DataFrame:
        command = [sys.executable, __file__, str(n), path]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        return pd.DataFrame([json.loads(done.stdout.splitlines()[-1])])

    jobs = [(n, path) for path in ("dense", "sparse") for n in SIZES if path == "sparse" or n <= DENSE_TO]
    kept.store(__file__, kept.rows(__file__, jobs, row))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(one(int(sys.argv[1]), sys.argv[2])))
    else:
        main()
