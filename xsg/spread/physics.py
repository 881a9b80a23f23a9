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

The eigenvectors of large images and networks are out of reach; diffusion is then a sum of products with the sparse
Laplacian, as exact (`xsg.spread.products`).
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from torch import Tensor
from torch.autograd import forward_ad

from xsg.check import array, choice, flag, labels, matched, number, plausible
from xsg.spread.diffusion import Kernels, Modes
from xsg.spread.growth import LAWS, Flow, Law, ToCapacity, numerical
from xsg.spread.laplacian import (
    as_dense,
    as_laplacian,
    as_mask,
    few_joined,
    grid_laplacian,
    sparse_grid_laplacian,
)
from xsg.spread.products import Products

__all__ = ["LAWS", "Law", "ReactionDiffusion", "grid_laplacian", "sparse_grid_laplacian"]

METHODS = ("auto", "modes", "products")

# How far outside [0, 1] rounding may leave a state that is handed in: it is brought back without a word.
_ROUNDING = 1e-5


class ReactionDiffusion:
    """Solver of ∂u/∂t = −D L u + R f(u) for many subjects at once.

    Parameters
    ----------
    laplacian
        Combinatorial Laplacian (n, n): symmetric, rows summing to zero, nothing positive off the diagonal; for instance
        `xsg.Graph.laplacian`. Dense or sparse, an array, list, tensor or table. For images use `on_grid`.
    directed
        Take a Laplacian that is not symmetric: entry [i, j] is minus the weight of what i receives from j. A place then
        moves towards the mean of those that it receives from; u stays in [0, 1], its sum is not kept.
    method
        How diffusion is solved. "modes": in the eigenbasis, dense, up to 20,000 places. "products": by products with a
        sparse matrix, of any size (see `xsg.spread.products`). "auto": products where there are more than 2,000 places
        and few of their pairs are joined.

    Attributes
    ----------
    n : int
        Number of places.
    places : Index or None
        Their names, if the Laplacian is a table; states that are tables are then joined by name.

    Raises
    ------
    TypeError, ValueError
        The matrix is no such Laplacian.

    Notes
    -----
    By modes, a step costs two products of (B, n) with (n, n), and as much again backwards; making the solver costs one
    eigendecomposition, O(n³). By products both are O(n), times the number of terms: somewhat more than λ, the largest
    D h times the largest degree (h a step), or from λ = 100 on a few times its root. float32 is enough for fitting;
    where R t exceeds about ten and places far from any pathology matter, use float64, products, or a whole rectangle
    (see `xsg.spread.diffusion.Kernels`).

    Examples
    --------
    Two places, all pathology in the first; it evens out at the rate 2 D:

    >>> import torch
    >>> solver = ReactionDiffusion([[1, -1], [-1, 1]])
    >>> u = solver.solve(torch.tensor([[1.0, 0.0]]), [0.0, 1.0, 50.0], D=0.5, R=0.0, law="diffusion")
    >>> [[round(v, 3) for v in row] for row in u[0].tolist()]
    [[1.0, 0.0], [0.684, 0.316], [0.5, 0.5]]
    """

    def __init__(self, laplacian: np.ndarray, directed: bool = False, method: str = "auto"):
        choice(method, METHODS, "method")
        directed = flag(directed, "directed")
        self._laplacian, self.places = as_laplacian(laplacian, directed)
        self.n, self._directed, self._products = self._laplacian.shape[0], directed, None
        if method == "products" or (method == "auto" and few_joined(self._laplacian)):
            self._diffusion = self._by_products()
        else:
            self._diffusion = Modes(as_dense(self._laplacian), directed)

    @classmethod
    def on_grid(cls, mask: np.ndarray, method: str = "auto") -> "ReactionDiffusion":
        """Make the solver for an image: `grid_laplacian`, spacing 1, no flux through the edge of the mask.

        Parameters
        ----------
        mask
            bool (H, W), or any other number of axes: the pixels that take part, n of them, in the order of
            ``image[mask]``.
        method
            As for the class; with "auto", a mask without holes or missing corners is solved by heat kernels, several
            times as fast.

        Raises
        ------
        TypeError, ValueError
            The mask holds anything but 0 and 1, or is empty.

        Examples
        --------
        >>> ReactionDiffusion.on_grid([[True, True], [True, False]]).n
        3
        """
        mask = as_mask(mask)
        choice(method, METHODS, "method")
        if not mask.all() or method != "auto":
            return cls(sparse_grid_laplacian(mask), method=method)
        solver = cls.__new__(cls)
        solver.n, solver.places, solver._diffusion = mask.size, None, Kernels(mask.shape)
        solver._laplacian, solver._directed, solver._products = None, False, None
        return solver

    def _by_products(self) -> Products:
        """Return diffusion by products, whatever the method."""
        if self._products is None:
            if self._laplacian is None:
                self._laplacian = sparse_grid_laplacian(np.ones(self._diffusion.shape, dtype=bool))
            self._products = Products(sparse.csr_array(self._laplacian), self._directed)
        return self._products

    def solve(
        self,
        u0: Tensor,
        times: Tensor,
        D: Tensor,
        R: Tensor,
        law: str | Callable[[Tensor], Tensor] = "logistic",
        steps: int = 8,
        capacity: Tensor | None = None,
        inside: Tensor | None = None,
    ) -> Tensor:
        """Solve from u0 at time 0.

        Parameters
        ----------
        u0
            (B, n), values in [0, 1]: array, table, list or tensor. float32 and float64 are computed in as they are,
            all else (whole numbers, booleans, lists, half precision) in float64. What rounding left outside, by at most
            1e-5, is brought back.
        times
            When to look, (T,) for all subjects or (B, T) for each: not negative, not decreasing. The rows of tables,
            here and below, are joined to the subjects of a u0 that is a table, by name.
        D, R
            Diffusivity and reaction rate, (B,) or one number, 0 or more; units of 1 / time (and spacing², for D on a
            grid). R may also differ from place to place: (B, n), or (1, n) for all subjects.
        law
            A name of `LAWS`, or a function f(u) that maps [0, 1] to rates with f(0) ≥ 0 ≥ f(1), solved numerically.
        steps
            Splitting steps over the whole time, shared among the intervals in proportion to the root of their length
            (what is observed first is steepest); every interval has at least one.
        capacity
            The most that each place can hold, C > 0, (B, n) or (1, n), in place of 1 everywhere; for the logistic law,
            which becomes R u(1 − u/C). u0 may then be as large as the larger of 1 and of C's largest value, and u
            stays below that.
        inside
            The places that take part of each subject, 1 or True, (B, n) or (1, n), where subjects have other places
            than all: what is spread among them stays among them, L u = m ⊙ (A m ⊙ u − A (m ⊙ u)) with weights A and m
            these places. Elsewhere u is 0, whatever u0, R and the capacity hold there, NaN included. Solved by products
            at any size.

        Returns
        -------
        Tensor (B, T, n)
            In [0, 1], or as said under ``capacity``; differentiable once by u0, D, R and the capacity, backwards and
            (for the named laws) forwards; not by times.

        Raises
        ------
        TypeError
            What is no array of real numbers.
        ValueError
            Shapes that do not fit, states outside [0, 1], negative rates, times that go back, values that are not
            finite, an unknown law, a capacity that is not positive or given with another law than the logistic.
        """
        found = self.advance(*self.checked(u0, times, D, R, law, steps, capacity, inside))
        if not found.isfinite().all():
            raise ValueError(
                f"the solution is not finite, with rates up to D = {_largest(D)}, R = {_largest(R)} and times up to "
                f"{_largest(times)}. Choose other units of time, or look at the law."
            )
        return found

    def checked(
        self,
        u0: Tensor,
        times: Tensor,
        D: Tensor,
        R: Tensor,
        law: str | Callable[[Tensor], Tensor] = "logistic",
        steps: int = 8,
        capacity: Tensor | None = None,
        inside: Tensor | None = None,
    ) -> tuple:
        """Return what `solve` is given as `advance` wants it, or refuse it as `solve` does."""
        subjects, rows = labels(u0, 0), u0.index if isinstance(u0, pd.DataFrame) else None
        u0 = _tensor(u0, "u0", self.places)
        if u0.ndim != 2 or u0.shape[1] != self.n or not len(u0):
            one = " One subject is a row: u0[None]." if u0.shape == (self.n,) else ""
            raise ValueError(
                f"u0 has shape {tuple(u0.shape)}; expected (subjects, {self.n}), one column per place.{one}"
            )
        times = _tensor(_by_subject(times, rows, "times", 1), "times", None).to(u0)
        if times.requires_grad or forward_ad.unpack_dual(times).tangent is not None:
            raise ValueError("times require a gradient, but the solution has none by times: detach them.")
        D, R = (
            _tensor(value, what, subjects if isinstance(value, pd.Series) else self.places).to(u0)
            for value, what in ((D, "D"), (_by_subject(R, rows, "R"), "R"))
        )
        if times.ndim not in (1, 2) or (times.ndim == 2 and len(times) != len(u0)) or not times.shape[-1]:
            raise ValueError(f"times has shape {tuple(times.shape)}; expected (T,) or ({len(u0)}, T), T at least 1.")
        if not times.isfinite().all():
            raise ValueError(f"times hold {float(times[~times.isfinite()][0])}; expected 0 ≤ t₁ ≤ t₂ …, all finite.")
        if (torch.diff(times, dim=-1, prepend=torch.zeros_like(times[..., :1])) < 0).any():
            raise ValueError(f"times go back: {times.tolist()}. Expected 0 ≤ t₁ ≤ t₂ …, counted from u0.")
        if inside is not None:
            inside = _by_subject(inside, rows, "inside")
            inside = _places_inside(_tensor(inside, "inside", self.places).to(u0), u0)
            u0 = torch.where(inside > 0, u0, 0)
            if R.shape in (u0.shape, (1, self.n)):
                R = _where_it_counts(R, inside, 0.0, zero=True)
        for name, value in (("D", D), ("R", R)):
            by_place = name == "R" and value.shape in ((len(u0), self.n), (1, self.n))
            if value.ndim and value.shape != (len(u0),) and not by_place:
                also = f", or by place ({len(u0)} or 1, {self.n})" if name == "R" else ""
                raise ValueError(f"{name} has shape {tuple(value.shape)}; expected one number or ({len(u0)},){also}.")
            if not ((value >= 0) & (value < torch.inf)).all():
                array(value.tolist(), name)  # names what is not finite
                plausible(value.tolist(), "rate", name)
        steps = number(steps, "steps", 1, whole=True)
        if not callable(law):
            choice(law, LAWS, "law (a name, or a function f(u))" if not isinstance(law, str) else "law")
        if capacity is not None:
            capacity = _tensor(_by_subject(capacity, rows, "capacity"), "capacity", self.places).to(u0)
            if inside is not None and capacity.shape in (u0.shape, (1, self.n)):
                capacity = _where_it_counts(capacity, inside, 1.0, zero=False)
            good = ((capacity > 0) & (capacity < torch.inf)).all()
            if capacity.shape not in ((len(u0), self.n), (1, self.n)) or not good or law != "logistic":
                least = float(capacity.detach().min()) if capacity.numel() else np.nan
                raise ValueError(
                    f"capacity has shape {tuple(capacity.shape)}, least value {least:g}, law {law!r}; "
                    f"expected ({len(u0)} or 1, {self.n}), all above 0, and the law 'logistic'."
                )
        most = 1.0 if capacity is None else max(1.0, float(capacity.detach().max()))
        low, high = (float(end) for end in torch.aminmax(u0.detach()))
        if not (low >= -_ROUNDING and high <= most + _ROUNDING):
            _refuse_state(u0, most)
        if low < 0 or high > most:
            u0 = u0.clamp(0, most)
        if callable(law):
            _check_law(law, u0)
        return u0, times, D, R, law, steps, capacity, inside

    def advance(
        self,
        u0: Tensor,
        times: Tensor,
        D: Tensor,
        R: Tensor,
        law: str | Callable[[Tensor], Tensor] | tuple[str, ...],
        steps: int,
        capacity: Tensor | None = None,
        inside: Tensor | None = None,
    ) -> Tensor:
        """Solve as `solve` does, but take tensors of one dtype for granted and check nothing: for training loops.

        ``law`` may also be a tuple of K names: the rows of u0, of times and of the rates are then K blocks of equal
        size, one for each. Small batches under several laws are quicker so, for spreading is the same for all.
        """
        lengths = torch.diff(times, dim=-1, prepend=torch.zeros_like(times[..., :1]))
        d, r = D.reshape(-1, 1), R if R.ndim == 2 else R.reshape(-1, 1)
        lengths = lengths.expand(len(u0), -1) if lengths.ndim == 2 else lengths[None]

        def grow(u: Tensor, s: Tensor) -> Tensor:
            if capacity is not None:
                return ToCapacity.apply(u, s, capacity)
            if isinstance(law, tuple):
                blocks = zip(u.chunk(len(law)), s.chunk(len(law)), law, strict=True)
                return torch.cat([Flow.apply(part, amount, LAWS[name]) for part, amount, name in blocks])
            return Flow.apply(u, s, LAWS[law]) if isinstance(law, str) else numerical(u, s, law)

        way = self._diffusion
        if inside is not None:
            way, u0 = self._by_products().within(inside), u0 * inside
        decays: dict[tuple, Callable[[Tensor], Tensor]] = {}

        def decay(state: Tensor, time: Tensor) -> Tensor:
            key = tuple(time.flatten().tolist())  # intervals of one step length share the exponentials
            if key not in decays:
                decays[key] = way.decay(d, time)
            return decays[key](state)

        amounts: dict[tuple, Tensor] = {}

        def amount(time: Tensor) -> Tensor:
            if r.requires_grad:  # backwards, every step adds to the gradient by itself
                return r * time
            key = tuple(time.flatten().tolist())  # along a tangent r h is dear: steps of one length share it
            if key not in amounts:
                amounts[key] = r * time
            return amounts[key]

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
                    u = grow(way.leave(state), amount(h))
                    state = decay(way.enter(u), h if step < count - 1 else h / 2)
            seen.append(way.leave(state).clamp(0, None if capacity is not None else 1))
        return torch.stack(seen, dim=1)


