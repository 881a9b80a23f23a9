"""The loop that trains K copies of a cross-scale network at once, whatever they are for."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from xsg.atlas.graphs import Graph, SparseGraph, joined
from xsg.models.cross_scale import DENSE_UP_TO, CrossScaleNet, Propagate, dense_propagation, sparse_propagation
from xsg.models.cross_scale_gradient import HandGradient, serves
from xsg.training.loop import Loop

# Epochs whose noise is drawn at once: a draw per epoch and copy would cost more than the epoch itself.
_NOISE_BLOCK = 25
# What is z-scored stays well below.
_EXTREME = 1e3


@dataclass(frozen=True)
class Wiring:
    """A graph over n regions as the network wants it.

    Attributes
    ----------
    n
        Number of regions.
    edges, edge_weight
        Each undirected edge once (2, E), and its weight (E,).
    normalised, laplacian
        Â and L, (1, n, n) or, of K graphs, (K, n, n); None on a graph too large to be dense.
    """

    n: int
    edges: Tensor
    edge_weight: Tensor
    normalised: Tensor | None
    laplacian: Tensor | None

    def to(self, device: torch.device) -> "Wiring":
        """Return the same graph on a device."""
        dense = (each if each is None else each.to(device) for each in (self.normalised, self.laplacian))
        return Wiring(self.n, self.edges.to(device), self.edge_weight.to(device), *dense)

    @property
    def propagate(self) -> Propagate:
        """The map h ↦ Â h."""
        if self.normalised is not None:
            return dense_propagation(self.normalised)
        both = torch.cat([self.edges, self.edges.flip(0)], dim=1)
        return sparse_propagation(both, self.edge_weight.repeat(2), self.n)


def wire(graph: Graph | SparseGraph | None, regions: pd.Index) -> Wiring:
    """Bring a graph into the regions' order; None is the graph without edges."""
    n = len(regions)
    if graph is None:
        empty = torch.zeros(2, 0, dtype=torch.long), torch.zeros(0)
        return Wiring(n, *empty, *((torch.eye(n)[None], torch.zeros(1, n, n)) if n <= DENSE_UP_TO else (None, None)))
    graph = joined(graph, regions, "expression").check()
    edges = torch.tensor(graph.edges)
    weight = torch.tensor(graph.edge_weights, dtype=torch.float32)
    if n > DENSE_UP_TO:
        return Wiring(n, edges, weight, None, None)
    if isinstance(graph, SparseGraph):
        graph = graph.dense()
    dense = (torch.tensor(matrix, dtype=torch.float32)[None] for matrix in (graph.normalised(), graph.laplacian()))
    return Wiring(n, edges, weight, *dense)


class Trained(NamedTuple):
    """What `train` hands back."""

    history: pd.DataFrame  # by (epoch, copy): each term of the loss
    best_epoch: np.ndarray  # (K,)
    interrupted: bool
    predicted: Tensor  # (K, n) standardised thinning at the posterior mean


class _Autograd:
    """The same call as `HandGradient`, by automatic differentiation: for any loss, and graphs too large to be dense."""

    def __init__(
        self, net: CrossScaleNet, x: Tensor, wiring: Wiring, y: Tensor, weight: Tensor, **loss: float | Tensor
    ):
        self.net, self.x, self.wiring, self.y, self.weight, self.loss = net, x, wiring, y, weight, loss
        passing = wiring.propagate
        # The first layer propagates the features, which never change.
        first = passing(x)
        self.propagate = lambda h: first if h is x else passing(h)
        self.names: list[str] = []

    def __call__(self, noise: Tensor, terms: bool = True) -> Tensor:
        wiring = self.wiring
        output = self.net(self.x, self.propagate, noise)
        found = self.net.loss(output, self.y, self.weight, wiring.edges, wiring.edge_weight, x=self.x, **self.loss)
        self.names = list(found)
        for name, term in found.items():
            if getattr(term, "shape", None) != self.y.shape[:1]:
                raise ValueError(
                    f"the term {name!r} of {type(self.net).__name__}.loss is {str(getattr(term, 'shape', term))[:60]}; "
                    f"expected a tensor ({len(self.y)},), a number for each copy: sum over regions and programs only."
                )
        stacked = torch.stack(list(found.values()))
        self.net.zero_grad(set_to_none=False)
        stacked.sum().backward()
        return stacked.detach()

    @torch.no_grad()
    def predict(self) -> Tensor:
        return self.net(self.x, self.propagate).thinning


