"""Tables of expression in files: written whole or not at all, checked when they are read."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from xsg.check import array, instance
from xsg.data.gene_names import gene_list, gene_names
from xsg.files import plain, whole

_LARGEST = 4 * 2**30  # bytes once unpacked; the whole atlas by 1,000 regions has 0.2 GB


def save_expression(table: pd.DataFrame, path: str | Path) -> Path:
    """Save a table with all that it knows about itself, as .npz (numbers, names and JSON; nothing is pickled).

    What stood at ``path`` stands there still when the writing fails or is interrupted.

    Parameters
    ----------
    table
        Regions × genes, numbers or NaN; ``attrs`` of plain values.
    path
        Its name ends in .npz.

    Returns
    -------
    Path

    Raises
    ------
    TypeError
        If it is no table of numbers.
    ValueError
        If the name ends otherwise, names of genes or regions are doubtful, or ``attrs`` holds what cannot be noted.
    OSError
        If it cannot be written.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(f"path is {str(path)!r}; expected a name ending in .npz")
    instance(table, pd.DataFrame, "table", "a DataFrame, regions by genes")
    genes = gene_names(gene_list(table.columns, "table", as_given=True), "table")
    if isinstance(table.index, pd.MultiIndex) or not table.index.is_unique or table.index.hasnans:
        raise ValueError("table: rows without a name of their own, or with several; expected one region a row.")
    values = array(table, "table", finite=False)
    try:
        attrs = json.loads(json.dumps(table.attrs, default=plain))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"table.attrs cannot be noted as JSON: {error}. Leave out what is no number, text or list."
        ) from None
    kept = pd.DataFrame(values, table.index, genes)
    kept.attrs = attrs
    if attrs.get("sha256") not in (None, digest_of(kept)):
        # Some of its rows or columns, or other values: what was noted is the digest of the table that was made.
        attrs["sha256"] = digest_of(kept)
        attrs["provenance"] = [*attrs.get("provenance", []), "Changed by hand after it was made, before it was saved."]
        kept.attrs = attrs
    numbered = all(isinstance(gene, (int, np.integer)) for gene in genes)
    with whole(path) as part:
        np.savez_compressed(
            part,
            values=values,
            regions=table.index.to_numpy(dtype=str),
            genes=genes.to_numpy(dtype=np.int64 if numbered else str),
            attrs=np.array(json.dumps(attrs)),
            sha256=np.array(_digest_of_all(kept)),
        )
    return path


def load_expression(path: str | Path) -> pd.DataFrame:
    """Load a table that `save_expression` saved, with its settings; its sha256 is compared.

    Raises
    ------
    ValueError
        Not such a file, or its table or settings are not those that were saved.
    FileNotFoundError
        No such file.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; make it with save_expression.")
    try:
        with zipfile.ZipFile(path) as archive:
            if (size := sum(member.file_size for member in archive.infolist())) > _LARGEST:
                raise ValueError(f"unpacked it would have {size / 2**30:.0f} GB")
        with np.load(path, allow_pickle=False) as file:
            stored = {name: file[name] for name in file.files}
        regions, genes = (
            pd.Index(stored[name].astype(int if stored[name].dtype.kind == "i" else object), name=name[:-1])
            for name in ("regions", "genes")
        )
        table = pd.DataFrame(np.asarray(stored["values"], dtype=float), regions, genes)
        table.attrs = dict(json.loads(str(stored["attrs"])))
        seen, saved = digest_of(table), table.attrs.get("sha256")
        if saved in (None, seen) and "sha256" in stored:
            seen, saved = _digest_of_all(table), str(stored["sha256"])
    except Exception as error:  # zipfile, zlib, numpy and json each have errors of their own for what is damaged
        raise ValueError(
            f"{path} is no expression table ({type(error).__name__}: {error}). Make one with save_expression."
        ) from None
    if saved not in (None, seen):
        raise ValueError(f"{path}: table and settings have sha256 {seen}, saved was {saved}. Make the table anew.")
    gene_names(genes, str(path))
    return table


def digest_of(table: pd.DataFrame) -> str:
    """sha256 of the table, its names and its settings."""
    digest = hashlib.sha256(json.dumps(table.attrs.get("settings"), sort_keys=True).encode())
    digest.update("\n".join([*map(str, table.index), "", *map(str, table.columns)]).encode())
    digest.update(np.ascontiguousarray(table.to_numpy(dtype="<f8")).tobytes())
    return digest.hexdigest()


def _digest_of_all(table: pd.DataFrame) -> str:
    """sha256 of the table and of all it knows about itself."""
    return hashlib.sha256(f"{digest_of(table)} {json.dumps(table.attrs, sort_keys=True)}".encode()).hexdigest()
