"""Candidates: which one wins, and why the others did not.

The order of precedence, the greater the better: selected, preferred capabilities matched,
priority, stack level, source rank (manual 3, package 2, plugin 1, manifest 0), version;
then provider and source name, ascending. Order of registration never counts.
"""

from ._candidate import (
    DOMAINS,
    LEVELS,
    NOTHING,
    PRIORITIES,
    TABLES,
    Candidate,
    Refusal,
    is_name,
    is_target,
    parse_version,
    requirement,
    specifier,
)
from ._component import candidate_of, collect, component, declared
from ._counts import Counts, states
from ._descriptor import NAME, Descriptor, read_descriptor
from ._explain import Explanation, Ranked, Rejected, WhyNot
from ._factory import RUNS, load_factory, load_named, may_run, refuse_factory
from ._generation import Generation
from ._listing import GenerationDiff, Listing
from ._registry import Handle, Registry
from ._rules import Choice, Rules, inferred_priorities
from ._sparse import Rest, Sparse

__all__ = [
    "DOMAINS",
    "LEVELS",
    "NAME",
    "NOTHING",
    "PRIORITIES",
    "RUNS",
    "TABLES",
    "Candidate",
    "Choice",
    "Counts",
    "Descriptor",
    "Explanation",
    "Generation",
    "GenerationDiff",
    "Handle",
    "Listing",
    "Ranked",
    "Refusal",
    "Registry",
    "Rejected",
    "Rest",
    "Rules",
    "Sparse",
    "WhyNot",
    "candidate_of",
    "collect",
    "component",
    "declared",
    "inferred_priorities",
    "is_name",
    "is_target",
    "load_factory",
    "load_named",
    "may_run",
    "parse_version",
    "read_descriptor",
    "refuse_factory",
    "requirement",
    "specifier",
    "states",
]
