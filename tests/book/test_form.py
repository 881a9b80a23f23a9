"""The form that every chapter script keeps, checked without running it."""

import ast
from pathlib import Path

import pytest

import notebooks

CHAPTERS = sorted((Path(__file__).resolve().parents[2] / "chapters").glob("[0-9]*.py"))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_colab_cell_installs_only_in_colab_and_only_if_missing(path):
    text = path.read_text(encoding="utf-8")
    guard = 'if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:'
    # An indented `# %pip` would stay a comment in the notebook: jupytext turns only whole-line magics back.
    assert text.count(guard) == text.count('get_ipython().run_line_magic("pip", "install -q git+') == 1
    assert "# %pip" not in text


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_exercises_have_a_hint_and_a_check_that_can_fail(path):
    notebook = notebooks.read_script(path)
    exercises = notebooks.exercises(notebook)  # an error says what is out of form
    assert 2 <= len(exercises) <= 4
    for exercise in exercises:
        assert "<details><summary>Hint</summary>\n\n" in notebook.cells[exercise.prompt].source, exercise.title
        # Each assertion of a check tells a student what is amiss.
        for node in ast.walk(ast.parse(notebook.cells[exercise.check].source)):
            assert not isinstance(node, ast.Assert) or node.msg is not None, exercise.title


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_says_where_to_go_on(path):
    text = path.read_text(encoding="utf-8")
    ending = text.partition("# ## See also\n")[2].partition("# ## References\n")
    assert 2 <= ending[0].count("# - [") <= 4
    assert ending[1]
