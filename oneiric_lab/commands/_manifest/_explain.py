"""`manifest explain FILE DOMAIN:KEY`: what an entry says, and what it would come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import ComponentType, FileType
from oneiric_lab.errors import UsageError

if TYPE_CHECKING:
    from oneiric_lab.manifest import EntryExplanation


@click.command("explain")
@click.argument("file", type=FileType())
@click.argument("target", metavar="DOMAIN:KEY", type=ComponentType())
@click.option("--alone", is_flag=True, help="Do not ask the workspace.")
@click.pass_context
def command(ctx: click.Context, file: str, target: str, *, alone: bool) -> EntryExplanation:
    """Say what the manifest FILE has for a component, and who would provide it in the workspace.

    Nothing enters the workspace. Where there is none, the entry alone is told.
    """
    from oneiric_lab.manifest import explain_entry, open_manifest  # noqa: PLC0415 - see _validate

    manifest = open_manifest(file)
    context = parts(ctx)
    if not alone:
        try:
            context.require()
        except UsageError:
            alone = True
    if alone:
        return explain_entry(manifest, target)
    lab = context.lab()
    return explain_entry(
        manifest, target, registry=lab.registry, allowed=lab.settings.plugins.allow_factories
    )
