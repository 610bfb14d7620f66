"""A release house in memory: signers, roots, releases and revocations, made as real ones are.

What it hands out is signed by real keys and verified by the real rules; only the clock is its
own, and the keys come from names, so that every run signs the same bytes with Ed25519.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from oneiric_lab import canonical
from oneiric_lab.trust import (
    Bundle,
    FileSigner,
    Policy,
    Previous,
    Requirement,
    Revocations,
    Revoked,
    Role,
    Root,
    Statement,
    make_bundle,
    make_revocations,
    make_root,
    make_statement,
    sign_revocations,
    sign_root,
    sign_statement,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oneiric_lab.trust import Signer

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class HouseRelease:
    """A release as it is published: a manifest and the bundle beside it."""

    manifest: bytes
    bundle: Bundle
    statement: Statement


class ReleaseHouse:
    """Whoever makes releases, for tests of what reads them.

    Three people sign; two are needed, for roots, releases and revocation lists. The root lasts
    a year, a release ninety days, a list thirty.

    Attributes:
        project: Whose releases.
        channel: For whom, unless a release says another.
        now: Its clock; `wait` moves it.
        signers: Name to signer.
        roots: The chain of roots, oldest first.
        revocations: The newest list.
        releases: All releases, oldest first.

    Example:
        >>> house = ReleaseHouse()
        >>> house.release({"adapter:cache": "redis"}).statement.version
        1
        >>> house.revoke("bob").number
        2
    """

    def __init__(
        self,
        *,
        project: str = "shop",
        channel: str = "stable",
        signers: Iterable[str] = ("alice", "bob", "carol"),
        threshold: int = 2,
        scopes: Mapping[str, Sequence[str]] | None = None,
        requirements: Mapping[int, Requirement] | None = None,
        now: datetime = START,
    ) -> None:
        self.project, self.channel, self.now = project, channel, now
        self.signers: dict[str, Signer] = {name: self.signer(name) for name in signers}
        self.releases: list[HouseRelease] = []
        everybody = dict.fromkeys(self.signers, ("*",))
        scoped = everybody | {name: tuple(globs) for name, globs in (scopes or {}).items()}
        root = make_root(
            project=project,
            issued_at=now,
            expires_at=now + timedelta(days=365),
            signers={name: [one.public_key] for name, one in self.signers.items()},
            roles={
                "root": Role(everybody, threshold),
                "release": Role(scoped, threshold),
                "revocation": Role(everybody, threshold),
            },
            requirements=requirements
            or {3: Requirement(threshold=threshold, expiry=True, lifetime_days=90)},
        )
        self.roots = [sign_root(root, *self._some(threshold))]
        self.revocations = self._listed(1, {}, self._some(threshold))

    @staticmethod
    def signer(name: str) -> FileSigner:
        """Return the Ed25519 signer whose key is made from *name*; it is no secret."""
        return FileSigner.from_seed(hashlib.sha256(name.encode()).digest())

    @property
    def root(self) -> Root:
        """The newest root."""
        return self.roots[-1]

    @property
    def policy(self) -> Policy:
        """A policy that pins the first root and asks for nothing more."""
        return Policy.pinned(self.roots[0])

    def wait(self, **time: float) -> None:
        """Move the clock: `wait(days=1)`."""
        self.now += timedelta(**time)

    def manifest(
        self,
        components: Mapping[str, str] | Sequence[Mapping[str, Any]],
        *,
        version: int,
        **changes: Any,
    ) -> bytes:
        """Return canonical bytes of a manifest.

        Args:
            components: `domain:key` to provider, or whole entries.
            version: Of the release.
            changes: Members of the manifest that differ, such as `channel="beta"`.
        """
        if isinstance(components, Mapping):
            entries: list[dict[str, Any]] = [
                {
                    "domain": target.partition(":")[0],
                    "key": target.partition(":")[2],
                    "provider": provider,
                    "version": "1.0.0",
                    "factory": f"{self.project}.components:{provider.title()}",
                }
                for target, provider in sorted(components.items())
            ]
        else:
            entries = [dict(entry) for entry in components]
        tree = {
            "schema": 3,
            "project": self.project,
            "channel": self.channel,
            "version": version,
            "entries": entries,
        }
        return canonical.encode(tree | changes)

    def release(
        self,
        components: Mapping[str, str] | Sequence[Mapping[str, Any]],
        *,
        version: int | None = None,
        by: Iterable[str | Signer] = ("alice", "bob"),
        days: float = 90,
        issued_at: datetime | None = None,
        previous: Previous | None = None,
        **changes: Any,
    ) -> HouseRelease:
        """Return a new release, signed and bundled.

        Args:
            components: `domain:key` to provider, or whole entries.
            version: One more than the last of the channel, by default.
            by: Who signs, by name or as signers.
            days: How long it holds.
            issued_at: The house's time, by default.
            previous: The release before in the channel, by default.
            changes: Members of the manifest that differ.
        """
        channel = changes.get("channel", self.channel)
        before = [one for one in self.releases if one.statement.channel == channel]
        same = [one for one in before if one.statement.epoch == self.root.epoch]
        if version is None:
            version = same[-1].statement.version + 1 if same else 1
        if previous is None and same and same[-1].statement.version < version:
            previous = Previous(same[-1].statement.version, same[-1].statement.sha256)
        issued = issued_at or self.now
        manifest = self.manifest(components, version=version, **changes)
        statement = make_statement(
            manifest,
            epoch=self.root.epoch,
            issued_at=issued,
            expires_at=issued + timedelta(days=days),
            previous=previous,
        )
        made = HouseRelease(manifest, self.bundle(statement, by), statement)
        self.releases.append(made)
        return made

    def bundle(self, statement: Statement, by: Iterable[str | Signer]) -> Bundle:
        """Return the bundle of *statement* with the chain of roots and the newest list."""
        who = [self.signers[one] if isinstance(one, str) else one for one in by]
        return make_bundle(
            sign_statement(statement, *who), roots=self.roots, revocations=self.revocations
        )

    def rotate(
        self, *, by: Iterable[str | Signer] = ("alice", "bob"), days: float = 365, **changes: Any
    ) -> Root:
        """Return the next root, signed by *by*; *changes* are arguments of `make_root`.

        A signer in `signers` who is new to the house must be added to `house.signers` first.
        """
        last = self.root
        parts: dict[str, Any] = {
            "project": self.project,
            "version": last.version + 1,
            "epoch": last.epoch,
            "issued_at": self.now,
            "expires_at": self.now + timedelta(days=days),
            "signers": last.signers,
            "roles": last.roles,
            "requirements": last.requirements,
            "min_schema": last.min_schema,
        }
        who = [self.signers[one] if isinstance(one, str) else one for one in by]
        root = sign_root(make_root(**(parts | changes)), *who)
        self.roots.append(root)
        if root.epoch != last.epoch:
            self.revocations = self._listed(1, {}, who)
        return root

    def revoke(
        self,
        name: str,
        *,
        reason: Any = "keyCompromise",
        invalid_from: datetime | None = None,
        by: Iterable[str | Signer] | None = None,
    ) -> Revocations:
        """Return the next list, which revokes the keys of *name*; the others sign it."""
        at = canonical.utc_text(self.now)
        begin = at if invalid_from is None else canonical.utc_text(invalid_from)
        revoked = dict(self.revocations.revoked)
        for key in self.root.signers[name]:
            revoked[key.keyid] = Revoked(key.keyid, reason, at, begin)
        who = [one for one in self.signers if one != name] if by is None else by
        chosen = [self.signers[one] if isinstance(one, str) else one for one in who]
        self.revocations = self._listed(self.revocations.number + 1, revoked, chosen)
        return self.revocations

    def renew(self, *, days: float = 30, by: Iterable[str] = ("alice", "bob")) -> Revocations:
        """Return the next list, which says what the last one said, for another *days*."""
        chosen = [self.signers[one] for one in by]
        self.revocations = self._listed(
            self.revocations.number + 1, self.revocations.revoked, chosen, days
        )
        return self.revocations

    def _some(self, count: int) -> list[Signer]:
        return list(self.signers.values())[:count]

    def _listed(
        self,
        number: int,
        revoked: Mapping[str, Revoked],
        by: Sequence[Signer],
        days: float = 30,
    ) -> Revocations:
        made = make_revocations(
            project=self.project,
            epoch=self.root.epoch,
            number=number,
            issued_at=self.now,
            next_update=self.now + timedelta(days=days),
            revoked=revoked.values(),
        )
        return sign_revocations(made, *by)
