"""Probing: which candidates can be imported, and the quarantine of those that cannot."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab.errors import StoreError
from oneiric_lab.plugins import TIMEOUT, ProbeRequest, probe
from oneiric_lab.views import Cell, Code, Note, Result, Table, View

from ._words import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from oneiric_lab.errors import Fault
    from oneiric_lab.plugins import ProbeResult
    from oneiric_lab.registry import Candidate
    from oneiric_lab.store import Store
    from oneiric_lab.views import Block

Identity = tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Probed(Result):
    """What came of importing factories, each in a process of its own.

    Attributes:
        rows: Candidate and what happened to it.
        released: Candidates that were in quarantine and are no longer.
        notice: Why the quarantine holds in this process only, or None.
    """

    rows: tuple[tuple[Candidate, ProbeResult], ...]
    released: tuple[Candidate, ...] = ()
    notice: Fault | None = None

    @property
    def ok(self) -> bool:
        """Whether every factory was imported."""
        return all(result.ok for _, result in self.rows)

    @property
    def exit_code(self) -> int:
        """1 where one failed."""
        return 0 if self.ok else 1

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "ok": self.ok,
            "probed": [
                {
                    "target": candidate.target,
                    "provider": candidate.provider,
                    "version": candidate.version,
                    "source": candidate.source,
                    "source_name": candidate.source_name,
                    "kind": result.kind,
                    "detail": result.detail,
                    "traceback": result.traceback,
                    "output": result.output,
                }
                for candidate, result in self.rows
            ],
            "released": [f"{c.target} {c.provider} {c.version}" for c in self.released],
        }

    def view(self) -> View:
        """Return a row for each candidate, failures first, and their tracebacks."""
        rows = tuple(
            (
                candidate.target,
                candidate.provider,
                candidate.version,
                candidate.source_name,
                Cell(result.kind, "ok" if result.ok else "bad"),
                result.detail,
            )
            for candidate, result in sorted(self.rows, key=lambda row: row[1].ok)
        )
        heads = ("component", "provider", "version", "from", "probe", "what happened")
        blocks: list[Block] = [Table(heads, rows)]
        blocks += [
            Code(result.traceback.rstrip(), "pytb", f"{candidate.target} {candidate.provider}")
            for candidate, result in self.rows
            if result.traceback
        ]
        blocks += [
            Note(f"{c.target} {c.provider} {c.version} is out of quarantine", "ok")
            for c in self.released
        ]
        if self.notice is not None:
            blocks.append(Note("\n".join(self.notice.lines()), "warn"))
        failed = sum(not result.ok for _, result in self.rows)
        title = f"probed {count(len(rows), 'candidate')}: " + (
            f"{failed} in quarantine" if failed else "all can be imported"
        )
        return View("probe", title, tuple(blocks), tone="ok" if self.ok else "bad")


def remembered(store: Store) -> tuple[dict[Identity, str], tuple[Fault, ...]]:
    """Return what the store holds in quarantine, and what is wrong with the store.

    A damaged store must not keep a workspace from opening.
    """
    try:
        rows = store.quarantined()
    except StoreError as error:
        return {}, error.faults
    return {tuple(json.loads(row.candidate)): row.detail for row in rows}, ()


def can_be_probed(candidate: Candidate) -> bool:
    """Tell whether *candidate* has something to import, and may be imported."""
    return isinstance(candidate.factory, str) and bool(candidate.factory) and not candidate.refusals


def try_all(
    candidates: Iterable[Candidate],
    root: Path,
    *,
    timeout: float = TIMEOUT,
    cancelled: Callable[[], bool] | None = None,
    done: Callable[[ProbeResult], None] | None = None,
) -> list[tuple[Candidate, ProbeResult]]:
    """Import each candidate's factory as this workspace would, each in its own process."""
    chosen = list(candidates)
    path = (str(root), *sys.path)
    requests = [
        ProbeRequest(str(c.factory), path, " ".join((c.target, *c.identity[2:]))) for c in chosen
    ]
    return list(
        zip(chosen, probe(requests, timeout=timeout, cancelled=cancelled, done=done), strict=True)
    )


def remember(store: Store, rows: Iterable[tuple[Candidate, ProbeResult]]) -> None:
    """Keep who failed, and forget who did not.

    Raises:
        StoreError: The store cannot be written.
    """
    for candidate, result in rows:
        name = json.dumps(candidate.identity)
        if result.ok:
            store.release(name)
        elif result.kind != "cancelled":
            store.quarantine(name, result.kind, result.detail, result.traceback)
