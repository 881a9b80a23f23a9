"""How a trial is run: nulls stopped early, what it notes, and that it can be run again from what it kept."""

import inspect
import json
import re
import subprocess
import sys
import time
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

import xsg
from xsg import trial
from xsg.evaluation.baselines import Baseline
from xsg.evaluation.protocol import predict_folds
from xsg.evaluation.splits import LeakWarning
from xsg.report import STATISTICS
from xsg.training import CrossScaleVAE

QUICK = CrossScaleVAE(latent=4, hidden=8, decoder=8, epochs=2)


@pytest.fixture(scope="module")
def cortex() -> xsg.Cortex:
    """Make a cortex whose map has nothing to do with its genes."""
    whole = xsg.load_cortex("simulated", n_genes=30)
    turned = pd.Series(whole.thinning.to_numpy()[::-1], whole.regions, name="thinning")
    return replace(whole, thinning=turned, provenance=["Made up.", "Turned round."])


def test_stopped_nulls_are_the_first_of_all(cortex):
    given = {"baselines": True, "progress": False, "n_dealings": 3}
    every = xsg.evaluate(Ridge(), cortex, n_nulls=100, **given)
    early = xsg.evaluate(Ridge(), cortex, n_nulls=100, stop_after=5, **given)
    assert early.stopped
    assert not every.stopped
    assert 5 <= len(early.null) < 100
    pd.testing.assert_frame_equal(early.null, every.null.iloc[: len(early.null)])
    for what in STATISTICS[2:]:
        hits = np.flatnonzero(every.null[what] >= every.seeds.loc[0, what])
        assert early.p_value[what] == 5 / (hits[4] + 1)
        assert early.counted.loc[what].to_list() == [hits[4] + 1, 5, "h / l"]
    assert len(early.null) == early.counted.loc[list(STATISTICS[2:]), "nulls"].max()
    assert every.counted.loc["held-out R²", "rule"] == "(1 + c) / (1 + n)"
    pd.testing.assert_frame_equal(early.baselines, every.baselines)  # all maps, stopped or not
    words = f"Of {len(early.null)} random maps as smooth as this one (spin; stopped when 5 had reached its held-out R²"
    assert words in early.sentence
    assert "stopped" not in every.sentence
    assert early.table().loc[("Ridge", "held out"), "p R²"] == early.p_value["held-out R²"]
    assert f"{early.p_value['held-out r']:.3f}" in repr(early)
    early.plot()


def test_up_to_a_thousand_by_default_and_stopped_at_twenty(cortex):
    report = xsg.evaluate(Ridge(), cortex, n_dealings=1, baselines=False, progress=False)
    assert (report.n_nulls, report.stop_after, report.split) == (1000, 20, "homologous")
    assert 20 <= len(report.null) < 1000
    assert report.counted.loc[list(STATISTICS[2:]), "reached"].to_list() == [20, 20]


@pytest.mark.parametrize("null", ["noise-genes", "rewired"])
def test_genes_and_graphs_are_the_first_of_all_too(cortex, null):
    given = {"null": null, "n_dealings": 2, "baselines": False, "progress": False}
    every = xsg.evaluate(QUICK, cortex, n_nulls=30, **given)
    early = xsg.evaluate(QUICK, cortex, n_nulls=30, stop_after=3, **given)
    pd.testing.assert_frame_equal(early.null, every.null.iloc[: len(early.null)])


def test_a_report_says_what_it_takes_to_run_it_again(cortex):
    report = xsg.evaluate(Ridge(alpha=3.0), cortex, n_nulls=19, seed=4, baselines=False, progress=False)
    settings = json.loads(json.dumps(report.settings))
    assert settings["model"]["class"] == "sklearn.linear_model._ridge.Ridge"
    assert settings["model"]["params"]["alpha"] == 3.0
    given = {name: settings[name] for name in inspect.signature(xsg.evaluate).parameters if name in settings}
    del given["model"]
    assert given["seed"] == 4
    assert given["split"] == "homologous"  # what was found is said
    again = xsg.evaluate(Ridge(**settings["model"]["params"]), cortex, **given, progress=False)
    pd.testing.assert_frame_equal(report.null, again.null)
    assert again.settings == report.settings
    assert report.parcellation is cortex.parcellation


def test_notes_hold_provenance_and_warnings_which_are_given_still(cortex):
    for _ in range(2):  # what was shown before is noted all the same
        with pytest.warns(LeakWarning):
            report = xsg.evaluate(Ridge(), cortex, split="left-to-right", n_nulls=0, baselines=False, progress=False)
        assert report.notes[:2] == ["Made up.", "Turned round."]
        assert len(report.notes) == 3
        assert report.notes[2].startswith("LeakWarning: split 'left-to-right' holds")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(LeakWarning):
            xsg.evaluate(Ridge(), cortex, split="left-to-right", n_nulls=0, progress=False)


