"""Posted events in the store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import StoreError, UsageError
from oneiric_lab.store import DeadLetter, DeadLetters, Post, Posts, Store, _database, _posts

if TYPE_CHECKING:
    from pathlib import Path

DONE = [{"handler": "mail", "outcome": "handled", "detail": None, "attempts": 1}]


@pytest.fixture
def store(root: Path) -> Store:
    """Return the store of a workspace, not made yet."""
    return Store(root / ".oneiric")


def post(topic: str = "order", **facts: Any) -> Post:
    """Return an event that somebody posts."""
    event = {"topic": topic, "payload": {"n": 1}, "headers": {"event_id": "a"}}
    return Post(**{"at": 5.0, "who": "ada", "event": event, **facts})


class TestPosts:
    """Kept, taken, finished, forgotten."""

    def test_what_waits_comes_back_in_its_order(self, store: Store) -> None:
        """A post has all its facts, and a number that grows."""
        posts = Posts(store, clock=lambda: 7.0)

        numbers = posts.add([post("a"), post("b"), post("c")])

        found = posts.waiting()
        assert [one.event["topic"] for one in found] == ["a", "b", "c"]
        assert [one.id for one in found] == numbers == sorted(numbers)
        assert found[0] == replace(post("a"), id=numbers[0])
        assert [one.id for one in posts.waiting(numbers[0], 1)] == [numbers[1]]
        assert posts.get(numbers[2]) == found[2]
        assert posts.left() == 3

        posts.finish([(found[1], DONE)])

        done = posts.get(numbers[1])
        assert done is not None
        assert (done.done, done.deliveries) == (7.0, tuple(DONE))
        assert [one.id for one in posts.waiting()] == [numbers[0], numbers[2]]
        assert [one.id for one in posts.newest(2)] == [numbers[2], numbers[1]]
        assert posts.remove(numbers[0])
        assert not posts.remove(numbers[0])
        assert posts.left() == 1

    def test_a_store_that_is_not_there_has_none(self, store: Store) -> None:
        """Asking writes nothing."""
        posts = Posts(store)

        assert posts.add([]) == []
        assert (posts.waiting(), posts.newest(), posts.get(1), posts.left()) == ([], [], None, 0)
        assert not store.path.exists()

    def test_a_store_of_an_older_version_has_none_until_it_is_written(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is asked as it is, and brought up to date by the first post."""
        with monkeypatch.context() as old:
            old.setattr(_database, "MIGRATIONS", _database.MIGRATIONS[:7])
            old.setattr(_database, "VERSION", 7)
            DeadLetters(store).add([DeadLetter(1.0, "t", "h", "failed", "", 1, {})])
        posts = Posts(store)

        assert (posts.waiting(), posts.left()) == ([], 0)
        assert posts.add([post()]) == [1]

    def test_posts_of_an_older_version_are_kept(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They have no size and no deaths there, and wait on once the store is written."""
        with monkeypatch.context() as old:
            old.setattr(_database, "MIGRATIONS", _database.MIGRATIONS[:8])
            old.setattr(_database, "VERSION", 8)
            DeadLetters(store).add([DeadLetter(1.0, "t", "h", "failed", "", 1, {})])
            with closing(sqlite3.connect(store.path)) as connection, connection:
                connection.execute(
                    "INSERT INTO post (at, who, event, handler, letter)"
                    " VALUES (1, 'ada', '{}', '', 0), (2, 'bob', '{}', '', 0)"
                )
                connection.execute("DELETE FROM post WHERE id = 2")
        posts = Posts(store)

        assert posts.waiting() == []
        assert posts.add([post()]) == [3]  # a number is never given twice
        first, second = posts.waiting()
        assert (first.id, first.who, first.event, first.deaths) == (1, "ada", {}, 0)
        assert second.id == 3

    def test_a_letter_waits_once(self, store: Store) -> None:
        """Whoever posts it again gets the post that waits; once that is done, a new one."""
        posts = Posts(store)
        (first,) = posts.add([post(letter=3, handler="mail")])

        assert posts.add([post(letter=3), post(letter=4)]) == [first, first + 1]
        waiting = posts.get(first)
        assert waiting is not None
        posts.finish([(waiting, DONE)])
        assert posts.add([post(letter=3)]) == [first + 2]

    def test_what_some_handlers_did_is_kept_while_others_go_on(self, store: Store) -> None:
        """The post waits, and says what became of it so far."""
        posts = Posts(store)
        posts.add([post(), post()])
        first, second = posts.waiting()

        posts.finish([(first, [])], [(second, DONE)])

        assert posts.waiting() == [replace(second, deliveries=tuple(DONE))]

    def test_deaths_are_counted_where_they_matter(self, store: Store) -> None:
        """Of a post that waits; one that is done, or gone, killed nobody."""
        posts = Posts(store)
        posts.add([post(), post()])
        posts.finish([(posts.waiting()[0], DONE)])

        posts.blame([1, 2, 7])
        posts.blame([2])

        assert [one.deaths for one in posts.newest()] == [2, 0]

    def test_the_bell_rings_with_each_post(self, store: Store) -> None:
        """And with nothing else that is written."""
        posts = Posts(store)
        posts.add([post(), post()])
        rung = posts.bell.stat().st_mtime_ns
        posts.finish([(posts.waiting()[0], DONE)])
        assert posts.bell.stat().st_mtime_ns == rung
        posts.bell.unlink()
        posts.bell.mkdir()  # cannot be written, which keeps no event from being kept
        posts.add([post()])
        posts.bell.rmdir()
        posts.add([post()])

        assert posts.bell.stat().st_mode & 0o777 == 0o600
        assert posts.left() == 3

    def test_a_store_that_began_anew_hides_nothing(self, store: Store) -> None:
        """A number that it never gave asks for all; what is done there is not done here."""
        posts = Posts(store)
        posts.add([post("old"), post("old")])
        old = posts.waiting()[1]
        for path in store.path.parent.glob("state.db*"):
            path.unlink()
        posts.add([post("new", at=6.0)])

        assert [one.event["topic"] for one in posts.waiting(old.id)] == ["new"]
        posts.finish([(replace(old, id=1), DONE)])
        assert posts.left() == 1


class TestLimits:
    """What is not kept is told, and nothing that waits is lost."""

    @pytest.mark.parametrize(
        ("payload", "why"),
        [
            (float("nan"), "JSON"),
            ({1, 2}, "JSON"),
            ("x" * (1 << 20), "at most 1048576 bytes"),
        ],
    )
    def test_what_cannot_be_kept_whole_is_refused(
        self, store: Store, payload: object, why: str
    ) -> None:
        """Nothing of the batch is kept."""
        bad = post(event={"topic": "t", "payload": payload, "headers": {}})

        with pytest.raises(UsageError, match=why):
            Posts(store).add([post(), bad])
        assert Posts(store).left() == 0

    def test_too_many_are_refused(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """By their number, and by their bytes together; those that are done do not count."""
        posts = Posts(store)
        monkeypatch.setattr(_posts, "POSTS_WAITING", 2)
        posts.add([post(), post()])
        with pytest.raises(StoreError, match="2 events of 138 bytes wait"):
            posts.add([post()])
        posts.finish([(posts.waiting()[0], DONE)])
        posts.add([post()])

        monkeypatch.setattr(_posts, "POSTS_WAITING", 99)
        monkeypatch.setattr(_posts, "BYTES_WAITING", 150)
        with pytest.raises(StoreError, match="at most 99 and 150 bytes may") as caught:
            posts.add([post()])
        assert caught.value.faults[0].code == "posts-full"

    def test_many_megabytes_that_wait_cost_no_post(self, store: Store) -> None:
        """How many bytes wait is known without reading them."""
        posts = Posts(store)
        posts.add([post(event={"topic": "t", "payload": "x" * 1000}) for _ in range(100)])
        with _database.reading(store.path) as connection:
            assert connection is not None
            (plan,) = connection.execute(f"EXPLAIN QUERY PLAN {_posts._LEFT}").fetchall()
            held = connection.execute("PRAGMA index_info(posted_waiting)").fetchall()
        assert "INDEX posted_waiting" in plan[-1]
        assert [name for _, _, name in held] == ["id", "size"]

    def test_of_those_that_are_done_the_newest_are_told(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Older ones are forgotten; those that wait never are."""
        monkeypatch.setattr(_posts, "POSTS_KEPT", 2)
        posts = Posts(store)
        posts.add([post() for _ in range(5)])

        posts.finish([(one, DONE) for one in posts.waiting()[1:]])

        assert [one.id for one in posts.newest()] == [5, 4, 1]
