"""The fetcher that ships: limits, retries, breakers and one deadline around one attempt."""

from __future__ import annotations

import logging
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

import anyio
from anyio import to_thread

from oneiric_lab.errors import FetchError

from ._address import judge, refused
from ._breaker import Breaker
from ._files import fetch_file
from ._passing import PassingError, wait
from ._request import Fetched, Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from types import TracebackType

    from ._http import HttpClient
    from ._request import Request, Sink

_RULES = Rules()

REPEATED: Final = {"succeeded": 0, "failed": 0}
"""Attempts beyond the first of this process, by how they ended."""


class SafeFetcher:
    """A `Fetcher` for https, http where it is allowed, and files below allowed roots.

    As an async context it keeps its connections for the requests inside; without, each
    request makes its own. Breakers last as long as the fetcher.

    Args:
        rules: Where it may go, and how long and how often it tries.
        breaker: Of all hosts; share it to share what is known of them.
        clock: Gives seconds that never go back.
        now: Gives this moment, for dates in `Retry-After`.
    """

    def __init__(
        self,
        rules: Rules = _RULES,
        *,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.rules = rules
        self.breaker = breaker or Breaker(clock=clock)
        self._clock, self._now = clock, now
        self._client: HttpClient | None = None
        self._entered = False

    async def __aenter__(self) -> Self:
        self._entered = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._entered = False
        client, self._client = self._client, None
        if client is not None:
            with anyio.CancelScope(shield=True):
                await client.aclose()

    @asynccontextmanager
    async def _connections(self) -> AsyncIterator[HttpClient]:
        """Give those that are kept, or some that no other request has."""
        from ._http import HttpClient  # noqa: PLC0415 - 100 ms, for those who go out

        if self._entered:
            self._client = self._client or HttpClient(self.rules)
            yield self._client
            return
        client = HttpClient(self.rules)
        try:
            yield client
        finally:
            with anyio.CancelScope(shield=True):
                await client.aclose()

    async def fetch(self, request: Request, sink: Sink) -> Fetched:
        """Write what *request* asks for into *sink*.

        Raises:
            FetchError: It could not be fetched, or must not be.
        """
        if request.url.startswith("file:"):
            if request.method != "GET":
                what, fix = f"a file is read, not asked for {request.method}", "method: GET"
                raise refused("fetch-method", request.url, what, fix=fix)
            return await to_thread.run_sync(fetch_file, request, sink, self.rules)
        address = judge(request.url, self.rules)
        # What is imported and read for the first request takes none of its deadline.
        import stamina  # noqa: F401, PLC0415 - 36 ms, for those who go out

        try:
            async with self._connections() as client:
                with anyio.move_on_after(self.rules.deadline):
                    return await self._tries(client, request, sink, address.host)
        except PassingError as error:
            if request.is_idempotent:
                raise
            fix = f"{request.method} is asked once, since twice may do it twice: was it done?"
            raise FetchError([replace(fault, fix=fix) for fault in error.faults]) from error
        self.breaker.failed(address.host)
        raise refused(
            "fetch-deadline",
            request.url,
            f"did not come whole within {self.rules.deadline:g} s",
            why="that is the deadline for all attempts, waits and redirects together",
            fix="nothing was changed; look after that server, or raise remote.deadline",
        )

    async def _tries(self, client: HttpClient, request: Request, sink: Sink, host: str) -> Fetched:
        import stamina  # noqa: PLC0415 - 36 ms, for those who go out

        from ._http import SPARE  # noqa: PLC0415 - see fetch

        _quiet()
        rules = self.rules
        end, spare = self._clock() + rules.deadline, SPARE * rules.deadline
        tries = stamina.retry_context(
            on=lambda error: wait(error, end - self._clock() - spare),
            attempts=rules.attempts if request.is_idempotent else 1,
            timeout=None,
            wait_initial=rules.base_delay,
            wait_max=rules.max_delay,
            wait_jitter=rules.base_delay * rules.jitter,
        )
        async for attempt in tries:
            with attempt, self.breaker.guard(host), _counted(attempt.num):
                found = await client.attempt(request, sink, self._now(), end - self._clock())
                return replace(found, attempts=attempt.num)
        raise AssertionError("a retry that neither returns nor raises")  # pragma: no cover


@contextmanager
def _counted(number: int) -> Iterator[None]:
    """Count an attempt beyond the first by how the block ends; one that is cancelled by none."""
    try:
        yield
    except Exception:
        REPEATED["failed"] += number > 1
        raise
    REPEATED["succeeded"] += number > 1


def _quiet() -> None:
    """Keep the retries' own log off the terminal of who configured no logging."""
    logger = logging.getLogger("stamina")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
