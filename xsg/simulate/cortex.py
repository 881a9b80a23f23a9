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

import numpy as np
import pandas as pd

from xsg import _moved
from xsg.atlas import build_graph, load_parcellation
from xsg.check import columns, number
from xsg.data.cohort import noise_ceiling, thinning_map
from xsg.data.cortex import Cortex, Truth
from xsg.simulate.cohort import simulate_subjects
from xsg.simulate.fields import robust_sigmoid, simulated_programs, smooth_fields, stream

EQUATION = "thinning = 0.12 mm · s(u) / mean(s(u)),  u = s(1.5 P1) + 0.8 tanh(1.5 P2) + 0.3 P2 P4,  s(x) = ln(1 + eˣ)"
_RELEVANT = ("P1", "P2", "P4")
_MEAN_THINNING = 0.12  # mm
_DONORS, _BILATERAL = 6, 2


def simulate_cortex(
    seed: int = 0, n_genes: int = 910, n_programs: int = 6, n_controls: int = 926, n_patients: int = 426
) -> Cortex:
    """Simulate expression, a cohort and its thinning map on the Desikan–Killiany cortex.

    The map is not the truth with noise added: it is estimated from simulated subjects by
    `xsg.data.cohort.thinning_map`.
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
    seed, n_genes = number(seed, "seed", 0, whole=True), number(n_genes, "n_genes", 2, whole=True)
    programs = simulated_programs(seed, n_programs)
    true = vulnerability(programs)
    expression, loadings = _expression(seed, n_genes, programs)
    cohort = simulate_subjects(seed, true, n_controls, n_patients).cohort(programs.index)
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
    columns(p, _RELEVANT, "programs", "Expected P1 to P5 or more, by region.")
    u = np.logaddexp(0, 1.5 * p["P1"]) + 0.8 * np.tanh(1.5 * p["P2"]) + 0.3 * p["P2"] * p["P4"]
    v = np.logaddexp(0, u)
    out = (_MEAN_THINNING * v / v.mean()).round(6).rename("thinning")
    out.attrs = {"unit": "mm"}
    return out


def _expression(seed: int, n_genes: int, programs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Expression (68, genes) between 0 and 1, and the loadings (k, genes) behind it."""
    rng = stream(seed, 1)
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
    signal = programs.to_numpy() @ loadings + 0.75 * smooth_fields(rng, n_genes, left_right=0.8)
    total, weight = np.zeros((68, n_genes)), np.zeros((68, 1))
    for donor in range(_DONORS):
        rows = slice(0, 68 if donor < _BILATERAL else 34)
        noisy = signal[rows] + rng.standard_normal((68, n_genes))[rows]
        total[rows] += robust_sigmoid(noisy)
        weight[rows] += 1
    columns = pd.Index([f"G{i + 1:04d}" for i in genes], name="gene")
    expression = pd.DataFrame((total / weight).round(6), index=programs.index, columns=columns)
    return expression, pd.DataFrame(loadings, index=programs.columns, columns=columns)


__getattr__ = _moved.lazily(__name__)
