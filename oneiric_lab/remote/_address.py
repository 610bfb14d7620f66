"""Addresses: what may be asked for, and how an address is shown without its secrets."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from oneiric_lab.errors import Fault, FetchError

if TYPE_CHECKING:
    from ._request import Rules

_TEXT: Final = re.compile(r"[!-~]+\Z")
_KNOWN: Final = frozenset({"https", "http", "file"})
_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Address:
    """An address of the web that may be asked.

    Attributes:
        url: Whole, without a fragment.
        scheme: `https` or `http`.
        host: In lower case.
        port: Said or usual.
    """

    url: str
    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> str:
        """Scheme, host and port: whom credentials are bound to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_here(self) -> bool:
        """Whether it is this machine."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            found = ipaddress.ip_address(self.host)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address):
            found = found.ipv4_mapped or found
        # Who connects to the unspecified address meets this machine.
        return found.is_loopback or found.is_unspecified


def shown(url: str) -> str:
    """Return *url* as people may see it: no user, no query, no fragment, no control character.

    Example:
        >>> shown("https://me:pass@example.com/a?token=x")
        'https://example.com/a?…'
    """
    head, question, _ = url.partition("#")[0].partition("?")
    scheme, slashes, rest = head.partition("://")
    if slashes:
        host, slash, path = rest.partition("/")
        head = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    text = "".join(c if c.isprintable() else "·" for c in head[:500])
    return f"{text}?…" if question else text


def joined(url: str, uri: str) -> str:
    """Return *uri* as seen from *url*, whatever its scheme: urllib joins only those it knows.

    Example:
        >>> joined("git+ssh://example.com/r/a.json", "b/c.whl")
        'git+ssh://example.com/r/b/c.whl'
    """
    scheme, colon, rest = url.partition("://")
    if not colon or scheme.lower() in _KNOWN or "://" in uri:
        return urljoin(url, uri)
    return scheme + urljoin(f"https://{rest}", uri).removeprefix("https")


def refused(code: str, url: str, what: str, *, why: str | None = None, fix: str) -> FetchError:
    """Return the error of one address."""
    return FetchError(Fault(code, f"{shown(url)}: {what}", why=why, fix=fix))


def judge(url: str, rules: Rules, *, came_from: Address | None = None) -> Address:
    """Return the address *url* is, where it may be asked.

    Args:
        url: As it was configured, or as a server sent us there.
        rules: Where we may go.
        came_from: Who sent us there.

    Raises:
        FetchError: With code `fetch-address`, `fetch-insecure` or `fetch-redirect`.
    """
    example = "write it as https://example.com/manifest.oneiric.json"
    if not _TEXT.match(url):
        raise refused("fetch-address", url, "expected letters of ASCII, others as %20", fix=example)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise refused("fetch-address", url, f"is no address: {error}", fix=example) from None
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in _PORTS or not host:
        raise refused("fetch-address", url, "expected https and a host", fix=example)
    if parts.username is not None or parts.password is not None:
        fix = "take them out, and say remote.auth.secret_id"
        raise refused("fetch-address", url, "has credentials in it, which leak", fix=fix)
    whole = parts._replace(fragment="").geturl()
    address = Address(whole, parts.scheme, host, port or _PORTS[parts.scheme])
    if rules.origins is not None and address.origin not in rules.origins:
        raise refused(
            "fetch-origin",
            url,
            f"{address.origin} is none of the origins that may be asked",
            why=None if came_from is None else f"{shown(came_from.url)} sent us there",
            fix="add it where it is meant; known: "
            + (", ".join(sorted(rules.origins)) or "none, so nothing may be asked"),
        )
    if came_from is not None:
        if came_from.scheme == "https" and address.scheme == "http":
            raise refused(
                "fetch-redirect",
                url,
                "a server sent us from https to http",
                why=f"asked was {shown(came_from.url)}",
                fix="nothing was changed; configure the address where it really is",
            )
        if address.is_here and not came_from.is_here:
            raise refused(
                "fetch-redirect",
                url,
                "a server elsewhere sent us to this machine",
                why=f"asked was {shown(came_from.url)}",
                fix="nothing was changed; ask the owner of that server",
            )
    if address.scheme == "http" and not address.is_here and host not in rules.allow_http:
        raise refused(
            "fetch-insecure",
            url,
            "http is not allowed for this host",
            why="whoever is in between reads and changes what it says",
            fix=f'use https, or: remote.allow_http = ["{host}"]',
        )
    return address


def origin_of(url: str) -> str:
    """Return scheme, host and port of *url*, to bind credentials to.

    Example:
        >>> origin_of("https://example.com/a")
        'https://example.com:443'
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    return Address(url, parts.scheme, host, parts.port or _PORTS.get(parts.scheme, 0)).origin
