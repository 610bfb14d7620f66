"""Why a value is what it is: who said it, who else spoke, and what decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from oneiric_lab.views import Cell, Note, Result, Table, Text, View

if TYPE_CHECKING:
    from oneiric_lab.errors import Origin
    from oneiric_lab.views import Block, Tone

State = Literal["wins", "shadowed", "unset", "merged"]
_TONES: dict[str, Tone] = {"wins": "ok", "merged": "info", "shadowed": "muted", "unset": "muted"}


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one layer says of one path."""

    layer: str
    value: object
    state: str
    origin: Origin

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "layer": self.layer,
            "value": self.value,
            "state": self.state,
            "origin": self.origin.as_dict(),
        }


@dataclass(frozen=True, slots=True, repr=False)
class ValueExplanation(Result):
    """Which layer decides a value.

    Attributes:
        target: The path.
        value: The effective value; a secret as its reference.
        secret: Whether it is one.
        origin: Where it was said.
        contributions: What each layer says, the highest first.
        decided_by: The rule in words.
        via: Expressions that the value was made from, with their origins.
        description: What the schema says about the field.
    """

    target: str
    value: object
    secret: bool
    origin: Origin
    contributions: tuple[Contribution, ...]
    decided_by: str
    via: tuple[tuple[str, Origin], ...] = ()
    description: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the stable shape of `explain PATH --json`."""
        return {
            "target": self.target,
            "value": self.value,
            "secret": self.secret,
            "origin": self.origin.as_dict(),
            "decided_by": self.decided_by,
            "contributions": [c.as_dict() for c in self.contributions],
        }

    def view(self) -> View:
        """Return the layers as a table, losers struck through."""
        rows = []
        for c in self.contributions:
            lost = c.state in {"shadowed", "unset"}
            text = shown(c.value)
            rows.append(
                (
                    c.layer,
                    Cell(text, "lost" if lost else "plain", value=c.value),
                    Cell(c.state, _TONES[c.state]),
                    Cell(str(c.origin), link=c.origin.file),
                )
            )
        blocks: list[Block] = [Table(("layer", "value", "state", "where"), tuple(rows))]
        blocks += [Note(f"made from {text} at {origin}") for text, origin in self.via]
        if self.description:
            blocks.append(Text(self.description))
        return View(
            "explain-value",
            f"explain {self.target} -> {shown(self.value)}",
            tuple(blocks),
            f"{self.target} is {shown(self.value)}, said at {self.origin}",
            (f"decided by: {self.decided_by}",),
        )


def shown(value: object, limit: int = 60) -> str:
    """Return *value* as one short line, as TOML would write it.

    Example:
        >>> shown(True), shown("a"), shown(["a", 1]), shown({"k": 1})
        ('true', 'a', '["a", 1]', '{k = 1}')
    """
    text = value if isinstance(value, str) else _toml(value)
    text = text.replace("\n", "\\n")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _toml(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + "}"
    return str(value)
