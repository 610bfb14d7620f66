"""The ceremony: what goes out, what comes back, and what is refused on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab import canonical
from oneiric_lab.errors import (
    DocumentRefusedError,
    OneiricError,
    RevokedKeyError,
    StaleError,
    ThresholdError,
    UnknownKeyError,
    UntrustedError,
)
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import (
    FileSigner,
    Policy,
    Previous,
    Proposal,
    Requirement,
    Response,
    Signature,
    State,
    advance,
    assemble,
    check_proposal,
    cosign,
    make_bundle,
    propose,
    read_head,
    sign_release,
    verify,
    words,
)

if TYPE_CHECKING:
    from oneiric_lab.trust import Assembly, Signer

CACHE = {"adapter:cache": "redis"}
HOUSE = ReleaseHouse()


class Desk:
    """Who puts a release together, with a proposal of the house's manifest."""

    def __init__(self, house: ReleaseHouse, **options: Any) -> None:
        self.house = house
        self.manifest = house.manifest(CACHE, version=options.pop("version", 1))
        self.proposal = propose(self.manifest, root=house.root, now=house.now, **options)

    def answer(self, who: str | Signer) -> bytes:
        """Return the response of a signer."""
        signer = self.house.signers[who] if isinstance(who, str) else who
        return cosign(self.proposal, self.manifest, signer, now=self.house.now).response.encode()

    def forged(self, name: str, signer: Signer, **changes: Any) -> bytes:
        """Return the response of somebody whose own tool refuses nothing."""
        sig = signer.sign(self.proposal.envelope.signed)
        keyid = self.house.signers[name].public_key.keyid if name else signer.public_key.keyid
        made = Response(self.proposal.sha256, Signature(keyid, sig)).as_dict() | changes
        return canonical.encode(made)

    def assemble(self, *answers: bytes, **options: Any) -> Assembly:
        """Put *answers* together, each under its number."""
        named = {str(number): data for number, data in enumerate(answers)}
        return assemble(self.proposal, self.manifest, named, **({"now": self.house.now} | options))


@pytest.fixture
def desk(house: ReleaseHouse) -> Desk:
    """A proposal of the first release."""
    return Desk(house)


def states(assembly: Assembly) -> list[str]:
    """Return how each response stands."""
    return [answer.state for answer in assembly.answers]


