r"""Physics: reaction and diffusion on any symmetric Laplacian, batched and differentiable.

.. math::
    \frac{\partial u}{\partial t} = -D\,L\,u + R\,f(u), \qquad 0 \le u \le 1

u is how much pathology a place holds, as a share of the most it can hold; L the combinatorial Laplacian of a masked
grid, a connectome or a cortical graph (so that −L stands where a textbook writes ∇²); D how fast it spreads, R how fast
it grows (in every place alike, or in each at its own rate), f by which law (`LAWS`).

Method: each of the two parts alone has an exact solution. Diffusion is a decay of the Laplacian's eigenvectors,
reaction is a scalar equation with a closed form; Strang's splitting (1968, SIAM Journal on Numerical Analysis 5:506,
doi:10.1137/0705041) alternates half a step of diffusion, a step of reaction, half a step of diffusion, with an error
of second order in the step. Both parts keep u in [0, 1], so every step does, however long. The order matters: on the
disc, with diffusion outside, the error is a third of what it is with reaction outside, and neighbouring half-steps
melt into one.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from xsg.machine import fast_products


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


class _Flow(torch.autograd.Function):
    """The exact reaction step u ↦ φ(u, s), s = R h, with its derivatives by hand: ∂φ/∂u from the law, ∂φ/∂s = f(φ).

    Rounding may leave u a hair outside [0, 1]; it is brought back first, and passes its gradient as if it had not been.
    """

    @staticmethod
    def forward(ctx, u, s, law):
        flowed, slope = law.flow(u.clamp(0, 1), s)
        rate = law.rate(flowed)
        ctx.shape = s.shape
        ctx.save_for_backward(slope, rate)
        ctx.save_for_forward(slope, rate)
        return flowed

    @staticmethod
    def backward(ctx, grad):
        slope, rate = ctx.saved_tensors
        by_u = grad * slope if ctx.needs_input_grad[0] else None
        by_s = (grad * rate).sum_to_size(ctx.shape) if ctx.needs_input_grad[1] else None
        return by_u, by_s, None

    @staticmethod
    def jvp(ctx, along_u, along_s, _):
        slope, rate = ctx.saved_tensors
        parts = [slope * along_u] if along_u is not None else []
        parts += [rate * along_s] if along_s is not None else []
        return sum(parts)


class _ToCapacity(torch.autograd.Function):
    """The exact step u ↦ v of du/ds = u(1 − u/C): where spreading has brought more than C, u falls to it."""

    @staticmethod
    def forward(ctx, u, s, capacity):
        u, left = u.clamp(min=0), torch.exp(-s.clamp(max=80.0))
        below = capacity * left + u * (1 - left)
        v = capacity * u / below
        slopes = left * (capacity / below).square(), v * (1 - v / capacity), (1 - left) * (u / below).square()
        ctx.shapes = u.shape, s.shape, capacity.shape
        ctx.save_for_backward(*slopes)
        ctx.save_for_forward(*slopes)
        return v

    @staticmethod
    def backward(ctx, grad):
        each = zip(ctx.saved_tensors, ctx.shapes, ctx.needs_input_grad, strict=True)
        return tuple((grad * slope).sum_to_size(shape) if needed else None for slope, shape, needed in each)

    @staticmethod
    def jvp(ctx, *along):
        return sum(slope * each for slope, each in zip(ctx.saved_tensors, along, strict=True) if each is not None)


def _numerical(u: Tensor, s: Tensor, rate: Callable[[Tensor], Tensor]) -> Tensor:
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


class _Product(torch.autograd.Function):
    """u ↦ u M for a constant M, by `fast_products` forward, backward and along a tangent; M of n × n decides, not u."""

    @staticmethod
    def forward(ctx, u, matrix):
        ctx.save_for_backward(matrix)
        ctx.save_for_forward(matrix)
        with fast_products(matrix.numel()):
            return u @ matrix

    @staticmethod
    def backward(ctx, grad):
        return _Product.apply(grad, ctx.saved_tensors[0].mH), None

    @staticmethod
    def jvp(ctx, along_u, _):
        return _Product.apply(along_u, ctx.saved_tensors[0])


class _Modes:
    """Diffusion in the eigenbasis of a Laplacian: to the modes, decay, and back, two products (B, n) × (n, n).

    A directed one has complex eigenvectors, and their inverse takes the place of their transpose.
    """

    def __init__(self, laplacian: np.ndarray, directed: bool):
        values, vectors = np.linalg.eig(laplacian) if directed else np.linalg.eigh(laplacian)
        condition = np.linalg.cond(vectors) if directed else 1.0
        if condition > 1e6:
            raise ValueError(
                f"the directed laplacian has eigenvectors of condition {condition:.1e}; expected below 1e6: some are "
                "nearly the same, as on a chain of one-way connections. Add a little of the transpose to the weights."
            )
        if not directed:
            values = values.clip(min=0)
        self.values, self.vectors = torch.tensor(values), torch.tensor(vectors)
        self.inverse = torch.tensor(np.linalg.inv(vectors) if directed else vectors.T)
        self._cast: dict[torch.dtype, tuple[Tensor, Tensor, Tensor]] = {}

    def _basis(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        if dtype not in self._cast:
            kind = dtype.to_complex() if self.vectors.is_complex() else dtype
            enter, leave = (part.to(kind).T.contiguous() for part in (self.inverse, self.vectors))
            self._cast[dtype] = self.values.to(kind), enter, leave
        return self._cast[dtype]

    def enter(self, u: Tensor) -> Tensor:
        basis = self._basis(u.dtype)[1]
        return _Product.apply(u.to(basis.dtype), basis)

    def leave(self, modes: Tensor) -> Tensor:
        u = _Product.apply(modes, self._basis(modes.real.dtype if modes.is_complex() else modes.dtype)[2])
        return u.real if u.is_complex() else u

    def decay(self, d: Tensor, time: Tensor) -> Callable[[Tensor], Tensor]:
        left = torch.exp(-self._basis(d.dtype)[0] * (d * time))
        return lambda modes: modes * left


class _Kernels:
    """Diffusion on a whole rectangle, where it is a product of one heat kernel along each side: u ↦ E₁ u E₂.

    The kernels are formed in float64 and have no negative entry, so that nothing positive comes of nothing: modes in
    float32 leave ±1e-8 in places the pathology has not reached, and growth would make a false seed of each.
    """

    def __init__(self, shape: tuple[int, int]):
        self.shape = shape
        self.sides = []
        for n in shape:
            k = np.arange(n)
            values = 2 - 2 * np.cos(np.pi * k / n)  # of a path's Laplacian; its eigenvectors are the cosines of DCT-II
            vectors = np.cos(np.pi * np.outer(k + 0.5, k) / n) * np.sqrt(np.where(k == 0, 1, 2) / n)
            self.sides.append((torch.tensor(values), torch.tensor(vectors)))

    def enter(self, u: Tensor) -> Tensor:
        return u.unflatten(-1, self.shape)

    def leave(self, u: Tensor) -> Tensor:
        return u.flatten(-2)

    def decay(self, d: Tensor, time: Tensor) -> Callable[[Tensor], Tensor]:
        kernels = []
        for values, vectors in self.sides:
            left = torch.exp(-values * (d * time).double())
            kernels.append(((vectors * left[..., None, :]) @ vectors.T).clamp(min=0).to(d.dtype))
        return lambda u: kernels[0] @ u @ kernels[1]


class ReactionDiffusion:
    """Solver of ∂u/∂t = −D L u + R f(u) for many subjects at once.

    Parameters
    ----------
    laplacian
        Combinatorial Laplacian (n, n): symmetric, rows summing to zero, nothing positive off the diagonal; for instance
        `xsg.Graph.laplacian`. For images use `on_grid`.
    directed
        Take a Laplacian that is not symmetric: entry [i, j] is minus the weight of what i receives from j. A place then
        moves towards the mean of those that it receives from; u stays in [0, 1], its sum is not kept.

    Attributes
    ----------
    n : int
        Number of places.

    Raises
    ------
    ValueError
        The matrix is no such Laplacian.

    Notes
    -----
    Cost of a step is two products of (B, n) with (n, n), and as much again backwards; making the solver costs one
    eigendecomposition, O(n³). float32 is enough for fitting; where R t exceeds about ten and places far from any
    pathology matter, use float64 or a whole rectangle (see `_Kernels`).

    Examples
    --------
    Two places, all pathology in the first; it evens out at the rate 2 D:

    >>> import torch
    >>> solver = ReactionDiffusion([[1, -1], [-1, 1]])
    >>> u = solver.solve(torch.tensor([[1.0, 0.0]]), [0.0, 1.0, 50.0], D=0.5, R=0.0, law="diffusion")
    >>> [[round(v, 3) for v in row] for row in u[0].tolist()]
    [[1.0, 0.0], [0.684, 0.316], [0.5, 0.5]]
    """

    def __init__(self, laplacian: np.ndarray, directed: bool = False):
        laplacian = np.asarray(laplacian, dtype=float)
        if laplacian.ndim != 2 or laplacian.shape[0] != laplacian.shape[1] or not len(laplacian):
            raise ValueError(f"laplacian has shape {laplacian.shape}; expected a square matrix (n, n).")
        scale = max(np.abs(laplacian).max(), 1e-300)
        off = laplacian - np.diag(np.diag(laplacian))
        problems = {
            "not finite": ~np.isfinite(laplacian),
            "not symmetric": (np.abs(laplacian - laplacian.T) > 1e-9 * scale) & (not directed),
            "positive off the diagonal": off > 1e-9 * scale,
            "not zero in the sum of a row": np.broadcast_to(
                np.abs(laplacian.sum(1, keepdims=True)) > 1e-7 * scale, laplacian.shape
            ),
        }
        for problem, where in problems.items():
            if where.any():
                i, j = np.argwhere(where)[0]
                raise ValueError(
                    f"laplacian is {problem}, first at [{i}, {j}] = {laplacian[i, j]:g}. Expected D − W of symmetric "
                    "weights W ≥ 0, as xsg.Graph.laplacian() gives it; directed=True takes one that is not symmetric."
                )
        self.n = len(laplacian)
        self._diffusion = _Modes(laplacian, directed)

    @classmethod
    def on_grid(cls, mask: np.ndarray) -> "ReactionDiffusion":
        """Make the solver for an image: five-point Laplacian, spacing 1, no flux through the edge of the mask.

        Parameters
        ----------
        mask
            bool (H, W): the pixels that take part, n of them, in the order of ``image[mask]``. A mask without holes or
            missing corners is solved by heat kernels, several times as fast.

        Raises
        ------
        ValueError
            The mask is not two-dimensional, or empty.

        Examples
        --------
        >>> ReactionDiffusion.on_grid([[True, True], [True, False]]).n
        3
        """
        mask = np.asarray(mask, dtype=bool)
        if mask.ndim != 2 or not mask.any():
            raise ValueError(f"mask of shape {mask.shape} with {mask.sum()} pixels; expected (H, W) with at least one.")
        if not mask.all():
            return cls(grid_laplacian(mask))
        solver = cls.__new__(cls)
        solver.n, solver._diffusion = mask.size, _Kernels(mask.shape)
        return solver

    def solve(
        self,
        u0: Tensor,
        times: Tensor,
        D: Tensor,
        R: Tensor,
        law: str | Callable[[Tensor], Tensor] = "logistic",
        steps: int = 8,
        capacity: Tensor | None = None,
    ) -> Tensor:
        """Solve from u0 at time 0.

        Parameters
        ----------
        u0
            (B, n), values in [0, 1]; its dtype is computed in.
        times
            When to look, (T,) for all subjects or (B, T) for each: not negative, not decreasing.
        D, R
            Diffusivity and reaction rate, (B,) or one number; units of 1 / time (and spacing², for D on a grid). R may
            also differ from place to place: (B, n), or (1, n) for all subjects.
        law
            A name of `LAWS`, or a function f(u) that maps [0, 1] to rates with f(0) ≥ 0 ≥ f(1), solved numerically.
        steps
            Splitting steps over the whole time, shared among the intervals in proportion to the root of their length
            (what is observed first is steepest); every interval has at least one.
        capacity
            The most that each place can hold, C > 0, (B, n) or (1, n), in place of 1 everywhere; for the logistic law,
            which becomes R u(1 − u/C). u then stays below the larger of its first and of C's largest value.

        Returns
        -------
        Tensor (B, T, n)
            In [0, 1], or as said under ``capacity``; differentiable by u0, D, R and the capacity, backwards and (for
            the named laws) forwards.

        Raises
        ------
        ValueError
            Shapes that do not fit, times that go back, an unknown law, a capacity that is not positive or given with
            another law than the logistic.
        """
        if u0.ndim != 2 or u0.shape[1] != self.n:
            raise ValueError(f"u0 has shape {tuple(u0.shape)}; expected (subjects, {self.n}), one column per place.")
        times, D, R = (torch.as_tensor(value, dtype=u0.dtype) for value in (times, D, R))
        if times.ndim not in (1, 2) or (times.ndim == 2 and len(times) != len(u0)):
            raise ValueError(f"times has shape {tuple(times.shape)}; expected (T,) or ({len(u0)}, T).")
        lengths = torch.diff(times, dim=-1, prepend=torch.zeros_like(times[..., :1]))
        if (lengths < 0).any():
            raise ValueError(f"times go back: {times.tolist()}. Expected 0 ≤ t₁ ≤ t₂ …, counted from u0.")
        for name, value in (("D", D), ("R", R)):
            by_place = name == "R" and value.shape in ((len(u0), self.n), (1, self.n))
            if value.ndim and value.shape != (len(u0),) and not by_place:
                also = f", or by place ({len(u0)} or 1, {self.n})" if name == "R" else ""
                raise ValueError(f"{name} has shape {tuple(value.shape)}; expected one number or ({len(u0)},){also}.")
        if isinstance(law, str) and law not in LAWS:
            raise ValueError(f"law {law!r} is unknown; expected one of {', '.join(map(repr, LAWS))}, or a function.")
        if steps < 1:
            raise ValueError(f"steps is {steps}; expected at least 1.")
        if capacity is not None:
            capacity = torch.as_tensor(capacity, dtype=u0.dtype)
            if capacity.shape not in ((len(u0), self.n), (1, self.n)) or not (capacity > 0).all() or law != "logistic":
                raise ValueError(
                    f"capacity has shape {tuple(capacity.shape)}, least value {float(capacity.min()):g}, law {law!r}; "
                    f"expected ({len(u0)} or 1, {self.n}), all above 0, and the law 'logistic'."
                )
        d, r = D.reshape(-1, 1), R if R.ndim == 2 else R.reshape(-1, 1)
        lengths = lengths.expand(len(u0), -1) if lengths.ndim == 2 else lengths[None]

        way = self._diffusion
        decays: dict[tuple, Callable[[Tensor], Tensor]] = {}

        def decay(state: Tensor, time: Tensor) -> Tensor:
            key = tuple(time.flatten().tolist())  # intervals of one step length share the exponentials
            if key not in decays:
                decays[key] = way.decay(d, time)
            return decays[key](state)

        state, seen = way.enter(u0), []
        for length, count in zip(lengths.T[..., None], _share(lengths, steps), strict=True):
            if count == 0:  # nobody's time has moved on
                seen.append(seen[-1] if seen else u0)
                continue
            if law == "diffusion":
                state = decay(state, length)
            else:
                h = length / count
                state = decay(state, h / 2)
                for step in range(count):
                    u = way.leave(state)
                    if capacity is not None:
                        u = _ToCapacity.apply(u, r * h, capacity)
                    else:
                        u = _Flow.apply(u, r * h, LAWS[law]) if isinstance(law, str) else _numerical(u, r * h, law)
                    state = decay(way.enter(u), h if step < count - 1 else h / 2)
            seen.append(way.leave(state).clamp(0, None if capacity is not None else 1))
        return torch.stack(seen, dim=1)


def _share(lengths: Tensor, steps: int) -> list[int]:
    """Share steps among intervals (B or 1, T) by the root of their mean length, at least one to each that has any."""
    mean = lengths.double().mean(0)
    root = mean.sqrt()
    wanted = steps * root / root.sum().clamp(min=1e-300)
    return [max(1, round(float(w))) if length > 0 else 0 for w, length in zip(wanted, mean, strict=True)]


def grid_laplacian(mask: np.ndarray) -> np.ndarray:
    """Five-point Laplacian D − W of the pixels of a mask (H, W), each joined to its neighbours in the mask: (n, n).

    Nothing joins a pixel to what is outside, so nothing flows there.

    Examples
    --------
    >>> grid_laplacian(np.array([[True, True], [True, False]])).tolist()
    [[2.0, -1.0, -1.0], [-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]
    """
    mask = np.asarray(mask, dtype=bool)
    number = np.full(mask.shape, -1)
    number[mask] = np.arange(mask.sum())
    weights = np.zeros((mask.sum(), mask.sum()))
    for first, second in ((number[1:], number[:-1]), (number[:, 1:], number[:, :-1])):
        both = (first >= 0) & (second >= 0)
        weights[first[both], second[both]] = weights[second[both], first[both]] = 1.0
    return np.diag(weights.sum(1)) - weights
