"""How a workspace is, one question after the other."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
from collections import namedtuple
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import Fault, StoreError
from oneiric_lab.lab import SourceSynced
from oneiric_lab.lab._health import health_of
from oneiric_lab.lab._secret_texts import secret_texts
from oneiric_lab.lab._sync_tally import SyncTally, reason_of
from oneiric_lab.lab._synced import RemoteStatus, SourceStanding
from oneiric_lab.lifecycle import Limits
from oneiric_lab.remote import Attempt, Good
from oneiric_lab.runtime import Host, Part
from oneiric_lab.store import Store
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from oneiric_lab.lab import Lab

PROJECT = "[plugins]\nauto_load = false\n"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def lab(tmp_path: Path) -> Lab[Any]:
    """A small workspace."""
    return Workspace(tmp_path).project(PROJECT).open()


def check(lab: Lab[Any], name: str, *args: Any, **options: Any) -> Any:
    """Return one answer."""
    found = {one.name: one for one in health_of(lab, *args, **options).checks}
    return found.get(name)


class TestStore:
    def test_a_full_disk_is_bad(self, lab: Lab[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        """
        And one that does not tell.
        """
        usage = namedtuple("usage", "free")  # noqa: PYI024 - as shutil's own
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1000))
        assert (check(lab, "store").standing, check(lab, "store").says) == (
            "bad",
            "the disk is full",
        )

        def broken(path: object) -> Any:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(shutil, "disk_usage", broken)
        assert "Input/output error" in check(lab, "store").says

    def test_a_folder_that_is_none_is_bad(self, lab: Lab[Any]) -> None:
        """
        It cannot be written; serverless, that is only told.
        """
        (lab.root / "file").write_text("")
        lab.store = Store(lab.root / "file" / "store")

        assert check(lab, "store").standing == "bad"
        assert check(lab, "store", kind="serverless").standing == "degraded"


class TestHost:
    def test_a_loop_that_is_late_and_a_part_that_fails(
        self, lab: Lab[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Told, and work may come all the same; while it starts none may.
        """
        part = Part("sync", "", Host.signals, state="failing", error="OSError: gone")  # type: ignore[arg-type]  # it is not opened
        host = Host([part])
        for lag, standing in ((0.1, "good"), (2.0, "degraded"), (6.0, "bad")):
            monkeypatch.setattr(Host, "lag", lag)
            assert check(lab, "loop", host).standing == standing
        assert check(lab, "sync", host).standing == "degraded"
        assert not health_of(lab, host).ready
        host.state = "ready"
        assert health_of(lab, host).ready


class TestRegistry:
    def test_problems_are_counted(self, lab: Lab[Any]) -> None:
        """
        A selection of what nobody provides; what stands goes on.
        """
        lab.component("adapter:cache", provider="memory")(dict)
        lab.snapshot.inputs.root.joinpath("oneiric.toml").write_text(
            PROJECT + "[adapters.selections]\ncache = 'redis'\n"
        )
        lab.reload()

        assert "1 problem" in check(lab, "registry").says
        assert check(lab, "registry").standing == "degraded"


class TestComponents:
    def test_each_is_told_by_what_is_wrong_with_it(self, lab: Lab[Any]) -> None:
        """
        Unhealthy is bad, stalled and degraded go on.
        """

        class Thing:
            well = True

            def health(self) -> bool:
                return self.well

        def bad_hook(*args: object) -> None:
            raise OSError("hook")

        async def main() -> Any:
            async with lab.running() as life:
                life.limits = Limits(drain=0.01, fall=1)
                for key in ("sick", "held", "odd"):
                    for provider in ("a", "b"):
                        lab.component(f"adapter:{key}", provider=provider)(Thing)
                    await life.activate("adapter", key)
                async with life.lease("adapter", "held"):
                    await life.swap("adapter", "held", provider="b")
                    off = life.on("post_swap", bad_hook)
                    await life.swap("adapter", "odd", provider="b")
                    off()
                    Thing.well = False
                    await life.check("adapter", "sick")
                    await asyncio.sleep(0.05)
                    return health_of(lab)

        found = {one.name: one for one in asyncio.run(main()).checks}

        assert found["adapter:sick"].standing == "bad"
        assert "stalled" in found["adapter:held"].says
        assert (found["adapter:odd"].standing, "hook" in found["adapter:odd"].says) == (
            "degraded",
            True,
        )
        assert found["components"].says == "0 components well and in force"


