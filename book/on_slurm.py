"""Train a model for many null maps, each in five folds, on a SLURM cluster.

python on_slurm.py --jobs 10 --cores 16 --memory 32GB --queue normal --out nulls.csv

Run it where `sbatch` works, in a terminal that stays open (tmux). You may stop it
and start it again: what was finished is kept in the folder nulls.csv.kept. The
table has a row for each map, the real one first: its held-out prediction.
"""

import argparse
import subprocess

import joblib
import pandas as pd
from dask.distributed import Client
from dask_jobqueue import SLURMCluster

import xsg
from xsg.evaluation.nulls import null_maps
from xsg.evaluation.splits import split
from xsg.training import CrossScaleVAE, cross_val_predict


def predictions(n_maps: int, epochs: int, kept: str) -> pd.DataFrame:
    """Compute what is wanted; put your own cortex, model and maps here."""
    cortex = xsg.load_cortex("simulated")
    thinning = cortex.thinning
    nulls = null_maps(thinning, cortex.parcellation, "spin", n=n_maps, seed=0)
    maps = pd.concat([thinning.rename("real").to_frame().T, nulls])
    folds = split("homologous", cortex.parcellation, cortex.regions, seed=0)
    model = CrossScaleVAE(epochs=epochs)
    data = (cortex.expression, maps, cortex.graph)
    return cross_val_predict(model, *data, held_out=folds, checkpoint=kept)


def jobs_of(given: argparse.Namespace) -> SLURMCluster:
    """Describe one job: as many workers as cores. No job is requested yet."""
    return SLURMCluster(
        cores=given.cores,
        processes=given.cores,  # a model is trained on one core
        memory=given.memory,  # of a job, all its workers together
        queue=given.queue,
        account=given.account,
        interface=given.interface,  # the network between nodes: ib0, eth0 …
        walltime=f"{given.minutes // 60:02}:{given.minutes % 60:02}:00",
        # Workers leave before SLURM ends their job, and not all at once.
        worker_extra_args=[
            "--lifetime",
            f"{given.minutes - 5}m",
            "--lifetime-stagger",
            "3m",
        ],
        job_script_prologue=[
            "export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1",
        ],
        log_directory=f"{given.out}.logs",
    )


def options() -> argparse.Namespace:
    """Read what was asked for on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--jobs", type=int, default=4, help="SLURM jobs at the same time")
    add("--cores", type=int, default=8, help="cores of each job")
    add("--memory", default="16GB", help="memory of each job")
    add("--minutes", type=int, default=60, help="time limit of a job, at least 10")
    add("--queue", help="SLURM's partition")
    add("--account")
    add("--interface", help="network interface between the nodes")
    add("--maps", type=int, default=1000, help="null maps")
    add("--epochs", type=int, default=400)
    add("--out", default="nulls.csv")
    given = parser.parse_args()
    if given.minutes < 10:
        why = "a job needs 10 at the least, for its workers leave 5 before its end"
        parser.error(f"--minutes {given.minutes}: {why}")
    return given


def main() -> None:
    """Request jobs, compute, write the table."""
    given = options()
    with jobs_of(given) as cluster, Client(cluster) as client:
        script = cluster.job_script()
        print(f"The script of each of the {given.jobs} jobs:", script, sep="\n")
        check = subprocess.run(["sbatch", "--test-only"], input=script, text=True)
        if check.returncode:
            raise SystemExit("SLURM does not accept this job; its reason is above.")
        # A job that ends is requested again.
        cluster.adapt(minimum_jobs=given.jobs, maximum_jobs=given.jobs)
        print("Waiting for the first worker. `squeue --me` shows the queue,")
        print(f"{given.out}.logs what workers said.")
        client.wait_for_workers(1)  # as long as the queue takes
        with joblib.parallel_config(backend="dask"):
            kept = f"{given.out}.kept"
            found = predictions(given.maps, given.epochs, kept)
    found.to_csv(given.out)


if __name__ == "__main__":
    main()
