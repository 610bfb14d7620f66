"""The parts of several workers, as one recorder would have recorded them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneiric_lab.errors import UsageError

from ._parts import Pause
from ._recorded import Recorded, raw_sum
from ._tally import OpTally

if TYPE_CHECKING:
    from collections.abc import Iterable


def merge(parts: Iterable[Recorded]) -> Recorded:
    """Return what one recorder would have recorded that saw all; exact.

    The seconds of every part count from that part's own start. Errors are told apart
    exactly as long as no part alone saw more than `KINDS` kinds; their number is always exact.

    Raises:
        UsageError: There is no part, or the parts differ in `raw_limit`.
    """
    held = list(parts)
    if not held or len({part.raw_limit for part in held}) > 1:
        limits = ", ".join(str(part.raw_limit) for part in held)
        raise UsageError(
            f"parts with one raw_limit are needed, found {limits or 'no part'}",
            fix="give each worker the same raw_limit",
        )
    ops: dict[str, OpTally] = {}
    # The part that went on for the longest has the longest stretches, as one recorder would.
    step = max(part.step for part in held)
    for part in held:
        for name, op in part.ops.items():
            if name not in ops:
                ops[name] = OpTally(name)
                ops[name].widen(step)
            ops[name].absorb(op)
    for merged in ops.values():
        merged.bound()
    names = tuple(sorted(ops))
    limit = held[0].raw_limit
    raws = [part.raw for part in held if part.raw is not None]
    complete = len(raws) == len(held) and sum(map(len, raws)) <= limit
    return Recorded(
        {name: ops[name].freeze() for name in names},
        raw_sum(names, raws) if complete else None,
        complete,
        limit,
        held[0].t0_ns,
        _union(pause for part in held for pause in part.pauses),
        step,
    )


def _union(pauses: Iterable[Pause]) -> tuple[Pause, ...]:
    """Return pauses of several workers as one line of time."""
    out: list[Pause] = []
    for pause in sorted(pauses, key=lambda p: (p.begin, p.end)):
        if out and pause.begin <= out[-1].end:
            out[-1] = Pause(out[-1].begin, max(out[-1].end, pause.end))
        else:
            out.append(pause)
    return tuple(out)
