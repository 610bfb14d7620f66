"""`action`: show actions, and invoke one."""

from __future__ import annotations

import click

from oneiric_lab.commands._group import Group, require_verb

VERBS: dict[str, str] = {
    "list": "Show the actions of the workspace.",
    "invoke": "Call an action with a payload, and show what it returns.",
}
"""Verb to its one line of help."""


@click.command("action", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show actions, and invoke one."""
    require_verb(ctx)
