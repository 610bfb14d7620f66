"""Getting something by HTTP: with what Python brings, or with httpx where it is installed."""

from __future__ import annotations

import json
import urllib.request
from typing import Annotated, Any

from pydantic import Field

from .settings import Table


class FetchSettings(Table):
    """Settings of `adapter:http`."""

    timeout: Annotated[float, Field(gt=0, le=60)] = 5.0
    max_bytes: Annotated[int, Field(ge=1)] = 1_000_000
    """Whatever is larger is refused, however it is announced."""


def _check(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"expected an http or https address, found {url!r}")
    return url


class UrllibFetcher:
    """Fetches with the standard library."""

    def __init__(self, settings: FetchSettings) -> None:
        self._settings = settings

    def get(self, url: str) -> bytes:
        """Return the body at *url*."""
        timeout = self._settings.timeout
        with urllib.request.urlopen(_check(url), timeout=timeout) as answer:  # noqa: S310 - checked
            body: bytes = answer.read(self._settings.max_bytes + 1)
        if len(body) > self._settings.max_bytes:
            raise ValueError(f"{url} holds more than {self._settings.max_bytes} bytes")
        return body

    def json(self, url: str) -> Any:
        """Return the JSON at *url*."""
        return json.loads(self.get(url))


class HttpxFetcher:
    """Fetches with httpx: keeps connections, follows no redirect on its own."""

    def __init__(self, settings: FetchSettings) -> None:
        import httpx  # noqa: PLC0415 - 96 ms, paid by whoever builds one

        self._settings = settings
        self._client = httpx.Client(timeout=settings.timeout)

    def get(self, url: str) -> bytes:
        """Return the body at *url*."""
        limit = self._settings.max_bytes
        body = bytearray()
        with self._client.stream("GET", _check(url)) as answer:
            answer.raise_for_status()
            for part in answer.iter_bytes():
                body += part
                if len(body) > limit:
                    raise ValueError(f"{url} holds more than {limit} bytes")
        return bytes(body)

    def json(self, url: str) -> Any:
        """Return the JSON at *url*."""
        return json.loads(self.get(url))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