class TestPropose:
    """What is frozen, and what would never be verified."""

    def test_times_are_those_that_the_root_allows(self, desk: Desk) -> None:
        """
        Where nobody says how long, it is as long as the root allows.
        """
        said = desk.proposal.statement

        assert said.validity.issued_at == desk.house.now
        assert said.validity.lifetime == timedelta(days=90)
        assert said.previous is None

    def test_ninety_days_where_the_root_sets_no_limit(self) -> None:
        """
        A root without a longest lifetime gets a release that ends all the same.
        """
        house = ReleaseHouse(requirements={3: Requirement(threshold=2)})

        assert Desk(house).proposal.statement.validity.lifetime == timedelta(days=90)
        assert Desk(house, expires=False).proposal.statement.validity.expires_at is None

    def test_it_comes_back_from_its_bytes(self, desk: Desk) -> None:
        """
        A proposal is its file, and a small one.
        """
        data = desk.proposal.encode()

        assert Proposal.parse(data) == desk.proposal
        assert len(data) < 6000
        assert canonical.decode(data)["type"] == "oneiric-proposal/v1"

    def test_digests_are_shown_as_words(self, desk: Desk) -> None:
        """
        Manifest and root can be compared aloud, in JSON as in the display.
        """
        shown = desk.proposal.as_dict()
        sha256 = desk.proposal.statement.sha256

        assert isinstance(manifest := shown["manifest"], dict)
        assert manifest["words"] == words(bytes.fromhex(sha256))
        assert manifest["words"] in str(desk.proposal)
        assert words(bytes.fromhex(desk.house.root.sha256)) in str(desk.proposal)
        assert "2 of alice, bob, carol" in str(desk.proposal)

    def test_it_follows_what_was_trusted_last(self, desk: Desk) -> None:
        """
        The state knows the release before; its digest goes into the statement.
        """
        state = published(desk)
        second = Desk(desk.house, version=2, state=state)

        assert second.proposal.statement.previous == Previous(1, desk.proposal.statement.sha256)

    def test_it_follows_what_is_given(self, house: ReleaseHouse) -> None:
        """
        Who has no state says which release comes before; the display says it too.
        """
        desk = Desk(house, version=2, previous=Previous(1, "a" * 64))

        assert desk.proposal.as_dict()["previous"] == {"version": 1, "sha256": "a" * 64}
        assert f"1, sha256:{'a' * 64}" in str(desk.proposal)

    def test_the_same_release_for_another_while(self, desk: Desk) -> None:
        """
        A release is renewed by proposing the same bytes again.
        """
        state = published(desk)
        desk.house.wait(days=80)
        again = Desk(desk.house, state=state)

        assert again.proposal.statement.sha256 == desk.proposal.statement.sha256
        assert again.proposal.statement.previous is None
        assert again.assemble(again.answer("alice"), again.answer("bob")).complete

    @pytest.mark.parametrize("options", [{"days": 91}, {"expires": False}])
    def test_times_that_the_root_does_not_allow(
        self, house: ReleaseHouse, options: dict[str, Any]
    ) -> None:
        """
        What nobody would verify is refused before anybody is asked to sign it.
        """
        with pytest.raises(UntrustedError) as caught:
            Desk(house, **options)

        assert [fault.code for fault in caught.value.faults] == ["lifetime"]

    def test_another_project(self, house: ReleaseHouse) -> None:
        """
        The manifest of one project is not proposed under the root of another.
        """
        manifest = house.manifest(CACHE, version=1, project="bank")

        with pytest.raises(UntrustedError) as caught:
            propose(manifest, root=house.root, now=house.now)
        assert caught.value.code == "project"

    def test_a_version_that_does_not_grow(self, desk: Desk) -> None:
        """
        A lower version than the last trusted one is no release.
        """
        state = published(Desk(desk.house, version=2))

        with pytest.raises(DocumentRefusedError, match="follows version 2"):
            Desk(desk.house, state=state)

    def test_an_old_root(self, house: ReleaseHouse) -> None:
        """
        A root that has expired is nothing but old, and says so.
        """
        house.wait(days=366)

        with pytest.raises(StaleError) as caught:
            Desk(house)
        assert caught.value.code == "root-expiry"

    def test_a_release_that_holds_later(self, house: ReleaseHouse) -> None:
        """
        Signatures are collected before the day from which it holds.
        """
        start = house.now + timedelta(days=7)
        desk = Desk(house, not_before=start)

        assert desk.assemble(desk.answer("alice"), desk.answer("bob")).complete
        assert "holds from  2026-01-08" in str(desk.proposal)


def published(desk: Desk) -> State:
    """Return the state of a client that has verified the release of *desk*."""
    done = desk.assemble(desk.answer("alice"), desk.answer("bob"))
    report = verify(
        make_bundle(done.envelope, roots=desk.house.roots, revocations=desk.house.revocations),
        desk.manifest,
        policy=desk.house.policy,
        state=State(),
        now=desk.house.now,
    )
    assert report.ok, report.failures
    return advance(State(), report)


