"""What the verbs about runs are asked, and where they do it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from oneiric_lab.commands._types import completing
from oneiric_lab.errors import OneiricError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from oneiric_lab.commands._context import Context
    from oneiric_lab.views import Result


class RunType(click.ParamType[str]):
    """A run of a workflow."""

    name = "run"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[Any]]:
        """Complete the newest runs; where none can be read, nothing is known."""
        try:
            found = completing(ctx).lab().workflows.runs(limit=50)
        except OneiricError:
            return []
        return [CompletionItem(run.id) for run in found.rows if run.id.startswith(incomplete)]


def done_here(context: Context, name: str, do: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Do it and wait in a shell; in a kernel return its job."""
    lab = context.lab()
    flows = lab.workflows
    if context.interaction.submit is None:
        return flows.alone(do)

    async def work(ctx: Any) -> Result:
        return await flows.engines.at_home(do)

    return lab.submit(work, name=name)
