"""A fit is whole or it did not happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def torch_kept() -> Iterator[None]:
    """Leave torch's gradients and threads as they were.

    Ctrl-C may fall between the lines with which torch turns gradients off and promises to turn them on again.
    """
    learning, threads = torch.is_grad_enabled(), torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_grad_enabled(learning)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


def whole_fit(fit: Callable[P, R]) -> Callable[P, R]:
    """Decorate a method that fits: if it fails or is interrupted, the object is as it was before, and so is torch.

    The method sets attributes anew and changes none in place (a network is made anew for every fit).
    """

    @wraps(fit)
    def guarded(self, *args, **kwargs):
        before = dict(vars(self))
        try:
            with torch_kept():
                return fit(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return guarded