class TestCheckProposal:
    """What a signer's machine finds before anything is signed."""

    def test_a_manifest_that_changed(self, desk: Desk) -> None:
        """
        Its bytes are hashed here; another digest is refused, with what to do.
        """
        other = desk.house.manifest({"adapter:cache": "evil!"}, version=1)

        with pytest.raises(UntrustedError) as caught:
            check_proposal(desk.proposal, other, now=desk.house.now)
        assert caught.value.code == "manifest-digest"
        assert "compare the words" in str(caught.value)

    def test_an_expired_one(self, desk: Desk) -> None:
        """
        Who comes after the end of the release signs nothing.
        """
        with pytest.raises(StaleError) as caught:
            check_proposal(desk.proposal, desk.manifest, now=desk.house.now + timedelta(days=91))
        assert caught.value.code == "expiry"
        assert "proposed anew" in str(caught.value)

    def test_the_root_of_somebody_else(self, desk: Desk) -> None:
        """
        A signer who trusts a root is not led to another by the proposal.
        """
        other = ReleaseHouse(signers=("mallory", "trent", "eve"))

        with pytest.raises(UntrustedError) as caught:
            check_proposal(desk.proposal, desk.manifest, now=desk.house.now, policy=other.policy)
        assert caught.value.code == "root-chain"

    def test_a_root_that_nobody_signed(self, house: ReleaseHouse) -> None:
        """
        The root in a proposal is at least one that its own signers have signed.
        """
        desk = Desk(house)
        bare = rooted(desk.proposal, signatures=[])

        with pytest.raises(UntrustedError) as caught:
            check_proposal(bare, desk.manifest, now=house.now)
        assert caught.value.code == "root-chain"

    def test_an_older_version_than_here(self, desk: Desk) -> None:
        """
        Who has trusted a later release is not asked back.
        """
        state = published(Desk(desk.house, version=2))

        with pytest.raises(UntrustedError) as caught:
            check_proposal(desk.proposal, desk.manifest, now=desk.house.now, state=state)
        assert caught.value.code == "rollback"

    def test_another_story_than_here(self, desk: Desk) -> None:
        """
        Who has trusted another release of that version is told that there are two.
        """
        other = Desk(desk.house, days=3)
        other.manifest = desk.house.manifest({"adapter:cache": "memory"}, version=1)
        other.proposal = propose(other.manifest, root=desk.house.root, now=desk.house.now)

        with pytest.raises(UntrustedError) as caught:
            check_proposal(desk.proposal, desk.manifest, now=desk.house.now, state=published(other))
        assert caught.value.code == "equivocation"

    def test_a_list_that_is_overdue(self, desk: Desk) -> None:
        """
        A revocation list that is given must be one; without one, none is asked for.
        """
        desk.house.wait(days=31)

        with pytest.raises(StaleError) as caught:
            check_proposal(
                desk.proposal,
                desk.manifest,
                now=desk.house.now,
                revocations=desk.house.revocations,
            )
        assert caught.value.code == "revocations-age"
        report = check_proposal(desk.proposal, desk.manifest, now=desk.house.now)
        assert report.check("manifest-digest").state == "passed"


def rooted(proposal: Proposal, **changes: Any) -> Proposal:
    """Return *proposal* with members of its root's envelope changed."""
    tree = json.loads(proposal.encode())
    tree["root"] |= changes
    return Proposal.parse(canonical.encode(tree))


