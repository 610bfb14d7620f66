"""`run`: hold the workspace up in this process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from ._context import Stream
from ._root import parts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from oneiric_lab.lab import Screen, WorkspaceHost
    from oneiric_lab.views import Result


@click.command("run")
@click.option(
    "--as", "kind", metavar="KIND", help="default, serverless (no loops), or edge (offline first)."
)
@click.option(
    "--host", "address", metavar="ADDRESS", help="Where it listens; 127.0.0.1 by default."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    metavar="N",
    help="8080 by default; 0 is any that is free.",
)
@click.option("--no-http", is_flag=True, help="Listen nowhere.")
@click.option("--dry-run", is_flag=True, help="Say what it would do, and whether it could.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    kind: str | None,
    address: str | None,
    port: int | None,
    no_http: bool,
    dry_run: bool,
) -> Screen | Stream:
    """Hold the workspace up until told to stop: follow files, sources and wishes, answer probes.

    Ctrl-C or SIGTERM ends it within ten seconds, told twice at once; SIGHUP reads the
    configuration again. With --json, logs are JSON lines too.
    """
    context = parts(ctx)
    interaction = context.interaction
    host = context.lab().host(
        kind=kind, address=address, port=port, http=False if no_http else None
    )
    if dry_run:
        return host.screen()
    own = interaction.takes_over
    machine = interaction.machine
    return Stream("run", lambda: _held(host, signals=own, machine=machine), hint="", judged=True)


async def _held(
    host: WorkspaceHost, *, signals: bool, machine: bool
) -> AsyncGenerator[Result, None]:
    """Yield the first screen when all is up, and how it ended when it did."""
    screens: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.create_task(
        host.serve(screens.put_nowait, signals=signals, machine=machine), name="oneiric host"
    )
    first = asyncio.create_task(screens.get())
    try:
        await asyncio.wait({task, first}, return_when=asyncio.FIRST_COMPLETED)
        if first.done():
            yield first.result()
        yield await task
    finally:
        first.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
