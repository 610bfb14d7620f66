"""The scenarios that come with us, as people are told of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneiric_lab.views import Result, Table, View

from ._scenarios import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._scenario import Scenario


@dataclass(frozen=True, slots=True)
class Listed:
    """One scenario.

    Attributes:
        name: How `load run` is told of it.
        summary: What it drives.
        params: Its parameters with their defaults; one whose default is None must be given.
        users: How many drive it where nobody says.
        invariants: What must hold, by name, in words.
    """

    name: str
    summary: str
    params: Mapping[str, Any]
    users: int
    invariants: Mapping[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class Scenarios(Result):
    """The scenarios that come with us."""

    rows: tuple[Listed, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "scenarios": [
                {
                    "name": row.name,
                    "summary": row.summary,
                    "params": dict(row.params),
                    "users": row.users,
                    "invariants": dict(row.invariants),
                }
                for row in self.rows
            ]
        }

    def view(self) -> View:
        """Return one row for each."""
        rows = tuple(
            (
                row.name,
                row.summary,
                str(row.users),
                " ".join(f"{k}={shown_default(v)}" for k, v in row.params.items()),
            )
            for row in self.rows
        )
        title = f"{len(rows)} scenarios; load run NAME drives one"
        return View("load-list", title, (Table(("scenario", "drives", "users", "params"), rows),))


def scenarios() -> Scenarios:
    """Return the scenarios that come with us, with their parameters and usual load."""
    return Scenarios(
        tuple(
            Listed(name, kind.summary, kind.defaults, usual["users"], told(kind))
            for name, (kind, usual) in BUILT_IN.items()
        )
    )


def told(kind: type[Scenario]) -> dict[str, str]:
    """Return what must hold of a scenario, by name, as its docstrings say it."""
    return {n: (getattr(kind, n).__doc__ or "").strip() for n in kind.invariants()}


def shown_default(value: Any) -> str:
    """Return a parameter's default as it would be typed; nothing where it has none."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, default=str)


def read_typed(text: str, default: Any) -> Any:
    """Return a parameter as the type of its default, from what was typed for it.

    Raises:
        ValueError: It is of another type.

    Example:
        >>> read_typed("3", 1), read_typed("true", False), read_typed("3", None)
        (3, True, '3')
    """
    if default is None or isinstance(default, str):
        return text
    if isinstance(default, bool):
        if text.lower() not in {"true", "false"}:
            raise ValueError(text)
        return text.lower() == "true"
    if isinstance(default, int | float):
        return type(default)(text)
    found = json.loads(text)
    if not isinstance(found, list if isinstance(default, tuple) else type(default)):
        raise ValueError(text)  # noqa: TRY004 - told as any other wrong value
    return found
