"""Sync: whole and verified, or nothing changes."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from oneiric_lab.errors import Fault, FetchError, UsageError
from oneiric_lab.lab import Lab, SyncReport
from oneiric_lab.remote import Breaker, Fetched, Fetcher, PassingError, Request, Sink
from oneiric_lab.testing import Answer, LoopbackServer, MemoryRemote, ReleaseHouse

PROJECT = Path(__file__).parents[2]
NAME = "shop.oneiric.json"
BUNDLE = "shop.oneiric-bundle.json"


class Place:
    """A workspace, a house that signs, and a repository between them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.house, self.remote = folder, ReleaseHouse(), MemoryRemote()
        self.write()
        pin = self.house.root.sha256
        (folder / "trust.toml").write_text(f'root = "sha256:{pin}"\n')

    def write(self, more: str = "") -> None:
        """Write the configuration."""
        (self.folder / "oneiric.toml").write_text(
            f'[remote]\nenabled = true\nmanifest_url = "{self.remote.url(NAME)}"\n{more}'
        )

    def open(self) -> Lab[Any]:
        """Open the workspace at the house's time."""
        lab = Lab.open(self.folder, environ={})
        lab._remote.now = lambda: self.house.now
        return lab

    def offer(self, *entries: dict[str, Any], **options: Any) -> None:
        """Publish the next release."""
        self.remote.publish(self.house.release(list(entries) or [entry()], **options))


def entry(provider: str = "redis", data: bytes | None = None, **more: Any) -> dict[str, Any]:
    """Return an entry, with an artifact where *data* is its bytes."""
    found: dict[str, Any] = {
        "domain": "adapter",
        "key": "cache",
        "provider": provider,
        "version": "1.0.0",
        "factory": f"shop.{provider}:Cache",
        **more,
    }
    if data is not None:
        sha256 = hashlib.sha256(data).hexdigest()
        found["artifact"] = {"uri": f"dist/{provider}.whl", "sha256": sha256, "size": len(data)}
    return found


def providers(lab: Lab[Any]) -> set[str]:
    """Return who came from elsewhere."""
    return {c.provider for c in lab.registry.current.candidates() if c.source == "manifest"}


