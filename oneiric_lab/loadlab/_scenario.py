"""What is driven: a class with operations, rates of their own, and what must always hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from oneiric_lab.errors import Fault, UsageError, did_you_mean

from ._units import per_second

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Mapping

C = TypeVar("C", bound="Callable[..., Any]")
_MARK = "__oneiric_load__"


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of call.

    Attributes:
        name: How results call it.
        method: The method's name.
        weight: How often it is chosen among those without a rate of their own.
        rate: A schedule of its own, per second; None where the plan's shape drives it.
    """

    name: str
    method: str
    weight: float = 1.0
    rate: float | str | None = None


def op(
    *, weight: float = 1.0, rate: float | str | None = None, name: str | None = None
) -> Callable[[C], C]:
    """Make an async method an operation.

    Args:
        weight: How often it is chosen among the others; 0 never.
        rate: Calls a second of a schedule of its own; a text that is no rate names the
            parameter that holds it.
        name: How results call it; by default the method's name.

    Raises:
        UsageError: The weight is no number above or equal 0.
    """
    if not 0 <= weight < float("inf"):
        raise UsageError(Fault("usage", f"weight {weight!r} is no weight", fix="@op(weight=1)"))

    def mark(function: C) -> C:
        found = Operation(name or function.__name__, function.__name__, float(weight), rate)
        setattr(function, _MARK, found)
        return function

    return mark


def invariant(function: C) -> C:
    """Make a method something that must hold after the run.

    It returns True, or what is wrong: False or a text. It is asked after `teardown`.
    """
    setattr(function, _MARK, "invariant")
    return function


class Scenario:
    """What a load test drives.

    A subclass has methods marked by `@op` and `@invariant`, and `defaults` for its
    parameters, which it reads as `self.p.NAME`. One object serves one worker process.

    Example:
        >>> class Sleepy(Scenario):
        ...     defaults = {"time": 0.001}
        ...     @op()
        ...     async def nap(self, rng):
        ...         await asyncio.sleep(self.p.time)
        >>> Sleepy(time=0.002).p.time
        0.002
    """

    defaults: ClassVar[Mapping[str, Any]] = {}
    summary: ClassVar[str] = ""

    def __init__(self, **params: Any) -> None:
        for given in params:
            if given not in self.defaults:
                raise UsageError(
                    Fault(
                        "unknown-parameter",
                        f"{type(self).__name__} has no parameter {given!r}",
                        fix=did_you_mean(given, self.defaults)
                        or "its parameters stand in `defaults`",
                    )
                )
        self.p = SimpleNamespace(**{**self.defaults, **params})

    async def setup(self) -> None:
        """Make what the operations use; called once, before anything is measured."""

    async def teardown(self) -> None:
        """End it; called once, whatever ended the run."""

    @classmethod
    def new_loop(cls) -> AbstractEventLoop:
        """Return the loop that a worker process drives this on; here asyncio's own."""
        import asyncio  # noqa: PLC0415 - only a worker makes one

        return asyncio.new_event_loop()

    @classmethod
    def operations(cls) -> tuple[Operation, ...]:
        """Return the operations, in the order of the class.

        Raises:
            UsageError: There is none, or two have one name.
        """
        found = [m for m in _marked(cls) if isinstance(m, Operation)]
        names = [o.name for o in found]
        if not found:
            raise UsageError(
                Fault("usage", f"{cls.__name__} has no operation", fix="mark a method with @op()")
            )
        for name in names:
            if names.count(name) > 1:
                raise UsageError(
                    Fault("usage", f"{cls.__name__} has two operations {name!r}", fix="@op(name=)")
                )
        return tuple(found)

    @classmethod
    def invariants(cls) -> tuple[str, ...]:
        """Return the names of the methods that must hold."""
        return tuple(n for n in _names(cls) if getattr(getattr(cls, n), _MARK, "") == "invariant")

    def rate_of(self, operation: Operation) -> float:
        """Return the rate of an operation that has a schedule of its own, per second."""
        rate = operation.rate
        if isinstance(rate, str) and hasattr(self.p, rate):
            rate = getattr(self.p, rate)
        assert rate is not None, "asked of those with a rate only"  # noqa: S101 - our own invariant
        return per_second(rate)


@dataclass(frozen=True, slots=True)
class Described:
    """A scenario as a saved run tells of it: what there was, and none of its code.

    A run is read without importing anything. To drive its plan again, give it the class:
    `plan.but(scenario=Mine)`.

    Attributes:
        reference: Module and name of its class, with a colon in between.
        listed: Its operations.
        checks: Names of what had to hold.
        defaults: Its parameters, as they are where a plan does not say.
    """

    reference: str
    listed: tuple[Operation, ...]
    checks: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def operations(self) -> tuple[Operation, ...]:
        """Return the operations, in the order of the class."""
        return self.listed

    def invariants(self) -> tuple[str, ...]:
        """Return the names of the methods that had to hold."""
        return self.checks


def _names(cls: type) -> list[str]:
    seen: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        seen.update(dict.fromkeys(vars(base)))
    return list(seen)


def _marked(cls: type) -> list[Any]:
    return [m for n in _names(cls) if (m := getattr(getattr(cls, n), _MARK, None)) is not None]
