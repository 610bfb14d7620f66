"""`trust revoke` and `trust crl`: from a stolen key to the list that is in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import (
    FileAccessError,
    OneiricError,
    RevokedKeyError,
    ThresholdError,
    UnknownKeyError,
    UntrustedError,
    UsageError,
)
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import Envelope, Limits, Revocations, keep

if TYPE_CHECKING:
    from pathlib import Path

ROOT = ("--root", "root.1.json")
AT = ("--at", "2026-01-10T00:00:00Z")
STOLEN = ("--reason", "keyCompromise", *ROOT)


@pytest.fixture
def house() -> ReleaseHouse:
    """Three signers, two needed."""
    return ReleaseHouse()


@pytest.fixture(autouse=True)
def place(house: ReleaseHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with keys, a root and the first list, which is in force."""
    monkeypatch.chdir(tmp_path)
    for name in ("alice", "bob", "carol", "mallory"):
        path = tmp_path / f"{name}.pem"
        keep(ReleaseHouse.signer(name), path, passphrase=None, shown=path.name, done="made")
    (tmp_path / "root.1.json").write_bytes(house.root.envelope.encode())
    for name in ("revocations.1.json", "revocations.json"):
        (tmp_path / name).write_bytes(house.revocations.envelope.encode())
    return tmp_path


def ask(*words: str) -> Any:
    """Run one verb, as a new process would."""
    return run(["trust", *words], Interaction())


def revoke(*words: str) -> Any:
    """Make the second list."""
    return ask("revoke", *words, *STOLEN, "--before", "revocations.1.json", *AT)


def sign(name: str, file: str = "revocations.2.json", *words: str) -> Any:
    """Add one signature."""
    return ask("crl", "publish", file, *ROOT, "--key", f"{name}.pem", *words, *AT)


def in_force(place: Path) -> Revocations:
    """Return the list that readers get."""
    data = (place / "revocations.json").read_bytes()
    return Revocations.parse(Envelope.parse(data, payload_bytes=Limits().revocation_bytes))


class TestRevoke:
    def test_by_name(self, place: Path, house: ReleaseHouse) -> None:
        """
        The next number, the key with reason and times, in a file of its own; nobody signed.
        """
        made = revoke("bob", "--invalid-from", "2026-01-05T00:00:00Z")

        (one,) = made.listed.revoked.values()
        assert one.keyid == house.root.signers["bob"][0].keyid
        assert one[1:] == ("keyCompromise", "2026-01-10T00:00:00Z", "2026-01-05T00:00:00Z")
        assert (made.listed.number, made.file) == (2, "revocations.2.json")
        assert (place / "revocations.2.json").read_bytes() == made.listed.envelope.encode()
        assert made.quorum.text == "0 of 2: nobody; 2 more of alice, carol"

    def test_two_at_once(self, house: ReleaseHouse) -> None:
        """
        By name and by the first digits of a key.
        """
        made = revoke("bob", house.root.signers["carol"][0].keyid[:12])

        assert len(made.listed.revoked) == 2
        assert "role-stopped" in [warning.code for warning in made.warnings]

    @pytest.mark.parametrize(
        "words",
        [
            ("revoke", "bop", *STOLEN, "--first"),
            ("revoke", "bob", *STOLEN),
            ("revoke", "bob", *STOLEN, "--first", "--before", "revocations.1.json"),
            ("revoke", "bob", *ROOT, "--first"),
            ("revoke", "bob", *ROOT, "--first", "--reason", "removeFromCRL"),
            ("revoke", "bob", *STOLEN, "--first", *AT, "--invalid-from", "2027-01-01T00:00:00Z"),
            ("revoke", "bob", *STOLEN, "--first", "--invalid-from", "soon"),
            ("revoke", *STOLEN, "--first"),
        ],
        ids=lambda words: " ".join(words[1:]).replace("--root root.1.json", ""),
    )
    def test_mistakes(self, place: Path, words: tuple[str, ...]) -> None:
        """
        What was said wrongly makes no list.
        """
        before = sorted(place.iterdir())
        with pytest.raises(UsageError):
            ask(*words)
        assert sorted(place.iterdir()) == before

    def test_a_list_is_never_written_over(self) -> None:
        """
        A second list 2 does not take the place of the first.
        """
        revoke("bob")
        with pytest.raises(FileAccessError, match="--out FILE"):
            revoke("carol")


