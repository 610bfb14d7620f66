"""A small HTTP/1.1 server on 127.0.0.1 that answers what it was told, and ends by itself."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType


@dataclass(frozen=True)
class Answer:
    """What the server sends for a path, faults of servers included.

    Attributes:
        status: Of the answer.
        body: After its head.
        headers: Besides the length of the body.
        length: Whether the head says how long the body is, or that it comes in chunks; a body
            without ends with the connection.
        chunks: Bytes in each chunk; 0 sends the body whole.
        delay: Seconds before it is sent.
        keep: Whether the connection stays open afterwards.
        cut: Bytes after which the connection ends; None sends all.
        reset: Whether it ends by a reset, and not in order.
        copies: How many answers each call gets.
        before: Bytes in front, such as an answer 103.
    """

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    length: bool = True
    chunks: int = 0
    delay: float = 0.0
    keep: bool = True
    cut: int | None = None
    reset: bool = False
    copies: int = 1
    before: bytes = b""

    def as_bytes(self, *, head_only: bool = False) -> bytes:
        """Return what goes over the wire for one call."""
        lines = [f"HTTP/1.1 {self.status} Said"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.chunks:
            lines.append("Transfer-Encoding: chunked")
        elif self.length:
            lines.append(f"Content-Length: {len(self.body)}")
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        body = b"" if head_only else self._chunked() if self.chunks else self.body
        return ((self.before + head + body) * self.copies)[: self.cut]

    def _chunked(self) -> bytes:
        parts = [self.body[n : n + self.chunks] for n in range(0, len(self.body), self.chunks)]
        return b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in (*parts, b""))


class LoopbackServer:
    """Answers on 127.0.0.1, in a thread of its own, for as long as the block lasts.

    Args:
        answers: Path to what is said there; another path is answered 404.

    Attributes:
        seen: How often each path was asked for.
        requests: The last requests, as they came.
        connections: How many were made.

    Example:
        >>> import urllib.request
        >>> with LoopbackServer({"/": Answer(body=b"hello")}) as server:
        ...     urllib.request.urlopen(server.url).read()
        b'hello'
    """

    def __init__(self, answers: Mapping[str, Answer] | None = None) -> None:
        self.answers = dict({"/": Answer()} if answers is None else answers)
        self.seen: Counter[str] = Counter()
        self.requests: list[bytes] = []
        self.connections = 0
        self.open: set[Any] = set()
        self._port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Served(self), "127.0.0.1", 0, backlog=4096)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        # Who connected already is taken first: not every system ends those with the listener.
        await asyncio.sleep(0.01)
        server.close()
        # The other tasks are connections that were taken this moment and have not begun.
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
        for transport in list(self.open):
            transport.abort()
        await asyncio.sleep(0)


class _Served(asyncio.Protocol):
    """One connection of the server."""

    def __init__(self, server: LoopbackServer) -> None:
        self._server = server
        self._waiting = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._server.connections += 1
        self._server.open.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n") + 4) >= 4:  # noqa: PLR2004 - of the blank line
            head = self._waiting[:end]
            length = 0
            if b"\r\nContent-Length: " in head:
                length = int(head.partition(b"\r\nContent-Length: ")[2].partition(b"\r\n")[0])
            if len(self._waiting) < end + length:
                return
            request, self._waiting = self._waiting[: end + length], self._waiting[end + length :]
            self._said(request)

    def _said(self, request: bytes) -> None:
        server = self._server
        method, path, *_ = request.split(b" ", 2)
        name = path.decode("latin-1")
        server.seen[name] += 1
        server.requests = [*server.requests[-9:], request]
        answer = server.answers.get(name, Answer(404))
        data = answer.as_bytes(head_only=method == b"HEAD")
        if answer.delay:
            asyncio.get_running_loop().call_later(answer.delay, self._send, answer, data)
        else:
            self._send(answer, data)

    def _send(self, answer: Answer, data: bytes) -> None:
        self._transport.write(data)
        if answer.reset:
            import socket  # noqa: PLC0415 - few servers do this
            import struct  # noqa: PLC0415 - see above

            # Closing with a linger of 0 seconds is what sends a reset.
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        elif not answer.keep or answer.cut is not None:
            self._transport.close()
