"""Faults on the way: servers that stall, drip, lie, redirect and never end; secrets; sources that change."""

import hashlib
import json
import logging
import os
import threading
import time
from http.server import BaseHTTPRequestHandler

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from xsg.data import download as files
from xsg.data import fetch as module
from xsg.data import kept, network
from xsg.data.download import download, locked
from xsg.data.fetch import fetch
from xsg.data.network import DownloadError, is_safe, read, shown, time_limit

BODY = np.random.default_rng(3).bytes(200_003)
SHA = hashlib.sha256(BODY).hexdigest()

pytestmark = pytest.mark.usefixtures("cache")


class Handler(BaseHTTPRequestHandler):
    """Answer by the path; ``server.first`` are statuses to give before that."""

    def do_GET(self):
        server = self.server
        server.log.append((self.path, dict(self.headers)))
        if server.first:
            status, headers = server.first.pop(0)
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        kind = self.path.split("?")[0].rsplit("/", 1)[1]
        return getattr(self, kind, self.whole)()

    def whole(self, body=None, kind="application/octet-stream"):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body or BODY)))
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body or BODY)

    def page(self):
        self.whole(b"hotel wifi: please log in", "text/html; charset=utf-8")

    def page_untyped(self):
        self.whole(b"\n<!DOCTYPE html><title>Sign in</title>")

    def drip(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        for byte in BODY[: self.server.most]:
            self.wfile.write(bytes([byte]))
            time.sleep(0.05)

    def drip_head(self):
        for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + bytes(range(65, 90)) * 9:
            self.wfile.write(bytes([byte]))
            time.sleep(0.05)

    def silent(self):
        self.server.release.wait(5)

    def endless(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(2000):
            self.wfile.write(b"10000\r\n" + bytes(65536) + b"\r\n")

    def unsized(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(BODY)

    def huge(self):
        self.send_response(200)
        self.send_header("Content-Length", str(10**13))
        self.end_headers()

    def away(self):
        self.send_response(302)
        self.send_header("Location", self.server.base.replace("127.0.0.1", "localhost") + "/whole?token=t0ken")
        self.end_headers()

    def near(self):
        self.send_response(302)
        self.send_header("Location", self.server.base + "/whole")
        self.end_headers()

    def round(self):
        self.send_response(302)
        self.send_header("Location", self.server.base + "/round")
        self.end_headers()

    def handle(self):
        try:
            super().handle()
        except OSError:  # the client has hung up
            self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def web(serve):
    with serve(Handler) as server:
        server.first, server.log, server.most, server.release = [], [], 60, threading.Event()
        yield server
        server.release.set()


@pytest.fixture
def target(cache):
    (cache / "x").mkdir(parents=True)
    return cache / "x" / "file.bin"


def get(url, target, **choices):
    download(url, target, progress=False, **choices)
    return target.read_bytes()


def registered(monkeypatch, url):
    row = {"url": url, "sha256": SHA, "bytes": len(BODY), "licence": "", "citation": "", "what": ""}
    table = pd.DataFrame([row], index=pd.Index(["x/file.bin"], name="name"))
    monkeypatch.setattr(module, "_registry", lambda: table)


def told(error: BaseException | None) -> str:
    """Everything an error and its chain say."""
    text = ""
    while error is not None:
        text += f"{error!s} {error!r} {error.args} "
        error = error.__cause__ or error.__context__
    return text


# --- https only -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "ftp", "file", "s3", "HTTP"])
def test_a_mirror_that_is_not_https_is_refused_with_the_way_out(monkeypatch, scheme):
    registered(monkeypatch, "https://example.invalid/x")
    monkeypatch.setenv("XSG_MIRROR", f"{scheme}://me:s3cret@example.org/data?sig=t0ken")
    with pytest.raises(ValueError, match=rf"XSG_MIRROR is {scheme}://example.org/data; expected .*https://") as error:
        fetch("x/file.bin")
    assert "s3cret" not in told(error.value)
    assert "t0ken" not in told(error.value)


def test_what_is_in_the_cache_needs_no_mirror(monkeypatch, cache):
    registered(monkeypatch, "https://example.invalid/x")
    monkeypatch.setenv("XSG_MIRROR", "http://example.org")
    (cache / "x").mkdir(parents=True)
    (cache / "x" / "file.bin").write_bytes(BODY)
    assert fetch("x/file.bin") == cache / "x" / "file.bin"


def test_a_source_that_is_not_https_is_not_asked(web, target, monkeypatch):
    monkeypatch.setattr(network, "_PLAIN", frozenset())
    with pytest.raises(DownloadError, match="is not https"):
        get(f"{web.base}/whole", target)
    with pytest.raises(DownloadError, match="is not https"):
        read(f"{web.base}/whole", 10**6, bytes)
    assert web.log == []
    assert is_safe("https://example.org/x")
    assert not is_safe("https://[broken")


def test_redirects_lead_to_https_only(web, target):
    assert get(f"{web.base}/near", target) == BODY
    target.unlink()
    with pytest.raises(DownloadError, match=r"http://localhost:\d+/whole is not https") as error:
        get(f"{web.base}/away", target)
    assert "t0ken" not in told(error.value)
    with pytest.raises(DownloadError, match="redirects without end"):
        get(f"{web.base}/round", target)


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["404", "503", "refused", "no such host", "cut", "certificate", "wrong bytes", "slow"]
)
def test_no_message_log_or_chain_holds_a_secret(web, monkeypatch, cache, caplog, capfd, fault):
    caplog.set_level(logging.DEBUG)
    registered(monkeypatch, "https://127.0.0.1:9/source?key=t0ken")
    host = web.base.removeprefix("http://")
    if fault in ("404", "503"):
        web.first = [(int(fault), {})] * 3
    elif fault == "refused":
        host = "127.0.0.1:9"
    elif fault == "no such host":
        host = "nowhere.invalid"
        monkeypatch.setattr(network, "_PLAIN", frozenset({"nowhere.invalid", "127.0.0.1"}))
    if fault == "slow":
        monkeypatch.setenv("XSG_TIMEOUT", "0.3")
    path = {"cut": "drip", "slow": "silent", "wrong bytes": "page"}.get(fault, "whole")
    scheme = "https" if fault == "certificate" else "http"
    monkeypatch.setattr(module, "quote", lambda name: path)
    monkeypatch.setenv("XSG_MIRROR", f"{scheme}://me:s3cret@{host}/data?sig=t0ken&x=1")
    with pytest.raises(DownloadError) as error:
        fetch("x/file.bin", progress=False)
    logged = "\n".join(record.getMessage() for record in caplog.records)
    printed = capfd.readouterr()
    for text in (told(error.value), logged, printed.out, printed.err):
        assert "s3cret" not in text
        assert "t0ken" not in text
    assert f"{scheme}://{host}/data/{path}: " in str(error.value)
    if web.log:
        assert web.log[0][0] == f"/data/{path}?sig=t0ken&x=1", "what follows the ? is not sent"
        assert web.log[0][1]["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://u:p@h.org/a?b#c", "https://h.org/a"),
        ("https://u:p/q@h.org/a", "https://h.org/a"),
        ("https://u:p?q@h.org/a", "https://h.org/a"),
        ("https://u:p#1@h.org/a", "https://h.org/a"),
        ("https://u:p@q@h.org/a", "https://h.org/a"),
        ("https://token@h.org:81/a", "https://h.org:81/a"),
        ("https://h.org/data@v2/a", "https://h.org/data@v2/a"),
        ("https://h.org:8443?x=1", "https://h.org:8443"),
    ],
)
def test_an_address_is_shown_without_secrets(url, expected):
    assert shown(url) == expected


