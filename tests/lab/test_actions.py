"""`lab.actions` and `lab.invoke`: actions in a program, and what they ask of it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import FetchError, NoCandidateError, PausedError, UsageError
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from oneiric_lab.lab import Lab

PROJECT = """
[plugins]
packages = ["oneiric_lab.components.actions"]
auto_load = false
[actions.settings.hash]
algorithm = "sha512"
"""
MEMORY = "[runtime_paths]\nworkflow_checkpoints_enabled = false\n"


@pytest.fixture
def lab(tmp_path: Path) -> Lab[Any]:
    """Return a workspace with our actions."""
    return Workspace(tmp_path).project(PROJECT).open()


class TestInvoke:
    """One call."""

    def test_settings_hold(self, lab: Lab[Any]) -> None:
        """An action is built with what the configuration says to it."""
        found = asyncio.run(lab.invoke("action:hash", {"text": "boat"}))

        assert found["algorithm"] == "sha512"
        assert asyncio.run(lab.invoke("hash", {"text": "boat"})) == found
        assert not lab.is_running()

    def test_a_program_that_runs_is_used(self, lab: Lab[Any]) -> None:
        """Its instance, its pauses and its swaps."""
        built: list[int] = []

        @lab.component("action:count", provider="one")
        class Count:
            def __init__(self) -> None:
                built.append(1)

            def __call__(self, payload: Any) -> int:
                return len(built)

        async def main() -> None:
            async with lab.running():
                assert [await lab.invoke("action:count") for _ in range(3)] == [1, 1, 1]
                await lab.pause("action:count")
                with pytest.raises(PausedError):
                    await lab.invoke("action:count")

        asyncio.run(main())
        assert Count is not None

    def test_names_are_told_with_the_nearest(self, lab: Lab[Any]) -> None:
        """And other domains are no actions."""
        with pytest.raises(NoCandidateError, match="did you mean `action:hash`"):
            asyncio.run(lab.invoke("action:hsh"))
        with pytest.raises(UsageError, match="expected an action"):
            asyncio.run(lab.invoke("adapter:cache"))

    def test_a_workspace_without_actions_says_where_they_are(self, tmp_path: Path) -> None:
        """The hint is one that works."""
        lab = Workspace(tmp_path / "a").project("[plugins]\nauto_load = false\n").open()

        with pytest.raises(NoCandidateError, match=r"oneiric_lab\.components\.actions"):
            asyncio.run(lab.invoke("action:hash"))
        assert "oneiric_lab.components.actions" in lab.actions.list().to_text()

    def test_an_answer_of_no_has_exit_code_1(self, lab: Lab[Any]) -> None:
        """An action says so by `ok`; how often it was tried is shown."""
        lab.component("action:no", metadata={"retry_policy": {"attempts": 2}})(_No)
        found = asyncio.run(lab.actions.invoke("no"))

        assert found.exit_code == 1
        assert "2 attempts" in found.to_text()
        assert found.as_dict()["value"] == {"ok": False}

    def test_values_that_json_lacks_are_shown_all_the_same(self, lab: Lab[Any]) -> None:
        """A program's own action may return anything."""
        lab.component("action:bytes")(_Bytes)
        lab.component("action:circle")(_Circle)

        assert "b'boat'" in asyncio.run(lab.actions.invoke("bytes")).to_text()
        assert "[...]" in asyncio.run(lab.actions.invoke("circle")).to_text()

    def test_a_listing_shows_who_provides(self, lab: Lab[Any]) -> None:
        """By their keys, with what each does."""
        found = lab.actions.list()

        assert [one.key for one in found.rows][:2] == ["compression", "data.sanitize"]
        assert "validation.schema" in found.to_text()
        assert found.as_dict()["actions"][0]["provider"] == "stdlib"  # type: ignore[index]  # rows
        assert repr(lab.actions) == "<ActionRoom: 11 actions>"


class _No:
    tries = 0

    def __call__(self, payload: Any) -> dict[str, bool]:
        type(self).tries += 1
        if self.tries == 1:
            raise OSError
        return {"ok": False}


class _Bytes:
    def __call__(self, payload: Any) -> bytes:
        return b"boat"


class _Circle:
    def __call__(self, payload: Any) -> list[Any]:
        circle: list[Any] = []
        circle.append(circle)
        return circle


