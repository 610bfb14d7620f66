"""What a workspace has trusted last: read from its store, taken forward, and forgotten.

It is the document of `manifest verify --state FILE`, in one place for all processes.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab.errors import DocumentRefusedError, Fault, StoreError, UntrustedError, UsageError
from oneiric_lab.views import Note, Result, View

from ._writing import _who

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from oneiric_lab.store import Store
    from oneiric_lab.trust import Report, Risk, State


@dataclass(frozen=True, slots=True, repr=False)
class Remembered(Result):
    """What a workspace has trusted last.

    Attributes:
        state: The state, which is the document that is kept.
        warnings: What in it will soon be too old, or is.
        forgotten: What was forgotten just now, each by the risk that was accepted.
    """

    state: State
    warnings: tuple[Fault, ...] = ()
    forgotten: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "state": self.state.as_dict(),
            "warnings": [fault.as_dict() for fault in self.warnings],
            "forgotten": list(self.forgotten),
        }

    def view(self) -> View:
        """Return the state, with what is to be said of it."""
        inner = self.state.view()
        gone = tuple(Note(f"accepted: {text}", "warn") for text in self.forgotten)
        old = tuple(
            Note("; ".join(filter(None, (fault.message, fault.fix))), "warn")
            for fault in self.warnings
        )
        return View(inner.kind, inner.title, (*gone, *inner.blocks, *old))


def trust_notices(store: Store, *, now: dt.datetime | None = None) -> tuple[Fault, ...]:
    """Return what of the trust of a workspace will soon be too old, or cannot be read.

    Nothing is imported for it where nothing was ever trusted.

    Args:
        store: Of the workspace.
        now: The moment that is meant; None is this one.
    """
    from oneiric_lab.trust import ageing  # noqa: PLC0415 - most workspaces verify nothing

    try:
        if store.trusted() is None:
            return ()
        return ageing(trusted_state(store), now or dt.datetime.now(dt.UTC))
    except (DocumentRefusedError, StoreError) as error:
        return error.faults


def trusted_state(store: Store) -> State:
    """Return what was trusted last in the workspace of *store*.

    Raises:
        DocumentRefusedError: What is kept there is no state.
        StoreError: The store cannot be read.
    """
    return _state(store.trusted())


def trust_report(
    store: Store,
    report: Report,
    *,
    source: tuple[str, Callable[[bytes | None], bytes]] | None = None,
) -> State:
    """Take the state in *store* forward by *report*, and return it.

    What another process brought meanwhile is kept: of each part the later one stays.

    Args:
        store: Of the workspace.
        report: What was verified.
        source: The source that it came from, and what is remembered of that from now on. It
            must be the last release of its channel then.

    Raises:
        UntrustedError: The report is one of a failure, or with *source* a later release was
            trusted since; nothing was kept.
        StoreError: The store cannot be written.
    """
    from oneiric_lab.trust import advance  # noqa: PLC0415 - most workspaces verify nothing

    made: list[State] = []

    def forward(document: bytes | None) -> bytes:
        made.append(advance(_state(document), report))
        if source is not None:
            refuse_older(made[0], report)
        return made[0].encode()

    store.trust(forward, source=source)
    return made[0]


def refuse_older(state: State, report: Report) -> None:
    """Refuse the release of *report* where *state* has a later one of its channel.

    Raises:
        UntrustedError: It has.
    """
    release = report.release
    if not release.version:
        old = state.legacy[release.project]
        if old.sha256 != release.sha256:
            raise UntrustedError(
                Fault(
                    "rollback",
                    f"{release.title} was verified before a later one was trusted here",
                    fix="enter the newest manifest of that source",
                )
            )
        return
    seen = state.channels[release.channel].statement
    if (seen.epoch, seen.sha256) != (release.epoch, release.sha256):
        raise UntrustedError(
            Fault(
                "rollback",
                f"{release.title} was verified before release {seen.version} was trusted here",
                fix="enter the newest release; a former one returns by manifest repropose",
            )
        )


def forget_trusted(
    store: Store, risks: Sequence[Risk], *, channels: Iterable[str] = (), why: str
) -> State:
    """Forget parts of what was trusted last, and say so in the history.

    A document that cannot be read any more is forgotten only as a whole: by all risks.

    Args:
        store: Of the workspace.
        risks: What is accepted; see `oneiric_lab.trust.RISKS`.
        channels: Of `rollback`, the only channels that are meant.
        why: One line, for the history.

    Raises:
        UsageError: A risk or a channel is unknown, or nothing was ever trusted here.
        StoreError: The store cannot be written; nothing was forgotten.
    """
    from oneiric_lab.trust import RISKS, State, forget  # noqa: PLC0415 - see above

    if store.trusted() is None:
        raise UsageError(
            Fault("usage", "nothing was trusted in this workspace yet", fix="there is no need to")
        )
    before, after = State(), State()

    def back(document: bytes | None) -> bytes:
        nonlocal before, after
        try:
            before = _state(document)
        except DocumentRefusedError:
            if set(risks) < set(RISKS):
                raise
        after = forget(before, risks, channels=channels)
        return after.encode()

    def summary() -> str:
        return f"accepted {', '.join(risks)}: forgot {_lost(before, after)}; {why}"

    store.trust(back, verb="trust state reset", summary=summary, who=_who())
    return after


def _lost(before: State, after: State) -> str:
    """Return what *before* remembers and *after* does not, in one line."""
    out = [
        f"release {seen.statement.epoch}.{seen.statement.version} of {name}"
        for name, seen in before.channels.items()
        if name not in after.channels
    ]
    out += [f"the manifest of {source}" for source in before.legacy if source not in after.legacy]
    if before.revocations is not None and after.revocations is None:
        out.append(f"revocation list {before.revocations.number}")
    if before.root is not None and after.root is None:
        out.append(f"root {before.root.version}")
    if before.time is not None and after.time is None:
        out.append("the last time")
    return ", ".join(out) or "nothing"


def _state(document: bytes | None) -> State:
    from oneiric_lab.trust import State  # noqa: PLC0415 - see above

    return State() if document is None else State.parse(document)
