"""What is remembered of a source: its last good release, and how the last attempts ended.

One JSON document a source, in the workspace's store; the bytes of manifest and bundle are
objects, known by the digests in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.canonical import utc_text, utc_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

ATTEMPTS: Final = 20
"""Attempts that are remembered."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one sync of a source ended.

    Attributes:
        at: When.
        outcome: `entered`, `unchanged`, `refused` or `stale`.
        code: Of the first fault; empty for none.
        message: Of the first fault.
    """

    at: datetime
    outcome: str
    code: str = ""
    message: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the JSON shape."""
        return {
            "at": utc_text(self.at),
            "outcome": self.outcome,
            "code": self.code,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Good:
    """The last good release of a source.

    Attributes:
        url: Where its manifest was asked for.
        manifest: Digest of the manifest.
        bundle: Digest of the bundle; empty for upstream's form, which has none.
        manifest_etag: What the server called the manifest.
        bundle_etag: What the server called the bundle.
        trusts: Digest of the policy by which it was verified.
        release: Project, channel, version and the rest, as `trust.Release.as_dict`.
        artifacts: Digests of its artifacts.
        fresh_until: When something about it expires; None for never.
        fetched_at: When it entered first.
        checked_at: When its source had it last.
    """

    url: str
    manifest: str
    bundle: str
    manifest_etag: str | None
    bundle_etag: str | None
    trusts: str
    release: Mapping[str, Any]
    artifacts: tuple[str, ...]
    fresh_until: datetime | None
    fetched_at: datetime
    checked_at: datetime

    @property
    def title(self) -> str:
        """Project, channel and version in one line."""
        project, version = self.release["project"], self.release["version"]
        if not version:
            return f"{project} (schema {self.release['schema']})"
        return f"{project} {self.release['channel']} {version}"

    def is_fresh(self, now: datetime) -> bool:
        """Tell whether nothing about it has expired, as far as was known."""
        return self.fresh_until is None or now < self.fresh_until


@dataclass(frozen=True, slots=True)
class Kept:
    """What is remembered of one source."""

    good: Good | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def last(self) -> Attempt | None:
        """The last attempt."""
        return self.attempts[-1] if self.attempts else None

    def with_attempt(self, attempt: Attempt) -> Kept:
        """Return it after *attempt*."""
        return self.with_attempts((attempt,))

    def with_attempts(self, attempts: Iterable[Attempt]) -> Kept:
        """Return it after *attempts*, the oldest first."""
        return replace(self, attempts=(*self.attempts, *attempts)[-ATTEMPTS:])

    @property
    def objects(self) -> frozenset[str]:
        """Digests of all that it refers to."""
        if self.good is None:
            return frozenset()
        good = self.good
        return frozenset({good.manifest, *filter(None, [good.bundle]), *good.artifacts})

    @classmethod
    def parse(cls, data: bytes | None) -> Kept:
        """Return what *data* says; nothing is remembered where it is none of ours."""
        if data is None:
            return cls()
        try:
            tree = json.loads(data)
            good = tree["good"]
            return cls(
                None if good is None else _good(good),
                tuple(
                    Attempt(utc_time(one["at"]), one["outcome"], one["code"], one["message"])
                    for one in tree["attempts"]
                ),
            )
        except (ValueError, KeyError, TypeError):
            # Only what it costs to fetch again is lost: what was trusted stands elsewhere.
            return cls()

    def encode(self) -> bytes:
        """Return the document."""
        good = self.good
        shape = None
        if good is not None:
            shape = {
                "url": good.url,
                "manifest": good.manifest,
                "bundle": good.bundle,
                "manifest_etag": good.manifest_etag,
                "bundle_etag": good.bundle_etag,
                "trusts": good.trusts,
                "release": dict(good.release),
                "artifacts": list(good.artifacts),
                "fresh_until": None if good.fresh_until is None else utc_text(good.fresh_until),
                "fetched_at": utc_text(good.fetched_at),
                "checked_at": utc_text(good.checked_at),
            }
        attempts = [one.as_dict() for one in self.attempts]
        return json.dumps({"good": shape, "attempts": attempts}).encode()


def _good(tree: Mapping[str, Any]) -> Good:
    until = tree["fresh_until"]
    return Good(
        tree["url"],
        tree["manifest"],
        tree["bundle"],
        tree["manifest_etag"],
        tree["bundle_etag"],
        tree["trusts"],
        tree["release"],
        tuple(tree["artifacts"]),
        None if until is None else utc_time(until),
        utc_time(tree["fetched_at"]),
        utc_time(tree["checked_at"]),
    )
