"""What people see of runs and plans."""

from __future__ import annotations

from oneiric_lab.errors import Fault
from oneiric_lab.runtime import (
    Code,
    FlowDiff,
    FlowPlan,
    FlowRun,
    FlowRuns,
    NodeRun,
    TaskRun,
    dag_of,
    new_run_id,
)

from .flows import dag

DONE = NodeRun("a", "note", "done", {"x": [1] * 50}, None, 1, 0.0, 1.5, "note 1", "c" * 64)
BAD = NodeRun("b", "note", "failed", None, {"code": "task-failed", "message": "no paper"}, 3)


def run(*nodes: NodeRun, **more: object) -> FlowRun:
    """Return a run with these nodes."""
    facts = {"state": "failed", "payload": {"n": 1}, "durable": True, "started": 0.0, **more}
    return FlowRun("w-1", "w", nodes=nodes, **facts)  # type: ignore[arg-type]  # a table of facts


class TestFlowRun:
    def test_every_node_has_its_row(self) -> None:
        """
        What it returned in short, or why it failed.
        """
        text = str(run(DONE, BAD, NodeRun("c", "note", "skipped")))

        assert "1 of 3 done" in text
        assert "no paper" in text
        assert "..." in text

    def test_a_fork_says_of_what(self) -> None:
        """
        And from where.
        """
        forked = run(DONE, state="done", forked={"run": "w-0", "nodes": ["a"]}, durable=False)

        assert "w-0, from a" in str(forked)
        assert "in memory" in str(forked)
        assert forked.exit_code == 0

    def test_why_it_waits_is_said(self) -> None:
        """
        Where no node says it.
        """
        held = run(DONE, state="interrupted", why="the code changed")

        assert "the code changed" in str(held)
        assert held.exit_code == 1
        assert not held.is_ended

    def test_what_was_recorded_is_read(self) -> None:
        """
        Names of a newer release are passed over.
        """
        assert NodeRun.of({**DONE.as_dict(), "newer": 1}) == DONE


class TestFlowRuns:
    def test_rows_are_the_runs(self) -> None:
        """
        With when they were asked for, and how long they took.
        """
        found = FlowRuns((run(state="done", ended=2.0), run(state="waiting", started=None)))

        assert "1970-01-01 00:00:00" in str(found)
        assert "2.0 s" in str(found)
        assert found.as_dict()["runs"][0]["run"] == "w-1"  # type: ignore[index]  # a list


class TestFlowDiff:
    def test_what_differs_is_told_by_node(self) -> None:
        """
        Nodes that only one has, too; what was kept is no difference by itself.
        """
        left = run(DONE, BAD)
        kept = NodeRun("a", "note", "kept", DONE.result, None, 1, 0.0, 1.5, "note 1", "d" * 64)
        found = FlowDiff(left, run(kept, payload={"n": 2}))

        assert [row[:2] for row in found.rows] == [
            ("", "payload"),
            ("a", "code"),
            ("b", "node"),
        ]
        assert "cccccccccccc " in str(found)
        assert found.as_dict()["changes"][0]["node"] is None  # type: ignore[index]  # a list
        assert "the same" in str(FlowDiff(left, left))


class TestTaskRun:
    def test_it_shows_what_came_of_it(self) -> None:
        """
        The result whole, or why there is none.
        """
        assert TaskRun(DONE).as_dict()["state"] == "done"
        assert '"x"' in str(TaskRun(DONE))
        assert "no paper" in str(TaskRun(BAD))


class TestFlowPlan:
    def test_a_deep_one_is_a_table(self) -> None:
        """
        A tree of a thousand levels would fit on no page.
        """
        chain = [
            {"id": f"n{i}", "task": "t", "depends_on": [f"n{i - 1}"] if i else []}
            for i in range(1000)
        ]
        plan = FlowPlan(
            "w", "here 1", dag_of({"nodes": chain, "queue": "slow"}), {"t": Code("t 1")}
        )

        assert "1000 in a row" in str(plan)
        assert "slow" in str(plan)
        assert plan.to_svg().startswith("<svg")

    def test_what_is_wrong_stands_below(self) -> None:
        """
        And at its node.
        """
        what = dag(a={"timeout": 5, "retry_policy": {"attempts": 3}}, b="a", c="", d="b c")
        plan = FlowPlan("w", "here 1", what, {}, (Fault("no-task", "nobody"),))

        assert plan.exit_code == 1
        assert "which nobody provides" in str(plan)
        assert "after c too" in str(plan)
        assert "3 attempts" in str(plan)
        assert plan.as_dict()["faults"]


class TestNewRunId:
    def test_each_is_another_and_a_key_is_one(self) -> None:
        """
        They begin with the workflow.
        """
        assert new_run_id("w") != new_run_id("w")
        assert new_run_id("w", "k") == new_run_id("w", "k")
        assert new_run_id("w").startswith("w-")