def _share(lengths: Tensor, steps: int) -> list[int]:
    """Share steps among intervals (B or 1, T) by the root of their mean length, at least one to each that has any."""
    mean = lengths.double().mean(0)
    root = mean.sqrt()
    wanted = steps * root / root.sum().clamp(min=1e-300)
    return [max(1, round(float(w))) if length > 0 else 0 for w, length in zip(wanted, mean, strict=True)]


def _tensor(value: object, what: str, names: pd.Index | None) -> Tensor:
    """Return real numbers in any plain form as a tensor, float32 or float64; tables are joined by name."""
    if isinstance(value, (list, tuple)) and len(value) and all(isinstance(each, Tensor) for each in value):
        if len({each.shape for each in value}) > 1:
            raise ValueError(f"{what}: tensors of shapes {[tuple(each.shape) for each in value]}; expected equal ones.")
        value = torch.stack(tuple(value))
    if not isinstance(value, Tensor):
        single = getattr(value, "dtype", None) == np.float32
        if isinstance(value, (pd.Series, pd.DataFrame)):
            value = matched(value, names, what)
        found = array(value, what, dtype=np.float32 if single else float, finite=False)
        value = torch.tensor(np.array(found, order="C"))
    if value.is_complex():
        raise TypeError(f"{what}: expected real numbers, got {value.dtype}.")
    return value if value.dtype in (torch.float32, torch.float64) else value.double()


