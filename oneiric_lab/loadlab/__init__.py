"""Drives a system at a stated rate and reports honestly.

A `Scenario` is a class with operations and what must hold; a `Plan` adds load shape, limits,
objectives and seed; `run` gives what was measured and a verdict; `compare` tells runs apart.
"""

from ._course import Course
from ._objectives import Judged, Objective, parse_objective
from ._plan import Plan
from ._run import Run, run
from ._scenario import Scenario, invariant, op
from ._scenarios import BUILT_IN, scenario_named
from ._shapes import closed, constant, poisson, ramp, stages, think
from ._statistics import Comparison, Noise, compare, noise
from ._worker import run_apart

__all__ = [
    "BUILT_IN",
    "Comparison",
    "Course",
    "Judged",
    "Noise",
    "Objective",
    "Plan",
    "Run",
    "Scenario",
    "closed",
    "compare",
    "constant",
    "invariant",
    "noise",
    "op",
    "parse_objective",
    "poisson",
    "ramp",
    "run",
    "run_apart",
    "scenario_named",
    "stages",
    "think",
]
