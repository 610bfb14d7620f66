"""Workflows of a workspace: said in its files, run by its components."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import InvalidConfigError, NoCandidateError, UsageError, WorkflowError
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from oneiric_lab.lab import Lab

PROJECT = """\
[plugins]
auto_load = false

[runtime_paths]
workflow_checkpoints_enabled = false

[[workflows.dags.ship.nodes]]
id = "pick"
task = "note"

[[workflows.dags.ship.nodes]]
id = "send"
task = "note"
depends_on = ["pick"]
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace with one workflow of two nodes."""
    return Workspace(tmp_path).project(PROJECT)


@pytest.fixture
def lab(workspace: Workspace) -> Lab[Any]:
    """Return it open, with the task of its nodes."""
    found = workspace.open()

    @found.component("task:note", provider="here", version="1.2")
    class Note:
        async def run(self, payload: Any, context: Any) -> str:
            return f"{context.node} of {context.input}"

    return found


class TestDags:
    def test_what_the_configuration_says_is_a_component(self, lab: Lab[Any]) -> None:
        """
        It is explained like any other, with its place.
        """
        assert "config" in str(lab.explain("workflow:ship"))
        assert str(lab.registry.resolve("workflow", "ship").origin).startswith("oneiric.toml:8:")
        assert lab.workflows.list().as_dict() == {
            "workflows": [
                {"key": "ship", "provider": "config", "version": "0", "summary": "", "nodes": 2}
            ]
        }

    def test_they_are_of_the_first_generation_and_of_a_lock_file(
        self, workspace: Workspace, lab: Lab[Any]
    ) -> None:
        """
        Opened, nothing was published twice; frozen and opened again, the same ones win.
        """
        fresh = workspace.open()
        assert fresh.registry.current.number == 1
        fresh.freeze("oneiric.lock.json")

        locked = type(fresh).from_lock(workspace.path / "oneiric.lock.json")
        assert locked.registry.resolve("workflow", "ship").provider == "config"

    def test_a_fault_is_told_with_its_line(self, workspace: Workspace) -> None:
        """
        A workspace whose workflows are wrong does not open, as with any other value.
        """
        workspace.project(PROJECT.replace('["pick"]', '["pikc"]'))

        with pytest.raises(InvalidConfigError) as caught:
            workspace.open()

        assert "no step is called pikc" in str(caught.value)
        assert "oneiric.toml:14:15" in str(caught.value)
        assert "did you mean `pick`" in str(caught.value)

    def test_a_name_that_is_none(self, workspace: Workspace) -> None:
        """
        A key of a table may be anything; that of a workflow is a name.
        """
        workspace.project('[workflows.dags."a b"]\nnodes = [{ id = "x", task = "t" }]')

        with pytest.raises(InvalidConfigError, match="no name of a workflow"):
            workspace.open()

    def test_a_bad_edit_keeps_the_last_good(self, workspace: Workspace, lab: Lab[Any]) -> None:
        """
        A reload that would break a workflow changes nothing; mended, it is in force.
        """
        workspace.project(PROJECT.replace('["pick"]', '["send"]'))
        with pytest.raises(InvalidConfigError, match="send -> send"):
            lab.reload()
        assert len(lab.workflows.plan("ship").dag.nodes) == 2

        workspace.project(PROJECT + '[[workflows.dags.ship.nodes]]\nid = "x"\ntask = "note"\n')
        lab.reload()
        assert len(lab.workflows.plan("ship").dag.nodes) == 3

        workspace.project("[plugins]\nauto_load = false\n")
        lab.reload()
        assert not lab.workflows.list().rows

    def test_a_plan_shows_that_a_workflow_would_break(self, lab: Lab[Any]) -> None:
        """
        And is not applied.
        """
        plan = lab.plan({"workflows.dags.other": {"nodes": []}})

        assert not plan.ok
        assert "workflows.dags.other.nodes" in str(plan)

    def test_code_may_say_its_nodes(self, lab: Lab[Any]) -> None:
        """
        In the candidate's metadata; one that does not is code alone.
        """
        said = {"nodes": [{"id": "a", "task": "note"}]}
        lab.component("workflow:by-code", provider="here", metadata={"dag": said})(dict)
        lab.component("workflow:code", provider="here")(dict)
        lab.component("workflow:bad", provider="here", metadata={"dag": {}})(dict)

        shown = str(lab.workflows.list())
        assert "code, no nodes" in shown
        assert "cannot be read" in shown
        assert "missing value: dag.nodes" in shown
        assert lab.workflows.plan("by-code").ok
        with pytest.raises(WorkflowError, match="it has no nodes to run"):
            lab.workflows.plan("code")


class TestRun:
    def test_a_job_brings_the_run(self, lab: Lab[Any]) -> None:
        """
        From a thread that has no loop, as a kernel's cell.
        """
        with lab:
            job = lab.workflows.run("ship", "order 7")
            found = job.result(10)

        assert found.results == {"pick": "pick of order 7", "send": "send of order 7"}
        assert lab.workflows.show(found.id).ok
        assert [row.id for row in lab.workflows.runs(workflow="ship").rows] == [found.id]
        assert not lab.workflows.runs(workflow="other").rows

    def test_a_program_awaits_it(self, lab: Lab[Any]) -> None:
        """
        On its own loop, and the components stay there.
        """

        async def main() -> tuple[Any, Any]:
            async with lab.running():
                first = await lab.workflows.arun("ship", 1)
                second = await lab.workflows.run("ship", 1)
                return first, second

        first, second = asyncio.run(main())
        lab.close()

        assert first.ok
        assert second.ok
        assert not lab.workflows.diff(first.id, second.id).rows

    def test_a_shell_closes_what_it_used(self, lab: Lab[Any]) -> None:
        """
        A run in a thread without a loop leaves no component open.
        """
        closed: list[str] = []

        @lab.component("task:note", provider="closing", priority=9)
        class Closing:
            def run(self) -> None:
                return None

            async def aclose(self) -> None:
                closed.append("closed")

        assert lab.workflows.run_here("ship").ok
        assert closed == ["closed"]

    def test_a_task_that_nobody_provides(self, workspace: Workspace) -> None:
        """
        The plan shows it with the nodes that need it, and nothing is begun.
        """
        lab = workspace.open()
        plan = lab.workflows.plan("ship")

        assert plan.exit_code == 1
        assert "for the node pick, send" in str(plan)
        with pytest.raises(NoCandidateError, match="task:note"):
            lab.workflows.run_here("ship")

    def test_a_payload_is_checked_before_anything_begins(self, lab: Lab[Any]) -> None:
        """
        What cannot be kept is refused at once.
        """
        with pytest.raises(WorkflowError, match="expected JSON, got a value of type set"):
            lab.workflows.run_here("ship", {1})
        with (
            lab.override({"workflows.max_bytes": 4}),
            pytest.raises(WorkflowError, match="at most 4 bytes"),
        ):
            lab.workflows.run_here("ship", "too long")

    def test_two_runs_differ(self, lab: Lab[Any]) -> None:
        """
        In what they were given, and in what came of it.
        """
        first, second = (lab.workflows.run_here("ship", given) for given in (1, 2))
        found = lab.workflows.diff(first.id, second.id)

        assert found.exit_code == 1
        assert [row[:2] for row in found.rows] == [
            ("", "payload"),
            ("pick", "result"),
            ("send", "result"),
        ]


class TestSecrets:
    def test_a_secret_is_kept_out_of_what_is_recorded(self, workspace: Workspace) -> None:
        """
        Of payloads, of results, and of what a failure says.
        """
        lab = workspace.secret("canary", "s3cr3t-canary").open()
        answers: list[Any] = ["the word is s3cr3t-canary", OSError("no: s3cr3t-canary")]

        @lab.component("task:note", provider="leaky")
        class Leaky:
            def run(self) -> Any:
                answer = answers.pop(0)
                if isinstance(answer, OSError):
                    raise answer
                return answer

        found = lab.workflows.run_here("ship")
        assert found.nodes[0].error is not None
        assert found.nodes[0].error["code"] == "secret-refused"
        failed = lab.tasks.run_here("note")
        assert failed.node.error == {"code": "task-failed", "message": "OSError: no: (a secret)"}
        with pytest.raises(WorkflowError, match="the text of a secret"):
            lab.workflows.run_here("ship", {"a": ["s3cr3t-canary"]})
        assert "s3cr3t" not in str(found) + str(failed)


class TestEngine:
    def test_a_host_triggers_and_reads_numbers(self, lab: Lab[Any]) -> None:
        """
        One engine for as long as the host runs; a key is a run once.
        """

        async def main() -> dict[str, Any]:
            async with lab.running(), lab.workflows.engine() as engine:
                first = await lab.workflows.trigger("ship", {"n": 1}, "order-1")
                again = await lab.workflows.trigger("ship", {"n": 1}, "order-1")
                assert (first.is_new, again.is_new) == (True, False)
                assert first.run_id == again.run_id
                await engine.wait(first.run_id)
                with pytest.raises(UsageError, match="held in this process already"):
                    async with lab.workflows.engine():
                        pass
                return engine.counters.as_dict()

        found = asyncio.run(main())

        assert found["runs"] == {("ship", "done"): 1}
        assert found["steps"] == {"ship": 2}

    def test_a_thread_runs_through_the_engine(self, lab: Lab[Any]) -> None:
        """
        Its tasks run on the loop of the host, whoever asked.
        """
        loops: list[asyncio.AbstractEventLoop] = []

        @lab.component("task:note", provider="where", priority=9)
        class Where:
            async def run(self) -> None:
                loops.append(asyncio.get_running_loop())

        async def main() -> None:
            async with lab.running(), lab.workflows.engine():
                job = lab.workflows.run("ship")
                found = await job
                assert found.ok
                assert set(loops) == {asyncio.get_running_loop()}

        asyncio.run(main())
        lab.close()

    def test_runs_at_one_time_share_an_engine_until_the_last_has_ended(
        self, workspace: Workspace
    ) -> None:
        """
        One that ends takes it from no other, and a next one finds none in its way.
        """
        pytest.importorskip("dbos", reason="needs pip install 'oneiric-lab[durable]'")
        durable = workspace.project(PROJECT.replace("enabled = false", "enabled = true")).open()

        async def main() -> list[str]:
            gates = {name: asyncio.Event() for name in ("first", "second", "again")}
            begun: list[str] = []

            @durable.component("task:note", provider="here")
            class Note:
                async def run(self, payload: Any, context: Any) -> str:
                    begun.append(context.input)
                    await gates[context.input].wait()
                    return "noted"

            async def ran(name: str) -> asyncio.Task[Any]:
                task = asyncio.create_task(durable.workflows.arun("ship", name))
                async with asyncio.timeout(10):
                    while name not in begun:  # noqa: ASYNC110 - several nodes begin
                        await asyncio.sleep(0.01)
                return task

            async with durable.running():
                tasks = [await ran("first"), await ran("second")]
                gates["first"].set()
                await tasks[0]
                gates["second"].set()
                await tasks[1]
                assert durable.workflows.engines.held is None
                gates["again"].set()
                tasks.append(await ran("again"))
                return [(await task).state for task in tasks]

        assert asyncio.run(main()) == ["done"] * 3

    def test_in_memory_nothing_is_asked_for_by_the_clock(
        self, workspace: Workspace, caplog: pytest.LogCaptureFixture
    ) -> None:
        """
        And that is told.
        """
        clock = '[workflows.schedules.nightly]\nworkflow = "ship"\ncron = "0 3 * * *"\n'
        lab = workspace.project(PROJECT + clock).open()

        async def main() -> None:
            async with lab.workflows.engine():
                await lab.workflows.engines.follow()

        asyncio.run(main())
        assert "nothing is asked for by the clock (nightly)" in caplog.text

    def test_without_an_engine_nothing_is_triggered(self, lab: Lab[Any]) -> None:
        """
        It says what to do.
        """
        with pytest.raises(UsageError, match="no engine of this workspace"):
            asyncio.run(lab.workflows.trigger("ship"))

    def test_a_run_of_a_job_is_cancelled(self, lab: Lab[Any]) -> None:
        """
        By its name, from another thread's loop.
        """

        @lab.component("task:note", provider="slow", priority=9)
        class Slow:
            async def run(self) -> None:
                await asyncio.sleep(60)

        with lab:
            job = lab.workflows.run("ship")
            while not (rows := lab.workflows.runs(states=("running",)).rows):
                pass
            found = asyncio.run(lab.workflows.cancel(rows[0].id))

            assert found.state == "cancelled"
            assert job.result(10).state == "cancelled"


class TestTasks:
    def test_a_task_runs_alone(self, lab: Lab[Any]) -> None:
        """
        In a job, or here.
        """
        with lab:
            assert lab.tasks.run("note").result(10).result == "note of None"
            assert lab.tasks.run_here("note", {}).ok
        assert [row[0] for row in lab.tasks.list().rows] == ["note"]

    def test_one_that_fails_says_why(self, lab: Lab[Any]) -> None:
        """
        As its answer, which is no.
        """

        @lab.component("task:bad", provider="here")
        class Bad:
            def run(self) -> None:
                raise ValueError("the paper is out")

        found = lab.tasks.run_here("bad")

        assert found.exit_code == 1
        assert "ValueError: the paper is out" in str(found)

    def test_an_unknown_one_is_refused(self, lab: Lab[Any]) -> None:
        """
        With the nearest name.
        """
        with pytest.raises(NoCandidateError, match="did you mean `task:note`"):
            lab.tasks.run("noet")
