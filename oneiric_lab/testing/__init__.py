"""Simulators to test with: a jail for files and environment, a clock that stands still,
and a workspace built file by file.

They are public: what we test with, users test with. `oneiric_lab.testing.pytest_plugin`
brings the fixtures `lab` and `override` to pytest.
"""

from ._clock import FakeClock
from ._jail import Jail
from ._workspace import Workspace

__all__ = ["FakeClock", "Jail", "Workspace"]
