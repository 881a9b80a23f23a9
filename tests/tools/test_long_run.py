"""The table of refits holds what its script says it holds, and a row of it can be earned again."""

import pandas as pd
import pytest

import long_run
import xsg

TABLE = long_run.ROOT / "xsg/data/refits.csv"


def test_every_planned_refit_is_in_the_table_once():
    table = pd.read_csv(TABLE)
    planned = [(*what, number) for *what, numbers in long_run.plan() for number in numbers]
    assert [tuple(row) for row in table[["kind", "preset", "split", "number"]].to_numpy()] == planned
    assert table[["r2", "r"]].notna().all(axis=None)
    assert (table.r2 <= table.r.abs()).all()  # R² is at most r²


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize(("kind", "split", "number"), [("spin", "spatial", 123), ("λ", "homologous", 34)])
def test_a_row_is_earned_again(kind, split, number):
    table = pd.read_csv(TABLE).set_index(["kind", "preset", "split", "number"])
    cortex = xsg.load_cortex("ahba-ad")
    found = long_run.scores(*long_run.predictions(cortex, kind, "paper", split, [number], progress=False))
    assert found.r2[0] == pytest.approx(table.r2[kind, "paper", split, number], abs=0.03)
