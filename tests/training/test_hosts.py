"""Many machines: `refit` on hosts that join late, fall silent or lose their scheduler gives what one process gives.

Each host is a process with a network of its own, on one switch; all stand in a room, which is again such a process:
``python tests/training/test_hosts.py IN OUT`` inside it. Networks and processes have no names and no life of their own:
the kernel takes them away with the process that holds them, and each of those dies with the one that started it.
"""

import contextlib
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import joblib
import pandas as pd
import pytest

from xsg.training import CrossScaleVAE, hosts, refit, refits
from xsg.training.hosts import finished

APART = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
ROOM = ["setpriv", "--pdeathsig", "KILL", *APART]
if os.geteuid():
    ROOM += ["--user", "--map-root-user"]
CHUNK = 2


def why_not() -> str:
    """Return why networks cannot be made here, or ''."""
    for tool in ("setpriv", "unshare", "ip"):
        if shutil.which(tool) is None:
            return f"no {tool} here"
    tried = "ip link add switch type bridge && ip link add port1 type veth peer name port2"
    done = subprocess.run([*ROOM, "sh", "-c", tried], capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else ""


def network(process: int | str) -> str:
    """Return which network a process has, as the kernel numbers them."""
    return str(Path(f"/proc/{process}/ns/net").readlink())


REASON = why_not()
needs_networks = pytest.mark.skipif(bool(REASON), reason=f"no networks can be made here: {REASON}")


def model() -> CrossScaleVAE:
    return CrossScaleVAE(latent=4, hidden=16, decoder=8, epochs=150, lr=1e-2)


def fails(error: Exception):
    raise error


@pytest.fixture(scope="module")
def given(toy):
    expression, thinning, graph = toy
    return {"expression": expression, "thinning": thinning, "graph": graph, "seeds": range(30), "progress": False}


@pytest.fixture(scope="module")
def here(given):
    """The same models, trained in this process."""
    return refit(model(), **given)


@pytest.fixture(scope="module")
def seen(given, tmp_path_factory):
    """What was found in the room; all that wait in it do so once."""
    pytest.importorskip("dask.distributed")
    folder = tmp_path_factory.mktemp("room")
    (folder / "in").write_bytes(pickle.dumps(given))
    command = [*ROOM, sys.executable, __file__, "in", "out"]
    done = subprocess.run(command, cwd=folder, timeout=400, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return pickle.loads((folder / "out").read_bytes())


@pytest.fixture(scope="module")
def dask():
    """A cluster of one thread in this process, for which `finished` is told to send what it gets."""
    distributed = pytest.importorskip("dask.distributed")
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options, silence_logs=50) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        yield cluster


def test_what_a_function_raises_on_a_host_is_raised_here(dask):
    """Also where it is of the kind that a lost connection raises, after which work is sent again."""
    with pytest.raises(OSError, match="no such thing"):
        list(finished(fails, {0: OSError("no such thing")}))
    with pytest.raises(ZeroDivisionError):
        list(finished(fails, {0: ZeroDivisionError()}))


def test_work_that_ends_every_worker_is_said_to(dask):
    from dask.distributed import KilledWorker

    with pytest.raises(RuntimeError, match=r"4 workers ended, one after another.*memory or the time"):
        list(finished(fails, {0: KilledWorker("predict", SimpleNamespace(address="tcp://10.9.0.2:1"), 3)}))


def test_a_result_that_never_arrives_is_given_up(dask, monkeypatch):
    from dask.distributed import Future

    def lost(_future, timeout):
        raise OSError("unreachable")

    monkeypatch.setattr(Future, "result", lost)
    with pytest.raises(RuntimeError, match=rf"lost {hosts.TRIES} times on its way here \(unreachable\)"):
        list(finished(abs, {0: -1}))


def test_that_no_host_is_left_is_said_and_one_that_comes_goes_on(dask, monkeypatch, capsys):
    monkeypatch.setattr(hosts, "PATIENCE", 0.2)
    results = finished(abs, {number: -number for number in range(5)})
    got = [next(results)]
    dask.scale(0)
    said = threading.Timer(1.5, dask.scale, [1])
    said.start()
    got += results
    assert sorted(got) == [(number, number) for number in range(5)]
    assert capsys.readouterr().err.count("No worker is left at ") == 1


@needs_networks
def test_hosts_that_join_late_and_one_that_falls_silent(seen, here):
    """Also, the scheduler's host is out of sight for a moment."""
    assert seen["at first"] == {"10.9.0.2"}
    assert seen["busy"] == {"10.9.0.2", "10.9.0.3", "10.9.0.4"}  # those that joined later had work
    assert seen["after"] == {"10.9.0.3", "10.9.0.4"}
    pd.testing.assert_frame_equal(seen["joined and lost"], here, check_exact=True)


@needs_networks
def test_a_scheduler_out_of_sight_for_longer_than_a_connection_lasts(seen, here):
    """All that was under way is sent again, and done by a host that comes then."""
    pd.testing.assert_frame_equal(seen["out of sight"], here, check_exact=True)


@needs_networks
def test_a_scheduler_that_is_gone_is_said_and_what_was_done_is_kept(seen, here):
    assert "could not be reached again. Start a cluster and a client anew and call again" in seen["gone"]
    assert seen["kept"] >= 5
    pd.testing.assert_frame_equal(seen["taken up again"], here, check_exact=True)


@needs_networks
@pytest.mark.parametrize("who", ["the room", "who made it"])
def test_nothing_outlives_a_room_whose_maker_is_killed(who, tmp_path):
    def networks() -> set[str]:
        found = set()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                found.add(network(process.name))
        return found

    made = f"import subprocess; subprocess.run({[*ROOM, sys.executable, __file__]})"
    command = [*ROOM, sys.executable, __file__] if who == "the room" else [sys.executable, "-c", made]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as maker:
        of_room = set(maker.stdout.readline().split())
        assert len(of_room) == 4
        assert of_room < networks()
        maker.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 10
        while of_room & networks() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not of_room & networks()


# What follows runs inside the room.


def ip(*words) -> None:
    subprocess.run(["ip", *map(str, words)], check=True)


class Host:
    """A process with a network of its own; it runs a command once its cable is in the switch."""

    def __init__(self, number: int, *command: str, plugged: bool = True):
        self.port, self.address = f"port{number}", f"10.9.0.{number}"
        set_up = 'read go; ip link set lo up; ip addr add "$0/24" dev eth0; ip link set eth0 up; exec "$@"'
        with Path(f"host{number}.log").open("w") as log:
            self.process = subprocess.Popen(
                [*APART, "sh", "-c", set_up, self.address, *command], stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        while network(self.process.pid) == network("self"):
            time.sleep(0.01)
        ip("link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns", self.process.pid)
        ip("link", "set", self.port, "up")
        if plugged:
            self.plug()
        self.process.stdin.write(b"go\n")
        self.process.stdin.close()

    def plug(self) -> None:
        ip("link", "set", self.port, "master", "switch")

    def silence(self) -> None:
        """Let nothing through: no end of a connection is told, as when the power fails."""
        ip("link", "set", self.port, "nomaster")


def switch() -> None:
    ip("link", "set", "lo", "up")
    # An address of its own: else the switch takes that of one of its ports, and changes it as they come and go.
    ip("link", "add", "switch", "address", "02:00:00:00:00:fe", "type", "bridge")
    ip("addr", "add", "10.9.0.254/24", "dev", "switch")
    ip("link", "set", "switch", "up")


def worker(number: int, plugged: bool = True) -> Host:
    """A host that has imported all it needs, and joins as soon as it can reach the scheduler."""
    command = [sys.executable, __file__, "10.9.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    return Host(number, *command, "--local-directory", f"host{number}", plugged=plugged)


def reach(scheduler: str) -> None:
    """Return once a scheduler answers."""
    while True:
        try:
            return socket.create_connection((scheduler, 8786), timeout=1).close()
        except OSError:
            time.sleep(0.05)


def join(scheduler: str, *options: str) -> None:
    from distributed.cli.dask_worker import main

    reach(scheduler)
    main([f"{scheduler}:8786", *options])


def at_results(steps: dict) -> None:
    """Have something happen once so many chunks are in."""
    seen, real = [], refits.tqdm.update

    def update(bar, n=1):
        if n:
            seen.append(n)
            steps.get(len(seen), int)()
        return real(bar, n)

    refits.tqdm.update = update


def in_the_room(given: dict) -> dict:
    """Return predictions, and what was seen on the way, of a `refit` after another."""
    from dask.distributed import Client

    switch()
    scheduler = Host(1, sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "10.9.0.1", "--no-dashboard")
    first, *later = worker(2), worker(3, plugged=False), worker(4, plugged=False), worker(5, plugged=False)
    reach(scheduler.address)
    client = Client("10.9.0.1:8786", timeout=10)
    client.wait_for_workers(1, timeout=120)
    found, started = {}, time.monotonic()

    def names(addresses) -> set[str]:
        return {address.split("/")[2].split(":")[0] for address in addresses}

    def workers() -> set[str]:
        return names(client.scheduler_info(n_workers=-1)["workers"])

    def two_join():
        found["at first"] = workers()
        for host in later[:2]:
            host.plug()
        client.wait_for_workers(3, timeout=30)

    def first_is_lost():
        found["busy"] = names(address for address, keys in client.processing().items() if keys)
        first.silence()

    def scheduler_is_away(seconds: float):
        scheduler.silence()
        threading.Timer(seconds, scheduler.plug).start()

    def refitted(name: str, steps: dict, **options) -> None:
        at_results(steps)
        found[name] = refit(model(), **given, **options)
        found[f"seconds until {name}"] = time.monotonic() - started

    refits.CHUNK = CHUNK
    with joblib.parallel_config(backend="dask"):
        refitted("joined and lost", {1: two_join, 4: first_is_lost, 7: lambda: scheduler_is_away(1.5)})
        found["after"] = workers()

        def away_too_long():
            later[2].plug()  # the others give up what they cannot reach; this one comes
            scheduler_is_away(14)

        refitted("out of sight", {2: away_too_long})
        with pytest.raises(RuntimeError) as caught:
            refitted("gone", {5: scheduler.process.kill}, checkpoint="kept")
        found["gone"] = str(caught.value)
    found["kept"] = len(list(Path("kept").iterdir()))
    refitted("taken up again", {}, checkpoint="kept")
    return found


def hold() -> None:
    """Build a room of three hosts, tell its networks, and stay."""
    switch()
    built = [Host(number, "sleep", "1000") for number in (1, 2, 3)]
    print(*(network(host.process.pid) for host in built), network("self"), flush=True)
    time.sleep(1000)


def main(given: Path, out: Path) -> None:
    import dask

    # Dask's shortest timeout of a connection that says nothing (30 s by default).
    timeouts = {"tcp": "11s", "connect": "4s"}
    dask.config.set({"distributed.comm.timeouts": timeouts})
    for name, value in timeouts.items():
        os.environ[f"DASK_DISTRIBUTED__COMM__TIMEOUTS__{name.upper()}"] = value
    out.write_bytes(pickle.dumps(in_the_room(pickle.loads(given.read_bytes()))))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        hold()
    elif len(sys.argv) > 3:
        join(*sys.argv[1:])
    main(*map(Path, sys.argv[1:]))
    os._exit(0)  # and with this process all that was started in the room
