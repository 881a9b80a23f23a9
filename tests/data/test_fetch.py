"""fetch against a real HTTP server on loopback that cuts, lies, resumes and refuses."""

import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xsg.data import fetch as module
from xsg.data import network
from xsg.data.fetch import DownloadError, cache_dir, fetch, is_here, registry

NAME = "human/a&b file.bin"
BODY = np.random.default_rng(0).bytes(300_007)
SHA = hashlib.sha256(BODY).hexdigest()

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def known(server, monkeypatch):
    """A registry of one file, at the server under a percent-encoded name."""
    server.body = BODY
    row = {"url": f"{server.base}/raw/a%26b%20file.bin", "sha256": SHA, "bytes": len(BODY)}
    row |= {"licence": "MIT", "citation": "Nobody 2020", "what": "noise"}
    table = pd.DataFrame([row], index=pd.Index([NAME], name="name"))
    monkeypatch.setattr(module, "_registry", lambda: table)
    return table


def files(folder: Path) -> list[str]:
    """Names of what a user would find in the folder; lock files are left out."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_registry_is_complete_and_well_formed():
    table = registry()
    assert list(table.columns) == ["url", "sha256", "bytes", "licence", "citation", "what"]
    assert table.index.name == "name"
    assert table.index.is_unique
    assert table["url"].str.startswith("https://").all()
    assert table["sha256"].str.fullmatch("[0-9a-f]{64}").all()
    assert (table["bytes"] > 0).all()
    assert (table[["licence", "citation", "what"]] != "").all(axis=None)
    table.loc[:, "bytes"] = -1
    assert (registry()["bytes"] > 0).all(), "a caller changed the registry for everybody"


def test_download_then_cache(server, known, cache, capfd):
    assert not is_here(NAME)
    path = fetch(NAME)
    assert path == cache / NAME
    assert path.read_bytes() == BODY
    assert server.log == [("/raw/a%26b%20file.bin", None)]
    assert server.compression == ["identity"], "a compressed body cannot be resumed by byte ranges"
    assert "a&b file.bin: 100%" in capfd.readouterr().err
    assert is_here(NAME)
    assert fetch(NAME) == path
    assert len(server.log) == 1
    assert files(cache) == ["a&b file.bin"]


def test_progress_bar_can_be_off_and_the_cache_path_is_not_printed(known, capfd):
    fetch(NAME, progress=False)
    assert capfd.readouterr() == ("", "")


def test_cut_connection_is_resumed(server, known, cache, capfd, monkeypatch):
    monkeypatch.setattr(network, "_TRIES", 1)
    server.cut_after = 100_000
    with pytest.raises(DownloadError, match=r"cut off after \d+ of 300007 bytes.*call again to go on"):
        fetch(NAME, progress=False)
    part = cache / f"{NAME}.part"
    kept = part.stat().st_size
    assert 80_000 < kept <= 100_000
    assert part.read_bytes() == BODY[:kept]
    assert files(cache) == ["a&b file.bin.part"]
    assert not is_here(NAME)
    server.cut_after = None
    assert fetch(NAME).read_bytes() == BODY
    assert "100%" in capfd.readouterr().err, "the bar does not count what was here already"
    assert server.log[-1][1] == f"bytes={kept}-"
    assert files(cache) == ["a&b file.bin"]


def test_connection_lost_without_declared_length_is_resumed(server, known, cache, monkeypatch):
    monkeypatch.setattr(network, "_TRIES", 1)
    server.cut_after, server.says_length = 70_000, False
    with pytest.raises(DownloadError, match="cut off after 70000 of 300007 bytes"):
        fetch(NAME, progress=False)
    server.cut_after = None
    assert fetch(NAME, progress=False).read_bytes() == BODY
    assert server.log[-1][1] == "bytes=70000-"


@pytest.mark.parametrize(("ranges", "requests_made"), [("ignored", 1), ("other", 2)])
def test_server_that_cannot_resume_starts_anew(server, known, cache, ranges, requests_made):
    part = cache / f"{NAME}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(BODY[:1234])
    server.ranges = ranges
    assert fetch(NAME, progress=False).read_bytes() == BODY
    assert server.log[0][1] == "bytes=1234-"
    assert len(server.log) == requests_made


def test_part_too_long_starts_anew_after_416(server, known, cache):
    part = cache / f"{NAME}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(BODY + b"more")
    assert fetch(NAME, progress=False).read_bytes() == BODY
    assert [wanted for _, wanted in server.log] == ["bytes=300011-", None]


def test_complete_part_needs_no_request(server, known, cache):
    part = cache / f"{NAME}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(BODY)
    assert fetch(NAME, progress=False).read_bytes() == BODY
    assert server.log == []


@pytest.mark.parametrize("wrong", [bytes(len(BODY)), b"<html>not found</html>", BODY + bytes(200_000)])
def test_wrong_bytes_are_refused_and_removed(server, known, cache, wrong):
    server.body = wrong
    with pytest.raises(DownloadError) as error:
        fetch(NAME, progress=False)
    assert f"expected {len(BODY)} with sha256 {SHA}, seen" in str(error.value)
    read = int(re.search(r"seen (\d+) with", str(error.value))[1])
    assert f"seen {read} with sha256 {hashlib.sha256(wrong[:read]).hexdigest()}" in str(error.value)
    assert read < len(BODY) + 20_000, "a body without end would be read for ever"
    assert files(cache) == []
    server.body = BODY
    assert fetch(NAME, progress=False).read_bytes() == BODY


def test_changed_cache_file_is_replaced(known, cache):
    path = fetch(NAME, progress=False)
    assert is_here(NAME)
    path.write_bytes(BODY[:-1] + b"?")
    assert not is_here(NAME)
    assert fetch(NAME, progress=False).read_bytes() == BODY


def test_missing_page_names_file_url_cause_and_ways_out(server, known, cache):
    server.status = 404
    with pytest.raises(DownloadError) as error:
        fetch(NAME, progress=False)
    message = str(error.value)
    for part in (NAME, f"{server.base}/raw/a%26b%20file.bin", "404", "XSG_DATA", "XSG_MIRROR", str(cache / NAME), SHA):
        assert part in message
    assert files(cache) == []


def test_no_network(known, cache, tmp_path, monkeypatch):
    with socket.socket() as closed:  # bound but not listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        known["url"] = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
        monkeypatch.setenv("XSG_MIRROR", str(tmp_path / "nowhere"))
        with pytest.raises(DownloadError, match=r"refused(.|\n)*nowhere: is no folder(.|\n)*Ways out"):
            fetch(NAME, progress=False)
    assert files(cache) == []


def test_unwritable_cache(known, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XSG_DATA", str(tmp_path / "file" / "cache"))
    with pytest.raises(DownloadError, match=r"Not a directory(.|\n)*XSG_DATA"):
        fetch(NAME, progress=False)


def test_full_disk_is_seen_before_the_download(server, known, cache, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 10**6 - 200_000, 200_000))
    with pytest.raises(DownloadError, match=r"disk full: 300007 bytes needed in .* 200000 free"):
        fetch(NAME, progress=False)
    assert server.log == []
    part = cache / f"{NAME}.part"
    part.write_bytes(BODY[:150_000])  # what is here already needs no room
    assert fetch(NAME, progress=False).read_bytes() == BODY


def test_mirror_folder_is_used_in_place(server, known, cache, tmp_path, monkeypatch):
    mirrored = tmp_path / "mirror" / NAME
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(BODY)
    monkeypatch.setenv("XSG_MIRROR", str(tmp_path / "mirror"))
    assert is_here(NAME)
    assert fetch(NAME) == mirrored
    assert not cache.exists()
    assert server.log == []


def test_mirror_folder_with_other_bytes_is_passed_over_and_named(server, known, cache, tmp_path, monkeypatch):
    mirrored = tmp_path / "mirror" / NAME
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(BODY[:-1] + b"?")
    monkeypatch.setenv("XSG_MIRROR", str(tmp_path / "mirror"))
    assert not is_here(NAME)
    assert fetch(NAME, progress=False) == cache / NAME
    (cache / NAME).unlink()
    server.status = 404
    with pytest.raises(DownloadError, match=r"mirror .*: has other bytes under that name"):
        fetch(NAME, progress=False)


def test_mirror_url_comes_first_and_the_source_second(server, known, cache, monkeypatch):
    monkeypatch.setenv("XSG_MIRROR", f"{server.base}/mirror/")
    fetch(NAME, progress=False)
    assert [path for path, _ in server.log] == ["/mirror/human/a%26b%20file.bin"]
    (cache / NAME).unlink()
    server.log.clear()
    server.status = 503
    with pytest.raises(DownloadError) as error:
        fetch(NAME, progress=False)
    asked = ["/mirror/human/a%26b%20file.bin", "/raw/a%26b%20file.bin"]
    assert [path for path, _ in server.log] == [path for path in asked for _ in range(3)], "503 says: not now"
    assert str(error.value).count("503") == 2


def test_default_mirror_is_beside_the_checkout(monkeypatch, tmp_path):
    monkeypatch.delenv("XSG_MIRROR")
    beside = tmp_path / "shared" / "data"
    beside.mkdir(parents=True)
    monkeypatch.setattr(module, "__file__", str(tmp_path / "checkout" / "xsg" / "data" / "fetch.py"))
    assert module._mirror() == "", "an installed package has no checkout to look beside"
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "pyproject.toml").touch()
    assert module._mirror() == str(beside)


def test_cache_dir_default_is_the_users_cache(monkeypatch):
    monkeypatch.delenv("XSG_DATA")
    assert cache_dir().name == "xsg"
    assert cache_dir().is_absolute()


def test_unknown_name_is_refused_with_near_names():
    with pytest.raises(ValueError, match=r"'human/expression/desikan.csv'.*desikan_r0\.2\.csv\.bz2"):
        fetch("human/expression/desikan.csv")
    with pytest.raises(ValueError, match="python -m xsg data"):
        is_here("qqqqqq")


def test_two_processes_at_once_share_one_download(server, known, cache, tmp_path):
    script = tmp_path / "get.py"
    known.to_csv(tmp_path / "table.csv")
    script.write_text(
        "import sys, pandas as pd\n"
        "from xsg.data import fetch as module\n"
        "table = pd.read_csv(sys.argv[1], index_col='name')\n"
        "module._registry = lambda: table\n"
        "from xsg.data import network\n"
        "network._PLAIN = {'127.0.0.1'}\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "print(module.fetch(table.index[0], progress=False))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-W", "error", str(script), str(tmp_path / "table.csv")]
    server.delay = 0.5  # long enough for both to be at it
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    pair = [subprocess.Popen(command, env=environment, **pipes) for _ in range(2)]
    assert [process.stdout.readline() for process in pair] == ["ready\n"] * 2
    for process in pair:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0].strip() for process in pair] == [str(cache / NAME)] * 2
    assert (cache / NAME).read_bytes() == BODY
    assert len(server.log) == 1
    assert files(cache) == ["a&b file.bin"]
