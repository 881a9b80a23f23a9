"""Make mouse_ablation.csv, the ablation of chapter 17: three extensions of the spatial VAE, controls, seeds.

experiments/mouse_ablation.py     goes on where it was cut short; a quarter of an hour on one core

One row per variant, split, fold and seed: error of the place, share of voxels in their own region, and how well the
latents follow the true gradients. The chapter trains some rows again and compares. Run it anew whenever the model or
the simulator changes.
"""

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

import kept
import xsg
from xsg.spatial.localise import voxel_folds

SETTINGS = {"epochs": 20, "batch": 250, "hidden": (256, 128), "decoder": (128,), "head": 64, "latent": 32}
VARIANTS = {
    "none": {},
    "neighbours": {"neighbours": 6},
    "tree": {"region": 1.0},
    "finest level only": {"region": 1.0},
    "pathways": {"pathways": True},
    "pathways, genes shuffled": {"pathways": True},
    "all three": {"neighbours": 6, "region": 1.0, "pathways": True},
}
FOLDS = {"random": range(2), "blocks": range(5)}
SEEDS = range(3)


def the_brain() -> xsg.Mouse:
    """Return the brain of the ablation: every second voxel, 200 genes."""
    return xsg.load_mouse("simulated", n_genes=200, step=2, geometry="drawn")


def one(brain: xsg.Mouse, variant: str, split: str, fold: int, seed: int) -> dict[str, float]:
    """Train one variant in one fold, and score it on the voxels held out."""
    train, held_out = voxel_folds(brain.voxels, split, seed=0)[fold]
    levels = pd.DataFrame({"division": brain.division, "area": brain.ancestors(2), "structure": brain.region})
    levels = levels[["structure"]] if variant == "finest level only" else levels
    pathways = brain.truth.pathways
    if "shuffled" in variant:
        shuffled = np.random.default_rng(seed).permutation(len(brain.genes))
        pathways = pathways.iloc[:, shuffled].set_axis(pathways.columns, axis=1)
    model = xsg.SpatialVAE("xsg", seed, **(SETTINGS | VARIANTS[variant]))
    model.fit(brain.expression, brain.voxels, levels, train, folded=True, pathways=pathways, progress=False)
    given = (brain.expression, brain.voxels, held_out)
    place, found = brain.positions(folded=True), model.predict_place(*given).to_numpy()
    off = found - place[held_out]
    row = {"error": np.linalg.norm(off, axis=1).mean(), "AP": off[:, 0].mean(), "SI": off[:, 1].mean()}
    row["LR"] = off[:, 2].mean()
    nearest = cKDTree(place).query(found)[1]
    for level in ("division", "structure"):
        label = (brain.division if level == "division" else brain.region).to_numpy()
        row[f"{level} by place"] = (label[nearest] == label[held_out]).mean()
        if model.settings["region"]:
            finest = brain.structures["division"] if level == "division" else None
            head = model.predict_region(*given).idxmax(axis=1)
            head = head.map(finest) if finest is not None else head
            row[f"{level} by head"] = (head.to_numpy() == label[held_out]).mean()
    # |r| of each true gradient with the latent that is its own (pathways), and with the best of all latents.
    latent, gradients = model.encode(*given).to_numpy(), brain.truth.gradients.to_numpy()[held_out]
    r = np.abs(np.corrcoef(gradients.T, latent.T)[: gradients.shape[1], gradients.shape[1] :])
    row["gradient, best latent"] = np.nanmean(np.nanmax(r, axis=1))
    if model.settings["pathways"]:
        row["gradient, own latent"] = np.nanmean(np.diag(r))
    return {name: float(value) for name, value in row.items()}


def main() -> None:
    """Train what is missing, and write the table."""
    brain = the_brain()
    jobs = [(v, s, f, seed) for seed in SEEDS for s in FOLDS for f in FOLDS[s] for v in VARIANTS]

    def row(variant: str, split: str, fold: int, seed: int) -> pd.DataFrame:
        found = one(brain, variant, split, fold, seed)
        return pd.DataFrame([{"variant": variant, "split": split, "fold": fold, "seed": seed} | found])

    kept.store(__file__, kept.rows(__file__, jobs, row).round(4))


if __name__ == "__main__":
    main()
