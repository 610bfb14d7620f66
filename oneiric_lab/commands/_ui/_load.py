"""`ui load`: the live chart of a load run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.errors import Fault, UsageError

if TYPE_CHECKING:
    from oneiric_lab.views import Result


@click.command("load")
@click.option("--metric", metavar="NAME", help="response, service or lag.")
@click.option("--operation", metavar="NAME", help="Whose quantiles are drawn.")
@click.pass_context
def command(ctx: click.Context, metric: str | None, operation: str | None) -> Result:
    """Show the newest load run of this notebook while it goes on, and what became of it."""
    from oneiric_lab.lab import widget  # noqa: PLC0415 - `--help` needs none

    make = widget("load").make
    loads = parts(ctx).interaction.loads
    jobs = loads().jobs if loads is not None else ()
    if not jobs:
        raise UsageError(
            Fault(
                "no-job", "no load run was started here", fix="%oneiric load run swap-under-readers"
            )
        )
    found: Result = make(None, jobs[-1], metric=metric, operation=operation)
    return found
