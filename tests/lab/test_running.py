"""Components of a workspace in this process: what is chosen, wanted and in force agree."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from oneiric_lab.errors import (
    InvalidConfigError,
    JobCancelledError,
    NoCandidateError,
    PausedError,
    SelectionError,
    UsageError,
)
from oneiric_lab.lab import Lab, Plan
from oneiric_lab.lifecycle import SwapReport
from oneiric_lab.registry import Candidate
from oneiric_lab.store import ProcessState
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

SHELF = "adapters.selections.shelf"
TARGET = "adapter:shelf"


class Shelf:
    """A component that counts."""

    def __init__(self, name: str, closed: Counter[str]) -> None:
        self.name, self._closed = name, closed

    def close(self) -> None:
        """Count."""
        self._closed[self.name] += 1


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """A workspace without components of its own."""
    with Workspace() as made:
        yield made.project('[plugins]\nauto_load = false\n[app]\nname = "shop"\n')


@pytest.fixture
def closed() -> Counter[str]:
    """How often an instance of each provider was closed."""
    return Counter()


@pytest.fixture
def made(workspace: Workspace, closed: Counter[str]) -> Callable[[], Lab[Any]]:
    """Return what opens the workspace, as a new process would, with its candidates."""

    def opened() -> Lab[Any]:
        lab = workspace.open()
        for priority, name in enumerate(("bad", "two", "one"), start=1):

            def factory(name: str = name) -> Shelf:
                if name == "bad":
                    raise OSError("no shelf")
                return Shelf(name, closed)

            lab.component(TARGET, provider=name, priority=priority)(factory)
        return lab

    return opened


@pytest.fixture
def lab(made: Callable[[], Lab[Any]]) -> Lab[Any]:
    """The workspace, open."""
    return made()


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run *work* in a loop, under a limit."""

    async def limited() -> Any:
        """Run under a limit of time."""
        with anyio.fail_after(20):
            return await work()

    return asyncio.run(limited())


