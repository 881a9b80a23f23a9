"""Every paper that a chapter cites stands in the bibliography, once, and can be found from there."""

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest
from pybtex.database import parse_file

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.py"))
WITHOUT_DOI = {"Higgins2017", "Pedregosa2011"}  # published on the web only; no DOI was ever given
TARGET = re.compile(
    r"\]\(https?://((?:[^()\s]|\([^()\s]*\))+)\)"
)  # of a link; an old DOI may hold one pair of brackets


@pytest.fixture(scope="module")
def bibliography() -> dict[str, dict[str, str]]:
    """Fields by key; a key that comes twice is an error of the parser."""
    return {key: dict(entry.fields) for key, entry in parse_file(ROOT / "book/references.bib").entries.items()}


def cited(text: str) -> set[str]:
    """DOIs of the links in a text, in lower case, those of arXiv's pages included."""
    targets = [unquote(target) for target in TARGET.findall(text)]
    dois = {target.removeprefix("doi.org/") for target in targets if target.startswith("doi.org/")}
    arxiv = {re.sub(r"v\d+$", "", t.removeprefix("arxiv.org/abs/")) for t in targets if t.startswith("arxiv.org/abs/")}
    return {doi.lower() for doi in dois | {f"10.48550/arXiv.{number}" for number in arxiv}}


def test_citations_are_found_in_text():
    text = (
        "([A](https://doi.org/10.1/(S)2(3)4:5%3C6)); [B](https://arxiv.org/abs/2606.05870v2), (https://doi.org/10.9/no)"
    )
    assert cited(text) == {"10.1/(s)2(3)4:5<6", "10.48550/arxiv.2606.05870"}


@pytest.mark.parametrize("script", CHAPTERS, ids=lambda path: path.stem)
def test_cited_papers_stand_in_the_bibliography(bibliography, script):
    listed = {fields["doi"].lower() for fields in bibliography.values() if "doi" in fields}
    missing = cited(script.read_text(encoding="utf-8")) - listed
    assert not missing, f"{script.name} cites what book/references.bib lacks: {sorted(missing)}"


def test_chapters_cite_by_link():
    assert sum(len(cited(path.read_text(encoding="utf-8"))) for path in CHAPTERS) > 50


def test_entries_have_a_doi(bibliography):
    assert {key for key, fields in bibliography.items() if "doi" not in fields} == WITHOUT_DOI
    assert all("url" in bibliography[key] for key in WITHOUT_DOI)
    wrong = {
        key: f["doi"] for key, f in bibliography.items() if "doi" in f and not re.match(r"10\.\d{4,}/\S+$", f["doi"])
    }
    assert not wrong, f"the field doi holds the bare DOI (10.…/…), without an address: {wrong}"


def test_no_key_and_no_doi_twice(bibliography):
    text = (ROOT / "book/references.bib").read_text(encoding="utf-8")
    keys = Counter(key.lower() for key in re.findall(r"^@\w+\{([^,\s]+),", text, re.MULTILINE))
    dois = Counter(fields["doi"].lower() for fields in bibliography.values() if "doi" in fields)
    assert len(keys) == len(bibliography)
    assert not [name for name, count in (keys + dois).items() if count > 1]


def test_keys_are_author_and_year(bibliography):
    for key, fields in bibliography.items():
        assert re.fullmatch(rf"[A-Z][A-Za-z]+{fields['year']}", key), f"the key of {key} is not AuthorYear"
