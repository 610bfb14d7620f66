"""How a workspace goes in this process: its numbers, its health, its host."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from ._releasing import Releasing

if TYPE_CHECKING:
    from oneiric_lab.runtime import Health, Logs, Metrics, Telemetry

    from ._host import WorkspaceHost
    from ._hostable import Hostable

T = TypeVar("T")


class Hosting(Releasing[T]):
    """A workspace that tells how it goes."""

    __slots__ = ()

    @property
    def telemetry(self) -> Telemetry:
        """What reads the numbers of this workspace in this process; a program may add rooms."""
        if self._telemetry is None:
            from ._telemetry import read_secrets, telemetry_of  # noqa: PLC0415 - few are measured

            self._telemetry = telemetry_of(
                self.registry,
                lambda: None if self._running is None else self._running.life,
                lambda: self._remote if self._remote.enabled else None,
                lambda: self._events,
                self.store,
            )
            self._telemetry.rooms["secrets"] = partial(read_secrets, self.keeping.keeper)
        return self._telemetry

    def metrics(self) -> Metrics:
        """Return all numbers of this process; `.text` is what Prometheus reads."""
        return self.telemetry.scrape()

    @property
    def is_hosted(self) -> bool:
        """Whether this process is the workspace's host."""
        return self._hosted is not None

    def health(self) -> Health:
        """Return how this workspace is in this process; exit code 1 where something is bad."""
        if self._hosted is not None:
            return self._hosted.health()
        from ._health import health_of  # noqa: PLC0415 - see above

        return health_of(cast("Hostable", self))

    def host(
        self,
        *,
        kind: str | None = None,
        address: str | None = None,
        port: int | None = None,
        http: bool | None = None,
    ) -> WorkspaceHost:
        """Return the host of this workspace: `await lab.host().serve()` holds it up.

        Args:
            kind: `default`, `serverless` or `edge`; None is `runtime_supervisor.kind`.
            address: Where it listens; None is what the settings and the variable PORT say.
            port: See *address*; 0 is any that is free.
            http: Whether it listens at all; None is what the settings say.

        Raises:
            UsageError: There is no such kind, or orders are wanted without a token.
        """
        from ._host import WorkspaceHost  # noqa: PLC0415 - most processes host nothing

        return WorkspaceHost(
            cast("Hostable", self), kind=kind, address=address, port=port, http=http
        )

    def logs(self, *, level: str = "debug", match: str = "", limit: int = 50) -> Logs:
        """Return the last log records of the host: of this process's, or of the last that ran.

        Args:
            level: Least level: `debug`, `info`, `warning`, `error` or `critical`.
            match: A text that a record must hold.
            limit: How many.
        """
        from ._logging import logs_of  # noqa: PLC0415 - see above

        return logs_of(cast("Hostable", self), level=level, match=match, limit=limit)