def objects(place: Place) -> set[str]:
    """Return all files among the objects, temporary ones too."""
    folder = place.folder / ".oneiric" / "objects"
    return {p.name for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A workspace whose clock is the house's, in every process of it."""

    made = Place(tmp_path)

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return made.house.now

    monkeypatch.setattr("oneiric_lab.lab._syncing.datetime", Clock)
    return made


class TestSync:
    """One generation, or none."""

    def test_a_release_enters_as_one_generation(self, place: Place) -> None:
        """
        Its entries are candidates, its artifacts objects that are handed out by path.
        """
        place.offer(entry("redis", b"wheel"), entry("memory"))
        place.remote.files["dist/redis.whl"] = b"wheel"
        lab = place.open()
        before = lab.registry.generation

        report = lab.sync(fetcher=place.remote)

        assert (report.exit_code, report.sources[0].outcome) == (0, "entered")
        assert providers(lab) == {"redis", "memory"}
        assert lab.registry.generation == before + 1
        path = lab._remote.objects.find(hashlib.sha256(b"wheel").hexdigest())
        assert path is not None
        assert path.read_bytes() == b"wheel"

    @pytest.mark.parametrize("etags", [True, False])
    def test_what_is_unchanged_is_recognised_before_anything_else(
        self, place: Place, monkeypatch: pytest.MonkeyPatch, *, etags: bool
    ) -> None:
        """
        By etag no byte comes, by digest none is verified; nothing is published.
        """
        place.remote.etags = etags
        place.offer()
        lab = place.open()
        lab.sync(fetcher=place.remote)
        number, seen = lab.registry.generation, dict(place.remote.seen)
        monkeypatch.setattr("oneiric_lab.lab._syncing.verify_release", None)

        report = lab.sync(fetcher=place.remote)

        assert report.sources[0].outcome == "unchanged"
        assert lab.registry.generation == number
        assert (dict(place.remote.seen) == seen) is etags

    def test_twenty_syncs_leave_the_candidates_of_one(self, place: Place) -> None:
        """
        Upstream had 2,000 candidates after 20 syncs of 100 entries.
        """
        lab = place.open()
        for number in range(20):
            place.offer(entry(f"p{number}"), entry("stays"))
            assert lab.sync(fetcher=place.remote).ok

        assert providers(lab) == {"p19", "stays"}

    def test_an_empty_release_withdraws_all(self, place: Place) -> None:
        """
        What a newer release has no more leaves; upstream kept it.
        """
        place.offer()
        lab = place.open()
        lab.sync(fetcher=place.remote)
        place.remote.publish(place.house.release([]))

        assert lab.sync(fetcher=place.remote).ok
        assert providers(lab) == set()

    def test_a_dry_run_changes_nothing(self, place: Place) -> None:
        """
        No generation, no object, no store, no artifact.
        """
        place.offer(entry("redis", b"wheel"))
        lab = place.open()
        before = lab.registry.generation

        report = lab.sync(dry_run=True, fetcher=place.remote)

        assert report.sources[0].outcome == "would enter"
        assert (lab.registry.generation, providers(lab)) == (before, set())
        assert not (place.folder / ".oneiric").exists()
        assert "dist/redis.whl" not in place.remote.seen

    def test_it_works_inside_a_running_loop(self, place: Place) -> None:
        """
        A kernel has one: the sync runs on the lab's own thread, or is awaited.
        """
        place.offer()
        lab = place.open()

        async def main() -> list[str]:
            first = lab.sync(fetcher=place.remote)
            second = await lab.async_sync(fetcher=place.remote)
            return [first.sources[0].outcome, second.sources[0].outcome]

        assert anyio.run(main) == ["entered", "unchanged"]
        lab.close()

    def test_what_is_not_enabled_is_refused_by_name(self, place: Place) -> None:
        """
        Nothing is asked.
        """
        (place.folder / "oneiric.toml").write_text("[remote]\nenabled = false\n")

        with pytest.raises(UsageError, match=r"remote\.enabled"):
            place.open().sync(fetcher=place.remote)
        assert not place.remote.asked


class TestLastGood:
    """Anything wrong: nothing changes."""

    @pytest.mark.parametrize(
        ("harm", "outcome", "code", "exit_code"),
        [
            ("404", "unreachable", "fetch-status", 1),
            ("artifact missing", "unreachable", "fetch-status", 1),
            ("artifact differs", "refused", "object-differs", 1),
            ("artifact short", "refused", "object-differs", 1),
            ("manifest altered", "refused", "manifest-digest", 1),
            ("manifest cut", "refused", None, 1),
            ("bundle garbage", "refused", None, 1),
            ("rollback", "refused", None, 1),
            ("unsigned", "refused", None, 1),
            ("expired", "stale", None, 3),
            ("crash", "refused", "remote-crash", 1),
        ],
    )
    def test_the_last_good_release_stays(
        self, place: Place, harm: str, outcome: str, code: str | None, exit_code: int
    ) -> None:
        """
        Candidates, generation, trust and the remembered release are as they were; the reason
        is in the status, and no part of a file is left.
        """
        first = place.house.release([entry("good")])
        place.remote.publish(first)
        lab = place.open()
        assert lab.sync(fetcher=place.remote).ok
        number, trusted = lab.registry.generation, lab.store.trusted()
        remembered, held = lab._remote.kept()["default"].good, objects(place)
        place.offer(entry("one", b"wheel1"), entry("two", b"wheel2"))
        files = place.remote.files
        files.update({"dist/one.whl": b"wheel1", "dist/two.whl": b"wheel2"})
        if harm == "404":
            del files[NAME]
        elif harm == "artifact missing":
            del files["dist/two.whl"]
        elif harm == "artifact differs":
            files["dist/two.whl"] = b"wheel!"
        elif harm == "artifact short":
            files["dist/two.whl"] = b"wheel"
        elif harm == "manifest altered":
            files[NAME] = files[NAME].replace(b'"one"', b'"uno"')
        elif harm == "manifest cut":
            files[NAME] = files[NAME][:-10]
        elif harm == "bundle garbage":
            files[BUNDLE] = b"{}"
        elif harm == "unsigned":
            place.remote.publish(place.house.release([entry("evil")], by=()))
        elif harm == "rollback":
            lab.sync(fetcher=place.remote)
            number, trusted = lab.registry.generation, lab.store.trusted()
            remembered, held = lab._remote.kept()["default"].good, objects(place)
            place.remote.publish(first)
        elif harm == "expired":
            place.house.wait(days=100)
        else:
            place.remote.faults[NAME] = [ZeroDivisionError("oops")]

        report = lab.sync(fetcher=place.remote)

        row = report.sources[0]
        assert (row.outcome, report.exit_code) == (outcome, exit_code), report
        assert code is None or code in {fault.code for fault in row.faults}
        assert lab.registry.generation == number
        assert lab.store.trusted() == trusted
        kept = lab._remote.kept()["default"]
        assert kept.good == remembered
        assert kept.last is not None
        assert kept.last.message
        # An artifact that came whole before another failed is no harm: nobody refers to it.
        extra = {hashlib.sha256(d).hexdigest()[2:] for d in (b"wheel1", b"wheel2")}
        assert objects(place) - extra <= held
        assert providers(place.open()) <= providers(lab)

    def test_a_workspace_begins_offline_with_its_last_good_release(self, place: Place) -> None:
        """
        Opening asks nobody and writes nothing.
        """
        place.offer()
        place.open().sync(fetcher=place.remote)
        asked = len(place.remote.asked)

        lab = place.open()

        assert providers(lab) == {"redis"}
        assert len(place.remote.asked) == asked
        assert lab.remote_status().exit_code == 0
        assert lab.sync(fetcher=place.remote).sources[0].outcome == "unchanged"

    def test_what_expired_meanwhile_does_not_come_back(self, place: Place) -> None:
        """
        Freshness holds offline: the workspace opens, without it, and says why.
        """
        place.offer()
        place.open().sync(fetcher=place.remote)
        place.house.wait(days=100)

        lab = place.open()

        assert providers(lab) == set()
        assert any("does not enter" in fault.message for fault in lab.problems)
        assert lab.remote_status().exit_code == 3
        place.remote.faults[BUNDLE] = [FetchError(Fault("fetch-connection", "down"))]
        assert lab.sync(fetcher=place.remote).exit_code == 3

    def test_a_damaged_object_is_told_and_comes_anew(self, place: Place) -> None:
        """
        Upstream never evicted a corrupt file.
        """
        place.offer()
        place.open().sync(fetcher=place.remote)
        for path in (place.folder / ".oneiric" / "objects").rglob("*"):
            if path.is_file():
                path.chmod(0o644)
                path.write_bytes(b"damage")

        lab = place.open()
        assert any("bytes are gone" in fault.message for fault in lab.problems)
        assert lab.sync(fetcher=place.remote).sources[0].outcome == "entered"
        assert providers(place.open()) == {"redis"}

    @pytest.mark.parametrize("damage", [b"damage", b""])
    def test_what_is_in_force_is_not_read_again_until_it_is_needed(
        self, place: Place, damage: bytes
    ) -> None:
        """
        What was verified is in this process; the next one finds its stored bytes damaged.
        """
        place.offer()
        lab = place.open()
        lab.sync(fetcher=place.remote)
        good = lab._remote.kept()["default"].good
        assert good is not None
        path = lab._remote.objects.path(good.manifest)
        path.chmod(0o644)
        path.write_bytes(damage)

        assert lab.sync(fetcher=place.remote).sources[0].outcome == "unchanged"
        assert providers(lab) == {"redis"}
        (place.folder / "trust.toml").write_text(f'root = "sha256:{place.house.root.sha256}"\n\n')
        refused = lab.sync(fetcher=place.remote).sources[0]
        assert (refused.outcome, refused.faults[0].code) == ("refused", "remote-object")
        assert lab.sync(fetcher=place.remote).sources[0].outcome == "entered"
        assert providers(place.open()) == {"redis"}

    def test_an_artifact_that_was_lost_comes_anew(self, place: Place) -> None:
        """
        An unchanged manifest is no reason to do without what it names.
        """
        place.offer(entry("redis", b"wheel"))
        place.remote.files["dist/redis.whl"] = b"wheel"
        lab = place.open()
        lab.sync(fetcher=place.remote)
        sha256 = hashlib.sha256(b"wheel").hexdigest()
        lab._remote.objects.path(sha256).unlink()

        assert lab.sync(fetcher=place.remote).sources[0].artifacts == 1
        assert lab._remote.objects.find(sha256) is not None

    def test_a_selection_that_would_break_keeps_the_release_that_holds_it(
        self, place: Place
    ) -> None:
        """
        All is validated before anything is published.
        """
        place.write(
            '[adapters.selections]\ncache = "redis"\n[plugins]\nallow_factories = ["shop"]\n'
        )
        place.offer(entry("redis"))
        lab = place.open()
        assert lab.sync(fetcher=place.remote).ok
        place.offer(entry("memory"))

        report = lab.sync(fetcher=place.remote)

        assert report.sources[0].outcome == "refused"
        assert "redis" in report.sources[0].faults[0].message
        assert providers(lab) == {"redis"}

    def test_an_allowed_factory_enters_at_the_next_sync(self, place: Place) -> None:
        """
        An unchanged manifest is entered anew where what is allowed here changed.
        """
        place.offer()
        lab = place.open()
        lab.sync(fetcher=place.remote)
        place.write('[plugins]\nallow_factories = ["shop"]\n')
        lab.reload()

        assert lab.sync(fetcher=place.remote).sources[0].outcome == "entered"
        assert lab.registry.current.winners()

    def test_what_is_allowed_is_asked_when_it_enters(self, place: Place) -> None:
        """
        It may have changed while artifacts came.
        """
        place.write('[plugins]\nallow_factories = ["shop"]\n')
        place.offer(entry("redis", b"wheel"))
        place.remote.files["dist/redis.whl"] = b"wheel"
        lab = place.open()

        class Meanwhile:
            async def fetch(self, request: Request, sink: Sink) -> Fetched:
                """Change the settings before the artifact comes."""
                if request.url.endswith(".whl"):
                    place.write()
                    lab.reload()
                return await place.remote.fetch(request, sink)

        assert lab.sync(fetcher=Meanwhile()).sources[0].outcome == "entered"
        (found,) = (c for c in lab.registry.current.candidates() if c.source == "manifest")
        assert found.refused
        assert "which is not allowed" in found.refusals[0].reason


class TestMemory:
    """What a large manifest takes while it enters."""

    def test_the_peak_is_bounded(self, tmp_path: Path) -> None:
        """
        By tracemalloc, in a process of its own and after a small sync, so that no import
        counts: all that was allocated during the sync at its worst, beside the bytes of the
        manifest, which are kept: the entries stay in them, and 600 bytes of each are made.
        """
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, str(tmp_path)],
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]

        assert float(done.stdout) < 3


