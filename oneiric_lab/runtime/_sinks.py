"""Where logs go, as `[logging]` says: streams, files that roll over, an address."""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import queue
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.errors import Fault, FileAccessError, UsageError, did_you_mean

from ._logs import LEVELS, JsonLines, PlainLines

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.config import Settings

    from ._redact import Redactor

_WAITING: Final = 10_000
_BATCH: Final = 100
_PATIENCE: Final = 5.0


class RollingFile(logging.handlers.RotatingFileHandler):
    """A file that only its user may read, and that begins anew at its limit.

    What the disk refuses is lost and counted: logging must not end what it tells of.

    Attributes:
        lost: Records that could not be written.
    """

    lost = 0

    def _open(self) -> Any:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return open(
            self.baseFilename,
            self.mode,
            encoding="utf-8",
            opener=lambda path, flags: os.open(path, flags, 0o600),
        )

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging names it so
        """Count it."""
        self.lost += 1


class Stream(logging.StreamHandler[Any]):
    """A stream; a reader that went away is no error of what is told."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging names it so
        """Be quiet: there is nobody to tell."""


class Address(logging.Handler):
    """Sends records as JSON lines to an address, in a thread; never waits for it.

    Args:
        send: Sends one batch; what it raises costs that batch.

    Attributes:
        lost: Records that were dropped: too many waited, or the address did not take them.
    """

    def __init__(self, send: Callable[[bytes], object]) -> None:
        super().__init__()
        self.lost = 0
        self._send = send
        self._waiting: queue.Queue[str | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="oneiric logs", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one."""
        try:
            self._waiting.put_nowait(self.format(record))
        except queue.Full:
            self.lost += 1

    def close(self) -> None:
        """Send what waits, for at most five seconds."""
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        if self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE)
        super().close()

    def _work(self) -> None:
        lines: list[str] = []
        ended = False
        while not ended:
            lines = [line for line in [self._waiting.get()] if line is not None]
            ended = not lines
            while len(lines) < _BATCH and not ended:
                try:
                    line = self._waiting.get_nowait()
                except queue.Empty:
                    break
                ended = line is None
                lines += [] if line is None else [line]
            if lines:
                try:
                    self._send(("\n".join(lines) + "\n").encode())
                except Exception:  # noqa: BLE001 - whatever it is, nobody can be told by a log
                    self.lost += len(lines)


def post_to(endpoint: str, method: str) -> Callable[[bytes], object]:
    """Return what sends a batch to an http or https address."""
    from urllib.request import Request, urlopen  # noqa: PLC0415 - few logs go out

    def send(data: bytes) -> object:
        kind = {"Content-Type": "application/x-ndjson"}
        request = Request(endpoint, data, kind, method=method)  # noqa: S310 - checked below
        with urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310 - see above
            return answer.status

    return send


def handlers_of(
    settings: Settings,
    root: Path,
    redact: Redactor,
    *,
    machine: bool = False,
) -> list[logging.Handler]:
    """Return a handler for each sink of `[logging]`.

    A terminal gets lines for people; all else JSON lines where `logging.emit_json` says so.

    Args:
        settings: The built-in tables.
        root: Where relative paths begin.
        redact: Takes secrets out.
        machine: Whether a program reads the terminal: it gets JSON lines too.

    Raises:
        UsageError: A sink lacks what it needs.
        FileAccessError: A file cannot be opened.
    """
    said = settings.logging
    out: list[logging.Handler] = []
    for index, sink in enumerate(said.sinks):
        if sink.level.lower() not in LEVELS:
            near = did_you_mean(sink.level.lower(), LEVELS)
            raise _fault(index, f"no level {sink.level!r}; {near}")
        handler: logging.Handler
        terminal = False
        if sink.target == "file":
            path = root / _needed(sink.path, index, "path")
            handler = _file(path, sink.max_bytes, sink.backup_count)
        elif sink.target == "http":
            address = _needed(sink.endpoint, index, "endpoint")
            if not address.startswith(("http://", "https://")):
                raise _fault(index, f"expected an http or https address, got {address!r}")
            handler = Address(post_to(address, sink.method))
        else:
            stream = sys.stdout if sink.target == "stdout" else sys.stderr
            handler, terminal = Stream(stream), stream.isatty()
        people = not said.emit_json or terminal
        handler.setFormatter(
            PlainLines(redact)
            if people and not machine and sink.target != "http"
            else json_lines(redact, settings)
        )
        handler.setLevel(sink.level.upper())
        out.append(handler)
    return out


def json_lines(redact: Redactor, settings: Settings) -> JsonLines:
    """Return what writes JSON lines with the service, environment and release of `[logging]`."""
    said = settings.logging
    about = {"service": said.service_name}
    about |= {"environment": said.environment} if said.environment else {}
    about |= {"release": said.release} if said.release else {}
    return JsonLines(redact, about, trace=said.include_trace_context)


def _file(path: Path, limit: int, backups: int) -> RollingFile:
    try:
        return RollingFile(path, maxBytes=limit, backupCount=backups)
    except OSError as error:
        raise FileAccessError(
            Fault(
                "logging-file",
                f"cannot write logs to {path}: {error.strerror or error}",
                fix="make its folder writable, or name another: logging.sinks",
            )
        ) from error


def _needed(value: str | None, index: int, name: str) -> str:
    if not value:
        raise _fault(index, f"it needs a {name}")
    return value


def _fault(index: int, what: str) -> UsageError:
    fix = json.dumps({"target": "file", "path": "host.log"}).replace(":", " =")
    return UsageError(
        Fault("logging-sink", f"logging.sinks[{index}]: {what}", fix=f"write it as {fix}")
    )
