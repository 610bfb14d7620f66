"""Telling people or other programs that something happened: a log, a file, a webhook."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import os
import time
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from oneiric_lab.config import Secret, WorkspacePath  # noqa: TC001 - pydantic reads them

from ._settings import ComponentSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Post = Callable[[str, bytes, Mapping[str, str], float], int]


class LogNotifierSettings(ComponentSettings):
    """Settings of `action:notify` by log."""

    logger: str = "oneiric_lab.notify"
    """Who logs it."""
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """How grave it is."""


class LogNotifier:
    """Writes each message to a logger; its facts are the record's `facts`."""

    def __init__(self, settings: LogNotifierSettings | None = None) -> None:
        chosen = settings or LogNotifierSettings()
        self._logger = logging.getLogger(chosen.logger)
        self._level = logging.getLevelNamesMapping()[chosen.level]

    def __call__(self, message: str, **facts: object) -> bool:
        """Log *message*; return True."""
        self._logger.log(self._level, message, extra={"facts": facts})
        return True


class FileNotifierSettings(ComponentSettings):
    """Settings of `action:notify` by file."""

    path: WorkspacePath = "notices.jsonl"


class FileNotifier:
    """Appends each message as one line of JSON: at, message, facts."""

    def __init__(
        self,
        settings: FileNotifierSettings | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = Path((settings or FileNotifierSettings()).path)
        self._clock = clock
        self._lock = Lock()

    def __call__(self, message: str, **facts: object) -> bool:
        """Append *message*; return True once the line is written."""
        line = json.dumps(
            {"at": self._clock(), "message": message, "facts": facts},
            ensure_ascii=False,
            default=str,
        )
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        return True


class WebhookSettings(ComponentSettings):
    """Settings of `action:notify` by webhook."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    """Where messages are posted."""
    timeout: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Seconds for one attempt."""
    secret: Secret[str] | None = None
    """Where it is said, each message is signed with it; `whsec_` and base64, or a text."""


class Webhook:
    """Posts each message as JSON to a URL, signed where it has a secret.

    The signature is that of standardwebhooks.com: the headers `webhook-id`,
    `webhook-timestamp` and `webhook-signature`, an HMAC-SHA256 over id, time and body, so that
    neither can be changed nor be sent again later. `verify_webhook` checks it. The secret is
    read for each message: a rotated one holds at once.

    Args:
        settings: Where to.
        post: Sends a body with headers to a URL within a number of seconds and returns the HTTP
            status, or raises OSError; urllib does it by default, and follows no redirect.
        clock: Gives seconds since 1970.
    """

    def __init__(
        self,
        settings: WebhookSettings,
        *,
        post: Post | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._post = post or _post
        self._clock = clock

    def __call__(self, message: str, **facts: object) -> bool:
        """Post *message*; return whether the other side took it.

        Raises:
            SecretError: There is no such secret; nothing is sent unsigned.
        """
        body = json.dumps({"message": message, "facts": facts}, default=str).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "oneiric-lab"}
        if self._settings.secret is not None:
            name, stamp = f"msg_{os.urandom(16).hex()}", str(int(self._clock()))
            headers |= {
                "webhook-id": name,
                "webhook-timestamp": stamp,
                "webhook-signature": _signature(self._settings.secret.reveal(), name, stamp, body),
            }
        try:
            status = self._post(self._settings.url, body, headers, self._settings.timeout)
        except OSError:
            return False
        return 200 <= status < 300  # noqa: PLR2004 - what HTTP calls success


def verify_webhook(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance: float = 300,
    now: float | None = None,
) -> bool:
    """Tell whether *body* came from who knows *secret*, unchanged and not long ago.

    Args:
        secret: As the sender has it.
        headers: Of the request; their case does not matter.
        body: As it came, byte by byte.
        tolerance: Seconds that the sender's clock may differ, and a message may be old.
        now: Seconds since 1970; None asks the clock.

    Example:
        >>> verify_webhook("s", {"webhook-id": "a", "webhook-timestamp": "0"}, b"{}", now=0)
        False
    """
    lower = {name.lower(): value for name, value in headers.items()}
    name, stamp = lower.get("webhook-id", ""), lower.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 16):  # noqa: PLR2004 - a float holds it
        return False
    moment = time.time() if now is None else now
    if abs(moment - int(stamp)) > tolerance:
        return False
    wanted = _signature(secret, name, stamp, body).encode()
    # While a secret is rotated, several signatures stand there.
    given = lower.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(wanted, one.encode(errors="replace")) for one in given)


def _signature(secret: str, name: str, stamp: str, body: bytes) -> str:
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            key = secret.encode()  # somebody's own text that begins like that
    signed = f"{name}.{stamp}.".encode() + body
    found = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(found).decode()}"


def _post(url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> int:
    from urllib.error import HTTPError  # noqa: PLC0415 - see below
    from urllib.request import (  # noqa: PLC0415 - 20 ms, at the first message
        HTTPRedirectHandler,
        Request,
        build_opener,
    )

    class Nowhere(HTTPRedirectHandler):
        # What was meant for one address is for no other.
        def redirect_request(self, *_: object) -> None: ...

    request = Request(url, body, dict(headers))  # noqa: S310 - http(s) by its settings
    try:
        with build_opener(Nowhere).open(request, timeout=timeout) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return int(error.code)
