"""Components with one fault each, that know what was done to them."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

FIT = ("plain", "slow", "threaded", "generated", "bad-end", "endless-end")
"""Kinds that may come into force."""

UNFIT = ("raises", "nothing", "hangs", "sick", "mute", "boasts", "lies", "deaf", "throws")
"""Kinds that may not: factories that give nothing, and health checks that do not say True."""

_FOREVER = 3600.0


class Ledger:
    """What was done to all instances; threads write to it too, by appending."""

    def __init__(self) -> None:
        self.made: list[Faulty] = []
        self.ended: list[str] = []
        self.wrong: dict[str, int] = dict.fromkeys(("used", "twice", "aborted", "unfit"), 0)
        self.threads = 0

    def open(self) -> int:
        """Return how many instances were made and not ended."""
        return len(self.made) - len(self.ended)


class Faulty:
    """An instance; its kind says what is wrong with it.

    Attributes:
        number: Of its incarnation, once it has one.
        in_force: Whether it ever was.
    """

    __slots__ = ("ends", "in_force", "kind", "ledger", "number")

    def __init__(self, kind: str, ledger: Ledger) -> None:
        self.kind, self.ledger = kind, ledger
        self.number = self.ends = 0
        self.in_force = False
        ledger.made.append(self)

    def use(self) -> None:
        """Do what a component is for; nobody may, after its end or when it is not fit."""
        self.ledger.wrong["used"] += self.ends > 0
        self.ledger.wrong["unfit"] += self.kind not in FIT

    def health(self) -> Any:
        """Say True where it is fit, and else whatever its kind says."""
        if self.kind == "throws":
            raise RuntimeError("cannot say how it is")
        if self.kind == "deaf":
            return asyncio.sleep(_FOREVER)
        lie = SimpleNamespace(healthy=True, incarnation=-1)
        return {"sick": False, "mute": None, "boasts": "yes", "lies": lie}.get(self.kind, True)

    def close(self) -> Any:
        """End one that was in force; two kinds do that badly."""
        self._end("closed")
        if self.kind == "bad-end":
            raise RuntimeError("cannot end well")
        return asyncio.sleep(_FOREVER) if self.kind == "endless-end" else None

    def abort(self) -> None:
        """End one that never was."""
        self.ledger.wrong["aborted"] += self.in_force
        self._end("aborted")

    def _end(self, how: str) -> None:
        self.ends += 1
        if self.ends > 1:
            self.ledger.wrong["twice"] += 1
        else:
            self.ledger.ended.append(how)


def factory(kind: str, ledger: Ledger) -> Callable[[], Any]:
    """Return what makes instances of *kind*; that of `threaded` blocks."""

    async def make() -> Faulty | None:
        if kind == "raises":
            raise RuntimeError("cannot be made")
        if kind == "nothing":
            return None
        if kind in {"slow", "hangs"}:
            await asyncio.sleep(0.003 if kind == "slow" else _FOREVER)
        return Faulty(kind, ledger)

    async def generate() -> AsyncIterator[Faulty]:
        made = Faulty(kind, ledger)
        try:
            yield made
        except GeneratorExit:
            made.abort()
            raise
        made.close()

    def block() -> Faulty:
        ledger.threads += 1
        time.sleep(0.002)
        return Faulty(kind, ledger)

    return {"generated": generate, "threaded": block}.get(kind, make)
