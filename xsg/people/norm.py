"""A plain normative model: how far each person's cortex is from what is usual at that age, of that sex, at that site.

In every region least squares on a spline of age and levels of sex and site, fitted to a reference group; a person's
deviation is the error of prediction in units of its own standard deviation, that of the residuals and that of the fit.
How well it is calibrated is measured on people of the reference held out of the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsg.check import number
from xsg.people.models import covariates_of, harmonised, pooled

if TYPE_CHECKING:
    from xsg.people.read_cohort import People

_KNOTS = 4
_SPLINE = 100  # people of a reference from which age enters by a spline; with fewer it is a line
_FEWEST = 8  # people that a norm is made of, beside those that its coefficients take
_BEYOND = 1.96


@dataclass(frozen=True, repr=False, eq=False)
class Deviations:
    """How far each person is from the norm, by region.

    Attributes
    ----------
    z : DataFrame, shape (people, regions)
        Deviation in standard deviations of a prediction, positive = less tissue than the norm. Of people of the
        reference it comes from a norm that they took no part in.
    reference : Series of bool
        Who the norm was made of.
    calibration : DataFrame, shape (regions, 4)
        Over held-out people of the reference: ``mean`` and ``sd`` of z (0 and 1 where calibrated), ``beyond``, the
        share outside ±1.96 (0.05), and ``explained``, the share of the variance that the norm explains.
    provenance : list of str
    """

    z: pd.DataFrame
    reference: pd.Series
    calibration: pd.DataFrame
    provenance: list[str] = field(default_factory=list)

    @property
    def summary(self) -> pd.Series:
        """Medians of the calibration over regions."""
        return self.calibration.median()

    def __repr__(self) -> str:
        """Say of how many people, and how well the norm is calibrated."""
        found = self.summary
        head = (
            f"Deviations of {len(self.z)} people in {self.z.shape[1]} regions from the norm of {self.reference.sum()}; "
            f"held out, medians over regions: mean {found['mean']:.2f}, sd {found['sd']:.2f}, "
            f"{found['beyond']:.1%} beyond ±{_BEYOND}, {found['explained']:.0%} of variance explained"
        )
        return "\n".join([head, *(f"  - {line}" for line in self.provenance)])


def deviations(
    people: People,
    reference: pd.Series,
    covariates: Sequence[str] | None = None,
    without: str | None = None,
    n_folds: int = 10,
    seed: int = 0,
) -> Deviations:
    """Judge people against the norm of a reference group.

    Parameters
    ----------
    people : People
        Of `read_cohort`.
    reference
        True for those who make the norm, by person; the rest are only judged.
    covariates
        Columns: age by a cubic spline of four knots where the reference has 100 people (linear beyond their ages, and
        with fewer people throughout), other numbers linearly, all else by level. By default age, sex and site, as far
        as they are there and vary.
    without
        A column that the norm must not use (that which is asked about).
    n_folds
        Folds of the reference, dealt at random; each is judged by the norm of the others.
    seed
        Of the folds.

    Returns
    -------
    Deviations

    Raises
    ------
    ValueError
        A reference of under 8 people beside the coefficients.

    References
    ----------
    - Marquand et al. 2019, Molecular Psychiatry 24:1415, doi:10.1038/s41380-019-0441-1, for normative models.
    - Rutherford et al. 2022, Nature Protocols 17:1711, doi:10.1038/s41596-022-00696-5, for how they are checked.
    """
    n_folds, notes = number(n_folds, "n_folds", 2, whole=True), []
    reference = reference.reindex(people.table.index).fillna(False).astype(bool)
    columns = covariates_of(people.part(reference.index[reference]), covariates, without, notes)
    data = people.table[columns].copy()
    if "site" in columns:
        data["site"] = pooled(data["site"], notes)
    known = data.notna().all(axis=1)
    if not known.all():
        notes.append(f"Left out: {int((~known).sum())} people of whom {' or '.join(columns)} is not known.")
    data, reference = data[known], reference[known]
    values = people.values.loc[data.index]
    if people.site == "harmonize":
        protected = pd.get_dummies(data.assign(other=~reference), drop_first=True, dtype=float)
        values, told = harmonised(people, protected)
        notes += told
    fold = np.full(len(data), -1)
    own = np.flatnonzero(reference)
    fold[own] = np.random.default_rng(seed).permutation(np.arange(len(own)) % n_folds)
    found = np.full(values.shape, np.nan)
    expected = np.full(values.shape, np.nan)
    for k in range(-1, n_folds):  # those outside the reference are judged by the norm of all of it
        judged, train = fold == k, reference.to_numpy() & (fold != k)
        if judged.any():
            expected[judged], spread = _predict(data[train], values[train].to_numpy(float), data[judged])
            found[judged] = (values[judged].to_numpy(float) - expected[judged]) / spread
    strange = ~np.isfinite(found).all(axis=1)
    if strange.any():
        notes.append(f"Left out: {int(strange.sum())} people of a level that the reference does not have.")
    if "age" in columns:
        age, held = data["age"], data.loc[reference, "age"]
        outside = int(((age < held.min()) | (age > held.max())).sum())
        if outside:
            notes.append(
                f"{outside} people are younger or older than the reference ({held.min():.0f} to {held.max():.0f} "
                "years): the norm goes on as a straight line there."
            )
    judge = fold >= 0
    judge &= ~strange
    z, y, guess = found[judge], values[judge].to_numpy(float), expected[judge]
    calibration = pd.DataFrame(
        {
            "mean": z.mean(axis=0),
            "sd": z.std(axis=0, ddof=1),
            "beyond": (np.abs(z) > _BEYOND).mean(axis=0),
            "explained": 1 - ((y - guess) ** 2).sum(axis=0) / ((y - y.mean(axis=0)) ** 2).sum(axis=0),
        },
        values.columns,
    )
    sign = -1.0 if people.positive == "gain" else 1.0
    table = pd.DataFrame(sign * found, values.index, values.columns)[~strange]
    calibration["mean"] *= sign
    notes.insert(0, f"Norm of {int(reference.sum())} people: {', '.join(columns) or 'their mean'}; {n_folds} folds.")
    return Deviations(table, reference[~strange], calibration, notes)


def _predict(train: pd.DataFrame, y: np.ndarray, test: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return expected values (test, regions) and the standard deviation of a new person about them."""
    basis = _basis(train)
    x, new = basis(train), basis(test)
    dof = len(x) - x.shape[1]
    if dof < _FEWEST:
        raise ValueError(
            f"a norm of {len(x)} people with {x.shape[1]} coefficients; at least {_FEWEST} more people than "
            "coefficients are needed. Give more people, or fewer covariates."
        )
    inverse = np.linalg.pinv(x)
    beta = inverse @ y
    sd = np.sqrt(((y - x @ beta) ** 2).sum(axis=0) / dof)
    leverage = ((new @ inverse) ** 2).sum(axis=1)
    return new @ beta, np.sqrt(1 + leverage)[:, None] * sd


