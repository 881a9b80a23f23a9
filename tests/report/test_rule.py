"""Rules that a report checks itself: read strictly, judged on every split, and never met by what is not known."""

import numpy as np
import pytest

from xsg.report.rule import QUANTITIES, clauses, is_nearly, judge, out_of_reach

NONE = (np.nan,) * 6


@pytest.mark.parametrize(
    ("rule", "read"),
    [
        ("gain > 0 and gain p <= 0.05", ["gain > 0", "gain p <= 0.05"]),
        ("held-out R² ≥ .1, p<0.05.", ["R2 >= 0.1", "p < 0.05"]),
        ("R2 > position AND r > −0.5", ["R2 > position", "r > -0.5"]),
        ("position+genes > position", ["position + genes > position"]),
        ("p", None),
        ("0.1 < 0.2", None),
        ("gian > 0", None),
        ("gain > 0 > p", None),
        ("gain > nan", None),
        ("gain > 0 or p < 0.05", None),
        ("Genes add more than place does.", None),
        ("__import__('os').remove('x') > 0", None),
    ],
)
def test_only_comparisons_of_known_numbers_are_rules_to_check(rule, read):
    found = clauses(rule)
    assert (found and [str(each) for each in found]) == read


def test_every_quantity_is_read_and_known(make):
    report = make()
    for name in QUANTITIES:
        (told,) = judge(f"{name} > -99", [report]).told
        assert told.endswith(": met.")


def test_a_rule_is_met_where_all_splits_meet_it(make):
    one, other = make(), make(split="spatial", gain=(-0.02, -0.2, 0.1, -0.1, 0.1, 0.6))
    rule = "gain > 0 and gain p <= 0.05"
    assert judge(rule, [one]) == (True, ["Split 'homologous': gain = 0.15 > 0: met; gain p = 0.05 <= 0.05: met."])
    found = judge(rule, [one, other])
    assert not found.met
    assert found.told[1] == "Split 'spatial': gain = −0.02 > 0: not met; gain p = 0.6 <= 0.05: not met."
    assert judge("R2 > ridge and R2 > position + genes", [one]).met is False


def test_what_is_not_known_meets_no_rule(make):
    assert judge("gain > 0", [make(gain=NONE)]).met is None
    assert judge("gain > 0", [make(), make(split="random", leaks=True)]).met is None
    assert judge("ridge > 0", [make({"My model": 0.4}, NONE)]).met is None
    assert judge("R2 > 0.9 and gain > 0", [make(gain=NONE)]).met is False
    assert judge("If genes help.", [make()]) == (None, [])


def test_a_rule_that_was_meant_to_be_checked_is_noticed():
    for rule in ("gian > 0.1", "R2 > place", "gain p <= 0,05", "gain == 0", "p ≦ 0.05", "gain > 0 && p < 0.05"):
        assert is_nearly(rule)
    assert not is_nearly("gain > 0.1")
    assert not is_nearly("If genes help.")


@pytest.mark.parametrize(
    ("rule", "null", "n_nulls", "told"),
    [
        (
            "gain > 0 and gain p < 0.05",
            "spin",
            19,
            "gain p < 0.05 asks for a smaller p-value than 19 nulls can give (0.05)",
        ),
        ("0.01 >= p r", "spin", 19, "0.01 >= p r asks for a smaller p-value than 19 nulls can give (0.05)"),
        ("p > 0.5", "spin", 0, "p > 0.5 asks for a p-value, and there are no nulls"),
        ("gain p < 0.05", "rewired", 99, "gain p < 0.05 asks for null maps, which 'rewired' does not draw"),
        ("p < 0.05", "rewired", 99, ""),
        ("p <= 0.05", "spin", 19, ""),
        ("p > 0.01 and p < gain p and R2 < 0.01", "spin", 19, ""),
        ("gain > 0", "spin", 0, ""),
        ("If p is below 0.05.", "spin", 0, ""),
    ],
)
def test_a_p_value_out_of_reach_is_told(rule, null, n_nulls, told):
    assert out_of_reach(rule, null, n_nulls) == told
