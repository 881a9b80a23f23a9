"""What was executed for the book, held against what is committed, by nbval and without a kernel."""

import json
import re

import nbformat
import pytest

import build
import pairs

SCRIPT = """# ---
# jupyter:
#   jupytext: {formats: 'ipynb,py:percent'}
#   xsg: {data: []}
# ---

# %% [markdown]
# # A chapter

# %%
print("loose")

# %% tags=["nbval-check-output"]
print("strict")
"""
MEANT_TAGS = ["raises-exception", "nbval-check-output"]
TABLE = {"text/plain": "   r2\\n0  .5", "text/html": "<table>.5</table>", "image/png": "aGFsbG8="}


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def result(**data):
    return nbformat.v4.new_output("execute_result", data=data, execution_count=2)


ERROR = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=["no"])
LOOSE = stream("loose\n")
SAID = [stream("strict\n"), result(**TABLE)]
# By chapter: what the cell that is to repeat says when it is run anew, and what nbval says of that.
ANEW = {
    "same": (SAID, None),
    "text": ([stream("Strict\n"), SAID[1]], "mismatch 'stdout'"),
    "table": ([SAID[0], result(**TABLE | {"text/html": "<table>.6</table>"})], "mismatch 'text/html'"),
    "less": (SAID[:1], "Missing output fields"),
    "silent": (SAID[1:], "Missing output fields"),
    "twice": ([*SAID, SAID[1]], "dissimilar number of outputs"),
    "more": ([SAID[0], result(**TABLE | {"text/latex": "x"})], "Unexpected output fields"),
    "error": ([*SAID, ERROR], "Cell execution caused an exception"),
    "progress": ([*SAID, stream("99%", "stderr")], None),  # no reader sees it
    "pixels": ([SAID[0], result(**TABLE | {"image/png": "YW5kZXJz"})], None),  # they differ by machine
    "pieces": ([stream("str"), stream("ict\n"), SAID[1]], None),
}
# By chapter: what was done to the committed notebook, and what is said of that.
EDITED = {
    "output": (lambda cells: cells[2]["outputs"][0].update(text="strict!\n"), "mismatch 'stdout'"),
    "outputs": (lambda cells: cells[2].update(outputs=[]), "Unexpected output fields"),
    "unrun": (lambda cells: cells[2].update(execution_count=None), "Unrun reference cell has outputs"),
    "code": (lambda cells: cells[2].update(source="print('strict') "), "holds other code than was executed"),
    "last": (lambda cells: cells.pop(), "holds other code than was executed"),
    "first": (lambda cells: cells.pop(1), "holds other code than was executed"),
    "words": (lambda cells: cells[0].update(source="# Other"), None),  # pairs.py --check has it
    "loose": (lambda cells: cells[1].update(outputs=[]), None),
}


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Make a book of such chapters, committed once; a stand-in executes them, and counts."""

    class Book:
        root, ran, said, errors = tmp_path / "a book", [], {}, {}

    root = Book.root
    (root / "xsg").mkdir(parents=True)
    (root / "xsg/__init__.py").touch()

    def write(name, script):
        (root / f"chapters/{name}.py").write_text(script)

    def made(*names):
        (root / "chapters").mkdir()
        (root / "requirements.lock").touch()
        listed = [{"file": f"chapters/{name}"} for name in names]
        (root / "_toc.yml").write_text(json.dumps({"format": "jb-book", "root": "index", "chapters": listed}))
        for name in names:
            write(name, SCRIPT)
        assert pairs.main(["--sync", "--root", str(root)]) == 0
        Book.ran.clear()
        return Book

    def run(root, stem, source, parameters):
        Book.ran.append(stem)
        code = [cell for cell in source.cells if cell.cell_type == "code"]
        for count, cell in enumerate(code, start=1):
            cell.outputs, cell.execution_count = Book.said.get(stem, SAID) if count == 2 else [LOOSE], count
        return {"seconds": 1.5, "peak_memory_mb": 100, "error": Book.errors.get(stem)}, source

    monkeypatch.setattr(build, "run", run)
    Book.made, Book.write = staticmethod(made), staticmethod(write)
    return Book


def replay(book):
    return pairs.main(["--replay", "--root", str(book.root)])


def edit(book, name, change):
    path = book.root / f"chapters/{name}.ipynb"
    notebook = json.loads(path.read_text())
    change(notebook["cells"])
    path.write_text(json.dumps(notebook))


def verdicts(out):
    """What is told of each chapter, by name: the reports of its cells that are red."""
    told = {}
    _, *reports = re.split(r"^_+ .*\bchapters/(\w+)\.ipynb::Cell \d+ _+$", out, flags=re.MULTILINE)
    for name, text in zip(reports[::2], reports[1::2], strict=True):
        told[name] = told.get(name, "") + text
    return told


def test_a_chapter_is_executed_once_for_the_comparison_and_the_book(book, capfd):
    book.made("first", "second")
    assert replay(book) == 0
    assert "4 passed" in capfd.readouterr().out
    assert book.ran == []  # make notebooks did it
    book.write("first", SCRIPT.replace("A chapter", "The first"))
    assert replay(book) == 0
    assert build.main(["--root", str(book.root), "--chapter", "first"]) == 0
    assert book.ran == ["first"]
    record = book.root / "_build/executed/second.ipynb"
    record.write_text(record.read_text().replace("strict", "Strict"))  # a record that was altered is no record
    book.errors["first"], book.said["second"] = "cell 2: ValueError: no", ANEW["text"][0]
    book.write("first", SCRIPT)
    assert replay(book) == 1
    said = capfd.readouterr()
    assert "cell 2: ValueError: no" in said.err
    assert "mismatch 'stdout'" in said.out  # of one that failed nothing is compared, of the others all
    assert book.ran == ["first", "first", "second"]


def test_what_is_not_as_committed_is_red_by_chapter(book, capfd, monkeypatch):
    book.made(*ANEW, *EDITED, "meant", "kept")
    book.said |= {name: said for name, (said, _) in ANEW.items()} | {"meant": [ERROR]}
    for name in ANEW:
        book.write(name, SCRIPT.replace("A chapter", "Anew"))
    for name, (change, _) in EDITED.items():
        edit(book, name, change)
    book.write("meant", SCRIPT.replace('["nbval-check-output"]', json.dumps(MEANT_TAGS)))
    edit(book, "meant", lambda cells: cells[2].update(outputs=[ERROR], metadata={"tags": MEANT_TAGS}))
    book.write("kept", SCRIPT.replace("data: []", "data: [a.csv]"))
    monkeypatch.setattr(build, "data_source", lambda names: "kept" if names else "simulated")
    assert replay(book) == 1
    out = capfd.readouterr().out
    assert sorted(book.ran) == sorted([*ANEW, "meant"])
    assert "Not compared, their data are not here: chapters/kept.ipynb" in out
    told, expected = verdicts(out), {name: words for name, (_, words) in (ANEW | EDITED).items() if words}
    assert told.keys() == expected.keys()
    assert [name for name, words in expected.items() if words not in told[name]] == []
