"""`trust root`: from a file that people write to a chain that holds, step by step."""

from __future__ import annotations

import json
import multiprocessing
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.cli import main
from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import (
    DocumentRefusedError,
    FileAccessError,
    KeyRefusedError,
    OneiricError,
    PassphraseError,
    UnknownKeyError,
    UntrustedError,
    UsageError,
)
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import FileSigner, RootStanding, keep

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "correct-horse-battery-staple"
AT = ("--at", "2026-01-01T00:00:00Z")
SIGNERS = [word for n in ("alice", "bob", "carol") for word in ("--signer", f"{n}={n}.pem.pub")]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with the keys of five people; dave's is under a passphrase."""
    monkeypatch.chdir(tmp_path)
    for name in ("alice", "bob", "carol", "dave", "alice2"):
        ask = (lambda _: SECRET) if name == "dave" else None
        path = tmp_path / f"{name}.pem"
        keep(ReleaseHouse.signer(name), path, passphrase=ask, shown=path.name, done="made")
    return tmp_path


def ask(*words: str, passphrase: str = SECRET) -> Any:
    """Run one verb, as a new process would."""
    return run(["trust", "root", *words], Interaction(passphrase=lambda _: passphrase))


def first(*, by: tuple[str, ...] = ("alice", "bob")) -> RootStanding:
    """Make and sign the first root."""
    found: RootStanding = ask("init", *SIGNERS, *AT)
    for name in by:
        found = ask("sign", "root.1.json", "--key", f"{name}.pem", *AT)
    return found


class TestInit:
    def test_the_template_comes_first(self, place: Path) -> None:
        """
        Without signers the file is written with comments, and no root yet.
        """
        written = ask("init")

        assert written.file == "root.toml"
        assert "# Who may sign what" in (place / "root.toml").read_text()
        assert written.as_dict()["text"] == (place / "root.toml").read_text()
        assert "name your signers" in written.to_text()
        assert not (place / "root.1.json").exists()

    def test_and_is_edited(self, place: Path) -> None:
        """
        The same words again make the root of it.
        """
        ask("init")
        made = ask("init", *AT)

        assert made.root.signers.keys() == {"alice", "bob", "carol"}
        assert (place / "root.1.json").read_bytes() == made.root.envelope.encode()

    def test_by_options(self, place: Path) -> None:
        """
        With signers file and root are there at once, and say the same.
        """
        made = ask("init", *SIGNERS, "--project", "till", "--threshold", "3", "--days", "9", *AT)
        (place / "root.1.json").unlink()

        assert ask("init", *AT).root == made.root
        assert made.root.project == "till"
        assert made.root.roles["release"].threshold == 3
        assert str(made.root.validity.expires_at) == "2026-01-10 00:00:00+00:00"

    def test_keys_are_looked_for_beside_the_file(self, place: Path) -> None:
        """
        A draft in another folder names its keys from there.
        """
        (place / "trust").mkdir()
        for name in ("alice", "bob", "carol"):
            (place / f"{name}.pem.pub").rename(place / "trust" / f"{name}.pem.pub")
        ask("init", "trust/root.toml")
        ask("init", "trust/root.toml")

        assert (place / "trust" / "root.1.json").exists()

    def test_faults_write_nothing(self, place: Path) -> None:
        """
        A missing key is told at its line before any file is there.
        """
        with pytest.raises(DocumentRefusedError) as caught:
            ask("init", "--signer", "alice=alice.pem.pub", "--signer", "bob=bop.pem.pub")

        assert str(caught.value.faults[0].origin).startswith("root.toml:13:")
        assert not list(place.glob("root*"))

    def test_a_root_is_never_written_over(self, place: Path) -> None:
        """
        A root that people have signed stays.
        """
        first()
        before = (place / "root.1.json").read_bytes()

        with pytest.raises(FileAccessError, match="--out FILE"):
            ask("init", *AT)
        assert (place / "root.1.json").read_bytes() == before

    @pytest.mark.parametrize(
        "words",
        [
            ["--signer", "alice"],
            ["--signer", "alice=alice.pem.pub", "--signer", "alice=bob.pem.pub"],
            ["--at", "yesterday", *SIGNERS],
        ],
        ids=["no key", "twice", "no time"],
    )
    def test_mistakes(self, place: Path, words: list[str]) -> None:
        """
        What was typed wrongly writes nothing.
        """
        with pytest.raises(UsageError):
            ask("init", *words)
        assert not list(place.glob("root*"))

    def test_options_beside_a_file(self) -> None:
        """
        A file that is there says who signs; options would be overlooked.
        """
        ask("init")
        with pytest.raises(UsageError, match="says who may sign"):
            ask("init", "--threshold", "2")


