"""What a pydantic model says about its paths: fields, list strategies, secrets."""

from __future__ import annotations

import types
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

from oneiric_lab.errors import Fault, InvalidConfigError

from ._secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from ._paths import Path

Strategy = Literal["replace", "append", "prepend", "unique", "by_key"]

RESERVED = frozenset(
    [
        "app",
        "adapters",
        "services",
        "tasks",
        "events",
        "workflows",
        "actions",
        "flags",
        "remote",
        "secrets",
        "lifecycle",
        "plugins",
        "profile",
        "profiles",
        "stack",
        "trust",
        "logging",
        "runtime_paths",
        "runtime_supervisor",
        "schema",
        "load",
    ]
)
"""Root names of the built-in tables; all others belong to the user's model."""


@dataclass(frozen=True, slots=True)
class Merge:
    """How a list field takes what several layers say: `Annotated[list[str], Merge.append]`.

    `replace` is the default; `append` and `prepend` put the higher layer's items behind or
    before; `unique` appends those not there yet; `by_key("name")` merges tables that agree
    in that key, key by key, and appends the others. A strategy holds below a mapping and in
    `Annotated[...] | None` as well.
    """

    strategy: Strategy
    key: str | None = None

    replace: ClassVar[Merge]
    append: ClassVar[Merge]
    prepend: ClassVar[Merge]
    unique: ClassVar[Merge]

    @staticmethod
    def by_key(key: str) -> Merge:
        """Merge lists of tables that agree in *key*."""
        return Merge("by_key", key)

    def join(self, low: list[Any], high: list[Any]) -> list[Any]:
        """Return the list that a lower and a higher layer make together.

        Example:
            >>> Merge.unique.join(["a", "b"], ["b", "c"])
            ['a', 'b', 'c']
            >>> Merge.by_key("n").join([{"n": 1, "x": 1}], [{"n": 1, "x": 2}, {"n": 2}])
            [{'n': 1, 'x': 2}, {'n': 2}]
        """
        if self.strategy == "append":
            return [*low, *high]
        if self.strategy == "prepend":
            return [*high, *low]
        if self.strategy == "unique":
            out = list(low)
            for item in high:
                if item not in out:
                    out.append(item)
            return out
        if self.strategy == "by_key":
            out = list(low)
            for item in high:
                name = item.get(self.key) if isinstance(item, dict) else None
                for i, old in enumerate(out):
                    if name is not None and isinstance(old, dict) and old.get(self.key) == name:
                        out[i] = _both(old, item)
                        break
                else:
                    out.append(item)
            return out
        return high


