"""The table of false alarms holds what its script says, within what the nulls promise, and a part is earned again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import atlas_nulls
import kept
from xsg.data.atlases import load_atlas

TABLE = pd.read_csv(Path(atlas_nulls.__file__).with_suffix(".csv"))
S = atlas_nulls.SETTINGS
KEY = ["atlas", "length", "below", "method"]


def test_every_planned_test_is_in_the_table_once():
    planned = {
        (atlas, length, below, method)
        for atlas in S["atlases"]
        for length in S["lengths"]
        for below in (S["below"] if "+" in atlas else ["one field"])
        for method in S["methods"]
        if "+" in atlas or "," not in method
    }
    assert set(TABLE[KEY].itertuples(index=False, name=None)) == planned
    assert len(TABLE) == len(planned)
    assert set(TABLE["settings"]) == {kept.digest(S)}
    np.testing.assert_allclose(TABLE["share"], TABLE["alarms"] / TABLE["pairs"], atol=5e-5)
    assert (TABLE["pairs"] == S["maps"] * S["batches"]).all()


def test_false_alarms_are_what_the_docstring_of_the_nulls_says():
    share = TABLE.set_index(KEY)["share"]
    assert share.xs("moran", level="method").between(0.03, 0.08).all()
    spin = share.xs("spin", level="method")
    assert spin.loc[["desikan", "schaefer200"]].between(0.03, 0.08).all()
    assert spin.loc["desikan+subcortex"].between(0.03, 0.083).all()
    assert spin.loc["schaefer200+subcortex"].between(0.06, 0.095).all()
    # Cortex and subcortex drawn as one are called related because their levels differ, and for nothing else.
    together = share.xs("moran, one part", level="method").drop("one field", level="below")
    assert together.between(0.18, 0.33).all()


@pytest.mark.parametrize("method", S["methods"])
def test_a_batch_is_earned_again(method):
    atlas = load_atlas("desikan+subcortex")
    root = atlas_nulls.root_of(atlas, 40)
    hits = [atlas_nulls.alarms(atlas, root, "own level", method, seed, S["maps"], S["nulls"]) for seed in range(8)]
    share = TABLE.set_index(KEY).loc[("desikan+subcortex", 40, "own level", method), "share"]
    n = 8 * S["maps"]
    assert abs(sum(hits) / n - share) < 4 * np.sqrt(share * (1 - share) / n)
