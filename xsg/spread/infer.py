"""From visits to the posterior of each subject under each law: the network's guess, and its refinement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from tqdm.auto import tqdm

from xsg.spread.model import Visits, kl_normal, log_marginal, predicted, refine
from xsg.spread.posterior import together

if TYPE_CHECKING:
    from xsg.spread.estimator import MechanisticMixture

FINE = 6  # times as many splitting steps at the end of refinement: 24 by default, see experiments/brainphys/steps.py


def answers(model: MechanisticMixture, visits: Visits, progress: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return of each subject and law (S, K): the posterior's mode and covariance, evidence and log q."""
    with torch.no_grad():
        mean, log_sd, log_q = model.net_(visits)
    z, covariance = mean.clone(), torch.diag_embed(torch.exp(2 * log_sd))
    evidence = torch.zeros(mean.shape[:2])
    background = model.background and model.loss == "separate"
    chunk = together(visits.u0.shape[1])
    starts = range(0, len(mean), chunk)
    quiet = {} if progress else {"disable": True}
    with tqdm(total=len(starts) * len(model.laws), desc="inferring", leave=False, **quiet) as bar:
        for start in starts:
            rows = slice(start, start + chunk)
            some = visits.take(rows)
            for k, law in enumerate(model.laws):
                if model.refine:
                    rough, fine = (model.refine, model.steps), (min(model.refine, 2), FINE * model.steps)
                    start = mean[rows, k]
                    for iterations, steps in (rough, fine):
                        found = refine(model._solver, law, some, start, model._prior, iterations, steps, background)
                        start = found.z
                    z[rows, k], covariance[rows, k], evidence[rows, k] = found
                else:
                    evidence[rows, k] = _bound(model, some, law, mean[rows, k], log_sd[rows, k], background)
                bar.update()
    return z, covariance, evidence, evidence if log_q is None else log_q


def _bound(model, visits, law, mean, log_sd, background, draws=8) -> Tensor:
    """ELBO of the network's posterior (B,), by draws of the rates."""
    generator = torch.Generator().manual_seed(model.seed)
    total = torch.zeros(len(mean))
    with torch.no_grad():
        for _ in range(draws):
            z = mean + log_sd.exp() * torch.randn(mean.shape[1], generator=generator, device="cpu").to(mean)
            solved = predicted(model._solver, visits, z, law, 2 * model.steps)
            total += log_marginal(visits, solved, background) / draws
        return total - kl_normal(mean, log_sd, *model._prior)
