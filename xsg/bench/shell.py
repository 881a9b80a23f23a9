"""``xsg bench``: a file of methods in, the table out, theirs beside those that are kept."""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stdout
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from xsg.bench import show
from xsg.bench.kept import Kept, alone, listening, read_rows
from xsg.bench.load import load_methods, told
from xsg.bench.run import COLUMNS, PLACE, paired, reproduced, score, table
from xsg.bench.tasks import SETS, TASKS, Task, tasks
from xsg.data.fetch import DownloadError, fetch, registry
from xsg.evaluation.baselines import Baseline
from xsg.files import whole

KEPT = "experiments/benchmark.csv"
EXAMPLES = """\
examples:
  xsg bench --methods my_method.py                    simulated maps, no data needed: a minute and your method's time
  xsg bench --methods my_method.py --tasks full       real maps and a finer atlas, too
  xsg bench --methods my_method.py --tasks enigma atrophy --out found

The folder --out gets table.html and table.md to read, table.csv (every score with its interval), differences.csv (how
much better than each other method) and rows.csv (map by map). It is for one file of methods. If a run is cut short
(Ctrl-C, a shutdown), give the same command again and it goes on from there.
Exit codes: 0 done, 1 the file or a task cannot be used or a method failed (said on stderr), 2 a wrong command line, 130
interrupted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``xsg bench``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument("--methods", type=Path, required=True, metavar="FILE", help="a .py file with your methods")
    parser.add_argument(
        "--tasks",
        nargs="+",
        default=["quick"],
        metavar="NAME",
        help=f"{', '.join(SETS)}, or one or more of {', '.join(TASKS)} (default: quick)",
    )
    parser.add_argument("--out", type=Path, default=Path("benchmark"), metavar="FOLDER", help="default: ./benchmark")


def run(options: argparse.Namespace) -> int:
    """Run a stranger's methods on tasks, print the table and write it; return the exit code."""
    started, out = time.monotonic(), options.out.absolute()
    try:
        with redirect_stdout(sys.stderr), _ended_by_two() as pressed:  # what a method prints is no part of the table
            kept, notes = _table()
            path, here = options.methods.absolute(), Path.cwd()
            with warnings.catch_warnings(record=True) as said, listening(), chdir(here):
                warnings.simplefilter("always", UserWarning)
                methods = _apart(load_methods(options.methods), kept)
            notes += [" ".join(str(each.message).split()) for each in said]
            asked = tasks(options.tasks)
            _writable(out)
            with alone(out):
                done = Kept(out, path)
                notes += [done.note] * bool(done.note)
                rows, failed = _all(methods, asked, done, options.methods, pressed)
            kept, more = _beside(kept, asked)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    notes = [*notes, *more, *failed]
    for line in notes:
        print(f"note: {line}", file=sys.stderr)
    everything = pd.concat([rows, kept], ignore_index=True) if len(rows) else kept
    found = [*show.boards(everything, list(methods)), *show.differences(everything, list(rows["method"].unique()))]
    if rows.empty and (out / "table.html").exists():
        print(f"no method came through: {options.out / 'table.html'} is left as it was", file=sys.stderr)
        return 1
    _write(out, everything, found, list(methods), notes)
    print(show.as_text(found), end="\n\n")
    print(show.ABOUT)
    for name, each in rows.groupby("method", sort=False):
        print(f"{name}: {each['seconds'].sum():.0f} s for {len(each)} maps × dealings")
    print(f"{options.out / 'table.html'} ({time.monotonic() - started:.0f} s; its numbers beside it)")
    return 1 if failed else 0


def _apart(methods: Mapping[str, object], kept: pd.DataFrame) -> dict[str, object]:
    """Tell a stranger's methods from those kept that have the same name."""
    taken = {*kept["method"], PLACE}
    return {f"{name} (own)" if name in taken else name: method for name, method in methods.items()}


