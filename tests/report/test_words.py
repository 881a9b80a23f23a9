"""The verdict: what is said follows from the numbers, and every number is there."""

import numpy as np
import pytest

from xsg.report.words import to_report, verdict

NONE = (np.nan,) * 6


@pytest.mark.parametrize(
    ("gain", "answer", "why"),
    [
        ((0.15, 0.05, 0.25, 0.1, 0.2, 0.05), "Yes", "Genes add to place: position and genes together"),
        ((0.15, 0.05, 0.25, 0.1, 0.2, np.nan), "Yes", "+0.25; no null maps were asked)."),
        ((0.15, -0.05, 0.25, 0.1, 0.2, 0.05), "Not settled", "other regions might show nothing"),
        ((0.15, 0.05, 0.25, 0.1, 0.2, 0.3), "Not settled", "null maps often show as much"),
        ((0.15, -0.05, 0.25, 0.1, 0.2, 0.3), "No sign of it", "nothing to place that could be told from chance"),
        ((-0.15, -0.3, -0.05, 0.1, 0.2, 0.05), "No sign of it", "(−0.15, 95 % −0.30 to −0.05, p = 0.050)."),
        ((0.15, -0.05, 0.25, 0.1, 0.2, np.nan), "No sign of it", "nothing to place"),
        (NONE, "Not asked", "were not judged"),
    ],
)
def test_the_answer_is_that_of_interval_and_null_together(make, gain, answer, why):
    found = verdict(make(gain=gain))
    assert found.answer == answer
    assert why in found.why
    told = make(gain=gain).sentence
    assert (f"Do genes say anything about it that place does not? {answer}. {found.why}" in told) == (gain is not NONE)


def test_where_neither_place_nor_genes_tell_there_is_nothing_to_add_to(make):
    report = make({"My model": -0.1, "position (kriging)": -0.4, "position + genes": -0.2, "ridge": -0.3})
    assert verdict(report)[:2] == (
        "No sign of it",
        "Neither place nor genes predict it: position and genes together predict regions held out with R² = −0.20, "
        "position alone with −0.40 (+0.15, 95 % +0.05 to +0.25, p = 0.050).",
    )
    assert verdict(report).use == "No method is recommended: none predicts better than the mean."


def test_a_split_that_leaks_answers_nothing(make):
    found = verdict(make(leaks=True))
    assert found.answer == "Not to be told"
    assert found.use == "No method is recommended: this split cannot tell them apart."
    assert "position alone" not in make(leaks=True).sentence


def test_what_to_use(make):
    assert verdict(make()).use == (
        "To predict this map use position + genes (held-out R² = 0.45): My model (0.41) cannot be told from it."
    )
    far = make().baselines.assign(**{"lead low": -0.3, "lead high": -0.1})
    assert verdict(make(baselines=far)).use.endswith("My model (0.41) does less well.")
    ahead = make().baselines.assign(**{"lead low": 0.1, "lead high": 0.3})
    assert verdict(make(baselines=ahead)).use == (
        "To predict this map use My model (held-out R² = 0.41): nothing simpler does as well."
    )


def test_what_to_report_and_what_lacks(make):
    here = {what: (there, text) for there, what, text in to_report(make(), [make(split="spatial")])}
    assert all(there for there, _ in here.values())
    assert here["Position and ridge first"][1] == "position (kriging) R² = 0.30, ridge R² = 0.38"
    assert here["Pairs and patches"][1] == "My model by homologous: R² = 0.41, spatial: R² = 0.41."
    assert here["Medians over dealings, never the best"][1] == "0.41, from 0.31 to 0.51 over the dealings."
    alone = make({"My model": 0.41}, NONE, split="spatial", null=make().null.iloc[:0], n_nulls=0)
    lacks = {what: text for there, what, text in to_report(alone) if not there}
    assert lacks["Pairs and patches"] == "My model by spatial: R² = 0.41. Run split='homologous', too."
    assert lacks["A null with the whole model refitted"] == "Run a null."
    assert set(lacks) >= {"Position and ridge first", "Position + genes against position: what genes add"}
