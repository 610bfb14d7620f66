"""What all verbs that drive a scenario are asked: options of a plan, and the plan they make."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

from oneiric_lab.commands._root import parts
from oneiric_lab.errors import Fault, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from oneiric_lab.loadlab import Plan, Scenario


class ScenarioType(click.ParamType[str]):
    """A scenario that comes with us, or one of a user's."""

    name = "scenario"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[Any]]:
        """Complete the names that come with us; where none fits, leave it to the shell."""
        from oneiric_lab.loadlab import BUILT_IN  # noqa: PLC0415 - `--help` needs none

        found = [CompletionItem(name) for name in BUILT_IN if name.startswith(incomplete)]
        return found or [CompletionItem(incomplete, type="file")]


class ParamType(click.ParamType[str]):
    """`NAME=VALUE`, a parameter of the scenario that was named before."""

    name = "param"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[Any]]:
        """Complete the names of a scenario that comes with us; nobody's code is run for a Tab."""
        from oneiric_lab.loadlab import BUILT_IN  # noqa: PLC0415 - `--help` needs none

        name = str(ctx.params.get("scenario") or next(iter(ctx.args), ""))
        known = BUILT_IN[name][0].defaults if name in BUILT_IN else {}
        return [CompletionItem(f"{key}=") for key in known if key.startswith(incomplete)]


OPTIONS: Final = (
    click.option("--users", type=int, metavar="N", help="Closed load: so many at a time."),
    click.option("--rate", metavar="RATE", help="Open load: arrivals a second, such as 500/s."),
    click.option(
        "--load",
        metavar="LOAD",
        help="Any load: '500/s for 10s, 500/s to 5000/s for 30s, 5000/s at random for 30s', "
        "or '50 users thinking 20ms'.",
    ),
    click.option(
        "--duration",
        default="10s",
        show_default=True,
        metavar="DURATION",
        help="How long operations begin.",
    ),
    click.option(
        "--warmup",
        default="auto",
        show_default=True,
        metavar="DURATION",
        help="Kept apart at the start; auto finds where a run of 10 s or more becomes steady.",
    ),
    click.option(
        "--timeout",
        default="0s",
        metavar="DURATION",
        help="Cancel an operation after this; 0 is never.",
    ),
    click.option(
        "--max-in-flight", default=1000, show_default=True, metavar="N", help="Of an open load."
    ),
    click.option(
        "--seed", default=0, show_default=True, metavar="N", help="Of everything that is drawn."
    ),
    click.option(
        "--param",
        "params",
        multiple=True,
        metavar="K=V",
        type=ParamType(),
        help="Of the scenario.",
    ),
    click.option(
        "--objective",
        "objectives",
        multiple=True,
        metavar="RULE",
        help="Such as 'read.response.p99 < 20ms'.",
    ),
    click.option(
        "--workers",
        default="1",
        show_default=True,
        metavar="N",
        callback=lambda _, __, value: int(value) if value.isdecimal() else value,
        help="Processes that share it; or dask, dask:4, dask://HOST:PORT.",
    ),
)
"""Options of a plan, in the order of the help; but for `--workers`, `plan_asked` takes them."""


def asks(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options of a plan."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def scenario_asked(name: str) -> tuple[type[Scenario], Mapping[str, Any]]:
    """Return the scenario *name*, and its usual load; code of a user's is imported once a call.

    Raises:
        UsageError: There is none.
        NotAllowedError: It is code of a workspace that was not allowed to run.
    """
    from oneiric_lab.loadlab import BUILT_IN  # noqa: PLC0415 - `--help` needs none

    if name in BUILT_IN:
        return BUILT_IN[name]
    from oneiric_lab.lab import find_scenario  # noqa: PLC0415 - few bring their own

    ctx = click.get_current_context()
    known: dict[str, Any] = ctx.meta.setdefault(__name__, {})
    if name not in known:
        known[name] = find_scenario(name, parts(ctx).folder(), os.environ)
    found: tuple[type[Scenario], Mapping[str, Any]] = known[name]
    return found


def plan_asked(scenario: str, params: Mapping[str, Any], **options: Any) -> Plan:
    """Return the plan that the options ask for.

    Raises:
        UsageError: There is no such scenario, or something of the plan cannot be.
    """
    from oneiric_lab.loadlab import plan_for  # noqa: PLC0415 - `--help` needs none

    kind, usual = scenario_asked(scenario)
    if all(options[name] is None for name in ("users", "rate", "load")):
        options["users"] = usual["users"]
    return plan_for(kind, params=params, **options)


def values_asked(
    scenario: str, params: Iterable[str], *, option: str = "--param"
) -> dict[str, Any]:
    """Return parameters, each as its default's type takes it.

    Raises:
        UsageError: One is unknown, or its value is of another type; *option* is named.
    """
    from oneiric_lab.loadlab import read_typed, shown_default  # noqa: PLC0415 - see above

    kind, _ = scenario_asked(scenario)
    out: dict[str, Any] = {}
    for text in params:
        name, equals, value = text.partition("=")
        if not equals or name not in kind.defaults:
            fix = did_you_mean(name, kind.defaults) or _example(kind, option)
            raise UsageError(Fault("usage", f"{scenario} has no parameter {text!r}", fix=fix))
        default = kind.defaults[name]
        try:
            out[name] = read_typed(value, default)
        except ValueError:
            raise UsageError(
                Fault(
                    "usage",
                    f"{option} {name}: expected {type(default).__name__}, got {value!r}",
                    fix=f"{option} {name}={shown_default(default)}",
                )
            ) from None
    return out


def _example(kind: type[Scenario], option: str) -> str:
    if not kind.defaults:
        return "it has no parameters"
    from oneiric_lab.loadlab import shown_default  # noqa: PLC0415 - see above

    name, default = next(iter(kind.defaults.items()))
    return f"{option} {name}={shown_default(default)}"
