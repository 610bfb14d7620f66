"""Calls to a server on this machine, as fast as it answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from oneiric_lab.errors import Fault, UsageError
from oneiric_lab.loadlab._scenario import Scenario, invariant, op
from oneiric_lab.loadlab._target import target_of
from oneiric_lab.loadlab._wire import Pool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

_BAD = 400


class StatusError(Exception):
    """An answer whose status is none that was wanted; each status is a class of its own."""


class Http(Scenario):
    """Calls over kept connections; a status is an outcome, and so is a connection that fails.

    Args:
        url: Such as `http://127.0.0.1:8000/health`; must be given.
        method: Of each call.
        body: Of each call.
        headers: A line for each, `Name: value`.
        connections: At a time; calls beyond wait. 0 is as many as are in flight.
        expect: The one status that is a success; 0 is each below 400.
        max_bytes: Of the largest answer.
    """

    summary = "calls to a server on this machine"
    defaults: ClassVar[Mapping[str, Any]] = {
        "url": None,
        "method": "GET",
        "body": "",
        "headers": "",
        "connections": 0,
        "expect": 0,
        "max_bytes": 16 << 20,
    }
    _kinds: ClassVar[dict[int, type[StatusError]]] = {}

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        p = self.p
        for name, default in self.defaults.items():
            value = getattr(p, name)
            if isinstance(default, int):
                wrong = not isinstance(value, int) or value < (name == "max_bytes")
            else:
                wrong = default is not None and not isinstance(value, str)
            if wrong:
                fix = f"--param {name}={default}"
                raise UsageError(Fault("usage", f"http cannot have {name}={value!r}", fix=fix))
        self.target = target_of(p.url, p.method, p.body, p.headers)

    @classmethod
    def new_loop(cls) -> asyncio.AbstractEventLoop:
        """Return a loop of uvloop where it is installed: a third more calls."""
        try:
            import uvloop  # noqa: PLC0415 - of the extra `load`
        except ImportError:  # Windows has none
            return asyncio.new_event_loop()
        return uvloop.new_event_loop()

    async def setup(self) -> None:
        """Open nothing yet: each connection is made by the call that needs it."""
        self.pool = Pool(self.target, most=self.p.connections, limit=self.p.max_bytes)
        self.asked = self.failed = self.given_up = 0
        self.statuses: dict[int, int] = {}

    async def teardown(self) -> None:
        """End all connections."""
        await self.pool.close()

    @op()
    async def call(self, rng: Random) -> None:
        """Call, and take the answer's status as the outcome."""
        self.asked += 1
        try:
            status = await self.pool.call()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        except Exception:
            self.failed += 1
            raise
        self.statuses[status] = self.statuses.get(status, 0) + 1
        expected = self.p.expect
        if status != expected if expected else status >= _BAD:
            kind = self._kinds.get(status)
            if kind is None:
                kind = self._kinds[status] = type(f"Status{status}", (StatusError,), {})
            raise kind(f"{self.p.method.upper()} {self.p.url} answered {status}")

    @invariant
    def no_answer_is_taken_for_another(self) -> bool | str:
        """No call goes over a connection whose last answer did not come whole."""
        count = self.pool.mixed
        return not count or f"{count} calls went over a connection that still owed an answer"

    @invariant
    def no_answer_comes_unasked(self) -> bool | str:
        """The server sends one answer for each call, and not a byte more."""
        count = self.pool.unasked
        return not count or f"on {count} connections came what nobody had asked for"

    @invariant
    def every_call_has_one_outcome(self) -> bool | str:
        """A status, a failure, or given up: they add up to the calls, and to the answers."""
        got = sum(self.statuses.values())
        total = got + self.failed + self.given_up
        if total != self.asked:
            return f"{total} outcomes of {self.asked} calls"
        # Who gives up may do so in the moment in which the answer comes.
        if got <= self.pool.answered <= got + self.given_up:
            return True
        return f"{self.pool.answered} answers, and {got} calls that got one"
