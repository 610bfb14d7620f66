"""Private keys: files that nobody else reads, and passphrases that stay where they are."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import threading
import traceback
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import FileAccessError, KeyRefusedError, OneiricError, PassphraseError
from oneiric_lab.trust import FileSigner, PublicKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "correct horse battery staple ü"


def say(text: str) -> Callable[[str], str]:
    """Return what answers every prompt with *text*."""
    return lambda prompt: text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a key will be."""
    return tmp_path / "alice.pem"


class TestSave:
    """A key in a file."""

    @pytest.mark.parametrize("algorithm", ["ed25519", "p256"])
    @pytest.mark.parametrize("secret", [None, SECRET])
    def test_comes_back(self, path: Path, algorithm: Any, secret: str | None) -> None:
        """
        What was saved is loaded, signs, and is checked by the same public key.
        """
        signer = FileSigner.generate(algorithm)
        ask = None if secret is None else say(secret)
        signer.save(path, passphrase=ask)

        again = FileSigner.load(path, passphrase=ask)

        assert again.public_key == signer.public_key
        signer.public_key.verify(again.sign(b"release"), b"release")

    def test_openssl_reads_it(self, path: Path) -> None:
        """
        The encrypted file is PKCS#8 as others write it.
        """
        signer = FileSigner.generate()
        signer.save(path, passphrase=say(SECRET))

        out = subprocess.run(
            ["openssl", "pkey", "-in", path, "-passin", "stdin", "-pubout"],
            input=SECRET.encode(),
            capture_output=True,
            check=True,
        ).stdout

        assert PublicKey.parse(out) == signer.public_key

    def test_reads_what_openssl_writes(self, path: Path) -> None:
        """
        A key that was generated elsewhere and encrypted by PBKDF2 is opened.
        """
        subprocess.run(
            [
                *("openssl", "genpkey", "-algorithm", "ed25519", "-aes-256-cbc"),
                *("-pass", f"pass:{SECRET}", "-out", path),
            ],
            check=True,
            capture_output=True,
        )
        path.chmod(0o600)

        assert FileSigner.load(path, passphrase=say(SECRET)).public_key.algorithm == "ed25519"

    def test_never_over_another_file(self, path: Path) -> None:
        """
        A second key does not replace the first.
        """
        FileSigner.generate().save(path, passphrase=None)
        before = path.read_bytes()

        with pytest.raises(FileAccessError, match="appeared"):
            FileSigner.generate().save(path, passphrase=None)

        assert path.read_bytes() == before

    @pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
    def test_nobody_else_reads_it(self, path: Path) -> None:
        """
        The file has mode 0600 whatever the umask says, and another mode is refused at load.
        """
        before = os.umask(0)
        try:
            FileSigner.generate().save(path, passphrase=None)
        finally:
            os.umask(before)
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o640)

        with pytest.raises(KeyRefusedError, match=r"others may read .* \(mode 0640\)") as caught:
            FileSigner.load(path)

        assert caught.value.faults[0].fix == f"chmod 600 {path}"

    def test_an_empty_passphrase_is_refused(self, path: Path) -> None:
        """
        Pressing Enter does not write an open key; that has to be said.
        """
        with pytest.raises(PassphraseError, match="empty"):
            FileSigner.generate().save(path, passphrase=say(""))

        assert not path.exists()


class TestLoad:
    """Opening a key."""

    def test_the_wrong_passphrase(self, path: Path) -> None:
        """
        It is said that it does not fit, and not what it was.
        """
        FileSigner.generate().save(path, passphrase=say(SECRET))

        with pytest.raises(PassphraseError, match="does not open") as caught:
            FileSigner.load(path, passphrase=say("hunter2"))

        assert "hunter2" not in str(caught.value)

    def test_nobody_to_ask(self, path: Path) -> None:
        """
        Without a callable an encrypted key is not opened, and nobody waits for input.
        """
        FileSigner.generate().save(path, passphrase=say(SECRET))

        with pytest.raises(PassphraseError) as caught:
            FileSigner.load(path)

        assert caught.value.code == "passphrase-needed"

    def test_is_asked_once_and_told_for_what(self, path: Path) -> None:
        """
        The prompt names the file; an open key asks nothing.
        """
        asked: list[str] = []

        def ask(prompt: str) -> str:
            asked.append(prompt)
            return SECRET

        FileSigner.generate().save(path, passphrase=ask)
        FileSigner.load(path, passphrase=ask, shown="keys/alice.pem")

        assert asked == [f"New passphrase for {path}: ", "Passphrase of keys/alice.pem: "]

    def test_upstreams_raw_base64(self) -> None:
        """
        The 32 bytes in base64 that upstream signs with are a key.
        """
        seed = bytes(range(32))

        assert (
            FileSigner.parse(b64encode(seed) + b"\n").public_key
            == FileSigner.from_seed(seed).public_key
        )

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"junk",
            b64encode(bytes(31)),
            b"-----BEGIN PRIVATE KEY-----\n",
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        ],
    )
    def test_what_is_no_key(self, data: bytes) -> None:
        """
        Other bytes are refused with a reason.
        """
        with pytest.raises((KeyRefusedError, PassphraseError)):
            FileSigner.parse(data, passphrase=say("x"))

    def test_a_key_of_another_kind(self) -> None:
        """
        RSA and other curves sign nothing here.
        """
        pem = subprocess.run(
            ["openssl", "ecparam", "-name", "secp384r1", "-genkey", "-noout"],
            capture_output=True,
            check=True,
        ).stdout

        with pytest.raises(KeyRefusedError, match="Ed25519 or P-256"):
            FileSigner.parse(pem)

    def test_a_seed_of_another_length(self) -> None:
        """
        A seed is 32 bytes.
        """
        with pytest.raises(KeyRefusedError, match="found 31"):
            FileSigner.from_seed(bytes(31))


