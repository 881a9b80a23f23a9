r"""A simulated mouse brain with a known truth, on the Allen Institute's 200 µm grid.

Generative story, for voxel v (grid index a, s, l; u = \|l − 28.5\| its distance from the midline) and gene g:

1. Anatomy: two mirror-image hemispheres, regions nested three deep (division > area > part), drawn from ellipsoids and
   divided by nearest-seed cells in integer arithmetic; or the real annotation, where that is at hand.
2. Biology, the same left and right:
   :math:`b_{vg} = \sum_{r \ni v} w_{rg} + \sum_k F_{vk} \Lambda_{kg}`. Each structure r on the path from the root to
   the voxel adds an effect of its own (Laplace: few genes mark it strongly). The 24 gradients F_k are smooth over
   (a, s, u); gene g loads on those whose *pathway* it belongs to, and Λ is zero elsewhere.
3. How it was measured, different in every experiment: the cutting plane is tilted by t_g, so that a section's left and
   right come from different places along AP (first order: :math:`t_g (l - 28.5)\, \partial_a F \Lambda`); smooth fields
   shared by many experiments that respect no mirror; a gain for each section; noise in each voxel.
4. Energy: :math:`e_{vg} = \exp(m_g + 1.5\, y_{vg})`, zero below the detection limit, at most 100.
5. Missing: sections before the first and after the last of the experiment, single lost sections, torn corners.

So there is biology that a model can carry to places it has not seen, and there are artefacts that tell it where a voxel
is only as long as its neighbours are in the training set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xsg.check import choice, number
from xsg.data import fetch as _fetch
from xsg.spatial.files import ANNOTATION
from xsg.spatial.mouse import (
    _TREE,
    MIDLINE,
    SHAPE,
    Mouse,
    fold,
    labelled_voxels,
    make_structures,
    read_annotation,
    structure_tree,
)
from xsg.spatial.stored import stored

EQUATION = (
    "energy = exp(m + 1.5 y), y = Σ_regions w + F Λ [biology] + tilt (l − 28.5) ∂F/∂a Λ + B Γ + gain[section] + noise; "
    "0 below 0.002, at most 100"
)
N_PATHWAYS = 24
MAX_GENES = 4000
_N_FIELDS = 32  # smooth fields of the measurement
_LENGTH = 14.0  # voxels; of the gradients
_FIELD_LENGTH = 5.0  # voxels; of the fields of the measurement
_REGION_SD, _FIELD_SD, _GAIN_SD, _NOISE_SD, _TILT_SD = 0.7, 0.25, 0.15, 0.6, 0.06
_SCALE, _LIMIT, _MOST = 1.5, 0.002, 100.0
_VERSION = 1  # of the numbers: a change of the story must not find a matrix of the old one in the cache


@dataclass(frozen=True, eq=False)
class MouseTruth:
    """What a simulated mouse brain was made of.

    Attributes
    ----------
    gradients : DataFrame, shape (n, 24)
        F, the smooth gradients at each voxel; mirror-symmetric.
    loadings : DataFrame, shape (24, p)
        Λ, weight of each gradient in each gene; zero where the gene is not of the pathway.
    region_effects : DataFrame, shape (structures, p)
        Sum over the path from the root of each structure's effects.
    log_mean : Series, shape (p,)
        m, log energy of a gene where everything else is zero.
    section_gain : DataFrame, shape (67, p)
        Gain of each section in units of y.
    tilt : Series, shape (p,)
        Sections per voxel from the midline by which the cutting plane was tilted.
    equation : str
    """

    gradients: pd.DataFrame
    loadings: pd.DataFrame
    region_effects: pd.DataFrame
    log_mean: pd.Series
    section_gain: pd.DataFrame
    tilt: pd.Series
    equation: str
    _region: np.ndarray

    @property
    def pathways(self) -> pd.DataFrame:
        """Which genes belong to which pathway: bool (24, p)."""
        return self.loadings != 0

    def energy(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the energy that the biology alone gives, float32 (rows, p): no artefact, no noise, nothing missing."""
        y = self.region_effects.to_numpy(np.float32)[self._region[rows]]
        y = y + self.gradients.to_numpy(np.float32)[rows] @ self.loadings.to_numpy(np.float32)
        return _energy(self.log_mean.to_numpy(np.float32) + _SCALE * y)


