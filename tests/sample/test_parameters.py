"""`11-from-notebook-to-release` as CI runs it: by papermill, with parameters of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from oneiric_lab.lab import allow, copy_sample
from oneiric_lab.testing import ReleaseHouse

papermill = pytest.importorskip("papermill", reason="needs oneiric-lab[test]")
nbconvert = pytest.importorskip("nbconvert", reason="needs oneiric-lab[lab]")

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "11-from-notebook-to-release.ipynb"
AT = "2026-01-01T00:00:00Z"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a workspace whose code may run, with the keys of three people beside it."""
    folder = copy_sample(tmp_path / "shop")
    allow(folder, ["shop", "shop.settings", "shop.wiring"], os.environ)
    house = ReleaseHouse()
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "root.1.json").write_bytes(house.root.envelope.encode())
    (keys / "revocations.1.json").write_bytes(house.revocations.envelope.encode())
    for name in ("alice", "carol"):
        house.signer(name).save(keys / f"{name}.pem", passphrase=None)
    return folder


def run(shop: Path, **parameters: object) -> Path:
    """Run the notebook with these parameters, and return it as it ran."""
    record = shop.parent / "record.ipynb"
    given = {"workspace": str(shop), "keys": str(shop.parent / "keys"), **parameters}
    papermill.execute_notebook(NOTEBOOK, record, given, cwd=shop.parent, progress_bar=False)
    return record


class TestParameters:
    """The notebook, run by papermill."""

    def test_another_release_is_verified_in_a_shell(self, shop: Path) -> None:
        """
        Another version by other signers holds, and its record reads without code and scripts.
        """
        record = run(shop, version=40, signers=["alice", "carol"], at=AT)

        words = ["bundle", "verify", "release/shop-40.oneiric-bundle.json", "--json"]
        words += ["--root", f"sha256:{ReleaseHouse().root.sha256}", "--at", AT]
        verified = subprocess.run(
            [sys.executable, "-m", "oneiric_lab", *words],
            cwd=shop,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert verified.returncode == 0, verified.stdout
        assert json.loads(verified.stdout)["signers"] == ["alice", "carol"]
        report = json.loads((shop / "release" / "shop-40.report.json").read_text())
        assert report["release"]["version"] == 40
        exporter = nbconvert.HTMLExporter(template_name="basic", exclude_input=True)
        page, _ = exporter.from_filename(str(record))
        assert "component-removed" in page
        assert "verified: shop stable 40" in page
        assert "tomlkit" not in page
        assert "<script" not in page

    def test_a_risk_that_nobody_accepted_ends_the_run(self, shop: Path) -> None:
        """
        Nothing is signed, and the last line says which risk it is.
        """
        refused = re.escape("talk about ['code-changed']")
        with pytest.raises(papermill.PapermillExecutionError, match=refused):
            run(shop, accept=[])

        assert not list((shop / "release").glob("*-proposal.json"))

    def test_keys_that_everybody_knows_sign_nothing_real(self, shop: Path) -> None:
        """
        Without keys a workspace of one's own is not signed for.
        """
        with pytest.raises(papermill.PapermillExecutionError, match="sign the sample only"):
            run(shop, keys=None)
