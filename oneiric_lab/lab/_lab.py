"""The facade: one workspace, its parts put together."""

from __future__ import annotations

import os
from contextlib import ExitStack, aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from oneiric_lab.config import Inputs, Snapshot, changed_values, load, mismatches, propose, rebase
from oneiric_lab.errors import (
    Fault,
    NoCandidateError,
    OneiricError,
    StoreError,
    UsageError,
    did_you_mean,
)
from oneiric_lab.files import digest, read
from oneiric_lab.plugins import TIMEOUT
from oneiric_lab.registry import DOMAINS, TABLES, Registry, candidate_of
from oneiric_lab.store import Desired

from . import _allow
from ._choosing import outranked, unknown_provider
from ._code import code_modules, import_schema
from ._following import Reloaded, followed
from ._gather import gather, package_defaults
from ._locking import (
    LOCK,
    Frozen,
    lock_inputs,
    read_lock,
    refuse_other_winners,
    winners,
    write_lock,
)
from ._plan import Applied, Plan
from ._quarantine import Probed, can_be_probed, remember, remembered, try_all
from ._results import Check, History, Status, ValueDiff
from ._rules import rules_of
from ._sides import is_manifest, manifest_diff, side
from ._standing import ALIVE, deeds, standing, wished
from ._where import placed
from ._writing import _who, settled, store_of, take_back, write

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Coroutine,
        Iterator,
        Mapping,
        Sequence,
    )
    from datetime import datetime
    from types import TracebackType

    import anyio
    from pydantic import BaseModel

    from oneiric_lab.config import ValueExplanation
    from oneiric_lab.errors import Origin
    from oneiric_lab.jobs import Context, Job, Owner
    from oneiric_lab.lifecycle import Lifecycle, SwapReport
    from oneiric_lab.lifecycle import Status as ComponentStatus
    from oneiric_lab.manifest import Manifest, ManifestDiff
    from oneiric_lab.plugins import ProbeResult
    from oneiric_lab.registry import (
        Explanation,
        Generation,
        Handle,
        Listing,
        Rules,
        WhyNot,
    )
    from oneiric_lab.remote import Fetcher
    from oneiric_lab.store import DesiredState
    from oneiric_lab.trust import Bundle, Report, Root
    from oneiric_lab.trust import Policy as TrustPolicy

    from ._load import Loads
    from ._releases import Entered
    from ._running import Running
    from ._signed import Proposed
    from ._standing import Deeds, Standing, Wished
    from ._synced import RemoteStatus, SyncReport
    from ._syncing import Syncing
    from ._ui import Ui

T = TypeVar("T")
R = TypeVar("R")


