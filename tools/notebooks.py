"""Chapters as files: which there are, what they declare, and how a script becomes a notebook and back into git."""

import json
import os
import re
from pathlib import Path

import jupytext
import nbformat
import yaml

VOLATILE = {"papermill", "execution", "ExecuteTime"}


def chapters(root: Path) -> list[str]:
    """Stems of the executable chapters in the order of _toc.yml, e.g. '06_training'."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    pages = toc.get("chapters", []) + [page for part in toc.get("parts", []) for page in part["chapters"]]
    return [Path(page["file"]).name for page in pages if page["file"].startswith("chapters/")]


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
    text = nbformat.writes(notebook) + "\n"
    write_text(path, text)


def write_text(path: Path, text: str) -> None:
    """Write whole or not at all, and only if something differs."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        half.write_text(text, encoding="utf-8")
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
