"""The generator: begins operations when they are due, and records when they were.

Open loads use one tick of a millisecond: what is due goes to idle workers, and to a queue
when there is none; nothing is sent early, and lag is counted from the intended start. A task
for each operation, or a sleep in each worker, kept neither 50,000 a second nor the order.

A run that is paused begins nothing; what is in flight ends. The schedule stands still
meanwhile, and what waited has its intended start moved by as much: a pause is no lag.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from ._machine import Used
from ._schedule import schedule
from ._shapes import Closed, constant, share

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from ._figures import Since
    from ._plan import Plan
    from ._recorder import OpRecorder, Recorder
    from ._scenario import Operation, Scenario
    from ._shapes import Shape

    _Call = tuple[Callable[[Random], Awaitable[object]], Callable[..., None], OpRecorder]
    """An operation, what takes it where it ends well, and what takes it where it does not."""

TICK = 0.001
"""Seconds between two looks at what is due; the honest resolution of a lag."""
LATE_NS = 2_000_000
"""Beyond this the generator was late: twice its resolution."""
_SWEEP_NS = 50_000_000
_FLUSH_NS = 100_000_000
# Who cancels a run does not want to wait for the whole time of grace.
_PATIENCE_NS = 1_000_000_000
# Numbers of 4,000 operations: to count more at once would be seen as a lag.
_BATCH = 12_000
# An operation that never suspends would keep the loop from everybody else.
_TURN = 64


@dataclass(slots=True)
class Driven:
    """What the generator saw of itself.

    Attributes:
        offered: Operations that were due.
        wall: Seconds from the first to the end of the last operation, pauses included.
        cpu: CPU seconds of this process in that time.
        capped: Operations that were due while as many were in flight as may be.
        floor_ns: What the generator itself takes for an operation.
        cancelled: Whether somebody ended the run.
        paused: Seconds of `wall` in which nothing was begun because somebody asked for it.
        used: What the process used meanwhile.
        late: Operations that the generator itself came to more than 2 ms after they were due,
            whether one more could be in flight or not.
    """

    offered: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    capped: int = 0
    floor_ns: float = 0.0
    cancelled: bool = False
    paused: float = 0.0
    used: Used = field(default_factory=Used)
    late: int = 0

    @property
    def busy(self) -> float:
        """The share of one processor that the process took, target included."""
        return self.cpu / max(self.wall, 1e-9)

    def measured(self, warmup: float) -> float:
        """Return the seconds that count, pauses and *warmup* left out; never 0, to divide by."""
        return max(self.wall - self.paused - warmup, 1e-9)


def total(parts: Sequence[Driven]) -> Driven:
    """Return what the generators of several workers saw together.

    Counts and CPU seconds add up; of `wall`, `paused` and `floor_ns` it is the largest.
    """
    return Driven(
        offered=sum(part.offered for part in parts),
        wall=max(part.wall for part in parts),
        cpu=sum(part.cpu for part in parts),
        capped=sum(part.capped for part in parts),
        late=sum(part.late for part in parts),
        floor_ns=max(part.floor_ns for part in parts),
        cancelled=any(part.cancelled for part in parts),
        paused=max(part.paused for part in parts),
        used=Used(
            sum(part.used.rss_start_bytes for part in parts),
            sum(part.used.rss_end_bytes for part in parts),
            sum(part.used.switched_out for part in parts),
            sum(part.used.collections for part in parts),
            sum(part.used.collected_ns for part in parts),
            max(part.used.collected_longest_ns for part in parts),
        ),
    )


@dataclass(slots=True)
class _Line:
    """What is due of one schedule, and what a pause holds back of it."""

    due: deque[int]
    held: deque[int]

    def hold(self) -> None:
        self.held.extend(self.due)
        self.due.clear()

    def let_go(self) -> None:
        self.due.extendleft(reversed(self.held))
        self.held.clear()


class Drive:
    """One run, or one worker's share of it, in this process and on the running loop.

    Args:
        plan: The whole run.
        scenario: What this worker drives.
        recorder: Takes what happens.
        worker: Number of this worker, from 0.
        of: How many workers there are.
        live: Told four times a second of what happened since.
        cancelled: Asked a hundred times a second; once true, the run ends.
        paused: Asked a hundred times a second; nothing is begun while it is true.
    """

    def __init__(
        self,
        plan: Plan,
        scenario: Scenario,
        recorder: Recorder,
        *,
        worker: int = 0,
        of: int = 1,
        live: Callable[[Since], object] | None = None,
        cancelled: Callable[[], bool] | None = None,
        paused: Callable[[], bool] | None = None,
    ) -> None:
        self._plan, self._scenario, self._recorder = plan, scenario, recorder
        self._worker, self._of = worker, of
        self._most = _part(plan.max_in_flight, worker, of)
        self._live, self._is_cancelled, self._is_paused = live, cancelled, paused
        self._clock = time.perf_counter_ns
        self._takers: dict[str, OpRecorder] = {
            o.name: recorder.op(o.name) for o in scenario.operations()
        }
        self._calls: dict[str, _Call] = {
            o.name: (getattr(scenario, o.method), self._takers[o.name].record, self._takers[o.name])
            for o in scenario.operations()
        }
        # Those without a rate of their own share the plan's load by weight.
        self._shared = [o for o in scenario.operations() if o.rate is None and o.weight]
        self._sole = self._calls[self._shared[0].name] if len(self._shared) == 1 else None
        self._timeout, self._grace = int(plan.timeout * 1e9), int(plan.grace * 1e9)
        self._flight: dict[asyncio.Task[Any], int] = {}
        self._overdue: set[asyncio.Task[Any]] = set()
        # What is in flight, as each source of load counts it: never at an operation's cost.
        self._gauges: list[Callable[[], int]] = []
        self._busy_users = 0
        self._lines: list[_Line] = []
        self._users: list[asyncio.Task[Any]] = []
        self._stopping = False
        self._stopped = 0  # when somebody ended the run
        self._go_on = asyncio.Event()
        self._go_on.set()
        self._halted = 0  # when the pause that is on began, or 0
        # The schedule's zero, which each pause moves; users begin nothing from `_end` on.
        self._base = self._end = self._ends = 0
        self.driven = Driven()

    async def run(self, t0: int | None = None) -> Driven:
        """Drive the plan to its end and return what the generator saw of itself.

        Args:
            t0: When to begin, by `time.perf_counter_ns`; at once where that is past.
        """
        driven = self.driven
        while t0 is not None and not self._stopping and (left := t0 - self._clock()) > 0:
            if self._is_cancelled is not None and self._is_cancelled():
                break
            await asyncio.sleep(min(left / 1e9, TICK * 10))
        begun = self._base = self._clock()
        self._end = self._ends = begun + int(self._plan.length * 1e9)
        self._recorder.begin(begun)
        if self._plan.given_warmup:
            self._recorder.enter("warmup")
        cpu = time.process_time()
        watch = asyncio.ensure_future(self._watch())
        work = [asyncio.ensure_future(self._driver())]
        work += [
            asyncio.ensure_future(
                self._open(o, self._share(constant(self._scenario.rate_of(o), self._plan.length)))
            )
            for o in self._scenario.operations()
            if o.rate is not None
        ]
        try:
            await asyncio.gather(*work)
        finally:
            self._stop()
            for task in (*work, watch):
                task.cancel()
            await asyncio.gather(*work, watch, return_exceptions=True)
            driven.wall = (self._clock() - begun) / 1e9
            driven.cpu = time.process_time() - cpu
            self._recorder.flush()
        return driven

    async def _driver(self) -> None:
        load = self._share(self._plan.load)
        if not self._shared:
            return
        if isinstance(load, Closed):
            self._gauges.append(lambda: self._busy_users)
            # Users keep their numbers, and so what they draw, however many workers there are.
            mine = range(self._worker, load.users * self._of, self._of)
            await self._group([self._user(load, number) for number in mine])
        else:
            await self._open(None, load)

    def _share(self, shape: Shape) -> Shape:
        return shape if self._of == 1 else share(shape, self._worker, self._of)

    async def _group(self, work: list[Any]) -> None:
        tasks = self._users = [asyncio.ensure_future(one) for one in work]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in ended:
                if not task.cancelled():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # --- one operation ------------------------------------------------------------------

    def _chooser(self, rng: Random) -> Callable[[], _Call]:
        """Return what chooses the next operation by weight."""
        calls = [self._calls[o.name] for o in self._shared]
        weights = [o.weight for o in self._shared]
        return lambda: rng.choices(calls, weights)[0]

    async def _user(self, load: Closed, number: int) -> None:
        rng = Random(f"{self._plan.seed}:{number}")  # noqa: S311 - a load, no secret
        while True:
            await self._begin_all(load, rng)
            if not self._halted or self._stopping:
                return
            await self._go_on.wait()

    async def _begin_all(self, load: Closed, rng: Random) -> None:
        """Do one operation after the other until the end, or until a pause begins."""
        sole, choose, clock = self._sole, self._chooser(rng), self._clock
        thinks, once = load.think.high > 0, self._timeout > 0
        turn, now = 0, clock()
        self._busy_users += 1
        while now < self._end:
            chosen = sole or choose()
            if once:
                await self._one(chosen, now, rng)
                now = clock()
            else:
                # As `_one`, without its call: that would be a third of what an operation costs.
                call, record, taker = chosen
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
                self._busy_users -= 1
                await asyncio.sleep(_drawn(load, rng))
                self._busy_users += 1
                now = clock()
            elif turn >= _TURN:
                self.driven.offered += turn
                turn = 0
                await asyncio.sleep(0)
                now = clock()
        self._busy_users -= 1
        self.driven.offered += turn

    async def _one(self, chosen: _Call, intended: int, rng: Random) -> None:
        """Do one operation under the time limit."""
        call, record, taker = chosen
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
        plan, clock, most = self._plan, self._clock, self._most
        due: deque[int] = deque()
        line = _Line(due, deque())
        self._lines.append(line)
        idle: list[asyncio.Future[None]] = []
        tasks: list[asyncio.Task[None]] = []
        busy = 0
        done = False

        async def worker(number: int) -> None:
            nonlocal busy
            mine = number * self._of + self._worker
            rng = Random(f"{plan.seed}:{mine}")  # noqa: S311 - a load, no secret
            sole = self._sole if only is None else self._calls[only.name]
            choose, once = self._chooser(rng), self._timeout > 0
            turn, now = 0, 0
            while True:
                if len(due) > 1:
                    # Two more each: where operations suspend, all are woken in a few turns of
                    # the loop; where they do not, this one does them all, and few wake in vain.
                    wake()
                busy += 1
                now = clock()
                try:
                    while due:
                        intended = self._base + due.popleft()
                        turn += 1
                        if once:
                            await self._one(sole or choose(), intended, rng)
                        else:
                            call, record, taker = sole or choose()
                            # What ended last ended now, unless choosing took its time.
                            start = now if sole else clock()
                            try:
                                await call(rng)
                            except asyncio.CancelledError:
                                taker.cancel(intended, start, clock())
                                raise
                            except Exception as error:  # noqa: BLE001 - see above
                                now = clock()
                                taker.fail(intended, start, now, error)
                            else:
                                now = clock()
                                record((intended, start, now))
                        if turn >= _TURN:
                            turn = 0
                            await asyncio.sleep(0)
                            now = clock()
                finally:
                    busy -= 1
                if done and not line.held:
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
            room = most - len(tasks)
            for _ in range(min(missing, room)):
                tasks.append(asyncio.ensure_future(worker(len(tasks))))

        try:
            for chunk in _chunks(shape, plan.seed, only):
                at = 0
                while at < len(chunk) and not self._stopping:
                    if not self._halted:
                        now = clock() - self._base
                        upto = bisect_right(chunk, now, at)
                        if upto > at:
                            if now - chunk[at] > LATE_NS:
                                late = bisect_right(chunk, now - LATE_NS, at, upto)
                                self.driven.late += late - at
                            fresh = upto - at
                            self.driven.offered += fresh
                            if len(tasks) >= most and not idle:
                                self.driven.capped += fresh
                            due.extend(chunk[at:upto])
                            at = upto
                        if due:
                            wake()
                    await asyncio.sleep(TICK)
            done = True
            limit = clock() - self._base + self._grace
            while (due or line.held or busy) and not self._stopping:
                if not self._halted:
                    if clock() - self._base >= limit:
                        break
                    wake()
                await asyncio.sleep(TICK)
        finally:
            taker = self._takers[(only or self._shared[0]).name]
            line.let_go()
            for token in due:
                taker.drop(self._base + token)
            due.clear()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # --- beside it ----------------------------------------------------------------------

    async def _watch(self) -> None:
        """Sweep what takes too long, flush, end the warm-up, tell who looks, pause and stop."""
        clock, plan = self._clock, self._plan
        warm = int(plan.given_warmup * 1e9)
        swept = flushed = told = self._base
        warming = plan.given_warmup > 0
        while True:
            await asyncio.sleep(TICK * 10)
            now = clock()
            if warming and not self._halted and now - self._base >= warm:
                warming = False
                self._recorder.enter("measured")
            if self._timeout and now - swept >= _SWEEP_NS:
                swept = now
                for task, start in list(self._flight.items()):
                    if now - start > self._timeout and task not in self._overdue:
                        self._overdue.add(task)
                        task.cancel()
            if self._is_cancelled is not None and self._is_cancelled():
                self.driven.cancelled = True
                self._stopped = self._stopped or now
                self._stop()
            elif self._is_paused is not None and self._is_paused() != bool(self._halted):
                self._resume() if self._halted else self._halt()
            if self._is_over(now):
                for task in self._users:
                    task.cancel()
            if self._live is not None and now - told >= 250_000_000:  # noqa: PLR2004 - 4 Hz
                told = flushed = now
                self._live(self._recorder.since(sum(gauge() for gauge in self._gauges)))
            elif now - flushed >= _FLUSH_NS or self._waiting() > _BATCH:
                flushed = now
                self._recorder.flush()

    def _is_over(self, now: int) -> bool:
        """Return whether users have had the time to end what they began."""
        if self._stopped:
            return now - self._stopped > min(_PATIENCE_NS, self._grace)
        return not self._halted and now - self._ends > self._grace

    def _halt(self) -> None:
        """Begin a pause: what is due waits, users and schedules begin nothing."""
        self._halted = self._clock()
        self._end = 0
        self._go_on.clear()
        for line in self._lines:
            line.hold()
        self._recorder.pause(self._halted)

    def _resume(self) -> None:
        """End it: the schedule goes on where it stood."""
        now = self._clock()
        lost = now - self._halted
        self._halted = 0
        self._base += lost
        self._ends += lost
        self._end = self._ends
        self.driven.paused += lost / 1e9
        for line in self._lines:
            line.let_go()
        self._recorder.resume(now)
        self._go_on.set()

    def _stop(self) -> None:
        """Begin nothing any more."""
        if self._halted:
            self._resume()
        self._stopping = True
        self._end = 0
        self._go_on.set()

    def _waiting(self) -> int:
        return sum(len(taker.rows) for taker in self._takers.values())


def _chunks(shape: Shape, seed: int, only: Operation | None) -> Iterator[list[int]]:
    # Operations with a schedule of their own must not draw the numbers of another one.
    own = seed if only is None else Random(f"{seed}:{only.name}").getrandbits(32)  # noqa: S311 - a load
    for chunk in schedule(shape, own):
        yield chunk.tolist()


def _part(whole: int, worker: int, of: int) -> int:
    """Return a worker's part of a limit, 1 at least."""
    return max(1, whole // of + (worker < whole % of))


def _drawn(load: Closed, rng: Random) -> float:
    think = load.think
    if think.kind == "exp":
        return rng.expovariate(1 / think.high)
    return rng.uniform(think.low, think.high)
