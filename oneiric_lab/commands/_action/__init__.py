"""`action`: show actions, and invoke one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._group import Group, listed

if TYPE_CHECKING:
    from oneiric_lab.views import Result

VERBS: dict[str, str] = {
    "list": "Show the actions of the workspace.",
    "invoke": "Call an action with a payload, and show what it returns.",
}
"""Verb to its one line of help."""


@click.command("action", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> Result | None:
    """Show actions, and invoke one."""
    return listed(ctx)
