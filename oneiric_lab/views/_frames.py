"""The one door to pandas: a view's tables as frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._model import Fields, Table, Tree, cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from pandas import DataFrame as DataFrame  # noqa: PLC0414 - others name the type by this door

    from ._model import Node, View


def to_frame(view: View) -> pd.DataFrame:
    """Return the longest table of *view* as a frame, with the values behind the cells.

    A view without a table gives its fields as one row, or its tree as one row a node
    (`path`, then its cells).

    Raises:
        ImportError: pandas is not installed; the message names the extra.
        ValueError: The view holds nothing that has rows.
    """
    _need_pandas()
    import pandas as pd  # noqa: PLC0415 - 250 to 400 ms, paid only by who asks for a frame

    tables = [block for block in view.blocks if isinstance(block, Table)]
    if tables:
        table = max(tables, key=lambda block: len(block.rows))
        names = [heading.name for heading in table.headings]
        return pd.DataFrame([[_value(c) for c in row] for row in table.rows], columns=names)
    for block in view.blocks:
        if isinstance(block, Fields):
            return pd.DataFrame([{name: _value(value) for name, value in block.items}])
        if isinstance(block, Tree):
            return pd.DataFrame(list(_rows(block.roots, "")))
    raise ValueError(f"a {view.kind} view has no rows to put into a frame")


def frame_of(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Return *columns*, lists or arrays of one length, as a frame.

    Raises:
        ImportError: pandas is not installed; the message names the extra.
    """
    _need_pandas()
    import pandas as pd  # noqa: PLC0415 - see to_frame

    return pd.DataFrame(dict(columns))


def _need_pandas() -> None:
    try:
        import pandas as pd  # noqa: F401, PLC0415 - see to_frame
    except ImportError as error:
        raise ImportError("a frame needs pandas: pip install 'oneiric-lab[notebook]'") from error


def _value(value: object) -> object:
    if value is None:
        return None
    c = cell(value)  # type: ignore[arg-type]  # rows hold only what a cell takes
    return c.text if c.value is None else c.value


def _rows(nodes: tuple[Node, ...], lead: str) -> Iterator[dict[str, object]]:
    for node in nodes:
        path = f"{lead}{cell(node.label).text}"
        yield {"path": path, **{f"cell {i}": _value(c) for i, c in enumerate(node.cells, 1)}}
        yield from _rows(node.children, path + "/")