class TestSign:
    def test_one_after_the_other(self) -> None:
        """
        Each adds a signature; it is told how many are missing, and of whom.
        """
        assert ask("init", *SIGNERS, *AT).quorums[0].text == (
            "0 of 2: nobody; 2 more of alice, bob, carol"
        )
        one = ask("sign", "root.1.json", "--key", "alice.pem", *AT)
        two = ask("sign", "root.1.json", "--key", "bob.pem", *AT)

        assert one.quorums[0].text == "1 of 2: alice; 1 more of bob, carol"
        assert two.is_complete

    def test_again_is_once(self) -> None:
        """
        The same signer twice counts once.
        """
        first(by=("alice", "alice"))

        assert not ask("show", "root.1.json").is_complete

    def test_copies(self, place: Path) -> None:
        """
        Two copies that were signed apart are put together.
        """
        first(by=())
        copy = place / "copy.json"
        copy.write_bytes((place / "root.1.json").read_bytes())
        ask("sign", "root.1.json", "--key", "alice.pem")
        ask("sign", "copy.json", "--key", "bob.pem")

        assert ask("sign", "root.1.json", "--from", "copy.json").is_complete

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            ((), UsageError),
            (("--key", "dave.pem"), UnknownKeyError),
            (("--key", "missing.pem"), FileAccessError),
            (("--key", "alice.pem.pub"), KeyRefusedError),
            (("--from", "root.toml"), DocumentRefusedError),
        ],
        ids=["nothing", "stranger", "missing", "public", "no copy"],
    )
    def test_what_adds_nothing(
        self, place: Path, words: tuple[str, ...], error: type[OneiricError]
    ) -> None:
        """
        The root stays as it was.
        """
        first()
        before = (place / "root.1.json").read_bytes()
        (place / "alice.pem.pub").chmod(0o600)

        with pytest.raises(error):
            ask("sign", "root.1.json", *words)
        assert (place / "root.1.json").read_bytes() == before

    def test_a_copy_of_another_root(self, place: Path) -> None:
        """
        Signatures of an edited copy are not taken.
        """
        first()
        ask("init", "--out", "other.json", "--at", "2026-02-01T00:00:00Z")

        with pytest.raises(UntrustedError, match="another document"):
            ask("sign", "root.1.json", "--from", "other.json")
        assert (place / "root.1.json").exists()

    def test_the_root_before_must_be_there(self, place: Path) -> None:
        """
        Who cannot see what changes signs nothing.
        """
        first()
        ask("rotate", "root.1.json")
        (place / "root.1.json").rename(place / "old.json")

        with pytest.raises(UsageError, match="threshold of root 1 too"):
            ask("sign", "root.2.json", "--key", "alice.pem")
        assert ask("sign", "root.2.json", "--key", "alice.pem", "--before", "old.json").changes

    def test_many_at_once(self, place: Path) -> None:
        """
        Three processes sign one file; no signature is lost.
        """
        first(by=())
        context = multiprocessing.get_context("spawn")
        names = ("alice", "bob", "carol")
        workers = [context.Process(target=listen, args=(place, name)) for name in names]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

        assert ask("show", "root.1.json").quorums[0].signed == names


def listen(place: Path, name: str) -> None:
    """Sign in a process of its own."""
    import os

    os.chdir(place)
    ask("sign", "root.1.json", "--key", f"{name}.pem")


