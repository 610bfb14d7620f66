"""The watch of a lab: files, what is wanted, releases and secrets, followed together."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from urllib.parse import unquote, urlsplit

import anyio

from oneiric_lab.config import changed_values
from oneiric_lab.errors import Fault, OneiricError, StoreError
from oneiric_lab.registry import NAME
from oneiric_lab.runtime import Watch, follow_files
from oneiric_lab.store import is_network

from ._following import Fallen, Moved, Reloaded, Turned, followed
from ._serving import EVERY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from oneiric_lab.config import Settings, Snapshot
    from oneiric_lab.registry import Registry
    from oneiric_lab.runtime import Watching

    from ._running import Running
    from ._secrets import Secrets
    from ._synced import SyncReport

    Followed: TypeAlias = Reloaded | Moved | Turned | Fallen | SyncReport
    Tell = Callable[[Followed], None]

_LOG = logging.getLogger(__name__)


class Loaded(Protocol):
    """The lab, as what loads its files sees it."""

    root: Path
    snapshot: Snapshot
    settings: Settings
    registry: Registry

    @property
    def watching(self) -> Watching:
        """How its watch stands."""

    @property
    def reload(self) -> Callable[..., Snapshot]:
        """Read the layers again."""


class Watched(Loaded, Protocol):
    """The lab, as its watch sees it."""

    @property
    def secrets(self) -> Secrets:
        """Its secrets."""

    @property
    def async_sync(self) -> Callable[..., Any]:
        """Bring what the sources have."""

    @property
    def caught_up(self) -> Callable[[], SyncReport]:
        """Enter what other processes synced."""


def watch_of(
    lab: Watched,
    run: Running,
    *,
    interval: float,
    stop: anyio.Event | None,
    acts: bool = True,
) -> Watch[Followed]:
    """Return what follows everything that a lab is made from."""
    pending: set[Path] = set()
    news = anyio.Event()
    looked = anyio.Event()

    async def files(tell: Tell) -> None:
        """Follow files: configuration, secrets, descriptors, manifests."""

        def load(changed: frozenset[Path]) -> None:
            event = reloaded(lab, changed)
            looked.set()
            # What changed between the opening of the workspace and this watch has no names.
            if changed or not event.ok or event.values or event.components:
                tell(event)
            run.nudge()
            if changed & set(manifests(lab.snapshot)):
                pending.update(changed)
                news.set()

        why = silent_because(lab.snapshot)
        await follow_files(
            partial(_all, lab),
            load,
            lab.watching,
            interval=interval,
            hint=not why,
            why=why,
            fell_back=lambda reason: tell(_fallen(lab, reason)),
            stop=stop,
        )

    async def components(tell: Tell) -> None:
        """Follow what is wanted of the components, and swap what is to be swapped."""
        await run.serve(tell=lambda reports: tell(Moved(tuple(reports))))

    async def sources(tell: Tell) -> None:
        """Bring the manifests of this machine when one of their files changes."""
        nonlocal news
        while True:
            await news.wait()
            news = anyio.Event()
            pending.clear()
            try:
                report: SyncReport = await lab.async_sync()
            except OneiricError as error:
                tell(Reloaded(("remote",), faults=error.faults))
            else:
                tell(report)
                run.nudge()

    async def releases(tell: Tell) -> None:
        """Enter what other processes of this workspace synced, and let what runs follow it."""
        while True:
            try:
                report = await anyio.to_thread.run_sync(lab.caught_up)
            except StoreError as error:
                run.note(error)
            else:
                if report.sources:
                    tell(report)
                    run.nudge()
            await anyio.sleep(EVERY)

    async def secrets(tell: Tell) -> None:
        """Look for rotated secrets: at each reload, when somebody asks, and now and then."""
        nonlocal looked
        room, due = lab.secrets, 0.0
        while True:
            with anyio.move_on_after(EVERY):
                await looked.wait()
            force = await anyio.to_thread.run_sync(room.asked)
            now = anyio.current_time()
            if looked.is_set() or force or now >= due:
                said = lab.settings.secrets
                due = now + (said.refresh_interval or max(said.cache_ttl_seconds, EVERY))
                looked = anyio.Event()
                found = await anyio.to_thread.run_sync(partial(room.look, force=force))
                if found:
                    tell(Turned(tuple(found)))
                    run.nudge()

    parts = (files, sources, releases, secrets)
    return Watch(*parts, components) if acts else Watch(*parts)


def reloaded(lab: Loaded, changed: frozenset[Path]) -> Reloaded:
    """Load what the files say now, or keep what was good; take note of either."""
    names = tuple(sorted(_named(lab.root, path) for path in changed))
    before, generation = lab.snapshot, lab.registry.current
    faults: tuple[Fault, ...]
    try:
        after = lab.reload(descriptors=any(path.name == NAME for path in changed))
    except OneiricError as error:
        faults = error.faults
    except Exception as error:  # noqa: BLE001 - a model's validator raises what it likes
        # Its text may hold what it validated.
        _LOG.warning("watch: a reload raised %s", type(error).__name__)
        what = f"cannot load what changed: {type(error).__name__} in a validator or a module"
        faults = (Fault("reload-failed", what, fix="oneiric-lab check shows it"),)
    else:
        values = changed_values(before, after)
        components = tuple(generation.diff(lab.registry.current).changes)
        if changed or values or components:
            lab.watching.took(changed=bool(values or components))
        return Reloaded(names, values, components)
    lab.watching.refused(names, faults)
    return Reloaded(names, faults=faults)


def silent_because(snapshot: Snapshot, *, network: Callable[[Path], bool] = is_network) -> str:
    """Return why the system's notices are of no use here; empty where they are."""
    if not snapshot.settings.profile.watchers_enabled:
        return "profile.watchers_enabled is false"
    for folder in sorted({path.parent for path in followed(snapshot)}):
        if network(folder):
            return f"{folder} is on a network file system, which tells of no change elsewhere"
    return ""


def manifests(snapshot: Snapshot) -> Iterator[Path]:
    """Yield the manifests and bundles that are files of this machine."""
    remote = snapshot.settings.remote
    if not remote.enabled:
        return
    urls = [remote.manifest_url, *(s.url for s in remote.sources.values())]
    urls += [source.bundle_url for source in remote.sources.values()]
    for url in filter(None, urls):
        parts = urlsplit(url)
        if parts.scheme == "file":
            path = snapshot.inputs.root / unquote(parts.path)
            yield path
            yield path.with_name(path.name.replace(".oneiric.json", ".oneiric-bundle.json"))
            # What judges them: a release that was refused may be taken now.
            yield snapshot.inputs.root / snapshot.settings.trust.policy


def _all(lab: Watched) -> Iterator[Path]:
    yield from followed(lab.snapshot)
    yield from manifests(lab.snapshot)


def _fallen(lab: Watched, reason: str) -> Fallen:
    said = Fallen(reason, lab.watching.interval)
    _LOG.warning("watch: %s", said.told)
    return said


def _named(root: Path, path: Path) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return str(path)
