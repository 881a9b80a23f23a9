"""Every test of the rendered book is given its pages; without a built book there is nothing to look at."""

from pathlib import Path

import pytest

HTML = Path(__file__).resolve().parents[2] / "_build/html"
PAGES = sorted(str(path.relative_to(HTML)) for part in ("book", "chapters") for path in (HTML / part).rglob("*.html"))


@pytest.fixture(scope="session")
def html() -> Path:
    if not PAGES:
        pytest.skip("there is no book in _build/html; run make book")
    return HTML


def pytest_generate_tests(metafunc):
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", PAGES or ["no book"])
    if "chapter" in metafunc.fixturenames:
        metafunc.parametrize("chapter", [page for page in PAGES if page.startswith("chapters/")] or ["no book"])
