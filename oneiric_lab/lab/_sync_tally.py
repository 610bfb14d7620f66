"""What became of the syncs of a process, in plain numbers that whoever measures reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from oneiric_lab.lifecycle import Buckets

if TYPE_CHECKING:
    from ._synced import SourceSynced

_WORDS: Final = {
    "signature": ("invalid-signature", "unknown-key", "statement", "bundle", "root-anchor"),
    "threshold": ("threshold", "scope", "root-chain"),
    "expired": ("expiry", "root-expiry", "lifetime", "stale"),
    "rollback": ("rollback", "equivocation", "epoch", "previous", "revocations-order"),
    "revoked": ("revoked-key", "revocations", "revocations-age", "revoked"),
    "digest": ("manifest-digest", "remote-artifact", "artifact-differs", "remote-object"),
    "schema": ("schema", "manifest-form", "not-canonical", "invalid-manifest", "manifest-schema"),
    "size": ("fetch-too-large", "remote-too-large"),
    "tls": ("fetch-tls", "fetch-insecure"),
    "clock": ("clock", "issued", "not-before"),
    "policy": ("policy", "project", "channel", "claims", "remote-channel", "remote-rival"),
}
_REASON: Final = {code: word for word, codes in _WORDS.items() for code in codes}


def reason_of(code: str) -> str:
    """Return in one word of a closed set why a release did not enter.

    Example:
        >>> reason_of("fetch-tls"), reason_of("fetch-status"), reason_of("anything")
        ('tls', 'network', 'other')
    """
    found = _REASON.get(code)
    if found is None:
        found = "network" if code.startswith("fetch") else "other"
    return found


@dataclass(slots=True)
class SyncTally:
    """What became of syncs in this process, in plain numbers.

    Attributes:
        attempts: By source and outcome.
        rejections: Releases that did not enter, by source and reason.
        durations: Seconds by source.
    """

    attempts: dict[tuple[str, str], int] = field(default_factory=dict)
    rejections: dict[tuple[str, str], int] = field(default_factory=dict)
    durations: dict[str, Buckets] = field(default_factory=dict)

    def synced(self, one: SourceSynced, seconds: float) -> None:
        """Count what came of one source."""
        code = one.faults[0].code if one.faults else ""
        outcome = "circuit_open" if code == "fetch-breaker" else one.outcome
        self.attempts[one.name, outcome] = self.attempts.get((one.name, outcome), 0) + 1
        if outcome in {"refused", "stale"}:
            why = one.name, reason_of(code)
            self.rejections[why] = self.rejections.get(why, 0) + 1
        self.durations.setdefault(one.name, Buckets()).add(seconds)
