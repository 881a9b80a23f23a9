"""Atlases: parcellations that gene expression is at hand for, by name, and the connectomes between their regions.

Each has labels on fsaverage5, as the ENIGMA Toolbox packages them (Larivière et al. 2021), and, where its name ends in
``+subcortex``, 14 rows more for structures below the cortex, which have no place on the surface.

- Desikan et al. 2006, NeuroImage 31:968 (``"desikan"``, 68 regions).
- Schaefer et al. 2018, Cerebral Cortex 28:3095 (``"schaefer100"`` … ``"schaefer400"``, seven networks).
- Glasser et al. 2016, Nature 536:171 (``"glasser360"``).
- Larivière et al. 2021, Nature Methods 18:698 (ENIGMA Toolbox).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from xsg import names as naming
from xsg.atlas import Parcellation, load_parcellation
from xsg.atlas.surface import coordinates
from xsg.check import align, choice
from xsg.data.fetch import fetch, is_here
from xsg.files import read_text

WITH_SUBCORTEX = "+subcortex"
_FILES = {
    "desikan": "",
    "schaefer100": "_schaefer_100",
    "schaefer200": "_schaefer_200",
    "schaefer300": "_schaefer_300",
    "schaefer400": "_schaefer_400",
    "glasser360": "_glasser_360",
}
ATLASES: tuple[str, ...] = tuple(f"{name}{more}" for more in ("", WITH_SUBCORTEX) for name in _FILES)
"""Names that `load_atlas` takes."""


def atlas_name(name: object) -> str:
    """Return the name of an atlas (``"dk"`` is another of ``"desikan"``), or refuse what is none.

    Examples
    --------
    >>> atlas_name("dk"), atlas_name("schaefer200+subcortex")
    ('desikan', 'schaefer200+subcortex')
    """
    if isinstance(name, str) and name.partition("+")[0] == "dk":
        name = name.replace("dk", "desikan", 1)
    return choice(name, ATLASES, "atlas", "For another, see Parcellation.from_labels and xsg.genes.make.")


def load_atlas(name: str = "desikan") -> Parcellation:
    """Load one of the atlases that come with gene expression, as a parcellation.

    Parameters
    ----------
    name
        ``"desikan"``, ``"schaefer100"``, ``"schaefer200"``, ``"schaefer300"``, ``"schaefer400"`` or ``"glasser360"``;
        with ``"+subcortex"`` behind it, 14 regions below the cortex come with it (`Parcellation.with_subcortex`). All
        but ``"desikan"`` are fetched on first use.

    Returns
    -------
    Parcellation
        Its ``lobe`` is that of the Desikan-Killiany regions in which, or next to which, most of its vertices lie.

        Schaefer's regions are numbered within their network and hemisphere, so their names do not tell which are
        homologous. Only their places do, and not for all regions (`xsg.atlas.homologous_pairs`). Use the splits
        ``"mirrored-blocks"``, ``"spatial"`` or ``"distance"`` there.

    Raises
    ------
    ValueError
        If the name is unknown, or a file does not hold what it should.
    DownloadError
        If a file cannot be fetched.

    Examples
    --------
    >>> load_atlas("desikan").regions[0], len(load_atlas("desikan+subcortex").regions)
    ('L_bankssts', 82)
    """
    return _load(atlas_name(name))


def atlas_files(name: str) -> list[str]:
    """Return the files of the registry that an atlas is loaded from: none for Desikan's, which comes with a package."""
    base = atlas_name(name).partition("+")[0]
    return [] if base == "desikan" else [_labels_file(base), _names_file(base)]


def _labels_file(base: str) -> str:
    return f"human/atlas/{_FILES[base].removeprefix('_')}_fsa5.csv"


def _names_file(base: str) -> str:
    return f"human/connectome/strucLabels_with_sctx{_FILES[base]}.csv"


