"""What a result looks like, as data: a view is a title and blocks, without any markup.

Text, HTML, Markdown and the notebook's JSON are four renderings of one view, so that
no door shows more, less or other things than another.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

Tone = Literal["plain", "ok", "warn", "bad", "info", "muted", "lost"]
"""How a thing stands; `lost` is a value that another one beat, drawn struck through."""

TONES: tuple[Tone, ...] = ("plain", "ok", "warn", "bad", "info", "muted", "lost")

Align = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One value in a table, a field or a tree.

    Attributes:
        text: What is shown.
        tone: How it stands; never the only sign of it.
        link: Relative path or http(s) address that the text points to.
        value: The value behind the text, for frames and sorting; the text when None.
    """

    text: str
    tone: Tone = "plain"
    link: str | None = None
    value: object = None


CellLike = Cell | str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading and alignment."""

    name: str
    align: Align = "left"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; `more` counts the rows that a cap left out."""

    columns: tuple[Column | str, ...]
    rows: tuple[tuple[CellLike, ...], ...]
    caption: str | None = None
    more: int = 0

    def __post_init__(self) -> None:
        """Refuse rows that do not fit the headings: they would be shown under a wrong one."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"a row has {len(row)} cells for {len(self.columns)} columns: {row!r}"
                )

    @property
    def headings(self) -> tuple[Column, ...]:
        """All columns in their full form."""
        return tuple(c if isinstance(c, Column) else Column(c) for c in self.columns)


@dataclass(frozen=True, slots=True)
class Fields:
    """Names with one value each; `more` counts those that a cap left out."""

    items: tuple[tuple[str, CellLike], ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """One line of a tree, with cells beside its label and nodes below it."""

    label: CellLike
    cells: tuple[CellLike, ...] = ()
    children: tuple[Node, ...] = ()
    open: bool = True


@dataclass(frozen=True, slots=True)
class Tree:
    """Nodes below nodes; `more` counts those that a cap left out."""

    roots: tuple[Node, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence that stands out."""

    text: str
    tone: Tone = "info"


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be shown as it is, in a fixed width."""

    text: str
    language: str = "text"
    caption: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph of prose."""

    text: str


Block = Table | Fields | Tree | Note | Code | Text


@dataclass(frozen=True, slots=True)
class View:
    """A result as people see it.

    Attributes:
        kind: What it shows (`explain`, `plan`), for displays that know the kind.
        title: The answer in one line.
        blocks: What stands below it, in order.
        summary: One sentence for places with room for no more.
        facts: Short facts beside the title, such as what decided.
        tone: How the whole stands.
    """

    kind: str
    title: str
    blocks: tuple[Block, ...] = ()
    summary: str = ""
    facts: tuple[str, ...] = ()
    tone: Tone = "plain"


def cell(value: CellLike) -> Cell:
    """Return *value* as a cell: None is `-`, a boolean `yes` or `no`.

    Example:
        >>> cell(None).text, cell(True).text, cell(0.5).text
        ('-', 'yes', '0.5')
    """
    if isinstance(value, Cell):
        return value
    if value is None:
        return Cell("-", "muted")
    if isinstance(value, bool):
        return Cell("yes" if value else "no", value=value)
    return Cell(str(value), value=value)


@dataclass(slots=True)
class _Budget:
    rows: int
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.rows


def capped(view: View, *, rows: int, text: int | None = None) -> View:
    """Return *view* with at most *rows* rows in each table and tree.

    Args:
        view: The whole view.
        rows: Most rows of a table, nodes of a tree and items of fields.
        text: Most characters of one text; None for no limit.

    Returns:
        A view whose tables, trees and fields tell in `more` what was left out.
    """
    return replace(
        view,
        title=_cut(view.title, text),
        summary=_cut(view.summary, text),
        blocks=tuple(_cap(block, rows, text) for block in view.blocks),
    )


def _cut(text: str, limit: int | None) -> str:
    return text if limit is None or len(text) <= limit else text[: max(limit - 1, 0)] + "…"


def _cut_cell(value: CellLike, limit: int | None) -> CellLike:
    if isinstance(value, Cell):
        return replace(value, text=_cut(value.text, limit))
    return _cut(value, limit) if isinstance(value, str) else value


def _cap(block: Block, rows: int, text: int | None) -> Block:
    match block:
        case Table():
            kept = tuple(tuple(_cut_cell(c, text) for c in row) for row in block.rows[:rows])
            return replace(block, rows=kept, more=block.more + len(block.rows) - len(kept))
        case Fields():
            items = tuple((n, _cut_cell(v, text)) for n, v in block.items[:rows])
            return Fields(items, block.more + len(block.items) - len(items))
        case Tree():
            budget = _Budget(rows)
            roots = _cap_nodes(block.roots, budget, text)
            total = sum(map(_count, block.roots))
            return Tree(roots, more=block.more + total - sum(map(_count, roots)))
        case Note():
            return replace(block, text=_cut(block.text, text))
        case Code():
            lines = block.text.split("\n")
            if len(lines) > rows:
                lines = [*lines[:rows], f"… {len(lines) - rows:,} more lines"]
            return replace(block, text=_cut("\n".join(lines), None if text is None else text * 4))
    return Text(_cut(block.text, None if text is None else text * 4))


def _count(node: Node) -> int:
    return 1 + sum(map(_count, node.children))


def _cap_nodes(nodes: tuple[Node, ...], budget: _Budget, text: int | None) -> tuple[Node, ...]:
    kept: list[Node] = []
    for node in nodes:
        if budget.left <= 0:
            break
        budget.left -= 1
        kept.append(
            Node(
                _cut_cell(node.label, text),
                tuple(_cut_cell(c, text) for c in node.cells),
                _cap_nodes(node.children, budget, text),
                node.open,
            )
        )
    return tuple(kept)
