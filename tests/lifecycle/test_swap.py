"""Swaps: what is in force, what became of each request, and what is closed when."""

from __future__ import annotations

import asyncio
import functools
import gc
import itertools
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from oneiric_lab.errors import (
    ActivationError,
    LifecycleError,
    NoCandidateError,
    NotActiveError,
    PausedError,
    UsageError,
)
from oneiric_lab.lifecycle import Lifecycle, Limits
from oneiric_lab.registry import Candidate, Registry

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = ("adapter", "cache")


class TestLeases:
    def test_the_first_one_activates_and_all_share(self, world: Any, run: Any) -> None:
        """
        A thousand first leases at once make one instance.
        """

        async def main() -> None:
            async with world.life() as life:

                async def one() -> Any:
                    async with life.lease(*KEY) as thing:
                        return thing

                things = await asyncio.gather(*(one() for _ in range(1000)))
                assert len({id(thing) for thing in things}) == 1
                assert life.status(*KEY).state == "active"

        run(main)
        assert [(t.mode, t.closed) for t in world.made] == [("ok", 1)]

    def test_a_handle_shows_what_is_in_force(self, world: Any, run: Any) -> None:
        """
        `current` is there after the first activation, and gone while nobody may lease.
        """

        async def main() -> None:
            async with world.life() as life:
                handle = life.handle(*KEY)
                with pytest.raises(NotActiveError, match="take a lease"):
                    _ = handle.current
                with pytest.raises(AttributeError):
                    _ = handle.nothing
                async with handle.lease() as thing:
                    assert handle.current is thing
                async with handle.lease() as again:
                    assert again is thing
                with handle.lease_sync() as again:
                    assert again is thing
                await life.swap(*KEY, provider="fine")
                assert handle.current.mode == "fine"
                await life.pause(*KEY, who="ada", why="repair")
                with pytest.raises(PausedError, match="by ada: repair"):
                    _ = handle.current
                with pytest.raises(PausedError):
                    async with handle.lease():
                        raise AssertionError
                await life.resume(*KEY)
                assert handle.current.mode == "fine"
                assert repr(handle) == "<Handle: adapter:cache>"
                assert "1 components run" in repr(life)

        run(main)

    def test_one_that_is_entered_later_is_refused(self, world: Any, run: Any) -> None:
        """
        A lease that was taken before a swap and entered after it would hold what ends.
        """

        async def main() -> None:
            async with world.life() as life:
                await life.activate(*KEY)
                lease, other = life.lease(*KEY), life.lease_sync(*KEY)
                await life.swap(*KEY, provider="fine")
                with pytest.raises(UsageError, match="enter it where it is taken"):
                    await lease.__aenter__()
                with pytest.raises(UsageError, match="enter it where it is taken"):
                    other.__enter__()

        run(main)

    def test_needs(self, run: Any) -> None:
        """
        What is in force must have what a lease needs; a first lease chooses by it.
        """
        registry = Registry()
        registry.add(
            Candidate("adapter", "cache", "small", dict, priority=2),
            Candidate("adapter", "cache", "big", dict, capabilities=frozenset({"ttl"})),
        )

        async def main() -> None:
            async with Lifecycle(registry) as life:
                async with life.lease(*KEY, need="ttl"):
                    assert life.status(*KEY).provider == "big"
                handle = life.handle(*KEY, need=["ttl"])
                assert handle.need == {"ttl"}
                assert handle.current == {}
                await life.swap(*KEY, provider="small")
                with pytest.raises(NotActiveError):
                    _ = handle.current
                with pytest.raises(NoCandidateError, match="which lacks: ttl"):
                    async with handle.lease():
                        raise AssertionError
                report = await life.swap(*KEY, provider="small", need="ttl")
                assert report.outcome == "refused"

        run(main)

    def test_a_transient_one_is_made_for_each_lease(self, run: Any) -> None:
        """
        It is not shared, and ends with its lease.
        """
        ended: list[int] = []

        def make() -> Any:
            thing = [len(ended)]
            yield thing
            ended.append(id(thing))

        registry = Registry()
        registry.add(Candidate("adapter", "cache", "each", make, lifetime="transient", priority=1))
        registry.add(Candidate("adapter", "cache", "one", dict))

        async def main() -> None:
            async with Lifecycle(registry) as life:
                async with life.lease(*KEY) as one, life.lease(*KEY) as two:
                    assert one is not two
                    assert not ended
                assert len(ended) == 2
                assert (await life.swap(*KEY, provider="one")).provider == "one"
                report = await life.swap(*KEY, provider="each")
                assert (report.provider, report.incarnation) == ("each", 0)
                async with life.lease(*KEY) as three:
                    assert three == [2]

        run(main)

    def test_a_transient_one_is_not_lent_once_it_is_paused(self, run: Any) -> None:
        """
        A pause that comes while it is built lets no lease begin; what was built is ended.
        """
        ended: list[str] = []

        async def make() -> Any:
            await asyncio.sleep(1)
            yield "thing"
            ended.append("thing")

        registry = Registry()
        registry.add(Candidate("adapter", "cache", "each", make, lifetime="transient"))

        async def main() -> None:
            async with Lifecycle(registry) as life:
                lease = asyncio.ensure_future(life.lease(*KEY).__aenter__())
                await asyncio.sleep(0.5)
                await life.pause(*KEY)
                with pytest.raises(PausedError):
                    await lease
                assert life.status(*KEY).next is None

        run(main)
        assert not ended  # aborted: what stands behind the yield is for what was in force

    def test_where_a_lease_was_taken(self, world: Any, run: Any) -> None:
        """
        Traced leases tell who keeps a drain from its end.
        """

        async def main() -> None:
            async with world.life(trace=True) as life, life.lease(*KEY):
                await life.swap(*KEY, provider="fine")
                ((_, state, leases, where),) = life.status(*KEY).draining
                assert (state, leases) == ("draining", 1)
                assert "test_swap.py" in where[0]
                assert "held at" in str(life.status(*KEY))

        run(main)


