"""Signatures of upstream's manifests: read, never written.

Upstream (lesleslie/oneiric up to 0.17) signs the manifest itself. Signed are the UTF-8 bytes
of the parsed document without `signature`, `signature_algorithm` and `signatures`, as
`json.dumps` writes them with sorted keys, no spaces, and escapes for all that is not ASCII.
Schema 1 has one `signature`; schema 2 a list of `signatures`, each with `signature`,
`algorithm` and perhaps a `key_id`, and `signed_at` and `expires_at`, which are signed:

    {"entries":[…],"expires_at":"2026-06-01T00:00:00+00:00","signed_at":"…",
     "signatures":[{"algorithm":"ed25519","signature":"kR2v…"}],"source":"vendor"}

There is no project, channel or version, so that a former manifest cannot be told from a newer
one but by `signed_at`; that is why a policy has to allow it by name. We count distinct keys
where upstream counts signatures (one key fulfils its threshold of two, in four ways), ignore
`key_id` and a foreign `algorithm`, and take a naive time for UTC, as upstream does.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from oneiric_lab import canonical
from oneiric_lab.errors import CanonicalError, InvalidSignatureError, OneiricError

from ._checks import KINDS, Check, CheckState
from ._dsse import Verdict, good_signers
from ._report import Release, Report
from ._state import LegacySeen, State

if TYPE_CHECKING:
    from ._limits import Limits
    from ._policy import Legacy, Policy

_NOT_SIGNED = {"signature", "signature_algorithm", "signatures"}
_SECOND = {"signatures", "signed_at", "expires_at"}
_AGAIN = "get the manifest anew from where it was published"
_MOST_SIGNATURES = 64


def legacy_form(tree: dict[str, Any]) -> bytes:
    r"""Return the bytes of *tree* that upstream signs.

    Raises:
        TypeError: The document holds what JSON has not, such as a date of YAML.

    Example:
        >>> legacy_form({"source": "é", "entries": [], "signature": "kR2v"})
        b'{"entries":[],"source":"\\u00e9"}'
    """
    signed = {key: value for key, value in tree.items() if key not in _NOT_SIGNED}
    return json.dumps(signed, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class _Old:
    """A manifest of upstream's form, and what is read of it."""

    tree: dict[str, Any]
    schema: int
    source: str
    signed_at: datetime | None
    expires_at: datetime | None
    signatures: tuple[str, ...]


def verify_legacy(
    manifest: bytes | None, *, policy: Policy, state: State, now: datetime, limits: Limits
) -> Report:
    """Return what was found of a manifest of upstream's form, which has no bundle."""
    legacy = policy.legacy
    assert legacy is not None  # noqa: S101 - `verify` has looked
    found: dict[str, Check] = {}

    def note(code: str, state: CheckState, message: str, fix: str | None = None) -> None:
        found[code] = Check(code, state, message, fix)

    def oldest(old: _Old) -> datetime | None:
        """Return when it is too old for the policy."""
        if legacy.max_age is None or old.signed_at is None:
            return None
        return old.signed_at + legacy.max_age

    def close(old: _Old | None, verdicts: tuple[Verdict, ...] = ()) -> Report:
        checks = tuple(
            found.get(kind.code) or Check(kind.code, "skipped", "upstream's form has no such thing")
            for kind in KINDS
        )
        good = old is not None and all(check.state != "failed" for check in checks)
        if not good or old is None or manifest is None:
            return Report(checks, verdicts, (), State(), None, None)
        digest = hashlib.sha256(manifest).hexdigest()
        release = Release(
            *(old.source, "", old.schema, 0, 0, digest, len(manifest)),
            issued_at=old.signed_at,
            expires_at=min((end for end in (old.expires_at, oldest(old)) if end), default=None),
        )
        seen = LegacySeen(old.schema, digest, old.signed_at)
        gained = State(legacy={old.source: seen}, time=now.replace(microsecond=0))
        return Report(checks, verdicts, (), gained, release, manifest)

    skew = limits.skew if policy.skew is None else min(policy.skew, limits.skew)
    if state.time is not None and now < state.time - skew:
        note("clock", "failed", "the clock is behind the last trusted time", "set the clock")
    else:
        note("clock", "passed", "not behind the last trusted time")
    try:
        old = _read(manifest, limits)
    except (OneiricError, ValueError, TypeError) as error:
        message = error.faults[0].message if isinstance(error, OneiricError) else str(error)
        note("manifest-form", "failed", f"not a manifest of upstream's form: {message}", _AGAIN)
        return close(None)
    note("manifest-form", "passed", f"upstream's form, schema {old.schema}")
    _schema(old, policy, state, note)
    verdicts = _judge(old, legacy)
    keys = good_signers(verdicts)
    said = f"{len(keys)} distinct keys have signed, {legacy.threshold} are needed"
    if len(keys) < legacy.threshold and old.source in legacy.unsigned:
        why = f"the policy takes {old.source!r} without: `legacy.unsigned`"
        note("threshold", "skipped", f"{len(keys)} distinct keys have signed; {why}")
    elif len(keys) < legacy.threshold:
        fix = "name the keys of its signers in `legacy.keys`, or have it signed by more of them"
        note("threshold", "failed", said, fix)
    else:
        note("threshold", "passed", said)
    _times(old, legacy, now, skew, note)
    last = state.legacy.get(old.source)
    if last is None:
        note("rollback", "passed", "nothing of this source was trusted before")
    elif last.signed_at is not None and (old.signed_at is None or old.signed_at < last.signed_at):
        before = canonical.utc_text(last.signed_at)
        note("rollback", "failed", f"one that was signed at {before} was trusted before", _AGAIN)
    else:
        note("rollback", "passed", "not signed before the last trusted one")
    return close(old, verdicts)