def _table() -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of other methods that are kept, and what is to be said where they are not to be had."""
    try:
        if KEPT in registry().index:
            return read_rows(fetch(KEPT)), []
    except DownloadError as error:
        return pd.DataFrame(columns=list(COLUMNS)), [str(error).replace("\n", " ")]
    return pd.DataFrame(columns=list(COLUMNS)), []


def _beside(kept: pd.DataFrame, asked: list[Task]) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows kept of these tasks, and what is to be said of them; position alone, made here, if none are."""
    place = score(Baseline(PLACE), asked)
    kept = kept[kept["task"].isin({each.name for each in asked})]
    lacks = sorted({each.name for each in asked} - set(kept["task"]))
    notes = []
    if lacks:
        notes.append(f"no other methods are kept for {', '.join(lacks)}: only position alone stands beside yours")
    mine = place[~place["task"].isin(lacks)]
    if len(mine) and PLACE in set(kept["method"]):
        try:
            same = reproduced(kept, mine)["within"].all()
        except ValueError:
            same = False
        if not same:
            notes.append(
                "position alone scores otherwise here than in the table that is kept, which another version made: "
                "compare your method with it, not with the others"
            )
    return pd.concat([kept, place[place["task"].isin(lacks)]], ignore_index=True), notes


def _all(
    methods: dict[str, object], asked: list[Task], done: Kept, path: Path, pressed: list[int]
) -> tuple[pd.DataFrame, list[str]]:
    """Score each method on each task, and keep what is done; return the rows, and what failed."""
    tables, failed = [], []
    with tqdm(total=len(methods) * len(asked), unit="task") as bar:
        for (name, method), task in product(methods.items(), asked):
            bar.set_description(f"{name}: {task.name}, {task.split}")
            rows = done.rows
            here = rows[(rows["method"] == name) & (rows["task"] == task.name) & (rows["split"] == task.split)]
            if here.empty:
                try:
                    with listening(), chdir(Path.cwd()):
                        _seed()
                        here = score(method, [task], name=name)
                except (Exception, SystemExit) as error:
                    failed.append(f"{name} failed on {task.name}, {task.split}: {told(error, path)}")
                if pressed:  # and the method went on all the same
                    raise KeyboardInterrupt
                if len(here):
                    done.add(here)
            bar.update()
            tables += [here] * bool(len(here))
    return pd.concat(tables, ignore_index=True) if tables else done.rows.head(0), failed


def _seed() -> None:
    """Begin every task with the same random numbers, for methods that draw from the common streams."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the stream that methods share
    torch.manual_seed(0)


@contextmanager
def _ended_by_two() -> Iterator[list[int]]:
    """Have a second Ctrl-C end the process: a method may catch the first. Yield what was pressed."""
    pressed = []

    def hear(number: int, _: object) -> None:
        if pressed:
            os.write(2, b"\ninterrupted; the same command goes on from here\n")
            os._exit(130)
        pressed.append(number)
        raise KeyboardInterrupt

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield pressed
        return
    signal.signal(signal.SIGINT, hear)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _write(out: Path, everything: pd.DataFrame, found: list[show.Board], first: list[str], notes: list[str]) -> None:
    gaps = [paired(everything, name, ("task", "kind", "split")) for name in first if name in set(everything["method"])]
    texts = {
        "table.csv": table(everything).round(4).to_csv(index=False),
        "differences.csv": (pd.concat(gaps).round(4) if gaps else pd.DataFrame()).to_csv(index=False),
        "table.md": show.as_markdown(found),
        "table.html": show.as_page(found, first, notes),
    }
    for name, text in texts.items():
        with whole(out / name) as part:
            part.write_text(text, encoding="utf-8")


def _writable(folder: Path) -> None:
    """Refuse a folder that cannot be written to: before hours, not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ValueError(
            f"{folder}: no table can be written there ({error.strerror}). Name another folder with --out."
        ) from None
