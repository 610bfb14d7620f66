"""The protocol of one attempt, without a network: addresses and headers out, heads in.

`exchange` is a generator: it yields a `Hop` to be asked, takes the `Head` that came, and
returns the `Body` that may be read. A `Meter` counts the bytes of that body.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from oneiric_lab.errors import Fault

from ._address import Address, judge, refused, shown
from ._passing import PassingError, retry_after

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from datetime import datetime

    from ._request import Request, Rules

MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOVED: Final = frozenset({301, 302})
_SEE_OTHER: Final = 303
_READING: Final = frozenset({"GET", "HEAD"})
_PASSING: Final = frozenset({429, 502, 503, 504})
_OK, _UNCHANGED = 200, 304
_KNOWN: Final = {
    401: "check remote.auth: the source asks who we are",
    403: "check remote.auth: the source does not let us in",
    404: "check the address: there is nothing there",
    410: "check the address: there is nothing there any more",
}


@dataclass(frozen=True, slots=True)
class Hop:
    """One request on the wire."""

    address: Address
    headers: Mapping[str, str]
    method: str = "GET"
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """What a server says before the bytes; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Body:
    """What may be read now.

    Attributes:
        address: Where.
        etag: What the server calls it.
        head: What the server said before.
        unchanged: Whether there is nothing to be read, since it is what we have.
    """

    address: Address
    etag: str | None
    head: Head
    unchanged: bool = False


def exchange(request: Request, rules: Rules, now: datetime) -> Generator[Hop, Head, Body]:
    """Run one attempt of *request*; see the module.

    Raises:
        FetchError: What came is refused, or must not be asked.
        PassingError: What came can pass.
    """
    address = judge(request.url, rules)
    home = address.origin
    method, body = request.method, request.body
    for _ in range(MAX_REDIRECTS + 1):
        headers = _headers(request, address, home, rules, with_body=body is not None)
        head = yield Hop(address, headers, method, body)
        if head.status in _REDIRECTS:
            target = head.headers.get("location")
            if not target:
                fix = "nothing was changed; ask the owner of that server"
                raise refused("fetch-redirect", address.url, "a redirect to nowhere", fix=fix)
            address = judge(urljoin(address.url, target), rules, came_from=address)
            method, body = _redirected(head.status, method, body)
            if address.origin != home and method not in _READING:
                raise refused(
                    "fetch-redirect",
                    request.url,
                    f"the server sent us to {shown(address.url)}, and {method} is for {home} alone",
                    fix="configure the address where it really is",
                )
            continue
        return _judged(request, address, head, now)
    raise refused(
        "fetch-redirect",
        request.url,
        f"more than {MAX_REDIRECTS} redirects, the last to {shown(address.url)}",
        fix="configure the address where it really is",
    )


def _redirected(status: int, method: str, body: bytes | None) -> tuple[str, bytes | None]:
    """Return how a redirect is followed (RFC 9110 §15.4): what is asked, and what is sent."""
    # Of 301 and 302 every client makes a GET of a POST, and servers count on it.
    reads = status == _SEE_OTHER or (status in _MOVED and method == "POST")
    return ("GET", None) if reads and method != "HEAD" else (method, body)


def _headers(
    request: Request, address: Address, home: str, rules: Rules, *, with_body: bool
) -> dict[str, str]:
    # Identity: a bomb of 200 kB becomes 60 MB before anybody can count it.
    headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "oneiric-lab"}
    if address.origin == home:
        # Compared as servers do: theirs in place of ours, and none of them twice.
        said = {name.lower() for name in request.headers}
        about_body = () if with_body else ("content-type",)
        headers = {name: value for name, value in headers.items() if name.lower() not in said}
        headers |= {n: v for n, v in request.headers.items() if n.lower() not in about_body}
    if request.etag is not None and address.origin == home:
        headers["If-None-Match"] = request.etag
    mine = request.credentials
    if mine is not None and mine.origin == address.origin:
        if not rules.verify_tls and address.scheme == "https":
            raise refused(
                "fetch-credentials",
                address.url,
                "credentials are not sent to a server that proves no name",
                fix="remote.verify_tls = true, with remote.ca_file where it is your own",
            )
        headers[mine.header] = mine.value
    return headers


def _judged(request: Request, address: Address, head: Head, now: datetime) -> Body:
    etag = head.headers.get("etag")
    if head.status == _UNCHANGED and request.etag is not None:
        return Body(address, request.etag, head, unchanged=True)
    if head.status in _PASSING:
        after = retry_after(head.headers.get("retry-after"), now)
        said = "" if after is None else f", and asks to wait {after:,.0f} s"
        fault = Fault(
            "fetch-status",
            f"{shown(address.url)}: the server answers {head.status}{said}",
            fix="nothing was changed; it may pass",
        )
        raise PassingError(fault, after=after)
    # What was read is whole or nothing; what was asked to be done may have many good answers.
    good = head.status == _OK if request.method == "GET" else 200 <= head.status < 300  # noqa: PLR2004 - RFC 9110 §15.3
    if not good:
        wanted = "200" if request.method == "GET" else "2xx"
        what = f"expected {wanted}, the server answers {head.status}"
        fix = _KNOWN.get(head.status, "nothing was changed; look after that server")
        raise refused("fetch-status", address.url, what, fix=fix)
    coding = head.headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        raise refused(
            "fetch-encoding",
            address.url,
            f"asked for the bytes as they are, the server encodes them as {coding[:40]!r}",
            why="what it becomes when decoded has no bound",
            fix="switch compression off for this address",
        )
    length = head.headers.get("content-length", "")
    if request.method != "HEAD" and length.isdigit() and int(length[:18]) > request.limit:
        raise too_large(request, address.url, int(length[:18]))
    kept = etag if etag is not None and len(etag) <= 1024 else None  # noqa: PLR2004 - it is kept, and sent each time
    return Body(address, kept, head)


def too_large(request: Request, url: str, size: int) -> Exception:
    """Return the error of what has *size* bytes or more."""
    return refused(
        "fetch-too-large",
        url,
        f"{size:,} bytes or more; at most {request.limit:,} are taken",
        fix="nothing was changed; offer less, or raise the limit of this source",
    )


class Meter:
    """Counts what comes, and ends it at the limit."""

    def __init__(self, request: Request, address: Address) -> None:
        self._request, self._address = request, address
        self.size = 0

    def take(self, chunk: bytes) -> bytes:
        """Return *chunk*, counted.

        Raises:
            FetchError: It is too much.
        """
        self.size += len(chunk)
        if self.size > self._request.limit:
            raise too_large(self._request, self._address.url, self.size)
        return chunk
