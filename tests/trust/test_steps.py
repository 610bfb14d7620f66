"""The next root: what its signers see, who must sign, and chains that do not hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import UnknownKeyError, UntrustedError
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import (
    Requirement,
    Role,
    Root,
    RootDraft,
    RootStanding,
    Signature,
    countersign,
    gather,
    make_root,
    quorums,
    root_changes,
    root_notes,
    verify_roots,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def following(house: ReleaseHouse, draft: RootDraft, **parts: Any) -> Root:
    """Return the unsigned root behind the house's newest one."""
    version, epoch = house.root.version + 1, house.root.epoch
    return draft.root(issued_at=house.now, **({"version": version, "epoch": epoch} | parts))


@pytest.fixture
def draft(house: ReleaseHouse) -> RootDraft:
    """Return what the house's root says."""
    return RootDraft.of(house.root)


class TestRootChanges:
    """What is shown before somebody signs."""

    @pytest.mark.parametrize(
        ("change", "text", "loosens"),
        [
            (lambda d: d.with_threshold("release", 1), "release: threshold 2 -> 1", True),
            (lambda d: d.with_threshold("release", 3), "release: threshold 2 -> 3", False),
            (lambda d: d.without("carol"), "role root: without carol", False),
            (lambda d: d.without("carol"), "carol loses the key", False),
            (
                lambda d: d.with_keys("dave", ReleaseHouse.signer("dave").public_key).granted(
                    "dave", "release", ["adapter:*"]
                ),
                "role release: with dave for adapter:*",
                True,
            ),
            (
                lambda d: d.with_keys("alice", ReleaseHouse.signer("new").public_key),
                "alice gets the key",
                False,
            ),
            (
                lambda d: d.with_keys(
                    "alice", *d.signers["alice"], ReleaseHouse.signer("new").public_key
                ),
                "alice gets the key",
                True,
            ),
            (lambda d: d.granted("bob", "release", ["adapter:*"]), "* -> adapter:*", False),
            (lambda d: replace(d, lifetime=None), "-> never", True),
            (lambda d: replace(d, min_schema=4), "least schema 3 -> 4", False),
            (
                lambda d: replace(d, roles={n: r for n, r in d.roles.items() if n != "revocation"}),
                "role revocation: nobody any more",
                True,
            ),
            (
                lambda d: replace(d, roles={**d.roles, "log": Role({"bob": ("*",)}, 1)}),
                "role log: 1 of bob, new",
                False,
            ),
            (
                lambda d: replace(d, requirements={3: Requirement(1, expiry=True)}),
                "schema 3: threshold 2 -> 1",
                True,
            ),
            (
                lambda d: replace(d, requirements={3: Requirement(2, expiry=True)}),
                "schema 3: lifetime_days 90 -> any",
                True,
            ),
            (
                lambda d: replace(
                    d, requirements={**d.requirements, 4: replace(d.requirements[3], digests=True)}
                ),
                "schema 4: digests false -> true",
                False,
            ),
        ],
    )
    def test_each_is_told(
        self,
        house: ReleaseHouse,
        draft: RootDraft,
        change: Callable[[RootDraft], RootDraft],
        text: str,
        loosens: bool,
    ) -> None:
        """
        A change is told in a sentence, and whether it loosens.
        """
        found = root_changes(house.root, following(house, change(draft)))

        (told,) = [one for one in found if text in one.text]
        assert told.loosens is loosens

    def test_what_loosens_comes_first(self, house: ReleaseHouse, draft: RootDraft) -> None:
        """
        Nobody has to read on to find it.
        """
        after = draft.without("carol").with_threshold("release", 1)
        found = [one.loosens for one in root_changes(house.root, following(house, after))]

        assert found == sorted(found, reverse=True)
        assert found[0]

    def test_a_new_epoch(self, house: ReleaseHouse, draft: RootDraft) -> None:
        """
        A recovery forgets numbers and revocations, and says so.
        """
        (told, *_) = root_changes(house.root, following(house, draft, epoch=2))

        assert told.loosens
        assert "keys that were revoked count again" in told.text

    def test_a_row_that_goes(self, house: ReleaseHouse, draft: RootDraft) -> None:
        """
        Without its row a schema is asked for what the row before asks, which may be less.
        """
        rows = {**draft.requirements, 4: replace(draft.requirements[3], threshold=3)}
        house.roots[-1] = following(house, replace(draft, requirements=rows), version=1)

        (told, *_) = root_changes(house.root, following(house, draft))
        assert told.loosens
        assert told.text == "schema 4: threshold 3 -> 2"
        raised = replace(draft, min_schema=4, requirements={4: rows[4]})
        found = root_changes(house.root, following(house, raised))
        assert not any(one.loosens for one in found)

    def test_a_scope_that_widens(self, house: ReleaseHouse, draft: RootDraft) -> None:
        """
        More globs for somebody who had some are more than before.
        """
        house.roots[-1] = following(house, draft.granted("bob", "release", ["adapter:*"]))
        wider = RootDraft.of(house.root).granted("bob", "release", ["adapter:*", "service:*"])
        (told, *_) = root_changes(house.root, following(house, wider))

        assert told.loosens
        assert "adapter:* -> adapter:* service:*" in told.text


