"""Plan, apply, undo: how values and candidates of a workspace change."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from oneiric_lab.config import Snapshot, changed_values, load, mismatches, propose, rebase
from oneiric_lab.errors import OneiricError, UsageError
from oneiric_lab.files import digest, read
from oneiric_lab.plugins import TIMEOUT
from oneiric_lab.registry import candidate_of

from ._asking import Asking
from ._following import refuse_without_project
from ._gather import gather_anew, replace_gathered
from ._locking import LOCK, Frozen, read_lock, winners, write_lock
from ._plan import Applied, Plan
from ._quarantine import Probed, can_be_probed, remember, try_all
from ._results import History
from ._said import resettled
from ._writing import settled, take_back, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from oneiric_lab.errors import Fault
    from oneiric_lab.plugins import ProbeResult
    from oneiric_lab.registry import Generation


T = TypeVar("T")


class Changing(Asking[T]):
    """Changes of a workspace."""

    __slots__ = ()

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
        chosen = self.registry.current.diff(generation).changes
        moved = {row["target"] for row in chosen}
        said, after = self.settings, proposal.next.settings
        components = (*chosen, *resettled(said, after, generation, moved))
        known = {(p.code, p.message) for p in self.registry.current.problems()}
        fresh = [p for p in generation.problems() if (p.code, p.message) not in known]
        problems = (*proposal.problems, *fresh, *self._dag_faults(proposal.next))
        order = () if self._running is None else self._running.order(generation, after)
        return Plan(proposal, generation, components, problems, self._apply, self._aapply, order)

    def _dag_faults(self, after: Snapshot) -> list[Fault]:
        if not after.settings.workflows.dags:
            return []
        from ._flow_dags import dag_faults_of  # noqa: PLC0415 - most say none

        return dag_faults_of(after)

    def _apply(self, plan: Plan) -> Applied:
        run = self._running
        if run is None:
            return self._publish_plan(plan)
        after, generation = self._next(plan)
        if not run.moving(generation, after.settings):
            return run.waiting(self._publish_plan(plan))
        if run.life.owns_thread():
            applied = self._publish_plan(plan)
            return run.waiting(replace(applied, behind=tuple(run.moving(self.registry.current))))
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

    def reload(self, *, descriptors: bool = False) -> Snapshot:
        """Read the layers again and publish; on a fault the last good snapshot stays.

        Where what the table `plugins` names changed, its candidates come and go as well.

        Args:
            descriptors: Whether the descriptors of packages and plugins are read again, too.

        Raises:
            InvalidConfigError: With every fault; nothing was changed.
            FileAccessError: The project file is gone; nothing was changed.
            NotAllowedError: Code that may not run is named now; nothing was changed.
            RegistryError: A package or module has faults; nothing was changed.
        """
        snapshot = load(self.snapshot.inputs, previous=self.snapshot)
        refuse_without_project(self.snapshot, snapshot)
        changed = descriptors or snapshot.settings.plugins != self.settings.plugins
        fresh = gather_anew(self.snapshot, snapshot, trusted=self._trusted) if changed else None
        with self.registry.batch():
            if fresh is not None:
                replace_gathered(self.registry, fresh[0])
            self.registry.configure(self._rules(snapshot))
        self._publish(snapshot)
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

        Raises:
            UsageError: The limit is none; every candidate would be in quarantine.
        """
        if not timeout > 0:
            raise UsageError(
                f"timeout: expected more than 0 seconds, got {timeout}", fix="timeout=10"
            )
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
