"""Sphinx extension of the book: what its pages have beyond the text. No page needs a script to be read.

Glossary   the first time a page uses a term, it becomes a link to its definition, shown on hover and focus
Bar        under a chapter's title: reading time, cost in this build, links to its teaching forms and its citation
Citation   at the end of a chapter, as BibTeX
{execution}          the execution report, from _build/chapters.json
{quiz} NAME.toml     a page of questions; without a script the answers stand in a fold under each
"""

import json
import os
import platform
import re
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

BINDER = {"seconds": 60, "peak_memory_mb": 1500}
DATA = {"simulated": "simulated data", "mirror": "real data", "network/cache": "real data"}
FITS = '<span class="badge-fits">fits{}</span>'
# Nothing is linked inside these: links, names, formulas, headings, and text that is somebody else's.
NO_PROSE = (
    nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw,
    nodes.thead, nodes.citation, addnodes.glossary, addnodes.desc, addnodes.pending_xref,
)  # fmt: skip
OTHER = r"anterior\s+(?:→|to|–)\s+posterior|posterior\s+cingulate|prior\s+to"  # the same words, meaning something else
NO_PROSE_CLASSES = {"quiz", "cell_output"}


def setup(app) -> dict:
    """Tell Sphinx what there is."""
    app.add_directive("execution", Execution)
    app.add_directive("quiz", Quiz)
    app.connect("doctree-resolved", finish)
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def finish(app, doctree: nodes.document, page: str) -> None:
    """Add to a finished page what needs the other pages to be known."""
    link_terms(doctree, definitions(app.env), lambda target: app.builder.get_relative_uri(page, target))
    folder, _, stem = page.rpartition("/")
    if folder == "chapters":
        section = next(iter(doctree.findall(nodes.section)))
        section.insert(1, bar(app, section, stem))
        section += citation(app, page, section.next_node(nodes.title).astext())


def mend(app, page: str, template: str, context: dict, doctree) -> None:
    """Mend what Sphinx writes and no screen reader can make sense of: lists without terms, or without items."""
    body = re.sub(
        r"<dl>\n((?:<dd>.*</dd>\n)+)</dl>",  # the parameters in a long signature
        lambda found: f'<span class="sig-params">{found[1].replace("dd>", "span>")}</span>',
        context.get("body", ""),
    )
    context["body"] = body.replace('<div role="list"', "<div").replace(' role="doc-biblioentry"', "")


# ---------------------------------------------------------------------------------------------------- glossary


@cache
def definitions(env) -> dict[str, tuple[str, str, str]]:
    """Page, anchor and definition of every term in the book's glossaries."""
    found = {}
    for page in sorted(env.found_docs):
        for glossary in env.get_doctree(page).findall(addnodes.glossary):
            for item in glossary.findall(nodes.definition_list_item):
                definition = item.next_node(nodes.definition).deepcopy()
                for cited in list(definition.findall(addnodes.pending_xref)):
                    cited.parent.remove(cited)
                text = re.sub(r"\s+([.,;:]|$)", r"\1", " ".join(definition.astext().split()))
                for term in item.findall(nodes.term):
                    found[term.astext()] = (page, term["ids"][0], text)
    return found


def pattern(terms) -> re.Pattern:
    """Match any of the terms, the longest first: also in plural, capitalised, with a hyphen for a space."""

    def one(term: str) -> str:
        first = re.escape(term[0])
        if term[0].islower():
            first = f"[{term[0]}{term[0].upper()}]"
        rest = r"[\s-]+".join(re.escape(word) for word in re.split(r"[\s-]+", term[1:]))
        plural = "(?:y|ies)" if rest.endswith("y") else "(?:s|es)?"
        return first + (rest.removesuffix("y") if rest.endswith("y") else rest) + plural

    ordered = sorted(terms, key=len, reverse=True)
    return re.compile(rf"{OTHER}|(?<![\w-])(?:" + "|".join(f"({one(term)})" for term in ordered) + r")(?![\w-])")


