"""What is wanted of the components beside what is so, as results."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault
from oneiric_lab.store import Store, place
from oneiric_lab.views import Cell, Note, Result, Table, View

from ._words import count, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from oneiric_lab.registry import Candidate
    from oneiric_lab.store import Activity, Desired, DesiredState, ProcessState
    from oneiric_lab.views import Block, Tone

ALIVE = 3.0
"""Seconds since its last beat for which a process counts as listening."""

CellValue = Cell | str | int | float | bool | None

SILENT = "no process is listening: lab.watch(), or oneiric-lab run, acts when it starts"


@dataclass(frozen=True, slots=True, repr=False)
class Wished(Result):
    """What is wanted of a component.

    Attributes:
        target: `domain:key`.
        before: What was wanted: `running`, `paused` or `draining`.
        state: What is wanted.
        who: The user.
        why: One line.
        number: Of the wish, growing; None where it was only shown.
        listening: Processes that will act on it.
    """

    target: str
    before: DesiredState
    state: DesiredState
    who: str
    why: str
    number: int | None
    listening: int

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "applied": self.number is not None,
            "target": self.target,
            "before": self.before,
            "state": self.state,
            "who": self.who,
            "why": self.why,
            "number": self.number,
            "listening": self.listening,
        }

    def view(self) -> View:
        """Return the wish, and who will act on it."""
        blocks: list[Block] = [
            Table(
                ("component", "was", "wanted", "by", "why"),
                (
                    (
                        self.target,
                        Cell(self.before, "lost"),
                        Cell(self.state, "ok"),
                        self.who,
                        self.why,
                    ),
                ),
            )
        ]
        if self.number is not None:
            told = f"{_processes(self.listening)} will act within a second"
            told = told if self.listening else SILENT
            blocks.append(Note(told, "info"))
        title = f"{self.target}: {self.state} is wanted"
        facts = ("nothing is applied yet",) if self.number is None else ()
        return View("wished", title, tuple(blocks), facts=facts)


@dataclass(frozen=True, slots=True, repr=False)
class Standing(Result):
    """What is wanted of components, and what processes say is so.

    Attributes:
        rows: For each component its name, the provider that the configuration chooses, the
            wish if there ever was one, and what each process says, as `Status.as_dict()`
            with its pid and host.
        listening: Processes that were heard of within three seconds.
        store: Where wishes are kept when not beside the workspace, or None.
    """

    rows: tuple[tuple[str, str | None, Desired | None, tuple[Mapping[str, Any], ...]], ...]
    listening: tuple[ProcessState, ...]
    store: str | None = None

    @property
    def exit_code(self) -> int:
        """1 where a process differs from what is wanted, or is not well."""
        if any(_faults(process) for process in self.listening):
            return 1
        return 0 if all(_is(p, w, a).well for _, p, w, said in self.rows for a in said) else 1

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "components": [
                {
                    "target": target,
                    "desired": {
                        "provider": provider,
                        "state": "running" if wish is None else wish.state,
                        "who": None if wish is None else wish.who,
                        "why": None if wish is None else wish.why,
                        "at": None if wish is None else wish.at,
                    },
                    "actual": [
                        {
                            **actual,
                            "agrees": _agrees(actual.get("chosen", provider), wish, actual),
                            "is": _is(provider, wish, actual).word,
                        }
                        for actual in said
                    ],
                }
                for target, provider, wish, said in self.rows
            ],
            "listening": [
                {
                    "pid": p.pid,
                    "host": p.host,
                    "started": p.started,
                    "watch": p.state.get("watch"),
                }
                for p in self.listening
            ],
            "store": self.store,
        }

    def view(self) -> View:
        """Return a row for each component and process, and what is to be said of some."""
        rows: list[tuple[CellValue, ...]] = []
        notes: list[Note] = []
        ill = 0
        for target, provider, wish, said in self.rows:
            wanted = "running" if wish is None else wish.state
            if wish is not None and wish.state != "running":
                notes.append(Note(f"{target}: {wish.state} by {_reason(wish)}", "warn"))
            head: tuple[CellValue, ...] = (target, provider or "-", wanted)
            if not said:
                rows.append((*head, "-", "", "", ""))
            for actual in said:
                how = _is(provider, wish, actual)
                ill += not how.well
                rows.append(
                    (
                        *head,
                        Cell(how.word, how.tone),
                        _in_force(actual),
                        actual["leases"],
                        f"{actual['pid']} {actual['host']}",
                    )
                )
                head = ("", "", "")
                where = f" (process {actual['pid']})" if len(said) > 1 else ""
                notes += [Note(f"{target}{where}: {text}", tone) for tone, text in how.notes]
        for process in self.listening:
            who = f"process {process.pid} {process.host}"
            watch = process.state.get("watch") or {}
            for fault in _faults(process):
                ill += 1
                kept = f"{who} keeps the last good configuration: {', '.join(watch['files'])}"
                notes.append(Note(f"{kept}\n{fault}", "bad"))
            if watch.get("why"):
                notes.append(
                    Note(
                        f"{who} looks at files each {watch['interval']:g} s: {watch['why']}", "info"
                    )
                )
        heads = ("component", "provider", "wanted", "is", "in force", "leases", "process")
        notes.sort(key=lambda note: ("bad", "warn").index(note.tone) if note.tone in _FIRST else 2)
        if not self.listening:
            notes.append(Note(SILENT, "info"))
        if self.store is not None:
            notes.append(Note(f"wishes are kept in {self.store}: doctor says why", "info"))
        facts = [f"{_processes(len(self.listening))} listening"]
        if ill:
            facts.insert(0, f"{ill} not as wanted")
        return View(
            "standing",
            f"status: {count(len(self.rows), 'component')}",
            (Table(heads, tuple(rows)), *notes),
            facts=tuple(facts),
            tone="warn" if ill else "plain",
        )


_FIRST = {"bad", "warn"}


def _faults(process: ProcessState) -> list[str]:
    """Return why a process keeps its last good configuration."""
    return list((process.state.get("watch") or {}).get("faults", ()))


@dataclass(frozen=True, slots=True)
class _How:
    """How a component is in one process, in a word, and what is to be said of it."""

    word: str
    tone: Tone
    well: bool
    notes: list[tuple[Tone, str]]


def _is(provider: str | None, wish: Desired | None, actual: Mapping[str, Any]) -> _How:
    """Return how a component is in a process; the worst that is so gives the word."""
    # A process may have chosen another one in its session.
    chosen = actual.get("chosen", provider)
    agrees = _agrees(chosen, wish, actual)
    healthy, degraded = bool(actual.get("healthy", True)), actual.get("degraded") or ()
    stalled = [old for old in actual["draining"] if old["state"] == "stalled"]
    error = actual["last_error"]
    failed = bool(error) and not agrees and actual["state"] == "active"
    notes: list[tuple[Tone, str]] = []
    word = str(actual["state"])
    tone: Tone = "ok" if agrees else "warn"
    if actual["draining"] and word == "drained":
        word = "draining"
    if chosen != provider:
        notes.append(("info", f"{chosen or 'nobody'} is chosen by this process itself"))
    if degraded:
        word, tone = "degraded", "warn"
        notes += [("warn", f"degraded: {text}") for text in degraded]
    if stalled or failed or not healthy:
        word = "unhealthy" if not healthy else "stalled" if stalled else "failed"
        tone = "bad"
    if actual.get("stale") and not failed:
        when = "when it is resumed" if word == "paused" else "soon"
        notes.append(("info", f"its {actual['stale']} changed: it is built anew {when}"))
    for old in stalled:
        held = ", ".join(old["held_at"])
        told = f"incarnation {old['incarnation']} is stalled: {count(old['leases'], 'lease')} held"
        notes.append(("bad", told + (f", taken at {held}" if held else "")))
    if error and "is stalled:" not in error:
        is_now = failed or not healthy
        notes.append(("bad", error) if is_now else ("info", f"last error: {error}"))
    return _How(word, tone, agrees and healthy and not stalled, notes)


def _in_force(actual: Mapping[str, Any]) -> str:
    text = f"{actual['provider'] or '-'} {actual['incarnation'] or ''}".strip()
    drains = len(actual["draining"])
    return f"{text}, {drains} old" if drains else text


def standing(
    winners: Mapping[str, Candidate],
    targets: Iterable[str],
    desired: Mapping[str, Desired],
    processes: Sequence[ProcessState],
    own: ProcessState | None = None,
    store: str | None = None,
) -> Standing:
    """Put together what is wanted and what is so.

    Args:
        winners: Whom the configuration chooses.
        targets: The components that are asked about.
        desired: The wishes in force.
        processes: Those that listen.
        own: This process, where something runs in it.
        store: Where wishes are kept when not beside the workspace.
    """
    others = [p for p in processes if own is None or p.id != own.id]
    # What is so here now, not at its last beat.
    processes = [own if own is not None and p.id == own.id else p for p in processes]
    said: dict[str, list[Mapping[str, Any]]] = {}
    for process in [own, *others] if own is not None else others:
        for one in process.state.get("components", ()):
            at = {"pid": process.pid, "host": process.host}
            said.setdefault(one["target"], []).append({**one, **at})
    rows = []
    for target in targets:
        winner = winners.get(target)
        provider = None if winner is None else winner.provider
        rows.append((target, provider, desired.get(target), tuple(said.get(target, ()))))
    return Standing(tuple(rows), tuple(processes), store)


def still_good(root: Path, environ: Mapping[str, str]) -> tuple[Fault, ...]:
    """Return a note of the processes that go on, for a workspace whose files do not load now."""
    found = Store(place(root, environ), root=root).processes(ALIVE)
    pids = ", ".join(str(process.pid) for process in found if process.state.get("watch"))
    if not pids:
        return ()
    what = f"those that run keep the last good configuration: {pids}"
    return (Fault("last-good", what, why="they watch these files", severity="note"),)


def _agrees(provider: str | None, wish: Desired | None, actual: Mapping[str, Any]) -> bool:
    """Tell whether a process is as it is wanted; a component that is not active yet may be."""
    state = actual["state"]
    wanted = "running" if wish is None else wish.state
    if wanted == "paused":
        return state in {"paused", "drained"}
    if wanted == "draining":
        return state == "drained" and not actual["draining"]
    if state == "active" and actual.get("stale"):
        return False
    return state == "idle" or (state, actual["provider"]) == ("active", provider)


def _processes(number: int) -> str:
    return f"{number or 'no'} process{'es' * (number > 1)}"


def _reason(wish: Desired) -> str:
    return f"{wish.who}: {wish.why}" if wish.why else wish.who


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that was done to a component, or wanted of it.

    Attributes:
        at: Seconds since 1970.
        target: `domain:key`.
        what: What was done, or `desired paused` and the like.
        incarnation: Number of the instance, where there is one.
        provider: Its provider, or empty.
        detail: One line, or empty.
        pid: The process that did it, None for a wish.
        who: The user who wished it, or empty.
    """

    at: float
    target: str
    what: str
    incarnation: int | None = None
    provider: str = ""
    detail: str = ""
    pid: int | None = None
    who: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Deeds(Result):
    """What was done to components and wanted of them, the newest first."""

    rows: tuple[Deed, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "rows": [
                {
                    "at": d.at,
                    "target": d.target,
                    "what": d.what,
                    "incarnation": d.incarnation,
                    "provider": d.provider or None,
                    "detail": d.detail or None,
                    "pid": d.pid,
                    "who": d.who or None,
                }
                for d in self.rows
            ]
        }

    def view(self) -> View:
        """Return one row for each."""
        rows = tuple(
            (
                moment(d.at),
                d.target,
                d.what,
                f"{d.provider} {d.incarnation or ''}".strip(),
                d.who or str(d.pid),
                d.detail,
            )
            for d in self.rows
        )
        if not rows:
            note = Note("what processes do to components, and what is wanted of them, stands here")
            return View("activity", "activity: nothing was done yet", (note,))
        heads = ("at", "component", "what", "in force", "by", "detail")
        return View("activity", f"activity: {count(len(rows), 'row')}", (Table(heads, rows),))


def deeds(done: Sequence[Activity], wishes: Sequence[Desired], limit: int) -> Deeds:
    """Put what was done and what was wanted into one order, the newest first."""
    rows = [
        Deed(a.at, a.target, a.what, a.incarnation or None, a.provider, a.detail, a.pid)
        for a in done
    ]
    asked = [
        Deed(w.at, w.target, f"desired {w.state}", detail=w.why, who=w.who)
        for w in reversed(wishes)
    ]
    # A stable order: of one moment, what was done stands above what was wanted.
    return Deeds(tuple(sorted([*rows, *asked], key=lambda d: -d.at)[:limit]))


def wished(before: Desired | None, now: Desired, listening: int) -> Wished:
    """Return a wish beside the one that it replaces."""
    was: DesiredState = "running" if before is None else before.state
    found = Wished(now.target, was, now.state, now.who, now.why, now.number, listening)
    return found if now.number else replace(found, number=None)
