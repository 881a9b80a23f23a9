"""The weekly checks, against a server on this machine that does what servers do."""

import json
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

import weekly

REGISTRY = "name,url,sha256,bytes,licence,citation,what\n"


class Server(BaseHTTPRequestHandler):
    """Answers by path."""

    def answer(self):
        self.server.asked.append((self.command, self.path))
        if self.path == "/slow":
            self.server.let_go.wait(5)
        status = {"/gone": 404, "/moved": 301, "/shy": 403, "/down": 503, "/round": 302}.get(self.path, 200)
        if self.path == "/nohead" and self.command == "HEAD":
            status = 405
        if self.path == "/flaky" and sum(path == "/flaky" for _, path in self.server.asked) <= 2:
            status = 502
        self.send_response(status)
        if status in (301, 302):
            self.send_header("Location", {"/moved": "/fine", "/round": "/round"}[self.path])
        size = int(self.path.rpartition("-")[2]) if self.path.startswith("/file-") else 0
        self.send_header("Content-Length", str(size))
        self.end_headers()

    do_HEAD = do_GET = answer

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.address = f"http://127.0.0.1:{server.server_port}"
    server.asked, server.let_go = [], threading.Event()
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
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters: [{file: chapters/01_a}, {file: chapters/02_b}]\n"
    )
    (tmp_path / "chapters").mkdir()
    for stem, data in (("01_a", "[]"), ("02_b", "[x/maps.csv]")):
        (tmp_path / f"chapters/{stem}.py").write_text(
            "# ---\n# jupyter:\n#   jupytext:\n#     notebook_metadata_filter: xsg\n"
            f"#   xsg: {{data: {data}}}\n# ---\n# %%\n"
        )
    return tmp_path


def found(book, kind):
    return {
        (entry["subject"], entry["what"]) for entry in json.loads((book / f"_build/weekly/{kind}.json").read_text())
    }


def test_broken_links_are_told_with_their_page(server, book, capsys):
    source, at = book / "_build/source", server.address
    pages = {
        "book/index": ["/fine", "/moved", "/shy", "/nohead", "/flaky", "/gone#part"],
        "chapters/01_a": ["/down", "/gone"],
        "chapters/02_b": ["/slow", "/round"],
    }
    for name, links in pages.items():
        path = source / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# Page\n\n" + "".join(f"[x]({at}{link})\n" for link in links))
    with (source / "chapters/02_b.md").open("a") as last:
        last.write("[x](http://127.0.0.1:9/nobody) [x](01_a.md)\n")
    (source / "_toc.yml").write_bytes((book / "_toc.yml").read_bytes())
    (source / "_config.yml").write_text(
        "{title: Two, sphinx: {config: {linkcheck_anchors: false, linkcheck_retries: 3, linkcheck_timeout: 1}}}"
    )
    assert weekly.main(["--root", str(book), "links"]) == 0
    told = {(page, *re.fullmatch(r"link to <([^>]*)>: (.*)", what).groups()) for page, what in found(book, "links")}
    assert {(page, link.removeprefix(at)): what.partition(" for url")[0] for page, link, what in told} == {
        ("book/index", "/gone#part"): "404 Client Error: Not Found",
        ("chapters/01_a", "/down"): "service unavailable",
        ("chapters/01_a", "/gone"): "404 Client Error: Not Found",
        ("chapters/02_b", "/slow"): next(what for _, link, what in told if link.endswith("/slow")),
        ("chapters/02_b", "/round"): "Exceeded 30 redirects.",
        ("chapters/02_b", "http://127.0.0.1:9/nobody"): next(what for *_, what in told if "refused" in what),
    }
    assert "Read timed out" in next(what for _, link, what in told if link.endswith("/slow"))
    asked = [path for command, path in server.asked if command == "HEAD"]
    assert asked.count("/slow") == 3
    assert f"### chapters/01_a\n\n- link to <{at}/down>: service unavailable\n" in capsys.readouterr().out


