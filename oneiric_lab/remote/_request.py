"""What is asked of a fetcher, and what it answers: the words of one exchange."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MIB = 1024 * 1024
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that may be asked again when nobody knows what became of them (RFC 9110 §9.2.2)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Where a fetcher may go, and how long and how often it tries.

    Attributes:
        allow_http: Hosts that may be asked without TLS, besides this machine's own.
        origins: The only ones that may be asked, redirects included; None is any.
        roots: Folders below which files may be read.
        deadline: Seconds for everything that one request takes, waits and redirects included.
        connect_timeout: Seconds for a connection, its TLS included.
        read_timeout: Seconds for the next bytes.
        attempts: In all, the first included.
        base_delay: Seconds before the second attempt; it doubles from there.
        max_delay: Longest wait in seconds, but for what a server asks for.
        jitter: The part of a wait that is drawn by lot.
        verify_tls: Whether a server must prove its name; without, it gets no credentials.
        ca_file: Certificates that are believed besides the usual ones.
    """

    allow_http: frozenset[str] = frozenset()
    origins: frozenset[str] | None = None
    roots: tuple[Path, ...] = ()
    deadline: float = 60.0
    connect_timeout: float = 10.0
    read_timeout: float = 20.0
    attempts: int = 4
    base_delay: float = 1.0
    max_delay: float = 30.0
    jitter: float = 0.25
    verify_tls: bool = True
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """A header that one origin may see, and nobody else.

    Attributes:
        origin: Such as `https://example.com:443`; see `origin_of`.
        header: Its name.
        value: Its value.
    """

    origin: str
    header: str = "Authorization"
    value: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to fetch.

    Attributes:
        url: Where it is.
        limit: Most bytes that are taken.
        etag: What its source called the bytes that are here already.
        credentials: For the one origin that they name.
        method: In capitals.
        headers: For the origin of *url* and for no other, since they may say who we are.
        body: What is sent along; for that origin, too.
    """

    url: str
    limit: int = 64 * _MIB
    etag: str | None = None
    credentials: Credentials | None = None
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)

    @property
    def is_idempotent(self) -> bool:
        """Whether it may be asked twice, and mean the same as once."""
        return self.method in _IDEMPOTENT


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of a request.

    Attributes:
        url: Where it was found at last, as people are shown it.
        unchanged: Whether it is still what the request's `etag` calls; then no bytes came.
        etag: What its source calls the bytes.
        size: How many came.
        attempts: How many it took.
        status: What the server said; 200 of a file.
        headers: What it said besides, names in lower case.
    """

    url: str
    unchanged: bool = False
    etag: str | None = None
    size: int = 0
    attempts: int = 1
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Sink(Protocol):
    """Takes the bytes; `begin` is called before each attempt, and what came before is void."""

    def begin(self) -> None:
        """Start with no bytes."""

    def write(self, chunk: bytes, /) -> object:
        """Take the next bytes."""


class Buffer:
    """A sink in memory.

    Example:
        >>> sink = Buffer()
        >>> sink.begin(), sink.write(b"ab"), sink.data
        (None, None, b'ab')
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def begin(self) -> None:
        """Start with no bytes."""
        self._parts = []

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._parts.append(chunk)

    @property
    def data(self) -> bytes:
        """All that was written since `begin`; kept once, however often it is asked for."""
        self._parts = [b"".join(self._parts)]
        return self._parts[0]


class Fetcher(Protocol):
    """Brings bytes from elsewhere, or says why not; a plugin may bring one."""

    async def fetch(self, request: Request, sink: Sink) -> Fetched:
        """Write what *request* asks for into *sink*.

        Raises:
            FetchError: It could not be fetched, or must not be.
        """
