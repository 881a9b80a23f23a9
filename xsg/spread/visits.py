"""Cohorts and settings as the mechanistic models read them: checked, joined by name."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from xsg.check import flag, instance, number, rows_of
from xsg.spread.cohort import Spread
from xsg.spread.laplacian import as_mask, sparse_grid_laplacian
from xsg.spread.model import Visits, VisitsWithin
from xsg.spread.physics import LAWS, ReactionDiffusion
from xsg.spread.prior import log_normal_prior
from xsg.training.settings import DEVICE, Rule, checked, seed

if TYPE_CHECKING:
    from xsg.spread.estimator import MechanisticMixture


_CSR = ("data", "indices", "indptr")
GAINS = (0.5, 2.0)  # of which a gain is expected where none is said


def _range(value: object, what: str) -> tuple[float, float]:
    """Check the range of a rate."""
    if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != 2:
        raise TypeError(f"{what} is {value!r}; expected its two ends, such as (0.01, 1.0).")
    low = number(value[0], f"{what}[0]", 0)
    return low, number(value[1], f"{what}[1]", low, above=True)


def _gain(value: object, what: str) -> tuple[float, float] | bool:
    """Check the range of a gain; False for none, True for the usual one."""
    if isinstance(value, (bool, np.bool_)):
        return GAINS if value else False
    if not isinstance(value, (tuple, list, np.ndarray)):
        raise TypeError(f"{what} is {value!r}; expected True, False or its two ends, such as {GAINS}.")
    low, high = _range(value, what)
    return number(low, f"{what}[0]", 0, above=True), high


def _one_of(*allowed: str) -> Rule:
    """One of some words."""

    def check(value: object, what: str) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise ValueError(f"{what} is {value!r}; expected one of {', '.join(map(repr, allowed))}.")
        return value

    return check


_WHOLE, _SOME = partial(number, low=0, whole=True), partial(number, low=1, whole=True)
SETTINGS = {
    "encoder": _one_of("modes", "image"),
    "loss": _one_of("separate", "mixture", "bound"),
    "initial": _one_of("inferred", "first"),
    **dict.fromkeys(("min_max", "background", "monotone", "as_published"), flag),
    **dict.fromkeys(("d_range", "r_range"), _range),
    "gain": _gain,
    **dict.fromkeys(("refine", "epochs"), _WHOLE),
    **dict.fromkeys(("batch", "steps", "hidden", "modes"), _SOME),
    "lr": partial(number, low=0, above=True),
    "weight_decay": partial(number, low=0),
    "decay": partial(number, low=0, high=1, above=True),
    "seed": seed,
    "device": DEVICE,
}
# What a network was made for, and how it was given what it saw: another fit is needed to change it.
FIXED = (
    "laws", "encoder", "loss", "initial", "min_max", "background", "monotone", "hidden", "modes", "as_published",
    "gain", "d_range", "r_range",
)  # fmt: skip


PRESETS: dict[str, dict] = {
    "paper": {
        "encoder": "image",
        "loss": "mixture",
        "initial": "first",
        "min_max": True,
        "refine": 0,
        "batch": 4,
        "epochs": 200,
        "lr": 1e-3,
        "weight_decay": 1e-4,
        "decay": 0.9,
        "steps": 4,  # a largest error below that of the authors' solver at their tolerances
        "as_published": True,
    },
    "xsg": {},
}


def tidy(model: MechanisticMixture) -> None:
    """Check the settings of a model, and hold them as plain values."""
    given = model.laws
    if isinstance(given, str) or not np.iterable(given):
        raise TypeError(f"laws is {given!r}; expected a list of names, such as ('logistic', 'damped').")
    laws = tuple(given)
    if not laws or not all(isinstance(law, str) and law in LAWS for law in laws):
        raise ValueError(f"laws is {laws!r}; expected some of {', '.join(map(repr, LAWS))}.")
    model.laws = tuple(map(str, laws)) if not isinstance(given, tuple) else given
    if model.loss == "separate" and len(set(laws)) < len(laws):
        raise ValueError(
            f"laws is {laws!r}; expected each once with loss='separate', which would fit the same "
            "twice. Use rate_components for groups under one law, or loss='mixture'."
        )
    vars(model).update(checked({name: getattr(model, name) for name in SETTINGS}, SETTINGS))
    if model.as_published and model.loss == "separate":
        raise ValueError("as_published is for the losses 'mixture' and 'bound'; with 'separate' leave it False.")
    if model.gain and model.min_max:
        raise ValueError(f"gain is {model.gain!r} and min_max True: values scaled by subject have no gain. Leave one.")


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


def check_training(model: MechanisticMixture, cohort: Spread) -> None:
    """Refuse settings or subjects that no network can be trained with."""
    check_cohort(cohort)
    model._tidy()  # a model of one law has its own way
    if model.encoder == "image" and cohort.mask is None:
        raise ValueError(f"encoder 'image' needs images; spread {cohort.name!r} has none. Use encoder='modes'.")
    if len(cohort.subjects) < 3:
        raise ValueError(
            f"spread {cohort.name!r} has {len(cohort.subjects)} subjects; expected at least 3 to train a network. "
            "For fewer, xsg.spread.model.refine fits each by itself."
        )
    check_visits(cohort)


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


def make_solver(laplacian: np.ndarray | sparse.csr_array, mask: np.ndarray | None) -> ReactionDiffusion:
    """Return the solver for a cohort's places: a whole rectangle's own where the network is that of its pixels."""
    if mask is not None and mask.all() and _is_grid(laplacian, mask):
        return ReactionDiffusion.on_grid(mask)
    directed = abs(laplacian - laplacian.T).max() > 1e-9
    return ReactionDiffusion(laplacian, directed=directed)


def _is_grid(laplacian: np.ndarray | sparse.csr_array, mask: np.ndarray) -> bool:
    """Tell whether a network is the mask's own, each pixel joined to the next by a weight of 1."""
    return abs(laplacian - sparse_grid_laplacian(mask)).max() <= 1e-6


