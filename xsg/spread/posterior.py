"""What a mechanistic model thinks of each subject."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from xsg.check import array, choice, flag, instance, number
from xsg.files import whole
from xsg.spread.model import solved_at

CHUNK = 256  # subjects refined side by side: more would leave the processor's cache
_TOGETHER = 2**22  # places of them all, at most: beyond, memory


def together(places: int) -> int:
    """Return how many subjects are worked at side by side."""
    return max(1, min(CHUNK, _TOGETHER // places))


class Draws(NamedTuple):
    """Draws from the posterior of each subject, each (S, n)."""

    law: np.ndarray  # its number
    D: np.ndarray
    R: np.ndarray


class Band(NamedTuple):
    """What is expected of states, each float32 (S, T, n places)."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Posterior:
    """What a model thinks of each subject: which law, which rates, and so what comes next.

    Attributes
    ----------
    evidence : DataFrame (S, K)
        Bound on log p(y | law), up to a constant of the subject's data: only differences in a row mean something, and
        the same subject under other sets of laws.
    responsibilities : DataFrame (S, K)
        Posterior probability of each law.
    law : Series (S,)
        The most probable one.
    unlike : Series (S,) of str, or None
        In what a subject is unlike those that the model was trained on, "" where in nothing: there laws and rates may
        be wrong however sure the posterior is (`xsg.spread.likeness`). None where nothing is known of the training.
    """

    def __init__(
        self,
        *,
        solver,
        laws,
        subjects,
        visits,
        z,
        covariance,
        evidence,
        steps,
        log_q=None,
        prior=None,
        unlike=None,
        background=True,
        cohort=None,
    ):
        log_q = evidence if log_q is None else log_q
        self._solver, self._visits, self._steps, self._prior = solver, visits, steps, prior
        self._background, self._cohort = background, cohort
        self._z, self._covariance = z, covariance  # (S, K, 2 or 3), and twice so
        self.laws, self.subjects = tuple(laws), subjects
        self.evidence = pd.DataFrame(evidence.numpy().astype(float), subjects, list(laws))
        self.responsibilities = pd.DataFrame(torch.softmax(log_q, 1).numpy().astype(float), subjects, list(laws))
        self.law = self.responsibilities.idxmax(axis=1).rename("law")
        self.unlike = None if unlike is None else pd.Series(list(unlike), subjects, dtype=object, name="unlike")

    def __repr__(self) -> str:
        """Say of how many subjects, which laws they follow, and which are unlike those trained on."""
        counts = self.law.value_counts()
        lines = [f"Posterior of {len(self.subjects)} subjects under {len(self.laws)} law(s)"]
        lines.append("  most probable  " + ", ".join(f"{law}: {counts.get(law, 0)}" for law in self.laws))
        if self.unlike is None:
            return "\n".join([*lines, "  unlike         not known: there are no training data to compare with"])
        odd = self.unlike[self.unlike != ""]
        lines.append(f"  unlike         {len(odd)} of {len(self.subjects)} subjects are unlike those trained on")
        lines += [f"    {subject}: {reasons}" for subject, reasons in odd.head(3).items()]
        return "\n".join([*lines, "    …"] if len(odd) > 3 else lines)

    def save(self, path: str | Path) -> Path:
        """Write laws and rates to a file, whole or not at all.

        Parameters
        ----------
        path
            Ending in ``.html`` (one page that loads nothing: laws, rates, intervals, warnings, pictures of images) or
            ``.csv`` (the table of `rates`, with each law's probability and ``unlike``).

        Raises
        ------
        ValueError
            Another ending; a folder that is not there or cannot be written to.
        """
        path = Path(instance(path, (str, Path), "report", "the name of a file"))
        kind = choice(path.suffix.lower(), (".html", ".csv"), f"ending of {path}")
        if "\0" in str(path) or not path.parent.is_dir():  # before a page is made for nothing
            raise ValueError(
                f"report: cannot write {str(path)!r} (no such folder). Name a file in a folder that is yours."
            )
        if kind == ".html":
            from xsg.spread.page import page

            text = page(self)
        else:
            chances = self.responsibilities.add_prefix("p ")
            text = self.rates().join(chances).assign(unlike=self.unlike).to_csv()
        try:
            with whole(path) as part:
                part.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ValueError(
                f"report: cannot write {path} ({error.strerror or error}). Name a file in a folder that is yours."
            ) from None
        return path

    def _only(self, rows: np.ndarray) -> Posterior:
        """Return what is thought of some of the subjects."""
        law = torch.tensor(self.responsibilities.to_numpy()).log()
        return Posterior(
            solver=self._solver,
            laws=self.laws,
            subjects=self.subjects[rows],
            visits=self._visits.take(rows),
            z=self._z[rows],
            covariance=self._covariance[rows],
            evidence=torch.tensor(self.evidence.to_numpy()[rows]),
            log_q=law[rows],
            steps=self._steps,
            prior=self._prior,
            background=self._background,
        )

    def rates(self, law: str | None = None, level: float = 0.9) -> pd.DataFrame:
        """Return by subject: law, D and R (posterior medians), with a gain also that, and the ends of their intervals.

        Parameters
        ----------
        law
            The law to answer for; the most probable of each subject by default.
        level
            Probability that an interval holds.
        """
        from scipy.stats import norm

        k = self._rows(law)
        level = number(level, "level", 0, 1, above=True, below=True)
        every = torch.arange(len(k))
        z, sd = self._z[every, k], self._covariance[every, k].diagonal(dim1=1, dim2=2).clamp(min=0).sqrt()
        wide = norm.ppf((1 + level) / 2)
        columns = {"law": [self.laws[each] for each in k]}
        for which, name in enumerate(("D", "R", "gain")[: z.shape[1]]):
            for end, shift in ((name, 0), (f"{name}_low", -wide), (f"{name}_high", wide)):
                columns[end] = torch.exp(z[:, which] + shift * sd[:, which]).numpy().astype(float)
        table = pd.DataFrame(columns, self.subjects)
        table.loc[table["law"].map(growth) == "diffusion", ["R", "R_low", "R_high"]] = 0.0
        return table

    def sample(self, n: int = 100, seed: int = 0) -> Draws:
        """Draw n times from each subject's posterior: number of the law, D and R, each (S, n)."""
        law, z = self._draws(n, seed)
        rates = z[..., :2].exp().numpy()
        grows = np.array([growth(each) != "diffusion" for each in self.laws])
        return Draws(law.numpy(), rates[..., 0], rates[..., 1] * grows[law])

    def _draws(self, n: int, seed: int) -> tuple[Tensor, Tensor]:
        """Draw numbers of laws (S, n) and latents (S, n, 2 or 3)."""
        n, seed = number(n, "n", 1, whole=True), number(seed, "seed", 0, whole=True)
        generator = torch.Generator().manual_seed(seed)
        weights = torch.tensor(self.responsibilities.to_numpy())
        law = torch.multinomial(weights, n, replacement=True, generator=generator)
        latents = self._z.shape[-1]
        root = torch.linalg.cholesky(self._covariance.double() + 1e-12 * torch.eye(latents))
        noise = torch.randn(len(law), n, latents, 1, generator=generator, dtype=torch.float64)
        every = torch.arange(len(law))[:, None]
        return law, self._z[every, law] + (root[every, law] @ noise)[..., 0]

    def states(self, times: Sequence[float], law: str | None = None, seen: bool = False) -> np.ndarray:
        """Return the state at the posterior median, float32 (S, T, n), at times from each subject's first visit.

        With ``seen``, what is expected to be seen of it: times the gain, and with the subject's background; NaN in
        places that a subject does not have.
        """
        k = self._rows(law)
        return self._solve(times, k[:, None], self._z[torch.arange(len(k)), k][:, None], flag(seen, "seen"))[:, 0]

    def extrapolate(
        self, times: Sequence[float], n: int = 50, level: float = 0.9, seed: int = 0, seen: bool = False
    ) -> Band:
        """Return mean and both ends of the interval of the state at some times, each float32 (S, T, n places).

        Over n draws from the posterior: laws by their responsibilities, rates, no observation noise. With ``seen``, of
        what is expected to be seen: times the gain, and with the subject's background, as far as there are any; NaN in
        places that a subject does not have.
        """
        level = number(level, "level", 0, 1, above=True, below=True)
        drawn = self._solve(times, *self._draws(n, seed), flag(seen, "seen"))
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=1).astype(np.float32)
        return Band(drawn.mean(1), low, high)

    def _rows(self, law: str | None) -> Tensor:
        if law is None:
            return torch.tensor(self.responsibilities.to_numpy().argmax(1))
        return torch.full((len(self.subjects),), self.laws.index(choice(law, self.laws, "law of this model")))

    def _solve(self, times, k, z, seen=False) -> np.ndarray:
        """Solve for (S, N) draws of laws and latents: (S, N, T, n)."""
        times = array(times, "times", ndim=1)
        visits, gained = self._visits, self._z.shape[-1] > 2
        _, times, *_ = self._solver.checked(visits.u0.clamp(max=1), times, 0.0, 0.0, steps=self._steps)
        out = torch.empty(*k.shape, len(times), self._solver.n)
        rates, chunk = z.exp().to(visits.u0.dtype), together(self._solver.n)
        for which, law in enumerate(self.laws):
            rows, columns = torch.nonzero(k == which, as_tuple=True)
            for start in range(0, len(rows), chunk):
                i, j = rows[start : start + chunk], columns[start : start + chunk]
                some, of_some = visits.take(i), rates[i, j].unbind(-1)
                with torch.no_grad():
                    found = solved_at(self._solver, some._replace(times=times), of_some, growth(law), self._steps)
                    if seen and self._background:
                        missed = some.values - solved_at(self._solver, some, of_some, growth(law), self._steps)
                        found = found + ((missed * some.valid).sum((1, 2)) / some.valid.sum((1, 2)))[:, None, None]
                if gained and not seen:
                    found = found / of_some[2][:, None, None]
                if seen and visits.inside is not None:
                    found = found.where(some.inside[:, None] > 0, torch.nan)
                out[i, j] = found
        return out.numpy()


def growth(component: str) -> str:
    """Law of a component: "logistic" of "logistic 2"."""
    return component.split()[0]
