"""Responses put together to the envelope of a release, as far as they have come.

It can be done again and again: what was put together on another day is taken in, and judged
anew. Each response is counted or refused for a reason of its own, and none that is refused
stands in the way of a good one.

Example:
    >>> from oneiric_lab.testing import ReleaseHouse
    >>> from oneiric_lab.trust import cosign, propose
    >>> house = ReleaseHouse()
    >>> manifest = house.manifest({"adapter:cache": "redis"}, version=1)
    >>> proposal = propose(manifest, root=house.root, now=house.now)
    >>> answers = {}
    >>> for name in ("alice", "bob"):
    ...     signed = cosign(proposal, manifest, house.signers[name], now=house.now)
    ...     answers[name] = signed.response.encode()
    >>> assemble(proposal, manifest, answers, now=house.now)
    <Assembly: shop stable 1: complete, signed by alice, bob>
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from oneiric_lab.errors import Fault, OneiricError, ThresholdError, UntrustedError
from oneiric_lab.views import Cell, Fields, Note, Result, Table, View

from ._ceremony import cosign_at, propose_at
from ._desk import Desk
from ._limits import Limits
from ._policy import Policy
from ._proposal import Response
from ._state import State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from oneiric_lab.views import Block, Tone

    from ._dsse import Envelope, Signature
    from ._proposal import Proposal
    from ._revocation import Revocations
    from ._root import Root
    from ._signers import Signer
    from ._statement import Previous

AnswerState = Literal["counted", "known", "refused"]

_LIMITS = Limits()
_NOTHING = State()


@dataclass(frozen=True, slots=True)
class Answer:
    """How one response stands.

    Attributes:
        name: Of the file, or what the caller calls it.
        signer: Whose it is; None where nobody can tell.
        state: `counted`, `known` where it was counted on another day, or `refused`.
        why: The reason in a sentence, where it was refused.
    """

    name: str
    signer: str | None
    state: AnswerState
    why: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"name": self.name, "signer": self.signer, "state": self.state, "why": self.why}


@dataclass(frozen=True, repr=False)
class Assembly(Result):
    """How far the signing of a release is.

    Attributes:
        proposal: What was asked.
        answers: How each response stands, in the order in which they came.
        envelope: The statement with the signatures that count.
        signers: Who has signed, in order.
        needed: How many are needed.
        missing: What is still missing, in a sentence; empty when it is complete.
        file: Where the envelope was written, as people are shown it.
    """

    proposal: Proposal
    answers: tuple[Answer, ...]
    envelope: Envelope
    signers: tuple[str, ...]
    needed: int
    missing: str = ""
    file: str | None = None

    @property
    def complete(self) -> bool:
        """Whether the release has all the signatures that it needs."""
        return not self.missing

    @property
    def exit_code(self) -> int:
        """0 complete, 1 signatures are missing."""
        return 0 if self.complete else 1

    @property
    def waiting(self) -> tuple[str, ...]:
        """Who could still sign, in the order of the root."""
        known = self.proposal.root.roles["release"].signers
        return tuple(name for name in known if name not in self.signers)

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "complete": self.complete,
            "signers": list(self.signers),
            "needed": self.needed,
            "waiting": list(self.waiting),
            "missing": self.missing,
            "answers": [answer.as_dict() for answer in self.answers],
            "file": self.file,
            "release": self.proposal.as_dict(),
        }

    def view(self) -> View:
        """Return who has signed, what was refused and why, and what is missing."""
        tones: dict[AnswerState, Tone] = {"counted": "ok", "known": "muted", "refused": "bad"}
        blocks: list[Block] = []
        if self.missing:
            blocks.append(Note(self.missing, "warn"))
        rows = [("signed by", ", ".join(self.signers) or "nobody yet")]
        if self.waiting:
            rows.append(("could sign", ", ".join(self.waiting)))
        if self.file is not None:
            rows.append(("envelope", self.file))
        blocks.append(Fields(tuple(rows)))
        if self.answers:
            table = tuple(
                (one.name, one.signer or "-", Cell(one.state, tones[one.state]), one.why)
                for one in self.answers
            )
            blocks.append(Table(("response", "signer", "state", "why"), table))
        far = f"{len(self.signers)} of {self.needed} signers"
        if self.complete:
            far = f"complete, signed by {', '.join(self.signers)}"
        title = f"{self.proposal.title}: {far}"
        return View("assembly", title, tuple(blocks), tone="ok" if self.complete else "warn")


def assemble(
    proposal: Proposal,
    manifest: bytes,
    responses: Mapping[str, bytes],
    *,
    now: datetime,
    envelope: Envelope | None = None,
    policy: Policy | None = None,
    state: State = _NOTHING,
    revocations: Revocations | None = None,
    limits: Limits = _LIMITS,
) -> Assembly:
    """Return the release as far as it is signed, and how each response stands.

    A response that is refused takes nothing from the others, and does not stand in the way of
    a good one of the same signer.

    Args:
        proposal: As it was sent out.
        manifest: The bytes on this machine.
        responses: Name of the file to its bytes.
        now: The time here.
        envelope: What was put together on another day.
        policy: See `check_proposal`.
        state: What was trusted here last.
        revocations: The newest list.
        limits: How much is read at most.

    Raises:
        UntrustedError: The release would never be verified, or *envelope* is of another one.
        StaleError: The proposal, or its root, has expired: every response is too late.
    """
    desk = Desk(manifest, now, policy, state, revocations, limits)
    return _assemble_at(desk, proposal, responses, envelope)


def _assemble_at(
    desk: Desk, proposal: Proposal, responses: Mapping[str, bytes], envelope: Envelope | None
) -> Assembly:
    if envelope is not None and envelope.signed != proposal.envelope.signed:
        raise UntrustedError(
            Fault(
                "foreign-envelope",
                "the signatures that were put together before are of another proposal",
                fix="put this one together under another name, or remove the former envelope",
            )
        )
    desk.judge(proposal, proposal.envelope)
    root = desk.root(proposal)
    pile = _Pile(proposal, root, frozenset(desk.head.targets), desk.lists(root))
    for signature in () if envelope is None else envelope.signatures:
        pile.take(signature)
    answers = tuple(pile.answer(name, data) for name, data in responses.items())
    signed = replace(
        proposal.envelope, signatures=tuple(pile.found[name] for name in sorted(pile.found))
    )
    report = desk.judge(proposal, signed)
    row = (desk.policy or Policy()).effective(root, proposal.statement.schema)
    failed = [
        check for check in map(report.check, ("threshold", "scope")) if check.state != "passed"
    ]
    return Assembly(
        proposal,
        answers,
        replace(signed, signatures=tuple(sorted(signed.signatures, key=lambda one: one.keyid))),
        tuple(sorted(pile.found)),
        1 if row is None else row.threshold,
        failed[0].message if failed else "",
    )


def sign_release(
    manifest: bytes,
    signer: Signer,
    *,
    root: Root,
    now: datetime,
    days: float | None = None,
    expires: bool = True,
    not_before: datetime | None = None,
    previous: Previous | None = None,
    policy: Policy | None = None,
    state: State = _NOTHING,
    revocations: Revocations | None = None,
    limits: Limits = _LIMITS,
) -> Assembly:
    """Return a release whose only signer is *signer*: the three steps in one.

    Args:
        manifest: Its canonical bytes.
        signer: Whose key the root has under `release`.
        root: Who may sign.
        now: The time that it is issued.
        days: See `propose`, as for what follows.
        expires: Whether it ends at all.
        not_before: From when it holds.
        previous: The release that it follows.
        policy: What is trusted here.
        state: What was trusted here last.
        revocations: The newest list.
        limits: How much is read at most.

    Raises:
        ThresholdError: The root asks for more than one signer; nothing was signed.
        OneiricError: Whatever `propose` and `cosign` refuse.
    """
    desk = Desk(manifest, now, policy, state, revocations, limits)
    proposal = propose_at(
        desk, root, days=days, expires=expires, not_before=not_before, previous=previous
    )
    row = (policy or Policy()).effective(root, proposal.statement.schema)
    if row is not None and row.threshold > 1:
        raise ThresholdError(
            Fault(
                "threshold",
                f"{row.threshold} signers are needed, and one cannot stand for the others",
                fix="manifest propose, then manifest cosign by each of them, then "
                "manifest assemble",
            )
        )
    signed = cosign_at(desk, proposal, signer)
    return _assemble_at(desk, proposal, {signed.signer: signed.response.encode()}, None)


class _Pile:
    """The signatures that count so far, by signer."""

    def __init__(
        self,
        proposal: Proposal,
        root: Root,
        targets: frozenset[str],
        taken_back: tuple[Revocations, ...],
    ) -> None:
        self.proposal, self.root, self.lists = proposal, root, taken_back
        self.targets = targets
        self.found: dict[str, Signature] = {}

    def take(self, signature: Signature) -> tuple[str | None, AnswerState, str]:
        """Judge one signature, keep it where it counts, and return signer, state and reason."""
        known = self.root.keys("release").get(signature.keyid)
        if known is None:
            return None, "refused", f"foreign: the root names no key {signature.keyid[:16]}…"
        name, key = known
        try:
            key.verify(signature.sig, self.proposal.envelope.signed)
        except OneiricError:
            return name, "refused", "edited: the signature is not by this key, or of other bytes"
        if any(signature.keyid in one.revoked for one in self.lists):
            return name, "refused", "revoked: the key does not count any more"
        if self.targets and self.root.roles["release"].covers(name, self.targets) == set(
            self.targets
        ):
            return name, "refused", f"out of scope: {name} may sign for none of the components"
        before = self.found.get(name)
        if before is None:
            self.found[name] = signature
            return name, "counted", ""
        if before == signature:
            return name, "known", ""
        return name, "refused", f"duplicate: {name} has answered already, and counts once"

    def answer(self, name: str, data: bytes) -> Answer:
        """Judge the response in *data*."""
        try:
            response = Response.parse(data)
        except OneiricError as error:
            return Answer(name, None, "refused", f"edited: {error.faults[0].message}")
        mine = self.proposal.sha256
        if response.proposal != mine:
            known = self.root.keys("release").get(response.signature.keyid)
            why = (
                f"foreign: it answers proposal {response.proposal[:16]}…, this one is "
                f"{mine[:16]}…; one of them was edited, or is of another day"
            )
            return Answer(name, None if known is None else known[0], "refused", why)
        return Answer(name, *self.take(response.signature))