def prose(doctree: nodes.document):
    """Yield the elements whose texts are the page's own sentences, in reading order."""
    for element in doctree.findall(nodes.TextElement):
        if not any(isinstance(child, nodes.Text) for child in element):
            continue
        above = element
        while above is not None and not isinstance(above, NO_PROSE):
            if NO_PROSE_CLASSES & set(above.get("classes", ())) or "references" in above.get("ids", ()):
                break
            above = above.parent
        if above is None:
            yield element


def link_terms(doctree: nodes.document, terms: dict[str, tuple[str, str, str]], address) -> None:
    """Link the first occurrence of each term to the glossary, with the definition as its title."""
    if not terms:
        return
    ordered = sorted(terms, key=len, reverse=True)
    matcher, seen = pattern(terms), set()
    for element in list(prose(doctree)):
        children, pending = [], ""
        for child in [*element.children, None]:
            if isinstance(child, nodes.Text):  # a line break cuts a sentence into several texts
                pending += child.astext()
                continue
            position = 0
            for match in matcher.finditer(pending):
                if match.lastindex is None:
                    continue
                page, anchor, definition = terms[ordered[match.lastindex - 1]]
                if definition in seen:  # of a term or of another name for it
                    continue
                seen.add(definition)
                link = nodes.reference(
                    "",
                    match[0],
                    internal=True,
                    refuri=f"{address(page)}#{anchor}",
                    classes=["term"],
                    reftitle=definition,
                )
                children += [nodes.Text(pending[position : match.start()]), link]
                position = match.end()
            children += [nodes.Text(pending[position:])] if pending[position:] else []
            children += [child] if child is not None else []
            pending = ""
        element.children = []
        element.extend(children)


# ---------------------------------------------------------------------------------------------------- chapters


def minutes(doctree: nodes.Element) -> int:
    """Estimate the reading time.

    A minute for 150 words of prose, five seconds for a line of code, half a minute for a figure or a formula. Solutions
    and checks are not counted: they are there to be run.
    """
    skipped = {"tag_solution", "tag_check", "tag_remove-cell"}
    words = lines = pictures = 0
    for node in doctree.findall(
        lambda node: isinstance(node, (nodes.paragraph, nodes.literal_block, nodes.image, nodes.math_block))
    ):
        classes, above = set(), node.parent
        while above is not None:
            classes |= set(above.get("classes", ()))
            above = above.parent
        if classes & skipped:
            continue
        if isinstance(node, nodes.paragraph):
            words += len(node.astext().split())
        elif isinstance(node, nodes.literal_block):
            lines += len(node.astext().splitlines()) if "cell_input" in classes else 0
        else:
            pictures += 1
    return round(words / 150 + lines * 5 / 60 + pictures / 2)


def outcomes(app) -> list[dict]:
    """Lines of _build/chapters.json; none where the book was never executed."""
    path = Path(app.srcdir) / "chapters.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def fits_binder(outcome: dict) -> bool | None:
    """Whether a chapter keeps the limits; None if it was not measured."""
    if outcome["seconds"] is None:
        return None
    return all(outcome[name] <= limit for name, limit in BINDER.items())


def bar(app, section: nodes.section, stem: str) -> nodes.raw:
    """Write the line under a chapter's title."""
    report = app.builder.get_relative_uri(f"chapters/{stem}", "book/execution")
    items = [f"{5 * round(minutes(section) / 5)} min to read"]  # a reader's pace is not known to the minute
    for outcome in (outcome for outcome in outcomes(app) if outcome["chapter"] == stem):
        if outcome["seconds"] is None:
            items.append(f'<a href="{report}">outputs kept from an earlier run</a>')
            continue
        cost = f"ran in {outcome['seconds']:.0f} s, {outcome['peak_memory_mb']:,} MB"
        items.append(f'<a href="{report}">{cost}</a>, {DATA[outcome["data"]]}')
        if fits_binder(outcome):
            items.append(FITS.format(" Binder"))
    for name, file in (("student’s notebook", f"student/{stem}.ipynb"), ("slides", f"slides/{stem}.html")):
        if (Path(app.srcdir).parent / "teaching" / file).is_file():  # the teaching kit is made before the pages
            items.append(f'<a href="../teaching/{file}">{name}</a>')
    items.append('<a href="#cite">cite</a>')
    lines = "\n".join(f"<li>{item}</li>" for item in items)
    return nodes.raw("", f'<ul class="chapter-bar">\n{lines}\n</ul>', format="html")


