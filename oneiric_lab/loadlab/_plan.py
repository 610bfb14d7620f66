"""What is asked of a run: the scenario, the load, the limits and the objectives."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from oneiric_lab.errors import Fault, UsageError

from ._objective_text import parse_objective
from ._objectives import Objective
from ._scenario import Described, Operation, Scenario
from ._schedule import expected
from ._shapes import (
    Closed,
    Constant,
    Poisson,
    Ramp,
    Stages,
    closed,
    shape_of,
)
from ._units import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._shapes import Shape


_LEAST: Final[Mapping[str, int]] = {"max_in_flight": 1, "seed": 0, "raw_limit": 0}


@dataclass(frozen=True)
class Plan:
    """One run, in full: the same plan and seed offer the same load.

    Attributes:
        scenario: The class that is driven; of a saved run what the run tells of it.
        params: Its parameters.
        load: A shape; `closed(1)` by default.
        duration: Seconds of a closed load that names none, and of operations with a rate of
            their own.
        warmup: Seconds at the start that are kept apart, or `auto`: where the medians of
            200 ms become steady, within the first fifth of the run (MSER-5). In a run of less
            than 10 s that cannot be told, and nothing is kept apart.
        max_in_flight: Most operations of an open load at a time; what is due beyond waits,
            and its lag is measured.
        timeout: Seconds after which an operation is cancelled; 0 is never.
        grace: Seconds that operations may take to end after the last one was due.
        seed: Of everything that is drawn.
        raw_limit: Up to how many operations to keep a row each.
        objectives: Such as `read.response.p99 < 20ms`.
    """

    scenario: type[Scenario] | Described
    params: Mapping[str, Any] = field(default_factory=dict)
    load: Shape = field(default_factory=lambda: closed(1))
    duration: float = 10.0
    warmup: float | Literal["auto"] = "auto"
    max_in_flight: int = 1000
    timeout: float = 0.0
    grace: float = 5.0
    seed: int = 0
    raw_limit: int = 0
    objectives: tuple[str | Objective, ...] = ()

    def __post_init__(self) -> None:
        """Check everything before anything is driven.

        Raises:
            UsageError: The scenario is none, a number is no time, or an objective asks for
                an operation that the scenario does not have.
        """
        given: object = self.scenario
        is_described = isinstance(given, Described)
        if not (is_described or (isinstance(given, type) and issubclass(given, Scenario))):
            raise UsageError(
                Fault("usage", f"{self.scenario!r} is no scenario", fix="derive it from Scenario")
            )
        times = ["duration", "timeout", "grace"] + ["warmup"] * (self.warmup != "auto")
        for name in times:
            object.__setattr__(self, name, seconds(getattr(self, name), name))
        for name, least in _LEAST.items():
            number = getattr(self, name)
            if not isinstance(number, int) or isinstance(number, bool) or number < least:
                raise UsageError(
                    Fault(
                        "usage",
                        f"{name}: expected a whole number from {least}, found {number!r}",
                        fix=f"{name}={max(least, 1000)}",
                    )
                )
        if not is_described:
            self.make()
        names = [o.name for o in self.scenario.operations()]
        # One that was made by hand is checked as if it were written.
        parsed = tuple(parse_objective(str(objective)) for objective in self.objectives)
        for objective in parsed:
            objective.check(names)
        object.__setattr__(self, "objectives", parsed)
        if self.given_warmup >= self.length:
            raise UsageError(
                Fault(
                    "usage",
                    f"the warm-up of {self.given_warmup:g} s is as long as the run",
                    fix="a shorter warm-up, or a longer load",
                )
            )

    @property
    def name(self) -> str:
        """What people call the scenario: the name of its class."""
        return self.reference.rpartition(":")[2].rpartition(".")[2]

    @property
    def reference(self) -> str:
        """Module and name of the scenario's class, with a colon in between."""
        if isinstance(self.scenario, Described):
            return self.scenario.reference
        return f"{self.scenario.__module__}:{self.scenario.__qualname__}"

    def make(self) -> Scenario:
        """Return a scenario with the parameters, to be driven.

        Raises:
            UsageError: A parameter is unknown, or the plan is that of a saved run, which
                brings no code.
        """
        if isinstance(self.scenario, Described):
            raise UsageError(
                Fault(
                    "no-scenario",
                    f"the plan of a saved run does not bring its scenario {self.reference}",
                    fix="give it the class: plan.but(scenario=Mine)",
                )
            )
        return self.scenario(**self.params)

    @property
    def length(self) -> float:
        """Seconds during which operations begin."""
        if isinstance(self.load, Closed):
            return self.duration if self.load.duration is None else self.load.duration
        return float(self.load.duration)

    @property
    def given_warmup(self) -> float:
        """Seconds of the warm-up that is known before the run; 0 where it is to be found."""
        return 0.0 if self.warmup == "auto" else self.warmup

    @property
    def offered(self) -> float | None:
        """How many operations the shape offers; None where users offer as many as they can."""
        return None if isinstance(self.load, Closed) else expected(self.load)

    @property
    def windows(self) -> tuple[float, ...]:
        """Seconds of the windows that objectives ask for."""
        found = [o.window for o in self.objectives if isinstance(o, Objective)]
        return tuple(sorted({window for window in found if window is not None}))

    def but(self, **changes: Any) -> Plan:
        """Return the plan with changes; names that are no field are parameters."""
        own = {f.name for f in fields(self)}
        params = {k: v for k, v in changes.items() if k not in own}
        rest = {k: v for k, v in changes.items() if k in own}
        params = {**self.params, **rest.pop("params", {}), **params}
        return replace(self, params=params, **rest)

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "scenario": self.reference,
            "operations": [
                {"name": o.name, "weight": o.weight, "rate": o.rate}
                for o in self.scenario.operations()
            ],
            "invariants": list(self.scenario.invariants()),
            "params": dict(self.params),
            "defaults": dict(self.scenario.defaults),
            "load": self.load.as_dict(),
            "duration": self.duration,
            "warmup": self.warmup,
            "max_in_flight": self.max_in_flight,
            "timeout": self.timeout,
            "grace": self.grace,
            "seed": self.seed,
            "raw_limit": self.raw_limit,
            "objectives": [str(objective) for objective in self.objectives],
        }


