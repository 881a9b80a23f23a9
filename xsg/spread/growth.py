"""Laws of growth: du/ds = f(u) for each place by itself, solved exactly, with derivatives; see `xsg.spread.physics`."""

from collections.abc import Callable
from functools import wraps
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Law(NamedTuple):
    """A law of growth: its name's formula, its rate f(u), and its exact flow."""

    formula: str
    rate: Callable[[Tensor], Tensor]
    # (u, s = R h) ↦ u after the time h, and its derivative by u
    flow: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def _logistic(u: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """Solve du/ds = u(1 − u)."""
    left = torch.exp(-s.clamp(max=80.0))  # beyond, float32 would lose what is left of 1 − u
    below = u + (1 - u) * left
    return u / below, left / below.square()


def _lambert(x: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """Solve x_s + ln x_s = x + ln x + s for x_s > 0 by Newton's method in w = ln x_s (Lambert's W, in other words).

    Returns x_s and f(u_s)/f(u), f(u) = x/(1 + x)³ in both of the laws that lead here.
    """
    log = x.log()
    k = x + log + s
    first = s / (1 + x)
    if s.max() > 2:  # the tangent may be far above: ln k is nearer then, and from above Newton's method falls straight
        guess = torch.where(k > 1, k, torch.e).log().where(k > 1, torch.inf)
        w = torch.minimum(log + first, guess)
    else:
        w = log + first - x / (1 + x) * first.square() / 2  # Taylor's polynomial
    enough = torch.finfo(x.dtype).eps ** 0.5  # Newton doubles the digits: the step after this one is below rounding
    for _ in range(100):
        e = w.exp()
        step = (e + w - k) / (1 + e)
        w = w - step
        if step.abs().max() < enough:
            break
    later = w.exp()
    return later, later / x * ((1 + x) / (1 + later)) ** 3


def _odds(u: Tensor) -> Tensor:
    """u/(1 − u), kept clear of 0 and infinity."""
    tiny = 1e-20
    return (u.clamp(min=tiny) / (1 - u).clamp(min=tiny)).clamp(tiny, 1 / tiny)


def _damped(u: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """Solve du/ds = u(1 − u)²: with x = u/(1 − u), x + ln x grows by s."""
    x, slope = _lambert(_odds(u), s)
    return x / (1 + x), slope


def _cooperative(u: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """Solve du/ds = u²(1 − u): with x = (1 − u)/u, x + ln x falls by s."""
    x, slope = _lambert(1 / _odds(u), -s)
    return 1 / (1 + x), slope


def _rest(u: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    return u, torch.ones_like(u)


LAWS: dict[str, Law] = {
    "diffusion": Law("0", torch.zeros_like, _rest),
    "logistic": Law("u(1 − u)", lambda u: u * (1 - u), _logistic),
    "damped": Law("u(1 − u)²", lambda u: u * (1 - u).square(), _damped),
    "cooperative": Law("u²(1 − u)", lambda u: u.square() * (1 - u), _cooperative),
}


def once(backward: Callable) -> Callable:
    """Let a gradient by hand be taken, but not differentiated again: what it was made of knows nothing of the inputs.

    torch's own mark for it is silent where the gradient that comes in depends on nothing, and the second is then 0.
    """

    @wraps(backward)
    def checked(ctx: object, grad: Tensor) -> tuple:
        if torch.is_grad_enabled():
            raise RuntimeError(
                "the solver is differentiable once: its gradient cannot be taken with create_graph=True, as second "
                "derivatives need. Take differences of first ones, or give the law as a function and solve by modes."
            )
        return backward(ctx, grad)

    return checked


class Flow(torch.autograd.Function):
    """The exact reaction step u ↦ φ(u, s), s = R h, with its derivatives by hand: ∂φ/∂u from the law, ∂φ/∂s = f(φ).

    Rounding may leave u a hair outside [0, 1]; it is brought back first, and passes its gradient as if it had not been.
    """

    @staticmethod
    def forward(ctx, u, s, law):
        """Return φ(u, s)."""
        flowed, slope = law.flow(u.clamp(0, 1), s)
        rate = law.rate(flowed)
        ctx.shape = s.shape
        ctx.save_for_backward(slope, rate)
        ctx.save_for_forward(slope, rate)
        return flowed

    @staticmethod
    @once
    def backward(ctx, grad):
        """Return the gradient by each argument."""
        slope, rate = ctx.saved_tensors
        by_u = grad * slope if ctx.needs_input_grad[0] else None
        by_s = (grad * rate).sum_to_size(ctx.shape) if ctx.needs_input_grad[1] else None
        return by_u, by_s, None

    @staticmethod
    def jvp(ctx, along_u, along_s, _):
        """Return the tangent."""
        slope, rate = ctx.saved_tensors
        parts = [slope * along_u] if along_u is not None else []
        parts += [rate * along_s] if along_s is not None else []
        return sum(parts)


class ToCapacity(torch.autograd.Function):
    """The exact step u ↦ v of du/ds = u(1 − u/C): where spreading has brought more than C, u falls to it."""

    @staticmethod
    def forward(ctx, u, s, capacity):
        """Return v."""
        u, left = u.clamp(min=0), torch.exp(-s.clamp(max=80.0))
        below = capacity * left + u * (1 - left)
        v = capacity * u / below
        slopes = left * (capacity / below).square(), v * (1 - v / capacity), (1 - left) * (u / below).square()
        ctx.shapes = u.shape, s.shape, capacity.shape
        ctx.save_for_backward(*slopes)
        ctx.save_for_forward(*slopes)
        return v

    @staticmethod
    @once
    def backward(ctx, grad):
        """Return the gradient by each argument."""
        each = zip(ctx.saved_tensors, ctx.shapes, ctx.needs_input_grad, strict=True)
        return tuple((grad * slope).sum_to_size(shape) if needed else None for slope, shape, needed in each)

    @staticmethod
    def jvp(ctx, *along):
        """Return the tangent."""
        return sum(slope * each for slope, each in zip(ctx.saved_tensors, along, strict=True) if each is not None)


def numerical(u: Tensor, s: Tensor, rate: Callable[[Tensor], Tensor]) -> Tensor:
    """Solve du/ds = rate(u) for a law without a closed form: classical Runge-Kutta, substeps of at most 1/4 in s."""
    u = u.clamp(0, 1)
    substeps = max(1, int(np.ceil(4 * float(s.detach().abs().max()))))
    h = s / substeps
    for _ in range(substeps):
        k1 = rate(u)
        k2 = rate(u + h / 2 * k1)
        k3 = rate(u + h / 2 * k2)
        k4 = rate(u + h * k3)
        u = u + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return u.clamp(0, 1)
