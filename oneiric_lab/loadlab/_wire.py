"""HTTP/1.1 on kept connections, as fast as Python goes: bytes are written and a parser in C reads.

One call at a time goes over a connection. One that was given up takes its connection with
it, so that a late answer is never taken for the next call's. A general client costs ten
times as much for each call, and at saturation one measures its queue and not the server.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.errors import MissingExtraError

if TYPE_CHECKING:
    from ._target import Target

HEAD_LIMIT: Final = 64 * 1024
"""Bytes of an answer's head, looked at after each read; servers send a hundredth of it."""


class BadAnswerError(Exception):
    """What came is no HTTP."""


class TooLargeError(Exception):
    """An answer is larger than it may be."""


class EndedEarlyError(ConnectionError):
    """A connection ended before its answer did."""


class Connection(asyncio.Protocol):
    """One connection, which carries one call at a time.

    Attributes:
        is_open: Whether a call may go over it.
        begun: Calls that were sent.
        ended: Answers that came whole.
        unasked: Whether something came that nobody had asked for.
    """

    def __init__(self, parser: Any, limit: int, *, has_body: bool) -> None:
        self._make, self._limit, self._has_body = parser, limit, has_body
        self._parser = parser(self)
        self._answer: asyncio.Future[int] | None = None
        self._first = b""
        self._got = self._status = 0
        self._in_body = self._keeps = False
        self.transport: Any = None
        self.begun = self.ended = 0
        self.is_open = self.unasked = False

    def ask(self, request: bytes, answer: asyncio.Future[int]) -> None:
        """Send a call; *answer* is told its status once all of the answer is there."""
        self._answer = answer
        self.begun += 1
        self.transport.write(request)

    def drop(self) -> None:
        """End it now; what still comes is read by nobody."""
        self.is_open, self._answer = False, None
        if self.transport is not None:
            self.transport.abort()

    # --- of the transport ---------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport, self.is_open = transport, True

    def data_received(self, data: bytes) -> None:
        """Read; an answer that is whole is told."""
        answer = self._answer
        if answer is None:
            self._refuse_unasked(data)
            return
        self._got += len(data)
        if not self._in_body:
            self._first = data if self._got == len(data) else self._first + data
        try:
            self._parser.feed_data(data)
        except Exception as error:  # noqa: BLE001 - httptools has several, and an upgrade is one too
            if not self._status:
                self._fail(BadAnswerError(f"{type(error).__name__}: {error}".rstrip(": ")))
                return
            self.unasked = True
        if self._got > self._limit:
            self._fail(TooLargeError(f"an answer of more than {self._limit:,} bytes"))
        elif self._status:
            self._answered(answer)
        elif self._got > HEAD_LIMIT and not self._in_body:
            self._fail(TooLargeError(f"a head of more than {HEAD_LIMIT:,} bytes"))

    def connection_lost(self, exc: Exception | None) -> None:
        """End; an answer without a length is whole now, another one is not."""
        answer, self._answer = self._answer, None
        self.is_open = False
        if answer is None or answer.done():
            return
        if exc is not None:
            answer.set_exception(exc)
        elif self._in_body and self._ends_with_connection():
            self.ended += 1
            answer.set_result(self._parser.get_status_code())
        else:
            part = "in the middle of an answer" if self._got else "before an answer"
            answer.set_exception(EndedEarlyError(f"the server closed {part}"))

    # --- of the parser ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """See that a second answer is none that was asked for."""
        if self._status:
            self.unasked = True

    def on_headers_complete(self) -> None:
        """Know that the rest is body, which an answer to HEAD has none of."""
        self._in_body = True
        if not self._has_body:
            self.on_message_complete()

    def on_message_complete(self) -> None:
        """Keep the first status that is final."""
        status = self._parser.get_status_code()
        # RFC 9110 §15.2: 1xx announces an answer that is still to come.
        if status < 200 and status != 101:  # noqa: PLR2004 - see above
            self._in_body = False
        elif not self._status:
            self._status = status
            self._keeps = self._parser.should_keep_alive()

    # --- inside -------------------------------------------------------------------------

    def _answered(self, answer: asyncio.Future[int]) -> None:
        status, self._status, self._got, self._in_body = self._status, 0, 0, False
        self._answer = None
        self.ended += 1
        if not self._keeps or self.unasked:
            self.is_open = False
            self.transport.abort()
        elif not self._has_body:
            # It waits for the body that its head announced.
            self._parser = self._make(self)
        if not answer.done():
            answer.set_result(status)

    def _refuse_unasked(self, data: bytes) -> None:
        if self.is_open:
            # A server that tires of waiting says so before it closes: RFC 9110 §15.5.9.
            self.unasked = not data.startswith(b"HTTP/1.1 408 ")
            self.drop()

    def _fail(self, error: Exception) -> None:
        answer = self._answer
        self.drop()
        if answer is not None and not answer.done():
            answer.set_exception(error)

    def _ends_with_connection(self) -> bool:
        """Tell whether the head announces no length: RFC 9112 §6.3."""
        head = _Head()
        self._make(head).feed_data(self._first)
        return not head.names & {b"content-length", b"transfer-encoding"}


