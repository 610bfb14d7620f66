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
needed to make it once more: `Items` holds where each begins.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate
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

_TOGETHER = 64
"""Items that are made at a time where all are gone through."""


class Items(Sequence[Any]):
    """The items of a long list, kept as the bytes they stand in; each is made when asked for.

    One that is asked for twice is made twice: equal, and not the same. 10,000 of 500 bytes
    take 40 KB beside the document, and 2 µs each.

    Args:
        data: The document.
        begins: Where each item begins, and behind them what would be the next one's place.
    """

    __slots__ = ("_begins", "_data")

    def __init__(self, data: bytes, begins: array[int]) -> None:
        self._data, self._begins = data, begins

    def __len__(self) -> int:
        return len(self._begins) - 1

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
        data, begins, size = self._data, self._begins, len(self)
        for first in range(0, size, _TOGETHER):
            behind = min(first + _TOGETHER, size)
            yield from orjson.loads(b"[%b]" % data[begins[first] : begins[behind] - 1])

    def __repr__(self) -> str:
        return f"<Items: {len(self):,}>"

    def form(self, number: int) -> memoryview:
        """Return the canonical form of one item, which is not copied."""
        return memoryview(self._data)[self._begins[number] : self._begins[number + 1] - 1]


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
            return tree, [take(items) for items, _, _ in _runs(data, begin, end, max_depth)]
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
    if len(data) <= max_bytes:
        with without_collector(), suppress(_UnfitError):
            tree, begin, end = _around(data, member, MAX_DEPTH)
            begins = array("I")
            for items, place, at_once in _runs(data, begin, end, MAX_DEPTH):
                take(tree, len(begins), items)
                # Where orjson wrote the part as it stands, it writes each of its items so.
                write = orjson.dumps if at_once else encode
                sizes = [len(write(item)) + 1 for item in items]
                begins.extend(accumulate(sizes[:-1], initial=place))
            begins.append(end + 1)
            return tree, Items(data, begins)
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


def _runs(
    data: bytes, begin: int, end: int, max_depth: int
) -> Iterator[tuple[list[Any], int, bool]]:
    """Yield the items part by part, where each begins, and whether it passed at once."""
    for begun, ended in _cuts(data, begin, end):
        part = b"[%b]" % data[begun:ended]
        try:
            items = orjson.loads(part)
        except orjson.JSONDecodeError:
            raise _UnfitError from None
        # The object around takes one level.
        at_once = passes_at_once(items, part, max_depth - 1)
        if not at_once and not passes_slowly(items, part, max_depth - 1):
            raise _UnfitError
        yield items, begun, at_once


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
