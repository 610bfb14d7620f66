"""Components that are swapped together: all of them, or none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.lifecycle import Lifecycle, Limits
from oneiric_lab.registry import Candidate, Registry

if TYPE_CHECKING:
    from collections.abc import Callable

DB, CACHE, MAIL = "adapter:db", "adapter:cache", "adapter:mail"


class Part:
    """Something that is closed or aborted once."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log, self.ends = name, log, 0
        log.append(f"build {name}")

    def health(self) -> bool:
        """Say no where the name says so."""
        self.log.append(f"health {self.name}")
        return "sick" not in self.name

    def close(self) -> None:
        """End."""
        self.ends += 1
        self.log.append(f"close {self.name}")

    def abort(self) -> None:
        """End without having been."""
        self.ends += 1
        self.log.append(f"abort {self.name}")


@pytest.fixture
def log() -> list[str]:
    """What was done."""
    return []


@pytest.fixture
def life(log: list[str]) -> Lifecycle:
    """Two components of which the cache requires the database, and one by itself."""

    def maker(name: str) -> Callable[[], Part]:
        return lambda: Part(name, log)

    registry = Registry()
    for key, requires in (("db", {}), ("cache", {DB: ""}), ("mail", {})):
        for number, provider in enumerate(("sick", "new", "old")):
            registry.add(
                Candidate(
                    "adapter",
                    key,
                    provider,
                    maker(f"{key}-{provider}"),
                    priority=number,
                    requires=requires,
                )
            )
    return Lifecycle(registry, limits=Limits(build=1, drain=1))


def named(life: Lifecycle, **providers: str) -> dict[str, Candidate]:
    """Return candidates by key and provider."""
    return {
        f"adapter:{key}": next(
            c for c in life.registry.current.candidates("adapter", key) if c.provider == provider
        )
        for key, provider in providers.items()
    }


def in_force(life: Lifecycle) -> dict[str, str]:
    """Return who is in force."""
    return {s.target: s.provider for s in life.statuses() if s.provider}


