"""`manifest verify MANIFEST`: whether a release holds, check by check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import AT, COMMIT, POLICY, ROOT, STATE, verified
from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.trust import Report


@click.command("verify")
@click.argument("manifest", type=FileType())
@click.option("--bundle", type=FileType(), metavar="FILE", help="What proves it.")
@ROOT
@POLICY
@STATE
@AT
@COMMIT
@click.pass_context
def command(
    ctx: click.Context,
    manifest: str,
    *,
    bundle: str | None,
    root: str | None,
    policy: str | None,
    state: str | None,
    at: str | None,
    commit_state: bool,
) -> Report:
    """Verify MANIFEST by its bundle; exit 1 untrusted, 3 when all that is wrong is its age.

    The root is given, or pinned in the policy and in the bundle. A state file that is not there
    yet remembers nothing; without one, a workspace remembers in its store. Nothing is written
    but that, and only by --commit-state.
    """
    return verified(
        parts(ctx),
        manifest,
        bundle,
        root=root,
        policy=policy,
        state=state,
        at=at,
        commit_state=commit_state,
    )