def _by_subject(value: object, rows: pd.Index | None, what: str, fewest: int = 2) -> object:
    """Return a table with its rows in the order of the subjects of u0, whose names they have, or refuse it.

    Of fewer rows, one is for all; what is no table, or stands beside none, is taken in order.
    """
    if rows is None or not isinstance(value, pd.DataFrame) or len(value) < fewest:
        return value
    if labels(value, 0) is None and len(value) != len(rows):
        return value  # of a shape that is refused
    order = matched(pd.Series(np.arange(len(value)), value.index), rows, f"{what}, by subject")
    return value.iloc[order.astype(int)]


def _places_inside(inside: Tensor, u0: Tensor) -> Tensor:
    """Return which places take part (B, n), or refuse what does not say so."""
    if inside.shape not in (u0.shape, (1, u0.shape[1])):
        raise ValueError(f"inside has shape {tuple(inside.shape)}; expected ({len(u0)} or 1, {u0.shape[1]}).")
    odd = inside[(inside != 0) & (inside != 1)]
    if len(odd):
        raise ValueError(f"inside holds {float(odd[0]):g}; expected True and False, or 1 and 0.")
    if not inside.any(1).all():
        raise ValueError(f"inside has no place of subject {int((~inside.any(1)).nonzero()[0])}; expected one at least.")
    return inside.expand_as(u0)


