"""What all verbs that drive a scenario are asked: options of a plan, and the plan they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from oneiric_lab.errors import Fault, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from oneiric_lab.loadlab import Plan

OPTIONS: Final = (
    click.option("--users", type=int, help="Closed load: so many at a time."),
    click.option("--rate", help="Open load: arrivals a second, such as 500/s."),
    click.option("--duration", default="10s", show_default=True, help="How long operations begin."),
    click.option(
        "--warmup",
        default="auto",
        show_default=True,
        help="Kept apart at the start; auto finds where a run of 10 s or more becomes steady.",
    ),
    click.option("--timeout", default="0s", help="Cancel an operation after this; 0 is never."),
    click.option("--max-in-flight", default=1000, show_default=True, help="Of an open load."),
    click.option("--seed", default=0, show_default=True, help="Of everything that is drawn."),
    click.option("--param", "params", multiple=True, metavar="K=V", help="Of the scenario."),
    click.option(
        "--objective",
        "objectives",
        multiple=True,
        metavar="TEXT",
        help="Such as 'read.response.p99 < 20ms'.",
    ),
    click.option(
        "--workers", type=int, default=1, show_default=True, help="Processes that share it."
    ),
)
"""Options of a plan, in the order of the help; but for `--workers`, `plan_asked` takes them."""


def asks(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options of a plan."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def plan_asked(scenario: str, params: Mapping[str, Any], **options: Any) -> Plan:
    """Return the plan that the options ask for.

    Raises:
        UsageError: There is no such scenario, or something of the plan cannot be.
    """
    from oneiric_lab.loadlab import Plan, closed, constant, scenario_named  # noqa: PLC0415 - `--help` needs none

    kind, usual = scenario_named(scenario)
    users, rate = options.pop("users"), options.pop("rate")
    if users is not None and rate is not None:
        raise UsageError(
            Fault(
                "usage",
                "--users and --rate together: a load is closed or open",
                fix="leave one of them out",
            )
        )
    duration = options["duration"]
    if rate is not None:
        load: Any = constant(rate, duration)
    else:
        load = closed(usual["users"] if users is None else users, duration=duration)
    return Plan(kind, params, load, **options)


def values_asked(
    scenario: str, params: Iterable[str], *, option: str = "--param"
) -> dict[str, Any]:
    """Return parameters, each as its default's type takes it.

    Raises:
        UsageError: One is unknown, or its value is of another type; *option* is named.
    """
    from oneiric_lab.loadlab import scenario_named  # noqa: PLC0415 - see above

    kind, _ = scenario_named(scenario)
    out: dict[str, Any] = {}
    for text in params:
        name, equals, value = text.partition("=")
        if not equals or name not in kind.defaults:
            fix = did_you_mean(name, kind.defaults) or f"{option} keys=10"
            raise UsageError(Fault("usage", f"{scenario} has no parameter {text!r}", fix=fix))
        wanted = type(kind.defaults[name])
        try:
            out[name] = wanted(value)
        except ValueError:
            raise UsageError(
                Fault(
                    "usage",
                    f"{option} {name}: expected {wanted.__name__}, got {value!r}",
                    fix=f"{option} {name}={kind.defaults[name]}",
                )
            ) from None
    return out


def rates_of(seen: Any) -> str:
    """Return what a snapshot of a run tells in one line."""
    if seen.paused:
        return "paused"
    return ", ".join(f"{name} {sum(now.rates.values()):,.0f}/s" for name, now in seen.ops.items())
