"""Releases: what is verified, entered, proposed and synced."""

from __future__ import annotations

import os
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from ._choosing import unknown_provider
from ._operating import Operating

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from oneiric_lab.errors import Fault
    from oneiric_lab.remote import Fetcher
    from oneiric_lab.trust import Bundle, Report, Root
    from oneiric_lab.trust import Policy as TrustPolicy

    from ._on_its_way import ReleaseOnItsWay
    from ._releases import Entered
    from ._signed import Proposed
    from ._synced import RemoteStatus, SyncReport

T = TypeVar("T")


class Releasing(Operating[T]):
    """A workspace that takes releases."""

    __slots__ = ()

    def verify(
        self,
        bundle: str | os.PathLike[str] | bytes | Bundle | None,
        manifest: str | os.PathLike[str] | bytes | None = None,
        *,
        root: str | os.PathLike[str] | Root | None = None,
        policy: str | os.PathLike[str] | TrustPolicy | None = None,
        now: datetime | None = None,
    ) -> Report:
        """Return the report of a release; nothing is written, and nothing enters.

        What this workspace has trusted last counts: an older release is a rollback. A report is
        true only when everything passed, and `report.manifest` raises unless it is.

        Args:
            bundle: What proves it: a file, its bytes, or a `Bundle`. None for a manifest of
                upstream's form, where the policy takes such.
            manifest: A file or bytes; beside the bundle's file by default.
            root: The root that is trusted: a file, a `Root`, or `sha256:DIGEST` of one that is
                in the bundle.
            policy: A file or a `trust.Policy`; the workspace's `trust.toml` by default.
            now: The time that is meant; None is this moment.

        Raises:
            UsageError: A bundle that is no file came without its manifest.
            FileAccessError: A file cannot be read.
            PolicyError: The policy is none.
        """
        from ._releases import verify_release  # noqa: PLC0415 - most workspaces verify nothing

        return verify_release(self, bundle, manifest, root=root, policy=policy, now=now)

    def enter(self, report: Report) -> Entered:
        """Put a verified release into the registry, in place of the one before.

        One generation is published; entries that the new release has no more leave. What was
        trusted is kept in the store first. It outlives this process, the entries do not: a
        workspace that is opened anew verifies and enters the release again. A source of
        manifests that is synced keeps its last good release.

        Raises:
            UntrustedError: The report is one of a failure, or a later release was trusted since.
            ManifestError: Its schema does not take the manifest; nothing was kept.
            StoreError: The store cannot be written; nothing entered.
        """
        from ._releases import enter_release  # noqa: PLC0415 - see above

        return enter_release(self, report)

    def propose(
        self,
        manifest: str | os.PathLike[str],
        *,
        root: str | os.PathLike[str] | Root | None = None,
        days: float | None = None,
        previous: str | os.PathLike[str] | None = None,
        out: str | os.PathLike[str] | None = None,
        write: bool = True,
        now: datetime | None = None,
    ) -> Proposed:
        """Freeze what will be signed of a manifest, after what was trusted here last.

        The signers answer with `manifest cosign`, and `manifest assemble` puts that together.

        Args:
            manifest: A `*.oneiric.json`.
            root: Who may sign; the one that is remembered by default.
            days: How long the release holds; as long as the root allows by default.
            previous: Manifest of the release before, to see what changes.
            out: Where the proposal is written; beside the manifest by default.
            write: Whether it is written.
            now: The time at which it is issued; None is this moment.

        Raises:
            UsageError: Nothing says who may sign.
            UntrustedError: The release would never be verified.
            FileAccessError: Another proposal is there already.
        """
        from ._releases import propose_release  # noqa: PLC0415 - see above

        return propose_release(
            self, manifest, root=root, now=now, days=days, previous=previous, out=out, write=write
        )

    def release(
        self,
        manifest: str | os.PathLike[str],
        *,
        roots: Sequence[str] = (),
        previous: str | None = None,
        revocations: str | None = None,
        now: datetime | None = None,
    ) -> ReleaseOnItsWay:
        """Return a release as its files say it stands, with the steps that are left.

        Args:
            manifest: A `*.oneiric.json`; the files of the release lie beside it.
            roots: The chain of roots, oldest first; the last one says who may sign. By default
                the one that is remembered.
            previous: Manifest of the release before, to see what changes.
            revocations: The newest revocation list.
            now: The time that is meant; None is each moment.
        """
        from ._on_its_way import ReleaseOnItsWay  # noqa: PLC0415 - see above

        name = os.fspath(manifest)
        return ReleaseOnItsWay(self, name, tuple(roots), previous, revocations, now)

    def sync(self, *, dry_run: bool = False, fetcher: Fetcher | None = None) -> SyncReport:
        """Bring what the sources of the table `remote` have, and enter it.

        Source by source: manifest and bundle are fetched, verified by what is trusted here,
        their artifacts fetched, all of it validated, and then one generation is published.
        Where anything is wrong nothing changes, and the last good release stays in force; the
        report says why. Components that run in this process are swapped to it. Inside a running
        event loop it works on the lab's own thread, and what runs on that loop is swapped by
        `await lab.reconcile()`, or by `lab.watch()`.

        Args:
            dry_run: Whether all is fetched and judged but for artifacts, and nothing changed.
            fetcher: Who asks, such as `testing.MemoryRemote`; by default one that keeps to the
                limits of `remote`.

        Raises:
            UsageError: `remote.enabled` is false.
        """
        import asyncio  # noqa: PLC0415 - most workspaces have no sources

        import anyio  # noqa: PLC0415 - see above

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return anyio.run(lambda: self.async_sync(dry_run=dry_run, fetcher=fetcher))
        # This thread waits, and with it whatever runs on its loop: nothing can be swapped there.
        job = self._jobs().submit(
            lambda ctx: self._synced(dry_run=dry_run, fetcher=fetcher), name="sync"
        )
        return job.result()

    async def async_sync(
        self, *, dry_run: bool = False, fetcher: Fetcher | None = None
    ) -> SyncReport:
        """Do what `sync` does, in the event loop of the caller.

        What runs in this process and is provided by another one now is swapped at once; a
        swap that fails leaves the old one in force, and the report says why.
        """
        report = await self._synced(dry_run=dry_run, fetcher=fetcher)
        return await self._swapped(report)

    async def _synced(self, *, dry_run: bool, fetcher: Fetcher | None) -> SyncReport:
        report = await self._remote.sync(dry_run=dry_run, fetcher=fetcher)
        self._told({one.name: () for one in report.sources if one.outcome == "entered"})
        return report

    async def _swapped(self, report: SyncReport) -> SyncReport:
        """Swap what runs to what has entered."""
        run = self._running
        if run is None or all(one.outcome != "entered" for one in report.sources):
            return report
        return replace(report, swaps=tuple(await run.follow_at_home()))

    async def keep_synced(
        self, *, fetcher: Fetcher | None = None
    ) -> AsyncGenerator[SyncReport, None]:
        """Sync each source at its interval, for as long as the caller listens.

        Yields:
            What came of each source, when it came: one that is slow keeps no other waiting.
            Whatever goes wrong is told there, and ends nothing.
        """
        import anyio  # noqa: PLC0415 - most workspaces have no sources

        async with aclosing(self._remote.loop(sleep=anyio.sleep, fetcher=fetcher)) as reports:
            async for report in reports:
                self._told({one.name: () for one in report.sources if one.outcome == "entered"})
                yield await self._swapped(report)

    def catch_up(self) -> bool:
        """Enter what other processes of this workspace synced since, and tell whether any did.

        Nobody is asked: what the store remembers is verified anew. `lab.watch()` does so twice
        a second, tells of it, and swaps what runs to it.

        Raises:
            StoreError: The store cannot be read.
        """
        return any(one.outcome != "refused" for one in self.caught_up().sources)

    def caught_up(self) -> SyncReport:
        """Do the same, and tell of each source what came of it; of none where nothing is new.

        Raises:
            StoreError: See `catch_up`.
        """
        from ._synced import SyncReport  # noqa: PLC0415 - most workspaces have no sources

        if self._syncing is None and not self.settings.remote.enabled:
            return SyncReport(())
        found = self._remote.catch_up()
        self._told({one.name: one.faults for one in found})
        return SyncReport(found)

    def _told(self, tried: Mapping[str, tuple[Fault, ...]]) -> None:
        """Put what is known now of last good releases in place of what was."""
        if not tried:
            return
        from ._syncing import kept_out  # noqa: PLC0415 - most workspaces have no sources

        old = tuple(kept_out(name) for name in tried)
        others = [fault for fault in self.problems if not fault.message.startswith(old)]
        self.problems = (*others, *(fault for faults in tried.values() for fault in faults))

    def artifact(self, target: str, provider: str | None = None) -> Path | None:
        """Return the file of the artifact that a release brought for a component.

        It is among the workspace's objects, whole and by its digest; nobody unpacks or imports
        it. None where there is none, or where it was damaged: the next sync brings it anew.

        Args:
            target: `domain:key`.
            provider: Whose artifact; None is who wins.

        Raises:
            NoCandidateError: There is no such component.
            SelectionError: No candidate of it has this provider.
        """
        domain, _, key = self._known(target).partition(":")
        known = [*self.registry.current.candidates(domain, key)]
        winner = self.registry.current.winner(domain, key)
        if provider is not None:
            winner = next((one for one in known if one.provider == provider), None)
            if winner is None:
                raise unknown_provider(target, provider, {one.provider for one in known})
        entry = {} if winner is None else winner.metadata.get("entry", {})
        sha256 = entry.get("artifact", {}).get("sha256")
        return None if sha256 is None else self._remote.objects.find(sha256)

    def remote_status(self) -> RemoteStatus:
        """Return how the sources stand, their last good releases and their last attempts."""
        return self._remote.status()
