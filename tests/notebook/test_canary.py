"""Nothing that is secret is kept: a notebook is executed and saved, and all is searched for it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import urllib.parse
from pathlib import Path

import pytest

from oneiric_lab.lab import allow, copy_sample
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import keep

nbclient = pytest.importorskip("nbclient", reason="needs nbclient")
nbformat = pytest.importorskip("nbformat", reason="needs nbformat")

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PASSPHRASE = "canary-passphrase-7f3a91"
WRONG = "canary-mistyped-4be2"
FRESH = "canary-new-value-3c9d"
TYPED = (PASSPHRASE, WRONG)

CELLS = (
    "%load_ext oneiric_lab",
    # What a person types does not stand in a cell: the kernel asks the front end for it.
    """
from getpass import getpass
from pathlib import Path
answers = Path("answers").read_text().splitlines()
get_ipython().kernel.getpass = lambda *_, **__: answers.pop(0)
from oneiric_lab import Lab
lab = Lab.open("shop", profiles=["prod"], trusted=True)
""",
    "lab",
    "lab.config",
    "lab.settings",
    "%oneiric -C shop show --all",
    "%oneiric -C shop show --all --json",
    "lab.explain('database.password')",
    "lab.explain('payments.api_key').as_dict()",
    "%oneiric -C shop origin mail.password",
    "repr(lab.config), str(lab.config.payments), vars(lab.config.payments)",
    "lab.config.model_dump(mode='json'), lab.config.model_dump_json()",
    "revealed = lab.config.payments.api_key.reveal(); len(revealed)",
    "lab.plan({'payments.api_key': revealed})",
    "lab.plan({'server.port': 8099}).apply()",
    "lab.plan({'payments.webhook_secret': Path('fresh').read_text()}).apply()",
    "lab.explain('payments.webhook_secret')",
    "lab.save({'server.port': 8098}, layer='project')",
    "lab.history()",
    "lab.undo()",
    "%oneiric -C shop history --json",
    "%oneiric -C shop freeze",
    "%oneiric -C shop doctor",
    "%oneiric -C shop check",
    "lab.ui.explorer()",
    "lab.ui.explanation('payments.api_key')",
    "%oneiric trust key show locked.pem.pub",
    "%oneiric trust key passwd locked.pem",
    "%oneiric trust root init --signer alice=locked.pem.pub --threshold 1",
    "%oneiric trust root sign root.1.json --key locked.pem",
    "%oneiric trust key list",
    """
from oneiric_lab.trust import FileSigner
import getpass
signer = FileSigner.load(Path("locked.pem"), passphrase=getpass.getpass)
signer
""",
    "signer, repr(signer), str(signer), signer.public_key",
    "FileSigner.load(Path('locked.pem'), passphrase=lambda _: answers.pop(0))",
    "%oneiric trust key import open.pem --out other.pem --no-passphrase",
    "raise RuntimeError('the end of the story') from None",
    "%tb",
)
"""What people do with secrets in reach; some of it is refused, and its error is kept."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample workspace, keys, and what will be typed."""
    folder = tmp_path_factory.mktemp("canary")
    shop = copy_sample(folder / "shop")
    for file in (shop / "secrets").iterdir():
        file.write_text(f"canary-{file.name}-value-51d0")
    allow(shop, ["shop", "shop.settings", "shop.wiring"], os.environ)
    signer = ReleaseHouse.signer("alice")
    keep(signer, folder / "locked.pem", passphrase=lambda _: PASSPHRASE, shown="", done="made")
    keep(ReleaseHouse.signer("bob"), folder / "open.pem", passphrase=None, shown="", done="made")
    (folder / "fresh").write_text(FRESH)
    typed = [PASSPHRASE, PASSPHRASE, PASSPHRASE, PASSPHRASE, PASSPHRASE, WRONG]
    (folder / "answers").write_text("\n".join(typed))
    return folder


@pytest.fixture(scope="module")
def saved(place: Path) -> str:
    """The notebook as it was saved, outputs, widget states and all."""
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(
        notebook,
        timeout=60,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(place)}},
    )
    client.execute()
    return str(nbformat.writes(notebook))


def secrets(place: Path) -> dict[str, bytes]:
    """Return what must be nowhere, by what it is: values, passphrases, private keys."""
    out = {f"typed text {n}": text.encode() for n, text in enumerate((*TYPED, FRESH))}
    out |= {f.name: f.read_bytes() for f in (place / "shop" / "secrets").iterdir()}
    for name in ("alice", "bob"):
        seed = hashlib.sha256(name.encode()).digest()
        out[f"the key of {name}"] = seed
        out[f"the key of {name}, in hex"] = seed.hex().encode()
        # Alone, and as PKCS#8 has it behind sixteen other bytes.
        out[f"the key of {name}, in base64"] = base64.b64encode(seed)[:40]
        out[f"the key of {name}, in PEM"] = base64.b64encode(bytes(16) + seed)[24:60]
    return out


def spellings(secret: bytes) -> set[bytes]:
    """Return *secret* as documents of several kinds would have it."""
    text = secret.decode("latin-1")
    return {
        secret,
        base64.b64encode(secret).rstrip(b"="),
        json.dumps(text)[1:-1].encode(),
        html.escape(text).encode(),
        urllib.parse.quote(text, safe="").encode(),
        text[::-1].encode("latin-1"),
    }


def found_in(data: bytes, place: Path) -> list[str]:
    """Return what of the secrets stands in *data*."""
    return [
        name
        for name, secret in secrets(place).items()
        if any(spelling in data for spelling in spellings(secret))
    ]


class TestSaved:
    """The notebook that people would commit."""

    def test_the_story_was_told(self, saved: str) -> None:
        """
        It holds outputs, widget states and errors, or the search would find nothing in nothing.
        """
        notebook = json.loads(saved)
        outputs = [cell["outputs"] for cell in notebook["cells"]]
        kinds = {one["output_type"] for some in outputs for one in some}
        errors = [one["ename"] for some in outputs for one in some if one["output_type"] == "error"]

        assert "widgets" in notebook["metadata"]
        assert {"display_data", "error"} & kinds
        assert errors.count("PassphraseError") == 1
        assert "signed root.1.json" in saved
        assert "payments.api_key" in saved
        assert saved.count("secret:") > 5

    def test_nothing_secret_is_in_it(self, saved: str, place: Path) -> None:
        """
        Not in an output, not in a widget's state, not in an error.
        """
        assert found_in(saved.encode(), place) == []
        assert "PRIVATE KEY" not in saved

    def test_nothing_secret_is_in_what_was_written(self, saved: str, place: Path) -> None:
        """
        Store, journal, undo copies, lock file and documents: all that is no key and no secret.
        """
        assert saved
        own = {"answers", "fresh", "locked.pem", "open.pem", "other.pem"}
        files = [
            file
            for file in place.rglob("*")
            if file.is_file() and file.name not in own and file.parent.name != "secrets"
        ]

        assert {"state.db", "root.1.json", "oneiric.lock.json"} <= {file.name for file in files}
        for file in files:
            assert found_in(file.read_bytes(), place) == [], file


@pytest.mark.parametrize("file", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda file: file.stem)
def test_the_tutorials_hold_no_secret(file: Path) -> None:
    """
    No key and none of the sample's secrets in what is committed; the made-up ones are seeded.
    """
    text = file.read_text(encoding="utf-8")
    sample = [one.read_text().strip() for one in (NOTEBOOKS / "shop" / "secrets").iterdir()]

    assert "PRIVATE KEY" not in text
    assert [value for value in sample if value in text] == []
