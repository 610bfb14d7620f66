"""Which risks of a release were read, and by whom: a file beside its manifest says so.

    {"read": [{"at": "2026-01-02T00:00:00Z", "risk": "downgrade adapter:cache redis 2.0.0 …",
               "who": "eva"}]}

A risk is told from others by its words, so that one that was read stays so whatever else changes
in the manifest. The file is a note among those who make the release: nothing signs it, nobody
who verifies a release looks at it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneiric_lab.canonical import encode, utc_text
from oneiric_lab.errors import Fault, FileAccessError, Origin, UsageError, did_you_mean
from oneiric_lab.files import ABSENT, digest, read, write_atomic
from oneiric_lab.views import Cell, Note, Result, Table, View

from ._writing import _who

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from oneiric_lab.manifest import ManifestDiff, Risk

READ = ".oneiric-read.json"
"""What a file of acknowledged risks ends in."""


def words_of(risk: Risk) -> str:
    """Return what tells a risk from others.

    Example:
        >>> from oneiric_lab.manifest import Risk
        >>> words_of(Risk("downgrade", "adapter:cache", "redis 2.0.0", "2.1.0 goes back to 2.0.0"))
        'downgrade adapter:cache redis 2.0.0 2.1.0 goes back to 2.0.0'
    """
    return " ".join(filter(None, (risk.code, risk.target, risk.who, risk.message)))


@dataclass(frozen=True, slots=True, repr=False)
class Acknowledged(Result):
    """The risks of a release, and which of them were read.

    Attributes:
        changes: What is new, with all its risks.
        read: The words of a risk to who read it, and when.
        file: What says so.
    """

    changes: ManifestDiff
    read: Mapping[str, tuple[str, str]]
    file: str

    @property
    def left(self) -> tuple[Risk, ...]:
        """Those that nobody has read."""
        return tuple(risk for risk in self.changes.risks if words_of(risk) not in self.read)

    @property
    def exit_code(self) -> int:
        """1 where one is left."""
        return 1 if self.left else 0

    def as_dict(self) -> dict[str, object]:
        """Return each risk, and who read it."""
        risks = []
        for risk in self.changes.risks:
            who, at = self.read.get(words_of(risk), (None, None))
            told = {"code": risk.code, "target": risk.target, "who": risk.who}
            risks.append({**told, "message": risk.message, "read_by": who, "read_at": at})
        return {"file": self.file, "left": len(self.left), "risks": risks}

    def view(self) -> View:
        """Return the risks as a table, those that are left first."""
        rows = []
        for risk in (*self.left, *(r for r in self.changes.risks if words_of(r) in self.read)):
            who, at = self.read.get(words_of(risk), ("", ""))
            state = Cell(f"{who}, {at}", "ok") if who else Cell("to be read", risk.kind.tone)
            rows.append((risk.code, risk.target, risk.message, state))
        left, total = len(self.left), len(self.changes.risks)
        title = f"{total - left} of {total} risks are acknowledged" if total else "no risk was seen"
        asks = dict.fromkeys(risk.kind.ask for risk in self.left)
        blocks = (Table(("risk", "of", "says", "read by"), tuple(rows)),) if rows else ()
        tone = "warn" if left else "ok"
        return View("acknowledged", title, (*blocks, *map(Note, asks)), tone=tone)  # type: ignore[arg-type]  # one of two


def acknowledged(changes: ManifestDiff, file: Path) -> Acknowledged:
    """Return which risks of *changes* were read, as *file* says.

    Raises:
        FileAccessError: It is there, and is none of ours.
    """
    return Acknowledged(changes, _read(file)[0], file.name)


def acknowledge(
    changes: ManifestDiff, file: Path, wanted: Sequence[str], *, now: datetime, undo: bool = False
) -> Acknowledged:
    """Take down in *file* that these risks were read, or were not.

    Args:
        changes: What has the risks.
        file: Where it is taken down.
        wanted: Codes (`downgrade`), codes with a component (`downgrade adapter:cache`), or all
            words of a risk.
        now: When.
        undo: Whether they are to be read again.

    Raises:
        UsageError: There is no such risk.
        FileAccessError: The file is none of ours, changed meanwhile, or cannot be written.
    """
    before, expect = _read(file)
    known = dict(before)
    entry = (_who(), utc_text(now))
    words = dict.fromkeys(words_of(risk) for risk in changes.risks)
    for asked in wanted:
        whole = asked in words
        meant = [asked] if whole else [one for one in words if one.startswith(f"{asked} ")]
        if not meant:
            raise _unknown(asked, changes)
        for one in meant:
            if undo:
                known.pop(one, None)
            else:
                known.setdefault(one, entry)
    if known != before:
        told = [{"risk": one, "who": who, "at": at} for one, (who, at) in known.items()]
        write_atomic(file, encode({"read": told}), expect=expect, shown=file.name)
    return Acknowledged(changes, known, file.name)


def _unknown(asked: str, changes: ManifestDiff) -> UsageError:
    codes = {risk.code for risk in changes.risks}
    fix = did_you_mean(asked.split(" ", 1)[0], codes) or "no risk was seen"
    return UsageError(Fault("unknown-risk", f"there is no risk {asked!r} here", fix=fix))


def _read(file: Path) -> tuple[dict[str, tuple[str, str]], str]:
    """Return what a file says, and what it must be when it is replaced."""
    if not file.exists():
        return {}, ABSENT
    data = read(file, shown=file.name).data
    try:
        told: Any = json.loads(data)["read"]
        found = {one["risk"]: (one["who"], one["at"]) for one in told}
        "".join(text for risk, by in found.items() for text in (risk, *by))  # all are texts
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        said = f"{file.name} does not say which risks were read"
        fix = "remove it, and acknowledge the risks again"
        raise FileAccessError(
            Fault("unreadable-file", said, Origin("", file=file.name), fix=fix)
        ) from error
    return found, digest(data)
