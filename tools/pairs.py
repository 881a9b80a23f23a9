"""Keep chapters/NN_slug.py and the committed NN_slug.ipynb the same.

tools/pairs.py --check     both hold the same cells, and the notebook was run from top to bottom without error
tools/pairs.py --sync      execute what changed (the cache of tools/build.py) and store the outputs (make notebooks)
tools/pairs.py --replay    execute what changed and have nbval compare: cells tagged nbval-check-output must repeat
"""

import argparse
import base64
import os
import sys
from pathlib import Path

import nbformat

import build
import guard
import notebooks
import outcomes

HEADLINE = "book/_static/headline.png"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    for name in ("check", "sync", "replay"):
        mode.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    options = parser.parse_args(argv)
    root = options.root.resolve()
    try:
        if options.sync or options.replay:
            with guard.alone(root):
                if options.replay:
                    return replay(root)
                if sync(root):
                    return 1
        problems = [problem for stem in build.listed(root) for problem in check(root, stem)]
    except build.BuildError as error:
        problems = [f"{error}"]
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def check(root: Path, stem: str) -> list[str]:
    """Differences between the script and the committed notebook of one chapter, and signs that it was not run whole."""
    script, committed = root / f"chapters/{stem}.py", root / f"chapters/{stem}.ipynb"
    if missing := [path for path in (script, committed) if not path.is_file()]:
        return [f"chapters/{path.name} is missing" for path in missing]
    try:
        source, notebook = notebooks.read_script(script), notebooks.read(committed)
    except ValueError as error:
        return [f"{error}"]
    hint = f"chapters/{stem}.ipynb: {{}}; run make notebooks"

    def told(cell):
        return cell.cell_type, cell.source, notebooks.lasting(cell)

    if len(source.cells) != len(notebook.cells):
        return [hint.format(f"has {len(notebook.cells)} cells, the script {len(source.cells)}")]
    problems = []
    if notebooks.declared_data(source) != notebooks.declared_data(notebook):
        problems.append(hint.format("declares other data than the script"))
    for number, (ours, theirs) in enumerate(zip(source.cells, notebook.cells, strict=True)):
        if told(ours) != told(theirs):
            problems.append(hint.format(f"cell {number} differs from the script"))
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        problems.append(hint.format("was not run once from top to bottom"))
    if any(output.output_type == "error" for cell in code for output in cell.outputs):
        problems.append(hint.format("holds an error"))
    shown = root / HEADLINE
    if (figure := headline(notebook)) and not (shown.is_file() and shown.read_bytes() == figure):
        problems.append(hint.format(f"has another headline figure than {HEADLINE}"))
    return problems


def sync(root: Path) -> int:
    """Execute changed chapters and copy their outputs into chapters/; a chapter without its data is left as it is."""
    known = build.execute_all(root, build.listed(root))
    for outcome in known:
        if outcome.status == "executed":
            executed = notebooks.read(outcomes.notebook_path(root, outcome.chapter))
            notebooks.write(executed, root / f"chapters/{outcome.chapter}.ipynb")
            if figure := headline(executed):
                notebooks.write_bytes(root / HEADLINE, figure)
    return build.report(root, known)


def headline(notebook: nbformat.NotebookNode) -> bytes | None:
    """Return the PNG of the cell tagged 'headline', the README's figure, if this notebook has it."""
    for cell in notebook.cells:
        if "headline" in cell.metadata.get("tags", []):
            images = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
            return base64.b64decode(images[-1])
    return None


def replay(root: Path) -> int:
    """Have nbval compare what the chapters said when they were executed, and the book shows, with what is committed.

    They are executed only where they, or what they hang on, changed since: once for make test and make book together.
    """
    known = build.execute_all(root, build.listed(root))
    failed = build.report(root, known)
    run, left = (
        [f"chapters/{outcome.chapter}.ipynb" for outcome in known if outcome.status == status]
        for status in ("executed", "kept")
    )
    if left:
        print(f"Not compared, their data are not here: {', '.join(left)}")
    if not run:
        return failed
    executed = outcomes.notebook_path(root, "any").parent
    options = ["--nbval-lax", "--executed", str(executed), "-p", "no:doctest", "-q", "--rootdir", str(root)]
    # pyproject's pytest options are for the package's own tests: notebooks are judged by their outputs.
    command = [sys.executable, str(build.TOOLS / "recorded.py"), "-c", os.devnull, *options, *run]
    differs = guard.run(command, cwd=root).status
    return failed or differs


if __name__ == "__main__":
    sys.exit(main())
