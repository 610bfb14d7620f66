"""Components that run: activated, probed, swapped, leased and drained.

One incarnation of a component is in force at a time. A swap builds and probes the next one,
moves one pointer, and closes the old one when its last lease ends.
"""

from ._build import Given
from ._group import in_order
from ._handle import LeaseHandle
from ._incarnation import Incarnation, State
from ._lifecycle import Lifecycle
from ._limits import Limits
from ._nursery import Nursery, nursery
from ._reports import Outcome, Status, SwapReport
from ._tally import Buckets, Tally

__all__ = [
    "Buckets",
    "Given",
    "Incarnation",
    "LeaseHandle",
    "Lifecycle",
    "Limits",
    "Nursery",
    "Outcome",
    "State",
    "Status",
    "SwapReport",
    "Tally",
    "in_order",
    "nursery",
]
