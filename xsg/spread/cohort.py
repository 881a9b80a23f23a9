r"""Spreading pathology seen a few times in each of many subjects: images or region vectors, real or simulated.

The simulated cohort is the synthetic benchmark of Pinnawala et al. (2025, arXiv:2509.15124): on a 32 × 32 disc,

.. math:: \partial u / \partial t = D \nabla^2 u + R f_k(u), \quad D \sim U(0.01, 1), \quad R \sim U(0.01, 0.1),

with f₁ = u(1 − u), f₂ = u(1 − u)², f₃ = u²(1 − u) drawn evenly, the same truncated Gaussian bump in the middle to
start from, no flux through the edge, observed at t = 0, 6, 24. It is integrated here by a classical Runge-Kutta scheme,
not by `xsg.spread.physics`, so that what is fitted was not made by what fits it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from xsg import check
from xsg.names import parse
from xsg.spread.laplacian import sparse_grid_laplacian

_RATES = {
    "diffusion": lambda u: 0 * u,
    "logistic": lambda u: u * (1 - u),
    "damped": lambda u: u * (1 - u) ** 2,
    "cooperative": lambda u: u**2 * (1 - u),
}
_NETWORKS = ("connectome", "anterograde", "retrograde", "space")
_MOUSE_TAU = ("eNDM_mousedata.mat", "KaufmanDiamond_datasets_dat_and_seed.mat", "CCF_labels.mat")
_DEGREE = 1000  # mean degree at most; of our own networks it is 1, of pixels 4
BENCHMARK_LAWS = ("logistic", "damped", "cooperative")


@dataclass(frozen=True, eq=False)
class SpreadTruth:
    """What a simulated cohort was made of.

    Attributes
    ----------
    rates : DataFrame, shape (S, 3)
        By subject: ``law``, ``D`` and ``R``.
    initial : ndarray, shape (n,)
        The state at time 0, the same for all.
    laplacian : sparse array, shape (n, n)
        D − W of the places.
    noise_sd : Series, shape (S,)
        σ of the half-normal noise, 0 without; what noise adds on average is σ √(2/π).
    """

    rates: pd.DataFrame
    initial: np.ndarray
    laplacian: sparse.csr_array
    noise_sd: pd.Series

    def at(self, times: Sequence[float]) -> np.ndarray:
        """Return the noise-free state of every subject at some times, float32 (S, T, n)."""
        return _integrate(self.rates, self.initial, self.laplacian, np.asarray(times, dtype=float))


@dataclass(frozen=True, repr=False, eq=False)
class Spread:
    """Pathology at n places of S subjects, each seen at up to T visits.

    Attributes
    ----------
    name : str
        As given to the loader.
    values : ndarray, shape (S, T, n)
        float32; NaN where a place was not measured at a visit.
    times : ndarray, shape (S, T)
        When; not decreasing, the first is usually 0.
    subjects : Index, shape (S,)
        Their names.
    laplacian : ndarray, shape (n, n)
        D − W of the places: what spreads, spreads along it. W[i, j] is what i receives from j; symmetric, unless
        the network is a directed one.
    mask : ndarray of bool, shape (H, W), or None
        Which pixels the places are, where the data are images.
    split : Series or None
        "train", "validation" or "test" by subject.
    places : Index
        Names of the places, (n,); numbers where they are pixels.
    truth : SpreadTruth or None
        None when real.
    provenance : list of str
        Where the data come from and what was done to them.

    Raises
    ------
    ValueError
        Sizes that do not fit one another; names given twice; times that go back; codes for missing among the values; a
        network that is no D − W.

    Arrays may be given as lists, of any type of number; ``values`` as images (S, T, H, W) with their mask; ``times`` as
    (T,) where everybody is seen at the same; a labelled ``laplacian`` or ``split`` is joined by name.
    """

    name: str
    values: np.ndarray
    times: np.ndarray
    subjects: pd.Index
    laplacian: np.ndarray
    places: pd.Index
    mask: np.ndarray | None = None
    split: pd.Series | None = None
    truth: SpreadTruth | None = None
    provenance: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Bring arrays of any plain form together, or refuse what does not fit."""
        what = f"spread {self.name!r}: "
        values = check.array(self.values, f"{what}values", dtype=np.float32, finite=False)
        mask = None if self.mask is None else _as_mask(self.mask, what)
        if mask is not None and values.ndim == 4 and values.shape[2:] == mask.shape:
            values = values[..., mask]
        if values.ndim != 3 or not values.size:
            raise ValueError(
                f"{what}values has shape {values.shape}; expected (subjects, visits, places)"
                + (f", or images (subjects, visits, {', '.join(map(str, mask.shape))})." if mask is not None else ".")
            )
        count, visits, n = values.shape
        subjects, places = (
            each if isinstance(each, pd.Index) else pd.Index(list(each)) for each in (self.subjects, self.places)
        )
        for named, kind in ((subjects, "subjects"), (places, "places")):
            way_out = "Give each a name of its own; the visits of one subject go along the second axis."
            check.distinct(named, f"{what}{kind}", way_out)
        times = check.array(self.times, f"{what}times", finite=False)
        if times.ndim == 1 and times.shape == (visits,):  # everybody is seen at the same times
            times = np.tile(times, (count, 1))
        laplacian = self.laplacian
        if isinstance(laplacian, pd.DataFrame) and laplacian.shape == (n, n) and len(places) == n:
            for axis in (0, 1):
                if check.labels(laplacian, axis) is not None:
                    laplacian = laplacian.take(
                        check.rows_of(laplacian.axes[axis], places, f"{what}laplacian"), axis=axis
                    )
        laplacian = check.array(laplacian, f"{what}laplacian")
        wanted = {
            "times": (times.shape, (count, visits)),
            "subjects": (subjects.shape, (count,)),
            "laplacian": (laplacian.shape, (n, n)),
            "places": (places.shape, (n,)),
        }
        if mask is not None:
            wanted["mask"] = ((int(mask.sum()),), (n,))
        for name, (found, expected) in wanted.items():
            if found != expected:
                raise ValueError(f"{what}{name} has shape {found}; expected {expected}.")
        for name, kind, wrong, expected in (
            ("times", times, ~np.isfinite(times) | (times < 0), "0 or later (repeat the last of a shorter series)"),
            ("values", values, np.isinf(values), "finite values, or NaN where a place was not measured"),
            ("values", values, _codes(values), "amounts; it looks like a code for missing, for which NaN is expected"),
        ):
            if wrong.any():
                subject = subjects[np.argwhere(wrong)[0][0]]
                raise ValueError(f"{what}{name} of subject {subject!r} hold {kind[wrong][0]}; expected {expected}.")
        if (np.diff(times, axis=1) < 0).any():
            worst = subjects[(np.diff(times, axis=1) < 0).any(axis=1)][0]
            raise ValueError(f"{what}the visits of subject {worst!r} go back in time. Sort them.")
        if np.isnan(values).all():
            raise ValueError(f"{what}all {values.size} values are missing; expected some that were measured.")
        _check_laplacian(laplacian, what)
        split = self.split
        if split is not None:
            split = split if isinstance(split, pd.Series) else pd.Series(list(split))
            if len(split) != count:
                raise ValueError(f"{what}split has {len(split)} entries; expected {count}, one a subject.")
            if check.labels(split, 0) is None:
                split = split.set_axis(subjects)
            elif not split.index.equals(subjects):
                split = split.iloc[check.rows_of(split.index, subjects, f"{what}split")].set_axis(subjects)
        found = {"values": values, "times": times, "subjects": subjects, "places": places, "laplacian": laplacian}
        for name, value in (found | {"mask": mask, "split": split}).items():
            object.__setattr__(self, name, value)

    @property
    def simulated(self) -> bool:
        """Whether the data are simulated."""
        return self.truth is not None

    @property
    def images(self) -> np.ndarray:
        """The values as images, float32 (S, T, H, W), 0 outside the mask."""
        if self.mask is None:
            raise ValueError(f"spread {self.name!r} is over {len(self.places)} named places, not pixels: use .values.")
        images = np.zeros((*self.values.shape[:2], *self.mask.shape), dtype=np.float32)
        images[..., self.mask] = self.values
        return images

    def part(self, which: str | np.ndarray) -> Spread:
        """Return some of the subjects: "train", "validation", "test", or a boolean array (S,)."""
        if isinstance(which, str):
            if self.split is None or which not in set(self.split):
                known = "none" if self.split is None else ", ".join(map(repr, self.split.unique()))
                raise ValueError(f"spread {self.name!r} has no part {which!r}; it has {known}.")
            which = (self.split == which).to_numpy()
        which = np.asarray(which)
        if (
            which.ndim != 1
            or which.dtype.kind not in "biu"
            or (which.dtype == bool and len(which) != len(self.subjects))
        ):
            raise ValueError(
                f"spread {self.name!r}: part is given by {which.dtype} of shape {which.shape}; expected the name of a "
                f"part, or a boolean for each of the {len(self.subjects)} subjects."
            )
        if not len(self.subjects[which]):
            raise ValueError(f"spread {self.name!r}: the part has none of the {len(self.subjects)} subjects.")
        subjects = self.subjects[which]
        truth = self.truth
        if truth is not None:
            truth = replace(truth, rates=truth.rates.loc[subjects], noise_sd=truth.noise_sd.loc[subjects])
        split = None if self.split is None else self.split.loc[subjects]
        return replace(
            self, values=self.values[which], times=self.times[which], subjects=subjects, split=split, truth=truth
        )

    def __repr__(self) -> str:
        """Say what it is, real or simulated, and how large."""
        count, visits, n = self.values.shape
        where = (
            f"images of {' × '.join(map(str, self.mask.shape))}, {n} pixels" if self.mask is not None else f"{n} places"
        )
        lines = [
            f"Spread {self.name!r}: {'SIMULATED' if self.simulated else 'real data'}",
            f"  {count} subjects × up to {visits} visits, {where}",
            f"  times       {np.nanmin(self.times):g} to {np.nanmax(self.times):g}",
            f"  values      {np.nanmin(self.values):.3f} to {np.nanmax(self.values):.3f}",
        ]
        return "\n".join(lines + [f"  {note}" for note in self.provenance])


