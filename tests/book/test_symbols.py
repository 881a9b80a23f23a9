"""The tables of symbols name things that exist, with the defaults that the page states."""

import inspect
import re
from pathlib import Path

import pytest

import xsg
import xsg.spread.physics
from xsg.atlas import Graph
from xsg.data.cortex import Cortex
from xsg.spatial import estimator as spatial_vae
from xsg.spatial.mouse import Mouse
from xsg.spread.cohort import Spread
from xsg.spread.estimator import PRESETS as MECHANISTIC
from xsg.spread.estimator import Posterior
from xsg.spread.physics import ReactionDiffusion
from xsg.training import PAPER_UNKNOWN, PRESETS, CrossScaleVAE

BOOK = Path(__file__).resolve().parents[2] / "book"


def code_names(page: str) -> list[str]:
    """Code in the third column of the table under 'Symbols'."""
    text = (BOOK / page).read_text(encoding="utf-8")
    rows = text.partition("## Symbols")[2].partition("\n## ")[0]
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
    assert len(names) == 18
    for name in names:
        if name.endswith("_"):
            assert name in xsg.MechanisticMixture.__doc__
            continue
        owner, method, argument = re.fullmatch(r"(\w+)(?:\.(\w+))?\((\w+)\)", name).groups()
        assert argument in inspect.signature(getattr(classes[owner], method or "__init__")).parameters


def test_model_c_page_states_the_paper_preset():
    text = (BOOK / "model_mechanistic.md").read_text(encoding="utf-8")
    stated = {"lr": "$10^{-3}$", "weight_decay": "$10^{-4}$", "batch": "batches of 4", "epochs": "200 epochs"}
    stated |= {"decay": "times 0.9 every ten", "steps": "with 4 steps", "refine": "no refinement"}
    values = {"lr": 1e-3, "weight_decay": 1e-4, "batch": 4, "epochs": 200, "decay": 0.9, "steps": 4, "refine": 0}
    for option, words in stated.items():
        assert MECHANISTIC["paper"][option] == values[option]
        assert words in text.replace("\n", " ")
    for laws in xsg.spread.physics.LAWS.values():
        assert laws.formula.replace(" − ", "-").replace("²", "^2") in text


OWNERS = [  # of the names in a column of the notation page; a name without an owner is a setting of the model
    {"cortex": Cortex, "graph": Graph, "model": CrossScaleVAE},
    {"brain": Mouse, "model": xsg.SpatialVAE},
    {"cohort": Spread, "model": xsg.MechanisticMixture},
]
SETTINGS = [
    set(inspect.signature(CrossScaleVAE).parameters),
    set(spatial_vae.PRESETS["xsg"]),
    set(inspect.signature(xsg.MechanisticMixture).parameters),
]
MODEL_PAGES = ("model_cross_scale.md", "model_spatial_vae.md", "model_mechanistic.md")


def notation() -> list[list[str]]:
    """Cells of the notation page's table: symbols, then what they mean in models A, B and C."""
    lines = (BOOK / "notation.md").read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip() for cell in line.split(" | ")]
        for line in (line.strip("| ") for line in lines if line[:3] == "| $")
    ]


def letters(cell: str) -> set[str]:
    """Symbols of a cell, without what stands below or around them."""
    math = " ".join(re.findall(r"\$([^$]+)\$", cell))
    math = re.sub(r"\\operatorname\{\w+\}|\\[lr]vert|_(?:\\text)?\{[^}]*\}|_\w", " ", math)
    return set(re.findall(r"\\hat [A-Za-z]|\\[a-z]+|[A-Za-z]", math))


def test_letters_are_found_in_a_cell():
    assert letters(r"$w_\text{cls}$, $\lvert S_i \rvert$") == {"w", "S"}
    assert letters(r"$\operatorname{sd}(\hat y)$ and $\sigma_i$") == {r"\hat y", r"\sigma"}


def test_notation_page_has_every_letter_once():
    rows = notation()
    assert {len(row) for row in rows} == {4}
    listed = [letter for row in rows for letter in letters(row[0])]
    assert len(listed) == len(set(listed)) > 30


@pytest.mark.parametrize("number", range(3), ids="ABC")
def test_notation_page_names_things_that_exist(number):
    for row in notation():
        for name in re.findall(r"`([^`]+)`", row[1 + number]):
            owner, _, attribute = name.rpartition(".")
            if not owner:
                fitted = name.endswith("_") and name in OWNERS[number]["model"].__doc__
                assert name in SETTINGS[number] or fitted, name
                continue
            owner = OWNERS[number][owner]
            assert hasattr(owner, attribute) or attribute in owner.__dataclass_fields__, name


@pytest.mark.parametrize("number", range(3), ids="ABC")
def test_notation_page_tells_what_each_symbol_of_a_model_means_there(number):
    meant = {letter for row in notation() if row[1 + number] != "–" for letter in letters(row[0])}
    text = (BOOK / MODEL_PAGES[number]).read_text(encoding="utf-8").partition("## Symbols")[2].partition("\n## ")[0]
    used = set().union(*(letters(line.split("|")[1]) for line in text.splitlines() if line.startswith("| ")))
    assert len(used) > 8
    assert used - meant == set()


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
