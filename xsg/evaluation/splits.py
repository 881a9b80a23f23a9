"""Splits: which regions a model may not learn from.

A split is a bool array (F, n), True where a fold holds the region out; it trains on the rest. What a held-out number
means depends on how far the held-out regions lie from those in training. Nearest of all is a region's homologue in the
other hemisphere, which is nearly a copy of it: a split that holds a region out while its homologue (``R_x`` of ``L_x``)
trains issues a `LeakWarning`. Where homologues are not known (Schaefer's regions are numbered within their hemisphere),
what lies at a region's mirror image takes their part: `xsg.atlas.pairs.mirror_blocks`.
"""

import warnings
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from xsg import names as naming
from xsg.atlas import REGIONS, Parcellation, load_parcellation
from xsg.atlas.pairs import Pairs, about_unknown, find_pairs, mirror_blocks
from xsg.check import choice, number

SPLITS = ("random", "homologous", "spatial", "distance", "lobe", "left-to-right", "mirrored-blocks")
DEALT = (
    "random",
    "homologous",
    "spatial",
    "mirrored-blocks",
)  # by a seed, in many ways; the others are unique


class LeakWarning(UserWarning):
    """A region is held out while its homologue trains: copying the other hemisphere would predict it."""


class PairWarning(LeakWarning):
    """Homologues are to stay together, or to be reported, and it is not known of all regions which they are."""


def split(
    name: str, parcellation: Parcellation, regions: pd.Index | list[str], n_folds: int = 5, seed: int = 0
) -> np.ndarray:
    """Make the folds of a split by its name.

    Parameters
    ----------
    name
        ``"random"``, ``"homologous"``, ``"spatial"``, ``"distance"``, ``"lobe"``, ``"left-to-right"`` or
        ``"mirrored-blocks"``: the functions of this module.
    parcellation
        Where the regions lie; it may have more of them.
    regions
        Names of the n regions, in the order of the data.
    n_folds, seed
        Number of folds and seed, where the split leaves them open (`DEALT`).

    Returns
    -------
    bool array (F, n)
        True where the fold holds the region out.

    Raises
    ------
    ValueError
        Unknown split or region, a region given twice, or folds that the regions do not allow.

    Warns
    -----
    LeakWarning
        If a region is held out while its homologue trains.
    PairWarning
        If regions on both sides have no homologue that is known, so that this cannot be excluded.

    Examples
    --------
    >>> from xsg.atlas import load_parcellation
    >>> dk = load_parcellation("dk")
    >>> split("lobe", dk, dk.regions).shape
    (6, 68)
    """
    choice(name, SPLITS, "split")
    regions = checked_regions(parcellation, regions)
    if name == "random":
        return random(regions, n_folds, seed, parcellation)
    if name == "homologous":
        return homologous(regions, n_folds, seed, parcellation)
    if name in ("spatial", "mirrored-blocks"):
        return {"spatial": spatial, "mirrored-blocks": mirrored_blocks}[name](parcellation, regions, n_folds, seed)
    return {"distance": distance, "lobe": lobe, "left-to-right": left_to_right}[name](parcellation, regions)


def checked_regions(parcellation: Parcellation, regions: pd.Index | list[str]) -> pd.Index:
    """Return the names as the parcellation spells them, or refuse one that it lacks or that is given twice."""
    return parcellation.spelt(regions)


def known_pairs(regions: pd.Index | list[str], parcellation: Parcellation | None = None) -> Pairs:
    """Find the homologues among regions, where the parcellation has them; by names alone where there is none.

    The places of the Desikan-Killiany regions are known without one.
    """
    if parcellation is None:
        meant = naming.translate(regions, REGIONS)
        if len(meant) == len(regions):
            regions, parcellation = [meant[region] for region in regions], load_parcellation("dk")
    return find_pairs(regions, parcellation)