def _as_mask(mask: object, what: str) -> np.ndarray:
    """Return a mask of pixels as booleans; 0 and one other number (1, an image's 255) are taken."""
    found = check.array(mask, f"{what}mask", ndim=2)
    if not np.isin(found, (0, found.max(initial=0))).all() or not found.any():
        some = check.some(f"{each:g}" for each in np.unique(found))
        raise ValueError(f"{what}mask holds {some}; expected True or 1 where there are pixels, False or 0 elsewhere.")
    return found.astype(bool)


def _codes(values: np.ndarray) -> np.ndarray:
    """Tell which values look like codes for missing: noise goes below 0 a little, codes far beyond all else."""
    code = np.isin(values, [each for each in check.MISSING_CODES if each])
    rest = np.abs(values[~code & np.isfinite(values)])
    largest = rest.max() if rest.size else 0.0
    return code & ((values < -largest) | (values > 10 * largest)) & (largest > 0)


def _check_laplacian(laplacian: np.ndarray, what: str) -> None:
    """Refuse weights in the place of D − W, and counts of streamlines; what else a solver needs, the solver checks."""
    away = laplacian - np.diag(np.diag(laplacian))
    if (away > 1e-6 * np.abs(laplacian).max()).any():
        raise ValueError(
            f"{what}laplacian is no D − W: off its diagonal there are values up to {away.max():g}; expected 0 at most. "
            "Of weights W of 0 or more, make it by np.diag(W.sum(axis=1)) - W, with the diagonal of W set to 0 and W "
            "divided by its mean degree."
        )
    if (degree := float(np.diag(laplacian).mean())) > _DEGREE:
        raise ValueError(
            f"{what}laplacian has a mean degree of {degree:g}: its weights look like counts of streamlines, which no "
            "rate of diffusion fits. Divide it by its mean degree: laplacian / np.diag(laplacian).mean()."
        )


