"""`bundle`: what proves a release, in one file beside its manifest."""

from __future__ import annotations

import click

from oneiric_lab.commands._group import Group
from oneiric_lab.errors import Fault, UsageError

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
    if ctx.invoked_subcommand is None:
        raise UsageError(
            Fault("usage", "bundle needs a verb", fix=f"one of {', '.join(VERBS)}: bundle --help")
        )
