"""A run in forms that others read: a page, JUnit XML, CSV, Parquet, JSON."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

from oneiric_lab.errors import Fault, MissingExtraError, UsageError, did_you_mean
from oneiric_lab.views import clean

from ._tables import table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ._told import Told

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def export(run: Told, format: str, *, table: str = "series") -> bytes:
    """Return *run* as the content of a file.

    Args:
        run: What is written.
        format: One of `FORMATS`.
        table: Of CSV and Parquet: one of `TABLES`.

    Raises:
        UsageError: There is no such form or table, or the run kept no raw rows.
        MissingExtraError: Parquet without the extra `parquet`.
    """
    if format not in FORMATS:
        raise UsageError(
            Fault("unknown-format", f"no form {format!r}", fix=did_you_mean(format, FORMATS))
        )
    return FORMATS[format](run, table)


def format_of(file: Path) -> str:
    """Return the form that a file's name ends with.

    Raises:
        UsageError: It ends with none.
    """
    for name, suffix in SUFFIXES.items():
        if file.suffix.lower() in {f".{suffix}", f".{name}"}:
            return name
    raise UsageError(
        Fault(
            "unknown-format",
            f"{file.name!r} does not tell a form",
            fix=f"end it with one of {', '.join(f'.{suffix}' for suffix in SUFFIXES.values())}, "
            "or name the form",
        )
    )


def _json(run: Told, _: str) -> bytes:
    return (run.to_json() + "\n").encode()


def _html(run: Told, _: str) -> bytes:
    from ._report import report  # noqa: PLC0415 - only who asks for a page pays

    return report(run).encode("utf-8", "replace")


def _csv(run: Told, name: str) -> bytes:
    columns = table(run.recorded, name)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    lists = [column if isinstance(column, list) else _plain(column) for column in columns.values()]
    writer.writerows([_inert(value) for value in row] for row in zip(*lists, strict=True))
    return out.getvalue().encode()


def _plain(column: Any) -> list[Any]:
    found: list[Any] = column.tolist()
    return found


def _inert(value: object) -> object:
    # A spreadsheet takes such a text for a formula and runs it.
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _parquet(run: Told, name: str) -> bytes:
    try:
        import pyarrow as pa  # noqa: PLC0415 - of the extra `parquet`
        from pyarrow import parquet  # noqa: PLC0415 - see above
    except ImportError:
        raise MissingExtraError("pyarrow is not installed", extra="parquet") from None
    made = pa.table(table(run.recorded, name))
    # What the figures mean travels with them.
    about = {"oneiric_lab": json.dumps({"id": run.id, "plan": run.plan.as_dict()}, default=str)}
    made = made.replace_schema_metadata({**(made.schema.metadata or {}), **about})
    out = io.BytesIO()
    parquet.write_table(made, out, compression="zstd")
    return out.getvalue()


def _junit(run: Told, _: str) -> bytes:
    """Return a suite of test cases: what must hold, what must be met, and whether it counts.

    The form is that of Ant and Jenkins, which CI systems agree on.
    """
    name = f"load {run.plan.name}"
    cases: list[ET.Element] = []

    def case(group: str, title: str, kind: str = "", message: str = "") -> None:
        made = ET.Element("testcase", classname=f"{name}.{group}", name=_text(title), time="0")
        if kind:
            told = ET.SubElement(made, "failure", type=kind, message=_text(message))
            told.text = _text(message)
        cases.append(made)

    for invariant, wrong in run.invariants():
        case("invariant", invariant, "" if wrong is None else "broken", wrong or "")
    for judged in run.judged:
        kind = "" if judged.met else "missed" if judged.ok is False else "unknown"
        case("objective", str(judged.objective), kind, str(judged))
    invalid = "" if run.is_valid else "invalid"
    case("measurement", "valid", invalid, f"limited by {run.limited_by}: it says nothing")
    partial = "cancelled" if run.driven.cancelled else ""
    case("measurement", "complete", partial, "it was cancelled before its end")
    failed = sum(case.find("failure") is not None for case in cases)
    facts = {"tests": str(len(cases)), "failures": str(failed), "errors": "0"}
    shared = {"name": _text(name), **facts, "time": f"{run.driven.wall:.3f}"}
    suite = ET.Element(
        "testsuite",
        {**shared, "skipped": "0", "timestamp": f"{run.about.started:%Y-%m-%dT%H:%M:%S}"},
    )
    known = ET.SubElement(suite, "properties")
    for key, value in {"id": run.id, "seed": run.plan.seed, **run.about.versions}.items():
        ET.SubElement(known, "property", name=key, value=_text(str(value)))
    suite.extend(cases)
    told = ET.SubElement(suite, "system-out")
    told.text = _text(run.to_text(), lines=True)
    whole = ET.Element("testsuites", shared)
    whole.append(suite)
    ET.indent(whole)
    data: bytes = ET.tostring(whole, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _text(text: str, *, lines: bool = False) -> str:
    # XML has no form at all for most control characters, nor for half a surrogate pair.
    return clean(text, lines=lines).encode("utf-8", "replace").decode()


FORMATS: Final[Mapping[str, Callable[[Told, str], bytes]]] = {
    "html": _html,
    "junit": _junit,
    "parquet": _parquet,
    "csv": _csv,
    "json": _json,
}
"""Name of a form to what writes it."""

SUFFIXES: Final[Mapping[str, str]] = {
    "html": "html",
    "junit": "xml",
    "parquet": "parquet",
    "csv": "csv",
    "json": "json",
}
"""How files of each form end."""
