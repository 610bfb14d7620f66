"""The canonical gate: parse, encode again, compare the bytes.

It refuses without looking for them: a key that stands twice, whitespace, escapes that are
not needed, other spellings of a number, an order of keys of one's own, a byte order mark.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson

from ._diagnose import refusal, too_large
from ._encode import SAFE_INTEGER, fast, levels, plain, slow, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 32 * 1024 * 1024
"""The largest document that is parsed; 10,000 full entries take 7 MB."""

MAX_DEPTH = 64
"""How deep a document may nest. What walks it calls itself once a level."""


def decode(
    data: bytes, *, name: str = "", max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH
) -> Any:
    """Return the value in *data*, which must be its canonical form.

    Integers beyond 2^53 - 1 are refused in any spelling, since readers differ on what they
    are; so is what nests too deep or is too large.

    Args:
        data: The bytes, whole.
        name: Of the file, as people are shown it.
        max_bytes: Most bytes that are parsed.
        max_depth: Most levels.

    Raises:
        CanonicalError: The bytes are no canonical form. The fault says at which line and
            column, and what was expected there.

    Example:
        >>> decode(b'[1,"two",null]')
        [1, 'two', None]
    """
    if len(data) > max_bytes:
        raise too_large(len(data), max_bytes, name)
    with without_collector():
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise refusal(data, name, max_depth, str(error)) from None
        if not passes_at_once(value, data, max_depth) and not passes_slowly(value, data, max_depth):
            raise refusal(data, name, max_depth)
    return value


def passes_at_once(value: object, data: bytes, max_depth: int) -> bool:
    """Tell whether orjson alone shows that *data* is canonical and nests no deeper.

    It is asked to write the value within as many lists as leave *max_depth* levels below
    the depth at which it gives up, so that one writing answers both questions. It has the
    last word only where it says yes: its bytes are those that were read, and nothing stands
    in them that it may write otherwise than RFC 8785. All else goes the long way, which
    this one spares a fifth of the gate's time for 7 MB.
    """
    out, around = wrapped(value, max_depth)
    return (
        out is not None
        and len(out) == len(data) + 2 * around
        and out.startswith(data, around)
        and plain(data)
    )


def passes_slowly(value: object, data: bytes, max_depth: int) -> bool:
    """Tell the same of any *data*, where the quick way did not answer."""
    return not _nests_deeper(data, max_depth) and _again(value) == data


def _again(value: object) -> bytes | None:
    """Return the canonical form of what a parser read, None where there is none."""
    found = fast(value, parsed=True)
    if found is not None:
        return found
    # What is beyond 2^64 was read as a number with a fraction. Written in full it looks
    # like an integer, and readers differ on which.
    return None if any(map(_is_large, chain.from_iterable(levels(value)))) else slow(value)


_ALIKE = bytes.maketrans(b"{}", b"[]")
_NO_SHAPE = bytes(b for b in range(256) if b not in b'[]{}"')


def _nests_deeper(data: bytes, limit: int) -> bool:
    """Tell whether a document that a parser took nests deeper than *limit*.

    What is not a bracket is taken out, then all brackets with nothing between them, as
    often as levels are allowed: 10 ms for 7 MB, a fifth of what a walk takes. Asked only
    where orjson did not answer by the way.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    shape = data.translate(_ALIKE, _NO_SHAPE).replace(b'""', b"")
    if b'"' in shape:
        # Brackets inside texts; each quote opens or closes one.
        shape = b"".join(shape.split(b'"')[::2])
    for _ in range(limit):
        if not shape:
            return False
        shape = shape.replace(b"[]", b"")
    return bool(shape)


def _is_large(value: object) -> bool:
    # From 1e21 on it is written with an exponent, which nobody takes for an integer.
    return isinstance(value, int | float) and SAFE_INTEGER < abs(value) < 1e21  # noqa: PLR2004 - ECMA-262 6.1.6.1.20


@contextmanager
def without_collector() -> Iterator[None]:
    """Build a large tree without searching for cycles: it has none, and the search takes half.

    Whether the collector ran before or not, it is left as it was.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
