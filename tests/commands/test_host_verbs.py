"""The verbs `run`, `health`, `metrics` and `logs`, beside a host and without one."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.commands import Interaction, Stream, run
from oneiric_lab.errors import FetchError, UsageError
from oneiric_lab.lab import Lab, follow_logs
from oneiric_lab.runtime import alone, tell_host
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Ask = Callable[..., Any]

PROJECT = """\
[plugins]
packages = ["oneiric_lab.components"]
auto_load = false

[runtime_paths]
workflow_checkpoints_enabled = false
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A small workspace."""
    return Workspace(tmp_path).project(PROJECT)


@pytest.fixture
def ask(workspace: Workspace) -> Ask:
    """What runs one verb as a shell would, in a new process each."""
    return lambda *words: run(["-C", str(workspace.path), *words], Interaction())


def beside(workspace: Workspace, do: Callable[[], Any], **options: Any) -> Any:
    """Return what *do* finds, in another thread, while a host of the workspace runs."""

    async def main() -> Any:
        host = workspace.open().host(**options)
        up = asyncio.Event()
        task = asyncio.create_task(host.serve(lambda screen: up.set()))
        await up.wait()
        try:
            return await asyncio.to_thread(do)
        finally:
            assert host.host is not None
            host.host.stop()
            await task

    return asyncio.run(main())


class TestHealth:
    def test_without_a_host_it_is_that_of_this_process(self, ask: Ask) -> None:
        """
        Good; and bad for who asked for a host.
        """
        assert ask("health").exit_code == 0
        found = ask("health", "--host")
        assert (found.exit_code, found.checks[0].says) == (1, "none runs here")

    def test_a_host_is_asked(self, workspace: Workspace, ask: Ask) -> None:
        """
        Also where the workspace does not open any more; one that listens nowhere says so.
        """

        def look() -> Any:
            workspace.local("[")
            return ask("health")

        found = beside(workspace, look, port=0)
        workspace.local("")
        quiet = beside(workspace, lambda: ask("health"), http=False)

        assert found.whose.startswith("process ")
        assert {check.name for check in found.checks} >= {"host", "loop", "registry", "store"}
        assert "listens nowhere" in str(quiet)

    def test_a_host_that_does_not_answer_is_bad(self, workspace: Workspace, ask: Ask) -> None:
        """
        It holds the lock, and nobody is at its address.
        """
        folder = workspace.path / ".oneiric"
        with alone(folder, "default"):
            tell_host(folder, "default", "http://0.0.0.0:1")
            found = ask("health")
            with pytest.raises(FetchError):
                ask("metrics")

        assert found.exit_code == 1
        assert "does not answer" in str(found)


class TestMetrics:
    def test_those_of_this_process(self, ask: Ask) -> None:
        """
        For people, for Prometheus, and what there is at all.
        """
        assert ask("metrics").whose == "this process"
        text = ask("metrics", "--text")
        assert "# TYPE oneiric_lab_registry_generation gauge" in text.to_text()
        assert "# TYPE" in str(text.view().blocks[0])
        assert text.as_dict()["metrics"]
        catalogue = ask("metrics", "--catalogue")
        assert "oneiric_lab_loop_lag_seconds" in str(catalogue)
        assert {one["kind"] for one in catalogue.as_dict()["metrics"]} == {
            "counter",
            "gauge",
            "histogram",
            "summary",
        }

    def test_those_of_a_host(self, workspace: Workspace, ask: Ask) -> None:
        """
        All kinds of numbers come over as they are.
        """
        found = beside(workspace, lambda: ask("metrics"), port=0)

        assert found.value("oneiric_lab_host_state", state="ready") == 1
        spread = found.value("oneiric_lab_swap_duration_seconds", domain="adapter", phase="commit")
        assert spread.number == 0
        assert found.value("oneiric_lab_store_commit_duration_seconds").number >= 0
        assert "_bucket" in found.text


class TestLogs:
    def test_what_a_host_wrote_down(self, workspace: Workspace, ask: Ask) -> None:
        """
        The last ones, by level and text, the rolled file before the new one.
        """
        folder = workspace.path / ".oneiric"
        folder.mkdir()
        for name, event, level in (("host.jsonl.1", "a", "info"), ("host.jsonl", "b", "error")):
            (folder / name).write_text(json.dumps({"event": event, "level": level}) + "\n")

        assert [row["event"] for row in ask("logs").rows] == ["a", "b"]
        assert [row["event"] for row in ask("logs", "--level", "WARNING").rows] == ["b"]
        assert [row["event"] for row in ask("logs", "-n", "1").rows] == ["b"]
        workspace.local("[")
        assert len(ask("logs").rows) == 2

    def test_a_level_that_is_none_is_refused(self, workspace: Workspace, ask: Ask) -> None:
        """
        With the nearest.
        """
        with pytest.raises(UsageError, match="warning"):
            ask("logs", "--level", "warn")
        with pytest.raises(UsageError, match="no level"):
            workspace.open().logs(level="loud")

    def test_following_goes_on_with_what_comes(self, workspace: Workspace, ask: Ask) -> None:
        """
        Whole lines only, and on where the file rolled over.
        """
        assert isinstance(ask("logs", "-f"), Stream)
        folder = workspace.path / ".oneiric"
        folder.mkdir()
        file = folder / "host.jsonl"
        file.write_text('{"event": "old", "level": "info"}\n')

        def append(text: str) -> None:
            with file.open("a") as opened:
                opened.write(text)

        writes: Iterator[Callable[[], object]] = iter(
            [
                lambda: None,
                lambda: append('{"event": "ne'),
                lambda: append('w", "level": "info"}\n'),
                lambda: file.rename(folder / "host.jsonl.1"),
                lambda: file.write_text('{"event": "rolled", "level": "error"}\n'),
            ]
        )

        async def sleep(seconds: float) -> None:
            next(writes)()

        async def main() -> list[str]:
            out: list[str] = []
            stream = follow_logs(
                workspace.path, folder, level="debug", match="", limit=9, sleep=sleep
            )
            async with aclosing(stream) as logs:
                async for found in logs:
                    out += [row["event"] for row in found.rows]
                    if "rolled" in out:
                        break
            return out

        assert asyncio.run(main()) == ["old", "new", "rolled"]


class TestRun:
    def test_a_dry_run_begins_nothing(self, ask: Ask, workspace: Workspace) -> None:
        """
        The screen, and whether it could.
        """
        screen = ask("run", "--as", "edge", "--no-http", "--dry-run")

        assert (screen.kind, screen.url, screen.exit_code) == ("edge", "", 0)
        assert not (workspace.path / ".oneiric").exists()

    def test_a_kernel_holds_it_in_a_job(self, workspace: Workspace) -> None:
        """
        The first screen comes when all is up; who stops reading stops the host.
        """
        asking = Interaction(takes_over=False)
        stream = run(["-C", str(workspace.path), "run", "--port", "0"], asking)
        assert isinstance(stream, Stream)

        async def main() -> Any:
            async with aclosing(stream.open()) as results:
                async for first in results:
                    return first, Lab.open(workspace.path, environ={}).host().screen()
            return None

        first, second = asyncio.run(main())
        assert "Ctrl-C stops it" in str(first)
        assert "runs already" in str(second)
        assert run(["-C", str(workspace.path), "health", "--host"], Interaction()).exit_code == 1  # type: ignore[union-attr]  # a result

    def test_how_it_ended_comes_last(self, workspace: Workspace) -> None:
        """
        Told by a signal of the process or by a program.
        """
        lab = workspace.open()
        asking = Interaction(takes_over=False, current=lambda: lab)
        stream = run(["run", "--no-http"], asking)
        assert isinstance(stream, Stream)

        async def main() -> list[Any]:
            out = []
            async for found in stream.open():
                out.append(found)
                if len(out) == 1:
                    assert [row for row in lab.logs().rows if row["event"] == "ready"]
                    assert run(["health", "--host"], asking).exit_code == 0  # type: ignore[union-attr]  # a result
                    assert run(["logs", "-n", "1"], asking).rows  # type: ignore[union-attr]  # a result
                    assert lab._hosted is not None
                    assert lab._hosted.host is not None
                    lab._hosted.host.stop()
            return out

        assert [type(one).__name__ for one in asyncio.run(main())] == ["Screen", "Ended"]

    def test_one_that_cannot_begin_raises(self, workspace: Workspace) -> None:
        """
        Before any screen.
        """
        stream = run(["-C", str(workspace.path), "run", "--no-http"], Interaction(takes_over=False))
        assert isinstance(stream, Stream)

        async def main() -> None:
            async for _ in stream.open():
                pass

        with (
            alone(workspace.path / ".oneiric", "default"),
            pytest.raises(UsageError, match="runs already"),
        ):
            asyncio.run(main())
