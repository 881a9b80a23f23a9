"""Asking an address: https only, where it is redirected too; within a time; again, with patience, where that can help.

No message, log or chain of errors holds a user, a password, or what follows the "?" of an address.
"""

import contextlib
import logging
import os
import queue
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

_PLAIN: frozenset[str] = frozenset()  # hosts spoken to without TLS: none. The tests' servers on loopback come in here
_CONNECT = 5  # seconds to connect: without network the answer comes quickly
_STALL, _SLOWEST = 60, 1024  # no more than so many bytes a second for so many seconds is a stall
_PATIENCE, _SPEED = 300, 100_000  # a file may take 300 s and 1 s for each 100 kB
_TRIES, _WAIT = 3, 2.0  # attempts without progress; seconds before the second, doubled before the third
_SOON = 0.3  # seconds, where no connection came about: most often there is no network, and waiting would not help
_LONGEST_WAIT = 120  # seconds that a server may ask to wait before the next attempt
_PROGRESS = 2**20  # bytes; an attempt that brought so many is not counted
_BLOCK = 64 * 1024
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # "not now"; other errors say "never"


class DownloadError(OSError):
    """A data file could not be had; the message says which, from where, why, and the ways out."""


class Trouble(Exception):
    """One attempt failed; ``lasting``: another will too; ``wait``: seconds that the server asks for."""

    def __init__(self, why: str, lasting: bool = False, wait: float | None = None):
        super().__init__(why)
        self.lasting, self.wait = lasting, wait


def read(url: str, most: int, parse: Callable[[bytes], object], params: dict | None = None) -> object:
    """Ask for something small and return what ``parse`` makes of it; its ValueError means: ask again.

    Raises
    ------
    DownloadError
        As in `download`.
    """
    clock = Clock(most)

    def once() -> object:
        found = b""
        with contextlib.closing(stream(url, {}, clock, params)) as body:
            refuse_status(next(body))
            for block in body:
                found += block
                if len(found) > most:
                    raise Trouble(f"more than the {most} bytes that such an answer can have", lasting=True)
        try:
            return parse(found)
        except ValueError as error:
            why = str(error)
        raise Trouble(why)

    return persist(once, clock)


def persist(once: Callable[[], object], clock: "Clock", done: Callable[[], int] = lambda: 0) -> object:
    """Call ``once`` until it succeeds, asking again will not help, or time is up."""
    count = 0
    while True:
        before = done()
        try:
            return once()
        except Trouble as trouble:
            why = trouble
            why.__traceback__ = None
        # Outside of the handler: what a library said, with the whole address in it, is no part of the chain.
        count = 1 if done() - before >= _PROGRESS else count + 1
        wait = why.wait if why.wait is not None else _WAIT * 2 ** (count - 1)
        if why.wait is not None and why.wait > _LONGEST_WAIT:
            raise DownloadError(f"{why}; the server asks to wait {why.wait:.0f} s")
        if why.lasting or count >= _TRIES or wait > clock.left():
            raise DownloadError(f"{why} (after {count} of {_TRIES} attempts)")
        time.sleep(wait)


def time_limit(size: int | None) -> float:
    """Return the seconds that a file of so many bytes may take: ``XSG_TIMEOUT``, or 300 and 1 for each 100 kB.

    Examples
    --------
    >>> time_limit(1_000_000)
    310.0
    """
    wished = os.environ.get("XSG_TIMEOUT", "").strip()
    if not wished:
        return _PATIENCE + (size or 0) / _SPEED
    try:
        seconds = float(wished)
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        raise ValueError(f"XSG_TIMEOUT is {wished!r}; expected the seconds that one download may take, such as 3600.")
    return seconds


def shown(url: str) -> str:
    """Return an address as messages show it: without user, password, and what follows the "?".

    Examples
    --------
    >>> shown("https://me:secret@example.org:8443/data/x.csv?token=abc")
    'https://example.org:8443/data/x.csv'
    """
    scheme, _, rest = url.partition("://")
    # A password may hold "/", "?" or "#"; it ends where the last "@" stands.
    if "@" in re.split("[/?#]", rest)[0] or re.match(r"[^/?#]*:(?!\d+(/|$))", rest):
        rest = rest.rpartition("@")[2]
    return f"{scheme}://{re.split('[?#]', rest)[0]}"


def is_address(place: str) -> bool:
    """Say whether a place is an address, not a folder."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", place) is not None


def is_safe(url: str) -> bool:
    """Say whether an address may be asked: https only."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _PLAIN)


