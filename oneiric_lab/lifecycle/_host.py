"""What a component's place asks of the lifecycle that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Mapping

    from oneiric_lab.registry import Candidate, Registry

    from ._incarnation import Incarnation
    from ._limits import Limits
    from ._tally import Tally


class Host(Protocol):
    """The lifecycle, as its slots see it."""

    registry: Registry
    limits: Limits
    trace: bool
    context: Mapping[str, Any] | None
    is_closed: bool
    tally: Tally

    def slot_of(self, target: str) -> Any:
        """Return the place of `domain:key`."""

    def redact(self, text: str) -> str:
        """Return *text* without what nobody may read."""

    def settings(self, candidate: Candidate) -> Mapping[str, Any]:
        """Return the settings of a candidate."""

    def hooks(self, hook: str) -> tuple[Callable[..., Any], ...]:
        """Return who is called at *hook*."""

    def bind(self) -> None:
        """Make the running loop the owner, or refuse another one."""

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the owner's loop."""

    def known_loop(self) -> asyncio.AbstractEventLoop | None:
        """Return the owner's loop where there is one and it runs."""

    def owns_thread(self) -> bool:
        """Tell whether this is the owner's thread."""

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start what ends an incarnation."""

    async def changed(self) -> None:
        """Wait until something that drained has ended."""

    def tell(
        self, target: str, what: str, incarnation: Incarnation | None, detail: str = ""
    ) -> None:
        """Tell who listens of a change."""
