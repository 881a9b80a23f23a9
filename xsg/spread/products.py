r"""Diffusion by products with a sparse matrix: time and memory in proportion to the number of places.

A walker who leaves a place i at the rate Lᵢᵢ for a neighbour jumps, seen by a clock that ticks Λ = max Lᵢᵢ times in a
unit of time, by the matrix P = 1 − L/Λ, which has no negative entry and rows that sum to one. Diffusion is a mean of
its powers, or of its Chebyshev polynomials, after λ = Λ D t expected jumps:

.. math::
    e^{-Dt\,L} = \sum_k e^{-\lambda}\frac{\lambda^k}{k!}\,P^k
               = e^{-\lambda}\Bigl(I_0(\lambda) + 2\sum_{k>0} I_k(\lambda)\,T_k(P)\Bigr)

The first sum (uniformisation: Grassmann 1977, Computers & Operations Research 4:47) only adds: nothing
positive comes of nothing, and what is small is exact to its own digits; it needs somewhat more than λ terms. The
second (Tal-Ezer & Kosloff 1984, Journal of Chemical Physics 81:3967) needs a few times √λ, but P must be symmetric,
and rounding, of about 1e-17, leaves traces in places the pathology has not reached. So the first is used wherever it
has few terms or P is not symmetric.
"""

import copy
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse, special
from torch import Tensor
from torch.nn import functional

from xsg.machine import sparse_tensor
from xsg.spread.growth import once

# Expected jumps up to which the positive sum is taken. It is then the quicker: the other one, whose rounding errors add
# up, is always computed in float64.
_POSITIVE_UP_TO = {torch.float32: 100.0, torch.float64: 40.0}
# Expected jumps beyond which a sum is refused, by whether it can only be the positive one: over a million terms of it.
_MOST_JUMPS = {False: 1e10, True: 1e6}
# Bytes of the states that are multiplied at once: a few such fit into a processor's cache.
_AT_ONCE = 8 * 2**20
_COLUMNS = 4, 16  # at least and at most so many subjects at once
_TERMS = 64  # whose weights are written so at once
_TILE = 256  # rows for which weights by subject are written side by side: a loop over a few numbers is slow
# Powers of two: to which the largest number is lifted, and how far below it a number counts as nothing. Far from any
# pathology the terms would otherwise be subnormal numbers, which processors multiply slowly.
_LIFTED = {torch.float32: (100, 60), torch.float64: (900, 500)}


class _Plan(NamedTuple):
    """How some subjects are to be solved: who, with which weights (terms, subjects or 1), of which polynomials."""

    rows: Tensor
    weights: Tensor
    chebyshev: bool


