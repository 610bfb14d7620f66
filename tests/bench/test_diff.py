"""Comparing manifests: a release with its usual changes, and one in which everything changed."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.canonical import encode
from oneiric_lab.manifest import diff, read_manifest

from .entries import manifest

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from oneiric_lab.manifest import Manifest

ENTRIES = 10_000
ROWS = {
    10: "diff: one entry in ten has other bytes and a version step",
    1: "diff: every entry has five other values, two of them risks",
}


def sides(every: int) -> tuple[Manifest, Manifest]:
    """Return a manifest, and the one after it in which one entry in *every* changed."""
    tree = deepcopy(manifest(ENTRIES))
    tree["version"] += 1
    for number, entry in enumerate(tree["entries"][::every]):
        entry["artifact"]["sha256"] = f"{number:064x}"
        entry["version"] = f"2.{number % 50}.{number % 7}"
        if every == 1:
            entry["capabilities"][0]["security"]["scopes"] = []
            entry["requires_dist"] = ["redis>=4"]
            entry["summary"] = "Another one."
    return read_manifest(encode(manifest(ENTRIES))), read_manifest(encode(tree))


@pytest.mark.parametrize("every", [10, 1])
def test_diff(benchmark: BenchmarkFixture, every: int) -> None:
    """Both are parsed already; matching, fields, steps and risks are made."""
    old, new = sides(every)
    found = diff(old, new)
    assert len(found.entries) == ENTRIES // every
    assert len(found.risks) == (0 if every > 1 else 2 * ENTRIES)
    benchmark.group = f"diff {ENTRIES}"
    benchmark.extra_info["row"] = ROWS[every]
    benchmark(diff, old, new)
