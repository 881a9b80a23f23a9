"""Spreading pathology seen a few times in each of many subjects: images or region vectors, real or simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy import sparse

from xsg import _moved, check
from xsg.spread.laplacian import DENSE_UP_TO, from_torch

RATES = {
    "diffusion": lambda u: 0 * u,
    "logistic": lambda u: u * (1 - u),
    "damped": lambda u: u * (1 - u) ** 2,
    "cooperative": lambda u: u**2 * (1 - u),
}
_DEGREE = 1000  # mean degree at most; of our own networks it is 1, of pixels 4


@dataclass(frozen=True, eq=False)
class SpreadTruth:
    """What a simulated cohort was made of.

    Attributes
    ----------
    rates : DataFrame, shape (S, 3) or (S, 5)
        By subject: ``law``, ``D`` and ``R``; where subjects differ in them, ``gain`` and ``background`` too.
    initial : ndarray, shape (n,) or (S, n)
        The state at time 0, the same for all or by subject.
    laplacian : sparse array, shape (n, n)
        D − W of the places.
    noise_sd : Series, shape (S,)
        σ of the noise, 0 without. Of the disc's, which is half-normal: what it adds on average is σ √(2/π).
    inside : ndarray of bool, shape (S, n), or None
        Which places each subject has.
    """

    rates: pd.DataFrame
    initial: np.ndarray
    laplacian: sparse.csr_array
    noise_sd: pd.Series
    inside: np.ndarray | None = None

    def at(self, times: Sequence[float]) -> np.ndarray:
        """Return the noise-free state of every subject at some times, float32 (S, T, n)."""
        return integrate(self.rates, self.initial, self.laplacian, np.asarray(times, dtype=float), self.inside)

    def part(self, which: np.ndarray) -> SpreadTruth:
        """Return some of the subjects, given by a boolean array (S,) or their numbers."""
        initial = self.initial if self.initial.ndim == 1 else self.initial[which]
        inside = None if self.inside is None else self.inside[which]
        rates, noise_sd = self.rates.iloc[which], self.noise_sd.iloc[which]
        return replace(self, rates=rates, noise_sd=noise_sd, initial=initial, inside=inside)


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
    laplacian : ndarray or sparse array, shape (n, n)
        D − W of the places: what spreads, spreads along it. W[i, j] is what i receives from j; symmetric, unless
        the network is a directed one. One that is given sparse stays so if it has more than 2,000 places.
    mask : ndarray of bool, shape (H, W) or (X, Y, Z), or None
        Which pixels or voxels the places are, where the data are images.
    split : Series or None
        "train", "validation" or "test" by subject.
    places : Index
        Names of the places, (n,); numbers where they are pixels.
    truth : SpreadTruth or None
        None when real.
    provenance : list of str
        Where the data come from and what was done to them.
    inside : ndarray of bool, shape (S, n), or None
        Which places each subject has, where these differ: nothing flows to the others, and what is seen there does not
        count. Of images with NaN outside of each subject: ``np.isfinite(images).any(axis=1)``. None: all have all.

    Raises
    ------
    ValueError
        Sizes that do not fit one another; names given twice; times that go back; codes for missing among the values; a
        network that is no D − W.

    Arrays may be given as lists, of any type of number; ``values`` as images (S, T, H, W) or (S, T, X, Y, Z) with their
    mask, ``inside`` likewise without T; ``times`` as (T,) where everybody is seen at the same; labelled ``times`` (a
    table by subject, or a Series of lists), ``laplacian``, ``inside`` or ``split`` are joined by name.
    """

    name: str
    values: np.ndarray
    times: np.ndarray
    subjects: pd.Index
    laplacian: np.ndarray | sparse.csr_array
    places: pd.Index
    mask: np.ndarray | None = None
    split: pd.Series | None = None
    truth: SpreadTruth | None = None
    provenance: list[str] = field(default_factory=list)
    inside: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Bring arrays of any plain form together, or refuse what does not fit."""
        check.instance(self.name, str, "spread: name", "a text")
        what = f"spread {self.name!r}: "
        values = check.array(self.values, f"{what}values", dtype=np.float32, finite=False)
        mask = None if self.mask is None else _as_mask(self.mask, what)
        if mask is not None and values.shape[2:] == mask.shape:
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
        times = check.array(_times_of(self.times, subjects, visits, what), f"{what}times", finite=False)
        if times.ndim == 1 and times.shape == (visits,):  # everybody is seen at the same times
            times = np.tile(times, (count, 1))
        laplacian = self.laplacian
        if isinstance(laplacian, pd.DataFrame) and laplacian.shape == (n, n) and len(places) == n:
            for axis in (0, 1):
                if check.labels(laplacian, axis) is not None:
                    laplacian = laplacian.take(
                        check.rows_of(laplacian.axes[axis], places, f"{what}laplacian"), axis=axis
                    )
        laplacian = _as_network(laplacian, f"{what}laplacian")
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
        inside = None if self.inside is None else _as_inside(self.inside, mask, subjects, places, what)
        if inside is not None:
            values = np.where(inside[:, None], values, np.float32(np.nan))
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
        for name, value in (found | {"mask": mask, "split": split, "inside": inside}).items():
            object.__setattr__(self, name, value)

    @property
    def simulated(self) -> bool:
        """Whether the data are simulated."""
        return self.truth is not None

    @property
    def images(self) -> np.ndarray:
        """The values as images, float32 (S, T, H, W) or (S, T, X, Y, Z), 0 outside the mask."""
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
            or (which.dtype != bool and not ((which >= -len(self.subjects)) & (which < len(self.subjects))).all())
        ):
            raise ValueError(
                f"spread {self.name!r}: part is given by {which.dtype} of shape {which.shape}; expected the name of a "
                f"part, or a boolean for each of the {len(self.subjects)} subjects (or their numbers, from 0)."
            )
        if not len(self.subjects[which]):
            raise ValueError(f"spread {self.name!r}: the part has none of the {len(self.subjects)} subjects.")
        subjects = self.subjects[which]
        truth = self.truth
        if truth is not None:
            truth = truth.part(which)
        split = None if self.split is None else self.split.loc[subjects]
        found = {name: getattr(self, name)[which] for name in ("values", "times")}
        inside = None if self.inside is None else self.inside[which]
        return replace(self, **found, subjects=subjects, split=split, truth=truth, inside=inside)

    def __repr__(self) -> str:
        """Say what it is, real or simulated, and how large."""
        count, visits, n = self.values.shape
        where = (
            f"images of {' × '.join(map(str, self.mask.shape))}, {n} {'pixels' if self.mask.ndim == 2 else 'voxels'}"
            if self.mask is not None
            else f"{n} places"
        )
        if self.inside is not None:
            has = self.inside.sum(axis=1)
            where += f", of which a subject has {has.min()} to {has.max()}"
        lines = [
            f"Spread {self.name!r}: {'SIMULATED' if self.simulated else 'real data'}",
            f"  {count} subjects × up to {visits} visits, {where}",
            f"  times       {np.nanmin(self.times):g} to {np.nanmax(self.times):g}",
            f"  values      {np.nanmin(self.values):.3f} to {np.nanmax(self.values):.3f}",
        ]
        return "\n".join(lines + [f"  {note}" for note in self.provenance])


def _as_mask(mask: object, what: str) -> np.ndarray:
    """Return a mask of pixels as booleans; 0 and one other number (1, an image's 255) are taken."""
    found = check.array(mask, f"{what}mask")
    if found.ndim not in (2, 3):
        raise ValueError(f"{what}mask has shape {found.shape}; expected that of an image, (H, W) or (X, Y, Z).")
    if not np.isin(found, (0, found.max(initial=0))).all() or not found.any():
        some = check.some(f"{each:g}" for each in np.unique(found))
        raise ValueError(f"{what}mask holds {some}; expected True or 1 where there are pixels, False or 0 elsewhere.")
    return found.astype(bool)


def _times_of(times: object, subjects: pd.Index, visits: int, what: str) -> object:
    """Return times by subject in the subjects' order, if they are labelled."""
    if isinstance(times, pd.Series) and len(times) == len(subjects):
        if all(isinstance(each, (list, tuple, np.ndarray, pd.Series)) for each in times):
            if all(np.shape(each) == (visits,) for each in times):
                times = pd.DataFrame([list(each) for each in times], times.index)
        elif visits == 1 and check.labels(times, 0) is not None:
            times = times.to_frame()
    if isinstance(times, pd.DataFrame) and len(times) == len(subjects) and check.labels(times, 0) is not None:
        times = times.take(check.rows_of(times.index, subjects, f"{what}times"))
    return times


def _as_network(laplacian: object, what: str) -> np.ndarray | sparse.csr_array:
    """Return a network as a matrix of numbers; a sparse one of more than 2,000 places stays sparse."""
    laplacian = from_torch(laplacian)
    if not sparse.issparse(laplacian) or max(laplacian.shape) <= DENSE_UP_TO:
        return check.array(laplacian, what)
    found = sparse.csr_array(laplacian)
    found.sum_duplicates()
    return sparse.csr_array((check.array(found.data, what), found.indices, found.indptr), shape=found.shape)


def _as_inside(
    inside: object, mask: np.ndarray | None, subjects: pd.Index, places: pd.Index, what: str
) -> np.ndarray | None:
    """Return which places each subject has (S, n), None if all have all."""
    if isinstance(inside, pd.DataFrame) and inside.shape == (len(subjects), len(places)):
        for axis, names in enumerate((subjects, places)):
            if check.labels(inside, axis) is not None:
                inside = inside.take(check.rows_of(inside.axes[axis], names, f"{what}inside"), axis=axis)
    found = check.array(inside, f"{what}inside")
    if mask is not None and found.shape[1:] == mask.shape:
        found = found[:, mask]
    if found.shape != (len(subjects), len(places)):
        raise ValueError(
            f"{what}inside has shape {found.shape}; expected ({len(subjects)}, {len(places)}), the places that each "
            "subject has"
            + (f", or images ({len(subjects)}, {', '.join(map(str, mask.shape))})." if mask is not None else ".")
        )
    if not np.isin(found, (0, 255 if found.max() == 255 else 1)).all():  # an image's 255 is taken
        some = check.some(f"{each:g}" for each in np.unique(found))
        raise ValueError(f"{what}inside holds {some}; expected True or 1 where a subject has a place, 0 elsewhere.")
    found = found.astype(bool)
    if not found.any(axis=1).all():
        raise ValueError(f"{what}subject {subjects[~found.any(axis=1)][0]!r} has none of the {len(places)} places.")
    return None if found.all() else found


def _codes(values: np.ndarray) -> np.ndarray:
    """Tell which values look like codes for missing: noise goes below 0 a little, codes far beyond all else."""
    code = np.isin(values, [each for each in check.MISSING_CODES if each])
    rest = np.abs(values[~code & np.isfinite(values)])
    largest = rest.max() if rest.size else 0.0
    return code & ((values < -largest) | (values > 10 * largest)) & (largest > 0)


def _check_laplacian(laplacian: np.ndarray | sparse.csr_array, what: str) -> None:
    """Refuse weights in the place of D − W, and counts of streamlines; what else a solver needs, the solver checks."""
    degrees = laplacian.diagonal()
    away = laplacian - (sparse.diags_array(degrees) if sparse.issparse(laplacian) else np.diag(degrees))
    if away.max() > 1e-6 * abs(laplacian).max():
        raise ValueError(
            f"{what}laplacian is no D − W: off its diagonal there are values up to {away.max():g}; expected 0 at most. "
            "Of weights W of 0 or more, make it by np.diag(W.sum(axis=1)) - W, with the diagonal of W set to 0 and W "
            "divided by its mean degree."
        )
    if (degree := float(degrees.mean())) > _DEGREE:
        raise ValueError(
            f"{what}laplacian has a mean degree of {degree:g}: its weights look like counts of streamlines, which no "
            "rate of diffusion fits. Divide it by its mean degree: laplacian / np.diag(laplacian).mean()."
        )


def integrate(
    rates: pd.DataFrame,
    initial: np.ndarray,
    laplacian: sparse.csr_array,
    times: np.ndarray,
    inside: np.ndarray | None = None,
) -> np.ndarray:
    """Classical Runge-Kutta, steps of at most 1 over the stiffest mode: float32 (S, T, n).

    Subjects go in groups of like D, because the slow ones need fewer steps; the groups are fixed: no subject depends on
    another. Of a subject that has only some of the places, ``inside`` (S, n), the Laplacian is that of those.
    """
    stiffest = 2 * laplacian.diagonal().max()  # Gershgorin
    out = np.empty((len(rates), len(times), initial.shape[-1]), dtype=np.float32)
    weights = sparse.csr_array(sparse.diags_array(laplacian.diagonal()) - laplacian)
    ceiling = np.ceil(16 * rates["D"].to_numpy()) / 16
    for fastest in np.unique(ceiling):
        group = np.flatnonzero(ceiling == fastest)
        some = rates.iloc[group]
        d, r = some["D"].to_numpy(), some["R"].to_numpy()
        of_law = [(f, np.flatnonzero(some["law"] == law)) for law, f in RATES.items() if law in set(some["law"])]

        has = None if inside is None else inside[group].T.astype(float)
        degree = None if inside is None else weights @ has

        def change(u, d=d, r=r, of_law=of_law, has=has, degree=degree):
            out = -d * (laplacian @ u) if has is None else d * has * (weights @ u - degree * u)
            for f, columns in of_law:
                out[:, columns] += r[columns] * f(u[:, columns])
            return out

        u, now = np.repeat(initial[:, None], len(group), axis=1) if initial.ndim == 1 else initial[group].T, 0.0
        u = u if has is None else u * has
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


__getattr__ = _moved.lazily(__name__)
