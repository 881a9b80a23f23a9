"""A server on loopback that cuts, lies, resumes and refuses, for whatever is downloaded."""

import threading
import time
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

import pytest

from xsg.data import network


class Handler(BaseHTTPRequestHandler):
    """Serve ``server.body``, or of ``server.bodies`` what is asked for, as ``server`` says."""

    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.log.append((self.path, wanted))
        server.compression.append(self.headers.get("Accept-Encoding"))
        content = server.bodies.get(self.path) if server.bodies else server.body
        if server.status != 200 or content is None:
            self.send_error(server.status if content is not None else 404)
            return
        start = 0
        fresh = self.headers.get("If-Range") not in (None, server.tag) and not server.forgetful
        if wanted and server.ranges == "honoured" and not fresh:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        elif wanted and server.ranges == "other" and not fresh:  # a server that answers with a range nobody asked for
            self.send_response(206)
            self.send_header("Content-Range", f"bytes 5-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        body = content[start:]
        if server.tag:
            self.send_header("ETag", server.tag)
        if server.says_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        time.sleep(server.delay)
        self.wfile.write(body[: server.cut_after])

    def log_message(self, *_):
        pass


@contextmanager
def running(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    # Nothing is taken over plain http: these hosts are the tests' own exception. And no test waits for long.
    with mock.patch.multiple(network, _PLAIN=frozenset({"127.0.0.1"}), _WAIT=0.01):
        yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def serve():
    """Run a server on 127.0.0.1 with a handler of one's own: ``with serve(Handler) as server``."""
    return running


@pytest.fixture
def server():
    """A server on 127.0.0.1 whose behaviour a test sets by attribute."""
    with running(Handler) as server:
        server.body, server.bodies, server.status, server.ranges, server.cut_after = b"", {}, 200, "honoured", None
        server.says_length, server.delay, server.log, server.compression = True, 0, [], []
        server.tag, server.forgetful = None, False  # the file's version; a server that does not heed If-Range
        yield server


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, no mirror, no proxy between the test and its server."""
    monkeypatch.setenv("XSG_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("XSG_MIRROR", "")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"
