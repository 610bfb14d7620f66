"""The generator: begins operations when they are due, and records when they were.

Open loads use one tick of a millisecond: what is due goes to idle workers, and to a queue
when there is none; nothing is sent early, and lag is counted from the intended start. A task
for each operation, or a sleep in each worker, kept neither 50,000 a second nor the order.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from ._shapes import Closed, constant, schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._plan import Plan
    from ._recorder import OpRecorder, Recorder, Snapshot
    from ._scenario import Operation, Scenario
    from ._shapes import Shape

TICK = 0.001
"""Seconds between two looks at what is due; the honest resolution of a lag."""
_SWEEP_NS = 50_000_000
_FLUSH_NS = 100_000_000
# Numbers of 4,000 operations: to count more at once would be seen as a lag.
_BATCH = 12_000
# An operation that never suspends would keep the loop from everybody else.
_TURN = 64


@dataclass(slots=True)
class Driven:
    """What the generator saw of itself.

    Attributes:
        offered: Operations that were due.
        wall: Seconds from the first to the end of the last operation.
        cpu: CPU seconds of this process in that time.
        capped: Operations that were due while as many were in flight as may be.
        floor_ns: What the generator itself takes for an operation.
        cancelled: Whether somebody ended the run.
    """

    offered: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    capped: int = 0
    floor_ns: float = 0.0
    cancelled: bool = False


class Drive:
    """One run in this process, on the running loop."""

    def __init__(
        self,
        plan: Plan,
        scenario: Scenario,
        recorder: Recorder,
        *,
        live: Callable[[Snapshot], object] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self._plan, self._scenario, self._recorder = plan, scenario, recorder
        self._live, self._is_cancelled = live, cancelled
        self._clock = time.perf_counter_ns
        self._takers: dict[str, OpRecorder] = {
            o.name: recorder.op(o.name) for o in scenario.operations()
        }
        self._calls = {
            o.name: (getattr(scenario, o.method), self._takers[o.name].record, self._takers[o.name])
            for o in scenario.operations()
        }
        self._timeout = int(plan.timeout * 1e9)
        self._flight: dict[asyncio.Task[Any], int] = {}
        self._overdue: set[asyncio.Task[Any]] = set()
        # What is in flight, as each source of load counts it: never at an operation's cost.
        self._gauges: list[Callable[[], int]] = []
        self._stopping = False
        self._users = self._t0 = self._end = 0
        self.driven = Driven()

    async def run(self) -> Driven:
        """Drive the plan to its end and return what the generator saw of itself."""
        driven = self.driven
        self._t0 = self._clock()
        self._end = self._t0 + int(self._plan.length * 1e9)
        self._recorder.begin(self._t0)
        if self._plan.warmup:
            self._recorder.enter("warmup")
        cpu = time.process_time()
        watch = asyncio.ensure_future(self._watch())
        work = [asyncio.ensure_future(self._driver())]
        work += [
            asyncio.ensure_future(
                self._open(o, constant(self._scenario.rate_of(o), self._plan.length))
            )
            for o in self._scenario.operations()
            if o.rate is not None
        ]
        try:
            await asyncio.gather(*work)
        finally:
            self._stopping = True
            for task in (*work, watch):
                task.cancel()
            await asyncio.gather(*work, watch, return_exceptions=True)
            driven.wall = (self._clock() - self._t0) / 1e9
            driven.cpu = time.process_time() - cpu
            self._recorder.flush()
        return driven

    async def _driver(self) -> None:
        load = self._plan.load
        shared = [o for o in self._scenario.operations() if o.rate is None and o.weight]
        if not shared:
            return
        if isinstance(load, Closed):
            self._users = load.users
            self._gauges.append(lambda: self._users)
            await self._group([self._user(load, n) for n in range(load.users)])
        else:
            await self._open(None, load)

    async def _group(self, work: list[Any]) -> None:
        tasks = [asyncio.ensure_future(one) for one in work]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # --- one operation ------------------------------------------------------------------

    async def _user(self, load: Closed, number: int) -> None:
        rng = Random(f"{self._plan.seed}:{number}")  # noqa: S311 - a load, no secret
        choose, clock, end = self._scenario.chooser(rng), self._clock, self._end
        thinks, once = load.think.high > 0, self._timeout > 0
        turn, now = 0, clock()
        while now < end:
            operation = choose()
            if once:
                await self._one(operation, now, rng)
                now = clock()
            else:
                # As `_one`, without its call: that would be a third of what an operation costs.
                call, record, taker = self._calls[operation.name]
                start = now
                try:
                    await call(rng)
                except asyncio.CancelledError:
                    taker.cancel(start, start, clock())
                    raise
                except Exception as error:  # noqa: BLE001 - what is driven raises what it likes
                    now = clock()
                    taker.fail(start, start, now, error)
                else:
                    now = clock()
                    record((start, start, now))
            turn += 1
            if thinks:
                self._users -= 1
                await asyncio.sleep(_drawn(load, rng))
                self._users += 1
                now = clock()
            elif turn >= _TURN:
                self.driven.offered += turn
                turn = 0
                await asyncio.sleep(0)
                now = clock()
                if self._stopping:
                    break
        self._users -= 1
        self.driven.offered += turn

    async def _one(self, operation: Operation, intended: int, rng: Random) -> None:
        """Do one operation under the time limit."""
        call, record, taker = self._calls[operation.name]
        clock = self._clock
        start = clock()
        task = asyncio.current_task()
        assert task is not None, "operations run in tasks"  # noqa: S101 - our own invariant
        self._flight[task] = start
        try:
            await call(rng)
        except asyncio.CancelledError:
            if task not in self._overdue:
                taker.cancel(intended, start, clock())
                raise
            self._overdue.discard(task)
            task.uncancel()
            taker.timeout(intended, start, clock())
        except Exception as error:  # noqa: BLE001 - what is driven raises what it likes
            taker.fail(intended, start, clock(), error)
        else:
            record((intended, start, clock()))
        finally:
            self._flight.pop(task, None)
            if task in self._overdue:
                # It ended by itself in the very turn in which it was cancelled.
                self._overdue.discard(task)
                task.uncancel()

    # --- open loads ---------------------------------------------------------------------

    async def _open(self, only: Operation | None, shape: Shape) -> None:
        plan, clock, t0 = self._plan, self._clock, self._t0
        due: deque[int] = deque()
        idle: list[asyncio.Future[None]] = []
        tasks: list[asyncio.Task[None]] = []
        busy = 0
        done = False

        async def worker(number: int) -> None:
            nonlocal busy
            rng = Random(f"{plan.seed}:{number}")  # noqa: S311 - a load, no secret
            choose = self._scenario.chooser(rng) if only is None else lambda: only
            once, turn = self._timeout > 0, 0
            while True:
                if len(due) > 1:
                    # Two more each: where operations suspend, all are woken in a few turns of
                    # the loop; where they do not, this one does them all, and few wake in vain.
                    wake()
                busy += 1
                try:
                    while due:
                        intended = t0 + due.popleft()
                        turn += 1
                        if once:
                            await self._one(choose(), intended, rng)
                        else:
                            call, record, taker = self._calls[choose().name]
                            start = clock()
                            try:
                                await call(rng)
                            except asyncio.CancelledError:
                                taker.cancel(intended, start, clock())
                                raise
                            except Exception as error:  # noqa: BLE001 - see above
                                taker.fail(intended, start, clock(), error)
                            else:
                                record((intended, start, clock()))
                        if turn >= _TURN:
                            turn = 0
                            await asyncio.sleep(0)
                finally:
                    busy -= 1
                if done:
                    return
                waiter = asyncio.get_running_loop().create_future()
                idle.append(waiter)
                await waiter

        self._gauges.append(lambda: busy)

        def wake() -> None:
            missing = min(len(due), 2)
            while missing and idle:
                waiter = idle.pop()
                if not waiter.done():
                    waiter.set_result(None)
                    missing -= 1
            room = plan.max_in_flight - len(tasks)
            for _ in range(min(missing, room)):
                tasks.append(asyncio.ensure_future(worker(len(tasks))))

        try:
            for chunk in _chunks(shape, plan.seed, only):
                at = 0
                while at < len(chunk) and not self._stopping:
                    upto = bisect_right(chunk, clock() - t0, at)
                    if upto > at:
                        fresh = upto - at
                        self.driven.offered += fresh
                        if len(tasks) >= plan.max_in_flight and not idle:
                            self.driven.capped += fresh
                        due.extend(chunk[at:upto])
                        at = upto
                        wake()
                    await asyncio.sleep(TICK)
            done = True
            limit = clock() + int(plan.grace * 1e9)
            while (due or busy) and clock() < limit and not self._stopping:
                wake()
                await asyncio.sleep(TICK)
        finally:
            taker = self._takers[only.name if only else self._shared_name()]
            for token in due:
                taker.drop(t0 + token)
            due.clear()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _shared_name(self) -> str:
        return next(o.name for o in self._scenario.operations() if o.rate is None and o.weight)

    # --- beside it ----------------------------------------------------------------------

    async def _watch(self) -> None:
        """Sweep what takes too long, flush, end the warm-up, tell who looks, and stop."""
        clock, plan = self._clock, self._plan
        warm = self._t0 + int(plan.warmup * 1e9)
        swept = flushed = told = self._t0
        warming = plan.warmup > 0
        while True:
            await asyncio.sleep(TICK * 10)
            now = clock()
            if warming and now >= warm:
                warming = False
                self._recorder.enter("measured")
            if self._timeout and now - swept >= _SWEEP_NS:
                swept = now
                for task, start in list(self._flight.items()):
                    if now - start > self._timeout and task not in self._overdue:
                        self._overdue.add(task)
                        task.cancel()
            if self._is_cancelled is not None and self._is_cancelled():
                self._stopping = self.driven.cancelled = True
            if self._live is not None and now - told >= 250_000_000:  # noqa: PLR2004 - 4 Hz
                told = flushed = now
                self._live(self._recorder.snapshot(sum(gauge() for gauge in self._gauges)))
            elif now - flushed >= _FLUSH_NS or self._waiting() > _BATCH:
                flushed = now
                self._recorder.flush()

    def _waiting(self) -> int:
        return sum(len(taker.rows) for taker in self._takers.values())


def _chunks(shape: Shape, seed: int, only: Operation | None) -> Iterator[list[int]]:
    # Operations with a schedule of their own must not draw the numbers of another one.
    own = seed if only is None else Random(f"{seed}:{only.name}").getrandbits(32)  # noqa: S311 - a load
    for chunk in schedule(shape, own):
        yield chunk.tolist()


def _drawn(load: Closed, rng: Random) -> float:
    think = load.think
    if think.kind == "exp":
        return rng.expovariate(1 / think.high)
    return rng.uniform(think.low, think.high)
