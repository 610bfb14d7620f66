"""Syncs of a large release: the first, and those that find it unchanged.

By the public functions, so that either row is what a user can have: `lab.verify` and
`read_manifest`, each of which passes the bytes through the gate, and `lab.sync`.
"""

from __future__ import annotations

import datetime as dt
import gc
import shutil
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.lab import Lab
from oneiric_lab.manifest import read_manifest
from oneiric_lab.testing import MemoryRemote, ReleaseHouse

from .entries import manifest
from .turns import by_turns

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

    from oneiric_lab.manifest import Manifest

ENTRIES = 10_000


@pytest.fixture
def remote(tmp_path: Path) -> MemoryRemote:
    """A repository with one release of many entries, and a workspace that follows it."""
    house = ReleaseHouse(now=dt.datetime.now(dt.UTC).replace(microsecond=0))
    made: list[dict[str, Any]] = manifest(ENTRIES)["entries"]
    found = MemoryRemote()
    url = found.publish(
        house.release([{k: v for k, v in one.items() if k != "artifact"} for one in made])
    )
    (tmp_path / "trust.toml").write_text(f'root = "sha256:{house.root.sha256}"\n')
    _configure(tmp_path, url)
    return found


def _configure(folder: Path, url: str, allowed: str = "") -> None:
    """Write what the workspace says: where the releases are, and whose factories may run."""
    (folder / "oneiric.toml").write_text(
        f'[remote]\nenabled = true\nmanifest_url = "{url}"\n'
        f"[plugins]\nallow_factories = [{allowed}]\n"
    )


def _new(folder: Path) -> Lab[Any]:
    """Return the workspace as if it had never synced."""
    shutil.rmtree(folder / ".oneiric", ignore_errors=True)
    return Lab.open(folder, environ={})


def test_first_sync(benchmark: BenchmarkFixture, tmp_path: Path, remote: MemoryRemote) -> None:
    """Fetched, verified, validated, entered; by turns with what it cannot do without."""
    url = remote.url("shop.oneiric.json")
    files = (remote.files[f"shop.{kind}.json"] for kind in ("oneiric-bundle", "oneiric"))
    bundle, data = files
    asked = _new(tmp_path)

    def parse() -> Manifest:
        return read_manifest(asked.verify(bundle, data).manifest)

    def sync(allowed: str) -> Callable[[], object]:
        _configure(tmp_path, url, allowed)
        lab = _new(tmp_path)
        return lambda: (lab, lab.sync(fetcher=remote))

    assert len(parse().entries) == ENTRIES
    benchmark.group = f"sync {ENTRIES}"
    by_turns(
        benchmark,
        {
            "verify and parse": lambda: parse,
            "first sync, no artifacts": lambda: sync(""),
            "first sync, no artifacts, factories allowed": lambda: sync('"shop"'),
        },
        rounds=9,
    )
    _configure(tmp_path, url)
    times = _peak(_new(tmp_path), remote) / len(data)
    assert times < 3
    benchmark.extra_info["note"] = (
        f"the first sync takes {times:.2g} times the bytes of the manifest at its peak, these "
        "included (tracemalloc)"
    )


def _peak(lab: Lab[Any], remote: MemoryRemote) -> int:
    """Return the bytes that a sync has allocated at its worst, where all modules are there."""
    gc.collect()
    tracemalloc.start()
    try:
        assert lab.sync(fetcher=remote).sources[0].outcome == "entered"
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("etags", [True, False], ids=["etag", "digest"])
def test_unchanged_sync(
    benchmark: BenchmarkFixture, tmp_path: Path, remote: MemoryRemote, *, etags: bool
) -> None:
    """Recognised before anything is verified."""
    remote.etags = etags
    lab = Lab.open(tmp_path, environ={})
    lab.sync(fetcher=remote)
    benchmark.group = f"sync {ENTRIES}"
    benchmark.extra_info["row"] = f"unchanged sync, by {'etag' if etags else 'digest'}"
    done = benchmark(lambda: lab.sync(fetcher=remote))
    assert done.sources[0].outcome == "unchanged"
