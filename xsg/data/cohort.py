"""A cohort: subjects with thickness by region, and the map of how much thinner the cortex of one group is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from xsg.check import choice, constant, number, some

GROUPS = ("NC", "MCI", "AD")
_COVARIATES = ("age", "sex", "site")
MIN_GROUP = 10
_MIN_SITE = 10
_CHUNK = 100  # bootstrap draws solved at once: 100 × 1352 subjects is about 1 MB of weights


@dataclass(frozen=True, repr=False)
class Cohort:
    """Baseline cortical thickness of a cohort, one row a subject.

    Attributes
    ----------
    thickness : DataFrame, shape (subjects, 68)
        Mean cortical thickness in mm, index RID, columns the Desikan–Killiany regions.
    subjects : DataFrame
        Index RID; columns group ('NC', 'MCI', 'AD'), age (years at the scan), sex ('F', 'M') and site (str).
    provenance : list of str
        What was read, what was dropped and why, with counts.
    """

    thickness: pd.DataFrame
    subjects: pd.DataFrame
    provenance: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.thickness.index.equals(self.subjects.index):
            raise ValueError("Cohort: thickness and subjects must have the same index (RID) in the same order")

    def __repr__(self) -> str:
        counts = self.subjects["group"].value_counts()
        sizes = ", ".join(f"{counts[g]} {g}" for g in GROUPS if g in counts)
        head = f"Cohort: {sizes}; {self.thickness.shape[1]} regions, mm; {self.subjects['site'].nunique()} sites"
        return "\n".join([head, *(f"  - {line}" for line in self.provenance)])


@dataclass(frozen=True)
class _Design:
    """The regression of one comparison: group and covariates, with sites as strata."""

    x: np.ndarray  # (subjects, 1 + covariates), group first
    y: np.ndarray  # (subjects, regions), mm
    stratum: np.ndarray  # (subjects,), 0 … n_strata − 1
    patient: np.ndarray  # (subjects,), bool
    notes: list[str]


def _design(cohort: Cohort, patients: str, controls: str, adjust: Sequence[str]) -> _Design:
    for each in adjust:
        choice(each, _COVARIATES, "adjust: covariate")
    counts = cohort.subjects["group"].value_counts()
    if patients == controls:
        raise ValueError(f"patients and controls are both {patients!r}; give two groups of {GROUPS}")
    for group in (patients, controls):
        if counts.get(group, 0) < MIN_GROUP:
            raise ValueError(
                f"group {group!r} has {counts.get(group, 0)} subjects; at least {MIN_GROUP} are needed. Groups here: "
                f"{ {g: int(n) for g, n in counts.items()} }"
            )
    people = cohort.subjects[cohort.subjects["group"].isin([patients, controls])]
    patient = (people["group"] == patients).to_numpy()
    notes: list[str] = []
    columns = [patient.astype(float)]
    if "age" in adjust:
        columns.append(people["age"].to_numpy(float))
    if "sex" in adjust:
        columns.append((people["sex"] == "M").to_numpy(float))
    stratum = np.zeros(len(people), dtype=int)
    if "site" in adjust:
        size = people["site"].value_counts()
        small = size.index[size < _MIN_SITE]
        site = people["site"].mask(people["site"].isin(small), "pooled")
        if len(small):
            notes.append(
                f"{len(small)} sites with under {_MIN_SITE} subjects pooled ({int(size[small].sum())} subjects)"
            )
        stratum = np.unique(site.to_numpy(str), return_inverse=True)[1]
        notes.append(f"{stratum.max() + 1} site levels")
    # Centred, so that sums of squares lose no digits: the coefficients do not change.
    x = np.column_stack(columns)
    x = np.column_stack([x[:, 0], x[:, 1:] - x[:, 1:].mean(axis=0)])
    y = cohort.thickness.loc[people.index].to_numpy(float)
    if (flat := constant(y)).any():
        raise ValueError(
            f"thickness of {some(cohort.thickness.columns[flat])} is the same in all {len(y)} subjects compared; was "
            "it filled in rather than measured? Leave the region out."
        )
    return _Design(x, y, stratum, patient, notes)


def _moments(weights: np.ndarray, design: _Design) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted cross-products within strata: XᵀX (draws, p, p), XᵀY (draws, p, r), YᵀY's diagonal (draws, r).

    Demeaning within each site gives the same coefficients as one dummy a site (Frisch–Waugh–Lovell), costs a p × p
    system instead of a 60 × 60 one, and stands a draw in which a small site does not occur.
    """
    x, y = design.x, design.y - design.y.mean(axis=0)
    draws, p, r = len(weights), x.shape[1], y.shape[1]
    xx = (weights @ (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)).reshape(draws, p, p)
    xy = (weights @ (x[:, :, None] * y[:, None, :]).reshape(len(x), -1)).reshape(draws, p, r)
    yy = weights @ y**2
    for s in range(design.stratum.max() + 1):
        here = design.stratum == s
        w = weights[:, here]
        n = w.sum(axis=1)
        scale = np.where(n > 0, 1 / np.maximum(n, 1), 0.0)
        sx, sy = w @ x[here], w @ y[here]
        xx -= scale[:, None, None] * sx[:, :, None] * sx[:, None, :]
        xy -= scale[:, None, None] * sx[:, :, None] * sy[:, None, :]
        yy -= scale[:, None] * sy**2
    return xx, xy, yy