_PEAK = """
import datetime as dt, sys, tracemalloc
from pathlib import Path
from oneiric_lab.lab import Lab
from oneiric_lab.testing import MemoryRemote, ReleaseHouse

house = ReleaseHouse(now=dt.datetime.now(dt.UTC).replace(microsecond=0))
remote, folder = MemoryRemote(), Path(sys.argv[1])
(folder / "trust.toml").write_text(f'root = "sha256:{house.root.sha256}"')
url = remote.url("shop.oneiric.json")
(folder / "oneiric.toml").write_text(f'[remote]\\nenabled = true\\nmanifest_url = "{url}"')


def entry(n):
    return {
        "domain": "adapter", "key": f"k{n}", "provider": f"p{n % 97}", "version": f"1.{n % 50}.0",
        "factory": f"shop.parts.m{n}:Factory{n}", "priority": n % 1000, "owner": "Platform",
        "capabilities": [{"name": "kv", "event_types": ["a", "b"]}], "license": "MIT",
        "metadata": {"description": f"Component number {n}", "pool": 10, "ratio": 5.5},
        "os_platform": ["linux", "darwin"], "python_version": ">=3.11",
        "requires_dist": ["redis>=5.0.0"], "retry_policy": {"attempts": 3, "base_delay": 0.5},
    }


lab = Lab.open(folder, environ={})
remote.publish(house.release([entry(0)]))
assert lab.sync(fetcher=remote).ok
made = house.release([entry(n) for n in range(5000)])
remote.publish(made)
tracemalloc.start()
assert lab.sync(fetcher=remote).ok
print(tracemalloc.get_traced_memory()[1] / len(made.manifest))
"""


