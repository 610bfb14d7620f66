"""The writer's side: candidates come and go, and each change publishes a generation."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from oneiric_lab.errors import OneiricError, UsageError

from ._candidate import Candidate, names
from ._generation import Generation, Node, rank
from ._rules import Rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ._explain import Explanation, WhyNot
    from ._generation import GenerationDiff

KEPT = 32
"""Generations that can still be compared."""


class Handle:
    """A question that is asked once: `candidate` is a slot written at every publish.

    Attributes:
        candidate: Who provides the component now, or None while nobody does.
    """

    __slots__ = ("__weakref__", "candidate", "domain", "key", "need", "need_any", "prefer")

    def __init__(
        self,
        domain: str,
        key: str,
        need: frozenset[str],
        need_any: frozenset[str],
        prefer: frozenset[str],
    ) -> None:
        self.domain, self.key = domain, key
        self.need, self.need_any, self.prefer = need, need_any, prefer
        self.candidate: Candidate | None = None

    def __repr__(self) -> str:
        return f"<Handle: {self.domain}:{self.key} -> {self.candidate or 'nothing'}>"

    def update(self, generation: Generation) -> None:
        """Take the answer of *generation*."""
        explanation = generation.explain(
            self.domain, self.key, self.need or None, self.need_any or None, self.prefer or None
        )
        self.candidate = explanation.winner


class Registry:
    """Candidates for components, and who wins.

    Readers take no lock: they load one attribute that a publish replaces. Writers are
    serialised. `with registry.batch():` publishes once for many changes.

    Args:
        selections: Domain to key to provider.
        default_priority: Of candidates that state none.
        rules: All rules at once, in place of the two above.

    Example:
        >>> registry = Registry(selections={"adapter": {"cache": "memory"}})
        >>> registry.add(Candidate("adapter", "cache", "redis", priority=10))
        >>> registry.add(Candidate("adapter", "cache", "memory"))
        >>> registry.resolve("adapter", "cache").provider
        'memory'
    """

    def __init__(
        self,
        selections: Mapping[str, Mapping[str, Any]] | None = None,
        default_priority: int = 0,
        *,
        rules: Rules | None = None,
    ) -> None:
        if rules is None:
            rules = Rules(selections=selections or {}, default_priority=default_priority)
        self._lock = threading.RLock()
        self._current = Generation(0, rules)
        self._live: Mapping[str, Mapping[str, Node]] = {}
        self._kept: OrderedDict[int, Generation] = OrderedDict({0: self._current})
        self._handles: WeakSet[Handle] = WeakSet()
        self._depth = 0
        self._touched: dict[tuple[str, str], dict[tuple[str, ...], Candidate]] = {}
        self._rules: Rules | None = None

    # --- readers ------------------------------------------------------------------------

    @property
    def current(self) -> Generation:
        """The generation in force."""
        return self._current

    @property
    def generation(self) -> int:
        """Its number."""
        return self._current.number

    def resolve(
        self,
        domain: str,
        key: str,
        need: str | Iterable[str] | None = None,
        need_any: str | Iterable[str] | None = None,
        prefer: str | Iterable[str] | None = None,
    ) -> Candidate:
        """Return the candidate that wins; see `Generation.resolve`.

        Costs a lookup in two dictionaries, whatever the number of candidates.
        """
        # None as default and positional parameters: keyword-only ones cost 2.5 times as
        # much on 3.12.
        if need_any is None and prefer is None:
            try:
                node = self._live[domain][key]
                if need is None:
                    winner = node.winner
                    if winner is not None:
                        return winner
                else:
                    # A set cannot be looked up; raising TypeError for it costs 15 lookups.
                    return node.memo[frozenset(need) if type(need) is set else need]
            except (KeyError, TypeError):
                pass
        return self._slowly(domain, key, need, need_any, prefer)

    def _slowly(
        self,
        domain: str,
        key: str,
        need: str | Iterable[str] | None,
        need_any: str | Iterable[str] | None,
        prefer: str | Iterable[str] | None,
    ) -> Candidate:
        generation = self._current
        wish: object = None if need is None else need if isinstance(need, str) else names(need)
        only_need = need is not None and need_any is None and prefer is None
        node = generation.nodes.get(domain, {}).get(key)
        if only_need and node is not None:
            found = node.memo.get(wish)
            if found is not None:
                return found
        winner = generation.resolve(
            domain, key, None if need is None else names(need), need_any, prefer
        )
        if only_need and node is not None:
            node.memo[wish] = winner
        return winner

    def explain(
        self,
        domain: str,
        key: str,
        need: str | Iterable[str] | None = None,
        need_any: str | Iterable[str] | None = None,
        prefer: str | Iterable[str] | None = None,
    ) -> Explanation:
        """Return who wins and why the others do not; see `Generation.explain`."""
        return self._current.explain(domain, key, need, need_any, prefer)

    def why_not(self, domain: str, key: str, provider: str) -> WhyNot:
        """Return what would let *provider* win; see `Generation.why_not`."""
        return self._current.why_not(domain, key, provider)

    def handle(
        self,
        domain: str,
        key: str,
        need: str | Iterable[str] | None = None,
        need_any: str | Iterable[str] | None = None,
        prefer: str | Iterable[str] | None = None,
    ) -> Handle:
        """Return the question as an object; its `candidate` follows every publish."""
        handle = Handle(domain, key, names(need), names(need_any), names(prefer))
        with self._lock:
            self._handles.add(handle)
            handle.update(self._current)
        return handle

    def diff(self, old: int, new: int) -> GenerationDiff:
        """Return what generation *new* changed since *old*.

        Raises:
            UsageError: One of them is not kept any more; the last 32 are.
        """
        found = []
        for number in (old, new):
            generation = self._kept.get(number)
            if generation is None:
                first, last = next(iter(self._kept)), self.generation
                raise UsageError(
                    f"generation {number} is not kept", fix=f"generations {first} to {last} are"
                )
            found.append(generation)
        return found[0].diff(found[1])

    # --- writers ------------------------------------------------------------------------

    def add(self, *candidates: Candidate) -> None:
        """Add candidates; one with the same identity is replaced."""
        with self.batch():
            for candidate in candidates:
                self._members(candidate.domain, candidate.key)[candidate.identity] = candidate

    def withdraw(
        self, *, source_name: str | None = None, candidate: Candidate | None = None
    ) -> int:
        """Remove a source as a whole, or one candidate; return how many went.

        Raises:
            UsageError: Neither was named.
        """
        if source_name is None and candidate is None:
            raise UsageError("withdraw needs source_name= or candidate=")
        with self.batch():
            gone = [
                c
                for c in self._everyone()
                if (candidate is not None and c.identity == candidate.identity)
                or (source_name is not None and c.source_name == source_name)
            ]
            for c in gone:
                del self._members(c.domain, c.key)[c.identity]
            return len(gone)

    def configure(self, rules: Rules) -> None:
        """Replace the rules; publishes a generation."""
        with self.batch():
            self._rules = rules

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Publish once at the end of the outermost block; nothing at all if it raises."""
        with self._lock:
            self._depth += 1
            try:
                yield
            except BaseException:
                if self._depth == 1:
                    self._touched, self._rules = {}, None
                raise
            else:
                if self._depth == 1 and (self._touched or self._rules is not None):
                    self._publish()
            finally:
                self._depth -= 1

    def preview(
        self,
        *,
        rules: Rules | None = None,
        add: Iterable[Candidate] = (),
        withdraw: str | None = None,
    ) -> Generation:
        """Return the generation that a change would publish, unpublished."""
        touched: dict[tuple[str, str], dict[tuple[str, ...], Candidate]] = {}

        def members(domain: str, key: str) -> dict[tuple[str, ...], Candidate]:
            if (domain, key) not in touched:
                node = self._current.nodes.get(domain, {}).get(key)
                touched[domain, key] = {} if node is None else dict(node.members)
            return touched[domain, key]

        if withdraw is not None:
            for c in self._current.candidates():
                if c.source_name == withdraw:
                    del members(c.domain, c.key)[c.identity]
        for c in add:
            members(c.domain, c.key)[c.identity] = c
        return _build(self._current, touched, rules)

    def _everyone(self) -> list[Candidate]:
        out: list[Candidate] = []
        seen = set(self._touched)
        for members in self._touched.values():
            out += members.values()
        for domain, keys in self._current.nodes.items():
            for key, node in keys.items():
                if (domain, key) not in seen:
                    out += node.members.values()
        return out

    def _members(self, domain: str, key: str) -> dict[tuple[str, ...], Candidate]:
        found = self._touched.get((domain, key))
        if found is None:
            node = self._current.nodes.get(domain, {}).get(key)
            found = self._touched[domain, key] = {} if node is None else dict(node.members)
        return found

    def _publish(self) -> None:
        generation = _build(self._current, self._touched, self._rules)
        self._touched, self._rules = {}, None
        self._kept[generation.number] = generation
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self._current = generation
        # One store makes it visible; whoever loaded the former dictionary finishes with it.
        self._live = generation.nodes
        for handle in list(self._handles):
            handle.update(generation)