class TestChangePassphrase:
    """Another passphrase for the same key."""

    def test_the_key_stays(self, path: Path) -> None:
        """
        The new passphrase opens the same key, the old one no longer does.
        """
        signer = FileSigner.generate()
        signer.save(path, passphrase=say("old"))
        FileSigner.change_passphrase(path, old=say("old"), new=say("new"))

        assert FileSigner.load(path, passphrase=say("new")).public_key == signer.public_key
        with pytest.raises(PassphraseError):
            FileSigner.load(path, passphrase=say("old"))
        assert path.stat().st_mode & 0o777 == 0o600

    def test_a_failure_leaves_the_file(self, path: Path) -> None:
        """
        A wrong old or an empty new passphrase changes no byte.
        """
        FileSigner.generate().save(path, passphrase=say("old"))
        before = path.read_bytes()

        for old, new in (("bad", "new"), ("old", "")):
            with pytest.raises(PassphraseError):
                FileSigner.change_passphrase(path, old=say(old), new=say(new))

        assert path.read_bytes() == before

    def test_two_changes_at_once(self, path: Path) -> None:
        """
        Of two changes one wins, and the key is never lost.
        """
        signer = FileSigner.generate()
        signer.save(path, passphrase=say("old"))
        done: list[str] = []
        gate = threading.Barrier(2)

        def change(word: str) -> None:
            def ask(prompt: str) -> str:
                gate.wait(20)
                return word

            try:
                FileSigner.change_passphrase(path, old=say("old"), new=ask)
                done.append(word)
            except OneiricError:
                pass

        threads = [threading.Thread(target=change, args=(word,)) for word in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        opened = []
        for word in ("one", "two"):
            try:
                opened.append(FileSigner.load(path, passphrase=say(word)).public_key)
            except PassphraseError:
                continue
        assert opened == [signer.public_key]
        assert done


class TestSecrets:
    """A private key and its passphrase stay where they are."""

    def test_repr_has_the_key_id_only(self) -> None:
        """
        A signer in a log, a cell or a debugger shows what everybody may see.
        """
        signer = FileSigner.from_seed(bytes(32))

        assert repr(signer) == f"<FileSigner: ed25519 {signer.public_key.keyid[:16]}>"
        assert str(signer) == repr(signer)

    @pytest.mark.parametrize("copying", [pickle.dumps, copy.copy, copy.deepcopy])
    def test_does_not_travel(self, copying: Any) -> None:
        """
        Pickling and copying are refused: a worker process gets no key by accident.
        """
        with pytest.raises(TypeError, match="private key"):
            copying(FileSigner.generate())

    @pytest.mark.parametrize("words", [("planted-wrong", None), ("planted-right", "")])
    def test_no_frame_of_a_traceback_holds_the_passphrase(
        self, path: Path, words: tuple[str, str | None]
    ) -> None:
        """
        A traceback with the variables of every frame, as a notebook can show, has no secret.
        """
        FileSigner.generate().save(path, passphrase=say("planted-right"))
        given, new = words
        planted = iter([given, new])

        def ask(prompt: str) -> str:
            return next(planted) or ""

        with pytest.raises(PassphraseError) as caught:
            FileSigner.change_passphrase(path, old=ask, new=ask)
        frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
        ours = [frame for frame in frames if "oneiric_lab" in frame.f_code.co_filename]

        assert len(ours) >= 2
        for frame in ours:
            assert "planted-" not in repr(frame.f_locals)
        assert "planted-" not in str(caught.value)
