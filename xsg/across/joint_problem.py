"""What fits of `CrossScaleSpread` work on: tables read into tensors, priors, units and where to start; K copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from xsg.across.joint_model import Curves, Fitted, Seen, Terms, at, climb, curves, predict, unknowns
from xsg.across.joint_tables import laplacian_of, programs_table, same_visits, seed_rows, visits_table, years_of
from xsg.machine import moved, on
from xsg.spread.physics import ReactionDiffusion
from xsg.training.tables import training_rows

if TYPE_CHECKING:
    from xsg.across.joint import CrossScaleSpread

# Mean and sd of the normal prior of each unknown. Tau and thinning are in units of their root mean square here, years
# are years, the network has a mean degree of 1; all programs share the prior of "rate" and that of "capacity". What has
# years in it is wide, so that what one cross-section says of years (nothing) is not made up by priors.
PRIOR = {
    "log D": (float(np.log(0.1)), 2.5),
    "log R": (float(np.log(0.4)), 1.0),
    "rate": (0.0, 0.5),
    "capacity": (0.0, 0.5),
    "log s": (0.5, 1.5),
    "o_u": (0.0, 1.0),
    "log g": (float(np.log(0.2)), 2.5),
    "o_y": (0.0, 1.0),
    "c": (0.0, 0.3),
}
KINDS = ("tau", "thinning")
_OFF = -50.0  # log s, log g of what is not there
_FEWEST = 5  # regions to learn from


@dataclass
class Problem:
    """All that K fits need: K copies of what was seen, and what the copies share."""

    model: CrossScaleSpread
    regions: pd.Index
    names: list[str]  # of the programs
    programs: Tensor  # (n, programs), mean 0, variance 1
    laplacian: Tensor
    network: bool
    visits: pd.Index
    subjects: pd.Index
    seen: Seen  # as given: tau, thinning in the units of the user
    solver: ReactionDiffusion | None = None  # made anew unless given

    def __post_init__(self):
        self.solver = self.solver or ReactionDiffusion(self.laplacian.numpy())
        self.u0 = torch.tensor(seed_rows(self.model.seeds, self.regions).astype(float))[None]
        self.clock = torch.linspace(0, self.model.horizon, self.model.points, dtype=torch.float64)
        self.unknowns = unknowns(self.names)
        self.rms = []
        for values, valid in ((self.seen.tau, self.seen.tau_valid), (self.seen.thinning, self.seen.thinning_valid)):
            rms = ((values.square() * valid).sum((1, 2)) / valid.sum((1, 2)).clamp(min=1)).sqrt()
            self.rms.append(rms.where(rms > 0, 1.0))
        tau, thinning = self.rms
        one = torch.ones_like(tau)
        of = {"log s": tau, "o_u": tau, "log g": thinning, "o_y": thinning, "c": thinning}
        self.units = [of.get(name, one) for name in self.unknowns]
        link = [name if name in PRIOR else name.split()[0] for name in self.unknowns]
        mean, sd = torch.tensor([PRIOR[name] for name in link], dtype=torch.float64).T
        off = {"rate": not self.model.rate, "capacity": not self.model.capacity, "log D": not self.network}
        no_atrophy = self.model.atrophy == "none" or not self.seen.thinning_valid.any()
        no_tau = not self.seen.tau_valid.any()
        off |= {"log g": no_atrophy, "log s": no_tau, "o_u": no_tau, "o_y": not self.seen.thinning_valid.any()}
        # Years since the first visit say what ageing does; of one visit each, nothing does.
        off |= {"c": not self.seen.years.any()}
        off = torch.tensor([off.get(name, False) for name in link])
        mean = mean.where(
            ~off | torch.tensor([name in ("rate", "capacity", "c", "log D", "o_u", "o_y") for name in link]), _OFF
        )
        copies, count = len(self.seen.tau), len(self.subjects)
        precision = (sd**-2).where(~off, torch.inf)
        self.prior = mean.repeat(copies, 1), precision.repeat(copies, 1)
        # Next to flat from 0 to the horizon: the shifts of many subjects would else bring a clock with them.
        middle = torch.full((copies, count), self.model.horizon / 2, dtype=torch.float64)
        self.prior_shift = middle, (20 * middle) ** -2

    def scaled(self) -> Seen:
        """Return what was seen, tau and thinning in units of their root mean square."""
        tau, thinning = (rms[:, None, None] for rms in self.rms)
        return self.seen._replace(tau=self.seen.tau / tau, thinning=self.seen.thinning / thinning)

    def curves(self, z: Tensor) -> Curves:
        """Solve the equation along the clock, without derivatives."""
        return curves(self.solver, self.u0, self.clock, z, self.programs, slopes=False)

    def expected(self, z: Tensor, x: Tensor, years: Tensor | None = None) -> dict[str, np.ndarray]:
        """Tau and thinning (K, O, n) at moments x (K, O), in the units of the user."""
        years = self.seen.years if years is None else years
        found = predict(self.curves(z), z, x, years, self.model.atrophy == "accumulated")
        return {
            kind: (each * rms[:, None, None]).numpy() for kind, each, rms in zip(KINDS, found, self.rms, strict=True)
        }

    def climb(self, z: Tensor, shift: Tensor, iterations: int) -> Fitted:
        """Climb on the model's device; what is found is brought back."""
        place = self.model._place()
        world = moved((self.u0, self.clock, self.programs, self.scaled()), place)
        z, shift, prior, prior_shift = moved((z, shift, self.prior, self.prior_shift), place)
        with on(place):
            found = climb(
                self.solver,
                *world,
                z=z,
                shift=shift,
                prior=prior,
                prior_shift=prior_shift,
                accumulate=self.model.atrophy == "accumulated",
                iterations=iterations,
            )
        return moved(found, "cpu")

    def part(self, rows: Tensor) -> Problem:
        """Return some of the copies, or some of them several times."""
        seen = Seen(*(each[rows] for each in self.seen[:4]), *self.seen[4:])
        return Problem(
            self.model, self.regions, self.names, self.programs, self.laplacian, self.network, self.visits,
            self.subjects, seen, self.solver,
        )  # fmt: skip

    def repeated(self, times: int) -> Problem:
        """Return the first copy so many times."""
        return self.part(torch.zeros(times, dtype=torch.long))

    def start(self, d: float, r: float) -> tuple[Tensor, Tensor]:
        """Unknowns to start from, and the shifts at which the curves of such rates are nearest to what was seen."""
        z = self.prior[0].clone()
        z[:, 0], z[:, 1] = (np.log(d) if self.network else z[:, 0]), np.log(r)
        seen, last = self.scaled(), len(self.clock) - 1
        found = self.curves(z[:1])
        copies, count = len(z), len(self.subjects)
        latest = torch.zeros(count, dtype=z.dtype).scatter_reduce(0, seen.subject, seen.years, "amax")
        middle = at(self.clock, found.a, torch.full((1, 1), self.model.horizon / 2, dtype=z.dtype))[0].quantile(0.99)
        best, shift = torch.full((copies, count), torch.inf, dtype=z.dtype), torch.zeros(copies, count, dtype=z.dtype)
        has_tau = bool(seen.tau_valid.any())
        observed, valid = (seen.tau, seen.tau_valid) if has_tau else (seen.thinning, seen.thinning_valid)
        top = torch.stack([each[there > 0].quantile(0.99) for each, there in zip(observed, valid, strict=True)])
        top = top.clamp(min=0.1)
        scale = top if has_tau else top / middle.clamp(min=1e-3)
        source = found.u if has_tau or self.model.atrophy != "accumulated" else found.a
        if not has_tau and self.model.atrophy != "accumulated":
            scale = top
        for guess in self.clock[1 : last + 1 : max(1, last // 24)]:
            moments = torch.minimum(guess, self.model.horizon - latest)[None]
            curve, _ = at(self.clock, source, moments[:, seen.subject] + seen.years)
            off = ((observed - scale[:, None, None] * curve).square() * valid).sum(-1)
            off = torch.zeros_like(best).index_add(-1, seen.subject, off)
            nearer = off < best
            best, shift = torch.where(nearer, off, best), torch.where(nearer, moments.expand(copies, -1), shift)
        names = list(self.unknowns)
        if has_tau:
            z[:, names.index("log s")] = scale.log()
        k = names.index("log g")
        if not self.prior[1][0, k].isinf():
            source = found.a if self.model.atrophy == "accumulated" else found.u
            burden, _ = at(self.clock, source.expand(copies, -1, -1), shift[:, seen.subject] + seen.years)
            fit = (seen.thinning * burden * seen.thinning_valid).sum((1, 2))
            z[:, k] = (fit / (burden.square() * seen.thinning_valid).sum((1, 2)).clamp(min=1e-9)).clamp(min=1e-3).log()
        return z, shift


def refuse_infinite(found: Fitted, begin: int) -> None:
    """Refuse a fit that has diverged, naming the term of the loss."""
    wrong = ~torch.stack([*found.terms, found.z.sum(1)]).isfinite()
    if wrong.any():
        term, copy = wrong.nonzero()[0].tolist()
        name = repr([*Terms._fields, "the unknowns"][term])
        raise FloatingPointError(
            f"{name} of the loss is not finite (copy {begin + copy}). Look for extreme values in tau, thinning or "
            "programs."
        )


def read_problem(model, programs, thinning, tau, graph, years, train) -> Problem:
    """Bring tables into the order of the programs' regions, and into tensors; refuse what does not fit."""
    programs = programs_table(programs)
    regions = programs.index
    model._check(regions)
    tables = {"tau": tau, "thinning": thinning}
    tables = {
        kind: None if each[0] is None else [visits_table(one, regions, kind) for one in each]
        for kind, each in tables.items()
    }
    there = [each for each in tables.values() if each is not None]
    if not there:
        raise ValueError("neither thinning nor tau was given; expected at least one of them.")
    visits = there[0][0].index
    arrays = {}
    for kind, many in tables.items():
        if many is None:
            arrays[kind] = np.full((len(train), len(visits), len(regions)), np.nan)
            continue
        rows = []
        for table in many:
            found = same_visits(table, visits)
            if found is None:
                raise ValueError(
                    f"{kind}: {len(table)} visits, other than the {len(visits)} first given; expected the same index."
                )
            rows.append(found.to_numpy())
        arrays[kind] = np.stack(rows)
    t = years_of(years, visits)
    if not (np.isfinite(t).all() and (t >= 0).all() and (t < model.horizon).all()):
        raise ValueError(
            f"years run from {t.min()} to {t.max()}; expected 0 up to less than the horizon, {model.horizon}."
        )
    subject, subjects = pd.factorize(visits.get_level_values(0))
    trained = np.stack([training_rows(names, regions)[None] for names in train])
    valid = {kind: np.isfinite(values) & trained for kind, values in arrays.items()}
    used = (valid["tau"] | valid["thinning"]).any(axis=1).sum(axis=1).min()
    if used < _FEWEST:
        raise ValueError(f"{used} regions to learn from; expected at least {_FEWEST} with values.")
    laplacian = laplacian_of(graph, regions)
    x = programs.to_numpy(dtype=float)
    tensors = []
    for kind in KINDS:
        tensors += [torch.tensor(np.nan_to_num(arrays[kind])), torch.tensor(valid[kind].astype(float))]
    return Problem(
        model,
        regions,
        [str(name) for name in programs.columns],
        torch.tensor((x - x.mean(axis=0)) / x.std(axis=0)),
        torch.tensor(laplacian),
        graph is not None,
        visits,
        pd.Index(subjects),
        Seen(*tensors, torch.tensor(subject), torch.tensor(t)),
    )
