"""Chapters as files: which there are, what they declare, and how a script becomes a notebook and back into git."""

import dis
import json
import os
import re
import types
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
import yaml

VOLATILE = {"papermill", "execution", "ExecuteTime"}


def pages(root: Path) -> list[str]:
    """All pages in the order of _toc.yml, without their endings."""
    try:
        toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
        listed = toc.get("chapters", []) + [page for part in toc.get("parts", []) for page in part["chapters"]]
        return [toc["root"], *(page["file"] for page in listed)]
    except (OSError, ValueError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        told = " ".join(f"{error}".split())
        raise ValueError(f"{root / '_toc.yml'} is no table of contents ({type(error).__name__}: {told}).") from error


def chapters(root: Path) -> list[str]:
    """Stems of the executable chapters in the order of _toc.yml, e.g. '06_training'."""
    return [Path(page).name for page in pages(root) if page.startswith("chapters/")]


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook that is whole; ValueError says which is not, and how to get it back."""
    try:
        notebook = nbformat.reads(path.read_bytes().decode(), as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # whatever a damaged file can bring forth
        told = " ".join(f"{error}".split())[:200]
        raise ValueError(
            f"{path} is no whole notebook ({type(error).__name__}: {told}). A committed one comes back with "
            f"'git checkout -- {path.parent.name}/{path.name}' or 'make notebooks'."
        ) from error
    return notebook


def read_script(script: Path) -> nbformat.NotebookNode:
    """Read the percent script as a notebook without outputs; cell ids are made from the place, so that they last."""
    notebook = jupytext.read(script)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata.setdefault("kernelspec", {"name": "python3", "display_name": "Python 3", "language": "python"})
    return notebook


def declared_data(notebook: nbformat.NotebookNode) -> list[str]:
    """Names of the registered files the chapter says it needs (metadata ``xsg: {data: […]}``)."""
    return list(notebook.metadata.get("xsg", {}).get("data", []))


@dataclass(frozen=True)
class Exercise:
    """Where an exercise stands in its notebook, and the names its check reads that only its solution assigns."""

    title: str  # 'Exercise 1: both hemispheres, or one?'
    prompt: int  # places of its cells
    solution: int
    check: int
    names: tuple[str, ...]

    @property
    def number(self) -> int:
        """The number in the title."""
        return int(re.match(r"Exercise (\d+)", self.title).group(1))

    @property
    def stub(self) -> str:
        """What a student finds in the place of the solution."""
        reads = ", ".join(self.names)
        return f'# Your answer. The check below reads: {reads}\nraise NotImplementedError("Exercise {self.number}")'


def exercises(notebook: nbformat.NotebookNode) -> list[Exercise]:
    """Find the exercises, each a task, its solution and its check on end; ValueError says what is amiss."""
    cells = notebook.cells
    tags = [cell.metadata.get("tags", []) for cell in cells]
    found, given = [], set()  # given: the names that the chapter itself has assigned so far
    for place, cell in enumerate(cells):
        if cell.cell_type == "code" and "solution" not in tags[place]:
            given |= _names(cell.source)[0]
        titles = re.findall(r"^### (Exercise .*)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else []
        if not titles:
            continue
        pair = [[tag for tag in some if tag in ("solution", "check")] for some in tags[place + 1 : place + 3]]
        if pair != [["solution"], ["check"]]:
            raise ValueError(f"{titles[0]!r} is not followed by one cell tagged solution and then one tagged check.")
        if len(titles) > 1 or not re.match(rf"Exercise {len(found) + 1}\b", titles[0]):
            raise ValueError(f"{titles} in one cell; expected one title, 'Exercise {len(found) + 1}: …'.")
        names = (_names(cells[place + 1].source)[0] - given) & _names(cells[place + 2].source)[1]
        found.append(Exercise(titles[0], place, place + 1, place + 2, tuple(sorted(names))))
    for tag in ("solution", "check"):
        if (count := sum(tag in some for some in tags)) != len(found):
            raise ValueError(f"{count} cells are tagged {tag}, but there are {len(found)} exercises.")
    _stand_alone(cells, found)
    return found


def _stand_alone(cells: list[nbformat.NotebookNode], found: list[Exercise]) -> None:
    """Refuse a chapter that a student's notebook, in which no solution is, could not run or could not fail."""
    solutions = {exercise.solution: exercise.title for exercise in found}
    checks = {exercise.check: exercise for exercise in found}
    solved = {}  # names whose value is a solution's, and whose
    for place, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        assigned, read = _names(cell.source)
        if place in solutions:
            solved |= dict.fromkeys(assigned, solutions[place])
            continue
        own = set(checks[place].names) if place in checks else set()
        if place in checks and not own:
            raise ValueError(f"The check of {checks[place].title!r} reads nothing that only its solution assigns.")
        if taken := sorted((read - own - assigned) & solved.keys()):
            raise ValueError(
                f"A cell reads {taken}, which the solution of {solved[taken[0]]!r} assigns; a student's notebook has "
                f"none. Give the solution's names to nothing else. The cell: {cell.source[:80]!r}"
            )
        for name in assigned:
            solved.pop(name, None)


def _names(code: str) -> tuple[set[str], set[str]]:
    """Names that a cell assigns, and names that it reads, both of the notebook's own scope."""
    # Read off the bytecode: from Python 3.12 on a symbol table counts a comprehension's variables among the notebook's.
    whole = compile(code, "cell", "exec", dont_inherit=True)
    mine, read, below = set(), set(), [whole]
    while below:
        scope = below.pop()
        below += [each for each in scope.co_consts if isinstance(each, types.CodeType)]
        steps = [(step.opname, step.argval) for step in dis.get_instructions(scope)]
        stored = {name for what, name in steps if what == "STORE_NAME"}
        mine |= {name for what, name in steps if what == "STORE_GLOBAL"} | (stored if scope is whole else set())
        # A class body's own names are no one else's.
        own = set() if scope is whole else stored
        read |= {name for what, name in steps if what in ("LOAD_NAME", "LOAD_GLOBAL")} - own
    return mine, read


TRIAL = """
def _trial(check, names, title):
    for name in names:
        namespace = {**globals(), name: ...}  # a copy: what the trial does leaves no trace
        try:
            exec(check, namespace)
        except Exception:
            continue
        raise AssertionError(f"{title}: its check passes although {name} holds nothing; compare its value.")
"""


def with_trials(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Put a cell after each check that runs the check without the answer, name by name, and expects it to fail."""
    for exercise in reversed(exercises(notebook)):
        call = {"check": notebook.cells[exercise.check].source, "names": exercise.names, "title": exercise.title}
        source = f"{TRIAL}\n_trial(**{call!r})\ndel _trial"
        trial = nbformat.v4.new_code_cell(source, id=f"trial-{exercise.number}", metadata={"tags": ["trial"]})
        notebook.cells.insert(exercise.check + 1, trial)
    return notebook


def without_trials(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take the trials out again and count the executions as if they had not been."""
    notebook.cells = [cell for cell in notebook.cells if "trial" not in cell.metadata.get("tags", [])]
    run = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.execution_count]
    for number, cell in enumerate(run, start=1):
        cell.execution_count = number
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
    return notebook


def stderr_text(notebook: nbformat.NotebookNode) -> str:
    """All that the code wrote to stderr."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return "".join(output.text for output in outputs if output.get("name") == "stderr")


def lasting(cell: nbformat.NotebookNode) -> dict:
    """Metadata that the script carries too; papermill adds its own, and empty tags."""
    return {
        name: value for name, value in cell.metadata.items() if name not in VOLATILE and (name, value) != ("tags", [])
    }


def cleaned(notebook: nbformat.NotebookNode, root: Path) -> nbformat.NotebookNode:
    """Drop what differs from run to run or belongs to this machine: timings, stderr, widgets, versions, paths."""
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(lasting(cell))
        if cell.cell_type != "code":
            continue
        kept = []
        for output in cell.outputs:
            if output.get("name") == "stderr":
                continue
            if output.output_type == "stream" and kept and kept[-1].get("name") == output.name:
                kept[-1].text += output.text  # how a stream is cut into pieces is a matter of timing
                continue
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
            kept.append(output)
        text = json.dumps(kept)
        for place in (str(root.resolve()), str(Path.home())):
            if place != os.sep:
                text = text.replace(json.dumps(place)[1:-1], "…")
        # Addresses in a repr such as <function f at 0x7f…> say nothing and never repeat.
        cell.outputs = nbformat.from_dict(json.loads(re.sub(r" at 0x[0-9a-f]{6,}", "", text)))
    for name in ("papermill", "widgets"):
        notebook.metadata.pop(name, None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    return notebook


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write whole or not at all, and only if something differs."""
    write_text(path, nbformat.writes(notebook) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write whole or not at all, and only if something differs."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write whole or not at all, and only if something differs."""
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        half.write_bytes(content)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
