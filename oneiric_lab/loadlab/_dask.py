"""Runs on a cluster of Dask: one pinned task for each of its workers.

Nothing is asked of the cluster but to run functions: what a task has to say is fetched from
its process four times a second, and the same call brings what it is told. A task that nobody
asks after for ten seconds ends. It is never run again by the cluster, since that would double
the load. Clocks of other machines differ: how far is estimated from the quickest of a few
calls, so that all begin at one instant; half of what that call took is the error, which the
machine facts of the run tell.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import re
import threading
import time
import traceback
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from oneiric_lab.errors import Fault, LoadError, MissingExtraError, UsageError

from ._crew import MOST_WORKERS, Ear, Foreman, Hand, check_workers, interrupts_to
from ._part import Part, part_of
from ._shapes import Closed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Client, Future

    from ._figures import Since, Snapshot
    from ._plan import Plan

_PERIOD: Final = 0.25
_AHEAD_NS: Final = 500_000_000
"""How far ahead the common start is set: each worker is told by a call of its own."""
_CALLS: Final = 5
_ORPHANED: Final = 10.0
_PATIENCE: Final = 15.0
_LOCAL = re.compile(r"dask(?::(\d{1,4}))?")
_REMOTE = re.compile(r"dask://([^/\s:]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})")


def drive_on(
    cluster: object,
    plan: Plan,
    live: Callable[[Snapshot], object] | None,
    cancelled: Callable[[], bool] | None,
    paused: Callable[[], bool] | None,
) -> list[Part]:
    """Drive *plan* on a cluster, and return what each worker brought.

    Args:
        cluster: `dask`, `dask:4`, `dask://HOST:PORT`, or a client.
        plan: What is asked.
        live: As of `run_apart`.
        cancelled: As of `run_apart`.
        paused: As of `run_apart`.

    Raises:
        MissingExtraError: Without the extra `dask`.
        UsageError: It names no cluster, or one without workers.
        LoadError: It cannot be reached, a worker is gone, or the scenario's `setup` raised.
    """
    try:
        import cloudpickle  # noqa: PLC0415 - of the extra
        import distributed  # noqa: F401, PLC0415 - of the extra
    except ImportError:
        raise MissingExtraError("distributed is not installed", extra="dask") from None
    job = cloudpickle.dumps(plan)
    with contextlib.ExitStack() as stack:
        client = _client(cluster, plan, stack)
        addresses = sorted(client.nthreads())
        if not addresses:
            raise UsageError(
                Fault(
                    "no-workers",
                    f"the cluster {_shown(cluster)} has no workers",
                    fix="start some: dask worker HOST:PORT",
                )
            )
        load = plan.load
        most = min(MOST_WORKERS, load.users if isinstance(load, Closed) else MOST_WORKERS)
        addresses = addresses[:most]
        run = uuid.uuid4().hex
        of = len(addresses)
        crew = [
            _Hand(number=number, of=of, client=client, address=address, key=f"{run}:{number}")
            for number, address in enumerate(addresses)
        ]
        foreman = Foreman(crew, live, cancelled, paused)
        try:
            for hand in crew:
                hand.begin(job, live is not None)
            with interrupts_to(foreman):
                return _follow(foreman)
        finally:
            for hand in crew:
                hand.let_go()


def _client(cluster: object, plan: Plan, stack: contextlib.ExitStack) -> Client:
    from distributed import Client  # noqa: PLC0415 - of the extra

    if isinstance(cluster, Client):
        if cluster.asynchronous:
            raise UsageError(
                Fault(
                    "usage",
                    "a client that is asynchronous cannot be waited for here",
                    fix="Client(address), without asynchronous=True",
                )
            )
        return cluster
    if isinstance(cluster, str) and (local := _LOCAL.fullmatch(cluster)):
        number = int(local[1]) if local[1] else os.cpu_count() or 1
        return stack.enter_context(_local(check_workers(plan, number)))
    if isinstance(cluster, str) and (remote := _REMOTE.fullmatch(cluster)):
        address = f"tcp://{remote[1]}:{remote[2]}"
        try:
            # No default of the process: what the user computes with Dask goes elsewhere.
            return stack.enter_context(Client(address, timeout=5, set_as_default=False))
        except (OSError, TimeoutError) as error:
            raise LoadError(
                Fault(
                    "no-cluster",
                    f"no cluster of Dask answers at {remote[1]}:{remote[2]}",
                    why=f"{type(error).__name__}: {error}",
                    fix="start one with dask scheduler; where it asks for TLS pass a Client",
                )
            ) from error
    raise UsageError(
        Fault(
            "usage",
            f"workers: {_shown(cluster)} names no cluster",
            fix="dask, dask:4, dask://HOST:PORT, or a distributed.Client",
        )
    )


def _shown(cluster: object) -> str:
    return repr(cluster) if isinstance(cluster, str) else "of the client"


@contextlib.contextmanager
def _local(workers: int) -> Iterator[Client]:
    """Give a cluster of this machine: processes, encrypted, no dashboard."""
    import dask.config  # noqa: PLC0415 - of the extra
    from distributed import Client, LocalCluster, Security  # noqa: PLC0415 - of the extra

    with contextlib.ExitStack() as stack:
        # A worker that dies ends the run, soon; nobody begins its task again.
        own = {
            "distributed.scheduler.allowed-failures": 0,
            "distributed.comm.timeouts.connect": "5s",
        }
        stack.enter_context(dask.config.set(own))
        cluster = stack.enter_context(
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                security=Security.temporary(),
                # Its servers for HTTP cannot be left out: here on a free port of this machine.
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                silence_logs=50,
            )
        )
        yield stack.enter_context(Client(cluster, set_as_default=False))


class _News(NamedTuple):
    """What a task has to say.

    Attributes:
        clock: `time.perf_counter_ns` of its machine.
        is_ready: Whether it is set up.
        seen: What happened since it was asked before, pickled.
    """

    clock: int
    is_ready: bool
    seen: tuple[bytes, ...]


@dataclass(eq=False, kw_only=True)
class _Hand(Hand):
    """A worker of the cluster."""

    client: Client
    address: str
    key: str
    future: Future[Any] | None = None
    ahead_ns: int = 0
    error_ns: int = 1 << 62

    def begin(self, job: bytes, wants_live: bool) -> None:
        """Submit its task: to this worker, once."""
        self.future = self.client.submit(
            _share,
            self.key,
            job,
            self.number,
            self.of,
            wants_live,
            key=f"oneiric-load-{self.key}",
            workers=[self.address],
            allow_other_workers=False,
            retries=0,
            pure=False,
        )

    def ask(self, word: str = "", value: str = "") -> None:
        """Tell it a word, and take what it has to say."""
        before = time.perf_counter_ns()
        try:
            found = self.client.run(_look, self.key, word, value, workers=[self.address])
            news: _News | None = found[self.address]
        except Exception as error:
            # Whatever a lost connection, a closed worker or a version that differs raises.
            raise self.gone(f"{type(error).__name__}: {error}") from error
        after = time.perf_counter_ns()
        if news is None:
            return
        if after - before < 2 * self.error_ns:
            self.error_ns = (after - before) // 2
            self.ahead_ns = news.clock - (before + after) // 2
        self.is_ready = news.is_ready
        self.seen += [pickle.loads(seen) for seen in news.seen]  # noqa: S301 - of our own task

    def take(self) -> None:
        """Take its part, where it has ended."""
        assert self.future is not None, "begun before it is asked"  # noqa: S101 - our own invariant
        if not self.future.done():
            return
        try:
            word, value = pickle.loads(self.future.result(timeout=_PATIENCE))  # noqa: S301 - see above
        except Exception as error:
            raise self.gone(f"{type(error).__name__}: {error}") from error
        if word == "failed":
            what, how = value
            raise LoadError(Fault("load-worker", f"{self.name} failed: {what}", why=how))
        self.part = value

    def gone(self, why: str) -> LoadError:
        """Return the error of a worker that is not there any more."""
        return LoadError(
            Fault(
                "load-worker",
                f"{self.name} is gone from the cluster",
                why=why,
                fix="look at what it logged; was it killed, or out of memory?",
            )
        )

    def let_go(self) -> None:
        """End its task where it still drives, and forget it."""
        with contextlib.suppress(Exception):
            # Who is gone is not called: Dask would try for half a minute.
            if self.part is None and self.address in self.client.nthreads():
                self.client.run(_look, self.key, "cancel", "", workers=[self.address])
            if self.future is not None:
                self.future.release()


def _follow(foreman: Foreman[_Hand]) -> list[Part]:
    crew = foreman.crew
    calls = 0
    begun = False
    while working := foreman.at_work:
        word = foreman.wish()
        there = foreman.crew[0].client.nthreads()
        for hand in working:
            hand.take()
            if hand.part is None:
                if hand.address not in there:
                    raise hand.gone("its connection to the scheduler has ended")
                hand.ask(word or "")
        if not begun and all(hand.is_ready for hand in crew):
            calls += 1
            if calls >= _CALLS:
                begun = True
                start = time.perf_counter_ns() + _AHEAD_NS
                for hand in crew:
                    hand.ask("start", str(start + hand.ahead_ns))
            continue
        foreman.show()
        time.sleep(_PERIOD if begun else _PERIOD / 10)
    worst = max(hand.error_ns for hand in crew)
    for part in foreman.parts:
        part.machine["workers"] = "dask"
        part.machine["start_error_ms"] = f"{worst / 1e6:.1f}"
    return foreman.parts


# --- the task's side --------------------------------------------------------------------


class _Task(Ear):
    """A task of this process, between the thread that drives and the one that is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = time.monotonic()
        self.is_ready = False
        self._lock = threading.Lock()
        self._seen: list[bytes] = []

    def saw(self, since: Since) -> None:
        """Keep what happened until somebody asks."""
        with self._lock:
            self._seen.append(pickle.dumps(since))

    def news(self) -> _News:
        """Return what there is to say, once."""
        self.asked = time.monotonic()
        with self._lock:
            seen, self._seen = tuple(self._seen), []
        return _News(time.perf_counter_ns(), self.is_ready, seen)

    def is_over(self) -> bool:
        """Return whether the run is to end: somebody said so, or nobody asks any more."""
        return self.is_cancelled or time.monotonic() - self.asked > _ORPHANED


