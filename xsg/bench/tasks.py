"""Tasks: maps to predict, the features to predict them from, and how regions are held out.

Each set of maps comes twice: homologous pairs held out, among neighbours that train (``"pairs"``), and whole patches of
cortex held out (``"patches"``). Of the simulated maps it is known what genes have to do with them:

============================================  ====================================================================
``genes-broad``                               four fifths of the variance made by the programs of
                                              `xsg.simulate.cortex.simulate_cortex`: so smooth that place tells, too
``genes-fine``, ``genes-schaefer200``         the same of rough programs: genes tell what place does not
``place``, ``place-schaefer200``              smooth fields that have nothing to do with genes: a method that finds
                                              genes in them raises a false alarm
``enigma``                                    cortical thinning in disorders, one map for each study
``atrophy``, ``atrophy-schaefer200``          tissue loss in eight pathologies of dementia
============================================  ====================================================================

The part that genes play is `xsg.simulate.cortex.vulnerability` of the programs in another order, with other signs.

References
----------
- Larivière et al. 2021, Nature Methods 18:698 (``enigma``). Harper et al. 2017, Brain 140:2797 (``atrophy``).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd

from xsg.atlas import build_graph
from xsg.check import choice
from xsg.data.atlases import load_atlas
from xsg.data.cortex import Cortex
from xsg.load import load_cortex
from xsg.simulate.cortex import vulnerability
from xsg.simulate.fields import fields_on, robust_sigmoid, uncorrelated

SHARE = 0.8  # of the variance of a map that genes make; the rest is a smooth field
SPLITS = ("pairs", "patches")
_PROGRAMS, _GENES = 6, 200
_ROUGH = 30.0  # mm; correlation length of the rough programs
_PATHOLOGIES = ("EOAD", "LOAD", "PS1", "DLB", "3Rtau", "4Rtau", "TDP43A", "TDP43C")


@dataclass(frozen=True, eq=False)
class Task:
    """Maps to predict under one way of holding regions out.

    Attributes
    ----------
    name : str
        Of the set of maps; with `split` it is the task's own.
    kind : {"genes", "place", "real"}
        Simulated with genes in them, simulated without, or real.
    atlas : str
        A name of `xsg.data.atlases.ATLASES`.
    split : {"pairs", "patches"}
        What is held out together.
    maps : DataFrame, shape (K, n)
        A map in each row, by region; where simulated, of mean 0 and a variance about 1.
    cortex : Cortex
        The features: expression, graph, parcellation. Its own map is the first of `maps`.
    truth : DataFrame, shape (K, n), or None
        The part of each map that genes make, in the map's unit: 0 where they make none. None where nobody knows.
    """

    name: str
    kind: str
    atlas: str
    split: str
    maps: pd.DataFrame
    cortex: Cortex
    truth: pd.DataFrame | None = None


def tasks(names: str | Sequence[str] = "quick") -> list[Task]:
    """Make tasks.

    Parameters
    ----------
    names
        ``"quick"`` (simulated, on 68 regions, no data needed), ``"full"`` (all of `TASKS`), or the names of sets.

    Returns
    -------
    list of Task
        Two of each set, one for each of `SPLITS`. The same names give the same numbers.

    Raises
    ------
    ValueError
        An unknown name.
    DownloadError
        If a file of a real map or an atlas cannot be fetched.

    Examples
    --------
    >>> [(task.name, task.split, task.maps.shape) for task in tasks("place")]
    [('place', 'pairs', (20, 68)), ('place', 'patches', (20, 68))]
    """
    several = isinstance(names, Sequence) and not isinstance(names, str)
    found = [name for given in (names if several else [names]) for name in SETS.get(given, (given,))]
    known = f"Or {' or '.join(map(repr, SETS))}, for several."
    return [each for name in dict.fromkeys(found) for each in _made(choice(name, tuple(TASKS), "task", known))]


@cache
def _made(name: str) -> tuple[Task, ...]:
    made = TASKS[name](name)
    return tuple(replace(made, split=split) for split in SPLITS)


def _broad(name: str) -> Task:
    cortex = load_cortex("simulated", n_genes=_GENES)
    return _mixed(name, "desikan", cortex, cortex.truth.programs, 10)


def _fine(name: str, atlas: str = "desikan", n: int = 10) -> Task:
    return _mixed(name, atlas, *_rough(atlas), n)


def _place(name: str, atlas: str = "desikan", n: int = 20) -> Task:
    cortex = load_cortex("simulated", n_genes=_GENES) if atlas == "desikan" else _rough(atlas)[0]
    return _mixed(name, atlas, cortex, None, n)


def _mixed(name: str, atlas: str, cortex: Cortex, programs: pd.DataFrame | None, n: int) -> Task:
    """Mix maps of what programs make, if any, and smooth fields."""
    # One stream for each set, so that another set changes no map of this.
    rng = np.random.default_rng([*name.encode()])
    fields = _standard(fields_on(_folded(cortex), rng, n))
    own = np.zeros_like(fields)
    for row in own if programs is not None else ():
        order, sign = rng.permutation(programs.shape[1]), rng.choice([-1, 1], programs.shape[1])
        turned = pd.DataFrame(programs.to_numpy()[:, order] * sign, programs.index, programs.columns)
        row[:] = np.sqrt(SHARE) * _standard(vulnerability(turned).to_numpy())
    index = [f"{name} {k}" for k in range(n)]
    maps = (own + np.sqrt(1.0 if programs is None else 1 - SHARE) * fields).round(6)
    maps, truth = (pd.DataFrame(values, index, cortex.regions) for values in (maps, own))
    kind = "place" if programs is None else "genes"
    # Without the simulator's own truth and people, which are the answers to all maps.
    shown = replace(cortex, thinning=maps.iloc[0].rename("thinning"), truth=None, cohort=None)
    return Task(name, kind, atlas, "", maps, shown, truth)


@cache
def _rough(atlas: str) -> tuple[Cortex, pd.DataFrame]:
    """Simulate a cortex of any atlas whose programs are rough: genes load on all of them, the first most."""
    parcellation, rng = load_atlas(atlas), np.random.default_rng([*b"rough", *atlas.encode()])
    regions, genes = parcellation.regions, [f"G{k + 1:04d}" for k in range(_GENES)]
    graph = build_graph(parcellation)
    blank = Cortex(
        f"simulated, {atlas}",
        pd.DataFrame(0.0, regions, genes),
        pd.Series(0.0, regions),
        graph,
        parcellation,
        simulated=True,
    )
    distance = _folded(blank)
    drawn = uncorrelated(fields_on(distance, rng, _PROGRAMS, lambda d: np.exp(-d / _ROUGH)).T)
    programs = pd.DataFrame(drawn, regions, [f"P{k + 1}" for k in range(_PROGRAMS)])
    loadings = rng.standard_normal((_PROGRAMS, _GENES)) * 0.8 ** np.arange(_PROGRAMS)[:, None]
    noise = rng.standard_normal((len(regions), _GENES))
    signal = drawn @ loadings + 0.75 * fields_on(distance, rng, _GENES).T + 0.5 * noise
    expression = pd.DataFrame(robust_sigmoid(signal).round(6), regions, genes)
    said = [f"simulated by xsg.bench: {_PROGRAMS} programs of correlation length {_ROUGH:g} mm, {_GENES} genes"]
    return replace(blank, expression=expression, provenance=said), programs


def _folded(cortex: Cortex) -> np.ndarray:
    """Distances (n, n) in mm, hemispheres folded onto each other: a region and its homologue are alike."""
    table = cortex.parcellation.table.loc[cortex.regions]
    places = np.column_stack([table["x"].abs(), table["y"], table["z"]]).astype(float)
    return np.linalg.norm(places[:, None] - places[None], axis=-1).round(3)


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(axis=-1, keepdims=True)) / values.std(axis=-1, keepdims=True)


def _enigma(name: str) -> Task:
    """Return thinning in every disorder that has a study of its own and values on both sides."""
    from xsg.data.vulnerability import disorder_maps, load_disorder

    table = disorder_maps()
    each = table.index[(table["hemispheres"] == "separate") & (table["overlaps"] == "")]
    return _real(name, "desikan", {key: load_disorder(key) for key in each})


def _atrophy(name: str, atlas: str = "desikan") -> Task:
    from xsg.data.fetch import fetch
    from xsg.data.maps import read_map

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # which regions the images do not cover
        maps = {
            key: read_map(fetch(f"human/atrophy/{key}.nii.gz"), atlas, name=key, positive="gain", unit="t")
            for key in _PATHOLOGIES
        }
    return _real(name, atlas, maps)


def _real(name: str, atlas: str, maps: dict[str, pd.Series]) -> Task:
    """Join real maps to real genes, over the regions that all have."""
    cortices = {key: load_cortex("ahba", thinning=values, atlas=atlas, name=name) for key, values in maps.items()}
    first = min(cortices.values(), key=lambda each: len(each.regions))
    regions = [region for region in first.regions if all(region in each.regions for each in cortices.values())]
    table = pd.DataFrame({key: each.thinning.loc[regions] for key, each in cortices.items()}).T
    cortex = replace(
        first,
        expression=first.expression.loc[regions],
        thinning=table.iloc[0].rename("thinning"),
        graph=first.graph.subset(regions),
    )
    return Task(name, "real", atlas, "", table, cortex)


TASKS = {
    "genes-broad": _broad,
    "genes-fine": _fine,
    "place": _place,
    "genes-schaefer200": lambda name: _fine(name, "schaefer200", 8),
    "place-schaefer200": lambda name: _place(name, "schaefer200", 12),
    "enigma": _enigma,
    "atrophy": _atrophy,
    "atrophy-schaefer200": lambda name: _atrophy(name, "schaefer200"),
}
SETS = {"quick": ("genes-broad", "genes-fine", "place"), "full": tuple(TASKS)}
