"""`lab.actions`: invoke what is done with one payload, and see what there is."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from oneiric_lab.errors import Fault, NoCandidateError, UsageError, did_you_mean
from oneiric_lab.runtime import Calling, call
from oneiric_lab.views import Code, Note, Result, Table, View

from ._words import count

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from oneiric_lab.lifecycle import Lifecycle
    from oneiric_lab.registry import Candidate, Registry

    from ._events import EventRoom
    from ._flows import Workflows
    from ._lone_tasks import LoneTasks

_OURS = '[plugins] packages = ["oneiric_lab.components.actions"] brings ours'
_log = logging.getLogger("oneiric_lab.actions")


class Opened(Protocol):
    """The lab, as its actions see it."""

    registry: Registry

    @property
    def lifecycle(self) -> Lifecycle:
        """What runs."""

    @property
    def events(self) -> EventRoom:
        """Its events."""

    @property
    def workflows(self) -> Workflows:
        """Its workflows."""

    @property
    def tasks(self) -> LoneTasks:
        """Its tasks, each run alone."""

    def running(self) -> AbstractAsyncContextManager[Lifecycle]:
        """Hold the lifecycle."""

    def is_running(self, target: str | None = None) -> bool:
        """Tell whether a loop owns components now."""


@dataclass(frozen=True, slots=True, repr=False)
class Invoked(Result):
    """What an action returned.

    Attributes:
        target: `action:key`.
        provider: Name and version of who provided it.
        value: What it returned.
        attempts: How often it was tried.
    """

    target: str
    provider: str
    value: Any
    attempts: int = 1

    @property
    def ok(self) -> bool:
        """Whether it says of itself that all is well, or says nothing of it."""
        return not (isinstance(self.value, dict) and self.value.get("ok") is False)

    @property
    def exit_code(self) -> int:
        """1 where the answer is no: it returned `ok` as false."""
        return 0 if self.ok else 1

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "action": self.target,
            "provider": self.provider,
            "attempts": self.attempts,
            "value": self.value,
        }

    def view(self) -> View:
        """Return the value as JSON."""
        try:
            text = json.dumps(self.value, indent=2, ensure_ascii=False, default=repr)
        except (ValueError, RecursionError):
            text = repr(self.value)
        more = (f"{self.attempts} attempts",) if self.attempts > 1 else ()
        facts = (self.provider, *more)
        tone = "ok" if self.ok else "bad"
        return View("invoked", self.target, (Code(text, "json"),), facts=facts, tone=tone)  # type: ignore[arg-type]  # a tone


@dataclass(frozen=True, slots=True, repr=False)
class Actions(Result):
    """The actions of a workspace.

    Attributes:
        rows: Who provides each, by its key.
    """

    rows: tuple[Candidate, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "actions": [
                {
                    "key": one.key,
                    "provider": one.provider,
                    "version": one.version,
                    "source": one.source_name,
                    "summary": one.summary,
                }
                for one in self.rows
            ]
        }

    def view(self) -> View:
        """Return one row for each."""
        if not self.rows:
            note = Note('take ours: [plugins] packages = ["oneiric_lab.components.actions"]')
            return View("actions", "action list: none", (note,))
        rows = tuple((one.key, str(one), one.source_name, one.summary) for one in self.rows)
        heads = ("action", "provider", "from", "what it does")
        title = f"action list: {count(len(rows), 'action')}"
        return View("actions", title, (Table(heads, rows),))


class ActionRoom:
    """The actions of one lab, in this process."""

    def __init__(self, lab: Opened) -> None:
        self._lab = lab

    def __repr__(self) -> str:
        return f"<ActionRoom: {count(len(self.list().rows), 'action')}>"

    def list(self) -> Actions:
        """Return the actions, by their keys."""
        winners = self._lab.registry.current.winners()
        return Actions(
            tuple(one for name, one in sorted(winners.items()) if name.startswith("action:"))
        )

    async def invoke(self, key: str, payload: Any = None) -> Invoked:
        """Call an action, and return what it returned.

        Where no loop runs the components of this lab, this one does for the time of the call;
        then it also waits for tasks that were scheduled meanwhile and are not durable.

        Args:
            key: Of the action; `action:` in front of it may stand there.
            payload: What it is given; JSON data for the actions that ship with us.

        Raises:
            NoCandidateError: There is no such action.
            UsageError: The payload is not what it takes.
            ActionError: It failed, took too long, or was not allowed to.
        """
        target = f"action:{key.removeprefix('action:')}"
        if self._lab.is_running():
            return await self._call(target, payload)
        async with self._lab.running():
            found = await self._call(target, payload)
            await self._lab.workflows.engines.memory().drained()
            return found

    async def _call(self, target: str, payload: Any) -> Invoked:
        candidate = self._winner(target)
        life, (domain, _, key) = self._lab.lifecycle, target.partition(":")
        calling = Calling.of(candidate)
        value, attempts = await call(calling, lambda: life.lease(domain, key), payload, self)
        return Invoked(target, str(candidate), value, attempts)

    def _winner(self, target: str) -> Candidate:
        domain, _, key = target.partition(":")
        registry = self._lab.registry
        known = [name for name in registry.current.keys() if name.startswith(f"{domain}:")]  # noqa: SIM118 - a method of its own
        if target not in known:
            raise NoCandidateError(
                Fault(
                    "no-candidate",
                    f"no candidate for {target}",
                    fix=did_you_mean(target, known)
                    or (_OURS if domain == "action" else f"list {domain} shows what there is"),
                )
            )
        return registry.resolve(domain, key)

    # --- what actions may ask -----------------------------------------------------------

    async def emit(
        self, topic: str, payload: Any, headers: Mapping[str, Any], *, wait: bool
    ) -> dict[str, Any]:
        """Emit an event, as `runtime.Reach` says."""
        events = self._lab.events
        event = events.made(topic, payload, headers)
        if not wait and events.is_open:
            await events.put(event)
            return {"ok": True, "event": event.as_dict()}
        return dict((await events.hand_over(event)).as_dict())

    async def schedule(self, task: str, payload: dict[str, Any], delay: float) -> dict[str, Any]:
        """Have a task run later, as `runtime.Reach` says."""
        self._winner(f"task:{task}")
        found = await self._lab.tasks.schedule(task, payload, delay=delay)
        return dict(found.as_dict())

    async def notify(self, adapter: str, message: str, facts: Mapping[str, Any]) -> bool:
        """Hand a message to a notifier, as `runtime.Reach` says."""
        from functools import partial  # noqa: PLC0415 - few actions notify

        from anyio import to_thread  # noqa: PLC0415 - see above

        candidate = self._winner(f"adapter:{adapter}")
        async with self._lab.lifecycle.lease("adapter", adapter) as notifier:
            work = partial(notifier, message, **facts)
            value = await to_thread.run_sync(work) if candidate.blocking else work()
            # One that returns nothing has taken it.
            return (await value if hasattr(value, "__await__") else value) is not False


def known_target(target: str) -> str:
    """Return the key of `action:key`.

    Raises:
        UsageError: It names something else.
    """
    domain, colon, key = target.partition(":")
    if colon and domain != "action":
        raise UsageError(
            Fault("bad-target", f"expected an action, got {target!r}", fix="name it as action:hash")
        )
    return key if colon else target