_TASKS: Final[dict[str, _Task]] = {}


def _look(key: str, word: str, value: str) -> _News | None:
    """Tell a task of this process a word, and return what it has to say."""
    task = _TASKS.get(key)
    if task is None:
        return None
    task.hear(word, value)
    return task.news()


def _share(key: str, job: bytes, number: int, of: int, wants_live: bool) -> bytes:
    """Drive one worker's share in this process, and return what it brings, pickled."""
    import cloudpickle  # noqa: PLC0415 - of the extra

    task = _TASKS[key] = _Task()

    async def started() -> int | None:
        task.is_ready = True
        while task.start is None and not task.is_over():  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(0.005)
        return task.start

    try:
        plan = cloudpickle.loads(job)
        with asyncio.Runner(loop_factory=plan.scenario.new_loop) as runner:
            part = runner.run(
                part_of(
                    plan,
                    number,
                    of,
                    start=started,
                    live=task.saw if wants_live else None,
                    cancelled=task.is_over,
                    paused=lambda: task.is_paused,
                )
            )
    except Exception as error:  # noqa: BLE001 - told to who waits
        return pickle.dumps(
            ("failed", (f"{type(error).__name__}: {error}", traceback.format_exc()))
        )
    finally:
        del _TASKS[key]
    return pickle.dumps(("done", part))
