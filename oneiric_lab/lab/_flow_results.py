"""The answers about workflows and tasks of a lab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab.errors import WorkflowError
from oneiric_lab.views import Cell, Note, Result, Table, View

if TYPE_CHECKING:
    from oneiric_lab.registry import Candidate
    from oneiric_lab.runtime import Dag
    from oneiric_lab.views import Block


@dataclass(frozen=True, slots=True, repr=False)
class Triggered(Result):
    """A run that was asked for.

    Attributes:
        run_id: Its name.
        workflow: Key of the workflow.
        is_new: False where a run of the same key was there already.
        durable: Whether it outlives its process.
        why: Why nothing begins it now.
    """

    run_id: str
    workflow: str
    is_new: bool
    durable: bool
    why: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "run": self.run_id,
            "workflow": self.workflow,
            "new": self.is_new,
            "durable": self.durable,
            "why": self.why,
        }

    def view(self) -> View:
        """Return the name of the run."""
        what = "asked for" if self.is_new else "was asked for already"
        notes = (Note(self.why, "info"),) if self.why else ()
        return View("workflow-asked", f"{self.workflow}: {what}: {self.run_id}", notes)


@dataclass(frozen=True, slots=True, repr=False)
class Scheduled(Result):
    """A task that runs later.

    Attributes:
        task: Its key.
        run_id: Name of its run.
        delay: Seconds until it begins.
        durable: Whether it outlives its process.
        why: Why it may not come to that.
    """

    task: str
    run_id: str
    delay: float
    durable: bool
    why: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "task": self.task,
            "run_id": self.run_id,
            "delay": self.delay,
            "durable": self.durable,
            "why": self.why,
        }

    def view(self) -> View:
        """Return when, and the name of its run."""
        notes = (Note(self.why, "info" if self.durable else "warn"),) if self.why else ()
        title = f"task:{self.task}: in {self.delay:g} s: {self.run_id}"
        return View("task-scheduled", title, notes)


@dataclass(frozen=True, slots=True, repr=False)
class Flows(Result):
    """The workflows of a workspace.

    Attributes:
        rows: Key, provider, and the nodes or None, or the error that keeps them from being read.
        is_task: Whether these are tasks instead.
    """

    rows: tuple[tuple[str, Candidate, Dag | WorkflowError | None], ...]
    is_task: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        rows = [
            {
                "key": key,
                "provider": candidate.provider,
                "version": candidate.version,
                "summary": candidate.summary,
                **({} if self.is_task else {"nodes": len(dag.nodes) if _is_dag(dag) else None}),  # type: ignore[union-attr]  # told by `_is_dag`
            }
            for key, candidate, dag in self.rows
        ]
        return {"tasks" if self.is_task else "workflows": rows}

    def view(self) -> View:
        """Return one row for each."""
        noun = "task" if self.is_task else "workflow"
        many = len(self.rows)
        title = f"{many} {noun}{'s' * (many != 1)}"
        if not self.rows:
            fix = f"a candidate of the domain {noun} is one: explain, list --domain {noun}"
            return View(f"{noun}s", title, (Note(fix, "info"),))
        if self.is_task:
            rows = tuple((k, str(c), c.summary or None) for k, c, _ in self.rows)
            return View("tasks", title, (Table(("task", "provider", "summary"), rows),))
        more: list[Block] = [
            Note("\n".join(fault.lines()), "bad")
            for _, _, dag in self.rows
            if isinstance(dag, WorkflowError)
            for fault in dag.faults
        ]
        cells = tuple((k, str(c), _nodes(dag), c.summary or None) for k, c, dag in self.rows)
        return View(
            "workflows", title, (Table(("workflow", "provider", "nodes", "summary"), cells), *more)
        )


def _is_dag(dag: object) -> bool:
    return dag is not None and not isinstance(dag, WorkflowError)


def _nodes(dag: Dag | WorkflowError | None) -> Cell:
    if dag is None:
        return Cell("code, no nodes", "muted")
    if isinstance(dag, WorkflowError):
        return Cell("cannot be read", "bad")
    return Cell(str(len(dag.nodes)), value=len(dag.nodes))