class TestReach:
    """What actions ask of the program."""

    def test_an_event_reaches_its_handlers(self, lab: Lab[Any]) -> None:
        """Alone it waits for them; in a program that takes events it may only hand it over."""
        seen: list[Any] = []
        lab.events.on("order", lambda event: seen.append(event.payload), name="me")
        payload = {"topic": "order", "payload": 1, "headers": {"correlation_id": "c"}}

        found = asyncio.run(lab.invoke("action:event.dispatch", {**payload, "wait": False}))
        assert found["deliveries"][0]["outcome"] == "handled"

        async def main() -> None:
            async with lab.events.running():
                said = await lab.invoke("action:event.dispatch", {**payload, "wait": False})
                assert said["event"]["headers"]["correlation_id"] == "c"
                assert "deliveries" not in said
                assert (await lab.invoke("action:event.dispatch", payload))["ok"]

        asyncio.run(main())
        assert seen == [1, 1, 1]

    def test_a_scheduled_task_in_memory_is_waited_for(self, tmp_path: Path) -> None:
        """By who had no loop before; the answer says that it is not durable."""
        lab = Workspace(tmp_path).project(PROJECT + MEMORY).open()
        done: list[Any] = []

        @lab.component("task:pack")
        class Pack:
            def __call__(self, payload: Any) -> None:
                done.append(payload)

        payload = {"task": "pack", "payload": {"n": 1}, "delay": 0.001}
        said = asyncio.run(lab.invoke("action:task.schedule", payload))

        assert said["task"] == "pack"
        assert (said["durable"], said["why"]) == (
            False,
            "in memory: it is gone when its process ends",
        )
        assert lab.workflows.show(said["run_id"]).ok
        assert done == [{"n": 1}]
        assert Pack is not None

    def test_a_task_that_fails_is_told(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nobody waits for what it returns."""
        lab = Workspace(tmp_path).project(PROJECT + MEMORY).open()

        @lab.component("task:pack")
        def pack() -> Any:
            def work(payload: Any) -> None:
                raise ValueError("no box")

            return work

        with caplog.at_level(logging.ERROR, "oneiric_lab.runtime"):
            asyncio.run(lab.invoke("action:task.schedule", {"task": "pack"}))

        assert "no box" in caplog.text
        assert pack is not None

    def test_a_scheduled_task_waits_for_a_host(self, lab: Lab[Any]) -> None:
        """Where runs are durable: who asked may end, and it may be looked at and cancelled."""
        pytest.importorskip("dbos", reason="needs pip install 'oneiric-lab[durable]'")
        done: list[Any] = []

        @lab.component("task:pack")
        def pack() -> Any:
            return done.append

        asked = {"task": "pack", "payload": {"n": 1}}
        said = asyncio.run(lab.invoke("action:task.schedule", asked))
        later = asyncio.run(lab.invoke("action:task.schedule", {**asked, "delay": 3600}))

        assert (said["durable"], said["why"]) == (True, "no host runs now: the next one begins it")
        assert done == []
        put_off = lab.workflows.show(later["run_id"])
        assert put_off.state == "waiting"
        assert "it begins at" in str(put_off)

        async def host() -> Any:
            async with lab.running(), lab.workflows.engine() as engine:
                # One that is asked for by an action of the host itself knows its host.
                again = await lab.invoke("action:task.schedule", {**asked, "delay": 3600})
                assert (again["durable"], again["why"]) == (True, "")
                return await engine.wait(said["run_id"]), await lab.workflows.cancel(
                    later["run_id"]
                )

        found, ended = asyncio.run(host())
        assert (found.workflow, found.ok, done) == ("task:pack", True, [{"n": 1}])
        assert ended.state == "cancelled"
        assert {row.id for row in lab.workflows.runs(workflow="task:pack").rows} >= {
            said["run_id"],
            later["run_id"],
        }
        assert pack is not None

    def test_a_task_that_is_not_there_is_told_at_once(self, lab: Lab[Any]) -> None:
        """Not when its time has come."""
        with pytest.raises(NoCandidateError, match="task:pack"):
            asyncio.run(lab.invoke("action:task.schedule", {"task": "pack"}))

    def test_a_notifier_may_be_written_in_any_way(self, lab: Lab[Any]) -> None:
        """A coroutine function that is a notifier is awaited."""
        told: list[Any] = []

        @lab.component("adapter:notify.mine")
        def mine() -> Any:
            async def notify(message: str, **facts: Any) -> None:
                told.append((message, facts["level"]))

            return notify

        lab.plan({'actions.settings."workflow.notify".routes.me.adapter': "notify.mine"}).apply()
        said = asyncio.run(lab.invoke("action:workflow.notify", {"message": "hi", "route": "me"}))

        assert told == [("hi", "info")]
        assert said["ok"], "who returns nothing has taken it"
        assert mine is not None


class TestVerbs:
    """`action list` and `action invoke`."""

    def test_a_shell_invokes(self, lab: Lab[Any]) -> None:
        """With a payload as text, file or what comes in."""
        where = ["-C", str(lab.root)]
        body = Interaction(body=lambda: '{"text": "boat"}')

        said = run([*where, "action", "invoke", "hash", "--payload", "-"], body)
        assert said.value["hex"].startswith("a292")  # type: ignore[union-attr]  # invoked
        for words in (["action", "list"], ["action"]):
            assert len(run([*where, *words], Interaction()).rows) == 11  # type: ignore[union-attr]  # actions
        with pytest.raises(FetchError):
            run(
                [*where, "action", "invoke", "http.fetch", "--payload", '{"url": "x"}'],
                Interaction(),
            )
