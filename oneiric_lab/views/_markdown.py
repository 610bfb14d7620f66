"""A view as Markdown, for pull requests, issues and chat."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ._model import Code, Fields, Note, Table, Tree, cell
from ._text import clean

if TYPE_CHECKING:
    from ._model import Block, CellLike, Node, View

# What starts markup inside a line; `<` and `&` also start HTML.
_SPECIAL = re.compile(r"([\\`*_\[\]<>&|#~])")


def to_markdown(view: View) -> str:
    """Return *view* as GitHub-flavoured Markdown, all data escaped."""
    parts: list[str] = []
    if view.title:
        facts = "".join(f" · {_escape(fact)}" for fact in view.facts)
        parts.append(f"**{_escape(view.title)}**{facts}")
    parts.extend(_block(block) for block in view.blocks)
    return "\n\n".join(part for part in parts if part)


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", clean(text))


def _cell(value: CellLike) -> str:
    c = cell(value)
    text = _escape(c.text)
    return f"~~{text}~~" if c.tone == "lost" and text else text


def _block(block: Block) -> str:
    match block:
        case Table():
            headings = block.headings
            lines = [f"_{_escape(block.caption)}_\n"] if block.caption else []
            lines.append("| " + " | ".join(_escape(h.name) for h in headings) + " |")
            rule = ("---:" if h.align == "right" else "---" for h in headings)
            lines.append("| " + " | ".join(rule) + " |")
            lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in block.rows]
            return "\n".join(lines) + _more(block.more, "rows")
        case Fields():
            lines = [f"- {_escape(name)}: {_cell(value)}" for name, value in block.items]
            return "\n".join(lines) + _more(block.more, "entries")
        case Tree():
            lines = [line for node in block.roots for line in _node(node, 0)]
            return "\n".join(lines) + _more(block.more, "entries")
        case Note():
            return f"> {_escape(block.text)}"
        case Code():
            # A fence longer than any run of backticks inside cannot be closed by the text.
            longest = max((len(run) for run in re.findall(r"`+", block.text)), default=0)
            fence = "`" * max(3, longest + 1)
            head = f"{_escape(block.caption)}\n\n" if block.caption else ""
            body = "\n".join(clean(line) for line in block.text.split("\n"))
            return f"{head}{fence}{block.language}\n{body}\n{fence}"
    return _escape(block.text)


def _more(count: int, noun: str) -> str:
    return f"\n\n… {count:,} more {noun}" if count else ""


def _node(node: Node, depth: int) -> list[str]:
    line = " ".join([_cell(node.label), *map(_cell, node.cells)])
    below = [inner for child in node.children for inner in _node(child, depth + 1)]
    return [f"{'  ' * depth}- {line}", *below]
