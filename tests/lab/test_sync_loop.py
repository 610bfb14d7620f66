"""The loop over sources, on time that is made up."""

from __future__ import annotations

import asyncio
from typing import Any

from oneiric_lab.lab._sync_loop import SyncLoop
from oneiric_lab.lab._synced import SourceSynced


def test_no_sleep_outlives_its_turn() -> None:
    """
    Whatever comes of a source begins the wait anew, and the end of the loop ends it.
    """
    now, asleep = 0.0, 0

    async def sleep(seconds: float) -> None:
        """Let time pass, and be counted."""
        nonlocal now, asleep
        asleep += 1
        try:
            await asyncio.sleep(0.001)
            now += seconds
        finally:
            asleep -= 1

    async def sync(names: frozenset[str], *, fetcher: Any, tell: Any) -> None:
        """Tell of one after the other."""
        for name in sorted(names):
            await asyncio.sleep(0)
            tell(SourceSynced(name, "unchanged"))

    async def main() -> list[int]:
        """Return how many slept behind each report, and behind the end."""
        reports = SyncLoop(
            sync,
            intervals=lambda: {"a": 1.0, "b": 7.0, "c": 300.0},
            every=lambda: 300.0,
            clock=lambda: now,
            sleep=sleep,
            lot=lambda: 0.5,
            fetcher=None,
        ).run()
        seen = []
        for _ in range(20):
            await anext(reports)
            await asyncio.sleep(0)  # what was cancelled ends
            seen.append(asleep)
        await reports.aclose()
        return [*seen, asleep]

    *seen, at_the_end = asyncio.run(main())
    assert max(seen) <= 1
    assert at_the_end == 0