class TestCosign:
    """What one signer does."""

    def test_a_response_is_small_and_comes_back(self, desk: Desk) -> None:
        """
        It names proposal and key, and has one signature of the statement.
        """
        signed = cosign(desk.proposal, desk.manifest, desk.house.signers["bob"], now=desk.house.now)
        data = signed.response.encode()

        assert len(data) < 400
        assert Response.parse(data) == signed.response
        assert signed.signer == "bob"
        assert signed.as_dict()["outside"] == []

    def test_it_shows_what_was_signed(self, desk: Desk) -> None:
        """
        Digest, words, times and root stand in the display, and in JSON.
        """
        signed = cosign(desk.proposal, desk.manifest, desk.house.signers["bob"], now=desk.house.now)

        assert words(bytes.fromhex(desk.proposal.statement.sha256)) in str(signed)
        assert signed.as_dict()["signed"] == desk.proposal.as_dict()
        assert repr(signed) == "<Cosigned: signed by bob: shop stable 1>"

    def test_it_says_what_to_send(self, desk: Desk) -> None:
        """
        A response that was written is named.
        """
        signed = cosign(desk.proposal, desk.manifest, desk.house.signers["bob"], now=desk.house.now)

        assert "send bob.json" in str(replace(signed, file="bob.json"))

    def test_a_key_that_is_nobodys(self, desk: Desk) -> None:
        """
        Who is not named by the root for releases signs nothing.
        """
        with pytest.raises(UnknownKeyError):
            cosign(desk.proposal, desk.manifest, FileSigner.generate(), now=desk.house.now)

    def test_a_scope_that_covers_nothing(self) -> None:
        """
        A signature that could count for no component is not made.
        """
        house = ReleaseHouse(scopes={"bob": ["service:*"]})
        desk = Desk(house)

        with pytest.raises(UntrustedError) as caught:
            cosign(desk.proposal, desk.manifest, house.signers["bob"], now=house.now)
        assert caught.value.code == "scope"

    def test_a_scope_that_covers_a_part(self) -> None:
        """
        It is signed, and told what others must sign for.
        """
        house = ReleaseHouse(scopes={"bob": ["adapter:*"]})
        manifest = house.manifest({"adapter:cache": "redis", "service:mail": "smtp"}, version=1)
        proposal = propose(manifest, root=house.root, now=house.now)

        signed = cosign(proposal, manifest, house.signers["bob"], now=house.now)

        assert signed.outside == ("service:mail",)
        assert "not within the scope of bob: service:mail" in str(signed)

    def test_a_revoked_key(self, desk: Desk) -> None:
        """
        A signer whose key was revoked is told before he signs.
        """
        revocations = desk.house.revoke("bob")

        with pytest.raises(RevokedKeyError):
            cosign(
                desk.proposal,
                desk.manifest,
                desk.house.signers["bob"],
                now=desk.house.now,
                revocations=revocations,
            )

    def test_nothing_is_signed_before_all_is_checked(self, desk: Desk) -> None:
        """
        A signer, which may be a token with a button, is not even touched.
        """

        class Touchy:
            public_key = desk.house.signers["bob"].public_key

            def sign(self, data: bytes) -> bytes:
                raise AssertionError(data)

        with pytest.raises(UntrustedError):
            cosign(desk.proposal, desk.manifest + b" ", Touchy(), now=desk.house.now)


