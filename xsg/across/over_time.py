"""Fitting of dynamic programs to thinning over visits, and forecasts with intervals, beside those of simpler models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from scipy.stats import norm

from xsg.across.over_time_model import DynamicPrograms, Series
from xsg.across.over_time_tables import MOST_MM, asked, of_regions, visit_table
from xsg.across.over_time_tables import as_series as _series
from xsg.check import array, number
from xsg.machine import moved, one_thread
from xsg.training.base import Estimator
from xsg.training.saved import check_finite, storable
from xsg.training.settings import DEVICE, STEP, Rule, whole_number
from xsg.training.whole import whole_fit

_GRID = 101  # shifts at which the posterior of a subject is computed

PROGRESSION: dict[str, Rule] = {
    "n_programs": whole_number(1),
    "horizon": STEP,
    "iterations": whole_number(1),
    "device": DEVICE,
}


class DiseaseProgression(Estimator):
    """Time shift of each subject and programs of thinning that switch on along the disease.

    The equations are those of `xsg.across.over_time_model`. Maps, their timing and the shifts of the training subjects
    are fitted together; of any subject, known or new, the posterior of its shift is then computed on a grid, and
    forecasts average over it.

    Parameters
    ----------
    n_programs
        Number of programs.
    horizon
        Shifts run from 0 to so many years; their prior has its mean in the middle and a third as standard deviation.
    iterations
        Most iterations of LBFGS.
    device
        ``"auto"``: a GPU where there is one; ``"cpu"``, ``"cuda"``.

    Attributes
    ----------
    net_ : xsg.across.over_time_model.DynamicPrograms
    programs_ : DataFrame (n, k)
        Maps in mm, in the order in which they switch on.
    timing_ : DataFrame (k, 2)
        ``centre``, ``width`` in years along the disease.
    shifts_ : Series
        Of the training subjects, posterior mean.
    sd_ : Series
        ``person``, ω, ``scan``, σ, and ``everywhere``, γ, in mm.
    history_ : DataFrame
        The named terms of the loss at each evaluation; the total is their sum.

    Examples
    --------
    >>> import xsg
    >>> from xsg.people.trajectories import Norm
    >>> cohort = xsg.simulate_trajectories(n_controls=10, n_patients=12)
    >>> patients = cohort.part(cohort.subjects.index[cohort.subjects["group"] != "NC"])
    >>> thinning = Norm.of(cohort).thinning(patients)
    >>> DiseaseProgression(n_programs=1, iterations=5).fit(thinning, patients.years).programs_.shape
    (68, 1)
    """

    RULES = PROGRESSION
    DOUBLE = True
    CALL = "fit(thinning, years)"

    def __init__(self, n_programs: int = 2, horizon: float = 20.0, iterations: int = 150, device: str = "auto"):
        self.n_programs = n_programs
        self.horizon = horizon
        self.iterations = iterations
        self.device = device

    @whole_fit
    def fit(self, thinning: pd.DataFrame, years: pd.Series) -> DiseaseProgression:
        """Fit to visits; if that fails or is interrupted, the model is as it was before.

        Parameters
        ----------
        thinning
            DataFrame (O, n), mm beyond the norm for age and sex; index (subject, visit).
        years
            Series (O,): years since the subject's first visit, joined by its index; an array goes by position.

        Raises
        ------
        TypeError
            Tables without names, settings that are no numbers.
        ValueError
            Settings or tables that do not fit: visits that differ or are given twice, values that are not finite or
            cannot be true, names that a file cannot hold.
        FloatingPointError
            A loss that is not finite.
        """
        params = self._settings()
        thinning = visit_table(thinning, "thinning", MOST_MM)
        storable(thinning.columns, "thinning: region")
        self.device_ = self._place()
        visits, subjects = moved(_series(thinning, years), self.device_)
        storable(subjects, "thinning: subject")
        if len(subjects) < 5:
            raise ValueError(f"{len(subjects)} subjects; expected at least 5: one disease is put together from many.")
        self.regions_ = thinning.columns
        horizon = params["horizon"]
        prior = horizon / 2, horizon / 3
        self.net_ = DynamicPrograms(len(self.regions_), params["n_programs"], horizon / 2, horizon / 4)
        self.net_.to(self.device_)
        # Who is thinner is further on: ranks of the mean thinning give the shifts to start from; ties share their mean.
        mean = thinning.groupby(level=0, sort=False).mean().mean(axis=1)
        shift = torch.tensor(0.1 + 0.8 * mean.rank(pct=True).to_numpy()) * horizon
        shift = shift.to(self.device_).requires_grad_()
        rows = []
        with one_thread():
            optimiser = torch.optim.LBFGS(
                [*self.net_.parameters(), shift],
                max_iter=params["iterations"],
                history_size=20,
                line_search_fn="strong_wolfe",
            )

            def closure():
                optimiser.zero_grad()
                terms = self.net_.terms(visits, shift, prior)
                total = sum(terms.values())
                total.backward()
                rows.append({name: value.detach().item() for name, value in terms.items()})
                if not total.isfinite() and len(rows) == 1:
                    raise FloatingPointError(f"the loss became {rows[-1]}. Look for extreme values in thinning.")
                return total

            try:
                optimiser.step(closure)
            except IndexError:  # what LBFGS makes of a step at which nothing is finite
                raise FloatingPointError(f"the loss became {rows[-1]}. Look for extreme values in thinning.") from None
            with torch.no_grad():  # where the search ended, which need not be where it looked last
                last = {name: value.item() for name, value in self.net_.terms(visits, shift, prior).items()}
        for terms in (rows[-1], last):
            if not np.isfinite(sum(terms.values())):
                raise FloatingPointError(f"the loss became {terms}. Look for extreme values in thinning.")
        try:
            check_finite(self.net_)
        except FloatingPointError as error:
            raise FloatingPointError(f"after the fit {error}. Look for extreme values in thinning.") from None
        self.history_ = pd.DataFrame(rows).rename_axis("evaluation")
        self._derive()
        self._remember(params)
        self.shifts_ = self.locate(thinning, years)["years"]
        return self

    def locate(self, thinning: pd.DataFrame, years: pd.Series) -> pd.DataFrame:
        """Posterior of the time shift of subjects, known or new: ``years`` (mean) and ``sd``."""
        visits, subjects = self._read(thinning, years)
        grid, weight = self._posterior(visits)
        mean = weight @ grid
        sd = (weight @ grid.square() - mean.square()).clamp(min=0).sqrt()
        return pd.DataFrame({"years": mean.cpu().numpy(), "sd": sd.cpu().numpy()}, subjects)

    def forecast(
        self, thinning: pd.DataFrame, years: pd.Series, at: pd.Series, level: float = 0.9
    ) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Forecast visits of subjects, known or new, from visits that were made.

        Parameters
        ----------
        thinning, years
            What was seen, as for `fit`.
        at
            Series (A,): years since the first visit at which to forecast, index (subject, visit).
        level
            Probability that an interval holds what a scan will show.

        Returns
        -------
        mean, low, high : DataFrame (A, n)

        Raises
        ------
        TypeError, ValueError
            As `fit`; also a subject without a visit in ``thinning``.
        """
        level = number(level, "level", 0, 1, above=True, below=True)
        visits, subjects = self._read(thinning, years)
        at, who = asked(at, subjects, "thinning")
        grid, weight = self._posterior(visits)
        asked_at = moved((torch.tensor(at.to_numpy()), torch.tensor(who)), self.device_)
        with torch.no_grad():
            mean, variance = moved(self.net_.forecast(visits, grid, weight, *asked_at), "cpu")
        wide = norm.ppf((1 + level) / 2) * variance.sqrt()
        return tuple(pd.DataFrame(each.numpy(), at.index, self.regions_) for each in (mean, mean - wide, mean + wide))

    def score(self, thinning: pd.DataFrame, years: pd.Series) -> float:
        """Mean log evidence of subjects, known or new, their shifts summed over; nats a subject, up to a constant."""
        visits, _ = self._read(thinning, years)
        return float(torch.logsumexp(self._joint(visits)[1], 1).mean())

    def amplitudes(self, x: np.ndarray) -> pd.DataFrame:
        """Amplitude of each program at x years along the disease."""
        self._check_fitted()
        x = np.atleast_1d(array(x, "x"))
        if x.ndim != 1:
            raise ValueError(f"x has shape {x.shape}; expected years along the disease (n,).")
        found = self.net_.amplitudes(torch.tensor(x).to(self.device_)).cpu()
        return pd.DataFrame(found.numpy()[:, self._order], x, self.programs_.columns)

    def _pack(self) -> tuple[dict[str, torch.Tensor], dict[str, object]]:
        facts = {"regions": self.regions_.tolist(), "subjects": self.shifts_.index.tolist()}
        return {"shifts": torch.tensor(self.shifts_.to_numpy())}, facts

    @classmethod
    def _mend(cls, facts: dict, arrays: dict[str, torch.Tensor]) -> None:
        for name in arrays.keys() - {"shifts"}:  # the first edition wrote the network's by their bare names
            arrays[f"net.{name.removeprefix('net.')}"] = arrays.pop(name)

    def _unpack(self, facts: dict, arrays: dict[str, torch.Tensor]) -> None:
        self.regions_ = storable(pd.Index(facts["regions"], name="region"), "regions")
        self.net_ = DynamicPrograms(len(self.regions_), self._settings()["n_programs"], 0.0, 1.0)
        subjects = storable(pd.Index(facts["subjects"], name="RID"), "subjects")
        self.shifts_ = pd.Series(arrays.pop("shifts").numpy(), subjects, name="years")
        self.history_ = self.history_.reset_index(drop=True).rename_axis("evaluation")

    def _derive(self) -> None:
        """Read the maps and their timing off the network."""
        self.net_.requires_grad_(False)
        order, weights, width, sd = moved(
            (self.net_.centre.argsort(), self.net_.weights, self.net_.log_width.exp(), self.net_.log_sd.exp()), "cpu"
        )
        self._order = order.numpy()
        names = [f"program {k + 1}" for k in range(len(order))]
        self.programs_ = pd.DataFrame(weights[:, order].numpy(), self.regions_, names)
        timing = {"centre": self.net_.centre.cpu()[order].numpy(), "width": width[order].numpy()}
        self.timing_ = pd.DataFrame(timing, names)
        self.sd_ = pd.Series(sd.numpy(), ["person", "scan", "everywhere"], name="mm")

    def _read(self, thinning: pd.DataFrame, years: pd.Series) -> tuple[Series, pd.Index]:
        self._check_fitted()
        thinning = of_regions(visit_table(thinning, "thinning", MOST_MM), self.regions_, "thinning")
        return moved(_series(thinning, years), self.device_)

    def _posterior(self, series: Series) -> tuple[torch.Tensor, torch.Tensor]:
        """Shifts on a grid (G,), and the probability of each for every subject (S, G)."""
        grid, log = self._joint(series)
        return grid, torch.softmax(log, 1)

    def _joint(self, series: Series) -> tuple[torch.Tensor, torch.Tensor]:
        """Shifts on a grid (G,), and log p(y, shift) of every subject (S, G), up to a constant."""
        horizon = self._fitted_as["horizon"]
        grid = torch.linspace(0, horizon, _GRID, dtype=torch.float64).to(self.device_)
        with torch.no_grad():
            log = torch.stack([self.net_.log_likelihood(series, x.expand(len(series.visits))) for x in grid], 1)
        prior = torch.log_softmax(-0.5 * ((grid - horizon / 2) / (horizon / 3)).square(), 0)
        return grid, log + prior


