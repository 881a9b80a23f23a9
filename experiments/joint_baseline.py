"""Choose a joint baseline, place and genes together, on simulated cortices alone; makes joint_baseline.csv.

experiments/joint_baseline.py      four minutes on one core; goes on where it was cut short

The benchmark (experiments/benchmark.py) asks a method to beat the best that is simple. What that is, is chosen here,
before a real map is scored: by the mean held-out R² over shares and splits of `RULE`. No real map is read. A row holds
the held-out R² of one candidate on one map: a share of the variance made by the simulator's programs, the rest a smooth
field without genes, so that at 0 no gene has a part in it.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import nnls

import kept
import xsg
from xsg.atlas.pairs import homologous_pairs
from xsg.bench.methods import averaged
from xsg.evaluation import baselines
from xsg.evaluation.baselines import Baseline
from xsg.evaluation.dealings import deal
from xsg.evaluation.metrics import r_squared_rows
from xsg.evaluation.protocol import held_out_predictions
from xsg.evaluation.splits import split
from xsg.simulate.fields import smooth_fields

RULE = (
    "The candidate with the highest mean, over shares and splits, of the median held-out R², among those that with no "
    "gene in the map (share 0) lose no more than 0.02 to position alone under either split."
)
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the variance
SPLITS = ("homologous", "spatial")
CORTICES = range(101, 105)  # seeds; the benchmark has others
MAPS = 6  # of each share and cortex
NOISE = 0.05  # of the variance, by region


class Stack:
    """Weights, none below zero, of what several methods predict of regions held out inside the training regions."""

    def __init__(self, parts: Iterable[str] = ("position (kriging)", "ridge"), inner: str = "homologous"):
        self.parts, self.inner = tuple(parts), inner

    def predict_folds(self, cortex: xsg.Cortex, maps: pd.DataFrame, held_out: np.ndarray) -> np.ndarray:
        """Predict maps (K, n) under folds (F, n): (K, F, n)."""
        outer = self._each(cortex, maps, held_out)
        found = np.full((len(maps), *held_out.shape), np.nan)
        for number, fold in enumerate(held_out):
            train = ~fold
            inner = np.zeros((5, len(fold)), dtype=bool)
            inner[:, train] = split(self.inner, cortex.parcellation, cortex.regions[train])
            guesses = self._each(cortex, maps, inner | fold)
            guesses = np.where(inner, guesses, 0).sum(axis=2)  # (parts, K, n): each training region is judged once
            for k, y in enumerate(maps.to_numpy()):
                mean = y[train].mean()
                weights, _ = nnls((guesses[:, k][:, train] - mean).T, y[train] - mean)
                weights /= max(1, weights.sum())
                found[k, number] = mean + weights @ (outer[:, k, number] - mean)
        return found

    def _each(self, cortex: xsg.Cortex, maps: pd.DataFrame, held_out: np.ndarray) -> np.ndarray:
        return np.stack([Baseline(part).predict_folds(cortex, maps, held_out) for part in self.parts])


class Average(Stack):
    """The mean of what several methods predict."""

    def predict_folds(self, cortex: xsg.Cortex, maps: pd.DataFrame, held_out: np.ndarray) -> np.ndarray:
        """Predict maps (K, n) under folds (F, n): (K, F, n)."""
        return self._each(cortex, maps, held_out).mean(axis=0)


class Residual:
    """Position, then ridge on what position, held out inside the training regions, leaves."""

    def predict_folds(self, cortex: xsg.Cortex, maps: pd.DataFrame, held_out: np.ndarray) -> np.ndarray:
        """Predict maps (K, n) under folds (F, n): (K, F, n)."""
        found = Baseline("position (kriging)").predict_folds(cortex, maps, held_out)
        for number, fold in enumerate(held_out):
            inner = np.zeros((5, len(fold)), dtype=bool)
            inner[:, ~fold] = split("homologous", cortex.parcellation, cortex.regions[~fold])
            guesses = Baseline("position (kriging)").predict_folds(cortex, maps, inner | fold)
            left = maps - np.where(inner, guesses, 0).sum(axis=1)
            found[:, number] += Baseline("ridge").predict_folds(cortex, left, fold[None])[:, 0]
        return found


class Processes:
    """Gaussian processes of place and genes, the "likeliest" or "averaged"; genes are "linear", "curved" or "both"."""

    def __init__(self, how: str = "averaged", genes: str = "linear"):
        self.how, self.genes = how, genes

    def predict_folds(self, cortex: xsg.Cortex, maps: pd.DataFrame, held_out: np.ndarray) -> np.ndarray:
        """Predict maps (K, n) under folds (F, n): (K, F, n)."""
        y, found = maps.to_numpy(), np.full((len(maps), *held_out.shape), np.nan)
        places = baselines.place_kernels(cortex.regions, cortex.parcellation)
        pairs = homologous_pairs(cortex.regions, cortex.parcellation)
        x = cortex.expression.to_numpy()
        predict = baselines.likeliest if self.how == "likeliest" else averaged
        for number, fold in enumerate(held_out):
            train = ~fold
            together = (pairs[:, None] == pairs) & (train[:, None] == train)
            z = baselines.z_scores(together @ x / together.sum(axis=1, keepdims=True), train)
            kernels = list(mixed(places, self._kernels(z)))
            found[:, number, fold] = predict(kernels, y[:, train], train, fold)
        return found

    def _kernels(self, z: np.ndarray) -> list[np.ndarray]:
        linear = z @ z.T / z.shape[1]
        if self.genes == "linear":
            return [linear]
        norm = np.diag(linear)
        gap = np.sqrt(np.maximum(norm[:, None] + norm - 2 * linear, 0))
        curved = [(1 + np.sqrt(3) * gap / length) * np.exp(-np.sqrt(3) * gap / length) for length in (1.0, 2.0, 4.0)]
        return curved if self.genes == "curved" else [linear, *curved]


def mixed(places: list[np.ndarray], genes: list[np.ndarray]) -> Iterable[np.ndarray]:
    """Give genes a share of the variance."""
    yield from places
    for kernel in genes:
        for share in baselines.SHARES[1:]:
            for place in places if share < 1 else places[:1]:
                yield (1 - share) * place + share * kernel


POSITION, RIDGE, BOTH = "position (kriging)", "ridge", "position + genes"
CANDIDATES = {
    POSITION: Baseline(POSITION),  # what it must not lose to
    RIDGE: Baseline(RIDGE),
    BOTH: Baseline(BOTH),
    "average": Average(),
    "average of three": Average((POSITION, RIDGE, BOTH)),
    "stack by pairs": Stack(),
    "stack by patches": Stack(inner="spatial"),
    "stack of three by pairs": Stack((POSITION, RIDGE, BOTH)),
    "residual": Residual(),
    "processes, averaged": Processes(),
    "processes, curved": Processes("likeliest", "curved"),
    "processes, both": Processes("likeliest", "both"),
    "processes, curved, averaged": Processes("averaged", "curved"),
    "processes, both, averaged": Processes("averaged", "both"),
}


def maps(cortex: xsg.Cortex, share: float, seed: int) -> pd.DataFrame:
    """Draw maps (MAPS, 68): a share of the true map, the rest smooth without genes, and a little noise."""
    rng = np.random.default_rng([seed, round(100 * share) or 10])  # 0 to 2 are the streams of the simulator itself
    own = cortex.truth.thinning.to_numpy()
    own = np.sqrt(share) * (own - own.mean()) / own.std()
    found = own + np.sqrt(1 - share) * smooth_fields(rng, MAPS, left_right=0.97).T
    found = np.sqrt(1 - NOISE) * found + np.sqrt(NOISE) * rng.standard_normal(found.shape)
    return pd.DataFrame(found, columns=cortex.regions)


def found(seed: int, share: float) -> pd.DataFrame:
    """Score all candidates on the maps of one cortex and share."""
    cortex, rows = xsg.load_cortex("simulated", seed=seed), []
    frame = maps(cortex, share, seed)
    for way in SPLITS:
        folds = deal(way, cortex, 1, seed)[0]
        for name, model in CANDIDATES.items():
            guess = held_out_predictions(model, cortex, folds, frame)
            r2 = r_squared_rows(frame.to_numpy(), guess.to_numpy())
            rows.append(
                pd.DataFrame(
                    {"candidate": name, "split": way, "share": share, "cortex": seed, "map": frame.index, "r2": r2}
                )
            )
    return pd.concat(rows)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Median R² of each candidate by split and share, their mean, and what it loses to position where no gene acts."""
    by = table.pivot_table(index="candidate", columns=["split", "share"], values="r2", aggfunc="median", sort=False)
    loss = (by.loc[POSITION] - by).xs(0.0, axis=1, level="share").max(axis=1)
    by.columns = [f"{split}, {share:g}" for split, share in by.columns]
    return by.assign(mean=by.mean(axis=1), loss=loss)


def chosen(table: pd.DataFrame) -> str:
    """Return the candidate that the rule chooses."""
    ranks = summary(table)
    return ranks.loc[ranks["loss"] <= 0.02, "mean"].idxmax()


if __name__ == "__main__":
    rows = kept.rows(__file__, [(seed, share) for seed in CORTICES for share in SHARES], found)
    kept.store(__file__, rows.round(4))
    print(summary(rows).round(3).to_string())
    print(f"chosen: {chosen(rows)}; written to {Path(__file__).with_suffix('.csv')}")
