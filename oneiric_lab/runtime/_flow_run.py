"""Runs of a workflow as they are kept and shown."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from oneiric_lab.views import Cell, Code, Fields, Note, Result, Table, View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.views import Block, CellLike, Tone

State = Literal["waiting", "running", "interrupted", "done", "failed", "cancelled", "stuck"]
"""Where a run is; `interrupted` is one whose process is gone, `stuck` one that was begun again
so often that it is left alone."""

NodeState = Literal["waiting", "done", "failed", "skipped", "kept"]
"""Where a node is; `kept` is one whose result a fork took over from another run."""

TONES: Final[Mapping[str, Tone]] = {
    "done": "ok",
    "kept": "ok",
    "running": "info",
    "waiting": "muted",
    "skipped": "muted",
    "failed": "bad",
    "stuck": "bad",
    "interrupted": "warn",
    "cancelled": "warn",
}

ENDED: Final = frozenset({"done", "failed", "cancelled", "stuck"})


def new_run_id(workflow: str, dedup_key: str | None = None) -> str:
    """Return the name of a new run: the workflow, then the moment and lot, or the key's digest.

    Args:
        workflow: Its key.
        dedup_key: Two runs of a workflow with one such key have one name, and so are one run.

    Example:
        >>> new_run_id("ship", "order-7") == new_run_id("ship", "order-7")
        True
    """
    if dedup_key is not None:
        return f"{workflow}-{hashlib.sha256(dedup_key.encode()).hexdigest()[:24]}"
    now = dt.datetime.now(dt.UTC)
    return f"{workflow}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class NodeRun:
    """What became of one node of a run.

    Attributes:
        id: Of the node.
        task: Key of its task.
        state: Where it is.
        result: What the task returned.
        error: Why it failed: `code` and `message`.
        attempts: How often it was begun, in the process that ended it.
        started: Seconds since 1970.
        ms: How long it took, all attempts and waits included.
        provider: Who provided the task, with version.
        code: Digest of the provider's code.
    """

    id: str
    task: str
    state: NodeState = "waiting"
    result: Any = None
    error: Mapping[str, Any] | None = None
    attempts: int = 0
    started: float | None = None
    ms: float | None = None
    provider: str = ""
    code: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape, in which it is recorded too."""
        return {
            "id": self.id,
            "task": self.task,
            "state": self.state,
            "result": self.result,
            "error": None if self.error is None else dict(self.error),
            "attempts": self.attempts,
            "started": self.started,
            "ms": self.ms,
            "provider": self.provider,
            "code": self.code,
        }

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> NodeRun:
        """Return what was recorded; names of a newer release are passed over."""
        return cls(**{name: said[name] for name in cls.__slots__ if name in said})


@dataclass(frozen=True, slots=True, repr=False)
class TaskRun(Result):
    """A task that was run alone.

    Attributes:
        node: What became of it.
    """

    node: NodeRun

    @property
    def ok(self) -> bool:
        """Whether it is done."""
        return self.node.state == "done"

    @property
    def exit_code(self) -> int:
        """1 where it failed."""
        return 0 if self.ok else 1

    @property
    def result(self) -> Any:
        """What it returned."""
        return self.node.result

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return self.node.as_dict()

    def view(self) -> View:
        """Return what it returned, or why it failed."""
        node = self.node
        items: list[tuple[str, CellLike]] = [
            ("provider", node.provider),
            ("attempts", node.attempts),
        ]
        blocks: list[Block] = [Fields(tuple(items))]
        if node.error is not None:
            blocks.append(Note(str(node.error["message"]), "bad"))
        else:
            import json  # noqa: PLC0415 - only a display pays

            blocks.append(Code(json.dumps(node.result, indent=2, ensure_ascii=False), "json"))
        title = f"task:{node.task}: {node.state}"
        return View("task-run", title, tuple(blocks), summary=title, tone=TONES[node.state])


@dataclass(frozen=True, slots=True, repr=False)
class FlowRun(Result):
    """One run of a workflow.

    Attributes:
        id: Its name.
        workflow: Key of the workflow.
        state: Where it is.
        payload: What it was given.
        nodes: What became of each node, each behind what it depends on.
        durable: Whether it outlives its process.
        started: Seconds since 1970; when it was asked for, where it did not begin yet.
        ended: Seconds since 1970.
        forked: The run that it was forked from, and the nodes from which on it runs anew.
        why: Why it is where it is, where that is not said by a node.
        dag: Its nodes as a manifest says them.
        code: Task to the provider, version and digest of code that it began with.
    """

    id: str
    workflow: str
    state: State
    payload: Any = None
    nodes: tuple[NodeRun, ...] = ()
    durable: bool = False
    started: float | None = None
    ended: float | None = None
    forked: Mapping[str, Any] | None = None
    why: str = ""
    dag: Mapping[str, Any] | None = None
    code: Mapping[str, Any] | None = None

    @property
    def ok(self) -> bool:
        """Whether all of it was done."""
        return self.state == "done"

    @property
    def is_ended(self) -> bool:
        """Whether it goes on no more by itself."""
        return self.state in ENDED

    @property
    def exit_code(self) -> int:
        """0 where it is done or goes on, 1 where it failed, 130 where it was cancelled."""
        return {"cancelled": 130, "failed": 1, "stuck": 1, "interrupted": 1}.get(self.state, 0)

    @property
    def results(self) -> dict[str, Any]:
        """Node to what its task returned, of those that are done."""
        return {node.id: node.result for node in self.nodes if node.state in {"done", "kept"}}

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "run": self.id,
            "workflow": self.workflow,
            "state": self.state,
            "durable": self.durable,
            "payload": self.payload,
            "started": self.started,
            "ended": self.ended,
            "forked": None if self.forked is None else dict(self.forked),
            "why": self.why,
            "nodes": [node.as_dict() for node in self.nodes],
        }

    def view(self) -> View:
        """Return its state and one row for each node."""
        done = sum(node.state in {"done", "kept"} for node in self.nodes)
        items: list[tuple[str, CellLike]] = [
            ("run", self.id),
            ("state", Cell(self.state, TONES[self.state])),
            ("nodes", f"{done} of {len(self.nodes)} done"),
        ]
        if self.forked is not None:
            where = ", ".join(self.forked["nodes"])
            items.append(("forked", f"{self.forked['run']}, from {where}"))
        if self.payload is not None:
            items.append(("payload", brief(self.payload)))
        blocks: list[Block] = [Fields(tuple(items))]
        if self.nodes:
            rows = tuple(
                (
                    node.id,
                    node.task,
                    Cell(node.state, TONES[node.state]),
                    node.attempts or None,
                    node.provider or None,
                    _came(node),
                )
                for node in self.nodes
            )
            heads = ("node", "task", "state", "attempts", "provider", "result")
            blocks.append(Table(heads, rows))
        if self.why:
            blocks.append(Note(self.why, "info" if self.state == "waiting" else "warn"))
        if not self.durable:
            blocks.append(Note("in memory: it is gone when its process ends", "muted"))
        title = f"{self.workflow}: {self.state}"
        return View("workflow-run", title, tuple(blocks), summary=title, tone=TONES[self.state])


