"""Why a component is provided by whom, and a what-if that the browser computes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import traitlets

from oneiric_lab.registry import TABLES
from oneiric_lab.registry._what_if import labels
from oneiric_lab.views import Note, Text, View

from ._base import Widget
from ._contest import contest
from ._told import told_view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.lab import Lab


class Explanation(Widget):
    """The ranking of one component as a picture, and what a change of its facts would do.

    Its button calls `lab.plan(...)`; nothing is applied.

    Attributes:
        lab: What it is about.
        contest: What travels of the component that is shown, None while none is.
    """

    name = "explanation"

    contest = traitlets.Dict(None, allow_none=True).tag(sync=True)

    def __init__(self, lab: Lab[Any], target: str | None = None) -> None:
        self.lab = lab
        super().__init__(contest=None if target is None else self._contest(target))

    @property
    def target(self) -> str | None:
        """The component that is shown."""
        found: str | None = self.contest["target"] if self.contest else None
        return found

    def show(self, target: str) -> None:
        """Explain another component.

        Raises:
            NoCandidateError: There is none of this name.
        """
        self.contest = self._contest(target)

    def hide(self) -> None:
        """Show none."""
        self.set_trait("contest", None)

    def _contest(self, target: str) -> dict[str, Any]:
        self.lab.explain(target)
        return contest(self.lab.registry.current, target)

    def follow(self) -> None:
        """Show how the component stands now."""
        target = self.target
        if target is not None:
            self.contest = contest(self.lab.registry.current, target)

    def told_plan(self, said: Mapping[str, Any]) -> None:
        """Plan what the configuration can say of a what-if."""
        target, asked = said.get("target"), said.get("asked")
        if target != self.target or target is None or not isinstance(asked, dict):
            return
        changes, unset, left = self.changes(asked)
        parts = [repr(changes), *([f"unset={unset!r}"] if unset else [])]
        view = self.lab.plan(changes, unset=unset, name="what-if").view()
        notes = tuple(Note(text, "warn") for text in left)
        shown = told_view(replace(view, blocks=(*view.blocks, *notes)))
        code = f"lab.plan({', '.join(parts)})"
        self.send({"planned": {"target": target, "code": code, "view": shown}})

    def changes(self, asked: Mapping[str, Any]) -> tuple[dict[str, Any], list[str], list[str]]:
        """Return what a what-if would be in the configuration.

        Returns:
            Paths to values, paths to remove, and what no configuration can say.
        """
        domain, _, key = str(self.target).partition(":")
        changes: dict[str, Any] = {}
        unset: list[str] = []
        left: list[str] = []
        if "select" in asked:
            path = f"{TABLES[domain]}.selections.{key}"
            if asked["select"] is None:
                unset.append(path)
            else:
                changes[path] = str(asked["select"])
        changes |= {f"flags.{name}": bool(on) for name, on in asked.get("flags", {}).items()}
        order = list(self.lab.registry.current.rules.stack_order)
        named = labels(list(self.lab.registry.current.candidates(domain, key)))
        for name, value in asked.get("priority", {}).items():
            candidate = named.get(name)
            if candidate is None:
                continue
            if candidate.priority is not None or not candidate.source_name:
                where = f" at {candidate.origin}" if candidate.origin else ""
                left.append(f"{name} itself says its priority{where}: change it there, or select")
                continue
            package = candidate.source_name
            order = [one for one in order if one.partition(":")[0].strip() != package]
            order.append(f"{package}:{int(value)}")
            changes["stack.order"] = order
        if asked.get("need") or asked.get("prefer"):
            left.append("capabilities are asked for by code: lab.handle(..., need=, prefer=)")
        return changes, unset, left

    def as_dict(self) -> dict[str, object]:
        """Return that of the explanation."""
        target = self.target
        return {"target": None} if target is None else self.lab.explain(target).as_dict()

    def view(self) -> View:
        """Return that of the explanation."""
        target = self.target
        if target is None:
            return View("explanation", "explanation: no component is chosen", (Text(""),))
        return self.lab.explain(target).view()