class TestSources:
    """Several, each by itself."""

    def test_one_that_fails_keeps_no_other_from_syncing(self, place: Place) -> None:
        """
        Each has an outcome of its own.
        """
        beta = place.remote.url("beta.oneiric.json")
        place.write(f'[remote.sources.beta]\nurl = "{beta}"\nchannel = "beta"\n')
        place.remote.publish(place.house.release([entry("b")], channel="beta"), name="beta")

        report = place.open().sync(fetcher=place.remote)

        assert [one.outcome for one in report.sources] == ["unreachable", "entered"]
        assert report.exit_code == 1

    @pytest.mark.parametrize("harm", ["secret", "policy", "provider", "bundle"])
    def test_one_whose_settings_are_at_fault_keeps_no_other_from_syncing(
        self, place: Place, harm: str
    ) -> None:
        """
        A missing secret, a policy that is none and a provider that raises are its own faults.
        """
        beta = place.remote.url("beta.oneiric.json")
        more = {
            "secret": 'auth = { secret_id = "nowhere" }',
            "policy": 'policy = "beta.toml"',
            "provider": 'auth = { secret_id = "raises" }',
            "bundle": "",
        }[harm]
        url = place.remote.url("beta.txt") if harm == "bundle" else beta
        place.write(f'[remote.sources.beta]\nurl = "{url}"\n{more}\n')
        (place.folder / "beta.toml").write_text("rot = 1\n")
        place.offer()
        place.remote.publish(place.house.release([entry("b")], channel="beta"), name="beta")
        lab = place.open()

        def provider(name: str) -> str | None:
            raise ZeroDivisionError("canary-4711")

        if harm == "provider":
            inputs = replace(lab.snapshot.inputs, secret_providers=(provider,))
            lab._remote.sources._snapshot = lambda: replace(lab.snapshot, inputs=inputs)
        report = lab.sync(fetcher=place.remote)

        assert [one.outcome for one in report.sources] == ["entered", "refused"]
        assert report.sources[1].faults[0].code != "remote-crash"
        assert "canary" not in report.to_json()
        assert lab.remote_status().sources[1].attempts[-1].message

    def test_a_bundle_may_lie_elsewhere(self, place: Place) -> None:
        """
        Then the manifest may have any name; an address that changed is asked anew.
        """
        release = place.house.release([entry("b")])
        place.remote.files |= {"m": release.manifest, "b": release.bundle.encode()}
        for name in ("m", "m?again"):
            place.remote.files[name] = release.manifest
            place.write(
                f'[remote.sources.beta]\nurl = "{place.remote.url(name)}"\n'
                f'bundle_url = "{place.remote.url("b")}"\n'
            )
            row = place.open().sync(fetcher=place.remote).sources[1]
            assert row.outcome == "entered", row.faults

    def test_two_sources_of_one_name_are_refused(self, place: Place) -> None:
        """
        `remote.manifest_url` is the source `default`.
        """
        place.write(f'[remote.sources.default]\nurl = "{place.remote.url(NAME)}"\n')
        place.offer()

        rows = place.open().sync(fetcher=place.remote).sources

        assert [(one.outcome, one.faults[0].code) for one in rows] == [("refused", "remote-source")]

    @pytest.mark.parametrize(
        ("limit", "sizes", "code"),
        [
            ("max_artifact_bytes = 4", (5, 5), "remote-too-large"),
            ("max_cache_bytes = 9", (5, 5), "remote-too-large"),
            ("", (5, 6), "remote-artifact"),
        ],
    )
    def test_artifacts_that_are_too_much_are_not_fetched(
        self, place: Place, limit: str, sizes: tuple[int, int], code: str
    ) -> None:
        """
        One of them, all together, or two stories about one: it is known before a byte comes.
        """
        one, two = entry("one", b"wheel"), entry("two", b"w2222")
        for made, size in zip((one, two), sizes, strict=True):
            made["artifact"]["size"] = size
        if not limit:
            two["artifact"]["sha256"] = one["artifact"]["sha256"]
        place.write(f"{limit}\n")
        place.offer(one, two)
        row = place.open().sync(fetcher=place.remote).sources[0]

        assert (row.outcome, row.faults[0].code) == ("refused", code)
        assert not [path for path in place.remote.seen if path.startswith("dist/")]

    def test_another_channel_than_was_asked_for_is_refused(self, place: Place) -> None:
        """
        With what to write where it was meant.
        """
        beta = place.remote.url("beta.oneiric.json")
        place.write(f'[remote.sources.beta]\nurl = "{beta}"\nchannel = "beta"\n')
        place.offer()
        place.remote.publish(place.house.release([entry("b")]), name="beta")

        row = place.open().sync(fetcher=place.remote).sources[1]

        assert (row.outcome, row.faults[0].code) == ("refused", "remote-channel")

    def test_two_sources_of_one_channel_are_refused(self, place: Place) -> None:
        """
        They would replace each other at every sync.
        """
        other = place.remote.url("other.oneiric.json")
        place.write(f'[remote.sources.other]\nurl = "{other}"\n')
        place.offer()
        place.remote.publish(place.house.releases[-1], name="other")

        report = place.open().sync(fetcher=place.remote)

        came, refused = sorted(report.sources, key=lambda one: one.outcome)
        assert (came.outcome, refused.outcome) == ("entered", "refused")
        assert "replace each other" in refused.faults[0].message

    def test_credentials_are_bound_to_the_origin_of_the_source(self, place: Place) -> None:
        """
        The secret is in each request, for one origin, and in no result.
        """
        place.write('[remote.auth]\nheader_name = "X-Api-Key"\nsecret_id = "key"\n')
        (place.folder / "secrets").mkdir()
        (place.folder / "secrets" / "key").write_text("canary-4711")
        place.offer(entry("redis", b"wheel"))
        place.remote.files["dist/redis.whl"] = b"wheel"
        lab = place.open()

        report = lab.sync(fetcher=place.remote)

        mine = [one.credentials for one in place.remote.asked]
        assert {(c.origin, c.header, c.value) for c in mine if c is not None} == {
            ("https://remote.test:443", "X-Api-Key", "canary-4711")
        }
        assert len(mine) == 3
        said = report.to_json() + lab.remote_status().to_json() + repr(mine)
        assert "canary" not in said


