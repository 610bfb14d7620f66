"""How this process acts on what is wanted elsewhere, and on whom the configuration chooses."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from oneiric_lab.runtime import span

from ._here import Here

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.lifecycle import SwapReport
    from oneiric_lab.registry import Candidate
    from oneiric_lab.store import Desired

    from ._here import Opened


class Acting(Here):
    """Pauses, drains, resumes and swaps what runs here as it is wanted."""

    def __init__(self, lab: Opened) -> None:
        super().__init__(lab)
        # The number of the last wish that was acted on, and what was tried in vain.
        self._acted: dict[str, int] = {}
        self._refused: dict[str, tuple[Candidate, Mapping[str, Any], object]] = {}

    async def reconcile(self) -> list[SwapReport]:
        """Act once on what is wanted; return what was drained and swapped."""
        return [*await self.obey(), *await self.follow()]

    async def obey(self, *, wait: bool = True) -> list[SwapReport]:
        """Pause, drain and resume what is wanted so.

        Args:
            wait: Whether this ends when what is resumed is; else others do not wait for it.
        """
        desired = await to_thread.run_sync(self.lab.store.desired)
        known = set(self.lab.registry.current.keys())
        reports: list[SwapReport] = []
        async with anyio.create_task_group() as tasks:
            for target, wish in desired.items():
                if target not in known or self.life.is_closed:
                    continue
                slot = self.life.slot_of(target)
                state, ends = slot.status().state, wish.state == "draining"
                is_held = state in {"paused", "drained"}
                if wish.state == "running":
                    # Once: a program may pause its own component later on.
                    if is_held and self._acted.get(target) != wish.number:
                        if wait or self.life.known_loop() is None:
                            tasks.start_soon(self._resume, target, reports)
                        else:
                            self.life.spawn(self._resume(target, []), f"resume {target}")
                elif not is_held or (ends and state == "paused"):
                    # Not by the lifecycle: it would take this loop for the components' own.
                    slot.pause(wish.who, wish.why, drained=ends)
                if ends and slot.active is not None and self.life.known_loop() is not None:
                    tasks.start_soon(self._drain, wish, reports)
                self._acted[target] = wish.number
        return sorted(reports, key=lambda r: r.target)

    async def _resume(self, target: str, reports: list[SwapReport]) -> None:
        reports += await self.resume(target)

    async def resume(self, target: str) -> list[SwapReport]:
        """Let leases begin again, on what changed meanwhile.

        It is swapped first: nobody gets what was in force when it was paused. Where that
        fails it goes on as it was, as after any swap.
        """
        reports: list[SwapReport] = []
        try:
            if target in self.moving(self.lab.registry.current, paused=True):
                await self._follow([target], reports, paused=True)
        finally:
            domain, _, key = target.partition(":")
            if self.life.known_loop() is None:
                self.life.slot(domain, key).resume()
            else:
                await self.life.resume(domain, key)
        return reports

    async def _drain(self, wish: Desired, reports: list[SwapReport]) -> None:
        domain, _, key = wish.target.partition(":")
        # It begins here, and ends when the leases do; other wishes do not wait for that.
        report = await self.life.drain(domain, key, who=wish.who, why=wish.why, drain_timeout=1e-9)
        held = sum(leases for _, _, leases, _ in self.life.status(domain, key).draining)
        warnings = (f"leases that are still held: {held}",) if held else ()
        reports.append(replace(report, outcome="committed", stage="", why="", warnings=warnings))

    async def follow(self) -> list[SwapReport]:
        """Swap what is active to whom the configuration chooses.

        Those that require one another move together or not at all. What failed is tried again
        when another one is chosen, or its settings change.
        """
        reports: list[SwapReport] = []
        moving = self.moving(self.lab.registry.current)
        async with anyio.create_task_group() as tasks:
            for group in _together(moving):
                if any(self._refused.get(t) != self._trial(moving[t]) for t in group):
                    tasks.start_soon(self._follow, group, reports)
        return sorted(reports, key=lambda r: r.target)

    async def _follow(
        self, group: list[str], reports: list[SwapReport], *, paused: bool = False
    ) -> None:
        async with AsyncExitStack() as locks:
            for target in group:
                await locks.enter_async_context(self._lock(target))
            # While this waited, somebody may have swapped or chosen.
            now = self.moving(self.lab.registry.current, paused=paused)
            moving = {target: now[target] for target in group if target in now}
            if not moving:
                return
            trials = {target: self._trial(candidate) for target, candidate in moving.items()}
            with span("swap", target=" ".join(moving), verb="follow") as traced:
                found = await self.life.swap_to(moving)
                traced.set(outcome=" ".join({report.outcome: None for report in found}))
            for report in found:
                self._refused.pop(report.target, None)
                # One that came to be built on these meanwhile is tried again with them.
                if not report.ok and report.target in trials:
                    self._refused[report.target] = trials[report.target]
                reports.append(report)

    def _trial(self, candidate: Candidate) -> tuple[Candidate, Mapping[str, Any], object]:
        given = self.lab.keeping.given(self.lab.settings, candidate)
        return candidate, given, getattr(given, "stamp", None)

    async def follow_at_home(self) -> list[SwapReport]:
        """Do `follow` on the loop that the components belong to; nothing where none runs."""
        loop = self.life.known_loop()
        if loop is None:
            return []
        if loop is asyncio.get_running_loop():
            return await self.follow()
        work = asyncio.run_coroutine_threadsafe(self.follow(), loop)
        return await asyncio.wrap_future(work)


def _together(moving: Mapping[str, Candidate]) -> list[list[str]]:
    """Return the targets in groups of those that require one another, each sorted."""
    group = {target: {target} for target in moving}
    for target, candidate in moving.items():
        for required in candidate.requires:
            if required in group and group[required] is not group[target]:
                group[target] |= group[required]
                for member in group[required]:
                    group[member] = group[target]
    return sorted({id(found): sorted(found) for found in group.values()}.values())
