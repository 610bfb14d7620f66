"""Our numbers as metrics of OpenTelemetry: read from plain integers when somebody collects.

One of the two modules that know OpenTelemetry. Nothing is counted twice and nothing stands on
the hot path: an instrument here is a name and a function that reads a scrape.
"""

from __future__ import annotations

from itertools import accumulate
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.errors import MissingExtraError
from oneiric_lab.lifecycle import Buckets

from ._exposition import Summary, number_text
from ._metrics import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ._exposition import Sample
    from ._metrics import Metric
    from ._telemetry import Telemetry

    Reading = Iterator[tuple[float, dict[str, str]]]

_SCOPE: Final = "oneiric_lab"


def bridge_metrics(telemetry: Telemetry, provider: Any = None) -> Callable[[], None]:
    """Have OpenTelemetry collect what *telemetry* reads; return what ends that.

    Each metric of the catalogue is an observable counter or gauge under its dotted name. There
    is no observable histogram: one is `NAME.bucket` with `le`, `NAME.sum` and `NAME.count`, as
    Prometheus has it, and a summary the last two. A collection costs one scrape.

    Args:
        telemetry: What is read, such as `lab.telemetry`; from the thread that collects.
        provider: Who makes meters; None is the one that the program set up globally.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """
    try:
        from opentelemetry import metrics  # noqa: PLC0415 - 46 ms, for those who export
    except ImportError as error:
        raise MissingExtraError("its metrics need OpenTelemetry", extra="otel") from error
    bridge = _Bridge(telemetry, metrics.Observation)
    meter = metrics.get_meter(_SCOPE, meter_provider=provider)
    for metric in CATALOGUE.values():
        for name, unit, kind, read in _instruments(metric):
            make = (
                meter.create_observable_counter
                if kind == "counter"
                else meter.create_observable_gauge
            )
            make(name, [bridge.reader(name, metric, read)], unit, f"{metric.says}.")
    return bridge.end


class _Bridge:
    """Shares one scrape among the instruments of one collection."""

    def __init__(self, telemetry: Telemetry, observation: Callable[..., Any]) -> None:
        self._telemetry, self._observation = telemetry, observation
        self._lock = Lock()
        # Instruments that have not read this scrape; one that asks again begins the next one.
        self._unread: set[str] = set()
        self._names: set[str] = set()
        self._found: dict[str, list[Sample]] = {}
        self._is_over = False

    def reader(
        self, name: str, metric: Metric, read: Callable[[Sample], Reading]
    ) -> Callable[[Any], Iterable[Any]]:
        """Return what an instrument calls."""
        self._names.add(name)

        def observe(_: Any) -> list[Any]:
            return [
                self._observation(value, labels)
                for sample in self._samples(name, metric.name)
                for value, labels in read(sample)
            ]

        return observe

    def _samples(self, name: str, metric: str) -> list[Sample]:
        with self._lock:
            if self._is_over:
                return []
            if name not in self._unread:
                self._unread = set(self._names)
                self._found = {}
                for sample in self._telemetry.scrape().samples:
                    self._found.setdefault(sample.metric.name, []).append(sample)
            self._unread.discard(name)
            return self._found.get(metric, [])

    def end(self) -> None:
        """Tell nothing any more; OpenTelemetry itself forgets no instrument."""
        with self._lock:
            self._is_over = True
            self._found = {}


def _instruments(
    metric: Metric,
) -> Iterator[tuple[str, str, str, Callable[[Sample], Reading]]]:
    if metric.kind in {"counter", "gauge"}:
        yield metric.otel, metric.unit, metric.kind, _plain
        return
    if metric.kind == "histogram":
        yield f"{metric.otel}.bucket", "1", "counter", _buckets
    yield f"{metric.otel}.sum", metric.unit, "counter", _sum
    yield f"{metric.otel}.count", "1", "counter", _count


def _plain(sample: Sample) -> Reading:
    assert not isinstance(sample.value, Buckets | Summary), "a number"  # noqa: S101 - the catalogue's own
    yield sample.value, sample.named


def _sum(sample: Sample) -> Reading:
    assert isinstance(sample.value, Buckets | Summary), "not a number"  # noqa: S101 - see above
    yield sample.value.total, sample.named


def _count(sample: Sample) -> Reading:
    assert isinstance(sample.value, Buckets | Summary), "not a number"  # noqa: S101 - see above
    yield sample.value.number, sample.named


def _buckets(sample: Sample) -> Reading:
    assert isinstance(sample.value, Buckets), "a histogram"  # noqa: S101 - see above
    bounds = [*map(number_text, sample.value.bounds), "+Inf"]
    for bound, below in zip(bounds, accumulate(sample.value.counts), strict=True):
        yield below, {**sample.named, "le": bound}
