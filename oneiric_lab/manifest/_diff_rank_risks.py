"""Which entries rank above others that ranked above them, by their numbers alone."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ._diff_risks import risk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ._diff_match import EntryChange
    from ._diff_risks import Risk
    from ._manifest import Manifest

    Entry = Mapping[str, Any]
    Rank = tuple[int, int]
    """Priority and stack level."""


def ranks_of(old: Manifest, new: Manifest, ranked: Sequence[EntryChange]) -> Iterator[Risk]:
    """Tell of entries that are new, or whose numbers changed, where these are higher ones."""
    raised = [c for c in ranked if (was := c.former) is None or _rank(was) < _rank(c.entry)]
    asked = {c.target for c in raised}
    before, after = (_by_target(m, asked) if asked else {} for m in (old, new))
    passing = {name: Passing(before.get(name, ()), after[name]) for name in asked}
    for change in raised:
        yield from _of_rank(change, passing[change.target])


def _was(entry: Entry) -> str:
    return f"{entry['domain']}:{entry['key']}"


def _rank(entry: Entry) -> Rank:
    return entry.get("priority", 0), entry.get("stack_level", 0)


def _by_target(manifest: Manifest, asked: set[str]) -> dict[str, list[Entry]]:
    out: dict[str, list[Entry]] = {}
    for entry in manifest.entries:
        target = f"{entry['domain']}:{entry['key']}"
        if target in asked:
            out.setdefault(target, []).append(entry)
    return out


class Passing:
    """Which entries of one component another one passes that is new, or that was raised.

    Those that stood at or above it in the old manifest, and stand below it in the new one. Asked
    for many entries of one component, a look goes over those between the two ranks only.
    """

    def __init__(self, before: Sequence[Entry], after: Sequence[Entry]) -> None:
        self._after: dict[str, list[tuple[int, Entry]]] = {}
        for place, entry in enumerate(after):
            self._after.setdefault(entry["provider"], []).append((place, entry))
        self._before: dict[str, list[Rank]] = {}
        for entry in before:
            if entry["provider"] in self._after:
                self._before.setdefault(entry["provider"], []).append(_rank(entry))
        stays = ((rank, one) for one, ranks in self._before.items() for rank in ranks)
        self._sorted = sorted(stays)
        self._known: dict[tuple[Rank | None, Rank], tuple[list[Entry], Counter[str]]] = {}

    def passed(self, was: Rank | None, rank: Rank, provider: str) -> tuple[Entry | None, int]:
        """Return the first one in the new manifest, and how many there are."""
        known = self._known.get((was, rank))
        if known is None:
            found = [entry for _, entry in sorted(self._found(was, rank), key=itemgetter(0))]
            known = self._known[was, rank] = found, Counter(one["provider"] for one in found)
        found, many = known
        first = next((entry for entry in found if entry["provider"] != provider), None)
        return first, len(found) - many[provider]

    def _found(self, was: Rank | None, rank: Rank) -> Iterator[tuple[int, Entry]]:
        low = 0 if was is None else bisect_left(self._sorted, (was, ""))
        between = self._sorted[low : bisect_left(self._sorted, (rank, ""))]
        for provider in {one for _, one in between}:
            ranks = self._before[provider]
            # Of one that was there several times the last counts that was not below.
            if next(one for one in reversed(ranks) if was is None or one >= was) < rank:
                yield from (one for one in self._after[provider] if _rank(one[1]) < rank)


def _of_rank(change: EntryChange, passing: Passing) -> Iterator[Risk]:
    """Tell of an entry that ranks above others by its numbers: a new one, or one that was raised.

    What wins by its version only steps forward, as releases do.
    """
    was, now = change.former, change.entry
    rank = _rank(now)
    name = "stack_level" if was is not None and rank[0] == _rank(was)[0] else "priority"
    first, many = passing.passed(None if was is None else _rank(was), rank, now["provider"])
    words = name.replace("_", " ")
    number = now.get(name, 0)
    if first is not None:
        named = f"{first['provider']} {first['version']}"
        more = f" and {many - 1} more" if many > 1 else ""
        if was is not None:
            come = f"its {words} went from {was.get(name, 0)}, and"
        else:
            come = (
                "it is new, and" if change.old is None else f"it comes from {_was(change.old)}, and"
            )
        said = f"{come} with {words} {number} it ranks above {named}{more}"
        yield risk("priority-overtakes", change, said, (name,))
    elif was is not None:
        said = f"its {words} went from {was.get(name, 0)} to {number}"
        yield risk("priority-raised", change, said, (name,))