async def in_force(lab: Lab[Any]) -> str:
    """Return the provider that a lease gets."""
    async with lab.lifecycle.lease("adapter", "shelf") as it:
        return str(it.name)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so; the limit is that of the test."""
    while not is_so():  # noqa: ASYNC110 - nothing of another process tells
        await anyio.sleep(0.005)


class TestLifecycle:
    def test_limits_are_those_of_the_settings(self, workspace: Workspace) -> None:
        """
        The table `lifecycle` gives the time limits.
        """
        workspace.project(
            "[lifecycle]\nactivation_timeout = 1\nhealth_timeout = 2\nhook_timeout = 3\n"
            "cleanup_timeout = 4\ndrain_timeout = 5\n"
        )
        limits = workspace.open().lifecycle.limits

        found = (limits.build, limits.health, limits.hook, limits.cleanup, limits.drain)
        assert found == (1, 2, 3, 4, 5)

    def test_settings_of_the_key_stand_above_those_of_the_provider(
        self, workspace: Workspace
    ) -> None:
        """
        A factory receives both tables, and a later edit is seen by the next build.
        """
        workspace.project(
            "[adapters.provider_settings.dict]\na = 1\nb = 1\n[adapters.settings.box]\nb = 2\n"
        )
        lab = workspace.open()
        seen: list[dict[str, Any]] = []

        def factory(settings: dict[str, Any] | None = None) -> object:
            seen.append(dict(settings or {}))
            return seen

        lab.component("adapter:box", provider="dict")(factory)
        lab.component("flag:on", provider="dict")(factory)

        async def work() -> None:
            await lab.lifecycle.activate("adapter", "box")
            await lab.lifecycle.activate("flag", "on")
            lab.plan({"adapters.settings.box": {"b": 3}}).apply()
            await lab.lifecycle.swap("adapter", "box", force=True)

        run(work)
        assert seen == [{"a": 1, "b": 2}, {}, {"a": 1, "b": 3}]

    def test_running_closes_what_ran(self, lab: Lab[Any], closed: Counter[str]) -> None:
        """
        At the end of the block all is closed and written down; the next one is a new one.
        """

        async def work() -> None:
            async with lab.running() as life:
                assert await in_force(lab) == "one"
                assert life is lab.lifecycle
            assert closed == {"one": 1}
            assert lab.lifecycle is not life

        run(work)
        assert [d.what for d in lab.activity().rows] == ["closed", "active"]

    def test_opening_writes_nothing(self, lab: Lab[Any]) -> None:
        """
        Neither the lab nor its lifecycle makes a store.
        """
        assert lab.lifecycle.statuses() == ()
        assert not lab.store.path.exists()


class TestSwap:
    def test_an_active_one_is_swapped(self, lab: Lab[Any], closed: Counter[str]) -> None:
        """
        The choice is a value of the session, explained, in the history, and in force.
        """

        async def work() -> None:
            assert await in_force(lab) == "one"
            report = await lab.swap(TARGET, "two", why="a trial")
            assert isinstance(report, SwapReport)
            assert (report.outcome, report.before, report.provider) == ("committed", "one", "two")
            assert await in_force(lab) == "two"

        run(work)
        assert closed == {"one": 1}
        assert "swap" in str(lab.origin(SHELF))
        entry = lab.history().entries[0]
        assert (entry.verb, entry.layer) == ("swap", "session")
        assert entry.summary == "adapter:shelf: two, a trial"
        assert [d.what for d in lab.activity(TARGET).rows] == ["active", "closed", "active"]

    def test_one_that_is_not_active_is_chosen(self, lab: Lab[Any]) -> None:
        """
        Nothing is built before the first lease, unless it is asked for.
        """

        async def work() -> None:
            report = await lab.swap(TARGET, "two")
            assert isinstance(report, SwapReport)
            assert (report.incarnation, report.before, report.provider) == (0, "one", "two")
            assert await in_force(lab) == "two"
            report = await lab.swap(TARGET, "one", activate=True)
            assert isinstance(report, SwapReport)
            assert report.incarnation == 2

        run(work)

    @pytest.mark.parametrize("former", [None, "two"])
    def test_a_failure_takes_the_choice_back(self, lab: Lab[Any], former: str | None) -> None:
        """
        What explain says is what is in force, before and after a swap that failed.
        """

        async def work() -> None:
            if former:
                await lab.swap(TARGET, former)
            before = await in_force(lab)
            report = await lab.swap(TARGET, "bad")
            assert isinstance(report, SwapReport)
            assert (report.outcome, report.stage) == ("failed", "build")
            assert await in_force(lab) == before
            assert lab.registry.resolve("adapter", "shelf").provider == before

        run(work)
        said = [v.value for v in lab.snapshot.inputs.session]
        assert said == ([former] if former else [])

    def test_a_cancelled_one_leaves_what_is_said_and_in_force_alike(self, lab: Lab[Any]) -> None:
        """
        At whichever step it is cancelled, the choice is that of the instance in force.
        """
        lab.component(TARGET, provider="slow")(_slow)

        async def work() -> None:
            for steps in range(12):
                assert await in_force(lab) in {"one", "slow"}
                task = asyncio.create_task(_swap(lab, "slow"))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                active = lab.lifecycle.slot_of(TARGET).active
                assert active is not None
                assert active.candidate is lab.registry.resolve("adapter", "shelf")
                await lab.swap(TARGET, "one")

        run(work)

    @pytest.mark.parametrize("other", ["one", "bad"])
    def test_a_choice_that_somebody_replaced_is_not_taken_back(
        self, lab: Lab[Any], other: str
    ) -> None:
        """
        A failing swap removes its own choice only.
        """

        async def work() -> None:
            await in_force(lab)
            lab.lifecycle.on("pre_swap", lambda new, old: _choose(lab, other))
            report = await lab.swap(TARGET, "two")
            assert isinstance(report, SwapReport)
            assert not report.ok

        run(work)
        assert [v.value for v in lab.snapshot.inputs.session] == [other]

    def test_two_at_once_are_done_one_after_the_other(self, lab: Lab[Any]) -> None:
        """
        The later request is what is said and in force at the end.
        """

        async def work() -> None:
            await in_force(lab)
            reports = await asyncio.gather(_swap(lab, "two"), _swap(lab, "one"))
            assert [r.provider for r in reports] == ["two", "one"]
            assert await in_force(lab) == "one"

        run(work)

    def test_a_dry_run_changes_nothing(self, lab: Lab[Any]) -> None:
        """
        It returns the plan.
        """
        plan = run(lambda: lab.swap(TARGET, "two", dry_run=True))

        assert isinstance(plan, Plan)
        assert lab.registry.resolve("adapter", "shelf").provider == "one"

    def test_what_cannot_be_chosen_is_refused(self, lab: Lab[Any], workspace: Workspace) -> None:
        """
        Unknown names are told with those that are known; a higher layer with its answer.
        """
        lab.component("flag:on", provider="dict")(dict)
        with pytest.raises(NoCandidateError, match="did you mean `adapter:shelf`"):
            run(lambda: lab.swap("adapter:shlef", "two"))
        with pytest.raises(InvalidConfigError, match="unknown provider `tow`"):
            run(lambda: lab.swap(TARGET, "tow"))
        for wrong in ("shelf", "adaptr:shelf", "adapter:", "flag:on"):
            with pytest.raises(UsageError):
                lab.plan_swap(wrong, "two")
        assert not lab.snapshot.inputs.session

    def test_a_higher_layer_is_named_with_what_helps(
        self, lab: Lab[Any], workspace: Workspace
    ) -> None:
        """
        A choice that would not count says which layer stands above, where, and what to do.
        """
        workspace.file("oneiric.local.toml", '[adapters.selections]\nshelf = "two"\n')
        lab.reload()
        with pytest.raises(NoCandidateError) as local:
            lab.plan_swap(TARGET, "one", layer="project")
        (fault,) = local.value.faults
        assert fault.message == (
            "adapter:shelf would stay with two: layer local stands above project"
        )
        assert str(fault.origin) == "oneiric.local.toml:2:9"
        assert fault.fix == "choose it there: swap adapter:shelf one --layer local"
        assert lab.plan_swap(TARGET, "one", layer="local").ok
        with pytest.raises(SelectionError, match="did you mean `two`"):
            lab.plan_swap(TARGET, "tow", layer="project")

    @pytest.mark.parametrize(
        ("options", "fix"),
        [
            ({"set": [f"{SHELF}=two"]}, f"leave out: --set {SHELF}"),
            (
                {"environ": {"ONEIRIC_ADAPTERS__SELECTIONS__SHELF": "two"}},
                "take it out of the environment: unset ONEIRIC_ADAPTERS__SELECTIONS__SHELF",
            ),
            ({"config": ["more.json"]}, "change it there: more.json:1:39"),
        ],
    )
    def test_a_layer_that_no_plan_writes(
        self, workspace: Workspace, options: dict[str, Any], fix: str
    ) -> None:
        """
        What stands in the environment, in a line of options or in a file that is no TOML is
        named, with what takes it away.
        """
        workspace.file("more.json", '{"adapters": {"selections": {"shelf": "two"}}}')
        if "config" in options:
            options = {"config": [workspace.path / "more.json"]}
        lab = workspace.open(**options)
        for name in ("one", "two"):
            lab.component(TARGET, provider=name)(dict)
        with pytest.raises(NoCandidateError) as refused:
            lab.plan_swap(TARGET, "one", layer="project")

        assert refused.value.faults[0].fix == fix

    def test_without_a_store_it_works_and_says_so(
        self, lab: Lab[Any], workspace: Workspace
    ) -> None:
        """
        What cannot be written down is a warning of the workspace.
        """
        workspace.file(".oneiric", "in the way")

        async def work() -> None:
            await in_force(lab)
            assert (await _swap(lab, "two")).ok
            assert (await _swap(lab, "one")).ok

        run(work)
        assert [p.severity for p in lab.problems] == ["warning"]
        assert lab.activity().rows == ()


class TestRollback:
    def test_brings_back_what_was_replaced(self, lab: Lab[Any]) -> None:
        """
        Twice gives what was rolled back; the choice follows each time.
        """

        async def work() -> None:
            assert (await lab.rollback(TARGET)).outcome == "refused"
            await in_force(lab)
            await lab.swap(TARGET, "two")
            for provider in ("one", "two"):
                report = await lab.rollback(TARGET)
                assert (report.verb, report.outcome) == ("rollback", "committed")
                assert await in_force(lab) == provider
                assert lab.registry.resolve("adapter", "shelf").provider == provider

        run(work)

    def test_of_a_candidate_that_is_gone(self, lab: Lab[Any]) -> None:
        """
        The candidate that the configuration knows now is built, not the one of old.
        """

        async def work() -> None:
            await in_force(lab)
            await lab.swap(TARGET, "two")
            lab.registry.add(Candidate("adapter", "shelf", "one", lambda: _Named("new"), "9"))
            report = await lab.rollback(TARGET)
            assert (report.verb, report.outcome) == ("rollback", "committed")

        run(work)


class TestWishes:
    def test_pause_and_resume(self, lab: Lab[Any], made: Callable[[], Lab[Any]]) -> None:
        """
        Nobody begins a lease until it is resumed; other processes read who wants that.
        """

        async def work() -> None:
            await in_force(lab)
            status = await lab.pause(TARGET, why="a move")
            assert status.state == "paused"
            with pytest.raises(PausedError, match="a move"):
                await in_force(lab)
            wish = made().store.desired()[TARGET]
            assert (wish.state, wish.why) == ("paused", "a move")
            assert await lab.reconcile() == []
            assert (await lab.resume(TARGET)).state == "active"
            assert await lab.reconcile() == []
            assert await in_force(lab) == "one"

        run(work)

    def test_drain(self, lab: Lab[Any], closed: Counter[str]) -> None:
        """
        What was in force is closed, and the next lease after a resume builds anew.
        """

        async def work() -> None:
            await in_force(lab)
            assert (await lab.drain(TARGET, why="night")).ok
            assert closed == {"one": 1}
            await lab.resume(TARGET)
            assert await in_force(lab) == "one"

        run(work)

    def test_unknown_components_are_not_written_down(self, lab: Lab[Any]) -> None:
        """
        A wish names a component that is there.
        """
        with pytest.raises(NoCandidateError):
            run(lambda: lab.pause("adapter:shlef"))
        assert not lab.store.path.exists()


class TestReconcile:
    def test_wishes_of_another_process(
        self, lab: Lab[Any], made: Callable[[], Lab[Any]], closed: Counter[str]
    ) -> None:
        """
        Paused, drained and resumed as somebody else asks; twice changes nothing more.
        """
        other = made()

        async def work() -> None:
            await in_force(lab)
            other.desire(TARGET, "paused", why="a move")
            for _ in range(2):
                assert await lab.reconcile() == []
                assert lab.lifecycle.status("adapter", "shelf").state == "paused"
            other.desire(TARGET, "draining")
            reports = await lab.reconcile()
            assert [(r.verb, r.outcome) for r in reports] == [("drain", "committed")]
            assert await lab.reconcile() == []
            assert closed == {"one": 1}
            other.desire(TARGET, "running")
            await lab.reconcile()
            assert await in_force(lab) == "one"

        run(work)

    def test_a_drain_does_not_wait_for_leases(
        self, lab: Lab[Any], made: Callable[[], Lab[Any]], closed: Counter[str]
    ) -> None:
        """
        It begins, says how many are held, and ends with the last one.
        """
        made().desire(TARGET, "draining")

        async def work() -> None:
            async with lab.lifecycle.lease("adapter", "shelf"):
                (report,) = await lab.reconcile()
                assert report.warnings == ("leases that are still held: 1",)
                assert not closed
                assert lab.standing(TARGET).exit_code == 1
            await until(lambda: closed["one"] == 1)

        run(work)

    def test_a_changed_selection(self, lab: Lab[Any], workspace: Workspace) -> None:
        """
        What is active is swapped to whom the files choose; what is not stays as it is.
        """

        async def work() -> None:
            lab.lifecycle.handle("adapter", "shelf")
            assert await lab.reconcile() == []
            await in_force(lab)
            workspace.file("oneiric.local.toml", '[adapters.selections]\nshelf = "two"\n')
            lab.reload()
            assert [r.provider for r in await lab.reconcile()] == ["two"]
            assert await lab.reconcile() == []

        run(work)

    def test_what_failed_is_not_tried_again_until_it_changes(
        self, lab: Lab[Any], workspace: Workspace
    ) -> None:
        """
        A provider that fails is not built twice a second; new settings are a new trial.
        """

        async def work() -> None:
            await in_force(lab)
            workspace.file("oneiric.local.toml", '[adapters.selections]\nshelf = "bad"\n')
            lab.reload()
            assert [r.outcome for r in await lab.reconcile()] == ["failed"]
            assert await lab.reconcile() == []
            assert lab.standing(TARGET).exit_code == 1
            lab.plan({"adapters.settings.shelf": {"a": 1}}).apply()
            assert [r.outcome for r in await lab.reconcile()] == ["failed"]
            assert await in_force(lab) == "one"

        run(work)

    def test_what_a_program_chose_or_nobody_provides_stays(self, lab: Lab[Any]) -> None:
        """
        A pin is the program's own; without a winner there is nothing to swap to.
        """

        async def work() -> None:
            await in_force(lab)
            await lab.lifecycle.swap("adapter", "shelf", provider="two")
            assert await lab.reconcile() == []
            await lab.lifecycle.swap("adapter", "shelf")
            lab.plan({"adapters.constraints.shelf": ">5"}).apply()
            assert await lab.reconcile() == []
            assert await in_force(lab) == "one"

        run(work)

    def test_a_drain_of_what_is_paused_and_idle(
        self, lab: Lab[Any], made: Callable[[], Lab[Any]]
    ) -> None:
        """
        A later wish replaces an earlier one where nothing was leased yet, too.
        """
        other = made()
        for state in ("paused", "drained"):
            other.desire(TARGET, "paused" if state == "paused" else "draining")
            assert run(lab.reconcile) == []
            assert lab.lifecycle.status("adapter", "shelf").state == state

    def test_a_loop_that_ended(self, lab: Lab[Any], made: Callable[[], Lab[Any]]) -> None:
        """
        What ran in it is not swapped or drained by another loop; new leases are refused.
        """
        run(lambda: in_force(lab))
        lab.plan({SHELF: "two"}).apply()
        made().desire(TARGET, "draining")

        assert run(lab.reconcile) == []
        assert lab.lifecycle.status("adapter", "shelf").state == "paused"
        with pytest.raises(UsageError, match="another event loop"):
            run(lambda: lab.swap(TARGET, "bad"))
        assert [v.value for v in lab.snapshot.inputs.session] == ["two"]

    def test_wishes_for_what_is_not_here(self, lab: Lab[Any]) -> None:
        """
        A component of another version of the workspace is passed over.
        """
        lab.store.desire("adapter:gone", "paused", who="ada", why="")

        assert run(lab.reconcile) == []


class TestWatch:
    def test_acts_and_tells(self, lab: Lab[Any], made: Callable[[], Lab[Any]]) -> None:
        """
        While it watches, a process obeys and says what is so; then it leaves.
        """
        other = made()

        async def work() -> None:
            stop, ended = anyio.Event(), anyio.Event()
            await in_force(lab)

            async def listen() -> None:
                async for _ in lab.watch(stop=stop, interval=0.01):
                    pass
                ended.set()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listen)
                await until(lambda: bool(other.standing().listening))
                wished = other.desire(TARGET, "paused", why="a move")
                assert wished.listening == 1
                assert "1 process will act" in str(wished)
                await until(lambda: lab.lifecycle.status("adapter", "shelf").state == "paused")
                await until(lambda: other.standing(TARGET).exit_code == 0)
                found = other.standing(TARGET)
                assert [said["state"] for said in found.rows[0][3]] == ["paused"]
                assert "a move" in str(found)
                stop.set()
                await ended.wait()
            assert not other.standing().listening

        run(work)

    def test_in_another_loop_than_the_components(
        self, lab: Lab[Any], made: Callable[[], Lab[Any]], closed: Counter[str]
    ) -> None:
        """
        A job that watches leaves the components to the loop that leases them, or will.
        """
        other, stop = made(), threading.Event()
        other.desire(TARGET, "draining")

        async def listen() -> None:
            events = lab.watch(interval=0.01)
            first = asyncio.ensure_future(anext(events))
            while not stop.is_set():  # noqa: ASYNC110 - set by another thread
                await asyncio.sleep(0.005)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            await events.aclose()

        async def work() -> None:
            thread = threading.Thread(target=run, args=(listen,))
            thread.start()
            try:
                await until(lambda: lab.lifecycle.slot_of(TARGET).paused is not None)
                assert not lab.is_running()
                other.desire(TARGET, "running")
                await until(lambda: lab.lifecycle.slot_of(TARGET).paused is None)
                assert await in_force(lab) == "one"
                other.desire(TARGET, "draining")
                await until(lambda: closed["one"] == 1)
                await until(lambda: other.standing(TARGET).exit_code == 0)
            finally:
                stop.set()
                await until(lambda: not thread.is_alive())

        run(work)

    def test_goes_on_where_nothing_can_be_written(
        self, lab: Lab[Any], workspace: Workspace
    ) -> None:
        """
        A process that cannot say what is so still follows the files, and warns.
        """
        workspace.file(".oneiric", "in the way")

        async def work() -> None:
            events = lab.watch(interval=0.01)
            first = asyncio.ensure_future(anext(events))
            await until(lambda: bool(lab.problems))
            workspace.project('[app]\nname = "other"\n')
            assert (await first).ok
            await events.aclose()

        run(work)


class TestFromAnotherThread:
    def test_waits_for_the_loop(self, lab: Lab[Any]) -> None:
        """
        A thread asks for a swap and gets its report; cancelled, the swap is.
        """
        lab.component(TARGET, provider="slow")(_never)
        found: list[object] = []

        def ask() -> None:
            found.append(lab.wait_for(_swap(lab, "two")))
            try:
                lab.wait_for(_swap(lab, "slow"), lambda: True)
            except JobCancelledError as error:
                found.append(error.exit_code)
            try:
                lab.wait_for(_late())
            except TimeoutError as error:
                found.append(str(error))

        async def work() -> None:
            assert not lab.is_running(TARGET)
            await in_force(lab)
            assert lab.is_running(TARGET)
            thread = threading.Thread(target=ask)
            thread.start()
            await until(lambda: not thread.is_alive())
            with pytest.raises(UsageError, match="await"):
                lab.wait_for(_swap(lab, "two"))
            assert await in_force(lab) == "two"

        run(work)
        assert not lab.is_running(TARGET)
        assert isinstance(found[0], SwapReport)
        assert found[1:] == [130, "of the work"]


class TestStanding:
    def test_many_processes(self, lab: Lab[Any]) -> None:
        """
        Each has a row of its own, with its last error.
        """
        for number in (1, 2):
            state: dict[str, object] = {
                "target": TARGET,
                "state": "active",
                "provider": "one",
                "incarnation": number,
                "leases": 3,
                "draining": [],
                "last_error": "build: no shelf" if number == 2 else None,
            }
            lab.store.beat(ProcessState(str(number), number, "h", 0.0, {"components": [state]}))
        found = lab.standing()

        assert found.exit_code == 0
        assert found.as_dict()["listening"] == [
            {"pid": 1, "host": "h", "started": 0.0},
            {"pid": 2, "host": "h", "started": 0.0},
        ]
        assert "build: no shelf" in str(found)
        assert "2 processes listening" in str(found)


async def _swap(lab: Lab[Any], provider: str) -> SwapReport:
    report = await lab.swap(TARGET, provider)
    assert isinstance(report, SwapReport)
    return report


def _choose(lab: Lab[Any], provider: str) -> bool:
    lab.plan({SHELF: provider}).apply()
    return False


class _Named:
    def __init__(self, name: str) -> None:
        self.name = name


async def _slow() -> _Named:
    for _ in range(4):
        await asyncio.sleep(0)
    return _Named("slow")


async def _late() -> None:
    await asyncio.sleep(0.12)
    raise TimeoutError("of the work")


async def _never() -> None:
    await asyncio.Event().wait()
