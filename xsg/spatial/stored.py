"""Matrices of voxels by genes: in memory while they are small, else written to the cache once and mapped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from xsg.check import array
from xsg.data import kept
from xsg.data.download import check_space, locked
from xsg.data.kept import cache_dir
from xsg.files import digest, whole

_AT_ONCE = 2**18  # values of a large table that are looked at in one step
_ROUNDING = 1e-6  # energy; so far below 0 lies what was averaged as logarithms and taken back
_HIGHEST = 6e4  # energy; those of the Allen Institute's files reach some hundreds, and float16 ends at 65504
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


def energies(values: object, what: str = "expression") -> np.ndarray:
    """Return expression energies with NaN where there is none; the Allen Institute's files write −1 there.

    Parameters
    ----------
    values
        Numbers of any plain form. Floats keep their type; what is mapped from disk is read block by block, and stays
        mapped where no −1 is in it.
    what
        What they are called in an error.

    Returns
    -------
    float array
        The array itself where it holds no −1, else a copy.

    Raises
    ------
    TypeError
        If it is no array of numbers.
    ValueError
        If a value is negative and not −1, infinite or huge.

    Examples
    --------
    >>> energies(np.array([[0.5, -1.0]], dtype=np.float32)).tolist()
    [[0.5, nan]]
    """
    found = values.to_numpy() if isinstance(values, (pd.Series, pd.DataFrame)) else values
    if not isinstance(found, np.ndarray) or found.dtype.kind != "f":
        found = array(found, what, dtype=np.float32, finite=False)
    height = max(1, _AT_ONCE // max(1, int(np.prod(found.shape[1:], dtype=np.int64)))) if found.ndim else 1
    holes = False
    for start in range(0, len(np.atleast_1d(found)), height):
        block = np.atleast_1d(found)[start : start + height]
        if block.dtype == np.float16:  # which processors compare slowly
            block = block.astype(np.float32)
        if (
            np.fmin.reduce(block, axis=None, initial=0) >= -_ROUNDING
            and np.fmax.reduce(block, axis=None, initial=0) <= _HIGHEST
        ):
            continue
        odd = (block < -_ROUNDING) & (block != -1) | (block > _HIGHEST)
        if odd.any():
            place = np.argwhere(odd)[0]
            raise ValueError(
                f"{what} is {block[tuple(place)]:g} at {(start + int(place[0]), *map(int, place[1:]))}; expected an "
                "energy of 0 or more, up to 60000, or NaN (−1 in the Allen Institute's files) where there is none: "
                "energies as measured; logarithms and z-scores are none."
            )
        holes |= bool((block == -1).any())
    return np.where(found == -1, found.dtype.type(np.nan), found) if holes else found
