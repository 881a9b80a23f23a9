"""The teaching kit: nbgrader's metadata, what students are and are not given, and which slides a chapter makes."""

import base64
import re
from pathlib import Path

import jupytext
import nbformat
import pytest
from bs4 import BeautifulSoup

import notebooks
import outcomes
import slides
import teaching

SCRIPT = r"""# %% [markdown]
# # 3. A small chapter
#
# *Prerequisites: [the first](01_first.ipynb); sums, e.g. of two numbers. Time: 5 minutes to read, a second
# to run.*
#
# ## What you will learn
#
# - to add

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
SEED = 0

# %%
numbers = [1, 2, 4]

# %% [markdown]
# ## What a sum is
#
# A sum is one number, e.g. $1 + 2. 3$ here. See the [glossary](../book/glossary.md). The sum of all is
#
# $$ s = \sum_i x_i $$

# %%
def add(some):
    return sum(some)

# %% mystnb={"image": {"alt": "A bar."}}
picture = 1

# %% [markdown]
# A figure was shown. It is a bar.
#
# ### More of it
#
# | number | twice |
# |---|---|
ROWS
#
# ## Key takeaways
#
# - A sum is [a number](#what-a-sum-is), as the [first chapter](01_first.ipynb) says.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: a sum
#
# Add the numbers. Call it `total`.
#
# <details><summary>Hint</summary>
#
# Use `add`.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution"}
total = add(numbers)  # seven
print(total)

# %% tags=["check"]
assert total == 7, f"total is {total}; expected 7"

# %% [markdown]
# ### Exercise 2: two results
#
# Call them `low` and `high`.

# %% tags=["solution", "hide-cell"]
low, high = min(numbers), max(numbers)

# %% tags=["check"]
assert (low, high) == (1, 4), "the ends of the list"

# %% [markdown]
# ## References
#
# - None.
""".replace("ROWS", "\n".join(f"# | {number} | {2 * number} |" for number in range(60)))
PNG = base64.b64encode(b"not looked at").decode()


@pytest.fixture
def chapter() -> nbformat.NotebookNode:
    """The script as it looks after a run."""
    notebook = jupytext.reads(SCRIPT, fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
        if cell.cell_type == "code":
            cell.execution_count = number
        if cell.source.startswith("picture"):
            cell.outputs = [nbformat.v4.new_output("display_data", {"image/png": PNG, "text/plain": "<Figure>"})]
        if "solution" in cell.metadata.get("tags", []):
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="the answer\n")]
    return notebook


@pytest.fixture
def root(tmp_path, chapter):
    """A book of that one chapter, its outputs from a build."""
    (tmp_path / "_toc.yml").write_text(
        "root: book/index\nchapters: [{file: chapters/03_small}, {file: book/teaching}]\n"
    )
    (tmp_path / "_config.yml").write_text("repository: {url: https://example.org/book, branch: main}\n")
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters/03_small.py").write_text(SCRIPT)
    notebooks.write(chapter, tmp_path / "_build/executed/03_small.ipynb")
    seal(tmp_path)
    return tmp_path


def seal(root):
    """Record the executed notebook as the build does; without its digest it would not be looked at."""
    outcome = outcomes.Outcome("03_small", "executed", "simulated", 1.0, 100)
    outcomes.write(root, {"03_small": outcomes.sealed(root, outcome)})


def run(notebook, places):
    namespace = {}
    for place in places:
        if notebook.cells[place].cell_type == "code":
            exec(notebook.cells[place].source, namespace)


FIELDS = {"cell_type": str, "grade": bool, "grade_id": str, "locked": bool, "schema_version": int, "solution": bool}


@pytest.mark.parametrize("form", [teaching.instructor, teaching.student])
def test_metadata_are_those_of_nbgrader_3(chapter, form):
    made = form(chapter, "03_small")
    nbformat.validate(made)
    labels = [cell.metadata.nbgrader for cell in made.cells if "nbgrader" in cell.metadata]
    assert len(labels) == 6
    for label, cell in zip(labels, [cell for cell in made.cells if "nbgrader" in cell.metadata], strict=True):
        assert {name: type(label[name]) for name in FIELDS} == FIELDS
        assert (label.schema_version, label.cell_type, label.task) == (3, cell.cell_type, False)
        assert ("points" in label) == label.grade
        assert re.fullmatch(r"03-exercise-[12]-(prompt|solution|check)", label.grade_id)
    assert len({label.grade_id for label in labels}) == 6
    assert [(label.solution, label.grade, label.locked) for label in labels[:3]] == [
        (False, False, True),
        (True, False, False),
        (False, True, True),
    ]
    assert [label.points for label in labels if label.grade] == [1, 2]


