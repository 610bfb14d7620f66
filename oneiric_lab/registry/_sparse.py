"""A candidate of which only what decides is here; the rest is read when somebody asks for it.

A release brings 10,000 candidates, of which a handful are ever activated. Who wins is decided
by names, numbers and conditions: these stand in the candidate, shared where many say the
same. Its factory, its summary, its metadata stay in the bytes that it came in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ._candidate import SOURCE_RANK, Candidate, parse_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.errors import Origin

    from ._candidate import Source, Stability

    Decides = tuple[
        Source,
        str,  # source name
        str,  # domain
        str,  # key
        str,  # provider
        str,  # version
        int | None,  # priority
        int | None,  # stack level
        frozenset[str],  # capabilities
        Mapping[str, str],  # requires
        tuple[str, ...],  # requires_dist
        tuple[str, ...],  # conflicts_with
        str | None,  # python_version
        tuple[str, ...],  # os_platform
        Stability,
        str | None,  # enabled_by
        tuple[str, ...],  # requires_secrets
    ]
    """Facts that a sparse candidate has from the beginning."""


class Rest(Protocol):
    """Where the rest of many candidates is; each is known there by its number."""

    def origin(self, number: int) -> Origin:
        """Return where it was declared."""

    def facts(self, number: int) -> Mapping[str, Any]:
        """Return its factory, settings model, health, lifetime, blocking, summary, refusals."""

    def metadata(self, number: int) -> Mapping[str, Any]:
        """Return its metadata."""


class Sparse(Candidate):
    """A candidate whose facts were judged already, and most of them are elsewhere.

    It is a `Candidate` in all that can be asked of it. What is read is kept with it, but for
    its identity and its origin, which are quickly made of the rest.
    """

    __slots__ = ("_number", "_rest")

    _number: int
    _rest: Rest

    @classmethod
    def of(cls, rest: Rest, number: int, facts: Decides, *, refused: bool) -> Sparse:
        """Return the candidate of facts that rules no looser than ours have judged.

        Args:
            rest: What its other facts are read from.
            number: What it is known by there.
            facts: What decides, each as a `Candidate` has it. Texts that many have are one
                and the same: who publishes them then waits for memory less.
            refused: Whether it has refusals.
        """
        made = cls.__new__(cls)
        (
            source,
            source_name,
            domain,
            key,
            provider,
            version,
            priority,
            stack_level,
            capabilities,
            requires,
            requires_dist,
            conflicts_with,
            python_version,
            os_platform,
            stability,
            enabled_by,
            requires_secrets,
        ) = facts
        # One after the other: a loop takes half as much again.
        _put_rest(made, rest)
        _put_number(made, number)
        _put_source(made, source)
        _put_source_name(made, source_name)
        _put_domain(made, domain)
        _put_key(made, key)
        _put_provider(made, provider)
        _put_version(made, version)
        _put_priority(made, priority)
        _put_stack_level(made, stack_level)
        _put_capabilities(made, capabilities)
        _put_requires(made, requires)
        _put_requires_dist(made, requires_dist)
        _put_conflicts_with(made, conflicts_with)
        _put_python_version(made, python_version)
        _put_os_platform(made, os_platform)
        _put_stability(made, stability)
        _put_enabled_by(made, enabled_by)
        _put_requires_secrets(made, requires_secrets)
        _put_refused(made, refused)
        _put_source_rank(made, SOURCE_RANK[source])
        _put_parsed_version(made, parse_version(version))
        _put_plain(made, not refused and made.is_plain())
        return made

    def __getattr__(self, name: str) -> Any:
        """Return what no slot holds yet."""
        if name == "identity":
            return self.domain, self.key, self.provider, self.version, self.source_name
        if name == "origin":
            return self._rest.origin(self._number)
        if name == "metadata":
            _put_metadata(self, self._rest.metadata(self._number))
        elif name in _LATER:
            facts = self._rest.facts(self._number)
            for fact, put in _LATER.items():
                put(self, facts[fact])
        else:
            raise AttributeError(name)
        return object.__getattribute__(self, name)


def _slot(name: str, of: type = Candidate) -> Any:
    """Return what writes one slot."""
    return of.__dict__[name].__set__


_put_rest = _slot("_rest", Sparse)
_put_number = _slot("_number", Sparse)
_put_source = _slot("source")
_put_source_name = _slot("source_name")
_put_domain = _slot("domain")
_put_key = _slot("key")
_put_provider = _slot("provider")
_put_version = _slot("version")
_put_priority = _slot("priority")
_put_stack_level = _slot("stack_level")
_put_capabilities = _slot("capabilities")
_put_requires = _slot("requires")
_put_requires_dist = _slot("requires_dist")
_put_conflicts_with = _slot("conflicts_with")
_put_python_version = _slot("python_version")
_put_os_platform = _slot("os_platform")
_put_stability = _slot("stability")
_put_enabled_by = _slot("enabled_by")
_put_requires_secrets = _slot("requires_secrets")
_put_refused = _slot("refused")
_put_source_rank = _slot("source_rank")
_put_parsed_version = _slot("parsed_version")
_put_plain = _slot("plain")
_put_metadata = _slot("metadata")
_LATER = {
    name: _slot(name)
    for name in (
        "factory",
        "settings_model",
        "health",
        "lifetime",
        "blocking",
        "summary",
        "refusals",
    )
}
