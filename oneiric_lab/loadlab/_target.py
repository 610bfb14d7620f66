"""What an HTTP load is sent to: an address on this machine, and the bytes of one call.

A load generator that can be pointed anywhere is a weapon: only loopback addresses are taken,
as they are written. `localhost` is the two addresses that RFC 6761 gives it; no resolver is
asked, so no name leads elsewhere, and no redirect is followed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote, urlsplit

from oneiric_lab.errors import Fault, UsageError

_METHOD: Final = re.compile(r"[A-Z][A-Z-]*\Z")
# RFC 9110 §5.6.2, token; and §5.5: visible characters, spaces and tabs.
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")
_OURS: Final = {"connection", "content-length", "host", "transfer-encoding"}
_EXAMPLE: Final = "http://127.0.0.1:8000/health"
_SAFE: Final = "!#$%&'()*+,/:;=?@[]~"
# RFC 9110 §9.2.2: what may be sent again when nobody knows whether it arrived.
_IDEMPOTENT: Final = {"DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where calls go, and what each of them is.

    Attributes:
        hosts: Addresses, in the order in which they are tried.
        port: Of all of them.
        request: The bytes of one call.
        has_body: Whether an answer may have a body; none to HEAD has.
        is_idempotent: Whether a call may be sent again when its connection had ended.
    """

    hosts: tuple[str, ...]
    port: int
    request: bytes
    has_body: bool
    is_idempotent: bool


def target_of(url: object, method: str = "GET", body: str = "", headers: str = "") -> Target:
    """Return what *url* names.

    Args:
        url: Such as `http://127.0.0.1:8000/health`.
        method: In any case.
        body: Sent with each call.
        headers: A line for each, `Name: value`.

    Raises:
        UsageError: It is no URL of plain HTTP on this machine, or a part cannot be sent.
    """
    if not isinstance(url, str) or not url:
        raise _refused("http needs a URL", "that names what is driven", f"--param url={_EXAMPLE}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _refused(f"{url!r} is no URL", str(error)) from None
    if parts.scheme == "https":
        why = "TLS would cost more than all the rest of a call, and its figures would be TLS's own"
        raise _refused(f"plain http only, got {url!r}", why, "name the plain port behind the TLS")
    if parts.scheme != "http":
        raise _refused(f"expected an http URL, got {url!r}")
    if parts.username is not None:
        fix = "--param 'headers=Authorization: Basic ...'"
        raise _refused(f"user and password in {parts.hostname}'s URL", "they would be shown", fix)
    if port == 0:
        raise _refused(f"port 0 in {url!r}", "it is no port that something listens on")
    hosts = _addresses(host, url)
    # Brackets go round an IPv6 address; an IPv4 one and a name have no colon.
    shown = f"[{host}]" if ":" in host else host
    verb = method.upper()
    if not _METHOD.match(verb) or verb == "CONNECT":
        raise _refused(f"method {method!r}", "it is none of HTTP's", "--param method=GET")
    lines = [
        f"{verb} {_path(parts.path, parts.query, url)} HTTP/1.1",
        f"Host: {shown}" if port in {None, 80} else f"Host: {shown}:{port}",
        *_lines(headers),
    ]
    data = body.encode()
    if data or verb in {"PATCH", "POST", "PUT"}:
        lines.append(f"Content-Length: {len(data)}")
    head = "\r\n".join(lines) + "\r\n\r\n"
    request = head.encode("latin-1") + data
    return Target(hosts, port or 80, request, verb != "HEAD", verb in _IDEMPOTENT)


def _addresses(host: str, url: str) -> tuple[str, ...]:
    if host == "localhost":
        return ("127.0.0.1", "::1")
    try:
        found = ip_address(host)
    except ValueError:
        found = None
    if found is None or not found.is_loopback:
        raise _refused(
            f"{host or url!r} is not this machine",
            "loads go to loopback addresses only: what stands elsewhere has not agreed to one",
            "run it on the machine of the target, and name it 127.0.0.1, [::1] or localhost",
        )
    return (host,)


def _path(path: str, query: str, url: str) -> str:
    text = (path or "/") + (f"?{query}" if query else "")
    if any(c <= " " or c == "\x7f" for c in url):
        raise _refused(f"a space or a control character in {url!r}", "", "write a space as %20")
    return quote(text, safe=_SAFE)


def _lines(headers: str) -> list[str]:
    out = []
    for line in filter(None, (line.strip() for line in headers.split("\n"))):
        name, colon, value = line.partition(":")
        if not (colon and _NAME.match(name) and _VALUE.match(value)):
            raise _refused(f"header {line!r}", "", "--param 'headers=Accept: text/plain'")
        if name.lower() in _OURS:
            raise _refused(f"header {name!r} is not yours to set", "the driver says it itself")
        out.append(f"{name}: {value.strip()}")
    return out


def _refused(message: str, why: str = "", fix: str = f"--param url={_EXAMPLE}") -> UsageError:
    return UsageError(Fault("load-target", message, why=why or None, fix=fix))
