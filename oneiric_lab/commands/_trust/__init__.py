"""`trust`: keys, and who may sign what."""

from __future__ import annotations

import click

from oneiric_lab.commands._group import Group, require_verb

VERBS: dict[str, str] = {
    "key": "Make, import, show, list and lock keys.",
    "root": "Say who may sign what, and have it signed.",
    "policy": "Show, check, explain and write what this place trusts.",
    "revoke": "Make the next list, in which keys no longer count.",
    "crl": "Sign, publish and show the list of keys that no longer count.",
    "state": "Show what this workspace has trusted last, or forget a part.",
}
"""Verb to its one line of help."""


@click.command("trust", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Make keys, and say who may sign what."""
    require_verb(ctx)
