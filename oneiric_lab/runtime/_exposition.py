"""One look at all numbers, and how Prometheus reads it.

The text is format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, product
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from oneiric_lab.lifecycle import Buckets
from oneiric_lab.views import Column, Note, Result, Table, View

from ._metrics import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ._metrics import Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_FORBIDDEN: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class Summary(NamedTuple):
    """How many there were, and what they came to together."""

    number: int
    total: float


Value = int | float | Buckets | Summary
Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One number of a metric.

    Attributes:
        metric: Whose it is.
        labels: Values of its labels, in its order.
        value: A number; of a histogram its buckets, of a summary its two numbers.
    """

    metric: Metric
    labels: Labels
    value: Value

    @property
    def named(self) -> dict[str, str]:
        """Label to value."""
        return dict(zip(self.metric.labels, self.labels, strict=True))


class Scrape:
    """What the rooms say when they are asked; only what the catalogue knows.

    Args:
        catalogue: Name to metric.
    """

    def __init__(self, catalogue: Mapping[str, Metric] = CATALOGUE) -> None:
        self._catalogue = catalogue
        self._found: dict[str, dict[Labels, Value]] = {}

    def put(self, name: str, value: Value, *labels: str) -> None:
        """Take one number.

        Raises:
            ValueError: The catalogue has no such metric, or no such label.
        """
        metric = self._catalogue.get(name)
        if metric is None:
            raise ValueError(f"the catalogue has no metric {name!r}")
        if len(labels) != len(metric.labels):
            raise ValueError(f"{name} has the labels {', '.join(metric.labels) or 'none'}")
        for (label, known), said in zip(metric.labels.items(), labels, strict=True):
            if known is not None and said not in known:
                raise ValueError(f"{name}: {label} is one of {', '.join(known)}, got {said!r}")
        self._found.setdefault(name, {})[labels] = value

    def table(
        self,
        name: str,
        found: Mapping[Any, Value],
        zero: Value = 0,
        **names: Iterable[str],
    ) -> None:
        """Take all numbers of a metric, and *zero* for each label set that has none yet.

        Args:
            name: Of the metric.
            found: Label set to number; a metric of one label may say it alone.
            zero: What the others are.
            names: For a label without a closed set, its values as far as they are known.
        """
        metric = self._catalogue[name]
        for labels in product(
            *(known or names.get(label, ()) for label, known in metric.labels.items())
        ):
            self.put(name, zero, *labels)
        for labels_, value in found.items():
            self.put(name, value, *([labels_] if isinstance(labels_, str) else labels_))

    def samples(self) -> Iterator[Sample]:
        """Yield all numbers in the order of the catalogue."""
        for name, metric in self._catalogue.items():
            for labels, value in self._found.get(name, {}).items():
                yield Sample(metric, labels, value)


def exposition(samples: Iterable[Sample]) -> str:
    """Return *samples* as Prometheus reads them."""
    lines: list[str] = []
    told = ""
    for sample in samples:
        metric = sample.metric
        if metric.name != told:
            told = metric.name
            says = metric.says.replace("\\", "\\\\").replace("\n", "\\n")
            lines.append(f"# HELP {told} {says}.\n# TYPE {told} {metric.kind}")
        pairs = [
            f'{name}="{value.translate(_FORBIDDEN)}"'
            for name, value in zip(metric.labels, sample.labels, strict=True)
        ]
        lines += _lines(told, pairs, sample.value)
    return "\n".join(lines) + "\n" if lines else ""


def _lines(name: str, pairs: list[str], value: Value) -> Iterator[str]:
    shown = f"{{{','.join(pairs)}}}" if pairs else ""
    if isinstance(value, Buckets):
        bounds = [*map(number_text, value.bounds), "+Inf"]
        for bound, below in zip(bounds, accumulate(value.counts), strict=True):
            inner = ",".join([*pairs, f'le="{bound}"'])
            yield f"{name}_bucket{{{inner}}} {below}"
        yield f"{name}_sum{shown} {number_text(value.total)}"
        yield f"{name}_count{shown} {value.number}"
    elif isinstance(value, Summary):
        yield f"{name}_sum{shown} {number_text(value.total)}"
        yield f"{name}_count{shown} {value.number}"
    else:
        yield f"{name}{shown} {number_text(value)}"


def number_text(value: float) -> str:
    """Return a number as the format spells it.

    Example:
        >>> [number_text(n) for n in (3, 0.5, float("inf"), float("nan"))]
        ['3', '0.5', '+Inf', 'NaN']
    """
    if isinstance(value, int) or isfinite(value):
        return repr(value)
    if isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"


@dataclass(frozen=True, slots=True, repr=False)
class Metrics(Result):
    """All metrics of a process at one moment.

    Attributes:
        samples: The numbers, in the order of the catalogue.
        whose: The process, as people are told.
    """

    samples: tuple[Sample, ...]
    whose: str = "this process"

    @property
    def text(self) -> str:
        """As Prometheus reads it."""
        return exposition(self.samples)

    def value(self, name: str, **labels: str) -> Value | None:
        """Return one number, or None where it is not there.

        Args:
            name: Of the metric.
            labels: Its labels.
        """
        for sample in self.samples:
            if sample.metric.name == name and sample.named == labels:
                return sample.value
        return None

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "whose": self.whose,
            "metrics": [
                {
                    "name": sample.metric.name,
                    "kind": sample.metric.kind,
                    "labels": sample.named,
                    **_shape(sample.value),
                }
                for sample in self.samples
            ],
        }

    def view(self) -> View:
        """Return the numbers that are not 0."""
        rows = tuple(
            (
                sample.metric.name,
                " ".join(f"{name}={value}" for name, value in sample.named.items()),
                _told(sample.value),
            )
            for sample in self.samples
            if _number(sample.value)
        )
        zeros = len(self.samples) - len(rows)
        heads = ("metric", "labels", Column("value", "right"))
        blocks: list[Table | Note] = [Table(heads, rows)] if rows else []
        if zeros:
            blocks.append(Note(f"{zeros} more are 0"))
        known = len({sample.metric.name for sample in self.samples})
        return View("metrics", f"metrics of {self.whose}: {known}", tuple(blocks))


def _shape(value: Value) -> dict[str, object]:
    if isinstance(value, Buckets):
        bounds = [*map(number_text, value.bounds), "+Inf"]
        buckets = dict(zip(bounds, accumulate(value.counts), strict=True))
        return {"count": value.number, "sum": value.total, "buckets": buckets}
    if isinstance(value, Summary):
        return {"count": value.number, "sum": value.total}
    return {"value": value}


def _number(value: Value) -> float:
    return value.number if isinstance(value, Buckets | Summary) else value


def _told(value: Value) -> str:
    if isinstance(value, Buckets | Summary):
        return f"{value.number} in {value.total:.6g}"
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
