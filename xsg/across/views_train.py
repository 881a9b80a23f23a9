"""Training of copies of the model of several views, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from xsg.across.views_model import MultiViewNet, propagation_among
from xsg.across.views_tables import (
    Table,
)
from xsg.check import constant
from xsg.machine import moved, one_thread
from xsg.training.base import device
from xsg.training.loop import Loop

_FEWEST = 5  # training regions


class Trained(NamedTuple):
    """What `_train` hands back."""

    net: MultiViewNet
    loop: Loop
    mean: np.ndarray  # (K, 1) of thinning, over each copy's training regions
    sd: np.ndarray  # (K, 1)


def network(params: dict, shapes: Sequence[tuple[int, int]], generators: list[torch.Generator]) -> MultiViewNet:
    """Make the network for views of (p, q) features and columns."""
    fan_ins, widths = zip(*shapes, strict=True)
    sizes = (params[name] for name in ("latent", "hidden", "decoder"))
    return MultiViewNet(widths, fan_ins, *sizes, generators=generators).double()


def inputs(
    tables: Sequence[Table], weights: np.ndarray, place: torch.device
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], Tensor]:
    """Return the tables, each view's propagation among the regions it has, and who is present (V, n), on a device."""
    edges = torch.tensor(weights)
    among = tuple(propagation_among(edges, table.present) for table in tables)
    return moved((tuple(table.x for table in tables), among, torch.stack([table.present for table in tables])), place)


def train_copies(
    params: dict,
    tables: Sequence[Table],
    weights: np.ndarray,
    y: np.ndarray,
    masks: np.ndarray,
    seeds: Sequence[int],
    progress: bool = False,
    keep: bool = False,
) -> Trained:
    """Train K copies side by side: y and masks (K, n), one seed each. Copies of one seed share weights and noise.

    ``keep``: Ctrl-C, once an epoch is finished, leaves the state so far.
    """
    fewest = int(masks.sum(axis=1).min())
    if fewest < _FEWEST:
        raise ValueError(f"only {fewest} regions to train on; expected at least {_FEWEST}. Hold fewer regions out.")
    if any(constant(row[mask]) for row, mask in zip(y, masks, strict=True)):
        raise ValueError("thinning has the same value in every training region; there is nothing to predict.")
    share = masks / masks.sum(axis=1, keepdims=True)
    mean = (y * share).sum(axis=1, keepdims=True)
    sd = np.sqrt(((y - mean) ** 2 * share).sum(axis=1, keepdims=True))
    place = device(params["device"], double=True)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    target, weight, laplacian = (torch.tensor(each).to(place) for each in ((y - mean) / sd, masks * 1.0, laplacian))
    x, among, present = inputs(tables, weights, place)
    n_features = [table.n_features for table in tables]
    distinct, row = np.unique(np.asarray(seeds, dtype=np.int64), return_inverse=True)
    generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
    net = network(params, [(p, table.shape[1]) for p, table in zip(n_features, x, strict=True)], generators).to(place)
    streams = [torch.Generator().manual_seed(int(seed) + 2**32) for seed in distinct]
    optimiser = torch.optim.Adam(net.parameters(), lr=params["lr"], fused=True)
    amounts = {name: params[name] for name in ("smoothness", "beta", "gamma")}
    here = present.cpu()
    loop = Loop(
        net,
        params["epochs"],
        lr=params["lr"],
        advice=lambda: "Lower lr, or look for extreme values in the views.",
        progress=progress,
        keep="now" if keep else None,
        copies=len(seeds),
    )
    with one_thread():
        with loop:
            for _ in loop:
                # Drawn on the processor, so that they are the same on every device.
                size = (y.shape[1], params["latent"])
                draws = [torch.randn(size, generator=stream, dtype=torch.float64) for stream in streams]
                kept = [_kept(here, params["drop"], stream) for stream in streams]
                kept, draws = torch.stack(kept, dim=1)[:, row].to(place), torch.stack(draws)[row].to(place)
                terms = net.loss(
                    net(x, among, kept, draws), target, weight, x, n_features, present, laplacian, **amounts
                )
                loop.step(optimiser, terms)
                loop.log(terms)
        with torch.no_grad():
            loop.finite("a prediction", net(x, among, present).thinning)  # the last step was judged by no loss
    return Trained(net, loop, mean, sd)


def _kept(present: Tensor, drop: float, generator: torch.Generator) -> Tensor:
    """Leave experts out at random, (V, n); where that would leave a region none, all that are present stay."""
    kept = present * (torch.rand(present.shape, generator=generator, dtype=torch.float64) >= drop)
    return torch.where(kept.sum(0) > 0, kept, present)
