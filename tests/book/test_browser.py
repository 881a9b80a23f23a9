"""The rendered pages in a real browser, at desktop and phone width, light and dark, offline."""

import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import axe_playwright_python
import pytest

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
CHAPTER, GLOSSARY, QUIZ = "chapters/05_graph_vae.html", "book/glossary.html", "book/quiz_model_a.html"
KINDS = (CHAPTER, GLOSSARY, QUIZ, "book/index.html", "book/execution.html", "search.html")

WIDE = """[...document.querySelectorAll('.bd-article *')].filter(node => {
    for (let box = node; box && !box.matches('.bd-article'); box = box.parentElement)
        if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(box).overflowX)) return false;
    const place = node.getBoundingClientRect();
    return place.width > 1 && place.right > innerWidth + 1;
}).map(node => node.outerHTML.slice(0, 200))"""
STILL = "Promise.all(document.getAnimations().map(animation => animation.finished.catch(() => 0)))"
# axe needs a while for each node. A page's code is thousands of words in a few looks, told by classes: two of a look
# stand for all. What MathJax sets within a line is hidden from axe. The API page is one pattern again and again: its
# first section stands for all.
FEWER = """() => {
    const seen = new Map(), spare = [...document.querySelectorAll('#api > section ~ section')];
    for (const word of document.querySelectorAll('pre span')) {
        if (word.childElementCount || !word.textContent.trim() || !word.checkVisibility()) continue;
        const look = [word.className];
        for (let box = word.parentElement; !box.matches('section, body'); box = box.parentElement)
            look.push(box.className);
        const count = (seen.get(look.join()) ?? 0) + 1;
        seen.set(look.join(), count);
        if (count > 2) spare.push(word);
    }
    spare.push(...document.querySelectorAll('mjx-container:not([display]) mjx-math[aria-hidden] > *'));
    for (const node of spare) node.remove();
}"""
# All that Tab should reach (of a group of radio buttons one), and how each looks before it is focused.
REACHABLE = """
window.look = node => ['outline', 'border', 'boxShadow', 'backgroundColor', 'color', 'textDecoration']
    .map(name => getComputedStyle(node)[name]).join('|');
window.reachable = [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')].filter(
    node => node.checkVisibility({visibilityProperty: true}) && !node.disabled && node.tabIndex >= 0 &&
    (node.type !== 'radio' || node === document.querySelector(`[name="${node.name}"]`)));
window.before = reachable.map(look);
"""


