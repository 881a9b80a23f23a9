"""The one way in for files that come over the network.

https only; never more bytes than there should be; a limit on time and on stalling; tried again with patience where that
can help; gone on from only where the source still has the same file; checked before it takes its place; one process at
a time for a file.
"""

import contextlib
import itertools
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from xsg.data import kept
from xsg.data.network import Clock, DownloadError, Trouble, persist, refuse_status, shown, stream, time_limit
from xsg.files import digest

_MOST = 4 * 2**30  # bytes of a file whose size is not known


def download(
    urls: str | Sequence[str],
    target: Path,
    *,
    sha256: str = "",
    size: int | None = None,
    most: int = _MOST,
    content: Callable[[Path], str] | None = None,
    resume: bool = True,
    progress: bool = True,
) -> None:
    """Download a file into its place, checked; what was cut off stays beside it as ``.part`` for the next call.

    Call it within `locked`.

    Parameters
    ----------
    urls
        Addresses that have it, tried in turn; https; may hold ``user:password@``.
    target
        Its place.
    sha256, size
        What the registry says; where there is no sha256, the file must be the one first seen, see `xsg.data.kept`.
    most
        Bytes that are taken where the size is not known.
    content
        Checks a file that came whole and returns the digest to compare with that first seen (of what is in an archive
        that is packed anew each time); a ValueError refuses the file.
    resume
        Whether a part can be gone on from.
    progress
        Show a progress bar.

    Raises
    ------
    DownloadError
        Saying of each address why, without the name of the file; also where the disk is full or cannot be written to.
    """
    causes = []
    for url in [urls] if isinstance(urls, str) else urls:
        clock = Clock(size)
        fill = _Fill(url, target, sha256, size, most, resume, progress, clock, content is None)
        try:
            return _filled(fill, clock, content)
        except OSError as error:
            causes.append(f"{shown(url)}: {error}")
    raise DownloadError("\n  ".join(causes))


def _filled(fill: "_Fill", clock: Clock, content: Callable[[Path], str] | None) -> None:
    """Download from one address."""
    target, sha256, size = fill.target, fill.sha256, fill.size
    part = part_of(target)

    def once() -> None:
        resumed = fill()
        found, why, lasting = digest(part), "", False
        if sha256 and found != sha256:
            with part.open("rb") as file:
                page = _is_page(file.read(500))
            why = f"wrong bytes: expected {size} with sha256 {sha256}, seen {part.stat().st_size} with sha256 {found}"
            why += " (a page of HTML: of a login or an error?)" if page else ""
            lasting = not resumed
        else:
            try:
                held = content(part) if content else found
                first = kept.noted_content(target)
                if not sha256 and first and first != held:
                    why = f"it is not what was first seen (sha256 {first}, now {held}): the source has changed it. "
                    why += f"If that is right, delete {kept.note_of(target)}"
                    lasting = not resumed
            except ValueError as error:
                why, lasting = str(error), fill.resume and not resumed
        if why:
            forget_part(target)
            raise Trouble(why, lasting)
        part.replace(target)
        forget_part(target)
        if not sha256:
            kept.note(target, found, held)

    persist(once, clock, lambda: part.stat().st_size if part.exists() else 0)


@contextlib.contextmanager
def locked(target: Path, size: int | None = None) -> Iterator[None]:
    """Hold the lock of a file; who has to wait for another process is told so, and for which.

    Raises
    ------
    DownloadError
        The other process took longer than a download may.
    """
    lock = FileLock(f"{target}.lock")
    try:
        lock.acquire(timeout=1)
    except Timeout:
        limit = time_limit(size)
        print(f"{target.name}: another process fetches it; waiting, {limit:.0f} s at most.", file=sys.stderr)
        try:
            lock.acquire(timeout=limit)
        except Timeout:
            raise DownloadError(
                f"{target.name}: another process has held {target}.lock for {limit:.0f} s. End it, or wait longer: set "
                "XSG_TIMEOUT to more seconds."
            ) from None
    try:
        yield
    finally:
        lock.release()


def part_of(target: Path) -> Path:
    """Return where what has come of a file is kept."""
    return target.with_name(target.name + ".part")


def forget_part(target: Path) -> None:
    """Remove what has come of a file."""
    for path in (part_of(target), _state_of(part_of(target))):
        path.unlink(missing_ok=True)