class TestSwapTo:
    def test_in_order_and_all_healthy_first(self, life: Lifecycle, log: list[str]) -> None:
        """
        What is required is built first; values change when all are well; then they move.
        """

        async def main() -> None:
            async with life:
                for key in ("cache", "mail"):
                    await life.activate("adapter", key)
                log.clear()
                chosen = named(life, cache="new", db="new", mail="new")
                reports = await life.swap_to(chosen, commit=lambda: log.append("values"))
                assert [r.target for r in reports] == [DB, CACHE, MAIL]
                assert all(r.outcome == "committed" for r in reports)
                assert set(in_force(life).values()) == {"new"}

        asyncio.run(main())
        built = [entry for entry in log if entry.startswith(("build", "health"))]
        assert [entry.split()[1] for entry in built[::2]] == ["db-new", "cache-new", "mail-new"]
        assert log.index("values") == len(built)

    def test_how_far_each_is(self, life: Lifecycle) -> None:
        """
        While they are prepared the status says which is built, probed, or ready and waits for the
        others; before and after, that none is to come.
        """
        seen: list[dict[str, object]] = []

        def look() -> None:
            seen.append({s.target: s.as_dict()["next"] for s in life.statuses()})
            told = str(life.status("adapter", "mail"))
            assert ("incarnation 2, " in told) is bool(seen[-1][MAIL])

        async def main() -> None:
            async with life:
                for key in ("cache", "mail"):
                    await life.activate("adapter", key)
                look()
                life.on("pre_swap", lambda *_: look())
                chosen = named(life, cache="new", db="new", mail="new")
                await life.swap_to(chosen, commit=look)
                look()
                assert "next" not in str(life.status("adapter", "db"))
                chosen = named(life, mail="sick")
                assert (await life.swap_to(chosen))[0].outcome != "committed"
                look()

        asyncio.run(main())
        ready, probing = ({"incarnation": 2, "state": state} for state in ("ready", "probing"))
        none = dict.fromkeys((CACHE, DB, MAIL))
        assert seen == [
            none,
            {**none, DB: probing},
            {**none, DB: ready, CACHE: probing},
            {DB: ready, CACHE: ready, MAIL: probing},
            dict.fromkeys((CACHE, DB, MAIL), ready),
            none,
            none,
        ]

    @pytest.mark.parametrize("wrong", ["sick", "commit"])
    def test_none_where_one_fails(self, life: Lifecycle, log: list[str], wrong: str) -> None:
        """
        One that is not healthy, or values that cannot be changed, leave all as they were.
        """

        def commit() -> None:
            log.append("values")
            if wrong == "commit":
                raise OSError("no room")

        async def main() -> None:
            async with life:
                for key in ("cache", "mail"):
                    await life.activate("adapter", key)
                before = in_force(life)
                log.clear()
                chosen = named(life, cache="new", mail="sick" if wrong == "sick" else "new")
                if wrong == "commit":
                    with pytest.raises(OSError, match="no room"):
                        await life.swap_to(chosen, commit=commit)
                else:
                    reports = await life.swap_to(chosen, commit=commit)
                    assert {r.target: (r.outcome, r.stage) for r in reports} == {
                        CACHE: ("refused", "group"),
                        MAIL: ("failed", "health"),
                    }
                assert in_force(life) == before
                assert "abort cache-new" in log
                assert ("values" in log) == (wrong == "commit")
                assert not [entry for entry in log if entry.startswith("close")]

        asyncio.run(main())

    def test_a_transient_one_is_chosen_not_built(self, life: Lifecycle, log: list[str]) -> None:
        """
        Each lease makes its own; the group brings none into force for it.
        """
        each = Candidate(
            "adapter", "mail", "each", lambda: Part("mail-each", log), lifetime="transient"
        )
        life.registry.add(each)

        async def main() -> None:
            async with life:
                for key in ("cache", "mail"):
                    await life.activate("adapter", key)
                reports = await life.swap_to({**named(life, cache="new"), MAIL: each})
                assert [(r.target, r.provider) for r in reports] == [(CACHE, "new"), (MAIL, "each")]
                assert "build mail-each" not in log
                assert "close mail-old" in log

        asyncio.run(main())

    def test_what_is_required_outside_is_activated(self, life: Lifecycle, log: list[str]) -> None:
        """
        It is in force before the group is built; where it cannot be, none of the group is.
        """

        async def main() -> None:
            async with life:
                assert all(r.ok for r in await life.swap_to(named(life, cache="new", mail="new")))
                assert in_force(life) == {DB: "old", CACHE: "new", MAIL: "new"}
                await life.pause("adapter", "db", who="ada", why="a move")
                (cache, mail) = await life.swap_to(named(life, cache="old", mail="old"))
                assert (cache.outcome, cache.stage) == ("failed", f"requires {DB}")
                assert "paused by ada" in cache.why
                assert mail.outcome == "refused"
                assert in_force(life)[CACHE] == "new"

        asyncio.run(main())

    def test_one_that_ends_while_the_group_waits(self, life: Lifecycle) -> None:
        """
        A required component that was drained meanwhile fails the group; nobody waits for it.
        """

        async def main() -> None:
            async with life:
                await life.activate("adapter", "cache")
                lock = life.slot("adapter", "cache").lock
                await lock.acquire()
                work = asyncio.ensure_future(life.swap_to(named(life, cache="new")))
                await asyncio.sleep(0.01)
                await life.drain("adapter", "db")
                lock.release()
                (report,) = await work
                assert (report.stage, report.why) == (f"requires {DB}", "it is not active")

        asyncio.run(main())

    def test_two_groups_that_require_one_another(self, log: list[str]) -> None:
        """
        Neither holds what the other one waits for, whoever is first.
        """
        registry = Registry()
        for key, requires in (
            ("a", {"adapter:b": ""}),
            ("b", {}),
            ("c", {}),
            ("d", {"adapter:c": ""}),
        ):
            registry.add(Candidate("adapter", key, "p", lambda: Part("x", log), requires=requires))
        life = Lifecycle(registry, limits=Limits(build=1))

        async def main() -> None:
            async with asyncio.timeout(5), life:
                one = life.swap_group({"adapter:a": None, "adapter:c": None}, force=True)
                two = life.swap_group({"adapter:b": None, "adapter:d": None}, force=True)
                for reports in await asyncio.gather(one, two):
                    assert all(report.ok for report in reports)

        asyncio.run(main())

    def test_a_cycle_that_was_asked_for_by_name_ends(self, log: list[str]) -> None:
        """
        No rule of the registry forbids it; what can be seen is told, and the rest is limited.
        """
        registry = Registry()
        for key, other in (("a", "b"), ("b", "a")):
            registry.add(
                Candidate("adapter", key, "plain", lambda: Part("x", log), priority=1),
                Candidate(
                    "adapter",
                    key,
                    "round",
                    lambda: Part("x", log),
                    requires={f"adapter:{other}": ""},
                ),
            )
        life = Lifecycle(registry, limits=Limits(build=0.05))

        async def main() -> None:
            async with asyncio.timeout(5), life:
                life.slot("adapter", "b").pin = "round"
                report = await life.swap("adapter", "a", provider="round")
                assert (report.outcome, report.stage) == ("failed", "requires adapter:b")
                assert report.why.endswith("which is being built for this one: a cycle")
                both = [life.swap("adapter", key, provider="round") for key in "ab"]
                # One gives up first, and the other one goes on without it.
                outcomes = {report.outcome for report in await asyncio.gather(*both)}
                assert "failed" in outcomes

        asyncio.run(main())

    def test_cancelled_at_every_step(self, life: Lifecycle, log: list[str]) -> None:
        """
        All of the group moved or none did, and values with them; nothing leaks.
        """

        async def slowly(*_: object) -> None:
            await asyncio.sleep(0)

        life.on("pre_swap", slowly)
        life.on("post_swap", slowly)
        seen = set()

        async def main() -> None:
            async with life:
                for key in ("cache", "mail"):
                    await life.activate("adapter", key)
                for steps in range(60):
                    values: list[str] = []

                    async def commit(values: list[str] = values) -> None:
                        await asyncio.sleep(0)
                        values.append("new")

                    chosen = named(life, cache="new", db="new", mail="new")
                    task = asyncio.ensure_future(life.swap_to(chosen, commit=commit))
                    for _ in range(steps):
                        await asyncio.sleep(0)
                    task.cancel()
                    await asyncio.wait([task])
                    found = set(in_force(life).values())
                    assert found == ({"new"} if values else {"old"})
                    seen.add((task.cancelled(), bool(values)))
                    assert all(
                        r.ok for r in await life.swap_group(dict.fromkeys((DB, CACHE, MAIL)))
                    )

        asyncio.run(main())
        assert seen == {(True, False), (True, True), (False, True)}
        ends = sum(entry.startswith(("close", "abort")) for entry in log)
        assert ends == sum(entry.startswith("build") for entry in log)
