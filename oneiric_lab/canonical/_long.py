"""The gate for an object with one long list, of which only little is kept.

The canonical form of an object is its members one behind the other, and that of a list its
items with commas between them (RFC 8785 §3.2). So a document A `[` p1 `,` p2 … `]` B is
canonical, where each `[` p `]` is canonical, and where A `[]` B is, with the brackets as the
value of that member. The parts go through the gate one by one: the values of one are gone
before those of the next are made, which takes half the time and a fiftieth of the memory.

Where the cuts fall is guessed and need not be believed: a part that was cut in the middle of
an item has brackets without their others, and is no JSON. Then, and for whatever else does
not fit, the document goes through the gate as a whole, which has the last word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from oneiric_lab.errors import CanonicalError

from ._decode import MAX_BYTES, MAX_DEPTH, decode, passes_at_once, without_collector
from ._encode import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    T = TypeVar("T")

_PART = 1 << 16
"""Bytes of a part, at least: what its values take stays within the caches of a processor."""


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
        with without_collector():
            found = _by_parts(data, member, take, max_depth)
        if found is not None:
            return found
    tree = decode(data, name=name, max_bytes=max_bytes, max_depth=max_depth)
    if not isinstance(tree, dict) or type(tree.get(member)) is not list:
        return tree, []
    items, tree[member] = tree[member], []
    return tree, [take(items)] if items else []


def _by_parts(
    data: bytes, member: str, take: Callable[[list[Any]], T], max_depth: int
) -> tuple[dict[str, Any], list[T]] | None:
    """Return the same where the document passes part by part, else None."""
    opened = encode(member) + b":["
    begin = data.find(opened) + len(opened)
    end = data.rfind(b"}]") + 1
    if begin < len(opened) or end <= begin:
        return None
    before, behind = data[: begin - 1], data[end + 1 :]
    try:
        tree = decode(before + b"[]" + behind, max_depth=max_depth)
    except CanonicalError:
        return None
    # The place is that member's value, and no one's of the same name further down, where
    # another value of that member stands in the same place.
    if not isinstance(tree, dict) or tree.get(member) != []:
        return None
    if encode({**tree, member: [0]}) != before + b"[0]" + behind:
        return None
    taken = []
    for begun, ended in _cuts(data, begin, end):
        part = b"[%b]" % data[begun:ended]
        try:
            items = orjson.loads(part)
        except orjson.JSONDecodeError:
            return None
        # The object around takes one level.
        if not passes_at_once(items, part, max_depth - 1):
            return None
        taken.append(take(items))
    return tree, taken


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
