"""`ui load`: a form that starts load runs, and the live chart of the newest one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._load._asked import ScenarioType
from oneiric_lab.commands._root import parts

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("load")
@click.argument("scenario", required=False, type=ScenarioType())
@click.option("--metric", metavar="NAME", help="response, service or lag.")
@click.option("--operation", metavar="NAME", help="Whose quantiles are drawn.")
@click.pass_context
def command(
    ctx: click.Context, scenario: str | None, metric: str | None, operation: str | None
) -> Result:
    """Show a form that starts load runs, and the newest run of this notebook below it.

    With SCENARIO, one of `load list`, it begins with that one.
    """
    from oneiric_lab.lab import widget  # noqa: PLC0415 - `--help` needs none

    make = widget("load").make
    loads = parts(ctx).interaction.loads
    assert loads is not None, "where widgets are offered, jobs are"  # noqa: S101 - our own invariant
    found: Result = make(loads(), scenario, metric=metric, operation=operation)
    return found
