"""Splits: every region held out once, homologues never parted."""

import numpy as np
import pytest

from xsg.atlas import REGIONS
from xsg.evaluation import splits


def test_homologous_folds_partition_and_never_part_a_pair():
    held_out = splits.homologous(REGIONS, n_folds=5, seed=3)
    assert held_out.shape == (5, 68)
    assert (held_out.sum(axis=0) == 1).all()
    assert (held_out[:, :34] == held_out[:, 34:]).all()
    assert set(held_out.sum(axis=1)) == {12, 14}
    assert not np.array_equal(held_out, splits.homologous(REGIONS, n_folds=5, seed=4))


def test_a_missing_homologue_is_no_trouble():
    regions = [region for region in REGIONS if region not in ("R_frontalpole", "L_insula")]
    held_out = splits.homologous(regions)
    assert (held_out.sum(axis=0) == 1).all()


@pytest.mark.parametrize("n_folds", [1, 35])
def test_impossible_folds_are_refused(n_folds):
    with pytest.raises(ValueError, match="expected 2 to 34"):
        splits.homologous(REGIONS, n_folds=n_folds)
