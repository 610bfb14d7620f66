"""What a handler listens to, and how it is to be treated: from a manifest, a program, options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oneiric_lab.errors import Fault, UsageError

from ._event import checked_topic
from ._filters import accepts, normal
from ._retry import RetryPolicy, retry_of

if TYPE_CHECKING:
    from oneiric_lab.registry import Candidate

    from ._filters import Accepts

M = TypeVar("M", bound=BaseModel)
Overflow = Literal["block", "drop-oldest", "dead-letter"]
"""What happens when a queue is full: who emits waits, the oldest event goes, or the new one is
kept as a dead letter."""

_Seconds = Annotated[float, Field(ge=0, le=31_536_000, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=1, le=1_000_000)]


class HandlerOptions(BaseModel):
    """What `[events.options]` says of handlers; of one of them below `handlers.KEY`."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    max_concurrency: _Count = 1
    """Events that a handler has in hand at a time, where it does not say so itself; with 1
    it gets them in their order."""
    queue_size: _Count = 1000
    """Events that wait for a handler."""
    overflow: Overflow = "block"
    """When a queue is full: `block` who emits, `drop-oldest`, or `dead-letter` the new one."""
    timeout: _Seconds = 30
    """Of one attempt, where the handler does not say so itself; 0 is no limit."""
    deadline: _Seconds = 300
    """Of all attempts and waits of an event together; 0 is no limit."""


class EventOptions(HandlerOptions):
    """The table `[events.options]`."""

    drain_timeout: _Seconds = 8
    """How long events may go on being handled when it is closed."""
    handlers: dict[str, dict[str, Any]] = {}
    """Handler to what is said of it alone."""

    def of(self, name: str) -> HandlerOptions:
        """Return what holds for the handler *name*."""
        said = self.handlers.get(name)
        if not said:
            return self
        shared = {field: getattr(self, field) for field in HandlerOptions.model_fields}
        return _validated(HandlerOptions, {**shared, **said}, f"events.options.handlers.{name}")


def options_of(said: Mapping[str, Any]) -> EventOptions:
    """Return the options in *said*, validated.

    Raises:
        UsageError: With a fault for each value that is none.
    """
    found = _validated(EventOptions, said, "events.options")
    for name in found.handlers:
        found.of(name)
    return found


def _validated(model: type[M], said: Mapping[str, Any], where: str) -> M:
    try:
        return model.model_validate(dict(said))
    except ValidationError as error:
        faults = [
            Fault("event-options", f"{'.'.join((where, *map(str, e['loc'])))}: {e['msg'].lower()}")
            for e in error.errors(include_url=False, include_input=False)
        ]
    raise UsageError(faults)


