"""Print the whole book as one PDF, _build/handout.pdf, from the rendered pages (make book, then make handout).

All pages stand in one document in the order of _toc.yml: links lead to places inside it, interactive figures are their
pictures, and what answers exercises and quizzes stands in an appendix. Chromium typesets it once and prints it twice:
the first print tells on which page each section begins.
"""

import shutil
import sys
import time
import tomllib
from collections.abc import Iterator
from datetime import date
from html import escape
from io import BytesIO
from pathlib import Path, PurePosixPath
from posixpath import normpath
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup, Tag
from pypdf import PdfReader

import notebooks

STYLE = Path(__file__).with_name("handout.css")
WIDTH, HEIGHT = 643, 930  # pixels inside the margins of a page of A4
EVERYWHERE = (  # sections of every chapter, which the contents need not list
    "What you will learn",
    "Set-up",
    "Honesty box",
    "Key takeaways",
    "Exercises",
    "See also",
    "References",
)
DROPPED = (
    "script, style, .headerlink, .d-print-none, .toctree-wrapper, .chapter-bar, .cite, button, iframe, [role=status]"
)
LIMIT = 300_000  # milliseconds

# What is wider than the page shrinks; a figure that is higher too.
FIT = """([width, height]) => {
    for (const node of document.querySelectorAll("table, mjx-container[display=true], img")) {
        const [wide, high] = [Math.max(node.scrollWidth, node.offsetWidth), node.offsetHeight];
        const room = node.closest("td, li, dd, blockquote") ? node.parentElement.clientWidth : width;
        if (node.matches("img")) node.style.maxHeight = `${height * 0.85}px`;
        else if (wide > room) node.style.zoom = Math.max(room / wide * 0.99, 0.4);
    }
}"""
TOO_WIDE = """width => [...document.querySelectorAll("main *")].filter(node => {
    const place = node.getBoundingClientRect();
    return place.width > 1 && place.right > width + 2 && !node.closest("mjx-assistive-mml, svg");
}).map(node => node.outerHTML.slice(0, 160)).slice(0, 5)"""


class HandoutError(Exception):
    """The handout could not be made; the message says what to do."""


def main() -> int:
    started = time.perf_counter()
    root = Path(__file__).resolve().parents[1]
    try:
        path = write(root)
    except HandoutError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The handout: {path}, {path.stat().st_size / 1e6:.1f} MB, {time.perf_counter() - started:.0f} s")
    return 0


def write(root: Path) -> Path:
    """Print the rendered book."""
    pages, source, target = book_pages(root), root / "_build/handout.html", root / "_build/handout.pdf"
    missing = [page for page, _ in pages if not (root / f"_build/html/{page}.html").is_file()]
    if missing:
        raise HandoutError(f"_build/html has no {', '.join(missing)}; run make book first.")
    notebooks.write_text(source, document(root, pages))
    half = target.with_suffix(".part")
    try:
        half.write_bytes(printed(source))
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
    return target


# ---------------------------------------------------------------------------------------------------- one document


def book_pages(root: Path) -> list[tuple[str, str]]:
    """Pages in the order of _toc.yml, each with the caption of the part that it opens, or ''."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    pages = [(toc["root"], ""), *((page["file"], "") for page in toc.get("chapters", []))]
    for part in toc.get("parts", []):
        pages += [(page["file"], "" if number else part["caption"]) for number, page in enumerate(part["chapters"])]
    return pages


def document(root: Path, pages: list[tuple[str, str]]) -> str:
    """Put all pages into one: cover, contents, pages, solutions."""
    html = root / "_build/html"
    known = {page: page.replace("/", "-") for page, _ in pages}
    articles, contents, solutions, running = [], [], [], []
    for page, part in pages:
        slug = known[page]
        article = read_article(html, page, known)
        title = article.h1.get_text().strip()
        solved = take_solutions(article, slug, title)
        if solved:
            solutions.append(solved)
        if part:
            contents.append(f'<li class="part">{escape(part)}</li>')
        contents += entries(article)
        article["style"] = f"page: p{slug}"
        running.append(running_head(slug, title))
        articles.append(str(article))
    if solutions:
        heading = "<h1 id='solutions'>Solutions and checks</h1>"
        articles.append(f"<article style='page: psolutions'>{heading}{''.join(solutions)}</article>")
        contents.append(entry("solutions", "Solutions and checks", "h1"))
        running.append(running_head("solutions", "Solutions and checks"))
    # The address of the book's own scripts and colours, from where the document is written.
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{escape(book(root)["title"])}</title>
<link rel="stylesheet" href="html/_static/pygments.css">
<style>{STYLE.read_text(encoding="utf-8")}{"".join(running)}</style>
<script>
MathJax = {{options: {{enableMenu: false, processHtmlClass: "math", ignoreHtmlClass: "tex2jax_ignore"}}}};
</script>
<script src="html/_static/mathjax/tex-chtml.js"></script>
</head>
<body data-theme="light">
{cover(root)}
<nav class="contents"><h1 id="contents">Contents</h1><ul>{"".join(contents)}</ul></nav>
<main>{"".join(articles)}</main>
</body>
</html>
"""


def book(root: Path) -> dict:
    return yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))


def cover(root: Path) -> str:
    config = book(root)
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    address = config["repository"]["url"]
    title, _, subtitle = config["title"].partition(": ")
    return f"""<header class="cover">
<p class="title">{escape(title)}</p>
<p class="subtitle">{escape(subtitle)}</p>
<p>{escape(config["author"])}</p>
<p class="about">Version {version}, printed {date.today():%d %B %Y}<br>
<a href="{address}">{address}</a><br>
Code BSD-3-Clause · prose and figures CC BY 4.0</p>
</header>"""


