r"""The exact bytes that are signed: RFC 8785 (JCS), and the gate that takes no others.

`encode` writes the canonical form, `decode` is the gate: it parses, encodes again and
compares, so that two texts with one meaning never pass as two; `decode_long` is the same
gate for an object with one long list of which only little is kept, `decode_items` where all of
it is kept as bytes. `sha256_hex`, `base64_bytes` and `utc_time` read the three kinds of text
that stand in signed documents, each in one spelling only.

Example:
    >>> encode({"b": 1.0, "a": "€"})
    b'{"a":"\xe2\x82\xac","b":1}'
    >>> decode(b'{"a":1}')
    {'a': 1}
    >>> decode(b'{"a": 1}')
    Traceback (most recent call last):
    oneiric_lab.errors._tree.CanonicalError: error: whitespace outside of a text...
"""

from ._decode import MAX_BYTES, MAX_DEPTH, decode, without_collector
from ._encode import SAFE_INTEGER, encode
from ._long import Items, decode_items, decode_long
from ._strict import base64_bytes, base64_text, sha256_hex, utc_text, utc_time

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "SAFE_INTEGER",
    "Items",
    "base64_bytes",
    "base64_text",
    "decode",
    "decode_items",
    "decode_long",
    "encode",
    "sha256_hex",
    "utc_text",
    "utc_time",
    "without_collector",
]
