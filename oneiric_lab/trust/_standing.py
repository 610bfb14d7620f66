"""How a root stands: what it says, what it changes, who has signed it, and how long it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab import canonical
from oneiric_lab.errors import Fault, OneiricError, UntrustedError
from oneiric_lab.views import Cell, Fields, Note, Result, Table, View

from ._ageing import ageing_root
from ._chain import check_signed, extend
from ._checks import BY_CODE, Check
from ._steps import quorums, root_changes, root_notes, signed_anew

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from oneiric_lab.views import Block, Tone

    from ._root import Root
    from ._steps import Quorum, RootChange

_TONES: dict[str, Tone] = {"passed": "ok", "failed": "bad", "skipped": "muted"}


@dataclass(frozen=True, repr=False)
class RootStanding(Result):
    """A root on its way: made, signed by some, or complete.

    That it is complete says that those whom it names agree. Whether it is the root to trust,
    `verify_roots` says, by a digest that came another way.

    Attributes:
        root: The root.
        before: The root before it, where it is not the first.
        now: The moment that is meant.
        done: What was done with it, in a word; empty when it was looked at.
        file: Where it stands.
    """

    root: Root
    before: Root | None
    now: datetime
    done: str = ""
    file: str = ""

    @property
    def quorums(self) -> tuple[Quorum, ...]:
        """Who has signed: for the root before it, and for itself."""
        return quorums(self.root, self.before)

    @property
    def is_complete(self) -> bool:
        """Whether the thresholds have signed, of this root and of the one before it."""
        known = self.root.version == 1 or self.before is not None
        return known and all(one.is_complete for one in self.quorums)

    @property
    def changes(self) -> tuple[RootChange, ...]:
        """What it says otherwise than the root before it."""
        return () if self.before is None else root_changes(self.before, self.root)

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """What its signers should think about, and how long it still holds."""
        anew = None if self.before is None else signed_anew(self.before, self.root)
        more = (anew, ageing_root(self.root, self.now))
        return (*root_notes(self.root), *(fault for fault in more if fault is not None))

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "file": self.file,
            "root": self.root.as_dict(),
            "complete": self.is_complete,
            "signatures": [one.as_dict() for one in self.quorums],
            "changes": [one.as_dict() for one in self.changes],
            "warnings": [fault.as_dict() for fault in self.warnings],
        }

    def view(self) -> View:
        """Return what changes first, then the root, then who has signed."""
        root = self.root
        blocks: list[Block] = []
        if self.before is not None:
            rows = tuple(
                (Cell("loosens", "warn") if one.loosens else Cell("", "muted"), one.text)
                for one in self.changes
            )
            blocks.append(Table(("", f"root {self.before.version} -> {root.version}"), rows))
        blocks += root.view().blocks
        blocks.append(
            Fields(
                tuple(
                    (f"signed for {one.of}", Cell(one.text, "ok" if one.is_complete else "warn"))
                    for one in self.quorums
                )
            )
        )
        if root.version > 1 and self.before is None:
            text = f"the root before it was not given: who must agree by root {root.version - 1}"
            blocks.append(Note(f"{text} is not known here; give it by --before", "warn"))
        blocks += [
            Note("; ".join(filter(None, (fault.message, fault.fix))), "warn")
            for fault in self.warnings
        ]
        title = f"root {root.version} of {root.project}, epoch {root.epoch}"
        state = "complete" if self.is_complete else "signatures are missing"
        done = f"{self.done} {self.file}: " if self.done else ""
        return View("root", f"{done}{title}: {state}", tuple(blocks))


@dataclass(frozen=True, repr=False)
class RootReport(Result):
    """Whether a chain of roots holds, from the one that is pinned to the newest.

    Attributes:
        checks: `root-anchor`, `root-chain` and `root-expiry`, in this order.
        steps: Version, digest and how it stands, of each root that was given.
        _root: The newest root, when all is well.
    """

    checks: tuple[Check, ...]
    steps: tuple[tuple[int, str, str], ...]
    _root: Root | None

    def __bool__(self) -> bool:
        """Tell whether everything passed."""
        return self.ok

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return self._root is not None and not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed, in order."""
        return tuple(check for check in self.checks if check.state == "failed")

    @property
    def exit_code(self) -> int:
        """0 verified, 3 nothing wrong but its age, 1 untrusted."""
        if self.ok:
            return 0
        return 3 if all(BY_CODE[check.code].age for check in self.failures) else 1

    @property
    def root(self) -> Root:
        """The newest root.

        Raises:
            UntrustedError: A check failed.
        """
        if self._root is None or self.failures:
            raise UntrustedError(
                [Fault(check.code, check.message, fix=check.fix) for check in self.failures]
            )
        return self._root

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape; `root` is null unless everything passed."""
        return {
            "ok": self.ok,
            "checks": [check.as_dict() for check in self.checks],
            "steps": [{"version": v, "sha256": digest, "found": f} for v, digest, f in self.steps],
            "root": self._root.as_dict() if self.ok and self._root is not None else None,
        }

    def view(self) -> View:
        """Return the failures with their fixes, and the chain."""
        blocks: list[Block] = [
            Note(
                check.message + (f"\n  help: {check.fix}" if check.fix else ""),
                "warn" if BY_CODE[check.code].age else "bad",
            )
            for check in self.failures
        ]
        rows = tuple((version, digest[:16], found) for version, digest, found in self.steps)
        blocks.append(Table(("root", "sha256", "found"), rows))
        checks = tuple((c.code, Cell(c.state, _TONES[c.state]), c.message) for c in self.checks)
        blocks.append(Table(("check", "state", "found"), checks))
        if self.ok and self._root is not None:
            title = f"verified: root {self._root.version} of {self._root.project}"
        else:
            failed = ", ".join(check.code for check in self.failures)
            title = f"{'stale' if self.exit_code == 3 else 'not verified'}: {failed}"  # noqa: PLR2004 - the exit code
        tone: Tone = "ok" if self.ok else "bad" if self.exit_code == 1 else "warn"
        return View("root-report", title, tuple(blocks), tone=tone)


def verify_roots(roots: Sequence[Root], *, pin: str | None, now: datetime) -> RootReport:
    """Return whether *roots* lead from the pinned one to the newest, and whether that holds.

    Args:
        roots: In any order; those below the pinned one are passed over.
        pin: Hex SHA-256 of the root that is trusted; None trusts nothing.
        now: The moment that is meant.
    """
    chain = sorted(roots, key=lambda root: root.version)
    anchor = next((root for root in chain if root.sha256 == pin), None)
    skipped = [Check(c, "skipped", "no root is trusted") for c in ("root-chain", "root-expiry")]
    steps = [(root.version, root.sha256, "not looked at") for root in chain]
    if anchor is None:
        return RootReport((_unpinned(pin), *skipped), tuple(steps), None)
    checks = [Check("root-anchor", "passed", f"root {anchor.version} is the pinned one")]
    steps, newest = [], anchor
    try:
        # By its digest it is trusted; without its own threshold the next one will miss it.
        check_signed(anchor, anchor)
        for root in chain:
            if root.version < anchor.version:
                steps.append((root.version, root.sha256, "older than the pinned one"))
            elif root is anchor:
                steps.append((root.version, root.sha256, "pinned"))
            else:
                newest = _extended(newest, root)
                steps.append((root.version, root.sha256, f"follows root {root.version - 1}"))
    except OneiricError as error:
        fault = error.faults[0]
        seen = len(steps)
        steps += [(one.version, one.sha256, "does not hold") for one in chain[seen:]]
        checks.append(Check("root-chain", "failed", fault.message, fault.fix))
        checks.append(Check("root-expiry", "skipped", "a check that it builds on has failed"))
        return RootReport(tuple(checks), tuple(steps), None)
    text = (
        f"{len(chain)} root{'s' * (len(chain) > 1)}, each signed by the old and the new threshold"
    )
    checks.append(Check("root-chain", "passed", text))
    checks.append(_expiry(newest, now))
    return RootReport(tuple(checks), tuple(steps), newest)


def _extended(newest: Root, root: Root) -> Root:
    chain = extend(newest, [root.envelope])
    if chain.equivocation is not None:
        raise UntrustedError(
            Fault(
                "root-chain",
                f"there are two roots {root.version}, both signed: the signers told two stories",
                fix="keep both files as evidence, and ask the signers",
            )
        )
    return chain.root


def _unpinned(pin: str | None) -> Check:
    if pin is None:
        return Check(
            "root-anchor",
            "failed",
            "nothing says which root to trust",
            "ask its signers for its digest, on another way than this file came; give it by --pin",
        )
    return Check(
        "root-anchor",
        "failed",
        f"none of the roots has the pinned digest {pin[:16]}…",
        "give the pinned root too, and all roots behind it",
    )


def _expiry(root: Root, now: datetime) -> Check:
    end = root.validity.expires_at
    if root.validity.is_expired(now):
        assert end is not None  # noqa: S101 - what never ends does not expire
        fix = "get the next root; its signers make it by trust root rotate"
        text = f"root {root.version} expired at {canonical.utc_text(end)}"
        return Check("root-expiry", "failed", text, fix)
    text = "never" if end is None else f"at {canonical.utc_text(end)}"
    return Check("root-expiry", "passed", f"root {root.version} expires {text}")
