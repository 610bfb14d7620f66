"""Sources that plugins bring: the component `adapter:source.SCHEME` fetches what has that scheme.

It is a candidate like any other, chosen and allowed like any other, but for those that a
manifest brought: what comes from elsewhere does not decide what is fetched from elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Self

import anyio

from oneiric_lab.config import based_at
from oneiric_lab.errors import Fault, NoCandidateError, RemoteError
from oneiric_lab.lifecycle import Lifecycle
from oneiric_lab.remote import SafeFetcher, Schemes

from ._said import settings_of

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from oneiric_lab.config import Settings
    from oneiric_lab.registry import Registry
    from oneiric_lab.remote import Fetched, Fetcher, Request, Sink


class Plugged:
    """A fetcher whose plugins are built when they are first needed, and closed at the end.

    Args:
        own: For https, http and files.
        registry: Who brings the rest.
        settings: What the configuration says to them.
        root: Folder of the workspace.
    """

    def __init__(
        self, own: SafeFetcher, registry: Registry, settings: Settings, root: Path
    ) -> None:
        self._registry, self._settings, self._root = registry, settings, root
        self._schemes = Schemes(own, self._open, own.rules)
        self._held = AsyncExitStack()
        self._open_now: dict[str, Fetcher] = {}
        # Several sources may ask for one at the same time: it is built once.
        self._building: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._held.aclose()

    async def fetch(self, request: Request, sink: Sink) -> Fetched:
        """Write what *request* asks for into *sink*; see `Schemes`."""
        return await self._schemes.fetch(request, sink)

    async def _open(self, scheme: str) -> Fetcher:
        # Of `git+ssh` and `git+https` it is git that brings them.
        key = f"source.{scheme.partition('+')[0]}"
        async with self._building[key]:
            found = self._open_now.get(key) or await self._built(scheme, key)
            self._open_now[key] = found
            return found

    async def _built(self, scheme: str, key: str) -> Fetcher:
        fix = "write it as https://…, or install the plugin that brings it"
        try:
            winner = self._registry.resolve("adapter", key)
        except NoCandidateError:
            what = f"nobody brings what begins with {scheme}://: there is no adapter:{key}"
            raise RemoteError(Fault("remote-scheme", what, fix=fix)) from None
        if winner.source == "manifest":
            what = f"adapter:{key} came with a manifest ({winner}), and may fetch none"
            raise RemoteError(Fault("remote-scheme", what, winner.origin, fix=fix))
        life = await self._held.enter_async_context(
            Lifecycle(
                self._registry,
                settings=partial(settings_of, self._settings),
                context=based_at(self._root),
            )
        )
        found: Fetcher = await self._held.enter_async_context(life.lease("adapter", key))
        return found
