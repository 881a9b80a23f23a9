"""The verdict: what is said follows from the numbers, and every number is there."""

import numpy as np
import pytest

from xsg.report.words import overall, verdict

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


ZERO = (-0.02, -0.2, 0.1, -0.1, 0.1, 0.6)
NEARLY = (0.15, -0.05, 0.25, 0.1, 0.2, 0.05)


@pytest.mark.parametrize(
    ("pairs", "patches", "answer", "told"),
    [
        (None, None, "Yes", "pairs say yes, patches say yes."),
        (None, ZERO, "Not settled", "pairs say yes, patches say no sign of it."),
        (ZERO, None, "Not settled", "pairs say no sign of it, patches say yes."),
        (None, NEARLY, "Not settled", "pairs say yes, patches say not settled."),
        (ZERO, NEARLY, "Not settled", "pairs say no sign of it, patches say not settled."),
        (ZERO, ZERO, "No sign of it", "pairs say no sign of it, patches say no sign of it."),
        (NONE, NONE, "Not asked", "were not judged beside the model."),
        (NONE, ZERO, "No sign of it", "patches say no sign of it."),
    ],
)
def test_pairs_and_patches_must_both_say_yes(make, pairs, patches, answer, told):
    first, second = (
        make(split=split, **({} if gain is None else {"gain": gain}))
        for split, gain in (("homologous", pairs), ("spatial", patches))
    )
    found = overall(first, [second])
    assert found.answer == answer
    assert found.why.endswith(told)
    assert overall(second, [first]).answer == answer  # whichever stands first
    assert found.use == verdict(first).use


def test_one_split_alone_is_no_yes(make):
    assert overall(make())[:2] == (
        "Not settled",
        "For a yes, pairs and patches must both say yes: pairs say yes, patches were not asked.",
    )
    assert overall(make(split="left-to-right")).why.endswith(
        "split 'left-to-right' says yes, pairs were not asked, patches were not asked."
    )
    for gain in (ZERO, NEARLY, NONE):
        assert overall(make(gain=gain)) == verdict(make(gain=gain))
    assert overall(make(leaks=True)) == verdict(make(leaks=True))


def test_a_split_that_leaks_has_no_say(make):
    found = overall(make(), [make(split="spatial"), make(split="random", leaks=True, gain=ZERO)])
    assert found.answer == "Yes"
    assert "random" not in found.why
