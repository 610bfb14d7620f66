"""What the store keeps, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


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
