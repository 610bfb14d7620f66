"""A histogram as text that other tools read: HdrHistogram's V2 compressed encoding.

From the outside in (Java class `EncodableHistogram`, numbers big-endian):

1. base64;
2. 8 bytes: cookie 0x1c849314 and the length of what follows;
3. zlib;
4. 40 bytes: cookie 0x1c849313, length of the counts, index offset (0), digits, lowest,
   highest value, and the ratio of conversion as a double (1.0);
5. the counts of slots 0 to the highest in use, each in ZigZag LEB128 of at most 9 bytes,
   where -n stands for n slots of zero.

What lay outside the range (`Histogram.clamped`) has no place in it and is not kept.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from typing import Final, NoReturn

from oneiric_lab.errors import Fault, Origin, ParseError

from ._histogram import DIGITS, HIGHEST, LOWEST, SLOTS, Histogram

_OUTER: Final = struct.Struct(">II")
_INNER: Final = struct.Struct(">IIIIQQd")
_OUTER_COOKIE: Final = 0x1C849314
_INNER_COOKIE: Final = 0x1C849313

_WORD: Final = 9
_MOST: Final = (1 << 63) - 1

INFLATED_LIMIT: Final = _INNER.size + _WORD * SLOTS
"""Bytes that the largest histogram takes inflated; nothing longer is inflated."""

ENCODED_LIMIT: Final = 512 * 1024
"""Bytes of text that are looked at; the largest histogram takes less."""


def encode(h: Histogram) -> bytes:
    """Return *h* as base64 text in ASCII, typically 4 to 14 kB; 0.5 µs a slot in use."""
    slots, counts = h.nonzero()
    body = bytearray()
    expected = 0
    for slot, count in zip(slots.tolist(), counts.tolist(), strict=True):
        gap = slot - expected
        if gap:
            _put(body, -gap)
        _put(body, count)
        expected = slot + 1
    head = _INNER.pack(_INNER_COOKIE, len(body), 0, DIGITS, LOWEST, HIGHEST, 1.0)
    packed = zlib.compress(head + bytes(body))
    return base64.b64encode(_OUTER.pack(_OUTER_COOKIE, len(packed)) + packed)


def decode(data: bytes | str, *, name: str) -> Histogram:
    """Return the histogram that *data* encodes, as `encode` or another tool wrote it.

    Never inflates more than the largest histogram takes. 1 µs a slot in use.

    Args:
        data: base64 text.
        name: What people call the place it comes from, for the message.

    Raises:
        ParseError: It is damaged (code `damaged-histogram`), longer than any histogram
            (`oversized-histogram`), or of another precision or range (`other-histogram`).
    """
    if len(data) > ENCODED_LIMIT:
        _refuse(
            name,
            "oversized",
            f"expected at most {ENCODED_LIMIT} bytes of text, there are {len(data)}",
        )
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        _refuse(name, "damaged", f"it is not base64: {error}", error)
    if len(raw) < _OUTER.size:
        _refuse(name, "damaged", f"expected a header of {_OUTER.size} bytes, there are {len(raw)}")
    cookie, length = _OUTER.unpack_from(raw)
    if cookie != _OUTER_COOKIE:
        _refuse(name, "damaged", f"expected cookie {_OUTER_COOKIE:#x} in front, found {cookie:#x}")
    if length != len(raw) - _OUTER.size:
        _refuse(
            name,
            "damaged",
            f"expected {length} bytes behind the header, there are {len(raw) - _OUTER.size}",
        )
    plain = _inflate(raw[_OUTER.size :], name)
    if len(plain) < _INNER.size:
        _refuse(
            name, "damaged", f"expected an inner header of {_INNER.size} bytes, found {len(plain)}"
        )
    cookie, length, offset, digits, lowest, highest, ratio = _INNER.unpack_from(plain)
    if cookie != _INNER_COOKIE:
        _refuse(name, "damaged", f"expected inner cookie {_INNER_COOKIE:#x}, found {cookie:#x}")
    if (offset, digits, lowest, highest, ratio) != (0, DIGITS, LOWEST, HIGHEST, 1.0):
        _refuse(
            name,
            "other",
            f"expected {DIGITS} digits from {LOWEST} to {HIGHEST}, offset 0, ratio 1; "
            f"found {digits} digits from {lowest} to {highest}, offset {offset}, ratio {ratio:g}",
        )
    body = plain[_INNER.size :]
    if length != len(body):
        _refuse(name, "damaged", f"expected {length} bytes of counts, there are {len(body)}")
    return _counts(body, name)


def _inflate(packed: bytes, name: str) -> bytes:
    machine = zlib.decompressobj()
    try:
        plain = machine.decompress(packed, INFLATED_LIMIT + 1)
    except zlib.error as error:
        _refuse(name, "damaged", f"it does not inflate: {error}", error)
    if len(plain) > INFLATED_LIMIT:
        _refuse(
            name, "oversized", f"expected at most {INFLATED_LIMIT} bytes inflated, there are more"
        )
    if not machine.eof:
        _refuse(name, "damaged", "the compressed part ends early")
    if machine.unused_data:
        _refuse(name, "damaged", f"{len(machine.unused_data)} bytes follow the compressed part")
    return plain


def _counts(body: bytes, name: str) -> Histogram:
    slots: list[int] = []
    counts: list[int] = []
    slot = at = total = 0
    while at < len(body):
        value, at = _get(body, at, name)
        if value < 0:
            slot -= value
        else:
            if value:
                slots.append(slot)
                counts.append(value)
                total += value
            slot += 1
        if slot > SLOTS:
            _refuse(name, "damaged", f"expected at most {SLOTS} slots, there are more")
        if total > _MOST:
            _refuse(name, "damaged", "more values than 63 bits count")
    return Histogram.from_nonzero(slots, counts)


def _put(out: bytearray, value: int) -> None:
    left = (value << 1) if value >= 0 else (-value << 1) - 1
    for _ in range(_WORD - 1):
        if left < 0x80:  # noqa: PLR2004 - seven bits a byte, the eighth says that more follow
            out.append(left)
            return
        out.append(left & 0x7F | 0x80)
        left >>= 7
    # The ninth byte holds eight bits, so that 64 fit.
    out.append(left)


def _get(body: bytes, at: int, name: str) -> tuple[int, int]:
    word = place = 0
    while True:
        if at >= len(body):
            _refuse(name, "damaged", "the last count ends early")
        byte = body[at]
        at += 1
        is_last = place == _WORD - 1
        word |= (byte if is_last else byte & 0x7F) << (7 * place)
        if is_last or byte < 0x80:  # noqa: PLR2004 - see _put
            return (word >> 1) ^ -(word & 1), at
        place += 1


def _refuse(name: str, kind: str, why: str, cause: Exception | None = None) -> NoReturn:
    message = {
        "damaged": "this is no histogram, or a damaged one",
        "oversized": "this is longer than any histogram",
        "other": "this histogram has another precision or range than ours",
    }[kind]
    raise ParseError(
        Fault(
            f"{kind}-histogram",
            message,
            origin=Origin("", file=name),
            why=why,
            fix="take the file from where the run was saved, or run the plan again",
        )
    ) from cause
