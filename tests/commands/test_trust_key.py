"""`trust key ...`: keys in files, and passphrases that nobody sees."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pexpect  # type: ignore[import-untyped]  # it has no types
import pytest

from oneiric_lab.cli import main
from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import FileAccessError, KeyRefusedError, PassphraseError, UsageError
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import FileSigner, PublicKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ask = Callable[..., Any]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Return what asks one verb of `trust key`, with the answers that are typed."""
    monkeypatch.chdir(tmp_path)

    def asked(*words: str, typed: tuple[str, ...] = ()) -> Any:
        answers = iter(typed)
        prompts: list[str] = []

        def passphrase(prompt: str) -> str:
            prompts.append(prompt)
            return next(answers)

        found = run(["trust", "key", *words], Interaction(passphrase=passphrase))
        assert next(answers, None) is None, prompts
        return found

    return asked


class TestNew:
    """A key of one's own."""

    @pytest.mark.parametrize("algorithm", ["ed25519", "p256"])
    def test_two_files(self, ask: Ask, tmp_path: Path, algorithm: str) -> None:
        """
        The private half under the passphrase, the public half for everybody.
        """
        made = ask("new", "alice.pem", "--algorithm", algorithm, typed=("secret", "secret"))
        public = PublicKey.parse((tmp_path / "alice.pem.pub").read_text())
        signer = FileSigner.load(tmp_path / "alice.pem", passphrase=lambda _: "secret")

        assert made.as_dict()["keyid"] == public.keyid == signer.public_key.keyid
        assert public.algorithm == algorithm
        assert public.words in str(made)
        assert "secret" not in made.to_json()

    def test_a_slip_of_the_finger(self, ask: Ask, tmp_path: Path) -> None:
        """
        A passphrase that was typed in two ways locks nothing.
        """
        with pytest.raises(PassphraseError, match="differ") as caught:
            ask("new", "alice.pem", typed=("secret", "sceret"))

        assert "secret" not in str(caught.value)
        assert list(tmp_path.iterdir()) == []

    def test_an_empty_passphrase(self, ask: Ask, tmp_path: Path) -> None:
        """
        An open key has to be asked for by its option.
        """
        with pytest.raises(PassphraseError, match="empty"):
            ask("new", "alice.pem", typed=("",))
        ask("new", "alice.pem", "--no-passphrase")

        FileSigner.load(tmp_path / "alice.pem")

    @pytest.mark.parametrize("there", ["alice.pem", "alice.pem.pub"])
    def test_never_over_another_key(self, ask: Ask, tmp_path: Path, there: str) -> None:
        """
        Neither half is written where a file is.
        """
        (tmp_path / there).write_text("mine")

        with pytest.raises(FileAccessError, match="appeared"):
            ask("new", "alice.pem", "--no-passphrase")

        assert [path.name for path in tmp_path.iterdir()] == [there]
        assert (tmp_path / there).read_text() == "mine"


class TestImport:
    """A key that was made elsewhere."""

    def test_upstreams(self, ask: Ask, tmp_path: Path) -> None:
        """
        The 32 bytes in base64 that upstream signs with become a locked file.
        """
        import base64
        import hashlib

        seed = hashlib.sha256(b"alice").digest()
        (tmp_path / "old.key").write_text(base64.b64encode(seed).decode() + "\n")
        found = ask("import", "old.key", "--out", "alice.pem", typed=("new", "new"))

        assert found.key == ReleaseHouse.signer("alice").public_key
        assert (tmp_path / "alice.pem").read_bytes().startswith(b"-----BEGIN ENCRYPTED")

    def test_from_one_passphrase_to_another(self, ask: Ask, tmp_path: Path) -> None:
        """
        The old passphrase is asked for once, the new one twice.
        """
        ask("new", "a.pem", typed=("old", "old"))
        ask("import", "a.pem", "--out", "b.pem", typed=("old", "new", "new"))

        FileSigner.load(tmp_path / "b.pem", passphrase=lambda _: "new")


class TestShow:
    """Which key it is."""

    def test_public_and_private(self, ask: Ask) -> None:
        """
        Both halves show one key; only the private one asks.
        """
        ask("new", "a.pem", typed=("x", "x"))

        assert ask("show", "a.pem.pub").key == ask("show", "a.pem", typed=("x",)).key

    def test_what_is_no_key(self, ask: Ask, tmp_path: Path) -> None:
        """
        Another file is told by its name.
        """
        (tmp_path / "note.txt").write_text("hello")

        with pytest.raises(KeyRefusedError, match=r"note\.txt"):
            ask("show", "note.txt")


