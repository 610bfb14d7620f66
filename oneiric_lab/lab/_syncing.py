"""Keeping a workspace true to its sources of manifests: one at a time, whole or not at all.

The last good release of a source is remembered in the store, its bytes are objects. One
transaction takes the trust forward and remembers the release; then one generation is
published. Who is killed before it has changed nothing, who is killed after it finds the
release when the workspace is opened next.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from oneiric_lab.config import SecretSource
from oneiric_lab.errors import (
    Fault,
    FetchError,
    OneiricError,
    RegistryError,
    RemoteError,
    StaleError,
    UsageError,
)
from oneiric_lab.files import Objects, digest, read
from oneiric_lab.manifest import SUFFIX, enter, entered
from oneiric_lab.remote import (
    Attempt,
    Breaker,
    Credentials,
    Kept,
    Rules,
    SafeFetcher,
    Source,
    bring,
    origin_of,
    parsed,
    shown,
)
from oneiric_lab.runtime import span
from oneiric_lab.store import make_folder

from ._releases import policy_of, settle_release, verify_release
from ._sync_tally import SyncTally
from ._synced import RemoteStatus, SourceStanding, SourceSynced, SyncReport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from oneiric_lab.config import Snapshot
    from oneiric_lab.remote import Brought, Fetcher, Good
    from oneiric_lab.trust import Report

    from ._releases import Here

DEFAULT = "default"
"""Name of the source that `remote.manifest_url` is."""

_PART = 0.1
"""The part of an interval that is drawn by lot: clients that began together come apart."""


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
        self._lab, self._snapshot = lab, snapshot
        self.now, self._clock = now, clock
        self.objects = Objects(lab.store.path.parent / "objects")
        # Source to the digests of what entered this process's registry.
        self._held: dict[str, tuple[str, str]] = {}
        self._breaker: Breaker | None = None
        self.tally = SyncTally()

    # --- what is configured -------------------------------------------------------------

    def sources(self) -> tuple[Source, ...]:
        """Return the sources, the one of `remote.manifest_url` first; secrets are read now."""
        remote = self._lab.settings.remote
        tables = dict(remote.sources)
        every = remote.refresh_interval or 300.0
        common = (remote.max_manifest_bytes, remote.max_artifact_bytes, remote.max_cache_bytes)
        found = []
        if remote.manifest_url is not None:
            mine = self._credentials(remote.manifest_url, remote.auth)
            found.append(Source(DEFAULT, remote.manifest_url, None, None, every, mine, *common))
        for name, said in tables.items():
            mine = self._credentials(said.url, said.auth)
            interval = said.interval or every
            found.append(
                Source(name, said.url, said.bundle_url, said.channel, interval, mine, *common)
            )
        names = [one.name for one in found]
        if len({*names}) < len(names):
            raise UsageError(
                Fault(
                    "remote-source",
                    f"remote.manifest_url is the source `{DEFAULT}`, and so is a table",
                    fix=f"rename remote.sources.{DEFAULT}",
                )
            )
        return tuple(map(self._formed, found))

    def _formed(self, source: Source) -> Source:
        """Return *source* with its form: upstream's where no bundle is named and trust takes it."""
        path = source.url.partition("?")[0]
        if source.bundle_url is not None or path.endswith(SUFFIX):
            return source
        trusts = policy_of(self._lab, None, self._policy(source.name))
        return replace(source, upstream=trusts.legacy is not None)

    def intervals(self) -> dict[str, float]:
        """Return the seconds between two syncs, source by source."""
        remote = self._lab.settings.remote
        every = remote.refresh_interval or 300.0
        first = {} if remote.manifest_url is None else {DEFAULT: every}
        return first | {name: said.interval or every for name, said in remote.sources.items()}

    def _credentials(self, url: str, auth: object) -> Credentials | None:
        secret_id, token = getattr(auth, "secret_id", None), getattr(auth, "token", None)
        value = None if token is None else token.reveal()
        if secret_id is not None:
            inputs = self._snapshot().inputs
            folder = inputs.root / (self._lab.settings.secrets.directory or "secrets")
            secrets = SecretSource(inputs.environ, (folder,), inputs.secret_providers)
            value = secrets.find(secret_id)
            if value is None:
                raise RemoteError(
                    Fault(
                        "remote-credentials",
                        f"no provider has the secret {secret_id!r} for {shown(url)}",
                        fix="oneiric-lab doctor shows where secrets are looked for",
                    )
                )
        if value is None:
            return None
        return Credentials(origin_of(url), getattr(auth, "header_name", "Authorization"), value)

    def rules(self) -> Rules:
        """Return where the fetcher may go."""
        remote, root = self._lab.settings.remote, self._lab.root
        roots: tuple[Path, ...] = ()
        if remote.allow_file_uris:
            roots = tuple(root / one for one in remote.allowed_file_uri_roots)
        return Rules(
            allow_http=frozenset(one.lower() for one in remote.allow_http),
            roots=roots,
            deadline=remote.deadline,
            attempts=remote.max_retries + 1,
            base_delay=remote.retry_base_delay,
            max_delay=remote.retry_max_delay,
            jitter=remote.retry_jitter,
            verify_tls=remote.verify_tls,
            ca_file=None if remote.ca_file is None else root / remote.ca_file,
        )

    @property
    def enabled(self) -> bool:
        """Whether what the sources have enters this workspace."""
        settings = self._lab.settings
        return settings.remote.enabled and settings.profile.remote_enabled

    def _policy(self, name: str) -> str | None:
        said = self._lab.settings.remote.sources.get(name)
        return None if said is None else said.policy

    def _trusts(self, name: str) -> str:
        """Return the digest of all that decides here what of a release enters, but its bytes."""
        settings = self._lab.settings
        file = self._lab.root / (self._policy(name) or settings.trust.policy)
        policy = read(file).digest if file.exists() else ""
        return digest(json.dumps([policy, list(settings.plugins.allow_factories)]).encode())

    def _verify(self, name: str) -> Callable[[bytes | None, bytes], Report]:
        policy = self._policy(name)

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
        remote = self._lab.settings.remote
        urls = {} if remote.manifest_url is None else {DEFAULT: remote.manifest_url}
        urls |= {name: said.url for name, said in remote.sources.items()}
        rows = []
        for name, url in urls.items():
            found = kept.get(name, Kept())
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
                title = f"the last good release of source {row.name} does not enter"
                faults += [
                    replace(
                        fault,
                        message=f"{title}: {fault.message}",
                        fix=fault.fix or "oneiric-lab sync",
                        severity="warning",
                    )
                    for fault in error.faults
                ]
        return tuple(faults)

    def _restore(self, name: str, good: Good) -> None:
        bundle = self._bytes(good.bundle) if good.bundle else None
        report = self._verify(name)(bundle, self._bytes(good.manifest))
        manifest = parsed(report, name)
        enter(self._lab.registry, manifest, allowed=self._lab.settings.plugins.allow_factories)
        self._held[name] = (good.manifest, good.bundle)

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
    ) -> SyncReport:
        """Bring what the sources have; see `Lab.sync`.

        Args:
            names: Of the sources that are asked; None for all.
            dry_run: Whether nothing is changed.
            fetcher: Who asks; None is one for the settings of `remote`.
        """
        if not self.enabled:
            raise UsageError(
                Fault(
                    "remote-disabled",
                    "nothing from elsewhere enters this workspace: remote.enabled is false",
                    fix="oneiric-lab set remote.enabled=true",
                )
            )
        sources = [one for one in self.sources() if names is None or one.name in names]
        if fetcher is not None:
            found = [await self._counted(one, fetcher, dry_run) for one in sources]
            return SyncReport(tuple(found), dry_run)
        remote = self._lab.settings.remote
        if self._breaker is None:
            self._breaker = Breaker(
                remote.circuit_breaker_threshold, remote.circuit_breaker_reset, clock=self._clock
            )
        async with SafeFetcher(self.rules(), breaker=self._breaker) as own:
            found = [await self._counted(one, own, dry_run) for one in sources]
        return SyncReport(tuple(found), dry_run)

    async def _counted(self, source: Source, fetcher: Fetcher, dry_run: bool) -> SourceSynced:
        started = self._clock()
        with span("sync", source=source.name, dry_run=dry_run) as traced:
            found = await self._sync(source, fetcher, dry_run)
            traced.set(outcome=found.outcome)
        if not dry_run:
            self.tally.synced(found, self._clock() - started)
        return found

    async def _sync(self, source: Source, fetcher: Fetcher, dry_run: bool) -> SourceSynced:
        kept = self.kept().get(source.name, Kept())
        good = kept.good
        held = good is not None and self._held.get(source.name) == (good.manifest, good.bundle)
        try:
            brought = await bring(
                source,
                good,
                fetcher=fetcher,
                objects=self.objects,
                verify=self._verify(source.name),
                trusts=self._trusts(source.name),
                now=self.now(),
                holds=held,
                dry_run=dry_run,
            )
            return self._take(source, brought, dry_run)
        except OneiricError as error:
            faults, outcome = error.faults, self._outcome(error, good)
        except Exception as error:  # noqa: BLE001 - a loop must outlive what nobody thought of
            what = f"{type(error).__name__}: {error}"
            faults, outcome = (Fault("remote-crash", what, fix="please report it"),), "refused"
        attempt = Attempt(self.now(), outcome, faults[0].code, faults[0].message)
        if not dry_run:
            faults += self._note(source.name, attempt)
        if good is None or good.url != source.url:
            return SourceSynced(source.name, outcome, faults=faults)
        age = max(0.0, (self.now() - good.checked_at).total_seconds())
        return SourceSynced(source.name, outcome, good.title, faults=faults, age_seconds=age)

    def _outcome(self, error: OneiricError, good: Good | None) -> str:
        if isinstance(error, StaleError):
            return "stale"
        if isinstance(error, FetchError):
            return "stale" if good is not None and not good.is_fresh(self.now()) else "unreachable"
        return "refused"

    def _take(self, source: Source, brought: Brought, dry_run: bool) -> SourceSynced:
        """Make what was brought the last good one, and enter it."""
        good, name = brought.good, source.name
        if brought.report is None or brought.manifest is None:
            if not dry_run:
                self._remember(name, good, Attempt(self.now(), "unchanged"))
            return SourceSynced(name, "unchanged", good.title)
        allowed = self._lab.settings.plugins.allow_factories
        self._refuse_rivals(source, brought)
        before = {*self._lab.registry.current.problems()}
        after = entered(self._lab.registry, brought.manifest, allowed=allowed)
        worse = [f for f in after.problems() if f not in before and f.severity == "error"]
        if worse:
            raise RegistryError(worse)
        if dry_run:
            return SourceSynced(name, "would enter", good.title)
        attempt = Attempt(self.now(), "entered")
        _, number = settle_release(
            self._lab,
            brought.report,
            brought.manifest,
            judged=after,
            source=(name, lambda data: _next(data, good, attempt)),
        )
        self._held[name] = (good.manifest, good.bundle)
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
        try:
            make_folder(self._lab.store.path.parent)
            self._lab.store.remember_source(
                name, lambda data: Kept.parse(data).with_attempt(attempt).encode()
            )
        except (OneiricError, OSError) as error:
            what = error.faults[0].message if isinstance(error, OneiricError) else str(error)
            return (Fault("remote-note", f"the attempt is not remembered: {what}"),)
        return ()

    def _remember(self, name: str, good: Good, attempt: Attempt) -> None:
        self._lab.store.remember_source(name, lambda data: _seen(data, good, attempt))

    # --- going on -----------------------------------------------------------------------

    async def loop(
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

        Yields:
            What each sync did. A fault of any kind is told there, and the loop goes on.
        """
        due: dict[str, float] = {}
        while True:
            try:
                intervals = {one.name: one.interval for one in self.sources()}
                ready = frozenset(n for n in intervals if due.get(n, 0.0) <= self._clock())
                if ready:
                    yield await self.sync(ready, fetcher=fetcher)
            except OneiricError as error:
                # The settings are at fault; they may be mended while we wait.
                ready = frozenset({"remote"})
                intervals = {"remote": self._lab.settings.remote.refresh_interval or 300.0}
                yield SyncReport((SourceSynced("remote", "refused", faults=error.faults),))
            for name in ready:
                spread = 1 + _PART * (2 * lot() - 1)
                due[name] = self._clock() + intervals[name] * spread
            soonest = min((due[n] for n in intervals if n in due), default=self._clock() + 60)
            await sleep(max(0.05, soonest - self._clock()))


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