def load_in_words(plan: Plan) -> str:
    """Return what drives the plan, as a person would say it."""
    words = _words(plan.load)
    return f"{words} for {plan.length:g} s"


def _words(load: Shape) -> str:
    match load:
        case Closed():
            thinks = f", thinking {load.think.mean:g} s" if load.think.mean else ""
            return f"{load.users:,} user{'s' * (load.users != 1)}{thinks}"
        case Constant():
            return f"{load.rate:,g}/s"
        case Poisson():
            return f"{load.rate:,g}/s at random"
        case Ramp():
            return f"{load.start:,g}/s to {load.to:,g}/s"
        case Stages():
            return ", ".join(map(_words, load.pieces))
    return f"worker {load.worker + 1} of {load.of}: {_words(load.whole)}"


def plan_of(data: Mapping[str, Any]) -> Plan:
    """Return the plan that `as_dict()` gave, checked as if it were written anew.

    Nothing is imported: its scenario is a description.

    Raises:
        UsageError: A part is missing or cannot be.
    """
    try:
        own = {f.name: data[f.name] for f in fields(Plan) if f.name in data}
        operations = tuple(
            Operation(str(o["name"]), str(o["name"]), float(o["weight"]), o["rate"])
            for o in data["operations"]
        )
        checks = tuple(str(name) for name in data["invariants"])
        own |= {
            "scenario": Described(
                str(data["scenario"]), operations, checks, dict(data["defaults"])
            ),
            "params": dict(data["params"]),
            "load": shape_of(data["load"]),
            "objectives": tuple(str(text) for text in data["objectives"]),
        }
        return Plan(**own)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            Fault(
                "bad-plan",
                f"a plan cannot be read: {type(error).__name__}: {error}",
                fix="write what as_dict() of the plan gives",
            )
        ) from error