def load_spread(
    name: str = "disc",
    noise: float | None = None,
    seed: int = 0,
    n_train: int = 800,
    n_validation: int = 200,
    n_test: int = 1000,
    laws: Sequence[str] = BENCHMARK_LAWS,
    times: Sequence[float] = (0.0, 6.0, 24.0),
    network: str = "connectome",
) -> Spread:
    """Load a cohort in which pathology spreads.

    Parameters
    ----------
    name
        ``"disc"``: simulate the synthetic benchmark of arXiv:2509.15124. ``"mouse-tau"``: tau in 426 regions of the
        mouse brain after injection, 14 experiments, each the mean of several mice a time point, as gathered by Anand et
        al. (2022, doi:10.21203/rs.3.rs-1189757/v1). ``"mouse-lrrk2"``: tau in 132 regions of normal mice (NTG) and mice
        with the mutation G2019S of LRRK2 (G20), means of the mice of `mouse_sections` by genotype and month. Of the
        options below only ``network`` counts for the mice.
    noise
        Signal-to-noise ratio of the observations, 5 in the benchmark; None for none. As there, noise is the absolute
        value of a normal draw whose standard deviation is the mean of the subject's images (with what is outside the
        disc) over ``noise``: it only adds, 0.8 standard deviations on average, and passes 1 where it will.
    seed
        The same seed gives the same numbers; a subject depends on neither ``noise`` nor the number of the others.
    n_train, n_validation, n_test
        Numbers of subjects.
    laws
        The laws that subjects follow, drawn evenly.
    times
        When everybody is seen.
    network
        What tau spreads along in the mouse: ``"connectome"`` (Oh et al. 2014, doi:10.1038/nature13186, both directions
        averaged), ``"anterograde"`` (from a neuron's body to where its axon ends), ``"retrograde"`` (the other way)
        or, for ``"mouse-tau"`` only, ``"space"`` (closeness). Weights are divided by the mean degree.

    Returns
    -------
    Spread

    Raises
    ------
    ValueError
        An unknown name or law, numbers that are not positive.

    Examples
    --------
    >>> cohort = load_spread("disc", n_train=6, n_validation=2, n_test=3)
    >>> cohort.images.shape, int(cohort.mask.sum()), len(cohort.part("test").subjects)
    ((11, 3, 32, 32), 697, 3)
    """
    mice = {"mouse-tau": (_mouse_tau, _NETWORKS), "mouse-lrrk2": (_mouse_lrrk2, _NETWORKS[:3])}
    if isinstance(name, str) and name in mice:
        load, networks = mice[name]
        return load(check.choice(network, networks, f"network of {name!r}"))
    check.choice(name, ("disc", *mice), "spread")
    if noise is not None:  # a signal-to-noise ratio
        noise = check.number(noise, "noise", 0, above=True)
    seed = check.number(seed, "seed", 0, whole=True)
    laws = (laws,) if isinstance(laws, str) else tuple(laws)
    check.choices(laws, _RATES, "laws")
    times = np.atleast_1d(check.array(times, "times"))
    if times.ndim != 1 or not len(times) or times[0] < 0 or (np.diff(times) <= 0).any():
        raise ValueError(f"times is {times.tolist()}; expected rising times of 0 or later.")
    sizes = {"train": n_train, "validation": n_validation, "test": n_test}
    sizes = {split: check.number(size, f"n_{split}", 0, whole=True) for split, size in sizes.items()}
    if not any(sizes.values()):
        raise ValueError("n_train, n_validation and n_test are all 0; expected some subjects.")
    mask, initial = disc(32)
    laplacian = sparse_grid_laplacian(mask)
    parts, splits = [], []
    for stream, (split, size) in enumerate(sizes.items()):
        draws = np.random.default_rng([seed, stream, 0]).random((size, 3))
        law = np.array(laws, dtype=object)[(draws[:, 0] * len(laws)).astype(int)]
        parts.append(pd.DataFrame({"law": law, "D": 0.01 + 0.99 * draws[:, 1], "R": 0.01 + 0.09 * draws[:, 2]}))
        splits += [split] * size
    rates = pd.concat(parts, ignore_index=True)
    rates.loc[rates["law"] == "diffusion", "R"] = 0.0
    rates.index = pd.Index([f"S{number + 1:04d}" for number in range(len(rates))], name="subject")
    values = _integrate(rates, initial[mask], laplacian, times)
    noise_sd = np.zeros(len(rates))
    if noise is not None:
        noise_sd = values.sum(axis=(1, 2)) / (len(times) * mask.size) / noise
        row = 0
        for stream, size in enumerate(sizes.values()):
            draws = np.random.default_rng([seed, stream, 1]).standard_normal(
                (size, *values.shape[1:]), dtype=np.float32
            )
            values[row : row + size] += np.abs(draws) * noise_sd[row : row + size, None, None].astype(np.float32)
            row += size
    truth = SpreadTruth(rates, initial[mask], laplacian, pd.Series(noise_sd, rates.index, name="noise_sd"))
    provenance = [
        f"simulated by xsg, seed {seed}: the benchmark of arXiv:2509.15124, laws {', '.join(laws)}, t = "
        f"{', '.join(f'{time:g}' for time in times)}, " + (f"noise at SNR {noise:g}" if noise else "no noise")
    ]
    return Spread(
        "disc",
        values,
        np.tile(times, (len(rates), 1)),
        rates.index,
        laplacian.toarray(),
        pd.RangeIndex(int(mask.sum())),
        mask,
        pd.Series(splits, rates.index, name="split"),
        truth,
        provenance,
    )


