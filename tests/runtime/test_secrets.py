"""Secrets that a process holds: as old as they may be, and the old ones of who still drains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oneiric_lab.config import Secret, SecretRef, SecretSource
from oneiric_lab.errors import SecretError
from oneiric_lab.runtime import SecretKeeper, Times, pinned, references
from oneiric_lab.testing import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

TIMES = Times(keep=60, limit=600, overlap=30)


class Vault:
    """A provider elsewhere, which may be down, and counts how often it is asked."""

    name = "vault"

    def __init__(self, **held: str) -> None:
        self.held, self.asked, self.is_down = held, 0, False

    def __call__(self, name: str) -> str | None:
        """Return the secret, or raise with the secret in the message, as bad ones do."""
        self.asked += 1
        if self.is_down:
            raise ConnectionError(f"cannot give {self.held}")
        return self.held.get(name)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still."""
    return FakeClock()


@pytest.fixture
def keeper(clock: FakeClock) -> SecretKeeper:
    """A keeper by that clock."""
    return SecretKeeper(lambda: b"key", lambda: TIMES, clock=clock, elapsed=clock)


@pytest.fixture
def vault() -> Vault:
    """A vault with one secret."""
    return Vault(db="hunter22")


@pytest.fixture
def source(keeper: SecretKeeper, vault: Vault) -> SecretSource:
    """Where secrets are looked for."""
    return SecretSource({}, (), (vault,), keep=keeper.find)


class TestKept:
    def test_what_a_provider_elsewhere_gave_is_kept_for_a_time(
        self, source: SecretSource, vault: Vault, clock: FakeClock
    ) -> None:
        """
        It is asked again after that, and what changed is seen then.
        """
        assert [source.find("db"), source.find("db")] == ["hunter22"] * 2
        assert vault.asked == 1
        vault.held["db"] = "hunter23"
        assert source.find("db") == "hunter22"
        clock.advance(61)
        assert source.find("db") == "hunter23"

    def test_what_a_file_has_is_seen_at_once(self, keeper: SecretKeeper, tmp_path: Path) -> None:
        """
        A look costs nothing; what is taken away holds at once, too.
        """
        (tmp_path / "db").write_text("one1\n")
        source = SecretSource({}, (tmp_path,), keep=keeper.find)
        assert source.find("db") == "one1"
        (tmp_path / "db").write_text("two2\n")
        assert source.find("db") == "two2"
        (tmp_path / "db").unlink()
        assert source.find("db") is None
        assert keeper.states()["db"].version is None

    def test_a_file_of_many(self, keeper: SecretKeeper, tmp_path: Path) -> None:
        """
        Lines of a dotenv file; a bad line is told without what it holds.
        """
        file = tmp_path / "secrets.env"
        file.write_text('db="one1"\n')
        source = SecretSource({}, (), file=file, keep=keeper.find)
        assert (source.find("db"), source.find("other")) == ("one1", None)
        assert keeper.states()["db"].provider == "file"
        file.write_text('db="hunter2\n')
        with pytest.raises(SecretError) as caught:
            SecretSource({}, (), file=file).find("db")
        assert "hunter2" not in str(caught.value)


