"""The facade: one workspace, its parts put together."""

from __future__ import annotations

import getpass
import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from oneiric_lab.config import Inputs, PackageDefaults, Snapshot, changed_values, load, propose
from oneiric_lab.errors import (
    Fault,
    InvalidCandidateError,
    InvalidConfigError,
    OneiricError,
    Origin,
    RegistryError,
    StaleFileError,
    UsageError,
    did_you_mean,
)
from oneiric_lab.files import lock, write_atomic
from oneiric_lab.plugins import discover
from oneiric_lab.registry import (
    DOMAINS,
    TABLES,
    Candidate,
    Choice,
    Registry,
    Rules,
    collect,
    component,
    read_descriptor,
)
from oneiric_lab.store import FileChange, Store

from . import _allow
from ._plan import Applied, Plan
from ._results import Check, History, Status, ValueDiff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from pydantic import BaseModel

    from oneiric_lab.config import Proposal, ValueExplanation
    from oneiric_lab.registry import Explanation, Handle, Listing, WhyNot

T = TypeVar("T")
_OWN_NAME = "oneiric_lab.components"
_OWN = Path(__file__).resolve().parent.parent / "components"


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
        self.store = Store(self.root / ".oneiric")
        self._trusted = trusted
        self._publish(snapshot)

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
            package_defaults=_package_defaults(),
            schema=schema,
        )
        if schema is None:
            inputs = replace(inputs, schema=_schema(inputs, trusted=trusted))
        snapshot = load(inputs)
        modules = code_modules(snapshot)
        if modules and not trusted and not _allow.is_allowed(folder, modules, own):
            raise _allow.refuse(folder, modules, snapshot.origin("plugins"))
        registry = Registry(rules=rules_of(snapshot))
        problems = _fill(registry, snapshot)
        return cls(snapshot, registry, tuple(problems), trusted=True)

    @classmethod
    def sample(cls, *, profiles: Sequence[str] | None = None, **options: Any) -> Lab[Any]:
        """Open a private copy of the sample workspace, removed when the process ends."""
        from ._sample import copy_sample  # noqa: PLC0415 - tutorials and trials only

        options.setdefault("environ", {})
        return cls.open(copy_sample(), profiles=profiles, trusted=True, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    def __repr__(self) -> str:
        active = ", ".join(self.snapshot.profiles) or "no profile"
        return f"<Lab: {self.root.name}, {active}, {len(self.registry.current.keys())} components>"

    def _publish(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.settings = snapshot.settings
        self.config = snapshot.config

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
            from oneiric_lab.errors import NoCandidateError  # noqa: PLC0415 - a failure

            raise NoCandidateError(found.problem)
        return found

    def why_not(self, target: str, provider: str) -> WhyNot:
        """Return the change that would let *provider* provide the component *target*."""
        domain, _, key = target.partition(":")
        return self.registry.why_not(domain, key, provider)

    def candidates(self, domain: str | None = None) -> Listing:
        """Return all candidates, or those of one domain."""
        return self.registry.current.listing(domain)

    def diff(self, left: str, right: str) -> ValueDiff:
        """Return the values in which two configurations differ.

        Args:
            left: `now`, `profile:prod`, or profiles together: `profile:prod+eu`.
            right: The other one.
        """
        return ValueDiff(left, right, changed_values(self._side(left), self._side(right)))

    def _side(self, name: str) -> Snapshot:
        kind, _, rest = name.partition(":")
        if name == "now":
            return self.snapshot
        if kind != "profile":
            raise UsageError(
                Fault(
                    "bad-side",
                    f"{name!r} is no configuration",
                    fix="now, profile:prod or profile:a+b",
                )
            )
        names = tuple(part for part in rest.split("+") if part)
        return load(replace(self.snapshot.inputs, profiles=names), previous=self.snapshot)

    # --- changes ------------------------------------------------------------------------

    def plan(
        self,
        changes: Mapping[str, object] | Sequence[str] | str = (),
        *,
        layer: str = "session",
        unset: Sequence[str] = (),
        name: str = "session",
    ) -> Plan:
        """Return what *changes* would do; nothing is applied.

        Args:
            changes: Path to value, `path=value` texts, or a TOML text.
            layer: `session`, `project`, `local`, `user`, `profile:NAME` or a layer's file.
            unset: Paths to remove from that layer.
            name: How messages call a session value.
        """
        proposal = propose(self.snapshot, changes, layer=layer, unset=unset, name=name)
        if proposal.next is None:
            return Plan(proposal, None, (), proposal.problems, self._apply)
        generation = self.registry.preview(rules=self._rules(proposal.next))
        components = tuple(self.registry.current.diff(generation).changes)
        known = {(p.code, p.message) for p in self.registry.current.problems()}
        fresh = [p for p in generation.problems() if (p.code, p.message) not in known]
        return Plan(proposal, generation, components, (*proposal.problems, *fresh), self._apply)

    def _rules(self, snapshot: Snapshot) -> Rules:
        return replace(rules_of(snapshot), quarantined=self.registry.current.rules.quarantined)

    def _apply(self, plan: Plan, verb: str = "apply", undoes: int | None = None) -> Applied:
        proposal = plan.proposal
        entry = self._write(proposal, verb, undoes) if proposal.files else None
        after = proposal.next
        if proposal.files and after is not None:
            # What is in force is what the files say now, read from them.
            after = load(after.inputs, previous=self.snapshot)
        if after is not None:
            self._publish(after)
            self.registry.configure(self._rules(after))
        return Applied(
            verb,
            entry,
            tuple(v.as_dict() for v in proposal.values),
            plan.components,
            tuple(f.shown for f in proposal.files),
            proposal.layer,
        )

    def _write(self, proposal: Proposal, verb: str, undoes: int | None) -> int:
        """Write all files or none, and keep their former bytes."""
        done: list[Any] = []
        with lock(self.root / ".oneiric" / "lock"):
            self._ignore_state()
            try:
                for file in proposal.files:
                    write_atomic(file.path, file.after, expect=file.expect, shown=file.shown)
                    done.append(file)
                return self.store.record(
                    verb,
                    proposal.layer,
                    ", ".join(v.path for v in proposal.values) or "no effective value",
                    who=_who(),
                    changes=[v.as_dict() for v in proposal.values],
                    files=[FileChange(f.path, f.before, f.after) for f in proposal.files],
                    undoes=undoes,
                )
            except OneiricError:
                for file in done:
                    _restore(file.path, file.before)
                raise

    def _ignore_state(self) -> None:
        ignore = self.root / ".oneiric" / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    def save(self, changes: Mapping[str, object], *, layer: str = "project") -> Applied:
        """Write *changes* to a layer's file: plan and apply in one step."""
        return self.plan(changes, layer=layer).apply()

    def undo(self) -> Applied:
        """Give the files of the last change their exact former bytes.

        Raises:
            UsageError: There is nothing to take back.
            StaleFileError: A file changed since; it is left as it is.
        """
        entry = self.store.undoable()
        if entry is None:
            raise UsageError("there is no change to take back", fix="history shows what was done")
        files = self.store.files(entry.id)
        for file in files:
            now = file.path.read_bytes() if file.path.exists() else None
            if now != file.after:
                raise StaleFileError(
                    Fault(
                        "stale-file",
                        f"{file.path.name} changed since entry {entry.id} wrote it",
                        Origin("", file.path.name),
                        fix="take the later change back first, by hand or from version control",
                    )
                )
        before = self.snapshot
        with lock(self.root / ".oneiric" / "lock"):
            for file in files:
                _restore(file.path, file.before)
            number = self.store.record(
                "undo",
                entry.layer,
                f"entry {entry.id}: {entry.summary}",
                who=_who(),
                files=[FileChange(f.path, f.after, f.before) for f in files],
                undoes=entry.id,
            )
        self.reload()
        values = tuple(v.as_dict() for v in changed_values(before, self.snapshot))
        return Applied("undo", number, values, (), tuple(f.path.name for f in files), entry.layer)

    def history(self, limit: int = 50) -> History:
        """Return what was changed, the newest first."""
        return History(tuple(self.store.history(limit)))

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
        self.plan(changes, name="override").apply()
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
            from oneiric_lab.registry import declared  # noqa: PLC0415 - at declaration only

            component(target, provider=provider, **facts)(factory)
            self.registry.add(declared(factory))
            return factory

        return add

    def handle(
        self, target: str, *, need: Any = None, need_any: Any = None, prefer: Any = None
    ) -> Handle:
        """Return a question whose `candidate` follows every publish."""
        domain, _, key = target.partition(":")
        return self.registry.handle(domain, key, need, need_any, prefer)

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


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def _restore(path: Path, before: bytes | None) -> None:
    if before is None:
        path.unlink(missing_ok=True)
    else:
        write_atomic(path, before)


def _user_dir(environ: Mapping[str, str]) -> Path | None:
    home = environ.get("XDG_CONFIG_HOME") or (
        f"{environ['HOME']}/.config" if "HOME" in environ else ""
    )
    return Path(home) / "oneiric-lab" if home else None


def _package_defaults() -> tuple[PackageDefaults, ...]:
    out = []
    for found in discover():
        if found.folder is not None and (found.folder / "defaults.toml").is_file():
            file = f"{found.package}/defaults.toml"
            out.append(
                PackageDefaults(found.package, file, (found.folder / "defaults.toml").read_bytes())
            )
    return tuple(out)


def code_modules(snapshot: Snapshot) -> list[str]:
    """Return the modules of the workspace that opening it would import, or allow to run."""
    settings = snapshot.settings
    names = [*settings.plugins.modules, *settings.plugins.packages]
    model = settings.schema_.model
    if model:
        names.append(model.partition(":")[0])
    root = snapshot.inputs.root
    tops = {name.partition(".")[0] for name in names}
    inside = {top for top in tops if (root / top).is_dir() or (root / f"{top}.py").is_file()}
    return sorted({name for name in names if name.partition(".")[0] in inside})


def _schema(inputs: Inputs, *, trusted: bool) -> type[BaseModel] | None:
    """Return the model that `[schema] model` names, imported once it was allowed."""
    bare = load(replace(inputs, schema=None, environ=_built_in_only(inputs.environ)))
    name = bare.settings.schema_.model
    if name is None:
        return None
    modules = code_modules(bare)
    origin = bare.origin("schema.model")
    if modules and not trusted and not _allow.is_allowed(inputs.root, modules, inputs.environ):
        raise _allow.refuse(inputs.root, modules, origin)
    from pydantic import BaseModel  # noqa: PLC0415 - loaded with the settings

    try:
        model = _allow.load_object(inputs.root, name)
    except (Exception, SystemExit) as error:
        raise InvalidConfigError(
            Fault(
                "schema-import",
                f"cannot import the schema {name}: {type(error).__name__}: {error}",
                origin,
                fix="write [schema] model as package.module:Model",
            )
        ) from error
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise InvalidConfigError(
            Fault(
                "schema-type",
                f"{name} is {type(model).__name__}, expected a pydantic model",
                origin,
                fix="name a class derived from pydantic.BaseModel",
            )
        )
    return model


def _built_in_only(environ: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environ.items() if k.startswith("ONEIRIC_")}


def rules_of(snapshot: Snapshot) -> Rules:
    """Return what the configuration says about components, each word with its place."""
    settings = snapshot.settings
    selections: dict[str, dict[str, Choice]] = {}
    constraints: dict[str, dict[str, Choice]] = {}
    for domain, table in TABLES.items():
        said = getattr(settings, table)
        for name, out in (("selections", selections), ("constraints", constraints)):
            values = getattr(said, name)
            if values:
                out[domain] = {
                    key: Choice(value, snapshot.origin((table, name, key)))
                    for key, value in values.items()
                }
    order = tuple(settings.stack.order)
    variable = snapshot.inputs.environ.get("ONEIRIC_STACK_ORDER", "")
    if variable:
        order = tuple(name.strip() for name in variable.split(",") if name.strip())
    return Rules(selections, constraints, settings.flags, order, strict=settings.stack.strict)


def _fill(registry: Registry, snapshot: Snapshot) -> list[Fault]:
    """Add what plugins, packages and modules declare; return what is wrong with any."""
    settings, root = snapshot.settings, snapshot.inputs.root
    faults: list[Fault] = []
    found: list[Candidate] = []
    if settings.plugins.auto_load:
        for plugin in discover():
            if (
                plugin.package in settings.plugins.disabled
                or plugin.distribution in settings.plugins.disabled
            ):
                continue
            if plugin.descriptor is None:
                faults.append(
                    Fault(
                        "plugin",
                        f"plugin {plugin.distribution}: {plugin.problem}",
                        Origin(f"plugin:{plugin.package}", plugin.location),
                        severity="warning",
                    )
                )
                continue
            try:
                found += read_descriptor(
                    plugin.descriptor,
                    shown=plugin.location,
                    source="plugin",
                    package=plugin.package,
                    version=plugin.version,
                ).candidates
            except OneiricError as error:
                faults += [replace(f, severity="warning") for f in error.faults]
    for package in settings.plugins.packages:
        inside = root / package.replace(".", "/") / "oneiric-plugin.toml"
        # Our own package is taken by name, since a workspace need not copy it.
        file = _OWN / "oneiric-plugin.toml" if package == _OWN_NAME else inside
        try:
            data = file.read_bytes()
        except OSError as error:
            faults.append(
                Fault(
                    "package",
                    f"package {package} has no readable oneiric-plugin.toml: {error.strerror}",
                    snapshot.origin("plugins.packages"),
                )
            )
            continue
        shown = inside.relative_to(root).as_posix()
        found += read_descriptor(
            data,
            shown=shown,
            source="package",
            package=package,
            allowed=settings.plugins.allow_factories,
        ).candidates
    for module in settings.plugins.modules:
        try:
            found += collect(_allow.load_object(root, module))
        except InvalidCandidateError:
            raise
        except (Exception, SystemExit) as error:
            raise RegistryError(
                Fault(
                    "module-import",
                    f"cannot import {module}: {type(error).__name__}: {error}",
                    snapshot.origin("plugins.modules"),
                    fix="mend it, or take it out of plugins.modules",
                )
            ) from error
    registry.add(*found)
    return faults
