"""Several components swapped together: all are healthy before the first pointer moves.

What they require outside the group is activated before a lock is held: else one group could
wait for a component that another group holds, and that one for the first.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from anyio import CancelScope

from ._wish import REBUILD, StepError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Iterable, Mapping

    from oneiric_lab.registry import Candidate

    from ._host import Host
    from ._incarnation import Incarnation
    from ._reports import SwapReport
    from ._slot import Slot
    from ._wish import Wish

    Commit = Callable[[], Awaitable[object] | None]


def nothing() -> None:
    """Nothing happens before the first one moves."""


class _GroupError(Exception):
    """One of a group could not be prepared."""

    def __init__(self, target: str, step: StepError) -> None:
        super().__init__(target)
        self.target, self.step = target, step


async def swap_all(
    life: Host,
    wishes: Mapping[str, Wish],
    given: Mapping[str, Candidate] | None = None,
    settings: Callable[[Candidate], Mapping[str, Any]] | None = None,
    commit: Commit = nothing,
) -> tuple[SwapReport, ...]:
    """Swap all of *wishes* or none, and who was built on them; see `Lifecycle.swap_to`."""
    wishes = with_users(life, wishes)
    slots: dict[str, Slot] = {target: life.slot_of(target) for target in sorted(wishes)}
    made: dict[str, Incarnation] = {}
    moved = False
    try:
        for target, candidate in _chosen(slots, wishes, given).items():
            try:
                await slots[target].activate_required(candidate, skip=frozenset(slots))
            except StepError as error:
                raise _GroupError(target, error) from error
        async with AsyncExitStack() as locks:
            for slot in slots.values():
                await locks.enter_async_context(slot.lock)
            try:
                # Again: another one may be chosen since.
                chosen = _chosen(slots, wishes, given)
                order = in_order(chosen)
                same: set[str] = set()
                for target in order:
                    slot, candidate = slots[target], chosen[target]
                    if slot.is_so(candidate, wishes[target], settings) and not _was_given(
                        slot, made
                    ):
                        same.add(target)
                    elif candidate.lifetime == "app":
                        made[target] = await _prepared(slot, candidate, slots, made, settings)
                with CancelScope(shield=True):
                    # What it did cannot be taken back, so that the pointers follow it.
                    value = commit()
                    if value is not None:
                        await value
                moved = True
                reports = [
                    slots[t].report(wishes[t], "coalesced")
                    if t in same
                    else slots[t].commit(made[t], wishes[t])
                    if t in made
                    else slots[t].hand_out(chosen[t], wishes[t])
                    for t in order
                ]
            finally:
                if not moved:
                    for target in reversed(made):
                        await slots[target].abort(made[target])
    except _GroupError as error:
        others = StepError("group", f"{error.target} failed", refused=True)
        reports = [
            slot.failed(wishes[target], error.step if target == error.target else others)
            for target, slot in slots.items()
        ]
        _count(life, slots, reports)
        return tuple(reports)
    _count(life, slots, reports)
    return tuple(
        [
            report if report.outcome == "coalesced" else await slots[report.target].after(report)
            for report in reports
        ]
    )


def _count(life: Host, slots: Mapping[str, Slot], reports: Iterable[SwapReport]) -> None:
    for report in reports:
        life.tally.swapped(slots[report.target].domain, report.outcome)


def _chosen(
    slots: Mapping[str, Slot], wishes: Mapping[str, Wish], given: Mapping[str, Candidate] | None
) -> dict[str, Candidate]:
    out: dict[str, Candidate] = {}
    for target, slot in slots.items():
        try:
            if given is None or wishes[target] is REBUILD:
                out[target] = slot.choose(wishes[target])
            else:
                slot.admit()
                out[target] = given[target]
        except StepError as error:
            raise _GroupError(target, error) from error
    return out


async def _prepared(
    slot: Slot,
    candidate: Candidate,
    group: Container[str],
    made: Mapping[str, Incarnation],
    settings: Callable[[Candidate], Mapping[str, Any]] | None,
) -> Incarnation:
    for required in candidate.requires:
        if required not in group and slot.life.slot_of(required).active is None:
            # It ended since it was activated; waiting for it now could be for ever.
            raise _GroupError(slot.target, StepError(f"requires {required}", "it is not active"))
    try:
        return await slot.prepare(
            candidate, skip=frozenset(candidate.requires), beside=made, settings=settings
        )
    except StepError as error:
        raise _GroupError(slot.target, error) from error


def with_users(life: Host, wishes: Mapping[str, Wish]) -> Mapping[str, Wish]:
    """Return *wishes*, and that who was built on one of them is built anew with it."""
    users = {slot.target for target in wishes for slot in life.slot_of(target).users()}
    return {**dict.fromkeys(users, REBUILD), **wishes} if users else wishes


def _was_given(slot: Slot, made: Mapping[str, Incarnation]) -> bool:
    """Tell whether what is in force was given one that comes anew."""
    return slot.active is not None and any(pin.target in made for pin in slot.active.pins)


def in_order(chosen: Mapping[str, Candidate]) -> list[str]:
    """Return the targets so that what one requires stands before it."""
    out: list[str] = []
    seen: set[str] = set()

    def visit(target: str) -> None:
        if target in seen or target not in chosen:
            return
        seen.add(target)
        for required in chosen[target].requires:
            visit(required)
        out.append(target)

    for target in chosen:
        visit(target)
    return out
