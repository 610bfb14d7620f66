"""Drives a system at a stated rate and reports honestly.

A `Scenario` is a class with operations and what must hold; a `Plan` adds load shape, limits,
objectives and seed; `run` gives what was measured and a verdict, `Runs` keeps it. `repeat`
drives plans in turn, `compare_runs` tells two sets of runs apart, `aa` measures what identical
runs differ by.
"""

from ._about import About
from ._asked import plan_for
from ._compare import Compared, compare_runs
from ._course import Course, rates_of
from ._crew import check_workers
from ._export import FORMATS, SUFFIXES, export, format_of
from ._floor import Floor, aa, floor_of
from ._listing import Scenarios, read_typed, scenarios, shown_default
from ._noise import Noise, noise
from ._objective_text import parse_objective
from ._objectives import Judged, Objective
from ._plan import Plan, load_in_words
from ._repeat import Repeated, Turn, repeat
from ._run import Run, run
from ._runs import Kept, Runs
from ._said import load_said
from ._scenario import Described, Scenario, invariant, op
from ._scenarios import BUILT_IN, scenario_named
from ._sets import check_new, labelled, labels, set_named
from ._shapes import closed, constant, poisson, ramp, stages, think
from ._statistics import Comparison, compare
from ._tables import TABLES
from ._worker import run_apart

__all__ = [
    "BUILT_IN",
    "FORMATS",
    "SUFFIXES",
    "TABLES",
    "About",
    "Compared",
    "Comparison",
    "Course",
    "Described",
    "Floor",
    "Judged",
    "Kept",
    "Noise",
    "Objective",
    "Plan",
    "Repeated",
    "Run",
    "Runs",
    "Scenario",
    "Scenarios",
    "Turn",
    "aa",
    "check_new",
    "check_workers",
    "closed",
    "compare",
    "compare_runs",
    "constant",
    "export",
    "floor_of",
    "format_of",
    "invariant",
    "labelled",
    "labels",
    "load_in_words",
    "load_said",
    "noise",
    "op",
    "parse_objective",
    "plan_for",
    "poisson",
    "ramp",
    "rates_of",
    "read_typed",
    "repeat",
    "run",
    "run_apart",
    "scenario_named",
    "scenarios",
    "set_named",
    "shown_default",
    "stages",
    "think",
]