# --- patience ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_passing_troubles_are_tried_again(web, target, status):
    web.first = [(status, {}), (status, {"Retry-After": "0"})]
    assert get(f"{web.base}/whole", target) == BODY
    assert len(web.log) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_lasting_troubles_are_not(web, target, status):
    web.first = [(status, {})]
    with pytest.raises(DownloadError, match=rf"status {status} .*after 1 of 3"):
        get(f"{web.base}/whole", target)
    assert len(web.log) == 1


def test_retry_after_is_heeded(web, target, monkeypatch):
    waited = []
    monkeypatch.setattr(time, "sleep", waited.append)
    late = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 50))
    web.first = [(503, {"Retry-After": "7"}), (429, {"Retry-After": late})]
    assert get(f"{web.base}/whole", target) == BODY
    assert waited[0] == 7
    assert 40 < waited[1] <= 50
    web.first = [(503, {"Retry-After": "3600"})]
    with pytest.raises(DownloadError, match="asks to wait 3600 s"):
        get(f"{web.base}/whole", target)
    web.first = [(503, {"Retry-After": "soon"})] * 3
    with pytest.raises(DownloadError, match="after 3 of 3"):
        get(f"{web.base}/whole", target)


@pytest.mark.parametrize("path", ["drip", "drip_head", "silent"])
def test_time_is_bounded_and_the_lock_let_go(web, target, monkeypatch, path):
    monkeypatch.setenv("XSG_TIMEOUT", "0.5")
    began = time.monotonic()
    with (
        pytest.raises(DownloadError, match=r"not finished within 0\.5 s; set XSG_TIMEOUT to more seconds"),
        locked(target),
    ):
        get(f"{web.base}/{path}", target)
    assert time.monotonic() - began < 3
    with FileLock(f"{target}.lock", timeout=0):
        pass


