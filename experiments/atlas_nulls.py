"""Count the false alarms of spatial nulls on finer atlases, and where rows below the cortex come with the cortex.

experiments/atlas_nulls.py      five minutes on one core; makes atlas_nulls.csv

Pairs of unrelated maps are drawn from a smooth field (covariance exp(-d / length) of the centres, the hemispheres laid
onto each other, correlated .97); the correlation of each pair is tested at a nominal 5 %, two-sided, against nulls of
one of the two. Below the cortex the field goes on as it is ("one field"), or is given a level of its own in each map
("own level", normal, of twice the field's standard deviation), or that and twice the spread ("own level and spread").
"moran, one part" draws cortex and subcortex as if they were one, which is what `xsg.evaluation.nulls` does not do.
"""

import numpy as np
import pandas as pd

import kept
from xsg.atlas import Parcellation
from xsg.data.atlases import load_atlas
from xsg.evaluation.nulls import null_maps

SETTINGS = {
    "date": "2026-11-29",
    "atlases": ["desikan", "schaefer200", "desikan+subcortex", "schaefer200+subcortex"],
    "lengths": [20, 40, 70],
    "alike": 0.97,
    "below": {"one field": [0, 1], "own level": [2, 1], "own level and spread": [2, 2]},
    "methods": ["spin", "moran", "moran, one part"],
    "nulls": 199,
    "maps": 50,  # of a batch, which shares its rotations
    "batches": 80,
}


def root_of(atlas: Parcellation, length: float) -> np.ndarray:
    """Return what turns white noise (n,) into a map of the field, (n, n)."""
    xyz = atlas.table[["x", "y", "z"]].to_numpy(dtype=float, copy=True)
    xyz[:, 0] = np.abs(xyz[:, 0])
    side = atlas.table["hemisphere"].to_numpy()
    gap = np.linalg.norm(xyz[:, None] - xyz, axis=-1)
    alike = np.where(side[:, None] == side, 1, SETTINGS["alike"])
    values, vectors = np.linalg.eigh(np.exp(-gap / length) * alike)
    return vectors * np.sqrt(np.maximum(values, 0))


def alarms(atlas: Parcellation, root: np.ndarray, below: str, method: str, seed: int, maps: int, nulls: int) -> int:
    """Count the pairs of a batch that are called related."""
    level, spread = SETTINGS["below"][below]
    deep, rng = atlas.subcortical, np.random.default_rng(seed)

    def draw() -> np.ndarray:
        values = rng.standard_normal((maps, len(root))) @ root.T
        values[:, deep] = spread * values[:, deep] + level * rng.standard_normal((maps, 1))
        return values

    def z(values: np.ndarray) -> np.ndarray:
        return (values - values.mean(axis=-1, keepdims=True)) / values.std(axis=-1, keepdims=True)

    one, other = draw(), draw()
    if method == "moran, one part":
        atlas = Parcellation(atlas.name, atlas.table.assign(n_vertices=1), atlas.labels)
    table = pd.DataFrame(other, columns=atlas.regions)
    null = null_maps(table, atlas, method.partition(",")[0], nulls, seed, progress=False)
    null = null.to_numpy().reshape(maps, nulls, -1)
    observed = np.abs((z(one) * z(other)).mean(axis=-1))
    chance = np.abs(np.einsum("mr,mnr->mn", z(one), z(null)) / len(root))
    p = (1 + (chance >= observed[:, None] - 1e-12).sum(axis=1)) / (1 + nulls)
    return int((p <= 0.05).sum())


def atlas_rows(name: str, length: float) -> pd.DataFrame:
    """Test all pairs of one atlas and length."""
    atlas = load_atlas(name)
    root, rows = root_of(atlas, length), []
    many = {key: SETTINGS[key] for key in ("maps", "nulls")}
    for below in SETTINGS["below"] if atlas.subcortical.any() else ["one field"]:
        for method in SETTINGS["methods"]:
            if method == "moran, one part" and not atlas.subcortical.any():
                continue
            hits = sum(alarms(atlas, root, below, method, seed, **many) for seed in range(SETTINGS["batches"]))
            pairs = SETTINGS["maps"] * SETTINGS["batches"]
            rows.append((kept.digest(SETTINGS), name, length, below, method, pairs, hits, hits / pairs))
    columns = ["settings", "atlas", "length", "below", "method", "pairs", "alarms", "share"]
    return pd.DataFrame(rows, columns=columns)


def main() -> None:
    """Draw what is missing, atlas by atlas, and write the table."""
    jobs = [(name, length) for name in SETTINGS["atlases"] for length in SETTINGS["lengths"]]
    kept.store(__file__, kept.rows(__file__, jobs, atlas_rows).round(4))


if __name__ == "__main__":
    main()