def parted_pairs(
    held_out: np.ndarray, regions: pd.Index | list[str], parcellation: Parcellation | None = None
) -> list[tuple[str, str]]:
    """List the (held-out region, homologue in training) of all folds.

    Parameters
    ----------
    held_out
        bool array (F, n).
    regions
        Names (n,).
    parcellation
        Where they lie; without it names alone tell which are homologues.

    Examples
    --------
    >>> parted_pairs([[True, False, False]], ["L_insula", "R_insula", "R_cuneus"])
    [('L_insula', 'R_insula')]
    """
    held_out, regions = np.asarray(held_out, dtype=bool), pd.Index(regions)
    if held_out.ndim != 2 or held_out.shape[1] != len(regions):
        raise ValueError(f"held_out has shape {held_out.shape}; expected (folds, {len(regions)}), one column a region.")
    twin = known_pairs(regions, parcellation).twin
    _, out = np.nonzero(held_out & ~held_out[:, twin] & (twin >= 0))
    return [(str(regions[i]), str(regions[twin[i]])) for i in out]


def leaks(
    dealt: Iterable[np.ndarray], regions: pd.Index | list[str], parcellation: Parcellation | None = None
) -> bool | None:
    """Say whether homologues of held-out regions train.

    Parameters
    ----------
    dealt
        Folds, bool (F, n), one or more ways of dealing.
    regions, parcellation
        As for `homologous`.

    Returns
    -------
    bool or None
        True if a known homologue trains while its region is held out. False if none does, and each region without a
        known one has what lies nearest to its mirror image held out with it (`xsg.atlas.pairs.mirror_blocks`), or
        nobody there. None: not known.

    Examples
    --------
    >>> leaks([[[True, False]]], ["L_insula", "R_insula"]), leaks([[[True, True]]], ["L_insula", "R_insula"])
    (True, False)
    """
    dealt = [np.asarray(held_out, dtype=bool) for held_out in dealt]
    if any(parted_pairs(held_out, regions, parcellation) for held_out in dealt):
        return True
    if not known_pairs(regions, parcellation).unknown.any():
        return False
    if parcellation is None:
        return None
    block = mirror_blocks(parcellation.spelt(regions), parcellation)
    first = np.unique(block, return_index=True)[1][block]
    return False if all((held_out == held_out[:, first]).all() for held_out in dealt) else None


def random(
    regions: pd.Index | list[str], n_folds: int = 5, seed: int = 0, parcellation: Parcellation | None = None
) -> np.ndarray:
    """Split regions into folds at random, homologues or not: what one should not do.

    It leaks, and is here to show by how much.

    Parameters
    ----------
    regions, n_folds, seed, parcellation
        As for `homologous`; at most as many folds as regions.

    Returns
    -------
    bool array (F, n)
        Each region is held out once.

    Examples
    --------
    >>> random(["L_insula", "L_cuneus", "L_fusiform"], n_folds=3).sum(axis=0).tolist()
    [1, 1, 1]
    """
    n_folds, seed = _whole(n_folds, "n_folds"), _seed(seed)
    if not 2 <= n_folds <= len(regions):
        raise ValueError(f"n_folds is {n_folds}; expected 2 to {len(regions)}, the number of regions.")
    fold = np.random.default_rng(seed).permutation(len(regions)) % n_folds
    return _warned("random", fold == np.arange(n_folds)[:, None], regions, parcellation)


def homologous(
    regions: pd.Index | list[str], n_folds: int = 5, seed: int = 0, parcellation: Parcellation | None = None
) -> np.ndarray:
    """Split regions into folds at random, a region always together with its contralateral homologue.

    Copying the other hemisphere predicts a disease map almost perfectly, so a split that parts homologues measures how
    alike the hemispheres are. Neighbours are parted still: what is measured is prediction between known regions.

    Parameters
    ----------
    regions
        Region names (n,) in any style, such as ``"L_insula"`` or ``"lh_insula"``.
    n_folds
        Number of folds F, from 2 to the number of pairs.
    seed
        Seed of the shuffle.
    parcellation
        Where the regions lie, by which homologues are found (`xsg.atlas.homologous_pairs`). Without it names alone
        tell, which cannot be where regions are only numbered.

    Returns
    -------
    bool array (F, n)
        True where the fold holds the region out; each region is held out once.

    Raises
    ------
    ValueError
        If there are more folds than pairs, or fewer than 2.

    Warns
    -----
    PairWarning
        If regions lie on both sides and none, or only some, have a homologue that is known.

    Examples
    --------
    >>> homologous(["L_insula", "L_cuneus", "R_insula", "R_cuneus"], n_folds=2).astype(int).tolist()
    [[1, 0, 1, 0], [0, 1, 0, 1]]
    """
    pairs, seed = _together("homologous", known_pairs(regions, parcellation), regions), _seed(seed)
    n_pairs = _check_folds(n_folds, pairs)
    fold_of_pair = np.random.default_rng(seed).permutation(n_pairs) % n_folds
    return fold_of_pair[pairs] == np.arange(n_folds)[:, None]


