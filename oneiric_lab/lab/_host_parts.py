"""What a host of a workspace holds up: components, watch, workflows, events, sync."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from anyio import to_thread

from oneiric_lab.errors import OneiricError, WorkflowError, logger
from oneiric_lab.runtime import Part, Postman, looping
from oneiric_lab.store import is_writable

from ._host_logs import log_followed, log_sync
from ._telemetry import read_flows
from ._words import count

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from oneiric_lab.runtime import Redactor, Scrape

    from ._hostable import Hostable

_LOG: Final = "oneiric_lab.host"
_FIRST: Final = 10.0
"""Seconds that the host waits for the first sync before it says that it is up."""

_LOOK: Final = 0.05
"""Seconds between two looks at what is in flight."""

_HURRY: Final = 1.0
"""Seconds for events that were drained already."""

_CLOSING: Final = 2.0
"""Seconds for leases at the end: the host's own limit is shorter than what a drain may take."""


class HostParts:
    """The parts of one host, but for its server.

    Args:
        lab: The workspace.
        kind: The host's profile.
        redact: Asked anew for secrets when the configuration changes.
    """

    def __init__(self, lab: Hostable, kind: str, redact: Redactor) -> None:
        self._lab, self._kind, self._redact = lab, kind, redact
        self._engine: Any = None
        self._postman: Postman | None = None
        self.all = tuple(self._made())

    def _made(self) -> list[Part]:
        lab, settings = self._lab, self._lab.settings
        profile, said, remote = settings.profile, settings.runtime_supervisor, settings.remote
        serverless = self._kind == "serverless"
        quiet = "serverless: a process that sleeps between requests has no loops" * serverless
        acts = said.enabled and profile.supervisor_enabled
        about = "loads each change of files, or says why not"
        out = [
            Part(
                "components",
                f"brings {', '.join(said.activate) or 'nothing'} into force, ends all at the end",
                self._components,
            ),
            Part("watch", about, self._looping("watch", self._watch), why_off=quiet),
        ]
        about = "acts on what is wanted of components"
        if quiet or not acts:
            off = quiet or "runtime_supervisor.enabled is false"
            out.append(Part("supervise", about, nullcontext, why_off=off))
        else:
            out[-1].about += f"; {about}"
        keys = lab.registry.current.keys()
        flows = sum(target.startswith("workflow:") for target in keys)
        takers = sum(target.startswith("event:") for target in keys)
        off = "remote.enabled is false"
        if remote.enabled and profile.remote_enabled:
            off = "serverless: POST /sync does it" * serverless
        sources = len(remote.sources) + (remote.manifest_url is not None)
        return [
            *out,
            Part(
                "workflows",
                f"runs {count(flows, 'workflow')}; those that were asked for end first",
                self._workflows,
                self._runs_ended,
            ),
            Part(
                "events",
                f"{count(takers, 'component')}, and functions of programs, take events;"
                " what others post is kept until then",
                self._events,
                self._events_ended,
            ),
            Part(
                "sync",
                f"brings {count(sources, 'source')}, each at its interval",
                self._sync,
                why_off=off,
            ),
        ]

    def named(self, name: str) -> Part | None:
        """Return the part of that name."""
        return next((part for part in self.all if part.name == name), None)

    def _looping(self, name: str, work: Callable[[], Any]) -> Callable[[], Any]:
        return lambda: looping(lambda: self.named(name), work)

    # --- components and what is said of them ------------------------------------------------

    @asynccontextmanager
    async def _components(self) -> AsyncIterator[None]:
        lab = self._lab
        globs = lab.settings.runtime_supervisor.activate
        async with lab.running() as life:

            async def bring(target: str) -> None:
                domain, _, key = target.partition(":")
                try:
                    await life.activate(domain, key)
                except OneiricError as error:
                    why = error.faults[0].message
                    facts = {"target": target, "error": why}
                    logger(_LOG).error("component not activated", extra=facts)

            async with asyncio.TaskGroup() as tasks:
                for target in lab.registry.current.winners():
                    if any(fnmatchcase(target, glob) for glob in globs):
                        tasks.create_task(bring(target))
            try:
                yield
            finally:
                limit = min(life.limits.drain or _CLOSING, _CLOSING)
                life.limits = replace(life.limits, drain=limit)

    async def _watch(self) -> None:
        said, profile = self._lab.settings.runtime_supervisor, self._lab.settings.profile
        acts = said.enabled and profile.supervisor_enabled
        watch = self._lab.watch(interval=min(0.5, said.poll_interval), acts=acts)
        async with aclosing(watch) as news:
            async for found in news:
                self._redact.refresh()
                log_followed(found)
                await self._follow_clock()

    async def _follow_clock(self) -> None:
        try:
            await self._lab.workflows.engines.follow()
        except WorkflowError as error:
            logger(_LOG).error("schedules not taken", extra={"error": error.faults[0].message})

    # --- runs and events --------------------------------------------------------------------

    @asynccontextmanager
    async def _workflows(self) -> AsyncIterator[None]:
        lab = self._lab
        async with lab.workflows.engine(durable=self._durable()) as engine:
            self._engine, counters = engine, engine.counters

            def read(scrape: Scrape) -> None:
                found = lab.registry.current.nodes.get("workflow", {})
                read_flows(counters, tuple(found), scrape)

            lab.telemetry.rooms["workflows"] = read
            try:
                yield
            finally:
                lab.telemetry.rooms.pop("workflows", None)
                self._engine = None
                left = sum(counters.active.values())
                if left:
                    facts = {"runs": left, "durable": engine.durable}
                    logger(_LOG).warning("runs left", extra=facts)

    def _durable(self) -> bool | None:
        """Return whether runs outlive this process; None is that they do where they can."""
        elsewhere = self._lab.settings.workflows.database_url is not None
        if elsewhere or is_writable(self._lab.store.path.parent):
            return None
        logger(_LOG).warning("runs end with this process: nothing can be written beside the store")
        return False

    async def _runs_ended(self) -> None:
        # Runs end in tasks of an engine, which tells nobody; twenty looks a second are cheap.
        while self._engine is not None and sum(self._engine.counters.active.values()):  # noqa: ASYNC110 - see above
            await asyncio.sleep(_LOOK)

    async def begin_run(self, name: str, payload: Any, key: str | None) -> dict[str, Any]:
        """Begin a run of a workflow; return what is to be said of it.

        Raises:
            NoCandidateError: There is no such workflow.
            WorkflowError: It cannot be run with that.
        """
        found = await self._lab.workflows.trigger(name, payload, key)
        if self._kind == "serverless" and self._engine is not None:
            # Between requests the process may be stopped: the run is over with its request.
            run = await self._engine.wait(found.run_id)
            return {**run.as_dict(), "new": found.is_new}
        return dict(found.as_dict())

    async def show_run(self, name: str, run_id: str) -> dict[str, Any] | None:
        """Return how a run of a workflow goes, or None where there is none."""
        try:
            found = await to_thread.run_sync(self._lab.workflows.show, run_id)
        except WorkflowError:
            return None
        return dict(found.as_dict()) if found.workflow == name else None

    @asynccontextmanager
    async def _events(self) -> AsyncIterator[None]:
        events = self._lab.events
        man = self._postman = Postman(self._lab.store, events)

        async def take() -> None:
            await man.taking(once=self._kind == "serverless")

        def read(scrape: Scrape) -> None:
            scrape.put("oneiric_lab_event_posts", man.left)

        self._lab.telemetry.rooms["posts"] = read
        try:
            async with man.telling(), events.running(), looping(lambda: self.named("events"), take):
                try:
                    yield
                finally:
                    man.stop()
                    events.hurry(_HURRY)
        finally:
            self._lab.telemetry.rooms.pop("posts", None)

    async def _events_ended(self) -> None:
        if self._postman is not None:
            self._postman.stop()
        await self._lab.events.drained(self._lab.settings.runtime_supervisor.drain_timeout)

    # --- sources ----------------------------------------------------------------------------

    @asynccontextmanager
    async def _sync(self) -> AsyncIterator[None]:
        first = asyncio.Event()

        async def work() -> None:
            # Faults of the settings are told as those of a source that is called so.
            unheard = {one.name for one in self._lab.remote_status().sources}
            async with aclosing(self._lab.keep_synced()) as reports:
                async for report in reports:
                    log_sync(report)
                    heard = {one.name for one in report.sources}
                    unheard -= heard
                    if not unheard or "remote" in heard:
                        first.set()

        async with looping(lambda: self.named("sync"), work):
            if self._kind != "edge":
                with suppress(TimeoutError):
                    await asyncio.wait_for(first.wait(), _FIRST)
            yield

    async def sync_once(self) -> dict[str, Any]:
        """Ask all sources once; return what came of it."""
        report = await self._lab.async_sync()
        log_sync(report)
        return dict(report.as_dict())
