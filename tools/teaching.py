"""Make the teaching kit in _build/teaching from the chapters: notebooks for students and instructors, and slides.

tools/teaching.py     all of it (make teaching); pages need not have been built, chapters keep their outputs

student/NN_slug.ipynb      each solution is a stub that says what the check below it reads; hints and checks stay
instructor/NN_slug.ipynb   the solved form with its outputs; both carry nbgrader's metadata
slides/NN_slug.html        what one looks at, section by section, with the prose as speaker notes (tools/slides.py)
"""

import copy
import re
import sys
from collections.abc import Collection
from pathlib import Path

import nbformat
import yaml

import guard
import notebooks
import outcomes
import slides

HEADER = re.compile(r"^# (?P<title>.+?)\n+\*?Prerequisites: (?P<needs>.+?)\.\s+Time:\s+(?P<time>\d+)\s+minutes", re.S)


def write(root: Path) -> Path:
    """Write the kit of every chapter, and drop what belongs to none."""
    target = root / "_build/teaching"
    wanted = set(slides.write_shared(target / "slides"))
    built = outcomes.read(root)
    for stem in notebooks.chapters(root):
        try:
            notebook = chapter(root, stem, built)
            pages = {"student": student(notebook, stem), "instructor": instructor(notebook, stem)}
        except (OSError, ValueError) as error:
            raise ValueError(f"chapters/{stem}: {error}") from error
        for form, made in pages.items():
            path = target / form / f"{stem}.ipynb"
            notebooks.write(with_addresses(made, root), path)
            wanted.add(path)
        path = target / f"slides/{stem}.html"
        notebooks.write_text(path, slides.deck(notebook))
        wanted.add(path)
    for path in [path for path in target.rglob("*") if path.is_file() and path not in wanted]:
        path.unlink()
    return target


def chapter(root: Path, stem: str, built: Collection[str] | None = None) -> nbformat.NotebookNode:
    """Read a chapter with its outputs: of the last build where there was one, else the committed ones."""
    path = outcomes.notebook_path(root, stem)
    here = stem in (outcomes.read(root) if built is None else built) and path.is_file()
    return notebooks.read(path if here else root / f"chapters/{stem}.ipynb")


def instructor(notebook: nbformat.NotebookNode, stem: str) -> nbformat.NotebookNode:
    """Mark solutions and checks for nbgrader, and change nothing that runs.

    The comment stands before the mark: nbgrader replaces what is between the marks by a stub of its own.
    """
    made = copy.deepcopy(notebook)
    for exercise in notebooks.exercises(notebook):
        solution = made.cells[exercise.solution]
        comment = exercise.stub.splitlines()[0]
        solution.source = f"{comment}\n### BEGIN SOLUTION\n{solution.source}\n### END SOLUTION"
        label(made, exercise, stem)
    return made


def student(notebook: nbformat.NotebookNode, stem: str) -> nbformat.NotebookNode:
    """Put a stub in the place of every solution; exercises lose their outputs, which would give answers away."""
    made = copy.deepcopy(notebook)
    for exercise in notebooks.exercises(notebook):
        solution, check = made.cells[exercise.solution], made.cells[exercise.check]
        solution.source = exercise.stub
        solution.metadata = nbformat.from_dict({})  # no fold: there is nothing to hide
        for cell in (solution, check):
            cell.outputs, cell.execution_count = [], None
        label(made, exercise, stem)
    return made


def label(notebook: nbformat.NotebookNode, exercise: notebooks.Exercise, stem: str) -> None:
    """Give the three cells of an exercise nbgrader's metadata (its schema 3); one point per result asked for."""
    number = stem.partition("_")[0]
    for part in ("prompt", "solution", "check"):
        cell = notebook.cells[getattr(exercise, part)]
        cell.metadata["nbgrader"] = {
            "cell_type": cell.cell_type,
            "grade": part == "check",
            "grade_id": f"{number}-exercise-{exercise.number}-{part}",
            "locked": part != "solution",
            "schema_version": 3,
            "solution": part == "solution",
            "task": False,
        } | ({"points": len(exercise.names)} if part == "check" else {})


def with_addresses(notebook: nbformat.NotebookNode, root: Path) -> nbformat.NotebookNode:
    """Link pages of the book by their address; chapters are beside the notebook in either folder of the kit."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "](../book/" in cell.source:
            repository = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]
            book = f"{repository['url']}/blob/{repository['branch']}/book"
            cell.source = cell.source.replace("](../book/", f"]({book}/")
    return notebook


def table(root: Path) -> str:
    """List all chapters with prerequisites, time and what the kit has for them, for book/teaching.md."""
    rows = ["| chapter | before it | time | data | slides | notebooks |", "|---|---|---|---|---|---|"]
    for stem in notebooks.chapters(root):
        notebook = notebooks.read_script(root / f"chapters/{stem}.py")
        opening, data = notebook.cells[0].source, "real" if notebooks.declared_data(notebook) else "simulated"
        if not (header := HEADER.search(opening)):
            raise ValueError(
                f"chapters/{stem}.py opens with {opening[:200]!r}; expected '# title', then "
                "'*Prerequisites: … . Time: 40 minutes to read, …*' (CONTRIBUTING.md)."
            )
        title, needs, time = (" ".join(header[name].split()) for name in ("title", "needs", "time"))
        needs = re.sub(r"\]\((\w+\.ipynb)", r"](../chapters/\1", needs)
        kit = f'<a href="../teaching/{{}}/{stem}.{{}}">{{}}</a>'  # HTML: the kit is not Sphinx's to look for
        both = ", ".join(kit.format(form, "ipynb", form) for form in ("student", "instructor"))
        slide = kit.format("slides", "html", "slides")
        rows.append(f"| [{title}](../chapters/{stem}.ipynb) | {needs} | {time} min | {data} | {slide} | {both} |")
    return "\n".join(rows)


if __name__ == "__main__":
    try:
        with guard.alone(root := Path(__file__).resolve().parents[1]):
            print(f"The teaching kit: {write(root)}")
    except ValueError as error:
        sys.exit(f"{error}")
