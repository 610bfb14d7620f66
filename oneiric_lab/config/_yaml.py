"""YAML documents, through PyYAML's safe loader and the marks of its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import MissingExtraError

from ._positions import Positions, Span

if TYPE_CHECKING:
    from ._paths import Path

# An alias bomb doubles at each level; a document that people write has few aliases. Only
# what is met again counts, so a document may be as large as a file may.
_MOST_AGAIN = 200_000


class YamlFaultError(Exception):
    """A YAML document that is not taken, with its place."""

    def __init__(self, offset: int, width: int, message: str, fix: str | None) -> None:
        super().__init__(message)
        self.offset, self.width, self.message, self.fix = offset, width, message, fix


def _module() -> Any:
    try:
        import yaml  # noqa: PLC0415 - an optional dependency
    except ImportError:
        raise MissingExtraError("a YAML file needs PyYAML", extra="yaml") from None
    return yaml


def _compose(text: str) -> Any:
    yaml = _module()
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlFaultError(
            mark.index if mark else 0,
            1,
            f"not YAML: {error.problem or error.context}",
            "give the keys of one table the same indent" if "block" in str(error) else None,
        ) from None
    except yaml.YAMLError as error:
        raise YamlFaultError(
            getattr(error, "position", 0), 1, f"not YAML: {getattr(error, 'reason', error)}", None
        ) from None


def load_yaml(text: str) -> object:
    """Return the value of a YAML document; None for an empty one is an empty table.

    Raises:
        YamlFaultError: Broken syntax, a key twice, a key that is no text, a tag that is
            not one of the plain types, or aliases that grow without bound.
    """
    yaml = _module()
    root = _compose(text)
    if root is None:
        return {}
    constructor = yaml.SafeLoader("")
    met: set[int] = set()
    again = 0

    def value(node: Any, inside: tuple[int, ...]) -> object:
        nonlocal again
        again += id(node) in met
        met.add(id(node))
        start, end = node.start_mark.index, node.end_mark.index
        if again > _MOST_AGAIN or id(node) in inside:
            raise YamlFaultError(start, 1, "aliases grow without bound", "write the values out")
        if isinstance(node, yaml.MappingNode):
            out: dict[str, object] = {}
            for key_node, value_node in node.value:
                key = value(key_node, inside)
                at, width = (
                    key_node.start_mark.index,
                    key_node.end_mark.index - key_node.start_mark.index,
                )
                if not isinstance(key, str):
                    raise YamlFaultError(
                        at, width, f"expected a text as key, found {key!r}", f'quote it: "{key}"'
                    )
                if key in out:
                    raise YamlFaultError(
                        at, width, f"key {key!r} stands twice", "remove one of the two"
                    )
                out[key] = value(value_node, (*inside, id(node)))
            return out
        if isinstance(node, yaml.SequenceNode):
            return [value(item, (*inside, id(node))) for item in node.value]
        try:
            return constructor.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            reason = getattr(error, "problem", None) or str(error)
            raise YamlFaultError(
                start, end - start, f"not taken: {reason}", "use a plain type"
            ) from None

    return value(root, ())


def yaml_positions(text: str) -> Positions:
    """Return the places in a YAML document that was accepted."""
    yaml = _module()
    out = Positions(text)

    def walk(node: Any, path: Path) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = (*path, str(key.value))
                out.keys[inner] = Span(key.start_mark.index, key.end_mark.index)
                out.values[inner] = Span(value.start_mark.index, value.end_mark.index)
                walk(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                inner = (*path, index)
                out.values[inner] = Span(value.start_mark.index, value.end_mark.index)
                out.keys[inner] = out.values[inner]
                walk(value, inner)

    root = _compose(text)
    if root is not None:
        walk(root, ())
    return out
