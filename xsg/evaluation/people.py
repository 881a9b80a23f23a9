"""Person by person: whether a map predicted for regions not seen looks like single people's deviations from a norm.

A map of a group may be predicted though hardly anybody has it. So each person's deviations are correlated with the
prediction. Chance is what rotations do, the same for all people: their maps have much in common, so that their
associations rise and fall together, and a test that took people for independent would find something in 37 % of cohorts
in which there is nothing (tests/evaluation/test_people.py).

What is rotated decides what is asked. Rotating a finished prediction asks whether people look like this map rather than
like one as smooth elsewhere. But a model trained on a map of the same condition predicts a region from its neighbours,
and neighbours are alike in people too: in 300 simulated cohorts that share a smooth pattern with which genes have
nothing to do, that test calls 25 % significant at 5 % (ridge on real genes; on the age slope and people of IXI, rotated
together, 10 %, and partial least squares 19 %). So where the model can be trained anew, map and people are rotated
together, and it is: what neighbours do, they then do under the null as well (3 % of those 300).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from xsg.atlas import Parcellation
from xsg.check import align, array, choice, constant, instance, number, rows_of, series, warn
from xsg.data.cortex import Cortex
from xsg.evaluation.nulls import MAP_NULLS, null_maps, p_text
from xsg.evaluation.protocol import predict_folds
from xsg.evaluation.sequential import draw, sequential_p
from xsg.training import held_out_mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FEWEST = 10  # regions
COHORTS = 199  # rotated ones that a model is trained anew on
_MOST = 5_000_000  # values of rotated people at once


@dataclass(frozen=True, repr=False, eq=False)
class PeopleFound:
    """What `judge_people` found.

    Attributes
    ----------
    table : DataFrame, shape (people, 3)
        By number of the person: ``r`` and ``rank r`` of the deviations with the prediction, and ``p`` of r, one-sided
        (1 + how many rotations reach it) / (1 + n), n the rotations that were drawn.
    mean : Series
        Over people: ``r`` (mean of Fisher's z, turned back) and ``rank r``, and ``positive``, the share with r > 0.
    p_value : Series
        Of the same, one-sided, under the rotations that all people share. Where these were stopped, that is decided
        by ``r``, whose p is exact.
    null : DataFrame, shape (n, 3)
        The same under each rotation.
    circular : bool or None
        Whether the prediction was trained on a map of the same people; None: not known.
    who : str
        Who was judged, in words.
    n_regions : int
        Regions of the prediction.
    trained_anew : bool
        Whether map and people were rotated and the model trained anew, or a finished prediction was rotated.
    settings : dict
        The null, how many, and the seed.
    """

    table: pd.DataFrame
    mean: pd.Series
    p_value: pd.Series
    null: pd.DataFrame
    circular: bool | None
    who: str
    n_regions: int
    trained_anew: bool = False
    settings: dict[str, object] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What was found, in plain words, and whether it is circular."""
        low, high = self.table["r"].quantile([0.05, 0.95])
        n, drawn, p = len(self.table), len(self.null), self.p_value["r"]
        text = (
            f"Person by person ({self.who}): the deviations of {self.mean['positive']:.0%} go along with the held-out "
            f"prediction; r = {self.mean['r']:.2f} on average, from {low:.2f} to {high:.2f} in nine of ten people."
        )
        if drawn:
            ends, alone = self.null["positive"].quantile([0.05, 0.95]), int((self.table["p"] <= 0.05).sum())
            what = (
                "map and people rotated together, the model trained anew" if self.trained_anew else "prediction rotated"
            )
            text += (
                f" Under {drawn} rotations that all people share ({what}) {ends.iloc[0]:.0%} to {ends.iloc[1]:.0%} do "
                f"({p_text(p, drawn, 'p')} of the average); {alone} of {n} people reach p ≤ 0.05 alone, "
                f"{f'{0.05 * n:.0f}' if n >= 20 else 'fewer than one'} would by chance. "
            )
            text += (
                "Smoothness alone seldom fits the people so well."
                if p <= 0.05
                else "Smoothness alone often fits the people as well."
            )
        if self.circular:
            text += (
                " The prediction was trained on the map of these very people, so this is circular in part: judge "
                "people who took no part in the map (CohortMap.people)."
            )
        elif self.circular is None:
            text += (
                " Whether these people took part in the map that was trained on is not known; if so, it is circular."
            )
        return text

    def plot(self) -> Figure:
        """Draw the associations of single people, their average, and that with rotated predictions, on one axis."""
        import matplotlib.pyplot as plt

        figure, (above, below) = plt.subplots(2, 1, figsize=(8, 4), sharex=True, layout="constrained")
        bins = np.linspace(-1, 1, 41)
        above.hist(self.table["r"], bins, color="#0173b2", alpha=0.6)
        above.set(ylabel="people", title=f"Each person's deviations and the held-out prediction\n({self.who})")
        label = f"under rotations, mean over people ({len(self.null)})"
        below.hist(self.null["r"], bins, color="0.6", hatch="//", edgecolor="0.4", label=label)
        for ax in (above, below):
            ax.axvline(self.mean["r"], color="#de8f05", lw=2.2, label=f"observed mean: {self.mean['r']:.2f}")
        below.set(ylabel="rotations", xlabel="correlation over regions", xlim=(-1, 1))
        below.legend(fontsize=9)
        return figure

    def __repr__(self) -> str:
        """Show the averages and the sentence; nobody is named."""
        shown = pd.DataFrame({"mean": self.mean, "p": self.p_value})
        return f"{shown.to_string(float_format='{:.3f}'.format)}\n{self.sentence}"


def judge_people(
    people: pd.DataFrame,
    prediction: pd.Series,
    parcellation: Parcellation,
    null: str = "spin",
    n: int = 1000,
    seed: int = 0,
    circular: bool | None = None,
    who: str | None = None,
    trained_on: pd.Series | None = None,
    again: Callable[[pd.DataFrame], np.ndarray] | None = None,
    stop_after: int | None = None,
) -> PeopleFound:
    r"""Associate each person's deviations with a predicted map, and ask whether rotated predictions do as well.

    .. math::
        r_i = \operatorname{cor}(d_i, \hat y), \qquad T = \tanh \frac1P \sum_i \operatorname{artanh} r_i, \qquad
        p = \frac{1 + \#\{k: T(\hat y_k) \ge T(\hat y)\}}{1 + n}

    with :math:`\hat y_k` the k-th rotated prediction, the same for all P people; or, where the model can be trained
    anew, the prediction of the k-th rotated map, and :math:`d_i` rotated with it.

    Parameters
    ----------
    people
        Deviations by region, positive = loss; rows people, columns regions in any style.
    prediction
        Map by region, predicted for regions that were held out; NaN where none was.
    parcellation
        Where the regions lie.
    null
        How the prediction is rotated, of `xsg.evaluation.nulls.MAP_NULLS`.
    n, seed
        Number of rotations and their seed; n = 0: no null.
    circular
        Whether the prediction was trained on a map that these people took part in; None: not known.
    who
        Who is judged, in words.
    trained_on, again
        The map by region that the model was trained on, and what returns held-out predictions (n, regions of
        ``prediction``) of rotated ones, a DataFrame (n, regions). With them the null is that of rotated cohorts.
    stop_after
        Stop training anew once this many rotated cohorts have reached the average r (`xsg.evaluation.sequential`).

    Returns
    -------
    PeopleFound

    Raises
    ------
    ValueError
        Under 10 regions in common, a prediction or a person with one value throughout, values that are not finite.

    Examples
    --------
    >>> import xsg
    >>> dk = xsg.load_parcellation("dk")
    >>> rng = np.random.default_rng(0)
    >>> people = pd.DataFrame(rng.normal(size=(9, 68)), columns=dk.regions)
    >>> judge_people(people, people.mean(), dk, n=19, circular=True).table.shape
    (9, 3)
    """
    instance(people, pd.DataFrame, "people", "a table, people by regions")
    choice(null, MAP_NULLS, "null of the people")
    n = number(n, "n, the rotations", 0, whole=True)
    prediction = series(prediction, "prediction").dropna()
    if len(prediction) < _FEWEST:
        raise ValueError(f"prediction has values in {len(prediction)} regions; expected at least {_FEWEST}.")
    if constant(prediction):
        raise ValueError("prediction has one value throughout: no map that people could be compared with.")
    prediction = align(prediction, prediction.index, "prediction")
    columns = rows_of(people.columns, prediction.index, "people", extra=True)
    values = array(people.iloc[:, columns], "people", 2)
    if (flat := constant(values, axis=1)).any():
        raise ValueError(f"people: row {int(np.flatnonzero(flat)[0]) + 1} has one value throughout. Leave it out.")
    r, rank = _both(values, prediction.to_numpy()[None])
    if n and again is None:
        rotated = null_maps(prediction, parcellation, null, n, seed, progress=False).to_numpy()
        r, rank = (np.hstack(each) for each in zip((r, rank), _both(values, rotated), strict=True))
    elif n:
        how = (parcellation, null, n, seed)
        drawn = _cohorts(people, trained_on, prediction.index, how, again, _mean(r)[0], stop_after)
        r, rank = (np.hstack(each) for each in zip((r, rank), drawn, strict=True))
    over = pd.DataFrame({"r": _mean(r), "rank r": _mean(rank), "positive": (r > 0).mean(axis=0)})
    own = [sequential_p(each[0], each[1:]).p for each in r]
    return PeopleFound(
        pd.DataFrame({"r": r[:, 0], "rank r": rank[:, 0], "p": own}, pd.RangeIndex(1, len(r) + 1, name="person")),
        over.iloc[0].rename("mean"),
        pd.Series({what: sequential_p(over[what].iloc[0], over[what].iloc[1:], stop_after).p for what in over}),
        over.iloc[1:].set_axis(pd.RangeIndex(len(over) - 1, name="null"), axis=0),
        circular,
        who or f"{len(r)} people",
        len(prediction),
        again is not None,
        {"null": null, "n": n, "seed": seed, "stop_after": stop_after},
    )


def by_person(
    model: object,
    cortex: Cortex,
    folds: np.ndarray,
    null: str,
    n_nulls: int,
    stop_after: int | None,
    seed: int,
    how: dict[str, object],
) -> PeopleFound | None:
    """Judge the people of a cortex by a model's held-out prediction of the map that they took no part in.

    That map is ``cortex.people.attrs["map"]``; without it, it is the cortex's own, and whether that is circular stands
    in ``attrs["circular"]``, if anywhere. All is trained on one dealing, and at most 199 rotated cohorts are.

    Parameters
    ----------
    model, cortex, null, n_nulls, stop_after, seed
        As in `xsg.evaluate`; a null that is not of maps becomes ``"spin"``.
    folds
        bool (F, n).
    how
        Keywords of `xsg.evaluation.protocol.predict_folds`.

    Returns
    -------
    PeopleFound or None
        None without people, or (with a warning) where the prediction is the same in all regions.
    """
    if cortex.people is None or not len(cortex.people):
        return None
    told = cortex.people.attrs
    own = pd.Series(told["map"]).reindex(cortex.regions) if "map" in told else cortex.thinning
    scored = folds.any(axis=0)

    def held_out(maps: pd.DataFrame) -> np.ndarray:
        return held_out_mean(predict_folds(model, cortex, maps, folds, (seed,), **how), folds)[:, scored]

    prediction = pd.Series(held_out(own.to_frame("map").T)[0], cortex.regions[scored])
    if constant(prediction):
        warn("people: the held-out prediction is the same in all regions, so that no person can be compared with it.")
        return None
    kind, n = (null if null in MAP_NULLS else "spin"), min(n_nulls, COHORTS)
    told = (told.get("circular"), told.get("who"))
    return judge_people(cortex.people, prediction, cortex.parcellation, kind, n, seed, *told, own, held_out, stop_after)


def _cohorts(
    people: pd.DataFrame,
    trained_on: pd.Series,
    regions: pd.Index,
    how: tuple[Parcellation, str, int, int],
    again: Callable[[pd.DataFrame], np.ndarray],
    observed: float,
    stop_after: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Correlations and rank correlations (P, l) of rotated people with predictions of the map rotated with them."""
    people = people.iloc[:, rows_of(people.columns, trained_on.index, "people", extra=True)]
    people = people.set_axis(trained_on.index, axis=1).reset_index(drop=True)
    maps, n = null_maps(trained_on, *how, progress=False), how[2]
    size = max(1, _MOST // (n * people.shape[1]))
    drawn: list[np.ndarray] = []

    def score(numbers: np.ndarray) -> np.ndarray:
        guesses, found = np.asarray(again(maps.iloc[numbers]), dtype=float), []
        for start in range(0, len(people), size):
            some = people.iloc[start : start + size]
            rotated = null_maps(some, *how, progress=False)[regions].to_numpy()  # a seed rotates all maps alike
            rotated = rotated.reshape(len(some), n, -1)[:, numbers].transpose(1, 0, 2)
            each = [_both(there, guess[None]) for there, guess in zip(rotated, guesses, strict=True)]
            found.append(np.stack(each, axis=-1)[:, :, 0])
        drawn.append(np.concatenate(found, axis=1))
        return _mean(drawn[-1][0])[:, None]

    last = len(draw(score, np.array([observed]), n, stop_after))
    return tuple(np.concatenate(drawn, axis=2)[:, :, :last])


def _both(people: np.ndarray, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _correlations(people, maps), _correlations(rankdata(people, axis=1), rankdata(maps, axis=1))


def _correlations(people: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Correlate people (P, n) with maps (K, n): (P, K); 0 with a map of one value."""
    a, b = (each - each.mean(axis=1, keepdims=True) for each in (people, maps))
    scale = np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    return np.divide(a @ b.T, scale, out=np.zeros_like(scale), where=scale > 0)


def _mean(r: np.ndarray) -> np.ndarray:
    """Mean correlation over people, by way of Fisher's z."""
    return np.tanh(np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)).mean(axis=0))
