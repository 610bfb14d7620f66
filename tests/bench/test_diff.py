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

SHOWN = "diff: the same in a notebook, until it is drawn"
ONE = "diff: 10,000 providers of one component, each raised"


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


def test_shown(benchmark: BenchmarkFixture) -> None:
    """All that a cell does before the widget can be drawn: compare, and send the first rows."""
    pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")
    from oneiric_lab.notebook.widgets._diff import FIRST, Diff

    old, new = sides(1)

    def shown() -> object:
        return Diff(diff(old, new), "lab.diff(a, b)").whole(FIRST)

    found = shown()
    assert isinstance(found, dict)
    assert found["count"] == FIRST
    benchmark.group = f"diff {ENTRIES}"
    benchmark.extra_info["row"] = SHOWN
    benchmark(shown)


def test_one_component(benchmark: BenchmarkFixture) -> None:
    """Each of 10,000 providers of one component is raised by one: who passes whom."""
    tree = deepcopy(manifest(ENTRIES))
    for number, entry in enumerate(tree["entries"]):
        entry |= {"domain": "adapter", "key": "cache", "provider": f"p{number}"}
        entry["priority"] = number % 900
    old = read_manifest(encode(tree))
    for entry in tree["entries"]:
        entry["priority"] += 1
    new = read_manifest(encode(tree | {"version": tree["version"] + 1}))
    assert len(diff(old, new).entries) == ENTRIES
    benchmark.group = f"diff {ENTRIES}"
    benchmark.extra_info["row"] = ONE
    benchmark(diff, old, new)
