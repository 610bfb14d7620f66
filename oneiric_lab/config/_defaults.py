"""What a schema says where no layer does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ._paths import Path


def default_of(model: type[BaseModel] | None, path: Path) -> object:
    """Return the schema's default at *path*, or None where it has none."""
    from pydantic import BaseModel  # noqa: PLC0415 - asked only with a model in hand
    from pydantic_core import PydanticUndefined  # noqa: PLC0415 - see above

    if model is None:
        return None
    node: object = None
    fields = model.model_fields
    for i, part in enumerate(path):
        if i == 0 or isinstance(node, type):
            name = next((n for n, f in fields.items() if part in (f.alias, n)), None)
            if name is None:
                return None
            node = fields[name].get_default(call_default_factory=True)
            if node is PydanticUndefined:
                inner = fields[name].annotation
                if isinstance(inner, type) and issubclass(inner, BaseModel):
                    node, fields = inner, inner.model_fields
                    continue
                return None
        else:
            node = below(node, part)
            if node is None:
                return None
    return None if isinstance(node, type) else node


def below(node: object, part: str | int) -> object:
    """Return what a model, a mapping or a list holds under *part*, or None."""
    from pydantic import BaseModel  # noqa: PLC0415 - see default_of

    if isinstance(node, BaseModel):
        fields = type(node).model_fields
        name = next((n for n, f in fields.items() if part in (f.alias, n)), None)
        return None if name is None else getattr(node, name)
    if isinstance(node, dict):
        return node.get(part, node.get(str(part)))
    if isinstance(node, list | tuple) and isinstance(part, int) and part < len(node):
        return node[part]
    return None
