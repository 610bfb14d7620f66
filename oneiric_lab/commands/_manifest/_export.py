"""`manifest export`: the components of a workspace as a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.manifest import Exported

SOURCES = ("manual", "package", "plugin", "manifest")


@click.command("export")
@click.option("--project", metavar="NAME", help="Of the manifest; app.name by default.")
@click.option("--channel", metavar="NAME", default="stable", show_default=True, help="Its line.")
@click.option(
    "--version",
    type=click.IntRange(1),
    metavar="N",
    default=1,
    show_default=True,
    help="Of the release.",
)
@click.option(
    "--source",
    "sources",
    type=click.Choice(SOURCES),
    multiple=True,
    help="Whose candidates; more than once. All but those of manifests by default.",
)
@click.option("--winners", is_flag=True, help="Only who provides each component now.")
@click.option("--out", metavar="FILE", type=FileType(), help="Write it: TOML, or YAML by its name.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    project: str | None,
    channel: str,
    version: int,
    sources: tuple[str, ...],
    winners: bool,
    out: str | None,
) -> Exported:
    """Write the workspace's candidates as a manifest that people go on with, and pack.

    What a manifest cannot say is left out and told.
    """
    from oneiric_lab.manifest import export  # noqa: PLC0415 - `--help` needs none
    from oneiric_lab.registry import is_name  # noqa: PLC0415 - see above

    lab = parts(ctx).lab()
    name = project or next((n for n in (lab.settings.app.name, lab.root.name) if is_name(n)), "app")
    found = export(
        lab.registry.current,
        project=name,
        channel=channel,
        version=version,
        sources=sources or SOURCES[:3],
        winners=winners,
    )
    return found if out is None else found.write(Path(out))
