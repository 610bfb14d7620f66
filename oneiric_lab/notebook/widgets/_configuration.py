"""The effective values of a lab as a tree, and how they change.

All values go to the browser at once, each with what decides it; what the layers say of one is
sent when it is opened:

    path, value            texts
    layer, file, name      numbers, into `layers`, `files` and `names`
    line, many             numbers: where in the file, and how many layers say it

A file is a pair: as it is shown, and as the server of the notebook calls it, or null. Secrets
are references, and what is typed for one is refused: it would pass the browser.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeGuard

import traitlets

from oneiric_lab.config import parse_path, plain, render_path, shown
from oneiric_lab.errors import Fault, InvalidConfigError, OneiricError, UsageError
from oneiric_lab.jobs import in_thread
from oneiric_lab.views import Cell, Note, Table, View, clean

from ._base import Widget
from ._following import follow
from ._places import opened_at
from ._told import LONGEST, MOST_ROWS, short, told_view

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from oneiric_lab.config import Snapshot
    from oneiric_lab.errors import Origin
    from oneiric_lab.jobs import Context
    from oneiric_lab.lab import Applied, Lab, Plan
    from oneiric_lab.lifecycle import Status
    from oneiric_lab.views import Result

EDITED: Final = 4_000
"""Characters of a value that a form takes."""
STEP: Final = 0.1
"""Seconds between two looks at what is being swapped."""

_SECRET = Fault(
    "secret",
    "a secret is not typed into a page: it would pass the browser, and be written to a file",
    fix="write ${secret:ID} in its place in the file, and keep it where [secrets] says",
)


class Configuration(Widget):
    """The effective values, why each is what it is, and what a change would do.

    Its buttons call `lab.explain`, `lab.plan`, `plan.apply`, `lab.undo`, `lab.diff`,
    `lab.under`, `lab.history` and `lab.reload`.

    Attributes:
        lab: Whose values.
        profiles: Under which they are shown; None for those in force.
    """

    name = "configuration"

    sheet = traitlets.Any(None, allow_none=True).tag(
        sync=True, to_json=lambda _, widget: widget.whole()
    )

    def __init__(self, lab: Lab[Any], profiles: Sequence[str] | None = None) -> None:
        self.lab = lab
        self.profiles = None if profiles is None else tuple(profiles)
        self._snapshot = self._shown()
        self._refused: tuple[Fault, ...] = ()
        self._plan: Plan | None = None
        self._code = ""
        self._progress: list[tuple[str, str, str]] = []
        self._back: tuple[dict[str, object], list[str]] | None = None
        self._files: dict[str | None, Path] = {}
        self._seen = self._now()
        super().__init__()

    # --- what travels ---------------------------------------------------------------------

    def _shown(self) -> Snapshot:
        return self.lab.snapshot if self.profiles is None else self.lab.under(self.profiles)

    def _now(self) -> object:
        """Return what differs when there is something new to show."""
        return self.lab.snapshot, self.lab.registry.generation

    def look(self) -> None:
        """Show how things stand now, where they are not as they were."""
        now = self._now()
        if now == self._seen:
            return
        self._seen = now
        try:
            self._snapshot, self._refused = self._shown(), ()
        except OneiricError as error:
            self._refused = error.faults
        self._send_sheet()

    def _send_sheet(self) -> None:
        self.notify_change(
            {"name": "sheet", "old": None, "new": None, "owner": self, "type": "change"}
        )

    def whole(self) -> dict[str, object]:
        """Return all values as they travel."""
        snapshot = self._snapshot
        self._files = {
            layer.document.shown: layer.document.path
            for layer in snapshot.layers
            if layer.document is not None
        }
        values = _values(snapshot)
        return {
            **values,
            "files": [[clean(name), self._opened(name)] for name in values["files"]],
            "faults": [self._fault(fault) for fault in self._faults()],
            "profiles": {
                "active": list(self.lab.snapshot.profiles),
                "known": self._known(),
                "shown": None if self.profiles is None else list(self.profiles),
            },
            "writable": self._writable(),
        }

    def _known(self) -> list[str]:
        """Return the profiles, and those that are used together."""
        combined = self.lab.settings.profile.combinations
        return [*self.lab.snapshot.known_profiles, *("+".join(names) for names in combined)]

    def _writable(self) -> list[str]:
        profiles = [f"profile:{name}" for name in self.lab.snapshot.known_profiles]
        user = ["user"] if self.lab.snapshot.inputs.user_dir is not None else []
        return ["session", "project", "local", *profiles, *user]

    def _faults(self) -> Iterable[Fault]:
        return (*self._refused, *self.lab.problems, *self.lab.registry.current.problems())

    def _opened(self, name: str | None) -> str | None:
        path = self._files.get(name)
        return None if path is None else opened_at(path)

    def _place(self, origin: Origin | None) -> dict[str, object]:
        if origin is None:
            return {"where": None, "file": None, "line": None}
        opened = self._opened(origin.file)
        return {"where": clean(str(origin)), "file": opened, "line": origin.line}

    def _fault(self, fault: Fault) -> dict[str, object]:
        told = "\n".join(filter(None, (fault.message, fault.why, fault.so, fault.fix)))
        tone = "bad" if fault.severity == "error" else "warn"
        return {"tone": tone, "text": short(told, lines=True), **self._place(fault.origin)}

    # --- what is asked --------------------------------------------------------------------

    def do_whole(self) -> None:
        """Send all values."""
        self._send_sheet()

    def told_explain(self, said: Mapping[str, Any]) -> None:
        """Tell what each layer says of a value."""
        path = said.get("path")
        if not isinstance(path, str):
            return
        found = self._snapshot.explain(path)
        text = None if found.secret else shown(found.value, EDITED + 1)
        if found.value is None:
            text = ""
        elif text is not None and (len(text) > EDITED or clean(text) != text or "\\n" in text):
            text = None
        notes = [] if found.description is None else [found.description]
        notes += [f"made from {name} at {origin}" for name, origin in found.via]
        stack = [
            {
                "layer": clean(c.layer),
                "value": _text(c.value),
                "state": c.state,
                **self._place(c.origin),
            }
            for c in found.contributions
        ]
        told = {
            "path": path,
            "text": text,
            "secret": found.secret,
            "decided": short(found.decided_by, lines=True),
            "notes": ["a secret: it stays in the kernel"] * found.secret
            + [short(note, lines=True) for note in notes],
            "stack": stack,
        }
        self.send({"explained": told})

    def told_profiles(self, said: Mapping[str, Any]) -> None:
        """Show the values as they would be under other profiles; none is activated."""
        names = said.get("profiles")
        if names is not None and not _is_texts(names):
            return
        before = self.profiles
        self.profiles = None if names is None else tuple(names)
        try:
            self._snapshot = self._shown()
        except OneiricError:
            self.profiles = before
            raise
        finally:
            self._send_sheet()
        code = "lab.snapshot" if names is None else f"lab.under({list(names)!r})"
        many = f"{len(self._snapshot.paths())} values"
        self._answer("shown", View("under", f"{code}: {many}"), code)

    def told_compare(self, said: Mapping[str, Any]) -> None:
        """Tell in what two configurations differ."""
        left, right = said.get("left"), said.get("right")
        if isinstance(left, str) and isinstance(right, str):
            found = self.lab.diff(left, right)
            self._answer("shown", found, f"lab.diff({left!r}, {right!r})")

    def do_history(self) -> None:
        """Tell what was changed."""
        self._answer("shown", self.lab.history(), "lab.history()")

    def do_reload(self) -> None:
        """Read the files again; on a fault the values stay."""
        try:
            self.lab.reload()
        except InvalidConfigError as error:
            self._refused = error.faults
            self._send_sheet()
            raise
        self._refused = ()
        self._seen = self._now()
        self._snapshot = self._shown()
        self._send_sheet()
        self._answer(
            "shown", View("reload", "the files were read again", tone="ok"), "lab.reload()"
        )

    def told_plan(self, said: Mapping[str, Any]) -> None:
        """Tell what changes would do; nothing is applied."""
        changes, unset, layer = said.get("changes"), said.get("unset"), said.get("layer")
        if not (_is_texts(changes) and _is_texts(unset) and isinstance(layer, str)):
            return
        self._plan = None
        for text in changes:
            path, _, value = text.partition("=")
            self._refuse_secret(path.strip(), value)
        self._plan = plan = self.lab.plan(changes, unset=unset, layer=layer)
        more = f", unset={unset!r}" if unset else ""
        self._code = f"lab.plan({changes!r}{more}, layer={layer!r})"
        # Without lines of files, see `_fail`.
        problems = tuple(replace(fault, excerpt=None) for fault in plan.problems)
        self._answer("planned", replace(plan, problems=problems), self._code, ok=plan.ok)

    def _refuse_secret(self, path: str, value: str) -> None:
        info = self.lab.snapshot.field(path)
        known = path in self.lab.snapshot.paths() and self.lab.snapshot.explain(path).secret
        if (known or (info is not None and info.secret)) and not value.startswith("${secret:"):
            raise InvalidConfigError([_SECRET])

    def do_apply(self) -> None:
        """Apply what was planned last, in a job: it may swap what runs on this very loop."""
        plan, self._plan = self._plan, None
        if plan is None:
            raise UsageError("nothing is planned", fix="plan a change first")
        self._apply(plan, f"{self._code}.apply()")

    def _apply(self, plan: Plan, code: str, *, undo: bool = False) -> None:
        back = _session_before(self.lab, plan)
        self._progress = []
        before = {one.target: one.incarnation for one in self._statuses()}

        async def applied(_: Context) -> None:
            done = asyncio.create_task(in_thread(plan.apply))
            while not done.done():
                self._tell(plan, before)
                await asyncio.wait([done], timeout=STEP)
            try:
                found: Applied = done.result()
            except OneiricError as error:
                self._fail(error)
                return
            self._back = None if undo else back
            self.look()
            self._tell(plan, before)
            self._answer("applied", found, code, ok=True, undo=undo)

        self.lab.submit(applied, name="apply")

    def _statuses(self) -> tuple[Status, ...]:
        return self.lab.lifecycle.statuses() if self.lab.is_running() else ()

    def _tell(self, plan: Plan, before: Mapping[str, int]) -> None:
        """Send how far each component is, where that is not what was sent last."""
        now = {one.target: one for one in self._statuses()}
        told = [(target, *_stage(now.get(target), before.get(target, 0))) for target in plan.order]
        if told != self._progress:
            self._progress = told
            self.send({"progress": told})

    def do_undo(self) -> None:
        """Take the last change back: that of the session, or that of the files."""
        if self._back is not None:
            changes, unset = self._back
            code = f"lab.plan({changes!r}, unset={unset!r}).apply()"
            self._apply(self.lab.plan(changes, unset=unset, name="undo"), code, undo=True)
            return
        found = self.lab.undo()
        self.look()
        self._answer("applied", found, "lab.undo()", ok=True, undo=True)

    # --- answers --------------------------------------------------------------------------

    def _answer(self, kind: str, found: Result | View, code: str, **more: object) -> None:
        view = found if isinstance(found, View) else found.view()
        self.send({kind: {"code": code, "view": told_view(view), **more}})

    # --- the snapshot ---------------------------------------------------------------------

    def as_dict(self) -> dict[str, object]:
        """Return each value with its origin."""
        snapshot = self._snapshot
        return {
            "profiles": list(snapshot.profiles),
            "values": {
                path: {
                    "value": plain(snapshot.value(path)),
                    "origin": snapshot.origin(path).as_dict(),
                }
                for path in snapshot.paths()
            },
        }

    def view(self) -> View:
        """Return what somebody said of the values, and what becomes of this picture."""
        snapshot = self._snapshot
        rows = []
        for path in snapshot.paths():
            origin = snapshot.origin(path)
            if origin.layer != "defaults":
                value = snapshot.value(path)
                where = Cell(str(origin), link=origin.file)
                rows.append((path, shown(plain(value)), origin.layer, where))
        faults = tuple(
            Note(fault.message, "bad" if fault.severity == "error" else "warn")
            for fault in self._faults()
        )
        active = ", ".join(snapshot.profiles) or "no profile"
        note = Note("as it was when this was shown; the live tree needs the kernel")
        title = f"configuration of {self.lab.root.name}: {len(rows)} values are said by a layer"
        table = Table(("value", "is", "layer", "said at"), tuple(rows[:MOST_ROWS]))
        table = replace(table, more=len(rows) - len(table.rows))
        return View("configuration", title, (*faults, table, note), facts=(active,))


def configuration(lab: Lab[Any], *, profiles: Sequence[str] | None = None) -> Configuration:
    """Return the configuration of *lab*, which follows it."""
    if lab is None:
        raise UsageError("there is no lab whose values to show", fix="lab = Lab.open()")
    made = Configuration(lab, profiles)
    follow(lab, made, "configuration")
    return made


def _values(snapshot: Snapshot) -> dict[str, list[Any]]:
    """Return all values as columns, and the layers, files and names that they point into."""
    layers: dict[str, int] = {"defaults": 0}
    files: dict[str, int] = {}
    names: dict[str, int] = {}
    paths = snapshot.paths()
    columns: dict[str, list[Any]] = {
        name: [] for name in ("value", "layer", "file", "name", "line", "many")
    }
    for path in paths:
        origin, parts = snapshot.origin(path), parse_path(path)
        columns["value"].append(_text(snapshot.value(parts)))
        columns["layer"].append(layers.setdefault(origin.layer, len(layers)))
        at = -1 if origin.file is None else files.setdefault(origin.file, len(files))
        columns["file"].append(at)
        named = names.setdefault(clean(str(origin)), len(names)) if at < 0 else -1
        columns["name"].append(named)
        columns["line"].append(origin.line or 0)
        columns["many"].append(sum(layer.holds(parts) for layer in snapshot.layers))
    return {
        "path": [clean(path) for path in paths],
        **columns,
        "layers": [clean(name) for name in layers],
        "files": list(files),
        "names": list(names),
    }


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _text(value: object) -> str:
    return clean(shown(plain(value), LONGEST))


def _session_before(lab: Lab[Any], plan: Plan) -> tuple[dict[str, object], list[str]] | None:
    """Return what gives the session back what it says now; None where files are written."""
    if plan.proposal.layer != "session":
        return None
    said = {value.path: value.value for value in lab.snapshot.inputs.session}
    paths = [render_path(change.path) for change in plan.proposal.changes]
    return {p: said[p] for p in paths if p in said}, [p for p in paths if p not in said]


_STAGES: Final = {"building": "being built", "probing": "being probed"}


def _stage(status: Status | None, before: int) -> tuple[str, str]:
    """Return tone and words of how far a component is that was in force as *before*."""
    if status is None or status.incarnation == before:
        if status is None or status.next is None:
            return "quiet", "waits for its turn"
        number, state = status.next
        return (
            "info",
            f"incarnation {number} is {_STAGES.get(state, 'ready, and waits for others')}",
        )
    leases = sum(held for _, _, held, _ in status.draining)
    drains = f"; {leases:,} leases hold the one before" if leases else ""
    return "ok", f"incarnation {status.incarnation} is in force{drains}"