def simulate_mouse(seed: int = 0, n_genes: int = 400, step: int = 1, geometry: str = "auto") -> Mouse:
    """Simulate expression energy over the voxels of a mouse brain.

    Parameters
    ----------
    seed
        The same seed gives the same numbers.
    n_genes
        Up to 4,000; called G0001 …, so that no one takes them for real ones.
    step
        Take every step-th voxel along each axis (1: all, about 60,000; 2: an eighth of them).
    geometry
        ``"drawn"``: made of ellipsoids, needs no data. ``"allen"``: the real annotation. ``"auto"``: the real one where
        it is already in the cache or mirror, else drawn; the object says which.

    Returns
    -------
    Mouse
        With ``truth``. A matrix of over 64 MiB is written to the cache once, as float16, and mapped.

    Raises
    ------
    ValueError
        A size is out of range; an unknown geometry.

    Examples
    --------
    >>> brain = simulate_mouse(n_genes=30, step=4, geometry="drawn")
    >>> brain.truth.pathways.shape
    (24, 30)
    """
    seed, n_genes = number(seed, "seed", 0, whole=True), number(n_genes, "n_genes", 1, MAX_GENES, whole=True)
    step = number(step, "step", 1, whole=True)
    choice(geometry, ("auto", "drawn", "allen"), "geometry")
    if geometry == "auto":
        geometry = "allen" if all(map(_fetch.is_here, (ANNOTATION, _TREE))) else "drawn"
    if geometry == "allen":
        annotation, structures = read_annotation(), structure_tree()
        anatomy = "the real P56 grid annotation of the Allen Institute"
    else:
        annotation, structures = draw_brain()
        anatomy = "drawn from ellipsoids (no real anatomy)"
    voxels, region = labelled_voxels(annotation, step)
    truth, rest = _truth(seed, n_genes, voxels, region, structures)
    key = f"simulated-v{_VERSION}-{geometry}-{seed}-{n_genes}-{step}"
    expression = stored(key, (len(voxels), n_genes), lambda out: _write(out, seed, voxels, truth, rest))
    provenance = [
        f"simulated by xsg, seed {seed}: {n_genes} genes that do not exist; anatomy {anatomy}"
        + (f", every {step}th voxel along each axis" if step > 1 else ""),
        truth.equation,
    ]
    return Mouse("simulated", expression, voxels, region, truth.log_mean.index, structures, provenance, True, truth)


def _stream(seed: int, *what: int) -> np.random.Generator:
    return np.random.default_rng([seed, *what])


