"""Every test of the rendered book is given its pages; without a built book there is nothing to look at."""

import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
HTML = HERE.parents[1] / "_build/html"
PAGES = sorted(str(path.relative_to(HTML)) for part in ("book", "chapters") for path in (HTML / part).rglob("*.html"))

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def html() -> Path:
    if not PAGES:
        pytest.skip("there is no book in _build/html; run make book")
    return HTML


@pytest.fixture(scope="session")
def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, html):
    """Open a page in a window of its own; returns it with what went wrong while it loaded."""
    contexts = []

    def visit(page, width=1280, site=None, **options):
        options = {"color_scheme": "light", "reduced_motion": "reduce", "offline": site is None} | options
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        tab, troubles = context.new_page(), []
        tab.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("requestfailed", lambda request: troubles.append(f"not loaded: {request.url}"))
        tab.goto(f"{site}/{page}" if site else (html / page).as_uri(), wait_until="load")
        if options.get("java_script_enabled", True):
            tab.evaluate("window.MathJax && MathJax.startup && MathJax.startup.promise")
        return tab, troubles

    yield visit
    for context in contexts:
        context.close()


def pytest_generate_tests(metafunc):
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", PAGES or ["no book"])
    if "chapter" in metafunc.fixturenames:
        metafunc.parametrize("chapter", [page for page in PAGES if page.startswith("chapters/")] or ["no book"])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what looks at the built book: before there is one it is skipped, and all else need not run a second time."""
    for item in items:
        if HERE in item.path.parents and {"html", "reader"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("built")
