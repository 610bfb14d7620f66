"""Simulators to test with: a jail for files and environment, and a clock that stands still.

They are public: what we test with, users test with.
"""

from ._clock import FakeClock
from ._jail import Jail

__all__ = ["FakeClock", "Jail"]
