"""Runs in a process of their own.

A generator in a thread of the kernel makes its loop late by hundreds of milliseconds, and is
made late by it. The worker has no listening port: one pipe goes to it, and scenario classes
that a notebook defines travel by value.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import signal
import traceback
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, LoadError, MissingExtraError

from ._run import Run, run
from ._shapes import need_numpy

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from ._plan import Plan
    from ._recorder import Snapshot

_POLL = 0.05


def run_apart(
    plan: Plan,
    *,
    live: Callable[[Snapshot], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Run:
    """Drive *plan* in a process of its own, and wait for it.

    Args:
        plan: What is asked.
        live: Told four times a second of what happened since.
        cancelled: Asked twenty times a second; once true, the run ends as partial.

    Raises:
        MissingExtraError: Without the extra `load`.
        LoadError: The process ended by itself, or the scenario's `setup` raised.
    """
    need_numpy()
    try:
        import cloudpickle  # noqa: PLC0415 - of the extra `load`
    except ImportError:
        raise MissingExtraError("cloudpickle is not installed", extra="load") from None
    # Not forked: the parent may have threads, and a kernel has.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, os.getpid()), daemon=True)
    process.start()
    there.close()
    asked = False
    stopped = False
    try:
        here.send_bytes(cloudpickle.dumps((plan, live is not None)))
        while True:
            if not asked and (stopped or (cancelled is not None and cancelled())):
                asked = True
                here.send_bytes(b"cancel")
            try:
                if not here.poll(_POLL):
                    continue
            except KeyboardInterrupt:
                # The first Ctrl-C keeps what there is, the second one does not wait for it.
                if stopped:
                    raise
                stopped = True
                continue
            kind, value = pickle.loads(here.recv_bytes())  # noqa: S301 - of our own process
            if kind == "live" and live is not None:
                live(value)
            elif kind == "done":
                recorded, driven, limited_by, judged, broken, machine = value
                return Run(plan, recorded, driven, limited_by, judged, broken, machine)
            elif kind == "failed":
                raise LoadError(Fault("load-worker", f"the run failed: {value[0]}", why=value[1]))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        process.join(5)
        raise LoadError(
            Fault(
                "load-worker",
                f"the process of the run ended by itself, with code {process.exitcode}",
                fix="look at what it printed; was it killed, or out of memory?",
            )
        ) from None
    finally:
        here.close()
        process.join(1)
        if process.is_alive():
            process.kill()
            process.join(5)


def _serve(pipe: Connection, parent: int) -> None:  # pragma: no cover - in another process
    """Run what comes through *pipe*; the worker's side."""
    # Ctrl-C goes to both; who waits for the run says what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import cloudpickle  # noqa: PLC0415 - see above

    plan, wants_live = cloudpickle.loads(pipe.recv_bytes())
    asked = False

    def cancelled() -> bool:
        nonlocal asked
        if not asked and pipe.poll():
            pipe.recv_bytes()
            asked = True
        # A parent that was killed leaves no run behind.
        return asked or os.getppid() != parent

    def live(snapshot: Snapshot) -> None:
        pipe.send_bytes(pickle.dumps(("live", snapshot)))

    answer: tuple[str, Any]
    try:
        with asyncio.Runner(loop_factory=plan.scenario.new_loop) as runner:
            found = runner.run(run(plan, live=live if wants_live else None, cancelled=cancelled))
        answer = (
            "done",
            (
                found.recorded,
                found.driven,
                found.limited_by,
                found.judged,
                found.broken,
                found.machine,
            ),
        )
    except Exception as error:  # noqa: BLE001 - told to who waits
        answer = ("failed", (f"{type(error).__name__}: {error}", traceback.format_exc()))
    pipe.send_bytes(cloudpickle.dumps(answer))
    pipe.close()
