"""Every test starts with an empty data cache; real data come from the mirror beside the checkout or not at all."""

import os
import threading
import time
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from xsg.atlas import Graph, load_parcellation, mesh
from xsg.data import network

BESIDE = Path(__file__).resolve().parents[2] / "shared/data"
MIRROR = os.environ.get("XSG_MIRROR", str(BESIDE) if BESIDE.is_dir() else "")  # empty: none, as in xsg.data.fetch


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XSG_DATA", str(tmp_path / "xsg-data"))
    monkeypatch.setenv("XSG_MIRROR", MIRROR)


@pytest.fixture
def real_data() -> Path:
    """Folder with the real data; the test is skipped where there is none."""
    if not MIRROR or not Path(MIRROR).is_dir():
        pytest.skip("real data are not here: no ../shared/data beside the checkout and no XSG_MIRROR")
    return Path(MIRROR)


N, P = 14, 9


@pytest.fixture(scope="session")
def toy():
    """Fourteen regions on a ring, nine genes; thinning is a smooth function of the first."""
    rng = np.random.default_rng(0)
    regions = [f"{side}_r{i}" for side in "LR" for i in range(N // 2)]
    weights = np.zeros((N, N))
    for i in range(N):
        weights[i, (i + 1) % N] = weights[(i + 1) % N, i] = 1.0
    expression = pd.DataFrame(rng.normal(size=(N, P)), regions, [f"g{i}" for i in range(P)])
    thinning = pd.Series(3 + 0.5 * np.tanh(expression["g0"]), regions, name="thinning")
    return expression, thinning, Graph(pd.DataFrame(weights, regions, regions), "ring")


@pytest.fixture(scope="session")
def smooth_maps():
    """Make n bilateral maps of the 68 regions, a row each, as smooth in one place of the sphere as in any other.

    A rotated one is then as likely as it is: what the spin test supposes.
    """
    dk = load_parcellation("dk")
    vertices = mesh("sphere").parts["left"].coordinates
    points = np.stack([vertices[np.flatnonzero(dk.labels == region)].mean(axis=0) for region in range(34)])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    root = np.linalg.cholesky(np.exp(-np.arccos(np.clip(points @ points.T, -1, 1)) / 0.6))

    def draw(n: int, seed: int) -> pd.DataFrame:
        left = np.random.default_rng(seed).standard_normal((n, 34)) @ root.T
        return pd.DataFrame(np.hstack([left, left]), columns=dk.regions)

    return draw


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
