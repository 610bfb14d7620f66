"""A view as HTML that survives a notebook's sanitiser.

JupyterLab drops style sheets, scripts, `svg`, `role`, `aria-*` and `data-*` from the output of
a notebook that is not trusted. What is used here it keeps: `table`, `th scope`, `details`,
`summary`, `pre`, `code`, `s`, `strong`, `em`, `a href`, `class`, and of `style` the alignment
of text, which its own style sheet would otherwise set to the right in every cell.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ._model import Code, Fields, Note, Table, Tree, cell
from ._text import clean

if TYPE_CHECKING:
    from ._model import Block, CellLike, Node, Tone, View

_GLYPH: dict[Tone, str] = {"ok": "✓ ", "warn": "⚠ ", "bad": "✗ ", "info": "ℹ "}  # noqa: RUF001 - the sign for information


def to_html(view: View) -> str:
    """Return *view* as one `div` without style or script."""
    parts = [f'<div class="ol-view ol-{escape(view.kind)}">']
    if view.title:
        title = f"<strong>{_toned(view.title, view.tone)}</strong>"
        facts = "".join(f" · <em>{_escape(fact)}</em>" for fact in view.facts)
        parts.append(f'<p class="ol-title">{title}{facts}</p>')
    parts.extend(_block(block) for block in view.blocks)
    parts.append("</div>")
    return "\n".join(parts)


def _escape(text: str) -> str:
    return escape(clean(text, lines=True), quote=True)


def _toned(text: str, tone: Tone) -> str:
    inner = _escape(text).replace("\n", "<br>")
    if tone == "lost":
        return f'<s class="ol-lost">{inner}</s>'
    if tone == "plain":
        return inner
    return f'<span class="ol-{tone}">{inner}</span>'


def safe_link(link: str) -> bool:
    """Tell whether *link* may stand in an `href`: a relative path, or http(s).

    Example:
        >>> safe_link("oneiric.toml"), safe_link("javascript:alert(1)")
        (True, False)
    """
    head = link.split("/", 1)[0].split("?", 1)[0].split("#", 1)[0]
    return ":" not in head or link.startswith(("https://", "http://"))


def _cell(value: CellLike) -> str:
    c = cell(value)
    shown = _toned(c.text, c.tone)
    # A relative path leads nowhere from a notebook that was saved, or stands elsewhere than
    # the workspace; the view's JSON carries it for a renderer that knows the workspace.
    if c.link and c.link.startswith(("https://", "http://")):
        return f'<a href="{escape(c.link, quote=True)}">{shown}</a>'
    return shown


def _block(block: Block) -> str:
    match block:
        case Table():
            return _table(block)
        case Fields():
            rows = "".join(
                f'<tr><th scope="row" {_aligned("left")}>{_escape(name)}</th>'
                f"<td {_aligned('left')}>{_cell(value)}</td></tr>"
                for name, value in block.items
            )
            more = _more(block.more, "entries")
            return f'<table class="ol-fields"><tbody>{rows}</tbody></table>{more}'
        case Tree():
            items = "".join(_node(node) for node in block.roots)
            return f'<div class="ol-tree">{items}{_more(block.more, "entries")}</div>'
        case Note():
            glyph = _GLYPH.get(block.tone, "")
            if "\n" in block.text:  # carets stand below what they point at
                return f'<pre class="ol-note ol-{block.tone}">{glyph}{_escape(block.text)}</pre>'
            return f'<p class="ol-note">{glyph}{_toned(block.text, block.tone)}</p>'
        case Code():
            head = f"<p>{_escape(block.caption)}</p>" if block.caption else ""
            return f'{head}<pre class="ol-code"><code>{_escape(block.text)}</code></pre>'
    return f"<p>{_escape(block.text)}</p>"


def _aligned(align: str) -> str:
    """Return the attributes that align a cell, with a style sheet and without."""
    return f'align="{align}" style="text-align:{align}"'


def _table(table: Table) -> str:
    headings = table.headings
    head = "".join(f'<th scope="col" {_aligned(h.align)}>{_escape(h.name)}</th>' for h in headings)
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td {_aligned(h.align)}>{_cell(value)}</td>"
            for h, value in zip(headings, row, strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    caption = f"<caption>{_escape(table.caption)}</caption>" if table.caption else ""
    return (
        f'<table class="ol-table">{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>{_more(table.more, 'rows')}"
    )


def _more(count: int, noun: str) -> str:
    return f'<p class="ol-more">… {count:,} more {noun}</p>' if count else ""


def _node(node: Node) -> str:
    line = " ".join([_cell(node.label), *(f"<code>{_cell(c)}</code>" for c in node.cells)])
    if not node.children:
        return f"<div>{line}</div>"
    inner = "".join(_node(child) for child in node.children)
    state = " open" if node.open else ""
    return f"<details{state}><summary>{line}</summary><blockquote>{inner}</blockquote></details>"