class TestList:
    """A folder of keys."""

    def test_asks_for_nothing(self, ask: Ask, tmp_path: Path) -> None:
        """
        Locked keys are known by their public halves; other files are passed over.
        """
        ask("new", "a.pem", typed=("x", "x"))
        ask("new", "b.pem", "--no-passphrase")
        (tmp_path / "note.txt").write_text("hello")
        (tmp_path / "folder").mkdir()
        found = ask("list")

        assert [(one.file, one.kind) for one in found.files] == [
            ("a.pem", "private, encrypted"),
            ("a.pem.pub", "public"),
            ("b.pem", "private"),
            ("b.pem.pub", "public"),
        ]
        assert found.files[0].key == found.files[1].key
        assert found.exit_code == 0

    @pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
    def test_says_what_is_wrong(self, ask: Ask, tmp_path: Path) -> None:
        """
        A private key that others may read is a reason for exit code 1.
        """
        ask("new", "a.pem", typed=("x", "x"))
        (tmp_path / "a.pem").chmod(0o644)
        found = ask("list")

        assert found.exit_code == 1
        assert "others may read" in str(found)

    def test_an_empty_folder(self, ask: Ask) -> None:
        """
        Nothing to list is no error, and says what to do.
        """
        assert "trust key new" in str(ask("list"))

    def test_no_folder(self, ask: Ask) -> None:
        """
        A folder that is not there cannot be listed.
        """
        with pytest.raises(FileAccessError, match="cannot list nowhere"):
            ask("list", "nowhere")


class TestPasswd:
    """Another passphrase."""

    def test_the_same_key(self, ask: Ask, tmp_path: Path) -> None:
        """
        The key stays; the new passphrase opens it.
        """
        made = ask("new", "a.pem", typed=("old", "old"))
        again = ask("passwd", "a.pem", typed=("old", "new", "new"))

        assert made.key == again.key
        FileSigner.load(tmp_path / "a.pem", passphrase=lambda _: "new")

    def test_a_slip_leaves_it(self, ask: Ask, tmp_path: Path) -> None:
        """
        Two different new ones change nothing.
        """
        ask("new", "a.pem", typed=("old", "old"))
        before = (tmp_path / "a.pem").read_bytes()
        with pytest.raises(PassphraseError, match="differ"):
            ask("passwd", "a.pem", typed=("old", "new", "neu"))

        assert (tmp_path / "a.pem").read_bytes() == before


class TestDoor:
    """In a real terminal, and where there is none."""

    def test_nothing_that_is_typed_is_seen(self, tmp_path: Path) -> None:
        """
        A terminal shows the prompts and the key, not the passphrase.
        """
        child = pexpect.spawn(
            sys.executable,
            ["-m", "oneiric_lab", "trust", "key", "new", "alice.pem"],
            cwd=str(tmp_path),
            encoding="utf-8",
            timeout=60,
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path), COLUMNS="100"),
        )
        child.expect("New passphrase for alice.pem: ")
        child.sendline("plantedsecret")
        child.expect("Once more: ")
        child.sendline("plantedsecret")
        child.expect(pexpect.EOF)
        shown = child.before or ""
        child.close()

        assert child.exitstatus == 0
        assert "made: alice.pem ed25519" in shown
        assert "plantedsecret" not in shown
        FileSigner.load(tmp_path / "alice.pem", passphrase=lambda _: "plantedsecret")

    def test_nobody_to_ask(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """
        A job without a terminal is told so, and waits for nothing.
        """
        import getpass

        def nobody(prompt: str) -> str:
            raise EOFError

        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(getpass, "getpass", nobody)
        code = main(["trust", "key", "new", "alice.pem", "--json"])
        answer = json.loads(capsys.readouterr().out)

        assert (code, answer["error"]["code"]) == (2, "passphrase-needed")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("words", [[], ["key"]])
    def test_alone_it_names_its_verbs(self, words: list[str]) -> None:
        """
        A group without a verb says which there are.
        """
        with pytest.raises(UsageError, match="needs a verb"):
            run(["trust", *words], Interaction())
