"""The oracle of the benchmark: every law fitted to every subject from the true initial state."""

from collections.abc import Sequence

import numpy as np
import torch

from xsg.check import choice, flag, number
from xsg.spread.cohort import Spread
from xsg.spread.model import Visits, VisitsWithin, refine
from xsg.spread.physics import LAWS
from xsg.spread.posterior import Posterior, together
from xsg.spread.visits import check_cohort, inside_of, make_solver


def maximum_likelihood(
    cohort: Spread,
    laws: Sequence[str] = ("logistic", "damped", "cooperative"),
    background: bool = True,
    steps: int = 32,
    iterations: int = 12,
) -> Posterior:
    """Fit every law to every subject from the true initial state, by maximum likelihood: the oracle of the benchmark.

    No prior, no network, no other subject; equal noise is assumed and its level estimated with D and R. Only a
    simulated cohort knows its initial state, and the gain where subjects differ in it. The equation is solved in finer
    steps than any model's, so that the oracle can clear a model of an error that comes of its solver, or convict it.

    Parameters
    ----------
    cohort
        Simulated subjects.
    laws
        Names of `xsg.spread.physics.LAWS`, each once.
    background
        Allow a constant to be added to what is seen.
    steps
        Splitting steps of the solver; where there are more than four, it climbs with four first.
    iterations
        Most iterations, and as many as three more in fine steps.

    Returns
    -------
    Posterior
        With the likelihood as evidence and the inverse Fisher information as covariance. Its times are the cohort's,
        from 0, where the true initial state is, also for subjects first seen later.

    Examples
    --------
    >>> import xsg
    >>> cohort = xsg.load_spread("disc", n_train=0, n_validation=0, n_test=3)
    >>> bool((maximum_likelihood(cohort).law == cohort.truth.rates["law"]).all())
    True
    """
    check_cohort(cohort)
    given = [laws] if isinstance(laws, str) or not np.iterable(laws) else laws
    laws = [choice(law, LAWS, "law") for law in given]
    if len(set(laws)) < max(1, len(laws)):
        raise ValueError(f"laws is {tuple(laws)!r}; expected some of {', '.join(map(repr, LAWS))}, each once.")
    background, steps = flag(background, "background"), number(steps, "steps", 1, whole=True)
    iterations = number(iterations, "iterations", 1, whole=True)
    if cohort.truth is None:
        raise ValueError(f"spread {cohort.name!r} is real: its true initial state is not known. Fit a model to it.")
    values = torch.tensor(cohort.values, dtype=torch.float32)
    valid = values.isfinite().float()
    times = torch.tensor(cohort.times, dtype=torch.float32)
    if "gain" in cohort.truth.rates:
        values = values / torch.tensor(cohort.truth.rates["gain"].to_numpy(np.float32))[:, None, None]
    u0 = torch.tensor(cohort.truth.initial, dtype=torch.float32).expand(len(values), -1)
    visits = Visits(values.nan_to_num(0.0), valid, times, u0)  # from time 0, as the true initial state
    if cohort.inside is not None:
        visits = VisitsWithin(*visits, inside_of(cohort))
    solver = make_solver(cohort.laplacian, cohort.mask)
    z, covariance = torch.zeros(len(values), len(laws), 2), torch.zeros(len(values), len(laws), 2, 2)
    evidence = torch.zeros(len(values), len(laws))
    start = torch.tensor([0.3, 0.045]).log()
    chunk = together(solver.n)
    for begin in range(0, len(values), chunk):
        rows = slice(begin, begin + chunk)
        some = visits.take(rows)
        for k, law in enumerate(laws):
            begin_at = start.expand(len(some.values), -1)
            if steps > 4:
                begin_at = refine(solver, law, some, begin_at, None, iterations, 4, background).z
            last = min(iterations, 3) if steps > 4 else iterations
            found = refine(solver, law, some, begin_at, None, last, steps, background)
            z[rows, k], covariance[rows, k], evidence[rows, k] = found
    return Posterior(
        solver=solver,
        laws=laws,
        subjects=cohort.subjects,
        visits=visits,
        z=z,
        covariance=covariance,
        evidence=evidence,
        steps=steps,
        background=background,
    )
