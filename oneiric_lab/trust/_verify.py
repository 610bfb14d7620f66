"""Bytes in, verdict out.

`verify` reads a bundle and a manifest, and says of each thing that must be so whether it is.
It is pure: the time, the state and the policy come in, nothing is read or written, and the
same arguments give the same report. The order of the checks is that of `KINDS`:

1. the clock, the root that is trusted first, the chain from it, its expiry, the local policy;
2. the revocation list: by its role, not older than the last, taking nothing back, not overdue;
3. the statement; the digest and size of the manifest, before anything in it is parsed;
4. that manifest, statement, root and policy speak of the same release;
5. the signatures: distinct signers with distinct keys, none revoked, each within its scope;
6. the times, and the place in the order behind what was trusted last;
7. what else the root asks of this schema.

A check whose ground has failed is skipped and says so. Whatever fails, no byte comes out.

Example:
    >>> from datetime import datetime, UTC
    >>> from oneiric_lab.testing import ReleaseHouse
    >>> house = ReleaseHouse()
    >>> release = house.release({"adapter:cache": "redis"})
    >>> report = verify(
    ...     release.bundle, release.manifest, policy=house.policy, state=State(), now=house.now
    ... )
    >>> report
    <Report: verified: shop stable 1>
    >>> later = datetime(2027, 6, 1, tzinfo=UTC)
    >>> verify(release.bundle, release.manifest, policy=house.policy, state=State(), now=later)
    <Report: stale: root-expiry, revocations-age, expiry>
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oneiric_lab import canonical
from oneiric_lab.errors import OneiricError

from ._ageing import ageing
from ._bundle import Bundle
from ._chain import check_signed, extend
from ._checks import KINDS, Check, CheckState
from ._dsse import Verdict, good_signers, judge
from ._evidence import Equivocation
from ._limits import Limits, aware
from ._report import Release, Report
from ._revocation import Revocations
from ._root import Root, version_of
from ._state import ReleaseSeen, State
from ._statement import Head, Statement, read_head, statement_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from ._evidence import TimeEvidence
    from ._policy import Policy
    from ._requirements import Requirement

_LIMITS = Limits()
_AGAIN = "get the bundle and the manifest anew from where they were published"
_ASK = "ask the signers of the project, by another way than this one"
_SHOWN = 5
_DAY = 86_400


def verify(
    bundle: Bundle | bytes | None,
    manifest: bytes | None,
    *,
    policy: Policy,
    state: State,
    now: datetime,
    evidence: Sequence[TimeEvidence] = (),
    limits: Limits = _LIMITS,
) -> Report:
    """Return what was found of a release.

    Args:
        bundle: The bundle or its bytes; None for a manifest of upstream's form, which carries
            its own signatures and is taken only where the policy says so.
        manifest: The bytes of the manifest; None when only the bundle is there.
        policy: What is trusted here.
        state: What was trusted last.
        now: The time, with its zone.
        evidence: Who saw signatures at some time, for those of revoked keys.
        limits: How much is read at most.

    Returns:
        A report. `report.manifest` and `report.release` raise unless everything passed.

    Raises:
        UsageError: *now* has no time zone.
    """
    run = _Run(policy, state, aware(now), tuple(evidence), limits)
    if bundle is None and policy.legacy is not None:
        from ._legacy import verify_legacy  # noqa: PLC0415 - only who trusts upstream's form

        return verify_legacy(manifest, policy=policy, state=state, now=now, limits=limits)
    return run.report(bundle, manifest)


@dataclass
class _Run:
    """One verification: what came in, and what was found so far."""

    policy: Policy
    state: State
    now: datetime
    evidence: tuple[TimeEvidence, ...]
    limits: Limits
    found: dict[str, Check] = field(default_factory=dict)
    signatures: tuple[Verdict, ...] = ()
    equivocations: list[Equivocation] = field(default_factory=list)

    # --- the book of checks ---------------------------------------------------------------

    def note(self, code: str, state: CheckState, message: str, fix: str | None = None) -> bool:
        """Write down one check, and tell whether it passed."""
        self.found[code] = Check(code, state, message, fix)
        return state == "passed"

    def passed(self, code: str, message: str) -> bool:
        return self.note(code, "passed", message)

    def failed(self, code: str, message: str, fix: str) -> bool:
        return self.note(code, "failed", message, fix)

    def refused(self, code: str, error: OneiricError, fix: str = _AGAIN) -> None:
        fault = error.faults[0]
        self.failed(code, fault.message, fault.fix or fix)

    @property
    def skew(self) -> timedelta:
        mine = self.policy.skew
        return self.limits.skew if mine is None else min(mine, self.limits.skew)

    # --- the order ------------------------------------------------------------------------

    def report(self, given: Bundle | bytes | None, manifest: bytes | None) -> Report:
        self.clock()
        bundle = self.bundle(given)
        root = anchor = None
        if bundle is not None:
            anchor = self.anchor(bundle)
            root = None if anchor is None else self.chain(anchor, bundle)
        listed = None
        if bundle is not None and root is not None:
            self.root_expiry(root)
            self.policy_tightens(root)
            listed = self.revocations(root, bundle)
        statement = None if bundle is None else self.statement(bundle)
        head = self.manifest(manifest, statement)
        if statement is not None:
            self.about(statement, root)
            if head is not None:
                self.claims(head, statement)
        row = None
        if statement is not None and root is not None and bundle is not None:
            row = self.schema(statement, root)
            if row is not None:
                self.threshold(bundle, root, row, listed)
                if head is not None:
                    self.scope(head, root, row)
        if statement is not None:
            self.times(statement, row)
            if bundle is not None:
                self.order(statement, bundle)
        if row is not None and head is not None:
            self.demands(row, head)
        return self.close(anchor, root, listed, statement, bundle, manifest)

    def close(
        self,
        anchor: Root | None,
        root: Root | None,
        listed: Revocations | None,
        statement: Statement | None,
        bundle: Bundle | None,
        manifest: bytes | None,
    ) -> Report:
        checks = tuple(
            self.found.get(kind.code)
            or Check(kind.code, "skipped", "a check that it builds on has failed")
            for kind in KINDS
        )
        good = all(check.state != "failed" for check in checks)
        gained, release = State(), None
        if good and root and anchor and statement is not None and bundle is not None:
            release = Release.of(statement)
            gained = State(
                anchor=self.state.anchor or anchor.sha256,
                root=root,
                channels={statement.channel: ReleaseSeen(statement, bundle.envelope)},
                revocations=listed,
                time=self.now.replace(microsecond=0),
            )
        return Report(
            checks,
            self.signatures,
            tuple(self.equivocations),
            gained,
            release,
            manifest if release is not None else None,
            tuple(fault.message for fault in ageing(gained, self.now)),
        )

    # --- 1. the ground --------------------------------------------------------------------

    def clock(self) -> None:
        last = self.state.time
        if last is not None and self.now < last - self.skew:
            self.failed(
                "clock",
                f"it is {canonical.utc_text(self.now)}, and something was verified at "
                f"{canonical.utc_text(last)}",
                "set the clock; if it was wrong then, see `trust state`",
            )
            return
        self.passed(
            "clock",
            "nothing was verified here before"
            if last is None
            else f"not behind {canonical.utc_text(last)}",
        )

    def bundle(self, given: Bundle | bytes | None) -> Bundle | None:
        if given is None:
            self.failed(
                "bundle",
                "a manifest alone: nobody has signed it here",
                "give the bundle that was published with it (*.oneiric-bundle.json)",
            )
            return None
        if isinstance(given, Bundle):
            # The limits hold for whoever made it, and its bytes are what is checked.
            given = given.encode()
        try:
            bundle = Bundle.parse(given, limits=self.limits)
        except OneiricError as error:
            self.refused("bundle", error)
            return None
        self.passed("bundle", _count(len(bundle.envelope.signatures), "signature"))
        return bundle

    def anchor(self, bundle: Bundle) -> Root | None:
        """Return the root where trust begins: remembered, given, or pinned and in the bundle."""
        policy, state = self.policy, self.state
        given, pin = policy.root, policy.pin
        if given is not None and pin is not None and given.sha256 != pin:
            self.failed(
                "root-anchor",
                f"the given root is sha256:{given.sha256[:16]}…, the policy pins {pin[:16]}…",
                "give the root that is pinned, or pin this one after comparing its digest",
            )
            return None
        pin = pin or (None if given is None else given.sha256)
        if state.root is not None:
            return self.remembered(state.root, given, pin, bundle)
        if given is not None:
            self.passed("root-anchor", f"root {given.version} is given")
            return given
        if pin is None:
            self.failed(
                "root-anchor",
                "nothing says which root to trust",
                'pin one in trust.toml (root = "sha256:…"), or give it by --root',
            )
            return None
        for envelope in bundle.roots:
            if envelope.sha256 == pin:
                try:
                    root = Root.parse(envelope, limits=self.limits)
                except OneiricError as error:
                    self.refused("root-anchor", error)
                    return None
                self.passed("root-anchor", f"root {root.version} is pinned")
                return root
        self.failed(
            "root-anchor",
            f"the bundle has no root with the pinned digest {pin[:16]}…",
            "give the root by --root, or get a bundle with the whole chain",
        )
        return None

    def remembered(
        self, root: Root, given: Root | None, pin: str | None, bundle: Bundle
    ) -> Root | None:
        """Return the remembered root, or the given one that is a later step of its own chain."""
        if pin is None or pin in {self.state.anchor, root.sha256}:
            self.passed("root-anchor", f"root {root.version} is remembered")
            return root
        try:
            # A pin that is no root's here ends the search; nothing unsigned is read as a root.
            other = given or Root.parse(
                next(one for one in bundle.roots if one.sha256 == pin), limits=self.limits
            )
            low, high = sorted((root, other), key=lambda one: one.version)
            between = [
                one
                for one in bundle.roots
                if low.version < version_of(one, limits=self.limits) < high.version
            ]
            chain = extend(low, [*between, high.envelope], limits=self.limits)
        except (OneiricError, StopIteration):
            chain = None
        if chain is not None and chain.steps and chain.equivocation is None:
            self.passed("root-anchor", f"root {other.version} is of the remembered chain")
            return high
        self.failed(
            "root-anchor",
            f"root sha256:{pin[:16]}… is asked for, and the state began with "
            f"{(self.state.anchor or '')[:16]}…",
            "ask for the root that is remembered; see `trust state` if another project is meant",
        )
        return None

    def chain(self, anchor: Root, bundle: Bundle) -> Root | None:
        try:
            # A pinned root must be one that its own signers have signed.
            check_signed(anchor, anchor)
            chain = extend(anchor, bundle.roots, limits=self.limits)
        except OneiricError as error:
            self.refused("root-chain", error)
            return None
        if chain.equivocation is not None:
            self.equivocations.append(chain.equivocation)
            self.failed(
                "root-chain",
                f"two signed roots of version {anchor.version}: the signers told two stories",
                f"keep the evidence of this report, and {_ASK}",
            )
            return None
        steps = f", {chain.steps} steps on from {anchor.version}" if chain.steps else ""
        self.passed("root-chain", f"root {chain.root.version}{steps}")
        return chain.root

    def root_expiry(self, root: Root) -> None:
        validity = root.validity
        if validity.is_from_the_future(self.now, self.skew):
            self.failed(
                "root-chain",
                f"root {root.version} was issued at {canonical.utc_text(validity.issued_at)}, "
                "which is in the future",
                "set the clock, or have the root made anew",
            )
        if validity.expires_at is None:
            self.passed("root-expiry", "the root never expires")
            return
        until = canonical.utc_text(validity.expires_at)
        if validity.is_expired(self.now):
            self.failed(
                "root-expiry",
                f"root {root.version} expired at {until}",
                "get a newer bundle; its signers publish the next root before this one ends",
            )
        else:
            self.passed("root-expiry", f"until {until}")

    def policy_tightens(self, root: Root) -> None:
        faults = self.policy.faults(root)
        if faults:
            first = faults[0]
            place = "" if first.origin is None else f" ({first.origin})"
            self.failed(
                "policy",
                f"{first.message}{place}",
                first.fix or "a policy may only ask for more than the root",
            )
        else:
            self.passed("policy", "it asks for no less than the root")

    # --- 2. revocations -------------------------------------------------------------------

    def revocations(self, root: Root, bundle: Bundle) -> Revocations | None:
        """Return the list that is in force, or None."""
        if "revocation" not in root.roles:
            for code in ("revocations", "revocations-order", "revocations-age"):
                self.note(code, "skipped", "the root names nobody who may revoke")
            return None
        if bundle.revocations is None:
            self.failed(
                "revocations",
                "the bundle has no revocation list, and the root names who publishes it",
                "get a bundle with the list; an empty one is published with the first release",
            )
            return None
        try:
            listed = Revocations.parse(bundle.revocations, limits=self.limits)
        except OneiricError as error:
            self.refused("revocations", error)
            return None
        known = self.known_list(root)
        role = root.roles["revocation"]
        before = {} if known is None else known.revoked

        def own(keyid: str, _signature: bytes) -> str | None:
            # Who stole a key must not write the list that clears it, or that says since when.
            revoked = keyid in listed.revoked or keyid in before
            return "a key that was revoked signs no list" if revoked else None

        signers = good_signers(judge(listed.envelope, root.keys("revocation"), revoked=own))
        if len(signers) < role.threshold:
            self.failed(
                "revocations",
                f"list {listed.number} is signed by {', '.join(signers) or 'nobody'} of its role; "
                f"{role.threshold} are needed",
                "get the list from the project; a revoked key does not count for it",
            )
            return None
        if listed.project != root.project or listed.epoch != root.epoch:
            self.failed(
                "revocations",
                f"a list of {listed.project}, epoch {listed.epoch}; "
                f"the root is of {root.project}, epoch {root.epoch}",
                _AGAIN,
            )
            return None
        self.passed(
            "revocations",
            f"list {listed.number}: {_count(len(listed.revoked), 'key')}, "
            f"signed by {', '.join(signers)}",
        )
        self.list_order(listed, known)
        self.list_age(listed)
        return listed

    def known_list(self, root: Root) -> Revocations | None:
        """Return the remembered list, where its epoch is the root's: a new one begins anew."""
        known = self.state.revocations
        return known if known is not None and known.epoch == root.epoch else None

    def list_order(self, listed: Revocations, known: Revocations | None) -> None:
        code = "revocations-order"
        if known is None:
            self.passed(code, "no list was seen before")
            return
        if listed.number < known.number:
            self.failed(code, f"list {listed.number}, and {known.number} was seen before", _AGAIN)
            return
        if listed.number == known.number and listed.sha256 != known.sha256:
            place = f"{listed.project} {listed.epoch}.{listed.number}"
            self.equivocations.append(
                Equivocation("revocations", place, known.envelope, listed.envelope)
            )
            self.failed(
                code,
                f"another list {listed.number} was seen before: the signers told two stories",
                f"keep the evidence of this report, and {_ASK}",
            )
            return
        back = listed.taken_back({k: one.invalid_from for k, one in known.revoked.items()})
        if back is not None:
            self.failed(code, f"list {listed.number} takes something back: {back}", _ASK)
            return
        self.passed(code, f"not older than list {known.number}, and takes nothing back")

    def list_age(self, listed: Revocations) -> None:
        due = listed.validity.expires_at
        assert due is not None  # noqa: S101 - a list without it is none
        if listed.validity.is_from_the_future(self.now, self.skew):
            # Not a matter of age: somebody's clock or word is wrong.
            self.failed(
                "revocations",
                f"list {listed.number} was issued at "
                f"{canonical.utc_text(listed.validity.issued_at)}, which is in the future",
                "set the clock, or get the list anew",
            )
            return
        if listed.validity.is_expired(self.now):
            self.failed(
                "revocations-age",
                f"the list after {listed.number} was due at {canonical.utc_text(due)}",
                "get a newer bundle; somebody may be holding back the list that counts",
            )
            return
        self.passed("revocations-age", f"the next one is due at {canonical.utc_text(due)}")

    # --- 3. what was signed ---------------------------------------------------------------

    def statement(self, bundle: Bundle) -> Statement | None:
        try:
            statement = statement_of(bundle.envelope, limits=self.limits)
        except OneiricError as error:
            self.refused("statement", error)
            return None
        self.passed("statement", f"{statement.project} {statement.channel} {statement.version}")
        return statement

    def manifest(self, manifest: bytes | None, statement: Statement | None) -> Head | None:
        if manifest is None:
            self.failed(
                "manifest-digest",
                "a bundle without its manifest: it only says which bytes were meant",
                "give the manifest that was published with it (*.oneiric.json)",
            )
            return None
        if len(manifest) > self.limits.manifest_bytes:
            self.failed(
                "manifest-digest",
                f"{len(manifest):,} bytes; at most {self.limits.manifest_bytes:,} are read",
                "split the release",
            )
            return None
        if statement is None:
            return None
        if len(manifest) != statement.size:
            self.failed(
                "manifest-digest",
                f"the manifest has {len(manifest):,} bytes, signed are {statement.size:,}",
                _AGAIN,
            )
            return None
        digest = hashlib.sha256(manifest).hexdigest()
        if digest != statement.sha256:
            self.failed(
                "manifest-digest",
                f"the manifest is sha256:{digest[:16]}…, signed is {statement.sha256[:16]}…",
                _AGAIN,
            )
            return None
        self.passed("manifest-digest", f"sha256:{digest[:16]}…, {_count(statement.size, 'byte')}")
        try:
            head = read_head(manifest, limits=self.limits)
        except OneiricError as error:
            self.refused("manifest-form", error, "have the release made anew by `manifest pack`")
            return None
        self.passed("manifest-form", _count(len(head.targets), "entry", "entries"))
        return head

    # --- 4. one release -------------------------------------------------------------------

    def claims(self, head: Head, statement: Statement) -> None:
        names = ("project", "schema", "channel", "version")
        differ = [name for name in names if getattr(head, name) != getattr(statement, name)]
        if differ:
            name = differ[0]
            self.failed(
                "claims",
                f"the manifest says {name} {getattr(head, name)}, "
                f"the statement {getattr(statement, name)}",
                "have the statement made from the manifest that was reviewed",
            )
        else:
            self.passed("claims", "manifest and statement say the same")

    def about(self, statement: Statement, root: Root | None) -> None:
        policy = self.policy
        wanted = policy.project or (None if root is None else root.project)
        if wanted is not None and statement.project != wanted:
            self.failed(
                "project",
                f"a release of {statement.project}, trusted is {wanted}",
                "get the release of the project that you mean",
            )
        elif wanted is not None:
            self.passed("project", wanted)
        if not policy.channels:
            self.note("channel", "skipped", f"the policy names none; this is {statement.channel}")
        elif statement.channel not in policy.channels:
            self.failed(
                "channel",
                f"a release for {statement.channel}, the policy takes {', '.join(policy.channels)}",
                "get the release of your channel, or add this one to `channels`",
            )
        else:
            self.passed("channel", statement.channel)
        if root is None:
            return
        if statement.epoch != root.epoch:
            self.failed(
                "epoch",
                f"signed for epoch {statement.epoch}, the root is of epoch {root.epoch}",
                "get a release that was signed under the newest root",
            )
        else:
            self.passed("epoch", str(root.epoch))

    def schema(self, statement: Statement, root: Root) -> Requirement | None:
        """Return what a release of this schema must bring."""
        least = max(root.min_schema, self.policy.min_schema or 1)
        seen = self.state.channels.get(statement.channel)
        last = 0 if seen is None else seen.statement.schema
        if statement.schema < least:
            self.failed(
                "schema",
                f"schema {statement.schema}; {least} is the least here",
                f"have the release made with schema {least}: `manifest migrate`",
            )
        elif statement.schema < last:
            self.failed(
                "schema",
                f"schema {statement.schema}, and schema {last} was trusted before in "
                f"{statement.channel}",
                _ASK,
            )
        else:
            self.passed("schema", str(statement.schema))
        row = self.policy.effective(root, statement.schema)
        if row is None:
            self.failed(
                "schema",
                f"the root does not say what schema {statement.schema} must bring",
                "have a root made that has a row for it",
            )
        return row

    # --- 5. who signed --------------------------------------------------------------------

    def threshold(
        self, bundle: Bundle, root: Root, row: Requirement, listed: Revocations | None
    ) -> None:
        lists = [one for one in (listed, self.known_list(root)) if one is not None]

        def revoked(keyid: str, signature: bytes) -> str | None:
            found = [one.revoked[keyid] for one in lists if keyid in one.revoked]
            if not found:
                return None
            first = min(found, key=lambda one: one.invalid_from)
            begin = canonical.utc_time(first.invalid_from)
            for witness in self.evidence:
                seen = witness.existed_at(keyid, signature)
                if seen is not None and seen < begin:
                    return None
            return (
                f"revoked ({first.reason}), invalid from {first.invalid_from}, and nothing from "
                "outside proves that the signature is older"
            )

        self.signatures = judge(bundle.envelope, root.keys("release"), revoked=revoked)
        signers = good_signers(self.signatures)
        role = root.roles["release"]
        said = f"{len(signers)} of {len(role.signers)} signers: {', '.join(signers) or 'nobody'}"
        if len(signers) >= row.threshold:
            self.passed("threshold", f"{said}; {row.threshold} are needed")
            return
        whys = sorted({f"{v.keyid[:16]}… {v.why}" for v in self.signatures if v.state != "good"})
        more = f" ({'; '.join(whys[:_SHOWN])})" if whys else ""
        self.failed(
            "threshold",
            f"{said}; {row.threshold} are needed{more}",
            "have more of the signers whom the root names sign it: `manifest cosign`",
        )

    def scope(self, head: Head, root: Root, row: Requirement) -> None:
        role, signers = root.roles["release"], good_signers(self.signatures)
        if len(signers) < row.threshold:
            return
        targets = set(head.targets)
        outside = [missing for s in signers if (missing := role.covers(s, targets)) is not None]
        lacking = sorted(
            target
            for target in set[str]().union(*outside)
            if len(signers) - sum(target in missing for missing in outside) < row.threshold
        )
        if lacking:
            more = f" and {len(lacking) - _SHOWN:,} more" if len(lacking) > _SHOWN else ""
            names = ", ".join(map(repr, lacking[:_SHOWN]))
            self.failed(
                "scope",
                f"fewer than {row.threshold} of the signers may sign for {names}{more}",
                "have signers sign whose scope covers them, or leave these entries out",
            )
        else:
            self.passed("scope", f"{_count(len(targets), 'component')} within the signers' scopes")

    # --- 6. when, and in which order ------------------------------------------------------

    def times(self, statement: Statement, row: Requirement | None) -> None:
        times = statement.validity
        issued = canonical.utc_text(times.issued_at)
        if times.is_from_the_future(self.now, self.skew):
            self.failed("issued", f"issued at {issued}, which is in the future", "set the clock")
        else:
            self.passed("issued", issued)
        begin = canonical.utc_text(times.not_before)
        if times.is_early(self.now, self.skew):
            self.failed("not-before", f"it holds from {begin}", "wait until then")
        else:
            self.passed("not-before", begin)
        if times.expires_at is None:
            self.note("expiry", "skipped", "it never expires")
        elif times.is_expired(self.now):
            until = canonical.utc_text(times.expires_at)
            self.failed("expiry", f"expired at {until}", "get the newest release")
        else:
            self.passed("expiry", f"until {canonical.utc_text(times.expires_at)}")
        if row is not None:
            self.lifetime(times.lifetime, row)

    def lifetime(self, lifetime: timedelta | None, row: Requirement) -> None:
        days = row.lifetime_days
        if lifetime is None and (row.expiry or days is not None):
            self.failed(
                "lifetime",
                "it does not say until when it holds, and its schema asks for it",
                "have it proposed with an expiry",
            )
        elif lifetime is not None and days is not None and lifetime.total_seconds() > days * _DAY:
            self.failed(
                "lifetime",
                f"it holds {_days(lifetime)}; {days} days are the most for its schema",
                "have it proposed with an earlier expiry",
            )
        elif lifetime is None or days is None:
            self.note("lifetime", "skipped", "the root asks for none")
        else:
            self.passed("lifetime", f"{_days(lifetime)} of {days} days")

    def order(self, statement: Statement, bundle: Bundle) -> None:
        seen = self.state.channels.get(statement.channel)
        if seen is None or seen.statement.project != statement.project:
            self.passed("rollback", "no release of this channel was trusted before")
            self.passed("equivocation", "no other release of this version is known")
            return
        mine, last = (statement.epoch, statement.version), seen.order
        known = seen.statement
        if mine < last:
            self.failed(
                "rollback",
                f"release {mine[0]}.{mine[1]}, and {last[0]}.{last[1]} was trusted before",
                "get the newest release; a former one returns by `manifest repropose`",
            )
        else:
            self.passed("rollback", f"not older than {last[0]}.{last[1]}")
        follows = statement.previous
        if mine == last and statement.sha256 != known.sha256:
            self.two_stories(statement, bundle, seen, f"another release {statement.version}")
        elif (
            follows is not None
            and statement.epoch == known.epoch
            and follows.version == known.version
            and follows.sha256 != known.sha256
        ):
            self.two_stories(
                statement, bundle, seen, f"it follows another release {known.version}, which"
            )
        else:
            self.passed("equivocation", "no other release of this version is known")

    def two_stories(
        self, statement: Statement, bundle: Bundle, seen: ReleaseSeen, what: str
    ) -> None:
        place = f"{statement.project}/{statement.channel} {seen.order[0]}.{seen.order[1]}"
        proven = self.found.get("threshold")
        if proven is not None and proven.state == "passed":
            # Only what the threshold has signed is evidence; anybody can write the rest.
            self.equivocations.append(
                Equivocation("release", place, seen.envelope, bundle.envelope)
            )
        self.failed(
            "equivocation",
            f"{what} was trusted before, with sha256:{seen.statement.sha256[:16]}…",
            f"keep the evidence of this report, and {_ASK}",
        )

    # --- 7. what else is asked ------------------------------------------------------------

    def demands(self, row: Requirement, head: Head) -> None:
        if not row.digests:
            self.note("digests", "skipped", "the root does not ask for them")
        else:
            lacking = sorted(set(head.without_digest))
            if lacking:
                names = ", ".join(map(repr, lacking[:_SHOWN]))
                self.failed(
                    "digests",
                    f"an artifact without SHA-256 or size: {names}",
                    "have them filled in from the artifacts: `manifest pack`",
                )
            else:
                self.passed("digests", "every artifact has a SHA-256 and a size")
        asked: dict[str, Any] = {
            "log": row.log,
            "witnesses": row.witnesses,
            "provenance": row.provenance,
            "post-quantum": row.post_quantum == "require",
        }
        for code, wanted in asked.items():
            if not wanted:
                self.note(code, "skipped", "the root does not ask for it")
            else:
                self.failed(
                    code,
                    "the root asks for it, and this version cannot check it",
                    "verify with a version that can",
                )


def _days(time: timedelta) -> str:
    return f"{time.total_seconds() / _DAY:g} days"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
