"""What all widgets share: a stable text, a snapshot beside the live view, and safe messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

from oneiric_lab.errors import MissingExtraError, OneiricError
from oneiric_lab.views import Result, capped, mimebundle, to_json_view

from ._esm import module, style
from ._told import refused

try:
    import anywidget
except ImportError as error:
    raise MissingExtraError("anywidget is not installed", extra="notebook") from error

if TYPE_CHECKING:
    from collections.abc import Callable

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
SAVED: Final = 24_000
"""Bytes of a saved output: what a notebook carries of a widget, whatever it shows."""


class Shown(Result):
    """What is displayed as its snapshot and as a live view."""

    model_id: str

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None, **_: Any
    ) -> dict[str, object]:
        """Return the snapshot in its three forms, small together, and the live view."""
        view = self.view()
        found = mimebundle(view)
        for rows in (25, 10, 5):
            if len(json.dumps(found)) <= SAVED:
                break
            found = mimebundle(capped(view, rows=rows, text=20 * rows))
        live = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {**found, WIDGET_VIEW: live}


class Widget(Shown, anywidget.AnyWidget):  # type: ignore[misc]  # IPython takes a pair or its first part
    """A live view of a result, which is also its snapshot.

    A subclass names its files by `name`, gives `view()` and `as_dict()`, and has a method
    `do_WORD` for each message `{"do": WORD}` that its buttons send, or `told_WORD` where the
    message says more, which it is given: one that calls a public function and nothing else,
    since what the mouse can do a cell can. What that refuses is sent back.
    """

    name: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:
        # traitlets makes a class for each object, whose module is a trait by then.
        if "name" in vars(cls):
            cls._esm, cls._css = module(cls.name), style(cls.name)
        super().__init_subclass__(**options)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._told)

    def _told(self, _: object, content: Any, __: object) -> None:
        """Do what a button asks for; a message that is none of ours does nothing."""
        word = content.get("do") if isinstance(content, dict) else None
        act: Callable[[], object] | None = getattr(self, f"do_{word}", None)
        told: Callable[[Any], object] | None = getattr(self, f"told_{word}", None)
        try:
            if act is not None:
                act()
            elif told is not None:
                told(content)
        except OneiricError as error:
            self._fail(error)

    def _fail(self, error: OneiricError) -> None:
        """Send back what was refused."""
        self.send({"failed": to_json_view(refused(error))})
