"""What pydantic says of a tree, told with places, in our words."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, did_you_mean

from ._paths import get, put, render_path
from ._secrets import SecretRef

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel, ValidationError

    from oneiric_lab.errors import Excerpt

    from ._layers import Layer
    from ._paths import Path
    from ._schema import SchemaInfo

_EXPECTED = {
    "int": "an integer",
    "float": "a number",
    "bool": "a boolean",
    "string": "a string",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "dict": "a table",
    "model": "a table",
    "date": "a date",
    "datetime": "a date and time",
    "time": "a time",
    "timedelta": "a duration",
    "decimal": "a decimal number",
    "url": "an address (URL)",
    "path": "a path",
    "bytes": "text",
}


def found(value: object) -> str:
    """Say what *value* is, as a message shows it; a secret never shows its text.

    Example:
        >>> found("eighty"), found(True), found([1])
        ('string "eighty"', 'boolean true', 'a list')
    """
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return f"boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return f"{'integer' if isinstance(value, int) else 'number'} {value}"
    if isinstance(value, str):
        text = value if len(value) <= 60 else value[:57] + "..."  # noqa: PLR2004 - one line of a message
        return f'string "{text}"'
    return f"{type(value).__name__} {value}"


class Locator:
    """Finds who said a path, high to low."""

    def __init__(self, layers: Sequence[Layer], schemas: Sequence[SchemaInfo] = ()) -> None:
        self._high = [layer for layer in reversed(layers) if layer.tree or layer.unset]
        self._schemas = schemas

    def holders(self, path: Path) -> list[Layer]:
        """Return the layers that say *path*, the highest first; what is unset does not count."""
        out = []
        for layer in self._high:
            if layer.holds(path):
                out.append(layer)
            if layer.unset and layer.unsets(path):
                break
        return out

    def is_secret(self, path: Path) -> bool:
        """Tell whether what stands at *path* is a secret, or part of one."""
        for depth in range(1, len(path) + 1):
            for schema in self._schemas:
                info = schema.find(path[:depth])
                if info is not None and info.secret:
                    return True
        return False

    def excerpt(self, layer: Layer, path: Path, *, key: bool = False) -> Excerpt | None:
        """Return the source line of *path*, with each secret on it drawn as asterisks."""
        excerpt = layer.excerpt(path, key=key)
        if excerpt is None or layer.secret:
            return None
        text = excerpt.text
        for schema in self._schemas:
            for info in schema.secrets:
                for concrete in expand(layer.tree, info.path):
                    shown = layer.excerpt(concrete)
                    if shown is None or shown.line != excerpt.line:
                        continue
                    start, end = shown.column - 1, shown.column - 1 + shown.width
                    if not REFERENCE.fullmatch(text[start:end].strip("\"'")):
                        text = text[:start] + "*" * shown.width + text[end:]
        return replace(excerpt, text=text)

    def short(self, layer: Layer, path: Path) -> str:
        """Return what *layer* says of *path*, in one short piece."""
        value = get(layer.tree, path)
        if self.is_secret(path) or isinstance(value, SecretRef):
            return "a secret"
        if isinstance(value, dict | list):
            return found(value)
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return text if len(text) <= 40 else text[:37] + "..."  # noqa: PLR2004 - an aside

    def said(self, layer: Layer, path: Path) -> str:
        """Say what *layer* puts at *path*, with its type."""
        return "a secret" if self.is_secret(path) else found(get(layer.tree, path))

    def fault(
        self, code: str, message: str, path: Path, *, key: bool = False, **more: Any
    ) -> Fault:
        """Return a fault at the place of *path*, with what it shadows."""
        holders = self.holders(path)
        above = path
        while not holders and above:
            above = above[:-1]
            holders = self.holders(above)
        # What is said of the whole has no place of its own.
        if not holders or not path or (not above and not key):
            return Fault(code, message, **more)
        first, *others = holders
        notes = list(more.pop("notes", ()))
        if others and above == path and not key:
            low = others[0]
            notes.append(f"shadows {self.short(low, path)} from {low.origin(path)}")
        excerpt = self.excerpt(first, above, key=key)
        return Fault(
            code, message, first.origin(above, key=key), excerpt, notes=tuple(notes), **more
        )


REFERENCE = re.compile(r"\$\{(?:secret|env):[^}]*\}")


def expand(tree: dict[str, Any], path: Path) -> list[Path]:
    """Return the paths of *tree* that *path* stands for; `*` is any key or item."""
    out: list[Path] = [()]
    for part in path:
        grown: list[Path] = []
        for lead in out:
            node = get(tree, lead, None)
            if isinstance(node, dict):
                grown += [(*lead, key) for key in (node if part == "*" else [part]) if key in node]
            elif isinstance(node, list) and part == "*":
                grown += [(*lead, index) for index in range(len(node))]
        out = grown
    return out


def faults_of(
    error: ValidationError, tree: Mapping[str, Any], info: SchemaInfo, locator: Locator
) -> list[Fault]:
    """Return one fault for each path that pydantic refused."""
    grouped: dict[tuple[Path, str], list[dict[str, Any]]] = {}
    for detail in error.errors(include_url=False, include_context=True):
        path = tree_path(detail["loc"], tree)
        kind = detail["type"]
        group = kind if kind in {"missing", "extra_forbidden"} else "value"
        if kind == "missing":
            path = (*path, *(str(p) for p in detail["loc"][len(path) :][-1:]))
        grouped.setdefault((path, group), []).append(dict(detail))
    return [_fault(path, details, info, locator) for (path, _), details in grouped.items()]


def tree_path(loc: tuple[int | str, ...], tree: Any) -> Path:
    """Return the part of pydantic's location that is a path: tags of unions are left out."""
    out: list[int | str] = []
    node: Any = tree
    for part in loc:
        if isinstance(node, dict):
            inside = part in node
        else:
            inside = isinstance(node, list) and isinstance(part, int) and part < len(node)
        if not inside:
            continue
        node = node[part]
        out.append(part)
    return tuple(out)


