"""What a run of a workflow would do: its nodes, drawn, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oneiric_lab.views import (
    Box,
    Cell,
    Fields,
    Graph,
    Node,
    Note,
    Result,
    Table,
    Tree,
    View,
    to_svg,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.errors import Fault
    from oneiric_lab.views import Block, CellLike

    from ._dag import Dag
    from ._dag import Node as Step
    from ._flow_call import Code

DEEP: Final = 12
"""Levels of a tree that a page of 100 columns has room for; what is deeper is a table."""


@dataclass(frozen=True, slots=True, repr=False)
class FlowPlan(Result):
    """The nodes of a workflow, and who would do them.

    Attributes:
        workflow: Its key.
        provider: Who provides it, with version.
        dag: Its nodes.
        code: Task to whose code it would run; a task that nobody provides is not in it.
        faults: What keeps it from being run.
        durable: Whether a run would outlive its process.
    """

    workflow: str
    provider: str
    dag: Dag
    code: Mapping[str, Code]
    faults: tuple[Fault, ...] = ()
    durable: bool = False

    @property
    def ok(self) -> bool:
        """Whether it can be run."""
        return not self.faults

    @property
    def exit_code(self) -> int:
        """1 where it cannot be run."""
        return 0 if self.ok else 1

    def levels(self) -> dict[str, int]:
        """Return how many nodes stand before each one on the longest way to it."""
        out: dict[str, int] = {}
        for node in self.dag.nodes:
            out[node.id] = 1 + max((out[name] for name in node.depends_on), default=-1)
        return out

    def to_svg(self) -> str:
        """Return the nodes as a picture that stands alone, SVG."""
        levels = self.levels()
        places = {node.id: place for place, node in enumerate(self.dag.nodes)}
        boxes = tuple(
            Box(
                node.id,
                f"task:{node.task}",
                levels[node.id],
                tuple(places[name] for name in node.depends_on),
                bad=node.task not in self.code,
            )
            for node in self.dag.nodes
        )
        words = "; ".join(
            f"{node.id} after {', '.join(node.depends_on)}" if node.depends_on else node.id
            for node in self.dag.nodes
        )
        return to_svg(Graph(f"workflow {self.workflow}", words, boxes))

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "workflow": self.workflow,
            "provider": self.provider,
            "durable": self.durable,
            "dag": self.dag.as_dict(),
            "digest": self.dag.digest,
            "code": {name: code.as_dict() for name, code in self.code.items()},
            "faults": [fault.as_dict() for fault in self.faults],
        }

    def view(self) -> View:
        """Return the nodes as a tree, each once, below what it waits for longest."""
        levels = self.levels()
        depth = 1 + max(levels.values(), default=0)
        wide = max((sum(at == n for at in levels.values()) for n in {*levels.values()}), default=0)
        items: list[tuple[str, CellLike]] = [
            ("provider", self.provider),
            ("nodes", f"{len(self.dag.nodes)}, at most {wide} at a time, {depth} in a row"),
            ("runs", "durable" if self.durable else "in memory: a crash ends them"),
        ]
        if self.dag.queue is not None:
            items.append(("queue", self.dag.queue))
        blocks: list[Block] = [Fields(tuple(items))]
        blocks.append(self._tree(levels) if depth <= DEEP else self._table())
        blocks += [Note("\n".join(fault.lines()), "bad") for fault in self.faults]
        title = f"{self.workflow}: {'cannot be run' if self.faults else 'can be run'}"
        tone: CellLike = "bad" if self.faults else "ok"
        return View("workflow-plan", title, tuple(blocks), tone=tone)  # type: ignore[arg-type]  # a tone

    def _tree(self, levels: Mapping[str, int]) -> Tree:
        below: dict[str, list[Step]] = {}
        for node in self.dag.nodes:
            last = max(node.depends_on, key=lambda name: levels[name], default="")
            below.setdefault(last, []).append(node)

        def drawn(node: Step, under: str) -> Node:
            others = [name for name in node.depends_on if name != under]
            cells: list[CellLike] = [self._by(node)]
            if others:
                cells.append(Cell(f"after {', '.join(others)} too", "muted"))
            cells += [Cell(text, "muted") for text in _more(node)]
            children = tuple(drawn(inner, node.id) for inner in below.get(node.id, ()))
            return Node(node.id, tuple(cells), children)

        return Tree(tuple(drawn(node, "") for node in below.get("", ())))

    def _table(self) -> Table:
        rows = tuple(
            (node.id, self._by(node), ", ".join(node.depends_on) or None, ", ".join(_more(node)))
            for node in self.dag.nodes
        )
        return Table(("node", "task", "after", "more"), rows)

    def _by(self, node: Step) -> Cell:
        code = self.code.get(node.task)
        if code is None:
            return Cell(f"task:{node.task}, which nobody provides", "bad")
        return Cell(f"task:{node.task} by {code.provider}")


def _more(node: Step) -> list[str]:
    out = []
    if node.retry.attempts > 1:
        out.append(f"{node.retry.attempts} attempts")
    if node.timeout:
        out.append(f"{node.timeout:g} s each")
    return out
