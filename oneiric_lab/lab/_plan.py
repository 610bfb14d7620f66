"""A plan: what a change would do to values and components, and its application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab.config import shown
from oneiric_lab.errors import InvalidConfigError
from oneiric_lab.views import Cell, Code, Note, Result, Table, View

from ._words import count

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from oneiric_lab.config import FileEdit, Proposal, Snapshot, ValueChange
    from oneiric_lab.errors import Fault
    from oneiric_lab.lifecycle import SwapReport
    from oneiric_lab.registry import Generation
    from oneiric_lab.views import Block


@dataclass(frozen=True, repr=False)
class Plan(Result):
    """What a change would do; nothing has happened yet.

    Attributes:
        proposal: The values, and what would be written.
        generation: The components as they would be, None where there are errors.
        components: Components whose provider would change.
        problems: What forbids it, and what only warns.
        order: Components that would be swapped in this process, what one requires before it.
    """

    proposal: Proposal
    generation: Generation | None
    components: tuple[dict[str, object], ...]
    problems: tuple[Fault, ...]
    _apply: Callable[[Plan], Applied]
    _aapply: Callable[[Plan], Coroutine[Any, Any, Applied]]
    order: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it can be applied."""
        return self.proposal.next is not None and not any(
            p.severity == "error" for p in self.problems
        )

    @property
    def exit_code(self) -> int:
        """1 where there are problems."""
        return 0 if self.ok else 1

    def apply(self) -> Applied:
        """Make it so: all of it or nothing.

        Where another thread's loop runs components that it changes, that loop swaps them, as
        `aapply` does. Called on that loop itself it changes the values only: what is in force
        follows at the next `lab.reconcile`, which `lab.watch` does each half second.

        Raises:
            InvalidConfigError: It has problems; nothing was changed.
            FileAccessError: A file changed since the plan was made, or cannot be written.
            ActivationError: A component could not be swapped; nothing was changed.
        """
        self._refuse_problems()
        return self._apply(self)

    async def aapply(self) -> Applied:
        """Make it so, and swap the components that run here: all of it or nothing.

        In the order in which they require each other, all are built and healthy before the
        values change; then the values do, and the first one moves.

        Raises:
            InvalidConfigError: It has problems; nothing was changed.
            FileAccessError: A file changed since the plan was made, or cannot be written.
            ActivationError: A component could not be swapped; nothing was changed.
        """
        self._refuse_problems()
        return await self._aapply(self)

    def _refuse_problems(self) -> None:
        if not self.ok:
            raise InvalidConfigError([p for p in self.problems if p.severity == "error"])

    def as_dict(self) -> dict[str, object]:
        """Return the stable shape of `plan --json`."""
        return {
            "values": [value.as_dict() for value in self.proposal.values],
            "components": list(self.components),
            "problems": [problem.as_dict() for problem in self.problems],
            "layer": self.proposal.layer,
            "files": [file.shown for file in self.proposal.files],
            "order": list(self.order),
        }

    def view(self) -> View:
        """Return values, components and problems."""
        values = self.proposal.values
        blocks: list[Block] = []
        if values:
            rows = tuple(
                (
                    v.path,
                    Cell(shown(v.old, 36), "lost"),
                    Cell(shown(v.new, 36), "ok"),
                    _places(v),
                )
                for v in values
            )
            blocks.append(Table(("value", "now", "then", "said at"), rows))
        if self.components:
            rows = tuple(
                (
                    str(c["target"]),
                    Cell(str(c["old"] or "-"), "lost"),
                    Cell(str(c["new"] or "-"), "ok" if c["new"] else "bad"),
                    str(c["why"]),
                )
                for c in self.components
            )
            blocks.append(Table(("component", "now", "then", "decided by"), rows))
        if self.order:
            blocks.append(Note(f"swapped here in this order: {', '.join(self.order)}"))
        blocks += [
            Code(_diff(self.proposal.now, file), "diff", f"would write {file.shown}")
            for file in self.proposal.files
        ]
        blocks += [
            Note("\n".join(problem.lines()), "bad" if problem.severity == "error" else "warn")
            for problem in self.problems
        ]
        if not values and not self.components and not self.problems:
            blocks.append(Note("nothing would change", "info"))
        many = count(len(values), "value")
        if self.components:
            many += f", {count(len(self.components), 'component')}"
        return View(
            "plan",
            f"plan: {many} would change"
            if self.ok
            else f"plan: {count(len(self.problems), 'problem')}",
            tuple(blocks),
            many,
            (f"layer {self.proposal.layer}", "nothing is applied yet"),
            "plain" if self.ok else "bad",
        )


def _places(change: ValueChange) -> str:
    """Return where a value is said, and where it would be said if that is another place."""
    old, new = (str(o) if o else "" for o in (change.old_origin, change.new_origin))
    if not old or old == new:
        return new
    return f"{new or '-'} (was {old})"


def _diff(now: Snapshot, file: FileEdit) -> str:
    """Return the lines of a file that differ, with a sign in place of each secret."""
    from difflib import unified_diff  # noqa: PLC0415 - only a plan with files pays

    from ._secret_texts import masked, written_secrets  # noqa: PLC0415 - see above

    before = file.before or b""
    secrets = written_secrets(now, before) | written_secrets(now, file.after)
    old, new = (data.decode("utf-8", "replace").splitlines() for data in (before, file.after))
    lines = list(unified_diff(old, new, n=1, lineterm=""))[2:]
    return "\n".join(masked(line, secrets) for line in lines if not line.startswith("@@"))


@dataclass(frozen=True, slots=True, repr=False)
class Applied(Result):
    """What was done.

    Attributes:
        verb: `apply` or `undo`.
        entry: The number under which the history keeps it, None for the session.
        values: Effective values that changed.
        components: Components whose provider changed.
        files: Those that were written.
        layer: Where.
        swaps: What became of the components that run in this process.
        behind: Components of which another provider is in force here still.
    """

    verb: str
    entry: int | None
    values: tuple[dict[str, object], ...]
    components: tuple[dict[str, object], ...]
    files: tuple[str, ...]
    layer: str
    swaps: tuple[SwapReport, ...] = ()
    behind: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "applied": True,
            "entry": self.entry,
            "values": list(self.values),
            "components": list(self.components),
            "files": list(self.files),
            "layer": self.layer,
            "swaps": [report.as_dict() for report in self.swaps],
            "behind": list(self.behind),
        }

    def view(self) -> View:
        """Return what changed."""
        rows = tuple(
            (str(v["path"]), Cell(shown(v["old"], 36), "lost"), Cell(shown(v["new"], 36), "ok"))
            for v in self.values
        )
        blocks: list[Block] = [Table(("value", "was", "is"), rows)] if rows else []
        if self.components:
            more = tuple(
                (str(c["target"]), Cell(str(c["old"]), "lost"), Cell(str(c["new"]), "ok"))
                for c in self.components
            )
            blocks.append(Table(("component", "was", "is"), more))
        if self.files:
            blocks.append(Note(f"wrote {', '.join(self.files)}; take it back with: undo", "ok"))
        blocks += [
            Note(f"{r.target}: {r.provider} is in force, incarnation {r.incarnation}", "ok")
            for r in self.swaps
        ]
        if self.behind:
            told = f"not swapped yet: {', '.join(self.behind)}"
            blocks.append(Note(f"{told}; lab.watch() does, or: await lab.reconcile()", "warn"))
        return View(
            "applied",
            f"{self.verb}: {count(len(self.values), 'value')} changed",
            tuple(blocks),
            facts=(f"layer {self.layer}",),
            tone="ok",
        )
