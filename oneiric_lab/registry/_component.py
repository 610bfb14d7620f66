"""`@component(...)`: a function or class declares what it provides, where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from oneiric_lab.errors import Fault, InvalidCandidateError, Origin, UsageError

from ._candidate import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

F = TypeVar("F")
_MARK = "__oneiric_component__"


def component(target: str, *, provider: str | None = None, **facts: Any) -> Callable[[F], F]:
    """Declare that the decorated function or class provides *target*.

    Args:
        target: `domain:key`.
        provider: Its name; the function's own name by default.
        **facts: Any other fact of a `Candidate`.

    Raises:
        UsageError: *target* is no component.
        InvalidCandidateError: A fact is malformed.

    Example:
        >>> @component("adapter:cache", provider="memory", capabilities={"kv"})
        ... def memory_cache() -> dict: return {}
        >>> declared(memory_cache).provider
        'memory'
    """

    def mark(factory: F) -> F:
        candidate = candidate_of(target, factory, provider, **facts)
        try:
            setattr(factory, _MARK, candidate)
        except (AttributeError, TypeError):
            raise InvalidCandidateError(
                Fault(
                    "invalid-candidate",
                    f"{factory!r} cannot be decorated: it takes no attributes",
                    candidate.origin,
                    fix="decorate a function that returns it",
                )
            ) from None
        return factory

    return mark


def candidate_of(target: str, factory: object, provider: str | None, **facts: Any) -> Candidate:
    """Return *factory* as a candidate for *target*, with the place where it is written.

    Raises:
        UsageError: *target* is no component.
        InvalidCandidateError: A fact is malformed.
    """
    import inspect  # noqa: PLC0415 - at declaration only

    domain, colon, key = target.partition(":")
    if not colon:
        raise UsageError(
            Fault("bad-target", f"{target!r} is no component", fix="write it as adapter:cache")
        )
    name = provider or str(getattr(factory, "__name__", "")).replace("__", "_")
    module = str(getattr(factory, "__module__", ""))
    origin = Origin(f"module:{module}")
    try:
        file = inspect.getsourcefile(factory)  # type: ignore[arg-type]  # a function or class
        line = inspect.getsourcelines(factory)[1]  # type: ignore[arg-type]  # see above
        origin = Origin(f"module:{module}", file.rsplit("/", 1)[-1] if file else None, line)
    except (OSError, TypeError):
        pass  # a cell, a builtin: it has no file
    facts = {"source": "manual", "source_name": module.split(".", maxsplit=1)[0], **facts}
    return Candidate(domain, key, name, factory, origin=origin, **facts)  # type: ignore[arg-type]  # a callable


def declared(factory: object) -> Candidate:
    """Return what `component` declared on *factory*.

    Raises:
        AttributeError: It is not declared.
    """
    found: Candidate = getattr(factory, _MARK)
    return found


def collect(module: ModuleType) -> list[Candidate]:
    """Return the candidates that a module declares, in the order of its names."""
    return [
        found
        for value in vars(module).values()
        if isinstance(found := getattr(value, _MARK, None), Candidate)
    ]
