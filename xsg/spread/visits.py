"""Cohorts and settings as the mechanistic models read them: checked, joined by name."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from xsg.check import flag, instance, number
from xsg.spread.cohort import Spread
from xsg.spread.model import log_normal_prior
from xsg.spread.physics import ReactionDiffusion
from xsg.training.settings import DEVICE, seed


def _range(value: object, what: str) -> tuple[float, float]:
    """Check the range of a rate."""
    if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != 2:
        raise TypeError(f"{what} is {value!r}; expected its two ends, such as (0.01, 1.0).")
    low = number(value[0], f"{what}[0]", 0)
    return low, number(value[1], f"{what}[1]", low, above=True)


_WHOLE, _SOME = partial(number, low=0, whole=True), partial(number, low=1, whole=True)
SETTINGS = {
    **dict.fromkeys(("min_max", "background", "monotone", "as_published"), flag),
    **dict.fromkeys(("d_range", "r_range"), _range),
    **dict.fromkeys(("refine", "epochs"), _WHOLE),
    **dict.fromkeys(("batch", "steps", "hidden", "modes"), _SOME),
    "lr": partial(number, low=0, above=True),
    "weight_decay": partial(number, low=0),
    "decay": partial(number, low=0, high=1, above=True),
    "seed": seed,
    "device": DEVICE,
}
# What a network was made for, and how it was given what it saw: another fit is needed to change it.
FIXED = ("laws", "encoder", "loss", "initial", "min_max", "background", "monotone", "hidden", "modes", "as_published")


def check_cohort(cohort: Spread) -> Spread:
    """Refuse what is no cohort."""
    way_out = "Of images (S, T, H, W) and a mask (H, W) make one: xsg.Spread(name, images[..., mask], times, subjects, "
    way_out += "grid_laplacian(mask), places=pd.RangeIndex(mask.sum()), mask=mask)."
    instance(cohort, Spread, "cohort", "an xsg.Spread", way_out)
    if not len(cohort.subjects):
        raise ValueError(f"spread {cohort.name!r} has no subjects.")
    return cohort


def check_visits(cohort: Spread) -> None:
    """Refuse subjects of whom nothing can be learned."""
    seen = np.isfinite(cohort.values).any(axis=2)
    for problem, those in (
        ("was not measured at the first visit", ~seen[:, 0]),
        ("has no visit after the first", ~(seen[:, 1:] & (cohort.times[:, 1:] > cohort.times[:, :1])).any(axis=1)),
    ):
        if those.any():
            raise ValueError(
                f"spread {cohort.name!r}: subject {cohort.subjects[those][0]!r} {problem}, and {those.sum() - 1} more. "
                "Two visits are the least; leave such subjects out by cohort.part(boolean array)."
            )


def rising(values: Tensor, valid: Tensor) -> Tensor:
    """Isotonic regression over visits: max over starts i ≤ t of min over ends j ≥ t of the mean of visits i to j."""
    total, number = ((part.cumsum(1)) for part in (values * valid, valid))
    total, number = (torch.cat([torch.zeros_like(part[:, :1]), part], 1) for part in (total, number))
    visits = values.shape[1]

    def mean(i, j):
        return (total[:, j] - total[:, i]) / (number[:, j] - number[:, i]).clamp(min=1)

    def least(i, t):
        return torch.stack([mean(i, j) for j in range(t + 1, visits + 1)]).amin(0)

    out = [torch.stack([least(i, t) for i in range(t + 1)]).amax(0) for t in range(visits)]
    return torch.stack(out, 1) * valid


def make_solver(laplacian: np.ndarray, mask: np.ndarray | None) -> ReactionDiffusion:
    """Return the solver for a cohort's places."""
    if mask is not None and mask.all():
        return ReactionDiffusion.on_grid(mask)
    return ReactionDiffusion(laplacian, directed=not np.allclose(laplacian, laplacian.T, rtol=0, atol=1e-9))


def make_prior(d_range: tuple[float, float], r_range: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Mean and sd (2,) of (log D, log R)."""
    mean, sd = np.transpose([log_normal_prior(*d_range), log_normal_prior(*r_range)])
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(sd, dtype=torch.float32)
