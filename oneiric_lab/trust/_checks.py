"""Every check of a verification: its code, what it makes sure of, and what it stops.

The codes are stable; the page `reference/trust-checks` is made from this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CheckState = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class CheckKind:
    """One check.

    Attributes:
        code: Stable name.
        says: What is so when it passes.
        stops: What somebody tries when it fails.
        age: Whether its failure is only one of age: exit code 3 when all are.
    """

    code: str
    says: str
    stops: str
    age: bool = False


KINDS: tuple[CheckKind, ...] = (
    CheckKind(
        "bundle",
        "the bundle is there and is canonical JSON of its form",
        "a manifest without signatures after a signed one; a second reading of the same bytes",
    ),
    CheckKind(
        "clock",
        "the clock is not behind the last trusted time",
        "a clock set back to when something had not expired",
    ),
    CheckKind(
        "root-anchor",
        "the first root is the one that is pinned, given or remembered",
        "a root of the attacker's own",
    ),
    CheckKind(
        "root-chain",
        "each root is one more than the last, signed by the old and the new threshold",
        "a root with a gap, rolled back, forked, or signed by the new keys only",
    ),
    CheckKind(
        "root-expiry", "the newest root has not expired", "holding back the next root", age=True
    ),
    CheckKind(
        "policy",
        "the local policy asks for no less than the root",
        "loosening by an edited trust.toml",
    ),
    CheckKind(
        "revocations",
        "the revocation list is there and signed by the threshold of its role",
        "withholding the list; a list by the thief of a key",
    ),
    CheckKind(
        "revocations-order",
        "the list is not older than the last one and takes nothing back",
        "un-revoking by an old list or by omission",
    ),
    CheckKind(
        "revocations-age",
        "the list was issued, and the next one is not overdue",
        "withholding the next list",
        age=True,
    ),
    CheckKind(
        "statement",
        "the envelope holds one statement about a release",
        "an envelope of another kind of document",
    ),
    CheckKind(
        "manifest-digest",
        "the manifest has the SHA-256 and the size of the statement",
        "other bytes under a good signature",
    ),
    CheckKind(
        "manifest-form",
        "the manifest is canonical JSON with schema, project, channel, version and entries",
        "duplicate keys, other number forms, whitespace, deep nesting",
    ),
    CheckKind(
        "claims",
        "manifest and statement agree on project, schema, channel and version",
        "a statement that says another thing than was reviewed",
    ),
    CheckKind(
        "project",
        "the release is of the root's and the policy's project",
        "a release of one project replayed in another",
    ),
    CheckKind(
        "channel",
        "the release is of a channel that the policy takes",
        "a release of one channel replayed in another",
    ),
    CheckKind(
        "epoch", "the release was signed for the root's epoch", "a release from before a recovery"
    ),
    CheckKind(
        "schema",
        "the schema is not below the least, nor below the last trusted one",
        "a way around the demands of a newer schema",
    ),
    CheckKind(
        "threshold",
        "enough distinct signers with distinct keys have signed",
        "one key under two names, one signature twice, a stolen key, a root key signing a release",
    ),
    CheckKind(
        "scope",
        "for each entry, enough of the signers may sign for it",
        "a signer who publishes what is not his",
    ),
    CheckKind(
        "issued",
        "the release was not issued in the future",
        "a time stamp that outlives its lifetime",
    ),
    CheckKind(
        "not-before", "the release holds already", "a release that is put in force too early"
    ),
    CheckKind("expiry", "the release has not expired", "replaying an old release", age=True),
    CheckKind(
        "lifetime",
        "it says until when it holds where that is due, and its schema allows that long",
        "a release that never has to be renewed",
    ),
    CheckKind(
        "rollback",
        "the release is not older than the last trusted one of its channel",
        "replaying an old release that has not expired",
    ),
    CheckKind(
        "equivocation",
        "no other release has the same place in the order",
        "two stories, one for you and one for the others",
    ),
    CheckKind(
        "digests",
        "every artifact has a SHA-256 and a size, where the root asks for it",
        "an artifact that nobody signed",
    ),
    CheckKind(
        "log",
        "a proof of inclusion in the log, where the root asks for it",
        "a release that only you are shown",
    ),
    CheckKind(
        "witnesses",
        "cosignatures on the log's checkpoint, where the root asks for them",
        "a log that shows everybody another tree",
    ),
    CheckKind(
        "provenance",
        "how artifacts were built, where the root asks for it",
        "an artifact from another build",
    ),
    CheckKind(
        "post-quantum",
        "signatures by ML-DSA as well, where the root asks for them",
        "a key that was computed from its public half",
    ),
)
"""In the order in which they are made."""

BY_CODE = {kind.code: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one of `KINDS`.

    Attributes:
        code: Its name.
        state: Whether it passed, failed, or was not made.
        message: What was found, in a sentence.
        fix: What to do, when it failed.
    """

    code: str
    state: CheckState
    message: str
    fix: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "code": self.code,
            "state": self.state,
            "message": self.message,
            "fix": self.fix,
        }
