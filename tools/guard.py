"""What guards a build: one at a time in a checkout, and what it starts keeps its limits and never outlives it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

SECONDS, MEMORY = 600, 3000  # ten times and twice what a chapter may take (CONTRIBUTING.md); MB, of all its processes
BEAT = 0.2  # seconds between looks
STOP = threading.Event()  # set when the build itself is to end: every thread ends what it started


@dataclass(frozen=True)
class Ended:
    """How a process ended; ``cut`` says in words why it was ended from here, if it was."""

    status: int
    stdout: str
    stderr: str
    cut: str = ""


def limit(name: str, default: int) -> int:
    """Return a limit: the default, or what the environment variable says."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or not int(text):
        raise ValueError(f"{name} is {text!r}; expected a whole number above 0, e.g. {default}.")
    return int(text)


def run(command: list[str], *, seconds: float = float("inf"), memory: float = float("inf"), **options) -> Ended:
    """Run a command; end it, with all that it started, when it passes its limits or the build stops.

    The kernel of a chapter has a session of its own, so no signal to a group reaches it: children are found one by one,
    and remembered, for those of a dead process are nobody's.
    """
    family, peak, started, cut = {}, 0.0, time.monotonic(), ""
    with subprocess.Popen(command, text=True, start_new_session=True, **options) as process:
        try:
            family[process.pid] = psutil.Process(process.pid)
            while True:
                try:
                    out, err = process.communicate(timeout=BEAT)
                    return Ended(process.returncode, out or "", err or "", cut)
                except subprocess.TimeoutExpired:
                    pass
                if STOP.is_set():
                    raise KeyboardInterrupt
                peak = max(peak, used(family))
                if peak > memory:
                    cut = f"it used {peak:.0f} MB, the limit is {memory} MB (set XSG_CHAPTER_MB to another)"
                elif time.monotonic() - started > seconds:
                    cut = f"it ran longer than {seconds} s, the limit (set XSG_CHAPTER_SECONDS to another)"
                if cut or process.poll() is not None:
                    end(family)  # also what holds the pipes of a process that died
        finally:
            end(family)


def gather(family: dict[int, psutil.Process]) -> None:
    """Take in the children of the oldest member that still runs."""
    for process in list(family.values()):
        try:
            family |= {child.pid: child for child in process.children(recursive=True) if child.pid not in family}
        except psutil.NoSuchProcess:
            continue
        return


def used(family: dict[int, psutil.Process]) -> float:
    """Sum up the memory of a family in MB."""
    gather(family)
    total = 0
    for process in family.values():
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 2**20


def end(family: dict[int, psutil.Process]) -> None:
    """Kill every member that still runs; psutil knows a process from a later one of the same number."""
    gather(family)
    for process in family.values():
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def end_with_parent() -> None:
    """End this process and all that it started when the one that started it is gone, however that ended."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(BEAT)
        end({child.pid: child for child in psutil.Process().children(recursive=True)})
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def stoppable() -> Iterator[None]:
    """Let a signal to end this process stop it as Ctrl-C does, so that it ends what it started."""

    def stop(number, frame) -> None:
        raise KeyboardInterrupt

    STOP.clear()
    was = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in was.items():
            signal.signal(number, handler)


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Wait until no other build runs in this checkout; the system frees the lock of a process that is gone."""
    (root / "_build").mkdir(exist_ok=True)
    lock = FileLock(root / "_build/build.lock")
    with stoppable():
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print("Another build runs in this folder; waiting for it to end (Ctrl-C to give up).", file=sys.stderr)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()
