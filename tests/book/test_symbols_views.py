"""The page of the model of several views names things that exist, with the terms and widths of the code."""

import inspect
import re
from pathlib import Path

import xsg

PAGE = Path(__file__).resolve().parents[2] / "book" / "model_views.md"


def test_symbols_match_the_signatures():
    rows = PAGE.read_text(encoding="utf-8").partition("## Symbols")[2]
    cells = [line.split("|")[3] for line in rows.splitlines() if line.startswith("|") and line.count("|") >= 6]
    names = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    assert len(names) == 15
    for name in names:
        if name.endswith("_"):
            assert name in xsg.MultiViewVAE.__doc__
            continue
        method, argument = re.fullmatch(r"MultiViewVAE(?:\.(\w+))?\((\w+)\)", name).groups()
        assert argument in inspect.signature(getattr(xsg.MultiViewVAE, method or "__init__")).parameters
    options = {name[13:-1] for name in names if name.startswith("MultiViewVAE(")}
    assert options == set(xsg.MultiViewVAE().get_params()) - {"lr", "epochs", "seed", "device"}


def test_widths_and_terms_are_those_of_the_code():
    text = PAGE.read_text(encoding="utf-8")
    model = xsg.MultiViewVAE()
    assert (model.hidden, model.decoder) == (32, 32)
    for stated in (r"p_v \times 32", r"d \to 32 \to 1", "`reconstruction`", "`smoothness`", "`kl`", "`view NAME`"):
        assert stated in text
