"""Numbers of the whole process: attempts beyond the first, answers of flags, keys."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.components import Rollout, RolloutSettings, Switch
from oneiric_lab.lab import trust_report
from oneiric_lab.remote import Buffer, Request, Rules, SafeFetcher
from oneiric_lab.runtime import evaluated
from oneiric_lab.testing import Answer, FaultServer, ReleaseHouse, Workspace
from oneiric_lab.trust import State, verify

if TYPE_CHECKING:
    from pathlib import Path

    from oneiric_lab.lab import Lab

PROJECT = """
[plugins]
auto_load = false
packages = ["oneiric_lab.components"]

[runtime_paths]
workflow_checkpoints_enabled = false
"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab[Any]:
    """Return a small workspace."""
    return Workspace(tmp_path).project(PROJECT).open()


class Counted:
    """How much the numbers of a metric grew since it was made."""

    def __init__(self, lab: Lab[Any], metric: str) -> None:
        self._lab, self._metric = lab, metric
        self._before = self._now()

    def _now(self) -> dict[tuple[str, ...], Any]:
        found = self._lab.metrics().samples
        return {one.labels: one.value for one in found if one.metric.name == self._metric}

    def grew(self) -> dict[tuple[str, ...], Any]:
        """Return labels to growth, where there is one."""
        now = self._now()
        grown = {labels: now[labels] - self._before.get(labels, 0) for labels in now}
        return {labels: number for labels, number in grown.items() if number}


class Flaky:
    """Fails twice, then does not."""

    def __init__(self) -> None:
        self.calls = 0

    def handle(self, _: object) -> dict[str, bool]:
        """Fail twice."""
        self.calls += 1
        if self.calls < 3:
            raise OSError("not now")
        return {"ok": True}

    async def run(self, payload: object, _: object) -> dict[str, bool]:
        """Do as `handle` does."""
        return self.handle(payload)

    __call__ = handle


class TestRetries:
    def test_attempts_beyond_the_first_are_counted_by_how_they_ended(self, lab: Lab[Any]) -> None:
        """
        Of events, actions and nodes alike: the second failed, the third succeeded.
        """
        policy = {"attempts": 3, "base_delay": 0}
        lab.events.on("order", Flaky(), name="flaky", retry=policy)
        lab.component("action:flaky", provider="x", metadata={"retry_policy": policy})(Flaky)
        lab.component("task:flaky", provider="x")(Flaky)
        dag = {"nodes": [{"id": "a", "task": "flaky", "retry_policy": policy}]}
        lab.plan({"workflows.dags.flaky": dag}).apply()
        counted = Counted(lab, "oneiric_lab_retry_attempts_total")

        async def main() -> None:
            async with lab.events.running():
                assert (await lab.events.dispatch("order", {})).ok
                await lab.invoke("action:flaky", {})
                assert (await lab.workflows.run("flaky")).state == "done"

        asyncio.run(main())
        assert counted.grew() == {
            (operation, outcome): 1
            for operation in ("event", "action", "node")
            for outcome in ("failed", "succeeded")
        }

    def test_fetches_too(self, lab: Lab[Any]) -> None:
        """
        A server that is down twice; the first attempt is no repeated one.
        """
        counted = Counted(lab, "oneiric_lab_retry_attempts_total")
        answers = [Answer(503), Answer(503), Answer(body=b"hello")]

        async def main(url: str) -> None:
            await SafeFetcher(Rules(base_delay=0)).fetch(Request(url, limit=100), Buffer())

        with FaultServer({"/": answers}) as server:
            asyncio.run(main(server.url))
        assert counted.grew() == {("fetch", "failed"): 1, ("fetch", "succeeded"): 1}


class TestFlags:
    def test_answers_are_counted_by_why(self, lab: Lab[Any]) -> None:
        """
        In OpenFeature's words; a provider of one's own has a name of its own.
        """
        counted = Counted(lab, "oneiric_lab_flag_evaluations_total")

        Switch().enabled()
        flag = Rollout(RolloutSettings(percent=50, always=frozenset({"ada"})))
        assert flag.enabled("ada")
        flag.enabled("bob")
        evaluated("mine", "default")

        assert counted.grew() == {
            ("switch", "static"): 1,
            ("rollout", "targeting_match"): 1,
            ("rollout", "split"): 1,
            ("mine", "default"): 1,
        }


class TestKeys:
    def test_a_root_without_an_end_says_nothing(self, lab: Lab[Any]) -> None:
        """
        Nor does a state that has no root.
        """
        lab.store.trust(lambda _: State().encode())

        name = "oneiric_lab_key_expiry_timestamp_seconds"
        assert Counted(lab, name).grew() == {}
        assert lab.metrics().value("oneiric_lab_scrape_errors_total", room="trust") == 0

    def test_until_when_the_root_vouches_for_each(self, lab: Lab[Any]) -> None:
        """
        Nothing where nothing was trusted; every key of the newest root once something was.
        """
        name = "oneiric_lab_key_expiry_timestamp_seconds"
        house = ReleaseHouse(now=dt.datetime.now(dt.UTC).replace(microsecond=0))
        release = house.release({"adapter:cache": "redis"})
        assert Counted(lab, name).grew() == {}

        counted = Counted(lab, name)
        report = verify(
            release.bundle,
            release.manifest,
            policy=house.policy,
            state=State(),
            now=house.now,
        )
        trust_report(lab.store, report)

        grown = counted.grew()
        assert set(grown) == {(key.keyid,) for keys in house.root.signers.values() for key in keys}
        end = house.root.validity.expires_at
        assert end is not None
        assert set(grown.values()) == {end.timestamp()}
