r"""Genes set the rates: expression programs → rates of spreading pathology → thinning, in one set of equations.

Generative story, for region i of subject s at the visit t years after the subject's first, x = τ_s + t years after the
onset of the disease:

    R_i = R exp(Σ_k a_k p_ik),   C_i = exp(Σ_k b_k p_ik)                      genes → rate, genes → capacity
    ∂u/∂x = −D L u + R_i u (1 − u/C_i)   from a little u in the seeds at x = 0    spread over the network
    A(x) = ∫₀ˣ u dx'   (or u itself)
    tau      = s u(x) + o_u + ε_u,                   ε_u ~ N(0, σ_u²)
    thinning = g A(x) + o_y + c t + ε_y,             ε_y ~ N(0, σ_y²)          burden → thinning, ageing

p are programs, regions × K, each with mean 0 and variance 1. Every unknown has a normal prior (`xsg.across.
joint.PRIOR`); a link that is off has its unknowns fixed. The functions here know tensors: K copies of the model
lie side by side, and derivatives are carried along the solution of the one equation that needs solving.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad

from xsg.spread.physics import ReactionDiffusion

SEED_AMOUNT = 0.1  # u in the seeds at onset: an amount and an age cannot be told apart, so one of them is fixed
_OBSERVED = 5  # unknowns that follow those of the spread: log s, o_u, log g, o_y, c


class Curves(NamedTuple):
    """Burden u and accumulated burden A of K copies at M moments, with derivatives by the Q unknowns of spread."""

    clock: Tensor  # (M,) equally spaced, from 0
    u: Tensor  # (K, M, n)
    a: Tensor  # (K, M, n)
    u_by: Tensor  # (K, Q, M, n)
    a_by: Tensor  # (K, Q, M, n)


class Seen(NamedTuple):
    """What was seen, for K copies: O observations of S subjects in n regions."""

    tau: Tensor  # (K, O, n), 0 where not measured
    tau_valid: Tensor  # (K, O, n), 1 where measured and used
    thinning: Tensor  # (K, O, n)
    thinning_valid: Tensor  # (K, O, n)
    subject: Tensor  # (O,) row number of the subject
    years: Tensor  # (O,) since the subject's first visit


def unknowns(programs: list[str]) -> list[str]:
    """Names of the unknowns that all subjects share, in their order.

    Examples
    --------
    >>> unknowns(["P1"])
    ['log D', 'log R', 'rate P1', 'capacity P1', 'log s', 'o_u', 'log g', 'o_y', 'c']
    """
    links = [f"{link} {program}" for link in ("rate", "capacity") for program in programs]
    return ["log D", "log R", *links, "log s", "o_u", "log g", "o_y", "c"]


def rates(z: Tensor, programs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return D (B,), R_i (B, n) and C_i (B, n) of unknowns z (B, P) and programs (n, K)."""
    k = programs.shape[1]
    rate, capacity = z[:, 2 : 2 + k] @ programs.T, z[:, 2 + k : 2 + 2 * k] @ programs.T
    return z[:, 0].exp(), (z[:, 1:2] + rate).exp(), capacity.exp()


def curves(solver: ReactionDiffusion, u0: Tensor, clock: Tensor, z: Tensor, programs: Tensor, slopes=True) -> Curves:
    """Solve the equation for K copies, z (K, P), along a clock that begins at 0, in one pass for all derivatives."""
    copies, spread = len(z), 2 + 2 * programs.shape[1]
    directions = torch.eye(z.shape[1], dtype=z.dtype)[:spread] if slopes else z.new_zeros(1, z.shape[1])
    many = z.repeat_interleave(len(directions), 0)
    with torch.no_grad(), forward_ad.dual_level():
        dual = forward_ad.make_dual(many, directions.repeat(copies, 1)) if slopes else many
        d, r, c = rates(dual, programs)
        start = (SEED_AMOUNT * u0).expand(len(many), -1)
        u, u_by = forward_ad.unpack_dual(solver.advance(start, clock, d, r, "logistic", len(clock) - 1, c))
        u_by = torch.zeros_like(u) if u_by is None else u_by
    u, u_by = (each.unflatten(0, (copies, -1)) for each in (u, u_by))

    def accumulated(u: Tensor) -> Tensor:
        """∫ u by the trapezoidal rule along the last axis but one."""
        h = clock[1] - clock[0]
        return torch.cumulative_trapezoid(u, dx=float(h), dim=-2)

    zero = torch.zeros_like(u_by[..., :1, :])
    a = torch.cat([zero[:, 0], accumulated(u[:, 0])], 1)
    return Curves(clock, u[:, 0], a, u_by, torch.cat([zero, accumulated(u_by)], 2))


