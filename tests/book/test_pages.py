"""The rendered pages as files: links, alternative texts, no warning text, the form of a chapter."""

from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FORM = ("what-you-will-learn", "honesty-box", "key-takeaways", "exercises", "references")
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Page(HTMLParser):
    """What the tests ask of a page; images and text are those of its article, not of the theme around it."""

    path: Path
    ids: set = field(default_factory=set)
    links: list = field(default_factory=list)
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
        for name in ("href", "src"):
            if name in attrs:
                self.links.append(attrs[name])

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if self.inside("cell_output"):
            self.outputs += data


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
