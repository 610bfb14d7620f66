"""A view as JSON for the notebook's renderer, and the bundle of all forms."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ._html import safe_link, to_html
from ._model import Code, Fields, Note, Table, Tree, capped, cell
from ._text import to_text

if TYPE_CHECKING:
    from ._model import Block, CellLike, Node, View

MIME = "application/vnd.oneiric.view+json"
"""Media type of a view in the outputs of a notebook."""

MAX_ROWS = 50
MAX_BYTES = 16 * 1024
_VERSION = 1


def to_json_view(view: View) -> dict[str, object]:
    """Return the JSON shape of *view*, `version` 1, uncapped.

    Half a surrogate pair, as names and variables that are no UTF-8 bring them, becomes `?`:
    a notebook with one could not be saved.
    """
    shape = _shape(view)
    try:
        json.dumps(shape, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        whole: dict[str, object] = json.loads(error.object.encode(errors="replace"))
        return whole
    return shape


def _shape(view: View) -> dict[str, object]:
    return {
        "version": _VERSION,
        "kind": view.kind,
        "title": view.title,
        "facts": list(view.facts),
        "summary": view.summary,
        "tone": view.tone,
        "blocks": [_block(block) for block in view.blocks],
    }


def mimebundle(view: View) -> dict[str, object]:
    """Return view JSON, HTML and text of *view*, capped at 50 rows and 16 KiB of view JSON.

    What a cap leaves out is told in each form. A saved notebook holds these, so their
    size is the reader's to carry.
    """
    small = view
    # Rows go first, then long texts: a table's first rows say more than all rows cut short.
    for rows, text in ((MAX_ROWS, None), (MAX_ROWS, 2000), (25, 500), (10, 200), (5, 80), (0, 80)):
        small = capped(view, rows=rows, text=text)
        shape = to_json_view(small)
        if len(json.dumps(shape, ensure_ascii=False).encode()) <= MAX_BYTES:
            break
    else:
        small = capped(type(view)(view.kind, view.title, (), view.summary), rows=0, text=80)
        shape = to_json_view(small)
    return {MIME: shape, "text/html": to_html(small), "text/plain": to_text(small, width=100)}


def _cell(value: CellLike) -> dict[str, object] | str:
    c = cell(value)
    shape: dict[str, object] = {"text": c.text}
    if c.tone != "plain":
        shape["tone"] = c.tone
    if c.link and safe_link(c.link):
        shape["link"] = c.link
    return c.text if len(shape) == 1 else shape


def _node(node: Node) -> dict[str, object]:
    return {
        "label": _cell(node.label),
        "cells": [_cell(c) for c in node.cells],
        "children": [_node(child) for child in node.children],
        "open": node.open,
    }


def _block(block: Block) -> dict[str, object]:
    match block:
        case Table():
            return {
                "type": "table",
                "columns": [{"name": h.name, "align": h.align} for h in block.headings],
                "rows": [[_cell(value) for value in row] for row in block.rows],
                "caption": block.caption,
                "more": block.more,
            }
        case Fields():
            fields: dict[str, object] = {
                "type": "fields",
                "items": [[n, _cell(v)] for n, v in block.items],
            }
            return {**fields, "more": block.more} if block.more else fields
        case Tree():
            return {"type": "tree", "roots": [_node(n) for n in block.roots], "more": block.more}
        case Note():
            return {"type": "note", "text": block.text, "tone": block.tone}
        case Code():
            return {
                "type": "code",
                "text": block.text,
                "language": block.language,
                "caption": block.caption,
            }
    return {"type": "text", "text": block.text}