def _check_rank(xx: np.ndarray, design: _Design, adjust: Sequence[str], which: str = "") -> None:
    """Refuse a design in which the covariates say exactly who is a patient, or each other."""
    names = np.array(["group", *(a for a in ("age", "sex") if a in adjust)])
    scale = np.sqrt(((design.x - design.x.mean(axis=0)) ** 2).sum(axis=0))
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(xx / np.outer(scale, scale))
    bad = values[:, 0] < 1e-9
    if bad.any():
        culprits = names[np.abs(vectors[bad.argmax(), :, 0]) > 0.1]
        raise ValueError(
            f"collinear design{which}: {' and '.join(culprits)} cannot be told apart from the rest of {tuple(adjust)}, "
            "as when every site holds one group only, or all subjects are of one sex. Leave the covariate out of adjust"
        )


def thinning_map(
    cohort: Cohort, patients: str = "AD", controls: str = "NC", adjust: Sequence[str] = ("age", "sex", "site")
) -> pd.DataFrame:
    r"""Estimate regional cortical thinning, controls minus patients, by ordinary least squares.

    In every region, thickness :math:`= \beta_0 - \beta\,[\text{patient}] + \text{age} + \text{sex} + \text{site}` with
    one level a site; sites with under 10 subjects of the two groups are pooled into one level. :math:`\beta` is the
    thinning, :math:`s^2 = \mathrm{RSS} / \nu` the residual variance with :math:`\nu = n - p` degrees of freedom,
    :math:`c = [(X^\top X)^{-1}]_{\text{group}}`.

    - standard error :math:`s\sqrt{c}`,
    - Cohen's :math:`d = \beta / s` (the adjusted difference in residual standard deviations),
    - 95 % interval :math:`d \pm 1.96\,\sqrt{c + d^2 / 2\nu}` (large sample, the delta method; without covariates
      :math:`c = 1/n_1 + 1/n_2` and it is the interval of Hedges & Olkin 1985, chapter 5).

    Parameters
    ----------
    cohort : Cohort
        Of `read_adni`.
    patients, controls : str
        Groups to compare, of 'NC', 'MCI', 'AD'.
    adjust : sequence of str
        Covariates, of 'age' (linear), 'sex', 'site'.

    Returns
    -------
    DataFrame
        Index region; thinning (mm, positive = thinner in patients), se (mm), d, d_low, d_high (standard deviations),
        n_controls, n_patients. ``attrs``: units, provenance.

    Raises
    ------
    ValueError
        A group has under 10 subjects, a covariate is unknown, or the design is collinear.
    """
    design = _design(cohort, patients, controls, adjust)
    n = len(design.x)
    xx, xy, yy = _moments(np.ones((1, n)), design)
    _check_rank(xx, design, adjust)
    inverse = np.linalg.inv(xx[0])
    beta = inverse @ xy[0]
    dof = n - design.x.shape[1] - (design.stratum.max() + 1)
    if dof < 1:
        raise ValueError(
            f"{n} subjects leave no degree of freedom for {n - dof} coefficients; leave 'site' out of adjust"
        )
    sd = np.sqrt((yy[0] - (beta * xy[0]).sum(axis=0)) / dof)
    thinning, c = -beta[0], inverse[0, 0]
    d = thinning / sd
    half = 1.96 * np.sqrt(c + d**2 / (2 * dof))
    out = pd.DataFrame(
        {"thinning": thinning, "se": sd * np.sqrt(c), "d": d, "d_low": d - half, "d_high": d + half,
         "n_controls": int((~design.patient).sum()), "n_patients": int(design.patient.sum())},
        index=cohort.thickness.columns,
    )  # fmt: skip
    out.attrs["units"] = {"thinning": "mm", "se": "mm", "d": "residual standard deviations"}
    out.attrs["provenance"] = [
        f"thinning = {controls} − {patients}, adjusted for {', '.join(adjust) or 'nothing'}, {dof} degrees of freedom",
        *design.notes,
    ]
    return out