def at(clock: Tensor, values: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Read curves (K, …, M, n) at moments x (K, O): values and slopes (K, …, O, n), by cubic pieces.

    Catmull and Rom's: through every point, with the slope of the line through its neighbours.
    """
    h = clock[1] - clock[0]
    last = len(clock) - 2
    place = (x / h).clamp(0, last + 1)
    left = place.floor().clamp(max=last)
    f = place - left
    weights = (  # of the points left − 1 … left + 2; f and its powers
        (-(f**3) / 2 + f**2 - f / 2, -1.5 * f**2 + 2 * f - 0.5),
        (1.5 * f**3 - 2.5 * f**2 + 1, 4.5 * f**2 - 5 * f),
        (-1.5 * f**3 + 2 * f**2 + f / 2, -4.5 * f**2 + 4 * f + 0.5),
        (f**3 / 2 - f**2 / 2, 1.5 * f**2 - f),
    )
    wide = (len(x), *[1] * (values.ndim - 3), x.shape[1], 1)
    value = slope = 0.0
    for step, (weight, change) in zip((-1, 0, 1, 2), weights, strict=True):
        rows = (left.long() + step).clamp(0, last + 1).view(wide).expand(*values.shape[:-2], -1, values.shape[-1])
        point = values.gather(-2, rows)
        value, slope = value + weight.view(wide) * point, slope + change.view(wide) * point / h
    return value, slope


class Predicted(NamedTuple):
    """What K copies expect to be seen: each (K, O, n)."""

    tau: Tensor
    thinning: Tensor


def predict(found: Curves, z: Tensor, x: Tensor, years: Tensor, accumulate: bool) -> Predicted:
    """Tau and thinning at moments x = τ + t of the disease, (K, O), ``years`` t (O,) after the first visit."""
    log_s, o_u, log_g, o_y, c = (each[:, None, None] for each in z[:, -_OBSERVED:].T)
    u, _ = at(found.clock, found.u, x)
    burden, _ = at(found.clock, found.a, x) if accumulate else (u, None)
    return Predicted(log_s.exp() * u + o_u, log_g.exp() * burden + o_y + c * years[:, None])


class Terms(NamedTuple):
    """The named terms of the loss, each (K,): their sum is −log posterior, up to a constant of the data."""

    tau: Tensor
    thinning: Tensor
    prior: Tensor
    prior_shift: Tensor


def terms(missed: Predicted, seen: Seen, z: Tensor, shift: Tensor, prior: tuple, prior_shift: tuple) -> Terms:
    """Return the loss: (N/2) log(RSS/N) of each kind of observation (σ integrated out), and the priors."""

    def misfit(missed: Tensor, valid: Tensor) -> Tensor:
        number = valid.sum((1, 2))
        return number / 2 * torch.log((missed.square() * valid).sum((1, 2)) / number.clamp(min=1) + 1e-12)

    def normal(value: Tensor, mean: Tensor, precision: Tensor) -> Tensor:
        return 0.5 * (precision * (value - mean) ** 2).sum(1)

    return Terms(
        misfit(missed.tau, seen.tau_valid),
        misfit(missed.thinning, seen.thinning_valid),
        normal(z, *prior),
        normal(shift, *prior_shift),
    )


class Fitted(NamedTuple):
    """The mode of K copies."""

    z: Tensor  # (K, P)
    shift: Tensor  # (K, S) years from onset to the first visit
    covariance: Tensor  # (K, P, P) of z, the shifts unknown
    shift_sd: Tensor  # (K, S)
    terms: Terms
    history: Tensor  # (iterations, K, 4) the terms


def climb(
    solver: ReactionDiffusion,
    u0: Tensor,
    clock: Tensor,
    programs: Tensor,
    seen: Seen,
    *,
    z: Tensor,
    shift: Tensor,
    prior: tuple[Tensor, Tensor],
    prior_shift: tuple[Tensor, Tensor],
    accumulate: bool,
    iterations: int,
) -> Fitted:
    """Climb to the mode of the posterior, K copies side by side, by Levenberg and Marquardt's method.

    A subject's shift touches that subject's residuals only, so that the system of the shifts is diagonal and is
    eliminated (Schur's complement); what is left is P × P a copy.

    Parameters
    ----------
    z, shift
        Where to start, (K, P) and (K, S).
    prior, prior_shift
        Mean and precision, each (K, P), or (K, S) for the shifts. An unknown of endless precision stays where it is.
    """
    (mean, precision), (shift_mean, shift_precision) = prior, prior_shift
    fixed = precision.isinf()
    precision = precision.where(~fixed, 0.0)
    z = torch.where(fixed, mean, z).clone()
    shift = shift.clone()
    subjects = shift.shape[1]
    spread = 2 + 2 * programs.shape[1]
    latest = seen.years.new_zeros(subjects).scatter_reduce(0, seen.subject, seen.years, "amax")

    def by_subject(values: Tensor) -> Tensor:
        """Sum observations (…, O) to subjects (…, S)."""
        return values.new_zeros(*values.shape[:-1], subjects).index_add(-1, seen.subject, values)

    def look(z: Tensor, shift: Tensor, seen: Seen):
        """Residuals and the Gauss-Newton system of some copies."""
        found = curves(solver, u0, clock, z, programs)
        x = shift[:, seen.subject] + seen.years
        s, g = (z[:, -_OBSERVED + k].exp()[:, None, None] for k in (0, 2))
        u, u_slope = at(clock, found.u, x)
        u_by, _ = at(clock, found.u_by, x)
        if accumulate:
            (burden, burden_slope), (burden_by, _) = at(clock, found.a, x), at(clock, found.a_by, x)
        else:
            burden, burden_slope, burden_by = u, u_slope, u_by
        o_u, o_y, c = (z[:, -_OBSERVED + k, None, None] for k in (1, 3, 4))
        years = seen.years[:, None].expand(-1, u.shape[2])
        missed = Predicted(
            (seen.tau - s * u - o_u) * seen.tau_valid,
            (seen.thinning - g * burden - o_y - c * years) * seen.thinning_valid,
        )
        copies, count, n = u.shape
        bend, pull = 0.0, 0.0
        cross, shift_bend, shift_pull = 0.0, 0.0, 0.0
        kinds = (
            (
                missed.tau,
                seen.tau_valid,
                s[:, None] * u_by,
                s * u_slope,
                {spread: s * u, spread + 1: torch.ones_like(u)},
            ),
            (
                missed.thinning,
                seen.thinning_valid,
                g[:, None] * burden_by,
                g * burden_slope,
                {spread + 2: g * burden, spread + 3: torch.ones_like(u), spread + 4: years.expand_as(u)},
            ),
        )
        for miss, valid, by, slope, own in kinds:
            number = valid.sum((1, 2))
            weight = number / (miss.square().sum((1, 2)) + 1e-12 * number).clamp(min=1e-300)
            jacobian = u.new_zeros(copies, z.shape[1], count, n)
            jacobian[:, :spread] = by
            for column, values in own.items():
                jacobian[:, column] = values
            jacobian *= valid[:, None]
            slope = slope * valid
            flat = jacobian.flatten(2)
            w = weight[:, None, None]
            bend = bend + w * (flat @ flat.mT)
            pull = pull + w[..., 0] * (flat @ miss.flatten(1)[..., None])[..., 0]
            cross = cross + w * by_subject((jacobian * slope[:, None]).sum(-1))
            shift_bend = shift_bend + weight[:, None] * by_subject(slope.square().sum(-1))
            shift_pull = shift_pull + weight[:, None] * by_subject((slope * miss).sum(-1))
        return missed, (bend, pull, cross, shift_bend, shift_pull)

    def height(missed: Predicted, rows: Tensor, z: Tensor, shift: Tensor) -> Terms:
        return terms(
            missed,
            seen._replace(tau_valid=seen.tau_valid[rows], thinning_valid=seen.thinning_valid[rows]),
            z,
            shift,
            (mean[rows], precision[rows]),
            (shift_mean[rows], shift_precision[rows]),
        )

    def part(rows: Tensor) -> Seen:
        return Seen(*(each[rows] for each in seen[:4]), seen.subject, seen.years)

    every = torch.arange(len(z))
    missed, system = look(z, shift, seen)
    now = height(missed, every, z, shift)
    history = [torch.stack(now, 1)]
    damping = torch.full((len(z),), 1e-2, dtype=z.dtype)
    active = every
    for _ in range(iterations):
        bend, pull, cross, shift_bend, shift_pull = (each[active] for each in system)
        still = fixed[active]
        pull = (pull - precision[active] * (z[active] - mean[active])).masked_fill(still, 0.0)
        shift_pull = shift_pull - shift_precision[active] * (shift[active] - shift_mean[active])
        held = ((shift[active] <= 0) & (shift_pull < 0)) | ((shift[active] >= clock[-1] - latest) & (shift_pull > 0))
        bend = bend + torch.diag_embed(precision[active])
        bend = bend + torch.diag_embed(damping[active, None] * bend.diagonal(dim1=1, dim2=2) + 1e-9)
        shift_bend = (shift_bend + shift_precision[active]) * (1 + damping[active, None]) + 1e-9
        free = (~held).to(z.dtype)
        ratio = cross * (free / shift_bend)[:, None]
        inner = bend - ratio @ cross.mT
        inner = inner.masked_fill(still[:, :, None] | still[:, None], 0.0) + torch.diag_embed(still.to(z.dtype))
        right = (pull - (ratio @ shift_pull[..., None])[..., 0]).masked_fill(still, 0.0)
        step = torch.linalg.solve(inner, right).clamp(-1, 1)
        shift_step = free * (shift_pull - (cross.mT @ step[..., None])[..., 0]) / shift_bend
        tried = z[active] + step
        tried_shift = (shift[active] + shift_step.clamp(-5, 5)).clamp(min=0).minimum(clock[-1] - latest)
        new_missed, new_system = look(tried, tried_shift, part(active))
        new = height(new_missed, active, tried, tried_shift)
        gain = (torch.stack(now)[:, active] - torch.stack(new)).sum(0)
        better = gain > 0
        chosen = active[better]
        z[chosen], shift[chosen] = tried[better], tried_shift[better]
        for old, fresh in zip((*system, *now), (*new_system, *new), strict=True):
            old[chosen] = fresh[better]
        damping[active] = torch.where(better, damping[active] / 10, damping[active] * 8).clamp(1e-7, 1e7)
        history.append(torch.stack(now, 1))
        active = active[(gain > 1e-3) | ((gain <= 0) & (damping[active] < 1e6))]
        if not len(active):
            break
    bend, _, cross, shift_bend, _ = system
    shift_bend = shift_bend + shift_precision + 1e-12
    ratio = cross / shift_bend[:, None]
    inner = bend + torch.diag_embed(precision) - ratio @ cross.mT
    inner = inner.masked_fill(fixed[:, :, None] | fixed[:, None], 0.0) + torch.diag_embed(fixed.to(z.dtype))
    covariance = torch.linalg.inv(inner).masked_fill(fixed[:, :, None] | fixed[:, None], 0.0)
    through = (ratio.mT @ covariance * ratio.mT).sum(-1)
    return Fitted(z, shift, covariance, (1 / shift_bend + through).sqrt(), now, torch.stack(history))