class Lab(Generic[T]):
    """One workspace: its values, its components, and what a change would do.

    `Lab.open` starts no thread and writes nothing; a read-only workspace opens too.

    Attributes:
        config: The user's model, validated.
        settings: The built-in tables.
        registry: The candidates.
        snapshot: The effective configuration, with all its questions.
    """

    __slots__ = (
        "_loads",
        "_owner",
        "_running",
        "_syncing",
        "_trusted",
        "config",
        "problems",
        "registry",
        "root",
        "settings",
        "snapshot",
        "store",
    )

    config: T

    def __init__(
        self, snapshot: Snapshot, registry: Registry, problems: tuple[Fault, ...], *, trusted: bool
    ) -> None:
        self.root = snapshot.inputs.root
        self.registry = registry
        self.problems = problems
        self.store = store_of(snapshot.inputs)
        self._trusted = trusted
        self._running: Running | None = None
        self._owner: Owner | None = None
        self._loads: Loads | None = None
        self._syncing: Syncing | None = None
        self._publish(snapshot)
        if snapshot.settings.remote.enabled:
            self.problems = (*problems, *self._remote.restore())

    # --- opening ------------------------------------------------------------------------

    @classmethod
    def open(
        cls,
        root: str | os.PathLike[str] = ".",
        *,
        profiles: Sequence[str] | None = None,
        schema: type[BaseModel] | None = None,
        config: Sequence[str | os.PathLike[str]] = (),
        set: Sequence[str] | Mapping[str, object] = (),
        policy: str | os.PathLike[str] | None = None,
        environ: Mapping[str, str] | None = None,
        trusted: bool = False,
    ) -> Lab[Any]:
        """Open the workspace in *root*.

        Args:
            root: Its folder.
            profiles: Active profiles; None asks ONEIRIC_PROFILE, then `profile.name`.
            schema: The user's model; None takes `[schema] model`.
            config: More files, above the profiles.
            set: `path=value` texts, or a mapping.
            policy: File that locks values.
            environ: The environment; None is the process's own.
            trusted: Whether the workspace's code may run though it was not allowed.

        Raises:
            InvalidConfigError: With every fault of every layer.
            NotAllowedError: The workspace names code that was not allowed to run.
        """
        folder = Path(root).expanduser().resolve()
        if not folder.is_dir():
            raise UsageError(
                Fault(
                    "no-workspace",
                    f"no such folder: {root}",
                    fix="oneiric-lab init DIR makes a workspace",
                )
            )
        own = dict(os.environ if environ is None else environ)
        more = [Path(p) for p in [*config, *filter(None, [own.get("ONEIRIC_CONFIG")])]]
        items = [f"{k}={v}" for k, v in set.items()] if hasattr(set, "items") else list(set)
        inputs = Inputs(
            folder,
            profiles=None if profiles is None else tuple(profiles),
            environ=own,
            config_files=tuple(p if p.is_absolute() else Path.cwd() / p for p in more),
            sets=tuple(items),
            policy=None if policy is None else Path(policy).resolve(),
            system_dir=Path("/etc/oneiric-lab"),
            user_dir=_user_dir(own),
            schema=schema,
        )
        inputs = replace(inputs, package_defaults=package_defaults(inputs))
        if schema is None:
            inputs = replace(inputs, schema=import_schema(inputs, trusted=trusted))
        snapshot = load(inputs)
        modules = code_modules(snapshot)
        if modules and not trusted and not _allow.is_allowed(folder, modules, own):
            raise _allow.refuse(folder, modules, snapshot.origin("plugins"))
        candidates, warnings = gather(snapshot)
        quarantined, damage = remembered(store_of(inputs))
        registry = Registry(rules=replace(rules_of(snapshot), quarantined=quarantined))
        registry.add(*candidates)
        return cls(snapshot, registry, (*warnings, *damage), trusted=True)

    @classmethod
    def sample(cls, *, profiles: Sequence[str] | None = None, **options: Any) -> Lab[Any]:
        """Open a private copy of the sample workspace, removed when the process ends."""
        from ._sample import copy_sample  # noqa: PLC0415 - tutorials and trials only

        options.setdefault("environ", {})
        return cls.open(copy_sample(), profiles=profiles, trusted=True, **options)

    @classmethod
    def from_lock(
        cls,
        path: str | os.PathLike[str],
        *,
        schema: type[BaseModel] | None = None,
        environ: Mapping[str, str] | None = None,
        trusted: bool = False,
    ) -> Lab[Any]:
        """Open a workspace as its lock file froze it; no layer is read.

        Args:
            path: The lock file, in the folder of the workspace.
            schema: The user's model; None takes the one that the lock file names.
            environ: Where secrets are looked for; None is the process's own environment.
            trusted: Whether the workspace's code may run though it was not allowed.

        Raises:
            LockMismatchError: It was altered, or other components would win here.
            InvalidConfigError: Its values do not fit the model any more.
            NotAllowedError: It names code that was not allowed to run.
        """
        file = Path(path).expanduser().resolve()
        own = dict(os.environ if environ is None else environ)
        inputs = lock_inputs(file.parent, own)
        locked = read_lock(file, inputs, schema=schema, trusted=trusted)
        snapshot = locked.snapshot
        modules = code_modules(snapshot)
        if modules and not trusted and not _allow.is_allowed(file.parent, modules, own):
            raise _allow.refuse(file.parent, modules, snapshot.origin("plugins"))
        candidates, warnings = gather(snapshot)
        quarantined, damage = remembered(store_of(inputs))
        registry = Registry(rules=replace(rules_of(snapshot), quarantined=quarantined))
        registry.add(*candidates)
        refuse_other_winners(locked, winners(registry.current), file.name)
        return cls(snapshot, registry, (*warnings, *damage), trusted=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancel the jobs of this lab and end their thread; questions are answered as before."""
        if self._owner is not None:
            self._owner.close()

    def __repr__(self) -> str:
        active = ", ".join(self.snapshot.profiles) or "no profile"
        return f"<Lab: {self.root.name}, {active}, {len(self.registry.current.keys())} components>"

    def _publish(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.settings = snapshot.settings
        self.config = snapshot.config
        if self._running is not None:
            self._running.configured()

    # --- values -------------------------------------------------------------------------

    def value(self, path: str) -> object:
        """Return the effective value at *path*."""
        return self.snapshot.value(path)

    def origin(self, path: str) -> Origin:
        """Return where the effective value at *path* was said."""
        return self.snapshot.origin(path)

    def explain(
        self,
        target: str,
        *,
        need: Sequence[str] | str | None = None,
        need_any: Sequence[str] | str | None = None,
        prefer: Sequence[str] | str | None = None,
    ) -> ValueExplanation | Explanation:
        """Return why a value (`server.port`) or a component (`adapter:cache`) is what it is.

        Raises:
            UnknownPathError: No value has this path.
            NoCandidateError: No component has this name.
        """
        domain, colon, key = target.partition(":")
        if not colon:
            return self.snapshot.explain(target)
        if domain not in DOMAINS:
            raise UsageError(
                Fault("bad-target", f"unknown domain `{domain}`", fix=did_you_mean(domain, DOMAINS))
            )
        found = self.registry.explain(domain, key, need, need_any, prefer)
        if not found.ranking and not found.rejected and found.problem is not None:
            raise NoCandidateError(found.problem)
        return found

    def why_not(self, target: str, provider: str, *, layer: str = "session") -> WhyNot:
        """Return the change that would let *provider* provide the component *target*.

        Args:
            target: `domain:key`.
            provider: Who shall win.
            layer: Where changes go; where a higher one stands in the way, that one is named.
        """
        domain, _, key = target.partition(":")
        return placed(self.registry.why_not(domain, key, provider), self.snapshot, layer)

    def what_if(self, target: str, **facts: Any) -> Explanation:
        """Return what `explain` would say of a component if a few facts were others.

        Nothing changes; `plan` tells what a change of the configuration would do.

        Args:
            target: `domain:key`.
            facts: `select=`, `priority=`, `flags=`, `need=`, `need_any=` and `prefer=`, as
                `Registry.what_if` takes them.

        Raises:
            NoCandidateError: There is no such component, or no such candidate of it.
        """
        domain, _, key = self._known(target).partition(":")
        return self.registry.what_if(domain, key, **facts)

    def candidates(self, domain: str | None = None) -> Listing:
        """Return all candidates, or those of one domain; where they run, also how they are."""
        found = self.registry.current.listing(domain)
        return self._run().told(found) if self.is_running() else found

    @overload
    def diff(self, left: str, right: str) -> ValueDiff | ManifestDiff: ...

    @overload
    def diff(
        self,
        left: str | os.PathLike[str] | Manifest,
        right: os.PathLike[str] | Manifest,
    ) -> ManifestDiff: ...

    @overload
    def diff(self, left: os.PathLike[str] | Manifest, right: str) -> ManifestDiff: ...

    def diff(
        self,
        left: str | os.PathLike[str] | Manifest,
        right: str | os.PathLike[str] | Manifest,
    ) -> ValueDiff | ManifestDiff:
        """Return in what two configurations, or two manifests, differ.

        Args:
            left: A configuration: `now`, `profile:prod`, profiles together (`profile:prod+eu`),
                the workspace at another revision (`git:HEAD~3`) or a lock file
                (`file:oneiric.lock.json`). Or a manifest: a path that ends in `.oneiric.json`,
                `.toml`, `.yaml` or `.json`, or one that was read.
            right: The other one. Beside a manifest, `now` is what the workspace has of it.

        Raises:
            UsageError: A side is none of these, or only one is a manifest.
            InvalidConfigError: A side has faults.
            ManifestError: So does a manifest.
        """
        if is_manifest(left) or is_manifest(right):
            allowed = self.settings.plugins.allow_factories
            return manifest_diff(left, right, self.registry, allowed)
        with ExitStack() as held:
            a, b = (side(self.snapshot, str(name), held) for name in (left, right))
            return ValueDiff(str(left), str(right), changed_values(a, b))

    # --- releases -----------------------------------------------------------------------

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
            ManifestError: Its schema does not take the manifest, or it is of upstream's form;
                nothing was kept.
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

    # --- from elsewhere -----------------------------------------------------------------

    @property
    def _remote(self) -> Syncing:
        if self._syncing is None:
            from ._syncing import Syncing  # noqa: PLC0415 - most workspaces have no sources

            self._syncing = Syncing(self, lambda: self.snapshot)
        return self._syncing

    def sync(self, *, dry_run: bool = False, fetcher: Fetcher | None = None) -> SyncReport:
        """Bring what the sources of the table `remote` have, and enter it.

        Source by source: manifest and bundle are fetched, verified by what is trusted here,
        their artifacts fetched, all of it validated, and then one generation is published.
        Where anything is wrong nothing changes, and the last good release stays in force; the
        report says why. Inside a running event loop it works on the lab's own thread.

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
        job = self._jobs().submit(
            lambda ctx: self.async_sync(dry_run=dry_run, fetcher=fetcher), name="sync"
        )
        return job.result()

    async def async_sync(
        self, *, dry_run: bool = False, fetcher: Fetcher | None = None
    ) -> SyncReport:
        """Do what `sync` does, in the event loop of the caller."""
        return await self._remote.sync(dry_run=dry_run, fetcher=fetcher)

    async def keep_synced(
        self, *, fetcher: Fetcher | None = None
    ) -> AsyncGenerator[SyncReport, None]:
        """Sync each source at its interval, for as long as the caller listens.

        Yields:
            What each sync did; whatever goes wrong is told there, and ends nothing.
        """
        import anyio  # noqa: PLC0415 - most workspaces have no sources

        async with aclosing(self._remote.loop(sleep=anyio.sleep, fetcher=fetcher)) as reports:
            async for report in reports:
                yield report

    def remote_status(self) -> RemoteStatus:
        """Return how the sources stand, their last good releases and their last attempts."""
        return self._remote.status()

    # --- changes ------------------------------------------------------------------------

    def plan(
        self,
        changes: Mapping[str, object] | Sequence[str] | str = (),
        *,
        layer: str = "session",
        unset: Sequence[str] = (),
        name: str = "session",
        source: str = "<plan>",
    ) -> Plan:
        """Return what *changes* would do; nothing is applied.

        Args:
            changes: Path to value, `path=value` texts, or a TOML text.
            layer: `session`, `project`, `local`, `user`, `profile:NAME` or a layer's file.
            unset: Paths to remove from that layer.
            name: How messages call a session value.
            source: How messages call a TOML text, such as its file.
        """
        proposal = propose(
            self.snapshot, changes, layer=layer, unset=unset, name=name, source=source
        )
        if proposal.next is None:
            return Plan(proposal, None, (), proposal.problems, self._apply, self._aapply)
        generation = self.registry.preview(rules=self._rules(proposal.next))
        components = tuple(self.registry.current.diff(generation).changes)
        known = {(p.code, p.message) for p in self.registry.current.problems()}
        fresh = [p for p in generation.problems() if (p.code, p.message) not in known]
        problems = (*proposal.problems, *fresh)
        return Plan(proposal, generation, components, problems, self._apply, self._aapply)

    def _rules(self, snapshot: Snapshot) -> Rules:
        return replace(rules_of(snapshot), quarantined=self.registry.current.rules.quarantined)

    def _apply(self, plan: Plan) -> Applied:
        run = self._running
        if run is None or not run.moving(self._next(plan)[1]):
            return self._publish_plan(plan)
        if run.life.owns_thread():
            applied = self._publish_plan(plan)
            return replace(applied, behind=tuple(run.moving(self.registry.current)))
        found: Applied = run.call(self._aapply(plan), lambda: False)
        return found

    async def _aapply(self, plan: Plan) -> Applied:
        after, generation = self._next(plan)
        publish = partial(self._publish_plan, plan)
        return await self._run().apply(after, generation, publish)

    def _next(self, plan: Plan) -> tuple[Snapshot, Generation]:
        """Return what a plan leads to from where things stand now."""
        after = rebase(plan.proposal, self.snapshot)
        return after, self.registry.preview(rules=self._rules(after))

    def _publish_plan(self, plan: Plan) -> Applied:
        proposal = plan.proposal
        entry, after = None, rebase(proposal, self.snapshot)
        if proposal.files:
            entry = write(self.store, self.root, proposal, "apply")
            # What is in force is what the files say now, read from them.
            after = load(after.inputs, previous=self.snapshot)
        self._publish(after)
        self.registry.configure(self._rules(after))
        return Applied(
            "apply",
            entry,
            tuple(v.as_dict() for v in proposal.values),
            plan.components,
            tuple(f.shown for f in proposal.files),
            proposal.layer,
        )

    def save(self, changes: Mapping[str, object], *, layer: str = "project") -> Applied:
        """Write *changes* to a layer's file: plan and apply in one step."""
        return self.plan(changes, layer=layer).apply()

    def undo(self) -> Applied:
        """Give the files of the last change their exact former bytes.

        Raises:
            UsageError: There is nothing to take back.
            StaleFileError: A file changed since; it is left as it is.
        """
        before = self.snapshot
        entry, number, files = take_back(self.store, self.root)
        self.reload()
        values = tuple(v.as_dict() for v in changed_values(before, self.snapshot))
        return Applied("undo", number, values, (), tuple(files), entry.layer)

    def freeze(self, path: str | os.PathLike[str] = LOCK) -> Frozen:
        """Write values and winners, as they are now, to a lock file; secrets as references.

        The same state gives the same bytes; `Lab.from_lock` opens it without any layer.

        Raises:
            FileAccessError: It cannot be written.
        """
        return write_lock(self.snapshot, self.registry.current, self.root / path, os.fspath(path))

    def check_lock(self, path: str | os.PathLike[str] = LOCK) -> Frozen:
        """Return in what the workspace differs from its lock file.

        Raises:
            FileAccessError: There is none.
            LockMismatchError: It is no lock file, or was altered.
        """
        file = self.root / path
        locked = read_lock(file, self.snapshot.inputs)
        held = winners(self.registry.current)
        faults = mismatches(locked, self.snapshot, held, name=file.name)
        found = digest(read(file, shown=file.name).data)
        values = len(locked.snapshot.paths())
        return Frozen(os.fspath(path), found, values, len(locked.components), tuple(faults))

    def history(self, limit: int = 50) -> History:
        """Return what was changed, the newest first."""
        return History(tuple(settled(self.store, limit)))

    async def watch(
        self, *, interval: float = 0.5, stop: anyio.Event | None = None
    ) -> AsyncGenerator[Reloaded, None]:
        """Load what the files say whenever one changes, for as long as the caller listens.

        Meanwhile this process acts on what is wanted of its components, within a second, and
        the store says what is so in it; see `reconcile`.

        Args:
            interval: Seconds between two looks where the system tells of no change.
            stop: Ends the iteration when set.

        Yields:
            What changed; or the faults for which the last good configuration stays.
        """
        from oneiric_lab.files import watch  # noqa: PLC0415 - who watches has a loop

        from ._running import serving  # noqa: PLC0415 - see above

        changes = watch(lambda: set(followed(self.snapshot)), interval=interval, stop=stop)
        async with serving(self._run()), aclosing(changes):
            async for paths in changes:
                names = tuple(sorted(self._named(path) for path in paths))
                before, generation = self.snapshot, self.registry.current
                try:
                    after = self.reload()
                except OneiricError as error:
                    yield Reloaded(names, faults=error.faults)
                    continue
                yield Reloaded(
                    names,
                    changed_values(before, after),
                    tuple(generation.diff(self.registry.current).changes),
                )

    def _named(self, path: Path) -> str:
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            return str(path)

    def reload(self) -> Snapshot:
        """Read the layers again and publish; on a fault the last good snapshot stays.

        Raises:
            InvalidConfigError: With every fault; nothing was changed.
        """
        snapshot = load(self.snapshot.inputs, previous=self.snapshot)
        self._publish(snapshot)
        self.registry.configure(self._rules(snapshot))
        return snapshot

    @contextmanager
    def override(self, changes: Mapping[str, object]) -> Iterator[Self]:
        """Hold *changes* in the session layer for the time of the block.

        Raises:
            InvalidConfigError: They have problems; nothing was changed.
        """
        before, rules = self.snapshot, self.registry.current.rules
        # For a block: what runs is not swapped for it.
        replace(self.plan(changes, name="override"), _apply=self._publish_plan).apply()
        try:
            yield self
        finally:
            self._publish(before)
            self.registry.configure(rules)

    # --- components ---------------------------------------------------------------------

    def component(
        self, target: str, *, provider: str | None = None, **facts: Any
    ) -> Callable[[Any], Any]:
        """Declare a component of this lab; the decorated factory is returned as it is."""

        def add(factory: Any) -> Any:
            self.registry.add(candidate_of(target, factory, provider, **facts))
            return factory

        return add

    def probe(
        self,
        target: str | None = None,
        provider: str | None = None,
        *,
        timeout: float = TIMEOUT,
        cancelled: Callable[[], bool] | None = None,
        done: Callable[[int, int, str], None] | None = None,
    ) -> Probed:
        """Import the factories of candidates, each in a process of its own under a limit.

        Who fails goes into quarantine with what happened; who was in it and is sound now
        comes out. Both are remembered by the workspace where it can be written.

        Args:
            target: The component; None is every one.
            provider: The provider; None is every one.
            timeout: Seconds for each import.
            cancelled: Asked often; once true, what is left is not tried.
            done: Called after each with how many are done, how many there are, and its name.
        """
        domain, _, key = (target or "").partition(":")
        found = self.registry.current.candidates(domain or None, key or None)
        chosen = [c for c in found if can_be_probed(c) and provider in (None, c.provider)]
        count = iter(range(1, len(chosen) + 1))

        def tell(result: ProbeResult) -> None:
            if done is not None:
                done(next(count), len(chosen), result.request.name)

        rows = try_all(chosen, self.root, timeout=timeout, cancelled=cancelled, done=tell)
        before = self.registry.current.rules.quarantined
        after = dict(before)
        for candidate, result in rows:
            if result.ok:
                after.pop(candidate.identity, None)
            elif result.kind != "cancelled":
                after[candidate.identity] = result.detail or result.kind
        released = tuple(c for c, _ in rows if c.identity in before and c.identity not in after)
        self.registry.configure(replace(self.registry.current.rules, quarantined=after))
        notice = None
        try:
            remember(self.store, rows)
        except OneiricError as error:
            notice = replace(error.faults[0], severity="warning")
        return Probed(tuple(rows), released, notice)

    def handle(
        self, target: str, *, need: Any = None, need_any: Any = None, prefer: Any = None
    ) -> Handle:
        """Return a question whose `candidate` follows every publish."""
        domain, _, key = target.partition(":")
        return self.registry.handle(domain, key, need, need_any, prefer)

    # --- running ------------------------------------------------------------------------

    def _run(self) -> Running:
        from ._running import Running  # noqa: PLC0415 - what only asks runs nothing

        if self._running is None:
            self._running = Running(self)
        return self._running

    @property
    def lifecycle(self) -> Lifecycle:
        """What runs of this workspace in this process; made when it is asked for first.

        Its limits are those that `[lifecycle]` says; a candidate's settings are those in force
        when it is built. Leaving `with Lab.open(...)` closes nothing of it:
        the loop that uses it does, by `aclose` or `async with lab.running()`.
        """
        return self._run().life

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Lifecycle]:
        """Hold the lifecycle for the time of the block, then close all that runs in it.

        Afterwards `lifecycle` is a new one.
        """
        run = self._run()
        try:
            async with run.life:
                yield run.life
        finally:
            self._running = None
            await run.leave()

    def is_running(self, target: str | None = None) -> bool:
        """Tell whether a loop of this process owns components now.

        Args:
            target: Whether it has this one in force, or paused it; None asks for any loop.
        """
        run = self._running
        if run is None or run.life.known_loop() is None:
            return False
        if target is None:
            return True
        return any(s.target == target and s.state != "idle" for s in run.life.statuses())

    def plan_swap(self, target: str, provider: str, *, layer: str = "session") -> Plan:
        """Return what choosing *provider* for a component would do; nothing is applied.

        Args:
            target: `domain:key`.
            provider: Who shall provide it.
            layer: As `plan` takes it.

        Raises:
            NoCandidateError: No component has this name, or a higher layer chooses another
                one all the same.
            SelectionError: No candidate has this provider, and a higher layer chooses
                another one; where this choice is the one that counts, the plan says so.
        """
        path = self._selection(target)
        plan = self.plan({path: provider}, layer=layer, name="swap")
        after, generation = plan.proposal.next, plan.generation
        if not plan.ok or after is None or generation is None:
            return plan
        winner = generation.winners().get(target)
        if winner is not None and winner.provider == provider:
            return plan
        domain, _, key = target.partition(":")
        known = {c.provider for c in generation.candidates(domain, key)}
        if provider not in known:
            raise unknown_provider(target, provider, known)

        def wins(above: str) -> bool:
            return above != layer and self.plan_swap(target, provider, layer=above).ok

        raise outranked(after, target, provider, path, layer, wins)

    def plan_rollback(self, target: str, *, layer: str | None = None) -> Plan:
        """Return what choosing the former provider again would do; nothing is applied.

        Args:
            target: `domain:key`.
            layer: Where it was chosen; None is the file that last chose.

        Raises:
            NoCandidateError: No component has this name.
            UsageError: The history tells of no choice.
        """
        path = self._selection(target)
        for entry in settled(self.store, 1000):
            if entry.undone_by or (entry.layer == "session" if layer is None else False):
                continue
            for change in entry.changes:
                if change["path"] == path and layer in {None, entry.layer}:
                    old = change["old"]
                    if old is None:
                        return self.plan(layer=entry.layer, unset=[path])
                    return self.plan_swap(target, old, layer=entry.layer)
        raise UsageError(
            Fault(
                "no-rollback",
                f"no provider was chosen for {target} before",
                fix=f"choose one: swap {target} PROVIDER",
            )
        )

    def _known(self, target: str) -> str:
        """Return *target* where there is such a component."""
        domain, colon, key = target.partition(":")
        if not colon or not key or domain not in DOMAINS:
            raise UsageError(
                Fault(
                    "bad-target",
                    f"expected a component, got {target!r}",
                    fix=did_you_mean(target, self.registry.current.keys())
                    or "name it as in adapter:cache",
                )
            )
        found = self.registry.explain(domain, key)
        if not found.ranking and not found.rejected and found.problem is not None:
            raise NoCandidateError(found.problem)
        return target

    def _selection(self, target: str) -> str:
        domain, _, key = self._known(target).partition(":")
        if domain not in TABLES:
            raise UsageError(
                Fault(
                    "bad-target",
                    f"the configuration chooses no provider of a {domain}: {target}",
                    fix="set [flags] says whether one is on",
                )
            )
        return f"{TABLES[domain]}.selections.{key}"

    async def swap(
        self,
        target: str,
        provider: str,
        *,
        why: str = "",
        dry_run: bool = False,
        activate: bool = False,
    ) -> SwapReport | Plan:
        """Choose *provider* for this process, and bring it into force where it runs.

        The choice is a value of the session. If the swap fails, it is taken back: what
        `explain` says and what is in force do not differ.

        Args:
            target: `domain:key`.
            provider: Who shall provide it.
            why: For the history.
            dry_run: Return the plan, and change nothing.
            activate: Bring it into force though no lease did yet.

        Returns:
            What became of it; incarnation 0 where nothing is in force before the first lease.

        Raises:
            NoCandidateError: No component has this name, or another one would win all the
                same.
            InvalidConfigError: There is no such provider.
        """
        if dry_run:
            return self.plan_swap(target, provider)
        self._known(target)
        return await self._run().swap(target, provider, why=why, activate=activate)

    async def rollback(self, target: str) -> SwapReport:
        """Choose whom the last swap in this process replaced, and bring it into force.

        Returns:
            What became of it; refused where nothing was in force before.
        """
        return await self._run().rollback(self._known(target))

    async def pause(self, target: str, *, why: str = "") -> ComponentStatus:
        """Let no lease begin, here and in every process that watches, until it is resumed.

        Raises:
            StoreError: It cannot be written down; nothing was paused.
        """
        await self._run().want(target, "paused", why)
        return self._run().life.slot_of(target).status()

    async def resume(self, target: str, *, why: str = "") -> ComponentStatus:
        """Let leases begin again, here and in every process that watches.

        Raises:
            StoreError: It cannot be written down; nothing was resumed.
        """
        await self._run().want(target, "running", why)
        return self._run().life.slot_of(target).status()

    async def drain(
        self, target: str, *, why: str = "", drain_timeout: float | None = None
    ) -> SwapReport:
        """Let no lease begin, and close what is in force when the last one ends.

        Every process that watches does the same.

        Args:
            target: `domain:key`.
            why: One line.
            drain_timeout: Seconds to wait here; None is `lifecycle.drain_timeout`.

        Raises:
            StoreError: It cannot be written down; nothing was drained.
        """
        return await self._run().drain(target, why, drain_timeout=drain_timeout)

    async def reconcile(self) -> list[SwapReport]:
        """Act once on what is wanted of the components; `watch` does so each half second.

        Wishes of the store are obeyed, and what is in force is swapped to whom the
        configuration chooses. What a bare `lifecycle.swap` chose stays.

        Returns:
            What was drained and swapped.
        """
        return await self._run().reconcile()

    def desire(
        self,
        target: str,
        state: DesiredState,
        *,
        why: str = "",
        dry_run: bool = False,
        here: bool = False,
    ) -> Wished:
        """Write down what is wanted of a component; who watches acts on it.

        Args:
            target: `domain:key`.
            state: `running`, `paused` or `draining`.
            why: One line.
            dry_run: Only show it.
            here: Let leases of this process meet it too, while no loop has taken any.

        Raises:
            NoCandidateError: No component has this name.
            StoreError: It cannot be written down.
        """
        before, who = self.store.desired().get(self._known(target)), _who()
        number = 0 if dry_run else self.store.desire(target, state, who=who, why=why)
        listening = len(self.store.processes(ALIVE))
        found = wished(before, Desired(target, state, who, 0.0, why, number), listening)
        if here and not dry_run:
            self._run().mark(found)
        return found

    def standing(self, target: str | None = None) -> Standing:
        """Return what is wanted of components beside what processes say is so.

        Args:
            target: `domain:key`; None is every component.

        Raises:
            NoCandidateError: No component has this name.
        """
        generation, run = self.registry.current, self._running
        targets = generation.keys() if target is None else [self._known(target)]
        own = run.process() if run is not None and self.is_running() else None
        processes = self.store.processes(ALIVE)
        wishes = self.store.desired()
        elsewhere = self.store.elsewhere
        return standing(generation.winners(), targets, wishes, processes, own, elsewhere)

    def activity(self, target: str | None = None, *, limit: int = 50) -> Deeds:
        """Return what was done to components and wanted of them, the newest first.

        Args:
            target: `domain:key`; None is every component.
            limit: How many rows.
        """
        if target is not None:
            self._known(target)
        if self._running is not None:
            with suppress(StoreError):  # a workspace that cannot be written answers too
                self._running.journal.flush()
        wishes = [w for w in self.store.desires() if target in {None, w.target}]
        return deeds(self.store.activity(limit, target), wishes, limit)

    def wait_for(
        self, work: Coroutine[Any, Any, Any], cancelled: Callable[[], bool] = lambda: False
    ) -> Any:
        """Do *work* on the loop that the components belong to, and wait in another thread.

        Raises:
            UsageError: No such loop runs, or this is its own thread.
        """
        return self._run().call(work, cancelled)

    # --- long work ----------------------------------------------------------------------

    def _jobs(self) -> Owner:
        """Return the one owner of this lab's jobs; its thread begins with the first one."""
        if self._owner is None:
            from oneiric_lab.jobs import Owner  # noqa: PLC0415 - who asks only has no jobs

            self._owner = Owner()
        return self._owner

    def submit(self, work: Callable[[Context], Awaitable[R]], *, name: str | None = None) -> Job[R]:
        """Run *work* as a job of this lab until it ends, or the lab is closed.

        Args:
            work: `async def work(ctx)`, which may call `ctx.progress(done, total, note)`.
            name: What people call it; by default the function's own name.

        Raises:
            UsageError: The lab was closed.
        """
        return self._jobs().submit(work, name=name)

    @property
    def load(self) -> Loads:
        """Load runs: `job = lab.load.run("swap-under-readers", users=100)`."""
        if self._loads is None:
            from ._load import Loads  # noqa: PLC0415 - see above

            self._loads = Loads(self._jobs, self.root)
        return self._loads

    @property
    def ui(self) -> Ui:
        """Widgets for a notebook: `lab.ui.load(job)`, once `%load_ext oneiric_lab` was run."""
        from ._ui import Ui  # noqa: PLC0415 - in a notebook only

        return Ui(self)

    # --- states -------------------------------------------------------------------------

    def check(self, *, all_profiles: bool = False) -> Check:
        """Return whether the workspace is sound, for its profiles or for all of them."""
        if not all_profiles:
            return Check(
                ((self.snapshot.profiles, (*self.problems, *self.registry.current.problems())),)
            )
        sets: list[tuple[str, ...]] = [(), *((p,) for p in self.snapshot.known_profiles)]
        sets += [tuple(c) for c in self.settings.profile.combinations if tuple(c) not in sets]
        rows = []
        for names in sets:
            try:
                after = load(replace(self.snapshot.inputs, profiles=names), previous=self.snapshot)
                faults = tuple(self.registry.preview(rules=rules_of(after)).problems())
            except OneiricError as error:
                faults = error.faults
            rows.append((names, (*self.problems, *faults) if names == () else faults))
        return Check(tuple(rows))

    def status(self) -> Status:
        """Return the first screen: what this workspace is and how it stands."""
        generation = self.registry.current
        faults = (*self.problems, *generation.problems())
        return Status(
            self.root.name,
            self.snapshot.profiles,
            self.snapshot.known_profiles,
            tuple((layer.name, layer.rank, layer.file) for layer in self.snapshot.layers),
            len(self.snapshot.paths()),
            len(generation.keys()),
            sum(1 for _ in generation.candidates()),
            len(generation.winners()),
            tuple(faults),
            self.snapshot.notes,
        )

    def __dir__(self) -> list[str]:
        return sorted(name for name in object.__dir__(self) if not name.startswith("_"))


def _user_dir(environ: Mapping[str, str]) -> Path | None:
    home = environ.get("XDG_CONFIG_HOME") or (
        f"{environ['HOME']}/.config" if "HOME" in environ else ""
    )
    return Path(home) / "oneiric-lab" if home else None
