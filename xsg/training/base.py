"""The base of every estimator: settings that are checked, presets, and fitted models on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

import xsg
from xsg.check import choice
from xsg.training.saved import fill, history, only, read_model, safe_load, write_model
from xsg.training.settings import DEVICE, Rule, checked


class Estimator(BaseEstimator):
    """What is fitted and then asked, in scikit-learn's manner.

    The constructor stores its arguments as they are; ``fit`` checks them, and leaves the estimator as it was if it
    fails (`xsg.training.whole.whole_fit`). What is learned ends in ``_``; ``net_``, if there is one, is a torch module
    on ``device_``. What is set after a fit is for the next one, or refused (``FIXED``).

    A class of one's own states what stands below in capitals, ends its ``fit`` with ``self._remember(settings)``, and
    writes ``_pack`` and ``_unpack``: the arrays and plain facts of a fitted model beside those that the base keeps
    (settings, ``FACTS``, ``history_`` and ``net_``). Chapter and verse: ``tests/template_family``.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {}  # for each argument what checks it
    PRESETS: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    FACTS: ClassVar[Mapping[str, Rule]] = {}  # plain learned attributes that a file has, and what checks them there
    FIXED: ClassVar[tuple[str, ...]] = ()  # settings that, changed after a fit, make it no answer
    DOUBLE: ClassVar[bool] = False  # computes in float64, which Apple's GPUs lack
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
        if hasattr(self, "net_"):
            arrays |= {f"net.{name}": value for name, value in self.net_.state_dict().items()}
        facts |= {
            "class": type(self).__name__,
            "version": xsg.__version__,
            "params": {name: self._fitted_as.get(name, value) for name, value in self.get_params().items()},
            "fitted": {name: getattr(self, name) for name in self.FACTS},
            "history": self.history_.to_dict(orient="list"),
        }
        return write_model(path, arrays, facts)

    @classmethod
    @safe_load
    def load(cls, path: str | Path) -> Self:
        """Read a model that `save` wrote. One from a GPU that is not here goes to the device that is.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file holds no model of this class saved by xsg, or is damaged.
        """
        facts, arrays = read_model(path, cls.__name__)
        cls._mend(facts, arrays)
        model = cls._of(facts)
        if not _there(getattr(model, "device", "cpu")):
            model.device = "auto"
        model.device_ = model._place()
        fitted = facts.get("fitted", {})
        only(fitted, cls.FACTS)
        vars(model).update(checked(fitted, cls.FACTS))
        if "history" in facts:
            model.history_ = history(facts["history"])
        model._unpack(facts, arrays)
        if hasattr(model, "net_"):
            only((name for name in arrays if not name.startswith("net.")), ())
            fill(model.net_, arrays)
            model.net_.eval().to(model.device_)
        model._remember(model._settings())
        model._derive()
        return model

    def _settings(self) -> dict[str, object]:
        """Return the constructor's arguments as plain values, or refuse the first that cannot be."""
        return checked(self.get_params(), self.RULES)

    def _remember(self, settings: Mapping[str, object]) -> None:
        """Note the settings of the fit."""
        self._fitted_as = {name: settings[name] for name in self.FIXED or settings}

    def _place(self) -> torch.device:
        """Return the device that the setting ``device`` names."""
        return device(self.device, self.DOUBLE)

    @classmethod
    def _mend(cls, facts: dict, arrays: dict[str, Tensor]) -> None:
        """Bring what an earlier edition wrote into today's form, in place."""

    @classmethod
    def _of(cls, facts: dict) -> Self:
        """Make the unfitted model that a file describes; JSON knows no tuples."""
        return cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in facts["params"].items()})

    def _pack(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        raise NotImplementedError(f"{type(self).__name__} does not say what a file of it holds: write _pack.")

    def _unpack(self, facts: dict, arrays: dict[str, Tensor]) -> None:
        """Take over what `_pack` gave: take its arrays out, and make ``net_``, which the base fills."""
        raise NotImplementedError(f"{type(self).__name__} does not say how a file of it is read: write _unpack.")

    def _derive(self) -> None:
        """Work out what follows from what was learned, after a fit and after loading."""

    def _check_fitted(self) -> None:
        check_is_fitted(self, msg=f"this %(name)s is not fitted yet. Call {self.CALL} first.")
        for name in self.FIXED:
            if getattr(self, name) != self._fitted_as[name]:
                raise ValueError(
                    f"{name} is now {getattr(self, name)!r}, but the model was fitted with {self._fitted_as[name]!r}. "
                    "Fit it again."
                )


def device(name: str, double: bool = False) -> torch.device:
    """Return the device of that name; "auto": a GPU where there is one (CUDA, Apple's MPS), else the processor.

    Raises
    ------
    ValueError
        If this machine has no such device, or it cannot compute in ``double`` precision.
    """
    DEVICE(name, "device")
    if name == "auto":
        name = next(each for each in ("cuda", "mps", "cpu") if _there(each) and not (double and each == "mps"))
    if not _there(name):
        raise ValueError(f"device is {name!r}, which this machine (or this build of torch) lacks; use 'auto' or 'cpu'.")
    if double and name == "mps":
        raise ValueError("device is 'mps', which has no float64, in which this model computes; use 'auto' or 'cpu'.")
    return torch.device(name)


def _there(name: str) -> bool:
    """Tell whether this machine has a device."""
    return {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}.get(name, lambda: True)()
