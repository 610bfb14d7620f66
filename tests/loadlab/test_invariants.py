"""Every invariant of every scenario is broken by a fault: one that cannot break proves nothing."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab import config
from oneiric_lab.errors import OneiricError
from oneiric_lab.lifecycle import Limits, _begins
from oneiric_lab.lifecycle._slot import Slot
from oneiric_lab.loadlab import BUILT_IN, Plan, Run, closed, run, scenario_named
from oneiric_lab.loadlab._scenarios import _config_reload_storm, _counting, _fault_mix
from oneiric_lab.loadlab._wire import Connection, Pool
from oneiric_lab.registry._generation import Generation
from oneiric_lab.store import Store, _database
from oneiric_lab.testing import Answer, LoopbackServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Patch = pytest.MonkeyPatch
    Mutant = Callable[[Patch], object]


def short(patch: Patch) -> None:
    """Wait no longer than a test may for what never ends."""
    for module in (_counting, _fault_mix):
        patch.setattr(module, "Limits", lambda **k: Limits(**{**k, "drain": 0.1, "cleanup": 0.1}))
    patch.setattr(_fault_mix, "_LIMITS", replace(_fault_mix._LIMITS, drain=0.1, cleanup=0.1))


# --- faults of a lifecycle ------------------------------------------------------------------


def closes_at_once(patch: Patch) -> None:
    """Close the old instance behind the pointer, whoever holds it."""

    async def async_reap(self: Slot, old: Any) -> None:
        await self.close(old)

    patch.setattr(Slot, "_reap", async_reap)


def closes_nothing(patch: Patch) -> None:
    """Forget the old instance."""

    async def async_reap(self: Slot, old: Any) -> None:
        self.draining.remove(old)

    patch.setattr(Slot, "_reap", async_reap)
    patch.setattr(Slot, "_ended_at_once", lambda self, old: False)


def closes_twice(patch: Patch) -> None:
    """Close the old instance, and again."""
    real = Slot._ended_at_once

    def twice(self: Slot, old: Any) -> bool:
        if old.built is not None:
            old.built.close()
        return real(self, old)

    patch.setattr(Slot, "_ended_at_once", twice)


def never_drained(patch: Patch) -> None:
    """Wait for ever for what nobody holds."""
    short(patch)

    async def async_reap(self: Slot, old: Any) -> None:
        await asyncio.sleep(3600)

    patch.setattr(Slot, "_reap", async_reap)
    patch.setattr(Slot, "_ended_at_once", lambda self, old: False)


def aborts_what_was_in_force(patch: Patch) -> None:
    """End the old instance as one that never was."""

    async def async_close(self: Slot, old: Any) -> None:
        await self._quietly(old.built.abort)
        self._closed(old)
        self.draining.remove(old)

    patch.setattr(Slot, "close", async_close)
    patch.setattr(Slot, "_ended_at_once", lambda self, old: False)


def aborts_nothing(patch: Patch) -> None:
    """Forget what was built and is not fit."""

    async def async_abort(self: Slot, next_: Any) -> None:
        """Do nothing."""

    patch.setattr(Slot, "abort", async_abort)


def believes_everything(patch: Patch) -> None:
    """Take every answer of a health check for a yes."""
    patch.setattr(_begins, "unhealthy", lambda answer, number: None)


def counts_backwards(patch: Patch) -> None:
    """Give each incarnation a lower number than the one before."""
    real = Slot.prepare

    async def async_prepare(self: Slot, *args: Any, **options: Any) -> Any:
        self._number = (self._number or 1_000_000) - 2
        return await real(self, *args, **options)

    patch.setattr(Slot, "prepare", async_prepare)


def fails_to_nothing(patch: Patch) -> None:
    """Have a failed swap take what is in force with it."""
    real = Slot.failed

    def failed(self: Slot, *args: Any) -> Any:
        if self.active is not None:
            old, self.active = self.active, None
            self.show_all()
            self.retire(old)
        return real(self, *args)

    patch.setattr(Slot, "failed", failed)


def tells_of_swaps_that_were_none(patch: Patch) -> None:
    """Call what was satisfied by another one committed."""
    real = Slot.report

    def report(self: Slot, wish: Any, outcome: str) -> Any:
        return real(self, wish, "committed" if outcome == "coalesced" else outcome)

    patch.setattr(Slot, "report", report)


def pauses_nothing(patch: Patch) -> None:
    """Let leases begin while it is drained."""
    patch.setattr(Slot, "pause", lambda self, *args, **options: self.show_all())


# --- faults of a registry, a store, a configuration, a client ----------------------------------


def resolves_the_last(patch: Patch) -> None:
    """Give the candidate that ranks last."""

    def resolve(self: Generation, domain: str, key: str, need: Any = None) -> Any:
        return self.explain(domain, key, need).ranking[-1].candidate

    patch.setattr(Generation, "resolve", resolve)


def forgets_wishes(patch: Patch) -> None:
    """Say that each third wish was kept, and keep it not."""
    real, calls = Store.desire, itertools.count()

    def desire(self: Store, *args: Any, **options: Any) -> int:
        call = next(calls)
        return real(self, *args, **options) if call % 3 else 1_000_000 + call

    patch.setattr(Store, "desire", desire)


def numbers_without_order(patch: Patch) -> None:
    """Give every wish the same number."""
    real = Store.desire

    def desire(self: Store, *args: Any, **options: Any) -> int:
        return min(real(self, *args, **options), 1)

    patch.setattr(Store, "desire", desire)


def wants_nothing(patch: Patch) -> None:
    """Have no wish in force, whatever was wished."""
    patch.setattr(Store, "desired", lambda self: {})


def waits_for_nobody(patch: Patch) -> None:
    """Turn a writer away where another one is writing."""
    patch.setattr(_database, "_BUSY_SECONDS", 0.0)


def orders_by_the_clock(patch: Patch) -> None:
    """Show activity in the order of what clocks said."""
    real = Store.activity

    def activity(self: Store, *args: Any) -> list[Any]:
        return sorted(real(self, *args), key=lambda row: row.at, reverse=True)

    patch.setattr(Store, "activity", activity)


def trusts_the_clock(patch: Patch) -> None:
    """Take the age of a beat from what clocks say."""
    real = Store.processes

    def processes(self: Store, alive_within: float) -> list[Any]:
        now = self._clock()
        return [p for p in real(self, 1e18) if abs(now - p.beat) <= alive_within]

    patch.setattr(Store, "processes", processes)


def loads_otherwise(patch: Patch, how: Callable[..., Any]) -> None:
    """Have *how* load: it is given the real loader and the former snapshot."""
    real = config.load

    def load(inputs: Any, *, previous: Any = None) -> Any:
        return real(inputs) if previous is None else how(partial(real, inputs), previous)

    patch.setattr(config, "load", load)


def mixed(real: Callable[..., Any], previous: Any) -> Any:
    """Take one value of the former snapshot."""
    found = real(previous=previous)
    found.config.view.text = previous.config.view.text
    return found


def older(real: Callable[..., Any], previous: Any, kept: list[Any] = []) -> Any:  # noqa: B006 - it is the memory
    """Return now and then what was loaded before."""
    kept.append(real(previous=previous))
    return kept[-1] if len(kept) % 3 else kept[-3]


def half(real: Callable[..., Any], previous: Any) -> Any:
    """Take of a bad edit what can be had."""
    try:
        return real(previous=previous)
    except OneiricError:
        return replace(previous, tree={**previous.tree, "other": 1})


def silent(real: Callable[..., Any], previous: Any) -> Any:
    """Keep the last good one, and tell nobody."""
    try:
        return real(previous=previous)
    except OneiricError:
        return previous


def sees_nothing(patch: Patch) -> None:
    """Follow files without ever looking."""

    async def async_watch(*_: Any, **__: Any) -> AsyncIterator[frozenset[Any]]:
        await asyncio.sleep(3600)
        yield frozenset()

    patch.setattr(_config_reload_storm, "watch", async_watch)


def keeps_connections(patch: Patch) -> None:
    """Use a connection again though it still owes an answer."""
    ending: list[bool] = []
    drop, close = Connection.drop, Pool.close

    def kept(self: Pool, connection: Connection) -> None:
        if connection.is_open:
            self._idle.append(connection)

    async def async_end(self: Pool) -> None:
        ending.append(True)
        await close(self)

    patch.setattr(Connection, "drop", lambda self: drop(self) if ending else None)
    patch.setattr(Pool, "close", async_end)
    patch.setattr(Pool, "_forget", kept)


def calls_twice(patch: Patch) -> None:
    """Send every call again, and tell nobody."""
    real = Pool.call

    async def async_call(self: Pool) -> int:
        await real(self)
        return await real(self)

    patch.setattr(Pool, "call", async_call)


SWAPS: dict[str, Mutant] = {
    "nothing_leaks": closes_twice,
    "no_drain_stalls": never_drained,
    "every_call_has_one_outcome": tells_of_swaps_that_were_none,
}
LEASES: dict[str, Mutant] = {
    "nothing_leaks": closes_nothing,
    "no_drain_stalls": never_drained,
    "nothing_is_used_after_its_end": closes_at_once,
}
MUTANTS: dict[str, dict[str, Mutant]] = {
    "swap-1k": SWAPS,
    "swap-10k": SWAPS,
    "swap-under-readers": {**LEASES, "no_reader_goes_back": counts_backwards},
    "resolve-storm": {"answers_are_those_of_the_snapshot": resolves_the_last},
    "pause-drain": {**LEASES, "no_lease_begins_while_paused": pauses_nothing},
    "config-reload-storm": {
        "no_view_is_torn": partial(loads_otherwise, how=mixed),
        "every_edit_is_seen_in_time": sees_nothing,
        "no_edit_is_taken_back": partial(loads_otherwise, how=older),
        "a_bad_edit_changes_nothing": partial(loads_otherwise, how=half),
        "a_bad_edit_is_told": partial(loads_otherwise, how=silent),
    },
    "activity-contention": {
        "no_update_is_lost": forgets_wishes,
        "numbers_keep_the_order_of_each_writer": numbers_without_order,
        "the_last_wish_is_in_force": wants_nothing,
        "nobody_finds_it_locked": waits_for_nobody,
        "no_reader_goes_back": wants_nothing,
    },
    "fault-mix": {
        "nothing_is_used_after_its_end": closes_at_once,
        "each_instance_ends_once": aborts_nothing,
        "only_what_never_was_in_force_is_aborted": aborts_what_was_in_force,
        "only_what_is_fit_comes_into_force": believes_everything,
        "one_is_in_force": fails_to_nothing,
        "a_failed_swap_changes_nothing": fails_to_nothing,
        "every_call_has_one_outcome": tells_of_swaps_that_were_none,
        "no_reader_goes_back": counts_backwards,
        "no_drain_stalls": never_drained,
        "a_clock_that_jumps_changes_no_order": orders_by_the_clock,
        "a_clock_that_jumps_hides_no_process": trusts_the_clock,
    },
    "http": {
        "no_answer_is_taken_for_another": keeps_connections,
        "no_answer_comes_unasked": lambda patch: None,
        "every_call_has_one_outcome": calls_twice,
    },
}
PARAMS: dict[str, dict[str, Any]] = {
    "swap-under-readers": {"swap_rate": 300},
    "pause-drain": {"pause_rate": 50},
    "config-reload-storm": {"within": 0.5, "interval": 0.05, "edit_rate": 20, "spoil_rate": 5},
    "activity-contention": {"processes": 1},
    "fault-mix": {"keys": 1, "beat_rate": 50},
}
CASES = [(name, wrong) for name, wrongs in MUTANTS.items() for wrong in wrongs]


def drive(name: str, wrong: str) -> Run:
    """Drive a scenario for a moment, with what its invariant needs to be broken."""
    kind, usual = scenario_named(name)
    params = dict(PARAMS.get(name, {}))
    if wrong == "every_edit_is_seen_in_time":
        params["within"] = 0.1
    # A view is torn by an edit of the layer that shows, of which there are a few in a second.
    duration = 2 if wrong == "no_view_is_torn" else 0.4
    plan = Plan(kind, params, closed(min(usual["users"], 100), duration=duration), timeout=0)
    return asyncio.run(run(plan))


def drive_http(wrong: str) -> Run:
    """Drive `http` against a server that is slow, or answers twice."""
    kind, _ = scenario_named("http")
    slow, twice = Answer(delay=0.3), Answer(copies=2)
    answers = {"no_answer_is_taken_for_another": slow, "no_answer_comes_unasked": twice}
    with LoopbackServer({"/": answers.get(wrong, Answer())}) as server:
        timeout = 0.02 if answers.get(wrong) is slow else 0
        plan = Plan(kind, {"url": server.url}, closed(2, duration=0.4), timeout=timeout)
        return asyncio.run(run(plan))


def test_none_is_left_out() -> None:
    """
    Each invariant of each scenario that comes with us has a fault that breaks it.
    """
    assert {name: set(kind.invariants()) for name, (kind, _) in BUILT_IN.items()} == {
        name: set(wrongs) for name, wrongs in MUTANTS.items()
    }


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
@pytest.mark.parametrize(("name", "wrong"), CASES)
def test_each_can_be_broken(name: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The fault is found out by the invariant that is about it, and the exit code says so.
    """
    monkeypatch.setattr(_fault_mix, "_PATIENCE", 0.3)
    MUTANTS[name][wrong](monkeypatch)

    # On a machine that is busy with other things, a moment may pass without what it takes.
    for _ in range(30):
        found = drive_http(wrong) if name == "http" else drive(name, wrong)
        if wrong in dict(found.broken):
            break

    assert wrong in dict(found.broken)
    assert found.exit_code == 4
