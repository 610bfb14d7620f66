"""Texts of signed documents, each in one spelling only.

A second spelling of one digest or one time is a second document with the same meaning,
and a lax reader is how a signature comes to hold for what nobody signed.
"""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime

from oneiric_lab.errors import CanonicalError, Fault

_SHA256 = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)
# Hour 24 and second 60 would be a second spelling of another time.
_UTC = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}Z\Z", re.ASCII)


def _fault(code: str, expected: str, value: object) -> Fault:
    shown = repr(value)
    if len(shown) > 60:  # noqa: PLR2004 - one line of a message
        shown = f"{shown[:57]}..."
    return Fault(code, f"expected {expected}, found {shown}")


def sha256_hex(value: object) -> str:
    """Return *value*, which must be a SHA-256 in 64 hex digits, small letters.

    Raises:
        CanonicalError: It is none, with code `bad-digest`.

    Example:
        >>> sha256_hex("E3" + "0" * 62)
        Traceback (most recent call last):
        oneiric_lab.errors._tree.CanonicalError: error: expected 64 hex digits (0-9a-f), ...
    """
    if not isinstance(value, str) or not _SHA256.match(value):
        raise CanonicalError(_fault("bad-digest", "64 hex digits (0-9a-f)", value))
    return value


def base64_bytes(value: object, *, size: int | None = None) -> bytes:
    """Return the bytes that *value* says in base64 (RFC 4648 §4).

    Padding is needed, whitespace and other letters are refused, and so are bits behind
    the last byte: each sequence of bytes has one spelling.

    Args:
        value: The text.
        size: How many bytes it must say.

    Raises:
        CanonicalError: It is not, with code `bad-base64`.

    Example:
        >>> base64_bytes("aGk=")
        b'hi'
    """
    text = value if isinstance(value, str) else ""
    try:
        # An expression that matches it first would take ten times as long as the decoding.
        data = binascii.a2b_base64(text, strict_mode=True) if text is value else None
    except ValueError:
        data = None
    if data is None:
        raise CanonicalError(_fault("bad-base64", "base64 with padding and nothing else", value))
    # Each four letters before the last four say three bytes, and nothing else says them: only
    # the last four have bits to spare. The length shows that none was skipped on the way.
    groups, rest = divmod(len(data), 3)
    if len(text) != 4 * (groups + bool(rest)) or text[-4:] != base64_text(data[-(rest or 3) :]):
        raise CanonicalError(
            _fault("bad-base64", "base64 without bits behind its last byte", value)
        )
    if size is not None and len(data) != size:
        raise CanonicalError(_fault("bad-base64", f"base64 of {size} bytes", value))
    return data


def base64_text(data: bytes) -> str:
    """Return *data* in base64, as `base64_bytes` reads it."""
    return binascii.b2a_base64(data, newline=False).decode()


def utc_time(value: object) -> datetime:
    """Return the time that *value* says as `YYYY-MM-DDTHH:MM:SSZ`.

    Raises:
        CanonicalError: It is no such time, with code `bad-time`.

    Example:
        >>> utc_time("2026-01-31T12:00:00Z")
        datetime.datetime(2026, 1, 31, 12, 0, tzinfo=datetime.timezone.utc)
    """
    if isinstance(value, str) and _UTC.match(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise CanonicalError(_fault("bad-time", "a time such as 2026-01-31T12:00:00Z", value))


def utc_text(time: datetime) -> str:
    """Return *time* as `utc_time` reads it; fractions of a second are cut off.

    Raises:
        CanonicalError: It has no time zone, so nobody knows when it is.
    """
    if time.tzinfo is None or time.utcoffset() is None:
        raise CanonicalError(_fault("bad-time", "a time with its zone", time))
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