def good(until: dt.datetime | None = None) -> Good:
    """Return a last good release."""
    return Good(
        url="https://example.com/shop.oneiric.json",
        manifest="a",
        manifest_etag=None,
        bundle="b",
        bundle_etag=None,
        trusts="",
        artifacts=(),
        release={"project": "shop", "channel": "stable", "version": 1},
        fetched_at=NOW,
        checked_at=NOW,
        fresh_until=until,
    )


class TestSources:
    @pytest.mark.parametrize(
        ("kind", "standings"),
        [
            ("default", ["bad", "bad", "degraded", "good"]),
            ("edge", ["degraded", "degraded", "degraded", "good"]),
        ],
    )
    def test_each_by_its_state(
        self, lab: Lab[Any], monkeypatch: pytest.MonkeyPatch, kind: str, standings: list[str]
    ) -> None:
        """
        Never there, too old, failing, fresh; at the edge nothing of it is bad.
        """
        lab.plan({"remote.enabled": True}).apply()
        failed = Attempt(NOW, "unreachable", "fetch-connection", "nobody answers")
        old = good(NOW - dt.timedelta(days=1))
        rows = (
            SourceStanding("never", "https://x", None, (failed,), NOW),
            SourceStanding("old", "https://x", old, (), NOW),
            SourceStanding("failing", "https://x", good(), (failed,), NOW),
            SourceStanding("fresh", "https://x", good(), (), NOW),
        )
        monkeypatch.setattr(type(lab), "remote_status", lambda self: RemoteStatus(rows))
        found = {one.name: one for one in health_of(lab, kind=kind).checks}

        assert [found[f"source {row.name}"].standing for row in rows] == standings
        assert "nobody answers" in found["source never"].says
        assert health_of(lab, kind=kind).ready == (kind == "edge")

    def test_a_store_that_cannot_be_read_is_bad(
        self, lab: Lab[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Nobody knows then what is in force.
        """
        lab.plan({"remote.enabled": True}).apply()

        def broken(self: object) -> Any:
            raise StoreError(Fault("store-damaged", "it is damaged"))

        monkeypatch.setattr(type(lab), "remote_status", broken)

        assert (check(lab, "sources").standing, check(lab, "sources").says) == (
            "bad",
            "it is damaged",
        )


class TestTally:
    def test_a_refusal_has_one_word(self) -> None:
        """
        Of a closed set, by the code of its first fault; an open breaker is an outcome.
        """
        tally = SyncTally()
        for outcome, code in (
            ("refused", "threshold"),
            ("refused", "fetch-breaker"),
            ("unreachable", "fetch-connection"),
            ("stale", "expiry"),
            ("refused", "something-new"),
        ):
            tally.synced(SourceSynced("eu", outcome, faults=(Fault(code, "x"),)), 0.1)

        assert tally.attempts == {
            ("eu", "refused"): 2,
            ("eu", "circuit_open"): 1,
            ("eu", "unreachable"): 1,
            ("eu", "stale"): 1,
        }
        assert tally.rejections == {
            ("eu", "threshold"): 1,
            ("eu", "expired"): 1,
            ("eu", "other"): 1,
        }
        assert tally.durations["eu"].number == 5
        assert reason_of("fetch-status") == "network"


class TestSecretTexts:
    def test_all_there_are_and_none_that_cannot_be_read(self, tmp_path: Path) -> None:
        """
        The environment's, those of the folder, and those that values name.
        """
        workspace = Workspace(tmp_path).project(
            PROJECT + '[[shop.keys]]\nname = "a"\nvalue = "${secret:listed}"\n'
            '[secrets.inline]\nthird = "literal-secret"\n'
        )
        workspace.environ(ONEIRIC_SECRET_ONE="from-environment")
        workspace.secret("listed", "from-file\n").secret("binary", "x")
        (tmp_path / "secrets" / "binary").write_bytes(b"\xff\xfe")
        lab = workspace.open()

        assert {"from-environment", "from-file", "literal-secret"} <= set(
            secret_texts(lab.snapshot)
        )
        (tmp_path / "secrets" / "listed").unlink()
        assert "from-file" not in set(secret_texts(lab.snapshot))
