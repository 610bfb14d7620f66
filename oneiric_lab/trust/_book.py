"""The book of one verification: what came in, and what was found so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ._checks import Check

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from oneiric_lab.errors import OneiricError

    from ._checks import CheckState
    from ._dsse import Verdict
    from ._evidence import Equivocation, TimeEvidence
    from ._limits import Limits
    from ._policy import Policy
    from ._state import State
    from ._statement import Head

AGAIN = "get the bundle and the manifest anew from where they were published"
ASK = "ask the signers of the project, by another way than this one"
SHOWN = 5
"""How many names a message lists."""


@dataclass
class Book:
    """What came in, and what was found so far.

    Attributes:
        policy: What is trusted here.
        state: What was trusted last.
        now: The time, with its zone.
        evidence: Who saw signatures at some time.
        limits: How much is read at most.
        read: Reads a manifest whose digest is the one that was signed.
        found: Code to check.
        signatures: How each signature of the release stands.
        equivocations: Where signers told two stories.
    """

    policy: Policy
    state: State
    now: datetime
    evidence: tuple[TimeEvidence, ...]
    limits: Limits
    read: Callable[[bytes], Head]
    found: dict[str, Check] = field(default_factory=dict)
    signatures: tuple[Verdict, ...] = ()
    equivocations: list[Equivocation] = field(default_factory=list)

    def note(self, code: str, state: CheckState, message: str, fix: str | None = None) -> bool:
        """Write down one check, and tell whether it passed."""
        self.found[code] = Check(code, state, message, fix)
        return state == "passed"

    def passed(self, code: str, message: str) -> bool:
        """Write down that it is so."""
        return self.note(code, "passed", message)

    def failed(self, code: str, message: str, fix: str) -> bool:
        """Write down that it is not, and what helps."""
        return self.note(code, "failed", message, fix)

    def refused(self, code: str, error: OneiricError, fix: str = AGAIN) -> None:
        """Write down that a document was refused, in its own words."""
        fault = error.faults[0]
        self.failed(code, fault.message, fault.fix or fix)

    @property
    def skew(self) -> timedelta:
        """How far clocks may differ; a policy only narrows it."""
        mine = self.policy.skew
        return self.limits.skew if mine is None else min(mine, self.limits.skew)


def count(number: int, one: str, many: str = "") -> str:
    """Return how many there are, in words."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
