"""Reading manifests: the gate, the schema, and a registry that takes them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oneiric_lab.canonical import encode
from oneiric_lab.manifest import candidates_of, enter, read_manifest
from oneiric_lab.registry import Registry

from .entries import manifest

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ENTRIES = 10_000


@pytest.mark.parametrize("count", [100, ENTRIES])
def test_reading(benchmark: BenchmarkFixture, count: int) -> None:
    """From bytes to entries, every one of them validated."""
    data = encode(manifest(count))
    assert len(read_manifest(data).entries) == count
    benchmark.group = f"manifest {count}"
    benchmark.extra_info["row"] = "read_manifest: gate and every entry validated"
    benchmark(read_manifest, data)


def test_candidates(benchmark: BenchmarkFixture) -> None:
    """From entries to candidates."""
    read = read_manifest(encode(manifest(ENTRIES)))
    benchmark.group = f"manifest {ENTRIES}"
    benchmark.extra_info["row"] = "candidates_of"
    benchmark(lambda: candidates_of(read, allowed=["shop"]))


def test_entering(benchmark: BenchmarkFixture) -> None:
    """A newer release in place of the one before, as one generation."""
    read = read_manifest(encode(manifest(ENTRIES)))
    registry = Registry(installed=lambda name: "5.0")
    enter(registry, read, allowed=["shop"])
    assert len(registry.current.keys()) == ENTRIES
    benchmark.group = f"manifest {ENTRIES}"
    benchmark.extra_info["row"] = "enter: candidates and one generation"
    benchmark(lambda: enter(registry, read, allowed=["shop"]))