def _mouse_tau(network: str) -> Spread:
    """Read the 14 experiments; NaN where a region was not scored or an experiment has fewer visits."""
    from scipy.io import loadmat

    from xsg.data.fetch import fetch

    folder = "mouse/tauopathy/"
    files = [loadmat(fetch(folder + name), squeeze_me=True) for name in _MOUSE_TAU[:2]]
    labels = loadmat(fetch(folder + _MOUSE_TAU[2]), squeeze_me=True)["CCF_labels"]
    networks = files[0]["Networks"]
    if network == "space":
        laplacian = _network_laplacian(np.asarray(networks["spat"].item(), dtype=float), "connectome")
    else:
        laplacian = _network_laplacian(np.asarray(networks["ant"].item(), dtype=float), network)
    values, times, subjects = np.full((14, 4, 426), np.nan, dtype=np.float32), np.zeros((14, 4)), []
    for file in files:
        for subject in file["data426"].dtype.names:
            scores, when = file["data426"][subject].item(), file["tpts"][subject].item()
            row, visits = len(subjects), len(when)
            values[row, :visits] = scores.T / (6.0 if subject == "Hurtado" else 3.0)
            times[row] = np.pad(when.astype(float), (0, 4 - visits), mode="edge")
            subjects.append(subject)
    places = [f"{side[0]}_{region}" for region, _, _, side in labels]
    return Spread(
        "mouse-tau",
        values,
        times,
        pd.Index(subjects, name="experiment"),
        laplacian,
        pd.Index(places, name="region"),
        provenance=[
            "tau scores of 14 experiments in 426 regions, each the mean of several mice killed at each time (months); "
            "as a share of 3, the top of the scale (of 6, the largest score, for Hurtado)",
            f"network: {network}, divided by its mean degree",
        ],
    )


