"""Where runs are kept, and how they are named on a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

from oneiric_lab.commands._types import DirectoryType, completing

if TYPE_CHECKING:
    from oneiric_lab.commands._context import Context
    from oneiric_lab.loadlab import Runs


def runs_in(context: Context, given: str | None) -> Runs:
    """Return the runs in folder *given*; else those of the workspace, or `runs` without one."""
    from oneiric_lab.loadlab import Runs  # noqa: PLC0415 - `--help` needs none

    if given is not None:
        return Runs(given)
    root = context.folder()
    return Runs.of(root) if context.is_workspace() else Runs(root / "runs")


class RunType(click.ParamType[str]):
    """A run that was kept."""

    name = "run"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[Any]]:
        """Complete `latest` and the names, the newest first."""
        runs = runs_in(completing(ctx), ctx.params.get("folder"))
        return [CompletionItem(i) for i in ("latest", *runs.ids()) if i.startswith(incomplete)]


RUN: Final = click.argument("run", default="latest", type=RunType())
FOLDER: Final = click.option(
    "--in",
    "folder",
    metavar="DIR",
    type=DirectoryType(),
    help="Where runs are kept; else .oneiric/runs, or runs where there is no workspace.",
)
