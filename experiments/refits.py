"""Make refits.csv, the refits on the real brain that chapter 11 draws: 19,000, about an hour on one core.

experiments/refits.py [--workers 2]     goes on where it was cut short

One row per kind of refit, preset, split, dealing and number: R² and r of the predicted map against the map that was
fitted. The dealing is the seed of the folds; where a split is unique, or nothing is held out, it is 0. The real map is
held out in all of `DEALINGS` dealings. Tables of noise keep the real map, which a dealing may suit or not. So those of
the preset "xsg" are held out in one of the dealings, table after table in turn (they are independent draws, so this is
a dealing drawn at random); with the preset "paper" the first dealing, which they all have, happens to be the real map's
median one. Rotated maps and rewired graphs have the first dealing, too: what has lost its place cannot be suited by one
more than by another. The chapter trains a sample of the rows again and compares. Run it anew whenever the training or
the nulls change.
"""

import argparse
import warnings

import joblib
import numpy as np
import pandas as pd

import kept
import xsg
from xsg.evaluation.metrics import correlation, r_squared
from xsg.evaluation.nulls import noise_genes, null_maps, rewired
from xsg.evaluation.splits import LeakWarning, split
from xsg.training import CrossScaleVAE, cross_val_predict, refit

SPLITS = ("in-sample", "homologous", "spatial", "lobe", "left-to-right")
DEALINGS = 21  # of a split that is dealt by a seed; odd, so that one of them is the median
LAMBDAS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0)
BLOCK = 50  # refits of one kind between two writes of the table


def plan() -> list[tuple[str, str, str, int, range]]:
    """Return (kind, preset, split, dealing, numbers) of everything that is trained."""

    def once(kind: str, preset: str, name: str, n: int) -> list[tuple]:
        return [(kind, preset, name, 0, range(n))]

    def dealt(kind: str, preset: str, name: str, n: int) -> list[tuple]:
        return [(kind, preset, name, dealing, range(dealing, n, DEALINGS)) for dealing in range(DEALINGS)]

    def again(preset: str, name: str, n: int) -> list[tuple]:
        return [("observed", preset, name, dealing, range(n)) for dealing in range(1, DEALINGS)]

    rows = []
    for name in (*SPLITS, "random", "distance"):
        rows += once("observed", "paper", name, 20)
    rows += again("paper", "homologous", 3) + again("paper", "random", 1)
    for name in ("homologous", "in-sample"):
        rows += once("spin", "paper", name, 1000)
    for kind in ("noise genes", "rewired"):
        for name in SPLITS[:2]:
            rows += once(kind, "paper", name, 200)
    for name in SPLITS[:2]:
        rows += once("λ", "paper", name, len(LAMBDAS) * 5)
    rows += once("observed", "xsg", "in-sample", 20) + once("observed", "xsg", "homologous", 20)
    rows += again("xsg", "homologous", 1)
    rows += once("spin", "xsg", "homologous", 300) + dealt("noise genes", "xsg", "homologous", 63)
    return rows + [row for name in ("spatial", "lobe", "left-to-right") for row in once("spin", "paper", name, 300)]


def predictions(cortex: xsg.Cortex, kind: str, preset: str, name: str, dealing: int, numbers: list[int], **how):
    """Train the refits of one kind, and return the maps they were fitted to and what they predict, (len(numbers), n).

    ``numbers`` are seeds (observed), null maps, noise tables, rewired graphs (all at seed 0), or 5 seeds of each λ.
    """
    model = CrossScaleVAE.from_preset(preset)
    given = {"expression": cortex.expression, "thinning": cortex.thinning, "graph": cortex.graph, "seeds": [0]}
    if kind == "observed":
        given["seeds"] = numbers
    elif kind == "spin":
        every = null_maps(cortex.thinning, cortex.parcellation, "spin", n=1000, seed=0, progress=False)
        given["thinning"] = every.iloc[numbers]
    elif kind == "noise genes":
        given["expression"] = [noise_genes(cortex.expression, 1, seed=number)[0] for number in numbers]
    elif kind == "rewired":
        given["graph"] = [rewired(cortex.graph, 1, seed=number)[0] for number in numbers]
    elif kind == "λ":
        # One λ and seed after the other: they are not a grid when only some numbers are asked for.
        frames = [
            predictions(cortex, "one λ", preset, name, dealing, [number], **how)[1].set_axis([number])
            for number in numbers
        ]
        return cortex.thinning.to_frame().T, pd.concat(frames)
    elif kind == "one λ":
        (number,) = numbers
        given |= {"smoothness": [LAMBDAS[number // 5]], "seeds": [number % 5]}
    if name == "in-sample":
        predicted = refit(model, **given, **how)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeakWarning)  # the leak is what "random" and "left-to-right" are to show
            held_out = split(name, cortex.parcellation, cortex.regions, seed=dealing)
        predicted = cross_val_predict(model, held_out=held_out, **given, **how)
    maps = given["thinning"]
    return (maps if isinstance(maps, pd.DataFrame) else maps.to_frame().T), predicted


def scores(maps: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """R² and r of each prediction over the regions that it covers."""
    rows = []
    for number in range(len(predicted)):
        observed = maps.iloc[number % len(maps)].to_numpy()
        values = predicted.iloc[number].to_numpy()
        there = np.isfinite(values)
        rows.append((r_squared(observed[there], values[there]), correlation(observed[there], values[there])))
    return pd.DataFrame(rows, columns=["r2", "r"])


def main() -> None:
    """Train what is missing, block by block, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    cortex = xsg.load_cortex("ahba-ad")
    jobs = [
        (*what, numbers[start : start + BLOCK]) for *what, numbers in plan() for start in range(0, len(numbers), BLOCK)
    ]

    def block(*what) -> pd.DataFrame:
        *labels, numbers = what
        with joblib.parallel_config(backend="loky", n_jobs=options.workers):
            found = scores(*predictions(cortex, *labels, list(numbers), progress=False))
        columns = dict(zip(("kind", "preset", "split", "dealing"), labels, strict=True))
        return found.assign(**columns, number=numbers)[[*columns, "number", "r2", "r"]]

    kept.store(__file__, kept.rows(__file__, jobs, block).round(4))


if __name__ == "__main__":
    main()
