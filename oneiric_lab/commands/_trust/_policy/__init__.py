"""`trust policy`: what this place trusts."""

from __future__ import annotations

import click

from oneiric_lab.commands._group import Group, require_verb

VERBS: dict[str, str] = {
    "show": "Show what holds here, by root and policy, with where each value is from.",
    "lint": "Say all that is wrong with a policy, at its place.",
    "explain": "Say why one value is what it is.",
    "pin": "Write which root is trusted here; comments stay.",
}
"""Verb to its one line of help."""


@click.command("policy", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show, check, explain and write what this place trusts."""
    require_verb(ctx)
