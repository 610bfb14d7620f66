"""RFC 8785: one value, one sequence of bytes.

orjson writes the canonical form but for a few numbers and the order of some keys. It is
asked first; what it wrote is looked through for all that it writes otherwise, and where
something is found, or the value holds what JSON has not, rfc8785 decides. It is 40 times
slower, and the oracle that the fast way is held against.
"""

from __future__ import annotations

import marshal
import re
from itertools import chain
from math import isfinite
from typing import TYPE_CHECKING, Any

import orjson

from oneiric_lab.errors import CanonicalError, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

SAFE_INTEGER = 2**53 - 1
"""The largest integer that every reader of JSON takes for the same number (RFC 7493 §2.2)."""

_OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
# Releases of orjson differ in how they write exponents; the guards know this one way.
_KNOWN_WAY = orjson.dumps([1e16, 1.5e21, 1e-6, 1e-7]) == b"[1e+16,1.5e+21,1e-6,1e-7]"


def _writes(levels: int, *, lists: bool) -> bool:
    value: Any = 0
    for _ in range(levels):
        value = [value] if lists else {"a": value, "b": 1}
    try:
        return bool(orjson.dumps(value, option=_OPTIONS))
    except orjson.JSONEncodeError:
        return False


_DEEPEST = 254
# A release of orjson that gives up elsewhere is not asked this way.
_GIVES_UP = (
    _DEEPEST
    if all(_writes(_DEEPEST, lists=kind) and not _writes(255, lists=kind) for kind in (True, False))
    else 0
)

# What ECMAScript writes otherwise: 1.0 as 1, 1e+16 in full, 1e-6 as 0.000001. A probe is
# a search for few bytes; only where one hits does the expression look for a number.
_PROBES = (re.compile(rb"\.0[,\]}]"), re.compile(rb"e-6[,\]}]"))
_LARGE = re.compile(rb"e\+\d+[,\]}]")
_OTHERWISE = re.compile(rb"[:\[,]-?\d+(?:\.0|(?:\.\d+)?e(?:-6|\+\d+))[,\]}]")
_ASTRAL = tuple(bytes((first,)) for first in range(0xF0, 0xF5))
_TOP_OF_BMP = (b"\xee", b"\xef")


def encode(value: object, *, reference: bool = False) -> bytes:
    """Return the canonical form of *value*.

    Takes texts, integers up to 2^53 - 1, finite numbers, booleans, None, lists (tuples too)
    and dictionaries with texts as keys.

    Args:
        value: What to write.
        reference: Ask rfc8785 at once, which is slower and must say the same.

    Raises:
        CanonicalError: JSON has no canonical form for a part of it; the message names the
            part by its JSON pointer (RFC 6901).

    Example:
        >>> encode([1.0, 1e21, 0.000001])
        b'[1,1e+21,0.000001]'
    """
    found = None if reference else fast(value)
    return slow(value) if found is None else found


def fast(value: object, *, parsed: bool = False) -> bytes | None:
    """Return the canonical form by the fast way, or None where only the oracle can tell.

    Args:
        value: What to write.
        parsed: It came from a JSON parser, so it holds nothing that JSON has not.
    """
    if not _KNOWN_WAY or isinstance(value, float):
        return None
    try:
        if not parsed:
            # orjson also writes UUIDs, enumerations and raw fragments. marshal takes the
            # built-in types and nothing else, and looks through 7 MB in 10 ms.
            marshal.dumps(value)  # type: ignore[arg-type]  # that is the question
        out = orjson.dumps(value, option=_OPTIONS)
    except (TypeError, ValueError):
        return None
    if not plain(out):
        return None
    if not parsed and b"null" in out and not all(map(_is_number_of_json, _leaves(value))):
        return None
    return out


