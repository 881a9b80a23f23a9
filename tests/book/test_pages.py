"""The rendered pages as files: links, alternative texts, no warning text, the form of a chapter."""

import re
import socket
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from pybtex.database import parse_string

FORM = ("what-you-will-learn", "honesty-box", "key-takeaways", "exercises", "see-also", "references")
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Page(HTMLParser):
    """What the tests ask of a page; images and text are those of its article, not of the theme around it."""

    path: Path
    ids: set = field(default_factory=set)
    links: list = field(default_factory=list)
    terms: list = field(default_factory=list)
    texts: dict = field(default_factory=dict)
    images: list = field(default_factory=list)
    outputs: str = ""
    sections: list = field(default_factory=list)
    solutions: int = 0

    def __post_init__(self):
        super().__init__()
        self.open = []
        self.feed(self.path.read_text(encoding="utf-8"))

    def inside(self, name):
        return any(name in classes for _, classes in self.open)

    def handle_starttag(self, tag, attrs):
        attrs = {name: value or "" for name, value in attrs}
        classes = attrs.get("class", "").split()
        if tag not in VOID:
            self.open.append((tag, classes))
        self.ids.add(attrs.get("id") or attrs.get("name"))
        if tag == "img" and self.inside("bd-article"):
            self.images.append((attrs.get("src"), attrs.get("alt", "").strip()))
        if tag == "section":
            self.sections.append(attrs.get("id"))
        if tag == "details" and self.inside("tag_solution"):
            self.solutions += 1
        if "term" in classes:
            self.terms.append((attrs["href"], attrs["title"]))
        for name in ("href", "src"):
            if name in attrs:
                self.links.append(attrs[name])

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if self.inside("cell_output"):
            self.outputs += data
        for name in ("bd-article", "chapter-bar", "cite", "left-prev", "right-next", "execution"):
            if self.inside(name):
                self.texts[name] = self.texts.get(name, "") + data


@cache
def read(path):
    return Page(path)


def test_figures_have_alternative_text(html, page):
    images = read(html / page).images
    # An image's own file name is what a missing text is filled with.
    assert [source for source, alt in images if not alt or alt in source or alt.endswith(".png")] == []


def test_links_lead_somewhere(html, page):
    broken = []
    for link in read(html / page).links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (html / page).parent.joinpath(unquote(parts.path)).resolve() if parts.path else html / page
        if not target.exists() or (
            parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in read(target).ids
        ):
            broken.append(link)
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(html, page):
    text = (html / page).read_text(encoding="utf-8")
    assert 'src="http' not in text
    assert 'rel="stylesheet" type="text/css" href="http' not in text


def test_no_output_warns_or_fails(html, page):
    outputs = read(html / page).outputs
    assert [word for word in ("Warning", "Traceback", "✗ ") if word in outputs] == []


def test_a_chapter_has_its_sections(html, chapter):
    sections = read(html / chapter).sections
    assert [name for name in FORM if name not in sections] == []
    assert sections.index("honesty-box") < sections.index("key-takeaways") < sections.index("exercises")


def test_every_exercise_has_a_solution(html, chapter):
    page = read(html / chapter)
    exercises = [name for name in page.sections if name and name.startswith("exercise-")]
    assert 2 <= len(exercises) <= 4
    assert page.solutions >= len(exercises)


# ---------------------------------------------------------------------------------------------------- what is added


def in_order():
    toc = yaml.safe_load((Path(__file__).resolve().parents[2] / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]


def test_previous_and_next_follow_the_contents(html):
    pages = in_order()
    texts = [read(html / f"{page}.html").texts for page in pages]
    titles = [text["bd-article"].strip().partition("#")[0] for text in texts]
    for before, after, left, right in zip(texts, texts[1:], titles, titles[1:], strict=False):
        assert right in before["right-next"]
        assert left in after["left-prev"]


def test_terms_lead_to_their_definition_and_once_only(html, page):
    terms = read(html / page).terms
    assert len({definition for _, definition in terms}) == len(terms)
    assert all(20 < len(definition) < 400 for _, definition in terms)
    if page.startswith("chapters/"):
        assert len(terms) >= 5
    if page in ("book/glossary.html", "book/api.html"):
        assert terms == []


def test_the_glossary_explains_what_the_chapters_say(html):
    used = {definition for path in html.glob("chapters/*.html") for _, definition in read(path).terms}
    assert len(used) > 60


def test_a_chapter_says_what_it_costs(html, chapter):
    page = read(html / chapter)
    line = page.texts["chapter-bar"]
    measured = int(re.match(r"\s*(\d+) min to read", line)[1])
    assert "cite" in line
    assert re.search(r"ran in \d+ s, [\d,]+ MB, (simulated|real) data|outputs kept", " ".join(line.split()))
    stated = int(re.search(r"Time:\s+(\d+)\s+minutes", page.texts["bd-article"])[1])
    assert abs(stated - measured) <= 10, f"the chapter says {stated} minutes to read; its words say {measured}"


def test_a_chapter_can_be_cited(html, chapter):
    text = read(html / chapter).texts["cite"].partition("Cite this chapter")[2]
    ((key, entry),) = parse_string(text, "bibtex").entries.items()
    number = Path(chapter).stem.partition("_")[0]
    assert re.fullmatch(rf"xsg\d{{4}}-{number}", key)
    assert entry.fields["chapter"] == number.lstrip("0")
    assert entry.fields["url"].startswith("https://")
    assert entry.fields["url"].endswith(chapter)
    assert (
        read(html / chapter)
        .texts["bd-article"]
        .strip()
        .startswith(f"{number.lstrip('0')}. {entry.fields['title'][1:-1][:12]}")
    )


def test_the_execution_report_has_every_chapter_and_no_host(html):
    page = read(html / "book/execution.html")
    chapters = [f"../{name}.html" for name in in_order() if name.startswith("chapters/")]
    assert [link for link in page.links if link in chapters][-len(chapters) :] == chapters  # after those of the sidebar
    text = page.texts["execution"]
    assert "1. Why do some regions die first?" in text
    assert re.search(r"\d+ CPUs, Python 3\.\d+\.\d+, torch \d", text)
    assert socket.gethostname() not in text


@pytest.mark.parametrize("part", ["model_a", "is_it_real", "model_b", "model_c"])
def test_a_quiz_ends_each_part(part):
    toc = yaml.safe_load((Path(__file__).resolve().parents[2] / "_toc.yml").read_text(encoding="utf-8"))
    last = [entries["chapters"][-1]["file"] for entries in toc["parts"]]
    assert f"book/quiz_{part}" in last
