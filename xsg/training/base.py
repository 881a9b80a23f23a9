"""The base of every estimator: settings that are checked, presets, and fitted models on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from xsg.check import choice
from xsg.training.saved import read_model, safe_load, write_model
from xsg.training.settings import Rule, checked


class Estimator(BaseEstimator):
    """What is fitted and then asked, in scikit-learn's manner.

    The constructor stores its arguments as they are; ``fit`` checks them, and leaves the estimator as it was if it
    fails (`xsg.training.whole.whole_fit`). What is learned ends in ``_``; ``net_`` is a torch module on ``device_``.

    A class of one's own states ``RULES`` (for each argument what checks it), may state ``PRESETS``, and writes
    ``_pack``, which gives the arrays and plain facts of a fitted model, and ``_unpack``, which takes them over.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {}
    PRESETS: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    CALL: ClassVar[str] = "fit(...)"  # for the error of who asks too early

    @classmethod
    def from_preset(cls, name: str, **changes: object) -> Self:
        """Make an unfitted model from one of ``PRESETS``, with changes.

        Raises
        ------
        ValueError
            If there is no such preset.
        """
        return cls(**{**cls.PRESETS[choice(name, cls.PRESETS, "preset")], **changes})

    def save(self, path: str | Path) -> Path:
        """Write the model to one ``.safetensors`` file, arrays and JSON, no pickle; never half a file.

        Raises
        ------
        ValueError
            If it is not fitted.
        OSError
            If the file cannot be written; what stood there stands there still.
        """
        self._check_fitted()
        arrays, facts = self._pack()
        return write_model(path, arrays, {"class": type(self).__name__, **facts})

    @classmethod
    @safe_load
    def load(cls, path: str | Path) -> Self:
        """Read a model that `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file holds no model of this class saved by xsg, or is damaged.
        """
        return cls._unpack(*read_model(path, cls.__name__))

    def _settings(self) -> dict[str, object]:
        """Return the constructor's arguments as plain values, or refuse the first that cannot be."""
        return checked(self.get_params(), self.RULES)

    def _pack(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        raise NotImplementedError(f"{type(self).__name__} does not say what a file of it holds: write _pack.")

    @classmethod
    def _unpack(cls, facts: dict, arrays: dict[str, Tensor]) -> Self:
        raise NotImplementedError(f"{cls.__name__} does not say how a file of it is read: write _unpack.")

    def _check_fitted(self) -> None:
        check_is_fitted(self, "net_", msg=f"this %(name)s is not fitted yet. Call {self.CALL} first.")


def device(name: str) -> torch.device:
    """Return the device of that name; "auto": a GPU where there is one (CUDA, Apple's MPS), else the processor.

    Raises
    ------
    ValueError
        If this machine has no such device.
    """
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(each for each in ("cuda", "mps", "cpu") if here[each])
    if not here[choice(name, here, "device")]:
        raise ValueError(f"device is {name!r}, which this machine (or this build of torch) lacks; use 'auto' or 'cpu'.")
    return torch.device(name)


def net_arrays(net: nn.Module) -> dict[str, Tensor]:
    """Return the arrays of a network as files have them, each named ``net.…``."""
    return {f"net.{name}": value.cpu() for name, value in net.state_dict().items()}
