"""`trust root`: who may sign what, as one signed document after the other."""

from __future__ import annotations

import click

from oneiric_lab.commands._group import Group, require_verb

VERBS: dict[str, str] = {
    "init": "Make the first root, or the file that it is made of.",
    "sign": "Sign a root, or gather signatures that were made elsewhere.",
    "verify": "Say whether a chain of roots holds, from the pinned one on.",
    "rotate": "Make the next root: keys, signers, thresholds, epoch.",
    "show": "Show who may do what, who has signed, and until when it holds.",
}
"""Verb to its one line of help."""


@click.command("root", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Say who may sign what, and have it signed."""
    require_verb(ctx)
