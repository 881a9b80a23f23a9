"""Make benchmark_control.csv: what the joint baseline gains over position where its genes are none.

experiments/benchmark_control.py      a minute on one core

This was not frozen: it was asked after the joint baseline had been seen to gain on real maps. Its gain may come from
three things: it averages kernels where position takes the likeliest; its table of genes is as good a record of place as
any table of smooth fields; or genes. So it is run once more on the maps of the rule, in the first dealing: with kernels
of place alone, averaged ("place, averaged"), and with tables of as many smooth fields in the place of the genes
("fields 0", …; correlation exp(-d / 40 mm), the hemispheres alike by 0.97).
"""

from dataclasses import replace

import numpy as np
import pandas as pd

import kept
import xsg
from benchmark import SETTINGS
from xsg.atlas import load_parcellation
from xsg.bench.methods import PlaceAndGenes, averaged
from xsg.bench.run import score
from xsg.bench.tasks import tasks
from xsg.evaluation.baselines import place_kernels
from xsg.simulate.fields import smooth_fields

TABLES = 5


class Place(PlaceAndGenes):
    """The joint baseline without its genes."""

    def predict_folds(self, cortex: xsg.Cortex, maps: pd.DataFrame, held_out: np.ndarray) -> np.ndarray:
        """Predict maps (K, n) under folds (F, n): (K, F, n)."""
        y, found = maps.to_numpy(), np.full((len(maps), *held_out.shape), np.nan)
        places = place_kernels(cortex.regions, cortex.parcellation)
        for row, fold in enumerate(held_out):
            found[:, row, fold] = averaged(places, y[:, ~fold], ~fold, fold)
        return found


def fields(cortex: xsg.Cortex, number: int) -> xsg.Cortex:
    """Put smooth fields in the place of a cortex's genes."""
    drawn = smooth_fields(np.random.default_rng([7, number]), cortex.expression.shape[1], left_right=0.97)
    table = pd.DataFrame(drawn, load_parcellation("dk").regions, cortex.expression.columns)
    return replace(cortex, expression=table.loc[cortex.regions])


def found(task: str, what: str) -> pd.DataFrame:
    """Score one control on a set of maps."""
    method, cases = (Place() if what == "place, averaged" else PlaceAndGenes()), tasks(task)
    if what.startswith("fields"):
        cases = [replace(each, cortex=fields(each.cortex, int(what.split()[1]))) for each in cases]
    return score(method, cases, 1, SETTINGS["seed"], name=what).round(4)


def plan() -> list[tuple[str, str]]:
    """Return (task, control) of each job."""
    controls = ["place, averaged", *(f"fields {number}" for number in range(TABLES))]
    return [(task, what) for what in controls for task in SETTINGS["in the rule"]]


if __name__ == "__main__":
    kept.store(__file__, kept.rows(__file__, plan(), found))