def test_what_is_wrong_is_named(cortex):
    with pytest.raises(ValueError, match="stop_after is 0"):
        xsg.evaluate(Ridge(), cortex, stop_after=0)
    with pytest.raises(ValueError, match=r"n_nulls is 10: .* p ≤ 0\.05 is out of reach"):
        xsg.evaluate(Ridge(), cortex, n_nulls=10, stop_after=5)


CUT = """
import sys, xsg
cortex = xsg.load_cortex("simulated", n_genes=30)
model = xsg.CrossScaleVAE(latent=4, hidden=8, decoder=8, epochs=60)
report = xsg.evaluate(model, cortex, n_nulls=30, n_dealings=2, baselines=False, progress=False, checkpoint=sys.argv[1])
report.null.to_csv(sys.argv[2])
"""


def test_a_run_killed_in_the_middle_of_its_nulls_goes_on_from_there(tmp_path):
    """Kill the process outright, no Ctrl-C: what was kept is whole, is not trained again, and the end is the same."""
    kept = tmp_path / "kept"

    def begin(folder):
        return subprocess.Popen([sys.executable, "-c", CUT, folder, tmp_path / f"{folder.name}.csv"])

    run = begin(kept)
    while run.poll() is None and not (kept.is_dir() and len([*kept.glob("*.safetensors")]) >= 4):
        time.sleep(0.01)  # the first chunk is the real map's
    run.kill()
    run.wait()
    before = {file: file.stat().st_mtime_ns for file in kept.glob("*.safetensors")}
    assert not (tmp_path / "kept.csv").exists()
    assert begin(kept).wait() == 0
    after = {file: file.stat().st_mtime_ns for file in kept.glob("*.safetensors")}
    assert len(after) > len(before) >= 4
    assert before.items() <= after.items()
    assert begin(tmp_path / "whole").wait() == 0
    assert (tmp_path / "kept.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_processes_change_nothing_but_the_time(cortex):
    given = {"n_nulls": 19, "baselines": False, "progress": False, "n_dealings": 2}
    alone, shared = (xsg.evaluate(QUICK, cortex, n_jobs=n, **given) for n in (1, 2))
    pd.testing.assert_frame_equal(alone.null, shared.null)
    pd.testing.assert_frame_equal(alone.predictions, shared.predictions)
    assert alone.settings == shared.settings


def test_it_says_before_how_long_it_will_take(cortex, capsys, monkeypatch):
    xsg.evaluate(QUICK, cortex, n_nulls=19, n_dealings=1, baselines=False)
    assert "about" not in capsys.readouterr().err  # too short to be told
    monkeypatch.setattr(trial, "_LONG", 0)
    xsg.evaluate(QUICK, cortex, n_nulls=19, n_dealings=1, baselines=False)
    assert re.search(r"about \d+ s: CrossScaleVAE, 5 folds, 19 nulls × 6 fits\n", capsys.readouterr().err)
    xsg.evaluate(Ridge(), cortex, n_dealings=3, baselines=False)
    assert "Ridge, 3 dealings × 5 folds, up to 1,000 nulls × 6 fits" in capsys.readouterr().err
    xsg.evaluate(QUICK, cortex, n_nulls=0, n_dealings=1, baselines=False, progress=False)
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("null", "name", "what"), [("rewired", "ridge", "graph"), ("noise-genes", "position (kriging)", "genes")]
)
def test_a_null_of_what_a_model_does_not_read_is_told(cortex, null, name, what):
    given = {"n_dealings": 2, "baselines": False, "progress": False}
    with pytest.warns(UserWarning, match=f"{null!r}: {re.escape(name)} predicts the same whatever {what}"):
        report = xsg.evaluate(Baseline(name), cortex, null=null, **given)
    assert len(report.null) < 60  # every null reaches it
    assert report.notes[-1].startswith("UserWarning")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xsg.evaluate(QUICK, cortex, null=null, n_nulls=19, **given)


def test_folds_of_its_own_are_not_kept(cortex, tmp_path):
    class Own(CrossScaleVAE):
        def predict_folds(self, cortex, maps, held_out):
            return np.zeros((len(maps), *held_out.shape))

    with pytest.raises(ValueError, match="checkpoint: fits of Own are not kept"):
        xsg.evaluate(Own(), cortex, checkpoint=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
    with pytest.raises(ValueError, match="checkpoint: fits of Ridge are not kept"):
        predict_folds(Ridge(), cortex, cortex.thinning, np.arange(68)[None] < 9, checkpoint=tmp_path / "kept")
