"""Which policy is meant, and the root beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.commands._context import Context

ROOT = click.option("--root", type=FileType(), metavar="FILE", help="The newest root.")
POLICY = click.option(
    "--policy", type=FileType(), metavar="FILE", help="The workspace's trust.toml by default."
)


def policy_file(ctx: click.Context, given: str | None) -> str:
    """Return the file that is meant: the *given* one, or the one that the workspace names."""
    if given is not None:
        return given
    context: Context = parts(ctx)
    if not context.is_workspace():
        return str(Path(context.workspace) / "trust.toml")
    lab = context.lab()
    path = lab.root / lab.settings.trust.policy
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
