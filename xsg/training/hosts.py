"""Work sent to the processes or the hosts that `joblib.parallel_config` names, and taken back as it is finished."""

import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from tqdm.auto import tqdm

if TYPE_CHECKING:
    from dask.distributed import Client

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 2  # pieces of work that wait for each thread of the cluster: enough that no host is idle, few in its memory
TRIES = 4  # times that a finished piece may be lost on its way here; then something stands between the hosts
PATIENCE = 15.0  # seconds without a result after which it is asked whether a host is left


def finished(function: Callable[[T], R], given: Mapping[int, T]) -> Iterator[tuple[int, R]]:
    """Apply a function to each of several things, here or elsewhere.

    Parameters
    ----------
    function
        A function that the other processes can import, with one argument.
    given
        What it is applied to, by number.

    Yields
    ------
    number, result
        In the order in which they are finished, so that a slow host holds nothing back.

    Raises
    ------
    RuntimeError
        If the scheduler of a Dask cluster is gone, or the same piece was lost with one host after another.
    TimeoutError
        If a Dask cluster has no worker yet after joblib's ``wait_for_workers_timeout`` (10 s unless it is given).

    Examples
    --------
    >>> sorted(finished(abs, {4: -1, 7: -2}))
    [(4, 1), (7, 2)]
    """
    from joblib import Parallel, delayed
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend()
    if hasattr(backend, "client"):
        # Not by way of joblib, which counts the workers once: what joined later would stay idle, and with one worker
        # at the start all would be computed here.
        backend.effective_n_jobs(-1)
        with backend.retrieval_context():
            yield from _on_dask(backend.client, function, given)
    else:
        tasks = (delayed(_numbered)(function, number, each) for number, each in given.items())
        yield from Parallel(return_as="generator_unordered")(tasks)


def _numbered(function: Callable[[T], R], number: int, given: T) -> tuple[int, R]:
    return number, function(given)


def _on_dask(client: "Client", function: Callable[[T], R], given: Mapping[int, T]) -> Iterator[tuple[int, R]]:
    """Yield results from a cluster whose hosts may come and go, and whose scheduler may be out of sight for a while."""
    from dask.distributed import CancelledError, KilledWorker, wait

    waiting, under_way, lost = deque(given), {}, Counter()
    threads, since = 1, time.monotonic()
    try:
        while waiting or under_way:
            _in_reach(client)
            with suppress(OSError):  # the connection may be lost now; then what was known is good enough
                threads = sum(client.nthreads().values())
            if threads == 0 and time.monotonic() - since > PATIENCE:
                tqdm.write(
                    f"No worker is left at {client.scheduler_info()['address']}; {len(waiting) + len(under_way)} "
                    "pieces of work wait for one to join. Ctrl-C ends the waiting.",
                    file=sys.stderr,
                )
                since = float("inf")  # said once, until there is a result again
            while waiting and len(under_way) < AHEAD * max(threads, 1):
                number = waiting.popleft()
                under_way[client.submit(function, given[number], pure=False)] = number
            with suppress(TimeoutError, CancelledError):
                wait(list(under_way), timeout=PATIENCE, return_when="FIRST_COMPLETED")
            for future in [each for each in under_way if each.status != "pending"]:
                number, failed = under_way[future], future.status == "error"
                try:
                    result = future.result(timeout=PATIENCE)
                except KilledWorker as error:
                    raise RuntimeError(
                        f"{error.allowed_failures + 1} workers ended, one after another, at the same piece of work. "
                        "Their logs say why: most often the memory or the time they may use was too short. If they "
                        "were only taken away, raise Dask's distributed.scheduler.allowed-failures."
                    ) from error
                except (CancelledError, OSError) as error:
                    if failed:  # the function's own
                        raise
                    if isinstance(error, TimeoutError):  # its host is gone, and it is computed again
                        continue
                    # Lost with the connection to the scheduler, or on its way.
                    lost[number] += isinstance(error, OSError)
                    if lost[number] == TRIES:
                        raise RuntimeError(
                            f"a result was lost {TRIES} times on its way here ({error}): workers are done, but cannot "
                            "be reached. Can the scheduler's host open connections to theirs?"
                        ) from error
                    waiting.appendleft(number)
                    del under_way[future]
                else:
                    del under_way[future]
                    since = time.monotonic()
                    yield number, result
    finally:
        if under_way and client.status == "running":
            with suppress(OSError, CancelledError):
                client.cancel(list(under_way), force=True)


def _in_reach(client: "Client") -> None:
    """Wait while the client looks for a scheduler that it has lost; it gives up after Dask's timeout for connecting."""
    while client.status == "connecting":
        time.sleep(0.05)
    if client.status != "running":
        raise RuntimeError(
            f"the client's connection to the Dask scheduler is {client.status}, and the scheduler could not be reached "
            "again. Start a cluster and a client anew and call again; chunks that a checkpoint has are not trained "
            "again. (A lost scheduler is waited for as long as Dask's distributed.comm.timeouts.tcp says, and then as "
            "long as the client's timeout.)"
        )
