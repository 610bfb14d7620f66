"""Views and charts as one page that stands alone: no script, no font, no host.

Its policy forbids the browser to load anything, so that a page from elsewhere is no more
than it shows.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from ._figure import Figure, to_figure
from ._html import to_html
from ._text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._model import View

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"

# Contrast of text is 4.5 : 1 at least, of lines 3 : 1, on both grounds.
_STYLE: Final = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1f24; --soft: #57606a;
  --rule: #d0d7de; --shade: #f1f3f5; --ok: #1a7f37; --warn: #8a5a00; --bad: #b3261e;
  --k0: #0b62c4; --k1: #9a4a00; --k2: #14746b; --k3: #8a3ea8; --k4: #5b6b00; --k5: #a3295c; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171b; --ink: #e6e9ec;
  --soft: #a3adb8; --rule: #3a424b; --shade: #20252b; --ok: #4ac26b; --warn: #e3b341;
  --bad: #ff8a80; --k0: #6cb0ff; --k1: #f0a35e; --k2: #4fd0c0; --k3: #d79bf0; --k4: #c3d35a;
  --k5: #ff8fb8; } }
body { background: var(--ground); color: var(--ink); margin: 2rem auto; max-width: 60rem;
  padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; margin: 0; }
figure, section { margin: 2rem 0; } figcaption { color: var(--soft); }
svg { display: block; width: 100%; height: auto; font-size: 11px; }
.scroll, .ol-view { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; } th, td { padding: .15rem .9rem .15rem 0;
  vertical-align: top; border-bottom: 1px solid var(--rule); }
caption { text-align: left; color: var(--soft); } summary { cursor: pointer; color: var(--soft); }
.ol-title { margin: 0 0 .5rem; font-size: 1.1rem; } .ol-note { margin: .2rem 0; }
.ol-ok { color: var(--ok); } .ol-warn { color: var(--warn); } .ol-bad { color: var(--bad); }
.ol-info, .ol-muted, .ol-lost { color: var(--soft); } pre { white-space: pre-wrap; }
.grid { stroke: var(--rule); stroke-width: 1; } .axis { stroke: var(--soft); stroke-width: 1; }
.tick { fill: var(--soft); } .end { text-anchor: end; } .middle { text-anchor: middle; }
.shade { fill: var(--shade); } .cell, .bar { fill: var(--k0); }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .name { font-weight: 600; }
.line.k0 { stroke: var(--k0); } .line.k1 { stroke: var(--k1); stroke-dasharray: 6 3; }
.line.k2 { stroke: var(--k2); stroke-dasharray: 2 3; }
.line.k3 { stroke: var(--k3); stroke-dasharray: 8 3 2 3; }
.line.k4 { stroke: var(--k4); stroke-dasharray: 12 4; } .line.k5 { stroke: var(--k5); }
.line.bad { stroke: var(--bad); stroke-dasharray: 3 2; }
.name.k0 { fill: var(--k0); } .name.k1 { fill: var(--k1); } .name.k2 { fill: var(--k2); }
.name.k3 { fill: var(--k3); } .name.k4 { fill: var(--k4); } .name.k5 { fill: var(--k5); }
.name.bad { fill: var(--bad); }
@media print { body { margin: 0; max-width: none; } figure { break-inside: avoid; } }
"""


def to_page(title: str, parts: Iterable[View | Figure]) -> str:
    """Return a whole HTML document of *parts*, in their order, all data escaped."""
    body: list[str] = []
    for number, part in enumerate(parts):
        if isinstance(part, Figure):
            body.append(to_figure(part, number))
        else:
            body.append(f"<section>\n{to_html(part)}\n</section>")
    shown = escape(clean(title), quote=True)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{shown}</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            f"<main>\n<h1>{shown}</h1>",
            *body,
            "</main>",
            "</body>",
            "</html>\n",
        ]
    )
