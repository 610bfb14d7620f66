"""Asking the host of a workspace, from another process of the same machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import anyio

from oneiric_lab.errors import OneiricError
from oneiric_lab.lifecycle import Buckets
from oneiric_lab.remote import Buffer, Request, Rules, SafeFetcher
from oneiric_lab.runtime import CATALOGUE, Health, HealthCheck, Metrics, Sample, Summary

if TYPE_CHECKING:
    from oneiric_lab.runtime import Told

_MOST: Final = 16_777_216
_SECONDS: Final = 5.0


def ask(told: Told, path: str) -> bytes:
    """Return what a host answers.

    Raises:
        FetchError: It does not answer within five seconds.
    """
    url = told.url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")

    async def fetch() -> bytes:
        sink = Buffer()
        async with SafeFetcher(Rules(deadline=_SECONDS, attempts=1)) as fetcher:
            await fetcher.fetch(Request(url + path, limit=_MOST), sink)
        return bytes(sink.data)

    return anyio.run(fetch)


def asked_health(told: Told) -> Health:
    """Return how a host says that it is; one that does not answer is bad."""
    if not told.url:
        check = HealthCheck("host", "good", "it runs, and listens nowhere: status tells more")
        return Health((check,), told.name)
    try:
        found: dict[str, Any] = json.loads(ask(told, "/health"))
    except (OneiricError, ValueError) as error:
        why = error.faults[0].message if isinstance(error, OneiricError) else str(error)
        check = HealthCheck("host", "bad", f"it does not answer: {why}", "see: logs", gates=True)
        return Health((check,), told.name)
    checks = tuple(
        HealthCheck(c["name"], c["standing"], c["says"], c["fix"] or "", bool(c["gates"]))
        for c in found["checks"]
    )
    return Health(checks, told.name)


def asked_metrics(told: Told) -> Metrics:
    """Return the numbers of a host.

    Raises:
        FetchError: It does not answer.
    """
    found: dict[str, Any] = json.loads(ask(told, "/metrics/json"))
    samples = []
    for row in found["metrics"]:
        metric = CATALOGUE.get(row["name"])
        if metric is None or row["labels"].keys() != metric.labels.keys():
            continue  # a host of another version
        samples.append(Sample(metric, tuple(row["labels"].values()), _value(row)))
    return Metrics(tuple(samples), told.name)


def _value(row: dict[str, Any]) -> int | float | Buckets | Summary:
    if "buckets" in row:
        below = list(row["buckets"].values())
        spread = Buckets(tuple(float(bound) for bound in row["buckets"] if bound != "+Inf"))
        spread.counts = [b - a for a, b in zip([0, *below], below, strict=False)]
        spread.total = row["sum"]
        return spread
    if "sum" in row:
        return Summary(row["count"], row["sum"])
    value: int | float = row["value"]
    return value
