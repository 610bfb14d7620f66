"""What is counted for the whole process, where no room has it: plain integers."""

from __future__ import annotations

from typing import Final

OPERATIONS: Final = ("fetch", "action", "event", "node")
"""What is tried again: a document from elsewhere, an action, an event at its handler, a node."""

REPEATED: Final[dict[tuple[str, str], int]] = {}
"""Operation and `succeeded` or `failed` to attempts beyond the first that ended so."""

EVALUATED: Final[dict[tuple[str, str], int]] = {}
"""Provider and reason to questions for a flag that were answered so."""


def repeated(operation: str, *, well: bool) -> None:
    """Count an attempt beyond the first, once it ended.

    Args:
        operation: One of `OPERATIONS`.
        well: Whether it succeeded.
    """
    name = (operation, "succeeded" if well else "failed")
    REPEATED[name] = REPEATED.get(name, 0) + 1


def evaluated(provider: str, reason: str) -> None:
    """Count an answer of a flag; 0.1 µs.

    Args:
        provider: Who answers; a configured name, never a subject.
        reason: In OpenFeature's words: `static`, `split`, `targeting_match`, `default`, `error`.
    """
    name = (provider, reason)
    EVALUATED[name] = EVALUATED.get(name, 0) + 1