def mirrored_blocks(
    parcellation: Parcellation, regions: pd.Index | list[str], n_folds: int = 5, seed: int = 0
) -> np.ndarray:
    """Split regions into folds at random, a region always together with what lies at its mirror image.

    For atlases whose homologues are not known. Each region is joined to the one of the other hemisphere whose centre
    lies nearest to the mirror image of its own, and what is joined, directly or by way of others, makes a block
    (`xsg.atlas.pairs.mirror_blocks`); blocks are dealt into folds. Where all homologues are known, blocks are the
    pairs, and the folds those of `homologous`.

    What is kept together is thus each region and the nearest mirror image that it has. What is not: neighbours, as in
    `homologous`, and others that a mirror image overlaps at its rim, a quarter of its area in Schaefer's atlases.

    Parameters
    ----------
    parcellation, regions
        Where the n regions lie.
    n_folds, seed
        Number of folds F, from 2 to the number of blocks, and the seed of the shuffle.

    Returns
    -------
    bool array (F, n)
        Each region is held out once.

    Examples
    --------
    >>> dk = load_parcellation("dk")
    >>> bool((mirrored_blocks(dk, dk.regions, seed=3) == homologous(dk.regions, seed=3)).all())
    True
    """
    regions, seed = checked_regions(parcellation, regions), _seed(seed)
    block = mirror_blocks(regions, parcellation)
    n_blocks = _check_folds(n_folds, block, "blocks of mirror images")
    fold = np.random.default_rng(seed).permutation(n_blocks) % n_folds
    return fold[block] == np.arange(n_folds)[:, None]


def spatial(parcellation: Parcellation, regions: pd.Index | list[str], n_folds: int = 5, seed: int = 0) -> np.ndarray:
    """Split regions into compact clusters by k-means of (``|x|``, y, z), homologues together.

    Most neighbours of a held-out region are held out with it. Clusters differ in size. Where homologues are not known,
    blocks of mirror images stay together (`mirrored_blocks`), and a `PairWarning` says so.

    Parameters
    ----------
    parcellation, regions
        Where the n regions lie.
    n_folds, seed
        Number of clusters, from 2 to the number of pairs, and the seed of k-means.

    Returns
    -------
    bool array (F, n)
        Each region is held out once.
    """
    from sklearn.cluster import KMeans

    pairs, places = _places("spatial", parcellation, regions)
    _check_folds(n_folds, pairs)
    seed = _seed(seed)
    cluster = KMeans(n_folds, n_init=20, random_state=seed).fit_predict(places)
    return cluster[pairs] == np.arange(n_folds)[:, None]


