"""Telling people or other programs that something happened: a log, a file, a webhook."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ._settings import ComponentSettings

if TYPE_CHECKING:
    from collections.abc import Callable


class LogNotifierSettings(ComponentSettings):
    """Settings of `action:notify` by log."""

    logger: str = "oneiric_lab.notify"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


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

    path: str = "notices.jsonl"


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
    timeout: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Seconds for one attempt."""


class Webhook:
    """Posts each message as JSON to a URL.

    Args:
        settings: Where to.
        post: Sends a body to a URL within a number of seconds and returns the HTTP status,
            or raises OSError; urllib does it by default.
    """

    def __init__(
        self,
        settings: WebhookSettings,
        *,
        post: Callable[[str, bytes, float], int] | None = None,
    ) -> None:
        self._settings = settings
        self._post = post or _post

    def __call__(self, message: str, **facts: object) -> bool:
        """Post *message*; return whether the other side took it."""
        body = json.dumps({"message": message, "facts": facts}, default=str).encode()
        try:
            status = self._post(self._settings.url, body, self._settings.timeout)
        except OSError:
            return False
        return 200 <= status < 300  # noqa: PLR2004 - what HTTP calls success


def _post(url: str, body: bytes, timeout: float) -> int:
    from urllib.request import Request, urlopen  # noqa: PLC0415 - 20 ms, at the first message

    request = Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - http(s) by its settings
    with urlopen(request, timeout=timeout) as answer:  # noqa: S310 - see above
        return int(answer.status)
