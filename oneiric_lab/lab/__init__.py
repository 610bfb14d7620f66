"""The facade `Lab`: one workspace, its parts put together."""

from ._allow import allow, is_allowed
from ._code import code_modules
from ._following import Reloaded, followed
from ._lab import Lab
from ._locking import LOCK, Frozen
from ._plan import Applied, Plan
from ._quarantine import Probed
from ._results import Check, History, Status, ValueDiff
from ._sample import copy_sample, sample_source, tutorials
from ._scenarios import find_scenario
from ._standing import Deed, Deeds, Standing, Wished

__all__ = [
    "LOCK",
    "Applied",
    "Check",
    "Deed",
    "Deeds",
    "Frozen",
    "History",
    "Lab",
    "Plan",
    "Probed",
    "Reloaded",
    "Standing",
    "Status",
    "ValueDiff",
    "Wished",
    "allow",
    "code_modules",
    "copy_sample",
    "find_scenario",
    "followed",
    "is_allowed",
    "sample_source",
    "tutorials",
]
