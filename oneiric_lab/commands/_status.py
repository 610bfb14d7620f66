"""`status [TARGET]`: what is wanted of components beside what is so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from oneiric_lab.errors import InvalidConfigError

from ._root import parts
from ._types import ComponentType

if TYPE_CHECKING:
    from oneiric_lab.lab import Standing


@click.command("status")
@click.argument("target", required=False, type=ComponentType())
@click.pass_context
def command(ctx: click.Context, target: str | None) -> Standing:
    """Show what is wanted of components beside what each listening process says is so.

    Exit code 1: a process differs from what is wanted, as for a moment after a change, or is
    not well: failed, stalled or unhealthy; or keeps its last good configuration.
    """
    context = parts(ctx)
    try:
        lab = context.lab()
    except InvalidConfigError as error:
        from oneiric_lab.lab import still_good  # noqa: PLC0415 - `--help` opens nothing

        kept = still_good(context.folder(), os.environ)
        raise InvalidConfigError([*error.faults, *kept]) from error
    return lab.standing(target)
