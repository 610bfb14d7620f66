"""A recorded run as rows of tables: one for each operation and phase, one for each second."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._parts import QUANTILES, SECOND, STATUSES, OpResult, Pause, Phase, PhaseResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ._histogram import Histogram


class Rows(NamedTuple):
    """Rows for frames: `ops`, one for each operation and phase, and `series`, one a second."""

    ops: list[dict[str, object]]
    series: list[dict[str, object]]


def _shown(held: Histogram, q: float) -> int | None:
    return held.quantile(q) if held.enough_for(q) else None


def op_row(name: str, phase: Phase, part: PhaseResult) -> dict[str, object]:
    row: dict[str, object] = {"op": name, "phase": phase, "ended": part.ended}
    row |= {status: part.statuses.get(status, 0) for status in STATUSES}
    for metric, held in (
        ("lag", part.lag),
        ("service", part.service),
        ("response", part.response),
    ):
        row |= {f"{metric}_{label}_ns": _shown(held, q) for label, q in QUANTILES.items()}
        row |= {f"{metric}_max_ns": held.max, f"{metric}_mean_ns": held.mean}
    row["clamped"] = part.lag.clamped + part.service.clamped + part.response.clamped
    return row


def series_rows(op: OpResult, pauses: Sequence[Pause], step: int) -> Iterator[dict[str, object]]:
    in_flight = 0
    for at, second in op.seconds.items():
        counts = {status: second.statuses.get(status, 0) for status in STATUSES}
        # A dropped one never was in flight.
        in_flight += second.started - sum(counts.values()) + counts["dropped"]
        response = op.response_in(at, at + step)
        row: dict[str, object] = {
            "t_s": at,
            "length_s": step,
            "op": op.name,
            "offered": second.offered,
            "started": second.started,
            "completed": counts["ok"],
            "errors": counts["error"] + counts["timeout"],
            "cancelled": counts["cancelled"],
            "dropped": counts["dropped"],
            "in_flight": in_flight,
            "paused_ms": _paused_ms(pauses, at * SECOND, (at + step) * SECOND),
        }
        row |= {f"response_{label}_ns": _shown(response, q) for label, q in QUANTILES.items()}
        row["response_max_ns"] = response.max
        row["service_p50_ns"] = _shown(second.service.histogram(), 0.5)
        row["lag_p99_ns"] = _shown(second.lag.histogram(), 0.99)
        yield row


def _paused_ms(pauses: Sequence[Pause], begin: int, end: int) -> int:
    return sum(max(0, min(p.end, end) - max(p.begin, begin)) for p in pauses) // 1_000_000
