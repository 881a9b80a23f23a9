"""The table of the solver's growth: what it must show, and a row of it again."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def table():
    return pd.read_csv(ROOT / "experiments/solver_growth.csv").set_index(["case", "method"])


@pytest.fixture(scope="module")
def script():
    """The peers' script, without the package's other benchmarks."""
    spec = importlib.util.spec_from_file_location("peers_solver", ROOT / "tests/benchmarks/peers/solver.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_time_grows_hardly_faster_than_the_number_of_places(table):
    ours = table.xs("xsg products", level="method")
    assert ours["n"].max() > 220_000
    part = ours[ours["n"].between(1000, 110_000)]
    for column in ("forward_s", "both_s"):
        assert np.polyfit(np.log(part["n"]), np.log(part[column]), 1)[0] <= 1.2


def test_products_are_as_exact_as_modes(table):
    modes, products = (table.xs(f"xsg {kind}", level="method")["error"] for kind in ("modes", "products"))
    assert (products.reindex(modes.index) <= 1.01 * modes + 2e-6).all()


def test_a_row_again(table, script, tmp_path):
    exact = tmp_path / "exact.npy"
    script.reference("disc-40", exact)
    for method in ("xsg products", "xsg products 4"):
        found = script.row("disc-40", method, exact)
        assert found["n"] == table.loc[("disc-40", "xsg products"), "n"]
        assert found["forward_s"] > 0
        assert "both_mb" in found
    kept = table.loc[("disc-40", "xsg products"), "error"]
    assert script.row("disc-40", "xsg products", exact)["error"] == pytest.approx(kept, rel=0.02)


def test_neighbours_are_those_of_the_laplacian(script):
    mask = script.mask_of("ball-11")
    laplacian, near = script.laplacian_of(mask)
    u = np.random.default_rng(0).random(mask.sum())
    np.testing.assert_allclose(sum(u[each] - u for each in near), -laplacian @ u, atol=1e-12)
