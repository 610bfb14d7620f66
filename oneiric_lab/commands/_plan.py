"""`plan [FILE|-]`: what a change would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oneiric_lab.errors import Fault, UsageError
from oneiric_lab.files import read

from ._root import parts
from ._types import FileType, LayerType, PathType, SetType

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.lab import Plan


def make_plan(
    ctx: click.Context,
    file: str | None,
    sets: tuple[str, ...],
    unset: tuple[str, ...],
    layer: str | None,
) -> Plan:
    """Return the plan that the arguments of `plan` and `apply` describe.

    Raises:
        UsageError: Nothing was asked for, or two things at once.
    """
    context = parts(ctx)
    where = layer or context.interaction.layer
    body, source = None, "<plan>"
    if file not in {None, "-"}:
        source = str(file)
        data = read(Path(source), shown=source).data
        try:
            body = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UsageError(
                Fault(
                    "not-utf8",
                    f"byte {error.start} of {file} is not UTF-8",
                    fix=f"iconv -f latin1 -t utf-8 {file}",
                )
            ) from None
    elif file == "-" or not (sets or unset):
        body = context.interaction.body()
    if body and body.strip():
        if sets or unset:
            raise UsageError("a text and --set together", fix="put the values into the text")
        return context.lab().plan(body, layer=where, source=source)
    if not sets and not unset:
        raise UsageError(Fault("usage", "nothing to plan", fix="plan --set server.port=9090"))
    return context.lab().plan(sets, layer=where, unset=unset)


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments that `plan` and `apply` share."""
    for decorator in (
        click.option(
            "--layer",
            metavar="LAYER",
            type=LayerType(),
            help="session, project, local, profile:NAME.",
        ),
        click.option(
            "--unset",
            multiple=True,
            metavar="PATH",
            type=PathType(),
            help="Remove what the layer says.",
        ),
        click.option(
            "--set", "sets", multiple=True, metavar="K=V", type=SetType(), help="A value to change."
        ),
        click.argument("file", required=False, type=FileType()),
    ):
        function = decorator(function)
    return function


@click.command("plan")
@options
@click.pass_context
def command(
    ctx: click.Context,
    file: str | None,
    sets: tuple[str, ...],
    unset: tuple[str, ...],
    layer: str | None,
) -> Plan:
    """Show what a change would do: a TOML FILE (`-` reads it here), or --set K=V."""
    return make_plan(ctx, file, sets, unset, layer)
