"""`event`: emit events, show who listens, and look after what could not be handled."""

from __future__ import annotations

import click

from oneiric_lab.commands._group import Group, require_verb

VERBS: dict[str, str] = {
    "emit": "Hand an event to its handlers, and say what became of it.",
    "list": "Show who listens to what.",
    "dead": "Show events that could not be handled; hand them over again, or forget them.",
}
"""Verb to its one line of help."""


@click.command("event", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Emit events, show who listens, and look after what could not be handled."""
    require_verb(ctx)
