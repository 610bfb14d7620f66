"""How the components of a lab are: what is wanted beside what is so, and what happens to them."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import traitlets

from oneiric_lab.errors import OneiricError, UsageError
from oneiric_lab.jobs import in_thread
from oneiric_lab.views import Note, Text

from ._base import Widget
from ._following import follow
from ._told import short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.jobs import Context
    from oneiric_lab.lab import Deeds, Lab, RemoteStatus, Standing
    from oneiric_lab.views import Block, View

MOST_ROWS: Final = 200
"""Components that are shown: those that are not as wanted come first."""
MOST_DEEDS: Final = 30
EVERY: Final = 0.5
"""Seconds between two looks: each asks the store."""

_STATES: Final = {"pause": "paused", "resume": "running", "drain": "draining"}


class StatusBoard(Widget):
    """Health, sync, activity, and what is wanted of each component beside what is so.

    Its buttons do what `%oneiric pause`, `resume` and `drain` do.

    Attributes:
        lab: Whose components.
        read_only: It has no buttons, and does nothing that a page asks for.
    """

    name = "status"

    told = traitlets.Dict().tag(sync=True)
    plain = traitlets.Bool().tag(sync=True)

    def __init__(self, lab: Lab[Any], *, read_only: bool = False) -> None:
        self.lab = lab
        # Not the trait alone, which a page may change.
        self.read_only = read_only
        self._at = monotonic()
        self._parts = self._ask()
        super().__init__(told=told(*self._parts), plain=read_only)

    def _ask(self) -> tuple[Standing, Deeds, RemoteStatus]:
        return self.lab.standing(), self.lab.activity(limit=MOST_DEEDS), self.lab.remote_status()

    def look(self) -> None:
        """Show how things stand now, where they are not as they were."""
        if monotonic() - self._at >= EVERY:
            self.refresh()

    def refresh(self) -> None:
        """Ask the store, and show what it says."""
        self._at = monotonic()
        # A store that is locked or gone for a moment is asked again.
        with suppress(OneiricError):
            self._parts = self._ask()
            self.told = told(*self._parts)

    # --- the buttons ----------------------------------------------------------------------

    def told_want(self, said: Mapping[str, Any]) -> None:
        """Pause, resume or drain a component, with a note."""
        if self.read_only:
            return
        target, word, why = said.get("target"), said.get("word"), said.get("why")
        if not isinstance(target, str) or word not in _STATES or not isinstance(why, str):
            return
        lab = self.lab

        def act() -> None:
            try:
                if lab.is_running():
                    lab.wait_for(getattr(lab, word)(target, why=why))
                else:
                    lab.desire(target, _STATES[word], why=why, here=True)  # type: ignore[arg-type]  # one of three
            except OneiricError as error:
                self._fail(error)
            self.refresh()

        async def acted(_: Context) -> None:
            # The loop of the components may be the one that told us: it must not wait.
            await in_thread(act)

        lab.submit(acted, name=word)

    # --- the snapshot ---------------------------------------------------------------------

    def as_dict(self) -> dict[str, object]:
        """Return the three answers that it is made of."""
        standing, deeds, remote = self._parts
        return {
            "standing": standing.as_dict(),
            "activity": deeds.as_dict(),
            "remote": remote.as_dict(),
        }

    def view(self) -> View:
        """Return the three answers one below the other, and what becomes of this picture."""
        standing, deeds, remote = self._parts
        found = standing.view()
        blocks: list[Block] = [*found.blocks]
        for part in (deeds, remote) if remote.sources else (deeds,):
            shown = part.view()
            blocks += [Text(shown.title), *shown.blocks]
        blocks.append(Note("as it was when this was shown; the live status needs the kernel"))
        return replace(found, blocks=tuple(blocks))


def told(standing: Standing, deeds: Deeds, remote: RemoteStatus) -> dict[str, object]:
    """Return what travels to a browser, in at most 200 rows."""
    rows = [_row(one) for one in standing.as_dict()["components"]]  # type: ignore[attr-defined]  # a list
    ill = sum(not actual[1] for row in rows for actual in row["is"])
    # A stable sort: the names stay in their order.
    rows.sort(key=lambda row: all(actual[1] for actual in row["is"]) and row["wanted"] == "running")
    return {
        "count": len(rows),
        "ill": ill,
        "listening": len(standing.listening),
        "rows": rows[:MOST_ROWS],
        "deeds": [
            [
                dt.datetime.fromtimestamp(deed.at, dt.UTC).strftime("%H:%M:%SZ"),
                short(deed.target),
                short(deed.what),
                short(f"{deed.provider} {deed.incarnation or ''}".strip()),
                short(deed.who or str(deed.pid or "")),
                short(deed.detail),
            ]
            for deed in deeds.rows
        ],
        "sources": [
            [short(one.name), one.state, short("-" if one.good is None else one.good.title)]
            for one in remote.sources
        ],
    }


def _row(component: Mapping[str, Any]) -> dict[str, Any]:
    desired = component["desired"]
    return {
        "target": short(component["target"]),
        "provider": short(desired["provider"] or ""),
        "wanted": desired["state"],
        "who": short(desired["who"] or ""),
        "why": short(desired["why"] or ""),
        # A word, whether it is as wanted, what is in force, leases, health, and the process.
        "is": [
            [
                short(str(one["is"])),
                bool(one["agrees"]),
                short(f"{one['provider'] or ''} {one['incarnation'] or ''}".strip()),
                one["leases"],
                bool(one.get("healthy", True)),
                short(f"{one['pid']} {one['host']}"),
            ]
            for one in component["actual"]
        ],
    }


def status(lab: Lab[Any] | None, *, read_only: bool = False) -> StatusBoard:
    """Return the status of *lab*, which follows it; with *read_only* there are no buttons."""
    if lab is None:
        raise UsageError("there is no lab whose status could be shown", fix="lab = Lab.open()")
    shown = StatusBoard(lab, read_only=read_only)
    follow(lab, shown, "status")
    return shown
