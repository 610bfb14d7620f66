"""Sources of other kinds: a fetcher that a plugin brought, held to our limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from oneiric_lab.errors import Fault, FetchError, OneiricError

from ._address import refused, shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._request import Fetched, Fetcher, Request, Rules, Sink

OWN: Final = frozenset({"https", "http", "file", ""})
"""Schemes that `SafeFetcher` knows."""


def scheme_of(url: str) -> str:
    """Return the scheme of *url* in lower case; empty for none.

    Example:
        >>> scheme_of("git+ssh://example.com/a"), scheme_of("a.json")
        ('git+ssh', '')
    """
    scheme, colon, _ = url.partition("://")
    return scheme.lower() if colon else ""


class Schemes:
    """A `Fetcher` that asks its own for what that knows, and a plugin's for the rest.

    What a plugin brings is not believed to keep to a request: bytes beyond the limit end it,
    and so does the deadline; whatever it raises is told as what it is.

    Args:
        own: For https, http and files.
        opened: Gives the fetcher for another scheme.
        rules: Whose deadline holds.
    """

    def __init__(
        self, own: Fetcher, opened: Callable[[str], Awaitable[Fetcher]], rules: Rules
    ) -> None:
        self._own, self._opened, self._rules = own, opened, rules

    async def fetch(self, request: Request, sink: Sink) -> Fetched:
        """Write what *request* asks for into *sink*.

        Raises:
            FetchError: It could not be fetched, or must not be.
            RemoteError: Nobody brings what has this scheme.
        """
        scheme = scheme_of(request.url)
        if scheme in OWN:
            return await self._own.fetch(request, sink)
        fetcher = await self._opened(scheme)
        fix = f"nothing was changed; look after what brings {scheme}"
        with anyio.move_on_after(self._rules.deadline):
            try:
                return await fetcher.fetch(request, _Bounded(request, sink))
            except OneiricError:
                raise
            except Exception as error:
                what = f"{shown(request.url)}: {type(error).__name__}"
                raise FetchError(Fault("fetch-plugin", what, fix=fix)) from error
        what = f"did not come whole within {self._rules.deadline:g} s"
        raise refused("fetch-deadline", request.url, what, fix=fix)


class _Bounded:
    """Takes the bytes of one attempt up to the limit of its request."""

    def __init__(self, request: Request, sink: Sink) -> None:
        self._request, self._sink, self._size = request, sink, 0

    def begin(self) -> None:
        self._size = 0
        self._sink.begin()

    def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._request.limit:
            raise refused(
                "fetch-too-large",
                self._request.url,
                f"{self._size:,} bytes or more; at most {self._request.limit:,} are taken",
                fix="nothing was changed; offer less, or raise the limit of this source",
            )
        self._sink.write(chunk)
