"""Make localised.csv, the errors of Spatial-VAE that chapter 16 draws: every preset under every split.

experiments/localised.py            every second voxel along each axis × 400 genes ("reduced"; a quarter of an hour on
                                    one core), then every voxel × 1,000 genes ("whole"; half an hour)
experiments/localised.py --full     adds our preset on every voxel × 3,000 genes ("full"; five minutes a fold)
experiments/localised.py --presets notebook paper      these only; the other rows stay as they are

Goes on where it was cut short. One row per size, split, fold and method, the columns as in
`xsg.spatial.localise.Places.table`; of the published presets a second one, scored where their source scored, on
voxels behind AP index 25. The chapter trains a sample of the reduced rows again and compares. Run it anew whenever the
training, the simulator or the folds change.
"""

import argparse

import numpy as np
import pandas as pd

import kept
import xsg
from xsg.evaluation.metrics import r_squared_columns
from xsg.spatial.localise import Places

# As many updates of the weights on an eighth of the voxels: an eighth of the batch that was published.
SIZES = {
    "reduced": ({"n_genes": 400, "step": 2}, 125),
    "whole": ({"n_genes": 1000, "step": 1}, 1000),
    "full": ({"n_genes": 3000, "step": 1}, 1000),
}
BOTH = ("random", "blocks")
PUBLISHED = ("notebook", "paper")
KEYS = ["size", "split", "folded", "fold", "scored", "method"]
BEHIND = 25  # AP index; Spatial-VAE scored the voxels behind it only


def plan(full: bool) -> list[tuple[str, str, str, bool, int]]:
    """Return (size, preset, split, folded, fold) of everything that is trained."""
    five = range(1, 6)
    rows = [("reduced", preset, split, False, k) for split in BOTH for preset in ("xsg", "notebook") for k in five]
    rows += [("reduced", "xsg", "slabs", False, k) for k in five]
    rows += [("reduced", "xsg", "blocks", True, k) for k in five]
    rows += [("reduced", "xsg", "hemisphere", folded, k) for folded in (True, False) for k in (1, 2)]
    rows += [("reduced", "paper", split, False, 1) for split in BOTH]
    rows += [("whole", preset, split, False, 1) for split in BOTH for preset in ("xsg", "notebook")]
    rows += [("whole", "xsg", "blocks", False, k) for k in range(2, 6)]
    return rows + ([("full", "xsg", split, False, 1) for split in BOTH] if full else [])


def run(size: str, preset: str, split: str, folded: bool, fold: int, baselines: bool = True) -> Places:
    """Train one preset in one fold; the simpler methods beside ours, on the whole brain in the first fold only."""
    choices, batch = SIZES[size]
    changes = {} if preset == "xsg" else {"batch": batch}
    return xsg.localise(
        xsg.SpatialVAE(preset, **changes),
        xsg.load_mouse("simulated", geometry="drawn", **choices),
        split,
        folds=(fold,),
        folded=folded,
        baselines=baselines and preset == "xsg" and (size == "reduced" or (size, fold) == ("whole", 1)),
        progress=False,
    )


def behind(places: Places) -> dict[str, float]:
    """Score the held-out voxels behind AP index 25 alone; which structure they are put into is not asked."""
    chosen = places.true["AP"] > BEHIND
    true, gap = places.true[chosen], (places.predicted["model"] - places.true)[chosen]
    error = float(np.linalg.norm(gap, axis=1).mean())
    row = {"voxels": int(chosen.sum()), "error_um": 200 * error, "error_voxels": error}
    scores = {"bias": gap.mean(), "rmse": (gap**2).mean() ** 0.5}
    scores["r2"] = pd.Series(r_squared_columns(true.to_numpy(), (true + gap).to_numpy()), true.columns)
    return row | {f"{name}_{axis}": value for name, values in scores.items() for axis, value in values.items()}


def rows(size: str, preset: str, split: str, folded: bool, fold: int) -> pd.DataFrame:
    """Train one preset in one fold, and return its rows and those of the methods beside it."""
    places = run(size, preset, split, folded, fold)
    found = places.table.rename_axis("method").reset_index()
    found.insert(1, "voxels", len(places.true))
    found.insert(2, "distance_um", places.voxels["distance_um"].median())
    found.insert(0, "scored", "all")
    if preset in PUBLISHED:
        part = {"scored": f"AP > {BEHIND}", "method": "model"} | behind(places)
        found = pd.concat([found, pd.DataFrame([part])])
    found = found.replace({"method": {"model": preset}}).assign(size=size, split=split, folded=folded, fold=fold)
    return found[[*KEYS, *found.columns.drop(KEYS)]]


def main() -> None:
    """Train what is missing, fold by fold, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--presets", nargs="+", choices=("xsg", *PUBLISHED), default=("xsg", *PUBLISHED))
    options = parser.parse_args()
    jobs = [job for job in plan(options.full) if job[1] in options.presets]
    kept.store(__file__, kept.rows(__file__, jobs, rows).round(4), by=KEYS)


if __name__ == "__main__":
    main()