class Gates:
    """A remote whose answers wait, source by source, until somebody lets them through."""

    def __init__(self, remote: MemoryRemote) -> None:
        self.remote = remote
        self.gates: dict[str, anyio.Event] = {}
        self.waiting = 0

    async def fetch(self, request: Request, sink: Sink) -> Fetched:
        """Wait for the gate of the request's file, where it has one."""
        name = request.url.removeprefix(self.remote.base).partition(".")[0]
        gate = self.gates.get(name)
        if gate is not None:
            self.waiting += 1
            try:
                await gate.wait()
            finally:
                self.waiting -= 1
        return await self.remote.fetch(request, sink)


class TestSideBySide:
    """Several sources at a time, and none in the way of another."""

    def follow(self, place: Place, *channels: str, more: str = "") -> Lab[Any]:
        """Return a workspace with a source for each channel, which has a release."""
        tables = "".join(
            f'[remote.sources.{one}]\nurl = "{place.remote.url(f"{one}.oneiric.json")}"\n'
            for one in channels
        )
        (place.folder / "oneiric.toml").write_text(f"[remote]\nenabled = true\n{more}{tables}")
        for one in channels:
            release = place.house.release([entry(one)], channel=one)
            place.remote.publish(release, name=one)
        return place.open()

    def test_one_that_is_slow_holds_up_no_other(self, place: Place) -> None:
        """
        The others have entered while it waits, and what is told is in the order of the settings.
        """
        lab = self.follow(place, "slow", "beta", "next")
        gates = Gates(place.remote)
        gates.gates["slow"] = anyio.Event()

        reports: list[SyncReport] = []

        async def main() -> None:
            async def open_last() -> None:
                with anyio.fail_after(30):
                    while providers(lab) != {"beta", "next"}:  # noqa: ASYNC110 - no event says so
                        await anyio.sleep(0.001)
                gates.gates["slow"].set()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(open_last)
                reports.append(await lab.async_sync(fetcher=gates))

        anyio.run(main)

        [report] = reports
        assert [(one.name, one.outcome) for one in report.sources] == [
            ("slow", "entered"),
            ("beta", "entered"),
            ("next", "entered"),
        ]
        assert report.sources[0].generation == lab.registry.generation

    def test_a_few_are_asked_at_a_time(self, place: Place) -> None:
        """
        Of six that wait, four have been asked.
        """
        names = [f"c{number}" for number in range(6)]
        lab = self.follow(place, *names)
        gates = Gates(place.remote)
        gates.gates = {name: anyio.Event() for name in names}
        seen: list[int] = []
        reports: list[SyncReport] = []

        async def main() -> None:
            async def let_through() -> None:
                await anyio.wait_all_tasks_blocked()
                seen.append(gates.waiting)
                for gate in gates.gates.values():
                    gate.set()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(let_through)
                reports.append(await lab.async_sync(fetcher=gates))

        anyio.run(main)

        assert reports[0].ok
        assert seen == [4]

    def test_one_that_never_ends_is_given_up(self, place: Place) -> None:
        """
        All that a source takes has a deadline of its own.
        """
        lab = self.follow(place, "hangs", more="source_deadline = 0.01\n")
        gates = Gates(place.remote)
        gates.gates["hangs"] = anyio.Event()

        report = anyio.run(lambda: lab.async_sync(fetcher=gates))

        [hangs] = report.sources
        assert (hangs.outcome, hangs.faults[0].code) == ("unreachable", "fetch-source-deadline")
        assert lab.remote_status().sources[0].state == "never"

    def test_those_of_a_host_that_failed_lately_go_one_after_the_other(self, place: Place) -> None:
        """
        One request finds out whether it is well again; it keeps no other source from it.
        """
        self.follow(place, "stable", "beta")
        answers = {f"/{name}": Answer(body=data) for name, data in place.remote.files.items()}
        with LoopbackServer(answers) as server:
            text = (place.folder / "oneiric.toml").read_text()
            (place.folder / "oneiric.toml").write_text(text.replace(place.remote.base, server.url))
            lab = place.open()
            lab._remote._breaker = breaker = Breaker(1, 0)
            breaker.failed("127.0.0.1")
            assert lab._remote.breakers() == {"stable": "half-open", "beta": "half-open"}

            report = lab.sync()

        assert [one.outcome for one in report.sources] == ["entered", "entered"]


