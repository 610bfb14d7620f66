"""Simulators to test with: a jail for files and environment, a clock that stands still,
a workspace built file by file, a house that signs releases, and a server that answers what
it was told.

They are public: what we test with, users test with. `oneiric_lab.testing.pytest_plugin`
brings the fixtures `lab` and `override` to pytest.
"""

from ._clock import FakeClock
from ._house import HouseRelease, ReleaseHouse
from ._jail import Jail
from ._server import Answer, LoopbackServer
from ._workspace import Workspace

__all__ = [
    "Answer",
    "FakeClock",
    "HouseRelease",
    "Jail",
    "LoopbackServer",
    "ReleaseHouse",
    "Workspace",
]
