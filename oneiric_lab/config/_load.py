"""From sources to a snapshot: gather, merge, interpolate, validate, all faults in one report."""

from __future__ import annotations

from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Excerpt, Fault, InvalidConfigError, Origin, UnknownProfileError

from ._defaults import default_of
from ._environ import REPLACED as REPLACED_VARIABLES
from ._interpolate import Interpolation
from ._merge import fold
from ._paths import drop, get, leaves, put, render_path
from ._schema import check_reserved, describe, is_built_in
from ._secret_source import SecretSource, secret_source
from ._secrets import SecretRef, variable_of
from ._settings import REPLACED, Settings
from ._snapshot import Snapshot
from ._sources import Sources
from ._validate import Locator, expand, validate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from ._inputs import Inputs
    from ._layers import Layer
    from ._paths import Path
    from ._schema import Merge, SchemaInfo

_MISSING = object()


def load(inputs: Inputs, *, previous: Snapshot | None = None) -> Snapshot:
    """Return the effective configuration of a workspace.

    Files whose bytes are those that *previous* read are not parsed again.

    Raises:
        InvalidConfigError: With every fault of every layer.
        UnknownProfileError: A profile that nobody defines.
        FileAccessError: The workspace's folder is not there.
    """
    sources = Sources(inputs, {} if previous is None else previous.documents)
    user = inputs.schema
    if user is not None:
        check_reserved(user)
    built_in_info = describe(Settings)
    user_info = None if user is None else describe(user)

    gathered = sources.gather()
    files = gathered.all
    prefix = _prefix(files)
    folder = _last(files, ("secrets", "directory"), "secrets")
    secret_folder = inputs.root / (folder if isinstance(folder, str) else "secrets")
    sources.faults = list(dict.fromkeys(sources.faults))
    above = sources.above(built_in_info, user_info, prefix, secret_folder)
    policy = sources.policy()
    # A document with two doors (read as local, then as a layer) tells its faults once.
    faults = list(dict.fromkeys(sources.faults))
    layers = [_without_profiles(layer) for layer in (*gathered.below, *gathered.profiles, *above)]
    if policy is not None:
        layers.append(policy)
    infos = (built_in_info,) if user_info is None else (built_in_info, user_info)
    locator = Locator(layers, infos)
    if policy is not None:
        faults += _locked(policy, layers[:-1], locator)

    strategies = _strategies(user)
    clashes: list[Fault] = []
    clashing: set[Origin | None] = set()

    def clash(path: Path, layer: Layer) -> None:
        info = built_in_info.find(path) or (user_info.find(path) if user_info else None)
        if info is not None and info.table and info.scalar:
            return
        clashes.append(_clash(path, layer, locator))
        # The schema refuses one of the two as well; once is enough.
        clashing.update((layer.origin(path), layer.origin(path, key=True)))

    tree = fold(layers, strategies, clash)
    faults += clashes
    said = {name: _last(files, ("secrets", name), None) for name in ("file", "provider")}
    secrets = secret_source(inputs, folder, **said)
    merged = tree
    tree = _hide(tree, infos)
    targets: dict[Path, list[Path]] = {}
    if _mentions_interpolation(layers):
        run = Interpolation(
            tree,
            inputs.environ,
            secrets.ref,
            lambda path: _place(locator, path),
            lambda path: default_of(Settings if is_built_in(path[0], user) else user, path),
        )
        tree = run.run()
        targets = run.targets
        faults += [f for f in run.faults if not inputs.bare or f.code != "interpolation-missing"]
        for path in run.failed if inputs.bare else ():
            # A list goes as a whole.
            tree = drop(tree, tuple(takewhile(lambda part: isinstance(part, str), path)))

    own = {key: value for key, value in tree.items() if is_built_in(key, user)}
    rest = {key: value for key, value in tree.items() if key not in own}
    settings, more = validate(Settings, own, built_in_info, locator)
    faults += [fault for fault in more if fault.origin not in clashing]
    config: Any = None
    if user is not None and user_info is not None:
        config, more = validate(user, rest, user_info, locator)
        faults += [fault for fault in more if fault.origin not in clashing]
    # What was merged holds no reference: those come from hiding and from interpolation.
    if not faults and tree is not merged and not inputs.bare:
        faults += _missing_secrets(tree, secrets, locator)
    if faults or settings is None:
        known = {fault.code for fault in faults}
        kind = UnknownProfileError if known == {"unknown-profile"} else InvalidConfigError
        raise kind(dict.fromkeys(faults))
    return Snapshot(
        inputs=inputs,
        layers=tuple(layers),
        tree=tree,
        settings=settings,  # type: ignore[arg-type]  # Settings validated itself
        config=config,
        profiles=gathered.names,
        known_profiles=gathered.known,
        documents=sources.documents,
        notes=tuple(_notes(merged, inputs, locator)),
        targets=targets,
        prefix=prefix,
        project_file=sources.project_file(),
    )


def file_layers(inputs: Inputs) -> list[Layer]:
    """Return the layers of files that can be read, low to high; faults are passed over.

    For what must be known before a workspace opens, or though it does not.
    """
    return Sources(inputs, {}).gather().all


