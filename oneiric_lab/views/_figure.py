"""Charts of a page, as data, and the SVG that draws them.

What a chart shows is also told in words, and as a table behind `details`: nothing is told
by colour alone. Colours are classes, which the page's style sheet gives for light and dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from ._text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WIDTH: Final = 860
_HEIGHT: Final = 250
_LEFT: Final = 76
_RIGHT: Final = 90
_TOP: Final = 12
_BOTTOM: Final = 40
_SHADES: Final = 8
_KINDS: Final = 6

Tick = tuple[float, str]
"""Where on an axis, from 0 to 1, and what stands there."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line; places go from 0 to 1, and a None among them is a gap.

    Attributes:
        name: Written at its end.
        points: Place on the axis of time, and on the other one.
        bad: Whether it shows what should not be.
    """

    name: str
    points: tuple[tuple[float, float | None], ...]
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with what it says in words.

    Attributes:
        title: What it shows.
        words: What one sees in it, in a sentence.
        across: Ticks of the axis from left to right.
        up: Ticks of the axis from bottom to top.
        lines: Drawn in order.
        bars: From, to and height, each from 0 to 1.
        cells: Left, right, bottom, top, each from 0 to 1, and how strong from 0 to 1.
        shaded: From, to and what it is, such as the warm-up.
        heads: Of the table that says the same.
        rows: Of that table.
        axis: What the axis from left to right is.
    """

    title: str
    words: str
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    lines: tuple[Line, ...] = ()
    bars: tuple[tuple[float, float, float], ...] = ()
    cells: tuple[tuple[float, float, float, float, float], ...] = ()
    shaded: tuple[tuple[float, float, str], ...] = ()
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    axis: str = ""


def to_figure(figure: Figure, number: int) -> str:
    """Return *figure* as HTML with SVG; *number* tells it from the others of its page."""
    name = f"figure-{number}"
    named = f'aria-labelledby="{name}-title" aria-describedby="{name}-words"'
    parts = [
        f'<figure aria-labelledby="{name}-title">',
        f'<h2 id="{name}-title">{_escape(figure.title)}</h2>',
        f'<figcaption id="{name}-words">{_escape(figure.words)}</figcaption>',
        f'<svg role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}" {named}>',
        *_frame(figure),
        *_marks(figure),
        "</svg>",
    ]
    if figure.rows:
        head = "".join(f'<th scope="col">{_escape(text)}</th>' for text in figure.heads)
        body = "".join(
            "<tr>" + "".join(f"<td>{_escape(text)}</td>" for text in row) + "</tr>"
            for row in figure.rows
        )
        parts.append(
            f'<details><summary>The same as a table</summary><div class="scroll"><table><thead>'
            f"<tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"
        )
    parts.append("</figure>")
    return "\n".join(parts)


def _frame(figure: Figure) -> Iterator[str]:
    for first, last, what in figure.shaded:
        left, right = _x(first), _x(last)
        yield (
            f'<rect class="shade" x="{left:.1f}" y="{_TOP}" width="{max(right - left, 1):.1f}" '
            f'height="{_HEIGHT - _TOP - _BOTTOM}"/>'
            f'<text class="tick" x="{left + 3:.1f}" y="{_TOP + 12}">{_escape(what)}</text>'
        )
    for place, text in figure.up:
        y = _y(place)
        yield (
            f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>'
            f'<text class="tick end" x="{_LEFT - 6}" y="{y + 4:.1f}">{_escape(text)}</text>'
        )
    low = _HEIGHT - _BOTTOM
    yield f'<path class="axis" d="M{_LEFT} {low}H{_WIDTH - _RIGHT}"/>'
    for place, text in figure.across:
        x = _x(place)
        yield (
            f'<path class="axis" d="M{x:.1f} {low}v4"/>'
            f'<text class="tick middle" x="{x:.1f}" y="{low + 16}">{_escape(text)}</text>'
        )
    if figure.axis:
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        text = _escape(figure.axis)
        yield f'<text class="tick middle" x="{middle}" y="{_HEIGHT - 6}">{text}</text>'


def _marks(figure: Figure) -> Iterator[str]:
    # Cells of one shade are one path: thousands of elements would be slow to show.
    shades: list[list[str]] = [[] for _ in range(_SHADES)]
    for left, right, bottom, top, strength in figure.cells:
        x, y = _x(left), _y(top)
        shade = min(int(strength * _SHADES), _SHADES - 1)
        shades[shade].append(f"M{x:.1f} {y:.1f}H{_x(right):.1f}V{_y(bottom):.1f}H{x:.1f}z")
    for shade, paths in enumerate(shades):
        if paths:
            strong = (shade + 1) / _SHADES
            yield f'<path class="cell" fill-opacity="{strong:g}" d="{"".join(paths)}"/>'
    bars = "".join(
        f"M{_x(first):.1f} {_y(0):.1f}V{_y(height):.1f}H{_x(last):.1f}V{_y(0):.1f}z"
        for first, last, height in figure.bars
    )
    if bars:
        yield f'<path class="bar" d="{bars}"/>'
    labels: list[tuple[float, str, str]] = []
    for number, line in enumerate(figure.lines):
        kind = "bad" if line.bad else f"k{number % _KINDS}"
        yield f'<path class="line {kind}" d="{_path(line.points)}"/>'
        ends = [y for _, y in line.points if y is not None]
        if ends:
            labels.append((_y(ends[-1]), line.name, kind))
    yield from _labels(labels)


def _labels(labels: list[tuple[float, str, str]]) -> Iterator[str]:
    """Yield the names of lines at their ends, none of them upon another."""
    last = _TOP - 4.0
    for y, text, kind in sorted(labels):
        last = max(y + 4, last + 13)
        yield (
            f'<text class="name {kind}" x="{_WIDTH - _RIGHT + 14}" y="{last:.1f}">'
            f"{_escape(text)}</text>"
        )


def _path(points: Sequence[tuple[float, float | None]]) -> str:
    out: list[str] = []
    pen = "M"
    for place, (x, y) in enumerate(points):
        if y is None:
            pen = "M"
            continue
        alone = pen == "M" and (place + 1 == len(points) or points[place + 1][1] is None)
        # A point between two gaps would not be seen.
        out.append(f"{pen}{_x(x):.1f} {_y(y):.1f}" + ("h2" if alone else ""))
        pen = "L"
    return "".join(out)


def _x(place: float) -> float:
    return _LEFT + min(max(place, 0.0), 1.0) * (_WIDTH - _LEFT - _RIGHT)


def _y(place: float) -> float:
    return _HEIGHT - _BOTTOM - min(max(place, 0.0), 1.0) * (_HEIGHT - _TOP - _BOTTOM)


def _escape(text: str) -> str:
    return escape(clean(text), quote=True)
