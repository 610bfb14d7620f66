"""The gate part by part: what the gate as a whole says, in less memory."""

from __future__ import annotations

import gc
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.canonical import Items, _long, decode, decode_items, decode_long, encode
from oneiric_lab.errors import CanonicalError

from .test_encode import DOCUMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = st.sampled_from(["a", "entries", "z", "}],", '},{"a', "é😂"])
ITEMS = st.lists(st.dictionaries(NAMES, DOCUMENTS, max_size=3) | DOCUMENTS, max_size=6)
OBJECTS = st.fixed_dictionaries(
    {"entries": ITEMS}, optional={"b": DOCUMENTS, "x": st.fixed_dictionaries({"entries": ITEMS})}
)


def whole(data: bytes) -> tuple[Any, list[Any]]:
    """Return what the gate as a whole says, in the words of the other."""
    tree = decode(data)
    if not isinstance(tree, dict) or type(tree.get("entries")) is not list:
        return tree, []
    return {**tree, "entries": []}, tree["entries"]


def by_parts(data: bytes) -> tuple[Any, list[Any]]:
    """Return the same by parts of some bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_long, "_PART", 1)
        tree, runs = decode_long(data, "entries", list)
    return tree, [*chain.from_iterable(runs)]


def kept(data: bytes) -> tuple[Any, list[Any]]:
    """Return the same where the items are kept as bytes, and shown run by run."""
    shown: list[Any] = []

    def take(head: dict[str, Any], first: int, items: list[Any]) -> None:
        assert head["entries"] == []
        shown[first:] = items

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_long, "_PART", 1)
        tree, items = decode_items(data, "entries", take)
    assert [*items] == shown == [items[n] for n in range(len(items))]
    return tree, shown


def verdict(of: Any, data: bytes) -> str:
    """Return the value, or the fault."""
    try:
        return repr(of(data))
    except CanonicalError as error:
        return str(error)


class TestDecodeLong:
    """One verdict with `decode`."""

    @given(OBJECTS | DOCUMENTS)
    def test_the_canonical_form_says_the_same(self, value: object) -> None:
        """
        Whatever the items are, and whatever stands around them.
        """
        data = encode(value)

        assert verdict(by_parts, data) == verdict(kept, data) == verdict(whole, data)

    @given(OBJECTS, st.data())
    @settings(max_examples=100)
    def test_a_change_is_judged_the_same(self, value: object, data: st.DataObject) -> None:
        """
        A part that is put in, or left out, is refused with the place in the whole, or taken.
        """
        before = encode(value)
        at = data.draw(st.integers(0, len(before)))
        put = data.draw(
            st.sampled_from(
                [b"", b" ", b",", b"{}", b"},{", b'},{"a":1', b"}],", b'"', b"1.0", b"]"]
            )
        )
        after = before[:at] + put + before[at + data.draw(st.integers(0, 3)) :]

        assert verdict(by_parts, after) == verdict(kept, after) == verdict(whole, after)

    @pytest.mark.parametrize(
        "data",
        [
            b'{"entries":[{"a":1},{"a":2}],"x":{"entries":[]}}',
            b'{"a":{"entries":[{"a":1}]},"entries":[]}',
            b'{"a":{"entries":[{"a":1}]},"entries":[{"b":1}]}',
            b'{"a":"\\"entries\\":[","entries":[{"a":"}]"}],"z":[{"a":1}]}',
            b'{"entries":[{"a":[{"a":1},{"a":2}]},{"a":3}]}',
            b'{"entries":[{"a":1},{"b":1},{"a":2}]}',
            b'{"entries":[{"a":"},{"},{"a":2}]}',
            b'{"entries":[1,{"a":2}]}',
            b'{"entries":{"a":[{"a":1}]}}',
            b'{"entries":[[{"a":1}],{"a":1}]}',
            b'[{"entries":[{"a":1}]}]',
            b'{"a":{"entries":[{"a":1}]}}',
            b'{"entries":[{"a":1.0}]}',
            b'{"entries":[{"a":1},{"a":1,"a":1}]}',
            b'{"entries":[{"a":1}],"entries":[{"a":1}]}',
            b'{"b":1,"a":1,"entries":[{"a":1}]}',
        ],
    )
    def test_what_could_mislead_the_cuts(self, data: bytes) -> None:
        """
        The same name further down, brackets in texts, items of several kinds, two lists.
        """
        assert verdict(by_parts, data) == verdict(kept, data) == verdict(whole, data)

    def test_depth_is_counted_from_the_top(self) -> None:
        """
        The object and the list around an item are two of the levels.
        """
        data = b'{"entries":[{"a":[1]},{"a":[2]}]}'

        assert decode_long(data, "entries", len, max_depth=4)[1] == [2]
        with pytest.raises(CanonicalError, match="deeper than 3 levels"):
            decode_long(data, "entries", len, max_depth=3)

    def test_size_is_limited(self) -> None:
        """
        One byte too many is refused before anything is parsed.
        """
        with pytest.raises(CanonicalError) as caught:
            decode_long(b'{"entries":[{}]}', "entries", len, max_bytes=15)

        assert caught.value.code == "too-large"

    def test_a_long_list_takes_the_memory_of_a_part(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        The items of one part are gone before those of the next are made.
        """
        data = encode({"entries": [{"n": n, "t": ["x", str(n)]} for n in range(3000)]})
        monkeypatch.setattr(_long, "_PART", 2000)

        def peak(run: Callable[[], object]) -> int:
            gc.collect()
            tracemalloc.start()
            try:
                run()
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

        assert len(decode_long(data, "entries", len)[1]) > 10
        assert peak(lambda: decode_long(data, "entries", len)) < peak(lambda: decode(data)) / 2


