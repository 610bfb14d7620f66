"""Which entry of one manifest is which of another: by identity, by provider, by content."""

from __future__ import annotations

import marshal
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from oneiric_lab.registry import parse_version

from ._diff_fields import compare, compared
from ._diff_steps import version_step
from ._manifest import identity_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ._diff_fields import FieldChange
    from ._diff_steps import VersionStep

    Entry = Mapping[str, Any]

ChangeKind = Literal["added", "removed", "moved", "changed"]
PLACE = ("domain", "key", "provider")
"""What an entry may be moved in: all else stays as it was."""
_PLACE = itemgetter(*PLACE)


class EntryChange(NamedTuple):
    """One entry that differs.

    Attributes:
        kind: `moved` is the same content under another domain, key or provider.
        old: The entry as it was, None where it was added.
        new: As it is, None where it was removed.
        old_index: Its number in the old manifest.
        new_index: In the new one.
        fields: The values that differ, where there are both.
        step: How far its version went, where there are both.
    """

    kind: ChangeKind
    old: Entry | None
    new: Entry | None
    old_index: int | None
    new_index: int | None
    fields: tuple[FieldChange, ...] = ()
    step: VersionStep = "same"

    @property
    def entry(self) -> Entry:
        """The entry as it is, or as it was where it is no more."""
        return self.new or self.old or {}  # one of the two is there

    @property
    def former(self) -> Entry | None:
        """The entry as it was in the component that it is in; None where it is new there."""
        if self.old is None or self.new is None:
            return self.old
        was, now = self.old, self.new
        return was if (was["domain"], was["key"]) == (now["domain"], now["key"]) else None

    @property
    def target(self) -> str:
        """The component, its domain and its key with a colon between them."""
        return f"{self.entry['domain']}:{self.entry['key']}"

    @property
    def who(self) -> str:
        """Provider and version."""
        return f"{self.entry['provider']} {self.entry['version']}"

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape; entries that were added or removed stand in it whole."""
        shape: dict[str, object] = {
            "kind": self.kind,
            "target": self.target,
            "provider": self.entry["provider"],
            "old_version": None if self.old is None else self.old["version"],
            "new_version": None if self.new is None else self.new["version"],
            "step": self.step if self.old is not None and self.new is not None else None,
            "old_index": self.old_index,
            "new_index": self.new_index,
            "fields": [field.as_dict() for field in self.fields],
        }
        if self.old is None or self.new is None:
            shape["entry"] = dict(self.entry)
        return shape


# What calling the class does, in half the time.
_change = tuple.__new__


@dataclass(frozen=True, slots=True)
class Matched:
    """What became of all entries.

    Attributes:
        changes: Those that differ: in the order of the new manifest, then what was removed.
        kept: How many are the same.
        order: Numbers of the old entries that stay, in the order of the new manifest; None
            where they stay in their order.
    """

    changes: tuple[EntryChange, ...]
    kept: int
    order: tuple[int, ...] | None


def match(old: Sequence[Entry], new: Sequence[Entry]) -> Matched:
    """Return what became of each entry of *old*, and what is new in *new*.

    Entries with one identity are one. What is left is paired by component and provider, the
    highest versions first, and then by content. Takes O(n log n) time for n entries.
    """
    before = {identity: number for number, identity in enumerate(map(identity_of, old))}
    pairs: dict[int, int] = {}  # number in new to number in old
    added: list[int] = []
    for number, identity in enumerate(map(identity_of, new)):
        at = before.pop(identity, None)
        if at is None:
            added.append(number)
        else:
            pairs[number] = at
    alike = [(a, n) for n, a in pairs.items() if old[a] == new[n]]
    # `==` takes true for 1; marshal does not, and looks through 7 MB in 10 ms.
    if _marked(old[a] for a, _ in alike) != _marked(new[n] for _, n in alike):
        alike = [(a, n) for a, n in alike if not compare({**old[a]}, {**new[n]})]
    same = {n for _, n in alike}
    removed = [*before.values()]
    kinds: dict[int, ChangeKind] = {}
    for kind, found in (
        ("changed", _by_provider(old, new, removed, added)),
        ("moved", _by_content(old, new, removed, added)),
    ):
        for a, n in found:
            pairs[n], kinds[n] = a, kind  # type: ignore[assignment]  # the two literals above
    gone = sorted(set(before.values()) - set(pairs.values()))
    changes = [*_changes(old, new, pairs, kinds, same)]
    changes += [EntryChange("removed", old[a], None, a, None) for a in gone]
    order = tuple(pairs[n] for n in sorted(pairs))
    return Matched(tuple(changes), len(same), None if all(map(_less, order, order[1:])) else order)


def _less(a: int, b: int) -> bool:
    return a < b


def _marked(entries: Iterable[Any]) -> bytes:
    return marshal.dumps([*entries], 2)


def _changes(
    old: Sequence[Entry],
    new: Sequence[Entry],
    pairs: Mapping[int, int],
    kinds: Mapping[int, ChangeKind],
    same: set[int],
) -> Iterator[EntryChange]:
    found = compared([(old[a], new[n]) for n, a in sorted(pairs.items()) if n not in same])  # type: ignore[misc]  # plain dictionaries
    for number, entry in enumerate(new):
        at = pairs.get(number)
        if at is None:
            yield EntryChange("added", None, entry, None, number)
        elif number not in same:
            was, fields = old[at], next(found)
            if fields:
                step = version_step(was["version"], entry["version"])
                kind = kinds.get(number, "changed")
                yield _change(EntryChange, (kind, was, entry, at, number, fields, step))


def _by_provider(
    old: Sequence[Entry], new: Sequence[Entry], removed: list[int], added: list[int]
) -> Iterator[tuple[int, int]]:
    """Yield pairs of one component and provider, the highest versions first; takes them out."""
    if not removed or not added:
        return
    before, after = _grouped(old, removed, _PLACE), _grouped(new, added, _PLACE)
    found: list[tuple[int, int]] = []
    # In the order of the old one: what is found is then nearly sorted.
    for place, lower in before.items():
        if upper := after.get(place):
            found += zip(_highest(old, lower), _highest(new, upper), strict=False)
    yield from _taken(found, removed, added)


def _by_content(
    old: Sequence[Entry], new: Sequence[Entry], removed: list[int], added: list[int]
) -> Iterator[tuple[int, int]]:
    """Yield pairs that differ in their place only, where just one pair can be meant."""
    if not removed or not added:
        return
    before, after = _grouped(old, removed, _content), _grouped(new, added, _content)
    found: list[tuple[int, int]] = []
    for content, former in before.items():
        found += zip(former, after.get(content, ()), strict=False)
    yield from _taken(found, removed, added)


def _taken(
    found: list[tuple[int, int]], removed: list[int], added: list[int]
) -> Iterator[tuple[int, int]]:
    gone, come = {a for a, _ in found}, {n for _, n in found}
    removed[:] = [a for a in removed if a not in gone]
    added[:] = [n for n in added if n not in come]
    yield from sorted(found, key=lambda pair: pair[1])


def _grouped(entries: Sequence[Entry], numbers: Iterable[int], by: Any) -> dict[Any, list[int]]:
    out: dict[Any, list[int]] = {}
    for number in numbers:
        out.setdefault(by(entries[number]), []).append(number)
    return out


def _content(entry: Entry) -> bytes:
    return _marked({name: entry[name] for name in sorted(entry) if name not in PLACE}.items())


def _highest(entries: Sequence[Entry], numbers: list[int]) -> list[int]:
    if len(numbers) == 1:
        return numbers
    return sorted(numbers, key=lambda n: parse_version(entries[n]["version"]), reverse=True)