def _without_profiles(layer: Layer) -> Layer:
    if "profiles" not in layer.tree:
        return layer
    from dataclasses import replace  # noqa: PLC0415 - few layers define profiles

    return replace(layer, tree={k: v for k, v in layer.tree.items() if k != "profiles"})


def _last(layers: list[Layer], path: Path, default: object) -> object:
    for layer in reversed(layers):
        value = get(layer.tree, path, _MISSING)
        if value is not _MISSING:
            return value
    return default


def _prefix(files: list[Layer]) -> str:
    given = _last(files, ("schema", "env_prefix"), None)
    if isinstance(given, str):
        return given.upper()
    name = _last(files, ("app", "name"), "")
    if not isinstance(name, str) or not name:
        return ""
    return "".join(c if c.isalnum() else "_" for c in name).upper() + "_"


@lru_cache(maxsize=64)
def _strategies(user: type[BaseModel] | None) -> dict[Path, Merge]:
    out: dict[Path, Merge] = {}
    for model in (Settings, user):
        if model is not None:
            out |= {info.path: info.merge for info in describe(model).fields.values() if info.merge}
    return out


def _locked(policy: Layer, layers: list[Layer], locator: Locator) -> list[Fault]:
    faults = []
    for path, value in leaves(policy.tree):
        for layer in layers:
            said = get(layer.tree, path, _MISSING)
            if said is _MISSING or said == value:
                continue
            faults.append(
                Fault(
                    "locked-value",
                    f"{render_path(path)} is locked by policy to {locator.short(policy, path)}",
                    layer.origin(path),
                    locator.excerpt(layer, path),
                    notes=(f"locked at {policy.origin(path)}",),
                    fix="remove this line, or ask whoever keeps the policy",
                )
            )
    return faults


def _clash(path: Path, layer: Layer, locator: Locator) -> Fault:
    others = [low for low in locator.holders(path) if low is not layer and low.rank <= layer.rank]
    notes = tuple(f"{locator.said(low, path)} at {low.origin(path)}" for low in others[:1])
    return Fault(
        "table-meets-value",
        f"{locator.said(layer, path)} meets what a lower layer says otherwise: {render_path(path)}",
        layer.origin(path, key=True),
        locator.excerpt(layer, path, key=True),
        notes=notes,
        fix="let both say a table, or both a value",
    )


def _hide(tree: dict[str, Any], schemas: Sequence[SchemaInfo]) -> dict[str, Any]:
    """Turn literal texts of secret fields into references, so that nothing prints them."""
    for path in (info.path for schema in schemas for info in schema.secrets):
        for concrete in expand(tree, path):
            value = get(tree, concrete, None)
            if isinstance(value, str) and "${" not in value:
                name = render_path(concrete)
                tree = put(tree, concrete, SecretRef(name, lambda text=value: text))  # type: ignore[misc]  # mypy has no type for the default
    return tree


def _mentions_interpolation(layers: list[Layer]) -> bool:
    for layer in layers:
        if layer.document is not None:
            text = layer.document.parsed.text
            # A lone character is found ten times as fast as two.
            if "$" in text and "${" in text:
                return True
        elif any("${" in str(value) for _, value in leaves(layer.tree)):
            return True
    return False


def _place(locator: Locator, path: Path) -> tuple[Origin | None, Excerpt | None]:
    holders = locator.holders(path)
    if not holders:
        return None, None
    return holders[0].origin(path), locator.excerpt(holders[0], path)


def _missing_secrets(tree: dict[str, Any], secrets: SecretSource, locator: Locator) -> list[Fault]:
    # Providers that were passed in may ask a network: they are not asked at load.
    if secrets.providers:
        return []
    return [
        locator.fault(
            "secret-missing",
            f"{render_path(path)} needs the secret `{ref.id}`, which is nowhere",
            path,
            fix=f"write it to secrets/{ref.id}, or set {variable_of(ref.id)}",
        )
        for path, ref in _references(tree)
        if ref.find() is None
    ]


def _references(tree: dict[str, Any]) -> list[tuple[Path, SecretRef]]:
    """Return the references to secrets with their paths; no path is made for what is none."""
    out: list[tuple[Path, SecretRef]] = []
    for key, value in tree.items():
        if isinstance(value, dict):
            out += [((key, *path), ref) for path, ref in _references(value)]
        elif isinstance(value, SecretRef):
            out.append(((key,), value))
    return out


def _notes(tree: dict[str, Any], inputs: Inputs, locator: Locator) -> list[Fault]:
    notes = []
    for path, instead in REPLACED.items():
        if path[0] in tree:  # to ask every layer for every one takes a twentieth of a load
            notes += [
                Fault(
                    "replaced-key",
                    f"{render_path(path)} means nothing any more",
                    layer.origin(path, key=True),
                    why=instead,
                    severity="note",
                )
                for layer in locator.holders(path)
            ]
    for name, instead in REPLACED_VARIABLES.items():
        if name in inputs.environ:
            notes.append(
                Fault(
                    "replaced-variable",
                    f"{name} means nothing any more",
                    Origin("environment", name=name),
                    why=f"use instead: {instead}",
                    severity="note",
                )
            )
    return notes
