"""Build the book: execute the chapters that changed, stage the pages, render them with every Sphinx warning an error.

tools/build.py                              all of it (make book)
tools/build.py --dry                        tell which chapters it would execute, and how long they took last
tools/build.py --chapter 06                 execute one chapter only, through the same cache
tools/build.py --chapter 06 -p EPOCHS 800   the same chapter with another parameter, into _build/variants/
"""

import argparse
import copy
import csv
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import date
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import nbformat
import yaml
from tqdm import tqdm

import guard
import imports
import notebooks
import outcomes
import teaching
from outcomes import Outcome

TOOLS = Path(__file__).resolve().parent


class BuildError(Exception):
    """The book could not be built; the message says what to mend."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=TOOLS.parent, help="folder with _toc.yml (default: this checkout)")
    parser.add_argument("--chapter", metavar="NN", help="execute this chapter only and build no pages")
    parser.add_argument("--dry", action="store_true", help="tell what would be executed, and do nothing")
    parser.add_argument(
        "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="with --chapter"
    )
    options = parser.parse_args(argv)
    root = options.root.resolve()
    try:
        known = listed(root)
        stem = None if options.chapter is None else pick(options.chapter, known)
        if options.parameter and not stem:
            raise BuildError("-p needs --chapter: parameters belong to one chapter.")
        if options.dry:
            return dry(root, known)
        with guard.alone(root):
            if options.parameter:
                parameters = {name: yaml.safe_load(value) for name, value in options.parameter}
                print(f"→ {variant(root, stem, parameters).relative_to(root)}")
                return 0
            # A book with a chapter missing is not rendered; what failed has been told.
            failed = report(root, execute_all(root, [stem] if stem else known))
            return failed if failed or stem else render(root)
    except BuildError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. What was finished is kept; run again to go on.", file=sys.stderr)
        return 130


def listed(root: Path) -> list[str]:
    """List the chapters."""
    try:
        return notebooks.chapters(root)
    except ValueError as error:
        raise BuildError(f"{error}") from error


def pick(name: str, known: list[str]) -> str:
    """Find the chapter meant by '06', '6' or '06_training'."""
    for stem in known:
        if name == stem or name.zfill(2) == stem.partition("_")[0]:
            return stem
    raise BuildError(f"No chapter {name!r} in _toc.yml; there are {', '.join(known)}.")


# ---------------------------------------------------------------------------------------------------- execution


def execute_all(root: Path, stems: list[str]) -> list[Outcome]:
    """Execute what changed, several at a time, and bring _build/chapters.json up to date after each chapter."""
    before = outcomes.read(root)
    known = dict(before)
    pool = ThreadPoolExecutor(max_workers=os.cpu_count())
    try:
        jobs = [pool.submit(bring_up_to_date, root, stem, before.get(stem)) for stem in stems]
        bar = tqdm(as_completed(jobs), total=len(jobs), desc="Chapters", unit="chapter")
        for job in bar:
            outcome = outcomes.sealed(root, job.result())
            bar.set_postfix_str(f"{outcome.chapter} {outcome.status}")
            known[outcome.chapter] = outcome
            outcomes.write(root, known)
    except BaseException:
        guard.STOP.set()  # running chapters are ended, with their kernels
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [known[stem] for stem in stems]


def dry(root: Path, stems: list[str]) -> int:
    """Print which chapters have changed since they were executed, or what they hang on, and what they cost then."""
    before = outcomes.read(root)
    stale = [stem for stem in stems if stem not in before or before[stem].key != key_of(root, stem)]
    cost = sum(before[stem].seconds or 0 for stem in stale if stem in before)
    print(f"{len(stale)} of {len(stems)} chapters, {cost:.0f} s when they ran last: {', '.join(stale) or 'none'}")
    return 0


def bring_up_to_date(root: Path, stem: str, before: Outcome | None) -> Outcome:
    """Execute one chapter unless its key says that nothing it depends on has changed."""
    target = outcomes.notebook_path(root, stem)
    try:
        source = notebooks.read_script(root / f"chapters/{stem}.py")
        names = notebooks.declared_data(source)
        where = data_source(names)
        key = key_of(root, stem)
        if where == "kept":
            return keep(root, stem, target, key)
    except (OSError, ValueError) as error:
        return fail(root, stem, "", f"{error}")
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


def key_of(root: Path, stem: str) -> str:
    """Hash everything the chapter's outputs depend on: of package, claims and registry, what the chapter names."""
    script = (root / f"chapters/{stem}.py").read_text(encoding="utf-8")
    parts = [script, sys.version.split()[0], (root / "requirements.lock").read_text(), imports.key(root, script)]
    if (claims := root / "chapters/claims.toml").is_file():
        entries = tomllib.loads(claims.read_text(encoding="utf-8"))
        parts += [json.dumps({name: entry for name, entry in entries.items() if name in script}, sort_keys=True)]
    if (registry := root / "xsg/data/registry.csv").is_file():
        rows = csv.DictReader(registry.read_text(encoding="utf-8").splitlines())
        parts += [f"{row['name']} {row['sha256']}" for row in rows if row["name"] in script]
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


