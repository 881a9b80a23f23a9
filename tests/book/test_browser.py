"""The rendered pages in a real browser, at desktop and phone width, light and dark, offline."""

import pytest


@pytest.mark.parametrize("width", [1280, 390])
def test_page_loads_and_fits(visit, page, width):
    tab, troubles = visit(page, width)
    assert troubles == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    wide = """[...document.querySelectorAll('.bd-article *')].filter(node => {
        for (let box = node; box && !box.matches('.bd-article'); box = box.parentElement)
            if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(box).overflowX)) return false;
        const place = node.getBoundingClientRect();
        return place.width > 1 && place.right > innerWidth + 1;
    }).map(node => node.outerHTML.slice(0, 200))"""
    assert tab.evaluate(wide) == []


def test_formulas_are_typeset(visit, page):
    tab, _ = visit(page, 1280)
    assert tab.locator(".bd-article .math mjx-container").count() == tab.locator(".bd-article .math").count()
    assert tab.locator("mjx-merror").count() == 0


def test_solutions_unfold(visit, chapter):
    tab, _ = visit(chapter, 390)
    solutions = tab.locator(".tag_solution details")
    for number in range(solutions.count()):
        inside = solutions.nth(number).locator(".cell_input")
        assert not inside.is_visible()
        solutions.nth(number).locator("summary").click()
        assert inside.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_accessible(visit, page, scheme):
    from axe_core_python.sync_playwright import Axe

    tab, _ = visit(page, 1280, scheme)
    # The page's own text and figures; the theme's navigation and its code colours are not ours to mend.
    scope = {"include": [[".bd-article"]], "exclude": [[".highlight"], [".headerlink"]]}
    rules = {"runOnly": ["image-alt", "color-contrast", "heading-order", "link-name", "list", "table-duplicate-name"]}
    found = Axe().run(tab, context=scope, options=rules)["violations"]
    assert [(rule["id"], node["html"][:160]) for rule in found for node in rule["nodes"]] == []
