"""Runs: what is driven, when, what is recorded of it, and what is judged."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from oneiric_lab.errors import UsageError
from oneiric_lab.loadlab import (
    BUILT_IN,
    Objective,
    Plan,
    Run,
    Scenario,
    closed,
    constant,
    invariant,
    op,
    run,
    scenario_named,
    think,
)
from oneiric_lab.loadlab._drive import Driven, total
from oneiric_lab.loadlab._histogram import lowest_in
from oneiric_lab.loadlab._merge import merge
from oneiric_lab.loadlab._recorder import Recorder
from oneiric_lab.loadlab._verdict import limit_of, limit_of_all
from oneiric_lab.testing import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from oneiric_lab.loadlab._histogram import Histogram


def over(held: Histogram, ns: int) -> int:
    """Return how many values are longer."""
    slots, counts = (column.tolist() for column in held.nonzero())
    return sum(count for slot, count in zip(slots, counts, strict=True) if lowest_in(slot) > ns)


def drive(plan: Plan, **options: Any) -> Run:
    """Run a plan on a loop of its own."""
    return asyncio.run(run(plan, **options))


class Counting(Scenario):
    """Counts what is done."""

    defaults: ClassVar[Mapping[str, Any]] = {"fails": 0, "hold": 0.0, "rate": 100, "words": ""}
    last: Counting

    async def setup(self) -> None:
        """Begin to count."""
        type(self).last = self
        self.calls: list[float] = []
        self.draws: list[float] = []
        self.beats = self.ended = 0

    async def teardown(self) -> None:
        """Remember that it ended."""
        self.ended += 1

    @op(weight=3)
    async def read(self, rng: Random) -> None:
        """Do nothing, for a while, or fail."""
        self.calls.append(time.perf_counter())
        self.draws.append(rng.random())
        if self.p.hold:
            await asyncio.sleep(self.p.hold)
        if self.p.fails:
            raise ValueError("failed on purpose")

    @op(weight=1)
    async def write(self, rng: Random) -> None:
        """Do nothing."""

    @op(rate="rate")
    async def beat(self, rng: Random) -> None:
        """Be called by a schedule of its own."""
        self.beats += 1

    @invariant
    def holds(self) -> bool | str:
        """Hold, unless told otherwise."""
        if self.p.words == "raise":
            raise OSError("cannot say")
        return self.p.words or True


class Only(Scenario):
    """One operation."""

    defaults: ClassVar[Mapping[str, Any]] = {"hold": 0.0}

    @op()
    async def read(self, rng: Random) -> None:
        """Wait."""
        await asyncio.sleep(self.p.hold)


class TestClosed:
    def test_operations_are_chosen_by_weight_and_rate(self) -> None:
        """
        Three reads for a write, and what has a rate of its own comes beside them.
        """
        found = drive(Plan(Counting, load=closed(2, duration=0.3)))

        ops = found.recorded.ops
        read, write = ops["read"].measured.ended, ops["write"].measured.ended
        assert 2.5 < read / write < 3.5
        assert Counting.last.beats == ops["beat"].measured.ended
        assert 25 <= Counting.last.beats <= 30
        assert Counting.last.ended == 1
        assert found.driven.floor_ns > 0

    def test_the_same_seed_draws_the_same(self) -> None:
        """
        Each user draws from a stream of its own.
        """
        plan = Plan(Counting, load=closed(1, duration=0.05), seed=7)
        drive(plan)
        first = Counting.last.draws[:20]
        drive(plan)
        assert Counting.last.draws[:20] == first
        drive(plan.but(seed=8))
        assert Counting.last.draws[:20] != first

    @pytest.mark.parametrize(
        "pause", [think.constant(0.02), think.exp(0.02), think.uniform(0.02, 0.03)]
    )
    def test_users_think(self, pause: Any) -> None:
        """
        Between two operations of a user lies the time that it thinks.
        """
        found = drive(Plan(Only, load=closed(5, think=pause, duration=0.2)))
        assert 5 <= found.recorded.ops["read"].measured.ended <= 250

    def test_errors_are_counted_by_kind(self) -> None:
        """
        What fails is no success, and says why.
        """
        found = drive(
            Plan(
                Counting,
                {"fails": 1},
                closed(1, duration=0.05),
                objectives=("read.error_rate == 0", "write.error_rate == 0", "write.rate > 1/s"),
            )
        )
        part = found.recorded.ops["read"].measured
        assert part.errors == {"ValueError": part.ended}
        assert [judged.met for judged in found.judged] == [False, True, True]
        assert found.exit_code == 1
        assert "not met" in str(found)
        assert f"read: {part.ended:,} ValueError, such as: failed on purpose" in str(found)
        told: Any = found.as_dict()["errors"]
        assert [row["count"] for row in told] == [part.ended]
        assert told[0]["example"] == "failed on purpose"

    def test_many_kinds_of_errors(self) -> None:
        """
        The most frequent are shown, and how many more there were.
        """

        class Fails(Scenario):
            @op()
            async def read(self, rng: Random) -> None:
                """Fail in one of seven ways."""
                raise type(f"E{rng.randrange(7)}", (Exception,), {})("so")

        found = drive(Plan(Fails, load=closed(1, duration=0.05)))
        assert "and 2 more kinds of errors" in str(found)
        counts = [count for _, _, count, _ in found.errors()]
        assert counts == sorted(counts, reverse=True)


class TestOpen:
    def test_every_token_is_offered_once(self) -> None:
        """
        What is due is done, as often as the schedule says.
        """
        found = drive(Plan(Only, load=constant(2000, 0.25), objectives=("achieved_rate >= 99%",)))
        assert found.recorded.ops["read"].measured.ended == 500
        assert found.driven.offered == 500
        assert found.judged[0].met
        assert found.plan.offered == 500

    def test_a_stall_is_counted_from_the_intended_start(self) -> None:
        """
        What was due while everything stood still waited, though its own call was short.
        """

        class Stalls(Scenario):
            async def setup(self) -> None:
                self.gate = asyncio.Event()
                self.gate.set()
                self.calls = 0

            @op()
            async def read(self, rng: Random) -> None:
                self.calls += 1
                if self.calls == 50:
                    self.gate.clear()
                    asyncio.get_running_loop().call_later(0.25, self.gate.set)
                await self.gate.wait()

        found = drive(Plan(Stalls, load=constant(200, 1), max_in_flight=2))
        part = found.recorded.ops["read"].measured
        assert part.response.max is not None
        assert part.response.max > 0.24e9
        # Two wait inside; the others, a quarter of a second's worth, in the queue.
        assert over(part.lag, 20_000_000) > 30
        assert over(part.service, 20_000_000) <= 3
        # A machine that kept the generator waiting as well is told instead.
        if found.driven.late <= found.driven.offered / 100:
            assert found.limited_by == "in_flight_cap"

    def test_what_does_not_end_is_given_up(self) -> None:
        """
        After the time of grace, what waits is dropped and what runs is cancelled.
        """
        found = drive(Plan(Only, {"hold": 60}, constant(100, 0.1), max_in_flight=3, grace=0.05))
        assert found.recorded.ops["read"].measured.statuses == {"cancelled": 3, "dropped": 7}

    def test_errors_and_time_outs(self) -> None:
        """
        Each operation has its time, in open and closed loads.
        """
        for load in (constant(100, 0.1), closed(3, duration=0.1)):
            found = drive(Plan(Only, {"hold": 60}, load, timeout=0.01))
            statuses = found.recorded.ops["read"].measured.statuses
            assert statuses["timeout"] >= 3
            assert "ok" not in statuses
        found = drive(Plan(Counting, {"fails": 1}, constant(100, 0.1)))
        assert found.recorded.ops["read"].measured.errors["ValueError"] > 0
        timed = drive(Plan(Counting, {"fails": 1}, constant(100, 0.1), timeout=1))
        assert timed.recorded.ops["read"].measured.errors["ValueError"] > 0

    def test_only_operations_with_rates(self) -> None:
        """
        A scenario may bring all its schedules itself.
        """

        class Beats(Scenario):
            @op(rate="50/s")
            async def beat(self, rng: Random) -> None:
                """Be called."""

        assert drive(Plan(Beats, duration=0.2)).recorded.ops["beat"].measured.ended == 10


class TestRun:
    def test_warm_up_is_apart(self) -> None:
        """
        It is recorded, and counts for nothing.
        """
        found = drive(Plan(Only, {"hold": 0.001}, closed(1, duration=0.4), warmup=0.2))
        result = found.recorded.ops["read"]
        assert result.warmup.ended > 10
        assert result.measured.ended > 10
        assert result.whole.ended == result.warmup.ended + result.measured.ended

    def test_it_is_cancelled(self) -> None:
        """
        What was done until then is there, marked as partial.
        """
        for load in (closed(2, duration=60), constant(100, 60)):
            asked = iter([False, False, *[True] * 1000])
            found = drive(Plan(Only, {"hold": 0.001}, load), cancelled=lambda a=asked: next(a))
            assert found.exit_code == 130
            assert found.as_dict()["partial"] is True
            assert found.recorded.ops["read"].measured.ended > 0
            assert "cancelled, partial" in str(found)

    def test_somebody_looks(self) -> None:
        """
        Four times a second there is a snapshot.
        """
        seen: list[Any] = []
        drive(Plan(Only, {"hold": 0.001}, closed(2, duration=0.6)), live=seen.append)
        assert 1 <= len(seen) <= 3
        assert seen[0].ops["read"].total > 0

    @pytest.mark.parametrize(
        ("words", "wrong"),
        [("two leak", "two leak"), (False, "does not hold"), ("raise", "OSError: cannot say")],
    )
    def test_a_broken_invariant(self, words: Any, wrong: str) -> None:
        """
        It weighs more than every figure.
        """

        class Breaks(Counting):
            @invariant
            def also(self) -> bool | str:
                return words if words != "raise" else True

        found = drive(Plan(Breaks, {"words": words or ""}, closed(1, duration=0.02)))
        assert found.exit_code == 4
        assert wrong in dict(found.broken).values()
        assert f"{wrong}" in str(found)

    def test_what_the_generator_cannot_do_is_no_result(self) -> None:
        """
        Limits of the generator make a run invalid; those of the target do not.
        """
        plan = Plan(Only, load=constant(100, 0.1))
        on_time, late, slow = (Recorder(clock=lambda: 0) for _ in range(3))
        slow.op("read").record((0, 0, 50_000_000))
        for begun in range(10):
            on_time.op("read").record((begun, begun, begun + 1_000_000))
            late.op("read").record((begun, begun + 9_000_000, begun + 10_000_000))

        def limit(plan: Plan, recorded: Recorder = on_time, **driven: Any) -> str:
            return limit_of(plan, recorded.result(), Driven(**{"wall": 1.0, **driven}))

        assert limit(plan, offered=10, capped=5) == "in_flight_cap"
        assert limit(plan, offered=10, capped=5, late=5) == "generator_timer"
        assert limit(plan, offered=10, capped=5, late=5, cpu=0.9) == "generator_cpu"
        assert limit(plan, slow, offered=10, capped=5, late=5) == "in_flight_cap"
        assert limit(plan, offered=100, cpu=0.1) == "target"
        assert limit(plan, offered=10, cpu=0.1) == "none"
        assert limit(plan, late, offered=10, cpu=0.1) == "generator_timer"
        assert limit(plan, late, offered=10, cpu=0.9) == "generator_cpu"
        users = plan.but(load=closed(1))
        assert limit(users, cpu=0.99, floor_ns=1e8) == "generator_cpu"
        assert limit(users, cpu=0.99, floor_ns=1) == "none"

    def test_a_cap_hides_no_saturated_generator(self) -> None:
        """
        More than one core can offer is the generator's limit, though all workers are busy.
        """
        found = drive(Plan(Only, load=constant(3_000_000, 0.2), grace=0.1))

        assert found.driven.capped
        assert found.limited_by.startswith("generator")
        assert found.exit_code == 3

    def test_one_worker_that_was_late_is_not_made_up_for(self) -> None:
        """
        What limits any of them limits the run; the target is judged by the sum.
        """
        plan = Plan(Only, load=constant(100, 0.1))
        on_time, late, idle = (Recorder(clock=lambda: 0) for _ in range(3))
        on_time.op("read").record((0, 0, 1_000_000))
        late.op("read").record((0, 9_000_000, 10_000_000))
        good, bad, none = on_time.result(), late.result(), idle.result()
        one = Driven(offered=1, wall=1.0)

        assert limit_of_all(plan, [(good, one)], good, one) == "none"
        parts = [(good, one), (bad, one)]
        assert limit_of_all(plan, parts, merge([good, bad]), total([one, one])) == "generator_timer"
        parts = [(good, one), (none, one)]
        assert limit_of_all(plan, parts, merge([good, none]), total([one, one])) == "target"

    def test_windows(self) -> None:
        """
        An objective over windows asks each of them.
        """
        found = drive(
            Plan(
                Only,
                {"hold": 0.001},
                closed(2, duration=2.1),
                objectives=(
                    "read.response.max < 2s over 1s",
                    "read.service.mean < 2s over 1s",
                    "read.error_rate == 0 over 1s",
                    "read.rate > 1/s over 1s",
                    "read.response.p99.9 < 9s",
                    "achieved_rate >= 99%",
                ),
            )
        )
        assert [j.ok for j in found.judged][:4] == [True] * 4
        assert found.judged[-1].ok is None
        assert found.judged[-1].reason == "no rate was offered"
        assert "n/a" in str(found)


class TestPlan:
    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"scenario": int}, "is no scenario"),
            ({"params": {"hodl": 1}}, "no parameter 'hodl'"),
            ({"duration": "soon"}, "duration"),
            ({"max_in_flight": 0}, "max_in_flight"),
            ({"objectives": ("sweep.rate > 1/s",)}, "sweep"),
            ({"objectives": (Objective(None, None, "rate", ">", 1.0, 0.5),)}, "whole seconds"),
            ({"warmup": 10}, "as long as the run"),
        ],
    )
    def test_is_checked_before_anything_is_driven(self, wrong: dict[str, Any], words: str) -> None:
        """
        Every part that cannot be is refused by name.
        """
        with pytest.raises(UsageError, match=words):
            Plan(**{"scenario": Only, **wrong})

    def test_changes(self) -> None:
        """
        A plan with changes is another plan; names that are no field are parameters.
        """
        plan = Plan(Only, objectives=("read.rate > 1/s",)).but(hold=0.5, seed=3)
        assert (plan.params, plan.seed) == ({"hold": 0.5}, 3)
        assert plan.as_dict()["objectives"] == ["read.rate > 1/s"]
        assert plan.length == 10

    def test_scenarios_without_sense(self) -> None:
        """
        One without operations, one with two of a name, and a weight that is none.
        """

        class Twice(Scenario):
            @op(name="a")
            async def one(self, rng: Random) -> None:
                """Do nothing."""

            @op(name="a")
            async def two(self, rng: Random) -> None:
                """Do nothing."""

        with pytest.raises(UsageError, match="two operations 'a'"):
            Plan(Twice)
        with pytest.raises(UsageError, match="no operation"):
            Plan(Scenario)
        with pytest.raises(UsageError, match="is no weight"):
            op(weight=-1)


class TestBuiltIn:
    @pytest.mark.parametrize("name", BUILT_IN)
    def test_every_invariant_holds(self, name: str) -> None:
        """
        Each scenario runs, and nothing that must hold is broken.
        """
        kind, usual = scenario_named(name)
        users = min(usual["users"], 200)
        with LoopbackServer() as server:
            given = {"url": server.url} if "url" in kind.defaults else {}
            found = drive(Plan(kind, given, load=closed(users, duration=0.3)))
        assert found.broken == ()
        assert sum(r.measured.statuses.get("ok", 0) for r in found.recorded.ops.values()) > 20
        assert not any(r.measured.errors for r in found.recorded.ops.values())

    def test_an_unknown_name(self) -> None:
        """
        The nearest one is named.
        """
        with pytest.raises(UsageError, match="did you mean `swap-1k`"):
            scenario_named("swap-1")

    def test_a_manager_that_closes_at_once_is_caught(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        What upstream does, closing the old instance behind the pointer, breaks the invariant.
        """
        from oneiric_lab.lifecycle._slot import Slot

        async def at_once(self: Slot, old: Any) -> None:
            await self.close(old)

        monkeypatch.setattr(Slot, "_reap", at_once)
        kind, _ = scenario_named("swap-under-readers")
        found = drive(Plan(kind, {"swap_rate": 200}, closed(100, duration=0.3)))
        assert found.exit_code == 4
        assert "uses after close" in str(found)


class TestInFlight:
    @pytest.mark.parametrize(
        ("load", "few", "many"),
        [
            (closed(5, duration=0.6), 5, 5),
            (closed(5, think=0.7, duration=0.6), 0, 0),
            # A hundred a second that take a fifth of a second each.
            (constant(100, 0.6), 15, 25),
        ],
    )
    def test_is_told_while_it_runs(self, load: Any, few: int, many: int) -> None:
        """
        Users who think have nothing in flight; arrivals have what has begun and not ended.
        """
        seen: list[Any] = []
        drive(Plan(Only, {"hold": 0.2}, load, grace=0.1), live=seen.append)

        assert few <= seen[-1].in_flight <= many, [s.in_flight for s in seen]
