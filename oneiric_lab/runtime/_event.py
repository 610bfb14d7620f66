"""An event on its way: what happened, and what is known of where it comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from oneiric_lab.errors import Fault, UsageError

TOPIC_LONGEST: Final = 200
"""Characters of a topic, as of a name in a manifest."""

NO_HEADERS: Final[Mapping[str, Any]] = MappingProxyType({})
_PLAIN: Final = (dict, list, str, int, float, bool, type(None))


class Event(NamedTuple):
    """One event: a topic, a payload, and its headers.

    `as_dict` has the public project's names: `event_id`, `timestamp`, `correlation_id` and
    `causation_id` among the headers.

    Attributes:
        topic: What happened, such as `order-placed`.
        payload: Plain JSON data.
        id: No other event has it.
        source: Who says so.
        at: Seconds since 1970.
        correlation: The event that began it all, where another one caused this.
        causation: The event whose handler emitted this one, or empty.
        version: Of the payload's shape.
        headers: Anything else that travels with it.
    """

    topic: str
    payload: Any = None
    id: str = ""
    source: str = ""
    at: float = 0.0
    correlation: str = ""
    causation: str = ""
    version: str = "1.0.0"
    headers: Mapping[str, Any] = NO_HEADERS

    def header(self, name: str, default: object = None) -> Any:
        """Return the header *name*, as `as_dict` calls it; *default* where there is none."""
        found = _OWN.get(name)
        if found is None:
            return self.headers.get(name, default)
        value = found(self)
        return default if value == "" else value

    def as_dict(self) -> dict[str, Any]:
        """Return topic, payload and headers as JSON has them."""
        own = {name: found(self) for name, found in _OWN.items()}
        return {
            "topic": self.topic,
            "payload": self.payload,
            "headers": {**self.headers, **{k: v for k, v in own.items() if v != ""}},
        }

    @classmethod
    def from_dict(cls, said: object) -> Event:
        """Return what `as_dict` gave.

        Raises:
            UsageError: It is no event.
        """
        if not isinstance(said, Mapping) or not isinstance(said.get("headers", {}), Mapping):
            raise bad("expected an event: topic, payload, headers")
        headers = dict(said.get("headers", {}))
        stamp = headers.pop("timestamp", None)
        try:
            at = 0.0 if stamp is None else datetime.fromisoformat(str(stamp)).timestamp()
        except (ValueError, OverflowError):
            raise bad(f"timestamp {stamp!r} is no time", "2026-01-31T12:00:00Z") from None
        texts: dict[str, Any] = {
            field: str(headers.pop(name))
            for name, field in _TEXTS.items()
            if headers.get(name) is not None
        }
        return cls(checked_topic(said.get("topic")), said.get("payload"), at=at, **texts)._replace(
            headers=headers or NO_HEADERS
        )


def completed(event: Event, *, source: str, at: float, cause: Event | None = None) -> Event:
    """Return *event* with what it lacks: an id, a time, a source, and what it belongs to.

    Raises:
        UsageError: JSON could not say its payload.
    """
    known = cause or Event("")
    return event._replace(
        payload=checked_payload(event.payload),
        id=event.id or new_id(),
        at=event.at or at,
        source=event.source or source,
        correlation=event.correlation or known.correlation or known.id,
        causation=event.causation or known.id,
    )


_TEXTS: Final = {
    "event_id": "id",
    "source": "source",
    "version": "version",
    "correlation_id": "correlation",
    "causation_id": "causation",
}
"""Header to the field that it fills."""


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z") if at else ""


_OWN: Final[dict[str, Any]] = {
    "event_id": lambda e: e.id,
    "source": lambda e: e.source,
    "version": lambda e: e.version,
    "timestamp": lambda e: _stamp(e.at),
    "correlation_id": lambda e: e.correlation,
    "causation_id": lambda e: e.causation,
}
"""Header to what gives it, in the order in which people read them."""


def new_id() -> str:
    """Return 128 random bits in hexadecimal; a third of the time of `uuid4`, safe after a fork."""
    return os.urandom(16).hex()


def checked_topic(topic: object) -> str:
    """Return *topic* where it is one.

    Raises:
        UsageError: It is empty, too long, or cannot be printed.
    """
    if isinstance(topic, str) and 0 < len(topic) <= TOPIC_LONGEST and topic.isprintable():
        return topic
    raise bad(
        f"expected a topic of at most {TOPIC_LONGEST} printable characters, got {topic!r:.60}"
    )


def checked_payload(payload: object) -> object:
    """Return *payload* where JSON could say it; what stands in it is not looked at.

    Raises:
        UsageError: It is something else.
    """
    if isinstance(payload, _PLAIN):
        return payload
    raise bad(
        f"expected JSON data as the payload, got {type(payload).__name__}",
        "emit a dictionary of its facts: dataclasses.asdict(it), it.model_dump(mode='json')",
    )


def bad(what: str, fix: str | None = None) -> UsageError:
    """Return the error of an event that is none."""
    return UsageError(Fault("event", what, fix=fix))
