"""Tasks that end with their block."""

from __future__ import annotations

import asyncio

import pytest

from oneiric_lab.lifecycle import nursery


def test_at_most_so_many_at_a_time() -> None:
    """
    Those beyond the limit wait, and all have ended when the block has.
    """
    now, most, done = 0, 0, 0

    async def work(steps: int) -> None:
        nonlocal now, most, done
        now += 1
        most = max(most, now)
        for _ in range(steps):
            await asyncio.sleep(0)
        now -= 1
        done += 1

    async def main() -> None:
        async with nursery(limit=3) as tasks:
            for n in range(10):
                tasks.start(work, n, name=f"n{n}")
            assert tasks.running[:2] == ("n0", "n1")
        assert tasks.running == ()

    asyncio.run(main())
    assert (most, done) == (3, 10)


@pytest.mark.parametrize("how", ["raises", "times out", "cancelled", "body raises"])
def test_no_orphan_after_any_end(how: str) -> None:
    """
    Whatever ends the block, every task has ended before it does.
    """
    ended: list[str] = []

    async def sleeps() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("sleeps")

    async def raises() -> None:
        raise OSError(how)

    async def block() -> None:
        async with nursery(timeout=0.02 if how == "times out" else 0) as tasks:
            tasks.start(sleeps)
            await asyncio.sleep(0)
            if how == "raises":
                tasks.start(raises)
            if how == "body raises":
                raise OSError(how)
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.ensure_future(block())
        await asyncio.sleep(0.001)
        if how == "cancelled":
            task.cancel()
        expected = {"times out": TimeoutError, "cancelled": asyncio.CancelledError}
        with pytest.raises(expected.get(how, ExceptionGroup)):
            await task
        assert ended == ["sleeps"]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
