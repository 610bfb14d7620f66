"""`action:debug.console`: what comes by, in the log, without its secrets."""

from __future__ import annotations

import json
import logging
from typing import Any, Literal

from oneiric_lab.components._settings import ComponentSettings

from ._data import Sanitize


class ConsoleSettings(ComponentSettings):
    """Settings of `action:debug.console`."""

    logger: str = "oneiric_lab.debug"
    """Who logs it."""
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """How grave it is."""
    prefix: str = ""
    """Stands before each line."""


class Console:
    """Writes a payload to a logger as one line of JSON; returns it as it was written.

    What is secret by its name is masked, as `action:data.sanitize` does.
    """

    payload_model = None

    def __init__(self, settings: ConsoleSettings | None = None) -> None:
        self._settings = settings or ConsoleSettings()
        self._logger = logging.getLogger(self._settings.logger)
        self._level = logging.getLevelNamesMapping()[self._settings.level]
        self._clean = Sanitize()

    def __call__(self, payload: Any) -> dict[str, Any]:
        """Log any JSON data; return `logged`."""
        data = self._clean({"data": payload})["data"]
        text = json.dumps(data, ensure_ascii=False, default=str)
        self._logger.log(self._level, "%s%s", self._settings.prefix, text)
        return {"logged": data}
