"""Posted events: kept in the store by any process, handed over and told by the host."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import Fault, StoreError, UsageError
from oneiric_lab.runtime import Changed, Postman, _postman, alone, tell_host
from oneiric_lab.store import DeadLetter, DeadLetters, Post, Posts
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
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

        def posts(self: Posts, found: Any) -> None:
            tries["posts"] += 1
            if tries["posts"] < 3:
                raise (StoreError(Fault("store", "full")), OSError("odd"))[tries["posts"] - 1]
            finish(self, found)

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


class TestChanged:
    """Whether a store was written."""

    def test_two_times_tell(self, lab: Lab[Any]) -> None:
        """The first look is a change; then only what is written is one."""
        changed = Changed(lab.store.path)

        assert [changed(), changed()] == [True, False]
        post(lab)
        assert [changed(), changed()] == [True, False]


def _letter(handler: str) -> DeadLetter:
    event = {"topic": "order", "payload": 1, "headers": {}}
    return DeadLetter(1.0, "order", handler, "failed", "", 1, event)
