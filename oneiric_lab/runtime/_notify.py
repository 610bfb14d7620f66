"""Telling systemd how it goes: sd_notify(3), by one datagram each."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING, Final

from oneiric_lab.errors import logger

if TYPE_CHECKING:
    from collections.abc import Mapping

_MICRO: Final = 1_000_000


class Notify:
    """The service manager that started this process; silent where none did.

    Args:
        environ: Read for `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.

    Attributes:
        watchdog: Seconds within which it wants to hear of us; None where it does not.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._failed = False
        self.watchdog: float | None = None
        micro, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
        if micro.isdigit() and int(micro) and pid in {"", str(os.getpid())}:
            self.watchdog = int(micro) / _MICRO

    def ready(self, status: str) -> None:
        """Say that it is up, and after a reload that it is over."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Say that it reloads; `ready` ends that."""
        # On Linux, where systemd is, this is CLOCK_MONOTONIC.
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str) -> None:
        """Say that it goes down."""
        self._send("STOPPING=1", f"STATUS={status}")

    def alive(self) -> None:
        """Say that it is not stuck."""
        self._send("WATCHDOG=1")

    def _send(self, *words: str) -> None:
        if not self._address:
            return
        # An `@` is how an abstract socket is written.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as one:
                one.setblocking(False)  # a manager that does not read must not stop us
                one.sendto("\n".join(word.replace("\n", " ") for word in words).encode(), address)
        except OSError as error:
            if not self._failed:
                self._failed = True
                logger(__name__).warning("the service manager cannot be told: %s", error)
