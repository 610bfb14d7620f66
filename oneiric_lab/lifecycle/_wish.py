"""What a swap asks for, and why a step of it could not be done."""

from __future__ import annotations

from typing import Final, NamedTuple


class Wish(NamedTuple):
    """What a swap asks for; equal wishes are satisfied together.

    Attributes:
        provider: Who shall provide it; None is whom the registry says.
        need: Capabilities that it must have.
        force: Build it anew though it is in force already.
        verb: How the report calls it.
    """

    provider: str | None = None
    need: frozenset[str] = frozenset()
    force: bool = False
    verb: str = "swap"


ANY: Final = Wish()
"""Whom the registry says."""

REBUILD: Final = Wish(verb="rebuild")
"""What is in force, built anew on what its factory is given now."""


class StepError(Exception):
    """A step of a swap that went wrong before the pointer moved.

    Attributes:
        stage: Where it failed.
        why: What was wrong, in one line; what a component said of it is not redacted yet.
        refused: Whether it was not tried at all.
    """

    def __init__(self, stage: str, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.stage, self.why, self.refused = stage, why, refused
