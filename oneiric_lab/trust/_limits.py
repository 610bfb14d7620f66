"""How much is read and tried, and how long things may last: each number with its unit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from oneiric_lab.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What a verification takes at most, whoever sends it.

    Attributes:
        manifest_bytes: Of the manifest; 10,000 full entries take 7 MB.
        bundle_bytes: Of the whole bundle.
        envelope_bytes: Of one payload that is signed: a statement or a root.
        signatures: In one envelope. Each costs 0.1 ms, so this is a bound on time as well.
        roots: In the chain of one bundle.
        signers: In a root, and keys of one signer.
        revocations: In one list, which may have 120 bytes for each.
        skew: How far the clock here may differ from the clocks of those who sign.
    """

    manifest_bytes: int = 64 * _MIB
    bundle_bytes: int = 64 * _MIB
    envelope_bytes: int = 256 * 1024
    signatures: int = 64
    roots: int = 256
    signers: int = 256
    revocations: int = 100_000
    skew: timedelta = timedelta(minutes=5)

    @property
    def revocation_bytes(self) -> int:
        """Of the payload of one revocation list."""
        return 4096 + 256 * self.revocations


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when something holds; seconds count, fractions do not.

    Attributes:
        issued_at: When the proposer says that it was made.
        not_before: From when it holds.
        expires_at: Until when, this moment not included; None for ever.
    """

    issued_at: datetime
    not_before: datetime
    expires_at: datetime | None

    @property
    def lifetime(self) -> timedelta | None:
        """How long it holds after it was made; None for ever."""
        return None if self.expires_at is None else self.expires_at - self.issued_at

    @property
    def contradiction(self) -> str | None:
        """What is wrong with the three times by themselves, if anything."""
        if self.not_before < self.issued_at:
            return "it holds before it was issued"
        if self.expires_at is not None and self.expires_at <= self.not_before:
            return "it expires before it holds"
        return None

    def is_from_the_future(self, now: datetime, skew: timedelta) -> bool:
        """Tell whether it was issued after *now*, by more than clocks may differ."""
        return self.issued_at > now + skew

    def is_early(self, now: datetime, skew: timedelta) -> bool:
        """Tell whether it does not hold yet."""
        return self.not_before > now + skew

    def is_expired(self, now: datetime) -> bool:
        """Tell whether it no longer holds. No skew: who signs says a time that leaves room."""
        return self.expires_at is not None and now >= self.expires_at


def aware(now: datetime) -> datetime:
    """Return *now*, which must have a time zone.

    Raises:
        UsageError: It has none, so it could be any of 26 hours.
    """
    if now.tzinfo is None or now.utcoffset() is None:
        raise UsageError(
            "expected a time with its zone, found a naive one",
            fix="pass datetime.now(UTC), from `from datetime import UTC, datetime`",
        )
    return now
