"""Two trees field by field: what is named is compared by name, what has no order as a set.

Equality is that of the canonical form: 1 and 1.0 are one value, 1 and true are two, which
Python's `==` takes for one.
"""

from __future__ import annotations

import marshal
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from oneiric_lab.canonical import encode
from oneiric_lab.config import render_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    Path = tuple[str | int, ...]
    Tree = dict[str, Any]


class _Absent:
    """What stands where nothing was said."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False

    def __copy__(self) -> _Absent:
        return self

    def __deepcopy__(self, memo: object) -> _Absent:
        return self


ABSENT: Final = _Absent()
"""The old value of what was added, and the new one of what was removed."""

FieldKind = Literal["value", "set", "order"]

NAMED: dict[str, str] = {"capabilities": "name", "nodes": "id"}
"""Lists whose items have a name, and the field that it stands in."""
SETS = frozenset(
    {
        "requires_secrets",
        "requires_dist",
        "conflicts_with",
        "os_platform",
        "topics",
        "event_types",
        "scopes",
        "audience",
        "depends_on",
    }
)
"""Lists of texts whose order says nothing."""
FREE = frozenset({"metadata", "payload", "payload_schema", "requires"})
"""Tables whose names people choose: what stands below them is theirs, and no list of ours."""
_TEXTS = {str}


class FieldChange(NamedTuple):
    """One value that differs.

    Attributes:
        path: From the entry, or from the document; a capability is a name in it.
        old: What was said, or `ABSENT`.
        new: What is said, or `ABSENT`.
        kind: `set` where a list is compared without its order, `order` where only that differs.
        at: The number that a new item of a list has in the new one.
    """

    path: Path
    old: Any
    new: Any
    kind: FieldKind = "value"
    at: int | None = None

    @property
    def name(self) -> str:
        """The path as people read it."""
        return render_path(self.path)

    @property
    def gone(self) -> list[Any]:
        """Items of a set that left."""
        return [item for item in self.old or () if item not in (self.new or ())]

    @property
    def come(self) -> list[Any]:
        """Items of a set that are new."""
        return [item for item in self.new or () if item not in (self.old or ())]

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape; what was not said has no name in it."""
        shape: dict[str, object] = {"path": list(self.path), "kind": self.kind}
        if self.old is not ABSENT:
            shape["old"] = self.old
        if self.new is not ABSENT:
            shape["new"] = self.new
        if self.at is not None:
            shape["at"] = self.at
        return shape


def same(old: Any, new: Any) -> bool:
    """Return whether two values have one canonical form.

    Example:
        >>> same(1, 1.0), same(1, True), same({"a": 1}, {"a": True})
        (True, False, False)
    """
    if old is new:
        return True
    if old != new:
        return False
    kind = type(old)
    if kind is str:
        return True
    if kind is dict or kind is list:
        # marshal tells true from 1, and is the quicker; the order of names it tells, too.
        return marshal.dumps(old, 2) == marshal.dumps(new, 2) or encode(old) == encode(new)
    return (kind is bool) is (type(new) is bool)


def compare(old: Tree, new: Tree) -> tuple[FieldChange, ...]:
    """Return the values in which two tables differ, in the order of the old one."""
    out: list[FieldChange] = []
    _tables(out, old, new, (), free=False)
    return tuple(out)


def _tables(out: list[FieldChange], old: Tree, new: Tree, path: Path, *, free: bool) -> None:
    alike: list[str] = []
    get = new.get
    for key, before in old.items():
        after = get(key, ABSENT)
        if before == after:
            kind = type(before)
            if kind is dict or kind is list:
                alike.append(key)
                continue
            if kind is str or (kind is bool) is (type(after) is bool):
                continue
        _values(out, before, after, (*path, key), free=free)
    # `==` takes true for 1; all of them are asked at once, since each question has its price.
    if alike and not same([old[key] for key in alike], [new[key] for key in alike]):
        for key in alike:
            if not same(old[key], new[key]):
                _values(out, old[key], new[key], (*path, key), free=free)
    if old.keys() != new.keys():
        out += [FieldChange((*path, k), ABSENT, v) for k, v in new.items() if k not in old]