class TestDown:
    def test_the_last_value_serves_until_its_limit(
        self, source: SecretSource, keeper: SecretKeeper, vault: Vault, clock: FakeClock
    ) -> None:
        """
        Then there is none: it fails closed, and says nothing of the value.
        """
        assert source.find("db") == "hunter22"
        vault.is_down = True
        clock.advance(61)
        assert source.find("db") == "hunter22"
        assert keeper.states()["db"].down == "ConnectionError"
        clock.advance(600)
        with pytest.raises(SecretError, match="too old") as caught:
            source.find("db")
        assert "hunter" not in str(caught.value) + repr(caught.value.__cause__)
        vault.is_down = False
        clock.advance(6)
        assert source.find("db") == "hunter22"
        assert keeper.states()["db"].down == ""

    def test_one_that_is_down_when_it_is_asked_anew(
        self, source: SecretSource, keeper: SecretKeeper, vault: Vault, clock: FakeClock
    ) -> None:
        """
        It is asked once; who reveals its secrets does not wait for it each time.
        """
        assert source.find("db") == "hunter22"
        vault.is_down = True
        keeper.refresh([source.ref("db")], force=True)
        assert vault.asked == 2
        assert [source.find("db") for _ in range(3)] == ["hunter22"] * 3
        clock.advance(61)
        assert [source.find("db") for _ in range(3)] == ["hunter22"] * 3
        assert vault.asked == 3

    def test_one_that_was_never_up(self, source: SecretSource, vault: Vault) -> None:
        """
        There is no last value.
        """
        vault.is_down = True
        with pytest.raises(SecretError, match="ConnectionError"):
            source.find("db")

    def test_a_provider_that_flaps(
        self, source: SecretSource, keeper: SecretKeeper, vault: Vault, clock: FakeClock
    ) -> None:
        """
        Down and up for an hour: it always serves, is not a rotation, and counts each time once.
        """
        source.find("db")
        for turn in range(60):
            vault.is_down = turn % 2 == 0
            for _ in range(6):
                clock.advance(10)
                assert source.find("db") == "hunter22"
        assert keeper.taken() == []
        assert keeper.rotations == {("vault", "failed"): 30}
        # A provider that is down is asked at most each five seconds, one that is up each minute.
        assert vault.asked < 60 * 6

    def test_a_folder_that_is_replaced(
        self, keeper: SecretKeeper, tmp_path: Path, clock: FakeClock
    ) -> None:
        """
        While the whole folder is gone its last value serves, until the limit.
        """
        folder = tmp_path / "secrets"
        folder.mkdir()
        (folder / "db").write_text("one1")
        source = SecretSource({}, (folder,), keep=keeper.find)
        source.find("db")
        (folder / "db").unlink()
        folder.rmdir()
        assert source.find("db") == "one1"
        clock.advance(601)
        with pytest.raises(SecretError, match="gone"):
            source.find("db")

    def test_a_file_that_cannot_be_read(self, keeper: SecretKeeper, tmp_path: Path) -> None:
        """
        It is a provider that is down.
        """
        (tmp_path / "db").write_text("one1")
        source = SecretSource({}, (tmp_path,), keep=keeper.find)
        source.find("db")
        (tmp_path / "db").write_bytes(b"\xff")
        assert source.find("db") == "one1"
        assert "UTF-8" in keeper.states()["db"].down


