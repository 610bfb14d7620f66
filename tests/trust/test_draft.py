"""`root.toml`: what people write comes back as a root, and every fault has its line."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.errors import DocumentRefusedError, FileAccessError, UsageError
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import (
    PublicKey,
    Requirement,
    Role,
    RootDraft,
    draft_text,
    role_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = {f"{name}.pub": ReleaseHouse.signer(name).public_key for name in ("alice", "bob", "carol")}
GOOD = """\
project = "shop"
expires_days = 365

[signers]
alice = ["alice.pub"]
bob = ["bob.pub"]

[roles.root]
threshold = 2
signers = ["alice", "bob"]

[roles.release]
threshold = 1
signers = { alice = ["*"], bob = ["adapter:*"] }

[requirements.3]
threshold = 1
expiry = true

[requirements.4]
threshold = 2
expiry = true
"""


def read(name: str) -> bytes:
    """Return the file of a key."""
    if name not in KEYS:
        raise FileAccessError(f"{name} is not there")
    return KEYS[name].pem.encode()


def parse(text: str) -> RootDraft:
    """Return the draft in *text*."""
    return RootDraft.parse(text.encode(), read=read)


class TestParse:
    """Reading."""

    def test_a_good_one(self) -> None:
        """
        A name alone signs for everything, a table says for what; what is left out is not asked.
        """
        draft = parse(GOOD)

        assert draft.signers == {"alice": (KEYS["alice.pub"],), "bob": (KEYS["bob.pub"],)}
        assert draft.roles["root"] == Role({"alice": ("*",), "bob": ("*",)}, 2)
        assert draft.roles["release"].signers["bob"] == ("adapter:*",)
        assert (draft.min_schema, draft.lifetime) == (3, timedelta(days=365))
        assert draft.requirements[3].lifetime_days is None

    def test_a_key_in_the_file_itself(self) -> None:
        """
        A key may stand there, with its prefix, in place of a file's name.
        """
        inline = f"base64:{KEYS['carol.pub'].base64}"
        draft = parse(GOOD.replace('"bob.pub"', f'"{inline}"'))

        assert draft.signers["bob"] == (KEYS["carol.pub"],)

    @pytest.mark.parametrize(
        ("old", "new", "place", "message"),
        [
            ('"shop"', '"a/b"', "1:11", "a name of letters"),
            ("365", "0", "2:16", "from 1 to 36,500"),
            ("365", "true", "2:16", "found true"),
            ("expires_days", "expire_days", "2:1", "no root has a key"),
            ('["alice.pub"]', "[]", "5:9", "a list of keys"),
            ('["alice.pub"]', "[3]", "5:10", "the file of a public key"),
            ('"alice.pub"', '"missing.pub"', "5:10", "missing.pub is not there"),
            ('"alice.pub"', '"base64:AAAA"', "5:10", ""),
            ('"bob.pub"', '"alice.pub"', "6:8", "one key, one signer"),
            ("[roles.root]", "[roles.rooot]", "8:2", "no root has a key 'rooot'"),
            ("threshold = 2\nsigners", "threshold = 3\nsigners", "9:13", "3 signers are needed"),
            ("threshold = 2\nsigners", 'threshold = "2"\nsigners', "9:13", "an integer"),
            ('["alice", "bob"]', '["alice", "bop"]', "10:21", "no signer is called 'bop'"),
            ('["alice", "bob"]', "3", "10:11", "a list of signers"),
            ('["adapter:*"]', '"adapter:*"', "14:34", "a list of globs"),
            ('["adapter:*"]', '["a b"]', "14:34", "a list of globs"),
            ("{ alice", "{ dave", "14:13", "no signer is called 'dave'"),
            ("[requirements.3]", "[requirements.x]", "16:2", "the number of a schema"),
            ("alice = [", '"a b" = [', "5:1", "is no name"),
            ("[roles.root]", "[roles]\nroot = 3\n[x]", "9:8", "a table"),
            ("[requirements.3]", "[requirements]\n3 = 1\n[x]", "17:5", "a table of demands"),
            ("expiry = true\n\n", "expiry = 1\n\n", "18:10", "true or false"),
            ("threshold = 1\nexpiry", "thresholds = 1\nexpiry", "17:1", "no requirement"),
            ("threshold = 2\nexpiry = true\n", "expiry = false\n", "21:10", "less expiry"),
        ],
    )
    def test_faults_have_their_line(self, old: str, new: str, place: str, message: str) -> None:
        """
        What no root can say is refused at its place.
        """
        assert GOOD.count(old) >= 1
        with pytest.raises(DocumentRefusedError) as caught:
            parse(GOOD.replace(old, new, 1))

        told = [f"{fault.origin} {fault.message}" for fault in caught.value.faults]
        assert any(f"root.toml:{place} " in line and message in line for line in told), told

    @pytest.mark.parametrize("table", ["signers", "roles", "requirements"])
    def test_a_table_that_is_none(self, table: str) -> None:
        """
        A text in place of a table is told, and nothing breaks on the way.
        """
        with pytest.raises(DocumentRefusedError) as caught:
            parse(f'project = "shop"\nexpires_days = 1\n{table} = "x"\n')

        assert any(f"{table}" in fault.message for fault in caught.value.faults)

    def test_all_at_once(self) -> None:
        """
        Every fault is in one report.
        """
        broken = GOOD.replace('"shop"', '"a/b"').replace("365", "0").replace("alice.pub", "x")
        with pytest.raises(DocumentRefusedError) as caught:
            parse(broken)

        assert len(caught.value.faults) == 3

    @pytest.mark.parametrize("y", [0, 1, 2**255 - 20])
    def test_a_weak_key(self, y: int) -> None:
        """
        A key of low order, for which one constant signature fits all, is refused at its line.
        """
        import base64

        weak = base64.b64encode(y.to_bytes(32, "little")).decode()
        with pytest.raises(DocumentRefusedError) as caught:
            parse(GOOD.replace('"bob.pub"', f'"base64:{weak}"'))

        assert str(caught.value.faults[0].origin) == "root.toml:6:8"

    def test_a_private_key_by_mistake(self) -> None:
        """
        Who names a private key is told, and no byte of it is repeated.
        """
        body = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v"
        pem = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"

        with pytest.raises(DocumentRefusedError, match="found a private one") as caught:
            RootDraft.parse(GOOD.encode(), read=lambda _: pem.encode())
        assert body not in str(caught.value)

    def test_a_key_that_nobody_can_check(self, unsupported: PublicKey) -> None:
        """
        A key of another algorithm would count for nothing, so it is not taken.
        """
        text = GOOD.replace('"bob.pub"', f'"base64:{unsupported.base64}"')
        with pytest.raises(DocumentRefusedError, match="cannot check its algorithm"):
            parse(text)


class TestRoot:
    """Making a root of it, and the way back."""

    def test_comes_back(self, house: ReleaseHouse) -> None:
        """
        A root that is made of a draft says what the draft says.
        """
        draft = parse(GOOD)

        assert RootDraft.of(draft.root(issued_at=house.now)) == draft

    def test_the_root_refuses_what_the_lines_do_not_show(self, house: ReleaseHouse) -> None:
        """
        A schema without a row is refused when the root is made.
        """
        text = GOOD.replace("[signers]", "min_schema = 2\n\n[signers]")
        with pytest.raises(DocumentRefusedError, match="no row says what schema 2"):
            parse(text).root(issued_at=house.now)


class TestChanges:
    """What rotation is made of."""

    @pytest.fixture
    def draft(self) -> RootDraft:
        """Return the good one."""
        return parse(GOOD)

    def test_keys_are_replaced(self, draft: RootDraft) -> None:
        """
        Another key for the same signer, in the same roles.
        """
        after = draft.with_keys("alice", KEYS["carol.pub"])

        assert after.signers["alice"] == (KEYS["carol.pub"],)
        assert after.roles == draft.roles

    def test_who_leaves_acts_nowhere(self, draft: RootDraft) -> None:
        """
        A signer who is removed is in no role any more.
        """
        after = draft.without("bob")

        assert "bob" not in after.signers
        assert all("bob" not in role.signers for role in after.roles.values())

    def test_roles_are_granted_and_withdrawn(self, draft: RootDraft) -> None:
        """
        One undoes the other.
        """
        less = draft.withdrawn("bob", "root")

        assert list(less.roles["root"].signers) == ["alice"]
        assert less.granted("bob", "root") == draft

    def test_thresholds(self, draft: RootDraft) -> None:
        """
        Only the threshold of that role changes.
        """
        after = draft.with_threshold("release", 2)

        assert after.roles["release"].threshold == 2
        assert after.roles["root"] == draft.roles["root"]

    @pytest.mark.parametrize(
        "change",
        [
            lambda d: d.without("bop"),
            lambda d: d.granted("bop", "root"),
            lambda d: d.granted("bob", "revocation"),
            lambda d: d.withdrawn("bop", "root"),
            lambda d: d.with_threshold("log", 1),
        ],
        ids=["removed", "granted", "no role", "withdrawn", "threshold"],
    )
    def test_unknown_names(
        self, draft: RootDraft, change: Callable[[RootDraft], RootDraft]
    ) -> None:
        """
        Who or what is not there cannot be changed.
        """
        with pytest.raises(UsageError):
            change(draft)

    def test_a_role_by_its_name(self) -> None:
        """
        A misspelt role is told with the nearest.
        """
        assert role_name("release") == "release"
        with pytest.raises(UsageError, match="did you mean `release`"):
            role_name("releases")


class TestDraftText:
    """The template."""

    def test_it_is_a_draft(self, house: ReleaseHouse) -> None:
        """
        With three keys in its place the template is a root of two of three.
        """
        files = {name: f"{name}.pub" for name in ("alice", "bob", "carol")}
        draft = parse(draft_text(project="till", signers=files, days=30))
        root = draft.root(issued_at=house.now)

        assert (root.project, draft.lifetime) == ("till", timedelta(days=30))
        assert {role.threshold for role in root.roles.values()} == {2}
        assert root.requirements[3].digests

    @pytest.mark.parametrize("name", ["a.b", "x-1", "9"])
    def test_any_name_of_a_signer(self, name: str) -> None:
        """
        A name that TOML takes only in quotes is quoted.
        """
        draft = parse(draft_text(signers={name: "alice.pub"}))

        assert list(draft.signers) == [name]

    def test_a_hostile_file_name(self) -> None:
        """
        Quotes and line ends in a file's name stay in the text.
        """
        name = 'a"]\n[roles.root]\nthreshold = 1 #\x7f\\'
        seen: list[str] = []

        def noted(file: str) -> bytes:
            seen.append(file)
            return read("alice.pub")

        RootDraft.parse(draft_text(signers={"alice": name}).encode(), read=noted)
        assert seen == [name]


NAMES = st.sampled_from(["alice", "bob", "carol", "a.b", "0"])
GLOBS = st.lists(st.sampled_from(["*", "adapter:*", "service:mail"]), min_size=1, max_size=2)


@st.composite
def drafts(draw: st.DrawFn) -> RootDraft:
    """Draw a draft that a root can be made of."""
    names = draw(st.lists(NAMES, min_size=1, unique=True))
    keys = {name: (ReleaseHouse.signer(name).public_key,) for name in names}

    def role() -> Role:
        acting = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        scopes = {name: tuple(draw(GLOBS)) for name in acting}
        return Role(scopes, draw(st.integers(1, len(acting))))

    roles: dict[Any, Role] = {"root": role(), "release": role()}
    if draw(st.booleans()):
        roles["revocation"] = role()
    row = Requirement(
        draw(st.integers(1, len(roles["release"].signers))),
        expiry=True,
        lifetime_days=draw(st.none() | st.integers(1, 99)),
        digests=draw(st.booleans()),
        post_quantum=draw(st.sampled_from(["off", "accept"])),
    )
    return RootDraft("shop", keys, roles, {3: row}, 3, timedelta(days=draw(st.integers(1, 999))))


class TestToml:
    """What is written, and read back."""

    @given(drafts())
    @settings(max_examples=60)
    def test_it_says_the_same(self, draft: RootDraft) -> None:
        """
        No file of a key is asked for, and nothing is lost on the way.
        """

        def none(name: str) -> bytes:
            raise AssertionError(name)

        assert RootDraft.parse(draft.toml().encode(), read=none) == draft

    def test_a_root_without_an_end_gets_one(self) -> None:
        """
        A draft must say how long; a part of a day counts as one.
        """
        draft = parse(GOOD)

        assert "expires_days = 365  # the root has no end" in replace(draft, lifetime=None).toml()
        assert "expires_days = 2\n" in replace(draft, lifetime=timedelta(days=1, hours=1)).toml()
