"""A folder to work in, and a map in it."""

import numpy as np
import pytest

from xsg.atlas import load_parcellation


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def table(here):
    places = load_parcellation("dk").table
    values = places["y"] / 50 + np.random.default_rng(0).normal(0, 0.3, len(places))
    values.rename("d").to_csv(here / "mine.csv")
    return "mine.csv"