class TestVersions:
    def test_the_old_value_serves_who_was_built_with_it(
        self, source: SecretSource, keeper: SecretKeeper, vault: Vault, clock: FakeClock
    ) -> None:
        """
        As long as it is in force, and for the overlap after it was replaced (U14).
        """
        used: set[tuple[str, str | None]] = set()
        keeper.in_use = lambda: used
        ref = source.ref("db")
        old = keeper.pin(ref)
        before = keeper.version(ref)
        used.add(("db", before))
        vault.held["db"] = "hunter23"
        keeper.refresh([ref], force=True)
        assert [(r.name, r.old) for r in keeper.taken()] == [("db", before)]
        new = keeper.pin(ref)
        for _ in range(3):
            clock.advance(100)
            assert (old.find(), new.find()) == ("hunter22", "hunter23")
        used.clear()
        assert old.find() == "hunter22"
        clock.advance(29)
        assert old.find() == "hunter22"
        assert keeper.states()["db"].draining == 1
        clock.advance(2)
        with pytest.raises(SecretError, match="was rotated"):
            old.find()
        assert new.find() == "hunter23"
        assert keeper.states()["db"].draining == 0

    def test_a_value_that_comes_back(
        self, source: SecretSource, keeper: SecretKeeper, vault: Vault
    ) -> None:
        """
        It has its former version, and who was built with it goes on.
        """
        ref = source.ref("db")
        old = keeper.pin(ref)
        for value in ("hunter23", "hunter22"):
            vault.held["db"] = value
            keeper.refresh([ref], force=True)
        assert old.find() == "hunter22"
        assert keeper.states()["db"].rotations == 2

    def test_what_nobody_keeps(self, keeper: SecretKeeper) -> None:
        """
        A literal has a version, and pinning it changes nothing.
        """
        literal = SecretRef("token", lambda: "plain")
        assert keeper.version(literal) == keeper.version_of("token", "plain")
        assert keeper.pin(literal).find() == "plain"
        assert keeper.version(SecretRef("none", lambda: None)) is None

    def test_what_is_missing_is_not_asked_for_at_each_question(
        self, source: SecretSource, keeper: SecretKeeper, vault: Vault, clock: FakeClock
    ) -> None:
        """
        Each five seconds at most; when it comes, it has a version.
        """
        ref = source.ref("later")
        for _ in range(10):
            assert keeper.version(ref) is None
        assert vault.asked == 1
        vault.held["later"] = "here"
        clock.advance(6)
        assert keeper.version(ref) is not None
        vault.is_down = True
        assert keeper.version(source.ref("x")) is None

    def test_the_key_makes_the_version(self) -> None:
        """
        With another key, the same value has another: nobody can try guesses against it.
        """
        one, other = (SecretKeeper(lambda k=key: k) for key in (b"a", b"b"))  # type: ignore[misc]  # a default
        assert one.version_of("db", "x") != other.version_of("db", "x")
        assert one.version_of("db", "x") != one.version_of("cache", "x")


class TestTold:
    def test_no_value_is_told(
        self, source: SecretSource, keeper: SecretKeeper, vault: Vault
    ) -> None:
        """
        States, counts, reprs and rotations hold names and versions only.
        """
        source.find("db")
        vault.held["db"] = "hunter23"
        keeper.refresh([source.ref("db")], force=True)
        told = repr((keeper.states(), keeper.counts(), source, keeper, keeper.taken()))
        told += repr([s.as_dict() for s in keeper.states().values()]) + repr(source.look("db"))
        assert "hunter" not in told
        assert keeper.counts()["rotations"] == {("vault", "rotated"): 1}

    def test_a_text_is_redacted(
        self, source: SecretSource, keeper: SecretKeeper, vault: Vault
    ) -> None:
        """
        Every value, old ones too, the longest first; what is very short is in any text.
        """
        vault.held |= {"db": "hunter22", "long": "hunter22-long", "short": "abc"}
        for name in vault.held:
            source.find(name)
        vault.held["db"] = "hunter23"
        keeper.refresh([source.ref("db")], force=True)
        text = "hunter22 hunter23 hunter22-long abc"
        assert keeper.redact(text) == "secret:db secret:db secret:long abc"
        assert {"hunter22", "hunter23", "hunter22-long", "abc"} == set(keeper.texts())

    def test_who_must_hide_a_value_hears_of_it_first(
        self, source: SecretSource, keeper: SecretKeeper, vault: Vault
    ) -> None:
        """
        Each new one once, and not again while it stays.
        """
        heard: list[str] = []
        keeper.tell = heard.append
        source.find("db")
        first = vault.held["db"]
        vault.held["db"] = "hunter23"
        for _ in range(2):
            keeper.refresh([source.ref("db")], force=True)

        assert heard == [first, "hunter23"]


class TestReferences:
    def test_in_tables_and_lists(self) -> None:
        """
        Wherever they stand, they are found, and pinned.
        """
        ref = SecretRef("a", lambda: "1")
        said = {"x": ref, "y": [{"z": Secret(ref)}], "n": 1}

        assert [one.id for one in references(said)] == ["a", "a"]
        found = pinned(said, lambda one: SecretRef(one.id, lambda: "2"))
        assert found["x"].find() == "2"
        assert found["y"][0]["z"].find() == "2"
        assert found["n"] == 1
