"""One machine on one day: the manifest that lies there, and what is trusted there.

Every step of a ceremony asks `verify` what would come of it, and some ask more than once. The
manifest goes through the canonical gate once for all of them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, StaleError, UntrustedError

from ._book import Book
from ._bundle import make_bundle
from ._checks import BY_CODE
from ._limits import aware
from ._policy import Policy
from ._statement import read_head
from ._verify import report_of

if TYPE_CHECKING:
    from datetime import datetime

    from ._dsse import Envelope
    from ._limits import Limits
    from ._proposal import Proposal
    from ._report import Report
    from ._revocation import Revocations
    from ._root import Root
    from ._state import State
    from ._statement import Head

# What only comes later: signatures, and the day from which a release holds.
_LATER = frozenset({"threshold", "scope", "not-before"})
_LISTS = frozenset({"revocations", "revocations-order", "revocations-age"})
_ANEW = "have it proposed anew: manifest propose"
_FIXES = {
    "manifest-digest": "compare the words with the proposer; if the manifest has changed since, "
    "have it proposed anew",
    "expiry": _ANEW,
    "epoch": f"the root has changed since; {_ANEW}",
    "lifetime": f"{_ANEW} --days N",
    "rollback": "give the manifest a higher version; a former release returns by "
    "manifest repropose",
    "claims": _ANEW,
    "root-anchor": "ask the proposer which root is meant, by another way than this one",
    "root-chain": "ask the proposer which root is meant, by another way than this one",
}


@dataclass(frozen=True)
class Desk:
    """What lies there.

    Attributes:
        manifest: The bytes on this machine.
        now: The time here.
        policy: What is trusted here; the proposal's own root by default.
        state: What was trusted here last.
        revocations: The newest list; without one, none is asked for.
        limits: How much is read at most.
    """

    manifest: bytes
    now: datetime
    policy: Policy | None
    state: State
    revocations: Revocations | None
    limits: Limits

    @cached_property
    def head(self) -> Head:
        """What is read of the manifest.

        Raises:
            DocumentRefusedError: It is not canonical, or no manifest of schema 3 or later.
        """
        return read_head(self.manifest, limits=self.limits)

    def judge(self, proposal: Proposal, envelope: Envelope) -> Report:
        """Return the report on what would be published.

        Raises:
            UntrustedError: Something fails that nobody can bring later; every reason is told.
            StaleError: Nothing is wrong but the age of the proposal or of its root.
        """
        trusted = self.policy or Policy()
        if trusted.root is None and trusted.pin is None and self.state.root is None:
            trusted = trusted.with_root(proposal.root)
        bundle = make_bundle(envelope, roots=[proposal.root], revocations=self.revocations)
        # The manifest is this desk's, so that its head is what reading it again would give.
        read = lambda _same: self.head  # noqa: E731 - one word in place of another
        book = Book(trusted, self.state, aware(self.now), (), self.limits, read)
        report = report_of(book, bundle, self.manifest)
        later = _LATER if self.revocations is not None else _LATER | _LISTS
        failed = [check for check in report.failures if check.code not in later]
        if failed:
            stale = all(BY_CODE[check.code].age for check in failed)
            said = {"manifest-digest": self._differs(proposal)}
            raise (StaleError if stale else UntrustedError)(
                [
                    Fault(c.code, said.get(c.code, c.message), fix=_FIXES.get(c.code, c.fix))
                    for c in failed
                ]
            )
        return report

    def _differs(self, proposal: Proposal) -> str:
        """Return how the manifest here differs from the one that was proposed; nobody signed it."""
        said, digest = proposal.statement, hashlib.sha256(self.manifest).hexdigest()
        return (
            f"the manifest here is sha256:{digest[:16]}…, {len(self.manifest):,} bytes; "
            f"proposed is sha256:{said.sha256[:16]}…, {said.size:,} bytes"
        )

    def root(self, proposal: Proposal) -> Root:
        """Return the root whose signers count here; `verify` found that they are of one chain."""
        known = [
            proposal.root,
            self.state.root,
            None if self.policy is None else self.policy.root,
        ]
        return max((root for root in known if root is not None), key=lambda root: root.version)

    def lists(self, root: Root) -> tuple[Revocations, ...]:
        """Return the revocation lists that speak of the keys of *root*."""
        known = (self.revocations, self.state.revocations)
        return tuple(one for one in known if one is not None and one.epoch == root.epoch)
