"""Production, misfolding and clearance of α-synuclein on the human connectome, against Parkinson's atrophy.

experiments/forecasts_people.py --seal     freeze question, rule and settings
experiments/forecasts_people.py            run them (a minute), once

The model of Zheng et al. (2019, doi:10.1371/journal.pbio.3000495), written as the equations of its means. There is one
map and no time in these data, so that this is no forecast; it is asked whether the model needs its genes and its
network. Makes forecasts_people.csv, which chapter 21b shows: a row for each network and kind of shuffle.
"""

import sys

import numpy as np
import pandas as pd
from scipy.io import loadmat
from scipy.stats import norm, zscore

import kept
from xsg.data.fetch import fetch

QUESTION = (
    "Does production by SNCA, clearance by GBA and spread over the connectome from the substantia nigra give "
    "Parkinson's atrophy better than the same model with shuffled genes, shuffled regions, or distances; and than"
    " smooth random maps?"
)
RULE = (
    "The statistic is the greatest correlation r over time of simulated with real atrophy, for the model and for "
    "every null alike. The model earns its genes if r exceeds 95 % of 199 runs with SNCA and GBA shuffled "
    "together; its connectome if r exceeds 95 % of 199 with the regions of the network shuffled, and r on "
    "distances; and the fit is more than smoothness if r exceeds 95 % of the r of 999 smooth random maps with the"
    " model. One side (greater)."
)
KNOWN = (
    "Zheng et al. report that the full model correlates with this atrophy, and that shuffled genes and rewired "
    "connectomes do worse. Seen here before: shapes, region sizes and connections, no atrophy. The file has no "
    "names: that its 41 values of atrophy are regions 1 to 41, and region 42 the seed (substantia nigra), follows"
    " from the authors' description (seed 42) and is taken for granted."
)
SETTINGS = {
    "step": 0.1,
    "until": 200.0,
    "looks": 100,
    "stay": 0.5,
    "speed": 1.0,
    "own loss": 0.5,
    "shuffles": 199,
    "maps": 999,
    "smoothness": 0.15,  # of the largest distance: length of the random maps, and reach of the network of distances
    "seed": 0,
}
DATA = ["human/sir/workspace.mat", "human/sir/sc35.mat"]
FROZEN = {"question": QUESTION, "rule": RULE, "known": KNOWN, "settings": SETTINGS, "data": DATA}


