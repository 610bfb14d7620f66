"""Two trees field by field: what is named is compared by name, what has no order as a set.

Equality is that of the canonical form: 1 and 1.0 are one value, 1 and true are two, which
Python's `==` takes for one.
"""

from __future__ import annotations

import marshal
from copy import deepcopy
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from oneiric_lab.canonical import encode
from oneiric_lab.config import render_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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


# What calling the class does, in half the time.
_change = tuple.__new__


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
    return next(compared([(old, new)]))


def compared(pairs: Sequence[tuple[Tree, Tree]]) -> Iterator[tuple[FieldChange, ...]]:
    """Yield the same for each pair of tables.

    `==` takes true for 1. Where it says that two lists or tables are the same, they are put
    by, and all of them are asked about at once in the end: a question for each would take
    most of the time. Only where the answer is no, each is asked alone.
    """
    doubts: list[Any] = []  # old and new by turns
    out = [_compared(old, new, doubts) for old, new in pairs]
    if marshal.dumps(doubts[::2], 2) != marshal.dumps(doubts[1::2], 2):
        out = [_compared(old, new, None) for old, new in pairs]
    yield from out


def _compared(old: Tree, new: Tree, doubts: list[Any] | None) -> tuple[FieldChange, ...]:
    out: list[FieldChange] = []
    _tables(out, old, new, (), doubts)
    return tuple(out)


# Arguments by position, kinds asked in the order of how many there are, no set of names: where
# all of 10,000 entries differ, these are a third of the time.


def _tables(
    out: list[FieldChange],
    old: Tree,
    new: Tree,
    path: Path,
    doubts: list[Any] | None,
    free: bool = False,
) -> None:
    """Add what two tables differ in; *free* where people choose the names in them."""
    alike = len(old) == len(new)
    get = new.get
    for key, before in old.items():
        after = get(key, ABSENT)
        kind = type(before)
        if before == after:
            if kind is str:
                continue
            if kind is dict or kind is list:
                if doubts is not None:
                    doubts += (before, after)
                    continue
                if same(before, after):
                    continue
            elif (kind is bool) is (type(after) is bool):
                continue
        if kind is dict and type(after) is dict:
            below = free or key in FREE or key.startswith("x-")
            _tables(out, before, after, (*path, key), doubts, below)
        elif kind is list and type(after) is list:
            _lists(out, before, after, (*path, key), doubts, free)
        else:
            alike = alike and after is not ABSENT
            out.append(_change(FieldChange, ((*path, key), before, after, "value", None)))
    if not alike:
        out += [FieldChange((*path, k), ABSENT, v) for k, v in new.items() if k not in old]


def _lists(
    out: list[FieldChange], old: Any, new: Any, path: Path, doubts: list[Any] | None, free: bool
) -> None:
    """Add what two lists differ in, which are not the same."""
    kind: FieldKind = "value"
    if not free:
        name = path[-1]
        if name in NAMED and _named(out, old, new, path, doubts):
            return
        if name in SETS and (items := _as_sets(old, new)):
            kind = "order" if items[0] == items[1] else "set"
    out.append(_change(FieldChange, (path, old, new, kind, None)))


def _as_sets(old: list[Any], new: list[Any]) -> tuple[set[str], set[str]] | None:
    """Return the texts of two lists, None where others stand in them or one stands twice."""
    if set(map(type, old + new)) != _TEXTS:
        return None
    before, after = set(old), set(new)
    return (before, after) if len(before) == len(old) and len(after) == len(new) else None


def _named(
    out: list[FieldChange], old: list[Any], new: list[Any], path: Path, doubts: list[Any] | None
) -> bool:
    """Add what two lists of named items differ in; False where a name stands twice."""
    label = NAMED[str(path[-1])]
    name_of = itemgetter(label)
    names = [*map(name_of, old)]
    if names == [*map(name_of, new)] and (len(names) == 1 or len({*names}) == len(names)):
        for name, was, now in zip(names, old, new, strict=True):
            _tables(out, was, now, (*path, name), doubts)
        return True
    before = dict(zip(names, old, strict=True))
    after = {name_of(item): item for item in new}
    if len(before) != len(old) or len(after) != len(new):
        return False
    out += [FieldChange((*path, k), item, ABSENT) for k, item in before.items() if k not in after]
    out += [
        FieldChange((*path, name), ABSENT, item, at=number)
        for number, (name, item) in enumerate(after.items())
        if name not in before
    ]
    stay = [name for name in before if name in after]
    if stay != [name for name in after if name in before]:
        out.append(FieldChange(path, [*before], [*after], "order"))
    for name in stay:
        _tables(out, before[name], after[name], (*path, name), doubts)
    return True


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