def test_the_book_sets_the_link_checker():
    config = yaml.safe_load((weekly.ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"]["config"]
    assert {"linkcheck_anchors": False, "linkcheck_retries": 3, "linkcheck_timeout": 30}.items() <= config.items()


def test_without_pages_links_cannot_be_checked(book):
    with pytest.raises(SystemExit, match="run make book first"):
        weekly.main(["--root", str(book), "links"])


def test_data_are_asked_for_their_size_and_not_fetched(server, book):
    at = server.address
    (book / "xsg/data").mkdir(parents=True)
    (book / "xsg/data/registry.csv").write_text(
        REGISTRY
        + f'x/maps.csv,{at}/file-120,h,119,"MIT, as is",c,w\n'
        + f"x/whole.csv,{at}/file-5000000000,h,5000000000,MIT,c,w\n"
        + f"x/lost.csv,{at}/gone,h,7,MIT,c,w\n"
        + f"x/refused.csv,{at}/shy,h,7,MIT,c,w\n"
        + f"x/flaky.csv,{at}/flaky,h,0,MIT,c,w\n"
        + f"x/slow.csv,{at}/slow,h,0,MIT,c,w\n"
    )
    assert weekly.main(["--root", str(book), "data"]) == 0
    assert found(book, "data") == {
        ("data x/maps.csv", f"<{at}/file-120>: 120 bytes, 119 expected. Needed by: 02_b."),
        ("data x/lost.csv", f"<{at}/gone>: status 404. Needed by: no chapter."),
        # A browser might be let in, but it is a program that fetches data.
        ("data x/refused.csv", f"<{at}/shy>: status 403. Needed by: no chapter."),
        ("data x/slow.csv", f"<{at}/slow>: no answer (ConnectionError). Needed by: no chapter."),
    }


GH = """
import json, sys
from pathlib import Path

store = Path(__file__).with_name("issues.json")
issues = json.loads(store.read_text())
what, do, *given = sys.argv[1:]
at = dict(zip(given, given[1:]))
if (what, do) == ("label", "create"):
    assert given == ["weekly", "--force"]
elif do == "list":
    assert (at["--label"], at["--state"]) == ("weekly", "open")
    names = at["--json"].split(",")
    print(json.dumps([{name: each[name] for name in names} for each in issues if each["state"] == "open"]))
elif do == "create":
    issues.append({"number": len(issues) + 1, "state": "open", "changes": 0, "label": at["--label"]})
    issues[-1] |= {"title": at["--title"], "body": at["--body"]}
elif do == "edit":
    issue = issues[int(given[0]) - 1]
    issue |= {"body": at["--body"], "changes": issue["changes"] + 1}
elif do == "close":
    assert at["--reason"] == "completed"
    issues[int(given[0]) - 1]["state"] = "closed"
else:
    sys.exit(f"what is gh {sys.argv[1:]}?")
store.write_text(json.dumps(issues))
"""


@pytest.fixture
def github(tmp_path, monkeypatch):
    """A stand-in for gh, as far as it is asked; gives the issues."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "issues.json").write_text("[]")
    (folder / "gh").write_text(f"#!{sys.executable}\n{GH}")
    (folder / "gh").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return lambda: json.loads((folder / "issues.json").read_text())


def store(book, **kinds):
    for kind in weekly.KINDS:
        entries = [{"subject": subject, "what": what} for subject, what in kinds.get(kind, [])]
        weekly.notebooks.write_text(book / f"_build/weekly/{kind}.json", json.dumps(entries))


def test_one_issue_for_each_subject_renewed_and_closed(github, book):
    tell = ["--root", str(book), "issues"]
    store(book, links=[("chapters/01_a", "one"), ("chapters/02_b", "two")], colab=[("chapters/01_a", "three")])
    weekly.main(tell)
    assert [issue["title"] for issue in github()] == ["Weekly check: chapters/01_a", "Weekly check: chapters/02_b"]
    assert "- one\n- three\n" in github()[0]["body"]
    assert github()[0]["label"] == "weekly"

    was = github()
    weekly.main(tell)  # nothing new: nothing written
    assert github() == was

    store(book, links=[("chapters/02_b", "four")])
    weekly.main(tell)
    assert len(github()) == 2
    assert [issue["state"] for issue in github()] == ["closed", "open"]
    assert "- four\n" in github()[1]["body"]
    assert [issue["changes"] for issue in github()] == [0, 1]


def test_a_check_that_could_not_look_closes_nothing(github, book):
    store(book, links=[("chapters/01_a", "one")])
    weekly.main(["--root", str(book), "issues"])
    (book / "_build/weekly/links.json").unlink()
    weekly.main(["--root", str(book), "issues"])
    assert {issue["title"]: issue["state"] for issue in github()} == {
        "Weekly check: chapters/01_a": "open",
        "Weekly check: check of links": "open",
    }