class TestAssemble:
    """What counts, what does not, and why."""

    def test_two_of_three_on_two_days(self, desk: Desk) -> None:
        """
        What is lacking is told; the envelope takes the next response on another day.
        """
        first = desk.assemble(desk.answer("carol"))
        desk.house.wait(days=2)
        second = desk.assemble(desk.answer("alice"), envelope=first.envelope)

        assert (first.complete, first.signers, first.exit_code) == (False, ("carol",), 1)
        assert first.waiting == ("alice", "bob")
        assert "1 of 3 signers: carol; 2 are needed" in first.missing
        assert (second.complete, second.signers, second.exit_code) == (True, ("alice", "carol"), 0)
        assert "could sign" in str(second)

    def test_a_display_for_each_stage(self, desk: Desk) -> None:
        """
        Nobody yet, some, all: each says who has signed, and who could.
        """
        nobody = desk.assemble()
        everybody = desk.assemble(*map(desk.answer, ("alice", "bob", "carol")))

        assert "nobody yet" in str(nobody)
        assert repr(nobody) == "<Assembly: shop stable 1: 0 of 2 signers>"
        assert "could sign" not in str(everybody)
        assert "x.json" in str(replace(everybody, file="x.json"))
        assert repr(everybody) == "<Assembly: shop stable 1: complete, signed by alice, bob, carol>"

    def test_what_comes_out_is_verified(self, desk: Desk) -> None:
        """
        The envelope, with root and list, is a release for a client that knows nothing.
        """
        assert published(desk).channels["stable"].statement.sha256 == (
            desk.proposal.statement.sha256
        )

    def test_the_order_of_responses_does_not_count(self, desk: Desk) -> None:
        """
        The same responses give the same bytes.
        """
        one, two = desk.answer("alice"), desk.answer("bob")

        assert (
            desk.assemble(one, two).envelope.encode() == desk.assemble(two, one).envelope.encode()
        )

    def test_the_same_response_again_is_no_fault(self, desk: Desk) -> None:
        """
        A file that was counted on another day may be given again.
        """
        one = desk.answer("alice")
        done = desk.assemble(one, envelope=desk.assemble(one).envelope)

        assert states(done) == ["known"]
        assert done.signers == ("alice",)

    def test_two_responses_of_one_signer(self) -> None:
        """
        A second key makes no second signer.
        """
        house, second = ReleaseHouse(), FileSigner.from_seed(bytes(32))
        signers = dict(house.root.signers)
        signers["alice"] = (*signers["alice"], second.public_key)
        house.rotate(signers=signers)
        desk = Desk(house)

        done = desk.assemble(desk.answer("alice"), desk.answer(second))

        assert states(done) == ["counted", "refused"]
        assert done.answers[1].why.startswith("duplicate: alice")
        assert not done.complete

    def test_a_key_that_is_not_of_the_role(self, desk: Desk) -> None:
        """
        A good signature by a stranger is refused as foreign.
        """
        done = desk.assemble(desk.forged("", FileSigner.generate()), desk.answer("bob"))

        assert states(done) == ["refused", "counted"]
        assert done.answers[0].why.startswith("foreign: the root names no key")
        assert done.answers[0].signer is None

    def test_a_signature_by_another_key(self, desk: Desk) -> None:
        """
        Who writes another's name on his signature is found out, and does not block him.
        """
        forged = desk.forged("alice", desk.house.signers["bob"])
        done = desk.assemble(forged, desk.answer("alice"))

        assert states(done) == ["refused", "counted"]
        assert done.answers[0].why.startswith("edited: ")
        assert done.signers == ("alice",)

    def test_a_response_for_another_proposal(self, desk: Desk) -> None:
        """
        It names what it answers.
        """
        other = Desk(desk.house, days=30)
        done = desk.assemble(other.answer("alice"), desk.answer("bob"))

        assert states(done) == ["refused", "counted"]
        assert done.answers[0].why.startswith("foreign: it answers proposal")
        assert done.answers[0].signer == "alice"

    def test_a_response_that_names_this_proposal_and_signed_another(self, desk: Desk) -> None:
        """
        The name of the proposal can be edited, what was signed cannot.
        """
        other = json.loads(Desk(desk.house, days=30).answer("alice"))
        other["proposal"] = desk.proposal.sha256
        done = desk.assemble(canonical.encode(other))

        assert states(done) == ["refused"]
        assert done.answers[0].why.startswith("edited: ")

    def test_an_edited_proposal(self, desk: Desk) -> None:
        """
        Responses to a proposal do not answer the one that somebody made of it.
        """
        answers = desk.answer("alice"), desk.answer("bob")
        desk.proposal = Desk(desk.house, days=89).proposal

        done = desk.assemble(*answers)

        assert states(done) == ["refused", "refused"]
        assert not done.envelope.signatures

    def test_a_scope_that_covers_nothing(self) -> None:
        """
        Whatever his own tool let him sign, it does not count.
        """
        house = ReleaseHouse(scopes={"bob": ["service:*"]})
        desk = Desk(house)
        done = desk.assemble(desk.forged("", house.signers["bob"]), desk.answer("alice"))

        assert states(done) == ["refused", "counted"]
        assert done.answers[0].why.startswith("out of scope: bob")

    def test_enough_signers_and_a_component_that_too_few_cover(self) -> None:
        """
        It is not complete before each component has its signers.
        """
        house = ReleaseHouse(scopes={"bob": ["adapter:*"]})
        desk = Desk(house)
        desk.manifest = house.manifest(
            {"adapter:cache": "redis", "service:mail": "smtp"}, version=1
        )
        desk.proposal = propose(desk.manifest, root=house.root, now=house.now)

        two = desk.assemble(desk.answer("alice"), desk.answer("bob"))
        three = desk.assemble(desk.answer("carol"), envelope=two.envelope)

        assert not two.complete
        assert "service:mail" in two.missing
        assert three.complete

    def test_a_revoked_key(self, desk: Desk) -> None:
        """
        The list counts from the day on which it is given.
        """
        answers = desk.answer("bob"), desk.answer("alice")
        done = desk.assemble(*answers, revocations=desk.house.revoke("bob"))

        assert states(done) == ["refused", "counted"]
        assert done.answers[0].why.startswith("revoked: ")

    def test_after_the_end(self, desk: Desk) -> None:
        """
        Every response is too late.
        """
        with pytest.raises(StaleError) as caught:
            desk.assemble(desk.answer("alice"), now=desk.house.now + timedelta(days=90))
        assert caught.value.exit_code == 3

    def test_a_manifest_that_changed_since(self, desk: Desk) -> None:
        """
        Signatures of one manifest are not put beside another.
        """
        answer = desk.answer("alice")
        desk.manifest = desk.house.manifest({"adapter:cache": "other"}, version=1)

        with pytest.raises(UntrustedError) as caught:
            desk.assemble(answer)
        assert caught.value.code == "manifest-digest"

    def test_an_envelope_of_another_release(self, desk: Desk) -> None:
        """
        What was put together before must be of this proposal.
        """
        other = Desk(desk.house, days=30)

        with pytest.raises(UntrustedError) as caught:
            desk.assemble(envelope=other.assemble(other.answer("alice")).envelope)
        assert caught.value.code == "foreign-envelope"

    def test_the_root_was_rotated_since(self, desk: Desk) -> None:
        """
        The signers of the newest root that is trusted here count.
        """
        new = FileSigner.from_seed(b"n" * 32)
        signers = dict(desk.house.root.signers) | {"bob": (new.public_key,)}
        answers = desk.answer("alice"), desk.answer("bob")
        root = desk.house.rotate(signers=signers, by=("alice", "carol"))

        done = desk.assemble(*answers, policy=Policy().with_root(root))

        assert states(done) == ["counted", "refused"]

    def test_a_stricter_policy(self, desk: Desk) -> None:
        """
        A local policy that asks for three is not content with two.
        """
        policy = Policy.parse(
            f'root = "sha256:{desk.house.root.sha256}"\n[requirements.3]\nthreshold = 3\n'
        )
        done = desk.assemble(desk.answer("alice"), desk.answer("bob"), policy=policy)

        assert (done.needed, done.complete) == (3, False)

    def test_every_byte_of_a_response(self, desk: Desk) -> None:
        """
        A response with one byte changed never counts.
        """
        good = desk.answer("alice")
        changed = [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in range(len(good))]

        assert set(states(desk.assemble(*changed))) == {"refused"}

    def test_every_byte_of_a_proposal(self, desk: Desk) -> None:
        """
        A proposal with one byte changed is no proposal, or one that responses do not answer.
        """
        good, answers = desk.proposal.encode(), (desk.answer("alice"), desk.answer("bob"))
        for at in range(0, len(good), 7):
            try:
                desk.proposal = Proposal.parse(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
                assert not desk.assemble(*answers).signers
            except OneiricError:
                continue

    @pytest.mark.parametrize(
        "data", [b"", b"{}", b"null", b"\xff", b"[" * 100, b'{"type":"oneiric-response/v2"}']
    )
    def test_what_is_no_response(self, desk: Desk, data: bytes) -> None:
        """
        Anything may lie in the folder.
        """
        done = desk.assemble(data, desk.answer("alice"))

        assert states(done) == ["refused", "counted"]
        assert done.as_dict()["answers"]


class TestThreshold:
    """What holds for whatever lies in the folder of the one who assembles."""

    @given(st.data())
    def test_never_complete_with_fewer_distinct_signers(self, data: st.DataObject) -> None:
        """
        However responses are repeated, forged and mixed over days, k signers are k people.
        """
        house, stranger = HOUSE, FileSigner.from_seed(b"s" * 32)
        desk, other = Desk(house), Desk(house, days=30)
        pool: list[tuple[str | None, bytes]] = []
        for name in house.signers:
            pool.append((name, desk.answer(name)))
            pool.append((None, other.answer(name)))
            pool.append((None, desk.forged(name, stranger)))
            pool.append((None, desk.forged(name, house.signers[name], proposal="0" * 64)))
        pool.append((None, desk.forged("", stranger)))
        days = data.draw(st.lists(st.lists(st.sampled_from(pool), max_size=5), max_size=3))

        envelope = None
        for day in days:
            done = desk.assemble(*(answer for _, answer in day), envelope=envelope)
            envelope = done.envelope
        done = desk.assemble(envelope=envelope)

        honest = {name for day in days for name, _ in day if name is not None}
        assert set(done.signers) == honest
        assert done.complete == (len(honest) >= 2)

    def test_a_root_was_rotated_before_the_proposal(self, house: ReleaseHouse) -> None:
        """
        Who trusts root 1 follows the proposal to root 2, which the signers of root 1 have signed.
        """
        first = house.root
        house.rotate()
        desk = Desk(house)

        signed = cosign(
            desk.proposal,
            desk.manifest,
            house.signers["bob"],
            now=house.now,
            policy=Policy().with_root(first),
        )
        assert signed.signer == "bob"

    def test_a_pin_alone(self, desk: Desk) -> None:
        """
        The digest of the root is enough to know the one in the proposal.
        """
        report = check_proposal(
            desk.proposal,
            desk.manifest,
            now=desk.house.now,
            policy=Policy(pin=desk.house.root.sha256),
        )
        assert report.check("root-anchor").state == "passed"
        with pytest.raises(UntrustedError) as caught:
            check_proposal(
                desk.proposal, desk.manifest, now=desk.house.now, policy=Policy(pin="0" * 64)
            )
        assert caught.value.code == "root-anchor"


class TestProposal:
    """Files that are none."""

    def test_one_that_is_signed(self, desk: Desk) -> None:
        """
        Signatures come by responses, so that each is judged.
        """
        tree = json.loads(desk.proposal.encode())
        tree["envelope"]["signatures"] = [{"keyid": "0" * 64, "sig": "AAAA"}]

        with pytest.raises(DocumentRefusedError, match="signed already"):
            Proposal.parse(canonical.encode(tree))

    def test_one_without_a_statement(self, desk: Desk) -> None:
        """
        A root in the place of the statement is no proposal.
        """
        tree = json.loads(desk.proposal.encode())
        tree["envelope"] = tree["root"] | {"signatures": []}

        with pytest.raises(DocumentRefusedError, match="envelope of application"):
            Proposal.parse(canonical.encode(tree))

    def test_a_schema_that_the_root_has_no_row_for(self, desk: Desk) -> None:
        """
        It shows the threshold of the role; checking it refuses it.
        """
        root = desk.house.rotate(requirements={4: Requirement(threshold=3)}, min_schema=4)
        shown = Proposal(desk.proposal.envelope, root)

        assert shown.needed == 2
        with pytest.raises(UntrustedError) as caught:
            check_proposal(shown, desk.manifest, now=desk.house.now)
        assert caught.value.code == "schema"


class TestSignRelease:
    """One signer, where one is enough."""

    def test_all_in_one(self) -> None:
        """
        What comes out is complete.
        """
        house = ReleaseHouse(signers=("alice",), threshold=1)
        manifest = house.manifest(CACHE, version=1)
        done = sign_release(manifest, house.signers["alice"], root=house.root, now=house.now)

        assert done.complete
        assert verify(
            make_bundle(done.envelope, roots=house.roots, revocations=house.revocations),
            manifest,
            policy=house.policy,
            state=State(),
            now=house.now,
        )

    def test_where_two_are_needed(self, house: ReleaseHouse) -> None:
        """
        It says how two sign, and signs nothing.
        """
        manifest = house.manifest(CACHE, version=1)

        with pytest.raises(ThresholdError, match="manifest propose"):
            sign_release(manifest, house.signers["alice"], root=house.root, now=house.now)


def test_a_manifest_goes_through_the_gate_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Who signs alone proposes, signs and assembles; what was read of the manifest serves them all.
    """
    house = ReleaseHouse(threshold=1)
    manifest = house.manifest({"adapter:cache": "redis"}, version=1)
    read: list[bytes] = []

    def counted(data: bytes, **limits: Any) -> Any:
        read.append(data)
        return read_head(data, **limits)

    monkeypatch.setattr("oneiric_lab.trust._desk.read_head", counted)
    monkeypatch.setattr("oneiric_lab.trust._verify.read_head", counted)
    done = sign_release(manifest, house.signers["alice"], root=house.root, now=house.now)

    assert done.complete
    assert read == [manifest]
