"""What is told of a run while it goes on."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from oneiric_lab.errors import Fault, UsageError, did_you_mean, logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._flow_run import NodeRun

Moment = Literal[
    "run_start", "run_end", "run_error", "node_start", "node_end", "node_error", "node_skip"
]
MOMENTS: Final[tuple[Moment, ...]] = (
    "run_start",
    "run_end",
    "run_error",
    "node_start",
    "node_end",
    "node_error",
    "node_skip",
)


@dataclass(frozen=True, slots=True)
class FlowEvent:
    """One moment of a run.

    Attributes:
        moment: `run_start`, `run_end`, `run_error`, `node_start`, `node_end`, `node_error` or
            `node_skip`.
        run_id: Of which run.
        workflow: Of which workflow.
        node: Of which node; empty for the run itself.
        detail: What became of the node, at its end; None before.
        why: Why it failed or was skipped: `recorded` (a run that is resumed has it already),
            `kept` (a fork took it over), or that something before it failed.
    """

    moment: Moment
    run_id: str
    workflow: str
    node: str = ""
    detail: NodeRun | None = None
    why: str = ""


class FlowHooks:
    """Functions that are called at the moments of runs, in the order in which they were added.

    They are called where the run is, and it waits for them; one that raises is logged and
    changes nothing of the run. After a crash a node may begin again, and is told again.

    Example:
        >>> hooks = FlowHooks()
        >>> off = hooks.on("node_end", lambda event: print(event.node))
        >>> off()
    """

    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls: dict[str, tuple[Callable[[FlowEvent], Any], ...]] = {}

    def on(self, moment: Moment, call: Callable[[FlowEvent], Any]) -> Callable[[], None]:
        """Call *call* at a moment of every run; return what takes it off again.

        Args:
            moment: One of those of `FlowEvent`.
            call: A function or a coroutine function.

        Raises:
            UsageError: There is no such moment.
        """
        if moment not in MOMENTS:
            raise UsageError(
                Fault("usage", f"runs have no moment {moment!r}", fix=did_you_mean(moment, MOMENTS))
            )
        self.calls[moment] = (*self.calls.get(moment, ()), call)

        def off() -> None:
            self.calls[moment] = tuple(c for c in self.calls[moment] if c is not call)

        return off

    async def tell(self, event: FlowEvent) -> None:
        """Call all that listen to a moment, one after the other."""
        for call in self.calls.get(event.moment, ()):
            try:
                found = call(event)
                if inspect.isawaitable(found):
                    await found
            except Exception:  # noqa: BLE001 - a hook's failure is not the run's
                logger(__name__).exception("a hook failed at %s of %s", event.moment, event.run_id)
