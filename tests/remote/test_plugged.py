"""Sources of a kind that a plugin brings."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from oneiric_lab.lab import Lab
from oneiric_lab.registry import Candidate
from oneiric_lab.testing import MemoryRemote, ReleaseHouse

if TYPE_CHECKING:
    from pathlib import Path

    from oneiric_lab.remote import Fetched, Request, Sink

ENTRY = {
    "domain": "adapter",
    "key": "cache",
    "provider": "far",
    "version": "1.0.0",
    "factory": "shop.far:Cache",
}


class Memo:
    """A plugin's fetcher: it brings from a dictionary what begins with memo://."""

    made = 0
    closed = 0

    def __init__(self, remote: MemoryRemote) -> None:
        type(self).made += 1
        self._remote = remote

    async def fetch(self, request: Request, sink: Sink) -> Fetched:
        """Write what is asked for."""
        return await self._remote.fetch(request, sink)

    async def aclose(self) -> None:
        """Close it."""
        type(self).closed += 1


class Place:
    """A workspace whose source is at memo://."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.remote = folder, MemoryRemote("memo+x://here/")
        self.house = ReleaseHouse(now=dt.datetime.now(dt.UTC).replace(microsecond=0))
        pin = self.house.root.sha256
        (folder / "trust.toml").write_text(f'root = "sha256:{pin}"\n')
        (folder / "oneiric.toml").write_text(
            '[remote]\nenabled = true\nmanifest_url = "memo+x://here/shop.oneiric.json"\n'
            "deadline = 0.5\n"
        )
        self.remote.publish(self.house.release([ENTRY]))

    def open(self, factory: Any = None, **facts: Any) -> Lab[Any]:
        """Open it, with the plugin's candidate where *factory* is given."""
        lab = Lab.open(self.folder, environ={}, trusted=True)
        if factory is not None:
            lab.registry.add(Candidate("adapter", "source.memo", "memo", factory, **facts))
        return lab

    def sync(self, lab: Lab[Any]) -> tuple[str, str]:
        """Sync, and return the outcome and the first fault's code."""
        row = lab.sync().sources[0]
        return row.outcome, row.faults[0].code if row.faults else ""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A workspace with such a source."""
    return Place(tmp_path)


class TestPlugged:
    """`adapter:source.SCHEME` brings what has that scheme."""

    def test_a_release_comes_by_a_plugin(self, place: Place) -> None:
        """
        It is built once for a sync and closed after it; the release is verified like any.
        """
        Memo.made = Memo.closed = 0
        lab = place.open(lambda: Memo(place.remote))

        assert place.sync(lab) == ("entered", "")
        assert (Memo.made, Memo.closed) == (1, 1)
        assert place.sync(lab) == ("unchanged", "")
        assert "far" in {c.provider for c in lab.registry.current.candidates()}

    def test_artifacts_come_from_beside_the_manifest(self, place: Place) -> None:
        """
        A relative address is joined whatever the scheme.
        """
        sha256 = "486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7"
        artifact = {"uri": "dist/far.whl", "sha256": sha256, "size": 5}
        place.remote.publish(place.house.release([{**ENTRY, "artifact": artifact}]))
        place.remote.files["dist/far.whl"] = b"world"
        lab = place.open(lambda: Memo(place.remote))

        assert place.sync(lab) == ("entered", "")
        path = lab.artifact("adapter:cache", "far")
        assert path is not None
        assert path.read_bytes() == b"world"

    def test_several_sources_share_what_was_built(self, place: Place) -> None:
        """
        They ask at the same time, and wait for the one that is being built.
        """
        with (place.folder / "oneiric.toml").open("a") as file:
            file.write('[remote.sources.beta]\nurl = "memo+y://here/beta.oneiric.json"\n')
        beta = place.house.release([ENTRY], channel="beta")
        other = MemoryRemote("memo+y://here/")
        other.publish(beta, name="beta")
        place.remote.files |= {other.base + name: data for name, data in other.files.items()}
        before = Memo.made, Memo.closed

        async def make() -> Memo:
            await anyio.lowlevel.checkpoint()
            return Memo(place.remote)

        report = place.open(make).sync()

        assert [one.outcome for one in report.sources] == ["entered", "entered"]
        assert (Memo.made, Memo.closed) == (before[0] + 1, before[1] + 1)

    def test_without_the_plugin_it_is_said_what_is_missing(self, place: Place) -> None:
        """
        With the name of the component.
        """
        row = place.open().sync().sources[0]

        assert row.faults[0].code == "remote-scheme"
        assert "adapter:source.memo" in row.faults[0].message

    def test_what_came_with_a_manifest_fetches_none(self, place: Place) -> None:
        """
        What comes from elsewhere does not decide what is fetched from elsewhere.
        """
        lab = place.open(lambda: Memo(place.remote), source="manifest", source_name="shop/stable")

        assert place.sync(lab) == ("refused", "remote-scheme")

    @pytest.mark.parametrize(
        ("harm", "code"),
        [
            ("floods", "fetch-too-large"),
            ("hangs", "fetch-deadline"),
            ("raises", "fetch-plugin"),
            ("builds not", "activation-failed"),
        ],
    )
    def test_a_plugin_that_misbehaves_is_held_to_our_limits(
        self, place: Place, harm: str, code: str
    ) -> None:
        """
        The reason is told, and nothing enters.
        """

        class Bad:
            def __init__(self) -> None:
                if harm == "builds not":
                    raise RuntimeError("no")

            async def fetch(self, request: Request, sink: Sink) -> Fetched:
                sink.begin()
                if harm == "hangs":
                    await anyio.sleep(60)
                if harm == "raises":
                    raise ZeroDivisionError("secret-canary")
                while True:
                    sink.write(bytes(1 << 20))

        lab = place.open(Bad)
        report = lab.sync()

        row = report.sources[0]
        assert row.outcome in {"refused", "unreachable"}
        assert re.match(code, row.faults[0].code), row.faults
        assert "canary" not in report.to_json()
        assert lab.remote_status().sources[0].attempts[-1].code == row.faults[0].code