def _values(out: list[FieldChange], old: Any, new: Any, path: Path, *, free: bool) -> None:
    """Add what two values differ in, which are not the same."""
    name = path[-1]
    if type(old) is dict and type(new) is dict:
        _tables(out, old, new, path, free=free or name in FREE or _anybodys(name))
        return
    if not free and type(old) is list and type(new) is list:
        if name in NAMED and (names := _both_named(old, new, NAMED[str(name)])):
            _named(out, old, new, path, *names)
            return
        if name in SETS and _is_set(old) and _is_set(new):
            kind: FieldKind = "order" if set(old) == set(new) else "set"
            out.append(FieldChange(path, old, new, kind))
            return
    out.append(FieldChange(path, old, new))


def _anybodys(name: object) -> bool:
    return isinstance(name, str) and name.startswith("x-")


def _is_set(items: list[Any]) -> bool:
    return {*map(type, items)} <= _TEXTS and len({*items}) == len(items)


def _both_named(
    old: list[Any], new: list[Any], label: str
) -> tuple[dict[str, int], dict[str, int]] | None:
    """Return the names of both lists with their numbers, None where a name stands twice."""
    found = _numbers(old, label), _numbers(new, label)
    return None if found[0] is None or found[1] is None else (found[0], found[1])


def _numbers(items: list[Any], label: str) -> dict[str, int] | None:
    names = {item[label]: number for number, item in enumerate(items)}
    return names if len(names) == len(items) else None


def _named(
    out: list[FieldChange],
    old: list[Any],
    new: list[Any],
    path: Path,
    before: dict[str, int],
    after: dict[str, int],
) -> None:
    kept = before.keys() & after.keys()
    if len(kept) != len(before) or len(kept) != len(after):
        for name, number in before.items():
            if name not in kept:
                out.append(FieldChange((*path, name), old[number], ABSENT))
        for name, number in after.items():
            if name not in kept:
                out.append(FieldChange((*path, name), ABSENT, new[number], at=number))
    stay = [name for name in before if name in kept]
    if stay != [name for name in after if name in kept]:
        out.append(FieldChange(path, [*before], [*after], "order"))
    for name in stay:
        a, b = old[before[name]], new[after[name]]
        if not same(a, b):
            _tables(out, a, b, (*path, name), free=False)


def numbered(tree: Any, path: Path) -> Path:
    """Return *path* with numbers in place of names of items; it ends where *tree* says no more.

    Example:
        >>> numbered({"capabilities": [{"name": "kv"}]}, ("capabilities", "kv", "security"))
        ('capabilities', 0)
    """
    out: list[str | int] = []
    for step in path:
        if isinstance(tree, list):
            label = NAMED.get(str(out[-1]), "")
            named = isinstance(step, str)
            items = enumerate(tree)
            at = next((n for n, i in items if i[label] == step), None) if named else int(step)
            if at is None or at >= len(tree):
                break
            out.append(at)
            tree = tree[at]
        elif isinstance(tree, dict) and step in tree:
            out.append(step)
            tree = tree[step]
        else:
            break
    return tuple(out)


def apply(tree: Tree, changes: Iterable[FieldChange]) -> Tree:
    """Return a copy of *tree* in which *changes* were made; only what they hold is used."""
    out = deepcopy(tree)
    for change in changes:
        *above, last = change.path
        node: Any = out
        for depth, step in enumerate(above):
            node = node[_index(node, above[depth - 1], step) if isinstance(node, list) else step]
        if change.kind == "order" and last in NAMED:
            label = NAMED[str(last)]
            node[last].sort(key=lambda item, c=change, n=label: c.new.index(item[n]))
        elif isinstance(node, list):
            if change.new is ABSENT:
                del node[_index(node, above[-1], last)]
            elif change.at is not None:
                node.insert(change.at, deepcopy(change.new))
        elif change.new is ABSENT:
            del node[last]
        else:
            node[last] = deepcopy(change.new)
    return out


def _index(items: list[Any], name: object, wanted: object) -> int:
    label = NAMED[str(name)]
    return next(number for number, item in enumerate(items) if item[label] == wanted)
