r"""A simulated cortex with a known truth, on the real Desikan–Killiany geometry.

Generative story
----------------
1. Programs: k smooth Gaussian fields on the cortex with a Matérn-3/2 correlation of length 60 mm within a hemisphere,
   over the distance between centroids with both hemispheres folded onto one; the right field correlates 0.97 with the
   left. Made uncorrelated, mean 0, variance 1 (Gram–Schmidt in the order P1 … Pk).
2. Expression: every gene loads on one program, half of them on a second, with either sign, half of the genes on P1, a
   fifth on P2; plus a smooth field of its own, correlation :math:`e^{-d/40\,\mathrm{mm}}`; plus noise of each of six
   donors, four of whom have no right hemisphere. Each donor is scaled to 0–1 by the scaled robust sigmoid (Fulcher et
   al. 2013, doi:10.1098/rsif.2013.0048), then averaged. Smoothness and leading components are set to resemble the real
   atlas: see `tests/simulate/test_cortex.py`.
3. Vulnerability: `vulnerability`, a nonlinear map of three of the programs, in mm.
4. Subjects: thickness = regional mean + age + sex + site − severity × vulnerability + noise that is partly smooth,
   written as the tables that ADNI distributes and read back by `xsg.people.adni`.

Numbers are rounded (6 decimals; thickness 3, as ADNI), so that the last bits of different linear algebra libraries do
not show.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from xsg.atlas import build_graph, load_parcellation
from xsg.check import number
from xsg.data.cortex import Cortex, Truth
from xsg.people.adni import cohort_from_tables, noise_ceiling, thickness_codes, thinning_map

EQUATION = "thinning = 0.12 mm · s(u) / mean(s(u)),  u = s(1.5 P1) + 0.8 tanh(1.5 P2) + 0.3 P2 P4,  s(x) = ln(1 + eˣ)"
_RELEVANT = ("P1", "P2", "P4")
_MEAN_THINNING = 0.12  # mm
_PROGRAM_LENGTH, _LENGTH = 60.0, 40.0  # mm
_DONORS, _BILATERAL = 6, 2
_N_MCI = 310
_SITES = 57


def simulate_cortex(
    seed: int = 0, n_genes: int = 910, n_programs: int = 6, n_controls: int = 926, n_patients: int = 426
) -> Cortex:
    """Simulate expression, a cohort and its thinning map on the Desikan–Killiany cortex.

    The map is not the truth with noise added: it is estimated from simulated subjects by `xsg.people.adni.thinning_map`.
    Programs, expression and subjects have random streams of their own, so changing ``n_genes`` changes no subject.

    Parameters
    ----------
    seed : int
        The same seed gives the same numbers.
    n_genes : int
        Genes; called G0001 …, so that no one takes them for real ones.
    n_programs : int
        Latent programs P1 … Pk, 5 to 20. P1, P2 and P4 act on thinning.
    n_controls, n_patients : int
        NC and AD subjects left after quality control, at least 10 each.

    Returns
    -------
    Cortex
        With ``truth`` and ``cohort``; thinning in mm.

    Raises
    ------
    ValueError
        A size is out of range.
    """
    seed, n_genes = number(seed, "seed", 0, whole=True), number(n_genes, "n_genes", whole=True)
    if n_genes < 2:
        raise ValueError(f"n_genes is {n_genes}; expected at least 2")
    programs = _programs(seed, n_programs)
    true = vulnerability(programs)
    expression, loadings = _expression(seed, n_genes, programs)
    cohort = cohort_from_tables(_tables(seed, true, n_controls, n_patients))
    estimate = thinning_map(cohort)
    observed = estimate["thinning"].round(6)
    observed.attrs = {"unit": "mm"}
    noise_sd = estimate["se"].round(6).rename("noise_sd")
    noise_sd.attrs = {"unit": "mm"}
    ceiling, ceiling_sd = (round(value, 6) for value in noise_ceiling(cohort))
    truth = Truth(programs, loadings, true, noise_sd, ceiling, ceiling_sd, _RELEVANT, EQUATION)
    parcellation = load_parcellation("dk")
    provenance = [
        f"simulated by xsg, seed {seed}: {n_programs} programs, {n_genes} genes that do not exist, {_DONORS} donors of "
        f"whom {_BILATERAL} have a right hemisphere",
        f"true {EQUATION}",
        *(f"simulated cohort: {note}" for note in cohort.provenance),
        *(f"thinning map: {note}" for note in estimate.attrs["provenance"]),
    ]
    return Cortex(
        "simulated", expression, observed, build_graph(parcellation), parcellation, provenance, True, truth, cohort
    )


def simulate_adni_tables(
    seed: int = 0, n_programs: int = 6, n_controls: int = 926, n_patients: int = 426
) -> dict[str, pd.DataFrame]:
    """Simulate the cohort of `simulate_cortex` as the tables that ADNI distributes.

    Parameters
    ----------
    seed, n_programs, n_controls, n_patients
        As in `simulate_cortex`.

    Returns
    -------
    dict of DataFrame
        File name to table: UCSFFSX_SIMULATED.csv (thickness in mm, several visits, some scans that fail quality
        control), DXSUM_SIMULATED.csv, PTDEMOG_SIMULATED.csv. Beside NC and AD there are subjects with MCI.

    Raises
    ------
    ValueError
        A size is out of range.
    """
    return _tables(seed, vulnerability(_programs(seed, n_programs)), n_controls, n_patients)


def write_adni_tables(
    folder: str | Path, seed: int = 0, n_programs: int = 6, n_controls: int = 926, n_patients: int = 426
) -> list[Path]:
    """Write the tables of `simulate_adni_tables` as CSV files that `xsg.people.adni.read_adni` reads.

    Parameters
    ----------
    folder : path
        Made when it does not exist.
    seed, n_programs, n_controls, n_patients
        As in `simulate_cortex`.

    Returns
    -------
    list of Path
        The three files.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, table in simulate_adni_tables(seed, n_programs, n_controls, n_patients).items():
        paths.append(folder / name)
        table.to_csv(paths[-1], index=False)
    return paths


