"""The one way forward of a state: what a report brought, and nothing that sinks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._report import Report
    from ._state import LegacySeen, State


def advance(state: State, report: Report) -> State:
    """Return what is remembered after *report*: of each part the later one.

    Another process may have advanced the state since *report* was made; nothing sinks.

    Raises:
        UntrustedError: The report is one of a failure; nothing is learned from it.
    """
    report.raise_for_failure()
    gained = report.gained
    channels = dict(state.channels)
    for name, seen in gained.channels.items():
        known = channels.get(name)
        if known is None or known.order <= seen.order:
            channels[name] = seen
    legacy = dict(state.legacy)
    for source, old in gained.legacy.items():
        before = legacy.get(source)
        if before is None or _signed_at(before) <= _signed_at(old):
            legacy[source] = old
    root, anchor = state.root, state.anchor
    if gained.root is not None and (root is None or root.version <= gained.root.version):
        root, anchor = gained.root, state.anchor or gained.anchor
    lists = [one for one in (state.revocations, gained.revocations) if one is not None]
    times = [one for one in (state.time, gained.time) if one is not None]
    return replace(
        state,
        anchor=anchor,
        root=root,
        channels=dict(sorted(channels.items())),
        revocations=max(lists, key=lambda one: (one.epoch, one.number), default=None),
        time=max(times, default=None),
        legacy=dict(sorted(legacy.items())),
    )


def _signed_at(seen: LegacySeen) -> float:
    return float("-inf") if seen.signed_at is None else seen.signed_at.timestamp()