@dataclass(frozen=True, slots=True)
class Listener:
    """One handler's wishes.

    Attributes:
        name: Of the handler: the key of its component, or what the program calls it.
        topics: Events that it hears of, by their exact names.
        filters: All must hold.
        priority: Among the handlers of one event, the higher goes first.
        exclusive: Whether it alone gets an event that it takes.
        max_concurrency: Events that it has in hand at a time.
        queue_size: Events that wait for it.
        overflow: What happens when that many do.
        retry: How often one is tried.
        timeout: Seconds of one attempt; 0 is no limit.
        deadline: Seconds of all attempts and waits; 0 is no limit.
        blocking: Whether it blocks, and so is called in a worker thread.
        provider: Who provides it, empty for a function of the program.
        accepts: What tells whether an event passes the filters; None where there are none.
    """

    name: str
    topics: tuple[str, ...]
    filters: tuple[Mapping[str, Any], ...] = ()
    priority: int = 0
    exclusive: bool = False
    max_concurrency: int = 1
    queue_size: int = 1000
    overflow: Overflow = "block"
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout: float = 30.0
    deadline: float = 300.0
    blocking: bool = False
    provider: str = ""
    accepts: Accepts | None = field(default=None, repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        return {
            "handler": self.name,
            "provider": self.provider or None,
            "topics": list(self.topics),
            "filters": [dict(filter_) for filter_ in self.filters],
            "priority": self.priority,
            "fanout_policy": "exclusive" if self.exclusive else "broadcast",
            "max_concurrency": self.max_concurrency,
            "queue_size": self.queue_size,
            "overflow": self.overflow,
            "retry_policy": self.retry.as_dict(),
            "timeout": self.timeout,
            "deadline": self.deadline,
        }


_FACTS: Final = ("topics", "max_concurrency", "filters", "priority", "fanout_policy")
_FLAT: Final = {
    "topics": "topics",
    "max_concurrency": "max_concurrency",
    "filters": "filters",
    "event_priority": "priority",
    "fanout_policy": "fanout_policy",
}
"""The public project's names in a candidate's metadata, and ours in a table `event`."""


def listener_of(candidate: Candidate, options: EventOptions) -> Listener:
    """Return what the winner of an `event:KEY` listens to.

    An entry of a manifest says so in `event`; a plugin or a program in `metadata`, in a
    table `event` or in the public project's flat names. A handler that names no topic
    listens to the one of its key.

    Raises:
        UsageError: What is said is none; the message names the component.
    """
    metadata = candidate.metadata
    entry = _table(metadata.get("entry"))
    flat = {ours: metadata[name] for name, ours in _FLAT.items() if name in metadata}
    said = {**flat, **_table(metadata.get("event")), **_table(entry.get("event"))}
    calls = {**_table(metadata.get("timeouts")), **_table(entry.get("timeouts"))}
    facts: dict[str, Any] = {name: said[name] for name in _FACTS if said.get(name) is not None}
    if "call" in calls:
        facts["timeout"] = calls["call"]
    retry = entry.get("retry_policy") or metadata.get("retry_policy")
    facts.setdefault("topics", [candidate.key])
    try:
        return listener(
            candidate.key,
            provider=candidate.provider,
            options=options,
            retry=retry,
            blocking=candidate.blocking,
            **facts,
        )
    except UsageError as error:
        faults = [
            Fault(
                f.code,
                f"{candidate.target} ({candidate.provider}): {f.message}",
                candidate.origin,
                fix=f.fix,
            )
            for f in error.faults
        ]
    raise UsageError(faults)


def listener(
    name: str,
    *,
    topics: str | Iterable[str],
    options: EventOptions,
    provider: str = "",
    filters: Iterable[Mapping[str, Any]] = (),
    priority: int = 0,
    fanout_policy: str = "broadcast",
    retry: Mapping[str, Any] | RetryPolicy | None = None,
    blocking: bool = False,
    **limits: Any,
) -> Listener:
    """Return a listener, with what *options* say where it says nothing itself.

    Raises:
        UsageError: What is said is none.
    """
    if not isinstance(topics, str | Iterable):
        raise _bad(f"topics: expected a list of names, got {topics!r:.60}")
    named = (topics,) if isinstance(topics, str) else tuple(topics)
    if not named:
        raise _bad("expected one topic at least")
    if fanout_policy not in ("broadcast", "exclusive"):
        raise _bad(f"fanout_policy: expected broadcast or exclusive, got {fanout_policy!r:.60}")
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise _bad(f"priority: expected a whole number, got {priority!r}")
    asked = filters if isinstance(filters, list) else _listed(filters)
    test = accepts(asked)
    shared = options.of(name)
    said = {field: getattr(shared, field) for field in HandlerOptions.model_fields}
    chosen = _validated(HandlerOptions, {**said, **limits}, "handler")
    policy = retry if isinstance(retry, RetryPolicy) else retry_of(retry)
    return Listener(
        name,
        tuple(dict.fromkeys(map(checked_topic, named))),
        tuple(normal(one) for one in asked),
        priority,
        fanout_policy == "exclusive",
        provider=provider,
        retry=policy,
        blocking=blocking,
        accepts=test,
        **{field: getattr(chosen, field) for field in HandlerOptions.model_fields},
    )


def _listed(said: Any) -> Any:
    # A text or a table is no list of filters, and told so where they are read.
    plain = isinstance(said, str | Mapping) or not isinstance(said, Iterable)
    return said if plain else list(said)


def _table(said: object) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {}


def _bad(what: str) -> UsageError:
    return UsageError(Fault("event", what))