def _both(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    """Return two tables merged key by key, table into table."""
    out = low | high
    for key, value in high.items():
        if isinstance(value, dict) and isinstance(old := low.get(key), dict):
            out[key] = _both(old, value)
    return out


Merge.replace = Merge("replace")
Merge.append = Merge("append")
Merge.prepend = Merge("prepend")
Merge.unique = Merge("unique")


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """What the schema says of one path.

    `*` in a path stands for any key of a mapping, and for any item of a list.
    """

    path: Path
    annotation: Any
    merge: Merge | None = None
    secret: bool = False
    """Whether nobody may see it: `Secret[...]`, and pydantic's own secret types."""
    by_reference: bool = False
    """Whether it is a `Secret[...]`, which holds a reference only."""
    table: bool = False
    """Whether a table may stand here."""
    scalar: bool = True
    """Whether something that is no table may stand here."""
    owner: tuple[type[BaseModel], str] | None = None
    """The model whose field it is, and its name there."""

    @property
    def description(self) -> str | None:
        """What the model says of it."""
        from ._texts import Described, field_texts  # noqa: PLC0415 - see `_field`

        if self.owner is None:
            return None
        model, name = self.owner
        said = model.model_fields[name].description
        return field_texts(model).get(name) if issubclass(model, Described) else said


@dataclass(frozen=True)
class SchemaInfo:
    """All fields of a model, by path."""

    fields: dict[Path, FieldInfo]
    items: frozenset[Path] = frozenset()
    """Those of the paths that end with the `*` of a list."""
    _variables: dict[str, dict[str, FieldInfo]] = field(default_factory=dict, repr=False)

    def variables(self, prefix: str) -> dict[str, FieldInfo]:
        """Return the environment variables that name a field, with the field.

        The table is kept: making it costs more than validating 2,000 values.
        """
        known = self._variables.get(prefix)
        if known is None:
            known = {
                prefix + "__".join(map(str, path)).upper(): info
                for path, info in self.fields.items()
                if "*" not in path
            }
            self._variables[prefix] = known
        return known

    @cached_property
    def secrets(self) -> tuple[FieldInfo, ...]:
        """The secret fields."""
        return tuple(info for info in self.fields.values() if info.secret)

    def find(self, path: Path) -> FieldInfo | None:
        """Return the field at *path*, a mapping's values included."""
        found = self.fields.get(path)
        if found is not None:
            return found
        return self._wild((), path)

    def _wild(self, lead: Path, rest: Path) -> FieldInfo | None:
        """Return the field at *lead* (known to be one) and *rest*, `*` tried second."""
        if not rest:
            return self.fields.get(lead)
        head, *more = rest
        for part in (head, "*"):
            step = (*lead, part)
            if step not in self.fields or (step in self.items and not isinstance(head, int)):
                continue
            found = self._wild(step, tuple(more))
            if found is not None:
                return found
        return None

    def children(self, path: Path) -> list[str]:
        """Return the names of the fields right below *path*."""
        depth = len(path)
        return [
            str(inner[depth])
            for inner in self.fields
            if len(inner) == depth + 1 and inner[:depth] == path and inner[depth] != "*"
        ]


_LISTS = (list, tuple, set, frozenset)


def _unwrap(annotation: Any) -> tuple[Any, list[Any]]:
    extras: list[Any] = []
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        extras.extend(more)
    return annotation, extras


def _extras(annotation: Any) -> list[Any]:
    """Return what is said beside a type, the members of a union included."""
    annotation, extras = _unwrap(annotation)
    if get_origin(annotation) in {Union, types.UnionType}:
        extras += [extra for arg in get_args(annotation) for extra in _extras(arg)]
    return extras


def _members(annotation: Any) -> list[Any]:
    annotation, _ = _unwrap(annotation)
    if get_origin(annotation) in {Union, types.UnionType}:
        return [inner for arg in get_args(annotation) for inner in _members(arg)]
    return [annotation]


def _walk(model: type[BaseModel], prefix: Path, seen: tuple[type, ...]) -> Iterator[FieldInfo]:
    for name, info in model.model_fields.items():
        path = (*prefix, info.alias or name)
        yield from _field(info.annotation, list(info.metadata), path, (*seen, model), (model, name))


def _field(
    annotation: Any,
    extras: list[Any],
    path: Path,
    seen: tuple[type, ...],
    owner: tuple[type[BaseModel], str] | None = None,
) -> Iterator[FieldInfo]:
    from pydantic import BaseModel, SecretBytes, SecretStr  # noqa: PLC0415 - a model is in hand

    members = _members(annotation)
    extras = [*extras, *_extras(annotation)]
    merge = next((extra for extra in extras if isinstance(extra, Merge)), None)
    models = [m for m in members if isinstance(m, type) and issubclass(m, BaseModel)]
    mappings = [m for m in members if m is dict or get_origin(m) is dict]
    anything = any(m is Any or m is object for m in members)
    lists = [m for m in members if get_origin(m) in _LISTS]
    by_reference = any(m is Secret or get_origin(m) is Secret for m in members)
    secret = by_reference or any(m in (SecretStr, SecretBytes) for m in members)
    others = [m for m in members if m not in models and m not in mappings and m is not type(None)]
    yield FieldInfo(
        path,
        annotation,
        merge,
        secret,
        by_reference,
        bool(models or mappings or anything),
        bool(others),
        owner,
    )
    for inner in models:
        if inner not in seen:
            yield from _walk(inner, path, seen)
    for mapping in mappings:
        value = (get_args(mapping) or (str, Any))[1]
        yield from _field(value, [], (*path, "*"), seen)
    for sequence in lists:
        inner = (get_args(sequence) or (Any,))[0]
        yield from _field(inner, [], (*path, "*"), seen)


@lru_cache(maxsize=64)
def describe(model: type[BaseModel]) -> SchemaInfo:
    """Return the fields of *model*; kept, since a model does not change."""
    fields = {info.path: info for info in _walk(model, (), ())}
    items = frozenset(
        path
        for path in fields
        if path[-1] == "*"
        and any(get_origin(m) in _LISTS for m in _members(fields[path[:-1]].annotation))
        and not any(
            m is dict or get_origin(m) is dict for m in _members(fields[path[:-1]].annotation)
        )
    )
    return SchemaInfo(fields, items)


def is_built_in(key: object, user: type[BaseModel] | None) -> bool:
    """Tell whether a root name is ours; upstream's two bare keys may be the user's own."""
    if key in RESERVED:
        return True
    return key in {"config_dir", "cache_dir"} and (user is None or key not in user.model_fields)


def check_reserved(model: type[BaseModel]) -> None:
    """Refuse a user's model that claims a built-in table.

    Raises:
        InvalidConfigError: With one fault a field.
    """
    fields = describe(model).fields
    taken = sorted(name for name in RESERVED if (name,) in fields)
    if taken:
        raise InvalidConfigError(
            Fault(
                "reserved-name",
                f"field `{name}` of {model.__module__}:{model.__qualname__} has a reserved name",
                why=f"[{name}] is a built-in table",
                fix=f"rename the field, for example `{name}_settings`",
            )
            for name in taken
        )
