"""Candidates of a workspace: those of plugins, of packages, of its own modules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from oneiric_lab.config import PackageDefaults
from oneiric_lab.errors import Fault, OneiricError, Origin, RegistryError
from oneiric_lab.plugins import discover
from oneiric_lab.registry import NAME, collect, read_descriptor

from . import _allow
from ._code import code_modules, load_bare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneiric_lab.config import Inputs, Snapshot
    from oneiric_lab.plugins import Found
    from oneiric_lab.registry import Candidate, Registry

_GATHERED = frozenset({"package", "plugin"})
_OWN = ("oneiric_lab.components", "oneiric_lab.components.actions")
_OWN_FOLDER = Path(__file__).resolve().parents[2]


def package_defaults(inputs: Inputs) -> tuple[PackageDefaults, ...]:
    """Return the data files with which installed plugins fill the lowest layer.

    Those of plugins that the workspace disables are left out.
    """
    out = []
    for found in _enabled(inputs):
        if found.folder is not None and (found.folder / "defaults.toml").is_file():
            file = f"{found.package}/defaults.toml"
            data = (found.folder / "defaults.toml").read_bytes()
            out.append(PackageDefaults(found.package, file, data))
    return tuple(out)


def _enabled(inputs: Inputs) -> list[Found]:
    """Return the plugins with defaults that the layers above them do not disable."""
    found = [p for p in discover() if p.folder is not None]
    if not any((p.folder / "defaults.toml").is_file() for p in found if p.folder):
        return []
    try:
        plugins = load_bare(inputs).settings.plugins
    except OneiricError:
        # Opening the workspace tells of it, with all that is wrong besides.
        return found
    if not plugins.auto_load:
        return []
    return [p for p in found if not {p.package, p.distribution} & {*plugins.disabled}]


def gather(snapshot: Snapshot) -> tuple[list[Candidate], list[Fault]]:
    """Return what everybody declares, and warnings about plugins that cannot be read.

    A broken plugin must not keep a workspace from opening; what the workspace itself names
    must be right.

    Raises:
        RegistryError: With every fault of the workspace's packages and modules.
    """
    plugins = snapshot.settings.plugins
    found: list[Candidate] = []
    warnings: list[Fault] = []
    faults: list[Fault] = []
    if plugins.auto_load:
        for plugin in discover():
            if not {plugin.package, plugin.distribution} & {*plugins.disabled}:
                try:
                    found += _of_plugin(plugin)
                except OneiricError as error:
                    warnings += [replace(fault, severity="warning") for fault in error.faults]
    for index, package in enumerate(plugins.packages):
        try:
            found += _of_package(snapshot, package, index)
        except OneiricError as error:
            faults += error.faults
    for index, module in enumerate(plugins.modules):
        try:
            found += _of_module(snapshot, module, index)
        except OneiricError as error:
            faults += error.faults
    if faults:
        raise RegistryError(faults)
    return found, warnings


def gather_anew(
    before: Snapshot, after: Snapshot, *, trusted: bool
) -> tuple[list[Candidate], list[Fault]]:
    """Return what everybody declares after a change, as `gather` does.

    Raises:
        NotAllowedError: It names code of the workspace that it did not name before, and that
            was not allowed.
        RegistryError: See `gather`.
    """
    root, modules = after.inputs.root, code_modules(after)
    named = set(modules) - set(code_modules(before))
    if named and not trusted and not _allow.is_allowed(root, modules, after.inputs.environ):
        raise _allow.refuse(root, modules, after.origin("plugins"))
    return gather(after)


def replace_gathered(registry: Registry, fresh: Sequence[Candidate]) -> None:
    """Put *fresh* in place of what was gathered before; who says the same stays who it is.

    What a program or a manifest brought is not touched.
    """
    held = {c.identity: c for c in registry.current.candidates()}
    wanted = {c.identity: c for c in fresh}
    for identity, candidate in held.items():
        if candidate.source in _GATHERED and identity not in wanted:
            registry.withdraw(candidate=candidate)
    new = [c for i, c in wanted.items() if i not in held or not c.says_the_same(held[i])]
    if new:
        registry.add(*new)


def _of_plugin(plugin: Found) -> tuple[Candidate, ...]:
    if plugin.descriptor is None:
        raise RegistryError(
            Fault(
                "plugin",
                f"plugin {plugin.distribution}: {plugin.problem}",
                Origin(f"plugin:{plugin.package}", plugin.location),
            )
        )
    return read_descriptor(
        plugin.descriptor,
        shown=plugin.location,
        source="plugin",
        package=plugin.package,
        version=plugin.version,
    ).candidates


def _of_package(snapshot: Snapshot, package: str, index: int) -> tuple[Candidate, ...]:
    root = snapshot.inputs.root
    inside = root / package.replace(".", "/") / NAME
    # Our own packages are taken by name, since a workspace need not copy them.
    file = _OWN_FOLDER / package.replace(".", "/") / NAME if package in _OWN else inside
    try:
        data = file.read_bytes()
    except OSError as error:
        raise RegistryError(
            Fault(
                "package",
                f"package {package} has no readable {NAME}: {error.strerror}",
                snapshot.origin(("plugins", "packages", index)),
                fix=f"write {inside.relative_to(root).as_posix()}, or take {package} out",
            )
        ) from None
    return read_descriptor(
        data,
        shown=inside.relative_to(root).as_posix(),
        source="package",
        package=package,
        allowed=snapshot.settings.plugins.allow_factories,
    ).candidates


def _of_module(snapshot: Snapshot, module: str, index: int) -> list[Candidate]:
    origin = snapshot.origin(("plugins", "modules", index))
    try:
        return list(collect(_allow.load_object(snapshot.inputs.root, module, origin)))
    except OneiricError:
        raise
    except (Exception, SystemExit) as error:
        raise RegistryError(
            Fault(
                "module-import",
                f"cannot import {module}: {type(error).__name__}: {error}",
                origin,
                fix="mend it, or take it out of plugins.modules",
            )
        ) from error
