"""Load a cortex by name: expression, thinning and graph that belong together, real or simulated."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
import pandas as pd

from xsg import names as naming
from xsg.atlas import build_graph, load_parcellation
from xsg.check import align, series, some
from xsg.data.cortex import Cortex


def load_cortex(name: str = "simulated", **choices: object) -> Cortex:
    """Load a cortex by name.

    Parameters
    ----------
    name : str
        ``"simulated"``: `xsg.simulate.cortex.simulate_cortex`, no data needed. ``"ahba-ad"``, ``"ahba-pd"``, …: Allen
        Human Brain Atlas expression and the effect sizes of a disorder (fetched on first use); the names are those of
        `xsg.data.vulnerability.disorder_maps`, in lower case. ``"ahba"``: the same expression and a map of your own,
        ``thinning=``, a Series by region name in any style (``L_bankssts``, ``lh_bankssts_thickness``, …; regions may
        be missing), or a table of one column.
    **choices
        For "simulated", the arguments of `simulate_cortex` (``seed=0``, …). For "ahba-…": ``missing="drop"`` or
        ``"mirror"`` (right frontal and temporal pole, not sampled), ``hemispheres="both"`` or ``"left"`` (some effect
        sizes, Alzheimer's among them, are averages of the hemispheres, so "both" gives each value twice),
        ``genes="landmark"`` or ``"all"``.

    Returns
    -------
    Cortex
        Computed once for each set of choices; expression and thinning are copies, so changing them does no harm.

    Raises
    ------
    TypeError
        A map without names; a choice that is none.
    ValueError
        Unknown name or choice; a map with other rows than regions, or values that are no finite numbers.

    Examples
    --------
    >>> cortex = load_cortex("simulated", seed=0)
    >>> cortex.expression.shape, cortex.simulated
    ((68, 910), True)
    """
    if not isinstance(name, str):
        raise TypeError(f"name of a cortex: expected text, such as 'simulated', got {type(name).__name__} {name!r}.")
    known = list(inspect.signature(_loader(name)).parameters)
    unknown = [choice for choice in choices if choice not in known]
    if unknown:
        raise ValueError(f"load_cortex({name!r}) has no choice {unknown[0]!r}; it has: {', '.join(known)}.")
    if name == "ahba":
        if "thinning" not in choices:
            raise ValueError("load_cortex('ahba') needs thinning=, your map as a Series; 'ahba-ad' brings its own.")
        return _own_map(**choices)
    # A list of genes becomes a tuple, which can be a key.
    frozen = {
        key: tuple(value) if isinstance(value, (list, np.ndarray, pd.Index, pd.Series)) else value
        for key, value in choices.items()
    }
    for key, value in frozen.items():
        try:
            hash(value)
        except TypeError:
            raise TypeError(f"{key} is {value!r} ({type(value).__name__}), which load_cortex cannot take.") from None
    cortex = _load(name, tuple(sorted(frozen.items())))
    # Making it anew aligns it anew, which copies expression and thinning: the cached ones stay as they are.
    return replace(cortex, provenance=list(cortex.provenance))


@lru_cache(maxsize=8)
def _load(name: str, choices: tuple[tuple[str, object], ...]) -> Cortex:
    return _loader(name)(**dict(choices))


def _simulated(
    seed: int = 0, n_genes: int = 910, n_programs: int = 6, n_controls: int = 926, n_patients: int = 426
) -> Cortex:
    from xsg.simulate.cortex import simulate_cortex

    return simulate_cortex(seed, n_genes, n_programs, n_controls, n_patients)


def _ahba(disorder: str, missing: str = "drop", hemispheres: str = "both", genes: str = "landmark") -> Cortex:
    from xsg.data.vulnerability import load_disorder

    return _joined(f"ahba-{disorder}", load_disorder(disorder, hemispheres=hemispheres), missing, hemispheres, genes)


def _own_map(thinning: pd.Series, missing: str = "drop", genes: str = "landmark") -> Cortex:
    """Join a map of the user's: names must be those of the parcellation, a region may be missing."""
    regions = load_parcellation("dk").regions
    thinning = series(thinning, "thinning")
    if not len(thinning):
        raise ValueError(f"thinning is empty; expected values by region, named like {regions[0]!r}.")
    meant = naming.translate(thinning.index, regions)
    unknown = [name for name in thinning.index.unique() if name not in meant]
    if unknown:
        near = naming.nearest(unknown[0], regions.difference(list(meant.values()), sort=False))
        raise ValueError(
            f"thinning: {len(unknown)} of {len(thinning)} regions are not Desikan-Killiany's: {some(unknown)}"
            + (f" (did you mean {near!r}?)" if near else f"; names look like {regions[0]!r}")
            + ". Drop what is no region (means, volumes), rename, or make an xsg.Cortex of your own parcellation."
        )
    attrs = thinning.attrs
    thinning = align(thinning, thinning.index, "thinning")
    thinning = thinning.set_axis(pd.Index([meant[name] for name in thinning.index], name=thinning.index.name))
    thinning.attrs = attrs
    hemispheres = "both" if thinning.index.str.startswith("R_").any() else "left"
    own = thinning.rename("thinning")
    own.attrs = {
        "unit": thinning.attrs.get("unit", "as given"),
        "provenance": [f"Thinning: a map of your own, {len(thinning)} regions."],
    }
    return _joined("ahba", own, missing, hemispheres, genes)


def _joined(name: str, thinning: pd.Series, missing: str, hemispheres: str, genes: str) -> Cortex:
    """Join a map to Allen Human Brain Atlas expression, over the regions that have both."""
    from xsg.data.expression import load_ahba
    from xsg.data.vulnerability import hemispheres_averaged

    parcellation = load_parcellation("dk")
    expression = load_ahba(genes=genes, missing=missing)
    regions = [r for r in parcellation.regions if r in expression.index and r in thinning.index]
    considered = parcellation.regions[
        parcellation.table["hemisphere"].isin(["L"] if hemispheres == "left" else ["L", "R"])
    ]
    lost = [r for r in considered if r not in regions]
    attrs, thinning = thinning.attrs, thinning.loc[regions]
    pairs = len({r[2:] for r in regions})
    if hemispheres_averaged(thinning):
        values = f"{pairs} independent thinning values"
        values += " (homologues share theirs: keep them in one fold)" * (len(regions) > pairs)
    else:
        values = f"thinning measured on both sides (homologues are alike: keep the {pairs} pairs together)"
    provenance = [
        *expression.attrs.get("provenance", []),
        *attrs.get("provenance", []),
        f"Left out for want of expression or effect size: {', '.join(lost) or 'none'}.",
        f"{len(regions)} regions, {values}.",
    ]
    graph = build_graph(parcellation, homotopic=True).subset(regions)
    thinning.attrs = {"unit": attrs["unit"]}
    return Cortex(name, expression.loc[regions], thinning, graph, parcellation, provenance)


def _loader(name: str) -> Callable[..., Cortex]:
    """Find what loads a cortex of that name."""
    from xsg.data.vulnerability import MAP_NAMES

    loaders = {"simulated": _simulated, "ahba": _own_map}
    loaders |= {f"ahba-{each.lower()}": partial(_ahba, each.lower()) for each in MAP_NAMES}
    if name not in loaders:
        raise ValueError(f"cortex {name!r} is not known; there are: {', '.join(map(repr, loaders))}.")
    return loaders[name]