def _basis(train: pd.DataFrame) -> Callable[[pd.DataFrame], np.ndarray]:
    """Make what turns a table of covariates into columns; rows of a level that is not in training are NaN."""
    from sklearn.preprocessing import SplineTransformer

    parts: list[Callable[[pd.DataFrame], np.ndarray]] = []
    for column in train:
        values = train[column]
        curved = column == "age" and len(train) >= _SPLINE
        knots = np.unique(np.quantile(values, np.linspace(0, 1, _KNOTS))) if curved else np.empty(0)
        if len(knots) == _KNOTS:
            spline = SplineTransformer(degree=3, knots=knots[:, None], extrapolation="linear", include_bias=False)
            spline.fit(values.to_numpy(float)[:, None])
            parts.append(lambda table, spline=spline: spline.transform(table[["age"]].to_numpy(float)))
        elif values.dtype.kind == "f":
            middle = values.mean()
            parts.append(lambda table, c=column, m=middle: table[[c]].to_numpy(float) - m)
        else:
            levels = sorted(values.unique())
            parts.append(lambda table, c=column, levels=levels: _levels(table[c], levels))
    return lambda table: np.hstack([np.ones((len(table), 1)), *(part(table) for part in parts)])


def _levels(values: pd.Series, levels: list) -> np.ndarray:
    found = np.array([[float(value == level) for level in levels[1:]] for value in values]).reshape(len(values), -1)
    found[~values.isin(levels).to_numpy()] = np.nan
    return found
