"""Command line, ``xsg`` or ``python -m xsg``.

``evaluate`` puts a map on trial, ``seal`` freezes a trial before it is run, ``new`` begins a study, ``bench`` scores
methods of one's own, ``data`` lists and fetches remote data files.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from xsg.data import fetch as data

_FROM = "the simulated example (a cohort of yours comes in by --from lh.tsv rh.tsv participants.tsv)"


def _list() -> None:
    """Print the registry, files of one licence and citation together."""
    table = data.registry()
    width = max(60, shutil.get_terminal_size((100, 24)).columns - 1)
    print(f"{'here':8} {'kB':>8}  name")
    for (licence, citation), files in table.groupby(["licence", "citation"], sort=False):
        print()
        for label, text in (("licence", licence), ("cite", citation)):
            print(textwrap.fill(text, width, initial_indent=f"{label:8} ", subsequent_indent=" " * 9))
        for name, size in files["bytes"].items():
            here = data._locate(name)
            print(f"{here[0] if here else 'no':8} {size / 1000:8.1f}  {name}")
    print(f"\n{len(table)} files, {table['bytes'].sum() / 1e6:.1f} MB.")
    print(f"cache:  {data.cache_dir()} (XSG_DATA)")
    mirror = data._mirror() or "none"
    print(f"mirror: {data.shown(mirror) if data.is_address(mirror) else mirror} (XSG_MIRROR)")


def _new(options: argparse.Namespace) -> int:
    """Write the template, or a study of the tables given, and say what comes next."""
    from xsg.study import evaluate

    folder = options.folder
    if options.tables:
        from xsg.study.cohort import write_study_from

        *tables, people = options.tables
        if not tables:
            tables, people = [people], None
        asked = {key: getattr(options, key) for key in ("slope", "contrast", "covariates")}
        path, told = write_study_from(folder, tables, people, **asked, **evaluate.cohort_options(options))
        print("\n".join(told))
    else:
        from xsg.study.read import write_template

        evaluate.refuse_idle(options, _FROM, (*evaluate.QUESTIONS, "atlas"))
        path = write_template(folder)
    # The interpreter that has xsg, which "python" need not be; quoted as the shell wants it.
    found = shutil.which("python")
    python = "python" if found and Path(found).absolute() == Path(sys.executable).absolute() else sys.executable
    command = [python, str(path / "analysis.py")]
    quoted = subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)
    if options.tables:
        print(f"{folder}: your study. Run it: {quoted}")
    else:
        print(f"{folder}: a simulated study. Run it: {quoted}\nThen overwrite its tables with yours.")
    return 0


def _evaluate(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Run a trial, as asked for or as sealed."""
    from xsg.study import evaluate, freeze

    if options.sealed:
        return freeze.evaluate(options, arguments)
    if options.other_code:
        raise ValueError("--other-code is about a seal; give --sealed FILE, too.")
    return evaluate.run(options, arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 where data could not be read or used, 130 interrupted.

    Parameters
    ----------
    arguments
        Command-line arguments without the programme's name (default: those of the process).
    """
    try:
        return _main(sys.argv[1:] if arguments is None else list(arguments))
    except KeyboardInterrupt:  # while the package is still being imported, say
        print("interrupted", file=sys.stderr)
        return 130


def _main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="xsg", description="Cross-scale generative models of the brain.")
    parts = parser.add_subparsers(dest="part", required=True)
    about = "Do genes say anything about a map that place does not? Read it, put a model on trial, write a report."
    trial = parts.add_parser("evaluate", help="put a map on trial and write a report", description=about)
    about = "Write down, before looking, what is asked, what counts as a yes and how it is run: a dated file to send."
    sealing = parts.add_parser("seal", help="freeze a trial before it is run", description=about)
    actions = parts.add_parser("data", help="list or fetch the remote data files").add_subparsers(dest="action")
    actions.add_parser("list", help="names, sizes, licences, citations, and what is here (default)")
    get = actions.add_parser("fetch", help="get files into the cache")
    get.add_argument("names", nargs="*", metavar="NAME", help="a name from the list")
    get.add_argument("--all", action="store_true", help="every file of the list")
    new = parts.add_parser("new", help="begin a study of your own: tables to overwrite, and the script to run")
    new.add_argument("folder", help="a folder that is not there yet")
    there = "lh.tsv rh.tsv participants.tsv, or SUBJECTS_DIR participants.tsv: begin with your cohort"
    new.add_argument("--from", dest="tables", nargs="+", metavar="TABLE", help=there)
    new.add_argument("--atlas", help="the atlas that the tables are of (default: desikan)")
    about = "Score methods of your own on maps whose truth is known, and on real ones, beside the methods of the book."
    bench = parts.add_parser("bench", help="score methods of your own beside those of the book", description=about)
    # Which splits, nulls and atlases there are takes half a second to import.
    if set(arguments) & {"evaluate", "new", "seal"}:
        from xsg.study import evaluate

        evaluate.add_arguments(trial)
        evaluate.add_questions(new.add_argument_group("what is asked of the cohort"))
    if "bench" in arguments:
        from xsg.bench import shell

        shell.add_arguments(bench)
    if "seal" in arguments:
        from xsg.study import freeze

        freeze.add_arguments(sealing)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a path may hold what the terminal cannot show
    options = parser.parse_args(arguments)
    if options.part == "data" and options.action == "fetch" and bool(options.names) == options.all:
        get.error("give either names or --all")
    try:
        if options.part == "new":
            return _new(options)
        if options.part == "bench":
            return shell.run(options)
        if options.part == "seal":
            return freeze.seal(options)
        if options.part == "evaluate":
            return _evaluate(options, arguments)
        if options.action != "fetch":
            _list()
            return 0
        for name in data.registry().index if options.all else options.names:
            print(data.fetch(name))
    except (ValueError, TypeError, OSError, data.DownloadError) as error:
        told = evaluate.in_shell(str(error)) if options.part in ("evaluate", "seal") else error
        print(f"error: {told}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