def noise_ceiling(
    cohort: Cohort, patients: str = "AD", controls: str = "NC", adjust: Sequence[str] = ("age", "sex", "site")
) -> tuple[float, float]:
    r"""Expect the R² that the true map, given an intercept, has against the map of `thinning_map`.

    The observed map is :math:`y = \tau + e`. Every fitted model has an intercept, so a part of the error that is the
    same in all regions costs a model that knows :math:`\tau` nothing: with
    :math:`\hat y = \tau - \bar\tau + \bar y` as the prediction,

    .. math::
        R^2 = 1 - \frac{\sum_r (e_r - \bar e)^2}{\sum_r (y_r - \bar y)^2}, \qquad
        \mathrm{E} \sum_r (e_r - \bar e)^2 = \operatorname{tr} C, \qquad
        \operatorname{var} \sum_r (e_r - \bar e)^2 = 2 \operatorname{tr} C^2,

    where C is the covariance of the errors about their mean, that is, of the regression of each subject's thickness
    *minus that subject's mean over regions*; the variance holds for normal errors. The ceiling is an expectation: about
    half of all cohorts have a map that the truth describes better than that.

    Parameters
    ----------
    cohort, patients, controls, adjust
        As in `thinning_map`.

    Returns
    -------
    ceiling : float
        Expected R², given the observed map.
    sd : float
        Standard deviation, over the errors that a map may have, of its R² less its ceiling.

    Raises
    ------
    ValueError
        As `thinning_map`.

    References
    ----------
    Lage-Castellanos et al. (2019), PLoS Computational Biology 15, e1006397, for ceilings in general.
    """
    relative = replace(cohort, thickness=cohort.thickness.sub(cohort.thickness.mean(axis=1), axis=0))
    centred = thinning_map(relative, patients, controls, adjust)["thinning"].to_numpy()
    design = _design(relative, patients, controls, adjust)
    # Within sites, as in `_moments`; the coefficients are those of thinning_map.
    own = np.eye(design.stratum.max() + 1)[design.stratum]
    x, y = (v - own @ (own.T @ v / own.sum(axis=0)[:, None]) for v in (design.x, design.y))
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    dof = len(x) - x.shape[1] - own.shape[1]
    covariance = np.linalg.inv(x.T @ x)[0, 0] * (left.T @ left) / dof
    around = (centred**2).sum()
    return float(1 - np.trace(covariance) / around), float(np.sqrt(2 * (covariance**2).sum()) / around)


def bootstrap_thinning(
    cohort: Cohort,
    n: int = 1000,
    seed: int = 0,
    patients: str = "AD",
    controls: str = "NC",
    adjust: Sequence[str] = ("age", "sex", "site"),
) -> pd.DataFrame:
    """Draw the thinning map again from subjects resampled with replacement, within each group.

    The groups keep their sizes in every draw, so 926 controls do not drown 426 patients. Draw i depends on the seed
    and i alone. A draw is a vector of counts, so all draws share one set of cross-products.

    Parameters
    ----------
    cohort : Cohort
        Of `read_adni`.
    n : int
        Draws.
    seed : int
        Random seed.
    patients, controls, adjust
        As in `thinning_map`.

    Returns
    -------
    DataFrame, shape (n, 68)
        Thinning in mm; index draw, columns region.

    Raises
    ------
    ValueError
        As `thinning_map`; or a draw cannot be adjusted (too few subjects share a site with the other group).
    """
    n = number(n, "n, the draws", 1, whole=True)
    design = _design(cohort, patients, controls, adjust)
    _check_rank(_moments(np.ones((1, len(design.x))), design)[0], design, adjust)
    groups = [np.flatnonzero(~design.patient), np.flatnonzero(design.patient)]
    maps = np.empty((n, design.y.shape[1]))
    with tqdm(total=n, desc="bootstrap", unit="draw") as bar:
        for start in range(0, n, _CHUNK):
            draws = range(start, min(start + _CHUNK, n))
            weights = np.zeros((len(draws), len(design.x)))
            for row, draw in enumerate(draws):
                rng = np.random.default_rng([seed, draw])
                for members in groups:
                    picked = rng.integers(len(members), size=len(members))
                    weights[row, members] = np.bincount(picked, minlength=len(members))
            xx, xy, _ = _moments(weights, design)
            _check_rank(xx, design, adjust, which=f" in one of the bootstrap draws {draws[0]}–{draws[-1]}")
            maps[start : start + len(draws)] = -np.linalg.solve(xx, xy)[:, 0]
            bar.update(len(draws))
    out = pd.DataFrame(maps, index=pd.RangeIndex(n, name="draw"), columns=cohort.thickness.columns)
    out.attrs["units"] = "mm"
    return out
