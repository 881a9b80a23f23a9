"""Matrices of voxels by genes: in memory while they are small, else written to the cache once and mapped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xsg.data import kept
from xsg.data.download import check_space, locked
from xsg.data.kept import cache_dir
from xsg.files import digest, whole
from xsg.spatial.files import (  # noqa: F401
    API,
    BULK,
    BULK_AGAIN,
    BULK_URL,
    download_bulk,
    download_experiments,
    energy_folder,
    has_energy,
    known_experiments,
    list_experiments,
    open_bulk,
    read_annotation,
    read_grid,
)
from xsg.spatial.metaimage import N_VOXELS, SHAPE, SPACING  # noqa: F401

if TYPE_CHECKING:
    pass


IN_MEMORY = 64 * 2**20  # bytes; a larger matrix is written to the cache and mapped


def stored(key: str, shape: tuple[int, int], write: Callable[[np.ndarray], None]) -> np.ndarray:
    """Return a float16 matrix that ``write`` fills: in memory when small, else mapped from the cache.

    A matrix once written is found again by its key; one that was cut off in writing or changed since is written anew.
    """
    if shape[0] * shape[1] * 2 <= IN_MEMORY:
        out = np.empty(shape, np.float16)
        write(out)
        return out
    path, size = matrices() / f"{key}.f16", shape[0] * shape[1] * 2
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path, size):
        if not path.is_file() or path.stat().st_size != size or not kept.is_as_noted(path):
            check_space(path.parent, size)
            with whole(path) as part:
                with part.open("wb") as file:
                    write(out := _Appended(file, shape))
                if out.next != shape[0]:
                    raise ValueError(f"{key}: {out.next} of {shape[0]} rows were written")
            kept.note(path, digest(path))
    return np.memmap(path, np.float16, "r", shape=shape)


def matrices() -> Path:
    """Folder of the cache for matrices."""
    return cache_dir() / "mouse" / "matrices"


class _Appended:
    """Rows that are only ever written one after the other: plain writes, so that pages do not pile up in memory."""

    def __init__(self, file, shape: tuple[int, int]):
        self.file, self.shape, self.next = file, shape, 0

    def __setitem__(self, rows: slice, block: np.ndarray) -> None:
        start, stop, _ = rows.indices(self.shape[0])
        if start != self.next or block.shape != (stop - start, self.shape[1]):
            raise ValueError(f"rows {start}–{stop} of shape {block.shape} written where row {self.next} is next")
        self.file.write(np.ascontiguousarray(block, np.float16).data)
        self.next = stop
