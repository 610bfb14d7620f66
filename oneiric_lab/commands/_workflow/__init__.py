"""`workflow`: plan, run and look at workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._group import Group, listed

if TYPE_CHECKING:
    from oneiric_lab.views import Result

VERBS: dict[str, str] = {
    "list": "List the workflows of the workspace.",
    "plan": "Show the nodes of a workflow, and who would do them.",
    "run": "Run a workflow, and wait for its end.",
    "enqueue": "Ask the host for a run.",
    "runs": "List runs.",
    "show": "Show a run with its nodes.",
    "resume": "Go on with a run that was interrupted or cancelled.",
    "cancel": "End a run.",
    "fork": "Run it anew from a node on, in a run of its own.",
    "diff": "Show in what two runs differ.",
}
"""Verb to its one line of help."""


@click.command("workflow", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> Result | None:
    """Plan, run and look at workflows: tasks, and which comes after which."""
    return listed(ctx)
