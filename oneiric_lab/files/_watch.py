"""Which of these files changed, told when they change.

The content decides: a touch without a change is no news, and a file that was replaced
atomically, renamed into place, or reached through a folder that a symbolic link swapped
is. Notices of the system are only a hint to look sooner; the poll is the net below them.
"""

from __future__ import annotations

import time
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final

from ._read import digest, read, stat_key

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable
    from pathlib import Path

    import anyio


_TICK_NS: Final = 2_000_000_000
"""A file system's clock may be this coarse (FAT: 2 s): two writes can share one time."""


class Contents:
    """What files held when they were last looked at."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[tuple[int, int, int] | None, str | None]] = {}

    def look(self, paths: Iterable[Path]) -> frozenset[Path]:
        """Return those of *paths* whose content differs from the last look.

        A path that is looked at for the first time is not a change.
        """
        changed: set[Path] = set()
        for path in paths:
            key = stat_key(path)
            before = self._seen.get(path)
            if before is not None and key is not None and key == before[0]:
                continue
            if key is not None and abs(time.time_ns() - key[0]) < _TICK_NS:
                # A second write in the same tick would leave the key as it is: look again.
                key = None
            now = self._digest(path)
            self._seen[path] = (key, now)
            if before is not None and before[1] != now:
                changed.add(path)
        return frozenset(changed)

    @staticmethod
    def _digest(path: Path) -> str | None:
        try:
            return digest(read(path).data)
        except OSError:
            return None


async def watch(
    paths: Iterable[Path] | Callable[[], Iterable[Path]],
    *,
    interval: float = 0.5,
    hint: bool = True,
    stop: anyio.Event | None = None,
) -> AsyncGenerator[frozenset[Path], None]:
    """Yield the paths whose content changed, for as long as the caller listens.

    Args:
        paths: The files, or a function that names them anew at each look. They need not
            exist yet.
        interval: Seconds between two looks; 0.05 at least.
        hint: Whether to look at once when the system tells of a change nearby.
        stop: Ends the iteration when set.

    Yields:
        A set that is never empty. Changes while the caller works are told together.
    """
    import anyio  # noqa: PLC0415 - only who watches pays for a loop

    name = paths if callable(paths) else list(paths).copy
    interval = max(interval, 0.05)
    stop = stop or anyio.Event()
    contents = Contents()
    contents.look(name())  # before the first wait: what changes from here on is told
    async with aclosing(_moments(name() if hint else (), interval, stop)) as moments:
        async for _ in moments:
            changed = await anyio.to_thread.run_sync(contents.look, list(name()))
            if changed:
                yield changed


async def _moments(
    paths: Iterable[Path], interval: float, stop: anyio.Event
) -> AsyncGenerator[None, None]:
    """Yield whenever it is time to look: a notice of the system, or *interval* is over."""
    import anyio  # noqa: PLC0415 - see watch

    folders = {path.parent for path in paths}
    if folders and all(folder.is_dir() for folder in folders):
        import watchfiles  # noqa: PLC0415 - 40 ms, only a watcher pays

        notices = watchfiles.awatch(
            *folders,
            debounce=50,
            step=50,
            recursive=False,
            stop_event=stop,
            rust_timeout=int(interval * 1000),
            yield_on_timeout=True,
        )
        # Out of watches, or the folder went away: the poll below goes on alone.
        with suppress(OSError, RuntimeError):
            async with aclosing(notices):
                async for _ in notices:
                    yield
    while not stop.is_set():
        yield
        with anyio.move_on_after(interval):
            await stop.wait()
