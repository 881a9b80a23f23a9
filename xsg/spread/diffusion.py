"""Diffusion alone, solved exactly: in the eigenbasis of a Laplacian, or by heat kernels on a rectangle."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from xsg.machine import fast_products
from xsg.spread.laplacian import grid_laplacian

_JUMPS, _EXPECTED = 40, 4.0  # where so many jumps are expected, 40 or more have a probability below 1e-25


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


class Modes:
    """Diffusion in the eigenbasis of a Laplacian: to the modes, decay, and back, two products (B, n) × (n, n).

    A directed one has complex eigenvectors, and their inverse takes the place of their transpose.
    """

    def __init__(self, laplacian: np.ndarray, directed: bool):
        values, vectors = np.linalg.eig(laplacian) if directed else np.linalg.eigh(laplacian)
        condition = np.linalg.cond(vectors) if directed else 1.0
        if condition > 1e6:
            raise ValueError(
                f"the directed laplacian has eigenvectors of condition {condition:.1e}; expected below 1e6: some are "
                "nearly the same, as on a chain of one-way connections. Use method='products', or add a little of the "
                "transpose to the weights."
            )
        if not directed:
            values = values.clip(min=0)
        self.values, self.vectors = torch.tensor(values), torch.tensor(vectors)
        self.inverse = torch.tensor(np.linalg.inv(vectors) if directed else vectors.T)
        self._cast: dict[tuple[torch.dtype, torch.device], tuple[Tensor, Tensor, Tensor]] = {}

    def _basis(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the basis in the precision, and on the device, of what it is to meet."""
        dtype, place = like.real.dtype if like.is_complex() else like.dtype, like.device
        if (dtype, place) not in self._cast:
            kind = dtype.to_complex() if self.vectors.is_complex() else dtype
            enter, leave = (part.to(kind).T.contiguous().to(place) for part in (self.inverse, self.vectors))
            self._cast[dtype, place] = self.values.to(kind).to(place), enter, leave
        return self._cast[dtype, place]

    def enter(self, u: Tensor) -> Tensor:
        """Return the state as what decays: its modes."""
        basis = self._basis(u)[1]
        return _Product.apply(u.to(basis.dtype), basis)

    def leave(self, modes: Tensor) -> Tensor:
        """Return the state (B, n) again."""
        u = _Product.apply(modes, self._basis(modes)[2])
        return u.real if u.is_complex() else u

    def decay(self, d: Tensor, time: Tensor) -> Callable[[Tensor], Tensor]:
        """Return what a time of diffusion makes of the modes."""
        left = torch.exp(-self._basis(d)[0] * (d * time))
        return lambda modes: modes * left


class Kernels:
    """Diffusion on a whole rectangle, where it is a product of one heat kernel along each side: u ↦ E₁ u E₂.

    (A line has one side, a box three.)

    The kernels are formed in float64 and by uniformisation: diffusion along a line is a walk that jumps, two times in
    a unit of time, to a neighbour or, at an end, half of the time nowhere, so that exp(−Lt) is a mean of the powers of
    one matrix without negative entries, with the weights of a Poisson law; what takes longer is squared. All of it only
    adds, so that what is small is as exact as what is large, and nothing positive comes of nothing: modes leave ±1e-8
    (1e-17 in float64) in places the pathology has not reached, and growth would make a false seed of each.

    Grassmann (1977), Computers & Operations Research 4:47.
    """

    def __init__(self, shape: tuple[int, ...]):
        self.shape, self.powers = shape, {}
        for n in set(shape):
            jump = torch.tensor(np.eye(n) - grid_laplacian(np.ones(n, dtype=bool)) / 2)
            powers = [torch.eye(n, dtype=torch.float64)]
            while len(powers) < _JUMPS:
                powers.append(powers[-1] @ jump)
            self.powers[n] = torch.stack(powers).flatten(1)

    def enter(self, u: Tensor) -> Tensor:
        """Return the state as what decays: the rectangle."""
        return u.unflatten(-1, self.shape)

    def leave(self, u: Tensor) -> Tensor:
        """Return the state (B, n) again."""
        return u.flatten(-len(self.shape))

    def decay(self, d: Tensor, time: Tensor) -> Callable[[Tensor], Tensor]:
        """Return what a time of diffusion makes of the rectangle."""
        expected = 2 * (d * time).double()  # jumps
        squarings = math.ceil(math.log2(max(1.0, float(expected.detach().max()) / _EXPECTED)))
        expected = expected / 2**squarings
        ratios = (expected / torch.arange(1, _JUMPS, device=d.device)).cumprod(-1)
        weights = torch.exp(-expected) * torch.cat([torch.ones_like(expected), ratios], dim=-1)
        by_length = {}
        for n, powers in self.powers.items():
            kernel = (weights @ powers.to(d.device)).unflatten(-1, (n, n))
            for _ in range(squarings):
                kernel = kernel @ kernel
            # The product of two is then no subnormal number: these, processors multiply slowly.
            least = torch.finfo(d.dtype).tiny ** 0.5
            by_length[n] = torch.nn.functional.threshold(kernel, least, 0.0).to(d.dtype)
        kernels = [by_length[n] for n in self.shape]
        if len(kernels) == 2:
            return lambda u: kernels[0] @ u @ kernels[1]

        def along_each(u: Tensor) -> Tensor:
            for side, kernel in enumerate(kernels, 1):
                last = u.movedim(side, -1)
                rows = last.reshape(len(u), -1, last.shape[-1]) @ kernel  # a kernel is symmetric
                u = rows.reshape(last.shape).movedim(-1, side)
            return u

        return along_each
