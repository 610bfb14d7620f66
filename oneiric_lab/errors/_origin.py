"""Where a value or a statement came from, and the line of source that shows it.

An origin is data: it is made when somebody asks, never while a file is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass

_NAMELESS = {
    "defaults": "schema default",
    "environment": "environment",
    "set": "--set",
    "session": "session",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """A place: which layer or source said it, in which file, line and column.

    Attributes:
        layer: Name of the layer (`project`, `profile:prod`, `environment`) or of the
            source of a component (`plugin:shop-redis`).
        file: Path as shown to people: relative to the workspace when inside it.
        line: First line of the span, from 1.
        column: First column of the span, from 1, in code points.
        width: Length of the span on its first line, in code points, for the caret.
        name: The name as its source spells it (`SHOP_SERVER__PORT`, `--set server.port`,
            `cell [12]`), where there is no file.
        parent: What caused this origin, as a profile causes its file.
    """

    layer: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    width: int | None = None
    name: str | None = None
    parent: Origin | None = None

    def __str__(self) -> str:
        """Render as `file:line:column`, or the name its source gives it."""
        if self.file is None:
            return self.name or _NAMELESS.get(self.layer, self.layer)
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape: `layer`, `file`, `line`, `column`, and `name` where it has one."""
        shape: dict[str, object] = {
            "layer": self.layer,
            "file": self.file,
            "line": self.line,
            "column": self.column,
        }
        if self.name is not None:
            shape["name"] = self.name
        return shape


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One line of source and the span that a fault is about.

    Attributes:
        line: Line number, from 1.
        text: The whole line without its line end.
        column: First column of the span, from 1, in code points.
        width: Length of the span; at least one caret is drawn.
    """

    line: int
    text: str
    column: int = 1
    width: int = 1

    def render(self, *, limit: int = 96) -> list[str]:
        """Return the numbered line and the caret line below it.

        A line longer than *limit* is cut around the span, so that a minified file
        shows the place and not a screenful. Controls are drawn as `·`, since a NUL
        or an escape sequence would act on the terminal.
        """
        start = min(max(self.column - 1, 0), len(self.text))
        text, first = self.text, 0
        if len(text) > limit:
            first = min(max(start - limit // 3, 0), max(len(text) - limit, 0))
            text = text[first : first + limit]
        text = "".join(c if c.isprintable() or c == "\t" else "·" for c in text)
        caret = start - first
        # A tab before the caret is kept, so that both lines move alike.
        lead = "".join("\t" if c == "\t" else " " for c in text[:caret]).ljust(caret)
        width = max(1, min(self.width, max(len(text) - caret, 1)))
        number = f"{self.line:>4}"
        return [f"{number} | {text}", f"{'':>4} | {lead}{'^' * width}"]
