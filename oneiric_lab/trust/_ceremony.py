"""The ceremony: a release is proposed, signed by people apart from each other, put together.

Each step is a function of bytes, keys and a time, so that it can be done on any machine and
day; `_proposal` has the files that travel between them.

1. `propose` freezes the statement. Its times are set here and nowhere else.
2. `cosign` is what one signer does: what the proposal says is checked against *his* manifest,
   root and state, and only then the statement is signed.
3. `assemble`, of `_assembly`, judges each response and keeps those that count. It may be called
   again and again with what came meanwhile.

None has rules of its own: each asks `verify` about the release that would come of it, and takes
no notice of what only time and other people can bring. What the signers did not see on this
machine is checked by whoever verifies, so that nothing here has to be believed.

Example:
    >>> from oneiric_lab.testing import ReleaseHouse
    >>> house = ReleaseHouse()
    >>> manifest = house.manifest({"adapter:cache": "redis"}, version=1)
    >>> proposal = propose(manifest, root=house.root, now=house.now)
    >>> cosign(proposal, manifest, house.signers["alice"], now=house.now)
    <Cosigned: signed by alice: shop stable 1>
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, RevokedKeyError, UnknownKeyError, UntrustedError
from oneiric_lab.views import Note, Result, View

from ._desk import Desk
from ._dsse import Signature
from ._limits import Limits
from ._policy import Policy
from ._proposal import Proposal, Response
from ._state import State
from ._statement import Previous, sign_statement, statement_about

if TYPE_CHECKING:
    from datetime import datetime

    from oneiric_lab.views import Block

    from ._report import Report
    from ._revocation import Revocations
    from ._root import Root
    from ._signers import Signer

_LIMITS = Limits()
_NOTHING = State()
_DAYS = 90.0  # where the root sets no limit; a quarter, as long as most certificates last
_SHOWN = 5


def propose(
    manifest: bytes,
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
) -> Proposal:
    """Return the proposal of a release; nobody has signed it.

    Args:
        manifest: Its canonical bytes.
        root: Who may sign.
        now: The time that it is issued.
        days: How long it holds; as long as the root allows by default, 90 where it sets no limit.
        expires: Whether it ends at all; False only where the root asks for no end.
        not_before: From when it holds; at once by default.
        previous: The release that it follows; what *state* knows of the channel by default.
        policy: What is trusted here; *root* alone by default.
        state: What was trusted here last.
        revocations: The newest list.
        limits: How much is read at most.

    Raises:
        DocumentRefusedError: The manifest is not canonical, or its version does not grow.
        UntrustedError: It would never be verified; every reason is told.
        StaleError: Nothing is wrong but the age of the root.
    """
    desk = Desk(manifest, now, policy, state, revocations, limits)
    return propose_at(
        desk, root, days=days, expires=expires, not_before=not_before, previous=previous
    )


def propose_at(
    desk: Desk,
    root: Root,
    *,
    days: float | None,
    expires: bool,
    not_before: datetime | None,
    previous: Previous | None,
) -> Proposal:
    """Return the same for the manifest on a desk."""
    head, now = desk.head, desk.now
    if previous is None:
        previous = _followed(desk.state, root, head.channel, head.version)
    row = Policy().effective(root, head.schema)
    longest = None if row is None else row.lifetime_days
    lifetime = timedelta(days=days or longest or _DAYS)
    statement = statement_about(
        head,
        desk.manifest,
        epoch=root.epoch,
        issued_at=now,
        expires_at=now + lifetime if expires else None,
        not_before=not_before,
        previous=previous,
    )
    proposal = Proposal(sign_statement(statement), root)
    desk.judge(proposal, proposal.envelope)
    return proposal


def _followed(state: State, root: Root, channel: str, version: int) -> Previous | None:
    seen = state.channels.get(channel)
    if seen is None or seen.statement.epoch != root.epoch:
        return None
    if seen.statement.version == version:
        # The same release again, for another while: it follows what it has followed.
        return seen.statement.previous
    return Previous(seen.statement.version, seen.statement.sha256)


def check_proposal(
    proposal: Proposal,
    manifest: bytes,
    *,
    now: datetime,
    policy: Policy | None = None,
    state: State = _NOTHING,
    revocations: Revocations | None = None,
    limits: Limits = _LIMITS,
) -> Report:
    """Return the report on the release that *proposal* would become; only signatures lack.

    Args:
        proposal: As it came.
        manifest: The bytes that are on this machine.
        now: The time here.
        policy: What is trusted here; the proposal's own root by default, which must then be
            compared by its words.
        state: What was trusted here last.
        revocations: The newest list; without one, none is asked for.
        limits: How much is read at most.

    Raises:
        UntrustedError: It would never be verified; every reason is told.
        StaleError: The proposal, or its root, has expired.
    """
    desk = Desk(manifest, now, policy, state, revocations, limits)
    return desk.judge(proposal, proposal.envelope)


def cosign(
    proposal: Proposal,
    manifest: bytes,
    signer: Signer,
    *,
    now: datetime,
    policy: Policy | None = None,
    state: State = _NOTHING,
    revocations: Revocations | None = None,
    limits: Limits = _LIMITS,
) -> Cosigned:
    """Return the response of *signer*; nothing is signed before all was checked.

    Args:
        proposal: As it came.
        manifest: The bytes that this signer has read; they are hashed here.
        signer: Whose key the root has under `release`.
        now: The time here.
        policy: See `check_proposal`.
        state: What this signer trusted last.
        revocations: The newest list.
        limits: How much is read at most.

    Raises:
        UnknownKeyError: The root names nobody with this key for releases.
        RevokedKeyError: The key was revoked.
        UntrustedError: The release would never be verified, or nothing in it is within the
            signer's scope.
        StaleError: The proposal, or its root, has expired.
    """
    return cosign_at(Desk(manifest, now, policy, state, revocations, limits), proposal, signer)


def cosign_at(desk: Desk, proposal: Proposal, signer: Signer) -> Cosigned:
    """Return the same for the manifest on a desk."""
    desk.judge(proposal, proposal.envelope)
    root, keyid = desk.root(proposal), signer.public_key.keyid
    known = root.keys("release").get(keyid)
    if known is None:
        raise UnknownKeyError(
            Fault(
                "unknown-key",
                f"root {root.version} names nobody with key {keyid[:16]}… for releases",
                fix="sign with the key that the root has under your name, or have a root made "
                "that has this one",
            )
        )
    if any(keyid in one.revoked for one in desk.lists(root)):
        raise RevokedKeyError(
            Fault(
                "revoked",
                f"key {keyid[:16]}… of {known[0]} was revoked; its signatures do not count",
                fix="sign with another key that the root has under your name",
            )
        )
    targets = frozenset(desk.head.targets)
    outside = root.roles["release"].covers(known[0], targets) or set()
    if targets and outside == targets:
        raise UntrustedError(
            Fault(
                "scope",
                f"{known[0]} may sign for none of the components of this release",
                fix="have it signed by those whose scope covers them: trust root show",
            )
        )
    signature = Signature(keyid, signer.sign(proposal.envelope.signed))
    return Cosigned(
        proposal, known[0], Response(proposal.sha256, signature), tuple(sorted(outside))
    )


@dataclass(frozen=True, repr=False)
class Cosigned(Result):
    """What one signer has signed.

    Attributes:
        proposal: What was asked.
        signer: Who answered, by the name in the root.
        response: What goes back to the proposer.
        outside: Components that this signer may not sign for; others must.
        file: Where the response was written, as people are shown it.
    """

    proposal: Proposal
    signer: str
    response: Response
    outside: tuple[str, ...] = ()
    file: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "signer": self.signer,
            "keyid": self.response.signature.keyid,
            "outside": list(self.outside),
            "file": self.file,
            "signed": self.proposal.as_dict(),
        }

    def view(self) -> View:
        """Return what was signed, by whom."""
        blocks: list[Block] = [self.proposal.fields()]
        if self.outside:
            blocks.append(
                Note(f"not within the scope of {self.signer}: {_some(self.outside)}", "warn")
            )
        if self.file is not None:
            blocks.append(Note(f"send {self.file} to whoever puts the release together"))
        title = f"signed by {self.signer}: {self.proposal.title}"
        return View("cosigned", title, tuple(blocks), tone="ok")


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
