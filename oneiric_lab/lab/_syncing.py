"""Keeping a workspace true to its sources of manifests: each whole, or not at all.

They are asked side by side, and enter one at a time.
The last good release of a source is remembered in the store, its bytes are objects. One
transaction takes the trust forward and remembers the release; then one generation is
published. Who is killed before it has changed nothing, who is killed after it finds the
release when the workspace is opened next.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import anyio
from anyio import to_thread

from oneiric_lab.errors import (
    Fault,
    FetchError,
    OneiricError,
    RegistryError,
    RemoteError,
    StaleError,
    StoreError,
    UsageError,
)
from oneiric_lab.files import Objects
from oneiric_lab.manifest import candidates_of, enter, entered, read_candidates
from oneiric_lab.remote import ATTEMPTS, Attempt, Breaker, Kept, SafeFetcher, bring, shown
from oneiric_lab.runtime import span
from oneiric_lab.store import make_folder

from ._plugged import Plugged
from ._releases import settle_release, verify_release
from ._sources import Sources
from ._sync_loop import SyncLoop
from ._sync_tally import SyncTally
from ._synced import RemoteStatus, SourceStanding, SourceSynced, SyncReport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from oneiric_lab.config import Snapshot
    from oneiric_lab.remote import Brought, Fetcher, Good, Source
    from oneiric_lab.trust import Report

    from ._releases import Here

_TOGETHER = 4
"""Sources that are asked at a time; each has at most as many requests under way."""


class Syncing:
    """The sources of one workspace, and what this process holds of them.

    Args:
        lab: The workspace.
        snapshot: Gives its configuration as it is now.
        now: Gives this moment.
        clock: Gives seconds that never go back.

    Attributes:
        tally: What became of its syncs, in numbers.
    """

    def __init__(
        self,
        lab: Here,
        snapshot: Callable[[], Snapshot],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lab = lab
        self.sources = Sources(lab, snapshot)
        self.now, self._clock = now, clock
        self.objects = Objects(lab.store.path.parent / "objects")
        # One release enters at a time, whoever brings it: this process or another one.
        self._entering = threading.Lock()
        self._held: dict[str, _Held] = {}
        # What another process brought and does not enter here: it is not tried twice.
        self._unkept: dict[str, tuple[Attempt, ...]] = {}
        self._vain: dict[str, tuple[str, str, str]] = {}
        self._breaker: Breaker | None = None
        self.tally = SyncTally()

    @property
    def enabled(self) -> bool:
        """Whether what the sources have enters this workspace."""
        return self.sources.enabled

    def intervals(self) -> dict[str, float]:
        """Return the seconds between two syncs, source by source."""
        return self.sources.intervals()

    def _verify(self, name: str) -> Callable[[bytes | None, bytes], Report]:
        policy = self.sources.policy(name)

        def verify(bundle: bytes | None, manifest: bytes) -> Report:
            now = self.now()
            return verify_release(self._lab, bundle, manifest, root=None, policy=policy, now=now)

        return verify

    # --- what is remembered -------------------------------------------------------------

    def kept(self) -> dict[str, Kept]:
        """Return what is remembered of each source."""
        return {name: Kept.parse(data) for name, data in self._lab.store.sources().items()}

    def status(self) -> RemoteStatus:
        """Return how the sources stand, by what is remembered; nothing is asked."""
        kept, now = self.kept(), self.now()
        rows = []
        for name, url in self.sources.urls().items():
            found = kept.get(name, Kept()).with_attempts(self._unkept.get(name, ()))
            good = found.good if found.good is not None and found.good.url == url else None
            rows.append(SourceStanding(name, shown(url), good, found.attempts, now))
        return RemoteStatus(tuple(rows), self.enabled)

    def restore(self) -> tuple[Fault, ...]:
        """Enter the last good releases, verified anew; return why one does not.

        Nothing is written, and nothing is asked: it is how a workspace begins offline. What
        has expired meanwhile, or was revoked, does not come back.
        """
        if not self.enabled:
            return ()
        faults: list[Fault] = []
        for row in self.status().sources:
            if row.good is None:
                continue
            try:
                self._restore(row.name, row.good)
            except OneiricError as error:
                faults += _kept_out(row.name, error)
        return tuple(faults)

    def _restore(self, name: str, good: Good) -> int:
        bundle = self._bytes(good.bundle) if good.bundle else None
        report = self._verify(name)(bundle, self._bytes(good.manifest))
        manifest, candidates = read_candidates(
            report.manifest,
            name=f"{name}: {report.release.title}",
            allowed=self._lab.settings.plugins.allow_factories,
            legacy=not report.release.version,
        )
        number = enter(self._lab.registry, manifest, candidates)
        self._held[name] = _Held(good.manifest, good.bundle, manifest.source_name)
        return number

    def catch_up(self) -> tuple[SourceSynced, ...]:
        """Enter what other processes of this workspace synced; withdraw what is no source now.

        What the store remembers is the truth: it is verified anew, and nobody is asked. What
        does not enter here is tried once, and what is in force stays.

        Returns:
            Each source of which something came: `entered`, `withdrawn`, or `refused` with the
            reasons.
        """
        urls, registry = self.sources.urls(), self._lab.registry
        found: list[SourceSynced] = []
        kept = self.kept() if self.enabled and urls else {}
        for name, held in list(self._held.items()):
            if not self.enabled or name not in urls:
                registry.withdraw(source_name=held.source_name)
                del self._held[name]
                found.append(SourceSynced(name, "withdrawn", generation=registry.generation))
        for name, url in urls.items():
            good = kept.get(name, Kept()).good
            if good is None or good.url != url or self._holds(name, good):
                continue
            trial = good.manifest, good.bundle, self.sources.trusts(name)
            if self._vain.get(name) == trial:
                continue
            try:
                with self._entering:
                    if self._holds(name, good):  # this process synced it meanwhile
                        continue
                    number = self._restore(name, good)
                self._vain.pop(name, None)
                found.append(SourceSynced(name, "entered", good.title, number))
            except OneiricError as error:
                self._vain[name] = trial
                faults = tuple(_kept_out(name, error))
                found.append(SourceSynced(name, "refused", faults=faults))
        return tuple(found)

    def _holds(self, name: str, good: Good) -> bool:
        held = self._held.get(name)
        return held is not None and (held.manifest, held.bundle) == (good.manifest, good.bundle)

    def _bytes(self, sha256: str) -> bytes:
        found = self.objects.find(sha256)
        if found is None:
            raise RemoteError(Fault("remote-object", "its bytes are gone", fix="oneiric-lab sync"))
        return found.read_bytes()

    # --- syncing ------------------------------------------------------------------------

    async def sync(
        self,
        names: frozenset[str] | None = None,
        *,
        dry_run: bool = False,
        fetcher: Fetcher | None = None,
        tell: Callable[[SourceSynced], object] = lambda found: None,
    ) -> SyncReport:
        """Bring what the sources have; see `Lab.sync`.

        Args:
            names: Of the sources that are asked; None for all.
            dry_run: Whether nothing is changed.
            fetcher: Who asks; None is one for the settings of `remote`.
            tell: Is told what came of each source as soon as that is known.
        """
        if not self.enabled:
            raise UsageError(
                Fault(
                    "remote-disabled",
                    "nothing from elsewhere enters this workspace: remote.enabled is false",
                    fix="oneiric-lab set remote.enabled=true",
                )
            )
        asked = [name for name in self.sources.urls() if names is None or name in names]
        if fetcher is not None:
            return SyncReport(await self._side_by_side(asked, fetcher, dry_run, tell), dry_run)
        remote = self._lab.settings.remote
        if self._breaker is None:
            self._breaker = Breaker(
                remote.circuit_breaker_threshold, remote.circuit_breaker_reset, clock=self._clock
            )
        async with (
            SafeFetcher(self.sources.rules(), breaker=self._breaker) as web,
            Plugged(web, self._lab.registry, self._lab.settings, self._lab.root) as own,
        ):
            return SyncReport(await self._side_by_side(asked, own, dry_run, tell), dry_run)

    async def _side_by_side(
        self,
        names: Sequence[str],
        fetcher: Fetcher,
        dry_run: bool,
        tell: Callable[[SourceSynced], object],
    ) -> tuple[SourceSynced, ...]:
        """Sync these sources, a few at a time; none waits for another one that is slow.

        Those of a host that failed lately go one after the other, since one request finds out
        whether it is well again.
        """
        found: dict[str, SourceSynced] = {}
        turns = anyio.CapacityLimiter(_TOGETHER)
        urls, states = self.sources.urls(), self.breakers()
        hosts: defaultdict[str | None, anyio.Lock] = defaultdict(anyio.Lock)

        async def one(name: str) -> None:
            async with AsyncExitStack() as waits:
                if states[name] != "closed":
                    await waits.enter_async_context(hosts[urlsplit(urls[name]).hostname])
                await waits.enter_async_context(turns)
                found[name] = await self._counted(name, fetcher, dry_run)
            tell(found[name])

        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(one, name)
        return tuple([found[name] for name in names])

    def breakers(self) -> dict[str, str]:
        """Return what the next request to each source meets: closed, open or half-open."""
        breaker, urls = self._breaker, self.sources.urls()
        if breaker is None:
            return dict.fromkeys(urls, "closed")
        return {name: breaker.state(urlsplit(url).hostname or "") for name, url in urls.items()}

    async def _counted(self, name: str, fetcher: Fetcher, dry_run: bool) -> SourceSynced:
        started = self._clock()
        with span("sync", source=name, dry_run=dry_run) as traced:
            found = await self._sync(name, fetcher, dry_run)
            traced.set(outcome=found.outcome)
        if not dry_run:
            self.tally.synced(found, self._clock() - started)
        return found

    async def _sync(self, name: str, fetcher: Fetcher, dry_run: bool) -> SourceSynced:
        good: Good | None = None
        try:
            good = self.kept().get(name, Kept()).good
            good = good if good is not None and good.url == self.sources.urls()[name] else None
            source = self.sources.source(name)
            allowed = self._lab.settings.plugins.allow_factories
            brought = await self._brought(source, good, allowed, fetcher, dry_run)
            # In a thread: it waits for the disk, and for whoever enters at this moment.
            return await to_thread.run_sync(self._take, source, brought, allowed, dry_run)
        except OneiricError as error:
            faults, outcome = error.faults, self._outcome(error, good)
        except Exception as error:  # noqa: BLE001 - a loop must outlive what nobody thought of
            what = f"{type(error).__name__}: {error}"
            faults, outcome = (Fault("remote-crash", what, fix="please report it"),), "refused"
        attempt = Attempt(self.now(), outcome, faults[0].code, faults[0].message)
        if not dry_run:
            faults += self._note(name, attempt)
        if good is None:
            return SourceSynced(name, outcome, faults=faults)
        age = max(0.0, (self.now() - good.checked_at).total_seconds())
        return SourceSynced(name, outcome, good.title, faults=faults, age_seconds=age)

    async def _brought(
        self,
        source: Source,
        good: Good | None,
        allowed: Sequence[str],
        fetcher: Fetcher,
        dry_run: bool,
    ) -> Brought:
        """Return what a source has, within the time that one source may take."""
        limit = self._lab.settings.remote.source_deadline
        with anyio.move_on_after(limit):
            return await bring(
                source,
                good,
                fetcher=fetcher,
                objects=self.objects,
                verify=self._verify(source.name),
                trusts=self.sources.trusts(source.name),
                allowed=allowed,
                now=self.now(),
                holds=good is not None and self._holds(source.name, good),
                dry_run=dry_run,
            )
        raise FetchError(
            Fault(
                "fetch-source-deadline",
                f"{shown(source.url)}: not all of it came within {limit:g} s",
                why="that is the deadline for all that one source takes in a sync",
                fix="sync again, artifacts that came are kept; or raise remote.source_deadline",
            )
        )

    def _outcome(self, error: OneiricError, good: Good | None) -> str:
        if isinstance(error, StaleError):
            return "stale"
        if isinstance(error, FetchError):
            return "stale" if good is not None and not good.is_fresh(self.now()) else "unreachable"
        return "refused"

    def _take(
        self, source: Source, brought: Brought, allowed: Sequence[str], dry_run: bool
    ) -> SourceSynced:
        """Make what was brought the last good one, and enter it."""
        with self._entering:
            return self._taken(source, brought, allowed, dry_run)

    def _taken(
        self, source: Source, brought: Brought, allowed: Sequence[str], dry_run: bool
    ) -> SourceSynced:
        good, name = brought.good, source.name
        if brought.report is None or brought.manifest is None:
            if not dry_run:
                self._remember(name, good, Attempt(self.now(), "unchanged"))
            return SourceSynced(name, "unchanged", good.title)
        self._refuse_rivals(source, brought)
        before = {*self._lab.registry.current.problems()}
        candidates, may_run = brought.candidates, self._lab.settings.plugins.allow_factories
        if may_run != allowed:  # it changed while artifacts were fetched
            candidates = candidates_of(brought.manifest, allowed=may_run)
        after = entered(self._lab.registry, brought.manifest, candidates)
        worse = [f for f in after.problems() if f not in before and f.severity == "error"]
        if worse:
            raise RegistryError(worse)
        if dry_run:
            moves = tuple(self._lab.registry.current.diff(after).changes)
            return SourceSynced(name, "would enter", good.title, components=moves)
        attempt = Attempt(self.now(), "entered")
        _, number = settle_release(
            self._lab,
            brought.report,
            brought.manifest,
            candidates,
            judged=after,
            source=(name, lambda data: _next(data, good, attempt)),
        )
        self._held[name] = _Held(good.manifest, good.bundle, brought.manifest.source_name)
        with suppress(StoreError):  # it has entered; what is too much goes with the next one
            spared = {one for kept in self.kept().values() for one in kept.objects}
            self.objects.evict(self._lab.settings.remote.max_cache_bytes, keep=spared)
        return SourceSynced(name, "entered", good.title, number, brought.fetched)

    def _refuse_rivals(self, source: Source, brought: Brought) -> None:
        """Refuse a release whose project and channel another source has."""
        mine = brought.good.release
        configured = {one.name for one in self.status().sources}
        for name, kept in self.kept().items():
            if name == source.name or name not in configured or kept.good is None:
                continue
            other = kept.good.release
            if (other["project"], other["channel"]) == (mine["project"], mine["channel"]):
                raise RemoteError(
                    Fault(
                        "remote-rival",
                        f"sources {name} and {source.name} both bring {mine['project']} "
                        f"{mine['channel']}, and would replace each other",
                        fix="take one of them out of remote.sources",
                    )
                )

    def _note(self, name: str, attempt: Attempt) -> tuple[Fault, ...]:
        """Remember an attempt that failed; return why that is not possible."""
        waiting = (*self._unkept.get(name, ()), attempt)[-ATTEMPTS:]
        try:
            make_folder(self._lab.store.path.parent)
            self._lab.store.remember_source(
                name, lambda data: Kept.parse(data).with_attempts(waiting).encode()
            )
            self._unkept.pop(name, None)
        except (OneiricError, OSError) as error:
            # This process tells it all the same, and writes it down once that is possible.
            self._unkept[name] = waiting
            what = error.faults[0].message if isinstance(error, OneiricError) else str(error)
            return (Fault("remote-note", f"the attempt is not remembered: {what}"),)
        return ()

    def _remember(self, name: str, good: Good, attempt: Attempt) -> None:
        self._lab.store.remember_source(name, lambda data: _seen(data, good, attempt))

    # --- going on -----------------------------------------------------------------------

    def loop(
        self,
        *,
        sleep: Callable[[float], Awaitable[object]],
        lot: Callable[[], float] = random.random,
        fetcher: Fetcher | None = None,
    ) -> AsyncGenerator[SyncReport, None]:
        """Sync each source when it is due, for as long as the caller listens.

        Args:
            sleep: Waits so many seconds.
            lot: Draws from 0 to 1, to spread the clients of one source.
            fetcher: See `sync`.

        Returns:
            What came of each source, when it came: one that is slow keeps no other waiting. A
            fault of any kind is told there, and the loop goes on.
        """
        return SyncLoop(
            self.sync,
            intervals=self.sources.intervals,
            every=lambda: self._lab.settings.remote.refresh_interval or 300.0,
            clock=self._clock,
            sleep=sleep,
            lot=lot,
            fetcher=fetcher,
        ).run()


class _Held(NamedTuple):
    """What of a source is in this process's registry: digests, and the name it has there."""

    manifest: str
    bundle: str
    source_name: str


def kept_out(name: str) -> str:
    """Return how the faults of a last good release that does not enter begin."""
    return f"the last good release of source {name} does not enter"


def _kept_out(name: str, error: OneiricError) -> list[Fault]:
    """Return why the last good release of a source is not in force, as warnings."""
    title = kept_out(name)
    return [
        replace(
            fault,
            message=f"{title}: {fault.message}",
            fix=fault.fix or "oneiric-lab sync",
            severity="warning",
        )
        for fault in error.faults
    ]


def _next(data: bytes | None, good: Good, attempt: Attempt) -> bytes:
    kept = Kept.parse(data)
    return replace(kept, good=good).with_attempt(attempt).encode()


def _seen(data: bytes | None, good: Good, attempt: Attempt) -> bytes:
    kept = Kept.parse(data)
    known = kept.good
    # Another process may have brought a later one meanwhile: that stays.
    if known is not None and (known.manifest, known.bundle) == (good.manifest, good.bundle):
        kept = replace(kept, good=good)
    return kept.with_attempt(attempt).encode()
