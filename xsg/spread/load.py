r"""Cohorts in which pathology spreads: the simulated benchmark, tau in mice, and where tau lies in people.

The simulated cohort is the synthetic benchmark of Pinnawala et al. (2025, arXiv:2509.15124): on a 32 × 32 disc,

.. math:: \partial u / \partial t = D \nabla^2 u + R f_k(u), \quad D \sim U(0.01, 1), \quad R \sim U(0.01, 0.1),

with f₁ = u(1 − u), f₂ = u(1 − u)², f₃ = u²(1 − u) drawn evenly, the same truncated Gaussian bump in the middle to
start from, no flux through the edge, observed at t = 0, 6, 24. It is integrated by a classical Runge-Kutta scheme,
not by `xsg.spread.physics`, so that what is fitted was not made by what fits it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csgraph

from xsg import check
from xsg.atlas import REGIONS
from xsg.data.fetch import fetch
from xsg.data.tables import floats
from xsg.names import parse
from xsg.spread.cohort import RATES, Spread, SpreadTruth, integrate
from xsg.spread.laplacian import sparse_grid_laplacian
from xsg.spread.pet import PET_TIMES, simulate_pet

_NETWORKS = ("connectome", "anterograde", "retrograde", "space")
_MOUSE_TAU = ("eNDM_mousedata.mat", "KaufmanDiamond_datasets_dat_and_seed.mat", "CCF_labels.mat")
_STAGES = ("NL", "naMCI", "aMCI", "AD")
# How the table of stages writes the regions, without LT_ and RT_.
_TAU_NAMES = {
    "BANKSSTS": "bankssts",
    "CING_ANT_CAUD": "caudalanteriorcingulate",
    "FRONT_MID_CAUD": "caudalmiddlefrontal",
    "CUNEUS": "cuneus",
    "ENTO": "entorhinal",
    "FUSIFORM": "fusiform",
    "PARI_INF": "inferiorparietal",
    "TEMP_INF": "inferiortemporal",
    "CING_ISTHMUS": "isthmuscingulate",
    "OCCI_LAT": "lateraloccipital",
    "FRONT_ORB_LAT": "lateralorbitofrontal",
    "LING": "lingual",
    "FRONT_ORG_MED": "medialorbitofrontal",
    "TEMP_MID": "middletemporal",
    "PARAHIPP": "parahippocampal",
    "PARACENT": "paracentral",
    "PARS_OPER": "parsopercularis",
    "PARS_ORB": "parsorbitalis",
    "PARS_ANG": "parstriangularis",
    "PERICALCARINE": "pericalcarine",
    "POSTCENT": "postcentral",
    "CING_POST": "posteriorcingulate",
    "PRECENT": "precentral",  # codespell:ignore precent
    "PRECUNEUS": "precuneus",
    "CING_ANT_ROST": "rostralanteriorcingulate",
    "FRONT_MID_ROST": "rostralmiddlefrontal",
    "FRONT_SUP": "superiorfrontal",
    "PARI_SUP": "superiorparietal",
    "TEMP_SUP": "superiortemporal",
    "SUPRAMAR": "supramarginal",
    "FRONT_POLE": "frontalpole",
    "TEMP_POLE": "temporalpole",
    "TEMP_TRANS": "transversetemporal",
    "INSUL": "insula",
    "CBLL": "cerebellumcortex",
    "THAL": "thalamus",
    "CAUD": "caudate",
    "PUT": "putamen",
    "PAL": "pallidum",
    "HIPPO": "hippocampus",
    "AMYG": "amygdala",
    "ACCUM": "accumbens",
    "VD": "ventraldc",
}
BENCHMARK_LAWS = ("logistic", "damped", "cooperative")


def load_spread(
    name: str = "disc",
    noise: float | None = None,
    seed: int = 0,
    n_train: int | None = None,
    n_validation: int | None = None,
    n_test: int | None = None,
    laws: Sequence[str] = BENCHMARK_LAWS,
    times: Sequence[float] | None = None,
    network: str = "connectome",
    voxel: int = 8,
    smooth: float = 0.0,
) -> Spread:
    """Load a cohort in which pathology spreads.

    Parameters
    ----------
    name
        ``"disc"``: simulate the synthetic benchmark of arXiv:2509.15124. ``"pet"``: simulate uptake of a tau tracer in
        whole brains, with masks, gains and backgrounds of each subject's own (`xsg.spread.pet`). ``"mouse-tau"``: tau
        in 426 regions of the mouse brain after injection, 14 experiments, each the mean of several mice a time point,
        as gathered by Anand et al. (2022, doi:10.21203/rs.3.rs-1189757/v1). ``"mouse-synuclein"``: α-synuclein in the
        same regions after fibrils of mouse or of human α-synuclein were injected into the olfactory bulb, from the
        same collection; means at months 1, 3, 6 and 12, 132 regions scored. ``"mouse-lrrk2"``: tau in 132 regions of
        normal mice (NTG) and mice with the mutation G2019S of LRRK2 (G20), means of the mice of `mouse_sections` by
        genotype and month. Of the options below only ``network`` counts for the mice.
    noise
        Signal-to-noise ratio of the observations, 5 in the benchmark; None for none. As there, noise is the absolute
        value of a normal draw whose standard deviation is the mean of the subject's images (with what is outside the
        disc) over ``noise``: it only adds, 0.8 standard deviations on average, and passes 1 where it will. Of ``"pet"``
        it is normal, and the mean that of the subject's own brain.
    seed
        The same seed gives the same numbers; a subject depends on neither ``noise`` nor the number of the others.
    n_train, n_validation, n_test
        Numbers of subjects: 800, 200 and 1000 of the disc, 40, 0 and 20 of ``"pet"``.
    laws
        The laws that subjects follow, drawn evenly.
    times
        When everybody is seen: 0, 6, 24 of the disc, 0, 2, 4, 6 years of ``"pet"``, where some visits are missing.
    network
        What tau spreads along in the mouse: ``"connectome"`` (Oh et al. 2014, doi:10.1038/nature13186, both directions
        averaged), ``"anterograde"`` (from a neuron's body to where its axon ends), ``"retrograde"`` (the other way)
        or, but for ``"mouse-lrrk2"``, ``"space"`` (closeness). Weights are divided by the mean degree.
    voxel, smooth
        Of ``"pet"``: side of a voxel in whole mm, and what noise is smoothed by, full width at half maximum in mm.

    Returns
    -------
    Spread

    Raises
    ------
    ValueError
        An unknown name or law, numbers that are not positive; an option that means nothing for the cohort, such as
        ``voxel`` of the disc.

    Examples
    --------
    >>> cohort = load_spread("disc", n_train=6, n_validation=2, n_test=3)
    >>> cohort.images.shape, int(cohort.mask.sum()), len(cohort.part("test").subjects)
    ((11, 3, 32, 32), 697, 3)
    """
    mice = {"mouse-tau": (_mouse_tau, _NETWORKS), "mouse-synuclein": (_mouse_synuclein, _NETWORKS)}
    mice |= {"mouse-lrrk2": (_mouse_lrrk2, _NETWORKS[:3])}
    given = {"noise": noise, "n_train": n_train, "n_validation": n_validation, "n_test": n_test, "times": times}
    given = {option for option, value in given.items() if value is not None}
    usual = {"seed": (seed, 0), "laws": (laws, BENCHMARK_LAWS), "network": (network, "connectome")}
    usual |= {"voxel": (voxel, 8), "smooth": (smooth, 0)}
    given |= {
        option for option, (value, default) in usual.items() if value is not default and not _same(value, default)
    }
    if isinstance(name, str) and name in mice:
        _refuse(given - {"network"}, name, "network")
        load, networks = mice[name]
        return load(check.choice(network, networks, f"network of {name!r}"))
    check.choice(name, ("disc", "pet", *mice), "spread")
    _refuse(
        given & ({"network"} if name == "pet" else {"network", "voxel", "smooth"}),
        name,
        "noise, seed, sizes, laws, times",
    )
    if noise is not None:  # a signal-to-noise ratio
        noise = check.number(noise, "noise", 0, above=True)
    seed = check.number(seed, "seed", 0, whole=True)
    laws = (laws,) if isinstance(laws, str) else tuple(laws)
    check.choices(laws, RATES, "laws")
    usual = {"disc": ((800, 200, 1000), (0.0, 6.0, 24.0)), "pet": ((40, 0, 20), PET_TIMES)}[name]
    times = np.atleast_1d(check.array(usual[1] if times is None else times, "times"))
    if times.ndim != 1 or not len(times) or times[0] < 0 or (np.diff(times) <= 0).any():
        raise ValueError(f"times is {times.tolist()}; expected rising times of 0 or later.")
    sizes = dict(zip(("train", "validation", "test"), (n_train, n_validation, n_test), strict=True))
    sizes = {split: n if size is None else size for (split, size), n in zip(sizes.items(), usual[0], strict=True)}
    sizes = {split: check.number(size, f"n_{split}", 0, whole=True) for split, size in sizes.items()}
    if not any(sizes.values()):
        raise ValueError("n_train, n_validation and n_test are all 0; expected some subjects.")
    if name == "pet":
        voxel, smooth = check.number(voxel, "voxel", 1, whole=True), check.number(smooth, "smooth", 0)
        if smooth and noise is None:
            raise ValueError(f"smooth is {smooth:g}, but there is no noise to smooth. Give noise, or leave smooth 0.")
        return simulate_pet(noise, seed, sizes, laws, times, voxel, smooth)
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
    values = integrate(rates, initial[mask], laplacian, times)
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


def _same(value: object, default: object) -> bool:
    if isinstance(default, tuple):
        return isinstance(value, (tuple, list)) and tuple(value) == default
    return type(value) is not bool and np.ndim(value) == 0 and bool(value == default)


def _refuse(options: set[str], name: str, those: str) -> None:
    """Refuse options that mean nothing for a cohort."""
    if options:
        first = min(options)
        raise ValueError(f"{first} means nothing for spread {name!r}; what counts there: {those}. Leave {first} out.")


def _mouse_tau(network: str) -> Spread:
    """Read the 14 experiments; NaN where a region was not scored or an experiment has fewer visits."""
    from scipy.io import loadmat

    folder = "mouse/tauopathy/"
    files = [loadmat(fetch(folder + name), squeeze_me=True) for name in _MOUSE_TAU[:2]]
    labels = loadmat(fetch(folder + _MOUSE_TAU[2]), squeeze_me=True)["CCF_labels"]
    laplacian = _laplacian_426(files[0]["Networks"], network)
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


def _mouse_synuclein(network: str) -> Spread:
    """Read the two experiments with α-synuclein; NaN where a region was not scored."""
    from scipy.io import loadmat

    file = loadmat(fetch("mouse/synuclein/mouse_aSynData_426.mat"), squeeze_me=True)
    labels = loadmat(fetch("mouse/tauopathy/" + _MOUSE_TAU[2]), squeeze_me=True)["CCF_labels"]
    subjects = ["mouse", "human"]
    return Spread(
        "mouse-synuclein",
        np.stack([file["data426"][subject].item().T / 4 for subject in subjects]),
        np.stack([file["tpts"][subject].item().astype(float) for subject in subjects]),
        pd.Index(subjects, name="fibrils"),
        _laplacian_426(file["Networks"], network),
        pd.Index([f"{side[0]}_{region}" for region, _, _, side in labels], name="region"),
        provenance=[
            "α-synuclein scores of 2 experiments in 426 regions, each the mean of several mice killed at each time "
            "(months); as a share of 4, the top of the scale",
            f"network: {network}, divided by its mean degree",
        ],
    )


def _laplacian_426(networks: np.ndarray, network: str) -> np.ndarray:
    """D − W of one of the networks in the files of Anand et al. (2022)."""
    if network == "space":
        return _network_laplacian(np.asarray(networks["spat"].item(), dtype=float), "connectome")
    return _network_laplacian(np.asarray(networks["ant"].item(), dtype=float), network)


def _network_laplacian(received: np.ndarray, network: str) -> np.ndarray:
    """D − W of one direction of a network; received[i, j] is what axons that start in j bring to i."""
    weights = {"anterograde": received, "retrograde": received.T, "connectome": (received + received.T) / 2}[network]
    weights = np.ascontiguousarray(weights - np.diag(np.diag(weights)))
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
    table = pd.read_csv(fetch("mouse/tau_spread/PathData.csv"))
    return table.rename(columns={"Condition": "genotype", "Month": "month"}).set_index(["genotype", "month"])


def _mouse_lrrk2(network: str) -> Spread:
    """Means by genotype and month over the connectome, its regions merged into the coarser ones of the sections."""
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
    table = pd.read_csv(fetch("human/pet/component_moments.csv"), index_col="region")
    table = table[table.index.str.startswith("ctx_")]
    names = ["_".join(parse(name)) for name in table.index]
    low, high, low_var, high_var = table[["C0_mean", "C1_mean", "C0_cov", "C1_cov"]].to_numpy().T
    moments = {"low": low, "high": high, "low_sd": np.sqrt(low_var), "high_sd": np.sqrt(high_var)}
    return pd.DataFrame(moments, pd.Index(names, name="region"))


def tau_by_stage() -> pd.DataFrame:
    """Read tau PET of four groups of people, by region: measured means, not the moments of a mixture.

    Uptake of flortaucipir (T807, AV-1451) over that of a reference region (SUVR), mean of each group of a cohort of
    Yonsei university, as given with the code of a model of spread (Raj et al. 2021). The file's names of regions are of
    a style of its own, among them ``PARS_ANG`` for the pars triangularis and ``FRONT_ORG_MED`` for the medial
    orbitofrontal cortex.

    Returns
    -------
    DataFrame, shape (86, 4)
        SUVR, no unit. Rows: the 68 regions of the Desikan-Killiany atlas, then 18 below the cortex, among them
        ``L_cerebellumcortex`` and ``L_ventraldc``, for which other tables of the book have no row. Columns: ``"NL"``,
        without impairment; ``"naMCI"`` and ``"aMCI"``, mild cognitive impairment without and with loss of memory;
        ``"AD"``, dementia. These are different people, not one group over time.

    Raises
    ------
    ValueError
        If the file is not what it was taken for.
    """
    path = fetch("human/pet/Group_T807_Tau.xlsx")
    table = pd.read_excel(path, index_col=0, engine="openpyxl").T
    names = [f"{name[0]}_{_TAU_NAMES.get(name[3:], '')}" for name in table.index]
    wanted = [f"{side}_{name}" for side in "LR" for name in _TAU_NAMES.values()]
    if sorted(names) != sorted(wanted) or sorted(table) != sorted(_STAGES):
        raise ValueError(
            f"{path} has other rows or columns than it should. Delete it from the cache and fetch it again."
        )
    table = floats(table.set_axis(pd.Index(names, name="region")), str(path))
    return table.loc[[*REGIONS, *table.index.difference(REGIONS, sort=False)], list(_STAGES)]


def disc(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the benchmark's mask (size, size) and its bump: exp(−d²/2ρ²) where d < ρ, ρ a quarter of the width."""
    away = np.hypot(*(np.mgrid[:size, :size] - size // 2))
    radius = (size - 1) / 4
    mask = away < size // 2 - 1
    return mask, np.where(mask & (away < radius), np.exp(-(away**2) / (2 * radius**2)), 0.0)
