"""Boxes and arrows between them as a picture, SVG, for a file or a page.

What it shows is also told in words, for who does not see it. The picture has its own colours,
for light and dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from ._text import clean, columns

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEIGHT: Final = 40
_ABOVE: Final = 16
_BETWEEN: Final = 56
_EDGE: Final = 12
_LETTER: Final = 7.4
"""Width of a letter at 12 px in the widest of usual fonts."""
_LEAST: Final = 70
_MOST: Final = 30
"""Letters of a name that a box has room for."""

_STYLE: Final = (
    "text{font:12px ui-sans-serif,system-ui,sans-serif;fill:#1f2328}"
    ".d{font-size:10px;fill:#59636e}rect{fill:#f6f8fa;stroke:#59636e}"
    ".bad rect{fill:#ffebe9;stroke:#d1242f}path{fill:none;stroke:#59636e}"
    "@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.d{fill:#9198a1}"
    "rect{fill:#151b23;stroke:#9198a1}.bad rect{fill:#25171c;stroke:#f85149}"
    "path{stroke:#9198a1}}"
)


@dataclass(frozen=True, slots=True)
class Box:
    """One box.

    Attributes:
        name: Written in it.
        detail: Written smaller below.
        column: From the left, from 0; arrows go to the right.
        before: Places of the boxes that arrows come from.
        bad: Whether something is wrong with it.
    """

    name: str
    detail: str
    column: int
    before: tuple[int, ...] = ()
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """Boxes, and the arrows between them.

    Attributes:
        title: What it shows.
        words: What one sees in it, in a sentence.
        boxes: In the order in which each column has them from the top.
    """

    title: str
    words: str
    boxes: tuple[Box, ...]


def to_svg(graph: Graph) -> str:
    """Return *graph* as an SVG document, one that stands alone."""
    names = [(_cut(box.name), _cut(box.detail)) for box in graph.boxes]
    many = 1 + max((box.column for box in graph.boxes), default=0)
    widths = [_LEAST] * many
    rows = [0] * many
    places: list[tuple[int, int]] = []
    for box, (name, detail) in zip(graph.boxes, names, strict=True):
        wanted = max(columns(name) * _LETTER, columns(detail) * _LETTER * 10 / 12) + 2 * _EDGE
        widths[box.column] = max(widths[box.column], round(wanted))
    lefts: list[int] = [_EDGE]
    for width in widths:
        lefts.append(lefts[-1] + width + _BETWEEN)
    for box in graph.boxes:
        y = _EDGE + rows[box.column] * (_HEIGHT + _ABOVE)
        rows[box.column] += 1
        places.append((lefts[box.column], y))
    width = lefts[-1] - _BETWEEN + _EDGE
    height = 2 * _EDGE + max(*rows, 1) * (_HEIGHT + _ABOVE) - _ABOVE
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" aria-labelledby="title words">'
        ),
        f'<title id="title">{_escape(graph.title)}</title>',
        f'<desc id="words">{_escape(graph.words)}</desc>',
        f"<style>{_STYLE}</style>",
        (
            '<marker id="end" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" markerHeight="6" '
            'orient="auto"><path d="M0 0L6 3L0 6"/></marker>'
        ),
        *_arrows(graph, places, widths),
    ]
    for box, (name, detail), (x, y) in zip(graph.boxes, names, places, strict=True):
        kind = ' class="bad"' if box.bad else ""
        w = widths[box.column]
        parts.append(
            f'<g{kind}><rect x="{x}" y="{y}" width="{w}" height="{_HEIGHT}" rx="6"/>'
            f'<text x="{x + _EDGE}" y="{y + 17}">{_escape(name)}</text>'
            f'<text class="d" x="{x + _EDGE}" y="{y + 32}">{_escape(detail)}</text></g>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _arrows(graph: Graph, places: list[tuple[int, int]], widths: list[int]) -> Iterator[str]:
    for number, box in enumerate(graph.boxes):
        x, top = places[number]
        y = top + _HEIGHT / 2
        for first in box.before:
            from_x = places[first][0] + widths[graph.boxes[first].column]
            from_y = places[first][1] + _HEIGHT / 2
            bend = _BETWEEN / 2
            yield (
                f'<path marker-end="url(#end)" d="M{from_x} {from_y}'
                f'C{from_x + bend} {from_y} {x - bend} {y} {x} {y}"/>'
            )


def _cut(text: str) -> str:
    text = clean(text)
    return text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"


def _escape(text: str) -> str:
    return escape(clean(text), quote=True)
