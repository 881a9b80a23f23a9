"""The methods: what was run is said, and only what was used is cited."""

import re
from pathlib import Path

import pytest

from xsg.evaluation.nulls import MAP_NULLS
from xsg.evaluation.splits import SPLITS as ALL_SPLITS
from xsg.report import methods
from xsg.report.checklist import checklist
from xsg.report.methods import NULLS, SPLITS, bibtex, library, reference
from xsg.report.page import ASKED

BOOK = Path(__file__).resolve().parents[2] / "book/references.bib"


def test_every_split_and_null_is_described():
    assert set(SPLITS) == set(ASKED) == {*ALL_SPLITS, "mirrored-blocks"}
    assert set(NULLS) == {*MAP_NULLS, "noise-genes", "rewired"}


def test_what_was_run_is_said(make):
    (data, model, judged, null, beside, software), keys = methods.methods(make(), [make(split="spatial")])
    assert "young, in mm, has a value in 7 regions of the Desikan-Killiany atlas (Desikan et al. 2006)." in data
    assert "8 genes of the Allen Human Brain Atlas (Hawrylycz et al. 2012)" in data
    assert model == "On trial is My model, of scikit-learn (Pedregosa et al. 2011), with alpha = 1.0."
    assert "dealt 3 times (seeds 0 to 2); scores are medians over the dealings" in judged
    assert "repeated with 5 folds that are patches of neighbouring regions" in judged
    assert null.startswith("Chance is 39 nulls, the map rotated on the sphere")
    assert "p = (1 + c) / (1 + n), which is never zero (Phipson & Smyth 2010)" in null
    assert "Besag" not in null
    assert "ridge regression on all genes (Hoerl & Kennard 1970)" in beside
    assert software == (
        "Computed with xsg 0.2.0 (Python 3.13.1), PyTorch 2.9 (Paszke et al. 2019), NumPy 2.4 (Harris et al. 2020), "
        "BrainSpace 0.3 (Vos de Wael et al. 2020)."
    )
    assert "Abraham2014" not in keys  # nilearn's version is not in the record, so it is not claimed
    assert {"Rasmussen2006", "AlexanderBloch2018"} <= set(keys)


def test_a_baseline_on_trial_is_described_as_one(make):
    settings = {"model": {"class": "xsg.evaluation.baselines.Baseline", "params": {"name": "ridge", "seed": 0}}}
    report = make({"ridge": 0.41, "position (kriging)": 0.3, "position + genes": 0.45}, settings=settings)
    (_, model, *_), keys = methods.methods(report)
    assert model == "On trial is ridge regression on all genes (Hoerl & Kennard 1970)."
    assert checklist(report)[0][:2] == ("done", "Position and ridge first")
    assert "Rosipal2001" not in keys


def test_nulls_that_were_stopped_say_so(make):
    (*_, null, _, _), keys = methods.methods(make(stop_after=20, n_nulls=1000))
    assert "Of at most 1,000, nulls were drawn until 20 had reached the model's held-out R² and r" in null
    assert "Besag1991" in keys
    assert "Phipson2010" not in keys
    (*_, null, _, _), keys = methods.methods(make(stop_after=20, n_nulls=39))
    assert "here all were drawn" in null
    assert {"Besag1991", "Phipson2010"} <= set(keys)


def test_sources_of_the_map_are_found_in_its_notes(make):
    notes = ["Minus Cohen's d (van Erp et al. 2018).", "Table of doi:10.1002/mds.28706.", "Not of Hibar, nor of 2018."]
    found = bibtex(make(notes=notes))
    assert "@article{VanErp2018," in found
    assert "@article{Laansma2021," in found
    assert "Hibar2018" not in found
    assert "Schaefer2018" not in found
    assert "Schaefer2018" in bibtex(make(record={"data": {"atlas": "schaefer200+subcortex"}}))


def test_the_library_is_well_formed_and_agrees_with_the_book():
    assert len(library()) > 40
    book = {
        re.match(r"@\w+\{(\w+),", entry)[1]: entry.strip() for entry in re.split(r"\n(?=@)", BOOK.read_text("utf-8"))
    }
    for key, entry in library().items():
        assert entry.count("{") == entry.count("}"), key
        text, address = reference(key)
        assert not re.search(r"[{}\\]|, ,|\.\.| :|^\.", text), text
        assert re.search(r"\d{4}\.$", text), text
        assert address.startswith("https://doi.org/10.") or not address
        assert entry == book.get(key, entry), key
    cited = re.findall(r"@(\w+)[;\]]", Path(methods.__file__).read_text("utf-8"))
    assert cited
    assert set(cited) <= set(library())


@pytest.mark.parametrize("key", ["Besag1991", "VosDeWael2020", "Rasmussen2006", "Vasa2018"])
def test_references_by_hand(key):
    assert (
        reference(key)
        == {
            "Besag1991": (
                "Besag Julian, Clifford Peter. Sequential Monte Carlo p-values. Biometrika 78:301–304, 1991.",
                "https://doi.org/10.1093/biomet/78.2.301",
            ),
            "VosDeWael2020": (
                "Vos de Wael Reinder, et al. BrainSpace: a toolbox for the analysis of macroscale gradients in "
                "neuroimaging and connectomics datasets. Communications Biology 3:103, 2020.",
                "https://doi.org/10.1038/s42003-020-0794-7",
            ),
            "Rasmussen2006": (
                "Rasmussen Carl Edward, Williams Christopher K. I. Gaussian processes for machine learning. MIT Press, "
                "2006.",
                "",
            ),
            "Vasa2018": (
                "Váša František, et al. Adolescent tuning of association cortex in human structural brain networks. "
                "Cerebral Cortex 28:281–294, 2018.",
                "https://doi.org/10.1093/cercor/bhx249",
            ),
        }[key]
    )
