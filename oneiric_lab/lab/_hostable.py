"""The lab, as its host sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from oneiric_lab.config import Settings, Snapshot
    from oneiric_lab.lifecycle import Lifecycle
    from oneiric_lab.registry import Registry
    from oneiric_lab.runtime import Metrics, Telemetry, Watch, Watching
    from oneiric_lab.store import Store

    from ._keeping import Keeping
    from ._running import Running
    from ._synced import RemoteStatus, SyncReport
    from ._watching import Followed


class Hostable(Protocol):
    """What of a workspace a host holds up; a `Lab` is one."""

    root: Path
    store: Store
    registry: Registry
    settings: Settings
    snapshot: Snapshot
    _running: Running | None
    _hosted: Any

    @property
    def telemetry(self) -> Telemetry:
        """What reads its numbers."""

    @property
    def events(self) -> Any:
        """Its events."""

    @property
    def workflows(self) -> Any:
        """Its workflows."""

    def metrics(self) -> Metrics:
        """Return its numbers."""

    def running(self) -> AbstractAsyncContextManager[Lifecycle]:
        """Hold its components."""

    @property
    def keeping(self) -> Keeping:
        """What keeps its secrets."""

    @property
    def watching(self) -> Watching:
        """How its watch stands."""

    def watch(self, *, interval: float, acts: bool) -> Watch[Followed]:
        """Follow its files."""

    def keep_synced(self) -> AsyncGenerator[SyncReport, None]:
        """Follow its sources."""

    @property
    def async_sync(self) -> Callable[..., Any]:
        """Ask its sources once."""

    def remote_status(self) -> RemoteStatus:
        """Return how its sources stand."""

    @property
    def reload(self) -> Callable[..., Snapshot]:
        """Read its files again."""

    def _run(self) -> Running: ...
