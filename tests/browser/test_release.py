"""A release in JupyterLab: manifests are compared, risks read, keys sign, and a bundle stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import Bundle, State, verify

if TYPE_CHECKING:
    from pathlib import Path

LAB = "%load_ext oneiric_lab\nfrom oneiric_lab import Lab\nlab = Lab.open('release')"
DIFF = "lab.ui.diff('old.oneiric.json', 'shop.oneiric.json')"
AGAIN = (
    "lab.ui.release('shop.oneiric.json', roots=['root.1.json'],"
    " previous='old.oneiric.json', revocations='revocations.1.json')"
)
SAVED = 24 * 1024
"""Most characters that an output leaves in the file of the notebook."""


def entry(key: str, version: str, **more: Any) -> dict[str, Any]:
    """Return an entry of a manifest."""
    named = {"domain": "adapter", "key": key, "provider": "redis", "version": version}
    return {**named, "factory": "shop:Cache", **more}


@pytest.fixture
def house() -> ReleaseHouse:
    """Return who makes releases, since yesterday."""
    return ReleaseHouse(now=datetime.now(UTC).replace(microsecond=0) - timedelta(days=1))


@pytest.fixture
def folder(server: Any, house: ReleaseHouse) -> Path:
    """Return a workspace that has a manifest with risks, the one before it, and two keys."""
    made: Path = server.folder / "release"
    made.mkdir(exist_ok=True)
    for old in made.iterdir():
        if old.is_file():
            old.unlink()
    (made / "oneiric.toml").write_text("[plugins]\nauto_load = false\n")
    (made / "root.1.json").write_bytes(house.root.envelope.encode())
    (made / "revocations.1.json").write_bytes(house.revocations.envelope.encode())
    for name in ("alice", "bob"):
        house.signer(name).save(made / f"{name}.pem", passphrase=None)
    before = [entry("cache", "2.0.0"), *(entry(f"k{n}", "1.0.0") for n in range(300))]
    newer = (entry(f"k{n}", "1.1.0") for n in range(300))
    after = [entry("cache", "1.0.0", priority=5), *newer, entry("queue", "1.0.0")]
    (made / "old.oneiric.json").write_bytes(house.manifest(before, version=1))
    (made / "shop.oneiric.json").write_bytes(house.manifest(after, version=2))
    return made


def saved(notebook: Any, cell: int) -> dict[str, Any]:
    """Return what is saved of a widget's output: a small snapshot beside the model's name."""
    data: dict[str, Any] = notebook.save()["cells"][cell]["outputs"][0]["data"]
    assert "application/vnd.oneiric.view+json" in data
    assert len(str(data)) <= SAVED
    return data


@pytest.mark.usefixtures("folder")
class TestDiff:
    def test_is_read_filtered_and_kept(self, open_notebook: Any, server: Any) -> None:
        """
        The gravest stands on top, keys lead from one to the next; what is saved is a snapshot,
        which a page without the kernel shows.
        """
        notebook = open_notebook(LAB, DIFF, name="diff.ipynb")
        page = notebook.page
        notebook.run(0, 1)
        shown = page.get_by_role("group", name="diff")
        rows = shown.get_by_role("row")
        rows.filter(has_text="downgrade").filter(has_text="adapter:cache").first.wait_for()
        assert "2.0.0 goes back to 1.0.0" in rows.nth(2).inner_text()
        shown.get_by_role("treegrid").focus()
        page.keyboard.press("n")
        shown.get_by_role("region", name="in full").get_by_text("goes back").first.wait_for()
        shown.get_by_role("searchbox").fill("queue")
        shown.get_by_role("status").get_by_text("of ").wait_for()
        rows.filter(has_text="+ adapter:queue").first.wait_for()
        assert rows.filter(has_text="adapter:k250").count() == 0
        shown.get_by_role("combobox", name="style").select_option("unified")
        shown.get_by_role("button", name="Copy as code").click()
        assert '.styled("unified")' in shown.locator(".ol-code code").inner_text()

        assert "downgrade" in saved(notebook, 1)["text/plain"]
        server.end_kernels()
        text = open_notebook(name="diff.ipynb").output(1).inner_text()
        assert "downgrade" in text
        assert "Error" not in text


class TestRelease:
    def test_from_a_manifest_to_a_bundle(
        self, open_notebook: Any, folder: Path, house: ReleaseHouse
    ) -> None:
        """
        Every step by hand. In its midst the page is loaded again, and the kernel started anew:
        the files say how far it is, and it goes on.
        """
        notebook = open_notebook(LAB, "lab.ui.release()", AGAIN, name="release.ipynb")
        page = notebook.page
        notebook.run(0, 1)
        shown = page.get_by_role("group", name="release")
        step = shown.get_by_role("form", name="choose the manifest")
        for label, file in (
            ("manifest", "shop.oneiric.json"),
            ("roots", "root.1.json"),
            ("release before", "old.oneiric.json"),
            ("revocation list", "revocations.1.json"),
        ):
            step.get_by_label(label, exact=True).fill(file)
        step.get_by_role("button", name="Choose").click()

        propose = shown.get_by_role("button", name="Propose", include_hidden=True)
        boxes = shown.get_by_role("list", name="to be acknowledged").get_by_role("checkbox")
        boxes.first.wait_for()
        assert propose.is_disabled()
        for at in range(boxes.count()):
            boxes.nth(at).check()
        shown.get_by_label("days").fill("30")
        propose.click()
        sign = shown.get_by_role("form", name="sign")
        sign.get_by_label("your key").fill("alice.pem")
        sign.get_by_role("button", name="Sign").click()
        shown.get_by_text("signed by alice").first.wait_for()
        assert (folder / "shop.alice.oneiric-response.json").exists()
        saved(notebook, 1)

        notebook = open_notebook(name="release.ipynb")
        shown.get_by_text("signed by alice").first.wait_for()
        notebook.restart()
        page.get_by_text("run the cell again for the live view").first.wait_for()
        notebook.run(0, 2)
        sign.get_by_label("your key").fill("nobody.pem")
        sign.get_by_role("button", name="Sign").click()
        shown.get_by_text("nobody.pem").first.wait_for()
        sign.get_by_label("your key").fill("bob.pem")
        sign.get_by_role("button", name="Sign").click()
        shown.get_by_text("signed by alice, bob").first.wait_for()
        for name, words in (
            ("Put together", "put the responses together · done"),
            ("Verify", "knows the root only"),
            ("Bundle", "done: shop.oneiric-bundle.json"),
        ):
            shown.get_by_role("button", name=name).click()
            shown.get_by_text(words).first.wait_for()

        bundle = Bundle.parse((folder / "shop.oneiric-bundle.json").read_bytes())
        manifest = (folder / "shop.oneiric.json").read_bytes()
        assert verify(bundle, manifest, policy=house.policy, state=State(), now=datetime.now(UTC))
        notebook.run(2)
        assert "bundled" in saved(notebook, 2)["text/plain"]
        assert "PRIVATE" not in (folder.parent / "release.ipynb").read_text()
