"""Long work outside the caller's thread: seen while it runs, awaited, cancelled.

An `Owner` has one event loop in one thread, started by its first job. A `Job` is what the
caller holds: an answer that is not there yet. `run_inline` runs the same work where the
caller stands, as a shell wants it.
"""

from ._job import Context, Job, Progress, State
from ._owner import Owner, run_inline
from ._threads import in_thread

__all__ = ["Context", "Job", "Owner", "Progress", "State", "in_thread", "run_inline"]
