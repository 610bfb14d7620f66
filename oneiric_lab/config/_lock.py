"""The lock file: effective values and winners as they are now, loaded without any layer.

No digest in it covers a secret's text, so that nobody can try guesses against it: secrets
are references, in the values and in what the digests are made of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, InvalidConfigError, LockMismatchError, Origin
from oneiric_lab.files import digest, is_sealed, seal

from ._formats import parse
from ._layers import PROJECT, Layer
from ._paths import get, leaves, parse_path, put, render_path
from ._schema import describe, is_built_in
from ._secret_source import SecretSource, secret_source
from ._secrets import SecretRef, variable_of
from ._settings import Settings
from ._snapshot import Snapshot, plain
from ._validate import Locator, expand, validate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ._inputs import Inputs
    from ._paths import Path
    from ._schema import SchemaInfo

SCHEMA = 1
_PARTS: dict[str, type] = {
    "schema": int,
    "profiles": list,
    "known_profiles": list,
    "values": dict,
    "origins": dict,
    "layers": list,
    "components": dict,
    "digest": str,
}
_PLACE = re.compile(r"(?P<file>.+):(?P<line>\d+):(?P<column>\d+)")
_AT = " @ "
_REFERENCE = "${secret:"


@dataclass(frozen=True, slots=True)
class Locked:
    """What a lock file says.

    Attributes:
        snapshot: The effective configuration; each value has the origin it had.
        layers: Layer, its file or None, and the digest of what it said, low to high.
        components: `domain:key` to provider, version, source and source name.
    """

    snapshot: Snapshot
    layers: tuple[tuple[str, str | None, str], ...]
    components: Mapping[str, Mapping[str, str]]


def freeze(snapshot: Snapshot, components: Mapping[str, Mapping[str, str]]) -> bytes:
    """Return the lock file of *snapshot*: the same bytes for the same state.

    Args:
        snapshot: The effective configuration.
        components: `domain:key` to what identifies its winner.
    """
    origins = {
        render_path(path): _place(snapshot.origin(path)) for path, _ in leaves(snapshot.tree)
    }
    content = {
        "schema": SCHEMA,
        "profiles": list(snapshot.profiles),
        "known_profiles": sorted(snapshot.known_profiles),
        "values": _masked(snapshot.tree),
        "origins": origins,
        "layers": [list(row) for row in layer_digests(snapshot)],
        "components": {target: dict(facts) for target, facts in sorted(components.items())},
    }
    return seal(content)


def layer_digests(snapshot: Snapshot) -> tuple[tuple[str, str | None, str], ...]:
    """Return each layer with its file and the digest of what it says, secrets by reference."""
    infos = _infos(snapshot.inputs)
    return tuple(
        (layer.name, layer.file, digest(_canonical(_masked(_hidden(layer, infos)))))
        for layer in snapshot.layers
    )


def thaw(data: bytes, inputs: Inputs, *, name: str) -> Locked:
    """Return what a lock file says; no layer is read.

    Args:
        data: Its bytes.
        inputs: Root, environment and secret providers for secrets, and the user's model.
        name: The path as people are shown it.

    Raises:
        ParseError: It is no JSON.
        LockMismatchError: It is no lock file, of another schema, or was altered.
        InvalidConfigError: Its values do not fit the model any more, or a secret is missing.
    """
    tree = parse(data, format="json", name=name, layer="lock").tree
    _check(tree, data, name)
    secrets = secret_source(inputs, **_said_of_secrets(tree["values"]))
    # Only a text with an expression needs a walk through all values.
    values = _revealing(tree["values"], secrets) if b"${" in data else tree["values"]
    layer = Layer("lock", PROJECT, values, names=_Places(tree["origins"]))
    infos = _infos(inputs)
    locator = Locator([layer], infos)
    user = inputs.schema
    own = {key: value for key, value in values.items() if is_built_in(key, user)}
    settings, faults = validate(Settings, own, infos[0], locator)
    config: Any = None
    if user is not None:
        rest = {key: value for key, value in values.items() if key not in own}
        config, more = validate(user, rest, infos[1], locator)
        faults = [*faults, *more]
    if not faults and not secrets.providers and values is not tree["values"]:
        faults = [*_missing(values, name)]
    if faults:
        raise InvalidConfigError(faults)
    profiles = tuple(tree["profiles"])
    snapshot = Snapshot(
        inputs=replace(inputs, profiles=profiles),
        layers=(layer,),
        tree=values,
        settings=settings,  # type: ignore[arg-type]  # Settings validated itself
        config=config,
        profiles=profiles,
        known_profiles=tuple(tree["known_profiles"]),
        documents={},
        notes=(),
        targets={},
        prefix="",
        project_file=inputs.root / "oneiric.toml",
    )
    rows = tuple((row[0], row[1], row[2]) for row in tree["layers"])
    return Locked(snapshot, rows, tree["components"])


def mismatches(
    locked: Locked, now: Snapshot, components: Mapping[str, Mapping[str, str]], *, name: str
) -> list[Fault]:
    """Return in what the workspace differs from its lock file: layers, then winners."""
    fix = "look at the difference, then write the lock file anew: freeze"
    before = {(layer, file): digest for layer, file, digest in locked.layers}
    after = {(layer, file): digest for layer, file, digest in layer_digests(now)}
    out = []
    for layer, file in {**before, **after}:
        old, new = before.get((layer, file)), after.get((layer, file))
        if old != new:
            what = "is new" if old is None else "is gone" if new is None else "says otherwise"
            origin = Origin(layer, file or name)
            out.append(
                Fault("lock-mismatch", f"layer {layer} {what} since {name}", origin, fix=fix)
            )
    for target in sorted({*locked.components, *components}):
        a, b = locked.components.get(target), components.get(target)
        if a != b:
            out.append(
                Fault(
                    "lock-mismatch",
                    f"{target} is provided by {_winner(b)}, {name} has {_winner(a)}",
                    Origin("lock", name),
                    fix=fix,
                )
            )
    return out


def _winner(facts: Mapping[str, str] | None) -> str:
    return "nobody" if facts is None else f"{facts['provider']} {facts['version']}"


def _infos(inputs: Inputs) -> tuple[SchemaInfo, ...]:
    models = (Settings,) if inputs.schema is None else (Settings, inputs.schema)
    return tuple(describe(model) for model in models)


def _hidden(layer: Layer, infos: Sequence[SchemaInfo]) -> dict[str, Any]:
    """Return the tree of *layer* with every secret text replaced by its path."""
    tree = layer.tree
    secret = [info.path for schema in infos for info in schema.secrets]
    for path in [concrete for pattern in secret for concrete in expand(tree, pattern)]:
        value = get(tree, path)
        if isinstance(value, str) and not value.startswith(_REFERENCE):
            tree = put(tree, path, f"{_REFERENCE}{render_path(path)}}}")
    return tree


def _masked(value: Any) -> Any:
    """Return *value* as JSON holds it: secrets as the expressions that name them."""
    if isinstance(value, SecretRef):
        return f"{_REFERENCE}{value.id}}}"
    if isinstance(value, dict):
        return {str(key): _masked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner) for inner in value]
    value = plain(value)
    # A text that only looks like an expression stays a text.
    return value.replace("${", "$${") if isinstance(value, str) else value


def _revealing(value: Any, secrets: SecretSource) -> Any:
    """Return *value* with expressions that name secrets turned into references."""
    if isinstance(value, str):
        if value.startswith(_REFERENCE) and value.endswith("}"):
            return secrets.ref(value[len(_REFERENCE) : -1])
        return value.replace("$${", "${")
    if isinstance(value, dict):
        return {key: _revealing(inner, secrets) for key, inner in value.items()}
    if isinstance(value, list):
        return [_revealing(inner, secrets) for inner in value]
    return value


def _missing(values: dict[str, Any], name: str) -> Iterable[Fault]:
    for path, value in leaves(values):
        if isinstance(value, SecretRef) and value.find() is None:
            yield Fault(
                "secret-missing",
                f"{render_path(path)} needs the secret `{value.id}`, which is nowhere",
                Origin("lock", name),
                fix=f"write it to secrets/{value.id}, or set {variable_of(value.id)}",
            )


def _said_of_secrets(values: dict[str, Any]) -> dict[str, object]:
    return {
        name: get(values, ("secrets", name), None) for name in ("directory", "file", "provider")
    }


class _Places(Mapping["Path", Origin]):
    """The origins of a lock file, made when somebody asks."""

    def __init__(self, origins: dict[str, Any]) -> None:
        self._origins = origins

    def __getitem__(self, path: Path) -> Origin:
        return _origin(self._origins[render_path(path)])

    def __iter__(self) -> Iterator[Path]:
        return map(parse_path, self._origins)

    def __len__(self) -> int:
        return len(self._origins)


def _place(origin: Origin) -> object:
    """Return *origin* as one line of text, which is read fast, or as its parts."""
    place = origin.name
    if origin.file is not None:
        place = f"{origin.file}:{origin.line}:{origin.column}"
    text = origin.layer if place is None else f"{origin.layer}{_AT}{place}"
    if _origin(text) == Origin(
        origin.layer, origin.file, origin.line, origin.column, name=origin.name
    ):
        return text
    return [origin.layer, origin.file, origin.line, origin.column, origin.name]


def _origin(place: Any) -> Origin:
    if isinstance(place, str):
        layer, at, where = place.partition(_AT)
        match = _PLACE.fullmatch(where)
        if match is not None:
            return Origin(layer, match["file"], int(match["line"]), int(match["column"]))
        return Origin(layer, name=where if at else None)
    layer, file, line, column, name = place
    return Origin(layer, file, line, column, name=name)


def _canonical(value: object) -> bytes:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _check(tree: dict[str, Any], data: bytes, name: str) -> None:
    """Refuse what is no lock file of ours, or was changed by hand."""
    origin = Origin("lock", name, 1, 1)
    if tree.get("schema") != SCHEMA:
        raise LockMismatchError(
            Fault(
                "lock-schema",
                f"{name} is no lock file of schema {SCHEMA}",
                origin,
                fix="write it anew: freeze",
            )
        )
    whole = tree.keys() == _PARTS.keys() and all(
        isinstance(tree[part], kind) for part, kind in _PARTS.items()
    )
    if not whole or not is_sealed(data):
        raise LockMismatchError(
            Fault(
                "lock-altered",
                f"{name} was altered after it was written",
                origin,
                why="its digest does not cover what it says now",
                fix="write it anew: freeze",
            )
        )
