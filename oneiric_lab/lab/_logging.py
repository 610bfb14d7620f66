"""The log records of a workspace's host, whoever asks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from oneiric_lab.errors import UsageError, did_you_mean
from oneiric_lab.runtime import LEVELS, Logs, choose_logs, read_log_lines

from ._host import LOG_FILE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
    from pathlib import Path

    from ._hostable import Hostable

_TAIL: Final = 4_194_304
_EVERY: Final = 0.3


def logs_of(lab: Hostable, *, level: str, match: str, limit: int) -> Logs:
    """Return the last records; see `Lab.logs`.

    Raises:
        UsageError: There is no such level.
    """
    _check(level)
    hosted = lab._hosted  # noqa: SLF001 - the same package
    if hosted is not None:
        rows = list(hosted.ring.rows)
        whose = f"{lab.root.name}, process {os.getpid()}"
        return choose_logs(rows, level=level, match=match, limit=limit, whose=whose)
    return kept_logs(lab.root, lab.store.path.parent, level=level, match=match, limit=limit)


def kept_logs(
    root: Path, folder: Path, *, level: str = "debug", match: str = "", limit: int = 50
) -> Logs:
    """Return the last records that a host wrote down; the workspace need not open.

    Args:
        root: Of the workspace.
        folder: Of its store.
        level: Least level.
        match: A text that a record must hold.
        limit: How many.
    """
    rows = [row for file in _files(folder) for row in read_log_lines(_tail(file))]
    whose = f"the host of {root.name}"
    return choose_logs(rows, level=level, match=match, limit=limit, whose=whose)


async def follow_logs(
    root: Path,
    folder: Path,
    *,
    level: str,
    match: str,
    limit: int,
    sleep: Callable[[float], Awaitable[object]],
) -> AsyncGenerator[Logs, None]:
    """Yield the last records, then those that come, for as long as the caller listens.

    Args:
        root: Of the workspace.
        folder: Of its store.
        level: Least level.
        match: A text that a record must hold.
        limit: How many of those that are there already.
        sleep: Waits so many seconds.
    """
    path = folder / LOG_FILE
    place, file = _end(path)
    yield kept_logs(root, folder, level=level, match=match, limit=limit)
    rest = b""
    while True:
        await sleep(_EVERY)
        size, now = _end(path)
        if now != file or size < place:  # it rolled over
            place, file, rest = 0, now, b""
        if size == place:
            continue
        with path.open("rb") as opened:
            opened.seek(place)
            data = rest + opened.read(size - place)
        place = size
        whole, _, rest = data.rpartition(b"\n")
        rows = read_log_lines(whole)
        found = choose_logs(rows, level=level, match=match, limit=len(rows), whose=path.name)
        if found.rows:
            yield found


def _files(folder: Path) -> Iterator[Path]:
    yield folder / f"{LOG_FILE}.1"
    yield folder / LOG_FILE


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            return file.read()
    except OSError:
        return b""


def _end(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_ino


def _check(level: str) -> None:
    if level not in LEVELS:
        raise UsageError(f"no level {level!r}", fix=did_you_mean(level, LEVELS))
