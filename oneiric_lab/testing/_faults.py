"""A server on 127.0.0.1 that misbehaves as it was told: by raw sockets, in threads, with TLS."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Self

from ._server import Answer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence
    from types import TracebackType


@dataclass(frozen=True)
class Drip:
    """An answer that comes a few bytes at a time.

    Attributes:
        answer: What comes.
        step: Bytes at a time.
        every: Seconds between them.
    """

    answer: Answer = field(default_factory=Answer)
    step: int = 1
    every: float = 0.05


def _whole(data: bytes) -> float:
    """Return how many bytes a request has, as far as its head is here."""
    head, ended, _ = data.partition(b"\r\n\r\n")
    if not ended:
        return inf
    said = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return len(head) + 4 + (int(said[1]) if said else 0)


class FaultServer:
    """Answers each path by a list, one after the other, the last for ever.

    Args:
        answers: Path to answers; raw bytes are sent as they are, and the connection ends.
        tls: Context of the server's certificate; None is http.
        stalls: Whether it takes connections and then says nothing, not even a handshake.

    Attributes:
        seen: How often each path was asked for.
        requests: All requests, as they came.

    Example:
        >>> import urllib.request
        >>> with FaultServer({"/": [Answer(503), Answer(body=b"well again")]}) as server:
        ...     try:
        ...         urllib.request.urlopen(server.url)
        ...     except OSError as error:
        ...         print(error.code)
        ...     urllib.request.urlopen(server.url).read()
        503
        b'well again'
    """

    def __init__(
        self,
        answers: Mapping[str, Sequence[Answer | Drip | bytes]] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        stalls: bool = False,
    ) -> None:
        self.answers = {path: list(said) for path, said in (answers or {}).items()}
        self.seen: Counter[str] = Counter()
        self.requests: list[bytes] = []
        self._tls, self._stalls = tls, stalls
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """Its address, with a slash at the end; by the name `localhost` under TLS."""
        if self._tls is None:
            return f"http://127.0.0.1:{self.port}/"
        return f"https://localhost:{self.port}/"

    def __enter__(self) -> Self:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self._listener.settimeout(0.05)
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _start(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]  # a bound method
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                taken, _ = self._listener.accept()
            except TimeoutError:
                continue
            taken.settimeout(5)
            self._start(self._serve, taken)

    def _serve(self, taken: socket.socket) -> None:
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            held.callback(taken.close)
            if self._stalls:
                self._ended.wait(30)
                return
            if self._tls is not None:
                taken = self._tls.wrap_socket(taken, server_side=True)
                held.callback(taken.close)
            while not self._ended.is_set() and self._one(taken):
                pass

    def _one(self, taken: socket.socket) -> bool:
        """Answer one request; return whether the connection stays."""
        data = b""
        taken.settimeout(0.05)
        while len(data) < _whole(data):
            try:
                more = taken.recv(65536)
            except TimeoutError:
                if self._ended.is_set():
                    return False
                continue
            if not more:
                return False
            data += more
        taken.settimeout(5)
        path = data.split(b" ", 2)[1].decode("latin-1")
        self.seen[path] += 1
        self.requests.append(data)
        said = self.answers.get(path) or [Answer(404)]
        answer = said.pop(0) if len(said) > 1 else said[0]
        if isinstance(answer, bytes):
            taken.sendall(answer)
            return False
        if isinstance(answer, Drip):
            whole = answer.answer.as_bytes()
            for start in range(0, len(whole), answer.step):
                if self._ended.is_set():
                    return False
                taken.sendall(whole[start : start + answer.step])
                time.sleep(answer.every)
            return answer.answer.keep
        if answer.delay and self._ended.wait(answer.delay):
            return False
        taken.sendall(answer.as_bytes())
        return answer.keep and answer.cut is None and answer.length
