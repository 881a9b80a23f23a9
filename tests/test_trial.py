"""How a trial is run: nulls stopped early, what it notes, and that it can be run again from what it kept."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

import xsg
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
    every = xsg.evaluate(Ridge(), cortex, n_nulls=300, **given)
    early = xsg.evaluate(Ridge(), cortex, n_nulls=300, stop_after=5, **given)
    assert early.stopped
    assert not every.stopped
    assert 5 <= len(early.null) < 300
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
    given = {name: value for name, value in settings.items() if name != "model"}
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
