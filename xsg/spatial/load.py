"""Load a mouse brain by name: the simulated one, or the Allen Institute's, put together from files in the cache."""

from __future__ import annotations

import hashlib
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from xsg.data import fetch as _fetch
from xsg.data import kept
from xsg.data.kept import cache_dir
from xsg.spatial.files import (
    BULK,
    BULK_AGAIN,
    energy_folder,
    has_energy,
    known_experiments,
    open_bulk,
    read_annotation,
    read_grid,
)
from xsg.spatial.metaimage import SHAPE
from xsg.spatial.mouse import Mouse, labelled_voxels, structure_tree
from xsg.spatial.stored import stored

if TYPE_CHECKING:
    pass


_BLOCK = 4096  # voxels of the matrix held in memory while it is written


def load_mouse(name: str = "simulated", **choices: object) -> Mouse:
    """Load a mouse brain by name.

    Parameters
    ----------
    name
        ``"simulated"``: `xsg.spatial.simulate.simulate_mouse`, no data needed. ``"allen"``: the real atlas, from the
        bulk matrix (`download_bulk`) or single experiments (`download_experiments`) in the cache; nothing so large is
        fetched unasked.
    **choices
        For "simulated", the arguments of `simulate_mouse` (``seed``, ``n_genes``, ``step``, ``geometry``). For "allen":
        ``step=1`` (take every step-th voxel along each axis), ``folder`` (of the bulk matrix). What is in the cache
        must be what was first seen there, see `xsg.data.kept`.

    Returns
    -------
    Mouse
        Large matrices are mapped from a file in the cache that the first call writes.

    Raises
    ------
    ValueError
        Unknown name or choice; no data, or data that were replaced or damaged since they were first seen.

    Examples
    --------
    >>> brain = load_mouse("simulated", n_genes=20, step=4, geometry="drawn")
    >>> brain.expression.shape[1], brain.simulated
    (20, True)
    """
    loaders = {"simulated": _simulated, "allen": _allen}
    if not isinstance(name, str) or name not in loaders:
        raise ValueError(f"mouse {name!r} is not known; there are: {', '.join(map(repr, loaders))}.")
    known = list(inspect.signature(loaders[name]).parameters)
    unknown = [choice for choice in choices if choice not in known]
    if unknown:
        raise ValueError(f"load_mouse({name!r}) has no choice {unknown[0]!r}; it has: {', '.join(known)}.")
    return loaders[name](**choices)


def _simulated(seed: int = 0, n_genes: int = 400, step: int = 1, geometry: str = "auto") -> Mouse:
    from xsg.spatial.simulate import simulate_mouse

    return simulate_mouse(seed, n_genes, step, geometry)


def _allen(step: int = 1, folder: str | Path | None = None) -> Mouse:
    voxels, region = labelled_voxels(read_annotation(), step)
    structures = structure_tree()
    here = Path(folder) if folder else _bulk_folder()
    if here:
        experiments, matrix = open_bulk(here)
        source = f"from the bulk matrix of the International Brain Laboratory, {len(experiments)} experiments"
        # What a user has put elsewhere is the user's own to change; what is in the cache is not.
        way_out = BULK_AGAIN if here.absolute().is_relative_to(cache_dir()) else ""
        digests = [kept.first_seen(here / name, way_out) for name in BULK if (here / name).is_file()]

        def volume(row: int) -> np.ndarray:
            return matrix[row].reshape(-1)
    else:
        grids = sorted(energy_folder().glob("*.zip"), key=lambda path: path.name)
        grids = [path for path in grids if re.fullmatch(r"\d+\.zip", path.name)]
        seen = {g: kept.first_seen(g, f"Get it again: download_experiments([{g.stem}]).") for g in grids}
        grids = [path for path in grids if has_energy(path)]
        digests = [seen[path] for path in grids]
        if not grids:
            raise ValueError(
                "load_mouse('allen'): no expression in the cache. Fetch it by xsg.spatial.files.download_bulk() (1.4 "
                "GB), or some of it by download_experiments(known_experiments()[:100]); or use load_mouse('simulated')."
            )
        listed = known_experiments()
        ids = [int(path.stem) for path in grids]
        missing = [each for each in ids if each not in listed.index]
        if missing:
            raise ValueError(
                f"experiment {missing[0]} in the cache is not among the {len(listed)} coronal experiments. Move "
                f"{missing[0]}.zip elsewhere."
            )
        experiments = listed.loc[ids]
        source = f"from the Allen Institute's service, {len(experiments)} experiments"

        def volume(row: int) -> np.ndarray:
            return np.nan_to_num(read_grid(grids[row]), nan=-1).transpose(2, 1, 0).reshape(-1)

    genes, row_of = group_replicates(experiments)
    flat = np.ravel_multi_index(voxels.to_numpy()[:, ::-1].T, SHAPE[::-1])  # place of each voxel in a flat volume
    # A source or an anatomy that was replaced makes another matrix.
    parts = [source, digests, experiments.to_csv(), step, hashlib.sha256(voxels.to_numpy().tobytes()).hexdigest()]
    key = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def write(out: np.ndarray) -> None:
        # From the bulk matrix, which is by gene, one block of voxels after the other: never the whole in memory. A zip
        # is slow to open, so each is opened once, for all voxels (0.5 GB if all 4,345 are there).
        size = _BLOCK if here else len(flat)
        for start in tqdm(range(0, len(flat), size), desc="voxel matrix", unit=" blocks", leave=False):
            rows = flat[start : start + size]
            block = np.empty((len(rows), len(genes)), np.float16)
            for column, members in enumerate(row_of):
                block[:, column] = mean_of_replicates([volume(member)[rows] for member in members])
            out[start : start + size] = block

    expression = stored(f"allen-{key}", (len(flat), len(genes)), write)
    provenance = [
        f"Expression energy: Allen Mouse Brain Atlas (Lein et al. 2007), coronal in situ hybridisation; {source}.",
        f"{len(experiments)} experiments are {len(genes)} genes; replicates are averaged where both have a value.",
        f"Annotation: P56 grid annotation, {len(voxels)} labelled voxels"
        + (f" (every {step}th along each axis)." if step > 1 else "."),
    ]
    return Mouse("allen", expression, voxels, region, genes, structures, provenance)


def _bulk_folder() -> Path | None:
    places = [cache_dir(), *([mirror] if (mirror := _fetch.mirror_folder()) else [])]
    return next((p / "mouse" / "agea" for p in places if (p / "mouse" / "agea" / BULK[1]).is_file()), None)


def group_replicates(experiments: pd.DataFrame) -> tuple[pd.Index, list[list[int]]]:
    """Group the experiments of one gene: gene names in alphabetical order, and the rows of each.

    Examples
    --------
    >>> genes, rows = group_replicates(pd.DataFrame({"gene": ["b", "a", "b"]}))
    >>> list(genes), rows
    (['a', 'b'], [[1], [0, 2]])
    """
    grouped = pd.Series(np.arange(len(experiments))).groupby(experiments["gene"].to_numpy())
    rows = {gene: list(map(int, members)) for gene, members in grouped}
    return pd.Index(list(rows), name="gene"), list(rows.values())


def mean_of_replicates(volumes: list[np.ndarray]) -> np.ndarray:
    """Average volumes of one gene in which −1 is missing; float32, NaN where all are missing."""
    values = np.stack(volumes).astype(np.float32)
    present = values != -1
    count = present.sum(axis=0)
    return np.where(count, (values * present).sum(axis=0) / np.maximum(count, 1), np.float32(np.nan))
