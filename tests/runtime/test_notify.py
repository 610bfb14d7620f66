"""What a service manager is told."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.runtime import Host, Notify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Manager:
    """A service manager that keeps what it hears."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address[0] == "@" else address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        """Return the datagrams that came."""
        out = []
        while True:
            try:
                out.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return out

    def close(self) -> None:
        """Go."""
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """A service manager at a path, or at an abstract address."""
    address = str(tmp_path / "notify")
    found = Manager(address if request.param == "path" else f"@oneiric-{os.getpid()}")
    yield found
    found.close()


class TestNotify:
    def test_a_host_tells_each_step(self, manager: Manager) -> None:
        """
        Ready, reloading with its time, ready again, alive, stopping.
        """
        environ = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "40000"}

        async def main() -> None:
            async def reload() -> None:
                await asyncio.sleep(0.05)
                host.stop()

            host = Host([], reload, notify=Notify(environ))
            await host.serve(host.ask_reload)

        asyncio.run(main())
        heard = manager.heard()
        steps = [text for text in heard if text != "WATCHDOG=1"]

        assert len(heard) - len(steps) >= 2
        assert steps[0] == "READY=1\nSTATUS=ready"
        assert steps[1].startswith("RELOADING=1\nMONOTONIC_USEC=")
        assert steps[-1] == "STOPPING=1\nSTATUS=draining, told by stop"

    def test_where_there_is_none_nothing_is_sent(self) -> None:
        """
        Without the variable it costs nothing, and wants no watchdog.
        """
        notify = Notify({})
        notify.ready("ready")

        assert notify.watchdog is None

    @pytest.mark.parametrize(
        "environ",
        [
            {"WATCHDOG_USEC": "soon"},
            {"WATCHDOG_USEC": "0"},
            {"WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"},
        ],
    )
    def test_a_watchdog_of_others_is_none_of_ours(self, environ: dict[str, str]) -> None:
        """
        Of another process, or of no time.
        """
        assert Notify(environ).watchdog is None

    def test_one_that_went_away_is_told_once(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """
        A host does not end for that.
        """
        notify = Notify({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
        for _ in range(3):
            notify.alive()

        assert caplog.text.count("cannot be told") == 1
