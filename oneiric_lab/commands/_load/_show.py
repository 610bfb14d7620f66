"""`load show [RUN]`: a run that was kept, as it was shown at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._root import parts

from ._kept import FOLDER, RUN, runs_in

if TYPE_CHECKING:
    from oneiric_lab.loadlab import Run


@click.command("show")
@RUN
@FOLDER
@click.pass_context
def command(ctx: click.Context, run: str, folder: str | None) -> Run:
    """Show RUN, the newest one where none is named; its scenario is not imported.

    RUN is `latest`, the beginning or the last part of a name that load runs lists, or the
    path of its folder. The exit code is the one of the run.
    """
    return runs_in(parts(ctx), folder).open(run)
