"""Swaps and leases among everything that goes wrong: no fault may break what must hold."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from oneiric_lab.errors import StoreError
from oneiric_lab.lifecycle import Lifecycle, Limits
from oneiric_lab.loadlab._scenario import Scenario, invariant, op
from oneiric_lab.registry import Candidate, Registry
from oneiric_lab.store import Journal, ProcessState, Store

from ._counting import one_outcome_each
from ._faulty import FIT, UNFIT, Ledger, factory

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from random import Random

_KEPT = 10_000
_JUMPS = (-1e9, -3600.0, -1.0, 0.0, 1.0, 3600.0, 1e9)
_ALIVE = 3600.0
_PATIENCE = 5.0
_LIMITS = Limits(build=0.05, health=0.02, hook=0.05, cleanup=0.02, drain=10, draining=1000)


class FaultMix(Scenario):
    """Candidates that fail in every way, callers that give up at any point, clocks that jump.

    Args:
        keys: Components, each with a candidate for each fault.
        hold: Seconds that a lease is held.
        unfit: Share of the swaps that are to a candidate which may not come into force.
        cancel: Share of the calls that are given up somewhere on the way.
        swap_rate: Swaps a second.
        beat_rate: Times a second that a clock jumps, and what was told is written.
    """

    summary = "swaps and leases among faults, cancellations and clocks that jump"
    defaults: ClassVar[Mapping[str, Any]] = {
        "keys": 4,
        "hold": 0.001,
        "unfit": 0.3,
        "cancel": 0.3,
        "swap_rate": 200.0,
        "beat_rate": 10.0,
    }

    async def setup(self) -> None:
        """Bring one component into force for each key, and follow all that is told."""
        self.ledger = Ledger()
        self.outcomes: dict[str, int] = {}
        self.asked = 0
        self.broken: dict[str, int] = {}
        self.in_force: dict[str, int] = {}
        self.seen: dict[str, int] = {}
        self.stalled = 0
        self.swaps = -self.p.keys
        registry = Registry()
        with registry.batch():
            for key in range(self.p.keys):
                registry.add(*(self._candidate(f"k{key}", kind) for kind in (*FIT, *UNFIT)))
        self.folder = tempfile.TemporaryDirectory(prefix="oneiric-load-")
        self.jump = 0.0
        self.store = Store(Path(self.folder.name) / ".oneiric", clock=self._clock)
        self.journal = Journal(self.store, clock=self._clock)
        self.told: deque[tuple[str, str, int]] = deque(maxlen=_KEPT)
        self.told_count = self.hidden = 0
        self.thread = ThreadPoolExecutor(1)
        self.life = Lifecycle(registry, limits=_LIMITS, tell=self._tell)
        self.life.on("pre_swap", self._before)
        self.life.on("post_swap", self._after)
        for key in range(self.p.keys):
            await self.life.swap("service", f"k{key}", provider="plain")

    async def teardown(self) -> None:
        """End everything; what a thread still makes is waited for."""
        self.stalled = len(await self.life.aclose())
        until = time.monotonic() + _PATIENCE
        while self.ledger.open() and time.monotonic() < until:  # noqa: ASYNC110 - threads set no event
            await asyncio.sleep(0.01)
        self.thread.shutdown()
        try:
            self._compare()
        finally:
            self.folder.cleanup()

    @op()
    async def read(self, rng: Random) -> None:
        """Hold a lease, or give up somewhere on the way."""
        await self._perhaps_given_up(self._read(f"k{rng.randrange(self.p.keys)}"), rng)

    @op(rate="swap_rate")
    async def swap(self, rng: Random) -> None:
        """Swap to a candidate of any kind, or roll back; or give up somewhere on the way."""
        key = f"k{rng.randrange(self.p.keys)}"
        kind = rng.choice(UNFIT if rng.random() < self.p.unfit else FIT)
        self.asked += 1
        outcome = "cancelled"
        try:
            if rng.random() < 0.1:  # noqa: PLR2004 - one in ten
                call = self.life.rollback("service", key)
            else:
                call = self.life.swap("service", key, provider=kind, force=True)
            report = await self._perhaps_given_up(call, rng)
            if report is not None:
                outcome = report.outcome
        finally:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
            self._look(key)

    @op(rate="beat_rate")
    async def beat(self, rng: Random) -> None:
        """Write what was told, and say that this process lives, while the clock jumps."""
        loop = asyncio.get_running_loop()
        jumps = rng.choice(_JUMPS), rng.choice(_JUMPS)
        await loop.run_in_executor(self.thread, self._beat, *jumps)

    @invariant
    def nothing_is_used_after_its_end(self) -> bool | str:
        """No lease held what was closed."""
        return self._never("used", "uses after the end")

    @invariant
    def each_instance_ends_once(self) -> bool | str:
        """Whatever was made was closed or aborted, and not again."""
        if self.ledger.wrong["twice"]:
            return self._never("twice", "instances ended again")
        left = self.ledger.open()
        return not left or f"{left} of {len(self.ledger.made)} instances never ended"

    @invariant
    def only_what_never_was_in_force_is_aborted(self) -> bool | str:
        """What was in force is closed: it may have something to write down."""
        return self._never("aborted", "instances that were in force were aborted")

    @invariant
    def only_what_is_fit_comes_into_force(self) -> bool | str:
        """A health check that does not say True keeps its candidate out."""
        return self._never("unfit", "uses of what is not fit")

    @invariant
    def one_is_in_force(self) -> bool | str:
        """Of each key, always; all who ask at one moment get the same."""
        if count := self.broken.get("none"):
            return f"{count} times nothing was in force"
        count = self.broken.get("divided", 0)
        return not count or f"{count} leases held another one than the one in force"

    @invariant
    def a_failed_swap_changes_nothing(self) -> bool | str:
        """What was in force stays in force."""
        count = self.broken.get("displaced", 0)
        return not count or f"{count} failed swaps changed what is in force"

    @invariant
    def every_call_has_one_outcome(self) -> bool | str:
        """Outcomes add up to the calls, and committed are as many as there were swaps."""
        return one_outcome_each(self.asked, self.outcomes, self.swaps)

    @invariant
    def no_reader_goes_back(self) -> bool | str:
        """A reader that saw a new incarnation sees no older one afterwards."""
        count = self.broken.get("back", 0)
        return not count or f"{count} reads saw an older incarnation"

    @invariant
    def no_drain_stalls(self) -> bool | str:
        """Every lease ended, whoever gave up, and so did every old instance."""
        return not self.stalled or f"{self.stalled} drains did not end"

    @invariant
    def a_clock_that_jumps_changes_no_order(self) -> bool | str:
        """Activity stands in the order in which it was told, every row of it."""
        if "rows" in self.broken:
            return f"{self.broken['rows']} rows of activity are missing"
        return "order" not in self.broken or "rows of activity stand in another order"

    @invariant
    def a_clock_that_jumps_hides_no_process(self) -> bool | str:
        """One that has just said that it lives is among the living."""
        return not self.hidden or f"{self.hidden} times a living process was not shown"

    # --- inside -------------------------------------------------------------------------

    def _candidate(self, key: str, kind: str) -> Candidate:
        make = factory(kind, self.ledger)
        return Candidate("service", key, kind, make, blocking=kind == "threaded")

    async def _read(self, key: str) -> None:
        async with self.life.lease("service", key) as thing:
            number = self.life.status("service", key).incarnation
            self._count("divided", thing.number != number)
            self._count("back", number < self.seen.get(key, 0))
            self.seen[key] = max(number, self.seen.get(key, 0))
            thing.use()
            await asyncio.sleep(self.p.hold)
            thing.use()

    async def _perhaps_given_up(self, call: Coroutine[Any, Any, Any], rng: Random) -> Any:
        """Return what *call* returns, or None where its caller gave up somewhere on the way."""
        if rng.random() >= self.p.cancel:
            return await call
        task = asyncio.ensure_future(call)
        try:
            if rng.random() < 0.5:  # noqa: PLR2004 - one of two: within the first turns, or later
                for _ in range(rng.randrange(8)):
                    await asyncio.sleep(0)
            else:
                await asyncio.sleep(rng.random() * 0.01)
        finally:
            task.cancel()
            await asyncio.wait([task])
        return None if task.cancelled() else task.result()

    def _look(self, key: str) -> None:
        status = self.life.status("service", key)
        self._count("none", not self.life.is_closed and not status.incarnation)

    async def _before(self, new: Any, old: Any) -> bool:
        new.instance.number = new.number
        await asyncio.sleep(0)
        return True

    async def _after(self, new: Any) -> None:
        new.instance.in_force = True
        await asyncio.sleep(0)
        if new.number % 5 == 0:
            raise RuntimeError("what comes after undoes nothing")

    def _tell(self, target: str, what: str, number: int, provider: str, detail: str) -> None:
        self.journal.add(target, what, number, provider, detail)
        self.told.append((target, what, number))
        self.told_count += 1
        if what == "active":
            self.in_force[target] = number
            self.swaps += 1
        elif what in {"failed", "refused"}:
            status = self.life.status(*target.split(":"))
            self._count("displaced", status.incarnation != self.in_force.get(target, 0))

    def _clock(self) -> float:
        return time.time() + self.jump

    def _beat(self, first: float, second: float) -> None:
        me = ProcessState("me", 1, "here", 0.0)
        self.store.processes(_ALIVE)
        self.jump = first
        self.store.beat(me)
        self.jump = second
        self.hidden += "me" not in {p.id for p in self.store.processes(_ALIVE)}
        self.journal.flush()

    def _compare(self) -> None:
        try:
            self.journal.close()
            rows = self.store.activity(_KEPT)[::-1]
        except StoreError:
            rows = []
        found = [(row.target, row.what, row.incarnation or 0) for row in rows]
        written = self.told_count - self.journal.dropped
        if missing := min(written, _KEPT) - len(found):
            self.broken["rows"] = missing
        elif not self.journal.dropped and found != list(self.told):
            self.broken["order"] = 1

    def _count(self, what: str, wrong: bool) -> None:
        if wrong:
            self.broken[what] = self.broken.get(what, 0) + 1

    def _never(self, what: str, words: str) -> bool | str:
        count = self.ledger.wrong[what]
        return not count or f"{count} {words}"
