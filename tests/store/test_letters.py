"""Dead letters in the store."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import StoreError
from oneiric_lab.store import DeadLetter, DeadLetters, Store, _database, _letters

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(root: Path) -> Store:
    """Return the store of a workspace, not made yet."""
    return Store(root / ".oneiric")


def letter(topic: str = "order", **facts: Any) -> DeadLetter:
    """Return a letter of a handler that failed."""
    said = {
        "handler": "mail",
        "reason": "failed",
        "detail": "OSError: no",
        "attempts": 3,
        "event": {"topic": topic, "payload": {"n": 1}, "headers": {"event_id": "a"}},
        **facts,
    }
    return DeadLetter(5.0, topic, **said)


class TestDeadLetters:
    """Kept, shown, forgotten."""

    def test_what_was_kept_comes_back_newest_first(self, store: Store) -> None:
        """A letter has all its facts, and a number that grows."""
        letters = DeadLetters(store)

        letters.add([letter("order"), letter("stock")])

        found = letters.newest()
        assert [one.topic for one in found] == ["stock", "order"]
        assert [one.topic for one in letters.newest(topic="order")] == ["order"]
        assert len(letters.newest(1)) == 1
        assert found[1].as_dict() == {**letter("order").as_dict(), "id": found[1].id}
        assert letters.get(found[0].id) == found[0]
        assert letters.count() == 2

    def test_a_store_that_is_not_there_has_none(self, store: Store) -> None:
        """Asking writes nothing."""
        letters = DeadLetters(store)
        letters.add([])

        assert (letters.newest(), letters.get(1), letters.count()) == ([], None, 0)
        assert not store.path.exists()

    def test_a_store_of_an_older_version_has_none(self, store: Store) -> None:
        """It is read as it is; the first letter brings the table."""
        store.path.parent.mkdir()
        older = next(n for n, s in enumerate(_database.MIGRATIONS) if "dead_letter" in s)
        with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
            for statement in ";".join(_database.MIGRATIONS[:older]).split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {older}")
        letters = DeadLetters(store)

        assert (letters.newest(), letters.count()) == ([], 0)

        letters.add([letter()])
        assert letters.count() == 1

    def test_one_is_forgotten_once(self, store: Store) -> None:
        """Who removes it second is told."""
        letters = DeadLetters(store)
        letters.add([letter()])
        number = letters.newest()[0].id

        assert (letters.remove(number), letters.remove(number)) == (True, False)
        assert letters.newest() == []

    def test_the_oldest_are_forgotten(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """A flood does not fill the disk."""
        monkeypatch.setattr(_letters, "LETTERS_KEPT", 3)
        letters = DeadLetters(store)

        letters.add([letter(str(n)) for n in range(5)])

        assert [one.topic for one in letters.newest()] == ["4", "3", "2"]

    def test_large_ones_are_bounded(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """One that is too large keeps its headers; all together have a bound as well."""
        monkeypatch.setattr(_letters, "LETTER_BYTES", 1000)
        monkeypatch.setattr(_letters, "BYTES_KEPT", 2500)
        monkeypatch.setattr(_letters, "LETTERS_KEPT", 10)
        letters = DeadLetters(store)

        letters.add([letter(event={"topic": "a", "payload": "x" * 2000, "headers": {"id": 1}})])
        letters.add([letter(event={"topic": "b", "payload": 1, "headers": {"h": "x" * 2000}})])
        first, second = letters.newest()
        assert (first.event, first.whole) == ({"topic": "b", "payload": None}, False)
        assert second.event == {"topic": "a", "payload": None, "headers": {"id": 1}}
        for n in range(4):
            letters.add([letter(str(n), event={"topic": str(n), "payload": "x" * 900})])

        assert [one.topic for one in letters.newest()] == ["3", "2"]

    @pytest.mark.parametrize("payload", [object(), math.nan, {1, 2}, {("a",): 1}])
    def test_what_json_cannot_say_is_kept_as_far_as_it_can(
        self, store: Store, payload: object
    ) -> None:
        """Such a letter says that it is not whole: it is shown, and not handed over again."""
        letters = DeadLetters(store)

        letters.add([letter(event={"topic": "order", "payload": {"it": payload}})])

        (found,) = letters.newest()
        assert not found.whole
        assert found.event["topic"] == "order"

    def test_what_holds_itself_keeps_its_topic(self, store: Store) -> None:
        """A circle cannot be written; the letter tells at least what it was."""
        circle: dict[str, Any] = {}
        circle["it"] = circle
        letters = DeadLetters(store)

        letters.add([letter(event={"topic": "order", "payload": circle})])

        assert letters.newest()[0].event == {"topic": "order", "payload": None}

    def test_a_text_that_is_none_is_kept(self, store: Store) -> None:
        """Half a surrogate pair in an error does not keep the letter from being kept."""
        letters = DeadLetters(store)

        letters.add([letter(detail="bad \ud800 text", event={"topic": "t", "payload": "\ud800"})])

        assert letters.newest()[0].detail == "bad ? text"

    def test_a_store_that_cannot_be_written_says_so(self, tmp_path: Path) -> None:
        """Nothing is lost silently."""
        (tmp_path / "file").write_text("")

        with pytest.raises(StoreError):
            DeadLetters(Store(tmp_path / "file" / "folder")).add([letter()])
