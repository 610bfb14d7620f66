"""What became of events, as plain integers: written on the hot path, read at a scrape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OUTCOMES: Final = ("handled", "retried", "dead", "dropped", "unhandled")
"""What can become of an event at a handler. `retried` counts attempts that were repeated; an
event that nobody takes is `unhandled`, once."""


@dataclass(slots=True)
class Counts:
    """Deliveries of one topic, by outcome."""

    handled: int = 0
    retried: int = 0
    dead: int = 0
    dropped: int = 0
    unhandled: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return outcome to number, every outcome named."""
        return {name: getattr(self, name) for name in OUTCOMES}