@pytest.mark.parametrize("path", ["drip", "silent"])
def test_a_stall_is_seen_long_before_the_time_is_up(web, target, monkeypatch, path):
    monkeypatch.setattr(network, "_STALL", 0.3)
    with pytest.raises(DownloadError, match=r"no answer in time.*after 3 of 3"):
        get(f"{web.base}/{path}", target)


def test_the_limit_grows_with_the_size_and_can_be_raised(monkeypatch):
    assert time_limit(None) == 300
    assert time_limit(1_384_542_940) > 4 * 3600 * 0.95
    monkeypatch.setenv("XSG_TIMEOUT", "7200")
    assert time_limit(5) == 7200
    for wrong in ("soon", "0", "-1", "inf", "nan"):
        monkeypatch.setenv("XSG_TIMEOUT", wrong)
        with pytest.raises(ValueError, match=f"XSG_TIMEOUT is '{wrong}'; expected the seconds"):
            time_limit(5)


def test_who_waits_for_the_lock_is_told(target, monkeypatch, capfd):
    monkeypatch.setenv("XSG_TIMEOUT", "0.2")
    with (
        FileLock(f"{target}.lock", thread_local=False),
        pytest.raises(DownloadError, match=r"another process has held .*file\.bin\.lock"),
        locked(target),
    ):
        pass
    assert "file.bin: another process fetches it; waiting, 0 s at most" in capfd.readouterr().err


# --- sizes and pages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("endless", "more than 1000000 bytes came"),
        ("huge", "10000000000000 are announced, 1000000 expected at most"),
        ("unsized", "does not say how long"),
        ("page", "a page of HTML came instead of the file"),
        ("page_untyped", "a page of HTML came instead of the file"),
    ],
)
def test_of_unknown_files_size_and_kind_are_bounded(web, target, path, message):
    with pytest.raises(DownloadError, match=message):
        get(f"{web.base}/{path}", target, most=10**6)
    assert [p.name for p in target.parent.iterdir()] == []


def test_an_answer_without_end_is_cut(web, monkeypatch):
    with pytest.raises(DownloadError, match="more than the 100000 bytes that such an answer can have"):
        read(f"{web.base}/endless", 10**5, bytes)
    registered(monkeypatch, f"{web.base}/endless")
    with pytest.raises(DownloadError, match="wrong bytes"):
        fetch("x/file.bin", progress=False)


def test_full_disk_is_seen_for_unknown_files_too(web, target, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: type("usage", (), {"free": 10}))
    with pytest.raises(OSError, match="disk full: 200003 bytes needed"):
        get(f"{web.base}/whole", target)


