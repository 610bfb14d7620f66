"""`event`: emit events, show who listens, and look after what could not be handled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._group import Group, listed

if TYPE_CHECKING:
    from oneiric_lab.views import Result

VERBS: dict[str, str] = {
    "emit": "Hand an event to the handlers of the host, and say what became of it.",
    "list": "Show who listens to what.",
    "posted": "Show events that were posted for the host, and what became of them.",
    "dead": "Show events that could not be handled; hand them over again, or forget them.",
}
"""Verb to its one line of help."""


@click.command("event", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> Result | None:
    """Emit events, show who listens, and look after what could not be handled."""
    return listed(ctx)