def mixed_effects_forecast(
    thinning: pd.DataFrame, years: pd.Series, seen: pd.DataFrame, seen_years: pd.Series, at: pd.Series
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Forecast by linear mixed effects, region by region: a line for all, and each subject's own level and slope.

    Restricted maximum likelihood (Laird & Ware 1982, Biometrics 38:963, doi:10.2307/2529876), all regions side by side.

    Parameters
    ----------
    thinning, years
        Visits to fit to: (O, n), (O,).
    seen, seen_years
        Visits of the subjects to forecast, who may be others; their level and slope are predicted from these (best
        linear unbiased prediction).
    at
        Series (A,): years at which to forecast, index (subject, visit).

    Returns
    -------
    mean, sd : DataFrame (A, n)
        ``sd`` of what a scan will show; the uncertainty of the common line is left out.

    Raises
    ------
    TypeError, ValueError
        Tables that do not fit one another, as for `DiseaseProgression.fit`; a subject to forecast without a visit in
        ``seen``.
    """
    thinning = visit_table(thinning, "thinning")
    visits, _ = _series(thinning, years)
    with one_thread():
        common, between, noise = _random_lines(visits)
    shown, subjects = _series(of_regions(visit_table(seen, "seen"), thinning.columns, "seen"), seen_years, "seen")
    at, who = asked(at, subjects, "seen")
    squares, products, _ = _line_sums(shown)  # (S, 2, 2), (n, S, 2)
    # Of each region (n) and subject (S): G (σ² I + A G)⁻¹ is what a residual is worth.
    gain = between[:, None] @ torch.linalg.inv(noise[:, None, None, None] * torch.eye(2) + squares @ between[:, None])
    missed = products[..., None] - squares @ common[:, None, :, None]
    own = common[:, None] + (gain @ missed)[..., 0]
    left = between[:, None] - gain @ squares @ between[:, None]
    new = torch.stack([torch.ones(len(at), dtype=torch.float64), torch.tensor(at.to_numpy())], 1)
    mean = (own[:, who] * new).sum(-1)
    variance = (new[:, None] @ left[:, who] @ new[..., None])[..., 0, 0] + noise[:, None]
    return tuple(pd.DataFrame(each.T.numpy(), at.index, thinning.columns) for each in (mean, variance.sqrt()))


def _line_sums(series: Series) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Z'Z (S, 2, 2), Z'y (n, S, 2) and y'y (n, S) of each subject, Z = (1, t)."""
    z = torch.stack([torch.ones_like(series.years), series.years], 1)
    count = len(series.visits)

    def by_subject(values: torch.Tensor) -> torch.Tensor:
        return values.new_zeros(count, *values.shape[1:]).index_add(0, series.subject, values)

    squares = by_subject(z[:, :, None] * z[:, None])
    products = by_subject(z[:, None] * series.y[..., None]).transpose(0, 1)
    return squares, products, by_subject(series.y.square()).T


def _random_lines(series: Series) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Fit lines by restricted likelihood: common one (n, 2), covariance of levels and slopes (n, 2, 2), noise (n,).

    The covariance is σ² L L'; the common line and σ² have closed forms given L.
    """
    squares, products, total = _line_sums(series)
    n, freedom = len(products), len(series.years) - 2
    raw = torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64).repeat(n, 1).requires_grad_()

    def solve(raw: torch.Tensor):
        zero = torch.zeros_like(raw[:, 0])
        root = torch.stack([raw[:, 0].exp(), zero, raw[:, 1], raw[:, 2].exp()], 1).view(n, 1, 2, 2)
        inner = torch.eye(2, dtype=raw.dtype) + root.mT @ squares @ root  # (n, S, 2, 2)
        left, pulled = root.mT @ squares, root.mT @ products[..., None]
        weighted = (squares - left.mT @ torch.linalg.solve(inner, left)).sum(1)
        weighted_y = (products[..., None] - left.mT @ torch.linalg.solve(inner, pulled)).sum(1)
        line = torch.linalg.solve(weighted, weighted_y)
        rest = (total - (pulled.mT @ torch.linalg.solve(inner, pulled))[..., 0, 0]).sum(1)
        rest = rest - (weighted_y.mT @ line)[..., 0, 0]
        loss = freedom * rest.log() + torch.linalg.slogdet(inner)[1].sum(1) + torch.linalg.slogdet(weighted)[1]
        return loss, line[..., 0], root[:, 0], rest / freedom

    optimiser = torch.optim.LBFGS([raw], max_iter=300, history_size=50, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        # A slope that nobody has of their own would send its logarithm to −∞: next to no weight stops it.
        loss = solve(raw)[0].sum() + 1e-3 * raw.square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    with torch.no_grad():
        _, line, root, noise = solve(raw)
        return line, noise[:, None, None] * (root @ root.mT), noise