def _read(manifest: bytes | None, limits: Limits) -> _Old:
    from oneiric_lab.config import parse  # noqa: PLC0415 - only who trusts upstream's form

    if manifest is None:
        raise ValueError("there is none")
    if len(manifest) > limits.manifest_bytes:
        raise ValueError(f"{len(manifest):,} bytes; at most {limits.manifest_bytes:,} are read")
    # Upstream reads JSON, and what is none as YAML.
    kind = "json" if manifest.lstrip()[:1] == b"{" else "yaml"
    tree = parse(manifest, format=kind, name="the manifest", layer="").tree  # type: ignore[arg-type]  # one of two
    if type(tree.get("schema")) is int:
        raise ValueError(f"schema {tree['schema']} comes with a bundle")
    legacy_form(tree)
    if not isinstance(tree.get("entries", []), list):
        raise ValueError("its entries are no list")  # noqa: TRY004 - what a file says
    source = tree.get("source", "remote")
    if not isinstance(source, str):
        raise ValueError("its source is no text")  # noqa: TRY004 - what a file says
    listed = tree.get("signatures") or []
    if not isinstance(listed, list) or len(listed) > _MOST_SIGNATURES:
        raise ValueError(f"its signatures are no list of at most {_MOST_SIGNATURES}")
    signatures = [tree.get("signature")] if tree.get("signature") else []
    signatures += [item.get("signature") for item in listed if isinstance(item, dict)]
    return _Old(
        tree,
        2 if _SECOND & tree.keys() else 1,
        source,
        _time(tree.get("signed_at")),
        _time(tree.get("expires_at")),
        tuple(text for text in signatures if isinstance(text, str)),
    )


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"expected an ISO time, found {value!r}")  # noqa: TRY004 - what a file says
    time = datetime.fromisoformat(value)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _judge(old: _Old, legacy: Legacy) -> tuple[Verdict, ...]:
    """Return a verdict for each signature. Each is tried with each key, as upstream does."""
    data = legacy_form(old.tree)
    seen: set[str] = set()
    out = []
    for text in old.signatures:
        try:
            signature = canonical.base64_bytes(text)
        except CanonicalError:
            out.append(Verdict("", None, "invalid", "it is not base64"))
            continue
        for key in legacy.keys:
            try:
                key.verify(signature, data)
            except InvalidSignatureError:
                continue
            if key.keyid in seen:
                why = "the key has signed already, and counts once"
                out.append(Verdict(key.keyid, key.keyid[:16], "duplicate", why))
            else:
                seen.add(key.keyid)
                out.append(Verdict(key.keyid, key.keyid[:16], "good"))
            break
        else:
            out.append(Verdict("", None, "unknown", "it is by none of the keys in `legacy.keys`"))
    return tuple(out)


def _schema(old: _Old, policy: Policy, state: State, note: Any) -> None:
    legacy = policy.legacy
    assert legacy is not None  # noqa: S101 - `verify` has looked
    seen = state.legacy.get(old.source)
    last = 0 if seen is None else seen.schema
    least = max(policy.min_schema or 1, 1 if policy.root is None else policy.root.min_schema)
    if state.root is not None:
        least = max(least, state.root.min_schema)
    if old.schema not in legacy.schemas or old.schema < least:
        note(
            "schema",
            "failed",
            f"schema {old.schema} is not one that is taken here",
            "have it migrated (`manifest migrate`) and signed; or add it to `legacy.schemas`",
        )
    elif state.highest_schema or old.schema < last:
        # Unsigned after signed, in its larger form: no way back to a form that proves less.
        higher = max(state.highest_schema, last)
        note(
            "schema",
            "failed",
            f"schema {old.schema}, and schema {higher} was trusted here before",
            "get the release with its bundle",
        )
    else:
        note("schema", "passed", str(old.schema))


def _times(old: _Old, legacy: Legacy, now: datetime, skew: Any, note: Any) -> None:
    signed, expires = old.signed_at, old.expires_at
    if signed is not None and signed > now + skew:
        note("issued", "failed", "it was signed in the future", "set the clock")
    elif legacy.max_age is not None and signed is None:
        note("issued", "failed", "it does not say when it was signed", "have it signed anew")
    else:
        note("issued", "passed", "no time" if signed is None else canonical.utc_text(signed))
    if legacy.max_age is not None and signed is not None and now - signed > legacy.max_age:
        days = legacy.max_age.days
        note("expiry", "failed", f"it was signed more than {days} days ago", "get a newer one")
        return
    if expires is None:
        if legacy.expiry:
            note("lifetime", "failed", "it says no expiry", "have it signed with one")
        note("expiry", "skipped", "it never expires")
        return
    if signed is not None and expires <= signed:
        note("issued", "failed", "it expired before it was signed", "have it signed anew")
    if now >= expires:
        note("expiry", "failed", f"expired at {canonical.utc_text(expires)}", "get a newer one")
    else:
        note("expiry", "passed", f"until {canonical.utc_text(expires)}")