# --- sources that change ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forgetful", [False, True], ids=["If-Range heeded", "If-Range ignored"])
@pytest.mark.parametrize("hashed", [False, True])
def test_a_source_that_changes_while_resuming_is_not_mixed(server, target, monkeypatch, forgetful, hashed):
    new = np.random.default_rng(4).bytes(len(BODY))
    server.body, server.tag, server.cut_after, server.forgetful = BODY, '"1"', 90_000, forgetful
    choices = {"sha256": hashlib.sha256(new).hexdigest(), "size": len(new)} if hashed else {}
    monkeypatch.setattr(network, "_TRIES", 1)
    with pytest.raises(DownloadError, match="cut off after 90000 of 200003 bytes, call again"):
        get(f"{server.base}/x", target, **choices)
    server.body, server.tag, server.cut_after = new, '"2"', None
    assert get(f"{server.base}/x", target, **choices) == new
    assert server.log[1][1] == "bytes=90000-"
    assert sorted(p.name for p in target.parent.iterdir()) == ["file.bin"]


def test_without_a_tag_or_digest_nothing_is_gone_on_from(server, target, monkeypatch):
    monkeypatch.setattr(network, "_TRIES", 1)
    server.body, server.cut_after = BODY, 90_000
    with pytest.raises(DownloadError, match="cut off"):
        get(f"{server.base}/x", target)
    server.body, server.cut_after = BODY[::-1], None
    assert get(f"{server.base}/x", target) == BODY[::-1]
    assert server.log[1][1] is None


def test_a_cut_is_gone_on_from_within_one_call(server, target):
    server.body, server.tag, server.cut_after = BODY, '"1"', 90_000
    assert get(f"{server.base}/x", target) == BODY
    assert [wanted for _, wanted in server.log] == [None, "bytes=90000-", "bytes=180000-"]


def test_a_damaged_part_is_begun_anew(server, target):
    files.part_of(target).write_bytes(bytes(1000))
    server.body = BODY
    assert get(f"{server.base}/x", target, sha256=SHA, size=len(BODY)) == BODY
    assert len(server.log) == 2


def test_what_was_first_seen_must_come_again(server, target):
    server.body = BODY
    assert get(f"{server.base}/x", target) == BODY
    target.unlink()
    assert get(f"{server.base}/x", target) == BODY
    target.unlink()
    server.body = BODY[::-1]
    with pytest.raises(DownloadError, match=rf"not what was first seen \(sha256 {SHA}, now .*delete .*json"):
        get(f"{server.base}/x", target)
    kept.note_of(target).unlink()
    assert get(f"{server.base}/x", target) == BODY[::-1]


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_a_kept_file_is_compared_with_what_was_first_seen(target, monkeypatch):
    target.write_bytes(BODY)
    assert kept.first_seen(target, "Get it again.") == SHA
    os.utime(target)
    assert kept.first_seen(target, "Get it again.") == SHA
    status = target.stat()
    changed = BODY[:-1] + b"?"
    target.write_bytes(changed)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))  # as if it had not been touched
    for small in (kept._SMALL, 0):
        monkeypatch.setattr(kept, "_SMALL", small)
        with pytest.raises(ValueError, match=r"file\.bin is not what it was when first seen on .*Get it again\."):
            kept.first_seen(target, "Get it again.")
        assert not kept.is_as_noted(target)
    assert kept.first_seen(target) == hashlib.sha256(changed).hexdigest(), "a user may change the user's own file"


def test_a_large_file_is_hashed_once(target, monkeypatch):
    monkeypatch.setattr(kept, "_SMALL", 0)
    target.write_bytes(BODY)
    read_ = []
    monkeypatch.setattr(kept, "digest", lambda path: read_.append(path) or SHA)
    for _ in range(3):
        kept.first_seen(target, "x")
    assert read_ == [target]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"sha256": 1}', "\0"])
def test_a_damaged_note_counts_as_none(target, content):
    target.write_bytes(BODY)
    kept.first_seen(target, "x")
    kept.note_of(target).write_text(content)
    assert not kept.is_as_noted(target)
    assert kept.first_seen(target, "x") == SHA
    assert json.loads(kept.note_of(target).read_text())["sha256"] == SHA


def test_a_moved_cache_keeps_its_notes(target, cache, monkeypatch, tmp_path):
    target.write_bytes(BODY)
    kept.first_seen(target, "x")
    cache.rename(tmp_path / "moved")
    monkeypatch.setenv("XSG_DATA", str(tmp_path / "moved"))
    (tmp_path / "moved/x/file.bin").write_bytes(b"other")
    with pytest.raises(ValueError, match="is not what it was"):
        kept.first_seen(tmp_path / "moved/x/file.bin", "x")
