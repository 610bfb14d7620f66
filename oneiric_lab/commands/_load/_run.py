"""`load run SCENARIO`: drive a scenario, and say honestly what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.errors import Fault, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneiric_lab.loadlab import Plan, Run
    from oneiric_lab.views import Result


@click.command("run")
@click.argument("scenario")
@click.option("--users", type=int, help="Closed load: so many at a time.")
@click.option("--rate", help="Open load: arrivals a second, such as 500/s.")
@click.option("--duration", default="10s", show_default=True, help="How long operations begin.")
@click.option("--warmup", default="1s", show_default=True, help="Kept apart at the start.")
@click.option("--timeout", default="0s", help="Cancel an operation after this; 0 is never.")
@click.option("--max-in-flight", default=1000, show_default=True, help="Of an open load.")
@click.option("--seed", default=0, show_default=True, help="Of everything that is drawn.")
@click.option("--param", "params", multiple=True, metavar="K=V", help="Of the scenario.")
@click.option(
    "--objective",
    "objectives",
    multiple=True,
    metavar="TEXT",
    help="Such as 'read.response.p99 < 20ms'.",
)
@click.option("--workers", type=int, default=1, show_default=True, help="Processes that share it.")
@click.option("--out", type=click.Path(dir_okay=False), help="Write the run as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    scenario: str,
    *,
    out: str | None,
    params: tuple[str, ...],
    workers: int,
    **options: Any,
) -> Result:
    """Drive SCENARIO in processes of its own; Ctrl-C ends it and keeps what there is.

    Exit 0 passed, 1 an objective is missed, 3 the measurement is invalid, 4 an invariant is
    broken, 130 it was cancelled.
    """
    plan = _plan(scenario, _values(scenario, params), **options)
    return parts(ctx).interaction.work(
        "load", lambda done, stop: _drive(plan, out, workers, done, stop)
    )


def _plan(scenario: str, params: Mapping[str, Any], **options: Any) -> Plan:
    from oneiric_lab.loadlab import Plan, closed, constant, scenario_named  # noqa: PLC0415 - see above

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


def _values(scenario: str, params: tuple[str, ...]) -> dict[str, Any]:
    """Return parameters, each as its default's type takes it."""
    from oneiric_lab.loadlab import scenario_named  # noqa: PLC0415 - see above

    kind, _ = scenario_named(scenario)
    out: dict[str, Any] = {}
    for text in params:
        name, equals, value = text.partition("=")
        if not equals or name not in kind.defaults:
            fix = did_you_mean(name, kind.defaults) or "--param keys=10"
            raise UsageError(Fault("usage", f"{scenario} has no parameter {text!r}", fix=fix))
        wanted = type(kind.defaults[name])
        try:
            out[name] = wanted(value)
        except ValueError:
            raise UsageError(
                Fault(
                    "usage",
                    f"--param {name}: expected {wanted.__name__}, got {value!r}",
                    fix=f"--param {name}={kind.defaults[name]}",
                )
            ) from None
    return out


def _drive(
    plan: Plan,
    out: str | None,
    workers: int,
    done: Callable[[int, int, str], None],
    stop: Callable[[], bool],
) -> Run:
    from oneiric_lab.files import write_atomic  # noqa: PLC0415 - see above
    from oneiric_lab.loadlab import run_apart  # noqa: PLC0415 - see above

    total = max(1, round(plan.length))

    def live(seen: Any) -> None:
        rates = ", ".join(
            f"{name} {sum(now.rates.values()):,.0f}/s" for name, now in seen.ops.items()
        )
        done(min(int(seen.at), total - 1), total, "s  paused" if seen.paused else f"s  {rates}")

    found = run_apart(plan, live=live, cancelled=stop, workers=workers)
    done(total, total, "")
    if out is not None:
        write_atomic(Path(out), (found.to_json(indent=1) + "\n").encode())
    return found
