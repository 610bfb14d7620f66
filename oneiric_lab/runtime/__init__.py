"""What keeps a running system true to its configuration, and tells how it is.

`Telemetry` reads the numbers that rooms keep, `CATALOGUE` names all of them, and
`exposition` writes them as Prometheus reads them.
"""

from typing import TYPE_CHECKING

from oneiric_lab._lazy import exporter

if TYPE_CHECKING:
    from ._exposition import CONTENT_TYPE as CONTENT_TYPE
    from ._exposition import Metrics as Metrics
    from ._exposition import Sample as Sample
    from ._exposition import Scrape as Scrape
    from ._exposition import Summary as Summary
    from ._exposition import exposition as exposition
    from ._metrics import CATALOGUE as CATALOGUE
    from ._metrics import REASONS as REASONS
    from ._metrics import Metric as Metric
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
        },
    )

__all__ = [
    "CATALOGUE",
    "CONTENT_TYPE",
    "REASONS",
    "Metric",
    "Metrics",
    "Sample",
    "Scrape",
    "Span",
    "Summary",
    "Telemetry",
    "exposition",
    "is_tracing",
    "read_process",
    "span",
    "trace_context",
    "trace_spans",
]