class _Head:
    """The names of an answer's headers; asked for rarely, since each costs a call."""

    def __init__(self) -> None:
        self.names: set[bytes] = set()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the name."""
        self.names.add(name.lower())


class Pool:
    """Kept connections to one target.

    Args:
        target: Where they go.
        most: How many at a time; what is asked for beyond waits. 0 is as many as are needed.
        limit: Bytes of the largest answer.

    Attributes:
        opened: Connections that were made.
        answered: Answers that came whole, on connections that were ended.
        retried: Calls that were sent again, since the server had ended their connection.
        mixed: Calls that went over a connection whose last answer had not come.
        unasked: Connections on which something came that nobody had asked for.

    Raises:
        MissingExtraError: Without httptools, of the extra `load`.
    """

    def __init__(self, target: Target, *, most: int = 0, limit: int = 16 << 20) -> None:
        try:
            from httptools import HttpResponseParser  # noqa: PLC0415 - of the extra `load`
        except ImportError:
            raise MissingExtraError("httptools is not installed", extra="load") from None
        self._target, self._limit, self._parser = target, limit, HttpResponseParser
        self._room: Any = asyncio.Semaphore(most) if most else nullcontext()
        self._is_bounded = most > 0
        self._idle: deque[Connection] = deque()
        self._all: set[Connection] = set()
        self._hosts = target.hosts
        self.opened = self.answered = self.retried = self.mixed = self.unasked = 0

    async def call(self) -> int:
        """Send the target's call, and return the status of its answer.

        Raises:
            ConnectionError: No connection, or it ended before the answer did.
            BadAnswerError: What came is no HTTP.
            TooLargeError: The answer is larger than it may be.
        """
        if not self._is_bounded:
            return await self._call()
        async with self._room:
            return await self._call()

    async def close(self) -> None:
        """End all connections."""
        for connection in list(self._all):
            self._forget(connection)
            connection.drop()
        await asyncio.sleep(0)

    async def _call(self) -> int:
        connection = self._kept()
        was_kept = connection is not None
        if connection is None:
            connection = await self._connect()
        try:
            return await self._ask(connection)
        except ConnectionError:
            if not (was_kept and self._target.is_idempotent and not connection._got):  # noqa: SLF001 - its own pool
                raise
        # It had ended while nobody looked, and who writes to what has ended gets a reset: such a
        # call may be sent again, RFC 9112 §9.3.1.
        self.retried += 1
        return await self._ask(await self._connect())

    async def _ask(self, connection: Connection) -> int:
        self.mixed += connection.begun != connection.ended
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        connection.ask(self._target.request, answer)
        try:
            status = await answer
        except BaseException:
            connection.drop()
            self._forget(connection)
            raise
        if connection.is_open:
            self._idle.append(connection)
        else:
            self._forget(connection)
        return status

    def _kept(self) -> Connection | None:
        while self._idle:
            # The one that was used last is the least likely to have been ended meanwhile.
            connection = self._idle.pop()
            if connection.is_open and not connection.transport.is_closing():
                return connection
            self._forget(connection)
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        port = self._target.port
        for host in self._hosts:
            try:
                _, made = await loop.create_connection(self._new, host, port)
            except OSError:
                if host is self._hosts[-1]:
                    raise
                continue
            self._hosts = (host,)
            self.opened += 1
            self._all.add(made)
            return made
        raise AssertionError("a target has an address")

    def _new(self) -> Connection:
        return Connection(self._parser, self._limit, has_body=self._target.has_body)

    def _forget(self, connection: Connection) -> None:
        if connection in self._all:
            self._all.remove(connection)
            self.unasked += connection.unasked
            self.answered += connection.ended
