"""`action:http.fetch`: what stands at an address, within limits and from named origins only."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator

from oneiric_lab.components._settings import ComponentSettings
from oneiric_lab.config import Secret  # noqa: TC001 - pydantic reads the annotations
from oneiric_lab.remote import (
    Breaker,
    Buffer,
    Credentials,
    Request,
    Rules,
    SafeFetcher,
    origin_of,
    shown,
)

from ._payload import Payload, action_fault, base64_of

if TYPE_CHECKING:
    from oneiric_lab.remote import Fetcher

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+/?\Z")
_Seconds = Annotated[float, Field(gt=0, le=3600)]


class FetchSettings(ComponentSettings):
    """Settings of `action:http.fetch`."""

    origins: tuple[str, ...] = ()
    """Where it may go, redirects too, each with its scheme, its host and its port. A payload
    names the address, and must not lead to whatever this machine can reach."""
    allow_http: tuple[str, ...] = ()
    """Hosts that may be asked without TLS; this machine always may, where it is an origin."""
    max_bytes: Annotated[int, Field(ge=1)] = 4 * 1024 * 1024
    """Of a body."""
    deadline: _Seconds = 30
    """Seconds for all attempts, waits and redirects."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """In all; only what can pass is tried again."""
    header_name: str = "Authorization"
    """Of the credentials."""
    token: Secret[str] | None = None
    """The credentials, for the first of the origins only."""

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, said: tuple[str, ...]) -> tuple[str, ...]:
        # A pattern or a bare host would be none, and allow nothing without a word.
        for one in said:
            if not _ORIGIN.match(one):
                raise ValueError(f"{one!r} is no origin: write it as https://api.example.com")
        return said


class _FetchPayload(Payload):
    url: str
    """The address, of an origin that the settings name."""
    as_: Annotated[Literal["auto", "text", "json", "base64"], Field(alias="as")] = "auto"
    """What the body is; `auto` is JSON where it is that, else a text, else base64."""
    etag: str | None = None
    """What its source called the bytes that are here already."""


class Fetch:
    """Brings what stands at an address of a named origin, by GET.

    Args:
        settings: Where it may go, and how long and how often it tries.
        fetcher: What fetches; a `SafeFetcher` by default.
    """

    payload_model = _FetchPayload

    def __init__(
        self, settings: FetchSettings | None = None, *, fetcher: Fetcher | None = None
    ) -> None:
        self._settings = said = settings or FetchSettings()
        self._origins = [origin_of(one) for one in said.origins]
        self._fetcher = fetcher or SafeFetcher(
            Rules(
                allow_http=frozenset(said.allow_http),
                origins=frozenset(self._origins),
                deadline=said.deadline,
                attempts=said.attempts,
                read_timeout=min(20.0, said.deadline),
                connect_timeout=min(10.0, said.deadline),
            ),
            breaker=Breaker(),
        )

    async def __call__(self, payload: object) -> dict[str, Any]:
        """Return `url`, `bytes`, `attempts`, `etag`, `unchanged` and the body as asked.

        Raises:
            UsageError: The payload is none.
            FetchError: It could not be fetched, or must not be.
            ActionError: The body is not what it should be.
        """
        said = _FetchPayload.of(payload)
        sink = Buffer()
        request = Request(said.url, self._settings.max_bytes, said.etag, self._credentials())
        found = await self._fetcher.fetch(request, sink)
        out: dict[str, Any] = {
            "url": found.url,
            "bytes": found.size,
            "attempts": found.attempts,
            "etag": found.etag,
            "unchanged": found.unchanged,
        }
        return out if found.unchanged else {**out, **_body(sink.data, said)}

    def _credentials(self) -> Credentials | None:
        token = self._settings.token
        if token is None or not self._origins:
            return None
        return Credentials(self._origins[0], self._settings.header_name, token.reveal())


def _body(data: bytes, said: _FetchPayload) -> dict[str, Any]:
    if said.as_ in {"auto", "json"}:
        try:
            return {"json": json.loads(data)}
        except (ValueError, RecursionError) as error:
            if said.as_ == "json":
                raise action_fault(
                    "action-data", f"{shown(said.url)} is no JSON: {error}"
                ) from None
    if said.as_ in {"auto", "text"}:
        try:
            return {"text": data.decode()}
        except UnicodeDecodeError as error:
            if said.as_ == "text":
                raise action_fault(
                    "action-data", f"{shown(said.url)} is no UTF-8: {error}"
                ) from None
    return {"base64": base64_of(data)}
