"""Runs in memory: by dependency, with retries and times, and nothing left behind."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.errors import UsageError, WorkflowError
from oneiric_lab.runtime import (
    Dag,
    FlowEvent,
    FlowHooks,
    FlowRun,
    MemoryEngine,
    NodeRun,
    Order,
    call_task,
    dag_of,
    new_run_id,
)
from oneiric_lab.runtime._flow_hooks import MOMENTS

from .flows import Desk, dag
from .test_dag import dags


async def ran(desk: Desk, what: Dag, payload: Any = None, **options: Any) -> FlowRun:
    """Run a dag to its end."""
    return await MemoryEngine(desk, **options).run(Order("w", what, payload), "w-1")


def run(desk: Desk, what: Dag, payload: Any = None, **options: Any) -> FlowRun:
    """Run a dag to its end, on a loop of its own."""
    return asyncio.run(ran(desk, what, payload, **options))


def states(found: FlowRun) -> dict[str, str]:
    """Return node to state."""
    return {node.id: node.state for node in found.nodes}


class TestOrder:
    @given(dags(8), st.integers(1, 4))
    @settings(max_examples=40)
    def test_each_node_runs_once_behind_what_it_depends_on(self, said: Any, many: int) -> None:
        """
        Whatever the dag, and however many nodes may run at a time.
        """
        what = dag_of(said)
        begun: list[str] = []
        ended: list[str] = []
        at_once = most = 0

        async def task(payload: Any, context: Any) -> str:
            nonlocal at_once, most
            assert set(what.by_id[context.node].depends_on) <= set(ended)
            begun.append(context.node)
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0)
            at_once -= 1
            ended.append(context.node)
            return str(context.node)

        found = run(Desk(t=task), what, nodes=many)

        assert found.ok
        assert sorted(begun) == sorted(what.by_id)
        assert most <= many
        assert found.results == {name: name for name in what.by_id}

    def test_a_node_begins_before_its_level_is_over(self) -> None:
        """
        What waits for a quick node does not wait for the slow one beside it.
        """
        gate = asyncio.Event()
        desk = Desk()

        async def slow(payload: Any, context: Any) -> None:
            await gate.wait()

        def behind(context: Any) -> None:
            gate.set()

        desk.tasks = {"slow": slow, "note": desk.note(), "behind": desk.note(behind)}
        what = dag(
            slow={"task": "slow"}, quick="", behind={"task": "behind", "depends_on": ["quick"]}
        )

        assert run(desk, what).ok

    def test_what_waits_for_one_node_runs_together(self) -> None:
        """
        All of it begins when that ends, and not one behind the other.
        """
        together = asyncio.Barrier(3)

        async def task(payload: Any, context: Any) -> None:
            if context.node != "a":
                async with asyncio.timeout(5):
                    await together.wait()

        assert run(Desk(note=task), dag(a="", b="a", c="a", d="a")).ok

    def test_many_at_a_time(self) -> None:
        """
        Nodes that wait for nothing run together.
        """
        everybody = asyncio.Barrier(30)

        async def meet(payload: Any, context: Any) -> None:
            await everybody.wait()

        what = dag(**{f"n{i}": {"task": "meet"} for i in range(30)})

        assert run(Desk(meet=meet), what).ok


class TestCalls:
    def test_a_task_knows_what_came_before(self) -> None:
        """
        Its payload, what the run was given, and what the nodes returned that it depends on.
        """
        seen: dict[str, Any] = {}

        async def look(payload: Any, context: Any) -> None:
            seen.update(payload=payload, input=context.input, results=dict(context.results))
            assert "far" not in context.results
            with pytest.raises(KeyError, match="no node 'far' among depends_on"):
                context.results["far"]

        desk = Desk(look=look)
        desk.tasks["note"] = desk.note(lambda context: [context.node])
        what = dag(
            far="",
            near="far",
            look={"task": "look", "depends_on": ["near"], "payload": {"x": 1}},
        )
        found = run(desk, what, {"day": 7})

        assert found.ok, found
        assert seen == {"payload": {"x": 1}, "input": {"day": 7}, "results": {"near": ["near"]}}

    def test_a_key_is_the_same_at_every_attempt_and_no_other_nodes(self) -> None:
        """
        So that what must not happen twice can be told apart.
        """
        keys: list[str] = []

        async def flaky(payload: Any, context: Any) -> None:
            keys.append(context.idempotency_key)
            if context.attempt == 1:
                raise OSError("not yet")

        retry = {"task": "flaky", "retry_policy": {"attempts": 2}}
        found = run(Desk(flaky=flaky), dag(a=retry, b={**retry, "depends_on": ["a"]}))

        assert found.ok
        assert keys == ["w-1/a", "w-1/a", "w-1/b", "w-1/b"]

    def test_functions_methods_and_objects(self) -> None:
        """
        A task takes as much of payload and context as it wants, in a loop or in a thread.
        """

        class Nothing:
            def run(self) -> str:
                return threading.current_thread().name

        class Static:
            @staticmethod
            def run(payload: Any) -> str:
                return str(payload["x"])

        class Called:
            async def __call__(self, payload: Any, *more: Any) -> int:
                return len(more)

        class Wide:
            def run(self, *given: Any) -> int:
                return len(given)

        desk = Desk(
            nothing=Nothing(),
            static=Static(),
            called=Called(),
            wide=Wide(),
            function=lambda payload, context: context.node,
            builtin=dict,
        )
        what = dag(**{name: {"task": name, "payload": {"x": 1}} for name in desk.tasks})
        found = run(desk, what)

        assert found.ok, found
        assert found.results.pop("nothing") != threading.current_thread().name
        assert {k: v for k, v in found.results.items() if k != "nothing"} == {
            "static": "1",
            "called": 1,
            "wide": 2,
            "function": "function",
            "builtin": {"x": 1},
        }

    def test_what_is_no_task_is_told(self) -> None:
        """
        And is not tried again.
        """
        found = run(Desk(note=object()), dag(a={"retry_policy": {"attempts": 9}}))

        (node,) = found.nodes
        assert node.attempts == 1
        assert node.error is not None
        assert node.error["code"] == "no-task"

    def test_a_payload_is_the_attempts_own(self) -> None:
        """
        What one attempt does to it, no other one sees, and no other node's result.
        """

        async def spoil(payload: Any, context: Any) -> Any:
            before = [*payload["rows"]], context.results.get("a")
            payload["rows"].append(1)
            if context.node == "b":
                context.results["a"][0].append("x")
            if context.attempt == 1:
                raise OSError("again")
            return before

        more = {"task": "spoil", "payload": {"rows": []}, "retry_policy": {"attempts": 2}}
        found = run(Desk(spoil=spoil), dag(a=more, b={**more, "depends_on": ["a"]}))

        assert found.results == {"a": [[], None], "b": [[], [[], None]]}


class TestFailures:
    def test_what_depends_on_a_failure_is_skipped_and_nothing_else(self) -> None:
        """
        Other branches end well, and what they did is there.
        """

        async def fail(payload: Any) -> None:
            raise RuntimeError("the lid is stuck")

        desk = Desk(fail=fail)
        desk.tasks["note"] = desk.note()
        what = dag(a="", bad={"task": "fail", "depends_on": ["a"]}, c="bad", d="a", e="d", f="e c")
        found = run(desk, what)

        assert found.state == "failed"
        assert found.exit_code == 1
        assert states(found) == {
            "a": "done",
            "bad": "failed",
            "c": "skipped",
            "d": "done",
            "e": "done",
            "f": "skipped",
        }
        assert "RuntimeError: the lid is stuck" in str(found)

    def test_a_task_is_tried_as_often_as_its_policy_says(self) -> None:
        """
        With waits that double, in which nothing else waits.
        """
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        async def fail(payload: Any, context: Any) -> None:
            raise OSError(context.attempt)

        from oneiric_lab.runtime._flow_call import Caller

        (node,) = dag(
            a={"task": "fail", "retry_policy": {"attempts": 4, "base_delay": 1, "max_delay": 3}}
        ).nodes
        caller = Caller(Desk(fail=fail), "r", draw=lambda: 1.0, sleep=sleep)
        found = asyncio.run(caller.call(node, {}))

        assert found.state == "failed"
        assert found.attempts == 4
        assert waits == [1, 2, 3]

    def test_a_result_that_cannot_be_kept_fails_its_node(self) -> None:
        """
        At once: another attempt would return the same.
        """
        found = run(Desk(note=lambda: {1, 2}), dag(a={"retry_policy": {"attempts": 5}}))

        (node,) = found.nodes
        assert node.attempts == 1
        assert node.error == {
            "code": "not-json",
            "message": "expected JSON, got a value of type set: the result of a",
        }

    def test_each_attempt_has_its_time(self) -> None:
        """
        One that takes longer is ended, and the next one begins.
        """
        ended: list[str] = []

        async def slow(payload: Any, context: Any) -> str:
            if context.attempt < 3:
                try:
                    await asyncio.sleep(60)
                finally:
                    ended.append(f"{context.attempt}")
            return "quick"

        what = dag(a={"task": "slow", "timeout": 0.02, "retry_policy": {"attempts": 3}})
        found = run(Desk(slow=slow), what)

        assert found.results == {"a": "quick"}
        assert ended == ["1", "2"]

    def test_a_thread_that_takes_too_long_is_left_and_told(self) -> None:
        """
        It cannot be stopped: the node fails at its limit, and says so.
        """
        go = threading.Event()
        found = run(Desk(note=lambda: go.wait(5)), dag(a={"timeout": 0.02}))
        go.set()

        (node,) = found.nodes
        assert node.error is not None
        assert node.error["code"] == "task-timeout"
        assert node.ms is not None
        assert node.ms < 2000


class TestEnds:
    def test_a_cancelled_run_leaves_nothing_behind(self) -> None:
        """
        Every task was cancelled and could clean up before the run is over.
        """
        cleaned: list[str] = []

        async def wait(payload: Any, context: Any) -> None:
            try:
                await asyncio.sleep(60)
            finally:
                with anyio.CancelScope(shield=True):
                    await asyncio.sleep(0)
                cleaned.append(context.node)

        async def main() -> tuple[FlowRun, Desk, int]:
            desk = Desk(wait=wait)
            what = dag(**{f"n{i}": {"task": "wait"} for i in range(5)})
            async with MemoryEngine(desk) as engine:
                await engine.start(Order("w", what), "w-1")
                await asyncio.sleep(0.01)
                found = await engine.cancel("w-1")
                with pytest.raises(WorkflowError, match="has ended: cancelled"):
                    await engine.cancel("w-1")
                return found, desk, len(asyncio.all_tasks())

        found, desk, tasks = asyncio.run(main())

        assert found.state == "cancelled"
        assert found.exit_code == 130
        assert sorted(cleaned) == [f"n{i}" for i in range(5)]
        assert desk.held == 0
        assert tasks == 1

    def test_whoever_leaves_the_engine_leaves_no_task(self) -> None:
        """
        What goes on is cancelled and waited for.
        """

        async def wait() -> None:
            await asyncio.sleep(60)

        async def main() -> FlowRun:
            async with MemoryEngine(Desk(note=wait)) as engine:
                await engine.start(Order("w", dag(a="")), "w-1")
                await asyncio.sleep(0.01)
            assert len(asyncio.all_tasks()) == 1
            with pytest.raises(UsageError, match="takes no orders"):
                await engine.start(Order("w", dag(a="")), "w-2")
            return engine.show("w-1")

        assert asyncio.run(main()).state == "cancelled"

    def test_to_cancel_who_waits_is_not_to_cancel_the_run(self) -> None:
        """
        Somebody else may wait for it as well.
        """
        go = asyncio.Event()

        async def wait() -> None:
            await go.wait()

        async def main() -> FlowRun:
            async with MemoryEngine(Desk(note=wait)) as engine:
                await engine.start(Order("w", dag(a="")), "w-1")
                waiter = asyncio.create_task(engine.wait("w-1"))
                await asyncio.sleep(0)
                waiter.cancel()
                await asyncio.wait([waiter])
                go.set()
                return await engine.wait("w-1")

        assert asyncio.run(main()).state == "done"

    def test_the_same_key_is_the_same_run(self) -> None:
        """
        With another payload it is refused.
        """

        async def main() -> list[bool]:
            desk = Desk()
            desk.tasks["note"] = desk.note()
            async with MemoryEngine(desk) as engine:
                name = new_run_id("w", "order-7")
                asked = [await engine.start(Order("w", dag(a=""), 1), name) for _ in range(3)]
                with pytest.raises(WorkflowError, match="another payload"):
                    await engine.start(Order("w", dag(a=""), 2), name)
                await engine.wait(name)
                assert desk.log == ["a#1"]
                return asked

        assert asyncio.run(main()) == [True, False, False]

    def test_an_unknown_run_is_told(self) -> None:
        """
        With the nearest name.
        """
        engine = MemoryEngine(Desk())
        with pytest.raises(WorkflowError, match="workflow runs lists them"):
            engine.show("w-1")
        run_id = "w-20260101-120000-aaaaaaaa"
        asyncio.run(engine.run(Order("w", dag(a="")), run_id))
        with pytest.raises(WorkflowError, match="did you mean"):
            engine.show(run_id[:-1])

    def test_old_runs_are_forgotten(self) -> None:
        """
        Memory does not grow with the number of runs.
        """

        async def main() -> int:
            engine = MemoryEngine(Desk(note=lambda: None))
            for i in range(130):
                await engine.run(Order("w", dag_of({"nodes": [{"id": "a", "task": "x"}]})), f"r{i}")
            return len(engine.list(limit=1000))

        assert asyncio.run(main()) == 100


class TestLater:
    def test_what_is_put_off_waits_and_may_be_cancelled(self) -> None:
        """
        It says when it begins; nothing of it is counted before that.
        """
        desk = Desk()
        desk.tasks["note"] = desk.note()

        async def main() -> tuple[FlowRun, FlowRun, MemoryEngine]:
            engine = MemoryEngine(desk, wall=lambda: 0.0)
            engine.later(Order("w", dag(a="")), "w-1", 3600)
            engine.later(Order("w", dag(a="")), "w-1", 3600)
            engine.later(Order("w", dag(a="")), "w-2", 0.001)
            await asyncio.sleep(0)
            waits = engine.show("w-1")
            ended = await engine.cancel("w-1")
            await engine.drained()
            return waits, ended, engine

        waits, ended, engine = asyncio.run(main())
        assert (waits.state, waits.why) == ("waiting", "it begins at 1970-01-01 01:00:00 UTC")
        assert (ended.state, ended.why) == ("cancelled", "")
        assert engine.show("w-2").ok
        assert desk.log == ["a#1"]
        assert engine.counters.as_dict()["runs"] == {("w", "done"): 1}

    def test_one_that_fails_is_told_in_the_log(self, caplog: pytest.LogCaptureFixture) -> None:
        """
        Nobody waits for it.
        """

        async def fail() -> None:
            raise OSError("no box")

        async def main() -> None:
            engine = MemoryEngine(Desk(note=fail))
            engine.later(Order("w", dag(a="")), "w-1", 0)
            await engine.drained()

        asyncio.run(main())
        assert "a of w-1 failed: OSError: no box" in caplog.text


class TestHooks:
    def test_every_moment_is_told_in_order(self) -> None:
        """
        Of the run and of its nodes, those that failed and those that were skipped.
        """
        told: list[str] = []
        hooks = FlowHooks()

        async def write(event: FlowEvent) -> None:
            await asyncio.sleep(0)
            told.append(f"{event.moment} {event.node} {event.why}".strip())

        for moment in MOMENTS:
            hooks.on(moment, write)

        async def fail() -> None:
            raise OSError("no")

        desk = Desk(fail=fail)
        desk.tasks["note"] = desk.note()
        run(desk, dag(a="", b={"task": "fail", "depends_on": ["a"]}, c="b"), hooks=hooks)

        assert told == [
            "run_start",
            "node_start a",
            "node_end a",
            "node_start b",
            "node_error b OSError: no",
            "node_skip c b failed",
            "run_error  failed: b",
        ]

    def test_a_node_behind_two_failures_is_skipped_once(self) -> None:
        """
        By the first of them.
        """
        told: list[str] = []
        hooks = FlowHooks()
        hooks.on("node_skip", lambda event: told.append(f"{event.node} {event.why}"))

        def bad(payload: Any, context: Any) -> None:
            raise ValueError

        found = run(Desk(note=bad), dag(a="", b="", c="a b"), hooks=hooks, nodes=1)

        assert states(found) == {"a": "failed", "b": "failed", "c": "skipped"}
        assert told == ["c a failed"]

    def test_one_that_raises_changes_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        """
        It is logged, those behind it are called, and the run goes on.
        """
        hooks = FlowHooks()
        told: list[FlowEvent] = []

        def broken(event: FlowEvent) -> None:
            raise RuntimeError("a hook")

        hooks.on("node_end", broken)
        off = hooks.on("node_end", told.append)
        desk = Desk()
        desk.tasks["note"] = desk.note()

        assert run(desk, dag(a=""), hooks=hooks).ok
        assert len(told) == 1
        assert "a hook failed at node_end of w-1" in caplog.text

        off()
        run(desk, dag(a=""), hooks=hooks)
        assert len(told) == 1

    def test_an_unknown_moment_is_refused(self) -> None:
        """
        With the nearest one.
        """
        with pytest.raises(UsageError, match="did you mean `node_end`"):
            FlowHooks().on("node_ends", print)  # type: ignore[arg-type]  # the point


class TestCounters:
    def test_what_happened_is_counted(self) -> None:
        """
        By workflow and outcome, as plain numbers; nothing is active afterwards.
        """

        async def flaky(payload: Any, context: Any) -> None:
            if context.attempt == 1:
                raise OSError

        async def main() -> dict[str, Any]:
            desk = Desk(flaky=flaky)
            desk.tasks["note"] = desk.note()
            engine = MemoryEngine(desk)
            kept = {"a": NodeRun("a", "note", "kept", "x")}
            await engine.run(Order("w", dag(a="", b="a"), kept=kept), "w-1")
            retried = {"task": "flaky", "retry_policy": {"attempts": 2}}
            await engine.run(Order("w", dag(a=retried)), "w-2")
            await engine.run(Order("v", dag(a={"task": "gone"})), "v-1")
            return engine.counters.as_dict()

        found = asyncio.run(main())

        assert found["runs"] == {("w", "done"): 2, ("v", "failed"): 1}
        assert found["active"] == {"w": 0, "v": 0}
        assert found["steps"] == {"w": 2, "v": 1}
        assert found["retries"] == {"w": 1}
        assert found["oldest_ms"] == 0
        assert sum(found["step_buckets"]["w"]) == 2
        assert found["step_ns"]["w"] > 0

    def test_the_oldest_run_is_known_while_it_goes_on(self) -> None:
        """
        Its age is read at a scrape.
        """
        from oneiric_lab.runtime import FlowCounters

        now = 0.0
        counters = FlowCounters(clock=lambda: now)
        counters.began("w-1", "w")
        now = 2.5

        assert counters.oldest_ms() == 2500
        assert counters.as_dict()["active"] == {"w": 1}


class TestLoneTask:
    def test_a_task_runs_alone(self) -> None:
        """
        With an idempotency key of its own.
        """

        async def task(payload: Any, context: Any) -> list[Any]:
            return [payload, context.workflow, context.idempotency_key]

        found = asyncio.run(call_task(Desk(t=task), "t", {"x": 1}, "t-1"))

        assert found.result == [{"x": 1}, "", "t-1/t"]
