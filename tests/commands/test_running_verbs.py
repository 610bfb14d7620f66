"""Verbs about what runs: a shell changes what is wanted, a kernel acts as well."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import InvalidConfigError, NoCandidateError, UsageError
from oneiric_lab.lab import Applied, Deeds, Lab, Plan, Standing, Wished
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ask = Callable[..., Any]

PROJECT = """\
[plugins]
packages = ["oneiric_lab.components"]
auto_load = false
"""
CACHE = "adapter:cache"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace with two caches."""
    return Workspace(tmp_path).project(PROJECT)


@pytest.fixture
def ask(workspace: Workspace) -> Ask:
    """Return what runs one verb as a shell would, in a new process each."""

    def asked(*words: str) -> Any:
        return run(["-C", str(workspace.path), *words], Interaction())

    return asked


@pytest.fixture
def kernel(workspace: Workspace) -> tuple[Lab[Any], Ask]:
    """Return a lab and what runs a verb as a kernel would whose `lab` it is.

    Long work is returned as a function: what a job would do in a thread.
    """
    lab = workspace.open()
    interaction = Interaction(
        layer="session",
        current=lambda: lab,
        submit=lambda name, do: lambda: do(lambda *_: None, lambda: False),  # type: ignore[arg-type,return-value]  # no job, its work
    )
    return lab, lambda *words: run(list(words), interaction)


class TestSwap:
    def test_a_shell_writes_a_selection(self, ask: Ask, workspace: Workspace) -> None:
        """
        It stands in the project's file, and undo takes it back.
        """
        assert isinstance(ask("swap", CACHE, "sqlite"), Applied)
        assert workspace.open().registry.resolve("adapter", "cache").provider == "sqlite"
        ask("undo")

        assert (workspace.path / "oneiric.toml").read_text() == PROJECT

    def test_a_dry_run_writes_nothing(self, ask: Ask, workspace: Workspace) -> None:
        """
        It returns the plan.
        """
        plan = ask("swap", CACHE, "sqlite", "--dry-run", "--layer", "local")

        assert isinstance(plan, Plan)
        assert plan.as_dict()["layer"] == "local"
        assert not (workspace.path / ".oneiric").exists()

    def test_misspelt_names_are_told_with_the_nearest(self, ask: Ask) -> None:
        """
        An unknown component is a no, an unknown provider a fault of the configuration.
        """
        with pytest.raises(NoCandidateError, match="did you mean `adapter:cache`") as unknown:
            ask("swap", "adapter:cahce", "sqlite")
        with pytest.raises(InvalidConfigError, match="did you mean `sqlite`") as provider:
            ask("swap", CACHE, "sqlit")
        assert (unknown.value.exit_code, provider.value.exit_code) == (1, 2)

    def test_a_kernel_chooses_for_its_session(self, kernel: tuple[Lab[Any], Ask]) -> None:
        """
        Where nothing runs, the session's value is all there is.
        """
        lab, ask = kernel

        assert isinstance(ask("swap", CACHE, "sqlite"), Applied)
        assert lab.registry.resolve("adapter", "cache").provider == "sqlite"

    def test_a_kernel_swaps_what_runs(self, kernel: tuple[Lab[Any], Ask]) -> None:
        """
        Where the component runs, a job swaps it, and rolls it back.
        """
        lab, ask = kernel

        async def work() -> list[Any]:
            async with lab.running() as life:
                await life.activate("adapter", "cache")
                lines = [("swap", CACHE, "sqlite"), ("rollback", CACHE)]
                return [await asyncio.to_thread(ask(*line)) for line in lines]

        swapped, back = asyncio.run(work())
        assert (swapped.outcome, swapped.provider) == ("committed", "sqlite")
        assert (back.verb, back.outcome, back.provider) == ("rollback", "committed", "memory")


class TestRollback:
    def test_the_former_choice_comes_back(self, ask: Ask, workspace: Workspace) -> None:
        """
        By the history: from a choice to none, and to another choice; what was undone counts not.
        """
        ask("swap", CACHE, "sqlite")
        ask("rollback", CACHE)
        assert "sqlite" not in (workspace.path / "oneiric.toml").read_text()
        ask("set", "app.name=x")
        ask("rollback", CACHE)
        assert workspace.open().value("adapters.selections.cache") == "sqlite"
        ask("swap", CACHE, "memory", "--layer", "local")
        ask("undo")
        plan = ask("rollback", CACHE, "--dry-run")

        assert isinstance(plan, Plan)
        assert plan.as_dict()["layer"] == "project"
        assert workspace.open().value("adapters.selections.cache") == "sqlite"

    def test_to_a_provider(self, ask: Ask, workspace: Workspace) -> None:
        """
        Where another one was chosen before, it is chosen again.
        """
        ask("swap", CACHE, "sqlite")
        ask("swap", CACHE, "memory")
        ask("rollback", CACHE)

        assert workspace.open().value("adapters.selections.cache") == "sqlite"

    def test_without_a_choice_there_is_nothing_to_bring_back(
        self, ask: Ask, kernel: tuple[Lab[Any], Ask]
    ) -> None:
        """
        It says what to do instead; a kernel does not take back what a file says.
        """
        with pytest.raises(UsageError, match="swap adapter:cache PROVIDER"):
            ask("rollback", CACHE)
        ask("swap", CACHE, "sqlite")
        with pytest.raises(UsageError, match="no provider was chosen"):
            kernel[1]("rollback", CACHE)


