"""The machine that a run ran on, and what the generator used of it."""

from __future__ import annotations

import asyncio
import gc
import mmap
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.loadlab import Plan, Scenario, closed, op, run
from oneiric_lab.loadlab._machine import Collections, _model, machine, usage

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random


class Wasteful(Scenario):
    """Leaves rings behind, which only the garbage collector finds."""

    @op()
    async def waste(self, rng: Random) -> None:
        """Leave a few."""
        for _ in range(100):
            ring: list[object] = []
            ring.append(ring)
        await asyncio.sleep(0)


class TestCollections:
    def test_pauses_are_timed(self) -> None:
        """
        Each collection is counted with what it took; none before and none afterwards.
        """
        with Collections() as seen:
            assert seen.many == 0
            gc.collect()
            gc.collect()
        gc.collect()
        assert seen.many >= 2
        assert 0 < seen.longest_ns <= seen.total_ns

    def test_what_was_there_is_left_alone(self) -> None:
        """
        It is frozen for the time of the run, and thawed also where that ends badly.
        """
        assert gc.get_freeze_count() == 0

        def badly() -> None:
            with Collections():
                assert gc.get_freeze_count() > 0
                raise ValueError("ended badly")

        with pytest.raises(ValueError, match="badly"):
            badly()
        assert gc.get_freeze_count() == 0

    def test_what_others_froze_stays_frozen(self) -> None:
        """
        Who froze objects before has not lost that.
        """
        gc.freeze()
        try:
            with Collections():
                pass
            assert gc.get_freeze_count() > 0
        finally:
            gc.unfreeze()


class TestUsage:
    def test_since(self) -> None:
        """
        What was used between two readings.
        """
        before = usage()
        # Mapped anew: what the allocator has at hand would be no growth.
        kept = mmap.mmap(-1, 30_000_000)
        for page in range(0, len(kept), mmap.PAGESIZE):
            kept[page] = 1
        used = usage().since(before, Collections())
        assert used.rss_end_bytes - used.rss_start_bytes > 20_000_000
        assert used.switched_out >= 0

    def test_a_run_tells_of_each_worker(self) -> None:
        """
        Its share of a processor, memory, and the pauses of the garbage collector.
        """
        found = asyncio.run(run(Plan(Wasteful, load=closed(1, duration=0.3))))
        shape: dict[str, Any] = found.as_dict()
        (worker,) = shape["workers"]
        assert worker["gc_pauses"] > 0
        assert 0 < worker["gc_longest_ns"] <= worker["gc_ns"]
        assert worker["rss_end_bytes"] > 1_000_000
        assert 0 < worker["cpu_share"] < 1.5
        assert found.machine["loop"] == "asyncio"


class TestMachine:
    def test_outside_of_a_run(self) -> None:
        """
        There is no loop to tell of.
        """
        found = machine()
        assert "loop" not in found
        assert found["processor"]
        assert int(found["cores"]) >= 1

    @pytest.mark.parametrize(
        ("text", "model"),
        [
            ("processor : 0\nmodel name\t: Fast One @ 2 GHz\n", "Fast One @ 2 GHz"),
            ("processor : 0\n", ""),
            ("\x00\xff", ""),
        ],
    )
    def test_the_processor(self, tmp_path: Path, text: str, model: str) -> None:
        """
        By the name that it gives itself, where there is one.
        """
        path = tmp_path / "cpuinfo"
        path.write_bytes(text.encode("latin-1"))
        assert _model(str(path)) == model
        assert _model(str(tmp_path / "missing")) == ""
