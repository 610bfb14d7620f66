"""A cache that forgets nothing: every entry goes into an append-only file, by tinykv."""

from __future__ import annotations

import tinykv
from pydantic import BaseModel, ConfigDict

from oneiric_lab.config import WorkspacePath  # noqa: TC001 - pydantic reads the annotations


class JournalSettings(BaseModel):
    """Settings of `adapter:cache` by journal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: WorkspacePath


class JournalCache:
    """Keeps entries in a file that only grows until it is compacted."""

    def __init__(self, settings: JournalSettings) -> None:
        self._store = tinykv.TinyKV(settings.path)

    def get(self, key: str) -> bytes | None:
        """Return the value of *key*, or None."""
        value: bytes | None = self._store.get(key)
        return value

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Keep *value*; a journal has no times to live, so *ttl* must be None."""
        if ttl is not None:
            raise ValueError("a journal keeps entries for ever; select a cache with `ttl`")
        self._store.put(key, value)

    def delete(self, key: str) -> bool:
        """Forget *key*; return whether it was there."""
        gone: bool = self._store.delete(key)
        return gone

    def compact(self) -> None:
        """Drop what was overwritten or deleted from the file."""
        self._store.compact()

    def close(self) -> None:
        """Close the file."""
        self._store.close()
