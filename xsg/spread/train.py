"""Training of a mechanistic model's network, and what it takes first visits to have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from xsg.spread.model import Visits, mixture_loss, separate_loss
from xsg.spread.posterior import together
from xsg.training.loop import Loop

if TYPE_CHECKING:
    from xsg.spread.estimator import MechanisticMixture


def learn_initial(
    values: Tensor, valid: Tensor, background: bool, inside: Tensor | None = None, gain: bool = False
) -> tuple[Tensor, np.ndarray, Tensor]:
    """Learn what first visits have in common (n,), the state in it (n,), and how they differ beyond noise (r, n).

    ``inside`` (S, n): places that each subject has. With a ``gain`` states are as they are seen, and differ only where
    not all are empty.

    Where the floor is exactly 0, as of scores of which a quarter are 0 everywhere, all above it is taken for real,
    however small: such values shifted by a constant give another, sparser initial state.
    """
    first, seen = values[:, 0], valid[:, 0]
    common = (first * seen).sum(0) / seen.sum(0).clamp(min=1)
    # A quarter of the places is taken to be still empty: what is seen there is background.
    floor = common.quantile(0.25) if background else torch.zeros(())
    apart = (first - common) * seen
    # What does not stand out of the noise of its mean is empty too: growth would make something of nothing.
    doubt = 3 * apart.square().sum(0).sqrt() / seen.sum(0).clamp(min=1) if floor != 0 else torch.zeros(())
    initial = (common - floor).where(common - floor > doubt, 0).clamp(0, torch.inf if gain else 1)
    # What is the same everywhere is background, not a difference in state.
    apart = beyond(first, seen, initial, background) if gain else levelled(apart, seen, inside)
    where = initial > 0 if gain else torch.ones_like(initial, dtype=torch.bool)
    some = apart[:, where] if gain else apart
    directions = torch.zeros(0, len(common))
    if where.any():
        _, strength, found = torch.linalg.svd(some, full_matrices=False)
        ratio = min(some.shape) / max(some.shape)
        threshold = 0.56 * ratio**3 - 0.95 * ratio**2 + 1.82 * ratio + 1.43  # their approximation for unknown noise
        keep = (strength > threshold * strength.median()) & (strength > 1e-4 * common.norm())
        directions = torch.zeros(int(keep.sum()), len(common))
        directions[:, where] = found[keep]
    return common, initial.numpy(), directions


def levelled(apart: Tensor, seen: Tensor, inside: Tensor | None) -> Tensor:
    """Take each subject's mean off; where subjects have places of their own, the mean over those seen."""
    if inside is None:
        return apart - apart.mean(1, keepdim=True)
    return (apart - _mean(apart, seen)) * seen


def beyond(first: Tensor, seen: Tensor, initial: Tensor, background: bool) -> Tensor:
    """Return by what first visits (S, n) exceed the common state, less each subject's background: what all lack."""
    empty = (initial == 0).to(first)
    floor = _mean(first, seen * empty) if background else 0.0
    return (first - floor - initial) * seen * (1 - empty)


def _mean(values: Tensor, seen: Tensor) -> Tensor:
    return (values * seen).sum(1, keepdim=True) / seen.sum(1, keepdim=True).clamp(min=1)


def terms_of(model: MechanisticMixture, visits: Visits, generator: torch.Generator) -> dict[str, Tensor]:
    """Terms of the loss, mean over subjects."""
    latents = len(model._prior[0])
    noise = torch.randn(len(visits.values), len(model.laws), latents, generator=generator).to(model.device_)
    common = (model.net_, model._solver, model.laws, visits, noise, model._prior, model.steps)
    if model.loss == "separate":
        return separate_loss(*common, model.background)
    outside = 0 if model._mask is None or not model.as_published else int((~model._mask).sum())
    return mixture_loss(*common, outside, model.loss == "bound")


def held_out_loss(model: MechanisticMixture, visits: Visits, generator: torch.Generator) -> float:
    """Loss of the validation subjects, mean over them."""
    total, count = 0.0, len(visits.values)
    with torch.no_grad():
        for rows in torch.arange(count).split(together(visits.u0.shape[1])):
            terms = terms_of(model, visits.take(rows), generator)
            total += float(sum(terms.values())) * len(rows) / count
    return total


def train(model: MechanisticMixture, visits: Visits, progress: bool, held_out: Visits | None) -> None:
    """Train a model's network; with ``held_out`` subjects the epoch that is best for these is kept."""
    count, net = len(visits.values), model.net_
    optimiser = torch.optim.Adam(net.parameters(), model.lr, weight_decay=model.weight_decay, amsgrad=True)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, 10, model.decay)
    generator = torch.Generator().manual_seed(model.seed)
    unseen = torch.Generator().manual_seed(model.seed + 1)  # leaves the stream of the training as it is without
    held_out_losses: list[float] = []
    loop = Loop(
        net,
        model.epochs,
        lr=model.lr,
        advice=lambda: "Lower lr, or look for extreme values in the cohort.",
        progress=progress,
        restore=held_out is not None,
    )
    with loop:
        for _ in loop:
            sums: dict[str, float] = {}
            for rows in torch.randperm(count, generator=generator).split(model.batch):
                terms = terms_of(model, visits.take(rows), generator)
                for name, term in terms.items():
                    sums[name] = sums.get(name, 0.0) + float(term.detach()) * len(rows) / count
                most = torch.inf if model.as_published else 100.0 * len(model.laws)
                loop.step(optimiser, terms, clip=most, times=len(rows) if model.as_published else 1)
            schedule.step()
            loss = sum(sums.values())
            if held_out is not None:
                loss = held_out_loss(model, held_out, unseen)
                loop.check({"validation": torch.tensor(loss)})
                held_out_losses.append(loss)
            loop.log(sums, loss)
    model.interrupted_, model.history_ = loop.interrupted, loop.history
    model.validation_ = None
    if held_out is not None:
        model.validation_ = pd.Series(held_out_losses[: len(model.history_)], model.history_.index, name="loss")
