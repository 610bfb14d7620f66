"""The facade `Lab`: one workspace, its parts put together."""

from ._allow import allow, is_allowed
from ._lab import Lab, code_modules
from ._plan import Applied, Plan
from ._results import Check, History, Status, ValueDiff
from ._sample import copy_sample, sample_source, tutorials

__all__ = [
    "Applied",
    "Check",
    "History",
    "Lab",
    "Plan",
    "Status",
    "ValueDiff",
    "allow",
    "code_modules",
    "copy_sample",
    "is_allowed",
    "sample_source",
    "tutorials",
]