def _waves(rng: np.random.Generator, n: int, length: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw n random plane waves with the spectrum of a Gaussian field of that length: (3, n) and phases (n,)."""
    return rng.standard_normal((3, n)) / length, rng.uniform(0, 2 * np.pi, n)


def _truth(seed: int, p: int, voxels: pd.DataFrame, region: pd.Series, structures: pd.DataFrame):
    """Draw everything that is drawn once; ``rest`` is what the measurement adds voxel by voxel."""
    genes = pd.Index([f"G{i + 1:04d}" for i in range(p)], name="gene")
    place = fold(voxels.to_numpy()).astype(float)
    rng = _stream(seed, 0)
    # Each gradient is a sum of four waves over the folded position, so its slope along AP is known exactly.
    wave, phase = _waves(rng, 4 * N_PATHWAYS, _LENGTH)
    angle = place @ wave + phase
    height = np.sqrt(2 / 4)
    gradients = (height * np.cos(angle)).reshape(len(place), N_PATHWAYS, 4).sum(-1)
    slopes = (-height * wave[0] * np.sin(angle)).reshape(len(place), N_PATHWAYS, 4).sum(-1)
    pathways = pd.Index([f"W{k + 1:02d}" for k in range(N_PATHWAYS)], name="pathway")

    rng = _stream(seed, 1)
    member = rng.random((N_PATHWAYS, p)) < 1.5 / N_PATHWAYS
    member[rng.integers(0, N_PATHWAYS, p), np.arange(p)] = True  # every gene belongs to one at least
    loadings = member * rng.choice([-1.0, 1.0], (N_PATHWAYS, p)) * rng.uniform(0.3, 0.7, (N_PATHWAYS, p))
    log_mean = rng.normal(-3.5, 1.2, p)
    tilt = rng.normal(0, _TILT_SD, p)
    gain = rng.normal(0, _GAIN_SD, (SHAPE[0], p))
    shared = rng.normal(0, _FIELD_SD / np.sqrt(_N_FIELDS), (_N_FIELDS, p))
    first = np.where(rng.random(p) < 0.7, np.rint(rng.normal(6, 3.5, p)).clip(0, 14), 0).astype(int)
    last = SHAPE[0] - np.where(rng.random(p) < 0.3, rng.integers(1, 6, p), 0)

    # Only structures that have voxels, and those above them, need effects; in a fixed order.
    rng = _stream(seed, 2)
    used, path = sorted(set(region)), structures["path"].to_dict()
    above = sorted({each for leaf in used for each in path[leaf]})
    depth = np.mean([len(path[leaf]) - 1 for leaf in used])
    effects = rng.laplace(0, _REGION_SD / np.sqrt(2 * max(depth, 1)), (len(above), p)).astype(np.float32)
    effects[[len(path[each]) == 1 for each in above]] = 0  # the root is everywhere: that is m
    row = {each: k for k, each in enumerate(above)}
    summed = np.stack([effects[[row[each] for each in path[leaf]]].sum(axis=0) for leaf in used])
    leaf_row = {leaf: k for k, leaf in enumerate(used)}

    wave, phase = _waves(_stream(seed, 3), _N_FIELDS, _FIELD_LENGTH)
    fields = np.sqrt(2) * np.cos(voxels.to_numpy(float) @ wave + phase)
    tilted = slopes * (voxels["LR"].to_numpy(float) - MIDLINE)[:, None]
    factors = [each.astype(np.float32) for each in (gradients, tilted, fields)]
    weights = [each.astype(np.float32) for each in (loadings, loadings * tilt, shared)]
    truth = MouseTruth(
        gradients=pd.DataFrame(factors[0], voxels.index, pathways),
        loadings=pd.DataFrame(weights[0], pathways, genes),
        region_effects=pd.DataFrame(summed, pd.Index(used, name="id"), genes),
        log_mean=pd.Series(log_mean, genes, name="log mean"),
        section_gain=pd.DataFrame(gain.astype(np.float32), pd.RangeIndex(SHAPE[0], name="AP"), genes),
        tilt=pd.Series(tilt, genes, name="tilt"),
        equation=EQUATION,
        _region=region.map(leaf_row).to_numpy(),
    )
    return truth, (np.hstack(factors), np.vstack(weights), first, last)


def _energy(log: np.ndarray) -> np.ndarray:
    """Energy from its logarithm, in place."""
    np.exp(np.minimum(log, np.log(_MOST), out=log), out=log)
    log[log < _LIMIT] = 0
    return log


def _write(out, seed: int, voxels: pd.DataFrame, truth: MouseTruth, rest: tuple) -> None:
    """Measure the brain section by section, each with a random stream of its own."""
    factors, weights, first, last = rest
    effects = truth.region_effects.to_numpy()
    mean, gain = truth.log_mean.to_numpy(np.float32), truth.section_gain.to_numpy()
    ap, si, lr = voxels.to_numpy().T
    starts = np.searchsorted(ap, np.arange(SHAPE[0] + 1))
    for section in range(SHAPE[0]):
        rows = slice(starts[section], starts[section + 1])
        if rows.start == rows.stop:
            continue
        rng = _stream(seed, 4, section)
        p = len(mean)
        lost = (section < first) | (section >= last) | (rng.random(p) < 0.01)
        torn = np.flatnonzero(rng.random(p) < 0.03)
        direction, offset = rng.uniform(0, 2 * np.pi, len(torn)), rng.uniform(9, 22, len(torn))
        y = rng.standard_normal((rows.stop - rows.start, p), np.float32)
        y *= _NOISE_SD
        y += factors[rows] @ weights
        y += effects[truth._region[rows]]
        y += gain[section]
        y *= _SCALE
        y += mean
        energy = _energy(y)
        energy[:, lost] = np.nan
        # Beyond a line across the section, so many voxels from its middle, the tissue is gone.
        beyond = np.outer(si[rows] - SHAPE[1] / 2, np.sin(direction))
        beyond += np.outer(lr[rows] - MIDLINE, np.cos(direction))
        energy[:, torn] = np.where(beyond > offset, np.float32(np.nan), energy[:, torn])
        out[rows] = energy.astype(np.float16)


# --- anatomy that needs no data ---------------------------------------------------------------------------------------

# Divisions of the drawn brain: acronym, name, colour, voxels of one hemisphere to one area.
_DRAWN = {
    "BUL": ("bulb", "#9ad2bd", 300),
    "COR": ("cortex", "#70a845", 600),
    "VEN": ("ventral cortex", "#4f8a5b", 500),
    "ARC": ("arched cortex", "#7ed04b", 500),
    "NUC": ("basal nuclei", "#98d6f9", 500),
    "MED": ("medial nuclei", "#ff7080", 400),
    "FLO": ("floor", "#e64438", 300),
    "MID": ("midbrain", "#ff64ff", 500),
    "HIN": ("hindbrain", "#ffba5d", 600),
    "CBL": ("cerebellum", "#f0f080", 600),
}
_PARTS = 3  # of each area


def draw_brain() -> tuple[np.ndarray, pd.DataFrame]:
    """Draw a brain: annotation int32 (67, 41, 58), an exact mirror image of itself along LR, and its structures.

    Ten divisions cut out of ellipsoids, each divided into areas by nearest seeds (spread by farthest-point sampling, in
    integers, so every machine draws the same), each area into three parts: shells of depth in the cortex, nearest seeds
    elsewhere.
    """
    ap, si, lr = np.meshgrid(*(np.arange(size) for size in SHAPE), indexing="ij")
    u = np.abs(lr - MIDLINE)

    def ellipsoid(centre: tuple, radii: tuple) -> np.ndarray:
        """Squared distance from the centre in units of the radii."""
        return sum(((x - c) / r) ** 2 for x, c, r in zip((ap, si, u), centre, radii, strict=True))

    bulb = ellipsoid((7, 21, 5.5), (7.5, 7, 6)) < 1
    cerebrum = ellipsoid((29, 18.5, 11), (24, 16.5, 17))
    inner = ellipsoid((30, 18, 9), (18, 12, 14))
    stem = ellipsoid((44, 26.5, 0), (22.5, 9.5, 14)) < 1
    cerebellum = ellipsoid((56, 14.5, 0), (10, 12, 22)) < 1
    shell = (cerebrum < 1) & (inner >= 1)
    core = (cerebrum < 1) & (inner < 1)
    arch = core & (ap > 30) & (ellipsoid((33, 20, 7), (13, 9, 10)) >= 1)
    division = np.full(SHAPE, "", dtype="U3")
    for name, where in (
        ("HIN", stem & (ap >= 50)),
        ("MID", stem & (ap < 50)),
        ("COR", shell & (si < 27)),
        ("VEN", shell & (si >= 27)),
        ("NUC", core),
        ("MED", core & (ap > 28) & (u < 11)),
        ("ARC", arch),
        ("FLO", (stem | core) & (ap > 22) & (ap < 42) & (si > 26) & (u < 8)),
        ("CBL", cerebellum & (ap >= 47)),
        ("BUL", bulb & (ap < 13)),
    ):
        division[where] = name
    side = lr > MIDLINE
    annotation = np.zeros(SHAPE, np.int32)
    rows = [(1, "root", "root", 0, "#ffffff")]
    next_id = 2
    for acronym, (name, colour, size) in _DRAWN.items():
        inside = np.argwhere((division == acronym) & side)
        own = next_id
        rows.append((own, acronym, name, 1, colour))
        next_id += 1
        area = _cells(inside, max(2, len(inside) // size))
        for k in range(area.max() + 1):
            rows.append((next_id, f"{acronym}{k + 1}", f"{name} {k + 1}", own, colour))
            parent, next_id = next_id, next_id + 1
            cells = inside[area == k]
            if acronym == "COR":
                depth = inner[tuple(cells.T)]
                part = np.searchsorted(np.quantile(depth, [1 / 3, 2 / 3]), depth)
            else:
                part = _cells(cells, _PARTS)
            for j in range(part.max() + 1):
                letter = "abc"[j]
                rows.append((next_id, f"{acronym}{k + 1}{letter}", f"{name} {k + 1}{letter}", parent, colour))
                annotation[tuple(cells[part == j].T)] = next_id
                next_id += 1
    annotation = np.maximum(annotation, annotation[:, :, ::-1])
    return annotation, make_structures(*zip(*rows, strict=True), divisions=_DRAWN)


def _cells(points: np.ndarray, n: int) -> np.ndarray:
    """Divide grid points (m, 3) among n seeds, the next always the point farthest from all before it: label (m,)."""
    middle = points.sum(axis=0) // len(points)
    seed = points[((points - middle) ** 2).sum(axis=1).argmax()]
    best, label = np.full(len(points), np.iinfo(np.int64).max), np.zeros(len(points), int)
    for k in range(n):
        distance = ((points - seed) ** 2).sum(axis=1)
        label[distance < best] = k
        best = np.minimum(best, distance)
        seed = points[best.argmax()]
    return label
