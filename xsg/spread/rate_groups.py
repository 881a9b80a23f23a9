"""What several posteriors say together: the set of laws that explains a cohort, and groups of rates under one law."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from xsg.check import number
from xsg.spread.posterior import Posterior


class Choice(NamedTuple):
    """Which set of laws explains a held-out cohort best."""

    laws: tuple[str, ...]
    table: pd.DataFrame  # index: set of laws; ``bound`` (nats per subject), ``behind`` (nats in all behind the best)


def select_laws(posterior: Posterior) -> Choice:
    """Choose among all sets of a model's laws by the bound on subjects it was not trained on.

    The bound of the mixture over a set is Σ_subjects log (1/K) Σ_{k in set} exp(evidence_k): a law that nobody follows
    costs log K/(K − 1) nats a subject. No set has to be trained anew, for the posterior of the rates under one law does
    not depend on the others (`xsg.spread.model`).
    """
    evidence = torch.tensor(posterior.evidence.to_numpy())
    rows = {}
    for size in range(1, len(posterior.laws) + 1):
        for some in combinations(range(len(posterior.laws)), size):
            bound = torch.logsumexp(evidence[:, list(some)], 1) - np.log(size)
            rows[" + ".join(posterior.laws[k] for k in some)] = (float(bound.mean()), float(bound.sum()), some)
    table = pd.DataFrame({name: row[:2] for name, row in rows.items()}, ["bound", "behind"]).T
    table["behind"] = table["behind"].max() - table["behind"]
    table = table.sort_values("behind")
    return Choice(tuple(posterior.laws[k] for k in rows[table.index[0]][2]), table)


class RateComponents(NamedTuple):
    """Groups of rates under one law; component 1 spreads least."""

    law: str
    weights: np.ndarray  # (K,) shares of the subjects
    mean: np.ndarray  # (K, 2) of (log D, log R)
    covariance: np.ndarray  # (K, 2, 2) between subjects
    responsibilities: pd.DataFrame  # (S, K)
    bound: float  # nats per subject, in-sample, up to a constant that does not depend on K
    agreement: float  # share of subjects that the other starts put into the same component, once aligned

    def score(self, posterior: Posterior) -> float:
        """Return the bound on other subjects, nats per subject, up to the same constant."""
        return float(np.logaddexp.reduce(_component_evidence(*_likelihood(posterior, self.law), *self[1:4]), 1).mean())


def rate_components(posterior: Posterior, law: str, n: int, seed: int = 0, n_starts: int = 10) -> RateComponents:
    """Find n groups of (log D, log R) among subjects taken to follow one law: several components of one law.

    A mixture of normals whose members are each known up to their own posterior (the model's prior taken out), by
    expectation and maximisation (Bovy, Hogg & Roweis 2011, Ann. Appl. Stat. 5:1657, doi:10.1214/10-AOAS439). The best
    of several random starts is kept; the others' components are matched to its by their means, and it is counted how
    many subjects they put into the same one.

    Raises
    ------
    ValueError
        The law is not the posterior's; fewer than 2 n subjects.

    Examples
    --------
    >>> import xsg
    >>> cohort = xsg.load_spread("disc", laws=["logistic"], n_train=0, n_validation=0, n_test=12)
    >>> from xsg.spread.estimator import maximum_likelihood
    >>> found = rate_components(maximum_likelihood(cohort, ["logistic"]), "logistic", 2)
    >>> found.responsibilities.shape
    (12, 2)
    """
    from scipy.optimize import linear_sum_assignment

    information, pull = _likelihood(posterior, law)
    count = len(pull)
    n = number(n, f"n, of {count} subjects,", 1, count // 2, whole=True)
    seed = number(seed, "seed", 0, whole=True)
    n_starts = number(n_starts, "n_starts", 1, whole=True)
    # A subject that says nothing of a rate starts from the mean of those who do.
    spread = np.linalg.inv(information + np.eye(2) * 1e-3)
    centre = (spread @ pull[..., None])[..., 0]
    rng = np.random.default_rng(seed)
    starts = []
    for _ in range(n_starts):
        mean = centre[rng.choice(count, n, replace=False)]
        covariance = np.repeat((np.cov(centre.T) + 0.01 * np.eye(2))[None], n, axis=0)
        weights, before = np.full(n, 1 / n), -np.inf
        for _ in range(500):
            log = _component_evidence(information, pull, weights, mean, covariance)
            bound = np.logaddexp.reduce(log, 1).mean()
            share = np.exp(log - np.logaddexp.reduce(log, 1)[:, None])
            if bound - before < 1e-6:
                break
            before = bound
            inverse = np.linalg.inv(covariance)
            v = np.linalg.inv(information[:, None] + inverse)  # (S, K, 2, 2): of each subject under each component
            z = (v @ (pull[:, None] + (inverse @ mean[..., None])[..., 0])[..., None])[..., 0]
            total = share.sum(0) + 1e-9
            weights, mean = total / total.sum(), (share[..., None] * z).sum(0) / total[:, None]
            apart = z - mean
            scatter = (share[..., None, None] * (v + apart[..., None] * apart[..., None, :])).sum(0)
            # As if one more subject were a tenth away from the mean: no component shrinks onto a single subject.
            covariance = (scatter + 0.01 * np.eye(2)) / (total + 1)[:, None, None]
        order = mean[:, 0].argsort()
        starts.append((bound, weights[order], mean[order], covariance[order], share[:, order]))
    bound, weights, mean, covariance, share = max(starts, key=lambda start: start[0])
    same = []
    for _, _, other, _, its_share in starts:
        _, match = linear_sum_assignment(np.square(mean[:, None] - other).sum(-1))
        same.append((its_share[:, match].argmax(1) == share.argmax(1)).mean())
    names = [f"{law} {k + 1}" for k in range(n)]
    table = pd.DataFrame(share, posterior.subjects, names)
    agreement = float((sum(same) - 1) / (n_starts - 1)) if n_starts > 1 else 1.0
    return RateComponents(law, weights, mean, covariance, table, float(bound), agreement)


def _likelihood(posterior: Posterior, law: str) -> tuple[np.ndarray, np.ndarray]:
    """Information A (S, 2, 2) and pull b (S, 2) of what was seen alone: log p(y | z) = −z'Az/2 + b'z + constant."""
    k = posterior._rows(law)[0]
    precision = np.linalg.inv(posterior._covariance[:, k, :2, :2].double().numpy())
    pull = (precision @ posterior._z[:, k, :2, None].double().numpy())[..., 0]
    if posterior._prior is not None:
        mean, sd = (part[:2].double().numpy() for part in posterior._prior)
        precision, pull = precision - np.diag(sd**-2), pull - mean * sd**-2
    values, vectors = np.linalg.eigh(precision)
    return (vectors * values.clip(min=0)[:, None]) @ vectors.mT, pull


def _component_evidence(information, pull, weights, mean, covariance) -> np.ndarray:
    """Log w_k ∫ p(y | z) N(z; m_k, C_k) dz, (S, K)."""
    inverse = np.linalg.inv(covariance)
    precision = information[:, None] + inverse
    shift = (inverse @ mean[..., None])[..., 0]
    both = pull[:, None] + shift
    fit = (both * np.linalg.solve(precision, both[..., None])[..., 0]).sum(-1) - (mean * shift).sum(-1)
    return np.log(weights) + 0.5 * (fit + np.linalg.slogdet(inverse)[1] - np.linalg.slogdet(precision)[1])
