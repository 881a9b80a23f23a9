"""Load a cortex by name: expression, thinning and graph that belong together, real or simulated."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
import pandas as pd

from xsg import names as naming
from xsg.atlas import Graph, Parcellation, build_graph
from xsg.atlas.pairs import find_pairs
from xsg.check import align, series, some
from xsg.data.atlases import atlas_name, likeliest_atlas, load_atlas, load_connectome, region_names
from xsg.data.cortex import Cortex

_FEWEST = 10  # regions
_ABOUT_NULLS = (
    "Nulls: on small regions, and below the cortex, 'moran' raises fewer false alarms than 'spin' (5 to 8 against 5 to "
    "9 in 100 at a nominal 5; experiments/atlas_nulls.csv)."
)


def load_cortex(source: str = "simulated", /, **choices: object) -> Cortex:
    """Load a cortex by name.

    Parameters
    ----------
    source : str
        ``"simulated"``: `xsg.simulate.cortex.simulate_cortex`, no data needed. ``"ahba-ad"``, ``"ahba-pd"``, …: Allen
        Human Brain Atlas expression and the effect sizes of a disorder (fetched on first use); the names are those of
        `xsg.data.vulnerability.disorder_maps`, in lower case. ``"ahba"``: the same atlas's expression and a map of your
        own, ``thinning=``, a Series by region name in any style (``L_bankssts``, ``lh_bankssts_thickness``, …; regions
        may be missing), a table of one column, or what `xsg.read_map` and `xsg.read_cohort` return.
    **choices
        For "simulated", the arguments of `simulate_cortex` (``seed=0``, …). For "ahba-…": ``missing="drop"`` or
        ``"mirror"`` (right frontal and temporal pole, not sampled), ``hemispheres="both"`` or ``"left"`` (some effect
        sizes, Alzheimer's among them, are averages of the hemispheres, so "both" gives each value twice),
        ``genes="landmark"`` or ``"all"``.
        For "ahba": ``atlas=``, a name of `xsg.data.atlases.ATLASES`, by default the one that the map names in its
        ``attrs``, else ``"desikan"``; ``genes``, ``missing`` and ``stability`` as in `xsg.data.expression.load_ahba`,
        whose defaults depend on the atlas; ``name=``, what to call the cortex, by default what the map is called in its
        ``attrs``; ``connectome=True`` for a graph of the structural connectome in place of surface adjacency.

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
    if "name" in choices and source == "simulated":
        source = choices.pop("name")  # as it was called in the first edition
    name = source
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

    return _joined(f"ahba-{disorder}", load_disorder(disorder, hemispheres=hemispheres), missing, genes)


def _own_map(
    thinning: pd.Series,
    missing: str = "drop",
    genes: str | Sequence[str] | None = None,
    atlas: str | None = None,
    name: str | None = None,
    connectome: bool | str = False,
    stability: float | None = None,
) -> Cortex:
    """Join a map of the user's: names must be those of the atlas, a region may be missing."""
    people = None
    if not isinstance(thinning, (pd.Series, pd.DataFrame, dict)) and isinstance(
        getattr(thinning, "map", None), pd.Series
    ):
        thinning, people = thinning.map, thinning.people  # what is estimated from people
    thinning = series(thinning, "thinning")
    attrs = thinning.attrs
    atlas = atlas_name(atlas or attrs.get("atlas") or "desikan")
    if not len(thinning):
        raise ValueError(f"thinning is empty; expected values by region, named like {region_names(atlas)[0]!r}.")
    if connectome not in (False, True, "structural"):
        raise ValueError(f"connectome is {connectome!r}; expected True (the structural one), or False for none.")
    meant = _meant(thinning.index, atlas)
    thinning = align(thinning, thinning.index, "thinning")
    own = thinning.set_axis(pd.Index([meant[name] for name in thinning.index], name=thinning.index.name))
    own = own.rename("thinning")
    own.attrs = {"unit": "as given"} | attrs | {"atlas": atlas}
    own.attrs["provenance"] = [
        *attrs.get("provenance", []),
        f"Thinning: a map of your own, {len(thinning)} regions.",
    ]
    found = _joined(name or attrs.get("name") or "ahba", own, missing, genes, atlas, bool(connectome), stability)
    return found if people is None else replace(found, people=people)


def _meant(given: pd.Index, atlas: str) -> dict:
    """Return the region of the atlas by name given, or refuse names that are none of its, or those of another atlas."""
    regions = pd.Index(region_names(atlas))
    if any(str(name).lower().startswith("17networks") for name in given):
        raise ValueError(
            f"thinning: {str(given[0])!r} is one of Schaefer's regions by 17 networks; expression is there for those "
            "by 7 networks (the same regions, but for their names and order)."
        )
    meant = naming.translate(given, regions)
    unknown = [name for name in given.unique() if name not in meant]
    if not unknown and len(meant) == len(regions):
        return meant
    likely = likeliest_atlas(given)
    # Schaefer's names come again in the finer ones, for other places.
    if likely and likely != atlas and (unknown or likely.partition("+")[0] != atlas.partition("+")[0]):
        raise ValueError(
            f"thinning: its {len(given)} names look like those of the {len(region_names(likely))} regions of atlas "
            f"{likely!r}; {len(meant)} are in {atlas!r}, which was asked for. Load it with atlas={likely!r}."
        )
    if unknown:
        near = naming.nearest(unknown[0], regions.difference(list(meant.values()), sort=False))
        whose = "Desikan-Killiany's" if atlas == "desikan" else f"those of atlas {atlas!r}"
        raise ValueError(
            f"thinning: {len(unknown)} of {len(given)} regions are not {whose}: {some(unknown)}"
            + (f" (did you mean {near!r}?)" if near else f"; names look like {regions[0]!r}")
            + ". Drop what is no region (means, volumes), rename, or make an xsg.Cortex of your own parcellation."
        )
    return meant


def _joined(
    name: str,
    thinning: pd.Series,
    missing: str,
    genes: str | Sequence[str] | None,
    atlas: str = "desikan",
    connectome: bool = False,
    stability: float | None = None,
) -> Cortex:
    """Join a map to Allen Human Brain Atlas expression, over the regions that have both."""
    from xsg.data.expression import load_ahba

    parcellation = load_atlas(atlas)
    expression = load_ahba(genes, missing, atlas, stability)
    regions = [r for r in parcellation.regions if r in expression.index and r in thinning.index]
    if len(regions) < _FEWEST:
        raise ValueError(
            f"thinning: {len(regions)} of its {len(thinning)} regions have expression too ({some(regions)}); expected "
            f"at least {_FEWEST}, as no fold and no null can be made of fewer."
        )
    sides = parcellation.table["hemisphere"]
    considered = sides.index[sides.isin(sides[thinning.index])]
    lost = [r for r in considered if r not in regions]
    attrs, thinning = thinning.attrs, thinning.loc[regions]
    provenance = [
        *expression.attrs.get("provenance", []),
        *attrs.get("provenance", []),
        *([_ABOUT_NULLS] * (atlas not in ("desikan", "schaefer100"))),
        f"Left out for want of expression or effect size: {', '.join(lost) or 'none'}.",
        f"{len(regions)} regions, {_about_pairs(thinning, parcellation)}.",
    ]
    graph = _graph(atlas, connectome).subset(regions)
    if connectome:
        provenance.append(f"Graph: {graph.name}, a group average of the Human Connectome Project (ENIGMA Toolbox).")
    thinning.attrs = {key: value for key, value in attrs.items() if key != "provenance"}
    return Cortex(name, expression.loc[regions], thinning, graph, parcellation, provenance)


def _about_pairs(thinning: pd.Series, parcellation: Parcellation) -> str:
    """Say how many values are independent, and what must stay together."""
    found = find_pairs(thinning.index, parcellation)
    if found.unknown.any():
        return (
            f"thinning measured on both sides (which regions are homologues is not known of {found.unknown.sum()}: use "
            "the split 'mirrored-blocks')"
        )
    pairs, paired, values = int(found.number.max()) + 1, found.twin >= 0, thinning.to_numpy()
    if (values[paired] == values[found.twin[paired]]).all():
        return f"{pairs} independent thinning values" + (
            " (homologues share theirs: keep them in one fold)" * (len(thinning) > pairs)
        )
    return f"thinning measured on both sides (homologues are alike: keep the {pairs} pairs together)"


@lru_cache(maxsize=8)
def _graph(atlas: str, connectome: bool) -> Graph:
    if connectome:
        return build_graph(load_atlas(atlas), weights="connectome", connectome=load_connectome(atlas))
    return build_graph(load_atlas(atlas))


def _loader(name: str) -> Callable[..., Cortex]:
    """Find what loads a cortex of that name."""
    from xsg.data.vulnerability import MAP_NAMES

    loaders = {"simulated": _simulated, "ahba": _own_map}
    loaders |= {f"ahba-{each.lower()}": partial(_ahba, each.lower()) for each in MAP_NAMES}
    if name not in loaders:
        raise ValueError(f"cortex {name!r} is not known; there are: {', '.join(map(repr, loaders))}.")
    return loaders[name]
