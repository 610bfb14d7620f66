"""How a system is, in one answer that probes, people and programs share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from oneiric_lab.views import Cell, Result, Table, View

if TYPE_CHECKING:
    from oneiric_lab.views import Tone

Standing = Literal["good", "degraded", "bad"]

_TONES: dict[Standing, Tone] = {"good": "ok", "degraded": "warn", "bad": "bad"}


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One question about a system, and its answer.

    Attributes:
        name: What was asked after.
        standing: `good`; `degraded` where it goes on all the same; `bad`.
        says: The answer in one line.
        fix: What to do, where it is not good.
        gates: Whether work may only come while it is not bad.
    """

    name: str
    standing: Standing
    says: str
    fix: str = ""
    gates: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "name": self.name,
            "standing": self.standing,
            "says": self.says,
            "fix": self.fix or None,
            "gates": self.gates,
        }


@dataclass(frozen=True, slots=True, repr=False)
class Health(Result):
    """How a system is at one moment.

    Attributes:
        checks: What was asked.
        whose: Of whom, as people are told.
    """

    checks: tuple[HealthCheck, ...]
    whose: str = "this process"

    @property
    def standing(self) -> Standing:
        """The worst of all answers."""
        found = {check.standing for check in self.checks}
        return "bad" if "bad" in found else "degraded" if "degraded" in found else "good"

    @property
    def ok(self) -> bool:
        """Whether nothing is bad."""
        return self.standing != "bad"

    @property
    def ready(self) -> bool:
        """Whether work may come."""
        return not any(check.gates and check.standing == "bad" for check in self.checks)

    @property
    def exit_code(self) -> int:
        """1 where something is bad."""
        return 0 if self.ok else 1

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "ok": self.ok,
            "ready": self.ready,
            "standing": self.standing,
            "whose": self.whose,
            "checks": [check.as_dict() for check in self.checks],
        }

    def view(self) -> View:
        """Return one row for each answer."""
        rows = tuple(
            (check.name, Cell(check.standing, _TONES[check.standing]), check.says, check.fix)
            for check in self.checks
        )
        facts = () if self.ready else ("not ready",)
        return View(
            "health",
            f"health of {self.whose}: {self.standing}",
            (Table(("what", "is", "says", "to mend it"), rows),),
            facts=facts,
            tone=_TONES[self.standing],
        )
