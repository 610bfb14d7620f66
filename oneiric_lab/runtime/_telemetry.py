"""The rooms of a process, asked for their numbers together."""

from __future__ import annotations

import os
import platform
import sys
import time
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Final

from oneiric_lab.errors import logger

from ._exposition import Metrics, Scrape
from ._metrics import ROOMS

if TYPE_CHECKING:
    from collections.abc import Callable

    Reader = Callable[[Scrape], None]

_TRIES: Final = 5
_STARTED: Final = time.time()


class Telemetry:
    """Asks each room for its numbers when somebody looks; nothing is kept in between.

    A room that cannot be read costs its own metrics only: that is counted and logged.

    Example:
        >>> telemetry = Telemetry()
        >>> telemetry.rooms["registry"] = lambda scrape: scrape.put(
        ...     "oneiric_lab_registry_generation", 7
        ... )
        >>> telemetry.scrape().value("oneiric_lab_registry_generation")
        7

    Attributes:
        rooms: Name of a room to what reads it.
    """

    def __init__(self) -> None:
        self.rooms: dict[str, Reader] = {}
        self._failed: dict[str, int] = {}

    def scrape(self, whose: str = "this process") -> Metrics:
        """Return all numbers as they are now."""
        scrape = Scrape()
        for room, read in list(self.rooms.items()):
            try:
                _tried(read, scrape)
            except Exception:  # noqa: BLE001 - who looks at the others shall see them
                self._failed[room] = self._failed.get(room, 0) + 1
                logger(__name__).exception("the metrics of %s cannot be read", room)
        # Rooms of a program's own are told as well.
        rooms = {*ROOMS, *self.rooms, *self._failed}
        scrape.table("oneiric_lab_scrape_errors_total", self._failed, room=sorted(rooms))
        return Metrics(tuple(scrape.samples()), whose)


def _tried(read: Reader, scrape: Scrape) -> None:
    """Read a room, again where another thread changed a table of it meanwhile."""
    for _ in range(_TRIES - 1):
        with suppress(RuntimeError):  # "dictionary changed size during iteration"
            return read(scrape)
    return read(scrape)


def read_process(scrape: Scrape) -> None:
    """Say what every process says, as far as the system tells."""
    spent = os.times()
    scrape.put("process_cpu_seconds_total", spent.user + spent.system)
    scrape.put("process_start_time_seconds", _STARTED)
    scrape.put("oneiric_lab_build_info", 1, _version(), platform.python_version())
    if sys.platform != "linux":
        return
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - a read of ten bytes, often
        pages = int(file.read().split()[1])
    scrape.put("process_resident_memory_bytes", pages * os.sysconf("SC_PAGE_SIZE"))
    open_ = os.listdir("/proc/self/fd")  # noqa: PTH208 - names are enough, and this runs often
    scrape.put("process_open_fds", len(open_))


@cache
def _version() -> str:
    from importlib import metadata  # noqa: PLC0415 - 20 ms, at the first scrape

    try:
        return metadata.version("oneiric-lab")
    except metadata.PackageNotFoundError:
        return "source"