class Turns:
    """A loop whose clock goes on when nothing but time is waited for."""

    def __init__(self, lab: Lab[Any], fetcher: Fetcher) -> None:
        self.now, self.waits = 0.0, list[float]()
        lab._remote._clock = lambda: self.now
        self.loop = lab._remote.loop(sleep=self.sleep, lot=lambda: 0.5, fetcher=fetcher)

    async def sleep(self, seconds: float) -> None:
        """Let the time pass once whoever can run has run."""
        await anyio.wait_all_tasks_blocked()
        self.waits.append(seconds)
        self.now += seconds

    async def next(self) -> tuple[str, str]:
        """Return the source that is told of next, and what became of it."""
        with anyio.fail_after(30):
            [found] = (await anext(self.loop)).sources
        return found.name, found.outcome


class TestLoop:
    """It outlives what goes wrong, and waits for nobody."""

    def test_one_that_is_slow_keeps_no_other_waiting(self, place: Place) -> None:
        """
        The others are told of, and asked again at their intervals, while it has not answered.
        """
        lab = TestSideBySide().follow(place, "slow", "beta", more="refresh_interval = 100\n")
        gates = Gates(place.remote)
        gate = gates.gates["slow"] = anyio.Event()

        async def main() -> list[tuple[str, str]]:
            turns = Turns(lab, gates)
            found = [await turns.next() for _ in range(3)]
            assert turns.waits == [100, 100]
            gate.set()
            found.append(await turns.next())
            await turns.loop.aclose()
            return found

        assert anyio.run(main) == [
            ("beta", "entered"),
            ("beta", "unchanged"),
            ("beta", "unchanged"),
            ("slow", "entered"),
        ]

    def test_who_stops_listening_stops_what_is_under_way(self, place: Place) -> None:
        """
        Nothing of a source that was being asked enters afterwards.
        """
        lab = TestSideBySide().follow(place, "slow", "beta")
        gates = Gates(place.remote)
        gates.gates["slow"] = anyio.Event()

        async def main() -> None:
            turns = Turns(lab, gates)
            assert await turns.next() == ("beta", "entered")
            assert gates.waiting == 1
            await turns.loop.aclose()
            assert gates.waiting == 0

        anyio.run(main)
        assert providers(lab) == {"beta"}

    def test_settings_at_fault_are_looked_at_again(self, place: Place) -> None:
        """
        They may be mended while it waits, and so may those that name no source.
        """
        place.offer()
        lab = place.open()
        lab.plan({"remote.enabled": False}, layer="session").apply()

        async def main() -> list[tuple[str, str]]:
            turns = Turns(lab, place.remote)
            found = [await turns.next()]
            lab.plan({"remote.enabled": True}, layer="session").apply()
            found.append(await turns.next())
            assert turns.waits == [300]
            await turns.loop.aclose()
            return found

        assert anyio.run(main) == [("remote", "refused"), ("default", "entered")]

    def test_a_source_that_is_named_later_is_asked(self, place: Place) -> None:
        """
        Where the settings name none they are looked at once a minute.
        """
        place.offer()
        (place.folder / "oneiric.toml").write_text("[remote]\nenabled = true\n")
        lab = place.open()

        async def main() -> tuple[str, str]:
            turns = Turns(lab, place.remote)
            own = turns.sleep

            async def sleep(seconds: float) -> None:
                await own(seconds)
                place.write()
                lab.reload()

            turns.loop = lab._remote.loop(sleep=sleep, lot=lambda: 0.5, fetcher=place.remote)
            found = await turns.next()
            assert turns.waits == [60]
            await turns.loop.aclose()
            return found

        assert anyio.run(main) == ("default", "entered")

    def test_what_nobody_thought_of_is_raised(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A fault of the loop itself is not lost in what it started.
        """
        place.offer()
        lab = place.open()
        monkeypatch.setattr(type(lab._remote), "breakers", lambda self: 1 / 0)

        async def main() -> None:
            turns = Turns(lab, place.remote)
            with pytest.raises(ZeroDivisionError):
                await turns.next()

        anyio.run(main)

    def test_it_goes_on_after_every_fault(self, place: Place) -> None:
        """
        Upstream's ended for good at the first 503.
        """
        place.offer()
        lab, waits = place.open(), list[float]()
        place.remote.faults[BUNDLE] = [
            PassingError("503"),
            ValueError("bad"),
            OSError("disk"),
            FetchError("no"),
        ]

        async def main() -> list[str]:
            clock = [0.0]
            lab._remote._clock = lambda: clock[0]

            async def sleep(seconds: float) -> None:
                waits.append(seconds)
                clock[0] += seconds

            found: list[str] = []
            loop = lab._remote.loop(sleep=sleep, lot=lambda: 1.0, fetcher=place.remote)
            async for report in loop:
                found.append(report.sources[0].outcome)
                if len(found) == 6:
                    break
            await loop.aclose()
            return found

        assert anyio.run(main) == [
            "unreachable",
            "refused",
            "refused",
            "unreachable",
            "entered",
            "unchanged",
        ]
        assert waits == [pytest.approx(330)] * 5
        assert len(lab.remote_status().sources[0].attempts) == 6