def simulate(
    snca: np.ndarray, gba: np.ndarray, weights: np.ndarray, lengths: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """Atrophy (looks, B, n) of B copies; genes as z-scores (B, n), network (B, n, n); the last region is the seed.

    Normal protein N and misfolded protein M live in regions and on the way between them. With production s, clearance
    c and size V of a region, dN = s V − c N − N M / V + moves, dM = N M / V − c M + moves. What is on the way from i to
    j left i in proportion to the connection, and arrives at the rate 1 / length.
    """
    s = SETTINGS
    n, dt = len(sizes), s["step"]
    made, cleared = norm.cdf(snca) * sizes, norm.cdf(gba)
    total = weights.sum(axis=-1, keepdims=True)
    leave = (1 - s["stay"]) * weights / total
    arrive = np.where(lengths > 0, s["speed"] / np.where(lengths > 0, lengths, 1), 0) * (weights > 0)
    out = leave.sum(axis=-1)
    # Before the seed: production, clearance and moves in balance, where as much arrives as leaves.
    matrix = np.eye(n) * (cleared + out)[..., None] - np.swapaxes(leave, -1, -2)
    normal = np.linalg.solve(matrix, made[..., None])[..., 0]
    on_way = np.where(arrive > 0, normal[..., None] * leave / np.where(arrive > 0, arrive, 1), 0)
    bad, bad_way = np.zeros_like(normal), np.zeros_like(on_way)
    bad[..., -1] = 1
    lost, before, looks = np.zeros_like(normal), np.zeros_like(normal), []
    steps = round(s["until"] / dt)
    for step in range(1, steps + 1):
        coming, bad_coming = on_way * arrive, bad_way * arrive
        misfold = normal * -np.expm1(-bad / sizes * dt)
        on_way = on_way + dt * (normal[..., None] * leave - coming)
        bad_way = bad_way + dt * (bad[..., None] * leave - bad_coming)
        decay = -np.expm1(-cleared * dt)
        normal = normal * (1 - decay) - misfold + dt * (made + coming.sum(axis=-2) - normal * out)
        bad = bad * (1 - decay) + misfold + dt * (bad_coming.sum(axis=-2) - bad * out)
        now = -np.expm1(-bad / (normal + bad) * dt)
        lost = lost + s["own loss"] * now + (1 - s["own loss"]) * before
        before = np.squeeze((weights / total) @ now[..., None], -1)  # what lack of input takes, one step later
        if step % (steps // s["looks"]) == 0:
            looks.append(lost)
    return np.stack(looks)


def greatest_r(simulated: np.ndarray, atrophy: np.ndarray) -> np.ndarray:
    """Return the greatest r over time (...,) of simulated atrophy (looks, ..., n) with a map (n,), or maps (..., n)."""
    a = simulated - simulated.mean(axis=-1, keepdims=True)
    b = atrophy - atrophy.mean(axis=-1, keepdims=True)
    return ((a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1))).max(axis=0)


def table_of(snca, gba, sizes, weights, lengths, distances, atrophy) -> pd.DataFrame:
    """Run the model, its nulls and its parts alone."""
    s, rng, n = SETTINGS, np.random.default_rng(SETTINGS["seed"]), len(sizes)
    snca, gba = zscore(snca), zscore(gba)
    weights, lengths = weights * (1 - np.eye(n)), lengths * (1 - np.eye(n))
    reach = s["smoothness"] * distances.max()
    near = np.exp(-distances / reach) * (1 - np.eye(n))

    def run(snca, gba, weights, lengths):
        return simulate(*(np.atleast_2d(each) for each in (snca, gba)), weights, lengths, sizes)[..., : len(atrophy)]

    # Regions in another order, the seed's place kept: its genes, sizes and atrophy stay where they are.
    orders = [np.append(rng.permutation(n - 1), n - 1) for _ in range(s["shuffles"])]
    moved = [np.stack([each[np.ix_(order, order)] for order in orders]) for each in (weights, lengths)]
    shuffled = [np.stack([each[order] for order in orders]) for each in (snca, gba)]
    full = run(snca, gba, weights[None], lengths[None])
    known = slice(len(atrophy))
    root = np.linalg.cholesky(np.exp(-distances[known, known] / reach) + 1e-6 * np.eye(len(atrophy)))
    maps = rng.standard_normal((s["maps"], len(atrophy))) @ root.T
    rows = [("the model", greatest_r(full, atrophy))]
    nulls = {
        "genes shuffled": greatest_r(run(*shuffled, weights[None], lengths[None]), atrophy),
        "regions shuffled": greatest_r(
            run(*(np.repeat(each[None], len(orders), 0) for each in (snca, gba)), *moved), atrophy
        ),
        "smooth random maps": greatest_r(full, maps),
    }
    rows.append(("distances for the connectome", greatest_r(run(snca, gba, near[None], distances[None]), atrophy)))
    rows.append(
        (
            "no genes: the same rates everywhere",
            greatest_r(run(*np.zeros((2, n)), weights[None], lengths[None]), atrophy),
        )
    )
    alone = {"SNCA alone": snca, "GBA alone": -gba, "connections alone": weights.sum(axis=1)}
    alone["nearness to the seed alone"] = -distances[-1]
    rows += [(name, greatest_r(each[None, known], atrophy)) for name, each in alone.items()]
    found = [{"what": name, "r": float(np.squeeze(r))} for name, r in rows]
    for name, r in nulls.items():
        low, middle, high = np.quantile(r, (0.05, 0.5, 0.95))
        p = (1 + np.sum(r >= found[0]["r"])) / (1 + len(r))
        found.append({"what": name, "r": middle, "low": low, "high": high, "p": p})
    return pd.DataFrame(found)


def make(name: str) -> pd.DataFrame:
    """Compute the table from the files."""
    file = loadmat(fetch(DATA[0]), squeeze_me=True) | loadmat(fetch(DATA[1]), squeeze_me=True)
    names = ("SNCA", "GBA", "ROIsize", "sconnDen", "sconnLen", "distance_all_regions", "real_atrophy")
    return table_of(*(np.asarray(file[each], dtype=float) for each in names))


if __name__ == "__main__":
    if sys.argv[1:] == ["--seal"]:
        print(kept.seal(__file__, **FROZEN).digest)
    else:
        kept.sealed(__file__, **FROZEN)
        kept.store(__file__, kept.rows(__file__, [("people",)], make).assign(settings=kept.digest(SETTINGS)).round(5))
