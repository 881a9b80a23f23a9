"""Make slides of a chapter by rule: each section shows what one looks at, and its prose goes to the speaker notes.

A slide shows the section's heading, one or two sentences that lead to what is shown, and one figure, or as many
equations, tables and lists as fit. Lists and tables that are too long go on over slides; what still does not fit
shrinks when the page loads (slides.html). reveal.js and MathJax are copied beside the slides, so that no network is
needed.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import mathjax
import nbformat
import sphinx_revealjs
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

import notebooks

REVEAL = Path(sphinx_revealjs.__file__).parent / "_static/revealjs"
MATHJAX = Path(mathjax.__file__).parent / "static/mathjax/es5"
SHARED = {  # in the folder of the slides: where it comes from
    "reveal/reset.css": REVEAL / "dist/reset.css",
    "reveal/reveal.css": REVEAL / "dist/reveal.css",
    "reveal/reveal.js": REVEAL / "dist/reveal.js",
    "reveal/notes.js": REVEAL / "plugin/notes/notes.js",
    "reveal/LICENSE": REVEAL / "LICENSE",
    "mathjax/tex-chtml.js": MATHJAX / "tex-chtml.js",
} | {
    f"mathjax/output/chtml/fonts/woff-v2/{font.name}": font
    for font in sorted((MATHJAX / "output/chtml/fonts/woff-v2").glob("*.woff"))
}

# Room on a slide, in pixels of 1280 × 720; what is here is estimated and only decides where lists and tables are cut.
ROOM, LINE, PER_LINE = 540, 37, 88
ROW, PER_ROW, MOST_ROWS = 28, 108, 20
SHORT = 12  # lines of code that a slide may show
LEFT_OUT = ("Set-up", "See also", "References")
PLAIN = ("parameters", "remove-cell", "hide-cell", "hide-input", "solution", "check")  # cells whose code is never shown
ABBREVIATED = re.compile(r"(?:\bet al|\be\.g|\bi\.e|\bvs|\bcf|\bFig|\bapprox|\bno|\bSt|\b[A-Z])\.$")

MARKDOWN = (
    MarkdownIt("commonmark", {"html": True})
    .enable("table")
    .use(
        dollarmath_plugin,
        renderer=lambda tex, how: (r"\[{}\]" if how["display_mode"] else r"\({}\)").format(escape(tex)),
    )
)


@dataclass
class Item:
    """Something to look at, with the height it is thought to need."""

    kind: str  # figure | table | list | math | code | text
    html: str
    height: float


@dataclass
class Slide:
    """One slide as it is being filled."""

    title: str
    above: str  # title of the section around it
    lead: str = ""
    items: list[Item] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def takes(self, item: Item) -> bool:
        """Tell whether the item may stand under those that are here."""
        if not self.items:
            return True
        if "figure" in (item.kind, self.items[-1].kind):
            return False
        return sum(one.height for one in (*self.items, item)) + (LINE * 2 if self.lead else 0) <= ROOM


def write_shared(folder: Path) -> Iterator[Path]:
    """Copy what all slides load, and yield the copies' paths."""
    for name, source in SHARED.items():
        target = folder / name
        notebooks.write_bytes(target, source.read_bytes())
        yield target


# ---------------------------------------------------------------------------------------------------- reading


@dataclass
class Block:
    """A paragraph, list, equation, figure … of the chapter."""

    kind: str  # heading | text | figure | table | list | math | code | hint
    source: str  # of text: Markdown; else HTML
    level: int = 0


def blocks(notebook: nbformat.NotebookNode) -> Iterator[Block]:
    """Read the chapter's cells and their outputs from top to bottom."""
    equation = False  # whether an equation was the last thing shown
    for cell in notebook.cells:
        found = list(text_blocks(cell.source) if cell.cell_type == "markdown" else code_blocks(cell, equation))
        for block in found:
            if block.kind in ("heading", "math", "figure", "table", "code"):
                equation = block.kind == "math"
        yield from found


