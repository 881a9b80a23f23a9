"""The human connectome: order, symmetry, folding."""

import numpy as np
import pandas as pd
import pytest

from xsg.across.connectome import fold, human_connectome
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


def test_folding_needs_homologues():
    names = ["L_a", "L_b", "R_a"]
    with pytest.raises(ValueError, match="'R_b' is missing"):
        fold(pd.DataFrame(np.ones((3, 3)), names, names))
