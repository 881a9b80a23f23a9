"""``xsg bench`` as a stranger meets it."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import cache

import pandas as pd
import pytest

from xsg.__main__ import main
from xsg.bench import shell
from xsg.bench.run import score
from xsg.bench.tasks import tasks
from xsg.data.fetch import DownloadError
from xsg.evaluation.baselines import Baseline

RIDGE = "from sklearn.linear_model import Ridge\nmine = Ridge(300)\n"
FEW = ["--tasks", "place"]


@cache
def few(*names):
    """Three maps of each task."""
    return [replace(each, maps=each.maps[:3], truth=each.truth[:3]) for each in tasks(names)]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shell, "tasks", lambda names: few(*names))
    path = [*sys.path]
    yield tmp_path
    sys.path[:] = path
    sys.modules.pop("my_method", None)


@pytest.fixture
def method(here):
    """Write a method whose predict_folds is given."""

    def write(body, head=""):
        lines = "\n".join(f"        {line}" for line in body.splitlines())
        text = (
            f"import numpy as np\n{head}\nclass Mine:\n    def predict_folds(self, cortex, maps, held_out):\n{lines}\n"
        )
        (here / "my_method.py").write_text(text, encoding="utf-8")
        return ["bench", "--methods", "my_method.py", *FEW]

    return write


MEAN = (
    "y = maps.to_numpy()\nreturn np.stack([np.tile(y[:, ~f].mean(1)[:, None], y.shape[1]) for f in held_out], axis=1)"
)


def test_one_command_gives_one_table(here, capsys):
    (here / "my_method.py").write_text(RIDGE)
    assert main(["bench", "--methods", "my_method.py", *FEW]) == 0
    out = capsys.readouterr().out
    assert "\nmine " in out
    assert "position (kriging)" in out
    assert "benchmark/table.html" in out
    assert {each.name for each in (here / "benchmark").iterdir()} == {
        *(f"table.{ending}" for ending in ("csv", "md", "html")),
        *(f"rows.{ending}" for ending in ("csv", "key")),
        "differences.csv",
    }
    cells = pd.read_csv(here / "benchmark/table.csv")
    assert {"mine", "position (kriging)"} <= set(cells["method"])
    assert (cells["low"] <= cells["value"]).all()
    assert len(pd.read_csv(here / "benchmark/rows.csv")) == 18


def test_what_is_done_is_not_done_again_unless_the_file_changed(here, method, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(shell, "score", lambda *given, _score=shell.score, **how: (
        asked.append(how.get("name")), _score(*given, **how))[1])  # fmt: skip
    command = method(MEAN)
    for again, n in (("", 2), ("", 0), ("# another line", 2)):
        asked.clear()
        if again:
            method(MEAN, again)
        assert main(command) == 0
        assert asked.count("Mine") == n
    assert "Mine" in capsys.readouterr().out


def test_rows_that_were_kept_give_the_very_same_table(here, method):
    command = method(MEAN)
    assert main(command) == 0
    first = (here / "benchmark/table.csv").read_text()
    assert main(command) == 0
    assert (here / "benchmark/table.csv").read_text() == first


FAILS = {  # by name: what predict_folds does, and what is said of it
    "Nan": ("return np.full((len(maps), *held_out.shape), np.nan)", "ValueError: Nan predicts nan in region"),
    "Raises": ("raise RuntimeError('no luck')", "RuntimeError: no luck (my_method.py, line "),
    "Exits": ("sys.exit(0)", "it calls exit (my_method.py, line "),
    "Table": ("return maps", "ValueError: Table.predict_folds returned shape (3, 68); expected (3, 1, 68)"),
    "Nothing": ("return None", "TypeError: Nothing.predict_folds returned no array of numbers"),
    "Divides": ("return 1 / 0", "ZeroDivisionError: division by zero (my_method.py, line "),
    "Words": ("return np.full((len(maps), *held_out.shape), 'x')", "It is a ndarray of <U1."),
    "Complex": ("return np.full((len(maps), *held_out.shape), 1j)", "It is a ndarray of complex128."),
    "Graded": ("import torch; return torch.ones(3, 1, 68, requires_grad=True)", "It is a Tensor: Can't call numpy()"),
    "Huge": ("return np.full((len(maps), *held_out.shape), 1e300)", "ValueError: Huge predicts 1e+300: too large"),
    "Moves": ("import os, tempfile; os.chdir(tempfile.gettempdir()); raise KeyError('away')", "KeyError: 'away'"),
    "Forks": ("import os; os.fork() and os.wait() and 1 / 0; return np.zeros((3, 1, 68))", "ZeroDivisionError"),
    "Asks": ("return input()", "(my_method.py, line "),
}


def test_methods_that_fail_are_told_of_and_the_others_go_on(here, capsys):
    text = "import sys\nimport numpy as np\nfrom sklearn.linear_model import Ridge\nother = Ridge(30)\n" + "".join(
        f"class {name}:\n    def predict_folds(self, cortex, maps, held_out):\n        {body}\n"
        for name, (body, _) in FAILS.items()
    )
    (here / "my_method.py").write_text(text, encoding="utf-8")
    assert main(["bench", "--methods", "my_method.py", *FEW]) == 1
    captured = capsys.readouterr()
    for name, (_, said) in FAILS.items():
        for split in ("pairs", "patches"):
            (line,) = (each for each in captured.err.splitlines() if f"note: {name} failed on place, {split}: " in each)
            assert said in line
    assert "Traceback" not in captured.err
    assert "\nother " in captured.out
    assert "Nan" not in captured.out
    assert captured.out.count("By how much") == captured.out.count("Traceback") == 0
    assert captured.out.count("other: ") == 1  # a child that was forked says nothing
    assert (here / "benchmark/table.html").exists()  # wherever a method went


def test_what_a_method_prints_is_no_part_of_the_table(method, capsys):
    assert main(method("print('chatter')\n" + MEAN)) == 0
    captured = capsys.readouterr()
    assert "chatter" not in captured.out
    assert "chatter" in captured.err


def test_only_failures_leave_a_table_that_was_there(here, method, capsys):
    assert main(method(MEAN)) == 0
    files = {each.name: each.read_bytes() for each in (here / "benchmark").iterdir()}
    assert main(method("raise RuntimeError")) == 1
    assert "no method came through: benchmark/table.html is left as it was" in capsys.readouterr().err
    assert {each.name: each.read_bytes() for each in (here / "benchmark").iterdir()} == files


def test_only_failures_leave_a_table_of_the_others(here, method, capsys):
    assert main(method("raise RuntimeError")) == 1
    captured = capsys.readouterr()
    assert "position (kriging)" in captured.out
    assert "no more is said" in captured.err
    assert (here / "benchmark/table.html").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--methods", "no.py"], "no.py is not there"),
        (["--methods", "."], "is a folder"),
        (["--methods", "my_method.py", "--tasks", "plaice"], "Did you mean 'place'?"),
        (["--methods", "my_method.py", "--out", "my_method.py"], "no table can be written there"),
        (["--methods", "my_method.py", "--out", "others"], "others/rows.csv is not as it was written"),
    ],
)
def test_what_cannot_be_used_is_said_on_stderr(here, capsys, options, said):
    (here / "my_method.py").write_text(RIDGE)
    (here / "others").mkdir()
    (here / "others/rows.csv").write_text("theirs")
    assert main(["bench", *options]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") or "error: " in captured.err
    assert said in captured.err
    assert captured.out == ""


def test_without_a_file_the_usage_is_shown(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["bench"])
    assert ended.value.code == 2
    assert "--methods" in capsys.readouterr().err


def test_a_method_of_a_name_that_is_kept_is_told_apart(here, capsys):
    (here / "my_method.py").write_text(RIDGE.replace("mine", "ridge") + "METHODS = {'position (kriging)': ridge}")
    assert main(["bench", "--methods", "my_method.py", *FEW]) == 0
    assert "position (kriging) (own)" in capsys.readouterr().out


@pytest.fixture
def hearing():
    # A shell that starts tests in the background makes them, and what they start, deaf to SIGINT; a person's is not.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hearing")
def test_ctrl_c_ends_it_and_the_same_command_goes_on(here, method, monkeypatch, capsys):
    command = [sys.executable, "-m", "xsg", *method(
        "import os, time\n"
        "if os.path.exists('benchmark/rows.csv') and not os.path.exists('go'):\n"
        "    open('waits', 'w').close()\n"
        "    time.sleep(60)\n" + MEAN)]  # fmt: skip
    ran = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not (here / "waits").exists() and time.monotonic() < until:
        time.sleep(0.1)
    os.kill(ran.pid, signal.SIGINT)
    _, error = ran.communicate(timeout=30)
    assert ran.returncode == 130, error
    assert error.rstrip().endswith("interrupted; the same command goes on from here")
    assert len(pd.read_csv(here / "benchmark/rows.csv")) == 60
    (here / "go").touch()
    monkeypatch.setattr(shell, "tasks", tasks)
    assert main(command[3:]) == 0
    assert "Mine: " in capsys.readouterr().out
    assert len(pd.read_csv(here / "benchmark/rows.csv")) == 120


@pytest.mark.usefixtures("hearing")
def test_a_second_ctrl_c_ends_a_method_that_catches_the_first(here, method):
    body = "import time\nopen('waits', 'w').close()\nuntil = time.monotonic() + 60\nwhile time.monotonic() < until:\n"
    body += "    try:\n        time.sleep(60)\n    except:\n        open('caught', 'w').close()\n"
    ran = subprocess.Popen([sys.executable, "-m", "xsg", *method(body)], stderr=subprocess.PIPE, text=True)
    for name in ("waits", "caught"):
        until = time.monotonic() + 60
        while not (here / name).exists() and time.monotonic() < until:
            time.sleep(0.05)
        os.kill(ran.pid, signal.SIGINT)
    _, error = ran.communicate(timeout=30)
    assert ran.returncode == 130, error
    assert "interrupted" in error


def test_common_random_numbers_are_the_same_in_every_run(here, method):
    text = "y = np.random.standard_normal((len(maps), *held_out.shape))\nimport random, torch\n"
    command = method(text + "return y + random.random() + torch.rand(1).numpy()")
    tables = []
    for out in ("a", "b"):
        assert main([*command, "--out", out]) == 0
        tables.append((here / out / "table.csv").read_text())
    assert tables[0] == tables[1]


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_the_others_come_from_the_table_that_is_kept(here, capsys, monkeypatch, shift):
    kept = pd.concat([score(Baseline(name), few("place")) for name in ("position (kriging)", "PLS")]).round(4)
    monkeypatch.setattr(shell, "_table", lambda: (kept.assign(r2=kept["r2"] + shift), []))
    (here / "my_method.py").write_text(RIDGE.replace("mine", "PLS"))
    assert main(["bench", "--methods", "my_method.py", *FEW]) == 0
    captured = capsys.readouterr()
    assert "\nPLS (own) " in captured.out
    assert "\nPLS  " in captured.out
    assert ("position alone scores otherwise here" in captured.err) == bool(shift)
    assert "only position alone" not in captured.err


def test_a_file_with_two_methods_a_slow_one_and_odd_names_is_one_table(here, capsys):
    text = "import numpy as np, time\n" + "".join(
        f"class {name}:\n    name = {label!r}\n    def predict_folds(self, cortex, maps, held_out):\n"
        f"        time.sleep({pause})\n        return np.zeros((len(maps), *held_out.shape), {kind!r}){tail}\n"
        for name, label, pause, kind, tail in (
            ("Langsam", "größer | <b>", 0.02, "float32", ""),
            ("Ganz", "0", 0, "int", ".tolist()"),
        )
    )
    (here / "my method.py").write_text(text, encoding="utf-8")
    assert main(["bench", "--methods", "my method.py", *FEW]) == 0
    out = capsys.readouterr().out
    assert "größer | <b>: 1 s" in out
    rows = pd.read_csv(here / "benchmark/rows.csv", dtype={"method": str})
    assert (rows.groupby("method")["seconds"].sum() > [-1, 0.5]).all()
    assert main(["bench", "--methods", "my method.py", *FEW]) == 0
    assert "\n0 " in out
    assert capsys.readouterr().out.split("benchmark/")[0] == out.split("benchmark/")[0]


def test_without_the_table_that_is_kept_position_stands_beside(here, capsys, monkeypatch):
    def nowhere(name):
        raise DownloadError(f"{name}: not fetched.\n  no network")

    monkeypatch.setattr(shell, "registry", lambda: pd.DataFrame(index=[shell.KEPT]))
    monkeypatch.setattr(shell, "fetch", nowhere)
    (here / "my_method.py").write_text(RIDGE)
    assert main(["bench", "--methods", "my_method.py", *FEW]) == 0
    captured = capsys.readouterr()
    assert "note: experiments/benchmark.csv: not fetched.   no network" in captured.err
    assert "position (kriging)" in captured.out
