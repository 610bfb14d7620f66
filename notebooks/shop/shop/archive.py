"""Three ways to pack the yearly archive of invoices; one needs a newer Python."""

from __future__ import annotations

import bz2
import lzma
from typing import Protocol


class Archive(Protocol):
    """Packs and unpacks bytes."""

    def pack(self, data: bytes) -> bytes:
        """Return *data* packed."""

    def unpack(self, data: bytes) -> bytes:
        """Return what was packed."""


class Bzip2:
    """Small enough, quick enough, everywhere."""

    def pack(self, data: bytes) -> bytes:
        """Return *data* packed."""
        return bz2.compress(data)

    def unpack(self, data: bytes) -> bytes:
        """Return what was packed."""
        return bz2.decompress(data)


class Lzma:
    """Smallest and slowest."""

    def pack(self, data: bytes) -> bytes:
        """Return *data* packed."""
        return lzma.compress(data)

    def unpack(self, data: bytes) -> bytes:
        """Return what was packed."""
        return lzma.decompress(data)


def zstd() -> Archive:
    """Return the fastest one: `compression.zstd`, which came with Python 3.14."""
    from importlib import import_module  # noqa: PLC0415 - a newer Python only

    module = import_module("compression.zstd")

    class Zstd:
        def pack(self, data: bytes) -> bytes:
            packed: bytes = module.compress(data)
            return packed

        def unpack(self, data: bytes) -> bytes:
            unpacked: bytes = module.decompress(data)
            return unpacked

    return Zstd()
