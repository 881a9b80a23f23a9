"""The checks that every door of the package calls."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from xsg import check


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.float32(3), torch.tensor(3), np.array(3)])
def test_number_takes_numbers_of_every_library(value):
    found = check.number(value, "epochs", 1, whole=True)
    assert found == 3
    assert type(found) is int


@pytest.mark.parametrize("value", [True, np.True_, "3", None, [3], np.array([3]), 3j])
def test_number_refuses_what_is_none(value):
    with pytest.raises(TypeError, match=r"epochs is .*; expected a whole number of at least 1\."):
        check.number(value, "epochs", 1, whole=True)


@pytest.mark.parametrize(
    ("value", "how"),
    [
        (0, {"low": 1}),
        (2.5, {"whole": True}),
        (float("nan"), {}),
        (float("inf"), {}),
        (0.0, {"low": 0, "above": True}),
        (1.0, {"low": 0, "high": 1, "below": True}),
    ],
)
def test_number_refuses_what_is_out_of_range(value, how):
    with pytest.raises(ValueError, match=re.escape(f"rate is {value!r}; expected a")):
        check.number(value, "rate", **how)


def test_choice_names_what_there_is_and_what_is_near():
    assert check.choice("spin", ("spin", "moran"), "null") == "spin"
    with pytest.raises(
        ValueError, match=r"null 'Spin' is unknown; expected one of 'spin', 'moran'. Did you mean 'spin'"
    ):
        check.choice("Spin", ("spin", "moran"), "null")
    with pytest.raises(ValueError, match=r"null \['spin'\] is unknown"):
        check.choice(["spin"], ("spin", "moran"), "null")


@pytest.mark.parametrize(
    "value",
    [
        [[1, 0, 1]],
        ((True, False, True),),
        np.array([[1, 0, 1]], dtype=np.uint8),
        np.array([[1, 0, 1]], dtype=np.float16),
        np.array([[1, 0, 1]], dtype=object),
        torch.tensor([[1.0, 0.0, 1.0]], requires_grad=True),
        sparse.csr_array(np.array([[1, 0, 1]])),
        pd.DataFrame([[1, 0, 1]], columns=list("abc")),
    ],
    ids=str,
)
def test_array_takes_plain_numbers_in_any_form(value):
    found = check.array(value, "state", ndim=2)
    assert found.dtype == float
    assert found.tolist() == [[1.0, 0.0, 1.0]]


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ([[1, 2], [3]], TypeError, "equally long"),
        ("1 0 1", TypeError, "state: expected"),
        (np.array(["1", "0"]), TypeError, "expected numbers"),
        (np.array([1j]), TypeError, "complex"),
        (None, TypeError, "state: expected"),
        ([1.0, np.nan], ValueError, r"1 of 2 values are not finite, the first \(nan\) at \(1,\)"),
        ([[1.0]], ValueError, r"state has shape \(1, 1\); expected 1 axes"),
    ],
)
def test_array_refuses_the_rest_by_name(value, error, message):
    with pytest.raises(error, match=message):
        check.array(value, "state", ndim=1)


def test_series_takes_a_column_and_numbers_as_text():
    given = pd.DataFrame({"mm": ["0.1", " 0.2 ", "n/a", ""]}, index=list("abcd"))
    found = check.series(given, "thinning")
    assert found.name == "mm"
    np.testing.assert_array_equal(found, [0.1, 0.2, np.nan, np.nan])
    assert check.series({"a": 1, "b": 2}, "thinning").to_dict() == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (pd.DataFrame({"a": [1], "b": [2]}), TypeError, "2 columns: 'a', 'b'"),
        ([0.1, 0.2], TypeError, "expected a pandas Series"),
        (pd.Series(["0.1", "thin"], ["a", "b"]), ValueError, "the value of 'b', 'thin', is no number"),
        (pd.Series([True, False], ["a", "b"]), ValueError, "of type bool"),
        (pd.Series(pd.to_datetime(["2009-01-01"]), ["a"]), ValueError, "of type datetime64"),
    ],
)
def test_series_refuses_the_rest(given, error, message):
    with pytest.raises(error, match=message):
        check.series(given, "thinning")


NAMES = pd.Index(["L_insula", "L_cuneus", "R_insula"])


@pytest.mark.parametrize(
    "names",
    [
        ["R_insula", "L_insula", "L_cuneus"],
        ["rh_insula", "lh_insula", "lh_cuneus"],
        ["insula-rh", "insula-lh", "cuneus-lh"],
        ["rh_insula_thickness", "L_insula", "ctx-lh-cuneus"],
    ],
)
def test_names_decide_whatever_their_style_and_order(names):
    values = pd.Series([3.0, 1.0, 2.0], names)
    assert check.matched(values, NAMES, "map").tolist() == [1.0, 2.0, 3.0]
    aligned = check.align(values, NAMES, "map")
    assert aligned.to_dict() == {"L_insula": 1.0, "L_cuneus": 2.0, "R_insula": 3.0}
    maps = pd.DataFrame([values, values * 2], columns=names)
    assert check.matched(maps, NAMES, "maps").tolist() == [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]]


def test_what_has_no_names_is_taken_as_it_stands():
    assert check.matched([1, 2, 3], NAMES, "map").tolist() == [1.0, 2.0, 3.0]
    assert check.matched(pd.Series([1, 2, 3]), NAMES, "map").tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match=r"map has shape \(2,\); expected 3 values"):
        check.matched([1, 2], NAMES, "map")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["L_insula", "L_cuneus"], "missing: 'R_insula'"),
        (["L_insula", "L_cuneus", "R_insula", "R_cuneus"], "unknown: 'R_cuneus'"),
        (["L_insula", "L_insula", "R_insula"], "more than once: 'L_insula'"),
        (["L_insula", "lh_insula", "L_cuneus", "R_insula"], "'lh_insula' is another spelling"),
        (["lh_insula", "L_insula_thickness", "L_cuneus", "R_insula"], "missing: 'L_insula'"),
        (["L_insulla", "L_cuneus", "R_insula"], "Did you mean 'L_insula' by 'L_insulla'"),
        (["left", "L_cuneus", "R_insula"], "missing: 'L_insula'"),
    ],
)
def test_names_that_do_not_fit_are_refused(names, message):
    values = pd.Series(np.arange(len(names), dtype=float), names)
    for door in (check.matched, check.align):
        with pytest.raises(ValueError, match=message):
            door(values, NAMES, "map")


def test_a_suggestion_never_crosses_the_midline():
    with pytest.raises(ValueError) as caught:
        check.align(pd.Series({"lh_insulla": 1.0, "L_cuneus": 2.0}), ["R_insula", "L_cuneus"], "map")
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("thickness", 0.0),
        ("thickness", 25.3),
        ("thickness", -9.0),
        ("thickness", 2500.0),
        ("age", -4.0),
        ("age", 999.0),
        ("state", 1.5),
        ("state", -0.1),
        ("rate", -0.5),
        ("rate", np.inf),
        ("energy", -1.0),
        ("weight", np.nan),
    ],
)
def test_what_cannot_be_true_is_refused_with_its_place_and_range(kind, value):
    good = {"thickness": 2.5, "age": 70, "state": 0.5, "rate": 0.1, "energy": 3, "weight": 1}[kind]
    table = pd.DataFrame({"a": [good, good], "b": [good, good]}, index=["p", "q"], dtype=float)
    check.plausible(table, kind, "table")
    table.loc["q", "b"] = value
    with pytest.raises(ValueError, match=rf"table, 'q', 'b' is {value:g}; expected .*; 1 of 4"):
        check.plausible(table, kind, "table")


def test_a_code_for_missing_is_called_one():
    with pytest.raises(ValueError, match="code for a missing value"):
        check.plausible([2.5, -9999], "thickness", "L_insula")
    check.plausible([2.5, np.nan], "thickness", "L_insula", missing=True)
