"""The facade: one workspace, its parts put together."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from oneiric_lab.config import Inputs, load
from oneiric_lab.errors import Fault, UsageError
from oneiric_lab.registry import Registry

from . import _allow
from ._code import code_modules, import_schema
from ._gather import gather, package_defaults
from ._hosting import Hosting
from ._keeping import Keeping
from ._locking import lock_inputs, read_lock, refuse_other_winners, winners
from ._quarantine import remembered
from ._rules import rules_of
from ._writing import store_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from pydantic import BaseModel

    from oneiric_lab.config import Snapshot
    from oneiric_lab.jobs import Context, Job
    from oneiric_lab.registry import Candidate

    from ._actions import ActionRoom
    from ._events import EventRoom
    from ._flows import Workflows
    from ._load import Loads
    from ._lone_tasks import LoneTasks
    from ._ui import Ui

T = TypeVar("T")
R = TypeVar("R")


class Lab(Hosting[T]):
    """One workspace: its values, its components, and what a change would do.

    `Lab.open` starts no thread and writes nothing; a read-only workspace opens too.

    Attributes:
        config: The user's model, validated.
        settings: The built-in tables.
        registry: The candidates.
        snapshot: The effective configuration, with all its questions.
    """

    __slots__ = ()

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
        keeping = Keeping()
        inputs = replace(
            inputs,
            package_defaults=package_defaults(inputs),
            keep_secrets=keeping,
            secret_component=keeping.ask,
        )
        if schema is None:
            inputs = replace(inputs, schema=import_schema(inputs, trusted=trusted))
        snapshot = load(inputs)
        modules = code_modules(snapshot)
        if modules and not trusted and not _allow.is_allowed(folder, modules, own):
            raise _allow.refuse(folder, modules, snapshot.origin("plugins"))
        candidates, warnings = gather(snapshot)
        quarantined, damage = remembered(store_of(inputs))
        registry = Registry(rules=replace(rules_of(snapshot), quarantined=quarantined))
        registry.add(*candidates, *_flows_of(snapshot))
        return cls(snapshot, registry, (*warnings, *damage), trusted=trusted)

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
        keeping = Keeping()
        inputs = replace(
            lock_inputs(file.parent, own), keep_secrets=keeping, secret_component=keeping.ask
        )
        locked = read_lock(file, inputs, schema=schema, trusted=trusted)
        snapshot = locked.snapshot
        modules = code_modules(snapshot)
        if modules and not trusted and not _allow.is_allowed(file.parent, modules, own):
            raise _allow.refuse(file.parent, modules, snapshot.origin("plugins"))
        candidates, warnings = gather(snapshot)
        quarantined, damage = remembered(store_of(inputs))
        registry = Registry(rules=replace(rules_of(snapshot), quarantined=quarantined))
        registry.add(*candidates, *_flows_of(snapshot))
        refuse_other_winners(locked, winners(registry.current), file.name)
        return cls(snapshot, registry, (*warnings, *damage), trusted=trusted)

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
    def actions(self) -> ActionRoom:
        """Actions in this process: `lab.actions.list()`, `await lab.actions.invoke("hash", it)`."""
        if self._actions is None:
            from ._actions import ActionRoom  # noqa: PLC0415 - most questions call nothing

            self._actions = ActionRoom(self)
        return self._actions

    async def invoke(self, target: str, payload: Any = None) -> Any:
        """Call an action, and return what it returned.

        Args:
            target: `action:key`.
            payload: What it is given.

        Raises:
            NoCandidateError: There is no such action.
            UsageError: *target* is no action, or the payload is not what it takes.
            ActionError: It failed, took too long, or was not allowed to.
        """
        from ._actions import known_target  # noqa: PLC0415 - see above

        return (await self.actions.invoke(known_target(target), payload)).value

    @property
    def events(self) -> EventRoom:
        """Events in this process: `lab.events.on("order-placed", handler)`, `emit`, `dead`."""
        if self._events is None:
            from ._events import EventRoom  # noqa: PLC0415 - most questions are about no events

            self._events = EventRoom(self)
        return self._events

    @property
    def workflows(self) -> Workflows:
        """Workflows of the workspace: `run = await lab.workflows.run("nightly")`."""
        if self._workflows is None:
            from ._flows import Workflows  # noqa: PLC0415 - see above

            self._workflows = Workflows(self)
        return self._workflows

    @property
    def tasks(self) -> LoneTasks:
        """Tasks of the workspace, each run alone: `await lab.tasks.run("report")`."""
        from ._lone_tasks import LoneTasks  # noqa: PLC0415 - see above

        return LoneTasks(self, self.workflows)

    @property
    def ui(self) -> Ui:
        """Widgets for a notebook: `lab.ui.load(job)`, once `%load_ext oneiric_lab` was run."""
        from ._ui import Ui  # noqa: PLC0415 - in a notebook only

        return Ui(self)


def _flows_of(snapshot: Snapshot) -> list[Candidate]:
    """Return the workflows that the configuration says: of the first generation already."""
    if not snapshot.settings.workflows.dags:
        return []
    from ._flow_dags import dag_candidates  # noqa: PLC0415 - most say none

    return dag_candidates(snapshot)


def _user_dir(environ: Mapping[str, str]) -> Path | None:
    home = environ.get("XDG_CONFIG_HOME") or (
        f"{environ['HOME']}/.config" if "HOME" in environ else ""
    )
    return Path(home) / "oneiric-lab" if home else None
