"""The page of a report: one file, everything in it, nothing loaded, whatever a map is called."""

import base64
import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")
import numpy as np
import pandas as pd
import pytest

from xsg.report import pictures
from xsg.report.page import page as write
from xsg.report.pictures import surfaces
from xsg.report.record import as_json


class Read(HTMLParser):
    """Collects tags with their attributes, headings, and the text that is seen."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.headings, self.seen, self.open = [], [], [], []
        self.feed(text)
        self.seen = " ".join(" ".join(self.seen).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img", "br", "use", "path", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings.append((self.open[-1], data.strip()))
        if not {"style", "title"} & set(self.open):
            self.seen.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def read(page) -> Read:
    return Read(page)


def test_it_loads_nothing_and_runs_nothing(page, read):
    kinds = {name for name, _ in read.tags}
    assert not kinds & {"script", "link", "iframe", "object", "embed", "base"}
    assert all(picture["src"].startswith("data:image/png;base64,") for picture in read.all("img"))
    assert not re.search(r"url\((?!#)|@import|\bon\w+=", page)
    outside = [link["href"] for link in read.all("a") if not link["href"].startswith("data:")]
    assert outside
    assert all(address.startswith("https://doi.org/") for address in outside)  # references, only followed when asked
    assert len(page) < 1.5e6


def test_names_are_text(page, read, make):
    assert "<b>" not in page
    assert "thinning in <b>aged</b> & young" in read.seen
    assert "<negative>" not in page
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    report = make(
        {hostile: 0.4, "ridge": 0.3}, (np.nan,) * 6, cortex=hostile, notes=[hostile], split="spatial", parcellation=None
    )
    report = replace(
        report,
        record={"data": {"map": hostile, "unit": hostile, "coverage": {hostile: 0.1}}, "date": hostile},
        settings={"command": hostile, "model": {"class": hostile, "params": {hostile: hostile}}},
    )
    found = Read(write(report, downloads={hostile: hostile}))
    assert not found.all("script")
    assert all("onerror" not in picture for picture in found.all("img"))
    assert "<script>" not in write(report)


def test_headings_tables_and_pictures_are_told(read):
    levels = [int(tag[1]) for tag, _ in read.headings]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    titles = [title for tag, title in read.headings if tag == "h2"]
    assert titles[:3] == ["Do genes say anything about it that place does not?", "The map", "What its R² is worth"]
    assert titles[3:6] == ["Beside simpler methods", "By split", "Coverage and warnings"]
    assert titles[6:] == ["Methods", "References", "To run it again", "Checklist: what to do on Monday"]
    assert {head.get("scope") for head in read.all("th")} == {"col", "row"}
    assert all(picture["alt"] for picture in read.all("img"))
    assert len(read.all("img")) == 8  # four views of each map
    told = next(each["aria-label"] for each in read.all("div") if each.get("role") == "img")
    assert "In-sample R² 0.90. Held-out R² 0.41, 95 % interval 0.21 to 0.61." in told
    assert "position + genes 0.45, ridge 0.38" in told
    assert read.all("html")[0]["lang"] == "en"


def test_it_says_the_numbers(read):
    seen = read.seen.replace("\u00a0", " ")
    assert (
        "Not settled For a yes, pairs and patches must both say yes: pairs say yes, patches say no sign of it." in seen
    )
    assert "Pairs: yes. Genes add to place: position and genes together predict regions held out with R² = 0.45" in seen
    assert "(+0.15, 95 % +0.05 to +0.25, p = 0.050)" in seen
    assert "Patches: no sign of it. Genes add nothing to place" in seen
    assert "By pairs (split 'homologous'):" in seen
    assert "done: 1. Position and ridge first. position (kriging) R² = 0.30" in seen
    assert "not done: 7. Settings and rule frozen before looking. Too late for this map." in seen
    assert "To predict this map use position + genes (held-out R² = 0.45)" in seen
    assert "L_insula 62%" in seen
    assert "Highest: R_lingual (2), R_cuneus (1.5)" in seen
    assert "Lowest: L_insula (−1)" in seen
    assert "9 November 2026" in seen
    assert "Larger values mean more loss." in seen
    assert "Warnings 3 of 7 are <negative>." in seen
    assert "Grey: no value (61 of the atlas's regions)" in seen


def test_what_is_there_can_be_taken_along(read):
    found = {link["download"]: link["href"].split("base64,")[1] for link in read.all("a") if "download" in link}
    assert {name: base64.b64decode(text).decode() for name, text in found.items()} == {
        "report.csv": "a,b\n",
        "report.bib": "@misc{}",
    }


def test_a_report_of_little_is_a_page_all_the_same(make):
    """Made by hand, as in older versions: no atlas, no settings, no baselines, no null."""
    bare = make(
        {"My model": 0.41},
        gain=(np.nan,) * 6,
        null=make().null.iloc[:0],
        p_value=make().p_value * np.nan,
        n_nulls=0,
        notes=[],
        settings={},
        record={},
        parcellation=None,
    )
    found = Read(write(bare))
    assert not found.all("img")
    assert "The map" not in [title for _, title in found.headings]
    assert "Not asked" in found.seen
    assert "One split was run." in found.seen
    assert "nothing simpler was judged beside it" in found.seen


def test_regions_below_the_cortex_and_regions_never_held_out(make):
    whole = make()
    guess = whole.predictions.assign(**{"position + genes": [np.nan, np.nan, *range(5)]})
    half = replace(whole, predictions=guess)
    assert len(Read(write(half)).all("img")) == 8
    deep = SimpleNamespace(regions=guess.index, subcortical=np.ones(7, bool), labels=None, name="deep")
    found = Read(write(replace(whole, parcellation=deep)))
    assert not found.all("img")
    assert ("h3", "Below the cortex") in found.headings
    told = [each["aria-label"] for each in found.all("div") if each.get("role") == "img"]
    assert told[0].startswith("L_insula: observed −1.00, predicted −0.45")


@pytest.mark.parametrize(("least", "ends"), [(-1.0, (-2.0, 2.0)), (-0.1, (-0.1, 2.0)), (0.5, (0.2, 2.0))])
def test_a_map_of_two_signs_is_coloured_around_zero(make, least, ends):
    """One that goes a little below zero is not, nor one whose prediction alone does: half the colours would be lost."""
    guess = make().predictions.assign(observed=np.linspace(least, 2, 7))
    guess["held out"] = guess["observed"].clip(0.2, None) if least > 0 else guess["observed"] * 0.5
    guess.loc["L_insula", "held out"] = 0.2
    rows, colours, found = surfaces(make(predictions=guess), "held out")
    assert found == pytest.approx(ends)
    assert len(rows["observed"]) == 4
    middle = [int(colours[5][place : place + 2], 16) for place in (1, 3, 5)]
    assert (min(middle) > 230) == (least == -1.0)  # white between blue and red


def test_how_to_run_it_again_names_the_data_where_they_are_known(make):
    assert "cortex = xsg.load_cortex('ahba-scz')" in unescape(write(make(cortex="ahba-scz", parcellation=None)))
    own = unescape(write(make(notes=["Thinning: a map of your own, 7 regions."], parcellation=None)))
    assert "thinning=xsg.read_map('your file', 'desikan'))" in own
    assert "cortex = ..." in write(make(parcellation=None))


def test_people_are_told_as_a_group(make):
    """Numbers and figure of all of them together; the page and the JSON hold nothing of one person."""
    from xsg.evaluation.people import PeopleFound

    rng = np.random.default_rng(0)
    table = pd.DataFrame({"r": [0.1, 0.2, 0.123456789], "rank r": 0.1, "p": 0.2}, ["sub-01", "sub-02", "sub-03"])
    drawn = pd.DataFrame(rng.uniform(-0.2, 0.2, (39, 3)), columns=["r", "rank r", "positive"])
    mean = pd.Series({"r": 0.14, "rank r": 0.1, "positive": 1.0})
    found = PeopleFound(table, mean, mean * 0 + 0.05, drawn, None, "3 people", 7)
    report = make(people=found, parcellation=None)
    text = write(report)
    read = Read(text)
    assert ("h2", "Person by person") in read.headings
    assert "Person by person (3 people): the deviations of 100% go along" in read.seen
    numbers = json.loads(as_json(report))["people"]
    assert numbers["mean"]["positive"] == 1.0
    for each in (text, as_json(report)):
        assert "sub-0" not in each
        assert "0.123456" not in each


def test_a_seal_is_told_with_its_rule(make, monkeypatch):
    monkeypatch.setattr(pictures, "surfaces", lambda *_: None)  # three pages, of which only words are asked
    seal = {
        "date": "2026-11-29T14:58:03Z",
        "digest": "ab" * 32,
        "question": "Do <genes> help?",
        "rule": "gain > 0",
        "known": "",
        "met": True,
        "told": ["Split 'homologous': gain = 0.15 > 0: met."],
        "other_code": [],
        "packages": ["'numpy' was sealed as '2.3', and now is '2.4'"],
        "again": "2026-11-30T08:00:00Z",
    }
    read = Read(write(make(record=make().record | {"sealed": seal})))
    titles = [title for tag, title in read.headings if tag == "h2"]
    assert titles[1] == "Frozen beforehand"
    for told in (
        f"Settings frozen on 29 November 2026, 14:58 UTC, before this trial was run; seal {'ab' * 32}.",
        "Question: Do <genes> help?",
        "Rule: gain > 0",
        "Rule met. Split 'homologous': gain = 0.15 > 0: met.",
        "Known of these data before: nothing was said.",
        "This seal was run before, on 30 November 2026, 08:00 UTC: this is a re-run",
        "Run with other packages than were there at sealing: 'numpy' was sealed as '2.3', and now is '2.4'.",
        "The rule fixed beforehand was: gain > 0. Rule met.",
    ):
        assert told in read.seen
    more = seal | {"tried": "2026-11-29", "known": "../old/ was seen. Etc..."}
    read = Read(write(make(record=make().record | {"sealed": more})))
    assert read.seen.count("A report of 29 November 2026 on the very same values lay in the folder") == 2  # in Methods
    assert "before: ../old/ was seen. Etc..." in read.seen  # as it was said
    words = make(record=make().record | {"sealed": seal | {"rule": "If it helps.", "met": None, "told": []}})
    assert "The rule is of words: whether it is met, a reader decides." in Read(write(words)).seen
