"""The table of refits holds what its script says it holds, and a row of it can be earned again."""

import pandas as pd
import pytest

import long_run
import xsg

TABLE = long_run.ROOT / "xsg/data/refits.csv"


def test_every_planned_refit_is_in_the_table_once():
    table = pd.read_csv(TABLE)
    planned = [(*what, number) for *what, numbers in long_run.plan() for number in numbers]
    assert [tuple(row) for row in table[["kind", "preset", "split", "dealing", "number"]].to_numpy()] == planned
    assert table[["r2", "r"]].notna().all(axis=None)
    assert (table.r2 <= table.r.abs()).all()  # R² is at most r²


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize("what", [("spin", "spatial", 18, 81), ("λ", "homologous", 4, 34), ("spin", "lobe", 0, 123)])
def test_a_row_is_earned_again(what):
    table = pd.read_csv(TABLE).set_index(["kind", "split", "dealing", "preset", "number"])
    cortex = xsg.load_cortex("ahba-ad")
    kind, split, dealing, number = what
    found = long_run.scores(*long_run.predictions(cortex, kind, "paper", split, dealing, [number], progress=False))
    assert found.r2[0] == pytest.approx(table.r2[kind, split, dealing, "paper", number], abs=0.03)


def test_each_null_is_held_out_in_one_dealing_and_the_real_map_in_all():
    table = pd.read_csv(TABLE)
    nulls = table[(table.split == "homologous") & table.kind.isin(["spin", "noise genes", "rewired"])]
    assert not nulls.duplicated(["kind", "preset", "number"]).any()
    assert (nulls.dealing == nulls.number % long_run.DEALINGS).all()
    real = table[(table.split == "homologous") & (table.kind == "observed") & (table.number == 0)]
    assert real.groupby("preset").dealing.nunique().to_dict() == {"paper": 21, "xsg": 21}