def test_the_instructors_form_still_runs_and_keeps_its_outputs(chapter):
    made = teaching.instructor(chapter, "03_small")
    run(made, range(len(made.cells)))
    for exercise in notebooks.exercises(made):
        lines = made.cells[exercise.solution].source.splitlines()
        assert lines[0].startswith("# Your answer. The check below reads: ")
        assert (lines[1], lines[-1]) == ("### BEGIN SOLUTION", "### END SOLUTION")
        assert made.cells[exercise.solution].outputs
    assert not any("nbgrader" in cell.metadata for cell in chapter.cells)


def test_the_students_form_gives_nothing_away(chapter):
    made = teaching.student(chapter, "03_small")
    first, second = notebooks.exercises(chapter)
    assert made.cells[first.solution].source == (
        '# Your answer. The check below reads: total\nraise NotImplementedError("Exercise 1")'
    )
    assert "high, low" in made.cells[second.solution].source
    text = nbformat.writes(made)
    assert "the answer" not in text
    assert "seven" not in text
    assert "Use `add`." in text
    assert PNG in text  # outputs of the chapter itself stay

    ordinary = range(first.prompt)
    with pytest.raises(NotImplementedError, match="Exercise 1"):
        run(made, [*ordinary, first.solution])
    with pytest.raises(NameError, match="total"):
        run(made, [*ordinary, first.check])


def test_solving_the_students_form_gives_the_instructors(chapter):
    solved = teaching.student(chapter, "03_small")
    for exercise in notebooks.exercises(chapter):
        solved.cells[exercise.solution].source = chapter.cells[exercise.solution].source
    run(solved, range(len(solved.cells)))
    other = teaching.instructor(chapter, "03_small")
    assert [cell.metadata.get("nbgrader") for cell in solved.cells] == [
        cell.metadata.get("nbgrader") for cell in other.cells
    ]