def distance(parcellation: Parcellation, regions: pd.Index | list[str]) -> np.ndarray:
    """Hold out what lies farthest from each homologous pair in turn: the farthest quarter of the pairs.

    One fold for each pair, which trains on the three quarters of the pairs nearest to it (Hansen et al. 2021). A region
    at the rim of the cortex is held out in many folds, one in its middle in few or none. Where homologues are not
    known, blocks of mirror images take the part of pairs (`mirrored_blocks`), and a `PairWarning` says so.

    Parameters
    ----------
    parcellation, regions
        Where the n regions lie.

    Returns
    -------
    bool array (pairs, n)

    References
    ----------
    - Hansen et al. 2021, Nature Human Behaviour 5:1240, doi:10.1038/s41562-021-01082-z.
    """
    pairs, places = _places("distance", parcellation, regions)
    n_pairs = _check_folds(2, pairs)
    rank = cdist(places, places).argsort(axis=1, kind="stable").argsort(axis=1)
    return (rank >= n_pairs - max(1, n_pairs // 4))[:, pairs]


def lobe(parcellation: Parcellation, regions: pd.Index | list[str]) -> np.ndarray:
    """Hold out one lobe after the other, on both sides at once.

    Returns
    -------
    bool array (lobes, n)
        Each region is held out once; lobes in the order in which they first occur.

    Raises
    ------
    ValueError
        If the parcellation does not say in which lobe a region lies, or all lie in one.
    """
    lobes = parcellation.table.loc[checked_regions(parcellation, regions), "lobe"]
    if lobes.isna().any():
        raise ValueError(
            f"parcellation {parcellation.name!r} names no lobe for region {lobes.index[lobes.isna()][0]!r}. Give "
            "lobes= to Parcellation.from_labels, or use the split 'spatial'."
        )
    code, names = pd.factorize(lobes)
    if len(names) == 1:
        raise ValueError(f"all {len(lobes)} regions lie in one lobe ({names[0]!r}); nothing would be left to train.")
    return _warned("lobe", code == np.arange(len(names))[:, None], regions, parcellation)


def left_to_right(parcellation: Parcellation, regions: pd.Index | list[str]) -> np.ndarray:
    """Train on the left hemisphere, hold the right one out: one fold, in which every homologue leaks.

    Returns
    -------
    bool array (1, n)

    Raises
    ------
    ValueError
        If the regions are all in one hemisphere.
    """
    right = (parcellation.table.loc[checked_regions(parcellation, regions), "hemisphere"] == "R").to_numpy()
    if right.all() or not right.any():
        raise ValueError(
            f"all {len(right)} regions are on the {'right' if right.all() else 'left'}; 'left-to-right' needs both "
            "hemispheres. Use 'homologous' or 'spatial'."
        )
    return _warned("left-to-right", right[None], regions, parcellation)


def _together(name: str, found: Pairs, regions: pd.Index | list[str]) -> np.ndarray:
    """Return the numbers of the pairs, after a warning if not all are known."""
    if found.unknown.any():
        regions = pd.Index(regions)
        warnings.warn(
            f"split {name!r}: {(found.twin >= 0).sum()} regions have their homologue among the others, but "
            f"{about_unknown(regions[found.unknown], len(regions))}. If it trains while they are held out, a "
            "score tells how alike the hemispheres are. Call homologues alike but for the side (L_x and R_x, lh_x and "
            "rh_x, …), give a parcellation that says where regions lie, or use the split 'mirrored-blocks'.",
            PairWarning,
            stacklevel=4,
        )
    return found.number


def _warned(
    name: str, held_out: np.ndarray, regions: pd.Index | list[str], parcellation: Parcellation | None = None
) -> np.ndarray:
    """Return the folds, after a warning if they part homologues, or may."""
    parted = parted_pairs(held_out, regions, parcellation)
    if not parted:
        _together(name, known_pairs(regions, parcellation), regions)
    else:
        warnings.warn(
            f"split {name!r} holds {parted[0][0]} out while its homologue {parted[0][1]} trains, and {len(parted) - 1} "
            "more such: the hemispheres are near copies, so a held-out score will tell how alike they are. Use "
            "'homologous' to keep pairs together.",
            LeakWarning,
            stacklevel=3,
        )
    return held_out


def _check_folds(n_folds: int, pairs: np.ndarray, what: str = "homologous pairs") -> int:
    """Return the number of pairs, which no split can exceed."""
    n_folds = _whole(n_folds, "n_folds")
    n_pairs = int(pairs.max()) + 1
    if not 2 <= n_folds <= n_pairs:
        raise ValueError(f"n_folds is {n_folds}; expected 2 to {n_pairs}, the number of {what}.")
    return n_pairs


def _whole(value: int, what: str) -> int:
    return number(value, what, whole=True)


def _seed(value: int) -> int:
    return number(value, "seed", 0, 2**32 - 1, whole=True)


def _places(name: str, parcellation: Parcellation, regions: pd.Index | list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each region's pair or block (n,) and their places (pairs, 3) in mm, hemispheres folded."""
    regions = checked_regions(parcellation, regions)
    unknown = known_pairs(regions, parcellation).unknown
    block = mirror_blocks(regions, parcellation)
    if unknown.any():
        warnings.warn(
            f"split {name!r}: {about_unknown(regions[unknown], len(regions))}. So {block.max() + 1} blocks of regions "
            "at each other's mirror image stay together instead.",
            PairWarning,
            stacklevel=4,
        )
    xyz = parcellation.table.loc[regions, ["x", "y", "z"]]
    return block, xyz.assign(x=xyz["x"].abs()).groupby(block).mean().to_numpy()