def vulnerability(programs: pd.DataFrame) -> pd.Series:
    r"""Map programs to true thinning in mm.

    .. math::
        u = s(1.5\,P_1) + 0.8 \tanh(1.5\,P_2) + 0.3\,P_2 P_4, \qquad
        \text{thinning} = 0.12\,\mathrm{mm}\; s(u) / \overline{s(u)}, \qquad s(x) = \ln(1 + e^x)

    One program with a threshold, one that saturates, one that acts only together with another; the rest do nothing.
    The outer s keeps thinning positive.

    Parameters
    ----------
    programs : DataFrame, shape (n, k)
        Columns P1 … Pk, k ≥ 5.

    Returns
    -------
    Series, shape (n,)
        Thinning in mm, mean 0.12.
    """
    p = programs
    if absent := [name for name in _RELEVANT if name not in p]:
        raise ValueError(f"programs: no column {absent[0]!r}; expected P1 to P5 or more, by region.")
    u = np.logaddexp(0, 1.5 * p["P1"]) + 0.8 * np.tanh(1.5 * p["P2"]) + 0.3 * p["P2"] * p["P4"]
    v = np.logaddexp(0, u)
    out = (_MEAN_THINNING * v / v.mean()).round(6).rename("thinning")
    out.attrs = {"unit": "mm"}
    return out


def _stream(seed: int, what: int) -> np.random.Generator:
    """Independent stream for one part of the simulation: 0 programs, 1 expression, 2 subjects."""
    return np.random.default_rng([number(seed, "seed", 0, whole=True), what])


def _exponential(distance: np.ndarray) -> np.ndarray:
    """Correlation exp(−d / 40 mm): rough fields, for what genes and subjects have of their own."""
    return np.exp(-distance / _LENGTH)