def test_the_kit_is_written_whole_and_only_where_something_changed(root):
    target = teaching.write(root)
    stray = target / "student/99_gone.ipynb"
    stray.write_text("{}")
    found = {str(path.relative_to(target)): path.stat().st_mtime_ns for path in target.rglob("*") if path.is_file()}
    kit = {"instructor/03_small.ipynb", "student/03_small.ipynb", "slides/03_small.html", "slides/reveal/reveal.js"}
    assert kit < found.keys()
    assert teaching.write(root) == target
    assert not stray.exists()
    assert all((target / name).stat().st_mtime_ns == found[name] for name in kit)

    notebook = nbformat.read(target / "student/03_small.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "[glossary](https://example.org/book/blob/main/book/glossary.md)" in text
    assert "[first chapter](01_first.ipynb)" in text


def test_only_what_the_build_answers_for_is_taught(root, chapter):
    built = root / "_build/executed/03_small.ipynb"
    committed = root / "chapters/03_small.ipynb"
    notebooks.write(chapter, committed)
    built.write_text(built.read_text().replace("A small chapter", "Altered"))
    teaching.write(root)
    assert "Altered" not in (root / "_build/teaching/instructor/03_small.ipynb").read_text()
    built.unlink()
    committed.write_text(committed.read_text()[:-100])
    with pytest.raises(ValueError, match=r"03_small\.ipynb is no whole notebook .*git checkout -- chapters/03_small"):
        teaching.write(root)


def test_a_chapter_without_checks_is_named(root):
    path = root / "_build/executed/03_small.ipynb"
    path.write_text(path.read_text().replace('"check"', '"other"'))
    seal(root)
    with pytest.raises(ValueError, match=r"chapters/03_small: 'Exercise 1: a sum' is not followed by"):
        teaching.write(root)


def test_the_table_of_chapters_reads_their_headers(root):
    _, _, row = teaching.table(root).splitlines()
    assert row.startswith(
        "| [3. A small chapter](../chapters/03_small.ipynb) "
        "| [the first](../chapters/01_first.ipynb); sums, e.g. of two numbers "
        "| 5 min | simulated |"
    )
    for kind in ("slides/03_small.html", "student/03_small.ipynb", "instructor/03_small.ipynb"):
        assert f'<a href="../teaching/{kind}">' in row

    (root / "chapters/03_small.py").write_text(SCRIPT.replace("Time:", "It takes"))
    with pytest.raises(ValueError, match=r"chapters/03_small\.py opens with"):
        teaching.table(root)


def test_slides_show_what_one_looks_at(chapter):
    page = BeautifulSoup(slides.deck(chapter), "html.parser")
    made = page.select(".slides > section")
    titles = [one.select_one("h1, h2").get_text() for one in made]
    assert [title.partition(" 1/")[0] for title in titles if not re.search(r" [2-9]/", title)] == [
        "3. A small chapter",
        "What a sum is",
        "More of it",
        "Key takeaways",
        "Exercise 1: a sum",
        "Exercise 2: two results",
    ]
    opening, first, figure, grid, *_ = made
    assert "5 minutes to read" in opening.get_text()
    assert opening.select("li")[0].get_text().strip() == "to add"

    body = first.select_one(".body")
    assert r"s = \sum_i x_i" in body.get_text()
    assert "def add" in body.select_one("pre").get_text()  # the code that is the equation
    assert body.select_one("p").get_text() == r"A sum is one number, e.g. \(1 + 2. 3\) here. The sum of all is"
    assert "See the glossary." in first.select_one(".notes").get_text()
    assert figure.select_one("img")["alt"] == "A bar."
    assert "A figure was shown." in figure.select_one(".notes").get_text()
    assert "SEED" not in page.get_text()

    assert [cell.get_text() for cell in grid.select("thead th")] == ["number", "twice"]
    assert grid.select_one(".above").get_text() == "What a sum is"
    assert "50 more rows" in "".join(one.get_text() for one in made)
    takeaways = page.select_one("#key-takeaways")
    assert [link["href"] for link in takeaways.select("a")] == ["#/what-a-sum-is"]

    task = page.select_one("#exercise-1-a-sum")
    assert "Call it total." in task.select_one(".body").get_text()
    assert "Use add." in task.select_one(".notes").get_text()
    assert "add(numbers)" not in page.get_text()


def test_long_lists_and_tables_go_on_over_slides():
    items = "".join(f"<li>{'word ' * 40}{number}</li>" for number in range(9))
    made = list(slides.pieces(slides.Block("list", f"<ol>{items}</ol>")))
    assert len(made) > 1
    assert all(piece.height <= slides.ROOM for piece in made)
    assert 'start="' in made[1].html
    assert "".join(re.findall("<li>.*?</li>", "".join(piece.html for piece in made))) == items

    rows = "".join(f"<tr><td>{number}</td><td>{'long ' * 60}</td></tr>" for number in range(9))
    made = list(slides.pieces(slides.Block("table", f"<table><thead><tr><th>n</th></tr></thead>{rows}</table>")))
    assert len(made) > 1
    assert all(piece.html.count("<thead>") == 1 for piece in made)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("As in Li et al. 2019 it is. Next.", ["As in Li et al. 2019 it is.", "Next."]),
        ("A [link. Not a cut](a.md) here. B.", ["A [link. Not a cut](a.md) here.", "B."]),
        ("With $a. B$ and *c. D* too: yes.", ["With $a. B$ and *c. D* too: yes."]),
    ],
)
def test_sentences_are_cut_where_they_end(text, expected):
    assert slides.sentences(text) == expected


ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def guide():
    return (ROOT / "book/teaching.md").read_text(encoding="utf-8")


def rows(guide, heading):
    """Cells of the first table under a heading, without its head."""
    lines = re.split(r"\n##+ ", guide.partition(f"### {heading}")[2])[0].splitlines()
    table = [line for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_the_guide_lists_every_chapter(guide):
    assert guide.count("<!-- chapters -->") == 1
    assert len(teaching.table(ROOT).splitlines()) == 2 + len(notebooks.chapters(ROOT))


def test_the_course_plans_add_up(guide):
    assert sum(int(row[0]) for row in rows(guide, "90 minutes")) == 90
    assert sum(int(row[0]) for row in rows(guide, "One day")) == 450
    assert [int(row[0]) for row in rows(guide, "One semester")] == list(range(1, 15))


def test_exercises_that_the_plans_set_exist(guide):
    scripts = {stem.partition("_")[0].lstrip("0"): stem for stem in notebooks.chapters(ROOT)}
    told = [
        each
        for heading in ("90 minutes", "One day", "One semester")
        for row in rows(guide, heading)
        for each in re.findall(r"\b(\d+b?)\.(\d)\b", row[3])
    ]
    assert len(told) > 20
    for chapter, exercise in told:
        script = (ROOT / f"chapters/{scripts[chapter]}.py").read_text(encoding="utf-8")
        assert f"# ### Exercise {exercise}: " in script, f"the guide sets exercise {chapter}.{exercise}"
