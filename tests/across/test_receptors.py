"""Receptors: each value at its region."""

import numpy as np
import pandas as pd
import pytest

from xsg.across.receptors import receptors
from xsg.atlas import REGIONS
from xsg.data import fetch


@pytest.mark.usefixtures("real_data")
def test_receptors_stand_at_their_regions():
    table = receptors()
    assert table.shape == (68, 19)
    assert list(table.index) == list(REGIONS)
    assert np.isfinite(table.to_numpy()).all()
    twins = table.loc[[name for name in REGIONS if name[0] == "R"]]
    left = table.loc[["L" + name[1:] for name in twins.index]]
    alike = [np.corrcoef(left[name], twins[name])[0, 1] for name in table]
    assert min(alike) > 0.7  # homologues resemble each other, in every receptor
    # The serotonin 1a receptor is dense in limbic cortex and sparse in motor cortex.
    assert table["5HT1a"].rank(pct=True)[["L_entorhinal", "R_entorhinal", "L_temporalpole"]].min() > 0.8
    assert table["5HT1a"].rank(pct=True)[["L_precentral", "R_precentral"]].max() < 0.3


@pytest.mark.usefixtures("real_data")
def test_tables_of_another_shape_are_refused(tmp_path, monkeypatch):
    pd.DataFrame(np.ones((67, 19))).to_csv(tmp_path / "short.csv", header=False, index=False)
    real = fetch.fetch
    monkeypatch.setattr(fetch, "fetch", lambda name: tmp_path / "short.csv" if name.endswith("33.csv") else real(name))
    with pytest.raises(ValueError, match="68 regions and 19 names"):
        receptors()
