"""The map of a cohort: how much less tissue one group has, or how much is lost per year, and how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsg.check import number
from xsg.data.cohort import MIN_GROUP
from xsg.data.tables import counted
from xsg.people.models import Design, column_of, design, effect_of, harmonised
from xsg.people.norm import Deviations, deviations

if TYPE_CHECKING:
    from xsg.people.read_cohort import People

_SPLITS = 200
_BINS = 5  # strata of a number, when people are halved


@dataclass(frozen=True, repr=False, eq=False)
class CohortMap:
    """A map estimated from people, positive = loss; `xsg.load_cortex` and `xsg.evaluate` take it as it is.

    Attributes
    ----------
    map : Series
        By region; ``attrs``: unit, positive ("loss"), name, atlas, provenance, coverage.
    standard_error : Series
        In the unit of the map.
    dof : int
        Degrees of freedom of the residuals.
    n : int
        People that it was estimated from.
    ceiling, ceiling_sd : float
        The R² that the true map, given an intercept, is expected to have against this one, and the standard deviation
        of what it does have about that (`xsg.data.cohort.noise_ceiling`).
    cohort : People
        Those people.
    effect : Series
        What was asked about: 1 in the group and 0 in its controls, or the number.
    reference : Series of bool
        Who makes the norm for `deviations`: the controls, or those below the median of the number.
    covariates : sequence of str, str or None
        As given.
    question : str
        What the map is of, in words.
    provenance : list of str
    """

    map: pd.Series
    standard_error: pd.Series
    dof: int
    n: int
    ceiling: float
    ceiling_sd: float
    cohort: People
    effect: pd.Series
    reference: pd.Series
    covariates: Sequence[str] | str | None
    question: str
    provenance: list[str] = field(default_factory=list)
    _model: Design | None = None
    _values: pd.DataFrame | None = None
    _scale: float = 1.0
    _used: str = ""

    def table(self) -> pd.DataFrame:
        """By region: the map, its standard error, t, and d, the loss in standard deviations of people alike.

        Examples
        --------
        >>> from xsg.people.read_cohort import People
        >>> rng = np.random.default_rng(0)
        >>> who = pd.DataFrame({"age": rng.uniform(50, 80, 40)})
        >>> thick = pd.DataFrame(3 + rng.normal(0, 0.1, (40, 2)), columns=["L_insula", "R_insula"])
        >>> People(thick, who).slope("age").table().columns.to_list()
        ['loss', 'standard error', 't', 'd']
        """
        residual = self.standard_error / abs(self._scale) * np.sqrt(self._own)
        return pd.DataFrame(
            {
                "loss": self.map,
                "standard error": self.standard_error,
                "t": self.map / self.standard_error,
                "d": self.map / residual,
            }
        )

    @cached_property
    def _own(self) -> float:
        return effect_of(self._model.effect, self._model.others, self._values.to_numpy(float))[2]

    @cached_property
    def split_half(self) -> pd.Series:
        """Correlation of the maps of two halves of the people, over 200 halvings: median, low and high (90 %).

        Halves are drawn within group and site (within fifths of a number). NaN where most halves allow no map.
        """
        found, model = [], self._model
        y = self._values.to_numpy(float)
        for k in range(_SPLITS):
            first = self._half(k)
            maps = [effect_of(model.effect[half], model.others[half], y[half])[0] for half in (first, ~first)]
            found.append(np.corrcoef(maps)[0, 1])
        found = np.array(found)
        if np.isnan(found).mean() > 0.5:
            return pd.Series(np.nan, ["median", "low", "high"])
        return pd.Series(np.nanquantile(found, (0.5, 0.05, 0.95)), ["median", "low", "high"])

    @property
    def reliability(self) -> float:
        """Reliability of the map of all people: Spearman and Brown's 2r / (1 + r) of the median split-half r.

        Where r is negative, 2r / (1 − r), so that it stays within ±1. It is that of the whole map; a pattern that all
        regions share makes none of it, as correlations are about means.

        References
        ----------
        Spearman 1910, British Journal of Psychology 3:271; Brown 1910, 3:296.
        """
        r = float(self.split_half["median"])
        return 2 * r / (1 + abs(r))

    def _half(self, seed: int) -> np.ndarray:
        """Half of the people, bool, within strata of effect and site."""
        rng, effect = np.random.default_rng([seed, self.n]), self._model.effect
        if len(np.unique(effect)) > 2:
            effect = np.searchsorted(np.quantile(effect, np.linspace(0, 1, _BINS + 1)[1:-1]), effect)
        order = np.lexsort([rng.random(self.n), self._model.site, effect])
        # Neighbours in the order are of one stratum, or the last of one and the first of the next: one of each two.
        first = np.zeros(self.n, dtype=bool)
        pairs = order[: self.n // 2 * 2].reshape(-1, 2)
        first[pairs[np.arange(len(pairs)), rng.integers(0, 2, len(pairs))]] = True
        return first

    def halves(self, seed: int = 0) -> tuple[CohortMap, CohortMap]:
        """Estimate the map from either half of the people, drawn within group and site.

        Raises
        ------
        ValueError
            Halves too small for a map, or in which covariates cannot be told apart.
        """
        first = self._half(number(seed, "seed", 0, whole=True))
        return tuple(
            _estimate(
                self.cohort.part(self.cohort.table.index[half]), self.effect[half], self.reference[half],
                self.covariates, f"half of: {self.question}", abs(self._scale), self.map.attrs["unit"], self._used,
            )
            for half in (first, ~first)
        )  # fmt: skip

    @cached_property
    def deviations(self) -> Deviations:
        """How far each person is from the norm of the reference (`xsg.people.norm`), positive = less tissue.

        The reference are the controls of a contrast; for a slope the people below the column's median, and the norm
        does not use that column. A person of it is judged by a norm that they took no part in. The norm has the
        covariates of the map; where these are a formula, age, sex and site.
        """
        columns = None if isinstance(self.covariates, str) else self.covariates
        return deviations(self.cohort, self.reference, columns, without=self._used)

    @cached_property
    def people(self) -> pd.DataFrame | None:
        """What a prediction of this map is to be judged on, person by person: deviations of one half of the people.

        Those who are not of the reference, against the norm of their own half's reference; ``attrs["map"]`` is the map
        of the other half, so that who is judged took no part in what a model is trained on, nor did the controls they
        are compared with. Rows are numbered: nobody is named. None, and a line of the provenance, where half of the
        people are too few for a map and a norm.
        """
        columns = None if isinstance(self.covariates, str) else self.covariates
        try:
            other, mine = self.halves()
            found = deviations(mine.cohort, mine.reference, columns, without=self._used)
        except ValueError as error:
            told = self.map.attrs["provenance"]
            told.append(f"Single people are not judged, as half of them are too few: {error}")
            return None
        self.map.attrs["provenance"].append(
            f"Single people: z of the {int((~found.reference).sum())} of one half who are not of the reference, beside "
            f"the norm of its {int(found.reference.sum())}. Held out, medians over regions, the norm's z has mean "
            f"{found.summary['mean']:.2f} and sd {found.summary['sd']:.2f}, {found.summary['beyond']:.1%} beyond ±1.96."
        )
        z = found.z[~found.reference]
        z = z.set_axis(pd.RangeIndex(1, len(z) + 1, name="person"), axis=0)
        z.attrs = {
            "map": {str(region): float(value) for region, value in other.map.items()},
            "who": f"{len(z)} people of one half of the cohort, the map of the other half ({other.n} people)",
            "circular": False,
        }
        return z

    def __repr__(self) -> str:
        """Say what the map is of, how large it is and how far it can be trusted; nobody is named."""
        told = [line for line in self.provenance if not line.startswith("Reliability")]  # it stands above
        values, half, unit = self.map, self.split_half, self.map.attrs["unit"]
        lines = [
            f"CohortMap: {self.question}",
            f"  loss         {values.min():.3g} to {values.max():.3g}, mean {values.mean():.3g} ({unit}); "
            f"{len(values)} regions; median standard error {self.standard_error.median():.2g}",
            f"  people       {self.n}, {self.dof} degrees of freedom",
            f"  split-half   r = {half['median']:.2f} ({half['low']:.2f} to {half['high']:.2f}); reliability "
            f"{self.reliability:.2f} (Spearman–Brown)",
            f"  ceiling      R² = {self.ceiling:.2f} (expected of the true map; sd {self.ceiling_sd:.2f})",
        ]
        return "\n".join([*lines, "  provenance", *(f"    - {each}" for each in told)])


def contrast(people: People, column: str, a: object, b: object, covariates: Sequence[str] | str | None) -> CohortMap:
    """Make the map of `People.contrast`."""
    column = column_of(people.table, column)
    spelt = people.table[column].map(_spelt, "ignore")
    a, b = _spelt(a), _spelt(b)
    sizes = spelt.value_counts()
    if a == b:
        raise ValueError(f"{column}: a and b are both {a!r}; expected two groups.")
    for group in (a, b):
        if sizes.get(group, 0) < MIN_GROUP:
            raise ValueError(
                f"{column}: group {group!r} has {sizes.get(group, 0)} people; at least {MIN_GROUP} are needed. Groups "
                f"there: {counted(spelt.dropna())}."
            )
    effect = spelt.map({a: 1.0, b: 0.0})
    if others := int(spelt.notna().sum() - effect.notna().sum()):
        people = people.part(people.table.index[effect.notna()])
        people.provenance.append(f"Not compared: {others} people of other groups of {column}.")
        effect = effect[effect.notna()]
    unit = people.unit
    question = f"loss of {people.measure}, {column} {a} beside {b}"
    return _told(_estimate(people, effect, effect == 0, covariates, question, 1.0, unit, column))


def slope(people: People, column: str, covariates: Sequence[str] | str | None, per: float | None) -> CohortMap:
    """Make the map of `People.slope`."""
    column = column_of(people.table, column)
    effect = people.table[column]
    if effect.dtype.kind != "f":
        raise ValueError(
            f"{column}: expected numbers, got labels such as {str(effect.dropna().iloc[0])!r}. Compare two of them by "
            f".contrast({column!r}, a, b)."
        )
    if effect.notna().sum() < 2 * MIN_GROUP:
        raise ValueError(f"{column} is known of {effect.notna().sum()} people; at least {2 * MIN_GROUP} are needed.")
    per = number(per if per is not None else 10 if column == "age" else 1, "per", 0, above=True)
    span = f"per {per:g} years" if column == "age" else f"per {per:g} of {column}"
    span = {"per 10 years": "per decade", "per 1 years": "per year"}.get(span, span)
    question = f"loss of {people.measure} {span}" + ("" if column == "age" else f", as {column} rises")
    below = effect < effect.median()
    return _told(_estimate(people, effect, below, covariates, question, per, f"{people.unit} {span}", column))


def _told(found: CohortMap) -> CohortMap:
    """Say in the provenance how far the map can be trusted."""
    half = found.split_half
    found.provenance.insert(
        1,
        f"Reliability {found.reliability:.2f} (Spearman–Brown) of split halves that correlate {half['median']:.2f} "
        f"({half['low']:.2f} to {half['high']:.2f} over {_SPLITS}); a model that knew the true map could expect "
        f"R² = {found.ceiling:.2f} (sd {found.ceiling_sd:.2f}).",
    )
    return found


def _spelt(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) else str(value)


def _estimate(
    people: People, effect: pd.Series, reference: pd.Series, covariates: Sequence[str] | str | None, question: str,
    scale: float, unit: str, used: str,
) -> CohortMap:  # fmt: skip
    """Fit the model in all regions at once."""
    model = design(people, effect, used, covariates)
    people = people.part(model.people)
    effect, reference = effect.loc[model.people], reference.loc[model.people]
    notes = list(model.notes)
    if set(np.unique(effect)) == {0.0, 1.0}:
        sizes = f"{int(effect.sum())} people against {int((effect == 0).sum())}"
        if min(effect.sum(), (effect == 0).sum()) < MIN_GROUP // 2:
            raise ValueError(f"{question}: {sizes} of whom all is known; too few. Adjust for less ({model.told}).")
    else:
        sizes = f"{len(effect)} people"
    values = people.values
    if people.site == "harmonize":
        shown = np.flatnonzero(np.ptp(model.others, axis=0) > 0)
        kept = np.column_stack([model.effect, model.others[:, shown]])
        values, told = harmonised(people, pd.DataFrame(kept, people.values.index))
        notes += told
    y = values.to_numpy(float)
    beta, left, own = effect_of(model.effect, model.others, y)
    dof = len(y) - model.others.shape[1] - 1
    sign = scale * (-1.0 if people.positive == "gain" else 1.0)
    error = np.sqrt((left**2).sum(axis=0) / dof / own) * abs(scale)
    centred = left - left.mean(axis=1, keepdims=True)
    covariance = centred.T @ centred / dof / own * scale**2
    loss = sign * beta
    around = float(((loss - loss.mean()) ** 2).sum())
    regions = people.values.columns
    provenance = [
        f"{question[:1].upper()}{question[1:]}: {sizes}, adjusted for {model.told}; least squares, {dof} degrees of "
        "freedom.",
        *notes,
        *people.provenance,
    ]
    found = pd.Series(loss, regions, name="thinning")
    found.attrs = {
        "unit": unit, "positive": "loss", "name": question, "atlas": people.atlas,
        "provenance": provenance, "coverage": dict.fromkeys(map(str, regions), 1.0),
    }  # fmt: skip
    return CohortMap(
        found, pd.Series(error, regions, name="standard error"), dof, len(y),
        float(1 - np.trace(covariance) / around), float(np.sqrt(2 * (covariance**2).sum()) / around),
        people, effect, reference, covariates, question, provenance, model, values, sign, used,
    )  # fmt: skip
