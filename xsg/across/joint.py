"""Fitting of the model across scales: one map or many visits, one fit or many in one pass.

`CrossScaleSpread` is the estimator; `fit_many` fits copies that differ in what was seen (null maps, repeated cohorts)
or in the regions that they may learn from (folds), side by side; the single fit is one copy through the same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
import torch
from scipy.stats import norm
from sklearn.base import clone
from torch import Tensor
from tqdm.auto import tqdm

from xsg.across.joint_model import Fitted, Seen, Terms
from xsg.across.joint_problem import KINDS, PRIOR, Problem, read_problem, refuse_infinite
from xsg.across.joint_tables import programs_of, same_visits, seed_rows, visits_table
from xsg.atlas import Graph
from xsg.check import array, flag, number, series
from xsg.data.cortex import Cortex
from xsg.machine import one_thread
from xsg.training.base import Estimator
from xsg.training.saved import label
from xsg.training.settings import DEVICE
from xsg.training.whole import whole_fit

__all__ = ["PRIOR", "STARTS", "CrossScaleSpread", "fit_many"]

STARTS = ((0.03, 0.3), (0.3, 0.3), (0.03, 0.8), (0.3, 0.8))  # D, R; after a few iterations the best goes on
_FIRST = 4  # iterations from each start
_NUMBERS = 20_000_000  # in the derivatives of the copies that are fitted side by side
_ATROPHY = ("accumulated", "current", "none")


class CrossScaleSpread(Estimator):
    """Genes set the rates at which pathology spreads over a network, and its burden thins the cortex.

    The equations are those of `xsg.across.joint_model`. Every link can be switched off: genes → rate, genes →
    capacity, network (``graph=None`` in `fit`: no spreading between regions) and burden → thinning.

    Parameters
    ----------
    rate, capacity
        Whether programs act on the reaction rate, and on the capacity.
    atrophy
        ``"accumulated"``: thinning follows the burden added up since onset. ``"current"``: the burden of the moment.
        ``"none"``: no link; thinning is ageing and a constant.
    seeds
        Regions in which the disease begins, named in any style.
    horizon
        Longest disease in years, from onset to the last visit.
    points
        Moments at which the equation is solved and between which it is read; as many splitting steps, but one.
    iterations
        Most iterations of the climb.
    device
        ``"auto"``: a GPU where there is one; ``"cpu"``, ``"cuda"``. It climbs there; answers are worked out here.

    Attributes
    ----------
    estimates_ : DataFrame
        By unknown: ``value``, ``low``, ``high`` (90 % interval), of D, R, s and g themselves, not their logarithms;
        ``learned``, the share of the prior's variance that the data took away: 1 is known, 0 is what the prior said,
        NaN is switched off.
    shifts_ : DataFrame
        By subject: ``years`` from onset to the first visit, and ``sd``.
    fitted_ : dict of str to DataFrame (O, n)
        ``"tau"`` and ``"thinning"`` as expected at each visit, in all regions, those not trained on as well; only of
        what was given.
    states_ : DataFrame (M, n)
        Burden by year since onset.
    covariance_ : DataFrame (P, P)
        Of the unknowns on the scale of `xsg.across.joint_model.unknowns`, observations in units of their root mean
        square.
    history_ : DataFrame
        By iteration: the named terms of the loss (``tau``, ``thinning``, ``prior``, ``prior_shift``); the total is
        their sum.
    loss_ : float
        The total at the end, −log posterior up to a constant of the data.

    Examples
    --------
    >>> import xsg
    >>> cohort = xsg.simulate_progression(n_subjects=5, n_visits=2)
    >>> model = CrossScaleSpread(iterations=3, points=16)
    >>> model.fit(cohort.programs, cohort.thinning, cohort.tau, graph=cohort.graph, years=cohort.years).shifts_.shape
    (5, 2)
    """

    FIXED = ("rate", "capacity", "atrophy", "seeds", "horizon", "points")
    DOUBLE = True
    CALL = "fit(programs, thinning, tau)"

    def __init__(
        self,
        rate: bool = True,
        capacity: bool = True,
        atrophy: str = "accumulated",
        seeds: Sequence[str] = ("L_entorhinal", "R_entorhinal"),
        horizon: float = 30.0,
        points: int = 61,
        iterations: int = 40,
        device: str = "auto",
    ):
        self.rate = rate
        self.capacity = capacity
        self.atrophy = atrophy
        self.seeds = seeds
        self.horizon = horizon
        self.points = points
        self.iterations = iterations
        self.device = device

    @whole_fit
    def fit(
        self,
        programs: pd.DataFrame,
        thinning: pd.Series | pd.DataFrame | None = None,
        tau: pd.Series | pd.DataFrame | None = None,
        *,
        graph: Graph | None = None,
        years: pd.Series | None = None,
        train: pd.Index | list[str] | None = None,
    ) -> CrossScaleSpread:
        """Fit to one map of a group, or to the visits of many subjects.

        Parameters
        ----------
        programs
            DataFrame (n, K) of expression programs by region; each is brought to mean 0 and variance 1.
        thinning, tau
            Series (n,), one map; or DataFrame (O, n), a visit in each row, index (subject, visit). NaN where not
            measured. One of the two may be left out; what is given must have the same rows. Regions and visits are
            joined by name, in whatever order they stand and style regions are written.
        graph
            The network, over the regions of ``programs``. None: no spreading between regions.
        years
            Series (O,): years since the subject's first visit, index as of the tables; 0 for all by default.
        train
            Regions to learn from; all by default. The equation is solved in all.

        Returns
        -------
        CrossScaleSpread
            Itself.

        Raises
        ------
        TypeError, ValueError
            Options that are unknown; tables without names, or that do not fit one another; codes for missing values;
            too little to learn from.
        FloatingPointError
            A term of the loss that is not finite, by name.

        Notes
        -----
        If the fit fails or is interrupted, the model is as it was before.
        """
        _fit([self], programs, [thinning], [tau], graph, years, [train], progress=False)
        return self

    def predict(self, years: pd.Series, what: str = "thinning") -> pd.DataFrame:
        """Predict visits of the subjects that the model was fitted to, whenever they are.

        Parameters
        ----------
        years
            Series (O,): years since the subject's first visit, index (subject, visit).
        what
            ``"thinning"`` or ``"tau"``.

        Returns
        -------
        DataFrame (O, n)
        """
        self._check_fitted()
        self._check_kind(what)
        if not isinstance(years, pd.Series):
            raise TypeError(f"years: expected a Series by (subject, visit), got {type(years).__name__}.")
        subjects = years.index.get_level_values(0)
        unknown = subjects.difference(self.shifts_.index)
        if len(unknown):
            raise ValueError(f"subject {unknown[0]!r} was not fitted, so its time shift is not known.")
        t = torch.tensor(array(years, "years"))
        x = self._found.shift[:, self.shifts_.index.get_indexer(subjects)] + t
        expected = self._problem.expected(self._found.z, x, t)
        return pd.DataFrame(expected[what][0], years.index, self._problem.regions)

    def score(self, observed: pd.Series | pd.DataFrame, what: str = "thinning") -> float:
        """R² of what was fitted against observations of the same visits, over the values that are there."""
        self._check_fitted()
        self._check_kind(what)
        fitted = self.fitted_[what]
        table = visits_table(observed, fitted.columns, what)
        if len(table) == len(fitted) == 1:
            table = table.set_axis(fitted.index)
        fitted = same_visits(fitted.loc[fitted.index.isin(table.index)], table.index)
        if fitted is None:
            raise ValueError(
                f"{what}: {len(table)} visits, of which some were not fitted, such as {table.index[0]!r}; expected "
                f"visits like {self.fitted_[what].index[0]!r}."
            )
        y, guess = table.to_numpy(), fitted.to_numpy()
        there = np.isfinite(y)
        if there.sum() < 2 or np.ptp(y[there]) == 0:
            raise ValueError(f"{what}: {there.sum()} values, all the same; R² needs at least two that differ.")
        return float(1 - np.square(y - guess)[there].sum() / np.square(y - y[there].mean())[there].sum())

    def predict_folds(self, cortex: Cortex, maps: pd.DataFrame, held_out: np.ndarray) -> np.ndarray:
        """Predict maps of thinning (K, n) under folds (F, n), on trial: (K, F, n).

        See `xsg.evaluation.protocol.Subject`. The programs are the columns of the cortex's expression; where these
        are more than 12, and so genes, its first two principal components. A view "tau", of one column, is fitted
        together with the map, in the same training regions.
        """
        programs, tau = programs_of(cortex.expression), cortex.views.get("tau")
        copies = list(product(range(len(maps)), range(len(held_out))))
        tau = None if tau is None else [series(tau, "views: tau")]
        thinning, train = zip(*((maps.iloc[k], list(maps.columns[~held_out[fold]])) for k, fold in copies), strict=True)
        models = fit_many(self, programs, thinning, tau, graph=cortex.graph, train=train, progress=False)
        found = np.stack([each.fitted_["thinning"].iloc[0].to_numpy() for each in models])
        return found.reshape(len(maps), *held_out.shape)

    def profile(self, name: str, values: Sequence[float]) -> pd.Series:
        """Refit with one unknown held at each of some values, all in one pass.

        Parameters
        ----------
        name
            A name of `estimates_`.
        values
            As `estimates_` gives them: D, R, s, g themselves, not their logarithms.

        Returns
        -------
        Series
            The loss above its least, the unknown's own prior left out. Were the likelihood normal it would be half the
            squared number of standard deviations: 1.35 marks a 90 % interval.
        """
        self._check_fitted()
        if name not in self.estimates_.index:
            raise ValueError(f"there is no unknown {name!r}; there are {', '.join(map(repr, self.estimates_.index))}.")
        values = array(values, "values", ndim=1)
        if not len(values):
            raise ValueError("values is empty; expected at least one at which to hold the unknown.")
        column, problem = self.estimates_.index.get_loc(name), self._problem.repeated(len(values))
        scale, log = problem.units[column], name in ("D", "R", "s", "g")
        if log and not (values > 0).all():
            raise ValueError(f"{name} is to be held at {values.min():g}; expected values above 0.")
        inner = torch.tensor(values) / float(scale[0])
        problem.prior[0][:, column] = inner.log() if log else inner
        problem.prior[1][:, column] = torch.inf
        start = (each.expand(len(inner), -1) for each in self._found[:2])
        with one_thread():
            found = problem.climb(*start, 2 * self.iterations)
        loss = torch.stack(found.terms).sum(0).numpy()
        mean, precision = (float(each[0, column]) for each in self._problem.prior)
        own = 0.5 * precision * (float(self._found.z[0, column]) - mean) ** 2 if np.isfinite(precision) else 0.0
        return pd.Series(loss - min(loss.min(), self.loss_ - own), pd.Index(values, name=name), name="loss above least")

    def _pack(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        problem, found = self._problem, self._found
        arrays = {f"seen.{name}": value for name, value in problem.seen._asdict().items()}
        arrays |= {f"found.{name}": value for name, value in found._asdict().items() if name != "terms"}
        arrays |= {"terms": torch.stack(found.terms), "programs": problem.programs, "laplacian": problem.laplacian}
        facts = {
            "regions": list(problem.regions),
            "programs": list(problem.names),
            "subjects": [label(each) for each in self.shifts_.index],
            "visits": [label(each) for each in problem.visits],
            "network": problem.network,
        }
        return arrays, facts

    def _unpack(self, facts: dict, arrays: dict[str, Tensor]) -> None:
        regions = pd.Index(facts["regions"])
        self._check(regions)
        visits = [tuple(each) if isinstance(each, list) else each for each in facts["visits"]]
        visits = pd.MultiIndex.from_tuples(visits) if isinstance(visits[0], tuple) else pd.Index(visits)
        problem = Problem(
            self, regions, facts["programs"], arrays["programs"], arrays["laplacian"], facts["network"], visits,
            pd.Index(facts["subjects"]), Seen(*(arrays[f"seen.{name}"] for name in Seen._fields)),
        )  # fmt: skip
        found = {name: arrays[f"found.{name}"] for name in Fitted._fields if name != "terms"}
        self._settle(problem, Fitted(**found, terms=Terms(*arrays["terms"])))

    def _settle(self, problem: Problem, found: Fitted) -> None:
        """Take over the result of one copy."""
        self._problem, self._found = problem, found
        self.device_ = self._place()
        self._remember(self._settings())
        z, variance = found.z[0], found.covariance[0].diagonal()
        free = ~problem.prior[1][0].isinf()
        wide = norm.ppf(0.95) * variance.clamp(min=0).sqrt()
        rows = {}
        for k, name in enumerate(problem.unknowns):
            unit, log = problem.units[k][0], name.startswith("log ")
            ends = torch.stack([z[k], z[k] - wide[k], z[k] + wide[k]])
            ends = (ends.exp() if log else ends) * unit
            learned = 1 - variance[k] * problem.prior[1][0, k] if free[k] else torch.nan
            rows[name.removeprefix("log ")] = [*(ends.tolist() if free[k] or not log else [0.0] * 3), float(learned)]
        self.estimates_ = pd.DataFrame(rows, ["value", "low", "high", "learned"]).T.rename_axis("unknown")
        self.shifts_ = pd.DataFrame(
            {"years": found.shift[0].numpy(), "sd": found.shift_sd[0].numpy()}, problem.subjects.rename("subject")
        )
        expected = problem.expected(found.z, found.shift[:, problem.seen.subject] + problem.seen.years)
        self.fitted_ = {
            kind: pd.DataFrame(expected[kind][0], problem.visits, problem.regions)
            for kind, valid in zip(KINDS, (problem.seen.tau_valid, problem.seen.thinning_valid), strict=True)
            if valid.any()
        }
        found_curves = problem.curves(found.z)
        self.states_ = pd.DataFrame(
            found_curves.u[0].numpy(), pd.Index(problem.clock.numpy(), name="years"), problem.regions
        )
        self.covariance_ = pd.DataFrame(found.covariance[0].numpy(), problem.unknowns, problem.unknowns)
        self.history_ = pd.DataFrame(found.history[:, 0].numpy(), columns=list(Terms._fields)).rename_axis("iteration")
        self.loss_ = float(torch.stack(found.terms).sum())

    def _settings(self) -> dict[str, object]:
        return self.get_params()  # `_check` has made them plain

    def _check_kind(self, what: str) -> None:
        if not isinstance(what, str) or what not in self.fitted_:
            raise ValueError(f"what is {what!r}; expected one of {', '.join(map(repr, self.fitted_))}, as was fitted.")

    def _check(self, regions: pd.Index) -> None:
        """Check the settings, and hold them as plain values."""
        if not isinstance(self.atrophy, str) or self.atrophy not in _ATROPHY:
            raise ValueError(f"atrophy is {self.atrophy!r}; expected one of {', '.join(map(repr, _ATROPHY))}.")
        seed_rows(self.seeds, regions)
        plain = {name: flag(getattr(self, name), name) for name in ("rate", "capacity")}
        plain |= {name: number(getattr(self, name), name, whole=True) for name in ("points", "iterations")}
        plain |= {"horizon": number(self.horizon, "horizon"), "device": DEVICE(self.device, "device")}
        if not isinstance(self.seeds, (tuple, list)):
            plain["seeds"] = (self.seeds,) if isinstance(self.seeds, str) else tuple(map(str, self.seeds))
        vars(self).update(plain)
        if not self.horizon > 0 or self.points < 4 or self.iterations < 1:
            raise ValueError(
                f"horizon is {self.horizon}, points {self.points}, iterations {self.iterations}; expected a horizon "
                "above 0, at least 4 points and 1 iteration."
            )


def fit_many(
    model: CrossScaleSpread,
    programs: pd.DataFrame,
    thinning: Sequence[pd.Series | pd.DataFrame] | None = None,
    tau: Sequence[pd.Series | pd.DataFrame] | None = None,
    *,
    graph: Graph | None = None,
    years: pd.Series | None = None,
    train: Sequence[pd.Index | list[str] | None] | None = None,
    progress: bool = True,
) -> list[CrossScaleSpread]:
    """Fit copies of a model side by side: to many maps or cohorts, on many sets of training regions.

    Parameters
    ----------
    model
        Hyper-parameters; the model itself is not touched.
    programs, graph, years
        As for `CrossScaleSpread.fit`, the same for all copies.
    thinning, tau
        A map or table for each copy; or a list of one, which all share.
    train
        Training regions for each copy; or a list of one.
    progress
        Show a progress bar.

    Returns
    -------
    list of CrossScaleSpread
        Fitted, in the order given; each as it would be had it been fitted alone, up to rounding.

    Raises
    ------
    ValueError
        As `CrossScaleSpread.fit`; lists of different lengths; tables whose rows differ.

    Examples
    --------
    >>> import xsg
    >>> cohort = xsg.simulate_progression(n_subjects=4, n_visits=2)
    >>> model = CrossScaleSpread(iterations=2, points=16)
    >>> maps = [cohort.tau.loc["S0001"].iloc[0], cohort.tau.loc["S0002"].iloc[0]]
    >>> len(fit_many(model, cohort.programs, tau=maps, graph=cohort.graph, progress=False))
    2
    """
    if not isinstance(model, CrossScaleSpread):
        raise TypeError(f"model: expected a CrossScaleSpread, got {type(model).__name__}.")
    given = {"thinning": thinning, "tau": tau, "train": train}
    for name, each in given.items():
        bare = isinstance(each, (pd.Series, pd.DataFrame, str, dict)) or not (each is None or np.iterable(each))
        if bare or (name == "train" and each is not None and any(isinstance(one, str) for one in each)):
            raise TypeError(f"{name}: expected a list with one for each copy, or a list of one: {name}=[{name}].")
    given = {name: [None] if each is None else list(each) for name, each in given.items()}
    copies = max(map(len, given.values()))
    for name, each in given.items():
        if len(each) not in (1, copies):
            raise ValueError(f"{name} has {len(each)} entries; expected 1 or {copies}, one for each copy.")
        given[name] = each * copies if len(each) == 1 else each
    models = [clone(model) for _ in range(copies)]
    _fit(models, programs, given["thinning"], given["tau"], graph, years, given["train"], progress)
    return models


def _fit(models, programs, thinning, tau, graph, years, train, progress) -> None:
    """Fit one model to each copy."""
    problem = read_problem(models[0], programs, thinning, tau, graph, years, train)
    size = problem.programs.shape[0] * (
        len(problem.unknowns) * len(problem.visits) + 4 * (2 + 2 * len(problem.names)) * len(problem.clock)
    )
    chunk = max(1, _NUMBERS // size)
    quiet = {} if progress else {"disable": True}
    with one_thread(), tqdm(total=len(models), desc="fits", unit="fit", leave=False, **quiet) as bar:
        for begin in range(0, len(models), chunk):
            rows = torch.arange(begin, min(begin + chunk, len(models)))
            some = problem.part(rows)
            best = None
            for d, r in STARTS if problem.network else STARTS[::2]:
                found = some.climb(*some.start(d, r), _FIRST)
                loss = torch.stack(found.terms).sum(0)
                if best is None:
                    best = [loss, found.z, found.shift]
                else:
                    better = loss < best[0]
                    best = [
                        torch.where(better.view(-1, *[1] * (new.ndim - 1)), new, old)
                        for new, old in zip((loss, found.z, found.shift), best, strict=True)
                    ]
            found = some.climb(best[1], best[2], models[0].iterations)
            refuse_infinite(found, begin)
            for k in range(len(rows)):
                own = Fitted(
                    *(each[k : k + 1] for each in found[:4]),
                    Terms(*(each[k : k + 1] for each in found.terms)),
                    found.history[:, k : k + 1],
                )
                models[begin + k]._settle(some.part(torch.tensor([k])), own)
            bar.update(len(rows))
