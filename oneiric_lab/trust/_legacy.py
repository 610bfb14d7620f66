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

from ._checks import KINDS, Check
from ._dsse import Verdict, good_signers
from ._report import Release, Report
from ._state import LegacySeen, State
from ._verify_root import check_clock

if TYPE_CHECKING:
    from ._book import Book
    from ._limits import Limits
    from ._policy import Legacy

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


def verify_legacy(book: Book, manifest: bytes | None) -> Report:
    """Return what was found of a manifest of upstream's form, which has no bundle."""
    legacy = book.policy.legacy
    assert legacy is not None  # noqa: S101 - `verify` has looked
    check_clock(book)
    try:
        old = _read(manifest, book.limits)
    except (OneiricError, ValueError, TypeError) as error:
        message = error.faults[0].message if isinstance(error, OneiricError) else str(error)
        book.failed("manifest-form", f"not a manifest of upstream's form: {message}", _AGAIN)
        return _close(book, None, manifest)
    book.passed("manifest-form", f"upstream's form, schema {old.schema}")
    _schema(book, old, legacy)
    book.signatures = _judge(old, legacy)
    _threshold(book, old, legacy)
    _times(book, old, legacy)
    _order(book, old)
    return _close(book, old, manifest)


def _close(book: Book, old: _Old | None, manifest: bytes | None) -> Report:
    checks = tuple(
        book.found.get(kind.code)
        or Check(kind.code, "skipped", "upstream's form has no such thing")
        for kind in KINDS
    )
    good = all(check.state != "failed" for check in checks)
    if not good or old is None or manifest is None:
        return Report(checks, book.signatures, (), State(), None, None)
    digest = hashlib.sha256(manifest).hexdigest()
    release = Release(
        *(old.source, "", old.schema, 0, 0, digest, len(manifest)),
        issued_at=old.signed_at,
        expires_at=min(
            (end for end in (old.expires_at, _oldest(old, book.policy.legacy)) if end),
            default=None,
        ),
    )
    seen = LegacySeen(old.schema, digest, old.signed_at)
    gained = State(legacy={old.source: seen}, time=book.now.replace(microsecond=0))
    return Report(checks, book.signatures, (), gained, release, manifest)


def _oldest(old: _Old, legacy: Legacy | None) -> datetime | None:
    """Return when it is too old for the policy."""
    if legacy is None or legacy.max_age is None or old.signed_at is None:
        return None
    return old.signed_at + legacy.max_age


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


def _schema(book: Book, old: _Old, legacy: Legacy) -> None:
    policy, state = book.policy, book.state
    seen = state.legacy.get(old.source)
    last = 0 if seen is None else seen.schema
    least = max(policy.min_schema or 1, 1 if policy.root is None else policy.root.min_schema)
    if state.root is not None:
        least = max(least, state.root.min_schema)
    if old.schema not in legacy.schemas or old.schema < least:
        book.failed(
            "schema",
            f"schema {old.schema} is not one that is taken here",
            "have it migrated (`manifest migrate`) and signed; or add it to `legacy.schemas`",
        )
    elif state.highest_schema or old.schema < last:
        # Unsigned after signed, in its larger form: no way back to a form that proves less.
        higher = max(state.highest_schema, last)
        book.failed(
            "schema",
            f"schema {old.schema}, and schema {higher} was trusted here before",
            "get the release with its bundle",
        )
    else:
        book.passed("schema", str(old.schema))


def _threshold(book: Book, old: _Old, legacy: Legacy) -> None:
    keys = good_signers(book.signatures)
    said = f"{len(keys)} distinct keys have signed"
    if len(keys) >= legacy.threshold:
        book.passed("threshold", f"{said}, {legacy.threshold} are needed")
    elif old.source in legacy.unsigned:
        why = f"the policy takes {old.source!r} without: `legacy.unsigned`"
        book.note("threshold", "skipped", f"{said}; {why}")
    else:
        fix = "name the keys of its signers in `legacy.keys`, or have it signed by more of them"
        book.failed("threshold", f"{said}, {legacy.threshold} are needed", fix)


def _times(book: Book, old: _Old, legacy: Legacy) -> None:
    signed, expires = old.signed_at, old.expires_at
    if signed is not None and signed > book.now + book.skew:
        book.failed("issued", "it was signed in the future", "set the clock")
    elif legacy.max_age is not None and signed is None:
        book.failed("issued", "it does not say when it was signed", "have it signed anew")
    else:
        book.passed("issued", "no time" if signed is None else canonical.utc_text(signed))
    oldest = _oldest(old, legacy)
    if legacy.max_age is not None and oldest is not None and book.now > oldest:
        days = legacy.max_age.days
        book.failed("expiry", f"it was signed more than {days} days ago", "get a newer one")
        return
    if expires is None:
        if legacy.expiry:
            book.failed("lifetime", "it says no expiry", "have it signed with one")
        book.note("expiry", "skipped", "it never expires")
        return
    if signed is not None and expires <= signed:
        book.failed("issued", "it expired before it was signed", "have it signed anew")
    until = canonical.utc_text(expires)
    if book.now >= expires:
        book.failed("expiry", f"expired at {until}", "get a newer one")
    else:
        book.passed("expiry", f"until {until}")


def _order(book: Book, old: _Old) -> None:
    last = book.state.legacy.get(old.source)
    if last is None:
        book.passed("rollback", "nothing of this source was trusted before")
    elif last.signed_at is not None and (old.signed_at is None or old.signed_at < last.signed_at):
        before = canonical.utc_text(last.signed_at)
        book.failed("rollback", f"one that was signed at {before} was trusted before", _AGAIN)
    else:
        book.passed("rollback", "not signed before the last trusted one")
