"""Structured logs by the standard library: one shape, as JSON lines or for people.

A library is silent: nothing here acts before a program asks for it. `Ring` keeps the last
records in memory; `logged` sets the root logger up for the time of a block and gives it back.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.views import Cell, Column, Note, Result, Table, View, clean

from ._spans import trace_context

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from oneiric_lab.views import Tone

    from ._redact import Redactor

KEPT: Final = 1000
"""Records that a ring holds."""

LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OURS: Final = ("timestamp", "level", "logger", "event")
_TONES: Final[Mapping[str, Tone]] = {"warning": "warn", "error": "bad", "critical": "bad"}
_LONGEST: Final = 16_384
_CHATTY: Final = ("asyncio", "dbos", "httpcore", "httpx", "stamina", "uvicorn", "watchfiles")
"""Libraries whose everyday is nobody's business but at the level `DEBUG`."""


def shape(
    record: logging.LogRecord, redact: Redactor, about: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a record as plain data, without secrets.

    Args:
        record: Fields that were given as `extra` keep their names.
        redact: Takes secrets out.
        about: Fields that every record has, such as the service.

    Example:
        >>> import logging
        >>> from oneiric_lab.runtime import Redactor
        >>> record = logging.makeLogRecord(
        ...     {"name": "shop", "levelno": 20, "msg": "sold %d", "args": (3,), "created": 0}
        ... )
        >>> shape(record, Redactor())["event"]
        'sold 3'
    """
    try:
        event = record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit; the text alone says enough
        event = str(record.msg)
    out: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat("T", "milliseconds"),
        "level": _level(record.levelno),
        "logger": record.name,
        "event": redact(event)[:_LONGEST],
        **(about or {}),
    }
    for name, value in vars(record).items():
        if name not in _STANDARD:
            out[f"{name}_" if name in _OURS else name] = redact.field(name, value)
    if record.exc_info and record.exc_info[0] is not None:
        kind, error, trace = record.exc_info
        out["error"] = redact(f"{kind.__name__}: {error}")[:_LONGEST]
        out["trace"] = redact("".join(traceback.format_exception(kind, error, trace)))[-_LONGEST:]
    return out


def _level(number: int) -> str:
    return LEVELS[min(max(number // 10, 1), 5) - 1]


class JsonLines(logging.Formatter):
    """Writes records as JSON, one on a line."""

    def __init__(
        self, redact: Redactor, about: Mapping[str, str] | None = None, *, trace: bool = True
    ) -> None:
        super().__init__()
        self._redact, self._about, self._trace = redact, about, trace

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        found = shape(record, self._redact, self._about)
        return json.dumps({**found, **trace_context()} if self._trace else found, default=str)


class PlainLines(logging.Formatter):
    """Writes records for people: time of day, level, what happened, and its fields."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return one line; a traceback stands below it."""
        found = shape(record, self._redact)
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        text = f"{time} {found['level']:<8} {_told(found)}"
        return clean(text) + (f"\n{clean(found['trace'], lines=True)}" if "trace" in found else "")


def _told(row: Mapping[str, Any]) -> str:
    """Return what happened, and the fields of it that are its own."""
    fields = [f"{k}={v}" for k, v in row.items() if k not in {*_OURS, "trace", *_ABOUT}]
    return "  ".join([str(row.get("event", "")), " ".join(fields)]).rstrip()


_ABOUT: Final = ("service", "environment", "release", "trace_id", "span_id")


def _is_news(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] not in _CHATTY


class Ring(logging.Handler):
    """Keeps the last records as plain data, without secrets, and counts all.

    Args:
        redact: Takes secrets out.
        kept: How many are kept.

    Attributes:
        rows: The records, the oldest first.
        counts: How many there were of each level.
    """

    def __init__(self, redact: Redactor, kept: int = KEPT) -> None:
        super().__init__()
        self._redact = redact
        self.rows: deque[dict[str, Any]] = deque(maxlen=kept)
        self.counts = dict.fromkeys(LEVELS, 0)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one; a record that cannot be read is counted all the same."""
        self.counts[_level(record.levelno)] += 1
        with suppress(Exception):
            self.rows.append(shape(record, self._redact))


@contextmanager
def logged(level: str, handlers: Sequence[logging.Handler]) -> Iterator[None]:
    """Have all loggers of the process write to *handlers* for the time of the block.

    Args:
        level: Least level, such as `INFO`.
        handlers: Closed at the end.
    """
    root = logging.getLogger()
    before, was = list(root.handlers), root.level
    root.handlers[:] = handlers
    root.setLevel(level.upper())
    if root.level > logging.DEBUG:
        for handler in handlers:
            # Not by the level of their loggers: some set that themselves.
            handler.addFilter(_is_news)
    try:
        yield
    finally:
        root.handlers[:] = before
        root.setLevel(was)
        for handler in handlers:
            handler.close()


@contextmanager
def ringed(handlers: Sequence[logging.Handler], level: int = logging.INFO) -> Iterator[None]:
    """Keep our own records for the time of the block, in a program that logs as it likes.

    What goes up to the program's own handlers is what did before.

    Args:
        handlers: Keep them; closed at the end.
        level: Least level that is kept.
    """
    ours = logging.getLogger("oneiric_lab")
    before, propagated, least = ours.level, ours.propagate, ours.getEffectiveLevel()
    up = _Up(least)
    ours.setLevel(min(level, least))
    ours.propagate = False
    for handler in (*handlers, up) if propagated else handlers:
        ours.addHandler(handler)
    try:
        yield
    finally:
        ours.removeHandler(up)
        for handler in handlers:
            ours.removeHandler(handler)
            handler.close()
        ours.setLevel(before)
        ours.propagate = propagated


class _Up(logging.Handler):
    """Hands records of a level to the handlers above."""

    def emit(self, record: logging.LogRecord) -> None:
        above = logging.getLogger("oneiric_lab").parent
        if above is not None:
            above.callHandlers(record)


@dataclass(frozen=True, slots=True, repr=False)
class Logs(Result):
    """Log records, the oldest first.

    Attributes:
        rows: As they were shaped.
        whose: Where they come from, as people are told.
        lost: Whether older ones were left out.
    """

    rows: tuple[dict[str, Any], ...]
    whose: str = "this process"
    lost: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"whose": self.whose, "records": list(self.rows)}

    def view(self) -> View:
        """Return one row for each."""
        rows = tuple(
            (
                str(row.get("timestamp", ""))[:19].replace("T", " ") + "Z",
                Cell(str(row.get("level", "")), _TONES.get(str(row.get("level")), "plain")),
                str(row.get("logger", "")).removeprefix("oneiric_lab."),
                _told(row),
            )
            for row in self.rows
        )
        title = f"logs of {self.whose}: {len(rows)} record{'s' * (len(rows) != 1)}"
        if not rows:
            return View("logs", title, (Note("nothing was logged, or nothing fits"),))
        facts = ("older ones were left out",) if self.lost else ()
        heads = (Column("at"), "level", "logger", "what")
        return View("logs", title, (Table(heads, rows),), facts=facts)


def choose_logs(
    rows: Iterable[Mapping[str, Any]],
    *,
    level: str = "debug",
    match: str = "",
    limit: int = 50,
    whose: str = "this process",
) -> Logs:
    """Return the last records of a level or above that hold a text.

    Args:
        rows: The oldest first.
        level: Least level.
        match: Looked for in all fields, whatever its case.
        limit: How many.
        whose: Where they come from.
    """
    least, text = LEVELS.index(level), match.lower()
    fit = [
        dict(row)
        for row in rows
        if LEVELS.index(_known(row)) >= least
        and (not text or any(text in str(value).lower() for value in row.values()))
    ]
    return Logs(tuple(fit[-limit:] if limit else ()), whose, len(fit) > limit)


def _known(row: Mapping[str, Any]) -> str:
    level = str(row.get("level"))
    return level if level in LEVELS else "info"


def read_log_lines(data: bytes) -> list[dict[str, Any]]:
    r"""Return the records of a file of JSON lines; a line that is none is passed over.

    Example:
        >>> read_log_lines(b'half a line"}\n{"event": "a"}\n')
        [{'event': 'a'}]
    """
    out = []
    for line in data.splitlines():
        with suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                out.append(found)
    return out
