"""A repository in memory that is a fetcher: sync against it needs no network."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, FetchError
from oneiric_lab.remote import Fetched

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.remote import Request, Sink

    from ._house import HouseRelease


class MemoryRemote:
    """Answers from a dictionary, as a server with etags would.

    Args:
        base: Address of the folder that it is.
        etags: Whether it names what it has.

    Attributes:
        files: Path below *base* to bytes.
        faults: Path to the errors that its next requests meet, one after the other.
        seen: How often bytes of a path were sent.
        asked: All requests, as they came.

    Example:
        >>> remote = MemoryRemote()
        >>> remote.files["a.txt"] = b"hello"
        >>> remote.url("a.txt")
        'https://remote.test/a.txt'
    """

    def __init__(self, base: str = "https://remote.test/", *, etags: bool = True) -> None:
        self.base, self.etags = base, etags
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[Exception]] = {}
        self.seen: Counter[str] = Counter()
        self.asked: list[Request] = []
        # A server digests what it has once, and not for each request.
        self._named: dict[str, tuple[bytes, str]] = {}

    def url(self, path: str) -> str:
        """Return the address of *path*."""
        return self.base + path

    def publish(
        self,
        release: HouseRelease,
        *,
        name: str = "shop",
        artifacts: Mapping[str, bytes] | None = None,
    ) -> str:
        """Offer a release, and return the address of its manifest.

        Args:
            release: Of a `ReleaseHouse`.
            name: Of its files.
            artifacts: Path to bytes.
        """
        self.files[f"{name}.oneiric.json"] = release.manifest
        self.files[f"{name}.oneiric-bundle.json"] = release.bundle.encode()
        self.files.update(artifacts or {})
        return self.url(f"{name}.oneiric.json")

    async def fetch(self, request: Request, sink: Sink) -> Fetched:
        """Write what *request* asks for into *sink*.

        Raises:
            FetchError: There is nothing, or more than is taken.
        """
        self.asked.append(request)
        path = request.url.removeprefix(self.base)
        waiting = self.faults.get(path)
        if waiting:
            raise waiting.pop(0)
        data = self.files.get(path)
        if data is None:
            raise FetchError(Fault("fetch-status", f"{request.url}: answers 404"))
        etag = self._etag(path, data) if self.etags else None
        if etag is not None and etag == request.etag:
            return Fetched(request.url, unchanged=True, etag=etag)
        if len(data) > request.limit:
            what = f"{request.url}: {len(data):,} bytes; at most {request.limit:,} are taken"
            raise FetchError(Fault("fetch-too-large", what))
        self.seen[path] += 1
        sink.begin()
        for start in range(0, len(data), 1 << 16):
            sink.write(data[start : start + (1 << 16)])
        return Fetched(request.url, etag=etag, size=len(data))

    def _etag(self, path: str, data: bytes) -> str:
        named = self._named.get(path)
        if named is None or named[0] is not data:
            named = self._named[path] = data, f'"{hashlib.sha256(data).hexdigest()}"'
        return named[1]