def _came(node: NodeRun) -> str | None:
    if node.error is not None:
        return str(node.error["message"])
    return brief(node.result) if node.state in {"done", "kept"} else None


def brief(value: Any) -> str:
    """Return a value as JSON in one short line."""
    import json  # noqa: PLC0415 - only a display pays

    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004 - one row's room


def moment(seconds: float | None) -> str | None:
    """Return a time as people read it, UTC."""
    if seconds is None:
        return None
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def begins(due: float) -> str:
    """Return why a run waits that is put off until *due*, seconds since 1970."""
    return f"it begins at {moment(due)} UTC"


@dataclass(frozen=True, slots=True, repr=False)
class FlowRuns(Result):
    """Runs, the newest first.

    Attributes:
        rows: Without their nodes.
        note: What is to be said of where they are kept.
    """

    rows: tuple[FlowRun, ...]
    note: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"runs": [_short(row) for row in self.rows]}

    def view(self) -> View:
        """Return one row for each run."""
        rows = tuple(
            (
                row.id,
                row.workflow,
                Cell(row.state, TONES[row.state]),
                moment(row.started),
                None
                if row.ended is None or row.started is None
                else f"{max(row.ended - row.started, 0):.1f} s",
            )
            for row in self.rows
        )
        many = len(rows)
        blocks: list[Block] = (
            [Table(("run", "workflow", "state", "asked for", "took"), rows)] if rows else []
        )
        if self.note:
            blocks.append(Note(self.note, "info"))
        return View("workflow-runs", f"{many} run{'s' * (many != 1)}", tuple(blocks))


def _short(run: FlowRun) -> dict[str, object]:
    return {
        "run": run.id,
        "workflow": run.workflow,
        "state": run.state,
        "durable": run.durable,
        "started": run.started,
        "ended": run.ended,
        "forked": None if run.forked is None else dict(run.forked),
    }


@dataclass(frozen=True, slots=True, repr=False)
class FlowDiff(Result):
    """In what two runs differ.

    Attributes:
        left: One run.
        right: The other one.
    """

    left: FlowRun
    right: FlowRun

    @property
    def rows(self) -> tuple[tuple[str, str, Any, Any], ...]:
        """Node (empty for the run), what differs, and how it is left and right."""
        out: list[tuple[str, str, Any, Any]] = []
        for name in ("workflow", "state", "payload"):
            a, b = getattr(self.left, name), getattr(self.right, name)
            if a != b:
                out.append(("", name, a, b))
        left = {node.id: node for node in self.left.nodes}
        right = {node.id: node for node in self.right.nodes}
        for name in dict.fromkeys([*left, *right]):
            one, other = left.get(name), right.get(name)
            if one is None or other is None:
                out.append((name, "node", one and "there", other and "there"))
                continue
            out += [
                (name, what, getattr(one, what), getattr(other, what))
                for what in ("task", "state", "provider", "code", "result", "error")
                if getattr(one, what) != getattr(other, what) and not _is_kept(what, one, other)
            ]
        return tuple(out)

    @property
    def exit_code(self) -> int:
        """1 where they differ."""
        return 1 if self.rows else 0

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "left": self.left.id,
            "right": self.right.id,
            "changes": [
                {"node": node or None, "what": what, "left": a, "right": b}
                for node, what, a, b in self.rows
            ],
        }

    def view(self) -> View:
        """Return one row for each difference."""
        rows = tuple(
            (node or "(run)", what, Cell(_told(a), "lost"), Cell(_told(b), "ok"))
            for node, what, a, b in self.rows
        )
        many = len(rows)
        title = f"{many} difference{'s' * (many != 1)}" if rows else "the same"
        blocks: list[Block] = [Fields((("left", self.left.id), ("right", self.right.id)))]
        if rows:
            blocks.append(Table(("node", "what", "left", "right"), rows))
        return View("workflow-diff", title, tuple(blocks), summary=title)


def _is_kept(what: str, one: NodeRun, other: NodeRun) -> bool:
    return what == "state" and {one.state, other.state} == {"done", "kept"}


def _told(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value[:12] if len(value) == 64 else value  # noqa: PLR2004 - a digest's digits
    return brief(value)
