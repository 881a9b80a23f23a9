"""Homologues: which regions of the two hemispheres lie opposite each other, by their places and their names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from xsg import names as naming
from xsg.check import array, columns, instance, rows_of, some

TOLERANCE = 15.0
"""Distance in mm up to which a centre lies at the mirror image of another one.

Twice the asymmetry of the Desikan-Killiany atlas, whose homologues lie up to 6.9 mm from each other's mirror images;
in Glasser's parcellation it is up to 10.3 mm, and in Schaefer's, regions that are each other's nearest mirror image lie
up to 12.8 mm from it."""

NAMED = 25.0
"""The same where names agree: 40 parcels a side, mirrored on the sphere, lie up to that far from the mirror image."""


class Placed(Protocol):
    """What knows where its regions lie: a parcellation."""

    table: pd.DataFrame


class Pairs(NamedTuple):
    """Homologues among n regions.

    Attributes
    ----------
    twin
        int array (n,): row of each region's homologue; -1 where it has none, or where that is not among the regions.
    number
        int array (n,): a number that homologues share, counted in the order in which they first occur.
    unknown
        bool array (n,): whether a region has no homologue that is known, and it cannot be excluded either that one of
        the regions is it. Never True where all regions lie in one hemisphere.
    """

    twin: np.ndarray
    number: np.ndarray
    unknown: np.ndarray


def homologous_pairs(regions: pd.Index | list[str], centres: pd.DataFrame | Placed | None = None) -> np.ndarray:
    """Return a number for each region, int array (n,), that it shares with its contralateral homologue.

    Homologues carry nearly the same expression and thinning, so a split that parts them leaks.

    Parameters
    ----------
    regions
        Names (n,) in any style: ``L_insula``, ``lh_insula``, ``ctx-lh-insula``, ``insula_left``, ….
    centres
        Where they lie: a parcellation, or a DataFrame by region with ``x``, ``y``, ``z`` in mm (right is positive) and,
        if you like, ``hemisphere``; it may have more regions. Then two regions are homologues if their names are the
        same but for the side and each centre lies within 25 mm (`xsg.atlas.pairs.NAMED`) of the other's mirror image. A
        number is no name: regions that are only numbered (``7Networks_LH_Vis_3``), or whose names tell no side, are
        homologues if each is the other's nearest mirror image, within 15 mm (`xsg.atlas.pairs.TOLERANCE`); only where
        half of all regions of the same number lie within 15 mm, and none beyond 25, does the number count as a name.
        None: names alone decide, and regions that are only numbered have no homologue.

    Examples
    --------
    >>> homologous_pairs(["L_insula", "L_cuneus", "R_insula"]).tolist()
    [0, 1, 0]
    >>> names = ["LH_Vis_1", "LH_Vis_2", "RH_Vis_1", "RH_Vis_2"]
    >>> places = pd.DataFrame({"x": [-9, -40, 41, 10], "y": [-90, -70, -71, -89], "z": [0, 5, 4, 1]}, names)
    >>> homologous_pairs(names).tolist(), homologous_pairs(names, places).tolist()
    ([0, 1, 2, 3], [0, 1, 1, 0])
    """
    return find_pairs(regions, centres).number


def find_pairs(regions: pd.Index | list[str], centres: pd.DataFrame | Placed | None = None) -> Pairs:
    """Find homologues as `homologous_pairs` does, and say what is not known of them."""
    regions = pd.Index(regions)
    if centres is None:
        return _by_names(regions)
    table = _places(getattr(centres, "table", centres))
    rows = rows_of(table.index, regions, "centres of the regions", extra=True)
    everyone, named, odd = _by_places(table)
    where = np.full(len(table) + 1, -1)  # one more: nobody's twin, -1, is at no row
    where[rows] = np.arange(len(regions))
    twin = where[everyone[rows]]
    unknown = _somebody_opposite(table, rows, everyone, named)
    if (odd & np.isin(np.arange(len(table)), rows)).sum() > 1:
        unknown |= odd[rows]
    return Pairs(twin, _numbered(np.arange(len(regions)), twin), unknown)


def mirror_blocks(regions: pd.Index | list[str], centres: pd.DataFrame | Placed) -> np.ndarray:
    """Return a number for each region, int array (n,), that it shares with whatever lies at its mirror image.

    Where all homologues are known (`homologous_pairs`) these are the pairs. Else a region without a known homologue is
    joined to that one of the others, among ``regions`` and on the other side, whose centre lies nearest to the mirror
    image of its own, if that is within 25 mm (`xsg.atlas.pairs.NAMED`); what is joined, directly or by way of others,
    shares a number. The cortex and what lies below it are never joined.

    So a region is never parted from the one whose centre lies nearest to its mirror image. It may be parted from others
    that its mirror image overlaps: of Schaefer's regions a median of 70 to 78 % of the area of the mirror image (100 to
    400 regions) lies in the same block, of Glasser's homologues 76 %, of Desikan's and Killiany's 88 %.

    Parameters
    ----------
    regions
        Names (n,).
    centres
        As in `homologous_pairs`.

    Examples
    --------
    >>> names = ["LH_Vis_1", "LH_Vis_2", "LH_Vis_3", "RH_Vis_1", "RH_Vis_2"]
    >>> x, z = [-9, -40, -38, 41, 10], [0, 5, 15, 4, 1]
    >>> mirror_blocks(names, pd.DataFrame({"x": x, "y": [-90, -70, -74, -71, -89], "z": z}, names)).tolist()
    [0, 1, 1, 1, 0]
    """
    regions = pd.Index(regions)
    found = find_pairs(regions, centres)
    if not found.unknown.any():
        return found.number
    table = _places(getattr(centres, "table", centres))
    table = table.iloc[rows_of(table.index, regions, "centres of the regions", extra=True)]
    xyz, side, deep = table[["x", "y", "z"]].to_numpy(), table["side"].to_numpy(), table["deep"].to_numpy()
    joined = [(row, other) for row, other in enumerate(found.twin) if other >= 0]
    for mine, other in (("L", "R"), ("R", "L")):
        for below in (False, True):
            here = np.flatnonzero((side == mine) & (deep == below) & (found.twin < 0))
            there = np.flatnonzero((side == other) & (deep == below))
            if len(here) and len(there):
                gap, over = nearest_mirror(xyz[here], xyz[there])
                joined += list(zip(here[gap <= NAMED], there[over[gap <= NAMED]], strict=True))
    rows, others = np.array(joined, dtype=int).reshape(-1, 2).T
    graph = sparse.coo_array((np.ones(len(rows)), (rows, others)), (len(regions), len(regions)))
    return pd.factorize(csgraph.connected_components(graph, directed=False)[1])[0]


def nearest_mirror(here: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the nearest of others (m, 3) lies from the mirror image of each place (n, 3), and its row."""
    return KDTree(there).query(here * [-1, 1, 1])


