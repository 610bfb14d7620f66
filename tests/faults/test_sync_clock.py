"""A sync while the clock jumps, in other zones, and while the disk is full or shared."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import FetchError
from oneiric_lab.files._objects import GRACE
from oneiric_lab.lab import Lab
from oneiric_lab.remote import Breaker, PassingError
from oneiric_lab.testing import FakeClock, MemoryRemote, ReleaseHouse

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]


class Place:
    """A workspace that follows a repository in memory, by a clock that a test moves."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.remote, self.house = folder, MemoryRemote(), ReleaseHouse()
        self.now = self.house.now
        (folder / "trust.toml").write_text(f'root = "sha256:{self.house.root.sha256}"\n')
        self.write("")

    def write(self, more: str) -> None:
        """Write the configuration."""
        url = self.remote.url("shop.oneiric.json")
        (self.folder / "oneiric.toml").write_text(
            f'[remote]\nenabled = true\nmanifest_url = "{url}"\n{more}'
            "[plugins]\nauto_load = false\n"
        )

    def offer(self, provider: str, data: bytes | None = None) -> str:
        """Publish a release; return the digest of its artifact."""
        entry: dict[str, Any] = {
            "domain": "adapter",
            "key": "cache",
            "provider": provider,
            "version": "1.0",
            "factory": "shop:Cache",
        }
        sha256 = hashlib.sha256(data or b"").hexdigest()
        if data is not None:
            entry["artifact"] = {"uri": "a.whl", "sha256": sha256, "size": len(data)}
            self.remote.files["a.whl"] = data
        self.remote.publish(self.house.release([entry]))
        return sha256

    def open(self) -> Lab[Any]:
        """Open the workspace by its clock."""
        lab = Lab.open(self.folder, environ={}, trusted=True)
        lab._remote.now = lambda: self.now
        if lab.problems:
            # Opened by the machine's clock, which is another one than the house's.
            lab._remote.restore()
        return lab

    def sync(self, lab: Lab[Any]) -> tuple[str, list[str]]:
        """Sync; return the outcome and the codes."""
        row = lab.sync(fetcher=self.remote).sources[0]
        return row.outcome, [fault.code for fault in row.faults]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A workspace."""
    return Place(tmp_path)


def providers(lab: Lab[Any]) -> set[str]:
    """Return who came from elsewhere."""
    return {c.provider for c in lab.registry.current.candidates() if c.source == "manifest"}


class TestClock:
    """What is fresh is decided by the wall, what waits by a clock that never goes back."""

    @pytest.mark.parametrize("years", [-10, 10])
    def test_a_clock_that_jumps_brings_nothing_and_takes_nothing(
        self, place: Place, years: int
    ) -> None:
        """
        Refused with the reason; once the clock is right again, all is.
        """
        place.offer("p1")
        lab = place.open()
        assert place.sync(lab)[0] == "entered"
        place.now += dt.timedelta(days=365 * years)
        place.offer("p2")

        outcome, codes = place.sync(lab)
        assert outcome in {"refused", "stale"}
        assert codes
        assert providers(lab) == {"p1"}
        told = lab.remote_status().sources[0]
        assert told.attempts[-1].code == codes[0]
        assert told.age_seconds is not None
        assert told.age_seconds >= 0
        place.now = place.house.now
        assert place.sync(lab)[0] == "entered"
        assert providers(lab) == {"p2"}

    @pytest.mark.parametrize("jump", [-1e9, 1e9])
    def test_the_loop_does_not_look_at_the_wall(self, place: Place, jump: float) -> None:
        """
        Whatever it says, the next sync is one interval away: no negative sleep, none for years.
        """
        import anyio

        place.offer("p1")
        lab, waits = place.open(), list[float]()
        clock = FakeClock(0.0)
        lab._remote._clock = clock

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            place.now += dt.timedelta(seconds=jump / 10)
            clock.advance(seconds)

        async def main() -> None:
            loop = lab._remote.loop(sleep=sleep, lot=lambda: 0.5, fetcher=place.remote)
            async for _ in loop:
                if len(waits) == 3:
                    break
            await loop.aclose()

        anyio.run(main)
        assert waits == [pytest.approx(300)] * 3

    @pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "UTC", "Pacific/Apia"])
    def test_a_breaker_in_any_zone(self, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
        """
        Upstream's told of five hours left of a second in New York, and raised in Tokyo (U10).
        """
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        clock = FakeClock(50.0)
        breaker = Breaker(1, 1.0, clock=clock)
        try:
            with pytest.raises(PassingError), breaker.guard("h"):
                raise PassingError("down")
            with pytest.raises(FetchError, match="asked again in 1 s"), breaker.guard("h"):
                pass
            clock.advance(1)
            with breaker.guard("h"):
                pass
            assert breaker.state("h") == "closed"
        finally:
            monkeypatch.undo()
            time.tzset()

    @pytest.mark.skipif(sys.platform == "win32", reason="faketime")
    @pytest.mark.parametrize("when", ["-10y", "+10y"])
    def test_a_whole_process_with_another_clock(self, place: Place, when: str) -> None:
        """
        It opens with exit codes and reasons, and leaves what is remembered as it was.
        """
        found = shutil.which("faketime")
        if found is None:
            assert os.environ.get("ONEIRIC_CI") != "1", "apt-get install faketime"
            pytest.skip("faketime is not installed")
        place.house.now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        place.house = ReleaseHouse(now=place.house.now)
        (place.folder / "trust.toml").write_text(f'root = "sha256:{place.house.root.sha256}"\n')
        place.now = place.house.now
        place.offer("p1")
        assert place.sync(place.open())[0] == "entered"
        words = [found, "-f", when, sys.executable, "-m", "oneiric_lab", "remote", "status"]
        done = subprocess.run(
            [*words, "--json"],
            cwd=place.folder,
            env={**os.environ, "PYTHONPATH": str(PROJECT), "TZ": "Asia/Tokyo"},
            capture_output=True,
            text=True,
            check=False,
        )

        assert "Traceback" not in done.stderr
        assert done.returncode in {0, 3}
        assert providers(place.open()) == {"p1"}


class TestObjects:
    """Bounded, and never at the cost of what is referred to."""

    def test_eviction_never_takes_what_a_source_refers_to(self, place: Place) -> None:
        """
        However old it is, and however little room there is; what nobody refers to goes.
        """
        place.write("max_cache_bytes = 1000\n")
        lab = place.open()
        digests = []
        for number in range(5):
            digests.append(place.offer(f"p{number}", f"{number}".encode() * 900))
            assert place.sync(lab)[0] == "entered"
            old = time.time() - GRACE - 100 + number
            for path in (place.folder / ".oneiric" / "objects").rglob("*"):
                if path.is_file():
                    os.utime(path, (old, old))
        left = {d for d in digests if lab._remote.objects.path(d).exists()}

        assert digests[-1] in left
        assert len(left) <= 2
        assert lab.artifact("adapter:cache", "p4") is not None
        assert providers(place.open()) == {"p4"}

    @pytest.fixture
    def tiny(self, tmp_path: Path) -> Iterator[Path]:
        """A disk of 256 kB; only root mounts one."""
        folder = tmp_path / "tiny"
        folder.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
        if sys.platform != "linux" or os.geteuid() or subprocess.run(words, check=False).returncode:
            pytest.skip("no small disk can be mounted here")
        yield folder
        subprocess.run(["umount", str(folder)], check=True)

    def test_a_disk_that_is_full(self, tiny: Path) -> None:
        """
        The last good release serves, the reason is told, and with room again it goes on.
        """
        place = Place(tiny)
        place.offer("p1", b"1" * 1000)
        lab = place.open()
        assert place.sync(lab)[0] == "entered"
        place.offer("p2", b"2" * 200_000)
        ballast = tiny / "ballast"
        ballast.write_bytes(bytes(40_000))

        outcome, codes = place.sync(lab)
        assert (outcome, codes[0]) == ("refused", "object-unwritable")
        assert lab.remote_status().sources[0].attempts[-1].code == "object-unwritable"
        assert providers(lab) == providers(place.open()) == {"p1"}
        ballast.unlink()
        place.offer("p3", b"3" * 1000)
        assert place.sync(lab)[0] == "entered"
        assert providers(place.open()) == {"p3"}

    def test_a_reason_that_cannot_be_kept_is_told_by_this_process(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        And written down with the next one that can.
        """
        from oneiric_lab.errors import StoreError

        place.offer("p1")
        lab = place.open()
        assert place.sync(lab)[0] == "entered"
        del place.remote.files["shop.oneiric.json"]
        with monkeypatch.context() as patch:

            def full(*_: object) -> None:
                raise StoreError("disk full")

            patch.setattr(type(lab.store), "remember_source", full)
            assert place.sync(lab) == ("unreachable", ["fetch-status", "remote-note"])
            assert lab.remote_status().sources[0].attempts[-1].code == "fetch-status"
        assert place.sync(lab)[1] == ["fetch-status"]
        attempts = place.open().remote_status().sources[0].attempts
        assert [one.code for one in attempts] == ["", "fetch-status", "fetch-status"]
