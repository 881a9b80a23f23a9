"""Are data like those that a mechanistic model was trained on? A posterior of others may be sharp and wrong.

Of each subject seven numbers are taken: its least value, the background (5 % of its values lie below), mean and top;
the time from first to last visit; and, where the most probable law has been fitted to it, the root mean square of the
residuals and how far those of neighbours correlate (Moran's I: 0 where noise is white; an uneven background, noise
smoothed by a scanner or a mask too large leave more). A model keeps the range of each among its training subjects.
A subject departs where it lies further outside than the range is wide (and more, after few subjects: 1 + 10 / n times),
and by more than a tenth of the intensities' scale, a hundredth where it is the residuals' size.

Of 12,240 simulated subjects like those trained on (10 settings, 3 to 200 training subjects, without and with noise)
none departs.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from xsg.machine import moved
from xsg.spread.model import Visits, predicted, refine
from xsg.spread.posterior import together

if TYPE_CHECKING:
    from xsg.spread.cohort import Spread
    from xsg.spread.estimator import MechanisticMixture

SAMPLE = 16  # training subjects whose residuals are looked at
ROUGHLY = 3  # iterations of refinement that tell which law to look at
ITERATIONS = 8  # of refinement before residuals are looked at: those of a guess tell of the network, not of the data
_WIDEST = 1.3  # a state spans 1; with noise that is as large as in the benchmark, what is seen spans 1.1
_SORTED = 2**23  # values that torch sorts at once, which refuses twice as many
_SMOOTH = 0.25  # Moran's I from which noise is not called white, half the subjects having more

# In words: above the range, below the range, and how far outside is no matter, in units of ``scale`` or, if there is
# none, of the median over training subjects.
_ASPECTS = {
    "least": (
        "no value below {:.3g}; trained on down to {:.3g}",
        "values down to {:.3g}; trained on {:.3g} and more",
    ),
    "background": (
        "background of {:.3g} (5 % of values are less); trained on up to {:.3g}",
        "background of {:.3g} (5 % of values are less); trained on {:.3g} and more",
    ),
    "mean": ("mean intensity {:.3g}; trained on up to {:.3g}", "mean intensity {:.3g}; trained on {:.3g} and more"),
    "top": (
        "intensities up to {:.3g}; trained on up to {:.3g}",
        "intensities only up to {:.3g}; trained on up to {:.3g}",
    ),
    "years": ("visits over {:.3g}; trained on up to {:.3g}", "visits over {:.3g}; trained on {:.3g} and more"),
    "misfit": ("residuals of {:.3g}; trained on up to {:.3g}", None),
    "smoothness": (
        "residuals of neighbours correlate {:.2f}, as where noise is smooth or the background uneven; trained on up to "
        "{:.2f}",
        None,
    ),
}
_SLACK = {"misfit": 0.01, "smoothness": 0.1, "years": 2.0}
_SCALED = "values run from 0 to 1 exactly, as if scaled; trained on others"


class UnlikeTrainingWarning(UserWarning):
    """Data are not like what a model was trained on, or cannot be what its equation makes."""


def look(values: Tensor, valid: Tensor, times: Tensor) -> dict[str, np.ndarray]:
    """Return the numbers of each subject that need no fit; values (S, T, n) as the model reads them."""
    values, valid, times = moved((values, valid, times), "cpu")
    seen = values.where(valid > 0, torch.nan).flatten(1)
    low, high = (seen.nan_to_num(end).amin(1) if end > 0 else seen.nan_to_num(end).amax(1) for end in (np.inf, -np.inf))
    ends = torch.tensor([0.05, 0.99], device="cpu")
    few = max(1, _SORTED // seen.shape[1])
    background, most = torch.cat([torch.nanquantile(some, ends, dim=1) for some in seen.split(few)], 1)
    numbers = {"least": low, "background": background, "mean": seen.nanmean(1), "top": high, "most": most}
    numbers["years"] = times.amax(1) - times[:, 0]
    return {name: number.numpy().astype(float) for name, number in numbers.items()}


def look_at_residuals(
    missed: Tensor, valid: Tensor, laplacian: np.ndarray | sparse.csr_array, inside: Tensor | None = None
) -> dict[str, np.ndarray]:
    """Return root mean square and Moran's I of each subject's residuals (S, T, n), their mean taken off.

    Of subjects who have places of their own, ``inside`` (S, n), only neighbours within count.
    """
    missed, valid = moved((missed, valid), "cpu")
    count = valid.sum((1, 2))
    missed = ((missed - (missed * valid).sum((1, 2), keepdim=True) / count[:, None, None]) * valid).numpy()
    degree = laplacian.diagonal()
    weights = sparse.csr_array(sparse.diags_array(degree) - sparse.csr_array(laplacian))
    if inside is not None:
        degree = (weights @ moved(inside, "cpu").numpy().T.astype(float)).T[:, None]
    rows = missed.reshape(-1, missed.shape[-1])
    joint = np.einsum("ij,ij->i", (weights @ rows.T.astype(float)).T, rows).reshape(missed.shape[:2]).sum(1)
    alone = (np.square(missed, dtype=float) * degree).sum((1, 2))
    misfit = np.sqrt(np.square(missed, dtype=float).sum((1, 2)) / count.numpy())
    return {"misfit": misfit, "smoothness": np.divide(joint, alone, out=np.zeros_like(joint), where=alone > 0)}


def learn(seen: dict[str, np.ndarray], residuals: dict[str, np.ndarray]) -> dict:
    """Return what a model keeps of its training subjects, in plain values."""
    numbers = {name: each for name, each in (seen | residuals).items() if name in _ASPECTS}
    return {
        "ranges": {name: [float(each.min()), float(each.max()), len(each)] for name, each in numbers.items()},
        "scale": float(np.median(seen["top"] - seen["background"])),
        "years": float(np.median(seen["years"])),
        "scaled": bool((_exact(seen)).mean() > 0.05),
    }


def compare(seen: dict[str, np.ndarray], trained: dict) -> dict[str, list[str]]:
    """Return for each aspect in which some subject departs from training what is to be said of each, "" for nothing."""
    found = {}
    for name, (above, below) in _ASPECTS.items():
        if name not in seen or name not in trained["ranges"]:
            continue
        least, most, count = trained["ranges"][name]
        unit = {"smoothness": 1.0, "years": trained["years"]}.get(name, trained["scale"])
        slack = (1 + 10 / count) * (most - least) + _SLACK.get(name, 0.1) * unit
        texts = [
            above.format(value, least if name == "least" else most)
            if value > most + slack
            else below.format(value, least)
            if below and value < least - slack
            else ""
            for value in seen[name]
        ]
        found[name] = texts
    if not trained["scaled"]:
        found["scaled"] = [_SCALED if exact else "" for exact in _exact(seen)]
    return {name: texts for name, texts in found.items() if any(texts)}


def doubts(
    seen: dict[str, np.ndarray],
    residuals: dict[str, np.ndarray],
    values: Tensor,
    valid: Tensor,
    image: bool,
    level: bool,
    full: float = 1.0,
) -> list[str]:
    """Return what of the training subjects the equation cannot have made.

    ``image``: places are pixels. ``level``: the model has a background. ``full``: the largest gain it is made for.
    """
    found = []
    floor = np.median(seen["background"])
    span = np.median(seen["most"]) - (floor if level else 0)
    if span > _WIDEST * full:
        found.append(
            f"intensities span {span:.3g} (99 % of values are less), but states only 0 to {full:.3g}: divide by the "
            "most that a place can hold" + (", or give a larger gain" if full != 1 else "")
        )
    if not level and floor > 0.2:
        found.append(f"background of {floor:.3g}, which this model does not allow for: take it off")
    if image:
        held = values.where(valid > 0, torch.nan)
        same = (held.nan_to_num(torch.inf).amin((0, 1)) == held.nan_to_num(-torch.inf).amax((0, 1))).sum()
        if same > 0.01 * values.shape[2]:
            found.append(
                f"{int(same)} of {values.shape[2]} pixels hold one value in all subjects and visits: a mask that takes "
                "in what is outside"
            )
    if residuals:
        misfit, smooth = (np.median(residuals[name]) for name in ("misfit", "smoothness"))
        if smooth > _SMOOTH and misfit > 0.01 * max(span, 1e-9):
            found.append(
                f"residuals of {misfit:.3g} that correlate {smooth:.2f} between neighbours: smooth noise, an uneven "
                "background, or other laws than these; the model takes noise for white"
            )
    return found


def warn(name: str, subjects: object, reasons: dict[str, list[str]], stacklevel: int) -> list[str]:
    """Warn of subjects that depart, once for all; return for each subject its reasons in one text."""
    together = ["; ".join(filter(None, each)) for each in zip(*reasons.values(), strict=True)]
    parts = []
    for texts in reasons.values():
        those = [k for k, text in enumerate(texts) if text]
        worst = max(those, key=lambda k: (_figure(texts[k]), -k))
        parts.append(f"{texts[worst]} ({len(those)} of {len(texts)}, such as {str(subjects[worst])!r})")
    warnings.warn(
        f"spread {name!r}: {sum(map(bool, together))} of {len(together)} subjects are unlike those that the model was "
        f"trained on: {'; '.join(parts)}. Their laws and rates may be wrong however sure the posterior is: bring the "
        "data to the scale trained on, or train on such data. `unlike` of the posterior says it for each subject.",
        UnlikeTrainingWarning,
        stacklevel=stacklevel + 1,
    )
    return together


def sample(visits: Visits) -> tuple[Visits, np.ndarray]:
    """Return some of the subjects, spread evenly."""
    rows = np.unique(np.linspace(0, len(visits.values) - 1, SAMPLE).round().astype(int))
    return visits.take(rows), rows


def residuals_of(model: MechanisticMixture, visits: Visits, z: Tensor, best: Tensor) -> dict[str, np.ndarray]:
    """Look at the residuals under the most probable laws, whose numbers are ``best``; z (S, K, 2 or 3)."""
    missed = torch.empty_like(visits.values)
    with torch.no_grad():
        for k, law in enumerate(model.laws):
            for rows in torch.nonzero(best == k)[:, 0].split(together(visits.u0.shape[1])):
                some = visits.take(rows)
                solved = predicted(model._solver, some, z[rows, k], law, 2 * model.steps)
                missed[rows] = (some.values - solved) * some.valid
    return look_at_residuals(missed, visits.valid, model._laplacian, visits.inside)


def _refined(model: MechanisticMixture, visits: Visits) -> dict[str, np.ndarray]:
    """Find the likeliest law in a few steps of refinement, refine it as far as `infer` does, look at the residuals."""
    with torch.no_grad():
        z, *_ = model.net_(visits)
    background = model.background and model.loss == "separate"

    def refined(rows, k, iterations, steps):
        some = visits.take(rows)
        return refine(model._solver, model.laws[k], some, z[rows, k], model._prior, iterations, steps, background)

    everyone = torch.arange(len(z))
    evidence = [refined(everyone, k, ROUGHLY, model.steps).evidence for k in range(len(model.laws))]
    best = torch.stack(evidence, 1).argmax(1)
    for k in best.unique().tolist():
        rows = torch.nonzero(best == k)[:, 0]
        z[rows, k] = refined(rows, k, ITERATIONS, 2 * model.steps).z
    return residuals_of(model, visits, z, best)


def know(model: MechanisticMixture, visits: Visits) -> None:
    """Keep what the training subjects look like."""
    model.trained_on_, model.doubts_ = None, ()
    try:
        seen = look(*visits[:3])
        residuals = _refined(model, sample(visits)[0])
        level = model.background and model.loss == "separate"
        # Isotonic regression changes noise; where initial states differ, what is not known of them is smooth too.
        # With a gain they differ only where not all are empty, and are known there to within white noise.
        told = {} if model.monotone or (model.initial_rank_ and not model.gain) else residuals
        image, full = model._mask is not None, model.gain[1] if model.gain else 1.0
        model.doubts_ = tuple(doubts(seen, told, *visits[:2], image=image, level=level, full=full))
        model.trained_on_ = learn(seen, residuals) | {"within": visits.inside is not None}
    except KeyboardInterrupt:
        model.interrupted_ = True
        warnings.warn(
            "interrupted after the last epoch: the model is fitted, but does not know what its training data "
            "look like.",
            stacklevel=4,
        )


def unmeasured(visits: Visits) -> dict[str, list[str]]:
    """Say of each subject how many places were never measured, where none has places of its own: they may lack them."""
    if visits.inside is not None:
        return {}
    counts = (visits.valid.amax(1) == 0).sum(1).tolist()
    texts = [
        f"{count} places never measured, where those trained on had places of their own: give inside" if count else ""
        for count in counts
    ]
    return {"inside": texts} if any(texts) else {}


def judge(
    model: MechanisticMixture, cohort: Spread, visits: Visits, z: Tensor, log_q: Tensor, places: dict[str, str]
) -> list[str]:
    """Say of each subject in what it is unlike those trained on, and warn."""
    count = len(visits.values)
    reasons = {name: [text] * count for name, text in places.items()}
    reasons |= {f"doubt {k}": [f"trained on {text}"] * count for k, text in enumerate(model.doubts_)}
    if model.trained_on_.get("within"):
        reasons |= unmeasured(visits)
    reasons |= compare(look(*visits[:3]), model.trained_on_)
    if model.refine >= ITERATIONS:
        rows = np.arange(count)
        residuals = residuals_of(model, visits, z, log_q.argmax(1))
    else:
        some, rows = sample(visits)
        residuals = _refined(model, some)
    for name, texts in compare(residuals, model.trained_on_ | {"scaled": True}).items():
        most = max(texts, key=_figure) if sum(map(bool, texts)) > len(texts) / 2 else ""
        reasons[name] = [most and f"like most of the {len(rows)} subjects looked at: {most}"] * count
        for row, text in zip(rows, texts, strict=True):
            reasons[name][row] = text
    if not reasons:
        return [""] * count
    return warn(cohort.name, cohort.subjects, reasons, stacklevel=3)


def _exact(seen: dict[str, np.ndarray]) -> np.ndarray:
    return (seen["least"] == 0) & (seen["top"] == 1)


def _figure(text: str) -> float:
    """Return the size of the first number in a text."""
    for word in text.replace(",", " ").replace(";", " ").split():
        try:
            return abs(float(word))
        except ValueError:
            continue
    return -math.inf
