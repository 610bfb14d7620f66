"""Manifests from elsewhere: fetched within limits, verified, whole, or not at all.

A `Fetcher` has one method: it writes what a `Request` asks for into a `Sink`. `SafeFetcher`
is the one that ships: https (http only for hosts that are named, and this machine), files
below allowed roots; identity encoding, at most three redirects, each judged anew, credentials
for one origin only, retries of what can pass, a breaker for each host, one deadline.

`bring` asks a `Source` for its release and returns it verified and whole, its artifacts among
the workspace's objects, never unpacked or imported. Nothing changes by that: `Lab.sync` enters
it, and remembers it as the last good one.

Example:
    >>> import anyio
    >>> from oneiric_lab.remote import Buffer, Request, SafeFetcher
    >>> from oneiric_lab.testing import Answer, LoopbackServer
    >>> async def look(url):
    ...     sink = Buffer()
    ...     async with SafeFetcher() as fetcher:
    ...         found = await fetcher.fetch(Request(url, limit=1000), sink)
    ...     return found.size, sink.data
    >>> with LoopbackServer({"/": Answer(body=b"hello")}) as server:
    ...     anyio.run(look, server.url)
    (5, b'hello')
"""

from ._address import origin_of, shown
from ._breaker import Breaker
from ._bring import Brought, Source, bring
from ._fetcher import REPEATED, SafeFetcher
from ._kept import ATTEMPTS, Attempt, Good, Kept
from ._passing import PassingError, retry_after
from ._request import Buffer, Credentials, Fetched, Fetcher, Request, Rules, Sink
from ._schemes import Schemes

__all__ = [
    "ATTEMPTS",
    "REPEATED",
    "Attempt",
    "Breaker",
    "Brought",
    "Buffer",
    "Credentials",
    "Fetched",
    "Fetcher",
    "Good",
    "Kept",
    "PassingError",
    "Request",
    "Rules",
    "SafeFetcher",
    "Schemes",
    "Sink",
    "Source",
    "bring",
    "origin_of",
    "retry_after",
    "shown",
]
