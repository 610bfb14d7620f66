"""The kernel's side of JupyterLab's panel: pages ask, and are told what changes.

A page that shows the notebook opens a comm of the target `oneiric.lab`. It is told how things
stand, and again whenever that changes; nothing is sent where no page has asked, so that a
notebook without the extension is as it would be without this.

    to the kernel   {"do": "explain", "target": "adapter:cache", "number": 3}
    to the page     {"panel": {...}}, {"explained": 3, "view": {...}}, {"failed": 3, "view": {...}}

A page says with its first message which versions it has: `doctor` compares them with ours.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.errors import OneiricError, UsageError
from oneiric_lab.jobs import in_thread
from oneiric_lab.views import MIME, Note, View, clean, mimebundle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneiric_lab.jobs import Context, Owner
    from oneiric_lab.lab import Lab

TARGET: Final = "oneiric.lab"
MOST_ROWS: Final = 300
"""Components that a panel shows; the explorer shows all."""
EVERY: Final = 0.25
"""Seconds between two looks at what is new; a look compares numbers."""
LONGEST: Final = 80
"""Characters of a name: the panel is narrow."""


class Pages:
    """The pages that show this kernel's notebook.

    Args:
        lab: Returns the lab that they are told of, or None.
        owner: Whose thread looks for what is new.

    Attributes:
        versions: What the page that came last has: parts and their versions.
    """

    def __init__(self, lab: Callable[[], Lab[Any] | None], owner: Owner) -> None:
        self.versions: Mapping[str, str] | None = None
        self._lab, self._owner = lab, owner
        self._comms: dict[str, Any] = {}
        self._seen: object = None
        # Messages come on any thread, and the one that looks is another.
        self._lock = Lock()
        self._following = False

    def register(self, manager: Any) -> None:
        """Let pages open comms."""
        manager.register_target(TARGET, self.opened)

    def unregister(self, manager: Any) -> None:
        """Let no more pages do so, and leave those that have."""
        manager.unregister_target(TARGET, self.opened)
        with self._lock:
            comms, self._comms = list(self._comms.values()), {}
        for comm in comms:
            comm.close()

    def opened(self, comm: Any, message: Mapping[str, Any]) -> None:
        """Tell a page that has come how things stand, and from now on what changes."""
        said = message.get("content", {}).get("data", {}).get("page")
        if isinstance(said, dict):
            self.versions = {str(name): str(version) for name, version in said.items()}
        comm.on_msg(lambda heard: self.heard(comm, heard))
        comm.on_close(lambda _: self._comms.pop(comm.comm_id, None))
        lab = self._lab()
        now = _mark(lab)
        comm.send({"panel": panel(lab)})
        with self._lock:
            if not self._comms:
                self._seen = now
            self._comms[comm.comm_id] = comm
            begins, self._following = not self._following, True
        if begins:
            with suppress(UsageError):  # jobs were closed: the kernel is ending
                self._owner.submit(self._follow, name="panel")

    def heard(self, comm: Any, message: Mapping[str, Any]) -> None:
        """Answer a page; a message that is none of ours does nothing."""
        said = message.get("content", {}).get("data")
        if not isinstance(said, dict) or said.get("do") != "explain":
            return
        number, target, lab = said.get("number"), said.get("target"), self._lab()
        if lab is None or not isinstance(target, str):
            return
        try:
            view, word = lab.explain(target).view(), "explained"
        except OneiricError as error:
            notes = tuple(Note("\n".join(fault.lines()), "bad") for fault in error.faults)
            view, word = View("error", clean(target), notes), "failed"
        comm.send({word: number, "target": clean(target), "view": mimebundle(view)[MIME]})

    def look(self) -> None:
        """Tell all pages how things stand, where they are not as they were."""
        lab = self._lab()
        now = _mark(lab)
        if now == self._seen:
            return
        self._seen = now
        told = panel(lab)
        for comm in list(self._comms.values()):
            comm.send({"panel": told})

    async def _follow(self, ctx: Context) -> None:
        # A look that goes on outlives a cancel, which is then to be asked for.
        while not ctx.is_cancelled:
            with self._lock:
                if not self._comms:
                    self._following = False
                    return
            await in_thread(self.look)
            await asyncio.sleep(EVERY)


def _mark(lab: Lab[Any] | None) -> object:
    """Return what differs when there is something new to tell."""
    if lab is None:
        return None
    said = lab.lifecycle.statuses() if lab.is_running() else ()
    return id(lab), lab.registry.generation, [(s.target, s.state, s.incarnation) for s in said]


def panel(lab: Lab[Any] | None) -> dict[str, object]:
    """Return what a panel shows, in at most 300 rows.

    A row is component, provider with version or none, number of candidates, and where it runs
    in this kernel its state.
    """
    if lab is None:
        return {"lab": None}
    generation = lab.registry.current
    winners = generation.winners()
    names = generation.keys()
    states = {s.target: s for s in lab.lifecycle.statuses()} if lab.is_running() else {}
    rows = []
    for name in names[:MOST_ROWS]:
        domain, _, key = name.partition(":")
        winner, state = winners.get(name), states.get(name)
        candidates = len(generation.nodes[domain][key].members)
        shown = None if winner is None else _short(f"{winner.provider} {winner.version}")
        rows.append([_short(name), shown, candidates, None if state is None else state.state])
    return {
        "lab": {
            "name": _short(lab.root.name),
            "root": str(lab.root),
            "profiles": [_short(name) for name in lab.snapshot.profiles],
            "generation": generation.number,
            "components": len(names),
            "provided": len(winners),
            "rows": rows,
        },
    }


def _short(text: str) -> str:
    text = clean(text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