def about_unknown(unknown: Iterable[object], n: int) -> str:
    """Say which of n regions have no homologue that is known."""
    unknown = list(unknown)
    return (
        f"{len(unknown)} of {n} regions have no homologue that names and places agree on, and it cannot be excluded "
        f"that one of the others is it: {some(unknown)}"
    )


def _numbered(own: np.ndarray, twin: np.ndarray) -> np.ndarray:
    return pd.factorize(np.where(twin >= 0, np.minimum(own, twin), own))[0]


def _by_names(regions: pd.Index) -> Pairs:
    """Pair the same name on two sides; what is only numbered, or tells no side, is not known."""
    side = np.array([naming.side(name) or "" for name in regions], dtype=object)
    named = np.array([bool(s) and not naming.counted(name) for s, name in zip(side, regions, strict=True)], dtype=bool)
    keys = [naming.stem(name) if told else f" {name}" for name, told in zip(regions, named, strict=True)]
    number = pd.factorize(np.array(keys, dtype=object))[0]
    twin = np.full(len(regions), -1)
    rows = pd.DataFrame({"number": number, "side": side, "row": np.arange(len(regions))})[named]
    for _, group in rows.groupby("number"):
        if sorted(group["side"]) == ["L", "R"]:
            twin[group["row"].to_numpy()] = group["row"].to_numpy()[::-1]
    # Who is alone may lie opposite whoever else is alone on the other side, or on a side that is not told.
    alone = {each: (twin < 0) & (side == each) for each in ("L", "R", "")}
    left, right, untold = (int(each.sum()) for each in alone.values())
    unknown = np.zeros(len(regions), dtype=bool)
    for each, others in (("L", right + untold), ("R", left + untold), ("", left + right + untold - 1)):
        unknown |= alone[each] & (others > 0)
    return Pairs(twin, number, unknown)