def _gather(net: CrossScaleNet) -> Tensor:
    """Move all parameters, and their gradients, into one tensor each, of which they become views.

    One tensor is one call of Adam. In it comes parameter after parameter, and within a parameter copy after copy. Each
    copy of a parameter begins at a multiple of 16 numbers, so that the processor's vector instructions never end in a
    remainder: it is rounded differently, and would depend on how many copies there are.
    """
    parameters = list(net.parameters())
    copies = len(parameters[0])
    sizes = [parameter[0].numel() for parameter in parameters]
    padded = [-(-size // 16) * 16 for size in sizes]
    flat = torch.zeros(copies * sum(padded), device=parameters[0].device)
    flat.grad = torch.zeros_like(flat)
    ends = np.cumsum(padded) * copies
    for parameter, size, width, end in zip(parameters, sizes, padded, ends, strict=True):
        value, gradient = (
            each[end - copies * width : end].view(copies, width)[:, :size].view(parameter.shape)
            for each in (flat, flat.grad)
        )
        value.copy_(parameter.detach())
        parameter.data, parameter.grad = value, gradient
    return flat


class _Adam:
    """Adam on one tensor and its gradient: the fused step of `torch.optim.Adam`, without the search for what to step.

    For a hundred small models the search takes half as long as the step.
    """

    def __init__(self, flat: Tensor, lr: float):
        self.flat, self.lr = [flat], lr
        self.means, self.squares = [torch.zeros_like(flat)], [torch.zeros_like(flat)]
        self.steps = [torch.zeros((), device=flat.device)]

    @torch.inference_mode()
    def step(self) -> None:
        """Go one step."""
        self.steps[0] += 1
        torch._fused_adam_(
            self.flat,
            [self.flat[0].grad],
            self.means,
            self.squares,
            [],
            self.steps,
            lr=self.lr,
            beta1=0.9,
            beta2=0.999,
            weight_decay=0.0,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )


def train(
    net: CrossScaleNet,
    x: Tensor,
    y: Tensor,
    weight: Tensor,
    wiring: Wiring,
    generators: list[torch.Generator],
    *,
    epochs: int,
    lr: float,
    validation: Tensor | None = None,
    patience: int = 50,
    progress: bool = False,
    keep: bool = False,
    history: bool = True,
    **loss: float | Tensor,
) -> Trained:
    """Minimise the loss of all K copies together; x (n, q) or (K, n, q); y, weight and validation (K, n).

    The copies share no term, so the gradient of the summed loss is each copy's own, and Adam works parameter by
    parameter: K copies are trained exactly as they would be alone. With ``validation`` (1 where a region judges, never
    where it trains) each copy ends in its state of least validation error, and is left alone once it has not improved
    for ``patience`` epochs; training stops when that is so for all. Copies whose generators are of one seed are given
    the same noise, drawn once. Without ``history`` only the first term of the loss is worked out and noted.

    Ctrl-C ends training and is raised; with ``keep``, once an epoch is finished, the network is left in its best state
    instead, with a warning.
    """
    copies, n, latent = len(generators), x.shape[-2], net.mean.weight.shape[-1]
    flat = _gather(net)
    if wiring.normalised is None or not serves(type(net)):
        gradient = _Autograd(net, x, wiring, y, weight, **loss)
    else:
        gradient = HandGradient(net, x, wiring.normalised, wiring.laplacian, y, weight, **loss)
    seeds = [generator.initial_seed() for generator in generators]
    first = {seed: seeds.index(seed) for seed in seeds}
    row = torch.tensor([list(first).index(seed) for seed in seeds])
    row = row if len(first) > 1 else slice(None)  # one seed: one noise for all
    optimiser = _Adam(flat, lr)
    judged = validation is not None
    with Loop(
        net,
        epochs,
        lr=lr,
        advice=lambda: _way_out(x, y),
        what=f"training {copies} model(s)",
        progress=progress,
        keep=("best" if judged else "now") if keep else None,
        restore=judged,
        copies=copies,
        patience=patience if judged else np.inf,
    ) as loop:
        for epoch in loop:
            if epoch % _NOISE_BLOCK == 0:
                draws = [torch.randn(_NOISE_BLOCK, n, latent, generator=generators[k]) for k in first.values()]
                noise = torch.stack(draws).to(x.device)
            terms = gradient(noise[row, epoch % _NOISE_BLOCK], history)
            names, error = gradient.names[: len(terms)], None
            loop.look(names, terms)
            optimiser.step()
            if judged:
                error = ((y - gradient.predict()).square() * validation).sum(-1) / validation.sum(-1)
                names, terms = [*names, "validation"], torch.cat([terms, error[None]])
            loop.note(names, terms, error)
    net.zero_grad()  # a gradient as large as the weights is of no more use
    predicted = gradient.predict().cpu()
    loop.finite("a prediction", predicted)
    return Trained(loop.history, loop.best_epoch, loop.interrupted, predicted)


def _way_out(x: Tensor, y: Tensor) -> str:
    """Say what to look at when a loss is lost: the data where they are extreme, else the step size."""
    for what, values in (("expression", x), ("thinning", y)):
        largest = float(values.abs().max())
        if not largest < _EXTREME:
            return (
                f"The normalised {what} reaches {largest:.3g}, expected some units: look there for outliers and codes "
                "for missing values, or normalise it."
            )
    return "Lower lr."
