"""Peers: what a comparison counts, what happens to one that does not run, and rows of the kept table made again."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import peers

courses, norms = (importlib.import_module(name) for name in ("courses", "norms"))  # once peers has said where they are
TABLE = pd.read_csv(Path(peers.__file__).with_suffix(".csv"))


def kept(comparison, case):
    rows = TABLE[(TABLE["comparison"] == comparison) & (TABLE["case"] == case)]
    return rows.pivot(index="method", columns="quantity", values="value")


def test_every_peer_is_in_the_kept_table():
    found = {name: set(rows["method"]) for name, rows in TABLE.groupby("comparison")}
    assert {"xsg", "CeLEry"} <= found["places"]
    assert {"xsg", "leaspy"} <= found["courses"]
    assert {"xsg", "pcntoolkit BLR", "pcntoolkit BLR, warped"} <= found["norms"]
    assert not TABLE.duplicated([*peers.KEYS, "quantity"]).any()
    assert (TABLE.loc[TABLE["quantity"].isin(["seconds", "MB"]), "value"] > 0).all()


SIDES = [(norms, "xsg"), (courses, "mixed effects"), (courses, "last visit seen")]


@pytest.mark.parametrize(("subject", "side"), SIDES)
def test_rows_come_out_again(subject, side):
    for case, arrays in subject.inputs().items():
        if case == "IXI":
            continue
        scores = subject.accuracy(arrays, subject.SIDES[side].prepare()(arrays))
        row = kept(subject.__name__, case).loc[side]
        assert scores == pytest.approx(row[list(scores)].to_dict(), rel=0.01)


def test_a_perfect_answer_has_no_error():
    arrays = norms.simulated(skewed=True)
    scores = norms.accuracy(arrays, {"z": arrays["z"][~arrays["train"]]})
    assert scores["error of z"] == 0
    assert scores["|sd - 1|"] < 0.06
    arrays = courses.logistic()
    scores = courses.accuracy(arrays, {"forecast": arrays["thinning"][~arrays["seen"]], "shift": arrays["shift"]})
    assert scores["forecast error, mm"] == 0
    assert scores["order of people, ρ"] == pytest.approx(1)


def test_the_last_visit_of_those_with_three_is_left_out():
    arrays = courses.split(np.zeros((6, 2)), np.array([0, 0, 1, 1, 1, 2]), np.array([0.0, 1, 2, 0, 1, 0]), np.zeros(3))
    assert arrays["seen"].tolist() == [True, True, False, True, True, True]


@pytest.fixture
def world(monkeypatch):
    """One comparison of three sides: ours, a peer that cannot be installed, and one that fails when it runs."""
    arrays = courses.logistic() | {"linear": np.array(False)}
    unchanged, sides = courses.SIDES["last visit seen"], {}
    for name, peer in (("xsg", ""), ("absent", "nowhere"), ("leaspy", "")):
        sides[name] = (courses.SIDES["leaspy"] if name == "leaspy" else unchanged)._replace(environment=peer)
    monkeypatch.setattr(courses, "SIDES", sides)
    monkeypatch.setattr(courses, "inputs", lambda: {"logistic": arrays})
    monkeypatch.setattr(peers, "environment", lambda peer: refuse(peer) if peer else sys.executable)
    return arrays


def refuse(peer):
    raise peers.Missing(f"no {peer}.txt")


def test_a_peer_that_is_not_there_is_named_and_the_others_go_on(world, monkeypatch, capsys):
    called = peers._called

    def swap(command):  # what the worker process itself would run has no stand-ins
        return called([*command[:3], "last visit seen" if command[3] == "xsg" else command[3], *command[4:]])

    monkeypatch.setattr(peers, "_called", swap)
    stored = []
    monkeypatch.setattr(peers.kept, "store", lambda script, table, by: stored.append((script, table, by)))
    peers.compare("courses", store=True)
    ((script, rows, by),) = stored
    said = capsys.readouterr().out
    assert "absent: not installed (no nowhere.txt)" in said
    assert "leaspy, logistic: did not run (ModuleNotFoundError: No module named 'leaspy')" in said
    assert "× ours (seconds)" in said
    assert (Path(script).name, by) == ("peers.py", ["comparison", "case"])
    assert set(rows["method"]) == {"xsg"}
    assert rows.set_index("quantity").loc["MB", "value"] > 10


def test_what_a_failed_command_said_is_told():
    with pytest.raises(peers.Missing, match="ValueError: no such thing"):
        peers._called([sys.executable, "-c", "raise ValueError('no such thing')"])
    with pytest.raises(peers.Missing, match="ended with 3 and said nothing"):
        peers._called([sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(peers.Missing, match="No such file"):
        peers._called([str(Path(sys.executable).with_name("no-python"))])


def test_an_environment_lies_over_the_books_and_is_made_anew_only_if_it_changed(tmp_path, monkeypatch):
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/none.txt").write_text("# nothing of its own\n")
    monkeypatch.setattr(peers, "HERE", tmp_path)
    monkeypatch.setattr(peers, "BUILT", tmp_path / "built")
    python = peers.environment("none")
    assert python != sys.executable
    where = "import numpy, sys; print(numpy.__file__, sys.prefix)"
    numpy, prefix = peers._called([python, "-c", where]).split()
    assert Path(numpy).samefile(np.__file__)
    assert Path(prefix).samefile(tmp_path / "built/none")
    marker = Path(prefix) / "marker"
    marker.touch()
    assert peers.environment("none") == python
    assert marker.exists()
    (tmp_path / "requirements/none.txt").write_text("./not-there.whl\n")
    with pytest.raises(peers.Missing, match=r"not-there\.whl"):
        peers.environment("none")
    assert not marker.exists()


def test_another_comparison_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["peers.py", "speed"])
    with pytest.raises(SystemExit):
        peers.main()
    assert "'speed' is no comparison; there are places, courses, norms, solver" in capsys.readouterr().err


def test_the_solver_s_script_may_be_absent(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(peers, "HERE", peers.kept.ROOT / "tests/experiments")
    peers.solver()
    assert "solver: did not run (tests/experiments/solver.py is not there)" in capsys.readouterr().out
