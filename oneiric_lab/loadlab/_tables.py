"""A run as tables: columns of equal length, for frames, CSV and Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.errors import Fault, UsageError, did_you_mean

from ._extra import need_numpy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._recorded import Recorded

TABLES: Final = ("operations", "series", "errors", "raw")
"""One row for each operation and phase; operation and second; error and operation; and, where
the plan kept them, each single operation."""


def table(recorded: Recorded, name: str) -> dict[str, Sequence[Any]]:
    """Return one of `TABLES` as columns; times in nanoseconds, as their names say.

    Raises:
        UsageError: There is no such table, or the run kept no raw rows.
    """
    need_numpy()
    if name == "operations":
        return _turned(recorded.rows().ops)
    if name == "series":
        return _turned(recorded.rows().series)
    if name == "errors":
        return _turned(
            [
                {"op": op.name, "phase": phase, "error": kind, "count": count}
                | {"first_at_ns": first and first.at_ns, "first_text": first and first.text}
                for op in recorded.ops.values()
                for phase, part in op.phases.items()
                for kind, count in part.errors.items()
                for first in [op.examples.get(kind)]
                for first in [op.examples.get(kind)]
            ]
        )
    if name != "raw":
        fix = did_you_mean(name, TABLES)
        raise UsageError(Fault("unknown-table", f"a run has no table {name!r}", fix=fix))
    return _raw(recorded)


def _raw(recorded: Recorded) -> dict[str, Sequence[Any]]:
    import numpy as np  # noqa: PLC0415 - of the extra `load`

    from ._parts import PHASES, STATUSES  # noqa: PLC0415 - brings numpy

    if recorded.raw is None:
        ended = sum(op.whole.ended for op in recorded.ops.values())
        raise UsageError(
            Fault(
                "no-rows",
                f"the run kept no row for each of its {ended:,} operations",
                why=f"its plan has raw_limit={recorded.raw_limit}",
                fix=f"run it again with raw_limit={max(2 * ended, 1000)}",
            )
        )
    words: Mapping[str, Sequence[str]] = {
        "op": recorded.raw.names,
        "phase": PHASES,
        "status": STATUSES,
    }
    columns: dict[str, Any] = {
        name: np.asarray(words[name])[column] if name in words else column
        for name, column in recorded.raw.columns.items()
    }
    return columns


def _turned(rows: list[dict[str, Any]]) -> dict[str, Sequence[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [_whole(row.get(name)) for row in rows] for name in names}


def _whole(value: Any) -> Any:
    # Half a surrogate pair, as an error may say it, has no place in a file of text.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
