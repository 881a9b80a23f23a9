"""What can be set of an estimator, checked before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from xsg import _moved
from xsg.check import choice, flag, number
from xsg.training.saved import label

Rule = Callable[[object, str], object]

# More units in a layer are a slip: the weights alone would not fit into memory.
WIDEST = 16_384
_HIGHEST = 1e30  # of a weight or a step; float32 ends at 3e38
_LARGEST_SEED = 2**63 - 1  # of torch


def whole_number(low: int, high: float = math.inf) -> Rule:
    """Whole numbers from low to high."""
    return lambda value, what: number(value, what, low, high, whole=True)


def real_number(low: float, high: float = math.inf, **ends: bool) -> Rule:
    """Numbers from low to high; ``above``, ``below``: these themselves are none."""
    return lambda value, what: number(value, what, low, high, **ends)


def one_of(*allowed: str) -> Rule:
    """One of some words."""
    return lambda value, what: choice(value, allowed, what)


def widths(least: int) -> Rule:
    """Widths of layers, so many at least."""

    def check(value: object, what: str) -> tuple[int, ...]:
        if not isinstance(value, (list, tuple)) or len(value) < least:
            raise TypeError(
                f"{what} is {value!r}; expected the widths of its {'one or more ' if least else ''}layers, such as "
                "(512, 256)."
            )
        return tuple(WIDTH(each, f"{what}[{k}]") for k, each in enumerate(value))

    return check


WIDTH, WEIGHT = whole_number(1, WIDEST), real_number(0, _HIGHEST)
STEP, SHARE = real_number(0, _HIGHEST, above=True), real_number(0, 1, below=True)
seed: Rule = whole_number(0, _LARGEST_SEED)
DEVICE = one_of("auto", "cpu", "cuda", "mps")


CROSS_SCALE: dict[str, Rule] = {
    **dict.fromkeys(("latent", "hidden", "decoder"), WIDTH),
    **dict.fromkeys(("smoothness", "beta", "gamma"), WEIGHT),
    "normalise": lambda value, what: _normalise(value),
    "rotate": flag,
    "lr": STEP,
    "epochs": whole_number(1),
    "validation": SHARE,
    "patience": whole_number(1),
    "seed": seed,
    "device": DEVICE,
}
# What `CrossScaleVAE` and `MultiViewVAE` learn of thinning, as files have it.
THINNING: dict[str, Rule] = {
    **dict.fromkeys(("y_mean_", "y_sd_", "noise_sd_"), number),
    "interrupted_": flag,
    "thinning_name_": lambda value, what: label(value),
}


def checked(settings: Mapping[str, object], rules: Mapping[str, Rule]) -> dict[str, object]:
    """Return settings as plain Python values, or refuse the first that is none of its kind.

    Raises
    ------
    TypeError, ValueError
        Naming it, the value seen and what was expected.
    """
    if lost := [name for name in settings if name not in rules]:
        raise TypeError(f"setting {lost[0]!r} has no rule: add to RULES of the class what checks it, such as STEP.")
    return {name: rules[name](value, name) for name, value in settings.items()}


def _normalise(value: object) -> str:
    """Check the way expression is normalised."""
    if isinstance(value, str) and value in ("gene", "region", "none"):
        return value
    raise ValueError(f"normalise is {value!r}; expected 'gene', 'region' or 'none'.")


__getattr__ = _moved.lazily(__name__)
