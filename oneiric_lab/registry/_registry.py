"""The writer's side: candidates come and go, and each change publishes a generation."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from oneiric_lab.errors import RegistryError, UsageError

from ._candidate import names
from ._counts import Counts, counting
from ._generation import Generation
from ._node import remember
from ._publish import next_generation
from ._rules import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import EllipsisType

    from ._candidate import Candidate
    from ._explain import Explanation, WhyNot
    from ._listing import GenerationDiff
    from ._node import Node
    from ._publish import Pending

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
        self.candidate = generation.explain(
            self.domain, self.key, self.need, self.need_any, self.prefer
        ).winner


class Registry:
    """Candidates for components, and who wins.

    Readers take no lock: they load one attribute that a publish replaces. Writers are
    serialised. `with registry.batch():` publishes once for many changes.

    Args:
        selections: Domain to key to provider.
        default_priority: Of candidates that state none.
        rules: All rules at once, in place of the two above.
        installed: Gives the version of a distribution, or None; by default the
            environment's own metadata are asked.

    Attributes:
        counts: How often it was asked, and how that ended.

    Example:
        >>> from oneiric_lab.registry import Candidate
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
        installed: Callable[[str], str | None] | None = None,
    ) -> None:
        if rules is None:
            rules = Rules(
                selections=selections or {},
                default_priority=default_priority,
                installed=installed,
            )
        self.counts = Counts()
        self._lock = threading.RLock()
        self._current = Generation(0, rules)
        self._live: Mapping[str, Mapping[str, Node]] = {}
        self._kept: dict[int, Generation] = {0: self._current}
        self._handles: WeakSet[Handle] = WeakSet()
        self._depth = 0
        # Additions wait in a plain list; a withdrawal and a publish sort them by key.
        self._staged: list[Candidate] = []
        self._pending: Pending = {}
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
                elif need.__class__ is set or need.__class__ is list:
                    return node.memo[frozenset(need)]
                else:
                    return node.memo[need]
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
        node = generation.nodes.get(domain, {}).get(key)
        all_ = names(need)
        wish: object = all_
        if need_any is not None or prefer is not None:
            # Sets may be consumed by asking, so they are made once.
            need_any, prefer = names(need_any), names(prefer)
            wish = ("wish", all_, need_any, prefer)
            if node is not None and wish in node.memo:
                return node.memo[wish]
        try:
            winner = generation.resolve(domain, key, all_ or None, need_any, prefer)
        except RegistryError as error:
            self.counts.refused(domain, error)
            raise
        node = generation.nodes[domain][key]  # it has a winner, so it is there
        remember(node, wish, winner)
        if isinstance(need, str) and wish is all_:
            remember(node, need, winner)
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
        """Return the change of the configuration that lets *provider* win, if there is one.

        The change was tried: with it, the registry resolves to the provider, and no other
        component is lost.

        Raises:
            NoCandidateError: No candidate has this provider.
        """
        from ._why_not import why_not  # noqa: PLC0415 - a question that few processes ask

        now = self._current
        return why_not(now, domain, key, provider, lambda rules: next_generation(now, {}, rules))

    def what_if(
        self,
        domain: str,
        key: str,
        *,
        select: str | EllipsisType | None = ...,
        priority: Mapping[str, int] | None = None,
        flags: Mapping[str, bool] | None = None,
        need: str | Iterable[str] | None = None,
        need_any: str | Iterable[str] | None = None,
        prefer: str | Iterable[str] | None = None,
    ) -> Explanation:
        """Return what `explain` would say if a few facts were others; nothing changes.

        Args:
            domain: One of the seven domains.
            key: The component within it.
            select: The provider that is selected, None for none; left out, it stays.
            priority: Candidate to its priority. It is named by provider; where several have
                that, `redis 2.1.0` names one of them.
            flags: Static flags that are other than they are, everywhere.
            need: As for `resolve`.
            need_any: As for `resolve`.
            prefer: As for `resolve`.

        Raises:
            NoCandidateError: There is no such component, or no such candidate of it.
            UsageError: A priority is out of range.

        Example:
            >>> from oneiric_lab.registry import Candidate
            >>> registry = Registry()
            >>> registry.add(Candidate("adapter", "cache", "redis", priority=10))
            >>> registry.add(Candidate("adapter", "cache", "memory"))
            >>> print(registry.what_if("adapter", "cache", priority={"memory": 11}).decided_by)
            priority (11 > 10)
        """
        from ._what_if import what_if  # noqa: PLC0415 - see why_not

        return what_if(
            self._current,
            domain,
            key,
            select=select,
            priority=priority,
            flags=flags,
            need=need,
            need_any=need_any,
            prefer=prefer,
        )

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

    def needs(self) -> dict[str, frozenset[str]]:
        """Return each component that handles ask for, with the capabilities that it must have."""
        out: dict[str, frozenset[str]] = {}
        with self._lock:
            for handle in self._handles:
                target = f"{handle.domain}:{handle.key}"
                out[target] = out.get(target, frozenset()) | handle.need
        return out

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

    def count(self) -> None:
        """Count the answers of `resolve` too, from here on; each then costs three times as much.

        Questions without an answer are counted always. A handle's `candidate` is a slot that
        is read, and never counted.
        """
        if self.counts.hits is None:
            # On the instance: a registry that does not count pays nothing.
            self.__dict__["resolve"] = counting(self.counts, self.resolve)

    # --- writers ------------------------------------------------------------------------

    def add(self, *candidates: Candidate) -> None:
        """Add candidates; one with the same identity is replaced."""
        with self._lock:
            self._staged.extend(candidates)
            if not self._depth:
                self._publish()

    def withdraw(
        self, *, source_name: str | None = None, candidate: Candidate | None = None
    ) -> int:
        """Remove a source as a whole, or one candidate; return how many went.

        Raises:
            UsageError: Neither was named.
        """
        if source_name is None and candidate is None:
            raise UsageError("withdraw needs to know what", fix="pass source_name= or candidate=")
        with self._lock:
            self._pending = _sorted_in(self._pending, self._staged, self._live)
            self._staged = []
            gone = _remove(self._pending, self._live, source_name, candidate)
            if gone and not self._depth:
                self._publish()
            return gone

    def configure(self, rules: Rules) -> None:
        """Replace the rules; publishes a generation."""
        with self._lock:
            self._rules = rules
            if not self._depth:
                self._publish()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Publish once at the end of the outermost block; nothing at all if it raises."""
        with self._lock:
            self._depth += 1
            try:
                yield
            except BaseException:
                self._staged, self._pending, self._rules = [], {}, None
                raise
            finally:
                self._depth -= 1
            if not self._depth:
                self._publish()

    def preview(
        self,
        *,
        rules: Rules | None = None,
        add: Iterable[Candidate] = (),
        withdraw: str | None = None,
    ) -> Generation:
        """Return the generation that a change would publish, unpublished; see `publish`."""
        current = self._current
        pending: Pending = {}
        if withdraw is not None:
            _remove(pending, current.nodes, withdraw, None)
        return next_generation(current, _sorted_in(pending, list(add), current.nodes), rules)

    def publish(self, generation: Generation) -> bool:
        """Put a generation that `preview` returned in force, as it was judged.

        Returns:
            Whether it was; not where another one was published since, or one waits in a batch.
        """
        with self._lock:
            is_next = generation.number == self._current.number + 1
            if self._depth or not is_next:
                return False
            self._put_in_force(generation)
            return True

    def _publish(self) -> None:
        pending = _sorted_in(self._pending, self._staged, self._live)
        rules = self._rules
        self._staged, self._pending, self._rules = [], {}, None
        if pending or rules is not None:
            self._put_in_force(next_generation(self._current, pending, rules))

    def _put_in_force(self, generation: Generation) -> None:
        before = self._live
        self._kept[generation.number] = generation
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        self._current = generation
        # One store makes it visible; whoever loaded the former dictionary finishes with it.
        self._live = generation.nodes
        for handle in list(self._handles):
            # What no change touched is shared with the generation before.
            nodes = [of.get(handle.domain, {}).get(handle.key) for of in (before, self._live)]
            if nodes[0] is not nodes[1]:
                handle.update(generation)


def _sorted_in(
    pending: Pending, staged: list[Candidate], nodes: Mapping[str, Mapping[str, Node]]
) -> Pending:
    """Return *pending* with *staged* sorted in by key; a key starts from what is in force."""
    for c in staged:
        domain, key = c.domain, c.key
        keys = pending.get(domain)
        if keys is None:
            keys = pending[domain] = {}
        members = keys.get(key)
        if members is not None:
            members.append(c)
            continue
        below = nodes.get(domain)
        node = None if below is None else below.get(key)
        keys[key] = [c] if node is None else [*node.members, c]
    return pending


def _remove(
    pending: Pending,
    nodes: Mapping[str, Mapping[str, Node]],
    source_name: str | None,
    candidate: Candidate | None,
) -> int:
    """Take candidates out of *pending* and of what is in force; return how many went."""
    identity = None if candidate is None else candidate.identity

    def stays(c: Candidate) -> bool:
        if identity is not None:
            return c.identity != identity
        return c.source_name != source_name

    gone: set[tuple[str, ...]] = set()
    for domain, keys in nodes.items():
        waiting = pending.get(domain, {})
        for key, node in keys.items():
            if key not in waiting and not all(map(stays, node.members)):
                pending.setdefault(domain, {})[key] = list(node.members)
    for keys_ in pending.values():
        for members in keys_.values():
            gone.update(c.identity for c in members if not stays(c))
            members[:] = filter(stays, members)
    return len(gone)
