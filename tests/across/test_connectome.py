"""The human connectome: order, symmetry, folding."""

import numpy as np
import pandas as pd
import pytest

from xsg.across.connectome import fibre_counts, fold, human_connectome
from xsg.atlas import REGIONS
from xsg.data.fetch import is_here

needs = pytest.mark.skipif(not is_here("human/connectome/strucMatrix_ctx.csv"), reason="the connectome is not here")


@needs
def test_the_connectome_is_in_order():
    table = human_connectome()
    assert list(table.index) == list(table.columns) == list(REGIONS)
    assert (table.to_numpy() == table.to_numpy().T).all()
    assert table.to_numpy().min() == 0
    folded = human_connectome(folded=True)
    assert folded.shape == (34, 34)
    left, right = ("L_insula", "L_fusiform"), ("R_insula", "R_fusiform")
    pieces = [table.loc[left], table.loc[right], table.loc[left[0], right[1]], table.loc[right[0], left[1]]]
    assert folded.loc[left] == pytest.approx(sum(pieces) / 2)


@pytest.mark.usefixtures("real_data")
def test_the_fibre_counts_are_in_the_order_of_their_names():
    table = fibre_counts()
    assert table.shape == (86, 86)
    assert list(table.index[:68]) == list(table.columns[:68]) == list(REGIONS)
    assert (table.to_numpy() == table.to_numpy().T).all()
    assert fibre_counts(folded=True).shape == (43, 43)
    # Rows have no names. In the order of the columns what joins left regions resembles what joins right ones, and the
    # other connectome; in no other order do they.
    left, right = ([name for name in REGIONS if name[0] == side] for side in "LR")
    there, here = table.loc[left, left].to_numpy(), table.loc[right, right].to_numpy()
    other = human_connectome().loc[left, left].to_numpy()
    above = np.triu_indices(34, 1)
    alike = [np.corrcoef(there[above], each[above])[0, 1] for each in (here, other)]
    assert alike[0] > 0.9
    assert alike[1] > 0.7
    rng = np.random.default_rng(0)
    for _ in range(20):
        order = rng.permutation(34)
        assert np.corrcoef(there[above], here[np.ix_(order, order)][above])[0, 1] < 0.5


def test_folding_needs_homologues():
    names = ["L_a", "L_b", "R_a"]
    with pytest.raises(ValueError, match="'R_b' is missing"):
        fold(pd.DataFrame(np.ones((3, 3)), names, names))
