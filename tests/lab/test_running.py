"""Components of a workspace in this process: what is chosen, wanted and in force agree."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from oneiric_lab.errors import (
    ActivationError,
    FileAccessError,
    InvalidConfigError,
    JobCancelledError,
    NoCandidateError,
    PausedError,
    SelectionError,
    UsageError,
)
from oneiric_lab.lab import Lab, Plan
from oneiric_lab.lifecycle import Limits, SwapReport
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
        The table `lifecycle` gives them, and a later edit of it is followed.
        """
        workspace.project(
            "[lifecycle]\nactivation_timeout = 1\nhealth_timeout = 2\nhook_timeout = 3\n"
            "cleanup_timeout = 4\ndrain_timeout = 5\n"
        )
        lab = workspace.open()
        life, limits = lab.lifecycle, lab.lifecycle.limits

        assert limits == Limits(1, 2, 3, 4, 5)
        workspace.project(
            '[lifecycle]\ndrain_policy = "refuse"\nmax_draining = 1\nhealth_fall = 5\n'
            "health_rise = 4\ntrace_leases = true\n"
        )
        lab.reload()
        assert life.limits == Limits(draining=1, policy="refuse", fall=5, rise=4)
        assert life.trace

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


BOTH = {SHELF: "two", "adapters.selections.box": "two"}
BOX = "adapter:box"


@pytest.fixture
def pair(lab: Lab[Any], closed: Counter[str]) -> Lab[Any]:
    """A lab with a second component, which the shelf's second provider requires."""
    for name in ("one", "two", "sick"):

        def factory(name: str = name, settings: Any = None) -> Shelf:
            if name == "sick" or (settings or {}).get("broken"):
                raise OSError("no box")
            return Shelf(f"box-{name}", closed)

        lab.component(BOX, provider=name, priority=1 if name == "one" else 0)(factory)
    lab.registry.withdraw(
        candidate=next(
            c for c in lab.registry.current.candidates("adapter", "shelf") if c.provider == "two"
        )
    )
    lab.component(TARGET, provider="two", requires={BOX: ""})(lambda: Shelf("two", closed))
    return lab


async def all_in_force(lab: Lab[Any]) -> dict[str, str]:
    """Return who is in force, by component."""
    return {s.target: s.provider for s in lab.lifecycle.statuses() if s.provider}


