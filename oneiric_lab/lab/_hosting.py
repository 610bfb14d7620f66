"""How a workspace goes in this process: its numbers, its health, its host."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ._releasing import Releasing

if TYPE_CHECKING:
    from oneiric_lab.runtime import Metrics, Telemetry

T = TypeVar("T")


class Hosting(Releasing[T]):
    """A workspace that tells how it goes."""

    __slots__ = ()

    @property
    def telemetry(self) -> Telemetry:
        """What reads the numbers of this workspace in this process; a program may add rooms."""
        if self._telemetry is None:
            from ._telemetry import telemetry_of  # noqa: PLC0415 - few processes are measured

            self._telemetry = telemetry_of(
                self.registry,
                lambda: None if self._running is None else self._running.life,
                lambda: self._remote if self._remote.enabled else None,
            )
        return self._telemetry

    def metrics(self) -> Metrics:
        """Return all numbers of this process; `.text` is what Prometheus reads."""
        return self.telemetry.scrape()
