"""Intervals over homologous pairs: how much a number depends on which regions happen to be scored."""

import numpy as np
import pandas as pd

from xsg.evaluation.sequential import sequential_p

GAIN = ("value", "low", "high", "lowest", "highest", "p")
_RESAMPLES = 2000


def bootstrap(
    y: np.ndarray, predicted: np.ndarray, simple: dict[str, np.ndarray], pairs: np.ndarray, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """95 % intervals over homologous pairs, drawn with replacement: of the model's R² and r; of its lead in R².

    Predictions are (dealings, n) and cover the same regions in all of them; what is drawn is the median over dealings.
    """
    predicted = np.atleast_2d(predicted)
    known = np.isfinite(predicted[0])
    pairs = np.unique(pairs[known], return_inverse=True)[1]
    n_pairs = pairs.max() + 1
    drawn = np.random.default_rng(seed).multinomial(n_pairs, np.full(n_pairs, 1 / n_pairs), _RESAMPLES)
    weight = (drawn[:, pairs] / drawn[:, pairs].sum(axis=1, keepdims=True)).T  # (n scored, resamples)
    centre = y[known].mean()
    y = y[known] - centre

    def covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a * b) @ weight - (a @ weight) * (b @ weight)

    def r2(guess: np.ndarray) -> np.ndarray:
        errors = (y - np.atleast_2d(guess)[:, known] + centre) ** 2
        return np.median(1 - errors @ weight / covariance(y, y), axis=0)

    def interval(values: np.ndarray) -> np.ndarray:
        return np.nanquantile(values, (0.025, 0.975))

    guess = predicted[:, known] - centre
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw of one pair over and over has no variance
        own = r2(predicted)
        r = np.median(covariance(y, guess) / np.sqrt(covariance(y, y) * covariance(guess, guess)), axis=0)
        leads = [interval(own - r2(each)) for each in simple.values()]
        rows = [interval(own), interval(r)]
    return (
        pd.DataFrame(rows, ["R²", "r"], ["low", "high"]),
        pd.DataFrame(np.reshape(leads, (-1, 2)), list(simple), ["lead low", "lead high"]),
    )


def gain(y: np.ndarray, guesses: dict, by_dealing: dict, chances: dict, pairs: np.ndarray, seed: int) -> pd.Series:
    """Return what genes add to place (`Report.gain`), of predictions (dealings, n), scores and null scores by name."""
    both, place = "position + genes", "position (kriging)"
    if not {both, place} <= set(guesses):
        return pd.Series(np.nan, list(GAIN))
    each = by_dealing[both][:, 0] - by_dealing[place][:, 0]
    value = np.median(by_dealing[both][:, 0]) - np.median(by_dealing[place][:, 0])
    ends = bootstrap(y, guesses[both], {place: guesses[place]}, pairs, seed)[1].loc[place]
    n = min(len(chances[both]), len(chances[place]))  # fewer, where one is the model on trial
    chance = chances[both][:n, 0] - chances[place][:n, 0]
    return pd.Series([value, *ends, each.min(), each.max(), sequential_p(value, chance).p], list(GAIN))
