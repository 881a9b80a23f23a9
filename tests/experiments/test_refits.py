"""The table of refits holds what its script says it holds, and a row of it can be earned again."""

from pathlib import Path

import pandas as pd
import pytest

import refits
import xsg

TABLE = Path(refits.__file__).with_suffix(".csv")


def test_every_planned_refit_is_in_the_table_once():
    table = pd.read_csv(TABLE)
    planned = [(*what, number) for *what, numbers in refits.plan() for number in numbers]
    assert [tuple(row) for row in table[["kind", "preset", "split", "dealing", "number"]].to_numpy()] == planned
    assert table[["r2", "r"]].notna().all(axis=None)
    assert (table.r2 <= table.r.abs()).all()  # R² is at most r²


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize(
    "what", [("spin", "spatial", 0, 123), ("λ", "homologous", 0, 34), ("observed", "random", 7, 0)]
)
def test_a_row_is_earned_again(what):
    table = pd.read_csv(TABLE).set_index(["kind", "split", "dealing", "preset", "number"])
    cortex = xsg.load_cortex("ahba-ad")
    kind, split, dealing, number = what
    found = refits.scores(*refits.predictions(cortex, kind, "paper", split, dealing, [number], progress=False))
    assert found.r2[0] == pytest.approx(table.r2[kind, split, dealing, "paper", number], abs=0.03)


def test_the_real_map_is_held_out_in_all_dealings_and_noise_of_the_preset_xsg_in_turn():
    table = pd.read_csv(TABLE)
    homologous = table[table.split == "homologous"]
    noise = homologous[(homologous.kind == "noise genes") & (homologous.preset == "xsg")]
    assert (noise.dealing == noise.number % refits.DEALINGS).all()
    real = homologous[(homologous.kind == "observed") & (homologous.number == 0)]
    assert real.groupby("preset").dealing.nunique().to_dict() == {"paper": 21, "xsg": 21}
    # What lets the noise of the preset "paper" keep the first dealing.
    by_dealing = real[real.preset == "paper"].set_index("dealing").r2
    assert by_dealing[0] == by_dealing.median()