def _places(table: object) -> pd.DataFrame:
    """Return centres with the side of each, ``L`` or ``R`` (as told, else by name, else by x), and which are deep."""
    instance(table, pd.DataFrame, "centres", "a Parcellation or a DataFrame by region with x, y, z in mm")
    columns(table, "xyz", "centres", "Expected x, y, z in mm.")
    xyz = array(table[["x", "y", "z"]], "centres")
    by_x = np.where(xyz[:, 0] < 0, "L", "R")
    if "hemisphere" in table:
        side = table["hemisphere"].map(lambda value: naming.SIDES.get(str(value).strip().lower()))
        odd = table.index[side.isna()]
        if len(odd):
            raise ValueError(
                f"centres: hemisphere of {str(odd[0])!r} is {table.loc[odd[0], 'hemisphere']!r}; expected 'L' or 'R'."
            )
    else:
        side = [naming.side(name) or sign for name, sign in zip(table.index, by_x, strict=True)]
    deep = np.array([naming.subcortical(name) for name in table.index], dtype=bool)
    return pd.DataFrame(xyz, table.index, ["x", "y", "z"]).assign(side=np.asarray(side, dtype=object), deep=deep)


def _by_places(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pair all regions of a table.

    Returns the row of each one's homologue or -1, whether its name tells which region it is, and whether names and
    places contradict each other.
    """
    xyz, side = table[["x", "y", "z"]].to_numpy(), table["side"].to_numpy()
    twin = np.full(len(table), -1)
    told = np.array([naming.side(name) is not None for name in table.index], dtype=bool)
    counted = np.array([naming.counted(name) for name in table.index], dtype=bool)
    cortical = ~table["deep"].to_numpy()  # names tell what lies below
    left, right = np.flatnonzero((side == "L") & cortical), np.flatnonzero((side == "R") & cortical)
    odd = np.zeros(len(table), dtype=bool)
    if not (side == "L").any() or not (side == "R").any():
        return twin, told & ~counted, odd
    same: dict[str, dict[str, list[int]]] = {}
    for row in np.flatnonzero(told):
        same.setdefault(naming.stem(table.index[row]), {"L": [], "R": []})[side[row]].append(row)
    one = np.array([[*rows["L"], *rows["R"]] for rows in same.values() if len(rows["L"]) == len(rows["R"]) == 1])
    if len(one):
        gap = np.linalg.norm(xyz[one[:, 0]] * [-1, 1, 1] - xyz[one[:, 1]], axis=1)
        numbers = counted[one].any(axis=1)
        if numbers.any() and np.median(gap[numbers]) <= TOLERANCE and gap[numbers].max() <= NAMED:
            # A numbering that mirrors throughout is a naming.
            counted[:] = False
            numbers[:] = False
        for a, b in one[~numbers & (gap <= NAMED)]:
            twin[a], twin[b] = b, a
        odd[one[~numbers & (gap > NAMED)]] = True
    named = told & ~counted
    if not len(left) or not len(right):
        return twin, named, odd
    gap, over = nearest_mirror(xyz[left], xyz[right])
    back = nearest_mirror(xyz[right], xyz[left])[1]
    for k in np.flatnonzero((back[over] == np.arange(len(left))) & (gap <= TOLERANCE)):
        a, b = left[k], right[over[k]]
        if twin[a] < 0 and twin[b] < 0 and not (named[a] and named[b]):
            twin[a], twin[b] = b, a
    return twin, named, odd


def _somebody_opposite(table: pd.DataFrame, rows: np.ndarray, twin: np.ndarray, named: np.ndarray) -> np.ndarray:
    """Tell which of the regions at ``rows`` lack a homologue though somebody lies at, or near, their mirror place."""
    xyz, side, deep = table[["x", "y", "z"]].to_numpy(), table["side"].to_numpy(), table["deep"].to_numpy()
    here = np.zeros(len(table), dtype=bool)
    here[rows] = True
    unknown = np.zeros(len(table), dtype=bool)
    for mine, other in (("L", "R"), ("R", "L")):
        alone, others = (here & (side == mine) & (twin < 0)).nonzero()[0], (here & (side == other)).nonzero()[0]
        if not len(alone) or not len(others):
            continue
        gap = cdist(xyz[alone] * [-1, 1, 1], xyz[others])
        gap[deep[alone][:, None] != deep[others]] = np.inf
        # Somebody without a homologue may be meant from as far as regions lie apart, and it takes names to exclude
        # somebody who has another one.
        neighbours = (side == mine).nonzero()[0]
        apart = KDTree(xyz[neighbours]).query(xyz[alone], k=2)[0][:, 1]  # infinite where there is no other
        free = (gap <= np.maximum(TOLERANCE, apart)[:, None]) & (twin[others] < 0)
        taken = (gap <= TOLERANCE) & (twin[others] >= 0) & ~(named[alone][:, None] & named[others])
        unknown[alone] = (free | taken).any(axis=1)
        unknown[others] |= free.any(axis=0)
    return unknown[rows]