class TestDecodeItems:
    """A long list that stays in the bytes of its document."""

    def test_items_are_made_when_asked_for(self) -> None:
        """
        One by one, from behind, a stretch of them, all: each time anew, and as they were.
        """
        said = [{"n": n, "t": "x" * (n % 7)} for n in range(200)]

        tree, items = decode_items(encode({"a": 1, "entries": said}), "entries", lambda *_: None)

        assert tree == {"a": 1, "entries": []}
        assert isinstance(items, Items)
        assert (len(items), repr(items)) == (200, "<Items: 200>")
        assert [*items] == said == [*reversed(items)][::-1]
        assert (items[3], items[-1], items[10:13]) == (said[3], said[-1], said[10:13])
        assert bytes(items.form(3)) == encode(said[3])
        assert items[3] is not items[3]
        with pytest.raises(IndexError):
            items[200]

    @pytest.mark.parametrize(
        "odd", [1e21, 1e-6, 1.5e300, "😂\uff0c", {"😂": 1, "\uff0c": 2}, 333333333.33333329]
    )
    def test_what_orjson_writes_otherwise_is_found_in_its_place(self, odd: object) -> None:
        """
        A part that holds such a thing is judged the slow way, and the others are not.
        """
        said = [{"n": n, "odd": [odd] if n == 50 else []} for n in range(100)]
        data = encode({"entries": said})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_long, "_PART", 100)

            _, items = decode_items(data, "entries", lambda *_: None)

        assert isinstance(items, Items)
        assert [items[n] for n in range(100)] == said

    def test_only_the_run_of_what_is_wanted_is_parsed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Where an item begins is found with those beside it, once; asked from many threads too.
        """
        said = [{"n": n, "t": "x" * (n % 7)} for n in range(200)]
        monkeypatch.setattr(_long, "_PART", 100)
        _, items = decode_items(encode({"entries": said}), "entries", lambda *_: None)
        assert isinstance(items, Items)
        parsed: list[int] = []
        part = Items._part

        def counted(self: Items, run: int) -> None:
            parsed.append(run)
            part(self, run)

        monkeypatch.setattr(Items, "_part", counted)

        assert [items[77], items[77]] == [said[77], said[77]]
        assert len(parsed) == 1
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(items.__getitem__, range(200))) == said

    @pytest.mark.parametrize("whole", [True, False])
    def test_what_was_judged_stays_what_it_was(self, *, whole: bool) -> None:
        """
        A buffer that is written to afterwards changes no item.
        """
        data = bytearray(encode({"entries": [{"n": 1}, {"n": 2}], "z": []}))
        given = data if whole else memoryview(data)

        _, items = decode_items(given, "entries", lambda *_: None)  # type: ignore[arg-type]  # no bytes
        data[data.index(b"1") : data.index(b"1") + 1] = b"7"

        assert [*items] == [items[0], items[1]] == [{"n": 1}, {"n": 2}]

    def test_what_cannot_be_told_apart_is_shown_anew(self) -> None:
        """
        What was shown before the whole document had to be looked at begins at 0 again.
        """
        said = [{"a": 1}, {"a": 2}, {"a": [{"a": "},{"}, {"a": 3}]}]
        firsts: list[int] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_long, "_PART", 1)

            _, items = decode_items(
                encode({"entries": said}), "entries", lambda _, first, run: firsts.append(first)
            )

        assert firsts == [0, 1, 0]
        assert [*items] == said

    def test_size_is_limited(self) -> None:
        """
        As for any document.
        """
        with pytest.raises(CanonicalError) as caught:
            decode_items(b'{"entries":[{}]}', "entries", lambda *_: None, max_bytes=15)

        assert caught.value.code == "too-large"
