"""The mixin that every answer shares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._frames import DataFrame
    from ._model import View


class Result:
    """An answer that can be read, displayed, saved and computed with.

    A subclass gives `view()` and `as_dict()`; text, HTML, Markdown, frames and the
    notebook's display come from those two. A dataclass that is a result is declared with
    `repr=False`, so that its `repr` is the stable one from here.
    """

    __slots__ = ()

    def view(self) -> View:
        """Return what this looks like."""
        raise NotImplementedError(f"{type(self).__name__} gives no view")

    def as_dict(self) -> dict[str, object]:
        """Return what `--json` prints."""
        raise NotImplementedError(f"{type(self).__name__} gives no dictionary")

    def __str__(self) -> str:
        """Return the whole view as text of 100 columns."""
        return self.to_text()

    def __repr__(self) -> str:
        """Return the type and the title: no address, no clock, the same everywhere."""
        from ._text import clean  # noqa: PLC0415 - see _repr_mimebundle_

        return f"<{type(self).__name__}: {clean(self.view().title)}>"

    def to_text(self, *, width: int = 100, color: bool = False) -> str:
        """Return the view as text."""
        from ._text import to_text  # noqa: PLC0415 - see _repr_mimebundle_

        return to_text(self.view(), width=width, color=color)

    def to_html(self) -> str:
        """Return the view as HTML without style or script."""
        from ._html import to_html  # noqa: PLC0415 - see _repr_mimebundle_

        return to_html(self.view())

    def to_markdown(self) -> str:
        """Return the view as Markdown."""
        from ._markdown import to_markdown  # noqa: PLC0415 - see _repr_mimebundle_

        return to_markdown(self.view())

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `as_dict()` as JSON text; a value that JSON lacks is written by its `str`."""
        found: object = self.as_dict()
        try:
            text = _dumps(found, indent)
        except ValueError:
            text = _dumps(_finite(found), indent)
        # Half a surrogate pair cannot be printed; JSON has an escape for it.
        return text.encode(errors="backslashreplace").decode()

    def frame(self) -> DataFrame:
        """Return the rows as a pandas frame (needs the `notebook` extra)."""
        from ._frames import to_frame  # noqa: PLC0415 - see _repr_mimebundle_

        return to_frame(self.view())

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> dict[str, object]:
        # Renderers are imported when something is rendered: a resolve in a service renders nothing.
        from ._json import mimebundle  # noqa: PLC0415 - see above

        return mimebundle(self.view())


def _dumps(value: object, indent: int | None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False, default=str)


def _finite(value: object) -> object:
    """Return *value* with `nan` and `inf`, which TOML has and JSON has not, as text."""
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