def bibtex(citation: dict, title: str, address: str, page: str) -> str:
    """Write the entry of one chapter, e.g. key xsg2026-05."""
    number, _, name = title.partition(". ")
    stem = page.rpartition("/")[2]
    year = str(citation["date-released"])[:4]

    def safe(text: str) -> str:
        return re.sub(r"([&%#_$])", r"\\\1", text)

    fields = {
        "author": " and ".join(safe(author_name(author)) for author in citation["authors"]),
        "title": "{" + safe(name) + "}",
        "chapter": number,
        "booktitle": "{" + safe(citation["title"]) + "}",
        "year": year,
        "date": str(citation["date-released"]),
        "version": citation["version"],
        "url": f"{address.rstrip('/')}/{page}.html",
    }
    lines = "".join(f"  {field:9} = {{{value}}},\n" for field, value in fields.items())
    return f"@incollection{{xsg{year}-{stem.partition('_')[0]},\n{lines}}}\n"


def author_name(author: dict) -> str:
    """Write an author as BibTeX wants it; a group's name stays whole."""
    return f"{{{author['name']}}}" if "name" in author else f"{author['family-names']}, {author['given-names']}"


def citation(app, page: str, title: str) -> list[nodes.Node]:
    """Write the folded block at the end of a chapter."""
    about = yaml.safe_load((Path(app.srcdir) / "CITATION.cff").read_text(encoding="utf-8"))
    address = app.config.html_baseurl or app.config.html_theme_options["repository_url"]
    entry = bibtex(about, title, address, page)
    return [
        nodes.raw("", '<details class="cite" id="cite"><summary>Cite this chapter</summary>', format="html"),
        nodes.literal_block(entry, entry, language="bibtex"),
        nodes.raw("", "</details>", format="html"),
    ]


# ---------------------------------------------------------------------------------------------------- execution report


class Execution(SphinxDirective):
    """Table of what each chapter cost in this build, with totals and the machine, which is not named."""

    def run(self):
        """Return the table."""
        return [nodes.container("", *self.parse_text_to_nodes(report(outcomes(self.env.app))), classes=["execution"])]


def report(known: list[dict]) -> str:
    """Write the execution report in Markdown."""
    rows = ["| chapter | status | seconds | MB | data | date | Binder |", "|---|---|--:|--:|---|---|---|"]
    for outcome in known:
        numbers = "– | –"
        if outcome["seconds"] is not None:
            numbers = f"{outcome['seconds']:.1f} | {outcome['peak_memory_mb']:,}"
        fits = {True: FITS.format(""), False: "**too big**", None: "–"}[fits_binder(outcome)]
        row = (f"[](../chapters/{outcome['chapter']}.ipynb)", outcome["status"], numbers, outcome["data"])
        rows.append(f"| {' | '.join(row)} | {outcome['date'] or '–'} | {fits} |")
    measured = [outcome for outcome in known if outcome["seconds"] is not None]
    seconds = sum(outcome["seconds"] for outcome in measured)
    memory = max((outcome["peak_memory_mb"] for outcome in measured), default=0)
    ran = f"**{len(measured)} of {len(known)} ran: sum, maximum**"
    total = (ran, "", f"**{seconds:.0f}**", f"**{memory:,}**", "", "")
    rows.append(f"| {' | '.join(total)} | **{sum(map(fits_binder, measured))} fit** |")
    machine = f"{os.cpu_count()} CPUs, Python {platform.python_version()}, torch {metadata.version('torch')}"
    notes = f"""
The machine: {machine}; several chapters run at a time, on one thread each.

*Fits Binder*: at most {BINDER["seconds"]} s and {BINDER["peak_memory_mb"] / 1000} GB. *Data*: simulated here, read from
a mirror, or from the network or its cache. *Kept*: outputs of an earlier run; the chapter’s data were not to be had.
"""
    return "\n".join([*rows, notes])