class TestPassphrase:
    """A planted secret is nowhere but in the key."""

    def test_it_opens_the_key(self) -> None:
        """
        A key under a passphrase signs, and the door asks for it.
        """
        ask("init", "--signer", "dave=dave.pem.pub", "--signer", "bob=bob.pem.pub", *AT)

        assert "dave" in ask("sign", "root.1.json", "--key", "dave.pem", *AT).quorums[0].signed

    def test_it_is_in_no_message(
        self, place: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        """
        Neither the right one nor a wrong one is printed, logged, written or in a traceback.
        """
        import traceback

        ask("init", "--signer", "dave=dave.pem.pub", "--signer", "bob=bob.pem.pub", *AT)
        shown = ask("sign", "root.1.json", "--key", "dave.pem", *AT)
        with pytest.raises(PassphraseError) as caught:
            ask("sign", "root.1.json", "--key", "dave.pem", passphrase=f"{SECRET}-wrong")

        whole = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        ours = [frame for frame in whole.stack if "oneiric_lab" in frame.filename]
        out = capsys.readouterr()
        texts = [shown.to_text(), shown.to_html(), shown.to_json(), repr(shown), caplog.text]
        texts += [out.out, out.err, str(caught.value), *(str(frame.locals) for frame in ours)]
        assert ours
        assert all(SECRET not in text for text in texts)
        for file in place.iterdir():
            assert SECRET.encode() not in file.read_bytes(), file.name


class TestRotate:
    def test_a_key_is_replaced(self) -> None:
        """
        The old key signs for the old root, the new one for the new.
        """
        first()
        made = ask("rotate", "root.1.json", "--replace", "alice=alice2.pem.pub", *AT)
        assert made.file == "root.2.json"
        assert [q.text for q in made.quorums] == ["0 of 2: nobody; 2 more of alice, bob, carol"] * 2
        for name in ("alice", "bob"):
            state = ask("sign", "root.2.json", "--key", f"{name}.pem", *AT)
            assert not state.is_complete
        state = ask("sign", "root.2.json", "--key", "alice2.pem", *AT)

        assert state.is_complete
        assert ask("verify", "root.1.json", "root.2.json", "--pin", pin(1), *AT).ok

    def test_people_come_and_go(self) -> None:
        """
        Somebody is added with roles and scope, somebody leaves, thresholds follow.
        """
        first()
        root = ask(
            *("rotate", "root.1.json", "--add", "dave=dave.pem.pub", "--grant", "dave=root"),
            *("--scope", "dave=adapter:*,service:*", "--remove", "carol", "--days", "30"),
            *("--threshold", "release=3", "--withdraw", "bob=root", "--threshold", "root=1"),
        ).root

        assert list(root.roles["root"].signers) == ["alice", "dave"]
        assert root.roles["release"].signers["dave"] == ("adapter:*", "service:*")
        assert root.roles["release"].threshold == 3
        assert root.validity.lifetime is not None
        assert root.validity.lifetime.days == 30

    def test_as_long_again(self) -> None:
        """
        Without a change only version and times are new.
        """
        first()
        made = ask("rotate", "root.1.json", "--at", "2026-12-01T00:00:00Z")

        assert [one.text for one in made.changes] == [
            "expires 2027-01-01T00:00:00Z -> 2027-12-01T00:00:00Z"
        ]

    def test_a_new_epoch(self) -> None:
        """
        The way out after a recovery, told as what it is.
        """
        first()
        made = ask("rotate", "root.1.json", "--new-epoch")

        assert made.root.epoch == 2
        assert made.changes[0].loosens

    def test_from_the_file(self, place: Path) -> None:
        """
        What the edited file says is the next root.
        """
        first()
        text = (place / "root.toml").read_text()
        (place / "root.toml").write_text(text.replace("lifetime_days = 90", "lifetime_days = 30"))
        made = ask("rotate", "root.1.json", "--from", "root.toml", "--new-epoch")

        assert made.root.requirements[3].lifetime_days == 30
        assert made.root.epoch == 2

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--replace", "dave=dave.pem.pub"], "no signer is called 'dave'"),
            (["--add", "dave=dave.pem.pub"], "in which roles dave acts"),
            (["--add", "dave"], "wants NAME=VALUE"),
            (["--remove", "dvae"], "no signer is called"),
            (["--grant", "bob=rot"], "no role is called"),
            (["--threshold", "release=many"], "no threshold"),
            (["--threshold", "release=0"], "no threshold"),
            (["--threshold", "release=9"], "9 signers are needed"),
            (["--remove", "carol", "--remove", "bob"], "are needed"),
            (["--replace", "alice=bob.pem.pub"], "one key, one signer"),
            (["--from", "root.toml", "--days", "3"], "--from says all"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_mistakes(self, place: Path, words: list[str], message: str) -> None:
        """
        What cannot be a root is not written.
        """
        first()
        with pytest.raises(OneiricError, match=message):
            ask("rotate", "root.1.json", *words)
        assert not (place / "root.2.json").exists()

    def test_only_behind_a_signed_one(self) -> None:
        """
        A root that its own threshold has not signed leads nowhere.
        """
        first(by=("alice",))

        with pytest.raises(UntrustedError, match="signed by alice"):
            ask("rotate", "root.1.json")


def pin(version: int) -> str:
    """Return the digest of a root, as it is read out."""
    return f"sha256:{ask('show', f'root.{version}.json').root.sha256}"


class TestVerify:
    def test_by_a_policy(self, place: Path) -> None:
        """
        A trust.toml pins the root, too.
        """
        first()
        (place / "trust.toml").write_text(f'root = "{pin(1)}"\n')

        assert ask("verify", "root.1.json", "--policy", "trust.toml", *AT).ok

    def test_exit_codes(self, capsys: pytest.CaptureFixture[str]) -> None:
        """
        0 holds, 1 not pinned, 2 wrong words, 3 only too old; the data tell why.
        """
        first()

        def code(*words: str) -> int:
            return main(["--json", "trust", "root", "verify", "root.1.json", *words])

        assert code("--pin", pin(1), *AT) == 0
        assert code(*AT) == 1
        assert code("--pin", "abc") == 2
        capsys.readouterr()
        assert code("--pin", pin(1), "--at", "2030-01-01T00:00:00Z") == 3
        data = json.loads(capsys.readouterr().out)
        assert data["ok"] is False
        assert data["root"] is None
        assert [c["state"] for c in data["checks"]] == ["passed", "passed", "failed"]

    def test_two_pins(self, place: Path) -> None:
        """
        Two that differ are a mistake, whichever is right.
        """
        first()
        (place / "trust.toml").write_text(f'root = "sha256:{"0" * 64}"\n')

        with pytest.raises(UsageError, match="different roots"):
            ask("verify", "root.1.json", "--policy", "trust.toml", "--pin", pin(1))

    def test_every_byte(self, place: Path) -> None:
        """
        No changed byte of a signed root verifies.
        """
        first()
        good, digest = (place / "root.1.json").read_bytes(), pin(1)
        for at in range(0, len(good), 41):
            bad = bytearray(good)
            bad[at] ^= 1
            (place / "bad.json").write_bytes(bad)
            try:
                report = ask("verify", "bad.json", "--pin", digest, *AT)
            except OneiricError:
                continue
            assert not report.ok, at


class TestToml:
    def test_the_next_root_is_made_of_the_last(self, place: Path) -> None:
        """
        What it prints, sent into a file on a machine without keys, makes the root that says so.
        """
        first()
        shown = ask("show", "root.1.json", "--toml")
        (place / "elsewhere").mkdir()
        (place / "elsewhere" / "root.toml").write_text(shown.to_text() + "\n")

        made = ask("rotate", "root.1.json", "--from", "elsewhere/root.toml", "--new-epoch", *AT)

        assert shown.as_dict() == {"file": "root.1.json", "text": shown.text}
        assert "base64:" in str(shown.view())
        assert (made.root.version, made.root.epoch) == (2, 2)
        assert made.root.signers == made.before.signers
        assert made.root.roles == made.before.roles
        assert made.root.requirements == made.before.requirements
        assert made.root.validity.lifetime == made.before.validity.lifetime

    def test_it_is_of_no_time(self) -> None:
        """
        What a root says does not depend on when it is asked, nor on the root before it.
        """
        first()

        with pytest.raises(UsageError, match="at any time") as caught:
            ask("show", "root.1.json", "--toml", *AT)
        assert caught.value.faults[0].fix == "leave out --at"


class TestShow:
    def test_at_a_glance(self) -> None:
        """
        Roles, thresholds, scopes, keys, demands and the end, in one screen of 100 columns.
        """
        first()
        text = ask("show", "root.1.json", "--at", "2026-12-20T00:00:00Z").to_text()

        for said in ("2 of 3", "alice", "2027-01-01", "90", "expires in"):
            assert said in text
        assert max(map(len, text.splitlines())) <= 100

    def test_what_is_no_root(self, place: Path) -> None:
        """
        Another document is refused, a large one unread.
        """
        (place / "big.json").write_bytes(b"{" + b" " * 10_000_000)
        (place / "none.json").write_text("{}")

        for name in ("big.json", "none.json", "alice.pem"):
            with pytest.raises(OneiricError):
                ask("show", name)

    def test_a_weak_key_in_it(self, place: Path) -> None:
        """
        A root with a key of low order is refused, whoever has signed it.
        """
        from oneiric_lab import canonical
        from oneiric_lab.trust import Envelope

        first()
        tree = json.loads(ask("show", "root.1.json").root.envelope.payload)
        weak = bytes.fromhex("302a300506032b6570032100") + bytes([1]) + bytes(31)
        import hashlib

        tree["signers"]["bob"][0] = {
            "keyid": hashlib.sha256(weak).hexdigest(),
            "public": canonical.base64_text(weak),
        }
        payload = canonical.encode(tree)
        envelope = Envelope(payload, "application/vnd.oneiric.root+json")
        (place / "weak.json").write_bytes(
            envelope.signed_by(FileSigner.load(place / "alice.pem")).encode()
        )

        with pytest.raises(KeyRefusedError, match="signer bob in the root"):
            ask("show", "weak.json")


class TestGroups:
    @pytest.mark.parametrize("group", ["root", "policy", "crl"])
    def test_a_group_needs_a_verb(self, group: str) -> None:
        """
        Without one its verbs are told.
        """
        with pytest.raises(UsageError, match=f"trust {group} needs a verb"):
            run(["trust", group], Interaction())