def running_head(slug: str, title: str) -> str:
    """Give the pages of one part of the document its title at their head."""
    text = title.replace("\\", "").replace('"', "”")
    return f'@page p{slug} {{ @top-left {{ content: "{text}"; }} }}\n'


def read_article(html: Path, page: str, known: dict[str, str]) -> Tag:
    """Take the text of a page, with ids and links that hold in the one document."""
    slug, folder = known[page], PurePosixPath(page).parent
    soup = BeautifulSoup((html / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    article = soup.select_one("article.bd-article")
    for node in article.select(DROPPED):
        node.decompose()
    for node in article.find_all(True):
        for name in [name for name in node.attrs if name.startswith(("aria-", "on")) or name in ("for", "loading")]:
            del node[name]
        if "id" in node.attrs:
            node["id"] = f"{slug}--{node['id']}"
        if node.name == "details":
            node["open"] = ""
        if "src" in node.attrs and not node["src"].startswith("data:"):
            node["src"] = "html/" + normpath(str(folder / unquote(node["src"])))
        if node.name == "a":
            link(node, slug, folder, known)
    article["id"] = slug
    return article


def link(node: Tag, slug: str, folder: PurePosixPath, known: dict[str, str]) -> None:
    """Point a link to its place in the document; what is not in it keeps its words only."""
    parts = urlsplit(node.get("href", ""))
    if parts.scheme:
        return
    there = known.get(normpath(str(folder / parts.path)).removesuffix(".html")) if parts.path else slug
    if there is None or "href" not in node.attrs:
        node.unwrap()
    else:
        node["href"] = f"#{there}--{unquote(parts.fragment)}" if parts.fragment else f"#{there}"


def take_solutions(article: Tag, slug: str, title: str) -> str:
    """Move what answers exercises and quizzes to the appendix, and leave the way there."""
    found = []
    for section in article.select("section[id*='--exercise-']"):
        cells = section.select(".tag_solution, .tag_check")
        if not cells or not (heading := section.find("h3")):
            continue
        place = section["id"]
        answers = "".join(str(node) for cell in cells for node in cell.select(".cell_input, .cell_output"))
        cells[0].insert_before(way(f"{place}--solution", "Solution"))
        for cell in cells:
            cell.decompose()
        back = f'<a href="#{place}">{escape(heading.get_text())}</a>'
        found.append(f'<section id="{place}--solution"><h3>{back}</h3>{answers}</section>')
    for number, question in enumerate(article.select(".quiz fieldset"), 1):
        for radio in question.select("input"):
            radio.replace_with("☐ ")
        if answer := question.select_one("details .why"):
            found.append(f"<p>{number}. {answer.decode_contents()}</p>")
            answer.find_parent("details").decompose()
    if quiz := article.select_one(".quiz"):
        quiz.append(way(f"{slug}--solutions", "Answers"))
    return f'<section id="{slug}--solutions"><h2>{escape(title)}</h2>{"".join(found)}</section>' if found else ""


def way(place: str, words: str) -> Tag:
    """Write a line that leads to a place, by link and by page."""
    line = f'<p class="way"><a href="#{place}">{words}: page <b></b></a></p>'
    return BeautifulSoup(line, "html.parser").p


def entries(article: Tag) -> Iterator[str]:
    """Lines of the contents for a page: its title and its sections."""
    yield entry(article["id"], article.h1.get_text(), "h1")
    for heading in article.find_all("h2"):
        place, title = heading.find_parent("section"), heading.get_text().strip()
        if place and place.get("id") and title not in EVERYWHERE:
            yield entry(place["id"], title, "h2")


def entry(place: str, title: str, level: str) -> str:
    return f'<li class="{level}"><a href="#{place}"><span>{escape(title.strip())}</span></a><b></b></li>'


# ---------------------------------------------------------------------------------------------------- print


def printed(source: Path) -> bytes:
    """Typeset in Chromium and print; page numbers come from a first print."""
    from playwright.sync_api import Error, sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        except Error as error:
            raise HandoutError(
                "The handout is printed by Chromium, which could not be started. Install one (apt-get install "
                f"chromium, or .venv/bin/playwright install chromium) and run make handout again.\n{error}"
            ) from error
        page = browser.new_context(offline=True, viewport={"width": WIDTH, "height": HEIGHT}).new_page()
        page.set_default_timeout(LIMIT)
        page.emulate_media(media="print", color_scheme="light")
        page.goto(source.as_uri(), wait_until="load")
        page.evaluate("MathJax.startup.promise")
        page.evaluate(FIT, [WIDTH, HEIGHT])
        if wide := page.evaluate(TOO_WIDE, WIDTH):
            raise HandoutError(f"Wider than the page: {wide}. Give it room in tools/handout.css.")
        form = {"prefer_css_page_size": True, "print_background": True, "outline": True, "tagged": True}
        number = page_numbers(page.pdf(**form))
        lost = page.evaluate(
            """number => [...document.querySelectorAll(".contents li:not(.part), .way")].filter(line => {
                const place = decodeURIComponent(line.querySelector("a").hash.slice(1));
                line.querySelector("b").textContent = number[place] ?? "";
                return !(place in number);
            }).map(line => line.textContent)""",
            number,
        )
        if lost:
            raise HandoutError(f"No page was found for {lost[:5]}; their headings have no target in the print.")
        return page.pdf(**form)


def page_numbers(data: bytes) -> dict[str, int]:
    """Tell on which page each target of a link lies, counted from 1."""
    reader = PdfReader(BytesIO(data))
    pages = {page.indirect_reference.idnum: number for number, page in enumerate(reader.pages, 1)}
    return {
        unquote(name.lstrip("/")): pages[place.raw_get("/Page").idnum]
        for name, place in reader.named_destinations.items()
    }


if __name__ == "__main__":
    sys.exit(main())
