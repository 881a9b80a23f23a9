"""Build the book: execute the chapters that changed, stage the pages, render them with every Sphinx warning an error.

tools/build.py                              all of it (make book)
tools/build.py --chapter 06                 execute one chapter only, through the same cache
tools/build.py --chapter 06 -p EPOCHS 800   the same chapter with another parameter, into _build/variants/
"""

import argparse
import copy
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import nbformat
import yaml
from tqdm import tqdm

import notebooks
import teaching

TOOLS = Path(__file__).resolve().parent


class BuildError(Exception):
    """The book could not be built; the message says what to mend."""


@dataclass
class Outcome:
    """One chapter's line in _build/chapters.json."""

    chapter: str
    status: str  # executed | kept | failed
    data: str  # simulated | mirror | network/cache | kept
    seconds: float | None = None
    peak_memory_mb: int | None = None
    date: str = ""
    key: str = ""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=TOOLS.parent, help="folder with _toc.yml (default: this checkout)")
    parser.add_argument("--chapter", metavar="NN", help="execute this chapter only and build no pages")
    parser.add_argument(
        "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="with --chapter"
    )
    options = parser.parse_args(argv)
    root = options.root.resolve()
    try:
        known = notebooks.chapters(root)
        if options.chapter is None:
            if options.parameter:
                raise BuildError("-p needs --chapter: parameters belong to one chapter.")
            # A book with a chapter missing is not rendered; what failed has been told.
            failed = report(root, execute_all(root, known))
            return failed or render(root)
        stem = pick(options.chapter, known)
        if options.parameter:
            parameters = {name: yaml.safe_load(value) for name, value in options.parameter}
            print(f"→ {variant(root, stem, parameters).relative_to(root)}")
            return 0
        return report(root, execute_all(root, [stem]))
    except BuildError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. What was finished is kept; run again to go on.", file=sys.stderr)
        return 130


def pick(name: str, known: list[str]) -> str:
    """Find the chapter meant by '06', '6' or '06_training'."""
    for stem in known:
        if name == stem or name.zfill(2) == stem.partition("_")[0]:
            return stem
    raise BuildError(f"No chapter {name!r} in _toc.yml; there are {', '.join(known)}.")


# ---------------------------------------------------------------------------------------------------- execution


def execute_all(root: Path, stems: list[str]) -> list[Outcome]:
    """Execute what changed, several at a time, and bring _build/chapters.json up to date after each chapter."""
    before = read_outcomes(root)
    outcomes = dict(before)
    pool = ThreadPoolExecutor(max_workers=os.cpu_count())
    try:
        jobs = [pool.submit(bring_up_to_date, root, stem, before.get(stem)) for stem in stems]
        bar = tqdm(as_completed(jobs), total=len(jobs), desc="Chapters", unit="chapter")
        for job in bar:
            outcome = job.result()
            bar.set_postfix_str(f"{outcome.chapter} {outcome.status}")
            outcomes[outcome.chapter] = outcome
            known = [asdict(outcomes[stem]) for stem in notebooks.chapters(root) if stem in outcomes]
            notebooks.write_text(root / "_build/chapters.json", json.dumps(known, indent=1) + "\n")
    finally:
        # On Ctrl-C the terminal has interrupted the running kernels too; waiting chapters are not started.
        pool.shutdown(wait=True, cancel_futures=True)
    return [outcomes[stem] for stem in stems]


def read_outcomes(root: Path) -> dict[str, Outcome]:
    path = root / "_build/chapters.json"
    return {entry["chapter"]: Outcome(**entry) for entry in json.loads(path.read_text())} if path.is_file() else {}


def bring_up_to_date(root: Path, stem: str, before: Outcome | None) -> Outcome:
    """Execute one chapter unless its key says that nothing it depends on has changed."""
    target = root / f"_build/executed/{stem}.ipynb"
    try:
        source = notebooks.read_script(root / f"chapters/{stem}.py")
        names = notebooks.declared_data(source)
        where = data_source(names)
        key = key_of(root, stem, names)
    except (OSError, ValueError) as error:
        return fail(root, stem, "", f"{error}")
    if where == "kept":
        return keep(root, stem, target, key)
    if before and (before.status, before.key) == ("executed", key) and target.is_file():
        return before
    target.unlink(missing_ok=True)
    result, notebook = run(root, stem, source, {})
    if error := result["error"]:
        return fail(root, stem, where, error)
    notebooks.write(notebooks.cleaned(notebook, root), target)
    return Outcome(stem, "executed", where, result["seconds"], result["peak_memory_mb"], str(date.today()), key)