class TestSwaps:
    def test_the_old_one_ends_with_its_last_lease(self, world: Any, run: Any) -> None:
        """
        New leases see the new one at once; the old one is closed when nobody holds it.
        """

        async def main() -> None:
            async with world.life() as life:
                async with life.lease(*KEY) as old:
                    report = await life.swap(*KEY, provider="fine")
                    assert (report.outcome, report.before, report.provider) == (
                        "committed",
                        "ok",
                        "fine",
                    )
                    async with life.lease(*KEY) as new:
                        assert new.mode == "fine"
                    await asyncio.sleep(1)
                    assert old.is_open
                await asyncio.sleep(0.01)
                assert old.closed == 1

        run(main)

    @pytest.mark.parametrize(
        ("mode", "stage", "words"),
        [
            ("boom", "build", "ValueError: boom"),
            ("hang", "build", "took longer than 5 s"),
            ("sick", "health", "its health check says no"),
            ("sickhang", "health", "took longer than 2 s"),
        ],
    )
    def test_one_that_fails_changes_nothing(
        self, world: Any, run: Any, mode: str, stage: str, words: str
    ) -> None:
        """
        What was in force stays, and what was built is aborted, not closed.
        """

        async def main() -> None:
            async with world.life() as life, life.lease(*KEY) as thing:
                report = await life.swap(*KEY, provider=mode)
                assert (report.outcome, report.stage, report.exit_code) == ("failed", stage, 1)
                assert words in report.why
                assert words in str(report)
                assert life.handle(*KEY).current is thing
                assert words in life.status(*KEY).last_error

        run(main)
        assert [(t.closed, t.aborted) for t in world.made if t.mode == mode] in ([], [(0, 1)])

    def test_a_first_activation_that_fails(self, world: Any, run: Any) -> None:
        """
        The lease raises, with the step that failed.
        """

        async def main() -> None:
            async with world.life() as life:
                assert (await life.swap(*KEY, provider="boom")).provider == ""
                life.slot(*KEY).pin = "boom"
                with pytest.raises(ActivationError, match="build: ValueError: boom"):
                    async with life.lease(*KEY):
                        raise AssertionError
                with pytest.raises(NoCandidateError):
                    async with life.lease("adapter", "nothing"):
                        raise AssertionError

        run(main)

    def test_a_provider_by_name_is_the_one_of_the_generation(self, run: Any) -> None:
        """
        Asked for by name again and again, it is who the registry knows now, or is refused.
        """
        registry = Registry()
        registry.add(
            Candidate("adapter", "cache", "ok", dict, priority=1),
            Candidate("adapter", "cache", "old", dict, version="1.0", source_name="a"),
        )

        async def main() -> None:
            async with Lifecycle(registry) as life:
                versions = []
                for _ in range(2):
                    await life.swap(*KEY, provider="old", force=True)
                    versions.append(life.status(*KEY).version)
                registry.add(
                    Candidate("adapter", "cache", "old", list, version="2.0", source_name="a")
                )
                await life.swap(*KEY, provider="old", force=True)
                versions.append(life.status(*KEY).version)
                assert versions == ["1.0", "1.0", "2.0"]
                need = await life.swap(*KEY, provider="old", need="ttl")
                assert (need.outcome, need.why) == ("refused", "old lacks `ttl`")
                registry.withdraw(source_name="a")
                gone = await life.swap(*KEY, provider="old", force=True)
                assert gone.why == "unknown provider `old` of adapter:cache; known: ok"

        run(main)

    def test_what_is_so_already_is_coalesced(self, world: Any, run: Any) -> None:
        """
        Ten thousand at once for the same are one swap; `force` builds anew.
        """

        async def main() -> None:
            async with world.life() as life:
                reports = await asyncio.gather(
                    *(life.swap(*KEY, provider="slow", force=True) for _ in range(10_000))
                )
                outcomes = [report.outcome for report in reports]
                assert outcomes.count("committed") <= 2
                assert outcomes.count("coalesced") >= 9_998
                assert (await life.swap(*KEY, provider="slow")).outcome == "coalesced"
                assert (await life.swap(*KEY)).provider == "ok"

        run(main)
        assert all(thing.closed == 1 for thing in world.made)

    @pytest.mark.parametrize("between", ["group", "drain"])
    def test_what_was_undone_in_between_is_done_again(
        self, world: Any, run: Any, between: str
    ) -> None:
        """
        A request that waited behind a group or a drain is not satisfied by a swap before those.
        """

        async def main() -> None:
            async with world.life() as life:
                others: dict[str, Callable[[], Any]] = {
                    "group": functools.partial(life.swap_group, {"adapter:cache": "ok"}),
                    "drain": functools.partial(life.drain, *KEY),
                }
                other = others[between]
                async with life.slot(*KEY).lock:
                    requests: list[asyncio.Future[Any]] = []
                    again = functools.partial(life.swap, *KEY, provider="fine")
                    for ask in (again, other, again):
                        requests.append(asyncio.ensure_future(ask()))
                        await asyncio.sleep(0.1)
                *_, last = await asyncio.gather(*requests)
                assert (last.outcome, last.provider) == ("committed", "fine")
                assert life.status(*KEY).provider == "fine"

        run(main)

    def test_settings_that_cannot_be_said_fail_the_swap(self, world: Any, run: Any) -> None:
        """
        A report says so, alone and in a group, also where the same one is in force; it stays.
        """
        said: list[dict[str, Any]] = [{}]

        async def main() -> None:
            async with world.life(settings=lambda _: said[0]) as life:
                await life.swap(*KEY, provider="fine")
                said.clear()
                for provider in ("fine", "ok"):
                    alone = await life.swap(*KEY, provider=provider)
                    (grouped,) = await life.swap_group({"adapter:cache": provider})
                    for report in (alone, grouped):
                        assert (report.outcome, report.stage) == ("failed", "build")
                        assert "IndexError" in report.why
                        assert report.provider == "fine"

        run(main)

    def test_what_has_ended_is_let_go(self, world: Any, run: Any) -> None:
        """
        Nothing of ours holds an instance that was closed: its memory is free while it is drained.
        """

        async def main() -> None:
            async with world.life() as life:
                async with life.lease(*KEY) as thing:
                    gone = weakref.ref(thing)
                    del thing
                await life.drain(*KEY, drain_timeout=1)
                world.made.clear()
                gc.collect()
                assert gone() is None

        run(main)

    def test_two_hundred_in_a_row_leave_one(self, world: Any, run: Any) -> None:
        """
        Different wishes at once are done first come first served.
        """

        async def main() -> None:
            async with world.life() as life:
                reports = await asyncio.gather(
                    *(life.swap(*KEY, provider=("ok", "fine")[n % 2]) for n in range(200))
                )
                assert all(report.ok for report in reports)
                numbers = [report.incarnation for report in reports]
                assert numbers == sorted(numbers)
                assert sum(thing.is_open for thing in world.made) <= 17
                await asyncio.sleep(1)
                assert sum(thing.is_open for thing in world.made) == 1

        run(main)

    def test_hooks(self, world: Any, run: Any) -> None:
        """
        One before may say no; one after undoes nothing; one is called before a cleanup.
        """

        async def main() -> None:
            async with world.life() as life:
                told: list[str] = []
                off = life.on("pre_swap", lambda new, old: new.candidate.provider != "fine")
                life.on("on_cleanup", lambda old: told.append(old.candidate.provider))
                await life.activate(*KEY)
                report = await life.swap(*KEY, provider="fine")
                assert (report.outcome, report.stage) == ("refused", "pre_swap")
                off()

                async def fails(new: Any) -> None:
                    raise OSError(new.number)

                life.on("post_swap", fails)
                report = await life.swap(*KEY, provider="fine", drain_timeout=5)
                assert report.outcome == "committed"
                assert "fails: OSError" in report.warnings[0]
                assert life.status(*KEY).degraded == report.warnings
                assert told == ["ok"]
                with pytest.raises(UsageError, match="no hook"):
                    life.on("between", fails)

        run(main)

    def test_refusals(self, world: Any, run: Any) -> None:
        """
        An unknown provider, a rejected one, nothing to roll back to, and a closed lifecycle.
        """

        async def main() -> None:
            life = world.life()
            life.registry.add(Candidate("adapter", "cache", "far", dict, python_version=">=99"))
            unknown = await life.swap(*KEY, provider="fin")
            assert "unknown provider `fin` of adapter:cache; did you mean `fine`" in unknown.why
            nobody = await life.swap("adapter", "nothing", provider="fine")
            assert (nobody.outcome, nobody.stage) == ("refused", "choose")
            assert "nobody provides it" in nobody.why
            assert "python" in (await life.swap(*KEY, provider="far")).why.lower()
            assert "nothing was in force" in (await life.rollback(*KEY)).why
            await life.aclose()
            assert "was closed" in (await life.swap(*KEY)).why
            assert life.status(*KEY).state == "closed"

        run(main)

    def test_rollback_builds_anew(self, world: Any, run: Any) -> None:
        """
        The provider of before comes back, never its instance.
        """

        async def main() -> None:
            async with world.life() as life, life.lease(*KEY) as first:
                await life.swap(*KEY, provider="fine")
                report = await life.rollback(*KEY)
                assert (report.verb, report.provider) == ("rollback", "ok")
                assert life.handle(*KEY).current is not first

        run(main)

    def test_too_many_draining(self, world: Any, run: Any) -> None:
        """
        Old ones that are held are bounded: one swap more is refused.
        """

        async def main() -> None:
            async with world.life(limits=Limits(draining=2, drain=4)) as life:  # noqa: SIM117 - the leases end first
                async with anyio.create_task_group() as group:
                    end = asyncio.Event()

                    async def hold() -> None:
                        async with life.lease(*KEY):
                            await end.wait()

                    for mode in ("fine", "ok", "fine"):
                        group.start_soon(hold)
                        await asyncio.sleep(0.01)
                        report = await life.swap(*KEY, provider=mode)
                    assert report.outcome == "refused"
                    assert "2 old incarnations drain already" in report.why
                    end.set()

        run(main)

    def test_requirements_are_active_first(self, run: Any) -> None:
        """
        What a candidate requires is activated before it is built.
        """
        made: list[str] = []

        def factory(name: str) -> Any:
            def make() -> list[str]:
                made.append(name)
                return made

            return make

        registry = Registry()
        registry.add(
            Candidate("adapter", "db", "a", factory("db"), version="1"),
            Candidate("adapter", "cache", "a", factory("cache"), requires={"adapter:db": ">=1"}),
        )

        async def main() -> None:
            async with Lifecycle(registry) as life:
                await life.activate(*KEY)
                assert made == ["db", "cache"]
                assert [s.target for s in life.statuses()] == ["adapter:cache", "adapter:db"]

        run(main)


