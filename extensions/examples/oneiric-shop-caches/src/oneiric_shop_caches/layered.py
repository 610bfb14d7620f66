"""Memory in front of sqlite: quick for what is asked often, durable for the rest."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from oneiric_lab.components import (
    MemoryCache,
    MemoryCacheSettings,
    SqliteCache,
    SqliteCacheSettings,
)
from oneiric_lab.config import WorkspacePath  # noqa: TC001 - pydantic reads the annotations


class LayeredSettings(BaseModel):
    """Settings of `adapter:cache` by layered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: WorkspacePath = ":memory:"
    front_entries: Annotated[int, Field(ge=1)] = 500
    front_ttl: Annotated[float, Field(gt=0)] = 30.0
    """Seconds for which memory may be behind the file, which other processes write too."""


class LayeredCache:
    """Asks memory first, then the file; writes both."""

    def __init__(self, settings: LayeredSettings | None = None) -> None:
        chosen = settings or LayeredSettings()
        self._ttl = chosen.front_ttl
        self._front = MemoryCache(MemoryCacheSettings(max_entries=chosen.front_entries))
        self._back = SqliteCache(SqliteCacheSettings(path=chosen.path))

    def get(self, key: str) -> bytes | None:
        """Return the value of *key*, or None where there is none or its time is over."""
        value = self._front.get(key)
        if value is None:
            value = self._back.get(key)
            if value is not None:
                # The back knows when it ends and the front does not: it keeps it briefly.
                self._front.set(key, value, ttl=min(self._ttl, 1.0))
        return value

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Keep *value*, for *ttl* seconds where that is given."""
        self._back.set(key, value, ttl=ttl)
        self._front.set(key, value, ttl=self._ttl if ttl is None else min(ttl, self._ttl))

    def delete(self, key: str) -> bool:
        """Forget *key*; return whether it was there."""
        self._front.delete(key)
        return self._back.delete(key)

    def health(self) -> bool:
        """Return whether the file still answers."""
        return self._back.health()

    def close(self) -> None:
        """Close the file."""
        self._front.close()
        self._back.close()
