"""The tables of symbols name things that exist, with the defaults that the page states."""

import inspect
import re
from pathlib import Path

import pytest

import xsg
import xsg.physics
from xsg.physics import ReactionDiffusion
from xsg.training import PAPER_UNKNOWN, PRESETS, CrossScaleVAE, spatial_vae
from xsg.training.mechanistic import PRESETS as MECHANISTIC
from xsg.training.mechanistic import Posterior

BOOK = Path(__file__).resolve().parents[2] / "book"


def code_names(page: str) -> list[str]:
    """Code in the third column of the table under 'Symbols' (or of the page's only table)."""
    text = (BOOK / page).read_text(encoding="utf-8")
    rows = text.partition("## Symbols")[2].partition("\n## ")[0] or text
    cells = [line.split("|")[3] for line in rows.splitlines() if line.startswith("|") and line.count("|") >= 6]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_model_page_matches_the_signatures():
    names = code_names("model_cross_scale.md")
    assert len(names) == 13
    for name in names:
        if name.endswith("_"):
            assert name in CrossScaleVAE.__doc__
            continue
        method, argument = re.fullmatch(r"CrossScaleVAE(?:\.(\w+))?\((\w+)\)", name).groups()
        assert argument in inspect.signature(getattr(CrossScaleVAE, method or "__init__")).parameters
    options = {re.fullmatch(r"CrossScaleVAE\((\w+)\)", name).group(1) for name in names if "CrossScaleVAE(" in name}
    assert options == {"latent", "hidden", "decoder", "smoothness", "beta", "gamma"}


def test_model_page_states_the_presets():
    text = (BOOK / "model_cross_scale.md").read_text(encoding="utf-8")
    assert PRESETS == {
        "paper": {"latent": 64, "smoothness": 0.1, "lr": 1e-3},
        "xsg": {"gamma": 10.0, "epochs": 1000},
    }
    for stated in ("64 programs", r"\lambda = 0.1", "10^{-3}", r"\gamma = 10", "1000 epochs"):
        assert stated in text
    assert len(PAPER_UNKNOWN) == 7
    defaults = inspect.signature(CrossScaleVAE).parameters
    assert (defaults["hidden"].default, defaults["decoder"].default) == (128, 64)


def test_model_c_page_matches_the_signatures():
    classes = {
        "MechanisticMixture": xsg.MechanisticMixture,
        "ReactionDiffusion": ReactionDiffusion,
        "Posterior": Posterior,
    }
    names = code_names("model_mechanistic.md")
    assert len(names) == 17
    for name in names:
        if name.endswith("_"):
            assert name in xsg.MechanisticMixture.__doc__
            continue
        owner, method, argument = re.fullmatch(r"(\w+)(?:\.(\w+))?\((\w+)\)", name).groups()
        assert argument in inspect.signature(getattr(classes[owner], method or "__init__")).parameters


def test_model_c_page_states_the_paper_preset():
    text = (BOOK / "model_mechanistic.md").read_text(encoding="utf-8")
    stated = {"lr": "$10^{-3}$", "weight_decay": "$10^{-4}$", "batch": "batches of 4", "epochs": "200 epochs"}
    stated |= {"decay": "times 0.9 every ten", "steps": "with 8 steps", "refine": "no refinement"}
    values = {"lr": 1e-3, "weight_decay": 1e-4, "batch": 4, "epochs": 200, "decay": 0.9, "steps": 8, "refine": 0}
    for option, words in stated.items():
        assert MECHANISTIC["paper"][option] == values[option]
        assert words in text.replace("\n", " ")
    for laws in xsg.physics.LAWS.values():
        assert laws.formula.replace(" − ", "-").replace("²", "^2") in text


def test_notation_page_names_things_that_exist():
    cortex = xsg.load_cortex("simulated")
    names = {"cortex": cortex, "graph": cortex.graph, "model": CrossScaleVAE()}
    for name in code_names("notation.md"):
        if name in inspect.signature(CrossScaleVAE).parameters:
            continue
        assert eval(name, {"len": len, **names}) is not None


@pytest.mark.parametrize("name", ["expression", "thinning"])
def test_notation_shapes_hold(name):
    assert len(getattr(xsg.load_cortex("simulated"), name)) == 68


def test_page_of_the_spatial_model_matches_signatures_settings_and_presets():
    names = code_names("model_spatial_vae.md")
    assert len(names) == 20
    for name in names:
        if call := re.fullmatch(r"SpatialVAE\.(\w+)\((\w+)\)", name):
            method, argument = call.groups()
            assert argument in inspect.signature(getattr(xsg.SpatialVAE, method)).parameters
        else:
            assert name in spatial_vae.PRESETS["paper"]
    text = (BOOK / "model_spatial_vae.md").read_text(encoding="utf-8")
    paper, notebook = (spatial_vae.PRESETS[name] for name in ("paper", "notebook"))
    assert (paper["latent"], paper["optimiser"], paper["power"], paper["scale"]) == (50, "adam", 2, "robust")
    assert (notebook["latent"], notebook["optimiser"], notebook["lr"]) == (200, "adagrad", 1e-3)
    assert (notebook["weight_decay"], notebook["reconstruction"], notebook["regression"]) == (1e-7, 1e6, 100)
    assert paper["hidden"] == notebook["hidden"] == (1000, 500)
    for stated in ("50 latents", "200 latents", "$10^{-3}$", "$10^{-7}$", "reconstruction $10^6$", "dropout 0.7"):
        assert stated in text
