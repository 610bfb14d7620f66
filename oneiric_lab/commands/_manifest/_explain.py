"""`manifest explain FILE DOMAIN:KEY`: what an entry says, and what it would come to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType
from oneiric_lab.errors import OneiricError, UsageError

if TYPE_CHECKING:
    from oneiric_lab.manifest import EntryExplanation


class EntryType(click.ParamType[str]):
    """A component that the manifest has, which was named before."""

    name = "component"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[Any]]:
        """Complete by the entries, as they are written; nothing is checked and nothing hashed."""
        from oneiric_lab.manifest import read_document  # noqa: PLC0415 - at a Tab only

        file = str(ctx.params.get("file") or next(iter(ctx.args), ""))
        try:
            entries = read_document(Path(file)).parsed.tree.get("entries")
        except OneiricError:
            return []
        found = {
            f"{entry.get('domain')}:{entry.get('key')}"
            for entry in (entries if isinstance(entries, list) else ())
            if isinstance(entry, dict)
        }
        return [CompletionItem(name) for name in sorted(found) if name.startswith(incomplete)]


@click.command("explain")
@click.argument("file", type=FileType())
@click.argument("target", metavar="DOMAIN:KEY", type=EntryType())
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
