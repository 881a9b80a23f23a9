"""The human connectome: how strongly white matter joins the regions of the cortex, in a group of healthy people."""

import io

import numpy as np
import pandas as pd

from xsg.atlas import REGIONS, align
from xsg.check import instance
from xsg.files import read_text
from xsg.names import homologue, side, stem

_AGAIN = "Delete the file from the cache and fetch it again."
_LARGEST_LOG = 25.0  # e^25 streamlines are 7e10; the largest value of this connectome is below 13


def human_connectome(folded: bool = False) -> pd.DataFrame:
    """Read the structural connectome of the Desikan-Killiany regions, a group average.

    Of young adults of the Human Connectome Project, as gathered in the ENIGMA toolbox (Larivière et al. 2021, Nature
    Methods 18:698, doi:10.1038/s41592-021-01186-4): logarithms of streamline counts, 0 where nothing joins two regions.

    Parameters
    ----------
    folded
        Lay the hemispheres onto each other: 34 regions under the left one's names, the strength of two being the mean
        within the hemispheres plus the mean across. What joins a region to its own homologue drops out.

    Returns
    -------
    DataFrame (68, 68), or (34, 34) if folded
        Symmetric, not negative, zero on the diagonal.

    Raises
    ------
    ValueError
        If the file is not what it was taken for.
    """
    from xsg.data.fetch import fetch

    labels, matrix = (fetch(f"human/connectome/struc{part}_ctx.csv") for part in ("Labels", "Matrix"))
    names = [name.strip(' "') for name in read_text(labels, "names of regions").strip().split(",")]
    try:
        values = np.loadtxt(io.StringIO(read_text(matrix, "a matrix of numbers")), delimiter=",", ndmin=2)
    except ValueError as error:
        raise ValueError(f"the connectome: {matrix} holds no matrix ({error}). {_AGAIN}") from None
    if values.shape != (len(names), len(names)):
        raise ValueError(f"the connectome has shape {values.shape}, {len(names)} labels; expected a square. {_AGAIN}")
    np.fill_diagonal(values, 0)
    table = pd.DataFrame(values, names, names)
    _check(table, "the connectome", _AGAIN)
    if values.max() > _LARGEST_LOG:
        raise ValueError(
            f"the connectome has a value of {values.max():g}; expected logarithms of streamline counts, which stay "
            f"below {_LARGEST_LOG:g}. Are these the counts? Take log1p."
        )
    table = align(align(table, list(REGIONS), "connectome").T, list(REGIONS), "connectome").T
    return fold(table) if folded else table


def fibre_counts(folded: bool = False) -> pd.DataFrame:
    """Read another structural connectome of the same regions, with 18 structures below the cortex.

    Mean number of streamlines over 80 young adults of the Human Connectome Project, as given with the code of a model
    of spread (Raj et al. 2021), as logarithms (log1p), which is how `human_connectome` has them. The file names its
    columns; its rows are in the same order, as the matrix is symmetric and rows and columns of homologues agree.

    Parameters
    ----------
    folded
        As for `human_connectome`: 43 regions.

    Returns
    -------
    DataFrame (86, 86), or (43, 43) if folded
        Symmetric, not negative, zero on the diagonal. The 68 regions of the cortex first, then such as
        ``L_hippocampus``, ``L_cerebellumcortex``, ``L_ventraldc``.

    Raises
    ------
    ValueError
        If the file is not what it was taken for.
    """
    from xsg.data.fetch import fetch

    path = fetch("human/connectome/mean80_fibercount.csv")
    table = pd.read_csv(path)
    names = [f"{side(name)}_{stem(name)}" for name in table.columns]
    if len(set(names)) != len(table) or not set(REGIONS) < set(names):
        raise ValueError(f"{path} has {table.shape} values, other names than it should. {_AGAIN}")
    values = table.to_numpy(dtype=float)
    _check(pd.DataFrame(values, names, names), "the counts", _AGAIN)
    np.fill_diagonal(values, 0)
    found = pd.DataFrame(np.log1p(values), names, names)
    order = [*REGIONS, *(name for name in names if name not in REGIONS)]
    found = found.loc[order, order]
    return fold(found) if folded else found


def fold(weights: pd.DataFrame) -> pd.DataFrame:
    """Lay the hemispheres of a table region × region onto each other, under the left regions' names.

    Homologues are found by name, in any style; regions that are only numbered have none.

    Raises
    ------
    ValueError
        If a region has no homologue, or the table is not symmetric or not finite.

    Examples
    --------
    >>> names = ["L_a", "L_b", "R_a", "R_b"]
    >>> table = pd.DataFrame([[0, 1, 5, 0], [1, 0, 2, 5], [5, 2, 0, 3], [0, 5, 3, 0]], names, names)
    >>> fold(table).to_numpy().tolist()
    [[0.0, 3.0], [3.0, 0.0]]
    """
    instance(weights, pd.DataFrame, "fold", "a table, region by region")
    weights = align(weights, weights.index, "fold")
    weights = align(weights.T, weights.index, "fold, columns").T
    _check(weights, "fold", "Make it so first, e.g. (weights + weights.T) / 2.", negative=True)
    twin = {name: homologue(name, weights.index) for name in weights.index}
    if alone := [name for name, other in twin.items() if other is None]:
        raise ValueError(
            f"fold: {len(alone)} of {len(twin)} regions have no homologue called alike, the first {str(alone[0])!r}: "
            f"{_of(alone[0])!r} is missing. Leave such regions out."
        )
    left = [name for name in weights.index if side(name) == "L"]
    right = [twin[name] for name in left]
    parts = [weights.loc[rows, columns].to_numpy(dtype=float) for rows in (left, right) for columns in (left, right)]
    values = sum(parts) / 2
    np.fill_diagonal(values, 0)
    return pd.DataFrame(values, left, left)


def _of(name: object) -> str:
    """Name the homologue that a region should have."""
    return f"{ {'L': 'R', 'R': 'L'}.get(side(name) or '', 'L or R') }_{stem(name)}"


def _check(weights: pd.DataFrame, what: str, way_out: str, negative: bool = False) -> None:
    """Refuse weights that are not finite, not the same both ways, or (unless they may be) negative."""
    values = weights.to_numpy(dtype=float)
    for wrong, told in (
        (~np.isfinite(values), "which is not finite"),
        (~np.isclose(values, values.T, equal_nan=True), "and another value the other way round"),
        ((values < 0) & (not negative), "which is negative"),
    ):
        if wrong.any():
            a, b = np.argwhere(wrong)[0]
            names = f"{str(weights.index[a])!r} and {str(weights.columns[b])!r}"
            raise ValueError(
                f"{what} has {values[a, b]:g} between {names}, {told} (one of {wrong.sum()}); expected a symmetric "
                f"matrix{'' if negative else ' without negative values'}. {way_out}"
            )
