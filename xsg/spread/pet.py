"""A simulated cohort of whole brains: what positron emission tomography (PET) of tau looks like, with a known truth.

Every subject has a brain of its own, a background, a gain (what is seen of a place that is full), a stage to start
from, and noise; some visits are missing. Uptake is given as PET's is, as a ratio to a region without pathology (SUVR):
about 1 where there is none. It is integrated by the classical scheme of `xsg.spread.cohort.integrate`, not by the
solver that fits it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import ndimage

from xsg.spread.cohort import Spread, SpreadTruth, integrate
from xsg.spread.laplacian import sparse_grid_laplacian
from xsg.spread.prior import log_normal_prior

PET_TIMES = (0.0, 2.0, 4.0, 6.0)  # years
# What the rates and gains of the cohort are drawn from; a model of it takes them as ``d_range``, ``r_range``, ``gain``.
PET_RANGES = {"D": (0.05, 0.5), "R": (0.1, 0.8), "gain": (0.8, 2.4)}
_SEEDS = ((-24.0, -12.0, -30.0), (24.0, -12.0, -30.0))  # mm, MNI: the entorhinal cortex of each side
_WIDTH = 12.0  # mm, of the bumps to start from, which are cut at twice as much
_FEWEST = 300  # voxels of a brain that a bump fits into


def simulate_pet(
    noise: float | None,
    seed: int,
    sizes: dict[str, int],
    laws: tuple[str, ...],
    times: Sequence[float],
    voxel: int = 8,
    smooth: float = 0.0,
) -> Spread:
    """Simulate the cohort; see `xsg.spread.load.load_spread`, which checks what it is given.

    Parameters
    ----------
    noise
        Mean of a subject's images over the noise's standard deviation; None for none.
    seed
        The same seed gives the same numbers; a subject depends neither on the noise nor on the number of others.
    sizes
        Number of subjects by split.
    laws
        Drawn evenly.
    times
        Years, T of them.
    voxel
        Side of a voxel in mm.
    smooth
        Full width at half maximum, in mm, of what the noise is smoothed by; its standard deviation stays.

    Returns
    -------
    Spread
        Values (S, T, n) in SUVR; D in voxels² a year, R a year; ``inside`` by subject.

    Raises
    ------
    ValueError
        Voxels so large that too little brain is left.
    """
    mask, affine = brain(voxel)
    laplacian = sparse_grid_laplacian(mask)
    bump = _bumps(mask, affine)[mask]
    rates, masks, stages, splits = [], [], [], []
    for stream, (split, size) in enumerate(sizes.items()):
        some, stage = _draw([seed, stream], size, laws)
        rates.append(some)
        stages.append(stage)
        masks.append(_own_masks(mask, np.random.default_rng([seed, stream, 2]), size))
        splits += [split] * size
    table = pd.concat(rates, ignore_index=True)
    table.loc[table["law"] == "diffusion", "R"] = 0.0
    table.index = pd.Index([f"P{number + 1:04d}" for number in range(len(table))], name="subject")
    inside = np.concatenate(masks)
    initial = np.concatenate(stages)[:, None] * bump * inside
    states = integrate(table, initial, laplacian, np.asarray(times, dtype=float), inside)
    gain, background = (table[name].to_numpy(np.float32)[:, None, None] for name in ("gain", "background"))
    values = gain * states + background
    noise_sd = np.zeros(len(table))
    if noise is not None:
        has = inside[:, None].astype(np.float32)
        noise_sd = (values * has).sum(axis=(1, 2)) / (len(times) * inside.sum(axis=1)) / noise
    row = 0
    for stream, size in enumerate(sizes.values()):
        rng = np.random.default_rng([seed, stream, 1])
        for each in range(row, row + size):
            draws = rng.standard_normal((len(times), *mask.shape), dtype=np.float32)
            if noise is not None:
                values[each] += _smoothed(draws, smooth / voxel)[:, mask] * np.float32(noise_sd[each])
        values[row : row + size][_missed(np.random.default_rng([seed, stream, 3]), size, len(times))] = np.nan
        row += size
    truth = SpreadTruth(table, initial, laplacian, pd.Series(noise_sd, table.index, name="noise_sd"), inside)
    told = "no noise"
    if noise is not None:
        told = f"noise at SNR {noise:g}, " + (f"smooth over {smooth:g} mm" if smooth else "white")
    return Spread(
        "pet",
        values,
        np.tile(np.asarray(times, dtype=float), (len(table), 1)),
        table.index,
        laplacian,
        pd.RangeIndex(int(mask.sum())),
        mask,
        pd.Series(splits, table.index, name="split"),
        truth,
        [
            f"simulated by xsg, seed {seed}: uptake (SUVR) in voxels of {voxel:g} mm, {told}; laws {', '.join(laws)}; "
            f"years {', '.join(f'{time:g}' for time in times)}"
        ],
        inside,
    )


def brain(voxel: float) -> tuple[np.ndarray, np.ndarray]:
    """Return which voxels of a side in mm are brain (X, Y, Z), and the affine (4, 4) from them to mm.

    The mask of the MNI152 template that nilearn brings along (Fonov et al. 2011, doi:10.1016/j.neuroimage.2010.07.033);
    nothing is downloaded.
    """
    from nilearn.datasets import load_mni152_brain_mask

    image = load_mni152_brain_mask(resolution=voxel)
    mask = np.asarray(image.dataobj) > 0
    if mask.sum() < _FEWEST:
        raise ValueError(f"voxel is {voxel:g} mm: {mask.sum()} voxels are brain; expected {_FEWEST} or more. Try 8.")
    return mask, image.affine


def _bumps(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Gaussian bumps about the seeds, cut at twice their width."""
    places = np.moveaxis(np.indices(mask.shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    away = np.min([np.linalg.norm(places - seed, axis=-1) for seed in _SEEDS], axis=0)
    return np.where(mask & (away < 2 * _WIDTH), np.exp(-(away**2) / (2 * _WIDTH**2)), 0.0)


def _draw(seed: list[int], size: int, laws: tuple[str, ...]) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw laws, rates, gains and backgrounds, and the height of the bumps at the first visit."""
    draws, normal = (
        np.random.default_rng([*seed, 0]).random((size, 5)),
        np.random.default_rng([*seed, 4]).normal(size=size),
    )
    law = np.array(laws, dtype=object)[(draws[:, 0] * len(laws)).astype(int)]
    d, r = (low + (high - low) * draws[:, k] for k, (low, high) in enumerate((PET_RANGES["D"], PET_RANGES["R"]), 1))
    mean, sd = log_normal_prior(*PET_RANGES["gain"])
    own = {"gain": np.exp(mean + sd * normal), "background": 0.9 + 0.2 * draws[:, 3]}
    return pd.DataFrame({"law": law, "D": d, "R": r} | own), 0.3 + 0.6 * draws[:, 4]


def _own_masks(mask: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """Shift each subject's border by about half a voxel, here inwards and there outwards: bool (size, n)."""
    deep = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1, 1:-1]
    found = np.empty((size, int(mask.sum())), dtype=bool)
    for row in range(size):
        shift = _smoothed(rng.standard_normal((1, *mask.shape)), 4.0)[0]
        parts, _ = ndimage.label(mask & (deep + 0.7 * shift > 1.0))
        found[row] = (parts == 1 + np.bincount(parts[parts > 0] - 1).argmax())[mask]  # the largest piece
    return found


def _smoothed(draws: np.ndarray, width: float) -> np.ndarray:
    """Smooth noise (K, X, Y, Z) by a Gaussian of a full width in voxels, and give it unit variance again."""
    if not width:
        return draws
    kernel = width / np.sqrt(8 * np.log(2))
    out = ndimage.gaussian_filter(draws, (0, kernel, kernel, kernel), mode="wrap")
    one = np.zeros(draws.shape[1:])
    one.flat[0] = 1.0
    return out / np.sqrt(np.square(ndimage.gaussian_filter(one, kernel, mode="wrap")).sum())


def _missed(rng: np.random.Generator, size: int, visits: int) -> np.ndarray:
    """Draw which visits are missing (size, visits): a sixth of those after the second."""
    missed = rng.random((size, visits)) < 1 / 6
    missed[:, :2] = False
    return missed
