"""How `SpatialVAE` reads a brain: preprocessed batch by batch, from memory or from disk, in the arithmetic chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from xsg.spatial.mouse import SHAPE
from xsg.spatial.preprocess import Preprocessor
from xsg.spatial.tables import Table

PREDICT = 4096  # voxels of one step of prediction
_IN_MEMORY = 256 * 2**20  # bytes of float32; a larger input is written to a file and read batch by batch
_EXTREME = 1e4  # scaled expression stays well below
_BFLOAT16_FROM = 1000  # genes; "auto" leaves a smaller first layer in float32, on every machine


class Stream:
    """Preprocessed expression of some voxels, batch by batch: from memory if small, else from a file of float16.

    Without a folder, nothing is kept: every batch is preprocessed when it is asked for.
    """

    def __init__(self, table: Table, preprocess: Preprocessor, rows: np.ndarray, folder: Path | None):
        self.rows, self._table, self._preprocess, self._x = rows, table, preprocess, None
        if folder is None:
            return
        width = preprocess.n_features
        if len(rows) * width * 4 <= _IN_MEMORY:
            self._x = preprocess.transform(table, rows)
            return
        with (folder / "input.f16").open("wb") as file:
            for start in range(0, len(rows), PREDICT):
                x = preprocess.transform(table, rows[start : start + PREDICT])
                file.write(x.clip(-6e4, 6e4).astype(np.float16).data)
        self._x = np.memmap(folder / "input.f16", np.float16, "r", shape=(len(rows), width))

    def read(self, places: np.ndarray) -> Tensor:
        """Return the network's input float32 (B, p) of the rows at these places."""
        if self._x is None:
            return torch.from_numpy(self._preprocess.transform(self._table, self.rows[places]))
        return torch.from_numpy(self._x[places]).float()

    def join(self, positions: np.ndarray) -> None:
        """Find the (up to 26) voxels that touch each voxel and are among the rows: place (n, 26), −1 for none."""
        voxels = positions[self.rows].astype(int)
        # Of a brain of which every second voxel is taken, neighbours are two apart; except across the midline, where
        # left and right meet at one apart whatever the step: so LR is not asked, and those are no neighbours then.
        apart = [np.diff(np.unique(voxels[:, axis])) for axis in (0, 1)]
        step = int(min(gaps.min(initial=SHAPE[0]) for gaps in apart))
        place = np.full(tuple(size + 2 * step for size in SHAPE), -1)
        voxels += step
        place[tuple(voxels.T)] = np.arange(len(voxels))
        offsets = [o for o in np.ndindex(3, 3, 3) if o != (1, 1, 1)]
        self.near = np.stack([place[tuple((voxels + step * (np.array(o) - 1)).T)] for o in offsets], axis=1)

    def neighbourhood(
        self, places: np.ndarray, k: int | None, generator: torch.Generator | None, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Return expression (M, p) of neighbours and the edges (2, E) from them: k drawn for each voxel; None: all."""
        taken = torch.from_numpy(self.near[places])
        if k is not None:
            # The k of smallest random rank among those that exist.
            rank = torch.rand(taken.shape, generator=generator).masked_fill_(taken < 0, 2.0)
            taken = taken.gather(1, rank.argsort(dim=1)[:, :k])
        exists = taken >= 0
        to = torch.arange(len(places))[:, None].expand_as(taken)[exists]
        # A neighbour of several voxels of the batch is read once.
        nodes, source = torch.unique(taken[exists], return_inverse=True)
        return self.read(nodes.numpy()).to(device), torch.stack([source, to]).to(device)


def precision(wanted: str, device: torch.device, genes: int) -> str:
    """Choose the arithmetic of the large products by what the processor has, not by a stopwatch: same machine, same."""
    if wanted not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"precision is {wanted!r}; expected 'auto', 'float32' or 'bfloat16'.")
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        has = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        can = getattr(torch.cpu, "get_capabilities", dict)()
        has = can.get("avx512_bf16", False) or can.get("amx_bf16", False)
    return "bfloat16" if has and genes >= _BFLOAT16_FROM else "float32"


def set_aside(
    table: Table, rows: np.ndarray, share: float, how: str, generator: torch.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return which of the training rows train, and which judge: a share at random, or at the ``"front"``."""
    aside = round(share * len(rows))
    if len(rows) - aside < 10:
        raise ValueError(f"{len(rows) - aside} voxels to train on; expected at least 10.")
    shuffled = rows[torch.randperm(len(rows), generator=generator).numpy()]
    if how == "front":  # by AP, then SI, then LR, whatever the order of the table
        shuffled = np.sort(rows)
        shuffled = shuffled[np.lexsort(table.voxels[shuffled].T[::-1])]
    return np.sort(shuffled[aside:]), np.sort(shuffled[:aside])


def way_out(x: Tensor, genes: pd.Index) -> str:
    """Say what to look at when a loss is lost: the data where they are extreme, else the step size."""
    largest = x.abs().amax(dim=0)
    if bool((largest < _EXTREME).all()):
        return "Lower lr."
    gene = int(torch.nan_to_num(largest, nan=torch.inf).argmax())
    return (
        f"The scaled expression of gene {genes[gene]!r} reaches {float(largest[gene]):.3g}, expected some units: look "
        "there for outliers and codes for missing values."
    )


def schedule_of(optimiser: torch.optim.Optimizer, how: str, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    """Return how the step size changes: up and down a cosine over so many steps, or halved where nothing improves."""
    if how != "cosine":
        return torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=5)
    warm = max(1, steps // 20)
    return torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1, (step + 1) / warm) * 0.5 * (1 + np.cos(np.pi * step / steps))
    )


@torch.no_grad()
def judge(net: nn.Module, terms_of: Callable, start: int, stop: int) -> float:
    """Return the loss over rows of the stream, mean over voxels; ``terms_of`` (rows, learning) gives its terms."""
    net.eval()
    total = 0.0
    for begin in range(start, stop, PREDICT):
        batch = np.arange(begin, min(begin + PREDICT, stop))
        total += float(sum(terms_of(batch, False).values())) * len(batch)
    return total / (stop - start)
