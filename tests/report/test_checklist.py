"""The checklist: each step of the protocol is done by what a report holds, and the rest says how to do it."""

import json

import numpy as np

from xsg.report.checklist import checklist
from xsg.report.record import as_json

NONE = (np.nan,) * 6
SEAL = {"date": "2026-11-29T14:58:03Z", "digest": "ab" * 32, "again": ""}
STEPS = [
    "Position and ridge first",
    "Pairs and patches",
    "A null with the whole model refitted",
    "Noise in place of the genes",
    "Medians over dealings, never the best",
    "Position + genes against position: what genes add",
    "Settings and rule frozen before looking",
    "What a deep model must beat: ridge and position on the same folds",
    "For courses over time: no change, and mixed effects",
]


def by_step(report, also=()):
    found = checklist(report, also)
    assert [each.what for each in found] == STEPS
    return {each.what: (each.state, each.text) for each in found}


def test_what_is_done(make):
    noise = make(split="spatial", null_name="noise-genes")
    found = by_step(make(record=make().record | {"sealed": SEAL}), [noise])
    assert [state for state, _ in found.values()] == ["done"] * 8 + ["does not apply"]
    assert found["Position and ridge first"][1] == "position (kriging) R² = 0.30, ridge R² = 0.38"
    assert found["Pairs and patches"][1] == "My model by homologous: R² = 0.41, spatial: R² = 0.41."
    assert found["Medians over dealings, never the best"][1] == "0.41, from 0.31 to 0.51 over the dealings."
    assert found["Noise in place of the genes"][1].endswith("39 tables of noise does as well (spatial).")
    assert found["Settings and rule frozen before looking"][1].startswith("29 November 2026, 14:58 UTC, seal abab")
    late = by_step(make(record=make().record | {"sealed": SEAL | {"tried": "2026-11-29"}}))
    assert late["Settings and rule frozen before looking"] == (
        "not done",
        "Sealed 29 November 2026, 14:58 UTC; the same values had been on trial before.",
    )
    deep = "What a deep model must beat: ridge and position on the same folds"
    assert found[deep][1] == "My model does not lead ridge by more than chance."
    ahead = make(baselines=make().baselines.assign(**{"lead low": 0.1}))
    assert by_step(ahead)[deep][1] == "My model leads both, by more than chance."


def test_what_is_not_done_says_how(make):
    alone = make({"My model": 0.41}, NONE, split="spatial", null=make().null.iloc[:0], n_nulls=0)
    found = by_step(alone)
    lacks = {what: text for what, (state, text) in found.items() if state == "not done"}
    assert lacks["Pairs and patches"] == "My model by spatial: R² = 0.41. Run split='homologous', too."
    assert lacks["A null with the whole model refitted"] == "Run a null."
    assert "--null noise-genes" in lacks["Noise in place of the genes"]
    assert "'xsg seal'" in lacks["Settings and rule frozen before looking"]
    assert set(found) - set(lacks) == {
        "Medians over dealings, never the best",
        "For courses over time: no change, and mixed effects",
    }


def test_a_simple_method_need_not_beat_itself(make):
    found = by_step(make({"ridge": 0.41, "position (kriging)": 0.3, "position + genes": 0.4}))
    assert found["Position and ridge first"] == ("done", "position (kriging) R² = 0.30, ridge R² = 0.41")
    assert found["What a deep model must beat: ridge and position on the same folds"][0] == "does not apply"


def test_it_stands_in_the_record(make):
    found = json.loads(as_json(make(), [make(split="spatial")]))
    assert [each["what"] for each in found["checklist"]] == STEPS
    assert found["verdict_over_splits"]["answer"] == "Yes"
    assert found["checklist"][1]["state"] == "done"