def text_blocks(source: str) -> Iterator[Block]:
    tokens = MARKDOWN.parse(re.sub(r"<!--.*?-->", "", source, flags=re.S))
    hint: list[str] | None = None
    for group in grouped(tokens):
        first = group[0]
        html = MARKDOWN.renderer.render(group, MARKDOWN.options, {})
        if first.type == "html_block" and first.content.startswith("<details"):
            hint = ["<p><strong>Hint</strong></p>"]
        elif first.type == "html_block" and first.content.startswith("</details"):
            yield Block("hint", "".join(hint))
            hint = None
        elif hint is not None:
            hint.append(html)
        elif first.type == "heading_open":
            yield Block("heading", group[1].content, int(first.tag[1]))
        elif first.type == "math_block":
            yield Block("math", html)
        elif first.type in ("bullet_list_open", "ordered_list_open"):
            yield Block("list", html)
        elif first.type == "table_open":
            yield Block("table", html)
        elif first.type == "fence":
            yield Block("code", coloured(first.content))
        elif first.type == "paragraph_open":
            yield Block("text", group[1].content)
        else:
            yield Block("hint", html)  # a quotation or remark: for the notes


def grouped(tokens: list[Token]) -> Iterator[list[Token]]:
    """Cut the tokens into those of one block each."""
    group = []
    for token in tokens:
        group.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield group
            group = []


def code_blocks(cell: nbformat.NotebookNode, after_equation: bool) -> Iterator[Block]:
    shown = []
    alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
    tags = cell.metadata.get("tags", [])
    for output in cell.outputs if not {"remove-cell", "solution", "check"} & set(tags) else []:
        data = output.get("data", {})
        soup = BeautifulSoup(data.get("text/html", ""), "html.parser")
        if "image/png" in data:  # an interactive figure brings a still one along, and its text within its HTML
            still = soup.find("img", alt=True)
            image = "".join(data["image/png"].split())
            says = escape(alt or (still["alt"] if still else ""))
            shown.append(Block("figure", f'<img alt="{says}" src="data:image/png;base64,{image}">'))
        elif grid := soup.find("table"):
            shown.append(Block("table", str(grid)))
    lines = [line for line in cell.source.splitlines() if line.strip()]
    if (
        after_equation
        and not shown
        and not set(tags) & set(PLAIN)
        and 1 < len(lines) <= SHORT
        and "claim(" not in cell.source
    ):
        shown.append(Block("code", coloured(cell.source)))
    yield from shown


def coloured(code: str) -> str:
    code = re.sub(r"\n{3,}", "\n\n", code)
    body = highlight(code, PythonLexer(), HtmlFormatter(noclasses=True, nowrap=True, style="xcode"))
    return f"<pre><code>{body}</code></pre>"


def split(content: Iterable[Block]) -> list[tuple[str, str, list[Block]]]:
    """Cut the chapter into sections: title of the section around it, its own title, what is in it."""
    sections, around = [], ""
    for block in content:
        if block.kind == "heading":
            around = block.source if block.level < 3 else around
            sections.append((around if block.level > 2 else "", block.source, []))
        else:
            sections[-1][2].append(block)
    return sections


def sentences(text: str) -> list[str]:
    """Cut Markdown into sentences, never inside a formula, link, bracket or emphasis."""
    found, start = [], 0
    for match in re.finditer(r"[.!?:][)\"”’*]*\s+(?=\S)", text):
        piece = text[start : match.end()].strip()
        pairs = ("[]", "()")
        whole = all(piece.count(a) == piece.count(b) for a, b in pairs) and not any(piece.count(c) % 2 for c in "$`*")
        if whole and not piece.endswith(":") and not ABBREVIATED.search(piece) and not text[match.end()].islower():
            found.append(piece)
            start = match.end()
    return [*found, text[start:].strip()]


def plain(markdown: str) -> str:
    """Text of inline Markdown, formulas left as TeX."""
    return BeautifulSoup(MARKDOWN.renderInline(markdown), "html.parser").get_text()


# ---------------------------------------------------------------------------------------------------- filling


