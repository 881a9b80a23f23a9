"""Train a model anew for many null maps, each in five folds, on the nodes of a SLURM cluster.

python on_slurm.py --jobs 10 --cores 16 --memory 32GB --queue normal --out nulls.csv

Run it where `sbatch` works, in a terminal that stays (tmux). It may be cut short and started again: what was finished
is kept in the folder nulls.csv.kept. The table has a row for each map, the real one first: its held-out prediction.
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
    """Compute what is wanted, as on one machine: put your own cortex, model and maps here."""
    cortex = xsg.load_cortex("simulated")
    nulls = null_maps(cortex.thinning, cortex.parcellation, "spin", n=n_maps, seed=0)
    maps = pd.concat([cortex.thinning.rename("real").to_frame().T, nulls])
    folds = split("homologous", cortex.parcellation, cortex.regions, seed=0)
    model = CrossScaleVAE(epochs=epochs)
    return cross_val_predict(model, cortex.expression, maps, cortex.graph, held_out=folds, checkpoint=kept)


def jobs_of(given: argparse.Namespace) -> SLURMCluster:
    """Say what a job is, so many workers of one core each; none is asked for yet."""
    return SLURMCluster(
        cores=given.cores,
        processes=given.cores,  # a model is trained on one core
        memory=given.memory,  # of a job, all its workers together
        queue=given.queue,
        account=given.account,
        interface=given.interface,  # the network between the nodes, as `ip addr` calls it: ib0, eth0 …
        walltime=f"{given.minutes // 60:02}:{given.minutes % 60:02}:00",
        # A worker goes in good order before SLURM ends its job, and not all at once.
        worker_extra_args=["--lifetime", f"{given.minutes - 5}m", "--lifetime-stagger", "3m"],
        job_script_prologue=["export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1"],
        log_directory=f"{given.out}.logs",
    )


def main() -> None:
    """Ask for jobs, compute, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=4, help="SLURM jobs at the same time")
    parser.add_argument("--cores", type=int, default=8, help="cores of each job")
    parser.add_argument("--memory", default="16GB", help="memory of each job")
    parser.add_argument("--minutes", type=int, default=60, help="time limit of each job, 10 at the least")
    parser.add_argument("--queue", help="SLURM's partition")
    parser.add_argument("--account")
    parser.add_argument("--interface", help="network interface between the nodes")
    parser.add_argument("--maps", type=int, default=1000, help="null maps")
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--out", default="nulls.csv")
    given = parser.parse_args()
    if given.minutes < 10:
        parser.error(f"--minutes {given.minutes}: a job needs 10 at the least, for its workers leave 5 before its end")
    with jobs_of(given) as cluster, Client(cluster) as client:
        print("To be asked for, as often as there are jobs:", cluster.job_script(), sep="\n")
        # SLURM says what it thinks of it; what it refuses now it would refuse for ever.
        if subprocess.run(["sbatch", "--test-only"], input=cluster.job_script(), text=True).returncode:
            raise SystemExit("SLURM does not take this job; its reason stands above.")
        cluster.adapt(minimum_jobs=given.jobs, maximum_jobs=given.jobs)  # one that ends is asked for again
        print(f"Waiting for the first worker. `squeue --me` shows the queue, {given.out}.logs what workers said.")
        client.wait_for_workers(1)  # as long as the queue takes
        with joblib.parallel_config(backend="dask"):
            found = predictions(given.maps, given.epochs, f"{given.out}.kept")
    found.to_csv(given.out)


if __name__ == "__main__":
    main()