def _build(
    current: Generation,
    touched: Mapping[tuple[str, str], dict[tuple[str, ...], Candidate]],
    rules: Rules | None,
) -> Generation:
    """Return the next generation: touched keys are worked out anew, all if the rules changed."""
    nodes = {domain: dict(keys) for domain, keys in current.nodes.items()}
    if rules is not None:
        for domain, keys in current.nodes.items():
            for key, node in keys.items():
                if (domain, key) not in touched:
                    nodes[domain][key] = _node(node.members, rules, domain, key)
    now = current.rules if rules is None else rules
    for (domain, key), members in touched.items():
        below = nodes.setdefault(domain, {})
        if members:
            below[key] = _node(members, now, domain, key)
        else:
            below.pop(key, None)
    generation = Generation(current.number + 1, now, {d: k for d, k in nodes.items() if k})
    _settle(generation)
    return generation


def _node(members: dict[tuple[str, ...], Candidate], rules: Rules, domain: str, key: str) -> Node:
    if len(members) == 1 and not rules.constraints and not rules.quarantined:
        (only,) = members.values()
        if only.plain and rules.selection(domain, key) is None:
            return Node(members, only, None)
    ranking, _ = rank(members.values(), rules, domain, key)
    return Node(members, ranking[0].candidate if ranking else None, None)


def _settle(generation: Generation) -> None:
    """Take the win from those that a selection, strictness or requirements forbid."""
    strict = generation.rules.strict
    for domain, keys in generation.nodes.items():
        for key, node in keys.items():
            winner = node.winner
            selected = generation.rules.selection(domain, key) is not None
            if winner is not None and not winner.requires and not selected and not strict:
                continue
            explanation = generation.explain(domain, key)
            node.winner = explanation.winner
            if explanation.winner is None:
                try:
                    generation.resolve(domain, key)
                except OneiricError as error:
                    node.fault = error


__all__ = ["Handle", "Registry", "replace"]
