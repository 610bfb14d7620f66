"""What keeps a running system true to its configuration, and tells how it is.

`Telemetry` reads the numbers that rooms keep, `CATALOGUE` names all of them, and
`exposition` writes them as Prometheus reads them.

Events go from who emits them to the handlers that take them; see `Events`.
"""

from typing import TYPE_CHECKING

from oneiric_lab._lazy import exporter

if TYPE_CHECKING:
    from ._event import Event as Event
    from ._events import Delivery as Delivery
    from ._events import Events as Events
    from ._exposition import CONTENT_TYPE as CONTENT_TYPE
    from ._exposition import Metrics as Metrics
    from ._exposition import Sample as Sample
    from ._exposition import Scrape as Scrape
    from ._exposition import Summary as Summary
    from ._exposition import exposition as exposition
    from ._filters import accepts as accepts
    from ._listener import EventOptions as EventOptions
    from ._listener import Listener as Listener
    from ._listener import listener_of as listener_of
    from ._listener import options_of as options_of
    from ._metrics import CATALOGUE as CATALOGUE
    from ._metrics import REASONS as REASONS
    from ._metrics import Metric as Metric
    from ._retry import RetryPolicy as RetryPolicy
    from ._retry import retry_of as retry_of
    from ._spans import Span as Span
    from ._spans import is_tracing as is_tracing
    from ._spans import span as span
    from ._spans import trace_context as trace_context
    from ._spans import trace_spans as trace_spans
    from ._telemetry import Telemetry as Telemetry
    from ._telemetry import read_process as read_process
else:
    # Who only runs workflows measures nothing, and who measures runs no host.
    __getattr__, __dir__ = exporter(
        __name__,
        {
            "CATALOGUE": "._metrics",
            "CONTENT_TYPE": "._exposition",
            "Metric": "._metrics",
            "Metrics": "._exposition",
            "REASONS": "._metrics",
            "Sample": "._exposition",
            "Scrape": "._exposition",
            "Span": "._spans",
            "Summary": "._exposition",
            "Telemetry": "._telemetry",
            "exposition": "._exposition",
            "is_tracing": "._spans",
            "read_process": "._telemetry",
            "span": "._spans",
            "trace_context": "._spans",
            "trace_spans": "._spans",
            "Delivery": "._events",
            "Event": "._event",
            "EventOptions": "._listener",
            "Events": "._events",
            "Listener": "._listener",
            "RetryPolicy": "._retry",
            "accepts": "._filters",
            "listener_of": "._listener",
            "options_of": "._listener",
            "retry_of": "._retry",
        },
    )

__all__ = [
    "CATALOGUE",
    "CONTENT_TYPE",
    "REASONS",
    "Delivery",
    "Event",
    "EventOptions",
    "Events",
    "Listener",
    "Metric",
    "Metrics",
    "RetryPolicy",
    "Sample",
    "Scrape",
    "Span",
    "Summary",
    "Telemetry",
    "accepts",
    "exposition",
    "is_tracing",
    "listener_of",
    "options_of",
    "read_process",
    "retry_of",
    "span",
    "trace_context",
    "trace_spans",
]
