"""What all of a lab stands on: the snapshot, the registry and what is made when first asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Generic, Self, TypeVar, cast

from oneiric_lab.errors import Fault, NoCandidateError, UsageError, did_you_mean
from oneiric_lab.registry import DOMAINS, Registry

from ._keeping import Keeping
from ._rules import rules_of
from ._writing import store_of

if TYPE_CHECKING:
    from types import TracebackType

    from oneiric_lab.config import Snapshot
    from oneiric_lab.jobs import Owner
    from oneiric_lab.registry import Rules
    from oneiric_lab.runtime import Telemetry, Watching

    from ._actions import ActionRoom
    from ._events import EventRoom
    from ._flows import Workflows
    from ._here import Opened
    from ._host import WorkspaceHost
    from ._load import Loads
    from ._running import Running
    from ._secrets import Secrets
    from ._syncing import Syncing

T = TypeVar("T")


class Workspace(Generic[T]):
    """The state of one workspace; `Lab` is what is used."""

    __slots__ = (
        "_actions",
        "_events",
        "_hosted",
        "_loads",
        "_owner",
        "_room",
        "_running",
        "_syncing",
        "_telemetry",
        "_trusted",
        "_watching",
        "_workflows",
        "config",
        "keeping",
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
        kept = snapshot.inputs.keep_secrets
        self.keeping = kept if isinstance(kept, Keeping) else Keeping()
        self._room: Secrets | None = None
        self._running: Running | None = None
        self._owner: Owner | None = None
        self._loads: Loads | None = None
        self._events: EventRoom | None = None
        self._actions: ActionRoom | None = None
        self._syncing: Syncing | None = None
        self._telemetry: Telemetry | None = None
        self._workflows: Workflows | None = None
        self._watching: Watching | None = None
        self._hosted: WorkspaceHost | None = None
        self._publish(snapshot)
        self.keeping.bind(self)
        if snapshot.settings.remote.enabled:
            self.problems = (*problems, *self._remote.restore())

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

    def __dir__(self) -> list[str]:
        return sorted(name for name in object.__dir__(self) if not name.startswith("_"))

    def _publish(self, snapshot: Snapshot) -> None:
        self._enter_dags(snapshot)
        self.snapshot = snapshot
        self.settings = snapshot.settings
        self.config = snapshot.config
        if self._running is not None:
            self._running.configured()

    def _enter_dags(self, snapshot: Snapshot) -> None:
        """Enter the workflows that the configuration says, or raise before anything changes."""
        before = getattr(self, "snapshot", None)
        said = snapshot.settings.workflows.dags
        if said or (before is not None and before.settings.workflows.dags):
            from ._flow_dags import enter_dags  # noqa: PLC0415 - most say none

            enter_dags(self.registry, snapshot)

    def _rules(self, snapshot: Snapshot) -> Rules:
        return replace(rules_of(snapshot), quarantined=self.registry.current.rules.quarantined)

    def _run(self) -> Running:
        from ._running import Running  # noqa: PLC0415 - what only asks runs nothing

        if self._running is None:
            # Who opens a workspace opens a whole lab.
            self._running = Running(cast("Opened", self))
        return self._running

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

    def _jobs(self) -> Owner:
        """Return the one owner of this lab's jobs; its thread begins with the first one."""
        if self._owner is None:
            from oneiric_lab.jobs import Owner  # noqa: PLC0415 - who asks only has no jobs

            self._owner = Owner()
        return self._owner

    @property
    def _remote(self) -> Syncing:
        if self._syncing is None:
            from ._syncing import Syncing  # noqa: PLC0415 - most workspaces have no sources

            self._syncing = Syncing(self, lambda: self.snapshot)
        return self._syncing

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
