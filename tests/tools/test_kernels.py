"""A kernel whose port another process took while it started."""

import json
import socket

import jupyter_client.connect
import nbformat
import pytest

import execute
import guard
import hosted


@pytest.fixture
def taken(monkeypatch):
    """Name a port that is in use to the next kernels, so many; gives the list of all that were started since."""
    write = jupyter_client.connect.ConnectionFileMixin.write_connection_file
    with socket.create_server(("127.0.0.1", 0)) as server:

        def taken(times: int) -> list:
            started = []

            def colliding(manager, **options):
                started.append(manager)
                if len(started) <= times:
                    manager.shell_port = server.getsockname()[1]
                return write(manager, **options)

            monkeypatch.setattr(jupyter_client.connect.ConnectionFileMixin, "write_connection_file", colliding)
            return started

        yield taken


@pytest.fixture
def notebook(tmp_path):
    """A notebook that leaves an x in a file beside it each time its cell runs."""
    code = f"with open({str(tmp_path / 'runs')!r}, 'a') as file:\n    file.write('x')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "in.ipynb")
    return tmp_path / "in.ipynb"


def test_papermill_starts_it_again_and_each_cell_runs_once(taken, notebook, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(guard, "end_with_parent", lambda: None)
    started = taken(1)
    execute.main(str(notebook), str(tmp_path / "out.ipynb"))
    assert json.loads(capsys.readouterr().out)["error"] is None
    assert (tmp_path / "runs").read_text() == "x"
    assert len(started) == 2


def test_nbclient_starts_it_again_as_on_the_hosts(taken, notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", "")  # which `run` sets
    started = taken(1)
    assert hosted.run(notebook, colab=False)[0] is None
    assert (tmp_path / "runs").read_text() == "x"
    assert len(started) == 2


def test_one_that_never_starts_is_told(taken, notebook, tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "end_with_parent", lambda: None)
    started = taken(9)
    with pytest.raises(RuntimeError, match="Kernel died before replying"):
        execute.main(str(notebook), str(tmp_path / "out.ipynb"))
    assert len(started) == 3
    assert not (tmp_path / "runs").exists()