class TestRootNotes:
    """What to think about before signing."""

    def test_a_sound_one(self, house: ReleaseHouse) -> None:
        """
        Two of three for every role, for a year: nothing to say.
        """
        assert root_notes(house.root) == ()

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            (lambda d: d.with_threshold("root", 1), "one stolen key is enough for the role root"),
            (lambda d: d.with_threshold("root", 3), "one lost key stops it"),
            (
                lambda d: d.with_keys("dave", ReleaseHouse.signer("dave").public_key),
                "dave has a key and acts in no role",
            ),
            (lambda d: replace(d, lifetime=None), "it never expires"),
            (
                lambda d: replace(d, roles={n: r for n, r in d.roles.items() if n != "revocation"}),
                "nobody may take a key back",
            ),
        ],
    )
    def test_each(
        self,
        house: ReleaseHouse,
        draft: RootDraft,
        change: Callable[[RootDraft], RootDraft],
        text: str,
    ) -> None:
        """
        What will hurt later is told now.
        """
        (note,) = root_notes(following(house, change(draft)))

        assert text in note.message
        assert note.severity == "warning"


class TestCountersign:
    """One signature more."""

    def test_old_and_new_threshold(self, house: ReleaseHouse, draft: RootDraft) -> None:
        """
        A rotated key: the old one counts for the old root, the new one for the new.
        """
        new = ReleaseHouse.signer("alice's second")
        root = following(house, draft.with_keys("alice", new.public_key))
        before = house.root
        for signer in (house.signers["alice"], new, house.signers["bob"]):
            assert not RootStanding(root, before, house.now).is_complete
            root = countersign(root, before, signer)

        assert [one.signed for one in quorums(root, before)] == [("alice", "bob")] * 2
        assert RootStanding(root, before, house.now).is_complete

    def test_a_stranger(self, house: ReleaseHouse, draft: RootDraft) -> None:
        """
        A signature that would count for nothing is not added.
        """
        with pytest.raises(UnknownKeyError, match="signs no root here"):
            countersign(following(house, draft), house.root, ReleaseHouse.signer("mallory"))

    @pytest.mark.parametrize(
        "parts", [{"version": 3}, {"version": 1}, {"epoch": 0 + 1, "version": 2, "min_schema": 2}]
    )
    def test_what_does_not_follow(
        self, house: ReleaseHouse, draft: RootDraft, parts: dict[str, int]
    ) -> None:
        """
        A gap, the same number again, and an older schema taken back are not signed.
        """
        least = parts.pop("min_schema", 3)
        rows = {least: Requirement(2, expiry=True, lifetime_days=90)}
        changed = replace(draft, min_schema=least, requirements=rows)

        with pytest.raises(UntrustedError):
            countersign(following(house, changed, **parts), house.root, house.signers["alice"])


