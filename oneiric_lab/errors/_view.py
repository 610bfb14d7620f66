"""How a report of faults looks in a display."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneiric_lab.views import Block, Code, Note, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._fault import Fault


def faults_view(faults: Sequence[Fault]) -> View:
    """Return one card: for each fault its message, place, excerpt, reasons and fix."""
    blocks: list[Block] = []
    for fault in faults:
        tone = {"error": "bad", "warning": "warn", "note": "info"}[fault.severity]
        head, *rest = fault.lines()
        blocks.append(Note(head, tone=tone))  # type: ignore[arg-type]  # the table above holds tones
        if rest:
            blocks.append(Code("\n".join(rest), language="text"))
    errors = sum(fault.severity == "error" for fault in faults)
    noun = "fault" if len(faults) == 1 else "faults"
    return View(
        kind="faults",
        title=f"{len(faults)} {noun}",
        blocks=tuple(blocks),
        summary=faults[0].message if faults else "no faults",
        tone="bad" if errors else "warn",
    )
