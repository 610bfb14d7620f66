"""The machine that a run ran on, and what the generator used of it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

_MODEL = "model name"


@dataclass(frozen=True, slots=True)
class Used:
    """What one worker's process used while it drove.

    Attributes:
        rss_start_bytes: Memory that it held when it began.
        rss_end_bytes: Memory that it held at the end.
        switched_out: How often somebody else was given its processor (involuntary context
            switches): on a machine that is not busy, hardly ever.
        collections: How often the garbage collector ran.
        collected_ns: How long everything stood still for that, in all.
        collected_longest_ns: And for the longest time at once.
    """

    rss_start_bytes: int = 0
    rss_end_bytes: int = 0
    switched_out: int = 0
    collections: int = 0
    collected_ns: int = 0
    collected_longest_ns: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """A reading of what this process has used up to now."""

    rss_bytes: int
    switched_out: int

    def since(self, before: Usage, collections: Collections) -> Used:
        """Return what was used from *before* to this reading."""
        return Used(
            before.rss_bytes,
            self.rss_bytes,
            self.switched_out - before.switched_out,
            collections.many,
            collections.total_ns,
            collections.longest_ns,
        )


def usage() -> Usage:
    """Return what this process has used; zeros where psutil (extra `load`) is missing."""
    try:
        import psutil  # noqa: PLC0415 - of the extra `load`
    except ImportError:
        return Usage(0, 0)
    process = psutil.Process()
    return Usage(process.memory_info().rss, process.num_ctx_switches().involuntary)


class Collections:
    """Keeps the garbage collector from what was set up, and times its pauses.

    What lives since before the run would be looked through again and again, at moments
    that have nothing to do with what is driven.
    """

    def __init__(self) -> None:
        self.many = self.total_ns = self.longest_ns = 0
        self._begun = 0
        self._froze = False

    def __enter__(self) -> Self:
        gc.collect()
        # Somebody who froze objects before would lose that when we let ours go.
        self._froze = not gc.get_freeze_count()
        if self._froze:
            gc.freeze()
        gc.callbacks.append(self._collected)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        gc.callbacks.remove(self._collected)
        if self._froze:
            gc.unfreeze()

    def _collected(self, phase: str, _: dict[str, Any]) -> None:
        now = time.perf_counter_ns()
        if phase == "start":
            self._begun = now
        elif self._begun:
            took = now - self._begun
            self.many += 1
            self.total_ns += took
            self.longest_ns = max(self.longest_ns, took)


def machine() -> dict[str, str]:
    """Return what a figure depends on: processor, cores, load, Python, event loop."""
    found = {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "system": platform.system(),
        "processor": _model() or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "clock_resolution_ns": str(int(time.get_clock_info("perf_counter").resolution * 1e9)),
    }
    if hasattr(os, "getloadavg"):
        found["loadavg_1m"] = f"{os.getloadavg()[0]:.2f}"
    # Outside of a run there is none.
    with contextlib.suppress(RuntimeError):
        found["loop"] = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    return found


def _model(path: str = "/proc/cpuinfo") -> str:
    """Return what the processor calls itself, on Linux."""
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() == _MODEL:
                    return value.strip()
    except OSError:
        pass
    return ""