@lru_cache
def _load(name: str) -> Parcellation:
    base, _, deep = name.partition("+")
    if deep:
        return _named(_load(base).with_subcortex(), name)
    if base == "desikan":
        return load_parcellation("dk")
    file = _labels_file(base)
    labels = pd.read_csv(fetch(file), header=None)[0].to_numpy()
    regions = region_names(base)
    if base == "glasser360":
        # In this file 17 vertices of the right medial wall have the label of the left hemisphere's last region.
        right = np.arange(len(labels)) >= len(labels) // 2
        labels = np.where(right & (labels == 180), 0, labels)
    found = np.setdiff1d(labels, [0])
    if not np.array_equal(found, np.arange(1, len(regions) + 1)):
        raise ValueError(
            f"{file} has {len(found)} labels from {found.min()} to {found.max()}; expected 1 to {len(regions)}. Delete "
            "it from the cache and fetch it again."
        )
    return Parcellation.from_labels(base, labels, dict(enumerate(regions, start=1)), _lobes(labels, regions))


def _named(parcellation: Parcellation, name: str) -> Parcellation:
    return Parcellation(name, parcellation.table, parcellation.labels)


def _lobes(labels: np.ndarray, regions: Sequence[str]) -> dict[str, str]:
    """Lobe of each region: where most of its vertices lie, those of the medial wall being next to the nearest other."""
    dk = load_parcellation("dk")
    places, inside = coordinates("pial"), np.flatnonzero(dk.labels >= 0)
    nearest = dk.labels[inside[KDTree(places[inside]).query(places)[1]]]
    lobes = pd.Series(dk.table["lobe"].to_numpy()[nearest]).groupby(labels).agg(lambda each: each.mode()[0])
    return {region: lobes[label] for label, region in enumerate(regions, start=1)}


def region_names(name: str) -> list[str]:
    """Return the names of an atlas's regions, in order."""
    base, _, deep = atlas_name(name).partition("+")
    below = [f"{side}_{each}" for side in "LR" for each in naming.SUBCORTEX]
    return [*_cortex_names(base), *(below if deep else [])]


@lru_cache
def _cortex_names(base: str) -> tuple[str, ...]:
    if base == "desikan":
        return tuple(load_parcellation("dk").regions)
    return tuple(_labels(base)[: -2 * len(naming.SUBCORTEX)])


def _labels(base: str) -> list[str]:
    """Names of the rows of a connectome, as its file has them: cortex, then subcortex."""
    file = _names_file(base)
    return [name.strip(' "') for name in read_text(fetch(file), "names of regions").strip().split(",")]


def load_connectome(atlas: str = "desikan") -> pd.DataFrame:
    """Read the structural connectome of an atlas, a group average.

    Of young adults of the Human Connectome Project, as gathered in the ENIGMA Toolbox (Larivière et al. 2021, Nature
    Methods 18:698, doi:10.1038/s41592-021-01186-4): logarithms of streamline counts, 0 where nothing joins two regions,
    or less than one streamline does on average.

    Parameters
    ----------
    atlas
        A name of `ATLASES`.

    Returns
    -------
    DataFrame (n, n)
        Symmetric, not negative, zero on the diagonal; regions in the order of `load_atlas`.

    Raises
    ------
    ValueError
        An unknown atlas, or a file that is not what it was taken for.
    DownloadError
        The file cannot be had.
    """
    name = atlas_name(atlas)
    base = name.partition("+")[0]
    names, file = _labels(base), fetch(f"human/connectome/strucMatrix_with_sctx{_FILES[base]}.csv")
    values = np.loadtxt(io.StringIO(read_text(file, "a matrix of numbers")), delimiter=",", ndmin=2)
    if values.shape != (len(names), len(names)):
        raise ValueError(
            f"{file} has shape {values.shape}, {len(names)} labels; expected a square. Delete it from the cache and "
            "fetch it again."
        )
    wanted = region_names(name)
    meant = naming.translate(names, wanted)
    called = [meant.get(each, each) for each in names]
    table = pd.DataFrame(np.maximum(values, 0), called, called).loc[wanted, wanted]
    return align(table, wanted, f"connectome of {name!r}")


def likeliest_atlas(regions: Iterable[object]) -> str | None:
    """Return the atlas that names of regions look to be of, or None: of those whose names are on this machine.

    That is the one with which they have most in common, as a share of all names of either.
    """
    regions = pd.Index(regions)
    best, most = None, 0.0
    for base in _FILES:
        if base != "desikan" and not is_here(_names_file(base)):
            continue
        for name in (base, base + WITH_SUBCORTEX):
            wanted = region_names(name)
            shared = len(naming.translate(regions, wanted))
            if (share := shared / (len(regions) + len(wanted) - shared)) > most:
                best, most = name, share
    return best
