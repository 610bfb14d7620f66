"""The next revocation list: made of the last one, signed by its role, shown before it is.

A list is cumulative, so it is always made of the one before it: keys come in and none goes out.
Who holds a revoked key signs no list, neither the one that revokes it nor a later one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from oneiric_lab import canonical
from oneiric_lab.errors import (
    Fault,
    RevokedKeyError,
    ThresholdError,
    UnknownKeyError,
    UntrustedError,
    UsageError,
    did_you_mean,
)
from oneiric_lab.views import Cell, Fields, Note, Result, Table, View

from ._ageing import ageing_list
from ._dsse import good_signers, judge
from ._revocation import Reason, Revocations, Revoked, make_revocations
from ._steps import Quorum

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from typing import NoReturn

    from ._root import Root
    from ._signers import Signer

_KEYID = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)
_PREFIX = re.compile(r"[0-9a-f]{8,64}\Z", re.ASCII)


def reason_name(text: str) -> Reason:
    """Return *text* as a reason of RFC 5280.

    Raises:
        UsageError: It is none that a list can give, with the nearest.
    """
    reasons = get_args(Reason)
    if text not in reasons:
        fix = did_you_mean(text, reasons) or f"one of {', '.join(reasons)}"
        raise UsageError(Fault("usage", f"no reason is called {text!r}", fix=fix))
    return next(reason for reason in get_args(Reason) if reason == text)


def keys_of(root: Root, text: str) -> tuple[str, ...]:
    """Return the key ids that *text* names: a signer's, or the one that begins so.

    Args:
        root: Where signers and keys are looked for.
        text: A signer's name, at least eight digits of a key id, or a whole one of any key.

    Raises:
        UsageError: Nobody and nothing is called so, or more than one key begins so.
    """
    if text in root.signers:
        return tuple(key.keyid for key in root.signers[text])
    known = sorted(key.keyid for keys in root.signers.values() for key in keys)
    found = [keyid for keyid in known if keyid.startswith(text)] if _PREFIX.match(text) else []
    if len(found) > 1:
        fix = "give more of its digits, as trust root show prints them"
        raise UsageError(Fault("usage", f"{len(found)} keys begin with {text}", fix=fix))
    if found or _KEYID.match(text):
        # A key that has left the root may still have signed what somebody keeps.
        return tuple(found) or (text,)
    names = sorted(root.signers)
    fix = did_you_mean(text, names) or f"a signer ({', '.join(names)}), or a key id"
    raise UsageError(Fault("usage", f"no signer and no key is called {text!r}", fix=fix))


def next_list(
    root: Root,
    before: Revocations | None,
    revoked: Iterable[Revoked] = (),
    *,
    issued_at: datetime,
    next_update: datetime,
) -> Revocations:
    """Return the list behind *before* that says *revoked* as well; nobody has signed it.

    Args:
        root: Whose project and epoch it is of.
        before: The last list; None for the first one.
        revoked: What is new in it.
        issued_at: When it is made.
        next_update: When the one behind it is due at the latest.

    Raises:
        UntrustedError: *before* is of another project, or of a later epoch.
        UsageError: A key is revoked already, from as early on.
    """
    number, known = 1, {}
    if before is not None:
        if before.project != root.project or before.epoch > root.epoch:
            _refuse(_elsewhere(before, root), "give the last list of this project")
        # A recovery numbers anew; it does not give keys back that were taken.
        number = before.number + 1 if before.epoch == root.epoch else 1
        known = dict(before.revoked)
    for one in revoked:
        old = known.get(one.keyid)
        if old is not None and old.invalid_from <= one.invalid_from:
            raise UsageError(
                Fault(
                    "usage",
                    f"key {one.keyid[:16]}… is revoked already, from {old.invalid_from} on",
                    fix="a later list may only say an earlier time: --invalid-from TIME",
                )
            )
        # When it was first said stays; since when it is doubted moves to the earlier time.
        known[one.keyid] = one if old is None else one._replace(revoked_at=old.revoked_at)
    return make_revocations(
        project=root.project,
        epoch=root.epoch,
        number=number,
        issued_at=issued_at,
        next_update=next_update,
        revoked=known.values(),
    )


def check_list_follows(listed: Revocations, before: Revocations | None, root: Root) -> None:
    """Return when *listed* can be published behind *before*, whoever has signed it.

    Raises:
        UntrustedError: It is of another project or epoch, not newer, or takes a key back.
    """
    if listed.project != root.project or listed.epoch != root.epoch:
        _refuse(
            _elsewhere(listed, root), "make it with the newest root: trust crl new --root ROOT.json"
        )
    if before is None:
        return
    if (listed.epoch, listed.number) <= (before.epoch, before.number):
        _refuse(
            f"list {listed.number} is not behind list {before.number}",
            f"make it of the newest one: trust crl new --before revocations.{before.number}.json",
        )
    back = listed.taken_back({k: one.invalid_from for k, one in before.revoked.items()})
    if back is not None:
        _refuse(
            f"list {listed.number} takes something back: {back}",
            "a revoked key never returns; give its owner a new one by trust root rotate",
        )


def list_quorum(listed: Revocations, root: Root, before: Revocations | None = None) -> Quorum:
    """Return how *listed* is signed by its role; keys that were revoked do not count."""
    gone = {*listed.revoked, *(() if before is None else before.revoked)}

    def own(keyid: str, _signature: bytes) -> str | None:
        return "a key that was revoked signs no list" if keyid in gone else None

    role = root.roles.get("revocation")
    if role is None:
        _refuse("nobody may take keys back", "add the role revocation to the next root")
    signed = good_signers(judge(listed.envelope, root.keys("revocation"), revoked=own))
    missing = tuple(
        name
        for name in role.signers
        if name not in signed and any(key.keyid not in gone for key in root.signers[name])
    )
    return Quorum(f"list {listed.number}", role.threshold, signed, missing)


def countersign_list(
    listed: Revocations, root: Root, before: Revocations | None, signer: Signer
) -> Revocations:
    """Return *listed* with the signature of *signer*, who may sign lists.

    Raises:
        UnknownKeyError: The root names no such key for the role.
        RevokedKeyError: The key was revoked.
        UntrustedError: The list cannot be published behind *before*.
    """
    check_list_follows(listed, before, root)
    keyid = signer.public_key.keyid
    if keyid not in root.keys("revocation"):
        who = (
            ", ".join(root.roles["revocation"].signers) if "revocation" in root.roles else "nobody"
        )
        raise UnknownKeyError(
            Fault(
                "unknown-key",
                f"key {keyid[:16]}… signs no list: the role revocation is of {who}",
                fix="sign with a key of one of them; trust root show ROOT.json lists the keys",
            )
        )
    if keyid in listed.revoked or (before is not None and keyid in before.revoked):
        raise RevokedKeyError(
            Fault(
                "revoked-key",
                f"key {keyid[:16]}… was revoked, and signs no list",
                why="who stole it could otherwise write the list that clears it",
                fix="have another signer of the role revocation sign",
            )
        )
    return Revocations.parse(listed.envelope.signed_by(signer))


@dataclass(frozen=True, repr=False)
class ListStanding(Result):
    """A revocation list on its way: made, signed by some, or complete.

    Attributes:
        listed: The list.
        root: By whose role it is signed.
        before: The list before it, where it is not the first.
        now: The moment that is meant.
        done: What was done with it, in a word; empty when it was looked at.
        file: Where it stands.
    """

    listed: Revocations
    root: Root
    before: Revocations | None
    now: datetime
    done: str = ""
    file: str = ""

    @property
    def quorum(self) -> Quorum:
        """Who has signed."""
        return list_quorum(self.listed, self.root, self.before)

    @property
    def is_complete(self) -> bool:
        """Whether the threshold of its role has signed."""
        return self.quorum.is_complete

    @property
    def new(self) -> tuple[Revoked, ...]:
        """What it says that the list before it did not."""
        known = {} if self.before is None else self.before.revoked
        return tuple(one for one in self.listed.revoked.values() if known.get(one.keyid) != one)

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """What follows from it for the roles of the root, and how long it still holds."""
        old = ageing_list(self.listed, self.now)
        return (*self._consequences(), *(() if old is None else (old,)))

    def require_complete(self) -> None:
        """Return when the threshold has signed.

        Raises:
            ThresholdError: It has not; the fault says who is missing.
        """
        if not self.is_complete:
            raise ThresholdError(
                Fault(
                    "threshold",
                    f"list {self.listed.number} is signed by {self.quorum.text}",
                    fix="have them sign: trust crl publish LIST --key KEY.pem",
                )
            )

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "file": self.file,
            "list": self.listed.as_dict(),
            "complete": self.is_complete,
            "signatures": self.quorum.as_dict(),
            "new": [one.keyid for one in self.new],
            "warnings": [fault.as_dict() for fault in self.warnings],
        }

    def view(self) -> View:
        """Return the keys, who has signed, and what follows."""
        listed, new = self.listed, {one.keyid for one in self.new}
        owners = {key.keyid: name for name, keys in self.root.signers.items() for key in keys}
        rows = tuple(
            (
                Cell("new", "info") if one.keyid in new else Cell("", "muted"),
                owners.get(one.keyid, "-"),
                one.keyid[:16],
                one.reason,
                one.revoked_at,
                one.invalid_from,
            )
            for one in listed.revoked.values()
        )
        quorum, due = self.quorum, listed.validity.expires_at
        assert due is not None  # noqa: S101 - a list without it is none
        fields = (
            ("signed", Cell(quorum.text, "ok" if quorum.is_complete else "warn")),
            ("issued", canonical.utc_text(listed.validity.issued_at)),
            ("next is due", canonical.utc_text(due)),
        )
        notes = tuple(
            Note("; ".join(filter(None, (fault.message, fault.fix))), "warn")
            for fault in self.warnings
        )
        heads = ("", "signer", "key id", "reason", "revoked at", "invalid from")
        table = (Table(heads, rows),) if rows else (Note("no key is revoked"),)
        title = f"revocation list {listed.number} of {listed.project}, epoch {listed.epoch}"
        state = "complete" if quorum.is_complete else "signatures are missing"
        done = f"{self.done} {self.file}: " if self.done else ""
        return View("revocations", f"{done}{title}: {state}", (*table, Fields(fields), *notes))

    def _consequences(self) -> Iterator[Fault]:
        gone = self.listed.revoked
        for name, role in self.root.roles.items():
            keys = {s: [key.keyid for key in self.root.signers[s]] for s in role.signers}
            left = [signer for signer, ids in keys.items() if set(ids) - gone.keys()]
            hit = [signer for signer, ids in keys.items() if set(ids) & gone.keys()]
            if name == "root" and hit:
                yield Fault(
                    "root-key-revoked",
                    f"a list does not speak about roots: {', '.join(hit)} can still sign one",
                    fix="take the key out: trust root rotate ROOT.json --replace NAME=KEY",
                    severity="warning",
                )
            if len(left) < role.threshold:
                yield Fault(
                    "role-stopped",
                    f"the role {name} needs {role.threshold} signers and has {len(left)} left",
                    fix="have a root made with new keys: trust root rotate ROOT.json",
                    severity="warning",
                )


def _elsewhere(listed: Revocations, root: Root) -> str:
    return (
        f"a list of {listed.project}, epoch {listed.epoch}; "
        f"the root is of {root.project}, epoch {root.epoch}"
    )


def _refuse(message: str, fix: str) -> NoReturn:
    raise UntrustedError(Fault("revocations", message, fix=fix))
