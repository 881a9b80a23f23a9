"""Fitted models, and what refits predict, on disk: one ``.safetensors`` file each, arrays and JSON, no pickle."""

import json
import uuid
from pathlib import Path

from torch import Tensor


def write_model(path: str | Path, arrays: dict[str, Tensor], facts: dict) -> Path:
    """Write arrays and facts (plain values; ``facts["class"]`` names the model's class); never half a file."""
    from safetensors.torch import save_file

    path = Path(path)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        # safetensors wants contiguous tensors that share no memory.
        save_file({k: v.clone().contiguous() for k, v in arrays.items()}, part, {"xsg": json.dumps(facts)})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def read_model(path: str | Path, kind: str) -> tuple[dict, dict[str, Tensor]]:
    """Read the facts and arrays of a model of the class named ``kind``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no model of that class saved by xsg, or is damaged.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"no saved model at {path}. Write one with model.save(path).")
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get("xsg", "{}"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file, or is damaged ({error}). Save the model anew.") from None
    if facts.get("class") != kind:
        raise ValueError(f"{path} holds {facts.get('class', 'no xsg model')}, expected a {kind} saved by xsg.")
    return facts, arrays
