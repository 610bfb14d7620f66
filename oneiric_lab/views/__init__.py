"""What a result looks like: one view, rendered as text, HTML, Markdown and JSON.

All escaping is here. A view is made of blocks (`Table`, `Fields`, `Tree`, `Note`, `Code`,
`Text`); an answer mixes in `Result` and gives `view()` and `as_dict()`.
"""

from ._figure import Figure, Line
from ._frames import frame_of
from ._graph import Box, Graph, to_svg
from ._html import safe_link, to_html
from ._json import MIME, mimebundle, to_json_view
from ._markdown import to_markdown
from ._model import (
    Block,
    Cell,
    CellLike,
    Code,
    Column,
    Fields,
    Node,
    Note,
    Table,
    Text,
    Tone,
    Tree,
    View,
    capped,
    cell,
)
from ._page import to_page
from ._result import Result
from ._text import clean, columns, to_text

__all__ = [
    "MIME",
    "Block",
    "Box",
    "Cell",
    "CellLike",
    "Code",
    "Column",
    "Fields",
    "Figure",
    "Graph",
    "Line",
    "Node",
    "Note",
    "Result",
    "Table",
    "Text",
    "Tone",
    "Tree",
    "View",
    "capped",
    "cell",
    "clean",
    "columns",
    "frame_of",
    "mimebundle",
    "safe_link",
    "to_html",
    "to_json_view",
    "to_markdown",
    "to_page",
    "to_svg",
    "to_text",
]