class TestCancellation:
    @pytest.mark.parametrize("mode", ["slow", "sickslow", "fine"])
    def test_at_every_await(self, world: Any, run: Any, mode: str) -> None:
        """
        Cancelled after each step of the loop in turn, a swap leaves the old or the new one.
        """

        async def one(steps: int) -> bool:
            async with world.life() as life:
                life.on("pre_swap", lambda *_: asyncio.sleep(0.5))
                life.on("post_swap", lambda *_: asyncio.sleep(0.5))
                async with life.lease(*KEY) as old:
                    task = asyncio.ensure_future(life.swap(*KEY, provider=mode))
                    for _ in range(steps):
                        await asyncio.sleep(0.1)
                    done: bool = task.done()
                    task.cancel()
                    await asyncio.wait([task])
                    current = life.handle(*KEY).current
                    assert current.is_open
                    assert old.is_open
                    if task.cancelled() and steps:
                        assert life.tally.swaps["adapter", "cancelled"] == 1
                    assert (await life.swap(*KEY, provider="ok", force=True)).ok
                return done

        steps = next(n for n in itertools.count() if run(functools.partial(one, n)))
        assert steps > 3
        assert all(thing.closed + thing.aborted == 1 for thing in world.made)
        assert not world.bad


class TestDrains:
    def test_pause_drain_resume(self, world: Any, run: Any) -> None:
        """
        Nobody begins a lease while it drains; afterwards the next one activates anew.
        """

        async def main() -> None:
            async with world.life() as life:
                async with life.lease(*KEY):
                    report = await life.drain(*KEY, who="ada", why="move", drain_timeout=1)
                    assert (report.outcome, report.stage) == ("failed", "drain")
                    assert "1 lease held after 1 s" in report.why
                    assert life.status(*KEY).state == "drained"
                    with pytest.raises(PausedError):
                        life.handle(*KEY).current  # noqa: B018 - reading raises
                report = await life.drain(*KEY)
                assert report.ok
                await life.resume(*KEY)
                async with life.lease(*KEY) as thing:
                    assert thing.is_open
                assert life.status(*KEY).incarnation == 2

        run(main)

    @pytest.mark.parametrize(("policy", "closed"), [("wait", 0), ("force", 1), ("refuse", 0)])
    def test_a_stalled_one(self, world: Any, run: Any, policy: Any, closed: int) -> None:
        """
        At the limit it is reported; only `force` closes under the lease.
        """
        told: list[str] = []

        async def main() -> None:
            life = world.life(
                limits=Limits(drain=4, policy=policy),
                tell=lambda target, what, *_: told.append(what),
            )
            async with life.lease(*KEY) as thing:
                await life.swap(*KEY, provider="fine")
                await asyncio.sleep(5)
                assert thing.closed == closed
                assert "stalled" in told
                report = await life.swap(*KEY, provider="ok", force=True)
                assert report.ok is (policy != "refuse")
                await life.aclose()

        run(main)

    def test_a_failing_cleanup_keeps_nobody(self, world: Any, run: Any) -> None:
        """
        It is told, its time is limited, and the next one is in force all the while.
        """

        async def main() -> None:
            async with world.life() as life:
                for mode in ("badclose", "slowclose", "ok"):
                    assert (await life.swap(*KEY, provider=mode, drain_timeout=9)).ok
                    assert not life.status(*KEY).draining
                assert "took longer than 1 s" in life.status(*KEY).last_error

        run(main)

    def test_health_is_believed_after_several_answers(self, run: Any) -> None:
        """
        Three bad ones in a row make it unhealthy, two good ones healthy again.
        """
        answer: list[Any] = [True]

        class Flapping:
            def health(self) -> Any:
                if answer[0] is OSError:
                    raise OSError("gone")
                return answer[0]

        registry = Registry()
        registry.add(Candidate("adapter", "cache", "a", Flapping))

        async def main() -> None:
            async with Lifecycle(registry) as life:
                assert await life.check(*KEY) is None
                await life.activate(*KEY)
                seen = []
                for said in (True, False, True, False, OSError, None, True, True):
                    answer[0] = said
                    await life.check(*KEY)
                    seen.append(life.status(*KEY).healthy)
                assert seen == [True, True, True, True, True, False, False, True]

        run(main)

    def test_the_identity_of_an_answer(self, run: Any) -> None:
        """
        A report must come from the incarnation that was asked.
        """

        @dataclass
        class Report:
            healthy: bool = True
            incarnation: int | None = None
            detail: str = ""

        reports = [Report(), Report(incarnation=7), Report(healthy=False, detail="full")]

        class Answering:
            def health(self) -> Report:
                return reports.pop(0)

        registry = Registry()
        registry.add(Candidate("adapter", "cache", "a", Answering))

        async def main() -> None:
            async with Lifecycle(registry) as life:
                assert (await life.swap(*KEY)).ok
                report = await life.swap(*KEY, force=True)
                assert "incarnation 7 answered for incarnation 2" in report.why
                assert "full" in (await life.swap(*KEY, force=True)).why

        run(main)


