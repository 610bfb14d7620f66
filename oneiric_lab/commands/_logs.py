"""`logs`: what the host of the workspace logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from oneiric_lab.errors import Fault, UsageError, did_you_mean

from ._context import Stream
from ._root import parts

if TYPE_CHECKING:
    from oneiric_lab.runtime import Logs

_LEVELS = ("debug", "info", "warning", "error", "critical")


def _level(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if value.lower() not in _LEVELS:
        fix = did_you_mean(value.lower(), _LEVELS)
        raise UsageError(Fault("usage", f"no level {value!r}", fix=fix))
    return value.lower()


@click.command("logs")
@click.option("--level", default="debug", callback=_level, metavar="LEVEL", help="Least level.")
@click.option("--match", default="", metavar="TEXT", help="Only records that hold this text.")
@click.option(
    "-n",
    "--limit",
    default=50,
    type=click.IntRange(min=1),
    show_default=True,
    metavar="N",
    help="How many.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on with those that come.")
@click.pass_context
def command(
    ctx: click.Context, *, level: str, match: str, limit: int, follow: bool
) -> Logs | Stream:
    """Show what the host of the workspace logged last, the oldest first; Ctrl-C ends -f."""
    from oneiric_lab.lab import (  # noqa: PLC0415 - `--help` reads nothing
        follow_logs,
        kept_logs,
        store_folder,
    )

    context = parts(ctx)
    current = context.interaction.current()
    if current is not None and current.is_hosted and not follow:
        return current.logs(level=level, match=match, limit=max(0, limit))
    # By the folder: who looks for what is wrong has perhaps no workspace that opens.
    root = context.folder()
    folder = store_folder(root)
    wanted: dict[str, Any] = {"level": level, "match": match, "limit": max(0, limit)}
    if not follow:
        return kept_logs(root, folder, **wanted)
    import anyio  # noqa: PLC0415 - who follows has a loop

    return Stream("logs", lambda: follow_logs(root, folder, **wanted, sleep=anyio.sleep))
