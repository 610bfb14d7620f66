"""`task`: list and run tasks, each alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._group import Group, listed

if TYPE_CHECKING:
    from oneiric_lab.views import Result

VERBS: dict[str, str] = {
    "list": "List the tasks of the workspace.",
    "run": "Run a task once.",
}
"""Verb to its one line of help."""


@click.command("task", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> Result | None:
    """List the tasks of the workspace, and run one alone."""
    return listed(ctx)
