"""What the store keeps, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

DesiredState = Literal["running", "paused", "draining"]
"""What somebody may want of a component."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file before and after; None stands for a file that is not there."""

    path: Path
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of the workspace.

    Attributes:
        id: Number, growing.
        at: Seconds since 1970.
        who: The user.
        verb: What was done.
        layer: Where.
        summary: One line.
        changes: As `ValueChange.as_dict()`; secrets are references.
        undone_by: The entry that took it back.
    """

    id: int
    at: float
    who: str
    verb: str
    layer: str
    summary: str
    changes: tuple[dict[str, Any], ...] = ()
    undone_by: int | None = None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A candidate that failed when it was tried, and is not tried again until released.

    Attributes:
        candidate: Its identity, as its adder writes it.
        kind: What happened, such as `import-error`.
        detail: One line.
        traceback: In full, or empty.
        at: Seconds since 1970.
    """

    candidate: str
    kind: str
    detail: str
    traceback: str
    at: float


@dataclass(frozen=True, slots=True)
class Desired:
    """What somebody wants of a component.

    Attributes:
        target: `domain:key`.
        state: `running`, `paused` or `draining`.
        who: The user.
        at: Seconds since 1970.
        why: One line.
        number: Growing over all targets; of two wishes the later one has the higher number,
            whatever the clocks said.
    """

    target: str
    state: DesiredState
    who: str
    at: float
    why: str
    number: int


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that a process did to a component.

    Attributes:
        id: Number, growing in the order in which rows were written.
        at: Seconds since 1970, by the clock of the process that did it.
        pid: Number of that process.
        target: `domain:key`.
        what: What was done, such as `swap`.
        incarnation: Number of the built instance, where there is one.
        provider: Its provider, or empty.
        detail: One line, or empty.
    """

    id: int
    at: float
    pid: int
    target: str
    what: str
    incarnation: int | None = None
    provider: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A process that watches the workspace, and what is actually so in it.

    Attributes:
        id: Chosen by the process; no other one has it, before or after.
        pid: Its number on its host.
        host: The host's name.
        started: Seconds since 1970.
        state: Plain JSON data.
        beat: When it was last heard of, seconds since 1970; given by the store.
        number: Of that beat, growing over all processes; given by the store.
    """

    id: str
    pid: int
    host: str
    started: float
    state: dict[str, Any] = field(default_factory=dict)
    beat: float = 0.0
    number: int = 0
