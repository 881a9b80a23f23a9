"""The weekly checks, against a server on this machine that does what servers do."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import weekly

REGISTRY = "name,url,sha256,bytes,licence,citation,what\n"


class Server(BaseHTTPRequestHandler):
    """Answers by path; with issues as GitHub keeps them."""

    def answer(self):
        asked, issues = self.server.asked, self.server.issues
        length = int(self.headers.get("Content-Length") or 0)
        asked.append((self.command, self.path, json.loads(self.rfile.read(length)) if length else None))
        if self.path.startswith("/repos/"):
            return self.api(asked[-1][2], issues)
        if self.path == "/slow":
            self.server.let_go.wait(5)
        status = {"/gone": 404, "/moved": 301, "/shy": 403, "/down": 503, "/round": 302, "/nohead": 200}.get(
            self.path, 200
        )
        if self.path == "/nohead" and self.command == "HEAD":
            status = 405
        if self.path == "/flaky" and sum(path == "/flaky" for _, path, _ in asked) <= 2:
            status = 503
        self.send_response(status)
        if status in (301, 302):
            self.send_header("Location", {"/moved": "/fine", "/round": "/round"}[self.path])
        size = int(self.path.rpartition("-")[2]) if self.path.startswith("/file-") else 0
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def api(self, given, issues):
        assert self.headers["Authorization"] == "Bearer secret"
        if self.command == "GET":
            number = 2 if "page=2" in self.path else 1
            half = [issue for issue in issues if issue["state"] == "open"]
            body = half[:1] if number == 1 else half[1:]
        elif self.command == "POST":
            issues.append({"number": len(issues) + 1, "state": "open", **given})
            body = issues[-1]
        else:
            body = issues[int(self.path.rpartition("/")[2]) - 1]
            body.update(given)
        text = json.dumps(body).encode()
        self.send_response(200)
        if self.command == "GET" and number == 1:
            self.send_header("Link", f'<{self.server.address}{self.path}&page=2>; rel="next"')
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_HEAD = do_GET = do_POST = do_PATCH = answer

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.address = f"http://127.0.0.1:{server.server_port}"
    server.asked, server.issues, server.let_go = [], [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setattr(weekly, "PAUSE", 0.01)
    monkeypatch.setattr(weekly, "PATIENCE", (1, 0.3))
    yield server
    server.let_go.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def book(tmp_path):
    """A book of two chapters, as far as the checks read it."""
    root = weekly.ROOT
    (tmp_path / "_config.yml").write_text((root / "_config.yml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "_toc.yml").write_text("root: book/index\nchapters: [{file: chapters/01_a}, {file: chapters/02_b}]\n")
    (tmp_path / "chapters").mkdir()
    for stem, data in (("01_a", "[]"), ("02_b", "[x/maps.csv]")):
        (tmp_path / f"chapters/{stem}.py").write_text(
            "# ---\n# jupyter:\n#   jupytext:\n#     notebook_metadata_filter: xsg\n"
            f"#   xsg: {{data: {data}}}\n# ---\n# %%\n"
        )
    return tmp_path


def page(book: Path, name: str, *links: str):
    path = book / f"_build/html/{name}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f'<a class="reference external" href="{link}">x</a>' for link in links), encoding="utf-8")


def found(book, kind):
    return {
        (entry["subject"], entry["what"]) for entry in json.loads((book / f"_build/weekly/{kind}.json").read_text())
    }


def test_broken_links_are_told_with_their_pages(server, book, capsys):
    at = server.address
    page(book, "chapters/01_a", f"{at}/fine", f"{at}/gone", f"{at}/moved", f"{at}/shy", "02_b.html", f"{at}/gone#part")
    page(book, "chapters/02_b", f"{at}/gone?a=1&amp;b=2", f"{at}/slow", f"{at}/nohead", f"{at}/flaky")
    page(book, "book/data", f"{at}/gone", f"{at}/down", f"{at}/round", "http://127.0.0.1:9/nobody")
    assert weekly.main(["--root", str(book), "links"]) == 0
    assert found(book, "links") == {
        ("chapters/01_a", f"link to <{at}/gone>: status 404"),
        ("book/data", f"link to <{at}/gone>: status 404"),
        ("chapters/02_b", f"link to <{at}/slow>: no answer in time, 3 times"),
        ("book/data", f"link to <{at}/down>: status 503, 3 times"),
        ("book/data", f"link to <{at}/round>: redirects without end"),
        ("book/data", "link to <http://127.0.0.1:9/nobody>: no connection (ConnectionError), 3 times"),
    }
    paths = [path for command, path, _ in server.asked if command == "HEAD"]
    assert paths.count("/gone") == 1  # two pages, and a place on the page: one question
    assert "/gone?a=1&b=2" in paths
    assert paths.count("/slow") == 3
    told = capsys.readouterr().out
    assert f"### chapters/01_a\n\n- link to <{at}/gone>: status 404" in told


def test_without_pages_links_cannot_be_checked(book):
    with pytest.raises(SystemExit, match="run make book first"):
        weekly.main(["--root", str(book), "links"])


def test_a_doi_is_not_followed_to_its_publisher(server):
    session = weekly.requests.Session()
    assert weekly.verdict(weekly.ask(session, f"{server.address}/moved", follow=False)) is None
    assert [path for _, path, _ in server.asked] == ["/moved"]


def test_data_are_asked_for_their_size_and_not_fetched(server, book):
    at = server.address
    (book / "xsg/data").mkdir(parents=True)
    (book / "xsg/data/registry.csv").write_text(
        REGISTRY
        + f'x/maps.csv,{at}/file-120,h,119,"MIT, as is",c,w\n'
        + f"x/whole.csv,{at}/file-5000000000,h,5000000000,MIT,c,w\n"
        + f"x/lost.csv,{at}/gone,h,7,MIT,c,w\n"
        + f"x/refused.csv,{at}/shy,h,7,MIT,c,w\n"
    )
    assert weekly.main(["--root", str(book), "data"]) == 0
    assert found(book, "data") == {
        ("data x/maps.csv", f"<{at}/file-120>: 120 bytes, 119 expected. Needed by: 02_b."),
        ("data x/lost.csv", f"<{at}/gone>: status 404. Needed by: no chapter."),
        # A browser might be let in, but it is a program that fetches data.
        ("data x/refused.csv", f"<{at}/shy>: status 403. Needed by: no chapter."),
    }


@pytest.fixture
def github(server, monkeypatch):
    monkeypatch.setenv("GITHUB_API_URL", server.address)
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/my-book")
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    return server


def store(book, **kinds):
    for kind in weekly.KINDS:
        entries = [{"subject": subject, "what": what} for subject, what in kinds.get(kind, [])]
        weekly.notebooks.write_text(book / f"_build/weekly/{kind}.json", json.dumps(entries))


def test_one_issue_for_each_subject_renewed_and_closed(github, book):
    tell = ["--root", str(book), "issues"]
    store(book, links=[("chapters/01_a", "one"), ("chapters/02_b", "two")], colab=[("chapters/01_a", "three")])
    weekly.main(tell)
    assert [issue["title"] for issue in github.issues] == ["Weekly check: chapters/01_a", "Weekly check: chapters/02_b"]
    assert "- one\n- three\n" in github.issues[0]["body"]
    assert github.issues[0]["labels"] == ["weekly"]

    github.asked.clear()
    weekly.main(tell)  # nothing new: nothing written
    assert {command for command, _, _ in github.asked} == {"GET"}

    store(book, links=[("chapters/02_b", "four")])
    weekly.main(tell)
    assert len(github.issues) == 2
    assert [issue["state"] for issue in github.issues] == ["closed", "open"]
    assert "- four\n" in github.issues[1]["body"]


def test_a_check_that_could_not_look_closes_nothing(github, book):
    store(book, links=[("chapters/01_a", "one")])
    weekly.main(["--root", str(book), "issues"])
    (book / "_build/weekly/links.json").unlink()
    weekly.main(["--root", str(book), "issues"])
    assert {issue["title"]: issue["state"] for issue in github.issues} == {
        "Weekly check: chapters/01_a": "open",
        "Weekly check: check of links": "open",
    }