class TestGather:
    """Signatures that were made elsewhere."""

    def test_two_machines(self, house: ReleaseHouse, draft: RootDraft) -> None:
        """
        Two copies signed apart have the signatures of both in the end.
        """
        root = following(house, draft)
        by_alice = countersign(root, house.root, house.signers["alice"])
        by_bob = countersign(root, house.root, house.signers["bob"])

        both = gather(by_alice.envelope, [by_bob.envelope], [house.root, root])

        assert RootStanding(Root.parse(both), house.root, house.now).is_complete

    def test_another_document(self, house: ReleaseHouse, draft: RootDraft) -> None:
        """
        A copy that says something else is refused: its signature is of other bytes.
        """
        root = following(house, draft)
        other = following(house, draft.with_threshold("release", 1))

        with pytest.raises(UntrustedError, match="another document"):
            gather(root.envelope, [other.envelope], [root])

    def test_bad_signatures_stay_out(self, house: ReleaseHouse, draft: RootDraft) -> None:
        """
        What is not by its key, and what is by nobody named, is left where it is.
        """
        root = following(house, draft)
        mallory = ReleaseHouse.signer("mallory")
        forged = root.envelope.signed_by(mallory).with_signature(
            Signature(house.signers["bob"].public_key.keyid, bytes(64))
        )

        assert gather(root.envelope, [forged], [house.root, root]) == root.envelope


class TestRootStanding:
    """What is shown of a root."""

    def test_a_first_one(self, house: ReleaseHouse) -> None:
        """
        Complete by its own threshold; nothing to compare with.
        """
        standing = RootStanding(house.root, None, house.now)

        assert standing.is_complete
        assert standing.changes == ()
        assert repr(standing) == "<RootStanding: root 1 of shop, epoch 1: complete>"

    def test_without_the_one_before(self, house: ReleaseHouse) -> None:
        """
        A later root is not complete where the one before it is not known.
        """
        root = house.rotate()
        standing = RootStanding(root, None, house.now)

        assert not standing.is_complete
        assert "give it by --before" in standing.to_text(width=200)

    @pytest.mark.parametrize(
        ("change", "epoch", "what"),
        [
            (lambda d: d, 1, None),
            (lambda d: d.with_threshold("root", 3), 1, None),
            (lambda d: d.withdrawn("carol", "root"), 1, None),
            (lambda d: d.withdrawn("carol", "revocation"), 1, "sign the revocation list anew"),
            (lambda d: d.withdrawn("carol", "release"), 1, "sign the releases in force anew"),
            (lambda d: d.without("carol"), 1, "the releases in force and the revocation list"),
            (lambda d: d, 2, "the releases in force and the revocation list"),
        ],
        ids=["same", "threshold", "root", "revocation", "release", "leaves", "epoch"],
    )
    def test_what_must_be_signed_anew(
        self,
        house: ReleaseHouse,
        draft: RootDraft,
        change: Callable[[RootDraft], RootDraft],
        epoch: int,
        what: str | None,
    ) -> None:
        """
        What keys that leave have signed is lost with them, and that is told in time.
        """
        root = following(house, change(draft), epoch=epoch)
        told = [
            w for w in RootStanding(root, house.root, house.now).warnings if w.code == "sign-anew"
        ]

        assert [what in str(fault.fix) for fault in told if what] == [True] * bool(what)
        assert bool(told) == bool(what)

    def test_it_is_so(self, house: ReleaseHouse) -> None:
        """
        A list by a key that left is refused under the next root, until it is signed anew.
        """
        from oneiric_lab.trust import State, verify

        new = ReleaseHouse.signer("bob's second")
        draft = RootDraft.of(house.root).with_keys("bob", new.public_key)
        house.rotate(by=["alice", "bob", "carol", new], signers=draft.signers)
        house.signers["bob"] = new

        def holds() -> bool:
            release = house.release({"adapter:cache": "redis"})
            return verify(
                release.bundle,
                release.manifest,
                policy=house.policy,
                state=State(),
                now=house.now,
            ).ok

        assert not holds()
        house.renew()
        assert holds()

    def test_the_data(self, house: ReleaseHouse) -> None:
        """
        Programs see who signed, who is missing, what changes and what to think about.
        """
        before = house.root
        root = house.rotate(by=["alice"])
        data: Any = RootStanding(root, before, house.now + timedelta(days=350)).as_dict()

        assert data["complete"] is False
        assert data["signatures"][1] == {
            "of": "root 2",
            "threshold": 2,
            "signed": ["alice"],
            "missing": ["bob", "carol"],
            "complete": False,
        }
        assert [one["code"] for one in data["warnings"]] == ["root-expiry"]

    def test_hostile_names_are_shown_harmless(self, house: ReleaseHouse) -> None:
        """
        What a root can say reaches HTML only escaped, and names have one alphabet.
        """
        html = RootStanding(house.root, None, house.now, "signed", "<script>.json").to_html()

        assert "<script>" not in html
        assert "&lt;script&gt;" in html


