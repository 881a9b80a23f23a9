"""Fitted models, and what refits predict, on disk: one ``.safetensors`` file each, arrays and JSON, no pickle.

The JSON carries the number of its format, the file a digest of all that is in it: what was written by a later xsg, cut
short or altered is refused in one sentence, whatever it would have led to.
"""

import hashlib
import json
import math
import numbers
import os
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from xsg.check import some
from xsg.files import plain, whole

# 0, without a number and a digest, is what the first edition wrote.
FORMAT = 1


class _Refused(ValueError):
    """What a saved file is refused with; the message names the file and the way out."""


def write_model(path: str | Path, arrays: dict[str, Tensor], facts: dict) -> Path:
    """Write arrays and facts (plain values; ``facts["class"]`` names the model's class); never half a file.

    Raises
    ------
    ValueError
        If a fact has no place in JSON.
    OSError
        If the file cannot be written; what stood there stands there still.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    path = _named(path)
    try:
        text = json.dumps({"format": FORMAT, **facts}, default=plain)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} cannot hold this {facts.get('class', 'model')}: {error}. Use plain values.") from None
    # safetensors wants contiguous tensors that share no memory.
    arrays = {name: value.detach().cpu().clone().contiguous() for name, value in arrays.items()}
    try:
        with whole(path) as part:
            save_file(arrays, part, {"xsg": text, "sha256": _seal(text, arrays)})
    except (OSError, SafetensorError) as error:
        raise OSError(
            f"{path} could not be written ({error}); what stood there before is untouched. Make room, or name a file "
            "in a folder that is there and can be written to."
        ) from None
    return path


def read_model(path: str | Path, kind: str) -> tuple[dict, dict[str, Tensor]]:
    """Read the facts and arrays of a model of the class named ``kind``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no model of that class saved by xsg, was written by a later xsg, or is damaged.
    """
    from safetensors import safe_open

    path = _named(path)
    try:
        there, folder = path.exists(), path.is_dir()
        if there and not folder:
            with safe_open(path, framework="pt") as file:
                about = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except Exception as error:  # of safetensors, torch or the system, by what is wrong with the file
        raise _Refused(
            f"{path} is not a safetensors file, cannot be read, or is damaged ({error}). Save the model anew."
        ) from None
    if not there:
        raise FileNotFoundError(f"no saved model at {path}. Write one with model.save(path).")
    if folder:
        raise _Refused(f"{path} is a folder; expected a file that model.save(path) wrote.")
    text = about.get("xsg", "{}")
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _Refused(f"{path} is damaged: what describes its arrays is no JSON ({error}). Save it anew.") from None
    if not isinstance(facts, dict):
        raise _Refused(f"{path} is damaged: what describes its arrays is a {type(facts).__name__}. Save it anew.")
    edition = facts.get("format", 0)
    if isinstance(edition, bool) or not isinstance(edition, int) or edition < 0:
        raise _Refused(f"{path} is damaged: its format is {edition!r}, expected a number up to {FORMAT}. Save it anew.")
    if edition > FORMAT:
        raise _Refused(
            f"{path} was written by a later xsg (format {edition}; this one reads up to {FORMAT}). Update xsg: "
            "pip install --upgrade xsg."
        )
    if facts.get("class") != kind:
        raise _Refused(f"{path} holds {facts.get('class', 'no xsg model')}, expected a {kind} saved by xsg.")
    if edition and about.get("sha256") != _seal(text, arrays):
        raise _Refused(f"{path} is damaged or was altered: its digest is not that of its contents. Save it anew.")
    return facts, arrays


def safe_load(load: Callable) -> Callable:
    """Decorate a ``load`` (under ``@classmethod``): what a damaged or altered file leads to becomes one ValueError."""

    @wraps(load)
    def guarded(cls, path):
        path = _named(path)
        try:
            model = load(cls, path)
            if isinstance(getattr(model, "net_", None), nn.Module):
                check_finite(model.net_)
        except (_Refused, FileNotFoundError):
            raise
        except Exception as error:  # a key, type, size or name that is not as it was written, wherever it is met
            raise _Refused(
                f"{path} is damaged or was altered, or another version of xsg wrote it: it makes no {cls.__name__} "
                f"({type(error).__name__}: {error}). Save the model anew."
            ) from None
        return model

    return guarded


def check_finite(net: nn.Module) -> None:
    """Refuse a network with a weight, or a running mean, that is no finite number.

    Raises
    ------
    FloatingPointError
        Naming the first.
    """
    for name, value in net.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            bad = int((~value.isfinite()).sum())
            raise FloatingPointError(f"{bad} of {value.numel()} numbers of {name!r} are not finite")


def fill(net: nn.Module, arrays: dict[str, Tensor], prefix: str = "net.") -> None:
    """Give a network the arrays of a file whose names begin so; they must be its own, by name, shape and type.

    Raises
    ------
    ValueError
        Naming the first that is not.
    """
    state = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
    own = net.state_dict()
    only(state, own)
    for name, value in own.items():
        if (state[name].shape, state[name].dtype) != (value.shape, value.dtype):
            raise ValueError(
                f"array {name!r} is {state[name].dtype} {tuple(state[name].shape)}; expected {value.dtype} "
                f"{tuple(value.shape)}"
            )
    net.load_state_dict(state)


def only(found: Iterable[str], expected: Iterable[str]) -> None:
    """Refuse names other than those expected, or that some of these are missing."""
    found, expected = set(found), set(expected)
    if found != expected:
        raise ValueError(f"missing: {some(sorted(expected - found))}; unknown: {some(sorted(found - expected))}")


def history(columns: object, index: str = "epoch") -> pd.DataFrame:
    """Return the log of a fit as a file has it: for each term a number an epoch."""
    table = pd.DataFrame(columns)
    if not all(kind.kind in "fiu" for kind in table.dtypes):
        raise ValueError("its history holds more than numbers")
    table.index = pd.RangeIndex(1, len(table) + 1, name=index)
    return table


def storable(names: pd.Index, what: str) -> pd.Index:
    """Return names that a saved model can hold, text or whole numbers, each given once; refuse others before training.

    Raises
    ------
    ValueError
        Naming the first that is not.
    """
    if isinstance(names, pd.MultiIndex):
        raise ValueError(
            f"{what}: its names have {names.nlevels} levels, such as {names[0]!r}; expected one name each. Keep one "
            "level: index.get_level_values(0), or join them: index.map('_'.join)."
            if len(names)
            else f"{what}: its names have {names.nlevels} levels; expected one name each."
        )
    for name in names if names.hasnans or names.inferred_type not in ("string", "integer") else ():
        if isinstance(name, bool) or not isinstance(name, (str, int, np.integer)):
            raise ValueError(
                f"{what}: the name {name!r} is a {type(name).__name__}; expected text or whole numbers, which a saved "
                "model can hold. Rename it, e.g. by index.astype(str), or drop what has no name."
            )
    again = names[names.duplicated()]
    if len(again):
        raise ValueError(f"{what} {again[0]!r} is given twice. Keep one, or take their mean.")
    return names


def label(name: object) -> str | float | tuple | None:
    """Return the name of a table, or of its index, such that a file can hold it."""
    if isinstance(name, (list, tuple)):  # JSON makes lists of tuples
        return tuple(label(each) for each in name)
    if isinstance(name, np.generic):
        name = name.item()
    as_is = name is None or isinstance(name, str) or (isinstance(name, numbers.Real) and math.isfinite(name))
    return name if as_is else str(name)


def _named(path: object) -> Path:
    """Return the path of a file, or refuse what is none."""
    if not isinstance(path, (str, os.PathLike)) or not Path(path).name:
        raise TypeError(f"path is {path!r}; expected the name of a file, such as 'model.safetensors'.")
    return Path(path)


def _seal(text: str, arrays: dict[str, Tensor]) -> str:
    """Return the sha256 of facts and arrays."""
    found = hashlib.sha256(text.encode())
    for name, value in sorted(arrays.items()):
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
