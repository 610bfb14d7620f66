"""The only module that knows httpx: one attempt of a request, over the wire."""

from __future__ import annotations

import math
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from oneiric_lab.errors import Fault

from ._address import refused, shown
from ._exchange import Head, Meter, exchange
from ._passing import PassingError
from ._request import Fetched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ._exchange import Body, Hop
    from ._request import Request, Rules, Sink

SPARE = 0.1
"""The part of a deadline in which nothing new is begun."""

CONNECTIONS = 16
"""Most connections of a client: four sources at a time, with four artifacts each."""


class HttpClient:
    """Connections that are shared by requests of one event loop; an async context."""

    def __init__(self, rules: Rules) -> None:
        context: ssl.SSLContext | bool = False
        if rules.verify_tls:
            context = httpx.create_ssl_context()
            if rules.ca_file is not None:
                try:
                    context.load_verify_locations(cafile=str(rules.ca_file))
                except (OSError, ssl.SSLError) as error:
                    name, fix = str(rules.ca_file), "remote.ca_file names a PEM file"
                    what = f"cannot read certificates: {error}"
                    raise refused("fetch-tls", name, what, fix=fix) from error
        self._rules = rules
        # No environment: a .netrc would send passwords that nobody bound to an origin.
        self._client = httpx.AsyncClient(
            verify=context,
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        )
        self._client.headers.clear()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def attempt(
        self, request: Request, sink: Sink, now: datetime, left: float = math.inf
    ) -> Fetched:
        """Try *request* once.

        Args:
            request: What is asked for.
            sink: Where it goes.
            now: This moment.
            left: Seconds until the deadline. No handshake lasts that long: one that is
                cancelled from outside leaves its connection open.

        Raises:
            FetchError: It cannot be fetched.
            PassingError: The next attempt may.
        """
        steps = exchange(request, self._rules, now)
        hop = next(steps)
        while True:
            with _told(hop):
                connect = min(
                    self._rules.connect_timeout, max(left - SPARE * self._rules.deadline, 0.001)
                )
                waits = httpx.Timeout(self._rules.read_timeout, connect=connect, pool=None)
                sent = self._client.build_request(
                    hop.method,
                    hop.address.url,
                    headers=dict(hop.headers),
                    content=hop.body,
                    timeout=waits,
                )
                response = await self._client.send(sent, stream=True)
                try:
                    self._client.cookies.clear()
                    lower = {k.lower(): v for k, v in response.headers.items()}
                    try:
                        hop = steps.send(Head(response.status_code, lower))
                    except StopIteration as end:
                        return await _read(response, request, end.value, sink)
                finally:
                    await response.aclose()


async def _read(response: httpx.Response, request: Request, body: Body, sink: Sink) -> Fetched:
    meter = Meter(request, body.address)
    if not body.unchanged:
        sink.begin()
        # Raw: nothing is decoded, so that what is counted is what comes.
        async for chunk in response.aiter_raw():
            sink.write(meter.take(chunk))
    head = body.head
    return Fetched(
        shown(body.address.url), body.unchanged, body.etag, meter.size, 1, head.status, head.headers
    )


@contextmanager
def _told(hop: Hop) -> Iterator[None]:
    """Turn what httpx raises into what can pass, and what cannot."""
    url = hop.address.url
    try:
        yield
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        what, fix = f"is no address: {error}", "write it as https://example.com/path"
        raise refused("fetch-address", url, what, fix=fix) from error
    except httpx.HTTPError as error:
        # A handshake that stalls has an error of TLS below it, and passes all the same.
        broken = None if isinstance(error, httpx.TimeoutException) else _tls(error)
        if broken is not None:
            raise refused(
                "fetch-tls",
                url,
                f"the server does not prove its name: {broken}",
                why="this does not pass by itself, so it is not tried again",
                fix="renew its certificate, or name its own authority in remote.ca_file",
            ) from error
        kind = "fetch-timeout" if isinstance(error, httpx.TimeoutException) else "fetch-connection"
        said = str(error) or type(error).__name__
        fault = Fault(
            kind, f"{shown(url)}: {said}", fix="nothing was changed; it may pass, or look after it"
        )
        raise PassingError(fault) from error


def _tls(error: BaseException) -> str | None:
    """Return what TLS refused, None where the connection just broke."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return seen.verify_message
        if isinstance(seen, ssl.SSLError) and not isinstance(
            seen, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
        ):
            return seen.reason or str(seen)
        seen = seen.__cause__ or seen.__context__
    return None