def fill(slide: Slide, content: list[Block], whole: bool = False) -> list[Slide]:
    """Put a section on as many slides as it takes; `whole` shows its prose too, as the task of an exercise needs."""
    made, opening, before = [slide], "", ""  # before: the paragraph since the last thing shown
    for block in content:
        if block.kind == "hint":
            made[-1].notes.append(block.source)
            continue
        if block.kind == "text" and not whole:
            made[-1].notes.append(MARKDOWN.render(block.source))
            opening, before = opening or block.source, block.source
            continue
        for item in pieces(block):
            lead = leading(opening if len(made) == 1 and not slide.items else "", before)
            between = [prose(lead)] if lead else []
            if not all(made[-1].takes(one) for one in (*between, item)) or (
                made[-1].items and sum(one.height for one in (*made[-1].items, *between, item)) > ROOM
            ):
                made.append(Slide(slide.title, slide.above))
            made[-1].items += [*between, item]
            before = ""
    if not slide.items and opening:
        slide.items = [prose(" ".join(one for one in sentences(opening)[:2] if not one.endswith(":")) or opening)]
    return [one for one in made if one.items]


# A sentence that goes on from a formula or from another sentence says nothing alone.
GOES_ON = re.compile(
    r"[a-z]|(And|But|Both|Column|First|Here|It|Put|Second|So|Such|That|The same|Then|These|They|Third|This|Under)\b"
)


def leading(opening: str, before: str) -> str:
    """Say what leads to the thing shown: the section's first sentence, and that which announces the thing."""
    if not before:
        return ""
    of = sentences(before)
    announces = "" if GOES_ON.match(of[-1]) else of[-1]
    first = sentences(opening)[0] if opening else ""
    return announces if first == announces or len(first + announces) > 330 else f"{first} {announces}".strip()


