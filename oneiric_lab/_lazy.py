"""Names of a door that are imported when they are first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def exporter(
    package: str, names: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for *package*.

    Args:
        package: Full name of the package whose door it is.
        names: Public name to the module that holds it, relative to *package*.

    Returns:
        The two functions of PEP 562. A name is imported once and then kept in the
        package's namespace, so only its first use costs more than an attribute read.
    """
    import sys  # noqa: PLC0415 - part of every interpreter, needed only here

    def __getattr__(name: str) -> object:  # noqa: N807 - PEP 562 names it so
        module = names.get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - see above

        value: object = getattr(import_module(module, package), name)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:  # noqa: N807 - PEP 562 names it so
        return sorted({*names, *vars(sys.modules[package])})

    return __getattr__, __dir__