class Clock:
    """How long a download may still take."""

    def __init__(self, size: int | None):
        self.began, self.limit = time.monotonic(), time_limit(size)

    def allow(self, size: int) -> None:
        """Set the limit once the size is known."""
        self.limit = time_limit(size)

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.began + self.limit - time.monotonic()


class _Session(requests.Session):
    """A session that follows no redirect away from https."""

    def get_adapter(self, url: str) -> object:
        if not is_safe(url):
            raise Trouble(f"{shown(url)} is not https, and nothing is taken from there", lasting=True)
        return super().get_adapter(url)


class _NoQuery(logging.Filter):
    """Keep what follows the "?" out of the log that urllib3 writes for debugging."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(a.partition("?")[0] if isinstance(a, str) else a for a in record.args)
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_NoQuery())


def stream(url: str, headers: dict, clock: Clock, params: dict | None = None) -> Iterator:
    """Give the response, then its body in blocks; raise `Trouble` when it fails, stalls or takes too long.

    The network is read in a thread of its own: no timeout of a library bounds a name that is not resolved, or a server
    that sends one byte now and then.
    """
    box: queue.Queue = queue.Queue(64)
    gone = threading.Event()
    threading.Thread(target=_feed, args=(url, headers, params, box, gone), daemon=True).start()
    try:
        since, came = time.monotonic(), 0
        while True:
            wait = min(since + _STALL - time.monotonic(), clock.left())
            try:
                item = box.get(timeout=max(wait, 0.001))
            except queue.Empty:
                item = b""
            if isinstance(item, Trouble):
                raise item
            if item is None:
                return
            if clock.left() <= 0:
                raise Trouble(f"not finished within {clock.limit:g} s; set XSG_TIMEOUT to more seconds", True)
            if isinstance(item, bytes):
                came += len(item)
            if time.monotonic() - since >= _STALL:
                if came < _SLOWEST * _STALL:
                    raise Trouble(f"no answer in time: {came} bytes in {_STALL} s")
                since, came = time.monotonic(), 0
            if item != b"":
                yield item
    finally:
        gone.set()


def _feed(url: str, headers: dict, params: dict | None, box: queue.Queue, gone: threading.Event) -> None:
    """Read an address into a queue: the response, blocks, and None at the end or what went wrong."""

    def put(item: object) -> None:
        while not gone.is_set():
            with contextlib.suppress(queue.Full):
                return box.put(item, timeout=0.5)

    connected = False
    try:
        # Ranges count the bytes of the file itself, so the server must not compress them on the way.
        headers = {"Accept-Encoding": "identity"} | headers
        with (
            _Session() as session,
            session.get(url, params=params, headers=headers, stream=True, timeout=(_CONNECT, _STALL)) as response,
        ):
            connected = True
            put(response)
            take = getattr(response.raw, "read1", response.raw.read)
            while not gone.is_set() and (block := take(_BLOCK, decode_content=True)):
                put(block)
        put(None)
    except Exception as error:  # whatever a library may raise: its message would show the address
        soon = _SOON if isinstance(error, requests.ConnectionError) and not connected else None
        put(error if isinstance(error, Trouble) else Trouble(_reason(error), isinstance(error, ValueError), soon))


def _reason(error: BaseException) -> str:
    """Say what went wrong in words that hold no address."""
    if isinstance(error, requests.TooManyRedirects):
        return "redirects without end"
    if isinstance(error, ValueError):  # requests' InvalidURL and the like
        return "the address cannot be read"
    causes, each = [], error
    while isinstance(each, BaseException) and each not in causes:
        causes.append(each)
        inner = getattr(each, "reason", None) or next(iter(each.args), None)
        each = inner if isinstance(inner, BaseException) else each.__cause__ or each.__context__
    for each in causes:
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {each.verify_message}"
    for each in reversed(causes):
        if isinstance(each, OSError) and isinstance(each.strerror, str):
            return each.strerror
    if any("Timeout" in type(each).__name__ or isinstance(each, TimeoutError) for each in causes):
        return "no answer in time"
    return f"the connection was lost ({type(causes[-1]).__name__})"


def refuse_status(response: requests.Response) -> None:
    """Raise `Trouble` for an answer that holds nothing; it is lasting where asking again will not help."""
    status = response.status_code
    if status != 200:
        raise Trouble(f"status {status} {response.reason or ''}".rstrip(), status not in _PASSING, _wait(response))


def _wait(response: requests.Response) -> float | None:
    """Seconds that the server asks to wait: a number or a date."""
    try:
        return Retry().parse_retry_after(response.headers.get("Retry-After", ""))
    except InvalidHeader:
        return None
