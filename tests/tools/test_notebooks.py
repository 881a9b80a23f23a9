"""Exercises: where they stand, what their checks need, and that a check without its answer fails."""

import jupytext
import nbformat
import pytest

import notebooks

TASK = "# %% [markdown]\n# ### Exercise {number}: a sum\n#\n# Call it `total`.\n\n"
SOLUTION = '# %% tags=["solution", "hide-cell"]\n{solution}\n\n'
CHECK = '# %% tags=["check"]\n{check}\n\n'
GIVEN = "# %%\nnumbers = [1, 2, 4]\nscale = 3\n\n"


def chapter(*exercises, end=""):
    text = GIVEN
    for number, (solution, check) in enumerate(exercises, start=1):
        text += TASK.format(number=number) + SOLUTION.format(solution=solution) + CHECK.format(check=check)
    return jupytext.reads(text + end, fmt="py:percent")


def run(notebook):
    namespace = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(cell.source, namespace)


GOOD = ("total = sum(numbers)", "assert total == sum(numbers)")


def test_an_exercise_is_found_with_the_names_its_check_reads():
    notebook = chapter(
        (
            "def twice(x):\n    return scale * x - x\ncount = len(numbers)",
            "assert all(twice(i) == 2 * i for i in numbers)",
        ),
        GOOD,
    )
    first, second = notebooks.exercises(notebook)
    assert (first.names, second.names) == (("twice",), ("total",))
    assert notebooks.exercises(chapter(GOOD, GOOD))[1].names == ("total",)  # two answers of the same name
    assert (first.prompt, first.solution, first.check) == (1, 2, 3)
    assert second.stub == '# Your answer. The check below reads: total\nraise NotImplementedError("Exercise 2")'


def test_variables_of_comprehensions_and_functions_are_no_answers():
    solution = "total = sum([each for each in numbers])\ndef helper(step):\n    kept = step\n    return kept"
    check = "assert total == sum([each for each in numbers])\nassert helper(step := 2) == 2"
    (only,) = notebooks.exercises(chapter((solution, check)))
    assert only.names == ("helper", "total")


@pytest.mark.parametrize(
    ("solution", "check", "told"),
    [
        ("total = 7", "assert sum(numbers) == 7", "reads nothing that only its solution"),
        ("scale = 7", "assert scale == 7", "reads nothing that only its solution"),
        ("scale, total = 7, 7", "assert total == scale", r"reads \['scale'\]"),
    ],
)
def test_a_check_that_says_nothing_of_the_answer_is_refused(solution, check, told):
    with pytest.raises(ValueError, match=told):
        notebooks.exercises(chapter((solution, check)))


def test_a_later_cell_may_not_need_a_solution():
    with pytest.raises(ValueError, match=r"reads \['total'\].*Exercise 1"):
        notebooks.exercises(chapter(GOOD, end="# %%\nprint(total)\n"))
    notebooks.exercises(chapter(GOOD, end="# %%\ntotal = 1\nprint(total)\n"))


def test_an_exercise_out_of_form_is_refused_by_name():
    notebook = chapter(GOOD)
    del notebook.cells[3]
    with pytest.raises(ValueError, match="'Exercise 1: a sum' is not followed by"):
        notebooks.exercises(notebook)
    notebook = chapter(GOOD)
    notebook.cells.append(nbformat.v4.new_code_cell("assert True", metadata={"tags": ["check"]}))
    with pytest.raises(ValueError, match="2 cells are tagged check, but there are 1"):
        notebooks.exercises(notebook)
    second = chapter(GOOD)
    second.cells[1].source = second.cells[1].source.replace("1", "2")
    with pytest.raises(ValueError, match="expected one title, 'Exercise 1"):
        notebooks.exercises(second)


def test_trials_accept_a_check_of_values_and_reject_one_of_presence():
    run(notebooks.with_trials(chapter(GOOD)))
    with pytest.raises(AssertionError, match="Exercise 1: a sum: its check passes although total holds nothing"):
        run(notebooks.with_trials(chapter(("total = sum(numbers)", "assert total"))))
    # Every name has to matter: here `count` is only looked at.
    with pytest.raises(AssertionError, match="although count holds nothing"):
        run(notebooks.with_trials(chapter(("total, count = 7, 3", "assert total == 7 and count is not None"))))


def test_trials_leave_no_trace():
    notebook = chapter(GOOD)
    before = [cell.source for cell in notebook.cells]
    tried = notebooks.with_trials(notebook)
    code = [cell for cell in tried.cells if cell.cell_type == "code"]
    assert len(code) == 4
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
    code[-1].outputs = []
    after = notebooks.without_trials(tried)
    assert [cell.source for cell in after.cells] == before
    assert [cell.execution_count for cell in after.cells if cell.cell_type == "code"] == [1, 2, 3]
