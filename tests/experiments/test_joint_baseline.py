"""The choice of the joint baseline: the kept table chooses what the package has, by the rule, on simulated maps."""

from pathlib import Path

import numpy as np
import pandas as pd

import joint_baseline
import xsg
from xsg.bench.methods import PlaceAndGenes
from xsg.evaluation.protocol import held_out_predictions
from xsg.evaluation.splits import homologous

TABLE = pd.read_csv(Path(joint_baseline.__file__).with_suffix(".csv"))
CHOSEN = "processes, curved, averaged"


def test_the_rule_chooses_what_the_package_has():
    sizes = len(joint_baseline.SPLITS) * len(joint_baseline.SHARES) * len(joint_baseline.CORTICES) * joint_baseline.MAPS
    assert TABLE["candidate"].value_counts().to_dict() == dict.fromkeys(joint_baseline.CANDIDATES, sizes)
    assert joint_baseline.chosen(TABLE) == CHOSEN
    ranks = joint_baseline.summary(TABLE)
    assert ranks.loc[CHOSEN, "mean"] > ranks["mean"].drop(CHOSEN).max()
    assert ranks.loc[CHOSEN, "loss"] < 0.02 < ranks.loc["ridge", "loss"]  # genes alone are no candidate
    worse = TABLE.assign(r2=TABLE["r2"].where(TABLE["candidate"] != CHOSEN, -1))
    assert joint_baseline.chosen(worse) != CHOSEN


def test_it_is_the_candidate_and_scores_again_as_it_did(monkeypatch):
    few = {name: joint_baseline.CANDIDATES[name] for name in ("position (kriging)", CHOSEN)}
    monkeypatch.setattr(joint_baseline, "CANDIDATES", few)
    again = joint_baseline.found(102, 0.5)
    kept = TABLE[TABLE["candidate"].isin(few) & (TABLE["cortex"] == 102) & (TABLE["share"] == 0.5)]
    np.testing.assert_allclose(again["r2"], kept["r2"], atol=2e-4)
    cortex = xsg.load_cortex("simulated", seed=102)
    folds, maps = homologous(cortex.regions), joint_baseline.maps(cortex, 0.5, 102)
    one, other = (held_out_predictions(each, cortex, folds, maps) for each in (few[CHOSEN], PlaceAndGenes()))
    np.testing.assert_allclose(one, other, atol=1e-8)


def test_maps_without_genes_know_nothing_of_the_programs():
    """The stream of such maps once was that of the programs."""
    cortex = xsg.load_cortex("simulated", seed=101)
    field, programs = joint_baseline.maps(cortex, 0.0, 101).to_numpy(), cortex.truth.programs.to_numpy().T
    assert np.abs(np.corrcoef(field, programs)[: len(field), len(field) :]).max() < 0.9
