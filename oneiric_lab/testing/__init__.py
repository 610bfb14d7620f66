"""Simulators to test with: a jail for files and environment, a clock that stands still,
a workspace built file by file, a house that signs releases, a server that answers what it
was told, one that misbehaves as it was told, and a repository in memory.

They are public: what we test with, users test with. `oneiric_lab.testing.pytest_plugin`
brings the fixtures `lab` and `override` to pytest.
"""

from typing import TYPE_CHECKING

from oneiric_lab._lazy import exporter

from ._clock import FakeClock
from ._jail import Jail
from ._server import Answer, LoopbackServer
from ._workspace import Workspace

if TYPE_CHECKING:
    from ._faults import Drip as Drip
    from ._faults import FaultServer as FaultServer
    from ._house import HouseRelease as HouseRelease
    from ._house import ReleaseHouse as ReleaseHouse
    from ._remote import MemoryRemote as MemoryRemote
else:
    # The plugin is loaded by every run of pytest, and most tests sign nothing.
    __getattr__, __dir__ = exporter(
        __name__,
        {
            "Drip": "._faults",
            "FaultServer": "._faults",
            "HouseRelease": "._house",
            "MemoryRemote": "._remote",
            "ReleaseHouse": "._house",
        },
    )

__all__ = [
    "Answer",
    "Drip",
    "FakeClock",
    "FaultServer",
    "HouseRelease",
    "Jail",
    "LoopbackServer",
    "MemoryRemote",
    "ReleaseHouse",
    "Workspace",
]
