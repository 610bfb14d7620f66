"""Files as sources: below allowed roots only, links followed before that is judged."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from oneiric_lab.errors import FetchError, FileAccessError
from oneiric_lab.files import digest, read

from ._address import refused
from ._request import Fetched

if TYPE_CHECKING:
    from ._request import Request, Rules, Sink

_LOCAL = frozenset({"", "localhost"})


def fetch_file(request: Request, sink: Sink, rules: Rules) -> Fetched:
    """Write the file that a `file:` address names into *sink*; its etag is its digest.

    Raises:
        FetchError: It cannot be read, or lies outside the roots.
    """
    parts = urlsplit(request.url)
    path = Path(os.path.realpath(unquote(parts.path)))
    roots = [Path(os.path.realpath(root)) for root in rules.roots]
    if parts.netloc not in _LOCAL or not parts.path.startswith("/"):
        raise refused(
            "fetch-address",
            request.url,
            "expected a file of this machine",
            fix="write it as file:///srv/releases/manifest.oneiric.json",
        )
    if not any(path.is_relative_to(root) for root in roots):
        raise refused(
            "fetch-outside",
            request.url,
            "lies outside the folders that may be read",
            why=f"allowed are: {', '.join(map(str, rules.roots)) or 'none'}",
            fix="remote.allow_file_uris = true, and its folder in remote.allowed_file_uri_roots",
        )
    try:
        data = read(path, shown=str(path), limit=request.limit).data
    except FileAccessError as error:
        raise FetchError(error.faults) from error
    etag = digest(data)
    if etag == request.etag:
        return Fetched(request.url, unchanged=True, etag=etag)
    sink.begin()
    sink.write(data)
    return Fetched(request.url, etag=etag, size=len(data))
