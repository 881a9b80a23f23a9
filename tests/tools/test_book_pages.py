"""What the Sphinx extension writes, piece by piece; tests/book looks at the pages that come of it."""

import pytest
from docutils import nodes
from pybtex.database import parse_string
from sphinx.errors import ExtensionError

import book_pages

TERMS = {
    "spin test": ("book/glossary", "term-spin-test", "Rotate the sphere."),
    "spin": ("book/glossary", "term-spin", "Rotate the sphere."),
    "posterior": ("book/glossary", "term-posterior", "What is believed."),
    "held-out": ("book/glossary", "term-held-out", "Not seen."),
    "homology": ("book/glossary", "term-homology", "Twins."),
    "PLS": ("book/glossary", "term-PLS", "A regression."),
}
OUTCOME = {"chapter": "05_graph_vae", "status": "executed", "data": "simulated", "date": "2026-11-21", "key": ""}
QUESTION = {"text": "Which?", "options": ["a", "b", "c"], "answer": 2, "why": "Because."}


def linked(*children: nodes.Node, parent=nodes.paragraph) -> list[tuple[str, str]]:
    """Text and target of the links that a document of one element gets."""
    document = nodes.document(None, None)
    document += parent("", "", *children)
    text = document.astext()
    book_pages.link_terms(document, TERMS, lambda page: f"../{page}.html")
    assert document.astext() == text
    links = [node for node in document.findall(nodes.reference) if "term" in node["classes"]]
    return [(link.astext(), link["refuri"].partition("#")[2]) for link in links]


def test_longest_term_is_linked_once_with_its_definition():
    assert linked(nodes.Text("A spin test. Spin tests, and a spin.")) == [("spin test", "term-spin-test")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Posteriors are", "Posteriors"),
        ("homologies", "homologies"),
        ("held out regions", "held out"),
        ("Held-out", "Held-out"),
        ("the PLS fit", "PLS"),
        ("pls", None),
        ("spinal", None),
        ("de-spin", None),
        ("posterior cingulate and anterior → posterior", None),
    ],
)
def test_forms_of_a_term(text, found):
    assert [name for name, _ in linked(nodes.Text(text))] == ([found] if found else [])


def test_term_is_found_across_a_line_break_and_after_another_meaning():
    assert linked(nodes.Text("a spin"), nodes.Text("\n"), nodes.Text("test")) == [("spin\ntest", "term-spin-test")]
    assert linked(nodes.Text("posterior cingulate; the posterior")) == [("posterior", "term-posterior")]


@pytest.mark.parametrize("inside", [nodes.literal, nodes.math, nodes.reference])
def test_nothing_is_linked_in_code_maths_and_links(inside):
    assert linked(inside("", "", nodes.Text("posterior"))) == []
    assert linked(nodes.Text("posterior"), parent=nodes.title) == []


def test_reading_time_leaves_out_what_is_there_to_be_run():
    cell = nodes.container("", nodes.literal_block("", "a\n" * 12), classes=["cell_input"])
    section = nodes.section("", nodes.paragraph("", "word " * 300), cell, nodes.math_block(), nodes.image())
    assert book_pages.minutes(section) == 2 + 1 + 1
    section += nodes.container("", cell.deepcopy(), classes=["cell", "tag_solution"])
    section += nodes.container("", nodes.literal_block("", "printed\n" * 99), classes=["cell_output"])
    assert book_pages.minutes(section) == 4


def test_citation_is_valid_bibtex():
    about = {
        "title": "xsg: models & brains",
        "authors": [{"name": "The xsg authors"}, {"given-names": "Ada", "family-names": "Love"}],
        "version": "0.1.0",
        "date-released": "2026-11-21",
    }
    title = "13b. R² = 100 % of {one} atlas"
    text = book_pages.bibtex(about, title, "https://example.org/xsg/", "chapters/13b_matrices")
    entries = parse_string(text, "bibtex").entries
    assert list(entries) == ["xsg2026-13b"]
    fields = entries["xsg2026-13b"].fields
    assert fields["title"] == r"{R² = 100 \% of {one} atlas}"
    assert (fields["chapter"], fields["year"], fields["version"]) == ("13b", "2026", "0.1.0")
    assert fields["url"] == "https://example.org/xsg/chapters/13b_matrices.html"
    assert [str(person) for person in entries["xsg2026-13b"].persons["author"]] == ["{The xsg authors}", "Love, Ada"]


def test_report_sums_up_and_marks_what_is_too_big():
    known = [
        OUTCOME | {"seconds": 20.25, "peak_memory_mb": 1400},
        OUTCOME | {"chapter": "06_training", "seconds": 61.0, "peak_memory_mb": 300},
        OUTCOME | {"chapter": "08_real_brain", "status": "kept", "data": "kept", "date": ""}
        | {"seconds": None, "peak_memory_mb": None},
    ]  # fmt: skip
    rows = [
        [cell.strip() for cell in row.split("|")[1:-1]] for row in book_pages.report(known).splitlines() if "|" in row
    ]
    assert {len(row) for row in rows} == {7}
    assert rows[2][0] == "[](../chapters/05_graph_vae.ipynb)"
    assert [row[2] for row in rows[2:]] == ["20.2", "61.0", "–", "**81**"]
    assert [row[3] for row in rows[2:]] == ["1,400", "300", "–", "**1,400**"]
    assert ["fits" in row[6] for row in rows[2:5]] == [True, False, False]
    assert rows[5][6] == "**1 fit**"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answer": 3}, "question 2: answer is 3; expected the place of the right option, 0 to 2"),
        ({"answer": True}, "answer is True"),
        ({"answer": None}, "answer is None"),
        ({"options": ["a", "b", "a"]}, "two options are the same"),
        ({"options": ["a", "b"]}, "there are 2 options; expected three or four"),
        ({"why": " "}, "why is ' '; expected some text"),
        ({"text": None}, "text is None"),
    ],
)
def test_a_wrong_question_is_told(change, said):
    quiz = {"title": "T", "question": [QUESTION, QUESTION | change, QUESTION]}
    with pytest.raises(ExtensionError) as error:
        book_pages.checked(quiz, "book/quizzes/a.toml")
    assert "book/quizzes/a.toml" in str(error.value)
    assert said in str(error.value)


def test_a_quiz_has_a_title_and_three_to_five_questions():
    for quiz in ({"question": [QUESTION] * 3}, {"title": "T"}, {"title": "T", "question": [QUESTION] * 6}):
        with pytest.raises(ExtensionError):
            book_pages.checked(quiz, "a.toml")
    assert book_pages.checked({"title": "T", "question": [QUESTION] * 3}, "a.toml")["title"] == "T"