def make_prior(
    d_range: tuple[float, float], r_range: tuple[float, float], gain: tuple[float, float] | bool = False
) -> tuple[Tensor, Tensor]:
    """Mean and sd (2,) of (log D, log R), or (3,) with log g."""
    ranges = [d_range, r_range, gain] if gain else [d_range, r_range]
    mean, sd = np.transpose([log_normal_prior(*each) for each in ranges])
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(sd, dtype=torch.float32)


def packed(laplacian: np.ndarray | sparse.csr_array) -> dict[str, Tensor]:
    """Return a network as a file holds it."""
    if not sparse.issparse(laplacian):
        return {"laplacian": torch.tensor(laplacian)}
    return {f"laplacian.{part}": torch.tensor(getattr(laplacian, part)) for part in _CSR}


def unpacked(arrays: dict[str, Tensor]) -> np.ndarray | sparse.csr_array:
    """Take a network out of what a file holds."""
    if "laplacian" in arrays:
        return arrays.pop("laplacian").numpy()
    data, indices, indptr = (arrays.pop(f"laplacian.{part}").numpy() for part in _CSR)
    return sparse.csr_array((data, indices, indptr), shape=(len(indptr) - 1,) * 2)


def joined(cohort: Spread, model: MechanisticMixture) -> tuple[Spread, dict[str, str]]:
    """Bring a cohort's places into a fitted model's order, and say in what they are other than those trained on."""
    if len(cohort.places) != len(model.places_):
        masks = ""
        if cohort.mask is not None and model._mask is not None:
            masks = f" The mask should be the model's, {len(model.places_)} of {model._mask.numel()} pixels."
        raise ValueError(
            f"the cohort has {len(cohort.places)} places, the model was fitted on {len(model.places_)}.{masks}"
        )
    laplacian = cohort.laplacian
    if not cohort.places.equals(model.places_):
        rows = rows_of(cohort.places, model.places_, f"spread {cohort.name!r}")
        laplacian = laplacian[rows][:, rows]
        found = {"values": cohort.values[..., rows], "laplacian": laplacian, "places": model.places_}
        inside = None if cohort.inside is None else cohort.inside[:, rows]
        cohort = replace(cohort, **found, inside=inside, truth=None)
    reasons = {}
    if cohort.mask is not None and model._mask is not None:
        here, there = as_mask(cohort.mask), model._mask.numpy()
        if here.shape != there.shape:
            reasons["mask"] = f"a mask of {here.shape}; trained on one of {there.shape}"
        elif (here != there).any():
            reasons["mask"] = f"a mask in which {(here != there).sum()} pixels differ from the one trained on"
    apart = abs(laplacian - model._laplacian).max()
    if not reasons and apart > 1e-6 * abs(model._laplacian).max():
        reasons["network"] = f"a network whose weights differ by up to {apart:.3g} from the one trained on"
    return cohort, reasons


def inside_of(cohort: Spread) -> Tensor | None:
    """Return which places each subject has (S, n), None if all have all."""
    return None if cohort.inside is None else torch.tensor(cohort.inside, dtype=torch.float32)


def as_seen(model: MechanisticMixture, cohort: Spread) -> Visits | VisitsWithin:
    """Return what was seen of a cohort, as a model's network wants it."""
    values, valid, times = read(cohort, model.min_max, model.monotone)
    inside = inside_of(cohort)
    found = Visits(values, valid, times, model._initial(values, valid, inside))
    return found if inside is None else VisitsWithin(*found, inside)


def read(cohort: Spread, min_max: bool, monotone: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return values and which of them were measured (S, T, n), and times (S, T) from the first visit."""
    values = torch.tensor(cohort.values, dtype=torch.float32)
    valid = values.isfinite().float()
    values = values.nan_to_num(0.0)
    if min_max:
        outside = cohort.mask is not None and not cohort.mask.all()  # zeros that the paper's minimum sees too
        least = values.flatten(1).amin(1).clamp(max=0.0 if outside else torch.inf)[:, None, None]
        span = values.flatten(1).amax(1)[:, None, None] - least
        if not (span > 0).all():
            flat = cohort.subjects[(span <= 0).flatten().numpy()][0]
            raise ValueError(
                f"spread {cohort.name!r}: subject {flat!r} has one value everywhere; min_max cannot scale it. "
                "Leave such subjects out."
            )
        values = (values - least) / span * valid
    if monotone:
        values = rising(values, valid)
    times = torch.tensor(cohort.times, dtype=torch.float32)
    return values, valid, times - times[:, :1]
