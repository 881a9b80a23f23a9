"""Launch, repository, issue and source links: exactly what follows from the address, to files that git has."""

import re
import subprocess
from html import unescape
from pathlib import Path

import nbformat
import pytest

import notebooks
import stamp

ROOT = Path(__file__).resolve().parents[2]
AT = stamp.address(ROOT)
OURS = f"https://github.com/{AT.organisation}/{AT.repository}"
GIT = set(subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n"))


def external(html, page):
    """Addresses that a page links to outside itself."""
    return [unescape(link) for link in re.findall(r'<a\b[^>]*\bhref="(https?://[^"]*)"', (html / page).read_text())]


def test_a_chapter_is_launched_where_git_has_it(html, chapter):
    links, notebook = external(html, chapter), chapter.replace(".html", ".ipynb")
    binder, colab = ([link for link in links if host in link] for host in ("mybinder.org", "colab.research"))
    assert set(binder) == {
        f"https://mybinder.org/v2/gh/{AT.organisation}/{AT.repository}/{AT.branch}?urlpath=tree/{notebook}"
    }
    assert set(colab) == {
        f"https://colab.research.google.com/github/{AT.organisation}/{AT.repository}/blob/{AT.branch}/{notebook}"
    }
    assert notebook in GIT


def test_links_to_the_repository(html, page):
    links = [link.removeprefix(OURS) for link in external(html, page) if link.startswith(OURS)]
    script = page.replace(".html", ".py" if page.startswith("chapters/") else ".md?plain=1")
    issue = f"/issues/new?title=Issue%20on%20page%20%2F{page}&body=Your%20issue%20content%20here."
    assert {"", f"/blob/{AT.branch}/{script}", issue} <= set(links)
    for link in set(links) - {"", issue, "/issues"}:
        place = re.fullmatch(rf"/blob/{re.escape(AT.branch)}/([^?#]+)(\?plain=1)?(#.*)?", link)
        assert place, f"{OURS}{link} is no link to the branch of _config.yml"
        assert place[1] in GIT


def test_a_page_knows_where_it_is_published(html, page):
    text = (html / page).read_text(encoding="utf-8")
    assert re.findall(r'<link rel="canonical" href="([^"]*)"', text) == [AT.site + page]


def test_readme_launches_every_chapter():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    defined = dict(re.findall(r"^\[([\w-]+)\]: (\S+)$", text, re.MULTILINE))
    body = re.sub(r"^\[[\w-]+\]: .*$", "", text, flags=re.MULTILINE)
    used = set(re.findall(r"\]\[([\w-]+)\]", body))
    assert used == defined.keys()
    for stem in notebooks.chapters(ROOT):
        row = re.search(rf"^\|.*\(chapters/{stem}\.ipynb\).*\|$", body, re.MULTILINE)
        assert row, f"no row for {stem}"
        number = stem.split("_")[0]
        assert f"[Colab][colab-{number}] · [Binder][binder-{number}] |" in row[0]
        for name in (f"colab-{number}", f"binder-{number}"):
            assert defined[name].endswith(f"/chapters/{stem}.ipynb")


# ---------------------------------------------------------------------------------------------------- live code

# Stands for thebe: takes its configuration from the page as thebe does, and makes an editor of every cell.
THEBE = """
window.asked = {cells: []};
window.thebelab = {
  on: () => null,
  bootstrap: () => {
    const page = document.querySelector('script[type="text/x-thebe-config"]').textContent;
    asked.page = new Function('return (' + page + ')')();
    for (const input of document.querySelectorAll('[data-executable]')) {
      const output = input.nextElementSibling, editor = document.createElement('textarea');
      asked.cells.push([input.textContent, output !== null && output.hasAttribute('data-output')]);
      editor.value = input.textContent;
      editor.className = 'thebe-cell';
      input.replaceWith(editor);
    }
  },
};
"""


@pytest.fixture
def online(chromium, html):
    """Open a chapter with a network in which only thebe can be reached; tells what was asked for."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    asked, troubles = [], []

    def answer(route):
        if route.request.url.startswith("file:"):
            return route.continue_()
        asked.append(route.request.url)
        if re.fullmatch(r"https://unpkg\.com/thebe@[\d.]+/lib/index\.js", route.request.url):
            return route.fulfill(body=THEBE, content_type="text/javascript")
        return route.abort()

    context.route("**/*", answer)

    def visit(page):
        tab = context.new_page()
        tab.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.goto((html / page).as_uri(), wait_until="load")
        return tab, asked, troubles

    yield visit
    context.close()


@pytest.mark.parametrize("name", ["chapters/01_question.html", "chapters/18_reaction_diffusion.html"])
def test_live_code_asks_binder_for_this_repository(online, html, name):
    tab, asked, troubles = online(name)
    pictures = tab.locator(".bd-article img").count()
    assert asked == []
    tab.locator("button[aria-label='Launch interactive content']").click()
    tab.get_by_role("button", name="Live Code").click()
    tab.wait_for_function("window.asked && window.asked.page")
    assert len(asked) == 1
    assert troubles == []
    answer = tab.evaluate("window.asked")
    assert answer["page"]["binderOptions"] == {"repo": f"{AT.organisation}/{AT.repository}", "ref": AT.branch}
    assert answer["page"]["kernelOptions"] == {"name": "python3", "path": "./chapters"}

    notebook = nbformat.read(ROOT / "_build/source" / name.replace(".html", ".ipynb"), as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [cell for cell in code if not {"remove-cell", "remove-input"} & {*cell.metadata.get("tags", [])}]
    assert [source.strip() for source, _ in answer["cells"]] == [cell.source.strip() for cell in shown]
    assert [has for _, has in answer["cells"]] == [bool(cell.outputs) for cell in shown]
    assert tab.locator(".bd-article img").count() == pictures
    # What is folded stays folded, and opens to an editor.
    for number in range(tab.locator(".tag_solution details").count()):
        fold = tab.locator(".tag_solution details").nth(number)
        assert not fold.locator(".thebe-cell").is_visible()
        fold.locator("summary").click()
        assert fold.locator(".thebe-cell").is_visible()


def test_live_code_says_that_it_could_not_be_loaded(visit):
    tab, _ = visit("chapters/01_question.html", 390)
    tab.locator("button[aria-label='Launch interactive content']").click()
    tab.get_by_role("button", name="Live Code").click()
    tab.get_by_text("Live code could not be loaded").wait_for()
    assert tab.locator(".thebe-cell").count() == 0


def test_only_chapters_offer_live_code_and_all_ask_for_the_same(html, page):
    text = (html / page).read_text(encoding="utf-8")
    chapter = page.startswith("chapters/")
    assert text.count("const THEBE_JS_URL") == text.count("sphinx-thebe.js") == text.count("initThebeSBT()") == chapter
    if chapter:
        asked = re.findall(r'repo: "([^"]*)",\s*ref: "([^"]*)"', text)
        assert asked == [(f"{AT.organisation}/{AT.repository}", AT.branch)]
