"""From a save to what it says in force, beside the notices of the system alone.

The clock of the wall is meant here: what is measured is a wait. All rounds are interleaved
with those of the peers by running them in one process, one after the other.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from oneiric_lab.files import write_atomic
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 30


class Size(BaseModel):
    """Settings of what is swapped."""

    size: int = 0


class Shelf:
    """What is swapped."""

    def __init__(self, settings: Size) -> None:
        self.size = settings.size

    def health(self) -> bool:
        """Say yes."""
        return True

    def close(self) -> None:
        """End."""


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """A workspace with one component's settings."""
    with Workspace() as made:
        yield made.project(text(0))


def text(size: int) -> str:
    """Return the project file."""
    return f"[plugins]\nauto_load = false\n[adapters.settings.shelf]\nsize = {size}\n"


def measured(benchmark: BenchmarkFixture, setup: Any, once: Callable[[], Any]) -> None:
    """Measure *once* on a loop in which *setup* holds."""
    with asyncio.Runner() as runner:
        held = runner.run(setup.__aenter__())
        try:
            time.sleep(0.3)
            runner.run(asyncio.sleep(0.3))
            benchmark.pedantic(lambda: runner.run(once()), rounds=ROUNDS, warmup_rounds=2)
        finally:
            runner.run(setup.__aexit__(None, None, None))
        del held


class Watched:
    """A lab that runs its shelf and follows its files."""

    def __init__(self, workspace: Workspace) -> None:
        self.lab = workspace.open()
        self.lab.component("adapter:shelf", provider="wood", settings_model=Size)(Shelf)

    async def __aenter__(self) -> None:
        await self.lab.lifecycle.activate("adapter", "shelf")
        self.watch = self.lab.watch()
        await self.watch.__aenter__()

    async def __aexit__(self, *_: object) -> None:
        await self.watch.aclose()
        await self.lab.lifecycle.aclose()


class Noticed:
    """The notices of one folder."""

    def __init__(self, workspace: Workspace, **options: Any) -> None:
        import watchfiles

        self.notices = watchfiles.awatch(workspace.path, recursive=False, **options)

    async def __aenter__(self) -> None:
        self.first = asyncio.ensure_future(anext(self.notices))

    async def __aexit__(self, *_: object) -> None:
        self.first.cancel()


@pytest.mark.benchmark(group="watch", timer=time.perf_counter)
def test_save_to_swap(benchmark: BenchmarkFixture, workspace: Workspace) -> None:
    """
    An atomic save, read, validated, built, asked for health and in force.
    """
    benchmark.extra_info["row"] = "from a save to the swap in force"
    held, number = Watched(workspace), iter(range(1, 1000))
    handle = held.lab.lifecycle.handle("adapter", "shelf")

    async def work() -> None:
        size = next(number)
        write_atomic(workspace.path / "oneiric.toml", text(size).encode())
        while handle.current.size != size:  # noqa: ASYNC110 - nothing tells in time
            await asyncio.sleep(0.0005)

    measured(benchmark, held, work)


@pytest.mark.benchmark(group="watch", timer=time.perf_counter)
@pytest.mark.parametrize("options", [{}, {"debounce": 50, "step": 10}], ids=["default", "fast"])
def test_notices(
    benchmark: BenchmarkFixture, workspace: Workspace, options: dict[str, Any]
) -> None:
    """
    The same save, until watchfiles tells of it.
    """
    benchmark.extra_info["row"] = (
        "watchfiles, a step of 10 ms" if options else "watchfiles as it comes"
    )
    held, number = Noticed(workspace, **options), iter(range(1, 1000))

    async def work() -> None:
        write_atomic(workspace.path / "oneiric.toml", text(next(number)).encode())
        await held.first
        held.first = asyncio.ensure_future(anext(held.notices))

    measured(benchmark, held, work)