def _network_laplacian(received: np.ndarray, network: str) -> np.ndarray:
    """D − W of one direction of a network; received[i, j] is what axons that start in j bring to i."""
    weights = {"anterograde": received, "retrograde": received.T, "connectome": (received + received.T) / 2}[network]
    weights = weights - np.diag(np.diag(weights))
    return csgraph.laplacian(weights / weights.sum(axis=1).mean(), use_out_degree=True) + 0.0  # no zero has a sign


def mouse_sections() -> pd.DataFrame:
    """Read tau in the brains of 43 mice, each killed once: per cent of the area of a region that is stained.

    Tau from human brains was injected into the hippocampus and the cortex above it of normal mice (NTG) and of mice
    with the mutation G2019S of LRRK2 (G20); Cornblath et al. (2021, Sci. Adv., doi:10.1126/sciadv.abg6677).

    Returns
    -------
    DataFrame, shape (43, 134)
        By genotype and month (1, 3, 6, 9); columns are regions, with "i" before those on the side of the injection and
        "c" before the others.
    """
    from xsg.data.fetch import fetch

    table = pd.read_csv(fetch("mouse/tau_spread/PathData.csv"))
    return table.rename(columns={"Condition": "genotype", "Month": "month"}).set_index(["genotype", "month"])


def _mouse_lrrk2(network: str) -> Spread:
    """Means by genotype and month over the connectome, its regions merged into the coarser ones of the sections."""
    from xsg.data.fetch import fetch

    folder = "mouse/tau_spread/"
    same, other = (
        pd.read_csv(fetch(f"{folder}Connectome_{side}.csv"), index_col=0, encoding="utf-8-sig")
        for side in ("Ipsi", "Contra")
    )
    number = {region: row for row, region in enumerate(same.index)}
    full = np.block([[same.to_numpy(), other.to_numpy()], [other.to_numpy(), same.to_numpy()]])  # rows send
    parts = pd.read_csv(fetch(f"{folder}CNDRtoABA.csv"), encoding="utf-8-sig").groupby("Designation")["ABA"]
    sections = mouse_sections()
    members = {}
    for region in sections.columns:
        named = {part.strip() for parts_of in parts.get_group(region) for part in parts_of.split(",")}
        found = [number[part] + (len(number) if region[0] == "c" else 0) for part in named if part in number]
        if found:
            members[region] = found
    merge = np.zeros((len(members), len(full)))
    for row, found in enumerate(members.values()):
        merge[row, found] = 1 / len(found)
    sections = sections[list(members)]
    means = sections.groupby(level=["genotype", "month"]).mean() / np.nanmax(sections.to_numpy())
    months = [1, 3, 6, 9]
    genotypes = ["NTG", "G20"]
    return Spread(
        "mouse-lrrk2",
        np.stack([means.loc[genotype].loc[months].to_numpy(dtype=np.float32) for genotype in genotypes]),
        np.tile(np.array(months, dtype=float), (2, 1)),
        pd.Index(genotypes, name="genotype"),
        _network_laplacian(merge @ full.T @ merge.T, network),
        pd.Index(sections.columns, name="region"),
        provenance=[
            "tau in 43 mice, means of 3 to 8 a genotype and month: stained area as a share of the largest, "
            f"{np.nanmax(sections.to_numpy()):.1f} % of a region; ZI left out, as the connectome has no such region",
            f"network: {network}, divided by its mean degree",
        ],
    )


