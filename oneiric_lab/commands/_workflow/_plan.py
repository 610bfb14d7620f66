"""`workflow plan KEY`: what a run would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._payload import KeyType
from oneiric_lab.commands._root import parts
from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.runtime import FlowPlan


@click.command("plan")
@click.argument("key", type=KeyType("workflow"))
@click.option("--out", metavar="FILE.svg", type=FileType(), help="Draw them into a file, too.")
@click.pass_context
def command(ctx: click.Context, key: str, out: str | None) -> FlowPlan:
    """Show the nodes of the workflow KEY, what comes after what, and who would do it.

    Exit 1 where it cannot be run.
    """
    plan = parts(ctx).lab().workflows.plan(key)
    if out is not None:
        from oneiric_lab.files import write_atomic  # noqa: PLC0415 - few ask for it

        write_atomic(Path(out).absolute(), plan.to_svg().encode(), shown=out)
    return plan