class TestWishes:
    @pytest.mark.parametrize(
        ("verb", "state"), [("pause", "paused"), ("drain", "draining"), ("resume", "running")]
    )
    def test_a_shell_writes_down_what_is_wanted(
        self, ask: Ask, workspace: Workspace, verb: str, state: str
    ) -> None:
        """
        With why; and says that nobody listens.
        """
        wished = ask(verb, CACHE, "--why", "a move")

        assert isinstance(wished, Wished)
        assert wished.as_dict()["applied"]
        assert "no process is listening" in str(wished)
        wish = workspace.open().store.desired()[CACHE]
        assert (wish.state, wish.why) == (state, "a move")

    def test_a_dry_run_writes_nothing(self, ask: Ask, workspace: Workspace) -> None:
        """
        It shows what was wanted and would be.
        """
        wished = ask("pause", CACHE, "--dry-run")

        assert (wished.before, wished.state) == ("running", "paused")
        assert not wished.as_dict()["applied"]
        assert "nothing is applied yet" in str(wished)
        assert not workspace.open().store.desired()

    @pytest.mark.parametrize("verb", ["pause", "drain", "resume", "status", "activity"])
    def test_misspelt_names_are_told_with_the_nearest(self, ask: Ask, verb: str) -> None:
        """
        No verb takes a component that is not there.
        """
        with pytest.raises(NoCandidateError, match="did you mean `adapter:cache`"):
            ask(verb, "adapter:cahce")

    def test_a_kernel_acts_before_its_first_lease(self, kernel: tuple[Lab[Any], Ask]) -> None:
        """
        What is paused there is so when a loop comes; resumed, it is not.
        """
        lab, ask = kernel
        for verb, state in (("pause", "paused"), ("drain", "drained"), ("resume", "idle")):
            assert isinstance(ask(verb, CACHE), Wished)
            assert lab.lifecycle.status("adapter", "cache").state == state
        ask("pause", CACHE, "--dry-run")
        assert lab.lifecycle.status("adapter", "cache").state == "idle"

    def test_a_kernel_acts_on_what_runs(self, kernel: tuple[Lab[Any], Ask]) -> None:
        """
        A job pauses, resumes and drains it.
        """
        lab, ask = kernel

        async def work() -> list[Any]:
            async with lab.running() as life:
                await life.activate("adapter", "cache")
                lines = [(verb, CACHE) for verb in ("pause", "resume", "drain")]
                found = [await asyncio.to_thread(ask(*line)) for line in lines]
                return [*found, ask("status", CACHE)]

        paused, resumed, drained, status = asyncio.run(work())
        assert (paused.state, resumed.state) == ("paused", "active")
        assert (drained.verb, drained.ok) == ("drain", True)
        (row,) = status.as_dict()["components"]
        assert (row["desired"]["state"], row["actual"][0]["state"]) == ("draining", "drained")
        assert row["actual"][0]["agrees"]


class TestStatus:
    def test_of_all_components(self, ask: Ask) -> None:
        """
        Each has a row, with the provider that is wanted; nobody listens.
        """
        found = ask("status")

        assert isinstance(found, Standing)
        assert len(found.as_dict()["components"]) == 6  # type: ignore[arg-type]  # a list
        assert found.as_dict()["listening"] == []
        assert "no process is listening" in str(found)

    def test_of_one(self, ask: Ask) -> None:
        """
        What is wanted is told with who and why.
        """
        ask("pause", CACHE, "--why", "a move")
        (row,) = ask("status", CACHE).as_dict()["components"]

        assert row["desired"]["state"] == "paused"
        assert row["desired"]["why"] == "a move"
        assert row["actual"] == []


class TestActivity:
    def test_nothing_yet(self, ask: Ask) -> None:
        """
        An empty one says what will stand there.
        """
        assert "nothing was done yet" in str(ask("activity"))

    def test_the_newest_first(self, ask: Ask, workspace: Workspace) -> None:
        """
        What was wanted and what was done, of all components or of one.
        """
        ask("pause", "adapter:secrets")
        ask("pause", CACHE)
        lab = workspace.open()

        async def work() -> None:
            async with lab.running() as life:
                await life.activate("adapter", "cache")

        asyncio.run(work())
        found = ask("activity", CACHE)

        assert isinstance(found, Deeds)
        changes = [row.what for row in found.rows]
        assert changes == ["closed", "active", "desired paused"]
        assert "memory 1" in str(found)
        rows: Any = found.as_dict()["rows"]
        assert [(row["incarnation"], row["pid"] is None) for row in rows] == [
            (1, False),
            (1, False),
            (None, True),
        ]
        assert [row.target for row in ask("activity").rows][-1] == "adapter:secrets"
        assert len(ask("activity", "--limit", "2").rows) == 2

    def test_a_limit_is_a_number_of_rows(self, ask: Ask) -> None:
        """
        None at all is refused.
        """
        with pytest.raises(UsageError):
            ask("activity", "--limit", "0")