def tau_moments() -> pd.DataFrame:
    """Read where tau is low and high in people: moments of tau PET by cortical region, from a cohort (ADNI).

    In each region a mixture of two normals was fitted to the uptake (SUVR) of many people (Chaggar et al. 2025, as
    given with the code of their atrophy model): those without and those with tau there.

    Returns
    -------
    DataFrame, shape (68, 4)
        By region of the Desikan-Killiany atlas: ``low``, ``high``, the means, and ``low_sd``, ``high_sd``.
    """
    from xsg.data.fetch import fetch

    table = pd.read_csv(fetch("human/pet/component_moments.csv"), index_col="region")
    table = table[table.index.str.startswith("ctx_")]
    names = ["_".join(parse(name)) for name in table.index]
    low, high, low_var, high_var = table[["C0_mean", "C1_mean", "C0_cov", "C1_cov"]].to_numpy().T
    moments = {"low": low, "high": high, "low_sd": np.sqrt(low_var), "high_sd": np.sqrt(high_var)}
    return pd.DataFrame(moments, pd.Index(names, name="region"))


def disc(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the benchmark's mask (size, size) and its bump: exp(−d²/2ρ²) where d < ρ, ρ a quarter of the width."""
    away = np.hypot(*(np.mgrid[:size, :size] - size // 2))
    radius = (size - 1) / 4
    mask = away < size // 2 - 1
    return mask, np.where(mask & (away < radius), np.exp(-(away**2) / (2 * radius**2)), 0.0)


def _integrate(rates: pd.DataFrame, initial: np.ndarray, laplacian: sparse.csr_array, times: np.ndarray) -> np.ndarray:
    """Classical Runge-Kutta, steps of at most 1 over the stiffest mode: float32 (S, T, n).

    Subjects go in groups of like D, because the slow ones need fewer steps; the groups are fixed: no subject depends on
    another.
    """
    stiffest = 2 * laplacian.diagonal().max()  # Gershgorin
    out = np.empty((len(rates), len(times), len(initial)), dtype=np.float32)
    ceiling = np.ceil(16 * rates["D"].to_numpy()) / 16
    for fastest in np.unique(ceiling):
        group = np.flatnonzero(ceiling == fastest)
        some = rates.iloc[group]
        d, r = some["D"].to_numpy(), some["R"].to_numpy()
        of_law = [(f, np.flatnonzero(some["law"] == law)) for law, f in _RATES.items() if law in set(some["law"])]

        def change(u, d=d, r=r, of_law=of_law):
            out = -d * (laplacian @ u)
            for f, columns in of_law:
                out[:, columns] += r[columns] * f(u[:, columns])
            return out

        u, now = np.repeat(initial[:, None], len(group), axis=1), 0.0
        for column, time in enumerate(times):
            steps = int(np.ceil((time - now) * max(4.0, fastest * stiffest)))
            for _ in range(steps):
                h = (time - now) / steps
                k1 = change(u)
                k2 = change(u + h / 2 * k1)
                k3 = change(u + h / 2 * k2)
                u = u + h / 6 * (k1 + 2 * k2 + 2 * k3 + change(u + h * k3))
            out[group, column], now = u.T, time
    return out
