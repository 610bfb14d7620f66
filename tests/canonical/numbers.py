"""The published sequence of numbers: known values, then what SHA-256 makes of its own digests."""

from __future__ import annotations

import hashlib
import json
import struct
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from oneiric_lab.canonical import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS = Path(__file__).parents[1] / "vectors" / "jcs"
_PUBLISHED = json.loads((VECTORS / "es6-numbers.json").read_text())
DIGESTS: dict[int, str] = {int(n): digest for n, digest in _PUBLISHED["sha256"].items()}
"""Number of lines to the digest of the file that holds them."""


def bits() -> Iterator[int]:
    """Yield the sequence, each number by its bits."""
    yield from (int(text, 16) for text in _PUBLISHED["first"])
    start = int(_PUBLISHED["serial"]["from"], 16)
    yield from range(start, start + _PUBLISHED["serial"]["count"])
    block = bytes(32)
    while True:
        block = hashlib.sha256(block).digest()
        for number, value in zip(
            struct.unpack("<4Q", block), struct.unpack("<4d", block), strict=True
        ):
            if value and isfinite(value):
                yield number


def digest_of_lines(count: int) -> str:
    """Return the digest of the file that our own numbers make, one by one."""
    out = hashlib.sha256()
    for number in islice(bits(), count):
        (value,) = struct.unpack("<d", struct.pack("<Q", number))
        out.update(f"{number:x},{encode([value]).decode()[1:-1]}\n".encode())
    return out.hexdigest()
