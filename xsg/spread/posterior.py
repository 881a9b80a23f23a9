"""What a mechanistic model thinks of each subject."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from xsg.check import array, choice, number

CHUNK = 256  # subjects refined side by side: more would leave the processor's cache


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
        self, *, solver, laws, subjects, visits, z, covariance, evidence, steps, log_q=None, prior=None, unlike=None
    ):
        log_q = evidence if log_q is None else log_q
        self._solver, self._visits, self._steps, self._prior = solver, visits, steps, prior
        self._z, self._covariance = z, covariance  # (S, K, 2), (S, K, 2, 2)
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

    def rates(self, law: str | None = None, level: float = 0.9) -> pd.DataFrame:
        """Return by subject: law, D and R (posterior medians), and the ends of their intervals.

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
        for which, name in enumerate("DR"):
            for end, shift in ((name, 0), (f"{name}_low", -wide), (f"{name}_high", wide)):
                columns[end] = torch.exp(z[:, which] + shift * sd[:, which]).numpy().astype(float)
        table = pd.DataFrame(columns, self.subjects)
        table.loc[table["law"].map(growth) == "diffusion", ["R", "R_low", "R_high"]] = 0.0
        return table

    def sample(self, n: int = 100, seed: int = 0) -> Draws:
        """Draw n times from each subject's posterior: number of the law, D and R, each (S, n)."""
        n, seed = number(n, "n", 1, whole=True), number(seed, "seed", 0, whole=True)
        generator = torch.Generator().manual_seed(seed)
        weights = torch.tensor(self.responsibilities.to_numpy())
        law = torch.multinomial(weights, n, replacement=True, generator=generator)
        root = torch.linalg.cholesky(self._covariance.double() + 1e-12 * torch.eye(2))
        noise = torch.randn(len(law), n, 2, 1, generator=generator, dtype=torch.float64)
        every = torch.arange(len(law))[:, None]
        z = self._z[every, law] + (root[every, law] @ noise)[..., 0]
        rates = z.exp().numpy()
        grows = np.array([growth(each) != "diffusion" for each in self.laws])
        return Draws(law.numpy(), rates[..., 0], rates[..., 1] * grows[law])

    def states(self, times: Sequence[float], law: str | None = None) -> np.ndarray:
        """Return the state at the posterior median, float32 (S, T, n), at times from each subject's first visit."""
        k = self._rows(law)
        return self._solve(times, k[:, None], *self._z[torch.arange(len(k)), k].exp().T[..., None].numpy())[:, 0]

    def extrapolate(self, times: Sequence[float], n: int = 50, level: float = 0.9, seed: int = 0) -> Band:
        """Return mean and both ends of the interval of the state at some times, each float32 (S, T, n places).

        Over n draws from the posterior: laws by their responsibilities, rates, no observation noise.
        """
        level = number(level, "level", 0, 1, above=True, below=True)
        drawn = self._solve(times, *self.sample(n, seed))
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=1).astype(np.float32)
        return Band(drawn.mean(1), low, high)

    def _rows(self, law: str | None) -> Tensor:
        if law is None:
            return torch.tensor(self.responsibilities.to_numpy().argmax(1))
        return torch.full((len(self.subjects),), self.laws.index(choice(law, self.laws, "law of this model")))

    def _solve(self, times, k, d, r) -> np.ndarray:
        """Solve for (S, N) draws: (S, N, T, n)."""
        times = array(times, "times", ndim=1)
        u0, times, *_ = self._solver.checked(self._visits.u0, times, 0.0, 0.0, steps=self._steps)
        out = torch.empty(*k.shape, len(times), self._solver.n)
        k = torch.as_tensor(k)
        for which, law in enumerate(self.laws):
            rows, columns = torch.nonzero(k == which, as_tuple=True)
            for start in range(0, len(rows), CHUNK):
                i, j = rows[start : start + CHUNK], columns[start : start + CHUNK]
                rates = [torch.as_tensor(value)[i, j].to(u0.dtype) for value in (d, r)]
                with torch.no_grad():
                    out[i, j] = self._solver.advance(u0[i], times, *rates, growth(law), self._steps)
        return out.numpy()


def growth(component: str) -> str:
    """Law of a component: "logistic" of "logistic 2"."""
    return component.split()[0]
