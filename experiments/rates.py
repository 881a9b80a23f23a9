"""Make rates.csv, the refits to rotated maps that chapter 22 judges its links by: ten minutes on one core.

experiments/rates.py     goes on where it was cut short

One row per rotation and dealing of the regions into folds, one column per set of links: held-out R² of thinning. The
chapter fits the rows of one rotation again and compares. Run it anew whenever the model or the nulls change.
"""

import numpy as np
import pandas as pd

import kept
import xsg
from xsg.across.connectome import human_connectome
from xsg.across.joint import CrossScaleSpread, fit_many
from xsg.atlas import Graph, distances
from xsg.data.expression import load_ahba
from xsg.data.vulnerability import load_disorder
from xsg.evaluation.metrics import r_squared
from xsg.evaluation.nulls import null_maps
from xsg.evaluation.splits import homologous
from xsg.spread.load import tau_moments

N_NULLS, N_DEALINGS, N_FOLDS, SEED = 79, 11, 5, 0
JUDGED = {  # the network, and whether genes set rate and capacity
    "connectome, no genes": ("connectome", False),
    "connectome, both": ("connectome", True),
    "distance, no genes": ("distance", False),
    "distance, both": ("distance", True),
}


def group_data() -> dict:
    """Return maps, programs and networks of 34 left regions, as chapter 22 makes them."""
    atlas = xsg.load_parcellation("dk")
    regions = [name for name in atlas.regions if name.startswith("L_")]
    moments = tau_moments()
    excess = moments["high"] - moments["low"]
    tau = pd.Series([(excess[name] + excess["R" + name[1:]]) / 2 for name in regions], regions, name="tau")
    genes = load_ahba(genes="landmark", missing="mirror").loc[regions]
    vectors = np.linalg.svd(((genes - genes.mean()) / genes.std()).to_numpy(), full_matrices=False)[0]
    near = np.exp(-distances(atlas).loc[regions, regions] / 20) * (1 - np.eye(len(regions)))
    return {
        "thinning": load_disorder("AD", hemispheres="left").reindex(regions),
        "tau": tau,
        "programs": pd.DataFrame(vectors[:, :2], regions, ["PC1", "PC2"]),
        "networks": {
            "connectome": Graph(human_connectome(folded=True), "connectome"),
            "distance": Graph(near, "distance"),
        },
    }


def rotated_pairs(data: dict) -> list[tuple[pd.Series, pd.Series]]:
    """Thinning and tau, turned together; where thinning has no value it has none in its rotations."""
    thinning = data["thinning"]
    both = pd.DataFrame({"thinning": thinning.fillna(thinning.mean()), "tau": data["tau"]}).T
    many = null_maps(both, xsg.load_parcellation("dk"), "spin", N_NULLS, SEED, progress=False)
    return [(many.loc["thinning"].iloc[k].where(thinning.notna()), many.loc["tau"].iloc[k]) for k in range(N_NULLS)]


def scores(data: dict, thinning: pd.Series, tau: pd.Series) -> pd.DataFrame:
    """Held-out R² of thinning (dealings, sets of links), each region predicted by a fit that did not see it."""
    regions, there = thinning.index, thinning.notna().to_numpy()
    dealings = [homologous(list(regions), N_FOLDS, SEED + k) for k in range(N_DEALINGS)]
    training = [list(regions[~fold]) for folds in dealings for fold in folds]
    found = {}
    for name, (network, genes) in JUDGED.items():
        model = CrossScaleSpread(rate=genes, capacity=genes, seeds=("L_entorhinal",), points=25, iterations=25)
        graph = data["networks"][network]
        fits = iter(fit_many(model, data["programs"], [thinning], [tau], graph=graph, train=training, progress=False))
        found[name] = []
        for folds in dealings:
            guess = np.full(len(regions), np.nan)
            for fold in folds:
                guess[fold] = next(fits).fitted_["thinning"].iloc[0].to_numpy()[fold]
            found[name].append(r_squared(thinning[there], guess[there]))
    return pd.DataFrame(found).rename_axis("dealing").reset_index()


def main() -> None:
    """Fit what is missing, rotation by rotation, and write the table."""
    data = group_data()
    pairs = rotated_pairs(data)

    def rotation(number: int) -> pd.DataFrame:
        found = scores(data, *pairs[number])
        found.insert(0, "rotation", number)
        return found

    kept.store(__file__, kept.rows(__file__, [(k,) for k in range(N_NULLS)], rotation).round(4))


if __name__ == "__main__":
    main()