class TestGroups:
    def _registry(self, world: Any) -> Registry:
        registry = Registry()
        for provider in ("old", "new", "sick"):
            for key, requires in (("db", {}), ("cache", {"adapter:db": ">=0"})):
                mode = provider if provider == "sick" and key == "cache" else f"{key}-{provider}"
                registry.add(
                    Candidate(
                        "adapter",
                        key,
                        provider,
                        world.factory(mode),
                        priority={"old": 1}.get(provider, 0),
                        requires=requires,
                    )
                )
        return registry

    def test_all_or_none(self, world: Any, run: Any) -> None:
        """
        All are healthy before the first one moves, in the order of their requirements.
        """

        async def main() -> None:
            async with Lifecycle(self._registry(world)) as life:
                await life.activate(*KEY)
                wanted = {"adapter:cache": "new", "adapter:db": "new"}
                reports = await life.swap_group(wanted)
                assert [(r.target, r.outcome) for r in reports] == [
                    ("adapter:db", "committed"),
                    ("adapter:cache", "committed"),
                ]
                assert all(r.outcome == "coalesced" for r in await life.swap_group(wanted))
                reports = await life.swap_group({"adapter:cache": "sick", "adapter:db": "old"})
                assert {r.target: r.outcome for r in reports} == {
                    "adapter:cache": "failed",
                    "adapter:db": "refused",
                }
                assert life.handle("adapter", "db").current.mode == "db-new"
                reports = await life.swap_group({"adapter:cache": "nobody", "adapter:db": "old"})
                assert {r.outcome for r in reports} == {"refused"}

        run(main)
        assert all(thing.closed + thing.aborted == 1 for thing in world.made)


class TestOwnership:
    def test_another_loop_is_refused(self, world: Any, run: Any) -> None:
        """
        Swaps belong to the loop that was first.
        """
        life = world.life()

        async def first() -> None:
            await life.activate(*KEY)

        async def second() -> None:
            with pytest.raises(UsageError, match="another event loop"):
                await life.swap(*KEY)

        run(first)
        run(second)

    def test_wrong_limits_are_refused(self) -> None:
        """
        A limit is a number of seconds.
        """
        for wrong in ({"build": -1}, {"drain": float("nan")}, {"hook": "5"}, {"policy": "hope"}):
            with pytest.raises(UsageError):
                Limits(**wrong)
        assert issubclass(PausedError, LifecycleError)
