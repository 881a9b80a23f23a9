"""The page of the model across scales names things that exist, with the priors that it states."""

import inspect
import math
import re
from pathlib import Path

import pytest
import torch

import xsg
from xsg.across.joint import PRIOR
from xsg.across.joint_model import SEED_AMOUNT, Terms
from xsg.across.over_time_model import DynamicPrograms, Series

BOOK = Path(__file__).resolve().parents[2] / "book"
PAGE = BOOK / "model_across_scales.md"


@pytest.mark.parametrize(
    ("file", "kind", "count"),
    [("model_across_scales.md", xsg.CrossScaleSpread, 20), ("model_over_time.md", xsg.DiseaseProgression, 12)],
)
def test_symbols_match_the_signatures(file, kind, count):
    rows = (BOOK / file).read_text(encoding="utf-8").partition("## Symbols")[2]
    cells = [line.split("|")[3] for line in rows.splitlines() if line.startswith("|") and line.count("|") >= 6]
    names = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    assert len(names) == count
    for name in names:
        if name.endswith("_"):
            assert name in kind.__doc__
            continue
        method, argument = re.fullmatch(kind.__name__ + r"(?:\.(\w+))?\((\w+)\)", name).groups()
        assert argument in inspect.signature(getattr(kind, method or "__init__")).parameters
    options = {name[len(kind.__name__) + 1 : -1] for name in names if name.startswith(f"{kind.__name__}(")}
    assert options == set(kind().get_params()) - {"device"}


def test_terms_of_dynamic_programs_are_those_of_the_code():
    text = (BOOK / "model_over_time.md").read_text(encoding="utf-8")
    series = Series(torch.zeros(1, 3), torch.zeros(1), torch.zeros(1, dtype=torch.long), torch.ones(1))
    terms = DynamicPrograms(3, 1, 1.0, 1.0).terms(series, torch.zeros(1), (0.0, 1.0))
    assert re.findall(r"\| `(\w+)` \|", text.partition("## Loss")[2].partition("##")[0]) == list(terms)


def test_priors_and_terms_are_those_of_the_code():
    text = PAGE.read_text(encoding="utf-8")
    stated = {
        "log D": (math.log(0.1), 2.5), "log R": (math.log(0.4), 1.0), "rate": (0.0, 0.5), "capacity": (0.0, 0.5),
        "log s": (0.5, 1.5), "o_u": (0.0, 1.0), "log g": (math.log(0.2), 2.5), "o_y": (0.0, 1.0), "c": (0.0, 0.3),
    }  # fmt: skip
    assert stated == PRIOR
    for row in ("log D$ | log 0.1 | 2.5", "log R$ | log 0.4 | 1 ", "$b_k$ | 0 | 0.5", "log s$ | 0.5 | 1.5",
                "$o_y$ | 0 | 1 ", "log g$ | log 0.2 | 2.5", "$c$ | 0 | 0.3"):  # fmt: skip
        assert row in text
    assert f"u(0) = {SEED_AMOUNT:g}" in text
    assert all(f"| `{term}` |" in text for term in Terms._fields)
