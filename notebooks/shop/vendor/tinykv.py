"""A key-value store in one file that only grows: the log is the data.

Each record is `crc32, length of key, length of value, key, value`; a length of value of
0xffffffff deletes. The index is built by reading the log once; a torn last record, as a
power cut leaves it, is dropped. `compact` writes the living records anew.

It stands here, and not in the environment, so that a plugin that needs it fails its probe
until somebody brings it: see the tutorial `02-why-this-component`.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

__version__ = "0.4.0"

_HEAD = struct.Struct(">III")
_GONE = 0xFFFFFFFF


class TinyKV:
    """One open store; for one process at a time."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._entries: dict[str, bytes] = {}
        good = self._load()
        self._file = self._path.open("ab")
        self._file.truncate(good)

    def _load(self) -> int:
        """Read the log; return how many of its bytes are whole records."""
        data = self._path.read_bytes() if self._path.exists() else b""
        at = 0
        while at + _HEAD.size <= len(data):
            crc, key_size, value_size = _HEAD.unpack_from(data, at)
            start = at + _HEAD.size
            end = start + key_size + (0 if value_size == _GONE else value_size)
            body = data[start:end]
            if end > len(data) or zlib.crc32(body) != crc:
                break
            key = body[:key_size].decode()
            if value_size == _GONE:
                self._entries.pop(key, None)
            else:
                self._entries[key] = body[key_size:]
            at = end
        return at

    def _append(self, key: str, value: bytes | None) -> None:
        name = key.encode()
        body = name + (value or b"")
        size = _GONE if value is None else len(value)
        self._file.write(_HEAD.pack(zlib.crc32(body), len(name), size) + body)
        self._file.flush()

    def get(self, key: str) -> bytes | None:
        """Return the value of *key*, or None."""
        return self._entries.get(key)

    def put(self, key: str, value: bytes) -> None:
        """Keep *value* under *key*."""
        self._append(key, value)
        self._entries[key] = value

    def delete(self, key: str) -> bool:
        """Forget *key*; return whether it was there."""
        if key not in self._entries:
            return False
        self._append(key, None)
        del self._entries[key]
        return True

    def keys(self) -> list[str]:
        """Return all keys, sorted."""
        return sorted(self._entries)

    def compact(self) -> None:
        """Write the log anew with the living records only."""
        part = self._path.with_name(self._path.name + ".part")
        part.unlink(missing_ok=True)
        fresh = TinyKV(part)
        for key, value in self._entries.items():
            fresh.put(key, value)
        fresh.close()
        self._file.close()
        part.replace(self._path)
        self._file = self._path.open("ab")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
