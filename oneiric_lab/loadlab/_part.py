"""What one worker does of a run: sets up, drives its share, ends, and says what it saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._drive import Drive
from ._machine import Collections, machine, usage
from ._plan import Plan
from ._scenario import Scenario, op
from ._shapes import closed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._drive import Driven
    from ._figures import Since
    from ._recorded import Recorded

_CALIBRATION = 0.1


@dataclass(frozen=True, slots=True)
class Part:
    """What one worker brings back: plain data that pickles.

    Attributes:
        recorded: What its operations did.
        driven: What the generator saw of itself.
        broken: Invariants that do not hold, with what is wrong.
        machine: Where it ran.
    """

    recorded: Recorded
    driven: Driven
    broken: tuple[tuple[str, str], ...]
    machine: dict[str, str]


class _Null(Scenario):
    """What the generator itself costs."""

    @op()
    async def nothing(self, rng: Any) -> None:
        """Do nothing."""


async def part_of(
    plan: Plan,
    worker: int = 0,
    of: int = 1,
    *,
    start: Callable[[], Awaitable[int | None]] | None = None,
    live: Callable[[Since], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
    paused: Callable[[], bool] | None = None,
) -> Part:
    """Drive one worker's share of *plan* on the running loop, with a scenario of its own.

    Args:
        plan: The whole run.
        worker: Number of this worker, from 0.
        of: How many workers there are.
        start: Awaited when all is set up; gives the instant at which every worker begins,
            by `time.perf_counter_ns`, or None for at once.
        live: Told four times a second of what happened since.
        cancelled: Asked a hundred times a second; once true, the run ends as partial.
        paused: Asked a hundred times a second; nothing is begun while it is true.

    Raises:
        Exception: Whatever the scenario's `setup` or `teardown` raised.
    """
    from ._recorder import Recorder  # noqa: PLC0415 - brings numpy

    floor = await _floor()
    scenario = plan.make()
    recorder = Recorder(raw_limit=plan.raw_limit, windows=plan.windows)
    await scenario.setup()
    try:
        drive = Drive(
            plan,
            scenario,
            recorder,
            worker=worker,
            of=of,
            live=live,
            cancelled=cancelled,
            paused=paused,
        )
        with Collections() as collections:
            t0 = None if start is None else await start()
            before = usage()
            driven = await drive.run(t0)
        driven.floor_ns = floor
        driven.used = usage().since(before, collections)
    finally:
        await scenario.teardown()
    return Part(recorder.result(), driven, broken(scenario), machine())


async def _floor() -> float:
    """Return what an operation that does nothing takes, in nanoseconds of CPU."""
    from ._recorder import Recorder  # noqa: PLC0415 - brings numpy

    plan = Plan(_Null, load=closed(1, duration=_CALIBRATION))
    recorder = Recorder()
    driven = await Drive(plan, _Null(), recorder).run()
    return driven.cpu / max(driven.offered, 1) * 1e9


def broken(scenario: Scenario) -> tuple[tuple[str, str], ...]:
    """Return the invariants of *scenario* that do not hold, and what is wrong with each."""
    out = []
    for name in scenario.invariants():
        try:
            said = getattr(scenario, name)()
        except Exception as error:  # noqa: BLE001 - a check that raises does not hold
            said = f"{type(error).__name__}: {error}"
        if said is not True:
            out.append((name, said if isinstance(said, str) else "does not hold"))
    return tuple(out)