def check_space(folder: Path, needed: int) -> None:
    """Refuse what has no room, before the first byte."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(f"disk full: {needed} bytes needed in {folder}, {free} free")


def _state_of(part: Path) -> Path:
    """Where it is kept what a part is a part of: the server's tag or date of the file."""
    return part.with_name(part.name + ".of")


def _tag(response: requests.Response) -> str:
    """Return what tells one version of the file from another; a weak ETag does not."""
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def _length(response: requests.Response) -> int | None:
    said = response.headers.get("Content-Length", "")
    return int(said) if said.isdigit() else None


def _is_page(beginning: bytes, kind: str = "") -> bool:
    return "text/html" in kind.lower() or beginning.lstrip(b"\xef\xbb\xbf \t\r\n")[:14].lower().startswith(
        (b"<!doctype html", b"<html")
    )


@dataclass
class _Fill:
    """One attempt at streaming an address into the part of a file, going on from what is there."""

    url: str
    target: Path
    sha256: str
    size: int | None
    most: int
    resume: bool
    progress: bool
    clock: Clock
    needs_length: bool

    def __call__(self) -> bool:
        """Fill the part; tell whether it went on from what was there."""
        part = part_of(self.target)
        state = _state_of(part)
        tag = state.read_text(encoding="utf-8", errors="replace") if state.exists() else ""
        # Without a digest to come or a tag, nothing would show that the source has changed in between.
        have = part.stat().st_size if part.exists() and self.resume and (self.sha256 or tag) else 0
        if self.sha256 and have == self.size:
            return True
        headers = ({"Range": f"bytes={have}-"} if have else {}) | ({"If-Range": tag} if have and tag else {})
        with contextlib.closing(stream(self.url, headers, self.clock)) as body:
            response = next(body)
            status = response.status_code
            same = (
                status == 206
                and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
                and (_tag(response) in ("", tag) if self.sha256 else _tag(response) == tag)
            )
            if not (have and status in (206, 416)) or same:
                if not same:
                    refuse_status(response)
                self._write(body, response, have if same else 0)
                return same
        forget_part(self.target)  # the server cannot go on from here: once more, from the beginning
        return self()

    def _write(self, body: Iterator, response: requests.Response, size: int) -> None:
        part, sent = part_of(self.target), response.headers
        announced = _length(response)
        announced = None if announced is None else announced + size
        total, most = self.size or announced, self.size or min(self.most, announced or self.most)
        if not self.sha256:
            if (announced or 0) > most or (self.size and announced not in (None, self.size)):
                raise Trouble(f"wrong bytes: {announced} are announced, {most} expected at most", lasting=True)
            if total is None and self.needs_length and "Transfer-Encoding" not in sent:
                raise Trouble("the server does not say how long the file is", lasting=True)
        if total:
            self.clock.allow(total)
            check_space(part.parent, total - size)
        first = next(body, b"")
        if not self.sha256 and not size and _is_page(first, sent.get("Content-Type", "")):
            raise Trouble("a page of HTML came instead of the file: of a login or an error?")
        if not size:
            forget_part(self.target)
            if tag := _tag(response):
                _state_of(part).write_text(tag, encoding="utf-8")
        bar = {"total": total, "desc": self.target.name, "unit": "B", "unit_scale": True, "disable": not self.progress}
        why = None
        with part.open("ab" if size else "wb") as file, tqdm(initial=size, **bar) as bar_shown:
            try:
                for block in itertools.chain([first], body):
                    block = block[: most + 1 - size]
                    size += file.write(block)
                    bar_shown.update(len(block))
                    if size > most:  # not the file of the registry; its hash will say so
                        break
            except Trouble as trouble:
                why = trouble
        if size > most and not self.sha256:
            forget_part(self.target)
            raise Trouble(f"more than {most} bytes came", lasting=True)
        # Without either header the end of the body cannot be told from a lost connection.
        ended = self.sha256 and (announced is not None or "Transfer-Encoding" in sent)
        if why is None and size < (total or 0) and not ended:
            why = Trouble("the server closed the connection")
        if why is not None:
            again = f", call again to go on from {part}" if self.resume else ""
            raise Trouble(f"cut off after {size} of {total or 'unknown'} bytes{again} ({why})", why.lasting)
