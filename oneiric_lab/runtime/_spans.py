"""Spans around what takes long: swaps, syncs, runs and nodes; never around a resolve.

With `_meters` the door to OpenTelemetry. Where nobody traces, a span is one object that does
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from oneiric_lab.errors import MissingExtraError

if TYPE_CHECKING:
    from types import TracebackType

_tracer: Any = None


class Span:
    """What is being traced; this one does nothing."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def set(self, **facts: str | float | bool) -> None:
        """Say more about it."""


_NOTHING: Final = Span()


class _Traced(Span):
    """A span of OpenTelemetry's."""

    __slots__ = ("_about", "_span")

    def __init__(self, about: Any) -> None:
        self._about = about
        self._span: Any = None

    def __enter__(self) -> Self:
        self._span = self._about.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and self._span is not None:
            from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - see trace_spans

            # The kind alone: a message may hold what traces must not.
            self._span.set_status(Status(StatusCode.ERROR, kind.__name__))
        self._about.__exit__(kind, error, trace)

    def set(self, **facts: str | float | bool) -> None:
        if self._span is not None:
            self._span.set_attributes({f"oneiric_lab.{name}": fact for name, fact in facts.items()})


def span(name: str, **facts: str | float | bool) -> Span:
    """Return what `with` makes a span of; it costs 0.2 µs where nobody traces.

    Args:
        name: What is done: `swap`, `sync`, `run`, `node`.
        facts: What is known of it; attributes `oneiric_lab.NAME`. No secrets, no payloads.

    Example:
        >>> with span("swap", target="adapter:cache") as one:
        ...     one.set(outcome="committed")
    """
    if _tracer is None:
        return _NOTHING
    return _Traced(
        _tracer.start_as_current_span(
            f"oneiric_lab.{name}",
            attributes={f"oneiric_lab.{key}": fact for key, fact in facts.items()},
            record_exception=False,
            set_status_on_exception=False,
        )
    )


def trace_spans(provider: Any = None, *, on: bool = True) -> None:
    """Make spans from here on, or no more.

    Args:
        provider: Who makes tracers; None is the one that the program set up globally.
        on: False ends it.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """
    global _tracer  # noqa: PLW0603 - one switch for the process, read at each span
    if not on:
        _tracer = None
        return
    try:
        from opentelemetry import trace  # noqa: PLC0415 - 46 ms, for those who trace
    except ImportError as error:
        raise MissingExtraError("spans need OpenTelemetry", extra="otel") from error
    _tracer = trace.get_tracer("oneiric_lab", tracer_provider=provider)


def is_tracing() -> bool:
    """Tell whether spans are made."""
    return _tracer is not None


def trace_context() -> dict[str, str]:
    """Return `trace_id` and `span_id` of where we are, for a log record; empty for nowhere."""
    if _tracer is None:
        return {}
    from opentelemetry import trace  # noqa: PLC0415 - see trace_spans

    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return {}
    return {"trace_id": f"{found.trace_id:032x}", "span_id": f"{found.span_id:016x}"}
