"""How the watch of a process stands: by what it looks, what it did, and what it cannot take."""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oneiric_lab.files import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import anyio

    from oneiric_lab.errors import Fault

OUTCOMES = ("applied", "unchanged", "refused")
"""What becomes of a change of files: values or components changed, nothing did, or it is bad."""


@dataclass(slots=True)
class Watching:
    """The state of the watch, and its counters; one thread writes, any may read.

    Attributes:
        mode: `events` or `poll`; empty where nothing is watched.
        why: Why it only polls, where it was meant to be told of changes.
        interval: Seconds between two looks.
        reloads: How often files changed, by what became of it.
        fallbacks: How often the system's notices had to be given up.
        faults: Why the last good configuration stays; empty when what the files say is in force.
        files: Those that hold the faults.
        since: When the faults began, seconds since 1970.
        at: When files changed last, seconds since 1970.
    """

    mode: str = ""
    why: str = ""
    interval: float = 0.0
    reloads: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    fallbacks: int = 0
    faults: tuple[Fault, ...] = ()
    files: tuple[str, ...] = ()
    since: float = 0.0
    at: float = 0.0

    def looks_by(self, mode: str, why: str = "") -> None:
        """Take note of the way of looking."""
        self.mode, self.why = mode, why

    def gave_up(self, why: str) -> None:
        """Take note that the system's notices were given up."""
        self.looks_by("poll", why)
        self.fallbacks += 1

    def took(self, *, changed: bool) -> None:
        """Take note of a change of files that is in force."""
        self.reloads["applied" if changed else "unchanged"] += 1
        self.faults, self.files, self.since, self.at = (), (), 0.0, time.time()

    def refused(self, files: tuple[str, ...], faults: tuple[Fault, ...]) -> None:
        """Take note of a change of files that cannot be in force."""
        self.reloads["refused"] += 1
        self.at = time.time()
        self.since = self.since if self.faults else self.at
        # Another file may be edited while the bad one waits to be mended.
        self.faults, self.files = faults, tuple(sorted({*self.files, *files}))

    def counts(self) -> dict[str, Any]:
        """Return what a scrape wants, as plain numbers and one word; microseconds."""
        return {
            "mode": self.mode,
            "reloads": dict(self.reloads),
            "fallbacks": self.fallbacks,
            "faulty": len(self.faults),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return what other processes are told."""
        return {
            "mode": self.mode,
            "why": self.why or None,
            "interval": self.interval,
            "reloads": dict(self.reloads),
            "files": list(self.files),
            "faults": ["\n".join(fault.lines()) for fault in self.faults],
            "since": self.since or None,
            "at": self.at or None,
        }


async def follow_files(
    paths: Callable[[], Iterable[Path]],
    load: Callable[[frozenset[Path]], object],
    state: Watching,
    *,
    interval: float = 0.5,
    hint: bool = True,
    why: str = "",
    fell_back: Callable[[str], object] = lambda why: None,
    stop: anyio.Event | None = None,
) -> None:
    """Have each change of files loaded, until stopped or cancelled.

    Args:
        paths: Names the files at each look; one that comes or goes is a change.
        load: Called with those that changed, and at first with none: what changed before
            this began is to be loaded, too. It takes note in *state*.
        state: Told how it looks.
        interval: Seconds between two looks.
        hint: Whether the system's notices are used.
        why: Why they are not.
        fell_back: Told once why they were given up.
        stop: Ends it when set.
    """
    state.interval = max(interval, 0.05)

    def told(mode: str, reason: str) -> None:
        if reason:
            state.gave_up(reason)
            fell_back(reason)
        else:
            state.looks_by(mode, "" if mode == "events" else why)

    def begun() -> None:
        load(frozenset())

    changes = watch(
        paths, interval=interval, hint=hint, listed=True, stop=stop, told=told, begun=begun
    )
    try:
        async with aclosing(changes):
            async for changed in changes:
                load(changed)
    finally:
        state.mode = state.why = ""
