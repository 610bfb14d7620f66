"""`action:data.transform` and `action:data.sanitize`: data in another shape, and without secrets.

No expression is evaluated: a transformation is a list of named steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from oneiric_lab.components._settings import ComponentSettings
from oneiric_lab.runtime import Event, accepts

from ._payload import Payload, action_fault

_ABSENT: Final = object()


class _Steps(Payload):
    where: list[dict[str, Any]] = Field(default_factory=list)
    """Rows that pass all of these filters stay; as of events, with paths from the row."""
    select: list[str] | None = None
    """Names that stay, in this order; dotted ones reach inside, and keep their last part."""
    rename: dict[str, str] = Field(default_factory=dict)
    """Old name to new."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Name to value, whether it was there or not."""
    defaults: dict[str, Any] = Field(default_factory=dict)
    """Name to value, where it was not there or null."""
    remove: list[str] = Field(default_factory=list)
    """Names that go."""
    sort: str | None = None
    """Name to sort rows by; `-name` from the largest down. Rows without it come last."""
    limit: Annotated[int, Field(ge=0)] | None = None
    """Rows that stay, from the top."""


class TransformSettings(ComponentSettings):
    """Settings of `action:data.transform`."""

    steps: dict[str, Any] = Field(default_factory=dict)
    """Steps that hold where the payload does not say its own."""


class _TransformPayload(_Steps):
    data: Any
    """A row (an object), or a list of them."""


class Transform:
    """Gives data another shape: filtered, with names selected, renamed, set and removed.

    The steps are done in this order: where, defaults, set, rename, remove, sort, limit, select.

    Example:
        >>> Transform()({"data": [{"a": 1, "b": {"c": 2}}], "select": ["b.c"], "set": {"d": 3}})
        {'data': [{'c': 2}], 'count': 1}
    """

    payload_model = _TransformPayload

    def __init__(self, settings: TransformSettings | None = None) -> None:
        self._steps = _Steps.of((settings or TransformSettings()).steps)

    def __call__(self, payload: object) -> dict[str, Any]:
        """Return `data` in its new shape, and `count` rows.

        Raises:
            UsageError: The payload is none.
            ActionError: The data are no rows.
        """
        said = _TransformPayload.of(payload)
        own = {name: getattr(self._steps, name) for name in self._steps.model_fields_set}
        given = said.model_fields_set - {"data"}
        steps = _Steps.model_construct(**{**own, **{name: getattr(said, name) for name in given}})
        rows = said.data if isinstance(said.data, list) else [said.data]
        if not all(isinstance(row, Mapping) for row in rows):
            raise action_fault("action-data", "data: expected an object, or a list of objects")
        test = accepts([_inside(one) for one in steps.where])
        out = [_row(row, steps) for row in rows if test is None or test(Event("row", row))]
        if steps.sort:
            out = _sorted(out, steps.sort)
        out = [_selected(row, steps.select) for row in out[: steps.limit]]
        if isinstance(said.data, list):
            return {"data": out, "count": len(out)}
        return {"data": out[0] if out else None, "count": len(out)}


def _inside(filter_: Mapping[str, Any]) -> dict[str, Any]:
    return {**filter_, "path": f"payload.{filter_.get('path', '')}"}


def _row(row: Mapping[str, Any], steps: _Steps) -> dict[str, Any]:
    out = dict(row)
    out.update({k: v for k, v in steps.defaults.items() if out.get(k) is None})
    out.update(steps.set)
    if steps.rename:
        out = {steps.rename.get(name, name): value for name, value in out.items()}
    for name in steps.remove:
        out.pop(name, None)
    return out


def _selected(row: dict[str, Any], names: list[str] | None) -> dict[str, Any]:
    if names is None:
        return row
    chosen = {name.rpartition(".")[2]: _at(row, name) for name in names}
    return {name: value for name, value in chosen.items() if value is not _ABSENT}


def _at(row: Any, path: str) -> Any:
    if path in row:
        return row[path]
    for step in path.split("."):
        if not isinstance(row, Mapping) or step not in row:
            return _ABSENT
        row = row[step]
    return row


def _sorted(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    down, name = name.startswith("-"), name.removeprefix("-")
    found = [row for row in rows if row.get(name) is not None]
    rest = [row for row in rows if row.get(name) is None]
    try:
        return [*sorted(found, key=lambda row: row[name], reverse=down), *rest]
    except TypeError:
        raise action_fault("action-data", f"sort: values of {name} cannot be compared") from None


class SanitizeSettings(ComponentSettings):
    """Settings of `action:data.sanitize`."""

    mask: tuple[str, ...] = (
        "password",
        "passwd",
        "secret",
        "token",
        "api_key",
        "apikey",
        "authorization",
        "cookie",
        "private_key",
        "credential",
    )
    """Parts of names whose values are masked, whatever their case and their `-` and `_`."""
    remove: tuple[str, ...] = ()
    """Names that go."""
    with_: Annotated[str, Field(alias="with")] = "***"
    """What stands for a masked value."""
    max_text: Annotated[int, Field(ge=1)] = 10_000
    """Characters of a text; the rest goes."""
    max_depth: Annotated[int, Field(ge=1, le=200)] = 50
    """Levels; what is deeper goes."""


class _SanitizePayload(Payload):
    data: Any
    """What is to be cleaned; a copy is."""
    mask: list[str] = Field(default_factory=list)
    """More parts of names whose values are masked."""
    remove: list[str] = Field(default_factory=list)
    """More names that go."""


class Sanitize:
    """Masks what is secret by its name, takes control characters out, and cuts what is too long.

    Example:
        >>> Sanitize()({"data": {"user": "ada", "API-Key": "x1"}})["data"]
        {'user': 'ada', 'API-Key': '***'}
    """

    payload_model = _SanitizePayload

    def __init__(self, settings: SanitizeSettings | None = None) -> None:
        self._settings = settings or SanitizeSettings()

    def __call__(self, payload: object) -> dict[str, Any]:
        """Return `data`, and how many values were `masked`, `removed` and `cut`.

        Raises:
            UsageError: The payload is none.
        """
        said = _SanitizePayload.of(payload)
        work = _Cleaning(
            self._settings,
            tuple(map(_bare, (*self._settings.mask, *said.mask))),
            {*self._settings.remove, *said.remove},
        )
        data = work.clean(said.data, 0)
        return {"data": data, "masked": work.masked, "removed": work.removed, "cut": work.cut}


class _Cleaning:
    def __init__(self, settings: SanitizeSettings, mask: tuple[str, ...], remove: set[str]) -> None:
        self._settings, self._mask, self._remove = settings, mask, remove
        self.masked = self.removed = self.cut = 0

    def clean(self, value: Any, depth: int) -> Any:
        if depth > self._settings.max_depth:
            self.cut += 1
            return None
        if isinstance(value, Mapping):
            return self._table(value, depth)
        if isinstance(value, list):
            return [self.clean(one, depth + 1) for one in value]
        return self._text(value) if isinstance(value, str) else value

    def _table(self, value: Mapping[str, Any], depth: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, one in value.items():
            if name in self._remove:
                self.removed += 1
            elif any(part in _bare(name) for part in self._mask):
                self.masked += 1
                out[name] = self._settings.with_
            else:
                out[name] = self.clean(one, depth + 1)
        return out

    def _text(self, text: str) -> str:
        most = self._settings.max_text
        self.cut += len(text) > most
        # Line ends and tabs are layout; other control characters steer terminals.
        return "".join(c for c in text[:most] if c.isprintable() or c in "\n\t")


def _bare(name: str) -> str:
    return "".join(c for c in str(name).lower() if c.isalnum())
