"""The gate for an object with one long list, of which only little is kept.

The canonical form of an object is its members one behind the other, and that of a list its
items with commas between them (RFC 8785 §3.2). So a document A `[` p1 `,` p2 … `]` B is
canonical, where each `[` p `]` is canonical, and where A `[]` B is, with the brackets as the
value of that member. The parts go through the gate one by one: the values of one are gone
before those of the next are made, which takes half the time and a fiftieth of the memory.

Where the cuts fall is guessed and need not be believed: a part that was cut in the middle of
an item has brackets without their others, and is no JSON. Then, and for whatever else does
not fit, the document goes through the gate as a whole, which has the last word.

Since each item stands in the document as its own canonical form, the document is all that is
needed to make it once more: `Items` holds where each run of them begins.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, TypeVar, overload

import orjson

from oneiric_lab.errors import CanonicalError

from ._decode import MAX_BYTES, MAX_DEPTH, decode, passes_at_once, passes_slowly, without_collector
from ._encode import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    T = TypeVar("T")

_PART = 1 << 16
"""Bytes of a part, at least: what its values take stays within the caches of a processor."""


class Items(Sequence[Any]):
    """The items of a long list, kept as the bytes they stand in; each is made when asked for.

    One that is asked for twice is made twice: equal, and not the same. 10,000 of 500 bytes
    take 40 KB beside the document, and 2 µs each. Where an item begins is found when one of
    its run is asked for first, 0.5 ms for a run of 64 KB: of most lists few are ever wanted.

    Args:
        data: The document.
        firsts: The number of the first item of each run, and behind them how many there are.
        places: Where each run begins, and behind them what would be the next one's place.
    """

    __slots__ = ("_begins", "_data", "_firsts", "_places")

    def __init__(self, data: bytes, firsts: array[int], places: array[int]) -> None:
        self._data, self._firsts, self._places = data, firsts, places
        # 0 is not known yet: no item stands there.
        self._begins = array("I", [0]) * (firsts[-1] + 1)
        for first, place in zip(firsts, places, strict=True):
            self._begins[first] = place

    def __len__(self) -> int:
        return self._firsts[-1]

    @overload
    def __getitem__(self, at: int) -> Any: ...

    @overload
    def __getitem__(self, at: slice) -> list[Any]: ...

    def __getitem__(self, at: int | slice) -> Any:
        numbers = range(len(self))[at]
        if isinstance(numbers, range):
            return [self[number] for number in numbers]
        return orjson.loads(self.form(numbers))

    def __iter__(self) -> Iterator[Any]:
        for begin, behind in pairwise(self._places):
            yield from orjson.loads(b"[%b]" % self._data[begin : behind - 1])

    def __repr__(self) -> str:
        return f"<Items: {len(self):,}>"

    def form(self, number: int) -> memoryview:
        """Return the canonical form of one item, which is not copied."""
        begins = self._begins
        if not (begins[number] and begins[number + 1]):
            self._part(bisect_right(self._firsts, number) - 1)
        return memoryview(self._data)[begins[number] : begins[number + 1] - 1]

    def _part(self, run: int) -> None:
        """Find where each item of a run begins."""
        begin, behind = self._places[run : run + 2]
        said = self._data[begin : behind - 1]
        items = orjson.loads(b"[%b]" % said)
        forms = [orjson.dumps(item) for item in items]
        if b",".join(forms) != said:
            forms = [encode(item) for item in items]
        sizes = [len(form) + 1 for form in forms[:-1]]
        # One store: who asks meanwhile finds all of them or none.
        self._begins[self._firsts[run] : self._firsts[run + 1]] = array(
            "I", accumulate(sizes, initial=begin)
        )


def decode_long(
    data: bytes,
    member: str,
    take: Callable[[list[Any]], T],
    *,
    name: str = "",
    max_bytes: int = MAX_BYTES,
    max_depth: int = MAX_DEPTH,
) -> tuple[Any, list[T]]:
    """Return what `decode` returns with the list *member* emptied, and what was taken of it.

    Args:
        data: The bytes, whole.
        member: The member of the object at the top whose items are not kept.
        take: Is given a run of its items and returns what is kept of them. It may have been
            called in vain, so what it does must not matter beyond what it returns.
        name: See `decode`, as for what follows.
        max_bytes: Most bytes that are parsed.
        max_depth: Most levels.

    Returns:
        The value, and what *take* returned, in the order of the runs. Where the value is no
        object, or *member* no list in it, it is whole and nothing was taken.

    Raises:
        CanonicalError: The bytes are no canonical form; the same that `decode` raises.

    Example:
        >>> decode_long(b'{"items":[{"n":1},{"n":2}],"of":"us"}', "items", len)
        ({'items': [], 'of': 'us'}, [2])
    """
    if len(data) <= max_bytes:
        with without_collector(), suppress(_UnfitError):
            tree, begin, end = _around(data, member, max_depth)
            return tree, [take(items) for items, _ in _runs(data, begin, end, max_depth)]
    tree = decode(data, name=name, max_bytes=max_bytes, max_depth=max_depth)
    if not isinstance(tree, dict) or type(tree.get(member)) is not list:
        return tree, []
    items, tree[member] = tree[member], []
    return tree, [take(items)] if items else []


def decode_items(
    data: bytes,
    member: str,
    take: Callable[[dict[str, Any], int, list[Any]], object],
    *,
    name: str = "",
    max_bytes: int = MAX_BYTES,
) -> tuple[Any, Sequence[Any]]:
    """Return what `decode` returns with the list *member* emptied, and its items.

    Args:
        data: The bytes, whole.
        member: The member of the object at the top.
        take: Is shown the object with that list emptied, the number of an item, and a run of
            items from that one on; 0 begins anew, and what it was shown before was in vain.
        name: See `decode`.
        max_bytes: See `decode`.

    Returns:
        The value and the items: `Items`, or themselves where the parts could not be told.

    Raises:
        CanonicalError: The bytes are no canonical form; the same that `decode` raises.

    Example:
        >>> tree, items = decode_items(b'{"items":[{"n":1},{"n":2}]}', "items", print)
        {'items': []} 0 [{'n': 1}, {'n': 2}]
        >>> tree, items[1], [*items]
        ({'items': []}, {'n': 2}, [{'n': 1}, {'n': 2}])
    """
    # What is kept must stay what was judged, whatever becomes of a buffer that was handed in.
    data = bytes(data)
    if len(data) <= max_bytes:
        with without_collector(), suppress(_UnfitError):
            tree, begin, end = _around(data, member, MAX_DEPTH)
            firsts, places = array("I", [0]), array("I")
            for items, place in _runs(data, begin, end, MAX_DEPTH):
                take(tree, firsts[-1], items)
                firsts.append(firsts[-1] + len(items))
                places.append(place)
            places.append(end + 1)
            return tree, Items(data, firsts, places)
    tree = decode(data, name=name, max_bytes=max_bytes)
    if not isinstance(tree, dict) or type(tree.get(member)) is not list:
        return tree, []
    items, tree[member] = tree[member], []
    if items:
        take(tree, 0, items)
    return tree, items


class _UnfitError(Exception):
    """The document cannot be told part by part: it goes through the gate as a whole."""


def _around(data: bytes, member: str, max_depth: int) -> tuple[dict[str, Any], int, int]:
    """Return the object without its items, and where these begin and end."""
    opened = encode(member) + b":["
    begin = data.find(opened) + len(opened)
    end = data.rfind(b"}]") + 1
    if begin < len(opened) or end <= begin:
        raise _UnfitError
    before, behind = data[: begin - 1], data[end + 1 :]
    try:
        tree = decode(before + b"[]" + behind, max_depth=max_depth)
    except CanonicalError:
        raise _UnfitError from None
    # The place is that member's value, and no one's of the same name further down, where
    # another value of that member stands in the same place.
    if not isinstance(tree, dict) or tree.get(member) != []:
        raise _UnfitError
    if encode({**tree, member: [0]}) != before + b"[0]" + behind:
        raise _UnfitError
    return tree, begin, end


def _runs(data: bytes, begin: int, end: int, max_depth: int) -> Iterator[tuple[list[Any], int]]:
    """Yield the items part by part, and where each part begins."""
    for begun, ended in _cuts(data, begin, end):
        part = b"[%b]" % data[begun:ended]
        try:
            items = orjson.loads(part)
        except orjson.JSONDecodeError:
            raise _UnfitError from None
        # The object around takes one level.
        depth = max_depth - 1
        if not passes_at_once(items, part, depth) and not passes_slowly(items, part, depth):
            raise _UnfitError
        yield items, begun


def _cuts(data: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where parts begin and end; between them stand commas that seem to part two items."""
    first = data.find(b'"', begin + 2, end) + 1
    # Items of one kind mostly begin with one name; what stands within them does not.
    between = b"}," + data[begin:first] if data[begin : begin + 2] == b'{"' else b'},{"'
    while True:
        cut = data.find(between, begin + _PART, end)
        if cut < 0:
            yield begin, end
            return
        yield begin, cut + 1
        begin = cut + 2
