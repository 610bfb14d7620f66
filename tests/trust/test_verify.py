"""What an enemy tries, and what becomes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab import canonical
from oneiric_lab.errors import (
    InvalidSignatureError,
    RevokedKeyError,
    StaleError,
    ThresholdError,
    UnknownKeyError,
    UntrustedError,
    UsageError,
)
from oneiric_lab.testing import HouseRelease, ReleaseHouse
from oneiric_lab.trust import (
    KINDS,
    Bundle,
    Envelope,
    FileSigner,
    Limits,
    Policy,
    Previous,
    Requirement,
    Role,
    Signature,
    State,
    advance,
    make_bundle,
    make_root,
    make_statement,
    sign_root,
    sign_statement,
    verify,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.trust import PublicKey, Report

    Ask = Callable[..., Report]

CACHE = {"adapter:cache": "redis"}
NAMES = ("alice", "bob", "carol")


def failed(report: Report) -> list[str]:
    """Return the codes of what failed, in order."""
    return [check.code for check in report.failures]


def after(house: ReleaseHouse, *releases: HouseRelease) -> State:
    """Return the state of a client that has trusted *releases*, one after the other."""
    state = State()
    for release in releases:
        state = advance(
            state,
            verify(
                release.bundle, release.manifest, policy=house.policy, state=state, now=house.now
            ),
        )
    return state


def resigned(release: HouseRelease, **changes: Any) -> Bundle:
    """Return the bundle of another statement by alice and bob about the same manifest."""
    statement = replace(release.statement, **changes)
    signers = [ReleaseHouse.signer(name) for name in ("alice", "bob")]
    return replace(release.bundle, envelope=sign_statement(statement, *signers))


class TestReport:
    """What comes out."""

    def test_a_good_release(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Its bytes, its facts and its signers come out, and every check is there in order.
        """
        release = house.release(CACHE)
        report = ask(release)

        assert report.ok
        assert report
        assert report.exit_code == 0
        assert report.manifest == release.manifest
        assert report.release.title == "shop stable 1"
        assert report.signers == ("alice", "bob")
        assert [check.code for check in report.checks] == [kind.code for kind in KINDS]
        assert {check.state for check in report.checks} == {"passed", "skipped"}

    def test_bytes_are_as_good_as_a_bundle(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        The file and what was read of it are verified alike.
        """
        release = house.release(CACHE)

        assert ask(release).as_dict() == ask(release, bundle=release.bundle.encode()).as_dict()

    def test_what_comes_out_is_what_was_verified(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A buffer that is written to afterwards changes nothing of it.
        """
        release = house.release({"adapter:cache": "redis"})
        buffer = bytearray(release.manifest)

        report = ask(release, manifest=buffer)
        at = buffer.index(b"redis")
        buffer[at : at + 5] = b"pwned"

        assert report.manifest == release.manifest

    def test_nothing_comes_out_of_a_failure(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Neither bytes nor facts nor a step forward can be had from a report of a failure.
        """
        release = house.release(CACHE)
        report = ask(release, manifest=release.manifest + b"\n")

        assert not report
        assert report.as_dict()["release"] is None
        assert (report._release, report._manifest, report.gained) == (None, None, State())
        for use in (
            lambda: report.manifest,
            lambda: report.release,
            lambda: advance(State(), report),
            report.raise_for_failure,
        ):
            with pytest.raises(UntrustedError, match="signed are"):
                use()

    def test_has_the_shape_of_the_contract(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        `--json` has ok, checks with code, state, message and fix, signers and release.
        """
        shape = json.loads(ask(house.release(CACHE)).to_json())

        assert set(shape) >= {"ok", "checks", "signers", "release"}
        assert set(shape["checks"][0]) == {"code", "state", "message", "fix"}
        assert shape["signers"] == ["alice", "bob"]
        assert shape["release"]["version"] == 1

    def test_every_failure_has_a_fix(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Whatever fails says what to do.
        """
        release = house.release(CACHE, by=["alice"])
        house.wait(days=400)
        report = ask(release, manifest=b"x", policy=Policy())

        assert report.failures
        assert all(check.fix and check.message for check in report.failures)

    def test_repr_has_no_clock_and_no_address(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        The same report shows the same everywhere.
        """
        release = house.release(CACHE)

        assert repr(ask(release)) == "<Report: verified: shop stable 1>"
        assert repr(ask(release, manifest=None)) == "<Report: not verified: manifest-digest>"

    def test_is_pure(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Asking twice gives the same report, and changes no state.
        """
        release = house.release(CACHE)
        state = after(house, release)
        before = state.encode()

        assert ask(release, state=state).as_dict() == ask(release, state=state).as_dict()
        assert state.encode() == before

    def test_hostile_names_are_escaped(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        What a manifest says cannot act on a terminal, a page or the direction of writing.
        """
        nasty = "\x1b[2J<script>alert(1)</script>\u202eevil"
        house = ReleaseHouse(scopes={name: ["adapter:cache"] for name in ("alice", "bob", "carol")})
        release = house.release([{"domain": "adapter", "key": nasty}])
        report = ask(release, policy=house.policy)

        assert failed(report) == ["scope"]
        assert "\x1b" not in report.to_text()
        assert "\u202e" not in report.to_text()
        assert "<script>" not in report.to_html()

    def test_a_naive_clock_is_a_mistake_of_the_caller(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A time without a zone could be any of 26 hours.
        """
        with pytest.raises(UsageError, match="zone"):
            ask(house.release(CACHE), now=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


class TestSignatures:
    """Enough distinct signers with distinct keys."""

    def test_one_signer_is_not_two(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Below the threshold nothing is trusted.
        """
        report = ask(house.release(CACHE, by=["alice"]))

        assert failed(report) == ["threshold"]
        with pytest.raises(ThresholdError, match="1 of 3 signers: alice; 2 are needed"):
            report.raise_for_failure()

    def test_one_signature_twice(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A signature that stands twice counts once.
        """
        release = house.release(CACHE, by=["alice"])
        envelope = release.bundle.envelope
        twice = replace(envelope, signatures=envelope.signatures * 2)
        report = ask(release, bundle=replace(release.bundle, envelope=twice))

        assert failed(report) == ["threshold"]
        assert [v.state for v in report.signatures] == ["good", "duplicate"]

    def test_two_keys_of_one_signer(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Whoever has two keys is still one signer.
        """
        second = ReleaseHouse.signer("alice at home")
        keys = dict(house.root.signers)
        keys["alice"] = (*keys["alice"], second.public_key)
        house.rotate(signers=keys)
        report = ask(house.release(CACHE, by=["alice", second]))

        assert failed(report) == ["threshold"]
        assert [v.state for v in report.signatures] == ["good", "good"]
        assert report.signers == ("alice",)

    def test_a_stranger(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A key that the root does not name counts for nothing.
        """
        report = ask(house.release(CACHE, by=["alice", ReleaseHouse.signer("eve")]))

        with pytest.raises(UnknownKeyError):
            report.raise_for_failure()

    def test_a_stranger_beside_enough_signers(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A further signature takes nothing away.
        """
        assert ask(house.release(CACHE, by=["alice", "bob", ReleaseHouse.signer("eve")]))

    def test_an_unknown_algorithm_beside_enough_signers(
        self, house: ReleaseHouse, ask: Ask, unsupported: PublicKey
    ) -> None:
        """
        A root for newer readers, and a signature that this one cannot check, are no obstacle.
        """
        keys = dict(house.root.signers)
        keys["alice"] = (*keys["alice"], unsupported)
        house.rotate(signers=keys)
        release = house.release(CACHE)
        newer = release.bundle.envelope.with_signature(Signature(unsupported.keyid, bytes(2420)))
        report = ask(release, bundle=replace(release.bundle, envelope=newer))

        assert report.ok
        assert "unsupported" in [v.state for v in report.signatures]

    def test_a_signature_of_other_bytes(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A signature from another release is not by its key for this one.
        """
        one, two = house.release(CACHE), house.release(CACHE)
        mixed = replace(two.bundle.envelope, signatures=one.bundle.envelope.signatures)
        report = ask(two, bundle=replace(two.bundle, envelope=mixed))

        with pytest.raises(InvalidSignatureError):
            report.raise_for_failure()

    def test_ten_thousand_signatures(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A bundle of many signatures is refused before any is checked.
        """
        release = house.release(CACHE)
        one = release.bundle.envelope.signatures[0]
        many = replace(release.bundle.envelope, signatures=(one,) * 10_000)
        report = ask(release, bundle=replace(release.bundle, envelope=many))

        assert failed(report)[0] == "bundle"
        assert report.signatures == ()

    def test_a_root_key_signs_no_release(self, ask: Ask) -> None:
        """
        A signer of the root who is none of releases cannot release.
        """
        house = ReleaseHouse(signers=("alice", "bob", "carol", "rita"))
        roles = dict(house.root.roles)
        roles["release"] = Role(dict.fromkeys(("alice", "bob", "carol"), ("*",)), 2)
        house.rotate(roles=roles)
        report = ask(house.release(CACHE, by=["alice", "rita"]), policy=house.policy, now=house.now)

        assert failed(report) == ["threshold"]
        assert {v.state for v in report.signatures} == {"good", "unknown"}

    def test_a_root_is_no_release(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        An envelope of another type is not read as a statement, whoever signed it.
        """
        release = house.release(CACHE)
        report = ask(release, bundle=replace(release.bundle, envelope=house.root.envelope))

        assert "statement" in failed(report)

    def test_p256_and_ed25519_together(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Signers may have keys of different algorithms.
        """
        token = FileSigner.generate("p256")
        keys = dict(house.root.signers) | {"bob": (token.public_key,)}
        house.rotate(signers=keys, by=["alice", "bob", token])
        house.signers["bob"] = token
        house.renew()

        assert ask(house.release(CACHE))


class TestScope:
    """Each for what is his."""

    SCOPES = {"alice": ["*"], "bob": ["adapter:*"], "carol": ["*:mail", "service:billing"]}  # noqa: RUF012 - read only

    @pytest.mark.parametrize(
        ("target", "by", "good"),
        [
            ("adapter:cache", ["alice", "bob"], True),
            ("service:cache", ["alice", "bob"], False),
            ("service:cache", ["alice", "bob", "carol"], False),
            ("service:billing", ["alice", "carol"], True),
            ("adapter:mail", ["bob", "carol"], True),
            ("adapter:mailer", ["bob", "carol"], False),
            ("adapter:mailer", ["alice", "bob"], True),
        ],
    )
    def test_each_entry_needs_its_own_threshold(
        self, ask: Ask, target: str, by: list[str], good: bool
    ) -> None:
        """
        For every entry, as many signers as the threshold asks must be within their scope.
        """
        house = ReleaseHouse(scopes=self.SCOPES)
        report = ask(house.release({target: "x"}, by=by), policy=house.policy)

        assert failed(report) == ([] if good else ["scope"])

    def test_names_what_is_outside(self, ask: Ask) -> None:
        """
        The first few entries that are outside are named, the others counted.
        """
        house = ReleaseHouse(scopes=self.SCOPES)
        release = house.release(
            {f"service:s{n}": "x" for n in range(9)} | CACHE, by=["alice", "bob"]
        )
        message = ask(release, policy=house.policy).check("scope").message

        assert "'service:s0'" in message
        assert "and 4 more" in message
        assert "adapter:cache" not in message


class TestRoots:
    """From the pinned root to the newest."""

    def test_a_chain_is_followed(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A client that knows root 1 trusts what root 3 says, when the steps are signed.
        """
        house.rotate()
        house.rotate()
        report = ask(house.release(CACHE))

        assert report.check("root-chain").message == "root 3, 2 steps on from 1"
        assert report.ok

    def test_a_new_signer_by_rotation(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A key that a signed root brought in counts; one that it took out no longer does.
        """
        dora = ReleaseHouse.signer("dora")
        keys = {name: keys for name, keys in house.root.signers.items() if name != "carol"}
        keys["dora"] = (dora.public_key,)
        roles = {
            name: Role(dict.fromkeys(keys, ("*",)), 2) for name in ("root", "release", "revocation")
        }
        house.rotate(signers=keys, roles=roles)

        assert ask(house.release(CACHE, by=["alice", dora]))
        assert failed(ask(house.release(CACHE, by=["alice", "carol"]))) == ["threshold"]

    def test_a_gap(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A root that stands two steps on is not reached.
        """
        house.rotate()
        house.rotate()
        del house.roots[1]
        report = ask(house.release(CACHE))

        assert failed(report) == ["root-chain"]
        assert "root 3 stands behind root 1" in report.check("root-chain").message

    def test_signed_by_the_new_keys_only(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Who makes a root of his own cannot continue the chain.
        """
        eve, mallory = ReleaseHouse.signer("eve"), ReleaseHouse.signer("mallory")
        keys = {"eve": (eve.public_key,), "mallory": (mallory.public_key,)}
        role = Role(dict.fromkeys(keys, ("*",)), 2)
        house.rotate(
            signers=keys,
            roles={"root": role, "release": role, "revocation": role},
            by=[eve, mallory],
        )
        report = ask(house.release(CACHE, by=[eve, mallory]))

        assert failed(report) == ["root-chain"]
        assert "signed by nobody" in report.check("root-chain").message

    def test_signed_by_the_old_keys_only(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Keys that nobody holds yet cannot come into force.
        """
        dora, emil = ReleaseHouse.signer("dora"), ReleaseHouse.signer("emil")
        keys = {"dora": (dora.public_key,), "emil": (emil.public_key,)}
        role = Role(dict.fromkeys(keys, ("*",)), 2)
        house.rotate(signers=keys, roles={"root": role, "release": role, "revocation": role})
        report = ask(house.release(CACHE, by=[dora, emil]))

        assert failed(report) == ["root-chain"]

    def test_below_the_old_threshold(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        One old signer cannot lower the threshold to one.
        """
        roles = {name: replace(role, threshold=1) for name, role in house.root.roles.items()}
        rows = {3: Requirement()}
        house.rotate(roles=roles, requirements=rows, by=["alice"])
        report = ask(house.release(CACHE, by=["alice"]))

        assert failed(report) == ["root-chain"]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"version": 1}, "root 1 stands behind root 2"),
            ({"version": 4}, "root 4 stands behind root 2"),
            ({"epoch": 1}, "back from epoch 2 to 1"),
            ({"project": "other"}, "is of other, not of shop"),
        ],
    )
    def test_a_step_that_leads_elsewhere(
        self, house: ReleaseHouse, ask: Ask, change: dict[str, Any], message: str
    ) -> None:
        """
        No step repeats a version, leaves one out, goes back an epoch or changes the project.
        """
        house.rotate(epoch=2)
        house.rotate(**change)
        report = ask(house.release(CACHE), state=State())

        assert "root-chain" in failed(report)
        assert message in report.check("root-chain").message

    def test_older_schemas_do_not_return(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Within an epoch the least schema does not sink; a new epoch may begin anew.
        """
        rows = {2: Requirement(threshold=2), 3: house.root.requirements[3]}
        house.rotate(min_schema=2, requirements=rows)
        refused = ask(house.release(CACHE))
        house.roots.pop()
        house.rotate(min_schema=2, requirements=rows, epoch=2)

        assert failed(refused) == ["root-chain"]
        assert ask(house.release(CACHE))

    def test_a_root_from_the_future(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A root that was issued tomorrow says that a clock is wrong.
        """
        house.rotate(issued_at=house.now + timedelta(days=1))

        assert "root-chain" in failed(ask(house.release(CACHE)))

    def test_an_expired_root_is_stale(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A chain that ends in an expired root is one that somebody holds back.
        """
        house.wait(days=364)
        release = house.release(CACHE)
        house.renew()
        release = replace(release, bundle=house.bundle(release.statement, ["alice", "bob"]))
        house.wait(days=1)
        report = ask(release)

        assert failed(report) == ["root-expiry"]
        assert report.exit_code == 3
        with pytest.raises(StaleError):
            report.raise_for_failure()

    def test_an_expired_step_is_passed_over(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Only the newest root must not have expired.
        """
        house.wait(days=300)
        house.rotate()
        house.wait(days=100)
        house.renew()

        assert ask(house.release(CACHE))

    def test_an_unreadable_key_in_a_root(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A root with something else in the place of a key is refused, whoever signed it.
        """
        tree = json.loads(house.root.envelope.payload)
        tree["version"] = 2
        tree["signers"]["carol"][0]["public"] = canonical.base64_text(b"no key")
        broken = Envelope(canonical.encode(tree), house.root.envelope.payload_type)
        broken = broken.signed_by(*(house.signers[name] for name in ("alice", "bob")))
        release = house.release(CACHE)
        bundle = replace(release.bundle, roots=(*release.bundle.roots, broken))
        report = ask(release, bundle=bundle)

        assert failed(report) == ["root-chain"]
        assert "a key of signer carol" in report.check("root-chain").message

    def test_two_roots_of_one_version(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Another signed root in the place of the remembered one is kept as evidence.
        """
        state = after(house, house.release(CACHE))
        first = house.root
        house.roots[0] = sign_root(
            make_root(
                project="shop",
                issued_at=house.now,
                expires_at=house.now + timedelta(days=99),
                signers=first.signers,
                roles=first.roles,
                requirements=first.requirements,
            ),
            *(house.signers[name] for name in ("alice", "bob")),
        )
        report = ask(house.release(CACHE), state=state, policy=Policy())

        assert failed(report) == ["root-chain"]
        assert [two.kind for two in report.equivocations] == ["root"]
        evidence = json.loads(report.equivocations[0].to_json())
        assert evidence["first"]["payload"] != evidence["second"]["payload"]

    def test_a_forged_root_of_one_version_is_no_evidence(
        self, house: ReleaseHouse, ask: Ask
    ) -> None:
        """
        What the threshold has not signed accuses nobody.
        """
        state = after(house, house.release(CACHE))
        forged = replace(house.root.envelope, payload=house.root.envelope.payload + b" ")
        other = ReleaseHouse(threshold=1)
        release = house.release(CACHE)
        for roots in ((forged,), (other.root.envelope,)):
            bundle = replace(release.bundle, roots=roots)
            report = ask(release, bundle=bundle, state=state, policy=Policy())
            assert failed(report) == ["root-chain"]
            assert report.equivocations == ()

    def test_unsigned_roots_cost_nothing(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        The keys of a root are looked at only when the root before has signed it.
        """
        import time

        from oneiric_lab.trust._keys import _checked

        tree = json.loads(house.root.envelope.payload)
        raw = [number.to_bytes(32, "little") for number in range(10_000, 11_000)]
        tree["signers"] = {
            "eve": [
                {"keyid": "0" * 64, "public": canonical.base64_text(b"\x30" + key)} for key in raw
            ]
        }
        release = house.release(CACHE)
        before = _checked.cache_info().misses
        began = time.process_time()
        for version in (1, 2):
            forged = Envelope(
                canonical.encode(tree | {"version": version}), house.root.envelope.payload_type
            )
            bundle = replace(release.bundle, roots=(house.root.envelope, *[forged] * 100))
            assert failed(ask(release, bundle=bundle)) == ["root-chain"]

        assert _checked.cache_info().misses - before <= len(NAMES)
        assert time.process_time() - began < 10

    def test_too_long_a_chain(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        The number of roots in a bundle is bounded.
        """
        release = house.release(CACHE)
        bundle = replace(release.bundle, roots=release.bundle.roots * 257)

        assert failed(ask(release, bundle=bundle))[0] == "bundle"


class TestAnchor:
    """Where trust begins."""

    def test_nothing_is_trusted_at_first_sight(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Without a pin, a given or a remembered root there is no trust.
        """
        assert failed(ask(house.release(CACHE), policy=Policy())) == ["root-anchor"]

    def test_a_pin_alone(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A digest in trust.toml finds its root in the bundle.
        """
        policy = Policy.parse(f'root = "sha256:{house.root.sha256}"\n')

        assert ask(house.release(CACHE), policy=policy)

    def test_a_pin_that_the_bundle_lacks(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A whole chain of somebody else's does not begin at the pinned root.
        """
        eve = ReleaseHouse(signers=("eve", "mallory"))
        forged = eve.release(CACHE, by=["eve", "mallory"])

        assert failed(ask(forged, policy=Policy(pin=house.root.sha256))) == ["root-anchor"]
        assert failed(ask(forged, policy=house.policy))[0] == "root-chain"

    def test_a_pinned_root_that_is_none(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A digest of something else in the bundle is not taken for a root.
        """
        release = house.release(CACHE)
        junk = Envelope(b"{}", house.root.envelope.payload_type)
        report = ask(
            release,
            bundle=replace(release.bundle, roots=(junk,)),
            policy=Policy(pin=junk.sha256),
        )

        assert failed(report) == ["root-anchor"]
        assert "not a root" in report.check("root-anchor").message

    def test_given_and_pinned_must_be_one(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Another root than the pinned one is not taken because somebody gives it.
        """
        policy = Policy(pin="0" * 64, root=house.root)

        assert failed(ask(house.release(CACHE), policy=policy)) == ["root-anchor"]

    def test_a_given_root_must_be_signed(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A root that its own signers have not signed is nobody's.
        """
        bare = replace(house.root, envelope=replace(house.root.envelope, signatures=()))

        assert failed(ask(house.release(CACHE), policy=Policy(root=bare))) == ["root-chain"]

    def test_the_remembered_root_is_enough(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A client that has trusted once needs no chain, and follows the next step.
        """
        state = after(house, house.release(CACHE))
        house.rotate()
        house.roots = house.roots[1:]

        assert ask(house.release(CACHE), state=state, policy=Policy())

    def test_a_remembered_root_does_not_go_back(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A bundle whose chain ends earlier is judged by the root that is remembered.
        """
        first = house.release(CACHE)
        house.rotate(
            roles=dict(house.root.roles) | {"release": Role({"carol": ("*",), "bob": ("*",)}, 2)}
        )
        state = after(house, house.release(CACHE, by=["bob", "carol"], version=2))
        report = ask(first, state=state)

        assert "threshold" in failed(report)
        assert report.check("root-chain").message == "root 2"

    @pytest.mark.parametrize("given", [0, 1, 2])
    def test_any_root_of_the_remembered_chain_may_be_given(
        self, house: ReleaseHouse, ask: Ask, given: int
    ) -> None:
        """
        Whoever gives the root of another day of the same chain is understood.
        """
        house.rotate()
        house.rotate()
        state = after(house, house.release(CACHE))
        release = house.release(CACHE)

        assert ask(release, state=state, policy=Policy.pinned(house.roots[given]))

    def test_a_newer_root_may_be_given(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        The next root, given beside a bundle that lacks it, leads on from the remembered one.
        """
        state = after(house, house.release(CACHE))
        release = house.release(CACHE)
        newer = house.rotate()

        assert ask(release, state=state, policy=Policy.pinned(newer))

    def test_another_anchor_than_the_remembered(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A policy that names another chain than the state is a question for people.
        """
        state = after(house, house.release(CACHE))
        other = ReleaseHouse(signers=("dora", "emil"))
        release = other.release(CACHE, by=["dora", "emil"])

        assert failed(ask(release, state=state, policy=other.policy)) == ["root-anchor"]


class TestManifest:
    """The bytes, and what they say."""

    @pytest.mark.parametrize(
        "change",
        [
            lambda data: data.replace(b"redis", b"Redis"),
            lambda data: data + b"\n",
            lambda data: b"\xef\xbb\xbf" + data,
            lambda data: data.replace(b'"schema":3', b'"schema":3.0'),
            lambda data: b"",
        ],
        ids=["a letter", "a line end", "a byte order mark", "a number form", "nothing"],
    )
    def test_other_bytes(self, house: ReleaseHouse, ask: Ask, change: Any) -> None:
        """
        No byte differs from what was signed.
        """
        release = house.release(CACHE)

        assert failed(ask(release, manifest=change(release.manifest))) == ["manifest-digest"]

    @pytest.mark.parametrize(
        "data",
        [
            b'{"channel":"stable","entries":[],"entries":[],"project":"shop","schema":3,"version":1}',
            b'{"channel":"stable","entries":[],"project":"shop","schema":3.0,"version":1}',
            b'{"channel":"stable","entries":[], "project":"shop","schema":3,"version":1}',
            b'{"channel":"stable","entries":[],"project":"shop","schema":3,"version":NaN}',
            b'{"channel":"stable","entries":[],"project":"shop","schema":3,"version":9007199254740993}',
            b'{"channel":"\\ud800","entries":[],"project":"shop","schema":3,"version":1}',
            b'{"channel":"stable","entries":' + b"[" * 200 + b"]" * 200 + b"}",
            b'{"channel":"stable","entries":[{}],"project":"shop","schema":3,"version":1}',
            b'{"channel":"stable","entries":{},"project":"shop","schema":3,"version":1}',
            b'{"channel":"stable","entries":[],"project":"shop","schema":2,"version":1}',
            b"[]",
            b"domain: adapter\n",
        ],
        ids=[
            *("duplicate key", "number form", "whitespace", "NaN", "huge integer"),
            *("lone surrogate", "deep nesting", "entry without domain", "entries no list"),
            *("old schema", "no object", "yaml"),
        ],
    )
    def test_signed_bytes_that_are_no_manifest(
        self, house: ReleaseHouse, ask: Ask, data: bytes
    ) -> None:
        """
        Signatures do not make a manifest of other bytes.
        """
        import hashlib

        release = house.release(CACHE)
        bundle = resigned(release, sha256=hashlib.sha256(data).hexdigest(), size=len(data))

        assert failed(ask(release, bundle=bundle, manifest=data)) == ["manifest-form"]

    def test_right_digest_wrong_size(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        The size is signed as well, and is looked at first.
        """
        release = house.release(CACHE)
        report = ask(release, bundle=resigned(release, size=release.statement.size + 1))

        assert failed(report) == ["manifest-digest"]
        assert "bytes, signed are" in report.check("manifest-digest").message

    def test_a_manifest_without_an_envelope(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A manifest alone is signed by nobody, and says nothing.
        """
        report = ask(house.release(CACHE), bundle=None)

        assert failed(report)[0] == "bundle"
        assert "a manifest alone" in report.failures[0].message

    def test_an_envelope_without_a_manifest(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A bundle alone only says which bytes were meant.
        """
        report = ask(house.release(CACHE), manifest=None)

        assert failed(report) == ["manifest-digest"]
        assert "without its manifest" in report.failures[0].message

    def test_oversize(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        What is too large is not parsed.
        """
        release = house.release(CACHE)
        report = ask(release, limits=Limits(manifest_bytes=100))

        assert failed(report) == ["manifest-digest"]

    @pytest.mark.parametrize(
        ("member", "value"),
        [("project", "shop2"), ("channel", "beta"), ("version", 9), ("schema", 4)],
    )
    def test_a_statement_that_says_another_thing(
        self, house: ReleaseHouse, ask: Ask, member: str, value: Any
    ) -> None:
        """
        A manifest is not released as what it does not say that it is.
        """
        release = house.release(CACHE)
        report = ask(release, bundle=resigned(release, **{member: value}))

        assert "claims" in failed(report)
        assert f"the statement {value}" in report.check("claims").message

    def test_another_project(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A release of one project is not one of another, though the same people sign both.
        """
        other = ReleaseHouse(project="bank")
        release = other.release(CACHE)
        bundle = replace(
            release.bundle, roots=(house.root.envelope,), revocations=house.revocations.envelope
        )

        assert failed(ask(release, bundle=bundle)) == ["project"]

    def test_another_channel(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A release for one channel is not taken in another.
        """
        policy = replace(house.policy, channels=("stable",))
        release = house.release(CACHE, channel="beta")

        assert failed(ask(release, policy=policy)) == ["channel"]
        assert ask(release)

    def test_an_artifact_without_digest(self, ask: Ask) -> None:
        """
        Where the root asks for them, every artifact has a SHA-256 and a size.
        """
        house = ReleaseHouse(requirements={3: Requirement(2, expiry=True, digests=True)})
        good = {"uri": "https://x/a.whl", "sha256": "0" * 64, "size": 1}
        for artifact, fine in (
            (good, True),
            (None, True),
            ({**good, "sha256": "0" * 63}, False),
            ({**good, "sha256": "A" * 64}, False),
            ({**good, "size": -1}, False),
            ({**good, "size": True}, False),
            ({"uri": "https://x/a.whl"}, False),
            ("https://x/a.whl", False),
        ):
            entry = {"domain": "adapter", "key": "cache", "artifact": artifact}
            report = ask(house.release([entry]), policy=house.policy)
            assert failed(report) == ([] if fine else ["digests"])


class TestSchema:
    """Newer schemas ask for more, and there is no way around."""

    def test_below_the_least(self, ask: Ask) -> None:
        """
        A schema below the root's or the policy's least is refused.
        """
        house = ReleaseHouse()
        house.rotate(min_schema=4)
        report = ask(house.release(CACHE), policy=house.policy)
        local = replace(ReleaseHouse().policy, min_schema=4)

        assert failed(report) == ["schema"]
        assert failed(ask(ReleaseHouse().release(CACHE), policy=local)) == ["schema"]

    def test_ratchet(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A channel that had schema 4 does not go back to 3; another channel may stay there.
        """
        state = after(house, house.release(CACHE, schema=4))

        assert failed(ask(house.release(CACHE), state=state)) == ["schema"]
        assert ask(house.release(CACHE, channel="beta"), state=state)

    @pytest.mark.parametrize(
        "demand",
        [{"log": True}, {"witnesses": 2}, {"provenance": True}, {"post_quantum": "require"}],
        ids=str,
    )
    def test_what_this_version_cannot_check_is_refused(
        self, ask: Ask, demand: dict[str, Any]
    ) -> None:
        """
        A root that asks for a proof which nothing here can check is not half obeyed.
        """
        house = ReleaseHouse(requirements={3: Requirement(2, expiry=True, **demand)})
        report = ask(house.release(CACHE), policy=house.policy)

        assert failed(report) == [next(iter(demand)).replace("_", "-")]

    def test_no_row(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Later schemas are asked what the last row asks.
        """
        report = ask(house.release(CACHE, by=["alice"], schema=9))

        assert failed(report) == ["threshold"]

    def test_a_higher_row_asks_for_more(self, ask: Ask) -> None:
        """
        The row of the manifest's schema decides, not the role's threshold alone.
        """
        rows = {3: Requirement(2), 4: Requirement(3, expiry=True, lifetime_days=30)}
        house = ReleaseHouse(requirements=rows)

        assert ask(house.release(CACHE), policy=house.policy)
        report = ask(house.release(CACHE, schema=4), policy=house.policy)
        assert failed(report) == ["threshold", "lifetime"]
        good = house.release(CACHE, schema=4, by=["alice", "bob", "carol"], days=30)
        assert ask(good, policy=house.policy)


class TestTimes:
    """When it holds."""

    def test_expired(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        At the moment of expiry it no longer holds, and one second before it does.
        """
        release = house.release(CACHE, days=10)
        house.wait(days=10)

        assert failed(ask(release)) == ["expiry"]
        assert ask(release).exit_code == 3
        assert ask(release, now=house.now - timedelta(seconds=1))

    def test_expired_and_forged_is_not_stale(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Exit code 3 says that there is nothing wrong but age.
        """
        release = house.release(CACHE, days=10, by=["alice"])
        house.wait(days=10)
        report = ask(release)

        assert failed(report) == ["threshold", "expiry"]
        assert report.exit_code == 1

    def test_no_expiry_where_one_is_due(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A release for ever is refused, and that is no matter of age.
        """
        release = house.release(CACHE)
        forever = replace(release.statement.validity, expires_at=None)
        report = ask(release, bundle=resigned(release, validity=forever))

        assert failed(report) == ["lifetime"]
        assert report.exit_code == 1

    def test_no_expiry_where_none_is_due(self, ask: Ask) -> None:
        """
        Where the root does not ask for it, a release may hold for ever.
        """
        house = ReleaseHouse(requirements={3: Requirement(2)})
        release = house.release(CACHE)
        forever = replace(release.statement.validity, expires_at=None)

        assert ask(release, bundle=resigned(release, validity=forever), policy=house.policy)

    def test_too_long(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        It holds no longer than its schema allows, to the second.
        """
        assert failed(ask(house.release(CACHE, days=90 + 1 / 86_400))) == ["lifetime"]
        assert ask(house.release(CACHE, days=90))

    @pytest.mark.parametrize(("seconds", "good"), [(300, True), (301, False)])
    def test_issued_in_the_future(
        self, house: ReleaseHouse, ask: Ask, seconds: int, good: bool
    ) -> None:
        """
        Clocks may differ by five minutes; beyond that somebody is wrong.
        """
        release = house.release(CACHE, days=1, issued_at=house.now + timedelta(seconds=seconds))

        assert failed(ask(release)) == ([] if good else ["issued", "not-before"])

    def test_a_policy_may_ask_for_better_clocks(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        `skew_seconds` makes the difference smaller.
        """
        policy = replace(house.policy, skew=timedelta(seconds=10))
        release = house.release(CACHE, days=1, issued_at=house.now + timedelta(seconds=11))

        assert failed(ask(release, policy=policy)) == ["issued", "not-before"]

    def test_too_early(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A release for next week is not in force today.
        """
        release = house.release(CACHE)
        later = replace(release.statement.validity, not_before=house.now + timedelta(days=7))
        report = ask(release, bundle=resigned(release, validity=later))

        assert failed(report) == ["not-before"]

    @pytest.mark.parametrize(
        "times",
        [
            {"expires_at": datetime(2025, 1, 1, tzinfo=UTC)},
            {"not_before": datetime(2025, 1, 1, tzinfo=UTC)},
            {"not_before": datetime(2029, 1, 1, tzinfo=UTC)},
        ],
        ids=["expiry before issue", "holds before issue", "expires before it holds"],
    )
    def test_times_that_contradict(
        self, house: ReleaseHouse, ask: Ask, times: dict[str, datetime]
    ) -> None:
        """
        A statement whose times contradict each other is none, whoever signed it.
        """
        release = house.release(CACHE)
        odd = replace(release.statement.validity, **times)

        assert "statement" in failed(ask(release, bundle=resigned(release, validity=odd)))

    @pytest.mark.parametrize(
        "spelled",
        [
            *("2026-01-01T00:00:00", "2026-01-01T00:00:00+00:00", "2026-01-01 00:00:00Z"),
            *("2026-01-01T00:00:00.5Z", "2026-02-30T00:00:00Z", 1767225600, None),
        ],
    )
    def test_other_spellings_of_time(self, house: ReleaseHouse, ask: Ask, spelled: Any) -> None:
        """
        Naive times, offsets, fractions and numbers are refused.
        """
        release = house.release(CACHE)
        tree = json.loads(release.statement.payload())
        tree["predicate"]["issued_at"] = spelled
        envelope = replace(release.bundle.envelope, payload=canonical.encode(tree), signatures=())
        envelope = envelope.signed_by(*(house.signers[name] for name in ("alice", "bob")))

        assert "statement" in failed(
            ask(release, bundle=replace(release.bundle, envelope=envelope))
        )

    def test_what_ends_soon_is_warned_of(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A week before a release ends, and a month before a root does, a report that holds warns.
        """
        release = house.release(CACHE)
        assert ask(release).warnings == ()
        house.wait(days=84)
        house.renew(days=200)
        report = ask(release, bundle=house.bundle(release.statement, ["alice", "bob"]))

        assert report.ok
        assert report.warnings == (
            "release 1 of shop stable expires in 6 days, at 2026-04-01T00:00:00Z",
        )
        assert report.warnings[0] in report.to_text(width=120)
        house.wait(days=255)
        house.renew(days=200)
        soon = ask(house.release(CACHE)).as_dict()["warnings"]
        assert soon == ["root 1 of shop expires in 26 days, at 2027-01-01T00:00:00Z"]

    def test_a_clock_that_was_set_back(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        What has expired does not hold again because the clock says yesterday.
        """
        old = house.release(CACHE, days=1)
        house.wait(days=2)
        state = after(house, house.release(CACHE))
        report = ask(old, state=state, now=house.now - timedelta(days=2))

        assert "clock" in failed(report)
        assert report.exit_code == 1

    def test_a_clock_that_jumps_a_little(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Within the allowed difference a clock may go back.
        """
        release = house.release(CACHE)
        house.wait(seconds=299)
        state = after(house, release)

        assert ask(release, state=state, now=house.now - timedelta(seconds=299))


class TestOrder:
    """Releases go forward."""

    def test_an_older_release(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A lower version is refused, though it is signed and has not expired.
        """
        one, two = house.release(CACHE), house.release(CACHE)

        assert failed(ask(one, state=after(house, two))) == ["rollback"]

    def test_the_same_release_again(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        What is trusted is still trusted.
        """
        release = house.release(CACHE)

        assert ask(release, state=after(house, release))

    def test_two_releases_of_one_version(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Two signed manifests in one place are kept as evidence.
        """
        one = house.release(CACHE, version=1)
        two = house.release({"adapter:cache": "evil"}, version=1)
        report = ask(two, state=after(house, one))

        assert failed(report) == ["equivocation"]
        (both,) = report.equivocations
        assert both.kind == "release"
        assert both.place == "shop/stable 1.1"
        assert (both.first, both.second) == (one.bundle.envelope, two.bundle.envelope)
        assert "two stories: release shop/stable 1.1" in str(both)

    def test_a_forgery_of_one_version_is_no_evidence(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        What the threshold has not signed accuses nobody.
        """
        one = house.release(CACHE, version=1)
        two = house.release({"adapter:cache": "evil"}, version=1, by=["alice"])
        report = ask(two, state=after(house, one))

        assert failed(report) == ["threshold", "equivocation"]
        assert report.equivocations == ()

    def test_a_release_that_follows_another_history(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A release whose predecessor is another one than was trusted shows two histories.
        """
        state = after(house, house.release(CACHE))
        report = ask(house.release(CACHE, previous=Previous(1, "0" * 64)), state=state)

        assert failed(report) == ["equivocation"]
        assert [two.kind for two in report.equivocations] == ["release"]

    def test_releases_that_were_not_seen(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A client may miss versions.
        """
        state = after(house, house.release(CACHE))
        house.release(CACHE)

        assert ask(house.release(CACHE), state=state)

    def test_channels_have_an_order_each(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Version 9 of one channel says nothing about another.
        """
        state = after(house, house.release(CACHE, version=9, channel="beta"))

        assert ask(house.release(CACHE), state=state)

    def test_a_new_epoch_is_the_way_out(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        After a release with the highest of numbers, a root of a new epoch begins anew.
        """
        state = after(house, house.release(CACHE, version=2**53 - 1))
        stuck = ask(house.release(CACHE, version=2), state=state)
        house.rotate(epoch=2)
        fresh = house.release(CACHE)
        back = house.releases[0]

        assert failed(stuck) == ["rollback"]
        report = ask(fresh, state=state)
        assert report.ok
        assert failed(
            ask(
                back,
                bundle=replace(
                    back.bundle, roots=fresh.bundle.roots, revocations=fresh.bundle.revocations
                ),
                state=advance(state, report),
            )
        ) == ["epoch", "rollback"]

    def test_a_release_of_another_epoch(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A statement for an epoch that is not the root's is refused in both directions.
        """
        release = house.release(CACHE)

        assert failed(ask(release, bundle=resigned(release, epoch=2))) == ["epoch"]


class TestRevocation:
    """Keys that no longer count."""

    def test_a_revoked_key(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Its signature no longer counts, whatever it says of its own time.
        """
        house.revoke("bob", invalid_from=house.now + timedelta(days=-1))
        old = house.release(CACHE, issued_at=house.now - timedelta(days=2))
        report = ask(old)

        assert failed(report) == ["threshold"]
        assert {v.signer: v.state for v in report.signatures} == {"alice": "good", "bob": "revoked"}
        with pytest.raises(RevokedKeyError, match="nothing from outside proves"):
            report.raise_for_failure()

    @pytest.mark.parametrize(("hours", "good"), [(-1, True), (0, False), (1, False)])
    def test_evidence_from_outside(
        self, house: ReleaseHouse, ask: Ask, hours: int, good: bool
    ) -> None:
        """
        A signature that somebody else saw before the doubts began still counts.
        """
        begin = house.now + timedelta(days=3)
        release = house.release(CACHE)
        house.wait(days=5)
        house.revoke("bob", invalid_from=begin)
        bundle = house.bundle(release.statement, ["alice", "bob"])
        seen = {s.sig: begin + timedelta(hours=hours) for s in bundle.envelope.signatures}

        class Log:
            """Somebody who saw the signatures at some time."""

            def existed_at(self, keyid: str, signature: bytes) -> datetime | None:
                return seen.get(signature)

        assert failed(ask(release, bundle=bundle, evidence=[Log()])) == (
            [] if good else ["threshold"]
        )

    def test_a_stale_list(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A list whose successor is overdue is one that somebody may hold back.
        """
        house.wait(days=29)
        release = house.release(CACHE)
        assert ask(release)
        house.wait(days=1)

        assert failed(ask(release)) == ["revocations-age"]
        assert ask(release).exit_code == 3

    def test_a_withheld_list(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A bundle without the list is refused where the root says who publishes one.
        """
        release = house.release(CACHE)
        report = ask(release, bundle=replace(release.bundle, revocations=None))

        assert failed(report) == ["revocations"]

    def test_a_root_without_the_role(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Where nobody may revoke, no list is due.
        """
        roles = {k: v for k, v in house.root.roles.items() if k != "revocation"}
        house.rotate(roles=roles)
        release = house.release(CACHE)
        report = ask(release, bundle=replace(release.bundle, revocations=None))

        assert report.ok
        assert report.check("revocations").state == "skipped"

    def test_a_lower_number(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        The list before the one that is known does not return.
        """
        first = house.revocations
        house.renew()
        state = after(house, house.release(CACHE))
        house.revocations = first

        assert failed(ask(house.release(CACHE), state=state)) == ["revocations-order"]

    def test_two_lists_of_one_number(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Two signed lists with one number are kept as evidence.
        """
        first = house.revocations
        house.revoke("bob")
        state = after(house, house.release(CACHE, by=["alice", "carol"]))
        house.revocations = first
        house.revoke("carol", by=["alice", "bob"])
        report = ask(house.release(CACHE, by=["alice", "bob"]), state=state)

        assert "revocations" in failed(report)

    def test_two_lists_of_one_number_by_good_keys(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        The evidence holds both lists.
        """
        first = house.revocations
        house.renew(days=10)
        state = after(house, house.release(CACHE))
        house.revocations = first
        house.renew(days=20)
        report = ask(house.release(CACHE), state=state)

        assert failed(report) == ["revocations-order"]
        assert [two.kind for two in report.equivocations] == ["revocations"]

    @pytest.mark.parametrize("later", [True, False], ids=["omission", "a later time"])
    def test_nothing_is_taken_back(self, house: ReleaseHouse, ask: Ask, later: bool) -> None:
        """
        A higher list that leaves a key out, or doubts it only from later on, is refused.
        """
        first = house.revocations
        house.revoke("bob", invalid_from=house.now - timedelta(days=5))
        state = after(house, house.release(CACHE, by=["alice", "carol"]))
        house.revocations = replace(first, number=2)
        if later:
            house.revoke("bob", invalid_from=house.now - timedelta(days=4))
        else:
            house.renew(by=["alice", "carol"])
        report = ask(house.release(CACHE, by=["alice", "carol"]), state=state)

        assert failed(report) == ["revocations-order"]
        assert "takes something back" in report.check("revocations-order").message

    def test_a_list_that_takes_back_frees_nobody(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        The remembered list still counts beside the one that leaves a key out.
        """
        first = house.revocations
        house.revoke("bob")
        state = after(house, house.release(CACHE, by=["alice", "carol"]))
        house.revocations = replace(first, number=2)
        house.renew(by=["alice", "carol"])
        report = ask(house.release(CACHE), state=state)

        assert "threshold" in failed(report)

    @pytest.mark.parametrize(
        "by", [["alice"], ["bob", "alice"], ["bob"]], ids=["one", "one and itself", "itself"]
    )
    def test_a_list_by_the_key_that_it_revokes(
        self, house: ReleaseHouse, ask: Ask, by: list[str]
    ) -> None:
        """
        A revoked key signs no list, not even the one that revokes it.
        """
        house.revoke("bob", by=by)

        assert failed(ask(house.release(CACHE, by=["alice", "carol"]))) == ["revocations"]

    def test_a_list_by_keys_that_were_revoked_before(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Who was revoked cannot clear himself by the next list.
        """
        house.revoke("bob")
        state = after(house, house.release(CACHE, by=["alice", "carol"]))
        house.renew(by=["alice", "bob"])

        assert failed(ask(house.release(CACHE, by=["alice", "carol"]), state=state)) == [
            "revocations"
        ]

    def test_a_list_by_another_role(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Who releases does not revoke, unless the root says so.
        """
        rita, rolf = ReleaseHouse.signer("rita"), ReleaseHouse.signer("rolf")
        keys = dict(house.root.signers) | {"rita": (rita.public_key,), "rolf": (rolf.public_key,)}
        roles = dict(house.root.roles) | {"revocation": Role({"rita": ("*",), "rolf": ("*",)}, 2)}
        house.rotate(signers=keys, roles=roles)
        house.signers |= {"rita": rita, "rolf": rolf}
        house.renew(by=["alice", "bob"])

        assert failed(ask(house.release(CACHE))) == ["revocations"]
        house.renew(by=["rita", "rolf"])
        assert ask(house.release(CACHE))

    def test_what_is_no_list(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Something else in the place of the list is refused, whoever signed it.
        """
        release = house.release(CACHE)
        bundle = replace(release.bundle, revocations=house.root.envelope)

        assert failed(ask(release, bundle=bundle)) == ["revocations"]

    def test_a_list_of_another_project(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        The same people's list for another project is not this one's.
        """
        house.revocations = ReleaseHouse(project="bank").revocations

        assert failed(ask(house.release(CACHE))) == ["revocations"]

    def test_a_list_of_another_epoch(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A list from before a recovery is not one of after it.
        """
        before = house.revocations
        house.rotate(epoch=2)
        house.revocations = before

        assert failed(ask(house.release(CACHE))) == ["revocations"]

    def test_a_list_from_the_future(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A list that was issued tomorrow is not taken today.
        """
        house.wait(days=1)
        house.renew()
        house.wait(days=-1)

        assert failed(ask(house.release(CACHE))) == ["revocations"]

    def test_numbers_begin_anew_in_a_new_epoch(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        Who signed the highest of numbers does not lock the house for ever.
        """
        house.revocations = replace(house.revocations, number=2**53 - 2)
        house.renew()
        state = after(house, house.release(CACHE))
        house.rotate(epoch=2)

        assert house.revocations.number == 1
        assert ask(house.release(CACHE), state=state)


class TestPolicy:
    """What this place asks for beyond the root."""

    def test_more_signers(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A policy may ask for more signers than the root.
        """
        policy = replace(house.policy, requirements={3: {"threshold": 3}})

        assert failed(ask(house.release(CACHE), policy=policy)) == ["threshold"]
        assert ask(house.release(CACHE, by=["alice", "bob", "carol"]), policy=policy)

    def test_the_role_asks_as_well_as_the_row(self, ask: Ask) -> None:
        """
        A row that asks for fewer signers than the role is no way around the role.
        """
        house = ReleaseHouse(threshold=3, requirements={3: Requirement(1)})

        assert failed(ask(house.release(CACHE), policy=house.policy)) == ["threshold"]

    def test_fewer_signers(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A policy that asks for fewer is refused at its line, and nothing is loosened.
        """
        text = f'root = "sha256:{house.root.sha256}"\n[requirements.3]\nthreshold = 1\n'
        policy = Policy.parse(text)
        report = ask(house.release(CACHE, by=["alice"]), policy=policy)

        assert failed(report) == ["policy", "threshold"]
        assert "trust.toml:3:13" in report.check("policy").message


class TestBundleForms:
    """Bytes that are no bundle."""

    @pytest.mark.parametrize(
        "data", [b"", b"{}", b"[]", b"null", b"\x00", b'{"type":1}', b"[" * 99]
    )
    def test_other_bytes(self, house: ReleaseHouse, ask: Ask, data: bytes) -> None:
        """
        Whatever is handed in, the answer is a report.
        """
        report = ask(house.release(CACHE), bundle=data)

        assert failed(report)[0] == "bundle"

    def test_an_unsigned_release(self, house: ReleaseHouse, ask: Ask) -> None:
        """
        A proposal that nobody has signed is no release.
        """
        manifest = house.manifest(CACHE, version=1)
        statement = make_statement(
            manifest, epoch=1, issued_at=house.now, expires_at=house.now + timedelta(days=1)
        )
        bundle = make_bundle(
            sign_statement(statement), roots=house.roots, revocations=house.revocations
        )
        release = HouseRelease(manifest, bundle, statement)

        assert failed(ask(release)) == ["threshold"]
        assert "nobody" in ask(release).check("threshold").message
