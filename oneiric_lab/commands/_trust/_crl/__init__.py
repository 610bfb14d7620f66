"""`trust crl`: the list of keys that no longer count."""

from __future__ import annotations

import click

from oneiric_lab.commands._group import Group, require_verb

VERBS: dict[str, str] = {
    "new": "Make the next list with nothing new in it, or the first one.",
    "publish": "Sign a list, and put it in the place of the last one when enough have.",
    "show": "Show what a list says, who has signed it, and until when it holds.",
}
"""Verb to its one line of help."""


@click.command("crl", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Sign, publish and show the list of keys that no longer count."""
    require_verb(ctx)