def _matern(distance: np.ndarray) -> np.ndarray:
    """Matérn-3/2 correlation of length 60 mm: smooth fields, for the programs."""
    scaled = np.sqrt(3) * distance / _PROGRAM_LENGTH
    return (1 + scaled) * np.exp(-scaled)


def _fields(rng: np.random.Generator, n: int, left_right: float, correlation: Callable = _exponential) -> np.ndarray:
    """Draw n smooth fields of variance 1 over the 68 regions, (68, n).

    The covariance is a Kronecker product: ``correlation(d)`` over the 34 folded positions, times [[1, ρ], [ρ, 1]] over
    the hemispheres. A Cholesky factor is used because eigenvectors have a sign, and near-equal ones a rotation, that
    linear algebra libraries are free to choose.
    """
    xyz = load_parcellation("dk").table[["x", "y", "z"]].to_numpy().reshape(2, 34, 3)
    folded = (xyz * [[[-1, 1, 1]], [[1, 1, 1]]]).mean(axis=0)
    distance = np.linalg.norm(folded[:, None] - folded[None], axis=-1).round(3)
    factor = np.linalg.cholesky(correlation(distance))
    own, other = np.einsum("ij,hjn->hin", factor, rng.standard_normal((2, 34, n)))
    return np.concatenate([own, left_right * own + np.sqrt(1 - left_right**2) * other])


def _programs(seed: int, n_programs: int) -> pd.DataFrame:
    if not 5 <= (n_programs := number(n_programs, "n_programs", whole=True)) <= 20:
        raise ValueError(f"n_programs is {n_programs}; expected 5 to 20 (three act on thinning, at least two do not)")
    raw = _fields(_stream(seed, 0), n_programs, left_right=0.97, correlation=_matern)
    raw = raw - raw.mean(axis=0)
    # Gram–Schmidt by way of Cholesky: P1 keeps its shape, each later one loses what it shares with those before it.
    values = np.linalg.solve(np.linalg.cholesky(raw.T @ raw / len(raw)), raw.T).T
    columns = pd.Index([f"P{i + 1}" for i in range(n_programs)], name="program")
    return pd.DataFrame(values.round(6), index=load_parcellation("dk").regions, columns=columns)