def _where_it_counts(value: Tensor, inside: Tensor, rest: float, zero: bool) -> Tensor:
    """Return rates or capacities with a number in place of what is none, where a subject has no place."""
    good = ((value >= 0) if zero else (value > 0)) & (value < torch.inf)
    idle = ~good & (inside == 0)
    return torch.where(idle, rest, value) if idle.any() else value


def _refuse_state(u0: Tensor, most: float) -> None:
    """Name the first value that no state has."""
    values = np.array(u0.tolist())
    outside = ~((values >= -_ROUNDING) & (values <= most + _ROUNDING))
    i, j = np.argwhere(outside)[0]
    value = values[i, j]
    hint = "scale it to a share of the most that a place can hold."
    if np.isnan(value):
        hint = "fill what was not measured, or leave such places out."
    elif 1 < value <= 100:
        hint = "if it is in percent, divide by 100."
    raise ValueError(
        f"u0 at ({i}, {j}) is {value:g}; expected a state from 0 to {most:g}; {outside.sum()} of {values.size} values "
        f"are not. To mend it, {hint}"
    )


def _check_law(law: Callable[[Tensor], Tensor], u0: Tensor) -> None:
    """Refuse a function that is no law of growth, for which u would leave [0, 1]."""
    for end, (wrong, sign) in ((0.0, (torch.lt, "≥")), (1.0, (torch.gt, "≤"))):
        state = torch.full_like(u0.detach(), end)
        rate = law(state)
        if not isinstance(rate, Tensor) or rate.shape != state.shape:
            raise TypeError(
                f"the law returns {tuple(rate.shape) if isinstance(rate, Tensor) else type(rate).__name__}; expected a "
                f"tensor of rates of the shape of the state, {tuple(state.shape)}."
            )
        if wrong(rate, -_ROUNDING if end == 0 else _ROUNDING).any():
            raise ValueError(f"the law is f({end:g}) = {float(rate.flatten()[0]):g}; expected f({end:g}) {sign} 0.")


def _largest(value: object) -> str:
    return f"{float(_tensor(value, 'value', None).detach().max()):g}"
