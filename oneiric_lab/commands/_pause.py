"""`pause TARGET`: let no lease begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ._root import parts
from ._types import ComponentType

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.lab import Lab
    from oneiric_lab.store import DesiredState
    from oneiric_lab.views import Result


def want(
    ctx: click.Context,
    target: str,
    state: DesiredState,
    act: Callable[[Lab[Any]], Any],
    *,
    why: str,
    dry_run: bool,
) -> Result:
    """Write down what is wanted of a component, and act on it where it runs in this process.

    Args:
        ctx: Of the verb.
        target: `domain:key`.
        state: What is wanted.
        act: Returns the coroutine that does both in this process.
        why: One line.
        dry_run: Only show it.
    """
    context = parts(ctx)
    lab = context.lab()
    here = context.interaction.layer == "session"
    if here and not dry_run and lab.is_running():
        name = str(ctx.info_name)
        return context.interaction.work(
            name, lambda progress, cancelled: lab.wait_for(act(lab), cancelled)
        )
    return lab.desire(target, state, why=why, dry_run=dry_run, here=here)


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments that `pause`, `resume` and `drain` share."""
    for decorator in (
        click.option("--dry-run", is_flag=True, help="Show what would be wanted only."),
        click.option("--why", default="", metavar="TEXT", help="Told to who meets it."),
        click.argument("target", type=ComponentType()),
    ):
        function = decorator(function)
    return function


@click.command("pause")
@options
@click.pass_context
def command(ctx: click.Context, target: str, why: str, *, dry_run: bool) -> Result:
    """Let no lease of TARGET begin, in every process that watches; what is held goes on."""
    return want(
        ctx, target, "paused", lambda lab: lab.pause(target, why=why), why=why, dry_run=dry_run
    )
