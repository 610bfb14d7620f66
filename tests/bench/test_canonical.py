"""The form that is signed, and the gate that takes no other, for manifests of full entries."""

from __future__ import annotations

import json
import random
import struct
from math import isfinite
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import rfc8785

from oneiric_lab.canonical import decode, encode
from tests.canonical.numbers import DIGESTS, digest_of_lines

from .entries import manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

ENTRIES = 10_000


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


WRITERS: dict[str, Callable[[Any], bytes]] = {
    "canonical.encode": encode,
    "rfc8785.dumps": rfc8785.dumps,
    "json.dumps, sorted keys": _json,
}


@pytest.mark.parametrize("row", list(WRITERS))
def test_writing(benchmark: BenchmarkFixture, row: str) -> None:
    """All write the same bytes for these entries, which hold no number that json spells alone."""
    value = manifest(ENTRIES)
    write = WRITERS[row]
    assert write(value) == rfc8785.dumps(value)
    benchmark.group = "canonical"
    benchmark.extra_info["row"] = row
    benchmark(write, value)


@pytest.mark.parametrize("count", [100, ENTRIES])
@pytest.mark.parametrize("row", ["canonical.decode", "orjson.loads, which compares nothing"])
def test_reading(benchmark: BenchmarkFixture, row: str, count: int) -> None:
    """The gate beside a parser that takes every spelling."""
    data = encode(manifest(count))
    read = decode if row.startswith("canonical") else orjson.loads
    assert read(data) == manifest(count)
    benchmark.group = f"gate {count}"
    benchmark.extra_info["row"] = row
    benchmark(read, data)


class TestAMillionNumbers:
    """Not measured, but checked here, since it takes some seconds."""

    def test_published(self) -> None:
        """The first million lines of the published file."""
        assert digest_of_lines(1_000_000) == DIGESTS[1_000_000]

    def test_beside_the_oracle(self) -> None:
        """A million numbers of all sizes, a third of them by their bits."""
        source = random.Random(7)

        def number(kind: int) -> float:
            if kind == 0:
                (value,) = struct.unpack("<d", source.randbytes(8))
                return float(value) if isfinite(value) else 0.0
            if kind == 1:
                return source.uniform(-1e6, 1e6)
            return source.randrange(-(10**6), 10**6) * 10.0 ** source.randrange(-12, 16)

        for _ in range(250_000):
            value: Any = {"v": [number(i % 3) for i in range(3)], "w": number(source.randrange(3))}
            assert encode(value) == rfc8785.dumps(value)