def wrapped(value: object, max_depth: int) -> tuple[bytes | None, int]:
    """Return what orjson writes of a parsed *value* within lists, and within how many.

    There are as many as leave *max_depth* levels below the depth at which orjson gives up
    (tried out at import), so that it gives up at what nests deeper.

    Returns:
        The bytes, None where it gave up or the question cannot be put in this way, and the
        count of lists: as many brackets stand before the value, and as many behind it.
    """
    around = _GIVES_UP - max_depth
    if not _KNOWN_WAY or around < 1 or isinstance(value, float):
        return None, 0
    for _ in range(around):
        value = [value]
    try:
        return orjson.dumps(value, option=_OPTIONS), around
    except (TypeError, ValueError):
        return None, 0


def plain(out: bytes) -> bool:
    """Tell whether nothing stands in *out* that orjson may write otherwise than RFC 8785.

    Args:
        out: What orjson wrote of a value that is no number by itself.
    """
    # One byte is sought first, since it is rare and found at the speed of memory.
    if (
        (b"+" in out and _LARGE.search(out)) or any(probe.search(out) for probe in _PROBES)
    ) and _OTHERWISE.search(out):
        return False
    return out.isascii() or not _may_sort_otherwise(out)


def _may_sort_otherwise(out: bytes) -> bool:
    # RFC 8785 §3.2.3 sorts by UTF-16: a surrogate (U+10000 and above) goes before U+E000
    # to U+FFFF. orjson sorts by code point, which differs only where both occur.
    return any(b in out for b in _TOP_OF_BMP) and any(b in out for b in _ASTRAL)


def _is_number_of_json(value: object) -> bool:
    # orjson writes NaN and the infinities as null.
    return type(value) is not float or isfinite(value)


def levels(value: object) -> Iterator[list[Any]]:
    """Yield the values at each depth of a tree, without calling itself."""
    level: list[Any] = [value]
    while level:
        yield level
        dicts = [v for v in level if type(v) is dict]
        lists = [v for v in level if type(v) in (list, tuple)]
        level = list(chain(chain.from_iterable(d.values() for d in dicts), *lists))


def _leaves(value: object) -> Iterator[Any]:
    return chain.from_iterable(levels(value))


def slow(value: object) -> bytes:
    """Return the canonical form as rfc8785 writes it.

    Raises:
        CanonicalError: It writes none.
    """
    import rfc8785  # noqa: PLC0415 - most documents never need it

    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # it refuses what it does not take
    except (ValueError, RecursionError):
        pointer, reason = _culprit(value)
    raise CanonicalError(
        Fault(
            "no-canonical-form",
            f"{reason}: {pointer}" if pointer else reason,
            why="RFC 8785 has no form for it, so it cannot be signed",
        )
    )


def _culprit(value: object) -> tuple[str, str]:
    """Return the JSON pointer of the first part without a canonical form, and what is wrong."""
    stack: list[tuple[str, object, int]] = [("", value, 0)]
    while stack:
        pointer, node, depth = stack.pop()
        reason = _unfit(node, depth)
        if reason is not None:
            return pointer, reason
        if isinstance(node, dict):
            for key, inner in reversed(node.items()):
                reason = (
                    _unfit(key, depth) if isinstance(key, str) else f"the key {key!r} is no text"
                )
                if reason is not None:
                    return pointer, reason
                part = key.replace("~", "~0").replace("/", "~1")
                stack.append((f"{pointer}/{part}", inner, depth + 1))
        elif isinstance(node, list | tuple):
            items = list(enumerate(node))
            stack += [(f"{pointer}/{i}", inner, depth + 1) for i, inner in reversed(items)]
    return "", "it cannot be written"  # pragma: no cover - what rfc8785 refuses is found above


_ENDLESS = 200


def _unfit(node: object, depth: int) -> str | None:
    if depth > _ENDLESS:
        return "it nests without an end"
    if isinstance(node, str):
        try:
            node.encode()
        except UnicodeEncodeError:
            return "half a surrogate pair"
    elif isinstance(node, float):
        return None if isfinite(node) else f"expected a finite number, found {node}"
    elif isinstance(node, int):
        if abs(node) > SAFE_INTEGER:
            return "an integer beyond 2^53 - 1, which readers of JSON round"
    elif node is not None and not isinstance(node, dict | list | tuple):
        return f"a {type(node).__name__} is nothing that JSON has"
    return None
