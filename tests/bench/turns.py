"""Several things measured by turns: what else runs on the machine falls on all of them alike."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_benchmark.fixture import BenchmarkFixture


def by_turns(
    benchmark: BenchmarkFixture, rows: Mapping[str, Callable[[], Callable[[], object]]], rounds: int
) -> None:
    """Note the CPU time of each row, as often as there are rounds; the first turn only warms up.

    Args:
        benchmark: Its group is that of all rows.
        rows: Row to what gets ready and returns what is measured.
        rounds: How often each has its turn.
    """
    taken: dict[str, list[float]] = {row: [] for row in rows}
    for turn in range(rounds + 1):
        for row, ready in rows.items():
            used = _cpu(ready())
            if turn:
                taken[row].append(used)
    benchmark.pedantic(lambda: None, rounds=1)
    each = {row: sorted(found) for row, found in taken.items()}
    row = next(iter(each))
    benchmark.extra_info |= {"row": row, "each": each.pop(row), "beside": each}


def _cpu(work: Callable[[], object]) -> float:
    """Return the seconds of *work*; what it returns goes when the time was taken."""
    gc.collect()
    gc.disable()
    try:
        begun = time.process_time()
        kept = work()
        used = time.process_time() - begun
    finally:
        gc.enable()
    del kept
    return used
