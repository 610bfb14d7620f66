"""`manifest`: what a project offers, as one document that can be signed."""

from __future__ import annotations

import click

from oneiric_lab.commands._group import Group, require_verb

VERBS: dict[str, str] = {
    "pack": "Write what people wrote in the form that is signed.",
    "export": "Write the workspace's components as a manifest.",
    "validate": "Say all that is wrong with a manifest.",
    "migrate": "Make a draft of schema 3 out of an older manifest.",
    "diff": "Compare two manifests by meaning, the risks first.",
    "textconv": "Print a manifest as lines, for git to compare.",
    "acknowledge": "Take down which risks of a release were read.",
    "propose": "Freeze what the signers are asked to sign.",
    "cosign": "Sign a proposal, and write one response.",
    "assemble": "Put the signers' responses together.",
    "sign": "Sign a release alone, where one signer is enough.",
    "repropose": "Bring a former release back under a higher version.",
    "verify": "Say whether a release holds, check by check.",
    "explain": "Say what an entry is, and what it would come to here.",
}
"""Verb to its one line of help."""


@click.command("manifest", cls=Group, package=__name__, verbs=VERBS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Write, check, migrate, compare, sign, verify and explain manifests."""
    require_verb(ctx)
