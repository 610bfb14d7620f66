"""Posted events: kept in the store by any process, handed over and told by the host."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import Fault, StoreError, UsageError
from oneiric_lab.runtime import Changed, Postman, _postman, alone, tell_host
from oneiric_lab.runtime._in_hand import InHand
from oneiric_lab.runtime._postman import IN_HAND
from oneiric_lab.store import DeadLetter, DeadLetters, Post, Posts
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from oneiric_lab.lab import Lab, Posted

PROJECT = "[app]\nname = 'yard'\n[plugins]\nauto_load = false\n"


@pytest.fixture
def lab(tmp_path: Path) -> Lab[Any]:
    """Return a workspace that handles nothing yet."""
    return Workspace(tmp_path).project(PROJECT).open()


@pytest.fixture
def other(lab: Lab[Any]) -> Lab[Any]:
    """Return the same workspace as another process has it open."""
    return Workspace(lab.root).open()


@asynccontextmanager
async def taken(lab: Lab[Any], *, once: bool = False) -> AsyncIterator[Postman]:
    """Do for posts what a host does."""
    man = Postman(lab.store, lab.events)
    async with man.telling(), lab.events.running():
        task = asyncio.create_task(man.taking(once=once))
        try:
            yield man
        finally:
            man.stop()
            await task


def post(lab: Lab[Any], payload: object = None, topic: str = "order") -> Posted:
    """Post an event."""
    return lab.events.posts.add(lab.events.made(topic, payload))


async def settled(lab: Lab[Any], left: int = 0) -> None:
    """Wait until so many posts wait."""
    posts = Posts(lab.store)
    async with asyncio.timeout(10):
        while posts.left() != left:  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.01)


async def until(so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(10):
        while not so():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)


class TestPosting:
    """Where no host runs."""

    def test_a_post_waits_for_the_next_host(self, lab: Lab[Any]) -> None:
        """It is on the disk, has a number, and whoever waits is told at once that none runs."""
        posted = post(lab, {"n": 1})

        assert (posted.number, posted.state, posted.ok, posted.exit_code) == (1, "waiting", None, 0)
        assert "no host of this workspace runs" in posted.to_text()
        shown = lab.events.posts.show(1)
        assert lab.events.posts.awaited(posted) == shown
        assert shown.event.as_dict() == posted.event.as_dict()
        assert shown.event.source == "yard"
        assert repr(lab.events.posts) == "<PostOffice: 1 waiting>"
        text = lab.events.posts.list().to_text()
        assert "1 post, 1 waiting" in text
        assert "oneiric-lab run" in text

    def test_headers_say_what_an_event_is(self, lab: Lab[Any]) -> None:
        """An id of the caller's own among them: it tells a second time from the first."""
        headers = {"event_id": "order-7", "correlation_id": "c", "tenant": "eu"}
        event = lab.events.made("order", 1, headers)

        assert (event.id, event.correlation, event.headers) == ("order-7", "c", {"tenant": "eu"})
        with pytest.raises(UsageError, match="JSON data"):
            lab.events.made("order", object())

    def test_posts_are_forgotten(self, lab: Lab[Any]) -> None:
        """By their numbers; one that is not there is told before any is."""
        posts = lab.events.posts
        posted = post(lab)

        with pytest.raises(UsageError, match="there is no post 9"):
            posts.forget(1, 9)
        gone = posts.forget(1)
        assert [one.state for one in gone.rows] == ["forgotten"]
        assert "forgotten" in gone.to_text()
        assert posts.list().to_text() == "event posted: none"
        found = posts.awaited(posted)
        assert found.state == "forgotten"
        assert "taken out of the store" in found.to_text()

    def test_a_host_is_waited_for_as_long_as_was_said(self, lab: Lab[Any]) -> None:
        """What took longer is kept, and the exit code says that it was not seen handled."""
        folder = lab.store.path.parent
        with alone(folder, "default"):
            tell_host(folder, "default")
            posted = post(lab)
            assert "process" in posted.host
            late = lab.events.posts.awaited(posted, 0.01)
            stopped = lab.events.posts.awaited(posted, None, lambda: True)

        assert (late.state, late.exit_code, stopped.exit_code) == ("waiting", 1, 1)
        assert "has it: event posted 1" in late.to_text()
        assert late.as_dict()["host"] == posted.host

    def test_a_host_that_sleeps_between_requests_is_not_waited_for(self, lab: Lab[Any]) -> None:
        """It takes them when it begins."""
        folder = lab.store.path.parent
        with alone(folder, "serverless"):
            tell_host(folder, "serverless")

            assert post(lab).host == ""