@pytest.fixture(scope="session")
def site(html):
    """The book on a server of this machine: search reads its results' pages, which it may not do from a file."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=html))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def violations(tab, **options):
    """What axe-core finds serious or critical on the whole page, the theme's parts included."""
    options = {"resultTypes": ["violations"], "preload": False} | options  # it would load style sheets by itself
    found = tab.evaluate("async options => (await axe.run(options)).violations", options)
    return [
        f"{rule['id']}: {node['html'][:160]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def test_page(visit, page):
    """One visit for all that every page must have, so that a page is loaded once."""
    tab, troubles = visit(page)
    found = {"wider than a desktop": tab.evaluate(WIDE)}
    math = tab.locator(".bd-article .math")
    found["formulas"] = math.count() - math.locator("mjx-container").count() or tab.locator("mjx-merror").count()

    solutions = tab.locator(".tag_solution details")
    found["solutions that do not fold"] = []
    for number in range(solutions.count()):
        inside = solutions.nth(number).locator(".cell_input")
        folded = not inside.is_visible()
        solutions.nth(number).locator("summary").click()
        if not (folded and inside.is_visible()):
            found["solutions that do not fold"].append(number)

    tab.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    tab.set_viewport_size({"width": 390, "height": 900})
    found["wider than a phone"] = tab.evaluate(WIDE)
    if tab.evaluate("document.documentElement.scrollWidth") > 390:
        found["wider than a phone"].append("the page")

    tab.set_viewport_size({"width": 1280, "height": 900})
    tab.evaluate(FEWER)
    tab.mouse.move(0, 0)  # what is pointed at looks different, and what unfolds fades in
    tab.evaluate(STILL)
    tab.add_script_tag(path=AXE)
    found["inaccessible"] = violations(tab)
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function("document.documentElement.dataset.theme === 'dark'", timeout=5000)
    tab.evaluate(STILL)
    found["inaccessible in the dark"] = violations(tab, runOnly=["color-contrast"])
    found["errors"] = troubles
    assert {what: where for what, where in found.items() if where} == {}


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_reached_and_seen_by_tab(visit, kind):
    tab, _ = visit(kind)
    tab.evaluate(REACHABLE)
    there = tab.evaluate("reachable.length")
    assert there > 20
    reached, unseen = set(), []
    for _ in range(there + 10):
        tab.keyboard.press("Tab")
        place = tab.evaluate("reachable.indexOf(document.activeElement)")
        if place < 0 or place in reached:
            continue
        reached.add(place)
        unseen += tab.evaluate(f"look(reachable[{place}]) === before[{place}] ? [reachable[{place}].outerHTML] : []")
    missed = tab.evaluate(
        "all => reachable.filter((node, at) => !all.includes(at)).map(node => node.outerHTML)", [*reached]
    )
    assert (missed, unseen) == ([], [])


# ---------------------------------------------------------------------------------------------------- glossary


def tab_to(tab, selector):
    """Press Tab until an element is focused that matches."""
    for _ in range(300):
        tab.keyboard.press("Tab")
        if tab.evaluate("selector => document.activeElement.matches(selector)", selector):
            return tab.locator(":focus")
    raise AssertionError(f"Tab never reaches {selector}")


def test_definition_shows_on_focus_and_goes_with_escape(visit):
    tab, _ = visit(CHAPTER)
    definition = tab.locator("#definition")
    term = tab_to(tab, "a.term")
    assert definition.is_visible()
    assert definition.inner_text().startswith("What is believed of unknown quantities")
    assert term.get_attribute("aria-describedby") == "definition"
    assert term.get_attribute("title") is None
    tab.keyboard.press("Escape")
    assert not definition.is_visible()
    tab_to(tab, "a.term")
    assert definition.inner_text().startswith("What a variational autoencoder maximises")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/glossary.html#term-evidence-lower-bound")


def test_definition_stays_while_it_is_pointed_at(visit):
    tab, _ = visit(CHAPTER)
    definition = tab.locator("#definition")
    tab.locator("a.term").first.hover()
    assert definition.is_visible()
    definition.hover()
    tab.wait_for_timeout(400)
    assert definition.is_visible()
    tab.mouse.move(2, 2)
    tab.wait_for_timeout(400)
    assert not definition.is_visible()


def test_definition_fits_a_phone_and_a_tap_leads_to_the_glossary(visit):
    tab, _ = visit(CHAPTER, 390, has_touch=True)
    for term in tab.locator("a.term").all():
        term.hover()
        box = tab.locator("#definition").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    tab.locator("a.term").first.tap()
    tab.wait_for_url("**/glossary.html#term-posterior")


# ---------------------------------------------------------------------------------------------------- quizzes


def test_quiz_by_keyboard_alone(visit):
    tab, troubles = visit(QUIZ)
    questions = tab.locator(".quiz fieldset")
    score = tab.locator(".quiz .score")
    for number in range(questions.count()):
        question = questions.nth(number)
        answer = int(question.get_attribute("data-answer"))
        feedback = question.locator(".feedback")
        assert feedback.get_attribute("role") == "status"
        if number == 0:  # no choice, then a wrong one
            tab_to(tab, ".check")
            tab.keyboard.press("Enter")
            assert feedback.inner_text() == "Choose an answer first."
            tab.keyboard.press("Shift+Tab")
            tab.keyboard.press("Space")
            for _ in range((answer + 1) % question.locator("input").count()):
                tab.keyboard.press("ArrowDown")
            tab_to(tab, ".check")
            tab.keyboard.press("Enter")
            assert feedback.inner_text().startswith("Not this one. The answer is:")
            assert len(feedback.locator(".why").inner_text()) > 20
            continue
        tab_to(tab, "input")
        tab.keyboard.press("Space")
        for _ in range(answer):
            tab.keyboard.press("ArrowDown")
        tab_to(tab, ".check")
        tab.keyboard.press("Space")
        assert feedback.inner_text().startswith("Right.")
    number = questions.count()
    assert score.inner_text() == f"{number - 1} of {number} right: that was the last question."
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("ArrowDown")  # another choice takes the last verdict back
    assert score.inner_text() == f"{number - 2} of {number - 1} right, 1 to go."
    assert troubles == []
    tab.reload()
    assert tab.locator(".quiz input:checked").count() == 0


def test_quiz_without_scripts_has_its_answers_in_folds(visit):
    tab, _ = visit(QUIZ, java_script_enabled=False)
    assert tab.locator(".quiz .check:visible").count() == 0
    for fold in tab.locator(".quiz details").all():
        assert not fold.locator(".why").is_visible()
        fold.locator("summary").click()
        assert fold.locator(".why").is_visible()


# ---------------------------------------------------------------------------------------------------- the rest


def test_search_finds_a_term(visit, site):
    tab, troubles = visit("search.html?q=reparameterisation", site=site)
    results = tab.locator("#search-results li")
    results.first.wait_for()
    tab.wait_for_function("!document.querySelector('#search-progress')?.textContent.includes('...')")
    titles = " ".join(results.all_inner_texts())
    assert "5. A graph VAE from scratch" in titles
    assert "Glossary" in titles
    assert troubles == []


def test_search_by_keyboard(visit, site):
    tab, _ = visit("book/index.html", site=site)
    tab.keyboard.press("Control+k")
    tab.keyboard.type("variogram")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/search.html?q=variogram")
    tab.locator("#search-results li a", has_text="9. Smooth maps fool correlations").click()
    tab.wait_for_url(re.compile(r"/chapters/09_smooth_maps\.html"))


@pytest.mark.parametrize("where", ["div.cell_input >> nth=0", "details.cite"])
def test_copy_button_copies_what_is_shown(visit, site, where):
    tab, _ = visit(CHAPTER, site=site, permissions=["clipboard-read", "clipboard-write"])
    tab.evaluate("location.hash = 'cite'")  # a link to the citation unfolds it
    block = tab.locator(where)
    block.hover()
    block.locator(".copybtn").click()
    tab.wait_for_timeout(200)
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == block.locator("pre").inner_text().strip()
    assert ("@incollection{xsg" if "cite" in where else "SEED = 0") in copied


def test_next_and_previous(visit):
    tab, _ = visit(CHAPTER)
    tab.locator(".right-next").click()
    tab.wait_for_url("**/06_training.html")
    tab.locator(".left-prev").click()
    tab.wait_for_url("**/05_graph_vae.html")


def test_dark_mode_can_be_chosen_and_is_kept(visit, site):
    tab, _ = visit(CHAPTER, site=site)
    theme = "document.documentElement.dataset.theme"
    assert tab.evaluate(theme) == "light"
    for _ in range(3):
        tab.locator(".theme-switch-button:visible").click()
        if tab.evaluate(theme) == "dark":
            break
    tab.reload()
    assert tab.evaluate(theme) == "dark"


def test_paper_has_the_article_alone_with_everything_open(visit):
    tab, _ = visit(CHAPTER)
    folds = tab.locator(".bd-article details").count()
    assert folds > 2
    tab.emulate_media(media="print")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator(".bd-article details[open]").count() == folds
    for name in (
        ".bd-sidebar-primary",
        ".bd-sidebar-secondary",
        ".bd-header-article",
        ".copybtn >> nth=0",
        ".prev-next-area",
    ):
        assert not tab.locator(name).is_visible(), name
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.locator(".bd-article details[open]").count() == 0
