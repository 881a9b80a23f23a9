r"""Simulated views of a cortex with a known truth: which program is seen by which view, and which ones thin the cortex.

1. Programs: smooth fields as in `xsg.simulate.cortex` (Matérn-3/2, 60 mm; the hemispheres correlate 0.97), made
   uncorrelated, mean 0, variance 1. "shared 1" and "shared 2" are seen by both informative views, "expression only" and
   "receptors only" by one each.
2. Views: each feature is a random mixture of the programs that its view sees, plus noise. The view "noise" has features
   as smooth as the programs and made of nothing else: any resemblance to thinning is chance.
   Two changes break what a product of experts assumes: features that level off, and noise that the views share.
3. Thinning: a sum of three of the programs, "shared 2" having no part, plus measurement noise.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xsg.atlas import Graph, Parcellation, build_graph, load_parcellation
from xsg.check import choice, number
from xsg.simulate.fields import matern, smooth_fields, stream, uncorrelated

PROGRAMS = ("shared 1", "shared 2", "expression only", "receptors only")
EFFECTS = (0.03, 0.0, 0.03, 0.03)  # mm of thinning per standard deviation of each program
MEAN, NOISE = 0.12, 0.015  # mm
SEES = {"expression": (0, 1, 2), "receptors": (0, 1, 3), "noise": ()}
FEATURES = {"expression": 120, "receptors": 20, "noise": 40}
LINKS = ("linear", "saturating")
SHARED = 3  # smooth fields that shared noise is mixed from
FEATURE_NOISE = 1.0  # standard deviation, that of a feature's signal being about 1


@dataclass(frozen=True, eq=False)
class SimulatedViews:
    """Tables of the same regions, a thinning map, and what both were made of.

    Attributes
    ----------
    views : dict of DataFrame
        "expression" (68, 120), "receptors" (68, 20), "noise" (68, 40).
    thinning : Series, shape (68,)
        Observed, mm.
    graph : Graph
        Adjacent regions, and homologues.
    parcellation : Parcellation
        Desikan-Killiany.
    programs : DataFrame, shape (68, 4)
        True programs.
    effects : Series, shape (4,)
        Thinning per standard deviation of each program, mm.
    ceiling : float
        R² of the true thinning, moved to the observed mean, against the observed: every fitted model has an intercept.
    """

    views: dict[str, pd.DataFrame]
    thinning: pd.Series
    graph: Graph
    parcellation: Parcellation
    programs: pd.DataFrame
    effects: pd.Series
    ceiling: float


def simulate_views(seed: int = 0, link: str = "linear", shared_noise: float = 0.0) -> SimulatedViews:
    """Simulate three views of the Desikan-Killiany cortex and a thinning map; nothing in them is real.

    Parameters
    ----------
    seed
        The same seed gives the same numbers.
    link
        ``"linear"``: a feature's signal is a mixture of programs. ``"saturating"``: tanh of twice the mixture.
    shared_noise
        Share of the noise's variance that expression and receptors mix from the same smooth fields: given the programs,
        the two are then no longer independent.

    Returns
    -------
    SimulatedViews

    Raises
    ------
    ValueError
        Another link; a share beyond 0 to 1.

    Examples
    --------
    >>> study = simulate_views(seed=1)
    >>> {name: table.shape for name, table in study.views.items()}
    {'expression': (68, 120), 'receptors': (68, 20), 'noise': (68, 40)}
    """
    parcellation = load_parcellation("dk")
    regions = parcellation.regions
    choice(link, LINKS, "link")
    shared_noise = number(shared_noise, "shared_noise, a share of variance,", 0, 1)
    rng = stream(seed, 3)  # 0 to 2 are those of `simulate_cortex`
    other = stream(seed, 24)  # what the shared noise draws leaves all else as it is
    common = smooth_fields(other, SHARED, left_right=0.97, correlation=matern)
    programs = uncorrelated(smooth_fields(rng, len(PROGRAMS), left_right=0.97, correlation=matern))
    views = {}
    for name, seen in SEES.items():
        p = FEATURES[name]
        if seen:
            signal = programs[:, seen] @ rng.standard_normal((len(seen), p)) / np.sqrt(len(seen))
            if link == "saturating":
                signal = np.tanh(2 * signal)
        else:
            signal = smooth_fields(rng, p, left_right=0.97, correlation=matern)
        noise = rng.standard_normal(signal.shape)
        if seen and shared_noise:
            alike = common @ other.standard_normal((SHARED, p)) / np.sqrt(SHARED)
            noise = np.sqrt(1 - shared_noise) * noise + np.sqrt(shared_noise) * alike
        values = signal + FEATURE_NOISE * noise
        columns = pd.Index([f"{name[0].upper()}{number + 1:03d}" for number in range(p)], name="feature")
        views[name] = pd.DataFrame(values.round(6), regions, columns)
    true = MEAN + programs @ np.array(EFFECTS)
    thinning = pd.Series((true + NOISE * rng.standard_normal(len(regions))).round(6), regions, name="thinning")
    thinning.attrs = {"unit": "mm"}
    ceiling = 1 - (thinning - true).var() / thinning.var()
    table = pd.DataFrame(programs.round(6), regions, pd.Index(PROGRAMS, name="program"))
    effects = pd.Series(EFFECTS, table.columns, name="effect")
    graph = build_graph(parcellation, homotopic=True)
    return SimulatedViews(views, thinning, graph, parcellation, table, effects, float(ceiling))
