"""What runs: leases, swaps, pauses, and what is wanted of the components."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from oneiric_lab.errors import Fault, StoreError, UsageError
from oneiric_lab.registry import TABLES
from oneiric_lab.store import Desired

from ._changing import Changing
from ._choosing import outranked, unknown_provider
from ._standing import ALIVE, deeds, standing, wished
from ._writing import _who, settled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    import anyio

    from oneiric_lab.lifecycle import Lifecycle, SwapReport
    from oneiric_lab.lifecycle import Status as ComponentStatus
    from oneiric_lab.runtime import Watch, Watching
    from oneiric_lab.store import DesiredState

    from ._plan import Plan
    from ._secrets import Secrets
    from ._standing import Deeds, Standing, Wished
    from ._watching import Followed

T = TypeVar("T")


class Operating(Changing[T]):
    """A workspace whose components run."""

    __slots__ = ()

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

    @property
    def watching(self) -> Watching:
        """How the watch of this process stands, and its counters; see `watch`."""
        if self._watching is None:
            from oneiric_lab.runtime import Watching  # noqa: PLC0415 - who only asks has none

            self._watching = Watching()
        return self._watching

    @property
    def secrets(self) -> Secrets:
        """Secrets: which there are, how old, and how they are rotated; never a value."""
        if self._room is None:
            from ._secrets import Secrets  # noqa: PLC0415 - most questions are not about them

            self._room = Secrets(self, self.keeping, lambda: self._running)
        return self._room

    def watch(
        self, *, interval: float = 0.5, stop: anyio.Event | None = None, acts: bool = True
    ) -> Watch[Followed]:
        """Keep this process true to what is said, and tell of each change.

        Files of configuration, secrets, descriptors and manifests of this machine are followed:
        each change is loaded, and what runs is swapped to it, health-checked; a bad edit keeps
        what was good. Releases that other processes of this workspace synced enter. Wishes of
        others are obeyed, and the store says what is so here.

        `async for event in lab.watch():` does so for as long as it is iterated,
        `async with lab.watch():` for the time of a block, whether somebody reads or not.

        Args:
            interval: Seconds between two looks where the system tells of no change.
            stop: Ends it when set.
            acts: Whether it acts on what is wanted of components, and says what is so.

        Returns:
            A `runtime.Watch` of `Reloaded`, `Moved`, `Fallen` and `SyncReport`; each has `ok`.
        """
        from ._watching import Watched, watch_of  # noqa: PLC0415 - who watches has a loop

        mine = cast("Watched", self)
        return watch_of(mine, self._run(), interval=interval, stop=stop, acts=acts)

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
