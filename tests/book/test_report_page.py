"""The page of a report in a real browser: on a desktop and a phone, light, dark and printed, offline."""

import warnings
from pathlib import Path

import axe_playwright_python
import pytest
from sklearn.linear_model import Ridge

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
WIDE = """[...document.querySelectorAll('body *')].filter(node => {
    for (let box = node; box && box !== document.body; box = box.parentElement)
        if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(box).overflowX)) return false;
    const place = node.getBoundingClientRect();
    return place.width > 1 && place.right > innerWidth + 1;
}).map(node => node.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    import matplotlib

    matplotlib.use("Agg")
    import xsg

    cortex = xsg.load_cortex("simulated", n_genes=50)
    given = {"n_nulls": 19, "n_dealings": 2, "progress": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they stand in the page
        leaky = xsg.evaluate(Ridge(100.0), cortex, split="random", **given)
    report = xsg.evaluate(Ridge(100.0), cortex, **given)
    return report.save(tmp_path_factory.mktemp("report") / "report.html", also=[leaky])


@pytest.fixture
def visit(chromium, saved):
    contexts = []

    def visit(width, **options):
        # The page forbids scripts; axe is one.
        options = {"offline": True, "bypass_csp": True} | options
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        tab, troubles = context.new_page(), []
        tab.on("console", lambda message: troubles.append(message.text))
        tab.on(
            "request", lambda request: troubles.append(request.url) if request.url[:5] not in ("file:", "data:") else 0
        )
        tab.goto(saved.as_uri())
        return tab, troubles

    yield visit
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [1280, 390, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_legible_everywhere(visit, width, scheme):
    tab, troubles = visit(width, color_scheme=scheme)
    tab.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    assert not tab.evaluate(WIDE)
    sizes = tab.evaluate("""[...document.querySelectorAll('svg text')].filter(text => text.checkVisibility())
        .map(text => text.getBoundingClientRect().height)""")
    assert sizes
    assert min(sizes) > 9  # px, of the letters' boxes
    tab.add_script_tag(path=str(AXE))
    found = tab.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    assert [(rule["id"], node["html"][:160]) for rule in found for node in rule["nodes"]] == []
    assert troubles == []


def test_dark_is_dark_and_paper_is_white(visit):
    def colours(tab):
        return tab.evaluate("""[getComputedStyle(document.body).backgroundColor,
            getComputedStyle(document.querySelector('.wide text')).fill]""")

    assert colours(visit(1280, color_scheme="dark")[0]) == ["rgb(17, 21, 27)", "rgb(231, 234, 238)"]
    tab, _ = visit(1280, color_scheme="dark")
    tab.emulate_media(media="print")
    assert colours(tab) == ["rgb(255, 255, 255)", "rgb(27, 32, 40)"]
    assert tab.evaluate("document.querySelectorAll('.narrow').values().every(node => !node.checkVisibility())")
    assert tab.pdf(format="A4")[:4] == b"%PDF"


def test_it_runs_nothing_and_takes_its_numbers_along(visit):
    tab, _ = visit(1280, bypass_csp=False, accept_downloads=True)
    with pytest.raises(Exception, match="Content Security Policy"):
        tab.add_script_tag(content="document.title = 'changed'")
    with tab.expect_download() as taken:
        tab.get_by_text("report.csv").click()
    assert Path(taken.value.path()).read_text("utf-8").startswith("what,kind,R²")