# ---------------------------------------------------------------------------------------------------- quizzes


def checked(quiz: dict, name: str) -> dict:
    """Return the quiz, or say what is wrong with it."""

    def need(holds: bool, where: str, wrong: str) -> None:
        if not holds:
            raise ExtensionError(f"{name}: {where}: {wrong}")

    def text(value) -> bool:
        return isinstance(value, str) and bool(value.strip())

    need(text(quiz.get("title")), "title", f"is {quiz.get('title')!r}; expected some text")
    questions = quiz.get("question", [])
    need(3 <= len(questions) <= 5, "[[question]]", f"there are {len(questions)}; expected three to five")
    for number, question in enumerate(questions, 1):
        where = f"question {number}"
        for key in ("text", "why"):
            need(text(question.get(key)), where, f"{key} is {question.get(key)!r}; expected some text")
        options, answer = question.get("options", []), question.get("answer")
        need(3 <= len(options) <= 4, where, f"there are {len(options)} options; expected three or four")
        need(len(set(options)) == len(options), where, f"two options are the same: {options}")
        need(
            type(answer) is int and 0 <= answer < len(options),
            where,
            f"answer is {answer!r}; expected the place of the right option, 0 to {len(options) - 1}",
        )
    return quiz


class Quiz(SphinxDirective):
    """A whole page of questions from a file beside it; the title of the file is the title of the page."""

    required_arguments = 1

    def run(self):
        """Return the page's only section."""
        relative, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(relative)
        quiz = checked(tomllib.loads(Path(path).read_text(encoding="utf-8")), relative)
        section = nodes.section(ids=["quiz"])
        section += nodes.title("", "", *self.inline(quiz["title"]).children)
        section += nodes.paragraph("", "Choose an answer, then check it. Nothing is stored.")
        body = nodes.container(classes=["quiz"])
        for number, question in enumerate(quiz["question"], 1):
            body += self.question(question, number)
        body += html('<p class="score" role="status"></p>')
        section += body
        return [section]

    def inline(self, text: str) -> nodes.inline:
        """Read Markdown within a line."""
        found, _ = self.parse_inline(text)
        return nodes.inline("", "", *found)

    def question(self, question: dict, number: int) -> list[nodes.Node]:
        """Write one question: a group of radio buttons, and the answer in a fold."""
        answer, name = question["answer"], f"question-{number}"
        parts = [
            html(f'<fieldset data-answer="{answer}"><legend>{number}. '),
            self.inline(question["text"]),
            html("</legend>"),
        ]
        for place, option in enumerate(question["options"]):
            key = f"{name}-{place}"
            radio = f'<input type="radio" name="{name}" id="{key}" value="{place}">'
            parts += [
                html(f'<div class="option">{radio}<label for="{key}">'),
                self.inline(option),
                html("</label></div>"),
            ]
        parts += [
            html('<button type="button" class="check" hidden>Check</button><div class="feedback" role="status"></div>'),
            html('<details><summary>Answer</summary><p class="why"><strong>'),
            self.inline(question["options"][answer]),
            html(".</strong> " if not question["options"][answer].endswith(".") else "</strong> "),
            self.inline(question["why"]),
            html("</p></details></fieldset>"),
        ]
        return parts


def html(text: str) -> nodes.raw:
    """Wrap a piece of HTML."""
    return nodes.raw("", text, format="html")
