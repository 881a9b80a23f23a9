"""The human connectome: how strongly white matter joins the regions of the cortex, in a group of healthy people."""

import numpy as np
import pandas as pd

from xsg.atlas import REGIONS, align


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

    names, matrix = (fetch(f"human/connectome/struc{part}_ctx.csv") for part in ("Labels", "Matrix"))
    labels = names.read_text(encoding="utf-8").strip().split(",")
    values = np.loadtxt(matrix, delimiter=",")
    if values.shape != (len(labels), len(labels)) or not np.allclose(values, values.T) or (values < 0).any():
        raise ValueError(
            f"the connectome has shape {values.shape}, {len(labels)} labels; expected a symmetric matrix without "
            "negative values. Delete the file from the cache and fetch it again."
        )
    np.fill_diagonal(values, 0)
    table = align(pd.DataFrame(values, labels, labels), list(REGIONS), "connectome").loc[:, list(REGIONS)]
    return fold(table) if folded else table


def fold(weights: pd.DataFrame) -> pd.DataFrame:
    """Lay the hemispheres of a table region × region onto each other, under the left regions' names.

    Examples
    --------
    >>> names = ["L_a", "L_b", "R_a", "R_b"]
    >>> table = pd.DataFrame([[0, 1, 5, 0], [1, 0, 2, 5], [5, 2, 0, 3], [0, 5, 3, 0]], names, names)
    >>> fold(table).to_numpy().tolist()
    [[0.0, 3.0], [3.0, 0.0]]
    """
    left = [name for name in weights.index if name.startswith("L_")]
    right = ["R" + name[1:] for name in left]
    missing = [name for name in right if name not in weights.index]
    if missing:
        raise ValueError(f"fold: {missing[0]!r} is missing; expected a homologue to every region of the left.")
    parts = [weights.loc[rows, columns].to_numpy(dtype=float) for rows in (left, right) for columns in (left, right)]
    values = sum(parts) / 2
    np.fill_diagonal(values, 0)
    return pd.DataFrame(values, left, left)