def data_source(names: list[str]) -> str:
    """Where the declared data come from; 'kept' if they are not to be had, so that the stored outputs are shown."""
    if not names:
        return "simulated"
    from xsg.data import fetch

    try:
        paths = [fetch.fetch(name) for name in names]
    except fetch.DownloadError:
        return "kept"
    return "network/cache" if any(path.is_relative_to(fetch.cache_dir()) for path in paths) else "mirror"


def key_of(root: Path, stem: str, names: list[str]) -> str:
    """Hash everything the chapter's outputs depend on."""
    script = (root / f"chapters/{stem}.py").read_text(encoding="utf-8")
    parts = [script, sys.version.split()[0]]
    package = (path for path in sorted((root / "xsg").rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    for path in (*package, root / "requirements.lock"):
        parts += [str(path.relative_to(root)), hashlib.sha256(path.read_bytes()).hexdigest()]
    # Only the claims this chapter names: a corrected number elsewhere is no reason to run it again.
    if (claims := root / "chapters/claims.toml").is_file():
        entries = tomllib.loads(claims.read_text(encoding="utf-8"))
        parts += [json.dumps({name: entry for name, entry in entries.items() if name in script}, sort_keys=True)]
    if names:
        from xsg.data import fetch

        table = fetch.registry()
        parts += [f"{name} {table.loc[name, 'sha256']}" for name in names]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def chapter_environment(root: Path) -> dict[str, str]:
    """Environment of every chapter's kernel: one thread, claims strict, nothing of the reader's own set-up."""
    return {
        **os.environ,
        **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")},
        "XSG_STRICT": "1",
        "PYTHONHASHSEED": "0",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else the kernel's debugger prints a warning
        "IPYTHONDIR": str(root / "_build/ipython"),
        # tqdm warns where notebook widgets are missing, which is as it should be when no one watches.
        "PYTHONWARNINGS": "ignore:IProgress not found",
    }


def run(root: Path, stem: str, source: nbformat.NotebookNode, parameters: dict) -> tuple[dict, nbformat.NotebookNode]:
    """Execute in a process of its own, in the chapters' folder; nothing is left there."""
    build = root / "_build"
    raw, done = build / f"raw/{stem}.ipynb", build / f"raw/{stem}.done.ipynb"
    notebooks.write(notebooks.with_trials(copy.deepcopy(source)), raw)
    command = [sys.executable, str(TOOLS / "execute.py"), str(raw), str(done), json.dumps(parameters)]
    process = subprocess.run(
        command, capture_output=True, text=True, env=chapter_environment(root), cwd=root / "chapters", check=False
    )
    try:
        result = json.loads(process.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        if process.returncode in (-signal.SIGINT, 130):
            raise KeyboardInterrupt from None
        return {"error": f"papermill ended with status {process.returncode}:\n{process.stderr[-3000:]}"}, source
    notebook = notebooks.without_trials(nbformat.read(done, as_version=4))
    raw.unlink()
    done.unlink()
    stderr = notebooks.stderr_text(notebook)
    if not result["error"] and "Warning" in stderr:
        result["error"] = f"a warning was printed; mend its cause or silence it where it arises:\n{stderr[-3000:]}"
    return result, notebook


def variant(root: Path, stem: str, parameters: dict) -> Path:
    """Execute a chapter with other parameters, beside the book and not in it."""
    source = notebooks.read_script(root / f"chapters/{stem}.py")
    from papermill import inspect_notebook

    probe = root / f"_build/raw/{stem}.probe.ipynb"
    notebooks.write(source, probe)
    allowed = inspect_notebook(str(probe))
    probe.unlink()
    # papermill itself only warns, and the reader would take the default's result for the one asked for.
    if unknown := sorted(parameters.keys() - allowed.keys()):
        raise BuildError(f"{stem} has no parameter {', '.join(unknown)}; it has {', '.join(allowed) or 'none'}.")
    if data_source(notebooks.declared_data(source)) == "kept":
        raise BuildError(f"{stem} needs data that are not here; see python -m xsg data.")
    result, notebook = run(root, stem, source, parameters)
    if result["error"]:
        raise BuildError(f"{stem} failed in {result['error']}")
    target = root / f"_build/variants/{stem}.ipynb"
    notebooks.write(notebooks.cleaned(notebook, root), target)
    return target


def keep(root: Path, stem: str, target: Path, key: str) -> Outcome:
    """Show the committed outputs, and say on the page that they are not from this build."""
    committed = root / f"chapters/{stem}.ipynb"
    if not committed.is_file():
        return fail(
            root, stem, "kept", f"its data are not here and chapters/{stem}.ipynb, which keeps outputs, is missing"
        )
    notebook = nbformat.read(committed, as_version=4)
    note = nbformat.v4.new_markdown_cell(
        "> **Outputs kept from an earlier run.** The data of this chapter could not be had where this copy of the book "
        "was built, so nothing below was computed again. `python -m xsg data` tells how to get them.",
        id="kept-note",
    )
    notebook.cells.insert(1, note)  # under the title, which has to stay first
    notebooks.write(notebook, target)
    return Outcome(stem, "kept", "kept", key=key)


def fail(root: Path, stem: str, where: str, error: str) -> Outcome:
    notebooks.write_text(root / f"_build/logs/{stem}.log", error + "\n")
    return Outcome(stem, "failed", where, date=str(date.today()))


def report(root: Path, outcomes: list[Outcome]) -> int:
    """Print one line per chapter and the end of every failure's log."""
    for outcome in outcomes:
        took = f"{outcome.seconds:6.1f} s {outcome.peak_memory_mb:6d} MB" if outcome.seconds is not None else " " * 18
        print(f"{outcome.chapter:24} {outcome.status:9} {took}  {outcome.data}")
    failed = [outcome.chapter for outcome in outcomes if outcome.status == "failed"]
    for stem in failed:
        log = (root / f"_build/logs/{stem}.log").read_text(encoding="utf-8")
        print(f"\n--- {stem} failed (_build/logs/{stem}.log) ---\n{log[-3000:]}", file=sys.stderr)
    return 1 if failed else 0


# ---------------------------------------------------------------------------------------------------- pages


def render(root: Path) -> int:
    """Stage the pages and run jupyter-book on them, unless the very same pages were rendered last time."""
    build = root / "_build"
    source, kit = stage(root), teaching.write(root)  # a page links what the kit has for it
    stamp = build / "html.key"
    state = "".join(map(tree_hash, (source, kit, root / "xsg")))  # the API page comes from the docstrings
    if stamp.is_file() and stamp.read_text() == state and (build / "html/index.html").is_file():
        print("Pages unchanged.")
        return 0
    stamp.unlink(missing_ok=True)
    # --all: a page rendered from an earlier run's cache would hide its warnings.
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "--all", "-W", "--keep-going", "--quiet"]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}  # the tools' own deprecations are not the book's warnings
    done = subprocess.run([*command, "--path-output", str(root), str(source)], env=environment, check=False)
    if done.returncode:
        raise BuildError("jupyter-book found errors or warnings (above). Nothing else is wrong with the chapters.")
    import mathjax

    files = Path(mathjax.__file__).parent / "static/mathjax/es5"
    local = build / "html/_static/mathjax"
    shutil.copytree(files / "output/chtml/fonts/woff-v2", local / "output/chtml/fonts/woff-v2", dirs_exist_ok=True)
    shutil.copy(files / "tex-chtml.js", local)
    shutil.copytree(kit, build / "html/teaching", dirs_exist_ok=True)
    stamp.write_text(state)
    print("The book: _build/html/index.html")
    return 0


def stage(root: Path) -> Path:
    """Lay out what jupyter-book reads: pages, executed chapters, what they cost."""
    build = root / "_build"
    source = build / "source"
    wanted = {path.relative_to(root): path for path in (root / "book").rglob("*") if path.is_file()}
    wanted[Path("_toc.yml")] = root / "_toc.yml"
    # What tools/book_pages.py reads.
    for path in (build / "chapters.json", root / "CITATION.cff"):
        if path.is_file():
            wanted[Path(path.name)] = path
    for stem in notebooks.chapters(root):
        if (executed := build / f"executed/{stem}.ipynb").is_file():
            wanted[Path(f"chapters/{stem}.ipynb")] = executed
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    config.setdefault("sphinx", {}).setdefault("config", {})["mathjax_path"] = (
        "mathjax/tex-chtml.js"  # copied in render
    )
    # The book's own Sphinx extensions lie where _config.yml says, so that a change in them renders the pages anew.
    for name, folder in config["sphinx"].get("local_extensions", {}).items():
        wanted[Path(folder) / f"{name}.py"] = TOOLS / f"{name}.py"
    generated = {Path("_config.yml"): yaml.safe_dump(config, sort_keys=False, allow_unicode=True)}
    if (guide := Path("book/teaching.md")) in wanted:
        generated[guide] = wanted.pop(guide).read_text().replace("<!-- chapters -->", teaching.table(root))
    for name, text in generated.items():
        notebooks.write_text(source / name, text)
    for name, path in wanted.items():
        target = source / name
        if not target.is_file() or target.read_bytes() != path.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    for path in [path for path in source.rglob("*") if path.is_file()]:
        if path.relative_to(source) not in wanted.keys() | generated.keys():
            path.unlink()
    return source


def tree_hash(folder: Path) -> str:
    """Hash names and contents of all files under a folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        digest.update(f"{path.relative_to(folder)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    started = time.perf_counter()
    code = main()
    print(f"{time.perf_counter() - started:.1f} s")
    sys.exit(code)
