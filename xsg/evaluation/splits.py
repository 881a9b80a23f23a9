"""Splits: which regions a model may not learn from."""

import numpy as np
import pandas as pd

from xsg.atlas import homologous_pairs


def homologous(regions: pd.Index | list[str], n_folds: int = 5, seed: int = 0) -> np.ndarray:
    """Split regions into folds at random, a region always together with its contralateral homologue.

    Copying the other hemisphere predicts a disease map almost perfectly, so a split that parts homologues measures how
    alike the hemispheres are.

    Parameters
    ----------
    regions
        Region names such as ``"L_insula"`` (n,).
    n_folds
        Number of folds F, from 2 to the number of pairs.
    seed
        Seed of the shuffle.

    Returns
    -------
    bool array (F, n)
        True where the fold holds the region out; each region is held out once.

    Raises
    ------
    ValueError
        If there are more folds than pairs, or fewer than 2.

    Examples
    --------
    >>> homologous(["L_insula", "L_cuneus", "R_insula", "R_cuneus"], n_folds=2).astype(int).tolist()
    [[1, 0, 1, 0], [0, 1, 0, 1]]
    """
    pairs = homologous_pairs(regions)
    n_pairs = int(pairs.max()) + 1
    if not 2 <= n_folds <= n_pairs:
        raise ValueError(f"n_folds is {n_folds}; expected 2 to {n_pairs}, the number of homologous pairs.")
    fold_of_pair = np.random.default_rng(seed).permutation(n_pairs) % n_folds
    return fold_of_pair[pairs] == np.arange(n_folds)[:, None]