def prose(markdown: str) -> Item:
    lines = -(-len(plain(markdown)) // PER_LINE)
    return Item("text", f"<p>{MARKDOWN.renderInline(markdown)}</p>", lines * LINE + 16)


def pieces(block: Block) -> Iterator[Item]:
    """Turn a block into what fits on a slide each."""
    if block.kind == "text":
        yield prose(block.source)
    elif block.kind == "figure":
        yield Item("figure", f"<figure>{block.source}</figure>", ROOM)
    elif block.kind == "math":
        yield Item("math", block.source, 60 + 45 * block.source.count(r"\\\\"))
    elif block.kind == "code":
        yield Item("code", block.source, 40 + 27 * block.source.count("\n"))
    elif block.kind == "list":
        yield from list_pieces(BeautifulSoup(block.source, "html.parser").find(["ul", "ol"]))
    else:
        yield from table_pieces(BeautifulSoup(block.source, "html.parser").find("table"))


def cut(parts: list, heights: list[float], room: float) -> Iterator[tuple[int, list, float]]:
    """Cut parts into runs that are no higher than the room, each with the place of its first and its height."""
    if sum(heights) > room:  # runs of like length, and no last one of a single part
        room = max(sum(heights) / -(-sum(heights) // room) * 1.1, max(heights))
    start = 0
    while start < len(parts):
        end = start + 1
        while end < len(parts) and sum(heights[start : end + 1]) <= room:
            end += 1
        yield start, parts[start:end], sum(heights[start:end])
        start = end


def list_pieces(items: BeautifulSoup) -> Iterator[Item]:
    entries = items.find_all("li", recursive=False)
    heights = [-(-len(entry.get_text()) // PER_LINE) * LINE + 10 for entry in entries]
    first = int(items.get("start", 1))
    for start, some, height in cut(entries, heights, ROOM - 2 * LINE):
        number = f' start="{first + start}"' if items.name == "ol" else ""
        yield Item("list", f"<{items.name}{number}>{''.join(map(str, some))}</{items.name}>", height)


def table_pieces(grid: BeautifulSoup) -> Iterator[Item]:
    """Cut a table between rows, its head repeated; of a very long one show the start and say so."""
    head = grid.find("thead")
    rows = [row for row in grid.find_all("tr") if head is None or head not in row.parents]
    more = len(rows) - MOST_ROWS // 2 if len(rows) > MOST_ROWS else 0
    rows = rows[: len(rows) - more]
    texts = [
        [len(cell.get_text(" ", strip=True)) for cell in row.find_all(["td", "th"])] for row in grid.find_all("tr")
    ]
    columns = max(len(row) for row in texts)
    widths = [min(max(row[k] for row in texts if k < len(row)), 60) + 2 for k in range(columns)]
    share = max(1.0, sum(widths) / PER_ROW)

    def height(row: BeautifulSoup) -> float:
        cells = [len(cell.get_text(" ", strip=True)) for cell in row.find_all(["td", "th"])]
        return max(-(-length // max(width / share, 4)) for length, width in zip(cells, widths, strict=False)) * ROW + 9

    top = sum(height(row) for row in head.find_all("tr")) if head else 0
    for start, some, tall in cut(rows, [height(row) for row in rows], ROOM - top):
        rest = (
            f"<p class='more'>… and {more} more rows in the chapter</p>"
            if more and start + len(some) == len(rows)
            else ""
        )
        body = f"<div class='table'><table>{head or ''}<tbody>{''.join(map(str, some))}</tbody></table></div>{rest}"
        yield Item("table", re.sub(r' (border|style|class|id)="[^"]*"', "", body), top + tall + (LINE if rest else 0))


# ---------------------------------------------------------------------------------------------------- writing


def deck(notebook: nbformat.NotebookNode) -> str:
    """Write the slides of a chapter as one HTML page."""
    (_, title, opening), *sections = split(blocks(notebook))
    learn = next((content for _, name, content in sections if name == LEARN), [])
    parts = [title_slide(title, opening, learn)]
    for around, name, content in sections:
        if name not in (LEARN, *LEFT_OUT):
            made = fill(Slide(name, around), content, whole=around == "Exercises")
            parts += [page(slide, number, len(made)) for number, slide in enumerate(made, 1)]
    text = "\n".join(parts)
    there = set(re.findall(r'<section id="([^"]+)"', text))

    def link(match: re.Match) -> str:
        """Keep links to the web and to slides; others have no target here."""
        target, inside = match.groups()
        if target.startswith("#") and target[1:] in there:
            return f'<a href="#/{target[1:]}">{inside}</a>'
        return match[0] if target.startswith("http") else inside

    text = re.sub(r'<a href="([^"]*)">(.*?)</a>', link, text, flags=re.S)
    return PAGE.replace("{title}", escape(plain(title))).replace("{slides}", text)


def title_slide(title: str, opening: list[Block], learn: list[Block]) -> str:
    """Title, prerequisites and time on the left, what one will learn on the right."""
    about = "".join(MARKDOWN.render(block.source) for block in opening if block.kind == "text")
    aims = "".join(block.source if block.kind != "text" else MARKDOWN.render(block.source) for block in learn)
    left = f"<h1>{MARKDOWN.renderInline(title)}</h1>{about}<p class='book'>{BOOK}</p>"
    right = f"<h2>{LEARN}</h2>{aims}"
    halves = f'<div class="body left">{left}</div><div class="body">{right}</div>'
    return f'<section id="title" class="opening">{halves}</section>'


def page(slide: Slide, number: int, total: int) -> str:
    """Write one slide; the first of a section bears the section's anchor."""
    anchor = re.sub(r"[^\w\- ]", "", plain(slide.title).lower()).strip().replace(" ", "-")
    place = f'id="{anchor}"' if number == 1 else f'id="{anchor}-{number}"'
    kind = (
        anchor if anchor in ("honesty-box", "key-takeaways") else "exercise" if slide.above == "Exercises" else "plain"
    )
    if all(item.kind == "text" for item in slide.items) and kind == "plain":
        kind = "words"
    above = f"<p class='above'>{MARKDOWN.renderInline(slide.above)}</p>" if slide.above and kind != "exercise" else ""
    count = f" <small>{number}/{total}</small>" if total > 1 else ""
    head = f"<header>{above}<h2>{MARKDOWN.renderInline(slide.title)}{count}</h2></header>"
    body = "".join(item.html for item in slide.items)
    notes = f'<aside class="notes">{"".join(slide.notes)}</aside>' if slide.notes else ""
    return f'<section {place} class="{kind}">{head}<div class="body">{body}</div>{notes}</section>'


BOOK = "xsg: cross-scale generative models of the brain · prose and figures CC BY 4.0"
LEARN = "What you will learn"

PAGE = Path(__file__).with_name("slides.html").read_text(encoding="utf-8")