class Products:
    """Diffusion as a sum of products of a sparse matrix (n, n) with the states of some subjects, side by side.

    Parameters
    ----------
    laplacian
        Sparse (n, n), as `xsg.spread.laplacian.as_laplacian` returns it.
    directed
        Whether it may be asymmetric.
    """

    def __init__(self, laplacian: sparse.csr_array, directed: bool = False):
        self.n, self.directed = laplacian.shape[0], directed
        degrees = laplacian.diagonal()
        self.rate = float(degrees.max()) or 1.0  # jumps in a unit of time
        self._weights = sparse.csr_array((sparse.diags_array(degrees) - laplacian) / self.rate)
        self._cast: dict[tuple, Tensor] = {}
        self.inside, self._keeps = None, {}

    def __deepcopy__(self, memo: dict) -> "Products":
        """Copy all but the matrices for torch, which has no copy of them: they are made again where they are used."""
        twin = memo[id(self)] = copy.copy(self)
        twin.__dict__ |= {name: copy.deepcopy(value, memo) for name, value in vars(self).items() if name != "_cast"}
        twin._cast = {}
        return twin

    def within(self, inside: Tensor) -> "Products":
        """Return the diffusion among the places that take part of each subject, (B, n) of zeros and ones.

        Its Laplacian is m ⊙ (A m ⊙ u − A (m ⊙ u)), with weights A and m the subject's places: nothing flows out.
        """
        part = copy.copy(self)  # shares the matrices
        part.inside, part._keeps = inside, {}
        return part

    def _group(self, rows: Tensor, like: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return the places of some subjects, and the share that stays in each, (n, b) in a state's precision."""
        if self.inside is None:
            return None
        if like.dtype not in self._keeps:
            exact, weights = self.inside.double(), self._matrix(like, False, False).double()
            self._keeps[like.dtype] = (exact - exact * (weights @ exact.T).T).clamp(min=0).to(like.dtype)
        return _upright(self.inside, rows).to(like.dtype), _upright(self._keeps[like.dtype], rows)

    def _matrix(self, like: Tensor, whole: bool, transposed: bool) -> Tensor:
        """Return P, or (not whole) what jumps, P without those who stay, in a state's precision and on its device.

        Weights are rounded towards zero, and who does not jump stays: rows sum to one far beyond that precision.
        Otherwise each of hundreds of jumps would lose, or make, the same few 1e-8.
        """
        transposed = transposed and self.directed
        key = whole, transposed, like.dtype, like.device
        if key not in self._cast:
            weights = self._weights.copy()
            if like.dtype == torch.float32:
                nearest = weights.data.astype(np.float32)
                weights.data = np.where(nearest > weights.data, np.nextafter(nearest, np.float32(0)), nearest)
                weights.data = weights.data.astype(float)
            stays = (1 - weights.sum(axis=1)).clip(min=0)
            matrix = weights + sparse.diags_array(stays) if whole else weights
            self._cast[key] = sparse_tensor(matrix.T if transposed else matrix, like)
        return self._cast[key]

    def enter(self, u: Tensor) -> Tensor:
        """Return the state as what decays: itself."""
        return u

    def leave(self, u: Tensor) -> Tensor:
        """Return the state (B, n) again."""
        return u

    def decay(self, d: Tensor, time: Tensor) -> Callable[[Tensor], Tensor]:
        """Return what a time of diffusion makes of the states."""
        length, time = time, d * time
        plans: dict[tuple, list[_Plan]] = {}

        def left(u: Tensor) -> Tensor:
            key = len(u), u.dtype
            if key not in plans:
                self._refuse_far(d.detach(), length.detach())
                plans[key] = self._plan(time.detach(), u)
            return _Decay.apply(u, time, self, plans[key])

        return left

    def _refuse_far(self, d: Tensor, time: Tensor) -> None:
        """Refuse what would take too many terms, minutes of them or gigabytes."""
        jumps = (self.rate * (d * time).double()).flatten()
        jumps = torch.where(jumps.isfinite(), jumps, 0)  # what is not finite stays so
        largest, most = float(jumps.max()), _MOST_JUMPS[self.directed]
        if largest > most:
            d, time = (float(each.expand_as(d * time).flatten()[jumps.argmax()]) for each in (d, time))
            way = "; or take method='modes', for which no time is too long" if self.inside is None else ""
            raise ValueError(
                f"diffusion by products of D = {d:g} over a time of {time:g}, with a largest degree of {self.rate:g}, "
                f"would take {largest:.2g} expected jumps; expected at most {most:g}. Look at the units of D, of time "
                f"and of the laplacian{way}."
            )

    def _plan(self, time: Tensor, u: Tensor) -> list[_Plan]:
        """Sort the subjects by how far they spread, cut them into groups, and weight the terms of each."""
        few, many = _COLUMNS
        size = min(many, max(few, _AT_ONCE // (self.n * u.element_size())))
        jumps = (self.rate * time.double()).flatten().cpu()
        order = jumps.argsort() if len(jumps) > 1 else torch.arange(len(u))
        found = []
        for rows in order.split(size):
            weights, chebyshev = _weights((jumps[rows] if len(jumps) > 1 else jumps).numpy(), u.dtype, self.directed)
            dtype = torch.float64 if chebyshev else u.dtype
            found.append(_Plan(rows.to(u.device), torch.tensor(weights).to(u.device, dtype), chebyshev))
        return found

    def _step(self, x: Tensor, into: Tensor, group: tuple | None, transposed: bool, twice_less: bool) -> Tensor:
        """Write P x, or 2 P x less what is there, into a state (n, b)."""
        many, less = (2, -1) if twice_less else (1, 0)
        if group is None:
            return into.addmm_(self._matrix(x, True, transposed), x, alpha=many, beta=less)
        inside, keeps = group
        into.addmm_(self._matrix(x, False, transposed), x, alpha=many, beta=less)
        return into.mul_(inside).addcmul_(keeps, x, value=many)

    def spread(self, u: Tensor, plans: list[_Plan], transposed: bool = False) -> Tensor:
        """Return exp(−D t L) u (B, n), or of the transposed L."""
        found = torch.empty_like(u)
        for rows, weights, chebyshev in plans:
            now = _upright(u, rows).to(weights.dtype)
            group = self._group(rows, now)
            if group is not None:
                now *= group[0]
            now, scale, least = _lift(now)
            total, spare = torch.zeros_like(now), torch.zeros_like(now)
            for k, weight in enumerate(_rows(weights, now.shape[1], min(_TILE, self.n))):
                if k:
                    self._step(now, spare, group, transposed, chebyshev and k > 1)
                    now, spare = spare, now
                _add(total, now, weight)
            found[rows] = (functional.hardshrink(total, least).T / scale).to(u.dtype)
        return found

    def flow(self, u: Tensor, plans: list[_Plan], transposed: bool = False) -> Tensor:
        """Return L u (B, n), or of the transposed L."""
        found = torch.empty_like(u)
        for rows, *_ in plans:
            x = _upright(u, rows)
            moved = self._step(x, torch.zeros_like(x), self._group(rows, x), transposed, False)
            found[rows] = (x - moved).T
        return found.mul_(self.rate)


def _upright(u: Tensor, rows: Tensor) -> Tensor:
    """Return some subjects side by side, (n, b)."""
    return u[rows].T.contiguous()


def _rows(weights: Tensor, width: int, tile: int) -> Iterator[Tensor]:
    """Yield the weights of each term, by subject and repeated for a tile of rows; only some terms' at a time."""
    for some in weights.split(_TERMS):
        yield from some.expand(-1, width).repeat(1, tile)


def _add(total: Tensor, x: Tensor, weight: Tensor) -> None:
    """Add states (n, b), weighted by subject, to others; the weights (b,) are repeated for some rows, for speed."""
    total, x = total.view(-1), x.view(-1)
    even = len(x) // len(weight) * len(weight)
    total[:even].view(-1, len(weight)).addcmul_(x[:even].view(-1, len(weight)), weight)
    total[even:].addcmul_(x[even:], weight[: len(x) - even])


def _lift(x: Tensor) -> tuple[Tensor, float, float]:
    """Return states times a power of two, so that no term becomes subnormal; that power; and what counts as nothing."""
    peak, (top, depth) = float(x.abs().amax()), _LIFTED[x.dtype]
    if not 0 < peak < math.inf:
        return x, 1.0, 0.0
    scale = 2.0 ** min(top - math.frexp(peak)[1], top + 20)
    least = peak * scale * 2.0**-depth
    return functional.hardshrink(x.mul_(scale), least), scale, least


def _weights(jumps: np.ndarray, dtype: torch.dtype, directed: bool) -> tuple[np.ndarray, bool]:
    """Return the weights (terms, subjects) of powers or of Chebyshev polynomials, and whether of these.

    They sum to one; what is left out for it is below a quarter of the rounding of one.
    """
    most = float(jumps.max())
    if not math.isfinite(most):
        return np.full((1, len(jumps)), np.nan), False
    chebyshev = not directed and most > _POSITIVE_UP_TO[dtype]
    enough = torch.finfo(torch.float64 if chebyshev else dtype).eps / 4
    far = 2 * math.sqrt(most * -math.log(enough)) - math.log(enough)
    k = np.arange(1 + math.ceil(far if chebyshev else most + far))[:, None]

    def weigh(jumps: np.ndarray) -> np.ndarray:
        if chebyshev:
            return np.where(k > 0, 2, 1) * special.ive(k, jumps)
        return np.exp(special.xlogy(k, jumps) - jumps - special.gammaln(k + 1))

    left = weigh(np.array([most]))[::-1].cumsum()[::-1]  # what each term weighs with those after it
    k = k[: max(1, int((left > enough).sum()))]
    weights = weigh(jumps)
    weights[weights < torch.finfo(dtype).eps ** 2] = 0  # rather than subnormal
    return weights / weights.sum(0), chebyshev


class _Decay(torch.autograd.Function):
    """u, τ ↦ exp(−τ L) u with τ = D t by subject: backwards the transposed of the same, by τ minus what then flows.

    Nothing of the sum is kept, so that memory does not grow with the number of terms.
    """

    @staticmethod
    def forward(ctx, u, time, way, plans):
        found = way.spread(u, plans)
        ctx.way, ctx.plans, ctx.shape = way, plans, time.shape
        ctx.save_for_backward(found)
        ctx.save_for_forward(found)
        return found

    @staticmethod
    @once
    def backward(ctx, grad):
        (found,) = ctx.saved_tensors
        by_u = ctx.way.spread(grad, ctx.plans, transposed=True) if ctx.needs_input_grad[0] else None
        by_time = None
        if ctx.needs_input_grad[1]:
            by_time = -(ctx.way.flow(found, ctx.plans) * grad).sum(-1, keepdim=True).sum_to_size(ctx.shape)
        return by_u, by_time, None, None

    @staticmethod
    def jvp(ctx, along_u, along_time, *_):
        (found,) = ctx.saved_tensors
        parts = [ctx.way.spread(along_u, ctx.plans)] if along_u is not None else []
        parts += [-along_time * ctx.way.flow(found, ctx.plans)] if along_time is not None else []
        return sum(parts)
