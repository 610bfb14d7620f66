"""Which factories may run: checked before anything is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import FactoryRefusedError, Fault, RegistryError

from ._candidate import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._candidate import Candidate

NEVER = frozenset(
    [
        "os",
        "subprocess",
        "sys",
        "importlib",
        "builtins",
        "shutil",
        "pathlib",
        "tempfile",
        "pty",
        "posix",
        "nt",
        "ctypes",
        "socket",
        "runpy",
        "code",
    ]
)
"""Modules whose functions are never a factory, whoever allows them."""

RUNS = {"factory": "factory", "settings_model": "settings model", "health": "health check"}
"""Facts of a candidate that are code, and so may only be of modules that may run; in words."""


def may_run(factory: str, allowed: Sequence[str] | None) -> bool:
    """Return whether *factory* may run; see `refuse_factory`."""
    module = factory.partition(":")[0]
    if module.partition(".")[0] in NEVER:
        return False
    if allowed is None:
        return True
    for prefix in allowed:
        stem = prefix.rstrip(".")
        if module == stem or module.startswith(stem + "."):
            return True
    return False


def refuse_factory(
    factory: str, allowed: Sequence[str] | None, origin: Any = None, *, what: str = "factory"
) -> Refusal | None:
    """Return why *factory* may not run, or None.

    Args:
        factory: `module:attr`.
        allowed: Prefixes of modules; None allows all but those that never may.
        origin: Where the factory is named.
        what: How messages call it: a settings model and a health check are code as well.
    """
    if may_run(factory, allowed):
        return None
    why = "which is not allowed" if may_run(factory, None) else "a module that never may be one"
    return Refusal("factory", f"names the {what} {factory}, {why}", origin)


def load_factory(candidate: Candidate) -> Callable[..., Any]:
    """Return the factory of *candidate*, as `load_named` does."""
    found: Callable[..., Any] = load_named(candidate, candidate.factory, "factory")
    return found


def load_named(candidate: Candidate, factory: Any, what: str) -> Any:
    """Return code that *candidate* names, imported where it is a text.

    Args:
        candidate: Who names it.
        factory: A callable, or `module:attr`.
        what: How messages call it.

    Raises:
        FactoryRefusedError: It is of a module that never may be one.
        RegistryError: It cannot be imported, or is no callable.
    """
    if not isinstance(factory, str):
        return factory
    refusal = refuse_factory(factory, None, candidate.origin, what=what)
    if refusal is not None:
        raise FactoryRefusedError(
            Fault(
                "factory-refused",
                f"{candidate} {refusal.reason}",
                candidate.origin,
                fix="name a function of your own",
            )
        )
    from importlib import import_module  # noqa: PLC0415 - at activation only

    module, _, attribute = factory.partition(":")
    try:
        value: Any = import_module(module)
        for part in attribute.split("."):
            value = getattr(value, part)
    except (Exception, SystemExit) as error:
        raise RegistryError(
            Fault(
                "factory-failed",
                f"{candidate}: cannot import {factory}: {type(error).__name__}: {error}",
                candidate.origin,
                fix="run `oneiric-lab plugins --probe` for its traceback",
            )
        ) from error
    if not callable(value):
        raise RegistryError(
            Fault(
                "factory-failed",
                f"{candidate}: {factory} is a {type(value).__name__}, not callable",
                candidate.origin,
            )
        )
    return value