def _fault(path: Path, details: list[dict[str, Any]], info: SchemaInfo, locator: Locator) -> Fault:
    first = details[0]
    kind = first["type"]
    shown = render_path(path)
    if kind == "extra_forbidden":
        known = info.children(path[:-1])
        return locator.fault(
            "unknown-key",
            f"unknown key: {shown}",
            path,
            key=True,
            fix=did_you_mean(str(path[-1]), known) or "remove it",
        )
    if kind == "missing":
        return locator.fault(
            "missing-value",
            f"missing value: {shown}",
            path,
            fix=f"--set {shown}=... or write it to a file",
        )
    value = first["input"]
    secret = kind == "secret_reference" or locator.is_secret(path)
    if isinstance(value, SecretRef) and not secret:
        return locator.fault(
            "secret-in-plain-field",
            f"{shown} would show {value}: the field is not secret",
            path,
            fix="declare the field as Secret[...]",
        )
    if kind in _SAID_BY_THE_MODEL:
        said = str(first["ctx"]["error"]) or first["msg"]
        return locator.fault("invalid-value", f"{said}: {shown}" if shown else said, path)
    more: dict[str, Any] = {}
    holders = locator.holders(path)
    if holders and holders[0].document is None and kind in _TOML_SHAPES and isinstance(value, str):
        more["fix"] = f"write it as TOML: {_TOML_SHAPES[kind]}"
    wanted = " or ".join(dict.fromkeys(expected(detail) for detail in details))
    got = "" if secret else f", got {found(value)}"
    message = f"expected {wanted}{got}: {shown}" if wanted else f"{first['msg']}: {shown}"
    return locator.fault("invalid-value", message, path, **more)


_SAID_BY_THE_MODEL = {"value_error", "assertion_error"}
_TOML_SHAPES = {
    "list_type": '["a", "b"]',
    "tuple_type": '["a", "b"]',
    "set_type": '["a", "b"]',
    "dict_type": "{key = 1}",
    "model_type": "{key = 1}",
}


def expected(detail: Mapping[str, Any]) -> str:
    """Say what one of pydantic's errors asks for, as it stands behind `expected`."""
    kind, message = detail["type"], detail["msg"]
    if kind in {"literal_error", "enum"}:
        return "one of " + str(detail["ctx"]["expected"])
    stem = kind.split("_")[0]
    if (
        kind.endswith(("_type", "_parsing", "_from_float", "_size", "_instance_of"))
        and stem in _EXPECTED
    ):
        return _EXPECTED[stem]
    if kind == "is_instance_of":
        return str(detail["ctx"]["class"])
    text = str(message).removeprefix("Value error, ")
    for lead in ("Input should be ", "Input should "):
        text = text.removeprefix(lead)
    return text.removeprefix("expected ")


def _with_texts(tree: dict[str, Any], info: SchemaInfo) -> dict[str, Any]:
    """Return *tree* with the texts of pydantic's own secret types, which hold them."""
    for path in (field.path for field in info.secrets if not field.by_reference):
        for concrete in expand(tree, path):
            value = get(tree, concrete)
            if isinstance(value, SecretRef):
                # A missing one is told by its reference, not by what pydantic thinks of it.
                tree = put(tree, concrete, value.find() or "")
    return tree


def validate(
    model: type[BaseModel], tree: dict[str, Any], info: SchemaInfo, locator: Locator
) -> tuple[BaseModel | None, list[Fault]]:
    """Return the model that *tree* makes, or None and its faults."""
    from pydantic import ValidationError  # noqa: PLC0415 - the model has loaded it

    try:
        return model.model_validate(_with_texts(tree, info), extra="forbid"), []
    except ValidationError as error:
        return None, faults_of(error, tree, info, locator)
    except Exception as error:  # noqa: BLE001 - a validator of the user's raises what it likes
        where = f"{model.__module__}:{model.__qualname__}"
        return None, [
            Fault(
                "schema-failed",
                f"the schema {where} raised {type(error).__name__}: {error}",
                why="a validator may raise ValueError or AssertionError to refuse a value",
                fix="mend the validator",
            )
        ]
