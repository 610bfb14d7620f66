"""`lab.events`: emit, listen, and look after what could not be handled."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.canonical import encode
from oneiric_lab.errors import InvalidConfigError, UsageError
from oneiric_lab.lab import Lab, drive
from oneiric_lab.runtime import Event
from oneiric_lab.store import DeadLetter, DeadLetters
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = "[app]\nname = 'yard'\n[plugins]\nauto_load = false\n"


class Mailer:
    """Writes down what it got, and refuses totals below nothing."""

    seen: list[Any]

    def handle(self, event: Event) -> None:
        """Take an event."""
        if event.payload["total"] < 0:
            raise ValueError("a negative total")
        type(self).seen.append(event.payload)


@pytest.fixture
def lab(tmp_path: Path) -> Lab[Any]:
    """Return a workspace with a handler of orders."""
    lab = Workspace(tmp_path).project(PROJECT).open()
    Mailer.seen = []
    lab.component("event:mailer", provider="smtp", metadata={"topics": ["order"]})(Mailer)
    return lab


class TestEmit:
    """Events in a program and in one call."""

    def test_a_block_takes_events(self, lab: Lab[Any]) -> None:
        """The loop that enters it runs the components, and closes them at its end."""

        async def main() -> None:
            async with lab.events.running():
                event = await lab.events.emit("order", {"total": 1})
                assert event.source == "yard"
                assert lab.is_running()
            assert not lab.is_running()

        asyncio.run(main())
        assert Mailer.seen == [{"total": 1}]

    def test_a_dispatch_needs_no_block(self, lab: Lab[Any]) -> None:
        """Where none is open, it opens one for this event."""
        found = asyncio.run(lab.events.dispatch("order", {"total": 2}, headers={"tenant": "eu"}))

        assert found.ok
        assert found.exit_code == 0
        assert found.event.headers == {"tenant": "eu"}
        assert repr(found) == "<Emitted: order: handled by 1 of 1>"

    def test_functions_listen_over_several_lifecycles(self, lab: Lab[Any]) -> None:
        """What `on` registered is there in each block, until it is taken off."""
        seen: list[Any] = []
        off = lab.events.on("order", lambda event: seen.append(event.payload["total"]), name="me")

        async def once(total: int) -> None:
            async with lab.running():
                await lab.events.dispatch("order", {"total": total})

        asyncio.run(once(1))
        asyncio.run(once(2))
        off()
        off()
        asyncio.run(once(3))

        assert seen == [1, 2]
        assert repr(lab.events) == "<EventRoom: 1 handlers>"

    def test_a_program_that_runs_already_is_used(self, lab: Lab[Any]) -> None:
        """Inside a block a dispatch, a drive from a thread and the numbers are of that one."""

        async def main() -> None:
            async with lab.events.running():
                await lab.events.dispatch("order", {"total": 1})
                found = await asyncio.to_thread(
                    drive, lab, lambda: lab.events.dispatch("order", {"total": 2})
                )
                assert found.ok
                await asyncio.to_thread(lab.events.emit_sync, "order", {"total": 3})
                await lab.events.drained(5)
                assert lab.events.snapshot()["deliveries"]["order"]["handled"] == 3
                shown: Any = lab.events.list().as_dict()["handlers"]
                assert shown[0]["now"]["waiting"] == 0
                with pytest.raises(UsageError, match="run already"):
                    async with lab.events.running():
                        pass

        asyncio.run(main())

    def test_its_numbers_are_in_the_metrics(self, lab: Lab[Any]) -> None:
        """While events run: deliveries by topic and outcome, and how many wait."""

        async def main() -> str:
            async with lab.events.running():
                await lab.events.dispatch("order", {"total": 1})
                await lab.events.dispatch("order", {"total": -1})
                return lab.metrics().text

        text = asyncio.run(main())
        row = 'oneiric_lab_event_deliveries_total{topic="order",outcome="%s"} %d\n'
        assert row % ("handled", 1) in text
        assert row % ("dead", 1) in text
        assert 'oneiric_lab_event_queue_depth{topic="order"} 0\n' in text
        assert "order" not in lab.metrics().text

    def test_a_swap_of_the_session_drops_nothing(self, lab: Lab[Any]) -> None:
        """lab.swap while events come: each is handled once."""
        lab.component("event:mailer", provider="queue", metadata={"topics": ["order"]})(Mailer)

        async def main() -> None:
            async with lab.events.running():
                for n in range(100):
                    await lab.events.emit("order", {"total": n})
                    if n % 25 == 0:
                        await lab.swap("event:mailer", ["queue", "smtp"][n // 25 % 2])

        asyncio.run(main())
        assert [one["total"] for one in Mailer.seen] == list(range(100))


class TestOptions:
    """The table `events.options`."""

    def test_it_speaks_of_all_handlers_and_of_one(self, tmp_path: Path) -> None:
        """What a handler does not say itself, the configuration does."""
        text = f"{PROJECT}[events.options]\nqueue_size = 9\nhandlers.me.overflow = 'drop-oldest'\n"
        lab = Workspace(tmp_path).project(text).open()
        lab.events.on("t", print, name="me")

        (one,) = lab.events.list().rows

        assert (one.queue_size, one.overflow) == (9, "drop-oldest")

    def test_a_fault_is_told_with_its_place(self, tmp_path: Path) -> None:
        """Where it stands in the file, as for every other value."""
        lab = Workspace(tmp_path).project(f"{PROJECT}[events.options]\nqueue_size = 0\n").open()

        with pytest.raises(InvalidConfigError, match=r"oneiric\.toml:6") as caught:
            lab.events.list()

        assert "events.options.queue_size" in str(caught.value)

    def test_a_fault_of_a_name_that_is_not_there_has_none(self, tmp_path: Path) -> None:
        """An unknown option is told by its path."""
        lab = Workspace(tmp_path).project(f"{PROJECT}[events.options]\nquue = 0\n").open()

        with pytest.raises(InvalidConfigError, match=r"events\.options\.quue"):
            lab.events.list()

    def test_a_new_configuration_holds_from_the_next_event_on(self, lab: Lab[Any]) -> None:
        """Of handlers of both kinds; a wrong one leaves the last good one in force."""

        async def main() -> None:
            async with lab.events.running():
                lab.events.on("order", print, name="me")
                await lab.events.emit("stock")
                for said, queue in (("7", 7), ("0", 7), ("5", 5)):
                    lab.plan([f"events.options.queue_size={said}"]).apply()
                    rows = lab.events.list().rows
                    assert [one.queue_size for one in rows] == [queue, queue]

        asyncio.run(main())

    def test_check_tells_what_is_wrong(self, tmp_path: Path) -> None:
        """Options and what handlers listen to; a name that nobody has is a warning."""
        one = "[events.options.handlers.mialer]\nqueue_size = 5\n"
        text = f"{PROJECT}{one}[profiles.x.events.options]\ntimeout = -1\n"
        lab = Workspace(tmp_path).project(text).open()
        lab.component("event:mailer")(Mailer)

        found = lab.check()
        assert found.ok
        assert "did you mean `mailer`" in found.to_text()
        assert "oneiric.toml:5" in found.to_text()
        assert "events.options.timeout" in lab.check(all_profiles=True).to_text()
        lab.component("event:bad", metadata={"topics": 7})(Mailer)
        assert not lab.check().ok

    def test_a_manifest_s_handler_gets_events(self, tmp_path: Path) -> None:
        """Topics, filters and the rest of an entry hold, from its file to the call."""
        from oneiric_lab.manifest import candidates_of, read_manifest
        from oneiric_lab.testing import Workspace as Yard

        (tmp_path / "manifest_handler.py").write_text(
            "seen = []\n\ndef make():\n    return lambda event: seen.append(event.payload)\n"
        )
        entry = {
            "domain": "event",
            "key": "mailer",
            "provider": "smtp",
            "version": "1.0.0",
            "factory": "manifest_handler:make",
            "event": {
                "topics": ["order"],
                "filters": [{"path": "payload.total", "any_of": [1, 3]}],
                "max_concurrency": 2,
                "priority": 5,
                "fanout_policy": "exclusive",
            },
            "retry_policy": {"attempts": 2},
            "timeouts": {"call": 4},
        }
        whole = {"schema": 3, "project": "p", "channel": "c", "version": 1, "entries": [entry]}
        manifest = read_manifest(encode(whole), name="x.oneiric.json")
        lab = Yard(tmp_path).project(PROJECT).open()
        lab.registry.add(*candidates_of(manifest, allowed=["manifest_handler"]))
        other: list[Any] = []
        lab.events.on("order", other.append, name="other")

        async def main() -> None:
            async with lab.events.running():
                for total in (1, 2, 3):
                    await lab.events.dispatch("order", {"total": total})

        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(tmp_path)
            asyncio.run(main())
            import manifest_handler  # type: ignore[import-not-found]  # written above

            assert [one["total"] for one in manifest_handler.seen] == [1, 3]
        assert [one.payload["total"] for one in other] == [2]
        (row,) = [one for one in lab.events.list().rows if one.name == "mailer"]
        assert (row.timeout, row.retry.attempts, row.max_concurrency) == (4, 2, 2)


class TestDead:
    """What could not be handled."""

    def test_it_is_kept_and_handed_over_again(self, lab: Lab[Any]) -> None:
        """A letter outlives its process; what is handled then is forgotten."""
        asyncio.run(lab.events.dispatch("order", {"total": -1}))
        (letter,) = lab.events.dead().rows
        assert letter.detail == "ValueError: a negative total"

        again = asyncio.run(lab.events.retry(letter.id))
        assert again.exit_code == 1
        (newer,) = lab.events.dead(topic="order").rows
        assert newer.id > letter.id

        lab.registry.withdraw(source_name="tests")
        lab.component("event:mailer", provider="kind", priority=9, metadata={"topics": ["order"]})(
            lambda: Mailer.seen.append
        )
        done = asyncio.run(lab.events.retry(newer.id))

        assert done.exit_code == 0
        assert lab.events.dead().rows == ()
        assert Mailer.seen[0].payload == {"total": -1}

    def test_a_retry_happens_in_a_block_that_is_open(self, lab: Lab[Any]) -> None:
        """The handlers of the running program get it."""

        async def main() -> None:
            async with lab.events.running():
                await lab.events.dispatch("order", {"total": -1})
                (letter,) = lab.events.dead().rows
                done = await lab.events.retry(letter.id)
                assert done.as_dict()["letters"][0]["outcome"] == "dead"  # type: ignore[index]  # rows
                assert len(lab.events.dead().rows) == 1

        asyncio.run(main())

    def test_one_can_be_forgotten(self, lab: Lab[Any]) -> None:
        """It is shown a last time."""
        asyncio.run(lab.events.dispatch("order", {"total": -1}))

        gone = lab.events.forget(1)

        assert "forgotten" in gone.to_text()
        assert lab.events.dead().to_text().startswith("event dead: none")
        with pytest.raises(UsageError, match="no dead letter 1"):
            lab.events.dead(1)

    def test_what_was_no_json_is_not_handed_over(self, lab: Lab[Any]) -> None:
        """The handler would get something else than was emitted."""
        event = Event("order", {"total": {1, 2}}).as_dict()
        DeadLetters(lab.store).add([DeadLetter(5, "order", "mailer", "failed", "", 1, event)])

        with pytest.raises(UsageError, match="was no JSON"):
            asyncio.run(lab.events.retry(1))


class TestViews:
    """What people see."""

    def test_nobody_took_it(self, lab: Lab[Any]) -> None:
        """It says so, and the exit code is 1."""
        found = asyncio.run(lab.events.dispatch("boat"))

        assert found.exit_code == 1
        assert "nobody takes boat" in found.to_text()

    def test_a_listing_shows_each_topic(self, lab: Lab[Any]) -> None:
        """Filters are in words, and a problem stands below."""
        lab.events.on(
            ["a", "b"],
            print,
            name="me",
            fanout_policy="exclusive",
            filters=[
                {"path": "payload.x", "equals": 1},
                {"path": "payload.y", "any_of": ["a"], "exists": True},
                {"path": "payload.z", "exists": False},
            ],
        )
        lab.component("event:bad", metadata={"topics": []})(Mailer)

        found = lab.events.list()
        text = " ".join(found.to_text(width=200).split())

        assert found.exit_code == 1
        assert 'payload.x = 1; payload.y in ["a"] and is there; payload.z is not there' in text
        assert "event:bad (Mailer): expected one topic at least" in text
        assert json.loads(found.to_json())["handlers"][0]["topics"] == ["a", "b"]

    def test_a_workspace_without_handlers_says_what_they_are(self, tmp_path: Path) -> None:
        """Not an empty table."""
        lab = Workspace(tmp_path).project(PROJECT).open()

        assert "nobody listens" in lab.events.list().to_text()
        assert asyncio.run(lab.events.retry()).to_text().startswith("event dead: none")

    def test_more_than_is_shown_is_told(self, lab: Lab[Any]) -> None:
        """The title says how many there are in all."""
        letter = DeadLetter(5, "order", "mailer", "failed", "", 1, {"topic": "order"})
        DeadLetters(lab.store).add([letter] * 3)

        found = lab.events.dead(limit=2)

        assert "2 letters, 3 in all" in found.to_text()
        assert found.as_dict()["total"] == 3
