"""A listing as it travels to a browser: each column a dictionary and a code for each row.

Codes stand in one buffer, a column after the other, in as few bytes each as the dictionary
needs, none where it has one value; the values of a dictionary are sent in their order, so that
the browser sorts rows by counting codes and never compares a version.

A change is sent for the components that it touches only: their rows, in codes of the
dictionaries as they are then, and what each dictionary got, with its place.
"""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.registry._listing import NUMBERS, sort_key

from ._told import short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Sized

COLUMNS: Final = (
    "component",
    "provider",
    "version",
    "state",
    "reason",
    "rank",
    "priority",
    "stack_level",
    "capabilities",
    "source",
    "source_name",
    "code",
    "leases",
    "health",
)
"""What a browser gets of a listing, in the order in which it is shown."""

_KINDS: Final = {"capabilities": "tags"}
_WIDTHS: Final = ((0, "", 1), (1, "B", 1 << 8), (2, "H", 1 << 16), (4, "I", 1 << 32))


def shown(value: Any) -> Any:
    """Return *value* as a browser gets it."""
    if isinstance(value, tuple):
        return [shown(one) for one in value]
    if not isinstance(value, str):
        return value
    return short(value)


class Packer:
    """What a browser has been told: the values of each column, in their order."""

    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {}

    def whole(self, columns: Mapping[str, Sequence[Any]]) -> tuple[list[dict[str, object]], bytes]:
        """Return all columns of these rows with their dictionaries, and the codes."""
        return self._packed(columns, whole=True)

    def more(self, columns: Mapping[str, Sequence[Any]]) -> tuple[list[dict[str, object]], bytes]:
        """Return the columns of these rows with what their dictionaries got, and the codes."""
        return self._packed(columns, whole=False)

    def _packed(
        self, columns: Mapping[str, Sequence[Any]], *, whole: bool
    ) -> tuple[list[dict[str, object]], bytes]:
        heads: list[dict[str, object]] = []
        body = bytearray()
        rows = len(columns["component"])
        for name in COLUMNS:
            column = columns.get(name)
            if column is None:
                column = [None if name in NUMBERS else ""] * rows
            have = self.values.get(name, [])
            fresh = dict.fromkeys(column).keys() - set(have)
            if fresh:
                # In the order of what they are, whatever becomes of them when they are shown.
                have = sorted([*have, *fresh], key=sort_key(name))
            self.values[name] = have
            code = {value: at for at, value in enumerate(have)}
            width = _width(have)
            head: dict[str, object] = {
                "name": name,
                "kind": _KINDS.get(name, "number" if name in NUMBERS else "text"),
                "width": width,
                "at": len(body),
            }
            if whole:
                head["values"] = [shown(value) for value in have]
            else:
                head["add"] = [[code[v], shown(v)] for v in sorted(fresh, key=code.__getitem__)]
            heads.append(head)
            body += _codes(code, column, width)
        return heads, bytes(body)


def coded(
    columns: Mapping[str, Sequence[Any]], *, tags: Sequence[str] = ()
) -> tuple[list[dict[str, object]], bytes]:
    """Return columns of texts, in the order in which they are first said, and the codes.

    Args:
        columns: Name to a value for each row; as they are shown.
        tags: Those whose values are several.
    """
    heads: list[dict[str, object]] = []
    body = bytearray()
    for name, column in columns.items():
        code = {value: at for at, value in enumerate(dict.fromkeys(column))}
        width = _width(code)
        kind = "tags" if name in tags else "text"
        head = {"name": name, "kind": kind, "width": width, "at": len(body)}
        heads.append({**head, "values": list(code)})
        body += _codes(code, column, width)
    return heads, bytes(body)


def _width(have: Sized) -> int:
    return next(width for width, _, most in _WIDTHS if len(have) <= most)


def _codes(code: Mapping[Any, int], column: Sequence[Any], width: int) -> bytes:
    if not width:
        return b""
    kind = next(kind for one, kind, _ in _WIDTHS if one == width)
    codes = array(kind, map(code.__getitem__, column))
    if sys.byteorder == "big":
        codes.byteswap()
    found = codes.tobytes()
    return found + bytes(-len(found) % 4)
