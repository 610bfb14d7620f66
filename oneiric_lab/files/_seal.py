"""JSON that tells whether it was altered after it was written.

The digest is the last member, and covers the bytes of all others: to read them in order
again, as a canonical form would need, takes longer than all the rest of a read. It shows
an edit or damage, not who wrote the file: whoever alters the one can alter the other.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from ._read import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

_TAIL: Final = re.compile(rb',\n "digest": "(sha256:[0-9a-f]{64})"\n}\s*\Z')
_END: Final = b"\n}"


def seal(content: Mapping[str, object]) -> bytes:
    """Return *content*, which has no member `digest`, as JSON with its digest at the end.

    Example:
        >>> is_sealed(seal({"schema": 1}))
        True
    """
    # A variable may hold bytes that are no UTF-8, which JSON can spell: \\udcff.
    text = json.dumps(content, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return text[: -len(_END)] + f',\n "digest": "{digest(text)}"\n}}\n'.encode()


def is_sealed(data: bytes) -> bool:
    """Tell whether *data* is as `seal` wrote it, but for the ends of lines."""
    # A checkout may have turned them.
    text = data.replace(b"\r\n", b"\n") if b"\r" in data else data
    tail = _TAIL.match(text, max(text.rfind(b","), 0))
    return tail is not None and digest(text[: tail.start()] + _END) == tail[1].decode()