class TestApply:
    @pytest.mark.parametrize("layer", ["session", "project"])
    def test_all_of_it(self, pair: Lab[Any], closed: Counter[str], layer: str) -> None:
        """
        Values, file and components change together; what is required stands first.
        """

        async def work() -> None:
            async with pair.running() as life:
                await in_force(pair)
                await life.activate("adapter", "box")
                applied = await pair.plan(BOTH, layer=layer).aapply()
                assert [(r.target, r.outcome) for r in applied.swaps] == [
                    (BOX, "committed"),
                    (TARGET, "committed"),
                ]
                assert set((await all_in_force(pair)).values()) == {"two"}
                assert "adapter:shelf: two is in force, incarnation 2" in str(applied)
                assert not applied.behind
                assert await pair.reconcile() == []

        run(work)
        assert closed == {"one": 1, "two": 1, "box-one": 1, "box-two": 1}
        assert pair.registry.resolve("adapter", "box").provider == "two"

    @pytest.mark.parametrize("layer", ["session", "project"])
    def test_or_nothing(self, pair: Lab[Any], workspace: Workspace, layer: str) -> None:
        """
        Where one cannot be swapped, neither a value nor a file nor another one changes.
        """
        text = (workspace.path / "oneiric.toml").read_bytes()

        async def work() -> None:
            async with pair.running() as life:
                await in_force(pair)
                await life.activate("adapter", "box")
                plan = pair.plan({**BOTH, "adapters.selections.box": "sick"}, layer=layer)
                with pytest.raises(ActivationError, match="adapter:box could not be swapped") as it:
                    await plan.aapply()
                assert "no box" in str(it.value)
                assert "nothing was changed" in str(it.value)
                assert set((await all_in_force(pair)).values()) == {"one"}
                assert pair.registry.resolve("adapter", "shelf").provider == "one"

        run(work)
        assert (workspace.path / "oneiric.toml").read_bytes() == text
        assert pair.history().entries == ()

    def test_a_file_that_changed_meanwhile(self, pair: Lab[Any], workspace: Workspace) -> None:
        """
        It is not written, and what was built for it is ended.
        """

        async def work() -> None:
            async with pair.running() as life:
                await in_force(pair)
                await life.activate("adapter", "box")
                plan = pair.plan(BOTH, layer="project")
                workspace.project("# mine\n[plugins]\nauto_load = false\n")
                with pytest.raises(FileAccessError):
                    await plan.aapply()
                assert set((await all_in_force(pair)).values()) == {"one"}

        run(work)

    def test_the_settings_of_the_plan_reach_what_it_builds(self, pair: Lab[Any]) -> None:
        """
        A component is built with what the plan says, before that is in force.
        """

        async def work() -> None:
            async with pair.running() as life:
                await life.activate("adapter", "box")
                changes = {"adapters.selections.box": "two", "adapters.settings.box.broken": True}
                with pytest.raises(ActivationError):
                    await pair.plan(changes).aapply()
                assert (await pair.plan({"adapters.selections.box": "two"}).aapply()).swaps

        run(work)

    def test_where_nothing_runs(self, pair: Lab[Any]) -> None:
        """
        Values change, as by `apply`; there is nothing to swap.
        """
        applied = run(lambda: pair.plan(BOTH).aapply())

        assert applied.swaps == ()
        assert pair.registry.resolve("adapter", "box").provider == "two"

    def test_apply_on_the_loop_itself(self, pair: Lab[Any]) -> None:
        """
        It cannot wait, so it says what is behind; the next look swaps that together.
        """

        async def work() -> None:
            async with pair.running() as life:
                await in_force(pair)
                await life.activate("adapter", "box")
                applied = pair.plan(BOTH).apply()
                assert applied.behind == (BOX, TARGET)
                assert "not swapped yet: adapter:box, adapter:shelf" in str(applied)
                assert applied.as_dict()["behind"] == [BOX, TARGET]
                reports = await pair.reconcile()
                assert [(r.target, r.provider) for r in reports] == [(BOX, "two"), (TARGET, "two")]

        run(work)

    def test_apply_in_another_thread(self, pair: Lab[Any]) -> None:
        """
        It waits until the loop has swapped all, and raises what keeps it from that.
        """

        async def work() -> None:
            async with pair.running() as life:
                await in_force(pair)
                await life.activate("adapter", "box")
                bad = pair.plan({"adapters.selections.box": "sick"})
                with pytest.raises(ActivationError):
                    await asyncio.to_thread(bad.apply)
                applied = await asyncio.to_thread(pair.plan(BOTH).apply)
                assert [r.provider for r in applied.swaps] == ["two", "two"]
                with_override = await asyncio.to_thread(_overridden, pair)
                assert with_override == "one"
                assert set((await all_in_force(pair)).values()) == {"two"}

        run(work)

    def test_those_that_belong_together_follow_together(
        self, pair: Lab[Any], workspace: Workspace
    ) -> None:
        """
        In a process that watches, too: none moves while one of them cannot.
        """

        async def work() -> None:
            async with pair.running() as life:
                await in_force(pair)
                await life.activate("adapter", "box")
                local = '[adapters.selections]\nshelf = "two"\nbox = "{}"\n'
                workspace.file("oneiric.local.toml", local.format("sick"))
                pair.reload()
                outcomes = {r.target: r.outcome for r in await pair.reconcile()}
                assert outcomes == {BOX: "failed", TARGET: "refused"}
                assert await pair.reconcile() == []
                workspace.file("oneiric.local.toml", local.format("two"))
                pair.reload()
                assert {r.outcome for r in await pair.reconcile()} == {"committed"}

        run(work)


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