class TestTaking:
    """Where a host takes them."""

    def test_what_was_posted_is_handled_in_its_order(self, lab: Lab[Any], other: Lab[Any]) -> None:
        """Before it began and while it runs; the store says what became of each."""
        seen: list[Any] = []
        lab.events.on("order", lambda event: seen.append(event.payload), name="seen")
        before = post(other, 0)
        many = [Post(1.0, "", {"topic": "order", "payload": n}) for n in range(1, 150)]
        Posts(other.store).add(many)

        async def main() -> None:
            async with taken(lab) as man:
                await settled(other)
                post(other, "later")
                await settled(other)
                assert man.left == 0

        asyncio.run(main())
        assert seen == [*range(150), "later"]
        found = other.events.posts.show(before.number)
        assert (found.state, found.ok, found.exit_code) == ("done", True, 0)
        assert "handled by 1 of 1, by the host" in found.to_text()
        assert [one.handler for one in found.deliveries] == ["seen"]
        assert "seen handled" in other.events.posts.list(1).to_text()

    def test_who_waits_hears_what_became_of_it(self, lab: Lab[Any], other: Lab[Any]) -> None:
        """Handled, dead, or that nobody takes it."""

        def bad(event: object) -> None:
            raise ValueError("no")

        lab.events.on("bad", bad, name="bad")
        folder = lab.store.path.parent

        async def ask(topic: str) -> Posted:
            return await asyncio.to_thread(
                lambda: other.events.posts.awaited(post(other, topic=topic))
            )

        async def main() -> list[Posted]:
            async with taken(lab):
                return [await ask("bad"), await ask("none")]

        with alone(folder, "default"):
            tell_host(folder, "default")
            dead, none = asyncio.run(main())
        assert (dead.exit_code, none.exit_code) == (1, 1)
        assert "event dead shows" in dead.to_text()
        assert "nobody took it" in none.to_text()
        (letter,) = other.events.dead().rows
        assert letter.detail == "ValueError: no"
        shown = other.events.posts.list()
        assert shown.exit_code == 0
        assert "nobody took it" in shown.to_text()

    def test_a_slow_handler_keeps_no_other_waiting(self, lab: Lab[Any], other: Lab[Any]) -> None:
        """Each has its own queue, and a post is told once the last one is done."""
        gate = asyncio.Event()
        fast: list[Any] = []

        async def slow(event: object) -> None:
            await gate.wait()

        lab.events.on("order", slow, name="slow")
        lab.events.on(["order", "quick"], fast.append, name="fast")
        post(other)
        post(other, topic="quick")

        async def main() -> None:
            async with taken(lab):
                await settled(other, 1)
                assert len(fast) == 2
                assert other.events.posts.show(1).state == "waiting"
                gate.set()
                await settled(other)

        asyncio.run(main())

    def test_letters_are_handed_over_again(self, lab: Lab[Any], other: Lab[Any]) -> None:
        """To their own handler; a letter is forgotten once that took it, and gets another number
        where it failed again."""
        mended: list[Any] = []
        others: list[Any] = []

        def handle(event: Any) -> None:
            if not mended:
                raise ValueError("no")
            mended.append(event.payload)

        lab.events.on("order", handle, name="mailer")
        lab.events.on("order", others.append, name="other")
        post(other, 1)

        async def main() -> None:
            async with taken(lab):
                await settled(other)
                other.events.post_again(1)
                await settled(other)
                assert [one.id for one in other.events.dead().rows] == [2]
                mended.append("so")
                (again,) = other.events.post_again(2)
                (same,) = other.events.post_again(2)
                assert (again.letter, again.number) == (2, same.number)
                await settled(other)

        asyncio.run(main())
        assert mended == ["so", 1]
        assert len(others) == 1
        assert other.events.dead().rows == ()

    def test_a_letter_that_was_taken_up_meanwhile_is_dropped(
        self, lab: Lab[Any], other: Lab[Any]
    ) -> None:
        """And one whose handler is not there stays."""
        DeadLetters(lab.store).add([_letter("gone"), _letter("gone")])
        other.events.post_again(1, 2)
        other.events.forget(1)

        async def main() -> None:
            async with taken(lab, once=True):
                await settled(other)

        asyncio.run(main())
        first, second = (other.events.posts.show(n).deliveries[0] for n in (1, 2))
        assert (first.outcome, first.detail) == ("dropped", "letter 1 was taken up before")
        assert (second.outcome, second.detail) == ("dead", "no handler is called 'gone' here")
        assert [one.id for one in other.events.dead().rows] == [2]

    def test_at_the_end_what_is_in_hand_is_a_letter_and_the_rest_waits(
        self, lab: Lab[Any], other: Lab[Any]
    ) -> None:
        """Nothing is in both, and nothing in neither."""

        async def hang(event: object) -> None:
            await asyncio.sleep(3600)

        lab.events.on("order", hang, name="hang")
        post(other, 1)

        async def main() -> None:
            async with taken(lab) as man:
                while not lab.events.snapshot()["handlers"][0]["in_hand"]:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.01)
                man.stop()
                post(other, 2)
                lab.events.hurry(0.01)

        asyncio.run(main())
        assert [one.event["payload"] for one in other.events.dead().rows] == [1]
        assert [one.state for one in other.events.posts.list().rows] == ["waiting", "done"]

    def test_at_the_end_what_no_handler_had_waits_for_the_next_host(
        self, lab: Lab[Any], other: Lab[Any]
    ) -> None:
        """In its queue, or for room in it; what other handlers did is not done again."""
        seen: list[tuple[str, Any]] = []
        mended: list[bool] = []

        async def hang(event: Any) -> None:
            if not mended:
                await asyncio.sleep(3600)
            seen.append(("hang", event.payload))

        lab.events.on("order", hang, name="hang", queue_size=1)
        lab.events.on("order", lambda event: seen.append(("quick", event.payload)), name="quick")
        for n in (1, 2, 3):
            post(other, n)

        async def killed() -> None:
            async with taken(lab):
                while len(seen) < 3:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.01)
                lab.events.hurry(0.01)

        async def main() -> None:
            async with taken(lab):
                await settled(other)

        asyncio.run(killed())
        assert [one.event["payload"] for one in other.events.dead().rows] == [1]
        assert [one.state for one in other.events.posts.list().rows] == [
            "waiting",
            "waiting",
            "done",
        ]
        assert "quick handled" in other.events.posts.list(1).to_text()
        mended.append(True)
        asyncio.run(main())
        assert sorted(seen) == [("hang", 2), ("hang", 3), *(("quick", n) for n in (1, 2, 3))]
        both = [d.handler for d in other.events.posts.show(3).deliveries]
        assert both == ["quick", "hang"]

    def test_a_letter_that_no_handler_had_at_the_end_is_kept(
        self, lab: Lab[Any], other: Lab[Any]
    ) -> None:
        """The next host takes it up."""
        hung: list[bool] = [True]
        seen: list[Any] = []

        async def hang(event: Any) -> None:
            if hung:
                await asyncio.sleep(3600)
            seen.append(event.payload)

        lab.events.on("order", hang, name="mailer")
        DeadLetters(lab.store).add([_letter("mailer")])
        post(other, "first")
        other.events.post_again(1)

        async def ended() -> None:
            async with taken(lab) as man:
                await until(lambda: man.left == 2)
                await until(lambda: lab.events.snapshot()["handlers"][0]["waiting"] == 1)
                lab.events.hurry(0.01)

        asyncio.run(ended())
        assert [one.id for one in other.events.dead().rows] == [2, 1]
        hung.clear()

        async def main() -> None:
            async with taken(lab):
                await settled(other)

        asyncio.run(main())
        assert seen == [1]
        assert [one.id for one in other.events.dead().rows] == [2]

    def test_what_one_handler_did_is_told_though_another_goes_on(
        self, lab: Lab[Any], other: Lab[Any]
    ) -> None:
        """So that a host that is killed then has it done once only; its letter is kept by then."""
        gate = asyncio.Event()

        async def slow(event: object) -> None:
            await gate.wait()

        lab.events.on("order", lambda event: 1 / 0, name="bad")
        lab.events.on("order", slow, name="slow")
        post(other)

        async def main() -> None:
            async with taken(lab), asyncio.timeout(10):
                while not (so_far := other.events.posts.show(1).deliveries):  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.01)
                assert [one.handler for one in so_far] == ["bad"]
                assert other.events.posts.show(1).state == "waiting"
                assert len(other.events.dead().rows) == 1
                gate.set()
                await settled(other)

        asyncio.run(main())
        assert [d.handler for d in other.events.posts.show(1).deliveries] == ["bad", "slow"]

    def test_a_post_that_cannot_be_handed_over_keeps_no_other(
        self, lab: Lab[Any], other: Lab[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is left to the next host, and the log says why."""
        DeadLetters(lab.store).add([_letter("mailer")])
        other.events.post_again(1)
        post(other)
        seen: list[Any] = []
        lab.events.on("order", seen.append, name="mailer")
        with monkeypatch.context() as broken:
            broken.setattr(DeadLetters, "get", _locked)

            async def main() -> None:
                async with taken(lab):
                    await settled(other, 1)

            asyncio.run(main())
        assert len(seen) == 1
        assert other.events.posts.show(1).state == "waiting"

        async def next_() -> None:
            async with taken(lab):
                await settled(other)

        asyncio.run(next_())
        assert len(seen) == 2

    def test_events_that_ended_leave_a_post_to_the_next_host(
        self, lab: Lab[Any], other: Lab[Any]
    ) -> None:
        """It is not told as done."""
        post(other)

        async def main() -> None:
            man = Postman(lab.store, lab.events)
            async with man.telling():
                await man.taking(once=True)

        asyncio.run(main())
        assert other.events.posts.show(1).state == "waiting"

    def test_a_store_that_cannot_be_written_is_tried_again(
        self, lab: Lab[Any], other: Lab[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is told until it is kept: neither the letters nor the posts."""
        monkeypatch.setattr(_postman, "_PATIENCE", 0.01)
        tries = {"letters": 0, "posts": 0}
        add, finish = DeadLetters.add, Posts.finish

        def letters(self: DeadLetters, found: Any) -> None:
            tries["letters"] += 1
            if tries["letters"] < 3:
                raise StoreError(Fault("store", "full"))
            add(self, found)

        def posts(self: Posts, *found: Any) -> None:
            tries["posts"] += 1
            if tries["posts"] < 3:
                raise (StoreError(Fault("store", "full")), OSError("odd"))[tries["posts"] - 1]
            finish(self, *found)

        monkeypatch.setattr(DeadLetters, "add", letters)
        monkeypatch.setattr(Posts, "finish", posts)
        lab.events.on("order", lambda event: 1 / 0, name="bad")
        post(other)

        async def main() -> None:
            async with taken(lab):
                await settled(other)

        asyncio.run(main())
        assert len(other.events.dead().rows) == 1
        assert tries["posts"] == 3


class TestTurns:
    """When the store is looked at, and how much is taken."""

    def test_what_comes_in_the_tick_of_another_is_found_at_the_next_look(
        self, lab: Lab[Any], other: Lab[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its bell has the same time: the look after a change is taken whatever that says."""
        monkeypatch.setattr(_postman, "_ANYWAY", 3600)
        waiting, bell = Posts.waiting, Posts(lab.store).bell
        looks: list[int] = []

        def tick(self: Posts, *asked: Any) -> list[Post]:
            found = waiting(self, *asked)
            looks.append(len(found))
            if looks == [1, 0]:
                rung = bell.stat().st_mtime_ns
                post(other, 2)
                os.utime(bell, ns=(rung, rung))
            return found

        monkeypatch.setattr(Posts, "waiting", tick)
        post(other, 1)

        async def main() -> None:
            async with taken(lab):
                await until(lambda: len(looks) >= 3)
                await settled(other)
                await asyncio.sleep(0.3)

        asyncio.run(main())
        assert looks == [1, 0, 1, 0]

    def test_who_is_told_to_stop_while_it_looks_takes_nothing(
        self, lab: Lab[Any], other: Lab[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What it found waits for the next host."""
        seen: list[Any] = []
        lab.events.on("order", seen.append, name="seen")
        post(other)
        waiting = Posts.waiting

        async def main() -> None:
            man = Postman(lab.store, lab.events)

            def told(self: Posts, *asked: Any) -> list[Post]:
                man.stop()
                return waiting(self, *asked)

            monkeypatch.setattr(Posts, "waiting", told)
            async with man.telling(), lab.events.running():
                await man.taking()

        asyncio.run(main())
        assert seen == []
        assert other.events.posts.show(1).state == "waiting"

    def test_the_end_waits_for_what_is_under_way(
        self, lab: Lab[Any], other: Lab[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A post whose letter is looked for in a thread is told all the same."""
        DeadLetters(lab.store).add([_letter("mailer")])
        other.events.post_again(1)

        def slow(self: DeadLetters, number: int) -> None:
            time.sleep(0.3)

        monkeypatch.setattr(DeadLetters, "get", slow)

        async def main() -> None:
            man = Postman(lab.store, lab.events)
            async with man.telling(), lab.events.running():
                await man.taking(once=True)

        asyncio.run(main())
        assert other.events.posts.show(1).deliveries[0].outcome == "dropped"

    def test_no_more_is_taken_than_may_be_under_way(
        self, lab: Lab[Any], other: Lab[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The rest waits in the store until there is room."""
        monkeypatch.setattr(_postman, "_IN_HAND", 2)
        monkeypatch.setattr(_postman, "_LOOK", 0.01)
        gate = asyncio.Event()
        seen: list[Any] = []

        async def slow(event: Any) -> None:
            seen.append(event.payload)
            await gate.wait()

        lab.events.on("order", slow, name="slow", max_concurrency=9)
        for n in range(5):
            post(other, n)

        async def main() -> None:
            async with taken(lab):
                await until(lambda: len(seen) == 2)
                await asyncio.sleep(0.1)
                assert seen == [0, 1]
                gate.set()
                await settled(other)

        asyncio.run(main())
        assert seen == [0, 1, 2, 3, 4]

    def test_the_file_tells_what_a_handler_has_and_nothing_else(
        self, lab: Lab[Any], other: Lab[Any]
    ) -> None:
        """Not what waits in its queue, nor what found no room there."""
        gate = asyncio.Event()

        async def slow(event: object) -> None:
            await gate.wait()

        lab.events.on("order", slow, name="slow", queue_size=1, overflow="dead-letter")
        file = lab.store.path.with_name(IN_HAND)
        for n in range(3):
            post(other, n)

        async def main() -> None:
            async with taken(lab):
                await settled(other, 2)
                assert file.read_text().partition("\n")[0] == "1"
                gate.set()
                await settled(other)

        asyncio.run(main())
        assert not file.exists()


class TestDeaths:
    """Posts that a host died with."""

    def test_the_one_is_alone_for_a_while(
        self, lab: Lab[Any], other: Lab[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What comes before it goes on, what comes behind it waits; then it holds up nobody."""
        monkeypatch.setattr(_postman, "_ALONE", 0.2)
        seen: list[tuple[float, Any]] = []

        async def slow(event: Any) -> None:
            seen.append((asyncio.get_running_loop().time(), event.payload))
            if event.payload == "suspect":
                await asyncio.sleep(3600)

        lab.events.on("order", slow, name="slow", max_concurrency=9)
        for name in ("before", "suspect", "behind", "last"):
            post(other, name)
        Posts(other.store).blame([2])

        listed = other.events.posts.list()
        assert [one.deaths for one in listed.rows] == [0, 0, 1, 0]
        assert "1 host died with it in hand" in listed.to_text()

        async def main() -> None:
            async with taken(lab):
                await settled(other, 1)
                lab.events.hurry(0.01)

        asyncio.run(main())
        assert [name for _, name in seen] == ["before", "suspect", "behind", "last"]
        assert seen[1][0] - seen[0][0] < 0.15
        assert seen[2][0] - seen[1][0] >= 0.2

    def test_after_three_it_is_a_letter_of_each_handler_that_did_not_tell(
        self, lab: Lab[Any], other: Lab[Any]
    ) -> None:
        """Nobody is given it, until somebody has it handed over again."""
        seen: list[Any] = []
        for name in ("one", "two", "had"):
            lab.events.on("order", seen.append, name=name)
        number = post(other).number
        posts = Posts(other.store)
        had = {"handler": "had", "outcome": "handled", "detail": None, "attempts": 1}
        posts.finish([], [(posts.waiting()[0], [had])])
        for _ in range(3):
            posts.blame([number])

        async def main() -> None:
            async with taken(lab):
                await settled(other)
                assert seen == []
                other.events.post_again(1)
                await settled(other)

        asyncio.run(main())
        assert len(seen) == 1
        (letter,) = other.events.dead().rows
        assert (letter.handler, letter.reason, letter.attempts) == ("two", "refused", 0)
        assert letter.detail == "3 hosts died while it was handled"
        shown = other.events.posts.show(number)
        assert [(d.handler, d.outcome) for d in shown.deliveries] == [
            ("had", "handled"),
            ("one", "dead"),
            ("two", "dead"),
        ]

    def test_a_store_that_cannot_be_written_blames_nobody(
        self, lab: Lab[Any], other: Lab[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The host begins all the same."""
        post(other)
        lab.store.path.with_name(IN_HAND).write_text("1\n")
        monkeypatch.setattr(Posts, "blame", _locked)

        async def main() -> None:
            async with taken(lab):
                await settled(other)

        asyncio.run(main())
        assert Posts(other.store).newest()[0].deaths == 0
        assert not lab.store.path.with_name(IN_HAND).exists()


class TestInHand:
    """Which posts handlers have, in a file that outlives its process."""

    def test_the_next_one_is_told_what_was_left(self, tmp_path: Path) -> None:
        """Those that were with a handler at the end, however many handlers, once each."""
        file = tmp_path / "in-hand"
        blamed: list[list[int]] = []
        killed = InHand(file)
        killed.begin(blamed.append)
        for number in (1000, 1000, 2, 3):
            killed.add(number)
        for number in (3, 1000):
            killed.discard(number)
        left = file.read_text()
        killed.end()
        assert blamed == []
        assert not file.exists()

        file.write_text(left)
        next_ = InHand(file)
        next_.begin(blamed.append)
        assert (blamed, file.read_text()) == ([[1000, 2]], "")
        next_.end()

    def test_where_nothing_can_be_written_nobody_is_blamed(self, tmp_path: Path) -> None:
        """And nothing fails; what is no list of numbers blames nobody either."""
        held = InHand(tmp_path / "none" / "in-hand")
        held.begin(_nobody)
        held.add(1)
        held.end()
        file = tmp_path / "in-hand"
        file.write_text("odd\n")
        held = InHand(file)
        held.begin(_nobody)
        held.end()

        assert not file.exists()


class TestChanged:
    """Whether a store was written."""

    def test_two_times_tell(self, lab: Lab[Any]) -> None:
        """The first look is a change; then only what is written is one."""
        changed = Changed(Posts(lab.store).bell)

        assert [changed(), changed()] == [True, False]
        post(lab)
        assert [changed(), changed()] == [True, False]


def _nobody(numbers: list[int]) -> None:
    pytest.fail(f"blamed: {numbers}")


def _locked(*_: object) -> None:
    raise StoreError(Fault("store", "database is locked"))


def _letter(handler: str) -> DeadLetter:
    event = {"topic": "order", "payload": 1, "headers": {}}
    return DeadLetter(1.0, "order", handler, "failed", "", 1, event)
