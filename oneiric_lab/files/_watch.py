"""Which of these files changed, told when they change.

The content decides: a touch without a change is no news, and a file that was replaced
atomically, renamed into place, or reached through a folder that a symbolic link swapped
is. Notices of the system are only a hint to look sooner; the poll is the net below them.
"""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from ._read import digest, read, stat_key

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable
    from pathlib import Path

    import anyio


_TICK_NS: Final = 2_000_000_000
"""A file system's clock may be this coarse (FAT: 2 s): two writes can share one time."""
_PATIENCE: Final = 10
"""Most looks at files that do not come to rest, before what they hold is told all the same."""
_BLANK_PATIENCE: Final = 50
"""The same, where one became empty: who saves by truncating has not written it yet."""
_EMPTY: Final = digest(b"")


class Contents:
    """What files held when they were last looked at.

    Args:
        paths: Names the files; asked anew at each look.
        listed: Whether a path that is named for the first time, or no more, is a change where
            the file came or went.
    """

    def __init__(self, paths: Callable[[], Iterable[Path]], *, listed: bool = False) -> None:
        self.is_blank = False
        """Whether the last look found a file that had become empty."""
        self.folders: dict[Path, tuple[int, int]] = {}
        """Each folder in which a notice may come from, with device and inode."""
        self._paths = paths
        self._listed = listed
        self._seen: dict[Path, tuple[tuple[int, int, int] | None, str | None]] = {}
        self._began = False

    def look(self) -> frozenset[Path]:
        """Return the files whose content differs from the last look; the first one finds none."""
        changed: set[Path] = set()
        paths = set(self._paths())
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
            if before is None:
                if self._listed and self._began and now is not None:
                    changed.add(path)
            elif before[1] != now:
                changed.add(path)
        if self._listed:
            for path in [path for path in self._seen if path not in paths]:
                if self._seen.pop(path)[1] is not None and stat_key(path) is None:
                    changed.add(path)
        self._began = True
        self.is_blank = any(self._seen[path][1] == _EMPTY for path in changed & paths)
        self.folders = _folders(paths)
        return frozenset(changed)

    @staticmethod
    def _digest(path: Path) -> str | None:
        try:
            return digest(read(path).data)
        except OSError:
            return None


def _folders(paths: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    out: dict[Path, tuple[int, int]] = {}
    for path in paths:
        # Where the name stands, and where a link leads: either may be replaced.
        for folder in {path.parent, path.resolve().parent} if path.is_symlink() else {path.parent}:
            if folder not in out:
                try:
                    found = folder.stat()
                except OSError:
                    continue
                out[folder] = (found.st_dev, found.st_ino)
    return out


async def watch(
    paths: Iterable[Path] | Callable[[], Iterable[Path]],
    *,
    interval: float = 0.5,
    hint: bool = True,
    settle: float = 0.02,
    listed: bool = False,
    stop: anyio.Event | None = None,
    told: Callable[[str, str], object] = lambda mode, why: None,
    begun: Callable[[], object] = lambda: None,
) -> AsyncGenerator[frozenset[Path], None]:
    """Yield the paths whose content changed, for as long as the caller listens.

    Args:
        paths: The files, or a function that names them anew at each look. They need not
            exist yet.
        interval: Seconds between two looks; 0.05 at least.
        hint: Whether to look at once when the system tells of a change nearby.
        settle: Seconds for which files must rest after a change before it is told, so that
            one save of several writes is one change; after ten times that it is told anyway.
        listed: Whether *paths* lists what is there: then a file that comes to the list, or
            goes, is a change as well.
        stop: Ends the iteration when set.
        told: Called with `events` or `poll` whenever the way of looking changes, and why.
        begun: Called when all was looked at once: what changes from here on is told.

    Yields:
        A set that is never empty. Changes while the caller works are told together.
    """
    import anyio  # noqa: PLC0415 - only who watches pays for a loop

    interval = max(interval, 0.05)
    stop = stop or anyio.Event()
    contents = Contents(paths if callable(paths) else list(paths).copy, listed=listed)
    contents.look()
    begun()
    moments = _moments(contents, interval, stop, told) if hint else _poll(interval, stop)
    if not hint:
        told("poll", "")
    async with aclosing(moments):
        async for _ in moments:
            changed = await anyio.to_thread.run_sync(contents.look)
            if not changed:
                continue
            yield changed | await _at_rest(contents, settle) if settle else changed


async def _at_rest(contents: Contents, settle: float) -> frozenset[Path]:
    """Wait until the files rest; return those that changed meanwhile."""
    import anyio  # noqa: PLC0415 - see watch

    changed: frozenset[Path] = frozenset()
    blank = contents.is_blank
    for turn in range(_BLANK_PATIENCE):
        await anyio.sleep(settle)
        more = await anyio.to_thread.run_sync(contents.look)
        changed |= more
        # Still empty is no rest, but for a file that is meant to be so.
        blank = contents.is_blank if more else blank
        if not blank and (not more or turn >= _PATIENCE):
            break
    return changed


async def _poll(interval: float, stop: anyio.Event) -> AsyncGenerator[None, None]:
    """Yield every *interval*."""
    import anyio  # noqa: PLC0415 - see watch

    while not stop.is_set():
        yield
        with anyio.move_on_after(interval):
            await stop.wait()


async def _moments(
    contents: Contents, interval: float, stop: anyio.Event, told: Callable[[str, str], object]
) -> AsyncGenerator[None, None]:
    """Yield whenever it is time to look: a notice of the system, or *interval* is over.

    Folders that are replaced, or come, are asked for their notices anew.
    """
    import anyio  # noqa: PLC0415 - see watch

    mode = ""
    while not stop.is_set():
        armed = dict(contents.folders)
        if armed:
            yield
            try:
                async with aclosing(_notices(armed, interval, stop)) as notices:
                    async for _ in notices:
                        if mode != "events":
                            mode = "events"
                            told(mode, "")
                        yield
                        if contents.folders != armed:
                            break
            except FileNotFoundError:
                pass  # it went as it was asked for; the next look tells which there are
            except (OSError, RuntimeError) as error:
                told("poll", getattr(error, "strerror", None) or str(error))
                break
            else:
                continue
        yield
        with anyio.move_on_after(interval):
            await stop.wait()
    async with aclosing(_poll(interval, stop)) as rest:
        async for _ in rest:
            yield


async def _notices(
    folders: Iterable[Path], interval: float, stop: anyio.Event
) -> AsyncGenerator[None, None]:
    """Yield at each notice from *folders*, and at the end of each *interval*."""
    import watchfiles  # noqa: PLC0415 - 40 ms, only a watcher pays

    # All at once, 10 ms after the last of them, and no later than 50 ms after the first.
    notices = watchfiles.awatch(
        *folders,
        watch_filter=None,
        debounce=50,
        step=10,
        recursive=False,
        stop_event=_Stop(stop),
        rust_timeout=int(interval * 1000),
        yield_on_timeout=True,
    )
    async with aclosing(notices):
        async for _ in notices:
            yield


class _Stop:
    """A stop of our own: who cancels the notices must not stop what the caller stops by his."""

    def __init__(self, stop: anyio.Event) -> None:
        self._stop, self._set = stop, False

    def is_set(self) -> bool:
        return self._set or self._stop.is_set()

    def set(self) -> Any:
        self._set = True
