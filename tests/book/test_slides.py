"""The slides of every chapter in a real browser: all fits, all is typeset, the keyboard moves, nothing is fetched."""

from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

import notebooks
import slides
import teaching

ROOT = Path(__file__).resolve().parents[2]

# A slide is laid out only while it is shown; the class `measured` of the page's own script lays it out for us.
LOOK = """() => [...document.querySelectorAll(".slides > section")].map(slide => {
    slide.classList.add("measured");
    const edge = slide.getBoundingClientRect(), scale = edge.width / 1280;
    const out = [...slide.querySelectorAll("header *, .body, .body *")].filter(node => {
        if (node.closest("mjx-assistive-mml, svg")) return false;
        const place = node.getBoundingClientRect();
        return place.width > 1 && (place.right > edge.right + 2 || place.bottom > edge.bottom + 2
            || place.left < edge.left - 2 || place.top < edge.top - 2);
    }).map(node => node.outerHTML.slice(0, 120));
    const cut = [...slide.querySelectorAll(".body")].some(
        body => body.scrollHeight > body.clientHeight + 1 || body.scrollWidth > body.clientWidth + 1);
    const small = [...slide.querySelectorAll("img")].some(
        image => image.getBoundingClientRect().height < 250 * scale || !image.naturalWidth);
    const found = {id: slide.id, out, cut, small, share: Number(slide.dataset.share)};
    slide.classList.remove("measured");
    return found;
})"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    assert len(list(slides.write_shared(folder))) == len(slides.SHARED)
    return folder


@pytest.mark.parametrize("stem", notebooks.chapters(ROOT))
def test_slides_fit(chromium, html, folder, stem):
    page = folder / f"{stem}.html"
    page.write_text(slides.deck(teaching.chapter(ROOT, stem)), encoding="utf-8")
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    tab, troubles = context.new_page(), []
    tab.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("requestfailed", lambda request: troubles.append(f"not loaded: {request.url[:200]}"))
    tab.goto(page.as_uri(), wait_until="load")
    tab.evaluate("ready")
    assert troubles == []

    found = tab.evaluate(LOOK)
    assert len(found) >= 10
    assert [(slide["id"], slide["out"]) for slide in found if slide["out"] or slide["cut"]] == []
    assert [(slide["id"], slide["share"]) for slide in found if slide["share"] < 0.75] == []
    assert [slide["id"] for slide in found if slide["small"]] == []

    assert tab.locator("mjx-merror").count() == 0
    assert r"\(" not in tab.locator(".slides").inner_text()
    assert tab.locator("img:not([alt]), img[alt='']").count() == 0
    assert tab.locator(".notes mjx-container").count() == 0
    assert tab.locator("h1").count() == 1
    assert tab.locator(".notes").count() >= 5

    for key, slide in (("ArrowRight", 1), ("Space", 2), ("ArrowLeft", 1), ("End", len(found) - 1), ("Home", 0)):
        tab.keyboard.press(key)
        assert tab.evaluate("Reveal.getIndices().h") == slide
    context.close()


def test_slides_print_one_to_a_page(chromium, html, folder):
    page = folder / "print.html"
    page.write_text(slides.deck(teaching.chapter(ROOT, "09_smooth_maps")), encoding="utf-8")
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    tab = context.new_page()
    tab.goto(f"{page.as_uri()}?print-pdf", wait_until="load")
    tab.evaluate("ready")
    tab.wait_for_selector(".pdf-page")
    count = tab.locator(".slides section").count()
    printed = tab.pdf(prefer_css_page_size=True, print_background=True)
    assert len(PdfReader(BytesIO(printed)).pages) == count
    context.close()
