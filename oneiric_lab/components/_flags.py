"""Flags that an application asks while it runs: on for all, or for a share of its users.

They never gate candidates; that is what the static `[flags]` table of a workspace does.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import Field

from oneiric_lab.runtime import evaluated

from ._settings import ComponentSettings

_BUCKETS = 10_000


class SwitchSettings(ComponentSettings):
    """Settings of a flag by switch."""

    on: bool = False


class Switch:
    """On for everybody, or for nobody.

    Example:
        >>> Switch(SwitchSettings(on=True)).enabled("anybody")
        True
    """

    def __init__(self, settings: SwitchSettings | None = None) -> None:
        self._on = (settings or SwitchSettings()).on

    def enabled(self, subject: str = "") -> bool:
        """Return whether it is on; *subject* does not matter."""
        evaluated("switch", "static")
        return self._on


class RolloutSettings(ComponentSettings):
    """Settings of a flag by rollout."""

    percent: Annotated[float, Field(ge=0, le=100)] = 0
    salt: str = ""
    """Two flags with different salts choose different users."""
    always: frozenset[str] = frozenset()
    """Subjects for whom it is on at any share."""


class Rollout:
    """On for a share of the subjects, always the same ones.

    A subject keeps its side: whoever has the flag at 10 % has it at 20 % too, in every
    process and on every machine.

    Example:
        >>> flag = Rollout(RolloutSettings(percent=25, salt="express"))
        >>> [name for name in ("ada", "bob", "cleo", "dan") if flag.enabled(name)]
        ['bob']
    """

    def __init__(self, settings: RolloutSettings | None = None) -> None:
        self._settings = settings or RolloutSettings()

    def enabled(self, subject: str = "") -> bool:
        """Return whether it is on for *subject*."""
        if subject in self._settings.always:
            evaluated("rollout", "targeting_match")
            return True
        evaluated("rollout", "split")
        text = f"{self._settings.salt}\0{subject}".encode()
        bucket = int.from_bytes(hashlib.sha256(text).digest()[:8], "big") % _BUCKETS
        return bucket < self._settings.percent * (_BUCKETS // 100)
