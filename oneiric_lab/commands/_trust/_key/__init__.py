"""`trust key`: keys in files."""

from __future__ import annotations

import click

from oneiric_lab.commands._group import Group, require_verb

VERBS: dict[str, str] = {
    "new": "Make a key.",
    "import": "Take a private key over from another file.",
    "show": "Say which key a file holds, and how to read it aloud.",
    "list": "List the keys of a folder.",
    "passwd": "Lock a private key by another passphrase.",
}
"""Verb to its one line of help."""


@click.command("key", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Make, import, show, list and lock keys."""
    require_verb(ctx)
