"""`bundle verify BUNDLE`: whether the release that it is about holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import AT, COMMIT, MANIFEST, POLICY, ROOT, STATE, verified
from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.trust import Report


@click.command("verify")
@click.argument("bundle", type=FileType())
@MANIFEST
@ROOT
@POLICY
@STATE
@AT
@COMMIT
@click.pass_context
def command(
    ctx: click.Context,
    bundle: str,
    *,
    manifest: str | None,
    root: str | None,
    policy: str | None,
    state: str | None,
    at: str | None,
    commit_state: bool,
) -> Report:
    """Verify the manifest beside BUNDLE; exit 1 untrusted, 3 when all that is wrong is its age.

    The same as manifest verify. An auditor needs no more than the two files and the digest of
    the first root: --root sha256:DIGEST.
    """
    from oneiric_lab.lab import beside  # noqa: PLC0415 - `--help` needs none

    return verified(
        parts(ctx),
        manifest or str(beside(bundle, ".oneiric.json")),
        bundle,
        root=root,
        policy=policy,
        state=state,
        at=at,
        commit_state=commit_state,
    )
