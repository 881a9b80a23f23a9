"""A kernel whose port another process took while it started."""

import json
import socket

import jupyter_client.connect
import nbformat
import nbval.kernel
import pytest

import execute
import guard
import kernels


@pytest.fixture
def taken(monkeypatch):
    """The first kernels to start, as many as the list is told, are named a port that is in use; holds who started."""
    write, started = jupyter_client.connect.ConnectionFileMixin.write_connection_file, []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def colliding(manager, **options):
            started.append(manager)
            if len(started) <= colliding.times:
                manager.shell_port = server.getsockname()[1]
            return write(manager, **options)

        colliding.times = 1
        monkeypatch.setattr(jupyter_client.connect.ConnectionFileMixin, "write_connection_file", colliding)
        yield colliding, started


def test_nbval_starts_it_again(taken):
    start = kernels.patiently(nbval.kernel.start_new_kernel)
    manager, client = start(kernel_name="python3")
    try:
        assert client.is_alive()
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert len(taken[1]) == 2


def test_papermill_starts_it_again_and_each_cell_runs_once(taken, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(guard, "end_with_parent", lambda: None)
    monkeypatch.chdir(tmp_path)
    code = "with open('runs', 'a') as file:\n    file.write('x')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "in.ipynb")
    execute.main("in.ipynb", "out.ipynb")
    assert json.loads(capsys.readouterr().out)["error"] is None
    assert (tmp_path / "runs").read_text() == "x"
    assert len(taken[1]) == 2


def test_one_that_never_starts_is_told(taken):
    taken[0].times = 9
    with pytest.raises(RuntimeError, match="Kernel died before replying"):
        kernels.patiently(nbval.kernel.start_new_kernel)(kernel_name="python3")
    assert len(taken[1]) == 3
