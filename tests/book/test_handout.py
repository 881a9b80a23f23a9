"""The printed book, where make handout has made one: pages, outline, links, titles, and nothing beyond the paper."""

from pathlib import Path

import pytest
from pypdf import PdfReader

import handout

ROOT = Path(__file__).resolve().parents[2]
PDF = ROOT / "_build/handout.pdf"


@pytest.fixture(scope="module")
def reader():
    if not PDF.is_file():
        pytest.skip("there is no _build/handout.pdf; run make handout")
    return PdfReader(PDF)


def flat(outline, depth=0):
    for item in outline:
        if isinstance(item, list):
            yield from flat(item, depth + 1)
        else:
            yield depth, item


def squeezed(text):
    """Text without the spaces and signs that a print sets in its own way."""
    return "".join(letter for letter in text.lower() if letter.isalnum())


def test_outline_leads_to_every_page_of_the_book(reader):
    outline = list(flat(reader.outline))
    top = [item for depth, item in outline if depth == 0]
    assert len(top) == len(handout.book_pages(ROOT)) + 2  # contents and solutions
    assert len(outline) > 300
    for item in top:
        number = reader.get_destination_page_number(item)
        text = reader.pages[number].extract_text()
        assert squeezed(item.title) in squeezed(text)
        assert str(number + 1) in text.splitlines()[:2]


def test_pages_are_paper_and_none_is_blank(reader):
    assert 150 < len(reader.pages) < 720
    assert PDF.stat().st_size < 60e6
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert reader.trailer["/Root"]["/Lang"] == "en"
    for number, page in enumerate(reader.pages, 1):
        assert [float(side) for side in page.mediabox[2:]] == pytest.approx([595, 842], abs=1)
        # A page with nothing but its head and number draws less than that.
        assert number == 1 or len(page.get_contents().get_data()) > 1200, f"page {number} is blank"


def test_links_lead_to_places_in_the_document(reader):
    places = {name.lstrip("/") for name in reader.named_destinations}
    links = [note.get_object() for page in reader.pages for note in page.get("/Annots", [])]
    inside = [str(link["/Dest"]).lstrip("/") for link in links if "/Dest" in link]
    assert len(inside) > 500
    assert sorted(set(inside) - places) == []
    web = {str(link["/A"]["/URI"]) for link in links if "/URI" in link.get("/A", {})}
    assert [address for address in web if not address.startswith(("http", "mailto:"))] == []


def test_nothing_is_printed_beyond_the_margins(reader):
    for page in reader.pages[1::25]:
        beyond = []

        def visit(text, matrix, place, font, size, beyond=beyond):
            x = matrix[0] * place[4] + matrix[2] * place[5] + matrix[4]  # points from the left edge
            # Glyphs of the private range are pieces of stretched brackets, which MathJax lays far out and clips.
            if text.strip() and not "\ue000" <= text.strip() <= "\uf8ff" and not 40 < x < 545:
                beyond.append((text, x))

        page.extract_text(visitor_text=visit)
        assert beyond == []
