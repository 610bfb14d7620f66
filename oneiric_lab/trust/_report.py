"""What a verification found: every check, every signature, and the release when all passed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab import canonical
from oneiric_lab.errors import (
    Fault,
    InvalidSignatureError,
    RevokedKeyError,
    StaleError,
    ThresholdError,
    UnknownKeyError,
    UntrustedError,
)
from oneiric_lab.views import Cell, Fields, Note, Result, Table, View

from ._checks import BY_CODE
from ._dsse import good_signers

if TYPE_CHECKING:
    from datetime import datetime

    from oneiric_lab.views import Block, Tone

    from ._checks import Check
    from ._dsse import Verdict
    from ._evidence import Equivocation
    from ._state import State
    from ._statement import Statement

_TONES: dict[str, Tone] = {"passed": "ok", "failed": "bad", "skipped": "muted"}


@dataclass(frozen=True, slots=True)
class Release:
    """A release that was verified.

    Attributes:
        project: Whose it is; of upstream's manifests, their source.
        channel: For whom it is; empty for upstream's.
        schema: Of the manifest.
        version: Within the epoch; 0 for upstream's, which have none.
        epoch: Of the root; 0 for upstream's.
        sha256: Of the manifest.
        size: Of the manifest, in bytes.
        issued_at: When it was made, as its signers say.
        expires_at: Until when it holds.
    """

    project: str
    channel: str
    schema: int
    version: int
    epoch: int
    sha256: str
    size: int
    issued_at: datetime | None
    expires_at: datetime | None

    @classmethod
    def of(cls, statement: Statement) -> Release:
        """Return what *statement* says, once it was verified."""
        return cls(
            statement.project,
            statement.channel,
            statement.schema,
            statement.version,
            statement.epoch,
            statement.sha256,
            statement.size,
            statement.validity.issued_at,
            statement.validity.expires_at,
        )

    @property
    def title(self) -> str:
        """Project, channel and version in one line."""
        if not self.version:
            return f"{self.project} (schema {self.schema})"
        return f"{self.project} {self.channel} {self.version}"

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "project": self.project,
            "channel": self.channel,
            "schema": self.schema,
            "version": self.version,
            "epoch": self.epoch,
            "sha256": self.sha256,
            "size": self.size,
            "issued_at": None if self.issued_at is None else canonical.utc_text(self.issued_at),
            "expires_at": None if self.expires_at is None else canonical.utc_text(self.expires_at),
        }


@dataclass(frozen=True, repr=False)
class Report(Result):
    """All that was checked, in order.

    `release` and `manifest` raise when anything failed: nothing but verified bytes comes out.
    A report is true only when it is one of success, so `if verify(...)` does what it says.

    Attributes:
        checks: One for each of `KINDS`.
        signatures: One verdict for each signature of the release's envelope.
        equivocations: Two stories that were told, to be kept as evidence.
        gained: What `advance` adds to a state.
        warnings: What holds now and will soon not, a sentence each.
    """

    checks: tuple[Check, ...]
    signatures: tuple[Verdict, ...]
    equivocations: tuple[Equivocation, ...]
    gained: State
    _release: Release | None
    _manifest: bytes | None
    warnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether everything passed."""
        return self.ok

    @property
    def ok(self) -> bool:
        """Whether nothing failed and a release came out of it."""
        return self._release is not None and not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed, in order."""
        return tuple(check for check in self.checks if check.state == "failed")

    @property
    def stale(self) -> bool:
        """Whether there is nothing wrong but age."""
        return bool(self.failures) and all(BY_CODE[check.code].age for check in self.failures)

    @property
    def exit_code(self) -> int:
        """0 verified, 3 nothing wrong but its age, 1 untrusted."""
        return 0 if self.ok else 3 if self.stale else 1

    @property
    def signers(self) -> tuple[str, ...]:
        """Distinct signers whose signatures count."""
        return good_signers(self.signatures)

    @property
    def release(self) -> Release:
        """The release.

        Raises:
            UntrustedError: A check failed.
        """
        self.raise_for_failure()
        assert self._release is not None  # noqa: S101 - no failure, so there is one
        return self._release

    @property
    def manifest(self) -> bytes:
        """The bytes of the manifest.

        Raises:
            UntrustedError: A check failed.
        """
        self.raise_for_failure()
        assert self._manifest is not None  # noqa: S101 - no failure, so there is one
        return self._manifest

    def check(self, code: str) -> Check:
        """Return the check of that *code*."""
        return next(check for check in self.checks if check.code == code)

    def raise_for_failure(self) -> None:
        """Return when everything passed.

        Raises:
            StaleError: Nothing is wrong but the age.
            RevokedKeyError: Too few signatures count, and one is by a revoked key.
            InvalidSignatureError: Too few signatures count, and one is not by its key.
            UnknownKeyError: Too few signatures count, and one is by a key nobody named.
            ThresholdError: Too few signers have signed.
            UntrustedError: Anything else failed.
        """
        if self.ok:
            return
        faults = [Fault(check.code, check.message, fix=check.fix) for check in self.failures]
        raise self._error()(faults)

    def _error(self) -> type[UntrustedError]:
        if self.stale:
            return StaleError
        if self.failures[0].code != "threshold":
            return UntrustedError
        states = {verdict.state for verdict in self.signatures}
        for state, error in (
            ("revoked", RevokedKeyError),
            ("invalid", InvalidSignatureError),
            ("unknown", UnknownKeyError),
        ):
            if state in states:
                return error
        return ThresholdError

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape; `release` is null unless everything passed."""
        return {
            "ok": self.ok,
            "checks": [check.as_dict() for check in self.checks],
            "signers": list(self.signers),
            "release": self._release.as_dict() if self.ok and self._release is not None else None,
            "signatures": [verdict.as_dict() for verdict in self.signatures],
            "equivocations": [two.as_dict() for two in self.equivocations],
            "warnings": list(self.warnings),
        }

    def view(self) -> View:
        """Return the failures with their fixes, the signatures, and all checks."""
        blocks: list[Block] = [
            Note(
                f"{check.message}" + (f"\n  help: {check.fix}" if check.fix else ""),
                "warn" if BY_CODE[check.code].age else "bad",
            )
            for check in self.failures
        ]
        blocks += [Note(warning, "warn") for warning in self.warnings]
        if self.ok and self._release is not None:
            expires = self._release.expires_at
            blocks.append(
                Fields(
                    (
                        ("sha256", self._release.sha256),
                        ("signed by", ", ".join(self.signers)),
                        ("expires", "never" if expires is None else canonical.utc_text(expires)),
                    )
                )
            )
        blocks.append(
            Table(
                ("check", "state", "found"),
                tuple((c.code, Cell(c.state, _TONES[c.state]), c.message) for c in self.checks),
            )
        )
        if self.signatures:
            rows = tuple(
                (
                    v.signer or "-",
                    v.keyid[:16],
                    Cell(v.state, "ok" if v.state == "good" else "warn"),
                    v.why,
                )
                for v in self.signatures
            )
            blocks.append(Table(("signer", "key id", "signature", "why"), rows))
        return View(
            "trust-report",
            self._title(),
            tuple(blocks),
            tone="ok" if self.ok else "warn" if self.stale else "bad",
        )

    def _title(self) -> str:
        if self.ok and self._release is not None:
            return f"verified: {self._release.title}"
        failed = ", ".join(check.code for check in self.failures)
        return f"{'stale' if self.stale else 'not verified'}: {failed}"