class TestPublish:
    def test_one_after_the_other(self, place: Path) -> None:
        """
        Each signs; in force it is when two have.
        """
        revoke("bob")
        assert not sign("alice").is_complete
        assert in_force(place).number == 1
        assert sign("carol", "revocations.2.json", "--to", "revocations.json").is_complete
        assert in_force(place).number == 2

    def test_copies(self, place: Path) -> None:
        """
        Two copies that were signed apart are put together.
        """
        revoke("bob")
        (place / "copy.json").write_bytes((place / "revocations.2.json").read_bytes())
        sign("alice")
        sign("carol", "copy.json", "--before", "revocations.1.json")
        words = ("--from", "copy.json", "--to", "revocations.json")

        assert ask("crl", "publish", "revocations.2.json", *ROOT, *words, *AT).is_complete
        assert in_force(place).number == 2

    @pytest.mark.parametrize(
        ("name", "error"),
        [("bob", RevokedKeyError), ("mallory", UnknownKeyError)],
        ids=["revoked", "stranger"],
    )
    def test_who_may_not(self, place: Path, name: str, error: type[OneiricError]) -> None:
        """
        The key that it revokes and a key of nobody sign nothing.
        """
        revoke("bob")
        before = (place / "revocations.2.json").read_bytes()

        with pytest.raises(error):
            sign(name)
        assert (place / "revocations.2.json").read_bytes() == before

    def test_too_few(self, place: Path) -> None:
        """
        What lacks its threshold is signed, and not put in force.
        """
        revoke("bob")
        with pytest.raises(ThresholdError):
            sign("alice", "revocations.2.json", "--to", "revocations.json")
        assert in_force(place).number == 1

    def test_no_way_back(self, place: Path) -> None:
        """
        A lower list does not take the place of a higher one, though all have signed it.
        """
        revoke("bob")
        sign("alice")
        sign("carol", "revocations.2.json", "--to", "revocations.json")

        with pytest.raises(UntrustedError, match="list 1 is not behind list 2"):
            ask("crl", "publish", "revocations.1.json", *ROOT, "--to", "revocations.json", *AT)
        assert in_force(place).number == 2

    def test_nothing_to_do(self) -> None:
        """
        Neither key nor copy nor place: nothing was asked.
        """
        with pytest.raises(UsageError, match="nothing to do"):
            ask("crl", "publish", "revocations.1.json", *ROOT)

    def test_again(self, place: Path) -> None:
        """
        Putting the same list in force twice changes nothing.
        """
        for _ in range(2):
            ask("crl", "publish", "revocations.1.json", *ROOT, "--to", "revocations.json", *AT)
        assert in_force(place).number == 1


class TestNew:
    def test_the_same_for_another_while(self) -> None:
        """
        A list is made in time, whether there is something new or not.
        """
        made = ask(
            *("crl", "new", *ROOT, "--before", "revocations.1.json", "--days", "7", *AT),
        )

        assert (made.listed.number, made.new) == (2, ())
        assert str(made.listed.validity.expires_at) == "2026-01-17 00:00:00+00:00"

    def test_the_first(self) -> None:
        """
        An empty one is made with the first root.
        """
        made = ask("crl", "new", *ROOT, "--first", "--out", "first.json", *AT)

        assert (made.listed.number, made.file) == (1, "first.json")


class TestShow:
    def test_at_a_glance(self) -> None:
        """
        Key, signer, reason and times in 100 columns, and what follows.
        """
        revoke("bob")
        found = ask("crl", "show", "revocations.2.json", *ROOT, "--at", "2026-02-05T00:00:00Z")
        text = found.to_text()

        for said in ("bob", "keyCompromise", "goes stale in 4 days", "can still sign"):
            assert said in text
        assert max(map(len, text.splitlines())) <= 100
        assert len(found.as_dict()["warnings"]) == 2

    def test_another_document(self) -> None:
        """
        A root is no list.
        """
        with pytest.raises(OneiricError, match="expected an envelope"):
            ask("crl", "show", "root.1.json", *ROOT)
