"""`secrets`: which there are, how old, and how they are rotated."""

from __future__ import annotations

import click

from oneiric_lab.commands._group import Group, require_verb

VERBS: dict[str, str] = {
    "list": "Show the secrets that are referred to, and who has them.",
    "status": "Show which versions processes hold, how old, and the last rotations.",
    "rotate": "Have every process look for a secret anew, and swap what is built with it.",
}
"""Verb to its one line of help."""


@click.command("secrets", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show secrets and rotate them; no value is ever shown."""
    require_verb(ctx)
