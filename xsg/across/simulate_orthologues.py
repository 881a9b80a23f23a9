r"""A simulated human cortex whose genes are in part conserved from a mouse's, with a known truth.

Gene g of region i is

.. math:: x_{ig} = \sum_{k \le m} P_{ik} L_{k\pi(g)} + \sum_{k > m} P_{ik} L'_{kg} + 0.75\,f_{ig} + 0.4\,\epsilon_{ig}

P are the six programs of `xsg.simulate.cortex`, on the real Desikan–Killiany geometry; L the loadings of the m shared
programs in the mouse; L' those of the programs that only the human has; f a smooth field of the gene's own. For a
conserved gene :math:`\pi(g) = g`; the others trade their loadings among themselves, so that their mean and variance say
nothing.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from xsg.check import array, number
from xsg.data.gene_names import gene_names
from xsg.simulate.fields import simulated_programs, smooth_fields

_N_PROGRAMS = 6
_WEIGHT, _OWN, _NOISE = 0.5, 0.75, 0.4


class Orthologues(NamedTuple):
    """A simulated human cortex beside a mouse's loadings.

    Attributes
    ----------
    expression : DataFrame, shape (68, G)
        Human expression by region, in arbitrary units.
    programs : DataFrame, shape (68, 6)
        P1 … Pm are shared with the mouse, the rest is the human's own.
    loadings : DataFrame, shape (6, G)
        What each program weighs in each gene.
    conserved : Series of bool, shape (G,)
    """

    expression: pd.DataFrame
    programs: pd.DataFrame
    loadings: pd.DataFrame
    conserved: pd.Series


def simulate_orthologues(mouse: pd.DataFrame, conserved: float = 0.5, seed: int = 0) -> Orthologues:
    """Simulate a human cortex that shares programs with a mouse, gene by gene or not.

    Parameters
    ----------
    mouse
        DataFrame (G genes, m programs), the mouse's true loadings; m from 1 to 5. Scaled to variance 1 here.
    conserved
        Share of genes, 0 to 1, whose loading is the mouse's.
    seed
        The same seed gives the same numbers.

    Raises
    ------
    ValueError
        A share outside 0 … 1, or a number of programs outside 1 … 5.

    Examples
    --------
    >>> mouse = pd.DataFrame(np.random.default_rng(0).standard_normal((30, 2)))
    >>> human = simulate_orthologues(mouse, conserved=0.5)
    >>> human.expression.shape, int(human.conserved.sum())
    ((68, 30), 15)
    """
    if not isinstance(mouse, pd.DataFrame) or not len(mouse):
        raise TypeError(f"mouse: expected a table, genes by programs; got {type(mouse).__name__}.")
    gene_names(mouse.index, "mouse")
    array(mouse, "mouse")
    n_genes, shared = mouse.shape
    conserved = number(conserved, "conserved", 0, 1)
    if not 1 <= shared < _N_PROGRAMS:
        raise ValueError(f"mouse has {shared} programs; expected 1 to {_N_PROGRAMS - 1}: the human has {_N_PROGRAMS}.")
    rng = np.random.default_rng([number(seed, "seed", 0, whole=True), 7])
    programs = simulated_programs(seed, _N_PROGRAMS)
    kept = np.zeros(n_genes, dtype=bool)
    kept[rng.permutation(n_genes)[: round(conserved * n_genes)]] = True
    source = np.arange(n_genes)
    source[~kept] = rng.permutation(source[~kept])
    mine = ((mouse - mouse.mean()) / mouse.std(ddof=0)).to_numpy()[source].T
    own = rng.standard_normal((_N_PROGRAMS - shared, n_genes))
    loadings = _WEIGHT * np.concatenate([mine, own])
    values = programs.to_numpy() @ loadings + _OWN * smooth_fields(rng, n_genes, left_right=0.8)
    values += _NOISE * rng.standard_normal(values.shape)
    return Orthologues(
        pd.DataFrame(values, programs.index, mouse.index),
        programs,
        pd.DataFrame(loadings, programs.columns, mouse.index),
        pd.Series(kept, mouse.index, name="conserved"),
    )
