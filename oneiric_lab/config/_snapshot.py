"""One immutable generation of effective values, and the questions it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Origin, UnknownPathError, did_you_mean

from ._defaults import below, default_of
from ._explain import Contribution, ValueExplanation
from ._layers import POLICY
from ._paths import Path, get, leaves, parse_path, render_path
from ._schema import describe, is_built_in
from ._secrets import Secret, SecretRef

if TYPE_CHECKING:
    from pathlib import Path as FilePath

    from oneiric_lab.errors import Fault

    from ._inputs import Inputs
    from ._layers import Document, Layer
    from ._settings import Settings

_MISSING = object()


@dataclass(frozen=True, eq=False, repr=False)
class Snapshot:
    """The effective values of a workspace at one moment; never changed.

    Attributes:
        inputs: What it was made from.
        layers: Low to high.
        tree: The merged tables, secrets as references. Read it, do not change it.
        settings: The built-in tables.
        config: The user's model; a namespace of plain values where there is no schema.
        profiles: Active profiles, in order.
        known_profiles: All that the workspace defines.
        notes: What was taken but means nothing any more.
    """

    inputs: Inputs
    layers: tuple[Layer, ...]
    tree: dict[str, Any]
    settings: Settings
    config: Any
    profiles: tuple[str, ...]
    known_profiles: tuple[str, ...]
    documents: dict[FilePath, Document]
    notes: tuple[Fault, ...]
    targets: dict[Path, list[Path]]
    prefix: str
    project_file: FilePath
    _unset: object = field(default=None)

    def __post_init__(self) -> None:
        if self.config is None:
            own = {k: v for k, v in self.tree.items() if not is_built_in(k, None)}
            object.__setattr__(self, "config", namespace(own))

    def __repr__(self) -> str:
        active = ", ".join(self.profiles) or "no profile"
        return f"<Snapshot: {len(self.layers)} layers, {active}>"

    def value(self, path: str | Path) -> object:
        """Return the effective value at *path*, defaults of the schema included.

        Raises:
            UnknownPathError: Nothing has this path.
        """
        parts = _parts(path)
        found = self._model_value(parts)
        if found is _MISSING:
            found = get(self.tree, parts, _MISSING)
        if found is _MISSING:
            raise self.unknown(parts)
        return found

    def _is_built_in(self, parts: Path) -> bool:
        return is_built_in(parts[0], self.inputs.schema)

    def _model_value(self, parts: Path) -> object:
        node: object = self.settings if self._is_built_in(parts) else self.config
        for part in parts:
            inner = below(node, part)
            if inner is None:
                return None if self._has_field(parts, node) else _MISSING
            node = inner
        return node

    def _has_field(self, parts: Path, node: object) -> bool:
        """Tell whether the schema has *parts*, which end at *node* or go on below it."""
        info = self._info(parts)
        # What a table of any keys does not hold is none, though the schema says of what form.
        return info is not None and (
            "*" not in info.path or not isinstance(node, dict | list | tuple)
        )

    def _info(self, parts: Path) -> Any:
        if self._is_built_in(parts):
            return describe(type(self.settings)).find(parts)
        return None if self.inputs.schema is None else describe(self.inputs.schema).find(parts)

    def field(self, path: str | Path) -> Any:
        """Return what the schema says of *path*, or None."""
        return self._info(_parts(path))

    def unknown(self, parts: Path) -> UnknownPathError:
        """Return the error that says *parts* names nothing, with the nearest path."""
        text = render_path(parts)
        return UnknownPathError(f"no value {text}", fix=did_you_mean(text, self.paths(), limit=4))

    def origin(self, path: str | Path) -> Origin:
        """Return where the effective value at *path* was said.

        The first question to a file builds its index (about 4 ms for 2,000 keys); later
        ones take microseconds.

        Raises:
            UnknownPathError: Nothing has this path.
        """
        parts = _parts(path)
        for layer in reversed(self.layers):
            if layer.holds(parts):
                return layer.origin(parts)
            if layer.unsets(parts):
                break
        self.value(parts)
        return Origin("defaults")

    def contributions(self, path: str | Path) -> tuple[Contribution, ...]:
        """Return what each layer says of *path*, the highest first."""
        parts = _parts(path)
        out: list[Contribution] = []
        # A table, and a list with a strategy, is made of what several layers say.
        info = self._info(parts)
        merges = isinstance(get(self.tree, parts, None), dict) or (
            info is not None
            and info.merge is not None
            and info.merge.strategy != "replace"
            and not any(one.rank == POLICY and one.holds(parts) for one in self.layers)
        )
        closed = False
        for layer in reversed(self.layers):
            if layer.holds(parts):
                state = "wins" if not out else "merged" if merges and not closed else "shadowed"
                if closed:
                    state = "unset"
                value = get(layer.tree, parts)
                out.append(
                    Contribution(
                        layer.name, self._shown(parts, value, layer), state, layer.origin(parts)
                    )
                )
            if layer.unsets(parts):
                closed = True
        model = type(self.settings) if self._is_built_in(parts) else self.inputs.schema
        default = default_of(model, parts)
        if default is not None or not out:
            state = "shadowed" if any(c.state == "wins" for c in out) else "wins"
            out.append(
                Contribution(
                    "defaults", self._shown(parts, default, None), state, Origin("defaults")
                )
            )
        if len(out) > 1 and merges and out[0].state == "wins" and out[1].state == "merged":
            out[0] = Contribution(out[0].layer, out[0].value, "merged", out[0].origin)
        return tuple(out)

    def _shown(self, parts: Path, value: object, layer: Layer | None) -> object:
        info = self._info(parts)
        if layer is not None and (layer.secret or (info is not None and info.secret)):
            if isinstance(value, str) and value.startswith("${secret:"):
                return f"secret:{value[9:-1]}"
            return value if isinstance(value, dict) else f"secret:{render_path(parts)}"
        return plain(value)

    def explain(self, path: str | Path) -> ValueExplanation:
        """Return which layer decides *path*, and what all others say.

        Raises:
            UnknownPathError: Nothing has this path.
        """
        parts = _parts(path)
        value = self.value(parts)
        contributions = self.contributions(parts)
        info = self._info(parts)
        secret = isinstance(value, Secret | SecretRef) or (info is not None and info.secret)
        ranks = {layer.name: layer.rank for layer in self.layers}
        return ValueExplanation(
            target=render_path(parts),
            value=plain(value),
            secret=secret,
            origin=contributions[0].origin,
            contributions=contributions,
            decided_by=_decided(contributions, ranks),
            via=tuple(
                (f"${{{render_path(target)}}}", self.origin(target))
                for target in self.targets.get(parts, [])
            ),
            description=None if info is None else info.description,
        )

    @cached_property
    def _paths(self) -> list[str]:
        out = {render_path(p) for p, _ in leaves(self.tree)}
        for model in (type(self.settings), self.inputs.schema):
            if model is not None:
                out |= {
                    render_path(info.path)
                    for info in describe(model).fields.values()
                    if "*" not in info.path and (info.scalar or not info.table)
                }
        return sorted(out)

    def paths(self, prefix: str = "") -> list[str]:
        """Return the paths of all values that start with *prefix*, sorted."""
        if not prefix:
            return list(self._paths)
        return [path for path in self._paths if path.startswith(prefix)]


def _parts(path: str | Path) -> Path:
    return parse_path(path) if isinstance(path, str) else path


def _decided(contributions: tuple[Contribution, ...], ranks: dict[str, int]) -> str:
    first = contributions[0]
    if first.state == "merged":
        return f"merged from {sum(c.state == 'merged' for c in contributions)} layers"
    if first.layer == "defaults":
        return "schema default: no layer says otherwise"
    if first.layer == "policy":
        return "policy"
    others = [c for c in contributions[1:] if c.state == "shadowed"]
    mine = ranks.get(first.layer, 0)
    if not others:
        return f"only layer that says it: {first.layer}"
    other = others[0].layer
    low = ranks.get(other, 0)
    if low == mine:
        return f"later of equal layers: {first.layer} over {other}"
    return f"higher layer: {first.layer} ({mine}) over {other} ({low})"


def plain(value: object) -> Any:
    """Return *value* as plain data: models as tables, secrets as references."""
    from pydantic import BaseModel  # noqa: PLC0415 - loaded with any snapshot

    if isinstance(value, Secret | SecretRef):
        return str(value)
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {f.alias or n: plain(getattr(value, n)) for n, f in fields.items()}
    if isinstance(value, SimpleNamespace):
        return {k: plain(v) for k, v in vars(value).items()}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def namespace(tree: dict[str, Any]) -> SimpleNamespace:
    """Return *tree* with attribute access, for a workspace without a schema."""
    return SimpleNamespace(
        **{
            str(k): namespace(v)
            if isinstance(v, dict) and all(isinstance(i, str) for i in v)
            else v
            for k, v in tree.items()
        }
    )
