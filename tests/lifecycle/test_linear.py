"""Histories of leases and swaps, recorded and searched for an order that explains them.

The model is a register of incarnation numbers: a swap that was committed writes, a lease and
a swap that found it done read. A history is right if its calls can be put into one order in
which no call stands before one that had ended when it began, and each read gives what the
last write before it wrote (Wing and Gong, 1993; the memo is Lowe's).
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneiric_lab.lifecycle import Lifecycle
from oneiric_lab.registry import Candidate, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KEY = ("adapter", "cache")


class Call(NamedTuple):
    """One call: when it began and ended, whether it wrote, and the number."""

    began: int
    ended: int
    writes: bool
    number: int


def is_linearizable(calls: Sequence[Call], first: int) -> bool:
    """Return whether one order of *calls* explains what each of them saw, from *first* on."""
    tried: set[tuple[frozenset[int], int]] = set()

    def search(left: frozenset[int], now: int) -> bool:
        if not left:
            return True
        if (left, now) in tried:
            return False
        tried.add((left, now))
        limit = min(calls[n].ended for n in left)
        return any(
            search(left - {n}, calls[n].number)
            for n in sorted(left, key=lambda n: calls[n].ended)
            if calls[n].began < limit and (calls[n].writes or calls[n].number == now)
        )

    return search(frozenset(range(len(calls))), first)


class TestTheSearch:
    """A test of the test."""

    @pytest.mark.parametrize(
        ("calls", "expected"),
        [
            ([], True),
            ([Call(0, 1, False, 1), Call(2, 3, True, 2), Call(4, 5, False, 2)], True),
            # A read beside a write may see either.
            ([Call(0, 5, True, 2), Call(1, 2, False, 1)], True),
            ([Call(0, 5, True, 2), Call(1, 2, False, 2)], True),
            # What one has seen, a later one must see too.
            ([Call(0, 9, True, 2), Call(1, 2, False, 2), Call(3, 4, False, 1)], False),
            # A read after the end of a write that sees the former.
            ([Call(0, 1, True, 2), Call(2, 3, False, 1)], False),
            # A number that nobody wrote.
            ([Call(0, 1, False, 7)], False),
            # Two writes in a row, read in the other order.
            (
                [
                    *(Call(0, 1, True, 2), Call(2, 3, True, 3)),
                    *(Call(4, 5, False, 3), Call(6, 7, False, 2)),
                ],
                False,
            ),
        ],
    )
    def test_known_histories(self, calls: list[Call], *, expected: bool) -> None:
        """
        Right ones are told from wrong ones.
        """
        assert is_linearizable(calls, 1) is expected


class Numbered:
    """An instance that knows its number, and whether it has ended."""

    def __init__(self) -> None:
        self.number, self.open = 0, True

    def close(self) -> None:
        """End."""
        self.open = False


def lifecycle() -> Lifecycle:
    """Return a lifecycle with a quick and a slow provider, whose instances know their number."""

    async def slow() -> Numbered:
        """Make one after two turns of the loop."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return Numbered()

    registry = Registry()
    registry.add(
        Candidate("adapter", "cache", "a", Numbered, priority=1),
        Candidate("adapter", "cache", "b", slow),
    )
    life = Lifecycle(registry)
    life.on("pre_swap", lambda new, old: setattr(new.instance, "number", new.number))
    return life


STEP = st.tuples(
    st.sampled_from(["a", "b", "rollback", "lease", "handle", "sync"]), st.integers(0, 6)
)


@given(st.lists(STEP, min_size=2, max_size=12))
# The fixture only runs a function on a loop of its own.
@settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_histories_of_one_loop(run: Any, steps: list[tuple[str, int]]) -> None:
    """
    Leases by key and by handle, swaps and rollbacks at once: some order explains them all.
    """
    clock = itertools.count()
    calls: list[Call] = []
    violations: list[int] = []

    async def main() -> None:
        life = lifecycle()
        await life.activate(*KEY)
        handle = life.handle(*KEY)

        async def one(what: str, wait: int) -> None:
            """Do one call after some turns of the loop, and write it down."""
            for _ in range(wait):
                await asyncio.sleep(0)
            began = next(clock)
            if what in {"a", "b", "rollback"}:
                work = life.rollback(*KEY) if what == "rollback" else None
                report = await (work or life.swap(*KEY, provider=what, force=True))
                if report.outcome in {"committed", "coalesced"}:
                    writes = report.outcome == "committed"
                    calls.append(Call(began, next(clock), writes, report.incarnation))
                return
            if what == "sync":
                with handle.lease_sync() as it:
                    calls.append(Call(began, next(clock), False, it.number))
                return
            async with life.lease(*KEY) if what == "lease" else handle.lease() as it:
                calls.append(Call(began, next(clock), False, it.number))
                for _ in range(wait):
                    await asyncio.sleep(0)
                if not it.open:
                    violations.append(it.number)

        await asyncio.gather(*(one(*step) for step in steps))
        await life.aclose()

    run(main)
    assert not violations
    assert is_linearizable(calls, 1), calls


@pytest.fixture
def fast_switches() -> Iterator[None]:
    """Let threads take turns every microsecond."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_histories_of_threads(fast_switches: None) -> None:
    """
    Leases of three threads while the loop swaps: each window of the history has its order.
    """
    clock = itertools.count()
    source = random.Random(7)
    wrong: list[int] = []

    async def history(life: Lifecycle, first: int) -> list[Call]:
        """Let threads lease while four swaps go on; return what all of them saw."""
        calls: list[list[Call]] = [[] for _ in range(4)]
        start = threading.Barrier(4)

        def reader(own: list[Call]) -> None:
            """Lease five times."""
            start.wait(10)
            for _ in range(5):
                began = next(clock)
                with life.lease_sync(*KEY) as it:
                    own.append(Call(began, next(clock), False, it.number))
                    wrong.extend([] if it.open else [it.number])

        threads = [threading.Thread(target=reader, args=(own,)) for own in calls[:3]]
        for thread in threads:
            thread.start()
        start.wait(10)
        for _ in range(4):
            began = next(clock)
            report = await life.swap(*KEY, provider=source.choice("ab"), force=True)
            calls[3].append(Call(began, next(clock), True, report.incarnation))
        for thread in threads:
            thread.join()
        found = list(itertools.chain(*calls))
        assert is_linearizable(found, first), found
        return found

    async def main() -> int:
        life = lifecycle()
        await life.activate(*KEY)
        beside = 0
        for _ in range(100):
            first = life.status(*KEY).incarnation
            found = await history(life, first)
            swaps = [call for call in found if call.writes]
            beside += any(
                call.began < swap.ended and swap.began < call.ended
                for swap in swaps
                for call in found
                if not call.writes
            )
        await life.aclose()
        return beside

    # Some of them were at the same time, or this would say nothing.
    assert asyncio.run(main()) > 3
    assert not wrong
