"""Files of a report: each kind holds what it should, whole or not at all."""

import json
import re
from xml.etree import ElementTree

import matplotlib

matplotlib.use("Agg")
import pandas as pd
import pytest

from xsg.report import ENDINGS


@pytest.fixture(scope="module")
def saved(make, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    for ending in ENDINGS:
        assert make().save(folder / f"report{ending}", also=[make(split="spatial")]).exists()
    return folder


def test_json_holds_everything_as_strict_json(saved, make):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    report, found = make(), json.loads((saved / "report.json").read_text("utf-8"), parse_constant=refuse)
    assert found["verdict"]["answer"] == "Yes"
    assert found["recommended"] == report.recommended
    assert found["predictions"]["R_cuneus"]["ridge"] == pytest.approx(0.38 * 1.5)
    assert len(found["null"]) == 39
    assert found["null"]["38"]["held-out R²"] == report.null["held-out R²"].iloc[38]
    assert found["held_out"]["R²"]["value"] == 0.41
    assert found["baselines"]["ridge"]["lead low"] == report.baselines.loc["ridge", "lead low"]
    assert found["dealings"]["ridge"]["2"] == {"R²": 0.48, "r": 0.7}
    assert found["gain"]["value"] == 0.15
    assert found["settings"] == report.settings
    assert found["record"]["versions"]["torch"] == "2.9"
    assert found["notes"] == report.notes
    assert found["leaks"] is False
    empty = make(gain=(float("nan"),) * 6, leaks=None)
    empty.save(saved / "empty.json")
    found = json.loads((saved / "empty.json").read_text("utf-8"), parse_constant=refuse)
    assert found["gain"]["value"] is None
    assert found["leaks"] is None


def test_csv_is_the_table_and_the_page_brings_it_along(saved, make):
    table = pd.read_csv(saved / "report.csv", index_col=["what", "kind"])
    assert table.loc[("ridge", "held out"), "R²"] == 0.38
    assert table.loc[("position + genes less position", "held out"), "R² low"] == 0.05
    page = (saved / "report.html").read_text("utf-8")
    assert re.findall(r'download="([^"]+)"', page) == ["report.csv", "report.json", "report.bib"]
    assert "spatial" in page


def test_figures_and_references(saved):
    assert (saved / "report.png").read_bytes()[:4] == b"\x89PNG"
    assert (saved / "report.pdf").read_bytes()[:4] == b"%PDF"
    assert ElementTree.parse(saved / "report.svg").getroot().tag.endswith("svg")
    assert (saved / "report.bib").read_text("utf-8").startswith("@article{AlexanderBloch2018,")
    assert "Do genes say anything" in (saved / "report.txt").read_text("utf-8").replace("\n", " ")


def test_what_cannot_be_written_leaves_what_was_there(saved, make, monkeypatch):
    from xsg.report import page

    before = (saved / "report.html").read_bytes()
    monkeypatch.setattr(page, "_figure", lambda report: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make().save(saved / "report.html")
    assert (saved / "report.html").read_bytes() == before
    assert not list(saved.glob(".*"))
    with pytest.raises(ValueError, match=r"ending of .*'\.docx' is unknown; expected one of '\.html'"):
        make().save(saved / "report.docx")
    with pytest.raises(TypeError, match="also: expected reports of other splits, in a list, got str 'spatial'"):
        make().save(saved / "report.html", also=["spatial"])
    with pytest.raises(ValueError, match="also: a report of My model on 'another' cannot stand beside"):
        make().save(saved / "report.html", also=[make(cortex="another")])
    with pytest.raises(ValueError, match="Name a file in a folder that is yours"):
        make().save(saved / "nowhere" / "report.json")
