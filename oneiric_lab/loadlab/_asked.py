"""A plan from the few words in which people ask for one."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, UsageError

from ._plan import Plan
from ._said import load_said
from ._scenarios import scenario_named
from ._shapes import closed, constant

if TYPE_CHECKING:
    from ._scenario import Scenario
    from ._shapes import Shape

DURATION = "10s"
"""How long operations begin where nobody says."""


def plan_for(
    what: Plan | type[Scenario] | str,
    *,
    users: int | None = None,
    rate: float | str | None = None,
    load: Shape | str | None = None,
    **options: Any,
) -> Plan:
    """Return the plan to drive *what*.

    Args:
        what: A plan, which the options change; a scenario; or the name of one that comes
            with us, which brings its usual number of users.
        users: A closed load: so many at a time; 1 where neither is said.
        rate: An open load: arrivals a second, such as `500/s`.
        load: A shape, or what `load_said` takes for one: `500/s to 5000/s for 30s`.
        options: Attributes of a `Plan`; other names are parameters of the scenario.

    Raises:
        UsageError: More than one of users, a rate and a load, or what the plan refuses.

    Example:
        >>> plan_for("swap-under-readers", users=5, duration="2s", hold=0.01).params
        {'hold': 0.01}
    """
    given = [
        name
        for name, value in (("users", users), ("a rate", rate), ("a load", load))
        if value is not None
    ]
    if len(given) > 1:
        raise UsageError(
            Fault(
                "usage",
                f"{' and '.join(given)} together: a load is closed or open",
                fix="leave all but one of them out",
            )
        )
    if isinstance(what, Plan):
        length: float | str = what.length
    else:
        kind, usual = scenario_named(what) if isinstance(what, str) else (what, {"users": 1})
        length = DURATION
        if not given:
            users = usual["users"]
    duration = options.get("duration", length)
    if load is not None:
        options["load"] = load_said(load) if isinstance(load, str) else load
    elif rate is not None:
        options["load"] = constant(rate, duration)
    elif users is not None:
        options["load"] = closed(users, duration=duration)
    if isinstance(what, Plan):
        return what.but(**options)
    # At once: a scenario may have parameters that it cannot be without.
    own = {f.name for f in fields(Plan)}
    params = {name: value for name, value in options.items() if name not in own}
    rest = {name: value for name, value in options.items() if name in own}
    return Plan(kind, {**rest.pop("params", {}), **params}, **rest)
