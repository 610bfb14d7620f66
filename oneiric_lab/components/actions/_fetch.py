"""`action:http.fetch`: what stands at an address, within limits and from named origins only."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from oneiric_lab.components._settings import ComponentSettings
from oneiric_lab.config import Secret  # noqa: TC001 - pydantic reads the annotations
from oneiric_lab.errors import Fault, UsageError
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

from ._payload import Bytes, Payload, action_fault, base64_of

if TYPE_CHECKING:
    from oneiric_lab.remote import Fetcher

_NO_CONTENT: Final = 204
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+/?\Z")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")
_VALUE = re.compile(r"[\x20-\x7e\t]{0,4096}\Z")
_OURS = frozenset(
    {
        *("accept-encoding", "connection", "content-length", "expect", "host", "if-none-match"),
        *("keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),  # codespell:ignore te
    }
)
"""Headers that say how a request travels, or that have a name of their own in the payload."""

_WHO = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Headers that say who we are: they come from the settings."""

_TOLD = ("content-type", "last-modified", "link", "location")
"""Headers of the answer that are returned."""

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_Seconds = Annotated[float, Field(gt=0, le=3600)]


class FetchSettings(ComponentSettings):
    """Settings of `action:http.fetch`."""

    origins: tuple[str, ...] = ()
    """Where it may go, redirects too, each with its scheme, its host and its port. A payload
    names the address, and must not lead to whatever this machine can reach."""
    allow_http: tuple[str, ...] = ()
    """Hosts that may be asked without TLS; this machine always may, where it is an origin."""
    methods: tuple[Method, ...] = ("GET", "HEAD")
    """What may be asked; those that change something are named."""
    max_bytes: Annotated[int, Field(ge=1)] = 4 * 1024 * 1024
    """Of a body that is sent, and of one that comes."""
    deadline: _Seconds = 30
    """Seconds for all attempts, waits and redirects."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """In all; only what can pass is tried again, and POST and PATCH never are."""
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
    method: Method = "GET"
    """One that the settings allow."""
    headers: dict[str, str] = Field(default_factory=dict)
    """For the origin of the address and no other; who we are is for the settings to say."""
    json_: Annotated[Any, Field(alias="json")] = None
    """What is sent, as JSON."""
    text: str | None = None
    """What is sent, in UTF-8."""
    base64: str | None = None
    """What is sent, as bytes in base64."""
    as_: Annotated[Literal["auto", "text", "json", "base64"], Field(alias="as")] = "auto"
    """What the body is; `auto` is JSON where it is that, else a text, else base64."""
    etag: str | None = None
    """What its source called the bytes that are here already."""

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, said: dict[str, str]) -> dict[str, str]:
        for name, value in said.items():
            if not _NAME.match(name) or not _VALUE.match(value):
                raise ValueError(f"{name[:40]!r} is no header, or its value none")
            if name.lower() in _OURS:
                raise ValueError(f"a payload does not say {name}")
        return said

    @model_validator(mode="after")
    def _sends_one_body(self) -> _FetchPayload:
        said = sorted({"json_", "text", "base64"} & self.model_fields_set)
        if len(said) > 1:
            raise ValueError("json, text and base64 exclude each other")
        if said and self.method in {"GET", "HEAD"}:
            raise ValueError(f"no body is sent by {self.method}: POST, PUT and PATCH do")
        return self

    def body(self) -> tuple[bytes | None, str]:
        """Return what is sent, and its type.

        Raises:
            UsageError: It is not what it says.
        """
        if "json_" in self.model_fields_set:
            try:
                return json.dumps(self.json_, allow_nan=False).encode(), "application/json"
            except (TypeError, ValueError, RecursionError) as error:
                raise UsageError(Fault("payload", f"payload.json: {error}")) from None
        if self.text is not None:
            return Bytes(text=self.text).data(), "text/plain; charset=utf-8"
        if self.base64 is not None:
            return Bytes(base64=self.base64).data(), "application/octet-stream"
        return None, ""


class Fetch:
    """Asks an address of a named origin, and brings what it answers.

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
        """Return `url`, `status`, `headers`, `bytes`, `attempts`, `etag`, `unchanged` and the
        body as asked, where there is one.

        Raises:
            UsageError: The payload is none.
            FetchError: It could not be fetched, or must not be.
            ActionError: The method is not allowed, a header says who we are, a body is too
                large, or the one that came is not what it should be.
        """
        said = _FetchPayload.of(payload)
        sink = Buffer()
        found = await self._fetcher.fetch(self._request(said), sink)
        out: dict[str, Any] = {
            "url": found.url,
            "status": found.status,
            "headers": {name: found.headers[name] for name in _TOLD if name in found.headers},
            "bytes": found.size,
            "attempts": found.attempts,
            "etag": found.etag,
            "unchanged": found.unchanged,
        }
        if found.unchanged or said.method == "HEAD" or found.status == _NO_CONTENT:
            return out
        return {**out, **_body(sink.data, said)}

    def _request(self, said: _FetchPayload) -> Request:
        settings = self._settings
        if said.method not in settings.methods:
            known = ", ".join(settings.methods)
            raise action_fault("action-refused", f"{said.method} is not allowed: {known}")
        who = _WHO | {settings.header_name.lower()}
        for name in said.headers:
            if name.lower() in who:
                raise action_fault(
                    "action-refused", f"{name}: credentials are for the settings: token"
                )
        body, kind = said.body()
        if body is not None and len(body) > settings.max_bytes:
            what = f"a body of {len(body):,} bytes; at most {settings.max_bytes:,} are sent"
            raise action_fault("action-refused", what)
        headers = dict(said.headers)
        if body is not None and all(name.lower() != "content-type" for name in headers):
            headers["Content-Type"] = kind
        return Request(
            said.url,
            settings.max_bytes,
            said.etag,
            self._credentials(),
            said.method,
            headers,
            body,
        )

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
