"""`bundle`: what proves a release, in one file beside its manifest."""

from __future__ import annotations

import click

from oneiric_lab.commands._group import Group, require_verb

VERBS: dict[str, str] = {
    "make": "Put envelope, roots and revocation list into one file.",
    "show": "Show what a bundle says, believed or not.",
    "verify": "Say whether a release holds, by its bundle.",
}
"""Verb to its one line of help."""


@click.command("bundle", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Make, show and verify what proves a release."""
    require_verb(ctx)