def limits() -> tuple[int, int]:
    """Return how many seconds and MB a chapter may take before it is ended."""
    try:
        return guard.limit("XSG_CHAPTER_SECONDS", guard.SECONDS), guard.limit("XSG_CHAPTER_MB", guard.MEMORY)
    except ValueError as error:
        raise BuildError(f"{error}") from error


def run(root: Path, stem: str, source: nbformat.NotebookNode, parameters: dict) -> tuple[dict, nbformat.NotebookNode]:
    """Execute in a process of its own, in the chapters' folder; nothing is left there."""
    build = root / "_build"
    raw, done = build / f"raw/{stem}.ipynb", build / f"raw/{stem}.done.ipynb"
    try:
        notebooks.write(notebooks.with_trials(copy.deepcopy(source)), raw)
    except (ValueError, SyntaxError) as error:
        return {"error": f"its form: {error}"}, source
    done.unlink(missing_ok=True)
    command = [sys.executable, str(TOOLS / "execute.py"), str(raw), str(done), json.dumps(parameters)]
    seconds, memory = limits()
    process = guard.run(
        command, seconds=seconds, memory=memory, env=chapter_environment(root), cwd=root / "chapters",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    if process.cut:
        return {"error": f"the chapter was ended: {process.cut}."}, source
    try:
        result = json.loads(process.stdout.splitlines()[-1])
        notebook = notebooks.without_trials(notebooks.read(done))
    except (IndexError, ValueError):
        if process.status in (-signal.SIGINT, 130):
            raise KeyboardInterrupt from None
        return {"error": f"papermill ended with status {process.status}:\n{process.stderr[-3000:]}"}, source
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
    notebook = notebooks.read(committed)
    note = nbformat.v4.new_markdown_cell(
        "> **Outputs kept from an earlier run.** The data of this chapter could not be had where this copy of the book "
        "was built, so nothing below was computed again. `python -m xsg data` tells how to get them.",
        id="kept-note",
    )
    notebook.cells.insert(1, note)  # under the title, which has to stay first
    notebooks.write(notebook, target)
    return Outcome(stem, "kept", "kept", key=key)


def fail(root: Path, stem: str, where: str, error: str) -> Outcome:
    outcomes.notebook_path(root, stem).unlink(missing_ok=True)
    notebooks.write_text(root / f"_build/logs/{stem}.log", error + "\n")
    return Outcome(stem, "failed", where, date=str(date.today()))


def report(root: Path, known: list[Outcome]) -> int:
    """Print one line per chapter and the end of every failure's log."""
    for outcome in known:
        took = f"{outcome.seconds:6.1f} s {outcome.peak_memory_mb:6d} MB" if outcome.seconds is not None else " " * 18
        print(f"{outcome.chapter:24} {outcome.status:9} {took}  {outcome.data}")
    failed = [outcome.chapter for outcome in known if outcome.status == "failed"]
    for stem in failed:
        log = (root / f"_build/logs/{stem}.log").read_text(encoding="utf-8", errors="replace")
        print(f"\n--- {stem} failed (_build/logs/{stem}.log) ---\n{log[-3000:]}", file=sys.stderr)
    return 1 if failed else 0


# ---------------------------------------------------------------------------------------------------- pages


def render(root: Path) -> int:
    """Stage the pages and run jupyter-book on them, unless the very same pages were rendered last time.

    They are rendered into a new folder, and take the place of the old ones together, once all was found well.
    """
    build = root / "_build"
    html, old, stamp = build / "html", build / "html.old", build / "html.key"
    if old.is_dir() and not html.is_dir():
        old.replace(html)  # a swap was cut short between its two moves
    for left in (old, *build.glob("render-*")):
        shutil.rmtree(left, ignore_errors=True)
    try:
        source, kit = stage(root), teaching.write(root)  # a page links what the kit has for it
    except ValueError as error:
        raise BuildError(f"{error}") from error
    state = "".join(map(tree_hash, (source, kit, root / "xsg")))  # the API page comes from the docstrings
    if stamp.is_file() and stamp.read_bytes() == f"{state} {tree_hash(html)}".encode():
        print("Pages unchanged.")
        return 0
    with tempfile.TemporaryDirectory(prefix="render-", dir=build, ignore_cleanup_errors=True) as folder:
        new = rendered(root, source, kit, Path(folder))
        complete(root, new)
        stamp.unlink(missing_ok=True)
        if html.is_dir():
            html.replace(old)
        new.replace(html)
    shutil.rmtree(old, ignore_errors=True)
    notebooks.write_text(stamp, f"{state} {tree_hash(html)}")
    print("The book: _build/html/index.html")
    return 0


def rendered(root: Path, source: Path, kit: Path, folder: Path) -> Path:
    """Render what was staged into a folder, with all that the pages need; return where they are."""
    # --all: a page rendered from an earlier run's cache would hide its warnings.
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "--all", "-W", "--keep-going", "--quiet"]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}  # the tools' own deprecations are not the book's warnings
    # What it says on stdout names the folder that is about to be gone; trouble goes to stderr.
    done = guard.run([*command, "--path-output", str(folder), str(source)], env=environment, stdout=subprocess.PIPE)
    if done.status:
        print(done.stdout, file=sys.stderr)
        raise BuildError(
            "jupyter-book found errors or warnings (above). Nothing else is wrong with the chapters, and the pages of "
            "the last build are as they were."
        )
    import mathjax

    html = folder / "_build/html"
    files, local = Path(mathjax.__file__).parent / "static/mathjax/es5", html / "_static/mathjax"
    shutil.copytree(files / "output/chtml/fonts/woff-v2", local / "output/chtml/fonts/woff-v2", dirs_exist_ok=True)
    shutil.copy(files / "tex-chtml.js", local)
    shutil.copytree(kit, html / "teaching", dirs_exist_ok=True)
    return html


def complete(root: Path, html: Path) -> None:
    """Refuse pages of which one is missing, is half, or links to a file that is not there."""
    wrong = []
    for name in ("index", *notebooks.pages(root)):
        page = html / f"{name}.html"
        text = page.read_text(encoding="utf-8", errors="replace") if page.is_file() else ""
        if name != "index" and not text.rstrip().endswith("</html>"):
            wrong.append(f"{name}.html is {'cut short' if text else 'missing'}")
        for link in sorted(set(re.findall(r'<(?:a|img|link|script)\b[^>]* (?:href|src)="([^"#?:]+)[#?"]', text))):
            if not (page.parent / unquote(unescape(link))).exists():
                wrong.append(f"{name}.html links to {link}, which is not there")
    if wrong:
        raise BuildError("\n".join([*wrong, "The pages of the last build are as they were."]))


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
        if (executed := outcomes.notebook_path(root, stem)).is_file():
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
