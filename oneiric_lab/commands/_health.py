"""`health`: how the workspace is, or its host where one runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ._root import parts

if TYPE_CHECKING:
    from oneiric_lab.runtime import Health


@click.command("health")
@click.option("--host", is_flag=True, help="Bad too where no host runs.")
@click.pass_context
def command(ctx: click.Context, *, host: bool) -> Health:
    """Say how the workspace is: by its host where one runs here, else as this process sees it.

    Exit code 1: something is bad. What is degraded goes on all the same.
    """
    from oneiric_lab.lab import asked_health, found_host  # noqa: PLC0415 - `--help` asks nobody
    from oneiric_lab.runtime import HealthCheck  # noqa: PLC0415 - see above

    context = parts(ctx)
    current = context.interaction.current()
    hosted = current is not None and current.is_hosted
    # By the folder: a host goes on with what was good when the workspace does not open any more.
    told = None if hosted else found_host(context.folder())
    if told is not None:
        return asked_health(told)
    lab = context.lab()
    found = lab.health()
    if not host or lab.is_hosted:
        return found
    missing = HealthCheck("host", "bad", "none runs here", "oneiric-lab run", gates=True)
    return replace(found, checks=(missing, *found.checks))