def _expression(seed: int, n_genes: int, programs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Expression (68, genes) between 0 and 1, and the loadings (k, genes) behind it."""
    rng = _stream(seed, 1)
    k = programs.shape[1]
    # Most genes follow P1 or P2: two components dominate, as they do in the real atlas.
    rest = 0.8 ** np.arange(k - 2)
    share = np.r_[0.5, 0.22, 0.28 * rest / rest.sum()]
    genes = np.arange(n_genes)
    main = np.searchsorted(share.cumsum(), rng.random(n_genes), side="right").clip(max=k - 1)
    second = (main + rng.integers(1, k, n_genes)) % k
    loadings = np.zeros((k, n_genes))
    loadings[main, genes] = rng.choice([-1, 1], n_genes) * rng.uniform(0.6, 1.4, n_genes)
    loadings[second, genes] = (
        (rng.random(n_genes) < 0.5) * rng.choice([-1, 1], n_genes) * rng.uniform(0.3, 0.7, n_genes)
    )
    loadings = loadings.round(6)
    signal = programs.to_numpy() @ loadings + 0.75 * _fields(rng, n_genes, left_right=0.8)
    total, weight = np.zeros((68, n_genes)), np.zeros((68, 1))
    for donor in range(_DONORS):
        rows = slice(0, 68 if donor < _BILATERAL else 34)
        noisy = signal[rows] + rng.standard_normal((68, n_genes))[rows]
        total[rows] += _robust_sigmoid(noisy)
        weight[rows] += 1
    columns = pd.Index([f"G{i + 1:04d}" for i in genes], name="gene")
    expression = pd.DataFrame((total / weight).round(6), index=programs.index, columns=columns)
    return expression, pd.DataFrame(loadings, index=programs.columns, columns=columns)


def _robust_sigmoid(values: np.ndarray) -> np.ndarray:
    """Scale each column to 0–1 by the scaled robust sigmoid, (regions, genes)."""
    low, middle, high = np.percentile(values, [25, 50, 75], axis=0)
    # The inter-quartile range of a normal distribution is 1.35 standard deviations.
    out = 1 / (1 + np.exp(-(values - middle) / ((high - low) / 1.35)))
    out -= out.min(axis=0)
    return out / out.max(axis=0)


def _tables(seed: int, true: pd.Series, n_controls: int, n_patients: int) -> dict[str, pd.DataFrame]:
    """Simulate subjects and write them down as ADNI does; see the module's text for the model."""
    for what, size in (("n_controls", n_controls), ("n_patients", n_patients)):
        if number(size, what, whole=True) < 10:
            raise ValueError(f"{what} is {size}; expected at least 10")
    n_controls, n_patients = int(n_controls), int(n_patients)
    rng = _stream(seed, 2)
    # For each group, so many subjects pass and a few more will be lost to quality control.
    passing = np.array([n_controls, _N_MCI, n_patients])
    size = passing + np.ceil(0.08 * passing).astype(int)
    group = np.repeat([0, 1, 2], size)
    passes = np.concatenate([np.arange(s) < p for s, p in zip(size, passing, strict=True)])
    n = len(group)

    # Patients are older, more often men, and not spread over the sites as controls are: there is something to adjust.
    age = rng.normal(np.array([73.0, 73.5, 75.5])[group], np.array([6.0, 7.0, 7.5])[group]).clip(55, 92)
    man = rng.random(n) < np.array([0.44, 0.58, 0.55])[group]
    n_sites = int(np.clip(n // 25, 2, _SITES))
    popularity = rng.gamma(2.0, size=n_sites) * np.exp(0.4 * rng.standard_normal((3, n_sites)))
    reach = (popularity / popularity.sum(axis=1, keepdims=True)).cumsum(axis=1)
    site = (rng.random(n)[:, None] > reach[group]).sum(axis=1).clip(max=n_sites - 1)
    severity = np.array([0.0, 0.35, 1.0])[group] * rng.gamma(6.0, 1 / 6, n)
    # The patients that remain have a mean severity of exactly 1, so that the true map is the mean of their thinning.
    severity /= np.where(group == 2, severity[(group == 2) & passes].mean(), 1.0)

    regional = 2.55 + 0.3 * _fields(rng, 1, left_right=0.97)[:, 0].clip(-2.5, 2.5)
    ageing = 0.004 * rng.uniform(0.5, 1.5, 34)[np.tile(np.arange(34), 2)]
    variable = rng.uniform(0.8, 1.3, 34)[np.tile(np.arange(34), 2)]
    site_effect = 0.05 * rng.standard_normal((n_sites, 1)) + 0.015 * rng.standard_normal((n_sites, 68))
    noise = 0.07 * rng.standard_normal((n, 1)) + 0.08 * _fields(rng, n, left_right=0.8).T
    noise = (noise + 0.09 * rng.standard_normal((n, 68))) * variable
    loss = np.outer(severity, true)
    thickness = regional - np.outer(age - 74, ageing) - 0.015 * man[:, None] + site_effect[site] - loss + noise

    rid = rng.permutation(n) + 2
    day = np.datetime64("2005-09-01") + rng.integers(0, 15 * 365, n)
    phase = np.select([day < np.datetime64("2010-01-01"), day < np.datetime64("2016-09-01")], [0, 1], 2)
    born = (day - np.round(age * 365.25).astype(int)).astype("datetime64[M]").astype(int)
    people = pd.DataFrame({"RID": rid, "phase": phase, "group": group, "day": day, "passes": passes})

    baseline = people.assign(years=0.0, VISCODE=np.array(["sc", "v02", "sc"])[phase])
    baseline["VISCODE2"] = np.array(["sc", "scmri", "sc"])[phase]
    scans, values = [baseline], [thickness]
    for code, visit, years, stay in (("m12", "v11", 1.0, 0.6), ("m24", "v21", 2.0, 0.35)):
        here = rng.random(n) < stay
        later = people[here].assign(years=years, VISCODE=np.where(phase[here] == 0, code, visit), VISCODE2=code)
        scans.append(later)
        change = years * (ageing + 0.15 * loss[here])
        values.append(thickness[here] - change + 0.03 * rng.standard_normal((here.sum(), 68)))
    scan = pd.concat(scans, ignore_index=True)
    at_baseline = (scan["years"] == 0).to_numpy()
    draw = rng.random(len(scan))
    # What fails at baseline fails outright, or in the temporal lobe; a ventricle that fails leaves the cortex usable.
    lost = np.where(at_baseline, ~scan["passes"].to_numpy(), draw < 0.06)
    temporal = lost & (rng.random(len(scan)) < 0.4)
    ventricle = ~lost & (draw > 0.85)
    free = pd.DataFrame(
        {
            "RID": scan["RID"],
            "VISCODE": scan["VISCODE"],
            "VISCODE2": scan["VISCODE2"],
            "EXAMDATE": np.datetime_as_string(
                scan["day"].to_numpy().astype("datetime64[D]") + (scan["years"] * 365).astype(int).to_numpy(), unit="D"
            ),
            "IMAGEUID": 30001 + rng.permutation(len(scan)),
            "OVERALLQC": np.select([temporal | ventricle, lost], ["Partial", "Fail"], "Pass"),
            "TEMPQC": np.where(lost, "Fail", "Pass"),
            "FRONTQC": np.where(lost & ~temporal, "Fail", "Pass"),
            "PARQC": "Pass",
            "INSULAQC": "Pass",
            "OCCQC": "Pass",
            "VENTQC": np.where(ventricle, "Fail", "Pass"),
        }
    )
    thick = pd.DataFrame(np.concatenate(values).clip(0.8, 5.0).round(3), columns=thickness_codes().to_numpy())
    ucsf = pd.concat([free, thick], axis=1).sort_values(["RID", "EXAMDATE"], ignore_index=True)

    # Each phase of ADNI writes the diagnosis into another column and leaves the other two empty.
    diagnosis = scan["group"].to_numpy() + 1.0
    of_phase = scan["phase"].to_numpy()
    dxsum = pd.DataFrame(
        {
            "Phase": np.array(["ADNI1", "ADNI2", "ADNI3"])[of_phase],
            "RID": scan["RID"],
            "VISCODE": np.where(at_baseline, np.array(["bl", "v03", "bl"])[of_phase], scan["VISCODE"]),
            "VISCODE2": np.where(at_baseline, "bl", scan["VISCODE2"]),
            "DXCURREN": np.where(of_phase == 0, diagnosis, np.nan),
            "DXCHANGE": np.where(of_phase == 1, diagnosis, np.nan),
            "DIAGNOSIS": np.where(of_phase == 2, diagnosis, np.nan),
        }
    ).sort_values(["RID", "VISCODE2"], ignore_index=True)
    ptdemog = pd.DataFrame(
        {
            "RID": rid,
            "VISCODE2": "sc",
            "PTGENDER": np.where(man, 1, 2),
            "PTDOBMM": born % 12 + 1,
            "PTDOBYY": 1970 + born // 12,
            "PTEDUCAT": rng.integers(8, 21, n),
            "SITEID": site + 1,
        }
    ).sort_values("RID", ignore_index=True)
    return {"UCSFFSX_SIMULATED.csv": ucsf, "DXSUM_SIMULATED.csv": dxsum, "PTDEMOG_SIMULATED.csv": ptdemog}