class TestVerifyRoots:
    """Chains, and what an enemy does to them."""

    @pytest.fixture
    def chain(self, house: ReleaseHouse) -> list[Root]:
        """Return three roots, each signed by two."""
        house.rotate()
        house.rotate()
        return house.roots

    def test_a_chain(self, house: ReleaseHouse, chain: list[Root]) -> None:
        """
        From the pinned one to the newest, in any order of the files.
        """
        report = verify_roots(chain[::-1], pin=chain[0].sha256, now=house.now)

        assert report
        assert report.root == chain[-1]
        assert report.exit_code == 0

    def test_pinned_in_the_middle(self, house: ReleaseHouse, chain: list[Root]) -> None:
        """
        What is older than the pinned one is passed over.
        """
        report = verify_roots(chain, pin=chain[1].sha256, now=house.now)

        assert report.ok
        assert [found for _, _, found in report.steps] == [
            "older than the pinned one",
            "pinned",
            "follows root 2",
        ]

    @pytest.mark.parametrize("pin", [None, "0" * 64])
    def test_nothing_is_trusted_at_first_sight(
        self, house: ReleaseHouse, chain: list[Root], pin: str | None
    ) -> None:
        """
        Without a pin, or with another, the files say nothing about themselves.
        """
        report = verify_roots(chain, pin=pin, now=house.now)

        assert (report.exit_code, report.failures[0].code) == (1, "root-anchor")
        with pytest.raises(UntrustedError):
            _ = report.root
        assert chain[0].sha256 not in str(report.failures[0].fix)

    def test_no_root_at_all(self, house: ReleaseHouse) -> None:
        """
        Nothing is not a chain.
        """
        assert not verify_roots([], pin=None, now=house.now)

    def fails(self, house: ReleaseHouse, roots: list[Root]) -> str:
        """Return why the chain from the first root on does not hold."""
        report = verify_roots(roots, pin=roots[0].sha256, now=house.now)
        assert not report.ok
        assert report.exit_code == 1
        (check,) = report.failures
        assert check.code == "root-chain"
        return check.message

    def test_a_gap(self, house: ReleaseHouse, chain: list[Root]) -> None:
        """
        Root 3 does not follow root 1.
        """
        assert "each is one more" in self.fails(house, [chain[0], chain[2]])

    def test_signed_by_the_new_keys_only(self, house: ReleaseHouse) -> None:
        """
        Who names himself in a new root is not named by it.
        """
        mallory, eve = ReleaseHouse.signer("mallory"), ReleaseHouse.signer("eve")
        signers = {"mallory": [mallory.public_key], "eve": [eve.public_key]}
        role = Role({"mallory": ("*",), "eve": ("*",)}, 2)
        root = house.rotate(
            by=[mallory, eve], signers=signers, roles={"root": role, "release": role}
        )

        assert "signed by nobody of the signers that root 1" in self.fails(
            house, [house.roots[0], root]
        )

    def test_signed_by_the_old_keys_only(self, house: ReleaseHouse) -> None:
        """
        Keys that nobody holds would lock everybody out.
        """
        lost = ReleaseHouse.signer("lost")
        signers = {**house.root.signers, "carol": [lost.public_key]}
        roles = {**house.root.roles, "root": replace(house.root.roles["root"], threshold=3)}
        house.rotate(by=["alice", "bob", "carol"], signers=signers, roles=roles)

        assert "that root 2 names" in self.fails(house, house.roots)

    def test_rolled_back(self, house: ReleaseHouse) -> None:
        """
        An epoch and a least schema do not sink, though all have signed.
        """
        house.rotate(epoch=2)
        house.rotate(epoch=1)

        assert "goes back from epoch 2 to 1" in self.fails(house, house.roots)

    def test_two_stories(self, house: ReleaseHouse, chain: list[Root]) -> None:
        """
        Two roots 3, both signed by all who must: neither is taken.
        """
        house.roots = chain[:2]
        other = house.rotate(days=100)

        assert "two stories" in self.fails(house, [*chain, other])

    def test_a_root_of_another_project(self, house: ReleaseHouse) -> None:
        """
        A chain stays with its project.
        """
        house.rotate(project="till")

        assert "is of till, not of shop" in self.fails(house, house.roots)

    def test_a_pinned_one_that_its_own_did_not_sign(self, house: ReleaseHouse) -> None:
        """
        A pin on a root that lacks its threshold is told before it breaks the next step.
        """
        unsigned = RootDraft.of(house.root).root(issued_at=house.now)

        assert "signed by nobody" in self.fails(house, [unsigned])

    def test_expired(self, house: ReleaseHouse, chain: list[Root]) -> None:
        """
        Nothing wrong but its age: exit 3.
        """
        now = house.now + timedelta(days=365)
        report = verify_roots(chain, pin=chain[0].sha256, now=now)

        assert (report.exit_code, report.failures[0].code) == (3, "root-expiry")
        assert "stale: root-expiry" in report.to_text()

    def test_one_that_never_expires(self, house: ReleaseHouse) -> None:
        """
        A root without an end holds.
        """
        root = RootDraft.of(house.root)
        made = replace(root, lifetime=None).root(issued_at=house.now)
        for name in ("alice", "bob"):
            made = countersign(made, None, house.signers[name])

        report = verify_roots([made], pin=made.sha256, now=house.now + timedelta(days=9999))
        assert report.ok

    def test_every_step_must_hold(self, house: ReleaseHouse) -> None:
        """
        Of all subsets of signers of a step, only those with both thresholds pass.
        """
        from itertools import combinations

        before = house.root
        dave = ReleaseHouse.signer("dave")
        people = {**house.signers, "dave": dave}
        role = Role({"bob": ("*",), "carol": ("*",), "dave": ("*",)}, 2)
        root = make_root(
            project="shop",
            version=2,
            issued_at=house.now,
            expires_at=None,
            signers={
                "bob": before.signers["bob"],
                "carol": before.signers["carol"],
                "dave": [dave.public_key],
            },
            roles={"root": role, "release": role},
            requirements=before.requirements,
        )
        for count in range(5):
            for names in combinations(people, count):
                signed = root
                for name in names:
                    signed = countersign(signed, before, people[name])
                old = len(set(names) & {"alice", "bob", "carol"}) >= 2
                new = len(set(names) & {"bob", "carol", "dave"}) >= 2

                report = verify_roots([before, signed], pin=before.sha256, now=house.now)
                assert report.ok == (old and new), names
                assert RootStanding(signed, before, house.now).is_complete == report.ok