class TestHealth:
    def test_is_asked_while_it_watches(self, workspace: Workspace) -> None:
        """
        After several bad answers a component is unhealthy, and `status` says so and why.
        """
        workspace.project(
            "[plugins]\nauto_load = false\n[lifecycle]\nhealth_interval = 0.01\nhealth_fall = 2\n"
        )
        lab, answers = workspace.open(), [True]
        lab.component(TARGET, provider="one", health=lambda _: answers[-1])(object)

        async def work() -> None:
            async with lab.running() as life:
                await life.activate("adapter", "shelf")
                events = lab.watch(interval=0.01)
                first = asyncio.ensure_future(anext(events))
                await until(lambda: bool(workspace.open().standing().listening))
                answers.append(False)
                await until(lambda: not life.status("adapter", "shelf").healthy)
                found = lab.standing(TARGET)
                assert found.exit_code == 1
                assert "unhealthy" in str(found)
                assert "health: its health check says no" in str(found)
                answers.append(True)
                await until(lambda: life.status("adapter", "shelf").healthy)
                assert lab.standing(TARGET).exit_code == 0
                assert "last error: health" in str(lab.standing(TARGET))
                lab.plan({"lifecycle.health_interval": 0}).apply()
                first.cancel()
                await asyncio.gather(first, return_exceptions=True)
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
    @pytest.mark.parametrize(
        ("facts", "word", "note", "code"),
        [
            ({}, "active", "", 0),
            ({"degraded": ["hook: away"]}, "degraded", "degraded: hook: away", 0),
            ({"healthy": False, "last_error": "health: no"}, "unhealthy", "health: no", 1),
            (
                {"provider": "two", "last_error": "build: boom"},
                "failed",
                "build: boom",
                1,
            ),
            (
                {"draining": [{"incarnation": 1, "state": "stalled", "leases": 2, "held_at": []}]},
                "stalled",
                "incarnation 1 is stalled: 2 leases held",
                1,
            ),
            (
                {
                    "draining": [
                        {"incarnation": 1, "state": "stalled", "leases": 1, "held_at": ["a.py:1"]}
                    ]
                },
                "stalled",
                "1 lease held, taken at a.py:1",
                1,
            ),
            ({"last_error": "cleanup: away"}, "active", "last error: cleanup: away", 0),
            ({"chosen": "two", "provider": "two"}, "active", "two is chosen by this process", 0),
            ({"chosen": None, "provider": "one"}, "active", "nobody is chosen", 1),
        ],
    )
    def test_the_worst_gives_the_word(
        self, lab: Lab[Any], facts: dict[str, object], word: str, note: str, code: int
    ) -> None:
        """
        One word tells how a component is in a process, and a line below says why.
        """
        state: dict[str, object] = {
            "target": TARGET,
            "state": "active",
            "provider": "one",
            "incarnation": 2,
            "leases": 0,
            "draining": [],
            "last_error": None,
            "healthy": True,
            "degraded": [],
            **facts,
        }
        lab.store.beat(ProcessState("1", 1, "h", 0.0, {"components": [state]}))
        found = lab.standing()
        components: Any = found.as_dict()["components"]

        assert components[0]["actual"][0]["is"] == word
        assert note in " ".join(str(found).split())
        assert found.exit_code == code
        assert ("1 not as wanted" in str(found)) == bool(code)

    def test_a_drain_that_goes_on(self, lab: Lab[Any]) -> None:
        """
        What is drained and still held is draining.
        """

        async def work() -> None:
            async with lab.running() as life, life.lease("adapter", "shelf"):
                await lab.drain(TARGET, drain_timeout=1e-9)
                found = lab.standing(TARGET)
                assert "draining" in str(found)
                assert "1 old" in str(found)
                assert found.exit_code == 1

        run(work)

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
            {"pid": 1, "host": "h", "started": 0.0, "watch": None},
            {"pid": 2, "host": "h", "started": 0.0, "watch": None},
        ]
        assert "build: no shelf" in str(found)
        assert "2 processes listening" in str(found)


def _overridden(lab: Lab[Any]) -> str:
    with lab.override({SHELF: "one"}):
        return str(lab.value(SHELF))


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
