"""The replication is as it was frozen, its table is whole, and a row of it can be earned again."""

import json
from pathlib import Path

import pandas as pd
import pytest

import kept
import replication
import xsg

TABLE = Path(replication.__file__).with_suffix(".csv")
SETTINGS = replication.SETTINGS


def small(monkeypatch):
    """Simulated maps, few draws and short training."""
    monkeypatch.setattr(replication, "cortex_of", lambda name: xsg.load_cortex("simulated", n_genes=40, seed=len(name)))
    short = {preset: xsg.CrossScaleVAE.from_preset(preset, epochs=2) for preset in SETTINGS["presets"]}
    monkeypatch.setattr(replication, "model_of", lambda name: short.get(name) or replication.Baseline(name))
    for name, value in {"dealings": 2, "noise tables": 4, "noise tables elsewhere": 2, "rotations": 60}.items():
        monkeypatch.setitem(SETTINGS, name, value)
    monkeypatch.setattr(replication, "FILES", dict.fromkeys(["EOAD", "LOAD", "PS1", "AD"]))


def test_all_parts_are_made_and_rotations_stop_when_enough_have_reached_the_map(monkeypatch):
    small(monkeypatch)
    tables = []
    monkeypatch.setattr("sys.argv", ["replication.py"])
    monkeypatch.setattr(kept, "sealed", lambda *_, **__: None)
    monkeypatch.setattr(kept, "store", lambda _, table: tables.append(table))
    monkeypatch.setattr(replication, "run", lambda *jobs: pd.concat([replication.found(*job) for job in jobs]))
    monkeypatch.setattr(replication.beside, "__defaults__", (30,))
    replication.main()
    table = tables[-1]
    assert list(table) == replication.COLUMNS
    assert table.loc[table.kind != "transfer", "r2"].notna().all()
    n = table.groupby(["kind", "map", "model", "split"]).size()
    assert (n["real"] == 2).all()
    assert n["noise", "EOAD", "xsg", "homologous"] == 4
    assert n["noise", "PS1", "ridge", "homologous"] == 2
    assert n["transfer", "LOAD", "paper", "homologous"] == 2
    assert n["transfer", "LOAD", "the map itself", "homologous"] == 1
    for (_, model), rows in table[table.kind == "rotated"].groupby(["map", "model"]):
        own = table[(table.kind == "real") & (table["map"] == rows["map"].iloc[0]) & (table.model == model)].r2.median()
        reached = (rows.r2 >= own).sum()
        assert list(rows.number) == list(range(len(rows)))
        assert len(rows) == SETTINGS["rotations"] or reached >= SETTINGS["stop after"]


def test_simple_methods_score_as_in_a_trial():
    cortex = xsg.load_cortex("simulated", n_genes=40)
    rows = replication.beside(cortex, "homologous", n=39).set_index(["kind", "model"])
    report = xsg.evaluate(replication.model_of("ridge"), cortex, n_nulls=39, seed=0, progress=False)
    assert rows.r2["chance", "ridge"] == pytest.approx(report.held_out.loc["R²", "value"])
    assert rows.p["chance", "ridge"] == pytest.approx(report.p_value["held-out R²"])
    gain = rows.loc[("gain", "position + genes less position (kriging)")]
    assert [gain.r2, gain.p] == pytest.approx([report.gain["value"], report.gain["p"]])


def test_it_is_as_it_was_frozen():
    seal = kept.sealed(replication.__file__, **replication.SEALED)
    assert seal.rule == replication.RULE
    assert json.loads(json.dumps(SETTINGS)) == seal.settings


def test_every_map_and_model_is_in_the_table():
    table = pd.read_csv(TABLE)
    n = table.groupby(["kind", "map", "model", "split"]).size()
    models = [*SETTINGS["presets"], *SETTINGS["simple"]]
    assert n["real"].xs("homologous", level="split").to_dict() == {
        (name, model): SETTINGS["dealings"] for name in replication.FILES for model in models
    }
    for name in replication.FILES:
        many = SETTINGS["noise tables" if name in SETTINGS["in the rule"] else "noise tables elsewhere"]
        assert (n["noise", name] == many).all()
    observed = table[table.kind == "real"].groupby(["map", "model", "split"]).r2.median()
    for (name, model, split), rows in table[table.kind == "rotated"].groupby(["map", "model", "split"]):
        reached = (rows.r2 >= observed[name, model, split]).sum()
        assert len(rows) == SETTINGS["rotations"] or reached >= SETTINGS["stop after"]


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize(("name", "model"), [("EOAD", "xsg"), ("tau", "paper"), ("PD HY4-5", "ridge")])
def test_a_row_is_earned_again(name, model):
    table = pd.read_csv(TABLE).set_index(["kind", "map", "model", "split", "number"])
    found = replication.refitted(replication.cortex_of(name), "noise", model, range(2, 3))
    assert found.r2[0] == pytest.approx(table.r2["noise", name, model, "homologous", 2], abs=0.03)
