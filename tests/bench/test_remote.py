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

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

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


def test_verify_and_parse(
    benchmark: BenchmarkFixture, tmp_path: Path, remote: MemoryRemote
) -> None:
    """What a sync cannot do without: the floor that it is measured by."""
    files = (remote.files[f"shop.{kind}.json"] for kind in ("oneiric-bundle", "oneiric"))
    bundle, data = files
    lab = _new(tmp_path)
    benchmark.group = f"sync {ENTRIES}"
    benchmark.extra_info["row"] = "verify and parse"
    found = benchmark(lambda: read_manifest(lab.verify(bundle, data).manifest))
    assert len(found.entries) == ENTRIES


@pytest.mark.parametrize("allowed", ["", '"shop"'], ids=["refused", "allowed"])
def test_first_sync(
    benchmark: BenchmarkFixture, tmp_path: Path, remote: MemoryRemote, allowed: str
) -> None:
    """Fetched, verified, validated, entered; the aim is 1.5 x the floor, and 3 x the bytes."""
    _configure(tmp_path, remote.url("shop.oneiric.json"), allowed)
    benchmark.group = f"sync {ENTRIES}"
    row = "first sync, no artifacts"
    benchmark.extra_info["row"] = f"{row}, factories allowed" if allowed else row
    done = benchmark.pedantic(
        lambda lab: lab.sync(fetcher=remote),
        setup=lambda: ((_new(tmp_path),), {}),
        rounds=7,
        warmup_rounds=1,
    )
    assert done.sources[0].outcome == "entered"
    if not allowed:
        times = _peak(_new(tmp_path), remote) / len(remote.files["shop.oneiric.json"])
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
        lab.sync(fetcher=remote)
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
